//! A round begins: what binds this server is verified, kept and written down.

use evensum_core::identity::Peer;
use evensum_core::ledger::PoolStep;
use evensum_core::model::{AgreementId, Digest, Population, RefusalCode, canonical};
use evensum_core::pool::{MAX_ROUND_BYTES, Sealed};
use evensum_core::port::PoolFault;
use evensum_core::sign::Envelope;
use serde::Deserialize;
use tracing::info;

use super::{Inner, Unable, refused, round, verify_key};

/// What a round claims to be about: a hint where to look for the coordinator's key.
#[derive(Deserialize)]
struct Claim {
    agreement: AgreementId,
    population: Population,
}

impl Inner {
    pub(super) async fn announce(
        &self,
        caller: &Peer,
        envelope: &Envelope,
        sealed: &Sealed,
    ) -> Result<(), Unable> {
        self.any_coordinator(caller)?;
        let claim: Claim = canonical::decode_part_at_most(&envelope.payload, MAX_ROUND_BYTES)
            .map_err(|_| PoolFault::Unreadable)?;
        let of = self.summed(&claim.agreement)?;
        self.coordinator(caller, &of.agreement)?;
        self.in_force(&of.agreement)?;
        if !of.roster.kind().needs_helper() {
            return Err(refused(RefusalCode::SumNotAgreed));
        }
        let hash = envelope.payload_hash();
        let _turn = self.turn(hash).await;
        if self.store.rounds().round(hash).is_some() {
            return self.announced(hash, sealed);
        }
        let loaded = self.shelf.verify(of, envelope)?;
        loaded.round.in_time(self.clock.now())?;
        verify_key(&self.seal_key, hash, sealed).map_err(|_| refused(RefusalCode::RoundDiffers))?;
        let step = PoolStep::Bound {
            of: loaded.round.reference(),
            members: loaded.round.members(),
            membership: of.roster.hash(),
        };
        self.store.rounds().may(&step).map_err(|reason| refused(reason.code()))?;
        // On the disk before the audit log says that they are.
        self.shelf.vault().keep_list(&of.roster)?;
        self.shelf.keep(hash, round::ROUND, caller.ods(), envelope)?;
        self.shelf.vault().put(hash, round::VERIFY_KEY, sealed.as_bytes())?;
        self.store.step(step).await?;
        let (dataset, period) = (&claim.population.dataset, claim.population.period);
        info!(%dataset, %period, round = hash.short(), "a round of a blind sum is bound");
        self.wake.notify_waiters();
        Ok(())
    }

    /// The same round again: with the same key, or whatever was checked by the first is worth nothing.
    fn announced(&self, hash: Digest, sealed: &Sealed) -> Result<(), Unable> {
        let Some(kept) = self.shelf.vault().take(hash, round::VERIFY_KEY)? else {
            // It is closed, and needs no key any more.
            return Ok(());
        };
        let first = verify_key(&self.seal_key, hash, &Sealed::from_bytes(kept)?)?;
        let now = verify_key(&self.seal_key, hash, sealed);
        match now {
            Ok(now) if now.to_bytes() == first.to_bytes() => Ok(()),
            _ => Err(refused(RefusalCode::RoundDiffers)),
        }
    }
}
