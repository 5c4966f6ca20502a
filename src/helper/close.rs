//! Who is in the sum: decided once. From here on there are sums of shares, and no single ones.

use std::sync::Arc;

use evensum_core::identity::Peer;
use evensum_core::ledger::PoolStep;
use evensum_core::model::{Digest, Ods, RefusalCode, canonical};
use evensum_core::pool::{Closing, Role, RoundDocument, Taken};
use evensum_core::port::PoolFault;
use evensum_core::sign::Envelope;
use serde::Deserialize;
use tracing::info;

use super::round::{self, Loaded, add_up, is_added_up};
use super::{Inner, Unable, blocking, refused};

/// What a closing claims to be of.
#[derive(Deserialize)]
struct Claim {
    round: Digest,
}

impl Inner {
    pub(super) async fn close(
        self: &Arc<Self>,
        caller: &Peer,
        envelope: &Envelope,
    ) -> Result<Envelope, Unable> {
        self.any_coordinator(caller)?;
        let claim: Claim =
            canonical::decode_part(&envelope.payload).map_err(|_| PoolFault::Unreadable)?;
        let _turn = self.turn(claim.round).await;
        let rounds = self.store.rounds();
        let (state, version, round) =
            rounds.round(claim.round).ok_or(refused(RefusalCode::RoundDiffers))?;
        let of = self.summed(&round.agreement)?;
        self.coordinator(caller, &of.agreement)?;
        let signed =
            Closing::verified(envelope, &of.coordinator_key()?).map_err(|_| self.not_signed())?;
        let closing = signed.document();
        if closing.population != state.population || closing.version != version {
            return Err(refused(RefusalCode::RoundDiffers));
        }
        let step = PoolStep::Closed {
            of: round.reference(&state.population, version),
            closing: signed.hash(),
            members: closing.members.clone(),
            missing: closing.missing.clone(),
        };
        // Before anything is looked at: what is closed is closed, and its singles are gone.
        let taken = rounds.may(&step).map_err(|reason| refused(reason.code()))?;
        if taken == Taken::New {
            self.may_close(&*self.shelf.load(claim.round)?, closing)?;
            self.store.step(step).await?;
            let (dataset, period) = (&state.population.dataset, state.population.period);
            info!(%dataset, %period, round = claim.round.short(), "a blind sum is closed");
            self.wake.notify_waiters();
        }
        self.add_up(claim.round).await?;
        Ok(closing.sign(self.own.ods(), &self.answer_key)?)
    }

    /// That the rule allows these members, and every vector of each of them was checked here.
    fn may_close(&self, loaded: &Loaded, closing: &Closing) -> Result<(), Unable> {
        let bound = loaded.round.members();
        let period = loaded.round.document().population.period;
        let lists = loaded.of.roster.may_close(&bound, &closing.members, period);
        let lists = lists.map_err(|reason| {
            tracing::warn!(%reason, round = loaded.round.hash().short(), "a closing is refused");
            refused(RefusalCode::TooFewMembers)
        })?;
        if lists.arrived() != closing.members || lists.missing() != closing.missing {
            return Err(refused(RefusalCode::RoundDiffers));
        }
        for ods in &closing.members {
            if !self.is_whole(loaded, ods)? {
                return Err(refused(RefusalCode::RoundDiffers));
            }
        }
        Ok(())
    }

    fn is_whole(&self, loaded: &Loaded, ods: &Ods) -> Result<bool, Unable> {
        let round = loaded.round.hash();
        if self.is_rejected(round, ods) {
            return Ok(false);
        }
        let shares = self.shares(round, ods)?;
        Ok(shares.and_then(|shares| shares.all(loaded.vectors.len())).is_some())
    }

    /// Adds the shares of exactly the members of the closing, once, and erases single ones. Where a crash came between,
    /// it is done again.
    pub(super) async fn add_up(self: &Arc<Self>, hash: Digest) -> Result<(), Unable> {
        let rounds = self.store.rounds();
        let closed = rounds.round(hash).and_then(|(.., round)| round.closed.clone());
        let Some(closed) = closed else { return Ok(()) };
        let tables = self.shelf.document(hash)?.tables.len();
        let vault = self.shelf.vault();
        if !is_added_up(vault, hash, tables) {
            let (inner, loaded) = (Arc::clone(self), self.shelf.load(hash)?);
            blocking(move || {
                let vectors = loaded.vectors.len();
                let shares = |ods: &Ods| -> Result<_, Unable> {
                    Ok(inner.shares(hash, ods)?.and_then(|shares| shares.all(vectors)))
                };
                add_up(inner.shelf.vault(), Role::Helper, &loaded, &closed.members, shares)
            })
            .await?;
        }
        vault.forget(hash, round::SINGLE)?;
        Ok(vault.forget(hash, round::VERIFY_KEY)?)
    }
}
