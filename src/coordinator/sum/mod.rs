//! The coordinator's part in blind sums: it binds the partners that are ready, fetches their sealed contributions,
//! checks them together with the second server, closes, and opens totals, which it puts under disclosure control before
//! anybody sees them. Every step that binds is in the audit log before it is sent, and what is on the disk is enough to
//! go on after a restart.

mod answer;
mod close;
mod collect;
mod gather;
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
use evensum_core::model::{Agreement, Clock, Digest};
use evensum_core::plan::PooledTables;
use evensum_core::pool::{
    BoundRound, DocumentError, MembershipError, PoolError, Round, RoundDocument, RoundError,
    RoundRules, SealKey, ShapeError, VerifiedRoster,
};
use evensum_core::port::{HelperDirectory, HelperPort, PoolDirectory, PoolFault};
use evensum_core::sign::{KeyError, SigningKey, VerifyError};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::store::{Store, StoreError, Turns, Vault, VaultError};

pub(super) use answer::{SumQuery, ask};

/// Between two looks at what can be done next.
const LOOK: Duration = Duration::from_secs(1);
/// The longest that one call to another server takes.
const CALL: Duration = Duration::from_secs(60);

/// An agreement with a blind sum, and its membership list.
#[derive(Debug, Clone)]
pub struct Summed {
    /// The own copy of the agreement.
    pub agreement: Agreement,
    /// The membership list that was verified against it.
    pub roster: Arc<VerifiedRoster>,
}

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
    /// The second server.
    pub helper: Arc<dyn HelperDirectory>,
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

/// Everything about one round that is on the disk, verified again.
pub(super) struct Loaded {
    pub(super) of: Summed,
    pub(super) round: BoundRound,
    pub(super) envelope: evensum_core::sign::Envelope,
    pub(super) tables: PooledTables,
}

/// The coordinator's sums.
pub(super) struct Sums {
    pub(super) own: Peer,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) parts: SumParts,
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
        for of in &self.parts.agreements {
            failed = failed.or(self.gather(of).await.err());
        }
        failed.map_or(Ok(()), Err)
    }

    /// Takes an open round as far as it goes.
    async fn forward(&self, hash: Digest) -> Result<(), SumError> {
        let Some(loaded) = self.load(hash)? else {
            return Err(SumError::Lost("its document, or the agreement that it is under"));
        };
        if self.is_over(&loaded) && self.dead(hash) {
            return Ok(());
        }
        self.announce(&loaded).await?;
        self.collect(&loaded).await?;
        self.close(&loaded).await
    }

    /// The second server.
    fn helper(&self) -> Result<Arc<dyn HelperPort>, SumError> {
        self.parts.helper.helper().ok_or(SumError::Helper(PoolFault::Unreachable))
    }

    /// Reads a round from the disk and verifies it against the agreement in force and the list that it was bound under.
    pub(super) fn load(&self, hash: Digest) -> Result<Option<Loaded>, SumError> {
        let Some(envelope) = self.envelope::<Round>(hash, shelf::ROUND)? else {
            return Ok(None);
        };
        let document = Round::read(&envelope.payload)?;
        let of = self.parts.agreements.iter().find(|of| of.agreement.id == document.agreement);
        let Some(Summed { agreement, roster }) = of.cloned() else { return Ok(None) };
        let rounds = self.store.rounds();
        let roster = self.parts.vault.list_of(&rounds, hash, (&roster, &agreement))?;
        let of = Summed { agreement, roster };
        let tables = self.tables(&of, &document.population)?;
        let ids: Vec<Digest> = tables.ids().collect();
        let rules = RoundRules { agreement: &of.agreement, roster: &of.roster, tables: &ids };
        let round = BoundRound::verify(&envelope, &rules)?;
        Ok(Some(Loaded { of, round, envelope, tables }))
    }

    fn tables(
        &self,
        of: &Summed,
        population: &evensum_core::model::Population,
    ) -> Result<PooledTables, SumError> {
        let place = (&population.dataset, population.period);
        Ok(PooledTables::of(&of.agreement, place, &self.catalogue, self.clock.now())?)
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
