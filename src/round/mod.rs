//! A round of a blind sum as either of the two servers has it on its disk: its signed documents, verified again against
//! the server's own copies of the agreement and the membership list, and its sums of shares.

mod files;
mod sums;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use evensum_core::catalogue::Catalogue;
use evensum_core::model::canonical::CanonicalError;
use evensum_core::model::{Agreement, AgreementId, Clock, Digest, Ods, Timestamp, canonical};
use evensum_core::plan::PooledTables;
use evensum_core::pool::{
    BoundRound, Context, Enclosed, PoolError, Round, RoundDocument, RoundError, RoundRules,
    RoundVector, VerifiedRoster,
};
use evensum_core::sign::{Envelope, KeyError, VerifyingKey};
use serde::Deserialize;

use crate::store::{Store, Vault, VaultError};

pub use files::{
    OPENING, ROUND, SINGLE, VERIFY_KEY, checked, of_member, packed, parts, rejected, sums, unpacked,
};
pub use sums::{add_up, is_added_up, sums_of};

/// Rounds that are kept in memory, verified. Of more, all are verified anew when they are wanted.
const MAX_LOADED: usize = 64;

/// An agreement with a blind sum, and its membership list.
#[derive(Debug, Clone)]
pub struct Summed {
    /// The own copy of the agreement.
    pub agreement: Agreement,
    /// The membership list that was verified against it.
    pub roster: Arc<VerifiedRoster>,
}

impl Summed {
    /// The key of the coordinator's documents.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn coordinator_key(&self) -> Result<VerifyingKey, KeyError> {
        VerifyingKey::parse(&self.roster.roster().coordinator().answer_key)
    }
}

/// Why a round cannot be had, or is not added up.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The files.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The document does not hold.
    #[error(transparent)]
    Round(#[from] RoundError),
    /// A key of the membership list that is none.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A document without a canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// Tables that cannot be cut into vectors.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// Something is not there, or is not what was kept.
    #[error("what is kept of the round is incomplete: {0}")]
    Lost(&'static str),
}

/// A round that holds, with everything that follows from its document.
#[derive(Debug)]
pub struct Loaded {
    /// The own copies that it was held against.
    pub of: Summed,
    /// The document.
    pub round: BoundRound,
    /// As the coordinator signed it.
    pub envelope: Envelope,
    /// What the agreement's members contribute.
    pub tables: Arc<PooledTables>,
    /// All vectors, in their order.
    pub vectors: Vec<RoundVector>,
}

impl Loaded {
    /// Holds a signed round against own copies. The signature comes first: what the agreement's tables are is long to
    /// work out.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn verify(
        of: &Summed,
        envelope: &Envelope,
        catalogue: &Catalogue,
        now: Timestamp,
    ) -> Result<Self, LoadError> {
        let signed = Round::verified(envelope, &of.coordinator_key()?);
        let signed = signed.map_err(RoundError::Coordinator)?;
        let population = &signed.document().population;
        let place = (&population.dataset, population.period);
        let tables = PooledTables::of(&of.agreement, place, catalogue, now)?;
        let ids: Vec<Digest> = tables.ids().collect();
        let rules = RoundRules { agreement: &of.agreement, roster: &of.roster, tables: &ids };
        let round = BoundRound::verify(envelope, &rules)?;
        let vectors = tables.vectors_of(&round)?;
        Ok(Self {
            of: of.clone(),
            round,
            envelope: envelope.clone(),
            tables: Arc::new(tables),
            vectors,
        })
    }

    /// A closed round, as far as own copies still have what it is about. Tables that the agreement has no more are
    /// not found, and a round with one of them has no vectors.
    fn closed(
        of: &Summed,
        (envelope, hash): (Envelope, Digest),
        catalogue: &Catalogue,
        now: Timestamp,
    ) -> Result<Self, LoadError> {
        let round = BoundRound::again(&envelope.payload, hash)?;
        let population = &round.document().population;
        let place = (&population.dataset, population.period);
        let tables = Arc::new(PooledTables::of(&of.agreement, place, catalogue, now)?);
        let vectors = tables.vectors_of(&round).unwrap_or_default();
        Ok(Self { of: of.clone(), round, envelope, tables, vectors })
    }

    /// The place of a vector among all of the round.
    #[must_use]
    pub fn place(&self, table: u32, vector: u32) -> Option<usize> {
        self.vectors.binary_search_by_key(&(table, vector), |v| (v.table, v.vector)).ok()
    }

    /// The vectors of a table, each with its place among all of the round.
    pub fn of_table(&self, table: usize) -> impl Iterator<Item = (usize, &RoundVector)> {
        let own = self.vectors.iter().enumerate();
        own.filter(move |(_, vector)| usize::try_from(vector.table) == Ok(table))
    }

    /// What a member's figures of a vector are bound to.
    #[must_use]
    pub fn context(&self, place: usize, ods: &Ods) -> Option<Context> {
        Some(Context::new(self.vectors.get(place)?.deposit, ods.clone()))
    }
}

/// What a round claims to be under: where its keys are looked for.
#[derive(Deserialize)]
struct Claim {
    agreement: AgreementId,
}

/// A server's rounds.
pub struct Shelf {
    vault: Vault,
    store: Store,
    agreements: Vec<Summed>,
    catalogue: Arc<Catalogue>,
    clock: Arc<dyn Clock>,
    loaded: Mutex<BTreeMap<Digest, Arc<Loaded>>>,
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shelf").field("vault", &self.vault).finish_non_exhaustive()
    }
}

impl Shelf {
    /// The rounds of an audit log, and what is kept of them in a vault, under these agreements.
    #[must_use]
    pub fn new(
        (vault, store): (Vault, Store),
        agreements: Vec<Summed>,
        catalogue: Arc<Catalogue>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { vault, store, agreements, catalogue, clock, loaded: Mutex::default() }
    }

    /// The files.
    #[must_use]
    pub const fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The agreements.
    #[must_use]
    pub fn agreements(&self) -> &[Summed] {
        &self.agreements
    }

    /// The own copy of an agreement.
    #[must_use]
    pub fn summed(&self, id: &AgreementId) -> Option<&Summed> {
        self.agreements.iter().find(|of| of.agreement.id == *id)
    }

    /// Holds a signed round against own copies.
    ///
    /// # Errors
    /// As of [`Loaded::verify`].
    pub fn verify(&self, of: &Summed, envelope: &Envelope) -> Result<Loaded, LoadError> {
        Loaded::verify(of, envelope, &self.catalogue, self.clock.now())
    }

    /// A round that is kept: an open one as it holds under the list that it was bound under, a closed one as it is. Agreements
    /// are those of this process, so that it is verified once.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load(&self, hash: Digest) -> Result<Arc<Loaded>, LoadError> {
        if let Some(loaded) = self.rounds().get(&hash) {
            return Ok(Arc::clone(loaded));
        }
        let envelope = self.kept::<Round>(hash, ROUND)?;
        let envelope = envelope.ok_or(LoadError::Lost("its document"))?;
        let claim: Claim = canonical::decode_part_at_most(&envelope.payload, Round::MOST)?;
        let of = self.summed(&claim.agreement);
        let Summed { agreement, roster } =
            of.ok_or(LoadError::Lost("the agreement that it is under"))?.clone();
        let known = self.store.rounds();
        let bound_under = self.vault.list_of(&known, hash, (&roster, &agreement));
        let loaded = if known.round(hash).is_some_and(|(.., state)| state.closed.is_some()) {
            let of = Summed { agreement, roster: bound_under.unwrap_or(roster) };
            Loaded::closed(&of, (envelope, hash), &self.catalogue, self.clock.now())?
        } else {
            self.verify(&Summed { agreement, roster: bound_under? }, &envelope)?
        };
        if loaded.round.hash() != hash {
            return Err(LoadError::Lost("its document"));
        }
        let loaded = Arc::new(loaded);
        let mut rounds = self.rounds();
        if rounds.len() >= MAX_LOADED {
            rounds.clear();
        }
        rounds.insert(hash, Arc::clone(&loaded));
        Ok(loaded)
    }

    fn rounds(&self) -> std::sync::MutexGuard<'_, BTreeMap<Digest, Arc<Loaded>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A round as far as its document goes, which needs no agreement and no list.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn document(&self, hash: Digest) -> Result<Round, LoadError> {
        document(&self.vault, hash)?.ok_or(LoadError::Lost("its document"))
    }

    /// Keeps a document as its signer sent it.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn keep(
        &self,
        round: Digest,
        name: &str,
        by: &Ods,
        envelope: &Envelope,
    ) -> Result<(), LoadError> {
        keep(&self.vault, round, name, by, envelope)
    }

    /// A document that was kept.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn kept<D: RoundDocument>(
        &self,
        round: Digest,
        name: &str,
    ) -> Result<Option<Envelope>, LoadError> {
        kept::<D>(&self.vault, round, name)
    }
}

/// Keeps a document in a vault as its signer sent it.
///
/// # Errors
/// [`LoadError`].
pub fn keep(
    vault: &Vault,
    round: Digest,
    name: &str,
    by: &Ods,
    envelope: &Envelope,
) -> Result<(), LoadError> {
    Ok(vault.put(round, name, &Enclosed::new(by, envelope).to_bytes()?)?)
}

fn kept<D: RoundDocument>(
    vault: &Vault,
    round: Digest,
    name: &str,
) -> Result<Option<Envelope>, LoadError> {
    let Some(bytes) = vault.take(round, name)? else { return Ok(None) };
    let envelope = Enclosed::from_bytes(&bytes)?.envelope::<D>();
    envelope.map(Some).ok_or(LoadError::Lost("a document of it"))
}

/// The document of a round in a vault, where it is kept.
///
/// # Errors
/// [`LoadError`].
pub fn document(vault: &Vault, hash: Digest) -> Result<Option<Round>, LoadError> {
    let Some(envelope) = kept::<Round>(vault, hash, ROUND)? else { return Ok(None) };
    if envelope.payload_hash() != hash {
        return Err(LoadError::Lost("its document"));
    }
    Ok(Some(Round::read(&envelope.payload)?))
}
