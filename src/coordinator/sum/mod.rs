//! The coordinator's part in blind sums: it binds the partners that are ready, fetches their sealed contributions,
//! checks them together with the second server, closes, and opens totals, which it puts under disclosure control before
//! anybody sees them. Every step that binds is in the audit log before it is sent, and what is on the disk is enough to
//! go on after a restart.

mod answer;
mod close;
mod collect;
mod gather;
mod masks;
mod open;
mod people;
mod shelf;
#[cfg(test)]
mod tests;
mod wait;

use std::sync::Arc;
use std::time::Duration;

use evensum_core::catalogue::{Catalogue, CatalogueError};
use evensum_core::disclosure::{ChainError, LiveError};
use evensum_core::identity::Peer;
use evensum_core::ledger::PoolStep;
use evensum_core::model::canonical::CanonicalError;
use evensum_core::model::{Clock, Digest};
use evensum_core::pool::{
    BoundRound, DocumentError, MembershipError, PoolError, RoundError, SealKey, ShapeError,
};
use evensum_core::port::{HelperDirectory, HelperPort, PoolDirectory, PoolFault};
use evensum_core::sign::{KeyError, SigningKey, VerifyError};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::round::{self, LoadError, Loaded, Shelf, Summed};
use crate::store::{Store, StoreError, Turns, Vault, VaultError};

pub(super) use answer::{SumQuery, ask};

/// Between two looks at what can be done next.
const LOOK: Duration = Duration::from_secs(1);

/// What a coordinator needs for blind sums.
pub struct SumParts {
    /// The agreements that have one.
    pub agreements: Vec<Summed>,
    /// What contributions are sealed for.
    pub seal_key: Arc<SealKey>,
    /// What signs its documents.
    pub answer_key: SigningKey,
    /// The partners' nodes.
    pub nodes: Arc<dyn PoolDirectory>,
    /// The second server, where there is one.
    pub helper: Option<Arc<dyn HelperDirectory>>,
    /// Where contributions lie until a round is closed.
    pub vault: Vault,
    /// How long members are waited for that have no extract yet, from the first that has one.
    pub wait: Duration,
}

impl std::fmt::Debug for SumParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SumParts").field("agreements", &self.agreements).finish_non_exhaustive()
    }
}

/// Why a step of a round was not taken. It is logged, and tried again.
#[derive(Debug, thiserror::Error)]
pub(super) enum SumError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Pool(#[from] PoolError),
    #[error(transparent)]
    Shape(#[from] ShapeError),
    #[error(transparent)]
    Round(#[from] RoundError),
    #[error(transparent)]
    Membership(#[from] MembershipError),
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    #[error("a document of the other server does not verify")]
    Verify(#[from] VerifyError),
    #[error("a key of the membership list cannot be used")]
    Key(#[from] KeyError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error("opened totals could not be put to the disclosure test")]
    Live(#[from] LiveError),
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    #[error("the second server did not take the step")]
    Helper(#[source] PoolFault),
    #[error("what is kept of the round is incomplete: {0}")]
    Lost(&'static str),
    #[error("the work was called off")]
    CalledOff,
}

/// The coordinator's sums.
pub(super) struct Sums {
    pub(super) own: Peer,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) shelf: Shelf,
    pub(super) seal_key: Arc<SealKey>,
    pub(super) answer_key: SigningKey,
    pub(super) nodes: Arc<dyn PoolDirectory>,
    pub(super) second: Option<Arc<dyn HelperDirectory>>,
    pub(super) wait: Duration,
    /// One opening at a time.
    pub(super) turn: tokio::sync::Mutex<()>,
    /// And one test in each universe, partners' tables that are shown among them.
    pub(super) turns: Arc<Turns>,
}

impl Sums {
    /// Does whatever can be done next, until it is told to stop.
    pub(super) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut said: Option<String> = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => {}
            }
            let done = tokio::select! {
                () = stop.cancelled() => return,
                done = self.look() => done,
            };
            // The same trouble is said once, however often it is met.
            let trouble = done.err().map(|reason| {
                let text = reason.to_string();
                if said.as_ref() != Some(&text) {
                    warn!(
                        reason = &reason as &(dyn std::error::Error + 'static),
                        "a blind sum is not further yet; trying again"
                    );
                }
                text
            });
            said = trouble;
        }
    }

    /// One look: open rounds first, then those that could begin.
    async fn look(&self) -> Result<(), SumError> {
        let mut failed = None;
        let rounds = self.store.rounds();
        for state in rounds.populations() {
            for round in state.versions.values() {
                let forward = match &round.closed {
                    None => self.forward(round.round).await,
                    Some(closed) => self.after_closing(round.round, closed).await,
                };
                failed = failed.or(forward.err());
            }
        }
        for of in self.shelf.agreements() {
            failed = failed.or(self.gather(of).await.err());
        }
        failed.map_or(Ok(()), Err)
    }

    /// Takes an open round as far as it goes.
    async fn forward(&self, hash: Digest) -> Result<(), SumError> {
        if self.dead(hash) {
            return Ok(());
        }
        let loaded = self.shelf.load(hash)?;
        if let Some(helper) = self.helper(&loaded)? {
            self.announce(&loaded, &*helper).await?;
        }
        self.collect(&loaded).await?;
        self.close(&loaded).await
    }

    /// The second server of a round; none where its sum is made without one.
    fn helper(&self, loaded: &Loaded) -> Result<Option<Arc<dyn HelperPort>>, SumError> {
        if !loaded.of.roster.kind().needs_helper() {
            return Ok(None);
        }
        let helper = self.second.as_ref().and_then(|second| second.helper());
        helper.map(Some).ok_or(SumError::Helper(PoolFault::Unreachable))
    }

    /// Writes a step down; whether it is one that was not taken before.
    async fn step(&self, step: PoolStep) -> Result<bool, SumError> {
        Ok(self.store.step(step).await?.is_some())
    }

    fn is_over(&self, loaded: &Loaded) -> bool {
        self.clock.now() >= loaded.round.document().closes
    }
}

/// Runs work that takes the processor.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SumError> + Send + 'static,
) -> Result<T, SumError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(broken) if broken.is_panic() => std::panic::resume_unwind(broken.into_panic()),
        Err(_) => Err(SumError::CalledOff),
    }
}

fn told(round: &BoundRound, what: &str) {
    let document = round.document();
    let (dataset, period) = (&document.population.dataset, document.population.period);
    info!(%dataset, %period, round = round.hash().short(), "{what}");
}
