//! Who is in the sum: decided once. From here on there are sums of shares, and no single ones.

use std::sync::Arc;

use evensum_core::identity::Peer;
use evensum_core::ledger::{PoolStep, RoundRef};
use evensum_core::model::{Digest, Ods, RefusalCode, canonical};
use evensum_core::pool::{Closing, OutputShare, Role, RoundDocument, SumOfShares, Taken};
use evensum_core::port::PoolFault;
use evensum_core::sign::Envelope;
use serde::Deserialize;
use tracing::info;
use zeroize::Zeroizing;

use super::loaded::Loaded;
use super::shelf::{packed, unpacked};
use super::{Inner, Unable, blocking, refused, shelf};

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
            of: RoundRef {
                population: state.population.clone(),
                version,
                agreement: round.agreement.clone(),
                round: claim.round,
            },
            closing: signed.hash(),
            members: closing.members.clone(),
            missing: closing.missing.clone(),
        };
        // Before anything is looked at: what is closed is closed, and its singles are gone.
        let taken = rounds.may(&step).map_err(|reason| refused(reason.code()))?;
        if taken == Taken::New {
            self.may_close(&*self.load(claim.round)?, closing)?;
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
        Ok(shares.is_some_and(|shares| shares.all(loaded.vectors.len()).is_some()))
    }

    /// Adds the shares of exactly the members of the closing, once, and erases single ones. Where a crash came between,
    /// it is done again.
    pub(super) async fn add_up(self: &Arc<Self>, hash: Digest) -> Result<(), Unable> {
        let rounds = self.store.rounds();
        let closed = rounds.round(hash).and_then(|(.., round)| round.closed.clone());
        let Some(closed) = closed else { return Ok(()) };
        let tables = self.document(hash)?.tables.len();
        if !(0..tables).all(|table| self.vault.has(hash, &shelf::sums(table))) {
            let (inner, loaded) = (Arc::clone(self), self.load(hash)?);
            blocking(move || inner.sum(&loaded, &closed.members)).await?;
        }
        self.vault.forget(hash, shelf::SINGLE)?;
        self.vault.forget(hash, shelf::VERIFY_KEY)?;
        self.unload(hash);
        Ok(())
    }

    fn sum(&self, loaded: &Loaded, members: &[Ods]) -> Result<(), Unable> {
        let hash = loaded.round.hash();
        let empty = |v: &super::loaded::Vector| SumOfShares::empty(Role::Helper, v.deposit, v.spec);
        let mut sums: Vec<SumOfShares> = loaded.vectors.iter().map(empty).collect();
        for ods in members {
            let shares = self.shares(hash, ods)?.ok_or(Unable::Lost("a checked contribution"))?;
            let all = shares.all(sums.len()).ok_or(Unable::Lost("a checked contribution"))?;
            for (sum, share) in sums.iter_mut().zip(all) {
                sum.add(OutputShare::from_bytes(Role::Helper, share)?)?;
            }
        }
        for table in 0..loaded.round.document().tables.len() {
            let own = loaded.vectors.iter().zip(&sums);
            let own = own.filter(|(vector, _)| usize::try_from(vector.table) == Ok(table));
            let bytes: Vec<Zeroizing<Vec<u8>>> =
                own.map(|(_, sum)| sum.to_bytes()).collect::<Result<_, _>>()?;
            let bytes = Zeroizing::new(packed(bytes.iter().map(|one| one.as_slice())));
            self.vault.put(hash, &shelf::sums(table), &bytes)?;
        }
        Ok(())
    }

    /// The sums of a table's vectors.
    pub(super) fn sums(&self, hash: Digest, table: usize) -> Result<Vec<SumOfShares>, Unable> {
        let bytes = self.vault.take(hash, &shelf::sums(table))?;
        let bytes = Zeroizing::new(bytes.ok_or(Unable::Lost("its sums"))?);
        let list = unpacked(&bytes).ok_or(Unable::Lost("its sums"))?;
        let read = list.into_iter().map(|one| SumOfShares::from_bytes(Role::Helper, one));
        Ok(read.collect::<Result<_, _>>()?)
    }
}
