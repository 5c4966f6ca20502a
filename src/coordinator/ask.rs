//! One question: check, log, fan out under one deadline, verify, combine, log, answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use evensum_core::authz::{Denied, Standing, cleared};
use evensum_core::disclosure::{Expected, Verified};
use evensum_core::identity::Asker;
use evensum_core::ledger::Event;
use evensum_core::model::{Agreement, Ods, RefusalCode, Role};
use evensum_core::plan::Layout;
use evensum_core::port::{AskFault, NodeFault, Progress, ProgressSink};
use evensum_core::sign::Envelope;
use evensum_core::view::{Absent, CoverageStatus, Gathered, Shared, SystemView, ViewError};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{error, info, warn};

use super::Inner;
use crate::store::{self, Begin, Begun, StoreError};

/// Kept back from the analyst's deadline for combining and for the audit log.
const OWN_SHARE: Duration = Duration::from_millis(500);

pub(super) async fn ask(
    own: Arc<Inner>,
    envelope: Envelope,
    deadline: Duration,
    progress: ProgressSink,
) -> Result<SystemView<Shared>, AskFault> {
    let started = Instant::now();
    let agreement = own.agreement(&envelope)?.clone();
    let asker =
        Asker::verify(&envelope, &agreement).map_err(|reason| own.unauthenticated(&reason))?;
    let layout = match allowed(&own, &asker, &agreement) {
        Ok(layout) => layout,
        Err(Denied(code)) => return Err(refuse(&own, &asker, code).await),
    };
    begin(&own, &asker).await?;
    let (query_id, query_hash) = (asker.query().document().query_id, asker.query().hash());
    let begun = Question { started, deadline, envelope, asker, agreement, layout, progress };
    // A task of its own: whoever asked may go away, and a break in it is an end too.
    match tokio::spawn(answer(Arc::clone(&own), begun)).await {
        Ok(answered) => answered,
        Err(broken) => {
            error!(query = %query_id, %broken, "answering broke");
            let event = Event::Panicked { query_id, query_hash };
            own.store.end(query_id, event).await.map_err(|reason| unavailable(&reason))?;
            Err(AskFault::Internal)
        }
    }
}

/// A question that was allowed and written down.
struct Question {
    started: Instant,
    deadline: Duration,
    envelope: Envelope,
    asker: Asker,
    agreement: Agreement,
    layout: Layout,
    progress: ProgressSink,
}

async fn answer(own: Arc<Inner>, question: Question) -> Result<SystemView<Shared>, AskFault> {
    let asker = &question.asker;
    let partners = asker.query().document().targets.len();
    (question.progress)(Progress::Asked { partners });
    let (verified, absent) = fan_out(&own, &question).await;
    let gathered = Gathered {
        query_id: asker.query().document().query_id,
        query_hash: asker.query().hash(),
        verified,
        absent,
        elapsed_ms: u64::try_from(question.started.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    finish(&own, asker, gathered, &question.layout, &question.agreement).await
}

/// What the coordinator itself checks, before anybody is asked.
fn allowed(own: &Inner, asker: &Asker, agreement: &Agreement) -> Result<Layout, Denied> {
    let standing = Standing { agreement, catalogue: &own.catalogue, now: own.clock.now() };
    let question = cleared(asker, standing)?;
    let stranger = |ods: &Ods| agreement.party(ods, Role::Node).is_none();
    if asker.query().document().targets.iter().any(stranger) {
        return Err(Denied(RefusalCode::NotATarget));
    }
    Layout::new(question, Some(agreement), &own.catalogue)
}

async fn refuse(own: &Inner, asker: &Asker, code: RefusalCode) -> AskFault {
    let event = Event::Refused {
        asked: Some(store::asked(asker, None)),
        query_id: asker.query().document().query_id,
        query_hash: asker.query().hash(),
        code,
    };
    match own.store.append(event).await {
        Ok(_) => AskFault::Denied(code),
        Err(reason) => unavailable(&reason),
    }
}

async fn begin(own: &Inner, asker: &Asker) -> Result<(), AskFault> {
    let query = asker.query();
    let begin = Begin {
        query_id: query.document().query_id,
        query_hash: query.hash(),
        caller: asker.analyst().to_string(),
        expires: query.document().expires,
        asked: store::asked(asker, None),
        frozen: None,
    };
    match own.store.begin(begin).await.map_err(|reason| unavailable(&reason))? {
        Begun::Fresh(_) | Begun::Frozen(..) | Begun::ReplayedRelease(..) => Ok(()),
        Begun::ReplayedRefusal(code, _) => Err(AskFault::Denied(code)),
        Begun::Conflict(_) => Err(AskFault::Denied(RefusalCode::QueryIdSeen)),
        Begun::Running => Err(AskFault::Running),
    }
}

async fn fan_out(own: &Arc<Inner>, question: &Question) -> (Vec<Verified>, Vec<Absent>) {
    let Question { asker, agreement, layout, progress, .. } = question;
    let envelope = Arc::new(question.envelope.clone());
    let left = question.deadline.saturating_sub(question.started.elapsed());
    let share = left.saturating_sub(OWN_SHARE);
    let mut asked = JoinSet::new();
    for ods in asker.query().document().targets.clone() {
        let (own, envelope) = (Arc::clone(own), Arc::clone(&envelope));
        asked.spawn(async move {
            let answer = match own.partners.partner(&ods) {
                None => Err(NodeFault::Unreachable),
                // Whoever is at the other end may forget its deadline; the analyst's is kept here.
                Some(node) => timeout(left, node.answer(&own.own, &envelope, share))
                    .await
                    .unwrap_or(Err(NodeFault::Late)),
            };
            (ods, answer)
        });
    }
    let (mut verified, mut absent) = (Vec::new(), Vec::new());
    while let Some(joined) = asked.join_next().await {
        let Ok((ods, answer)) = joined else {
            error!("asking a partner broke");
            continue;
        };
        let settled = answer.map_err(|fault| missing(&ods, &fault)).and_then(|parts| {
            let query = asker.query();
            let (query_id, query_hash) = (query.document().query_id, query.hash());
            let expected = Expected { agreement, ods: &ods, query_id, query_hash, layout };
            Verified::verify(parts, expected).map_err(|reason| {
                warn!(partner = %ods, reason = &reason as &(dyn std::error::Error + 'static), "an answer was not believed");
                Absent {
                    ods: ods.clone(),
                    status: CoverageStatus::Refused,
                    reason: format!("its answer was not believed: {reason}"),
                }
            })
        });
        let status = match &settled {
            Ok(answer) => CoverageStatus::of(answer),
            Err(absent) => absent.status,
        };
        progress(Progress::Settled { ods, status });
        match settled {
            Ok(answer) => verified.push(answer),
            Err(gone) => absent.push(gone),
        }
    }
    // A task that broke has said nothing: its partner is missing all the same.
    for ods in &asker.query().document().targets {
        let known = verified.iter().any(|v| v.ods() == ods) || absent.iter().any(|a| a.ods == *ods);
        if !known {
            absent.push(missing(ods, &NodeFault::Internal));
        }
    }
    absent.sort_by(|a, b| a.ods.cmp(&b.ods));
    (verified, absent)
}

fn missing(ods: &Ods, fault: &NodeFault) -> Absent {
    let status = match fault {
        NodeFault::Late | NodeFault::Running => CoverageStatus::Late,
        NodeFault::Unreachable => CoverageStatus::Unreachable,
        NodeFault::Unauthenticated(_)
        | NodeFault::AgreementUnknown
        | NodeFault::LedgerUnavailable
        | NodeFault::Unreadable
        | NodeFault::Internal => CoverageStatus::Refused,
    };
    Absent { ods: ods.clone(), status, reason: fault.to_string() }
}

async fn finish(
    own: &Inner,
    asker: &Asker,
    gathered: Gathered,
    layout: &Layout,
    agreement: &Agreement,
) -> Result<SystemView<Shared>, AskFault> {
    let query_id = asker.query().document().query_id;
    let query_hash = asker.query().hash();
    let end = async |event| own.store.end(query_id, event).await.map_err(|r| unavailable(&r));
    let unlogged = match SystemView::assemble(gathered, layout, agreement, &own.catalogue) {
        Ok(unlogged) => unlogged,
        Err(ViewError::Combine(reason)) => {
            let code = RefusalCode::MixedEditions;
            end(Event::Refused { asked: None, query_id, query_hash, code }).await?;
            return Err(AskFault::Combine(reason));
        }
        Err(reason) => {
            error!(query = %query_id, reason = &reason as &(dyn std::error::Error + 'static), "the answers could not be combined");
            end(Event::Failed { query_id, query_hash }).await?;
            return Err(AskFault::Internal);
        }
    };
    let (answered, missing) = unlogged.outcome();
    let receipt = end(Event::AnswerCombined { query_id, query_hash, answered, missing }).await?;
    info!(query = %query_id, "answered");
    unlogged.logged(own.own.ods(), &receipt).map_err(|reason| {
        error!(query = %query_id, %reason, "the audit log's entry is not the answer's");
        AskFault::Internal
    })
}

fn unavailable(reason: &StoreError) -> AskFault {
    error!(
        reason = reason as &(dyn std::error::Error + 'static),
        "the audit log cannot be written"
    );
    AskFault::LedgerUnavailable
}
