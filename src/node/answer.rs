//! The one pipeline from question to release.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use evensum_core::authz::{self, Denied, Permit, Standing};
use evensum_core::disclosure::{Draft, Frozen, Outgoing, protect};
use evensum_core::identity::{Asker, Peer, claimed_agreement};
use evensum_core::ledger::{Asked, Event, Receipt};
use evensum_core::model::{Agreement, Digest, QueryId, RefusalCode, Role, SnapshotRef};
use evensum_core::plan::Plan;
use evensum_core::port::NodeFault;
use evensum_core::sign::Envelope;
use tracing::{error, info};

use super::Inner;
use super::shelf::ShelfError;
use crate::snapshot::Manifest;
use crate::store::{self, Begin, Begun, FrozenRow, Publish, StoreError};
use crate::tabulate::{Request, TabulateError, tabulate};

/// Why the node's own part failed. Logged here, and told to nobody outside.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    #[error(transparent)]
    Tabulate(#[from] TabulateError),
    #[error(transparent)]
    Chain(#[from] evensum_core::disclosure::ChainError),
    #[error(transparent)]
    Outgoing(#[from] evensum_core::disclosure::OutgoingError),
    #[error("a release has no key to be frozen under")]
    Key(#[from] evensum_core::model::canonical::CanonicalError),
    #[error("counting was called off")]
    Counting,
}

/// The query that an answer is about.
#[derive(Debug, Clone, Copy)]
struct About {
    query_id: QueryId,
    query_hash: Digest,
}

/// Answers within the deadline. The pipeline runs in a task of its own, so that a caller who goes away
/// leaves no accepted question without an end in the audit log.
pub(super) async fn within(
    node: &Arc<Inner>,
    caller: &Peer,
    envelope: &Envelope,
    deadline: Duration,
) -> Result<Outgoing, NodeFault> {
    // 1. Whose agreement: the node's own copy decides, and only of this membership.
    let agreement = claimed_agreement(envelope)
        .and_then(|(federation, id)| node.agreement(&federation, &id))
        .ok_or_else(|| {
            node.security.refused(caller.ods().as_str(), RefusalCode::AgreementUnknown.says());
            NodeFault::AgreementUnknown
        })?
        .clone();
    // 2. Who brings it: the agreement's coordinator, by certificate.
    let of_agreement = agreement.coordinator().is_some_and(|c| c.ods == *caller.ods())
        && agreement.federation == *caller.federation();
    if caller.role() != Role::Coordinator || !of_agreement {
        node.security.refused(caller.ods().as_str(), RefusalCode::NotACoordinator.says());
        return Err(NodeFault::Unauthenticated(RefusalCode::NotACoordinator.says()));
    }
    // 3. Who asks: the person whose key signed these bytes.
    let asker = Asker::verify(envelope, &agreement).map_err(|reason| {
        node.security.refused(caller.ods().as_str(), reason.says());
        NodeFault::Unauthenticated(reason.says())
    })?;
    let about =
        About { query_id: asker.query().document().query_id, query_hash: asker.query().hash() };
    let asked = store::asked(&asker, Some(caller));
    let supervised = supervise(Arc::clone(node), agreement, asker, asked, about);
    match tokio::time::timeout(deadline, tokio::spawn(supervised)).await {
        Err(_) => Err(NodeFault::Late),
        Ok(outcome) => outcome.unwrap_or(Err(NodeFault::Internal)),
    }
}

/// Runs the pipeline; a break in it is an end too, and the audit log says so.
async fn supervise(
    node: Arc<Inner>,
    agreement: Agreement,
    asker: Asker,
    asked: Asked,
    about: About,
) -> Result<Outgoing, NodeFault> {
    let running = tokio::spawn(pipeline(Arc::clone(&node), agreement, asker, asked, about));
    let broken = match running.await {
        Ok(outcome) => return outcome,
        Err(broken) => broken,
    };
    error!(query = %about.query_id, %broken, "answering broke");
    let About { query_id, query_hash } = about;
    Err(end_broken(&node, query_id, Event::Panicked { query_id, query_hash }).await)
}

/// Writes down that an accepted query ends without an answer of any kind.
async fn end_broken(node: &Inner, query_id: QueryId, event: Event) -> NodeFault {
    match node.store.end(query_id, event).await {
        Ok(_) | Err(StoreError::NotBegun) => NodeFault::Internal,
        Err(_) => NodeFault::LedgerUnavailable,
    }
}

async fn pipeline(
    node: Arc<Inner>,
    agreement: Agreement,
    asker: Asker,
    asked: Asked,
    about: About,
) -> Result<Outgoing, NodeFault> {
    let answered = steps(&node, &agreement, &asker, asked, about).await;
    let trouble = match answered {
        Ok(outcome) => return outcome,
        Err(trouble) => trouble,
    };
    error!(query = %about.query_id, reason = &trouble as &(dyn std::error::Error + 'static), "a query could not be answered");
    if matches!(trouble, Trouble::Store(_)) {
        return Err(NodeFault::LedgerUnavailable);
    }
    let About { query_id, query_hash } = about;
    Err(end_broken(&node, query_id, Event::Failed { query_id, query_hash }).await)
}

async fn steps(
    node: &Arc<Inner>,
    agreement: &Agreement,
    asker: &Asker,
    asked: Asked,
    about: About,
) -> Result<Result<Outgoing, NodeFault>, Trouble> {
    // 4. May it be asked: the permit, and the plan that follows from it.
    let standing = Standing { agreement, catalogue: &node.catalogue, now: node.clock.now() };
    let plan = match Permit::query(asker, standing, &node.ods, node.profile)
        .and_then(|permit| Plan::compile(&permit, &node.catalogue))
    {
        Ok(plan) => plan,
        Err(Denied(code)) => return refuse(node, asked, about, code).await.map(Ok),
    };
    // 5. From which extract. What is wrong with it waits until the audit log holds the question.
    let source = source(node, &plan).await?;
    // 6. Written down before any record is touched; a frozen table is answered in the same transaction.
    let begin = Begin {
        query_id: about.query_id,
        query_hash: about.query_hash,
        caller: asked.coordinator.as_ref().map(ToString::to_string).unwrap_or_default(),
        expires: asker.query().document().expires,
        asked,
        frozen: source.as_ref().ok().map(|source| source.key),
    };
    match node.store.begin(begin).await? {
        Begun::Fresh(_) => {}
        Begun::Frozen(row, receipt) | Begun::ReplayedRelease(row, receipt) => {
            return release(node, about, row, receipt).map(Ok);
        }
        Begun::ReplayedRefusal(code, receipt) => {
            return refusal(node, about, code, &receipt).map(Ok);
        }
        Begun::Conflict(receipt) => {
            return refusal(node, about, RefusalCode::QueryIdSeen, &receipt).map(Ok);
        }
        Begun::Running => return Ok(Err(NodeFault::Running)),
    }
    let source = match source {
        Ok(source) => source,
        Err(Lack::Refused(code)) => return end_refused(node, about, code).await.map(Ok),
        Err(Lack::Broken(broken)) => return Err(broken.into()),
    };
    // 7. Count, protect, freeze.
    let draft = count(node, plan, source).await?;
    let publish = Publish::new(about.query_id, about.query_hash, &draft);
    let (row, receipt) = node.store.publish(publish).await?;
    // 8. Only now the answer, signed.
    let outgoing = release(node, about, row, receipt)?;
    info!(query = %about.query_id, "answered");
    Ok(Ok(outgoing))
}

/// The extract that a plan is answered from, and the key of its table.
struct Source {
    dir: PathBuf,
    manifest: Manifest,
    of: SnapshotRef,
    key: Digest,
}

/// Why there is none.
enum Lack {
    Refused(RefusalCode),
    Broken(ShelfError),
}

async fn source(node: &Inner, plan: &Plan<authz::Asked>) -> Result<Result<Source, Lack>, Trouble> {
    let layout = plan.layout();
    let found = match node.shelf.find(layout.dataset(), layout.question().period) {
        Ok(found) => found.and_then(|(dir, m)| m.reference().map(|of| (dir, m, of))),
        Err(broken) => return Ok(Err(Lack::Broken(broken))),
    };
    let Some((dir, manifest, of)) = found else {
        return Ok(Err(Lack::Refused(RefusalCode::NoData)));
    };
    node.note(&manifest, &of).await?;
    if node.catalogue.dataset_hash(layout.dataset()).ok() != Some(manifest.definition_hash) {
        // Derived by other rules than those that the answer would cite.
        return Ok(Err(Lack::Refused(RefusalCode::DefinitionDiffers)));
    }
    let filters = plan.filters().iter().map(|f| &f.column);
    if !plan.columns().iter().chain(filters).all(|c| manifest.columns_held.contains(c)) {
        return Ok(Err(Lack::Refused(RefusalCode::ColumnNotHeld)));
    }
    let key = plan.frozen_key(&node.ods, &of)?;
    Ok(Ok(Source { dir, manifest, of, key }))
}

async fn count(
    node: &Arc<Inner>,
    plan: Plan<authz::Asked>,
    source: Source,
) -> Result<Draft, Trouble> {
    let node = Arc::clone(node);
    let counting = tokio::task::spawn_blocking(move || {
        let snapshot = node.shelf.open(&source.dir, &source.manifest)?;
        let request = Request {
            lattice: Arc::clone(plan.layout().lattice()),
            columns: plan.columns(),
            filters: plan.filters(),
        };
        let raw = tabulate(&snapshot, &request)?;
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
    let released = Frozen::reopen(row.bytes, &row.published)?.release(about.query_id, receipt)?;
    Ok(Outgoing::release(released, &node.federation, &node.ods, &node.answer_key)?)
}

fn refusal(
    node: &Inner,
    about: About,
    code: RefusalCode,
    receipt: &Receipt,
) -> Result<Outgoing, Trouble> {
    let (federation, ods) = (&node.federation, &node.ods);
    Ok(Outgoing::refusal(about.query_id, code, receipt, federation, ods, &node.answer_key)?)
}

/// Refuses a query that was never accepted: one record.
async fn refuse(
    node: &Inner,
    asked: Asked,
    about: About,
    code: RefusalCode,
) -> Result<Outgoing, Trouble> {
    let About { query_id, query_hash } = about;
    let event = Event::Refused { asked: Some(asked), query_id, query_hash, code };
    let receipt = node.store.append(event).await?;
    refusal(node, about, code, &receipt)
}

/// Refuses an accepted query: its second record.
async fn end_refused(node: &Inner, about: About, code: RefusalCode) -> Result<Outgoing, Trouble> {
    let About { query_id, query_hash } = about;
    let event = Event::Refused { asked: None, query_id, query_hash, code };
    let receipt = node.store.end(query_id, event).await?;
    refusal(node, about, code, &receipt)
}
