//! One question of an accepted query: from which extract, counted, protected, frozen, signed.

use std::sync::Arc;

use evensum_core::authz;
use evensum_core::disclosure::{Frozen, Outgoing};
use evensum_core::ledger::{Event, Receipt};
use evensum_core::model::{DatasetId, Digest, Period, RefusalCode};
use evensum_core::plan::Plan;
use evensum_core::port::NodeFault;
use tracing::{error, info};

use super::answer::end_broken;
use super::prepare::PrepareError;
use super::release::{Extract, ReleaseError, decide};
use super::shelf::ShelfError;
use super::{Inner, Site};
use crate::store::{About, Ending, FrozenRow, StoreError};

/// Why the node's own part failed. Logged here, and told to nobody outside.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    #[error(transparent)]
    Release(#[from] ReleaseError),
    #[error("the tables that agreements name could not be decided")]
    Prepare(#[from] Arc<PrepareError>),
    #[error(transparent)]
    Chain(#[from] evensum_core::disclosure::ChainError),
    #[error(transparent)]
    Outgoing(#[from] evensum_core::disclosure::OutgoingError),
    #[error("a release has no key to be frozen under")]
    Key(#[from] evensum_core::model::canonical::CanonicalError),
}

impl Trouble {
    /// Logs it, and gives what may be said of it.
    pub(super) fn said(&self, about: About) -> NodeFault {
        error!(query = %about.query_id, question = about.question, reason = self as &(dyn std::error::Error + 'static), "a question could not be answered");
        match self {
            Self::Store(reason) | Self::Release(ReleaseError::Store(reason))
                if reason.unwritable() =>
            {
                NodeFault::LedgerUnavailable
            }
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
    pub(super) extract: Extract,
    pub(super) key: Digest,
    /// Why nothing may be counted from it: the tables that agreements name are not decided. What is frozen is
    /// answered all the same.
    pub(super) unready: Option<Arc<PrepareError>>,
}

impl Source {
    /// Whether its rows are held no longer.
    pub(super) const fn deleted(&self) -> bool {
        self.extract.manifest.deleted.is_some()
    }
}

/// Why there is none.
pub(super) enum Lack {
    Refused(RefusalCode),
    Broken(Box<Trouble>),
}

/// An extract, and why its tables could not be decided beforehand.
type Found = (Extract, Option<Arc<PrepareError>>);

/// The extracts of one query, each looked for once.
#[derive(Default)]
pub(super) struct Sources {
    found: Vec<((DatasetId, Period), Option<Found>)>,
}

impl Sources {
    /// The extract that a plan is answered from.
    pub(super) async fn of(
        &mut self,
        site: &Site,
        plan: &Plan<authz::Asked>,
    ) -> Result<Result<Source, Lack>, Trouble> {
        let (dataset, period) = (plan.layout().dataset(), plan.layout().question().period);
        let known = self.found.iter().find(|((d, p), _)| d == dataset && *p == period);
        let found = match known {
            Some((_, found)) => found.clone(),
            None => match site.shelf.find(dataset, period) {
                Ok(found) => {
                    let found = match found.and_then(|(dir, m)| Extract::of(dir, m)) {
                        Some(extract) => {
                            site.note(&extract.manifest, &extract.of).await?;
                            let unready = site.ready(&extract).await.err();
                            Some((extract, unready))
                        }
                        None => None,
                    };
                    self.found.push(((dataset.clone(), period), found.clone()));
                    found
                }
                Err(broken) => return Ok(Err(Lack::Broken(Box::new(broken.into())))),
            },
        };
        let Some((extract, unready)) = found else {
            return Ok(Err(Lack::Refused(RefusalCode::NoData)));
        };
        if !extract.is_defined(&site.catalogue) {
            // Derived by other rules than those that the answer would cite.
            return Ok(Err(Lack::Refused(RefusalCode::DefinitionDiffers)));
        }
        if !extract.holds(plan) {
            return Ok(Err(Lack::Refused(RefusalCode::ColumnNotHeld)));
        }
        if !extract.has_keys_for(plan) {
            return Ok(Err(Lack::Refused(RefusalCode::RecordKeysNotHeld)));
        }
        let key = plan.frozen_key(&site.ods, &extract.of)?;
        Ok(Ok(Source { extract, key, unready }))
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
        Step::Lacking(Lack::Broken(broken)) => Err(*broken),
        Step::Lacking(Lack::Refused(code)) => {
            let About { query_id, query_hash, question } = about;
            let question = Some(question);
            let event = Event::Refused { asked: None, query_id, query_hash, question, code };
            let receipt = node.store.end(query_id, event).await?;
            refusal(node, about, code, &receipt)
        }
        Step::Count(work) => {
            // 7. Count, protect, test beside everything that is live, then freeze or withhold.
            match decide(&node.site, &node.store, about, *work).await? {
                // 8. Only now the answer, signed.
                Ending::Released(released) => {
                    let (row, receipt) = *released;
                    let outgoing = release(node, about, row, receipt)?;
                    info!(query = %about.query_id, question = about.question, "answered");
                    Ok(outgoing)
                }
                Ending::Withheld(receipt) => refusal(node, about, RefusalCode::Withheld, &receipt),
            }
        }
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
    Ok(Outgoing::release(released, &node.federation, &node.site.ods, &node.answer_key)?)
}

fn refusal(
    node: &Inner,
    about: About,
    code: RefusalCode,
    receipt: &Receipt,
) -> Result<Outgoing, Trouble> {
    let (federation, ods) = (&node.federation, &node.site.ods);
    let of = (about.query_id, about.question);
    Ok(Outgoing::refusal(of, code, receipt, federation, ods, &node.answer_key)?)
}
