//! A round that is not closed, verified against the agreement in force and the membership list that it was bound under.

use std::sync::{Arc, PoisonError};

use evensum_core::model::Digest;
use evensum_core::model::Population;
use evensum_core::plan::PooledTables;
use evensum_core::pool::{
    BoundRound, Context, DepositId, Round, RoundDocument, RoundRules, SealKey, Sealed, VectorSpec,
    VerifyKey,
};
use evensum_core::port::VectorOf;
use evensum_core::sign::Envelope;

use super::{Inner, Summed, Unable, shelf};

/// A vector of the round: its table, its place there, what it is bound to and its shape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vector {
    pub(super) table: u32,
    pub(super) vector: u32,
    pub(super) deposit: DepositId,
    pub(super) spec: VectorSpec,
}

/// Everything about one round.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) of: Summed,
    pub(super) round: BoundRound,
    pub(super) envelope: Envelope,
    /// All vectors, in their order.
    pub(super) vectors: Vec<Vector>,
}

impl Loaded {
    /// Verifies a round.
    pub(super) fn verify(
        inner: &Inner,
        of: &Summed,
        envelope: &Envelope,
        population: &Population,
    ) -> Result<Self, Unable> {
        let tables = inner.tables(of, population)?;
        let ids: Vec<Digest> = tables.ids().collect();
        let rules = RoundRules { agreement: &of.agreement, roster: &of.roster, tables: &ids };
        let round = BoundRound::verify(envelope, &rules)?;
        let mut vectors = Vec::new();
        for (table, id) in (0..).zip(&round.document().tables) {
            let specs = tables.vectors(*id)?.ok_or(Unable::Lost("the meaning of its tables"))?;
            let deposits = round.deposits(*id, &specs)?;
            let each = (0..).zip(deposits);
            vectors.extend(each.map(|(vector, (deposit, spec))| Vector {
                table,
                vector,
                deposit,
                spec,
            }));
        }
        Ok(Self { of: of.clone(), round, envelope: envelope.clone(), vectors })
    }

    /// The place of a vector among all of the round.
    pub(super) fn place(&self, table: u32, vector: u32) -> Option<usize> {
        self.vectors.binary_search_by_key(&(table, vector), |v| (v.table, v.vector)).ok()
    }

    /// What a member's vector is bound to.
    pub(super) fn context(&self, of: &VectorOf) -> Option<(usize, Context)> {
        let place = self.place(of.table, of.vector)?;
        Some((place, Context::new(self.vectors[place].deposit, of.ods.clone())))
    }
}

/// Opens the key by which contributions to a round are checked.
pub(super) fn verify_key(
    seal_key: &SealKey,
    round: Digest,
    sealed: &Sealed,
) -> Result<VerifyKey, Unable> {
    Ok(VerifyKey::from_bytes(&seal_key.open(sealed, round.as_bytes())?)?)
}

impl Inner {
    /// The tables that are contributed for a population.
    pub(super) fn tables(
        &self,
        of: &Summed,
        population: &Population,
    ) -> Result<PooledTables, Unable> {
        let place = (&population.dataset, population.period);
        Ok(PooledTables::of(&of.agreement, place, &self.catalogue, self.clock.now())?)
    }

    /// A bound round. Its list does not change, and the agreement is that of this process, so it is verified once.
    pub(super) fn load(&self, hash: Digest) -> Result<Arc<Loaded>, Unable> {
        let known = |inner: &Self| {
            inner.loaded.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned()
        };
        if let Some(loaded) = known(self) {
            return Ok(loaded);
        }
        let envelope = self.kept::<Round>(hash, shelf::ROUND)?;
        let envelope = envelope.ok_or(Unable::Lost("its document"))?;
        let document = Round::read(&envelope.payload)?;
        let Summed { agreement, roster } = self.summed(&document.agreement)?.clone();
        let roster = self.vault.list_of(&self.store.rounds(), hash, (&roster, &agreement))?;
        let of = Summed { agreement, roster };
        let loaded = Arc::new(Loaded::verify(self, &of, &envelope, &document.population)?);
        if loaded.round.hash() != hash {
            return Err(Unable::Lost("its document"));
        }
        let mut all = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(hash, Arc::clone(&loaded));
        Ok(loaded)
    }

    /// A round that the audit log names, as far as its document goes: a closed one outlives the membership list.
    pub(super) fn document(&self, hash: Digest) -> Result<Round, Unable> {
        let envelope = self.kept::<Round>(hash, shelf::ROUND)?;
        let envelope = envelope.ok_or(Unable::Lost("its document"))?;
        if envelope.payload_hash() != hash {
            return Err(Unable::Lost("its document"));
        }
        Ok(Round::read(&envelope.payload)?)
    }

    pub(super) fn unload(&self, hash: Digest) {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).remove(&hash);
    }
}
