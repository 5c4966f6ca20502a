//! One table from an extract: counted, protected, put to the disclosure test beside everything that is live of the same
//! records, and then frozen or withheld for ever.

use std::path::PathBuf;
use std::sync::Arc;

use evensum_core::authz::{self, Shareable};
use evensum_core::catalogue::{Catalogue, CatalogueError};
use evensum_core::disclosure::attack::Limits;
use evensum_core::disclosure::{
    ChainError, Live, LiveError, Outcome, Protected, Universe, protect,
};
use evensum_core::model::{DatasetId, Period, SnapshotRef};
use evensum_core::plan::Plan;

use super::Site;
use super::question::Source;
use super::shelf::ShelfError;
use crate::snapshot::Manifest;
use crate::store::{About, Ending, Publish, Store, StoreError};
use crate::tabulate::sql::SqlError;
use crate::tabulate::{Request, TabulateError, tabulate};

/// How often a table is tested again because something else became live meanwhile. Those who go through a site take
/// turns, so that it is never needed; it keeps a fault in that from going round for ever.
pub(super) const MOST_TRIES: usize = 4;

/// Why a table could be neither released nor withheld.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The audit log did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The extract cannot be opened.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    /// It cannot be counted.
    #[error(transparent)]
    Tabulate(#[from] TabulateError),
    /// The partner's database cannot count it.
    #[error("the partner's database did not count")]
    Warehouse(#[from] SqlError),
    /// It cannot be protected.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// It cannot be put to the test.
    #[error("a table could not be put to the disclosure test")]
    Live(#[from] LiveError),
    /// Its dataset has no definition.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The work was called off.
    #[error("the work on a table was called off")]
    CalledOff,
}

impl ReleaseError {
    /// Whether it is about that table alone, so that others of the same extract can still be decided.
    pub(super) const fn of_one_table(&self) -> bool {
        match self {
            Self::Chain(_) | Self::Live(_) | Self::Catalogue(_) => true,
            Self::Store(_)
            | Self::Shelf(_)
            | Self::Tabulate(_)
            | Self::Warehouse(_)
            | Self::CalledOff => false,
        }
    }
}

/// A published extract: its folder, its manifest and how it is named.
#[derive(Debug, Clone)]
pub(super) struct Extract {
    pub(super) dir: PathBuf,
    pub(super) manifest: Manifest,
    pub(super) of: SnapshotRef,
}

impl Extract {
    /// None where it has no standing.
    pub(super) fn of(dir: PathBuf, manifest: Manifest) -> Option<Self> {
        let of = manifest.reference()?;
        Some(Self { dir, manifest, of })
    }

    /// Whether it was made by the rules that are in force.
    pub(super) fn is_defined(&self, catalogue: &Catalogue) -> bool {
        let hash = catalogue.dataset_hash(&self.manifest.dataset);
        hash.ok() == Some(self.manifest.definition_hash)
    }

    /// Whether it has every column and every measure that a plan needs.
    pub(super) fn holds<U: authz::Use>(&self, plan: &Plan<U>) -> bool {
        plan.needs().all(|column| self.manifest.columns_held.contains(column))
    }

    /// Whether it has the keys of its records, where a plan needs them.
    pub(super) const fn has_keys_for<U: authz::Use>(&self, plan: &Plan<U>) -> bool {
        !plan.keyed() || self.manifest.keys_hmac.is_some()
    }
}

impl Site {
    /// The universe that a table stands in.
    pub(super) fn universe(
        &self,
        dataset: &DatasetId,
        period: Period,
    ) -> Result<Universe, ReleaseError> {
        let dataset = self.catalogue.dataset(dataset).map_err(CatalogueError::from)?;
        Ok(Universe::of(dataset, period))
    }

    /// Counts and protects the tables of plans, in their order.
    pub(super) async fn protected<U: Shareable + Send + Sync + 'static>(
        &self,
        extract: &Extract,
        plans: Vec<Arc<Plan<U>>>,
    ) -> Result<Vec<Protected>, ReleaseError> {
        if let Some(warehouse) = &self.warehouse {
            let mut tables = Vec::with_capacity(plans.len());
            for plan in &plans {
                let raw = warehouse.tabulate(&extract.manifest, &Request::of(plan)).await?;
                tables.push(protect(plan, raw, &extract.of, &self.ods)?);
            }
            return Ok(tables);
        }
        let (site, extract) = (self.clone(), extract.clone());
        blocking(move || {
            let snapshot = site.shelf.open(&extract.dir, &extract.manifest)?;
            let one = |plan: &Arc<Plan<U>>| {
                let raw = tabulate(&snapshot, &Request::of(plan))?;
                Ok(protect(plan, raw, &extract.of, &site.ods)?)
            };
            plans.iter().map(one).collect()
        })
        .await
    }

    /// Puts tables to the test beside everything that is live of their universe.
    pub(super) async fn tested<T: Send + 'static>(
        &self,
        universe: &Universe,
        test: impl FnOnce(&Live<'_>) -> Result<T, LiveError> + Send + 'static,
    ) -> Result<T, ReleaseError> {
        let stored = self.store.live(universe).await?;
        let catalogue = Arc::clone(&self.catalogue);
        blocking(move || Ok(test(&Live::new(&catalogue, stored)?)?)).await
    }
}

/// Decides the table of a question, and ends it.
pub(super) async fn decide(
    site: &Site,
    store: &Store,
    about: About,
    (plan, source): (Plan<authz::Asked>, Source),
) -> Result<Ending, ReleaseError> {
    let layout = plan.layout();
    let universe = site.universe(layout.dataset(), layout.question().period)?;
    let plan = Arc::new(plan);
    for _ in 0..MOST_TRIES {
        let tables = site.protected(&source.extract, vec![Arc::clone(&plan)]).await?;
        let _turn = site.turns.take(&universe).await;
        let outcome = site.tested(&universe, move |live| live.test(tables, &Limits::RELEASE));
        match outcome.await? {
            Outcome::Withheld(tables) => {
                let Some(table) = tables.first() else { return Err(ReleaseError::CalledOff) };
                return Ok(store.withhold(&universe, table, about).await?);
            }
            Outcome::Passed(drafts) => {
                let Some(draft) = drafts.first() else { return Err(ReleaseError::CalledOff) };
                match store.publish(Publish::new(about, &universe, draft)).await {
                    Err(StoreError::Outrun) => {}
                    ended => return Ok(ended?),
                }
            }
        }
    }
    Err(StoreError::Outrun.into())
}

/// Runs work that takes the processor. A break in it goes on here, to whoever supervises.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReleaseError> + Send + 'static,
) -> Result<T, ReleaseError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(broken) if broken.is_panic() => std::panic::resume_unwind(broken.into_panic()),
        Err(_) => Err(ReleaseError::CalledOff),
    }
}
