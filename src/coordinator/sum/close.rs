//! Who is in the sum: decided once, signed by both servers, and written down by both before anything is opened.

use std::sync::Arc;

use evensum_core::ledger::PoolStep;
use evensum_core::model::{Digest, Ods};
use evensum_core::pool::{ClosedRound, Closing, Role, RoundDocument};
use evensum_core::port::{HelperPort, PoolFault, SignedClosing};
use evensum_core::sign::{Envelope, Signed, VerifyingKey};
use tracing::error;
use zeroize::Zeroizing;

use super::round::{self, Loaded, add_up, is_added_up, unpacked};
use super::{SumError, Sums, blocking, shelf, told};

impl Sums {
    /// Closes a round where every member's contribution is checked, or the time for them is over.
    pub(super) async fn close(&self, loaded: &Loaded) -> Result<(), SumError> {
        let hash = loaded.round.hash();
        let bound = loaded.round.members();
        let settled = bound.iter().all(|ods| self.settled(hash, ods));
        if !settled && !self.is_over(loaded) {
            return Ok(());
        }
        let envelope = match self.shelf.kept::<Closing>(hash, shelf::CLOSING)? {
            // What was sent once is sent again, and nothing else.
            Some(envelope) => envelope,
            None => match self.closing(loaded, &bound)? {
                Some(closing) => {
                    let envelope = closing.sign(self.own.ods(), &self.answer_key)?;
                    self.shelf.keep(hash, shelf::CLOSING, self.own.ods(), &envelope)?;
                    envelope
                }
                None => return Ok(()),
            },
        };
        let signed = match self.helper(loaded)? {
            Some(helper) => self.countersigned(loaded, &envelope, &*helper).await?,
            None => Closing::verified(&envelope, &loaded.of.coordinator_key()?)?,
        };
        let Closing { members, missing, .. } = signed.document().clone();
        let closing = signed.hash();
        let step = PoolStep::Closed { of: loaded.round.reference(), closing, members, missing };
        if self.step(step).await? {
            told(&loaded.round, "a blind sum is closed");
        }
        Ok(())
    }

    /// The closing as the second server signed it too.
    async fn countersigned(
        &self,
        loaded: &Loaded,
        envelope: &Envelope,
        helper: &dyn HelperPort,
    ) -> Result<Signed<Closing>, SumError> {
        let theirs = helper.close(&self.own, envelope).await.map_err(SumError::Helper)?;
        let server =
            loaded.of.roster.roster().helper().ok_or(SumError::Lost("the second server"))?;
        let signed = Closing::verified(&theirs, &VerifyingKey::parse(&server.answer_key)?)?;
        if theirs.payload != envelope.payload {
            return Err(SumError::Helper(PoolFault::Unreadable));
        }
        self.shelf.keep(loaded.round.hash(), shelf::COUNTERSIGNED, self.own.ods(), &theirs)?;
        Ok(signed)
    }

    /// What is to be signed; nothing where too few contributions have come, which ends the round for good.
    fn closing(&self, loaded: &Loaded, bound: &[Ods]) -> Result<Option<Closing>, SumError> {
        let hash = loaded.round.hash();
        let document = loaded.round.document();
        let arrived: Vec<Ods> =
            bound.iter().filter(|ods| self.has(hash, &round::checked(ods))).cloned().collect();
        let period = document.population.period;
        let lists = match loaded.of.roster.may_close(bound, &arrived, period) {
            Ok(lists) => lists,
            Err(reason) => {
                let (dataset, round) = (&document.population.dataset, hash.short());
                error!(%dataset, %period, round, %reason, "no blind sum comes of this round");
                self.mark(hash, shelf::DEAD)?;
                return Ok(None);
            }
        };
        Ok(Some(Closing {
            population: document.population.clone(),
            version: document.version,
            round: hash,
            members: lists.arrived().to_vec(),
            missing: lists.missing().to_vec(),
        }))
    }

    /// What remains to be done once a round is closed: add up, tell the members, decide the agreement's tables.
    pub(super) async fn after_closing(
        &self,
        hash: Digest,
        closed: &ClosedRound,
    ) -> Result<(), SumError> {
        if self.has(hash, shelf::RETURNED)
            && !self.has(hash, round::OPENING)
            && closed.members.iter().all(|m| self.has(hash, &shelf::told(m)))
        {
            return Ok(());
        }
        let loaded = self.shelf.load(hash)?;
        self.add_up(&loaded, closed).await?;
        self.tell(&loaded).await?;
        self.decide(&loaded, closed).await
    }

    /// Adds the shares of exactly the members of the closing, once; single ones are erased. Under masks no single one
    /// says anything without all others, and they stay.
    async fn add_up(&self, loaded: &Arc<Loaded>, closed: &ClosedRound) -> Result<(), SumError> {
        let hash = loaded.round.hash();
        if !loaded.of.roster.kind().needs_helper() {
            return Ok(());
        }
        let tables = loaded.round.document().tables.len();
        let vault = self.shelf.vault();
        if !is_added_up(vault, hash, tables) {
            let (vault, loaded) = (vault.clone(), Arc::clone(loaded));
            let members = closed.members.clone();
            blocking(move || {
                let shares = |ods: &Ods| -> Result<_, SumError> {
                    let Some(bytes) = vault.take(hash, &round::checked(ods))? else {
                        return Ok(None);
                    };
                    let bytes = Zeroizing::new(bytes);
                    let each = |one: &[u8]| Zeroizing::new(one.to_vec());
                    Ok(unpacked(&bytes).map(|list| list.into_iter().map(each).collect()))
                };
                add_up(&vault, Role::Leader, &loaded, &members, shares)
            })
            .await?;
        }
        Ok(vault.forget(hash, round::SINGLE)?)
    }

    /// The closing with both signatures.
    pub(super) fn signed_closing(&self, round: Digest) -> Result<SignedClosing, SumError> {
        let lost = SumError::Lost("its closing");
        let coordinator: Envelope =
            self.shelf.kept::<Closing>(round, shelf::CLOSING)?.ok_or(lost)?;
        let helper = self.shelf.kept::<Closing>(round, shelf::COUNTERSIGNED)?;
        Ok(SignedClosing { coordinator, helper })
    }

    /// Tells the bound members that the round is closed; those that are not connected are told later.
    async fn tell(&self, loaded: &Loaded) -> Result<(), SumError> {
        let hash = loaded.round.hash();
        let closing = self.signed_closing(hash)?;
        for ods in loaded.round.members() {
            let Some(node) = self.nodes.member(&ods) else { continue };
            if self.has(hash, &shelf::told(&ods)) {
                continue;
            }
            let answer = node.closed(&self.own, &closing).await;
            if answer.is_ok() {
                self.mark(hash, &shelf::told(&ods))?;
            }
        }
        Ok(())
    }
}
