//! What happens when an extract is published: the tables that agreements name are decided in an order that was fixed
//! before it was looked at, and each of them is released or withheld. Until that is done no question is answered from
//! the extract by counting, so that none can take the place of a table that the law demands.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use evensum_core::authz::Publication;
use evensum_core::disclosure::attack::Limits;
use evensum_core::disclosure::{ChainError, Live};
use evensum_core::ledger::Event;
use evensum_core::model::canonical::CanonicalError;
use evensum_core::model::{DatasetId, Digest, Period};
use evensum_core::plan::{self, Plan, Rungs};
use tokio::sync::Mutex;
use tracing::info;

use super::Site;
use super::release::{Extract, MOST_TRIES, ReleaseError};
use crate::intake::{self, IntakeError};
use crate::snapshot::{Manifest, SnapshotError};
use crate::store::{Decided, StoreError};

/// Why the tables of an extract were not decided, all of them.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The published extracts cannot be listed.
    #[error("the published extracts cannot be listed")]
    Intake(#[from] IntakeError),
    /// A manifest cannot be read.
    #[error(transparent)]
    Manifest(#[from] SnapshotError),
    /// A table could not be decided.
    #[error("the tables of {dataset} for {period} could not be decided")]
    Release {
        /// The dataset.
        dataset: DatasetId,
        /// The period.
        period: Period,
        /// Why.
        #[source]
        source: ReleaseError,
    },
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Tables that are decided, each with its rungs.
    pub done: usize,
    /// Tables there are.
    pub tables: usize,
}

/// An extract whose tables were decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The dataset.
    pub dataset: DatasetId,
    /// The period.
    pub period: Period,
    /// The extract.
    pub snapshot_id: Digest,
    /// Tables that are released, each rung by itself.
    pub released: u32,
    /// Tables that are withheld, likewise.
    pub withheld: u32,
}

/// Which extracts are prepared, and whose turn it is to prepare one.
#[derive(Debug, Default)]
pub(super) struct Preparation {
    done: std::sync::Mutex<Done>,
    turn: Mutex<()>,
}

#[derive(Debug, Default)]
struct Done {
    /// Whether the store was asked.
    read: bool,
    extracts: HashSet<Digest>,
    /// Folders that need not be looked into again.
    folders: HashSet<PathBuf>,
}

impl Preparation {
    fn with<T>(&self, look: impl FnOnce(&mut Done) -> T) -> T {
        look(&mut self.done.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Site {
    /// Prepares every published extract that is in force and is not prepared yet, and tells of each how far it is.
    ///
    /// # Errors
    /// [`PrepareError`], of the first that cannot be prepared; the others are all the same. What was decided of it
    /// stays decided, and the next call goes on from there.
    pub async fn prepare_due(
        &self,
        mut tell: impl FnMut(&Manifest, Progress) + Send,
    ) -> Result<Vec<Prepared>, PrepareError> {
        let (mut done, mut failed) = (Vec::new(), None);
        for dir in intake::published(self.shelf.state())? {
            if self.preparation.with(|known| known.folders.contains(&dir)) {
                continue;
            }
            match self.prepare_in(dir, &mut tell).await {
                Ok(prepared) => done.extend(prepared),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(done), Err)
    }

    async fn prepare_in(
        &self,
        dir: PathBuf,
        tell: &mut (impl FnMut(&Manifest, Progress) + Send),
    ) -> Result<Option<Prepared>, PrepareError> {
        let manifest = Manifest::read(&dir)?;
        let Some(extract) = Extract::of(dir, manifest) else { return Ok(None) };
        self.prepare(&extract, |progress| tell(&extract.manifest, progress)).await
    }

    /// Waits until the tables of an extract are decided, by deciding them where nobody else does.
    pub(super) async fn ready(&self, extract: &Extract) -> Result<(), Arc<PrepareError>> {
        self.prepare(extract, |_| {}).await.map(drop).map_err(Arc::new)
    }

    /// Prepares an extract, where that is not done and can be done.
    async fn prepare(
        &self,
        extract: &Extract,
        tell: impl FnMut(Progress) + Send,
    ) -> Result<Option<Prepared>, PrepareError> {
        let Manifest { dataset, period, .. } = &extract.manifest;
        let failed = |source| {
            let (dataset, period) = (dataset.clone(), *period);
            PrepareError::Release { dataset, period, source }
        };
        // Of one whose rows are gone, or mean something else by now, nothing is counted any more; and without an
        // agreement nobody asks.
        let idle = extract.manifest.deleted.is_some()
            || !extract.is_defined(&self.catalogue)
            || self.agreements.is_empty();
        if idle || self.is_prepared(extract).await.map_err(failed)? {
            return Ok(None);
        }
        let _turn = self.preparation.turn.lock().await;
        if self.is_prepared(extract).await.map_err(failed)? {
            return Ok(None);
        }
        let prepared = self.run(extract, tell).await.map_err(failed)?;
        self.preparation.with(|done| {
            done.extracts.insert(prepared.snapshot_id);
            done.folders.insert(extract.dir.clone());
        });
        let Prepared { dataset, period, released, withheld, .. } = &prepared;
        info!(%dataset, %period, released, withheld, "the tables that agreements name are decided");
        Ok(Some(prepared))
    }

    async fn is_prepared(&self, extract: &Extract) -> Result<bool, ReleaseError> {
        if !self.preparation.with(|done| done.read) {
            let known = self.store.prepared().await?;
            self.preparation.with(|done| {
                done.extracts.extend(known);
                done.read = true;
            });
        }
        Ok(self.preparation.with(|done| {
            let prepared = done.extracts.contains(&extract.of.id);
            if prepared {
                done.folders.insert(extract.dir.clone());
            }
            prepared
        }))
    }

    async fn run(
        &self,
        extract: &Extract,
        mut tell: impl FnMut(Progress) + Send,
    ) -> Result<Prepared, ReleaseError> {
        let Manifest { dataset, period, .. } = &extract.manifest;
        self.note(&extract.manifest, &extract.of).await?;
        let (of, now) = ((dataset, *period), self.clock.now());
        let tables = plan::publication(&self.agreements, of, self.profile, &self.catalogue, now);
        let can = |rung: &Plan<Publication>| extract.holds(rung) && extract.has_keys_for(rung);
        let held = |rungs: Rungs| rungs.into_iter().filter(can).collect();
        let tables: Vec<Rungs> = tables.into_iter().map(held).collect();
        let (mut keys, count) = (HashSet::new(), tables.len());
        for (done, rungs) in tables.into_iter().enumerate() {
            tell(Progress { done, tables: count });
            let own = self.keys(extract, &rungs)?;
            keys.extend(own.iter().copied());
            self.descend(extract, rungs, &own).await?;
        }
        tell(Progress { done: count, tables: count });
        let keys: Vec<Digest> = keys.into_iter().collect();
        let decided = self.store.decided(&keys).await?;
        let count = |wanted| {
            let found = decided.iter().filter(|one| **one == Some(wanted)).count();
            u32::try_from(found).unwrap_or(u32::MAX)
        };
        let prepared = Prepared {
            dataset: dataset.clone(),
            period: *period,
            snapshot_id: extract.of.id,
            released: count(Decided::Released),
            withheld: count(Decided::Withheld),
        };
        self.store.append(prepared.event()).await?;
        Ok(prepared)
    }

    fn keys(&self, extract: &Extract, rungs: &Rungs) -> Result<Vec<Digest>, ReleaseError> {
        let key = |rung: &Plan<Publication>| rung.frozen_key(&self.ods, &extract.of);
        let keys: Result<Vec<_>, CanonicalError> = rungs.iter().map(key).collect();
        Ok(keys.map_err(ChainError::from)?)
    }

    /// Decides what is not decided of a table's rungs, in one transaction.
    async fn descend(
        &self,
        extract: &Extract,
        rungs: Rungs,
        keys: &[Digest],
    ) -> Result<(), ReleaseError> {
        let decided = self.store.decided(keys).await?;
        let open = rungs.into_iter().zip(decided).filter(|(_, decided)| decided.is_none());
        let open: Arc<[Plan<Publication>]> = open.map(|(rung, _)| rung).collect();
        let Manifest { dataset, period, .. } = &extract.manifest;
        let universe = self.universe(dataset, *period)?;
        let mut last = None;
        for _ in 0..if open.is_empty() { 0 } else { MOST_TRIES } {
            let tables = self.protected(extract, &open).await?;
            let _turn = self.turns.take(&universe).await;
            let test = move |live: &Live<'_>| live.descend(tables, &Limits::RELEASE);
            let descent = self.tested(&universe, test).await?;
            match self.store.decide(&universe, &descent).await {
                Err(outrun @ StoreError::Outrun) => last = Some(outrun),
                decided => return Ok(decided?),
            }
        }
        last.map_or(Ok(()), |outrun| Err(outrun.into()))
    }
}

impl Prepared {
    fn event(&self) -> Event {
        Event::Prepared {
            dataset: self.dataset.clone(),
            period: self.period,
            snapshot_id: self.snapshot_id,
            released: self.released,
            withheld: self.withheld,
        }
    }
}
