//! One question of an accepted query: from which extract, counted, protected, frozen, signed.

use std::path::PathBuf;
use std::sync::Arc;

use evensum_core::authz;
use evensum_core::disclosure::{Draft, Frozen, Outgoing, protect};
use evensum_core::ledger::{Event, Receipt};
use evensum_core::model::{DatasetId, Digest, Period, RefusalCode, SnapshotRef};
use evensum_core::plan::Plan;
use evensum_core::port::NodeFault;
use tracing::{error, info};

use super::Inner;
use super::answer::end_broken;
use super::shelf::ShelfError;
use crate::snapshot::Manifest;
use crate::store::{About, FrozenRow, Publish, StoreError};
use crate::tabulate::sql::SqlError;
use crate::tabulate::{Request, TabulateError, tabulate};

/// Why the node's own part failed. Logged here, and told to nobody outside.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    #[error(transparent)]
    Tabulate(#[from] TabulateError),
    #[error("the partner's database did not count")]
    Warehouse(#[from] SqlError),
    #[error(transparent)]
    Chain(#[from] evensum_core::disclosure::ChainError),
    #[error(transparent)]
    Outgoing(#[from] evensum_core::disclosure::OutgoingError),
    #[error("a release has no key to be frozen under")]
    Key(#[from] evensum_core::model::canonical::CanonicalError),
    #[error("counting was called off")]
    Counting,
}

impl Trouble {
    /// Logs it, and gives what may be said of it.
    pub(super) fn said(&self, about: About) -> NodeFault {
        error!(query = %about.query_id, question = about.question, reason = self as &(dyn std::error::Error + 'static), "a question could not be answered");
        match self {
            Self::Store(reason) if reason.unwritable() => NodeFault::LedgerUnavailable,
            _ => NodeFault::Internal,
        }
    }
}

/// What remains to be done for a question once the audit log holds its query.
pub(super) enum Step {
    /// Hand out a frozen table.
    Release(Box<(FrozenRow, Receipt)>),
    /// Refuse, as the audit log says.
    Refusal(RefusalCode, Box<Receipt>),
    /// Count.
    Count(Box<(Plan<authz::Asked>, Source)>),
    /// There is no extract to count from.
    Lacking(Lack),
}

/// The extract that a plan is answered from, and the key of its table.
pub(super) struct Source {
    dir: PathBuf,
    manifest: Manifest,
    of: SnapshotRef,
    pub(super) key: Digest,
}

impl Source {
    /// Whether its rows are held no longer.
    pub(super) const fn deleted(&self) -> bool {
        self.manifest.deleted.is_some()
    }
}

/// Why there is none.
pub(super) enum Lack {
    Refused(RefusalCode),
    Broken(ShelfError),
}

/// An extract as it was found: its folder, its manifest and how it is named.
type Found = Option<(PathBuf, Manifest, SnapshotRef)>;

/// The extracts of one query, each looked for once.
#[derive(Default)]
pub(super) struct Sources {
    found: Vec<((DatasetId, Period), Found)>,
}

impl Sources {
    /// The extract that a plan is answered from.
    pub(super) async fn of(
        &mut self,
        node: &Inner,
        plan: &Plan<authz::Asked>,
    ) -> Result<Result<Source, Lack>, Trouble> {
        let (dataset, period) = (plan.layout().dataset(), plan.layout().question().period);
        let known = self.found.iter().find(|((d, p), _)| d == dataset && *p == period);
        let found = match known {
            Some((_, found)) => found.clone(),
            None => match node.shelf.find(dataset, period) {
                Ok(found) => {
                    let found = found.and_then(|(dir, m)| m.reference().map(|of| (dir, m, of)));
                    if let Some((_, manifest, of)) = &found {
                        node.note(manifest, of).await?;
                    }
                    self.found.push(((dataset.clone(), period), found.clone()));
                    found
                }
                Err(broken) => return Ok(Err(Lack::Broken(broken))),
            },
        };
        let Some((dir, manifest, of)) = found else {
            return Ok(Err(Lack::Refused(RefusalCode::NoData)));
        };
        if node.catalogue.dataset_hash(dataset).ok() != Some(manifest.definition_hash) {
            // Derived by other rules than those that the answer would cite.
            return Ok(Err(Lack::Refused(RefusalCode::DefinitionDiffers)));
        }
        let filters = plan.filters().iter().map(|f| &f.column);
        if !plan.columns().iter().chain(filters).all(|c| manifest.columns_held.contains(c)) {
            return Ok(Err(Lack::Refused(RefusalCode::ColumnNotHeld)));
        }
        if plan.keyed() && manifest.keys_hmac.is_none() {
            return Ok(Err(Lack::Refused(RefusalCode::RecordKeysNotHeld)));
        }
        let key = plan.frozen_key(&node.ods, &of)?;
        Ok(Ok(Source { dir, manifest, of, key }))
    }
}

/// Takes the step for a question. Whatever comes of it, the question has an end, or the audit log cannot be
/// written.
pub(super) async fn one(node: Arc<Inner>, about: About, step: Step) -> Result<Outgoing, NodeFault> {
    let trouble = match taken(&node, about, step).await {
        Ok(outgoing) => return Ok(outgoing),
        Err(trouble) => trouble,
    };
    match trouble.said(about) {
        NodeFault::LedgerUnavailable => Err(NodeFault::LedgerUnavailable),
        _ => {
            let About { query_id, query_hash, question } = about;
            Err(end_broken(&node, Event::Failed { query_id, query_hash, question }).await)
        }
    }
}

async fn taken(node: &Arc<Inner>, about: About, step: Step) -> Result<Outgoing, Trouble> {
    match step {
        Step::Release(frozen) => {
            let (row, receipt) = *frozen;
            release(node, about, row, receipt)
        }
        Step::Refusal(code, receipt) => refusal(node, about, code, &receipt),
        Step::Lacking(Lack::Broken(broken)) => Err(broken.into()),
        Step::Lacking(Lack::Refused(code)) => {
            let About { query_id, query_hash, question } = about;
            let question = Some(question);
            let event = Event::Refused { asked: None, query_id, query_hash, question, code };
            let receipt = node.store.end(query_id, event).await?;
            refusal(node, about, code, &receipt)
        }
        Step::Count(work) => {
            // 7. Count, protect, freeze.
            let (plan, source) = *work;
            let draft = count(node, plan, source).await?;
            let (row, receipt) = node.store.publish(Publish::new(about, &draft)).await?;
            // 8. Only now the answer, signed.
            let outgoing = release(node, about, row, receipt)?;
            info!(query = %about.query_id, question = about.question, "answered");
            Ok(outgoing)
        }
    }
}

async fn count(
    node: &Arc<Inner>,
    plan: Plan<authz::Asked>,
    source: Source,
) -> Result<Draft, Trouble> {
    if let Some(warehouse) = &node.warehouse {
        let raw = warehouse.tabulate(&source.manifest, &Request::of(&plan)).await?;
        return Ok(protect(&plan, raw, &source.of, &node.ods)?);
    }
    let node = Arc::clone(node);
    let counting = tokio::task::spawn_blocking(move || {
        let snapshot = node.shelf.open(&source.dir, &source.manifest)?;
        let raw = tabulate(&snapshot, &Request::of(&plan))?;
        Ok(protect(&plan, raw, &source.of, &node.ods)?)
    });
    match counting.await {
        Ok(draft) => draft,
        // A break goes on here, to whoever supervises.
        Err(broken) if broken.is_panic() => std::panic::resume_unwind(broken.into_panic()),
        Err(_) => Err(Trouble::Counting),
    }
}

fn release(
    node: &Inner,
    about: About,
    row: FrozenRow,
    receipt: Receipt,
) -> Result<Outgoing, Trouble> {
    let frozen = Frozen::reopen(row.bytes, &row.published)?;
    let released = frozen.release(about.query_id, about.question, receipt)?;
    Ok(Outgoing::release(released, &node.federation, &node.ods, &node.answer_key)?)
}

fn refusal(
    node: &Inner,
    about: About,
    code: RefusalCode,
    receipt: &Receipt,
) -> Result<Outgoing, Trouble> {
    let (federation, ods) = (&node.federation, &node.ods);
    let of = (about.query_id, about.question);
    Ok(Outgoing::refusal(of, code, receipt, federation, ods, &node.answer_key)?)
}
