//! The independent second server of blind sums, which another organisation runs than the coordinator. It fetches its
//! own sealed parts from the members' nodes, checks every contribution together with the coordinator, adds up shares of
//! which none says anything by itself, and gives its part of totals only where its own copies of the agreement, the
//! definitions and the membership list allow it. What it does is in its audit log first, and every member is told.

mod announce;
mod check;
mod close;
mod fetch;
mod history;
mod notes;
mod open;
mod resume;
mod returned;
mod shelf;
mod tell;
#[cfg(test)]
mod tests;
mod watch;
mod witness;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use evensum_core::catalogue::Catalogue;
use evensum_core::disclosure::LiveError;
use evensum_core::identity::Peer;
use evensum_core::ledger::{ReceiptParts, RoundRef};
use evensum_core::model::canonical::{self, CanonicalError};
use evensum_core::model::{Agreement, AgreementId, Clock, Digest, RefusalCode, Role};
use evensum_core::pool::{
    DocumentError, PoolError, RoundDocument, RoundError, SealKey, Sealed, VerifyKey,
};
use evensum_core::port::{
    BoxFuture, Checked, Checking, HelperPort, OpenedShares, PoolDirectory, PoolFault,
};
use evensum_core::sign::{Envelope, KeyError, SigningKey};
use serde::Deserialize;
use tokio::sync::{Notify, OwnedMutexGuard};
use tracing::error;

use crate::round::{self, LoadError, Shelf, Summed};
use crate::security_log::SecurityLog;
use crate::store::{Store, StoreError, Vault, VaultError};

/// What a second server is made of.
pub struct Parts {
    /// Itself, as its own certificate says.
    pub own: Peer,
    /// The agreements under which it adds up.
    pub agreements: Vec<Summed>,
    /// The definitions in force.
    pub catalogue: Arc<Catalogue>,
    /// What contributions are sealed for.
    pub seal_key: SealKey,
    /// What signs closings.
    pub answer_key: SigningKey,
    /// Its audit log.
    pub store: Store,
    /// Where shares lie.
    pub vault: Vault,
    /// The members' nodes, as far as they are connected.
    pub nodes: Arc<dyn PoolDirectory>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("own", &self.own).finish_non_exhaustive()
    }
}

/// A second server. Cheap to clone.
#[derive(Clone)]
pub struct Helper(Arc<Inner>);

impl std::fmt::Debug for Helper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Helper").field("own", &self.0.own).finish_non_exhaustive()
    }
}

struct Inner {
    own: Peer,
    catalogue: Arc<Catalogue>,
    seal_key: SealKey,
    answer_key: SigningKey,
    store: Store,
    shelf: Shelf,
    nodes: Arc<dyn PoolDirectory>,
    clock: Arc<dyn Clock>,
    security: SecurityLog,
    /// Steps of one round are taken one after the other.
    turns: Mutex<BTreeMap<Digest, Arc<tokio::sync::Mutex<()>>>>,
    /// So are tests of what is released.
    testing: tokio::sync::Mutex<()>,
    history: tokio::sync::Mutex<history::History>,
    notes: Mutex<notes::Notes>,
    waits: Mutex<fetch::Waits>,
    /// There is something to fetch or to tell.
    wake: Notify,
}

/// A closed round, for as long as a step of it is taken.
struct OfClosing<'a> {
    summed: &'a Summed,
    closing: Digest,
    reference: RoundRef,
    pending: bool,
    stopped: bool,
    _turn: OwnedMutexGuard<()>,
}

/// Why a step is not taken.
#[derive(Debug, thiserror::Error)]
enum Unable {
    #[error(transparent)]
    Fault(#[from] PoolFault),
    #[error(transparent)]
    Round(#[from] RoundError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Pool(#[from] PoolError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error(transparent)]
    Live(#[from] LiveError),
    #[error(transparent)]
    Load(LoadError),
    #[error("what is kept of the round is incomplete: {0}")]
    Lost(&'static str),
    #[error("the work was called off")]
    CalledOff,
}

impl From<LoadError> for Unable {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Round(reason) => Self::Round(reason),
            other => Self::Load(other),
        }
    }
}

const fn refused(code: RefusalCode) -> Unable {
    Unable::Fault(PoolFault::Refused(code))
}

impl Unable {
    /// What the coordinator is told. What is this server's own fault is in its own log.
    fn fault(self) -> PoolFault {
        match self {
            Self::Fault(fault) => fault,
            Self::Round(reason) => {
                tracing::warn!(%reason, "a round is refused");
                PoolFault::Refused(reason.code())
            }
            Self::Store(StoreError::Step(reason)) => PoolFault::Refused(reason.code()),
            Self::Store(reason) if reason.unwritable() => PoolFault::LedgerUnavailable,
            other => {
                let reason: &(dyn std::error::Error + 'static) = &other;
                error!(reason, "a step of a blind sum failed");
                PoolFault::Internal
            }
        }
    }
}

/// Who brings what arrives at the coordinator's port.
const PORT: &str = "the port for the coordinator";
const NOT_THE_COORDINATOR: &str =
    "the caller is not the coordinator that the second server's copy of the agreement names";
const NOT_SIGNED: &str = "the coordinator's key did not sign this document";

impl Helper {
    /// Puts a second server together and reads what its audit log says of openings.
    ///
    /// # Errors
    /// [`StoreError`], where the audit log or what is kept beside it cannot be read.
    pub async fn open(parts: Parts) -> Result<Self, StoreError> {
        let Parts { own, agreements, catalogue, seal_key, answer_key, .. } = parts;
        let Parts { store, vault, nodes, clock, .. } = parts;
        let history = history::History::open(&store).await?;
        let notes = notes::Notes::read(&vault, clock.now());
        let inner = Inner {
            own,
            shelf: Shelf::new(
                (vault, store.clone()),
                agreements,
                Arc::clone(&catalogue),
                Arc::clone(&clock),
            ),
            catalogue,
            seal_key,
            answer_key,
            store,
            nodes,
            security: SecurityLog::new(Arc::clone(&clock)),
            clock,
            turns: Mutex::default(),
            testing: tokio::sync::Mutex::default(),
            history: tokio::sync::Mutex::new(history),
            notes: Mutex::new(notes),
            waits: Mutex::default(),
            wake: Notify::new(),
        };
        Ok(Self(Arc::new(inner)))
    }
}

impl Inner {
    fn summed(&self, id: &AgreementId) -> Result<&Summed, PoolFault> {
        self.shelf.summed(id).ok_or(PoolFault::Refused(RefusalCode::AgreementUnknown))
    }

    /// That the caller is the coordinator of an agreement, by its certificate and the own copy.
    fn coordinator(&self, caller: &Peer, agreement: &Agreement) -> Result<(), PoolFault> {
        let named = agreement.coordinator().is_some_and(|party| party.ods == *caller.ods());
        if named
            && caller.role() == Role::Coordinator
            && *caller.federation() == agreement.federation
        {
            return Ok(());
        }
        self.security.refused(PORT, NOT_THE_COORDINATOR);
        Err(PoolFault::Unauthenticated(NOT_THE_COORDINATOR))
    }

    /// Whatever is asked: that the caller is the coordinator of one agreement at least.
    fn any_coordinator(&self, caller: &Peer) -> Result<(), PoolFault> {
        let is = |of: &Summed| {
            let named = of.agreement.coordinator().is_some_and(|party| party.ods == *caller.ods());
            named && *caller.federation() == of.agreement.federation
        };
        if caller.role() == Role::Coordinator && self.shelf.agreements().iter().any(is) {
            return Ok(());
        }
        self.security.refused(PORT, NOT_THE_COORDINATOR);
        Err(PoolFault::Unauthenticated(NOT_THE_COORDINATOR))
    }

    fn not_signed(&self) -> PoolFault {
        self.security.refused(PORT, NOT_SIGNED);
        PoolFault::Unauthenticated(NOT_SIGNED)
    }

    fn in_force(&self, agreement: &Agreement) -> Result<(), PoolFault> {
        if agreement.in_force(self.clock.now().date()) {
            return Ok(());
        }
        Err(PoolFault::Refused(RefusalCode::AgreementNotInForce))
    }

    /// The closed round that a coordinator's document is about, and the turn to take a step of it.
    async fn of_closing(
        &self,
        caller: &Peer,
        envelope: &Envelope,
    ) -> Result<OfClosing<'_>, Unable> {
        #[derive(Deserialize)]
        struct Claim {
            closing: Digest,
        }
        self.any_coordinator(caller)?;
        let claim = canonical::decode_part(&envelope.payload);
        let Claim { closing } = claim.map_err(|_| PoolFault::Unreadable)?;
        let unknown = || refused(RefusalCode::SumNotReady);
        let hash = self.store.rounds().closing(closing).map(|(.., round)| round.round);
        let turn = self.turn(hash.ok_or_else(unknown)?).await;
        let rounds = self.store.rounds();
        let (state, version, round) = rounds.closing(closing).ok_or_else(unknown)?;
        let summed = self.summed(&round.agreement)?;
        self.coordinator(caller, &summed.agreement)?;
        let reference = round.reference(&state.population, version);
        let (pending, stopped) = (round.pending, state.stopped.is_some());
        Ok(OfClosing { summed, closing, reference, pending, stopped, _turn: turn })
    }

    /// A document of a closed round, where the coordinator signed it.
    fn signed<D: RoundDocument + Clone>(
        &self,
        of: &OfClosing<'_>,
        envelope: &Envelope,
    ) -> Result<D, Unable> {
        let signed = D::verified(envelope, &of.summed.coordinator_key()?);
        Ok(signed.map_err(|_| self.not_signed())?.document().clone())
    }

    /// One step of a round at a time.
    async fn turn(&self, round: Digest) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody holds are made anew when they are wanted.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(round).or_default())
        };
        turn.lock_owned().await
    }
}

/// Opens the key by which contributions to a round are checked.
fn verify_key(seal_key: &SealKey, round: Digest, sealed: &Sealed) -> Result<VerifyKey, Unable> {
    Ok(VerifyKey::from_bytes(&seal_key.open(sealed, round.as_bytes())?)?)
}

/// Runs work that takes the processor.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Unable> + Send + 'static,
) -> Result<T, Unable> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(broken) if broken.is_panic() => std::panic::resume_unwind(broken.into_panic()),
        Err(_) => Err(Unable::CalledOff),
    }
}

/// Runs a step in a task of its own: a caller that goes away does not end it halfway.
async fn whole<T: Send + 'static>(
    step: impl Future<Output = Result<T, Unable>> + Send + 'static,
) -> Result<T, PoolFault> {
    match tokio::spawn(step).await {
        Ok(done) => done.map_err(Unable::fault),
        Err(_) => Err(PoolFault::Internal),
    }
}

impl HelperPort for Helper {
    fn announce<'a>(
        &'a self,
        caller: &'a Peer,
        round: &'a Envelope,
        verify_key: &'a Sealed,
    ) -> BoxFuture<'a, Result<(), PoolFault>> {
        let (inner, caller) = (Arc::clone(&self.0), caller.clone());
        let (round, key) = (round.clone(), verify_key.clone());
        Box::pin(whole(async move { inner.announce(&caller, &round, &key).await }))
    }

    fn check<'a>(
        &'a self,
        caller: &'a Peer,
        round: Digest,
        items: Vec<Checking>,
    ) -> BoxFuture<'a, Result<Vec<Checked>, PoolFault>> {
        let (inner, caller) = (Arc::clone(&self.0), caller.clone());
        Box::pin(whole(async move { inner.check(&caller, round, items).await }))
    }

    fn close<'a>(
        &'a self,
        caller: &'a Peer,
        closing: &'a Envelope,
    ) -> BoxFuture<'a, Result<Envelope, PoolFault>> {
        let (inner, caller, closing) = (Arc::clone(&self.0), caller.clone(), closing.clone());
        Box::pin(whole(async move { inner.close(&caller, &closing).await }))
    }

    fn open<'a>(
        &'a self,
        caller: &'a Peer,
        opening: &'a Envelope,
    ) -> BoxFuture<'a, Result<OpenedShares, PoolFault>> {
        let (inner, caller, opening) = (Arc::clone(&self.0), caller.clone(), opening.clone());
        Box::pin(whole(async move { inner.open(&caller, &opening).await }))
    }

    fn returned<'a>(
        &'a self,
        caller: &'a Peer,
        returned: &'a Envelope,
        releases: Vec<Vec<u8>>,
    ) -> BoxFuture<'a, Result<ReceiptParts, PoolFault>> {
        let (inner, caller, returned) = (Arc::clone(&self.0), caller.clone(), returned.clone());
        Box::pin(whole(async move { inner.returned(&caller, &returned, releases).await }))
    }

    fn witness<'a>(
        &'a self,
        caller: &'a Peer,
        query: &'a Envelope,
    ) -> BoxFuture<'a, Result<ReceiptParts, PoolFault>> {
        let (inner, caller, query) = (Arc::clone(&self.0), caller.clone(), query.clone());
        Box::pin(whole(async move { inner.witness(&caller, &query).await }))
    }
}
