//! Who is in the sum: decided once, signed by both servers, and written down by both before anything is opened.

use evensum_core::ledger::PoolStep;
use evensum_core::model::{Digest, Ods};
use evensum_core::pool::{ClosedRound, Closing, OutputShare, Role, RoundDocument, SumOfShares};
use evensum_core::port::{PoolFault, SignedClosing};
use evensum_core::sign::{Envelope, VerifyingKey};
use tokio::time::timeout;
use tracing::error;
use zeroize::Zeroizing;

use super::shelf::{packed, unpacked};
use super::{CALL, Loaded, SumError, Sums, blocking, shelf, told};

impl Sums {
    /// Closes a round where every member's contribution is checked, or the time for them is over.
    pub(super) async fn close(&self, loaded: &Loaded) -> Result<(), SumError> {
        let hash = loaded.round.hash();
        let bound = loaded.round.members();
        let settled = bound.iter().all(|ods| self.settled(hash, ods));
        if !settled && !self.is_over(loaded) {
            return Ok(());
        }
        let envelope = match self.envelope::<Closing>(hash, shelf::CLOSING)? {
            // What was sent once is sent again, and nothing else.
            Some(envelope) => envelope,
            None => match self.closing(loaded, &bound)? {
                Some(closing) => {
                    let envelope = closing.sign(self.own.ods(), &self.parts.answer_key)?;
                    self.keep(hash, shelf::CLOSING, &envelope)?;
                    envelope
                }
                None => return Ok(()),
            },
        };
        let helper = self.helper()?;
        let asked = timeout(CALL, helper.close(&self.own, &envelope)).await;
        let theirs = asked.unwrap_or(Err(PoolFault::Late)).map_err(SumError::Helper)?;
        let server =
            loaded.of.roster.roster().helper().ok_or(SumError::Lost("the second server"))?;
        let signed = Closing::verified(&theirs, &VerifyingKey::parse(&server.answer_key)?)?;
        if theirs.payload != envelope.payload {
            return Err(SumError::Helper(PoolFault::Unreadable));
        }
        self.keep(hash, shelf::COUNTERSIGNED, &theirs)?;
        let Closing { members, missing, .. } = signed.document().clone();
        let closing = signed.hash();
        let step = PoolStep::Closed { of: loaded.round.reference(), closing, members, missing };
        if self.step(step).await? {
            told(&loaded.round, "a blind sum is closed");
        }
        Ok(())
    }

    /// What is to be signed; nothing where too few contributions have come, which ends the round for good.
    fn closing(&self, loaded: &Loaded, bound: &[Ods]) -> Result<Option<Closing>, SumError> {
        let hash = loaded.round.hash();
        let document = loaded.round.document();
        let arrived: Vec<Ods> =
            bound.iter().filter(|ods| self.has(hash, &shelf::checked(ods))).cloned().collect();
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
            && !self.has(hash, shelf::OPENING)
            && closed.members.iter().all(|m| self.has(hash, &shelf::told(m)))
        {
            return Ok(());
        }
        let Some(loaded) = self.load(hash)? else {
            return Err(SumError::Lost("its document, or the agreement that it is under"));
        };
        self.add_up(&loaded, closed).await?;
        self.tell(&loaded).await?;
        self.decide(&loaded, closed).await
    }

    /// Adds the shares of exactly the members of the closing, once; single ones are erased.
    async fn add_up(&self, loaded: &Loaded, closed: &ClosedRound) -> Result<(), SumError> {
        let hash = loaded.round.hash();
        let tables = loaded.round.document().tables.len();
        if (0..tables).all(|table| self.has(hash, &shelf::sums(table))) {
            return Ok(self.parts.vault.forget(hash, shelf::SINGLE)?);
        }
        let vectors = loaded.vectors()?;
        let (vault, members) = (self.parts.vault.clone(), closed.members.clone());
        blocking(move || {
            let mut sums: Vec<SumOfShares> = vectors
                .iter()
                .map(|v| SumOfShares::empty(Role::Leader, v.deposit, v.spec))
                .collect();
            for ods in &members {
                let bytes = vault.take(hash, &shelf::checked(ods))?;
                let bytes = Zeroizing::new(bytes.ok_or(SumError::Lost("a checked contribution"))?);
                let shares = unpacked(&bytes).filter(|shares| shares.len() == sums.len());
                let shares = shares.ok_or(SumError::Lost("a checked contribution"))?;
                for (sum, share) in sums.iter_mut().zip(shares) {
                    sum.add(OutputShare::from_bytes(Role::Leader, share)?)?;
                }
            }
            for table in 0..tables {
                let own = vectors
                    .iter()
                    .zip(&sums)
                    .filter(|(v, _)| usize::try_from(v.table) == Ok(table));
                let bytes: Vec<Zeroizing<Vec<u8>>> =
                    own.map(|(_, sum)| sum.to_bytes()).collect::<Result<_, _>>()?;
                let bytes = Zeroizing::new(packed(bytes.iter().map(|one| one.as_slice())));
                vault.put(hash, &shelf::sums(table), &bytes)?;
            }
            vault.forget(hash, shelf::SINGLE)?;
            Ok(())
        })
        .await
    }

    /// The closing with both signatures.
    pub(super) fn signed_closing(&self, round: Digest) -> Result<SignedClosing, SumError> {
        let lost = SumError::Lost("its closing");
        let coordinator: Envelope = self.envelope::<Closing>(round, shelf::CLOSING)?.ok_or(lost)?;
        let helper = self.envelope::<Closing>(round, shelf::COUNTERSIGNED)?;
        Ok(SignedClosing { coordinator, helper })
    }

    /// Tells the bound members that the round is closed; those that are not connected are told later.
    async fn tell(&self, loaded: &Loaded) -> Result<(), SumError> {
        let hash = loaded.round.hash();
        let closing = self.signed_closing(hash)?;
        for ods in loaded.round.members() {
            let Some(node) = self.parts.nodes.member(&ods) else { continue };
            if self.has(hash, &shelf::told(&ods)) {
                continue;
            }
            let answer = timeout(CALL, node.closed(&self.own, &closing)).await;
            if matches!(answer, Ok(Ok(()))) {
                self.mark(hash, &shelf::told(&ods))?;
            }
        }
        Ok(())
    }
}
