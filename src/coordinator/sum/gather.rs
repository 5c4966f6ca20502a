//! Who is ready, and the document that binds them.

use std::collections::BTreeMap;

use evensum_core::ledger::PoolStep;
use evensum_core::model::{Digest, Ods, Population, SnapshotVersion, Timestamp, canonical};
use evensum_core::plan::PooledTables;
use evensum_core::pool::{
    BoundRound, Enclosed, Ready, Round, RoundDocument, RoundRules, SealPublic, VerifyKey,
    WAIT_SECONDS,
};
use evensum_core::port::HelperPort;
use evensum_core::sign::{Envelope, VerifyingKey};
use tokio::task::JoinSet;
use tracing::warn;

use super::round::{self, Loaded, Summed};
use super::{SumError, Sums, told};

/// What one partner says, verified.
type Said = (Ods, Ready, Envelope);
/// Whose records, and the standing of the extracts.
type Of = (Population, SnapshotVersion);

impl Sums {
    /// Asks every member which extracts are ready, and binds those that are enough.
    pub(super) async fn gather(&self, of: &Summed) -> Result<(), SumError> {
        let mut by_round: BTreeMap<Digest, (Of, Vec<Said>)> = BTreeMap::new();
        for said in self.ready(of).await {
            let place = (said.1.population.clone(), said.1.snapshot.version);
            let name = Digest::of(&canonical::encode(&place)?);
            by_round.entry(name).or_insert_with(|| (place, Vec::new())).1.push(said);
        }
        for (name, (place, said)) in by_round {
            if !self.known(&place)? && self.may_begin(of, name, &place, &said)? {
                self.bind(of, place, said).await?;
            }
        }
        Ok(())
    }

    async fn ready(&self, of: &Summed) -> Vec<Said> {
        let mut asking = JoinSet::new();
        for member in of.roster.roster().members() {
            let Some(node) = self.nodes.member(&member.ods) else { continue };
            let (own, agreement) = (self.own.clone(), of.agreement.id.clone());
            let member = member.clone();
            asking.spawn(async move {
                let answer = node.ready(&own, &agreement).await;
                (member, answer)
            });
        }
        let mut found = Vec::new();
        while let Some(asked) = asking.join_next().await {
            let Ok((member, Ok(envelopes))) = asked else { continue };
            let Ok(key) = VerifyingKey::parse(&member.answer_key) else { continue };
            for envelope in envelopes {
                match Ready::verified(&envelope, &key) {
                    Ok(signed) if self.fits(of, &member.ods, signed.document()) => {
                        found.push((member.ods.clone(), signed.document().clone(), envelope));
                    }
                    Ok(_) => {}
                    Err(reason) => {
                        warn!(partner = %member.ods, %reason, "a partner's word that it is ready was not believed")
                    }
                }
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found
    }

    fn fits(&self, of: &Summed, ods: &Ods, ready: &Ready) -> bool {
        let population =
            Population::of(&of.agreement, &ready.population.dataset, ready.population.period);
        ready.ods == *ods
            && ready.population == population
            && ready.agreement == of.agreement.id
            && of.agreement.hash().ok() == Some(ready.agreement_hash)
            && ready.membership == of.roster.hash()
            && !ready.tables.is_empty()
    }

    /// Whether a round of these records and this standing was bound before, or could never be closed.
    fn known(&self, (population, version): &Of) -> Result<bool, SumError> {
        let rounds = self.store.rounds();
        let Some(state) = rounds.of(population)? else { return Ok(false) };
        Ok(state.versions.contains_key(version) || state.stopped.is_some())
    }

    /// Whether so many are enough, and the others have been waited for.
    fn may_begin(
        &self,
        of: &Summed,
        name: Digest,
        (population, _): &Of,
        said: &[Said],
    ) -> Result<bool, SumError> {
        let members: Vec<Ods> = said.iter().map(|(ods, ..)| ods.clone()).collect();
        if of.roster.enough(&members, population.period).is_err() {
            return Ok(false);
        }
        let rounds = self.store.rounds();
        if let Some(bound) =
            rounds.of(population)?.and_then(|state| state.members().map(<[_]>::to_vec))
        {
            // A later version is of the same members, all of them.
            return Ok(bound.iter().all(|ods| members.contains(ods)));
        }
        if members.len() == of.roster.roster().members().len() {
            return Ok(true);
        }
        let now = self.clock.now().as_unix();
        let first = match self.shelf.vault().take(name, round::SINGLE)? {
            Some(bytes) => bytes.try_into().map_or(now, i64::from_be_bytes),
            None => {
                self.shelf.vault().put(name, round::SINGLE, &now.to_be_bytes())?;
                now
            }
        };
        let waited = u64::try_from(now.saturating_sub(first)).unwrap_or_default();
        Ok(waited >= self.wait.as_secs())
    }

    async fn bind(&self, of: &Summed, place: Of, said: Vec<Said>) -> Result<(), SumError> {
        let (population, version) = place;
        let bound =
            self.store.rounds().of(&population)?.and_then(|s| s.members().map(<[_]>::to_vec));
        let said: Vec<Said> = match bound {
            Some(bound) => said.into_iter().filter(|(ods, ..)| bound.contains(ods)).collect(),
            None => said,
        };
        let (place, now) = ((&population.dataset, population.period), self.clock.now());
        let all = PooledTables::of(&of.agreement, place, &self.catalogue, now)?;
        let all: Vec<Digest> = all.ids().collect();
        let tables: Vec<Digest> = all
            .iter()
            .filter(|id| said.iter().all(|(_, ready, _)| ready.tables.contains(id)))
            .copied()
            .collect();
        let document = Round {
            population,
            version,
            agreement: of.agreement.id.clone(),
            agreement_hash: of
                .agreement
                .hash()
                .map_err(|_| SumError::Lost("the agreement's hash"))?,
            membership: of.roster.hash(),
            ready: said.iter().map(|(ods, _, envelope)| Enclosed::new(ods, envelope)).collect(),
            tables,
            closes: Timestamp::from_unix(now.as_unix().saturating_add(WAIT_SECONDS)),
        };
        let envelope = document.sign(self.own.ods(), &self.answer_key)?;
        let rules = RoundRules { agreement: &of.agreement, roster: &of.roster, tables: &all };
        let round = BoundRound::verify(&envelope, &rules)?;
        let hash = round.hash();
        // All of it is on the disk before the audit log says that the round is bound.
        if of.roster.kind().needs_helper() {
            let key = VerifyKey::generate()?;
            self.shelf.vault().put(hash, round::VERIFY_KEY, &key.to_bytes()[..])?;
        }
        self.shelf.vault().keep_list(&of.roster)?;
        self.shelf.keep(hash, round::ROUND, self.own.ods(), &envelope)?;
        let step = PoolStep::Bound {
            of: round.reference(),
            members: round.members(),
            membership: of.roster.hash(),
        };
        if self.step(step).await? {
            told(&round, "partners are bound to a blind sum");
        }
        Ok(())
    }

    /// Tells the second server of a round. It takes the same round any number of times.
    pub(super) async fn announce(
        &self,
        loaded: &Loaded,
        helper: &dyn HelperPort,
    ) -> Result<(), SumError> {
        let hash = loaded.round.hash();
        let server = loaded.of.roster.roster().helper();
        let key = server.ok_or(SumError::Lost("the second server's key"))?.seal_key.clone();
        let sealed = SealPublic::parse(&key)?
            .seal(hash.as_bytes(), &self.verify_key(hash)?.to_bytes()[..])?;
        helper.announce(&self.own, &loaded.envelope, &sealed).await.map_err(SumError::Helper)
    }

    pub(super) fn verify_key(&self, round: Digest) -> Result<VerifyKey, SumError> {
        let bytes = self.shelf.vault().take(round, round::VERIFY_KEY)?;
        let bytes = zeroize::Zeroizing::new(bytes.ok_or(SumError::Lost("its key"))?);
        Ok(VerifyKey::from_bytes(&bytes)?)
    }
}
