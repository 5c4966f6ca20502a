//! What happens when an extract is published: the tables that agreements name are decided in an order that was fixed
//! before it was looked at, and each of them is released or withheld. Until that is done no question is answered from
//! the extract by counting, so that none can take the place of a table that the law demands.

use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use evensum_core::authz::Publication;
use evensum_core::disclosure::attack::Limits;
use evensum_core::disclosure::{ChainError, Live, Protected};
use evensum_core::ledger::Event;
use evensum_core::model::{DatasetId, Digest, Period, SnapshotRef, SnapshotVersion};
use evensum_core::plan::{self, Plan};
use tokio::sync::Mutex;
use tracing::{error, info};

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
    pub snapshot: SnapshotRef,
    /// Tables that are released, each rung by itself.
    pub released: u32,
    /// Tables that are withheld, likewise.
    pub withheld: u32,
}

/// One degree of detail of a table, and what it is frozen under.
struct Rung {
    key: Digest,
    plan: Arc<Plan<Publication>>,
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
    /// By id and standing: the tables of the same rows with another standing are other tables.
    extracts: HashSet<(Digest, SnapshotVersion)>,
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

    /// Prepares an extract, where that is not done and can be done. A table that fails for reasons of its own is
    /// logged and left undecided.
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
            done.extracts.insert((prepared.snapshot.id, prepared.snapshot.version));
            done.folders.insert(extract.dir.clone());
        });
        let Prepared { dataset, period, released, withheld, .. } = &prepared;
        info!(%dataset, %period, released, withheld, "the tables that agreements name are decided");
        Ok(Some(prepared))
    }

    pub(super) async fn is_prepared(&self, extract: &Extract) -> Result<bool, ReleaseError> {
        if !self.preparation.with(|done| done.read) {
            let known = self.store.prepared().await?;
            self.preparation.with(|done| {
                done.extracts.extend(known);
                done.read = true;
            });
        }
        Ok(self.preparation.with(|done| {
            let prepared = done.extracts.contains(&(extract.of.id, extract.of.version));
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
        let tables = self.tables(extract)?;
        let keys: Vec<Digest> = tables.iter().flatten().map(|rung| rung.key).collect();
        let mut tries = 0;
        while let Err(outrun @ StoreError::Outrun) =
            self.decide_all(extract, &tables, &mut tell).await?
        {
            tries += 1;
            if tries == MOST_TRIES {
                return Err(outrun.into());
            }
        }
        let decided = self.store.decided(&keys).await?;
        let count = |wanted| {
            let found = decided.iter().filter(|one| **one == Some(wanted)).count();
            u32::try_from(found).unwrap_or(u32::MAX)
        };
        let prepared = Prepared {
            dataset: dataset.clone(),
            period: *period,
            snapshot: extract.of.clone(),
            released: count(Decided::Released),
            withheld: count(Decided::Withheld),
        };
        self.store.append(prepared.event()).await?;
        Ok(prepared)
    }

    /// The tables of an extract in their order. A rung that an earlier table has is decided there.
    fn tables(&self, extract: &Extract) -> Result<Vec<Vec<Rung>>, ReleaseError> {
        let Manifest { dataset, period, .. } = &extract.manifest;
        let (of, now) = ((dataset, *period), self.clock.now());
        let all = plan::publication(&self.agreements, of, self.profile, &self.catalogue, now);
        let (mut known, mut tables) = (HashSet::new(), Vec::with_capacity(all.len()));
        for rungs in all {
            let mut table = Vec::with_capacity(rungs.len());
            for plan in rungs {
                let key = plan.frozen_key(&self.ods, &extract.of).map_err(ChainError::from)?;
                let can = extract.holds(&plan) && extract.has_keys_for(&plan);
                if can && known.insert(key) {
                    table.push(Rung { key, plan: Arc::new(plan) });
                }
            }
            tables.push(table);
        }
        Ok(tables)
    }

    /// Decides what is not decided of the tables. The inner result is [`StoreError::Outrun`] where something else
    /// became live meanwhile: what is still open must be counted again.
    async fn decide_all(
        &self,
        extract: &Extract,
        tables: &[Vec<Rung>],
        tell: &mut (impl FnMut(Progress) + Send),
    ) -> Result<Result<(), StoreError>, ReleaseError> {
        let Manifest { dataset, period, .. } = &extract.manifest;
        let universe = self.universe(dataset, *period)?;
        let mut open = self.open(extract, tables).await?;
        let mut progress = |open: usize| {
            tell(Progress { done: tables.len().saturating_sub(open), tables: tables.len() });
        };
        progress(open.len());
        while !open.is_empty() {
            let _turn = self.turns.take(&universe).await;
            let test = move |live: &Live<'_>| {
                let decision = live.advance(&mut open, &Limits::RELEASE);
                Ok((open, decision))
            };
            let (rest, decision) = self.tested(&universe, test).await?;
            open = rest;
            match decision {
                Ok(decision) => match self.store.decide(&universe, &decision).await {
                    Err(outrun @ StoreError::Outrun) => return Ok(Err(outrun)),
                    decided => decided?,
                },
                // The first is left undecided, and what is asked for it fails likewise; the others do not depend on it.
                Err(reason) => {
                    let key = open.pop_front().and_then(|rungs| Some(rungs.first()?.key()));
                    failed(extract, key, &reason);
                }
            }
            progress(open.len());
        }
        Ok(Ok(()))
    }

    /// What is not decided of the tables, counted and protected.
    async fn open(
        &self,
        extract: &Extract,
        tables: &[Vec<Rung>],
    ) -> Result<VecDeque<Vec<Protected>>, ReleaseError> {
        let mut open = VecDeque::with_capacity(tables.len());
        for table in tables {
            let keys: Vec<Digest> = table.iter().map(|rung| rung.key).collect();
            let decided = self.store.decided(&keys).await?;
            let rungs = table.iter().zip(decided).filter(|(_, decided)| decided.is_none());
            let plans: Vec<_> = rungs.map(|(rung, _)| Arc::clone(&rung.plan)).collect();
            if plans.is_empty() {
                continue;
            }
            match self.protected(extract, plans).await {
                Ok(rungs) => open.push_back(rungs),
                Err(reason) if reason.of_one_table() => {
                    failed(extract, keys.first().copied(), &reason);
                }
                Err(reason) => return Err(reason),
            }
        }
        Ok(open)
    }
}

/// Logs that a table stays undecided.
fn failed(extract: &Extract, key: Option<Digest>, reason: &(dyn std::error::Error + 'static)) {
    let Manifest { dataset, period, .. } = &extract.manifest;
    let key = key.map(|key| key.short());
    error!(%dataset, %period, key, reason, "a table that agreements name could not be decided");
}

impl Prepared {
    fn event(&self) -> Event {
        Event::Prepared {
            dataset: self.dataset.clone(),
            period: self.period,
            snapshot: self.snapshot.clone(),
            released: self.released,
            withheld: self.withheld,
        }
    }
}
