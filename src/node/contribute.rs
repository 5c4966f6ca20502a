//! The partner's part in a blind sum. It says which extracts are ready, is bound to a round once and for good, cuts its
//! tables into two sealed parts of which neither says anything, and hears what became of them. Whatever binds is in the
//! audit log before anything is sent; what was counted exists in memory alone, and only until it is cut.

mod closing;
mod cut;
mod offers;
mod parts;
mod ready;
mod shown;
mod suspend;
#[cfg(test)]
mod tests;
mod told;

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, PoisonError};

use evensum_core::catalogue::Catalogue;
use evensum_core::disclosure::ContributionError;
use evensum_core::identity::Peer;
use evensum_core::ledger::{ReceiptError, ReceiptParts};
use evensum_core::model::canonical::CanonicalError;
use evensum_core::model::{Agreement, AgreementId, Digest, PoolKind, Profile, RefusalCode, Role};
use evensum_core::pool::{
    DocumentError, MembershipError, PoolError, RoundError, SealKey, ShapeError, VerifiedRoster,
};
use evensum_core::port::{BoxFuture, PoolFault, PoolNodePort, SealedParts, SignedClosing};
use evensum_core::sign::{Envelope, KeyError, VerifyError};
use tokio::sync::Mutex;
use tracing::{debug, warn};

use super::release::ReleaseError;
use super::shelf::ShelfError;
use super::{Inner, Node};
use crate::intake::IntakeError;
use crate::round::{LoadError, Summed};
use crate::snapshot::SnapshotError;
use crate::store::{StoreError, Vault, VaultError};

pub use self::offers::{Kept, OfferError, Offers, RequestError, keep_back};
pub use self::parts::is_kept;
pub use self::shown::{ShownTable, tables_of};
pub use self::suspend::{Suspension, suspend};

/// What a site's memberships share for sums: one contribution is made at a time, whoever asks.
#[derive(Debug)]
pub(super) struct Contributing {
    vault: Vault,
    offers: Offers,
    turn: Mutex<()>,
    requests: Mutex<()>,
}

impl Contributing {
    pub(super) fn new(state: &std::path::Path) -> Self {
        Self {
            vault: Vault::new(state),
            offers: Offers::new(state),
            turn: Mutex::new(()),
            requests: Mutex::new(()),
        }
    }
}

/// A membership's agreement that has a sum, and the list of those that are in it.
#[derive(Debug)]
pub(super) struct Pool {
    of: Summed,
    /// What the node agrees on masks with, where there is no second server.
    seal_key: Option<Arc<SealKey>>,
    found: ready::Cache,
    said: std::sync::Mutex<BTreeMap<(Role, &'static str), String>>,
}

impl Pool {
    /// None where no agreement has a sum, or there is no list.
    pub(super) fn of(
        agreements: &[Agreement],
        roster: Option<Arc<VerifiedRoster>>,
        seal_key: Option<SealKey>,
    ) -> Option<Self> {
        let agreement = agreements.iter().find(|agreement| agreement.pool.is_some())?.clone();
        let (found, said) = (ready::Cache::default(), std::sync::Mutex::default());
        let seal_key = seal_key.map(Arc::new);
        Some(Self { of: Summed { agreement, roster: roster? }, seal_key, found, said })
    }

    /// Whether a node that protects by this profile takes part in the sum, with what it has.
    fn takes_part(&self, profile: Profile) -> bool {
        let masked = self.of.agreement.pool == Some(PoolKind::Masks);
        can_contribute(profile, &self.of.agreement) && (!masked || self.seal_key.is_some())
    }

    fn says(&self) -> std::sync::MutexGuard<'_, BTreeMap<(Role, &'static str), String>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// That the caller is the coordinator, by its certificate.
    fn is_coordinator(&self, caller: &Peer) -> bool {
        *caller.federation() == self.of.agreement.federation
            && caller.role() == Role::Coordinator
            && *caller.ods() == self.of.roster.roster().coordinator().ods
    }

    /// That the caller is the second server, by its certificate.
    fn is_second(&self, caller: &Peer) -> bool {
        *caller.federation() == self.of.agreement.federation
            && caller.role() == Role::Helper
            && self.of.roster.roster().helper().is_some_and(|server| server.ods == *caller.ods())
    }
}

/// Whether a node that protects by this profile can contribute under an agreement at all: what is added up is counted
/// the same way everywhere, and a sum cannot be changed by keys of records, which are never added up. Where figures are
/// changed by them before (`noisy`), they are rounded afterwards like any others.
#[must_use]
pub fn can_contribute(profile: Profile, agreement: &Agreement) -> bool {
    agreement.pool.is_some()
        && profile == agreement.profile
        && !profile.needs_record_keys()
        && profile != Profile::ExactCs
}

/// Why a step was not taken. It is logged here; outside nothing is told but a [`PoolFault`].
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{0}")]
    Stranger(&'static str),
    #[error("{}", .0.says())]
    Refused(RefusalCode),
    #[error("the round or its closing is not believed: {0}")]
    Unbelieved(&'static str),
    #[error(transparent)]
    Round(#[from] RoundError),
    #[error(transparent)]
    Load(LoadError),
    #[error(transparent)]
    Membership(#[from] MembershipError),
    #[error("a document of the round is not what its server signed")]
    Verify(#[from] VerifyError),
    #[error("what is said to be an entry of the second server's audit log is none")]
    Proof(#[from] ReceiptError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Offers(#[from] OfferError),
    #[error("the published extracts cannot be listed")]
    Intake(#[from] IntakeError),
    #[error(transparent)]
    Manifest(#[from] SnapshotError),
    #[error("an extract cannot be counted for a sum")]
    Release(#[from] ReleaseError),
    #[error("the figures could not be cut and sealed")]
    Pool(#[from] PoolError),
    #[error(transparent)]
    Shape(#[from] ShapeError),
    #[error(transparent)]
    Contribution(#[from] ContributionError),
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error("a key of the agreement or the membership list cannot be used")]
    Key(#[from] KeyError),
    #[error("a document of the round has no canonical form")]
    Canonical(#[from] CanonicalError),
    #[error(
        "the sealed contribution in the state directory is not the one that the audit log names: {0}"
    )]
    Lost(&'static str),
    #[error("the work on a contribution was called off")]
    CalledOff,
}

impl From<LoadError> for Trouble {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Round(reason) => Self::Round(reason),
            other => Self::Load(other),
        }
    }
}

impl From<ShelfError> for Trouble {
    fn from(error: ShelfError) -> Self {
        Self::Release(error.into())
    }
}

impl From<crate::tabulate::TabulateError> for Trouble {
    fn from(error: crate::tabulate::TabulateError) -> Self {
        Self::Release(error.into())
    }
}

impl Trouble {
    /// What may be told of it.
    fn fault(&self) -> PoolFault {
        match self {
            Self::Stranger(text) => PoolFault::Unauthenticated(text),
            Self::Refused(code) => PoolFault::Refused(*code),
            Self::Unbelieved(_) | Self::Verify(_) => PoolFault::Refused(RefusalCode::RoundDiffers),
            Self::Proof(_) => PoolFault::Refused(RefusalCode::Malformed),
            Self::Round(reason) => PoolFault::Refused(reason.code()),
            Self::Membership(MembershipError::TooFew(_)) => {
                PoolFault::Refused(RefusalCode::TooFewMembers)
            }
            Self::Membership(_) => PoolFault::Refused(RefusalCode::RoundDiffers),
            Self::Store(StoreError::Step(step)) => PoolFault::Refused(step.code()),
            Self::Store(reason) if reason.unwritable() => PoolFault::LedgerUnavailable,
            Self::Store(_)
            | Self::Vault(_)
            | Self::Load(_)
            | Self::Offers(_)
            | Self::Intake(_)
            | Self::Manifest(_)
            | Self::Release(_)
            | Self::Pool(_)
            | Self::Shape(_)
            | Self::Contribution(_)
            | Self::Document(_)
            | Self::Key(_)
            | Self::Canonical(_)
            | Self::Lost(_)
            | Self::CalledOff => PoolFault::Internal,
        }
    }
}

impl Inner {
    /// The agreement that has a sum, as far as this node takes part in it.
    fn pool(&self) -> Result<&Pool, Trouble> {
        self.pool.as_ref().ok_or(Trouble::Refused(RefusalCode::SumNotAgreed))
    }

    /// The list that a round goes by.
    fn list_of(&self, pool: &Pool, round: Digest) -> Result<Arc<VerifiedRoster>, Trouble> {
        let (site, of) = (&self.site, (&pool.of.roster, &pool.of.agreement));
        Ok(site.contributing.vault.list_of(&site.store.rounds(), round, of)?)
    }

    /// What comes of a call, with the reason of a fault in the log. Servers ask again and again: the same reason is
    /// a line once, until the call succeeds or another one takes its place.
    fn told_outside<T>(
        &self,
        caller: &Peer,
        call: &'static str,
        outcome: Result<T, Trouble>,
    ) -> Result<T, PoolFault> {
        let place = (caller.role(), call);
        let trouble = match outcome {
            Ok(done) => {
                if let Some(pool) = &self.pool {
                    pool.says().remove(&place);
                }
                return Ok(done);
            }
            Err(trouble) => trouble,
        };
        let fault = trouble.fault();
        if let Trouble::Stranger(text) = trouble {
            self.site.security.refused(caller.ods().as_str(), text);
            return Err(fault);
        }
        let text = trouble.to_string();
        let before = self.pool.as_ref().and_then(|pool| pool.says().insert(place, text.clone()));
        let reason: &(dyn Error + 'static) = &trouble;
        let from = caller.ods();
        if before.as_ref() == Some(&text) {
            debug!(%from, call, reason, "a step of a blind sum was not taken, as before");
        } else {
            warn!(%from, call, reason, "a step of a blind sum was not taken");
        }
        Err(fault)
    }
}

/// Who may call for what: the coordinator alone, or either server.
fn coordinator(pool: &Pool, caller: &Peer) -> Result<(), Trouble> {
    let welcome = pool.is_coordinator(caller);
    if welcome { Ok(()) } else { Err(Trouble::Stranger(RefusalCode::NotACoordinator.says())) }
}

const NO_SERVER_OF_THE_SUM: &str =
    "the call came from a server that runs no part of the agreement's blind sum";

fn either_server(pool: &Pool, caller: &Peer) -> Result<evensum_core::pool::Role, Trouble> {
    if pool.is_coordinator(caller) {
        return Ok(evensum_core::pool::Role::Leader);
    }
    if pool.is_second(caller) {
        return Ok(evensum_core::pool::Role::Helper);
    }
    Err(Trouble::Stranger(NO_SERVER_OF_THE_SUM))
}

fn second_server(pool: &Pool, caller: &Peer) -> Result<(), Trouble> {
    let welcome = pool.is_second(caller);
    if welcome { Ok(()) } else { Err(Trouble::Stranger(NO_SERVER_OF_THE_SUM)) }
}

/// Runs work that takes the processor. A break in it goes on here.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(broken) if broken.is_panic() => std::panic::resume_unwind(broken.into_panic()),
        Err(_) => Err(Trouble::CalledOff),
    }
}

impl PoolNodePort for Node {
    fn ready<'a>(
        &'a self,
        caller: &'a Peer,
        agreement: &'a AgreementId,
    ) -> BoxFuture<'a, Result<Vec<Envelope>, PoolFault>> {
        Box::pin(async move {
            let outcome = ready::ready(&self.0, caller, agreement).await;
            self.0.told_outside(caller, "ready", outcome)
        })
    }

    fn contribute<'a>(
        &'a self,
        caller: &'a Peer,
        round: &'a Envelope,
    ) -> BoxFuture<'a, Result<SealedParts, PoolFault>> {
        Box::pin(async move {
            let outcome = parts::contribute(&self.0, caller, round).await;
            self.0.told_outside(caller, "contribute", outcome)
        })
    }

    fn closed<'a>(
        &'a self,
        caller: &'a Peer,
        closing: &'a SignedClosing,
    ) -> BoxFuture<'a, Result<(), PoolFault>> {
        Box::pin(async move {
            let outcome = closing::closed(&self.0, caller, closing).await;
            self.0.told_outside(caller, "closed", outcome)
        })
    }

    fn told<'a>(
        &'a self,
        caller: &'a Peer,
        entries: Vec<ReceiptParts>,
    ) -> BoxFuture<'a, Result<(), PoolFault>> {
        Box::pin(async move {
            let outcome = told::told(&self.0, caller, entries).await;
            self.0.told_outside(caller, "told", outcome)
        })
    }
}

/// The tables of an agreement's packs that are contributed, compiled where there is time for it.
async fn tables(
    catalogue: &Arc<Catalogue>,
    agreement: &Agreement,
    of: (evensum_core::model::DatasetId, evensum_core::model::Period),
    now: evensum_core::model::Timestamp,
) -> Result<Arc<evensum_core::plan::PooledTables>, Trouble> {
    let (catalogue, agreement) = (Arc::clone(catalogue), agreement.clone());
    blocking(move || {
        let (dataset, period) = of;
        let tables =
            evensum_core::plan::PooledTables::of(&agreement, (&dataset, period), &catalogue, now)?;
        Ok(Arc::new(tables))
    })
    .await
}
