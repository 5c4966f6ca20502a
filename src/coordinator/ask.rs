//! One query: check, log, fan out once under one deadline; then, question by question, verify, combine, log,
//! answer.

use std::sync::Arc;
use std::time::Duration;

use evensum_core::authz::{Denied, Standing, cleared, refused_alike};
use evensum_core::identity::Asker;
use evensum_core::ledger::Event;
use evensum_core::model::{Agreement, Ods, Population, QueryView, RefusalCode, Role};
use evensum_core::plan::Layout;
use evensum_core::port::{Answered, Answers, AskFault, Progress, ProgressSink};
use evensum_core::sign::Envelope;
use evensum_core::view::{Gathered, Shared, SystemView, ViewError};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tracing::{error, info};

use super::beside::{BesideError, Showing};
use super::partners::FanOut;
use super::{Inner, sum};
use crate::store::{self, Begin, Begun, Known, StoreError, Todo, Unanswered};

/// Kept back from the analyst's deadline for combining and for the audit log.
const OWN_SHARE: Duration = Duration::from_millis(500);
/// Kept back beside for each question.
const QUESTION_SHARE: Duration = Duration::from_millis(10);
/// How long after the deadline an answer waits to be read.
const READ_GRACE: Duration = Duration::from_secs(5);

type Item = Answered<SystemView<Shared>, AskFault>;

/// A query that was allowed as a whole and written down.
pub(super) struct Asked {
    pub(super) started: Instant,
    pub(super) deadline: Duration,
    pub(super) envelope: Envelope,
    pub(super) asker: Asker,
    pub(super) agreement: Agreement,
    /// The table of each question, or why it is refused.
    pub(super) layouts: Vec<Result<Layout, Denied>>,
    pub(super) progress: ProgressSink,
}

impl Asked {
    /// When the partners' time is over.
    pub(super) fn until(&self) -> Instant {
        until(self.started, self.deadline, self.layouts.len())
    }

    pub(super) fn targets(&self) -> &[Ods] {
        &self.asker.query().document().targets
    }
}

/// When the partners' time is over, with so many questions.
fn until(started: Instant, deadline: Duration, questions: usize) -> Instant {
    let questions = u32::try_from(questions).unwrap_or(u32::MAX);
    let own = OWN_SHARE.saturating_add(QUESTION_SHARE.saturating_mul(questions));
    // Of a short deadline the partners get half at least.
    started + deadline.saturating_sub(own).max(deadline / 2)
}

pub(super) async fn ask(
    own: Arc<Inner>,
    envelope: Envelope,
    deadline: Duration,
    progress: ProgressSink,
) -> Result<Answers<SystemView<Shared>, AskFault>, AskFault> {
    let started = Instant::now();
    let agreement = own.agreement(&envelope)?.clone();
    let asker =
        Asker::verify(&envelope, &agreement).map_err(|reason| own.unauthenticated(&reason))?;
    if asker.query().document().view == Some(QueryView::Pooled) {
        let query = sum::SumQuery { envelope, asker, agreement, started, deadline, progress };
        return sum::ask(own, query).await;
    }
    let mut layouts = match allowed(&own, &asker, &agreement) {
        Ok(layouts) => layouts,
        Err(Denied(code)) => return Err(refuse(&own, &asker, code).await),
    };
    let until = until(started, deadline, layouts.len());
    wait_for_sums(&own, &agreement, &mut layouts, until).await;
    if let Some(Denied(code)) = refused_alike(&layouts) {
        return Err(refuse(&own, &asker, code).await);
    }
    let known = |layout: &Result<Layout, Denied>| match layout {
        Ok(_) => Known::Nothing,
        Err(Denied(code)) => Known::Refused(*code),
    };
    let todos = begin(&own, &asker, layouts.iter().map(known).collect()).await?;
    let asked = Asked { started, deadline, envelope, asker, agreement, layouts, progress };
    let (answers, coming) = mpsc::channel(1);
    // A task of its own: whoever asked may go away, and a break in it is an end too.
    tokio::spawn(supervise(own, Arc::new(asked), todos, answers));
    Ok(Box::pin(ReceiverStream::new(coming)))
}

/// What the coordinator itself checks, before anybody is asked.
fn allowed(
    own: &Inner,
    asker: &Asker,
    agreement: &Agreement,
) -> Result<Vec<Result<Layout, Denied>>, Denied> {
    let standing = Standing { agreement, catalogue: &own.catalogue, now: own.clock.now() };
    let query = cleared(asker, standing)?;
    let layout = |number| {
        let question = query.question(number)?;
        Layout::new(question, Some(agreement), &own.catalogue)
    };
    let layouts: Vec<_> = query.numbers().map(layout).collect();
    if let Some(denied) = refused_alike(&layouts) {
        return Err(denied);
    }
    let stranger = |ods: &Ods| agreement.party(ods, Role::Node).is_none();
    if asker.query().document().targets.iter().any(stranger) {
        return Err(Denied(RefusalCode::NotATarget));
    }
    Ok(layouts)
}

/// Refuses questions over records whose blind sum is being made. Nobody was asked them then.
async fn wait_for_sums(
    own: &Inner,
    agreement: &Agreement,
    layouts: &mut [Result<Layout, Denied>],
    until: Instant,
) {
    let Some(sums) = own.sums.as_ref().filter(|_| agreement.pool.is_some()) else { return };
    for layout in layouts {
        let Ok(of) = layout else { continue };
        let population = Population::of(agreement, of.dataset(), of.question().period);
        if !sums.is_decided(&population, until).await {
            *layout = Err(Denied(RefusalCode::SumNotReady));
        }
    }
}

pub(super) async fn refuse(own: &Inner, asker: &Asker, code: RefusalCode) -> AskFault {
    let event = Event::Refused {
        asked: Some(store::asked(asker, None)),
        query_id: asker.query().document().query_id,
        query_hash: asker.query().hash(),
        question: None,
        code,
    };
    match own.store.append(event).await {
        Ok(_) => AskFault::Denied(code),
        Err(reason) => unavailable(&reason),
    }
}

/// Writes the query down, with what is known of its questions.
pub(super) async fn begin(
    own: &Inner,
    asker: &Asker,
    questions: Vec<Known>,
) -> Result<Vec<Todo>, AskFault> {
    let query = asker.query();
    let begin = Begin {
        query_id: query.document().query_id,
        query_hash: query.hash(),
        caller: asker.analyst().to_string(),
        expires: query.document().expires,
        asked: store::asked(asker, None),
        questions,
    };
    match own.store.begin(begin).await.map_err(|reason| unavailable(&reason))? {
        Begun::Each { todos, .. } => Ok(todos),
        Begun::Conflict(_) => Err(AskFault::Denied(RefusalCode::QueryIdSeen)),
        Begun::Running => Err(AskFault::Running),
    }
}

/// Runs the work; where it breaks, every question without an end has one.
async fn supervise(
    own: Arc<Inner>,
    asked: Arc<Asked>,
    todos: Vec<Todo>,
    answers: mpsc::Sender<Item>,
) {
    let questions = (0..).zip(&todos).map(|(number, _)| number).collect::<Vec<u32>>();
    let work = {
        let (own, asked, answers) = (Arc::clone(&own), Arc::clone(&asked), answers.clone());
        // How far it got, for whoever must say the rest.
        let (told, got) = tokio::sync::watch::channel(0_u32);
        let running = tokio::spawn(each(own, asked, todos, answers, told));
        async move { (running.await, *got.borrow()) }
    };
    let (ended, got) = work.await;
    let (how, rest) = match ended {
        Ok(None) => return,
        Ok(Some(fault)) => (Unanswered::Aborted, fault),
        Err(broken) => {
            error!(query = %asked.asker.query().document().query_id, %broken, "answering broke");
            (Unanswered::Panicked, AskFault::Internal)
        }
    };
    let query = asked.asker.query();
    let (query_id, query_hash) = (query.document().query_id, query.hash());
    let rest = match own.store.end_rest(query_id, query_hash, how).await {
        Ok(()) => rest,
        Err(reason) => unavailable(&reason),
    };
    for number in questions.into_iter().filter(|number| *number >= got) {
        let sent = timeout(READ_GRACE, answers.send((number, Err(rest.clone())))).await;
        if !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}

/// Answers question after question. Gives a fault where it stops before the last, and says in `told` how many
/// are answered.
async fn each(
    own: Arc<Inner>,
    asked: Arc<Asked>,
    todos: Vec<Todo>,
    answers: mpsc::Sender<Item>,
    told: tokio::sync::watch::Sender<u32>,
) -> Option<AskFault> {
    let (partners, questions) = (asked.targets().len(), todos.len());
    (asked.progress)(Progress::Asked { partners, questions });
    let fresh = todos.iter().map(|todo| matches!(todo, Todo::Fresh)).collect::<Vec<_>>();
    let mut fan_out = FanOut::start(&own, &asked, fresh);
    for (number, todo) in (0_u32..).zip(todos) {
        let answer = match todo {
            Todo::Fresh => {
                let (verified, absent) = fan_out.gather().await;
                let query = asked.asker.query();
                let gathered = Gathered {
                    query_id: query.document().query_id,
                    query_hash: query.hash(),
                    question: number,
                    verified,
                    absent,
                    elapsed_ms: u64::try_from(asked.started.elapsed().as_millis())
                        .unwrap_or(u64::MAX),
                };
                combined(&own, &asked, gathered).await
            }
            Todo::Refused(code, _) | Todo::ReplayedRefusal(code, _) => Err(AskFault::Denied(code)),
            // A coordinator freezes nothing.
            Todo::Frozen(..) | Todo::ReplayedRelease(..) => Err(AskFault::Internal),
        };
        if matches!(answer, Err(AskFault::LedgerUnavailable)) {
            return Some(AskFault::LedgerUnavailable);
        }
        let patience = asked.started + asked.deadline + READ_GRACE;
        if !matches!(timeout_at(patience, answers.send((number, answer))).await, Ok(Ok(()))) {
            // Whoever asked has gone, or reads nothing: the rest is given up.
            return Some(AskFault::Late);
        }
        told.send_replace(number + 1);
    }
    None
}

/// Combines the answers to one question, in a task of its own: a break in it is the end of this question alone.
async fn combined(
    own: &Arc<Inner>,
    asked: &Arc<Asked>,
    gathered: Gathered,
) -> Result<SystemView<Shared>, AskFault> {
    let Gathered { query_id, query_hash, question, .. } = gathered;
    let finishing = tokio::spawn(finish(Arc::clone(own), Arc::clone(asked), gathered));
    match finishing.await {
        Ok(answered) => answered,
        Err(broken) => {
            error!(query = %query_id, question, %broken, "answering broke");
            let event = Event::Panicked { query_id, query_hash, question };
            match own.store.end(query_id, event).await {
                // It broke after its end was written: the log is as good as before.
                Ok(_) | Err(StoreError::NotBegun) => Err(AskFault::Internal),
                Err(reason) => Err(unavailable(&reason)),
            }
        }
    }
}

async fn finish(
    own: Arc<Inner>,
    asked: Arc<Asked>,
    gathered: Gathered,
) -> Result<SystemView<Shared>, AskFault> {
    let Gathered { query_id, query_hash, question, .. } = gathered;
    let end = async |event| own.store.end(query_id, event).await.map_err(|r| unavailable(&r));
    let layout = usize::try_from(question).ok().and_then(|place| asked.layouts.get(place));
    let Some(Ok(layout)) = layout else { return Err(AskFault::Internal) };
    let showing = asked.agreement.pool.map(|_| own.showing(&gathered, layout)).transpose();
    let assembled = SystemView::assemble(gathered, layout, &asked.agreement, &own.catalogue);
    let unlogged = match assembled {
        Ok(unlogged) => unlogged,
        Err(ViewError::Combine(reason)) => {
            let (asked, question, code) = (None, Some(question), RefusalCode::MixedEditions);
            end(Event::Refused { asked, query_id, query_hash, question, code }).await?;
            return Err(AskFault::Combine(reason));
        }
        Err(reason) => {
            error!(query = %query_id, question, reason = &reason as &(dyn std::error::Error + 'static), "the answers could not be combined");
            end(Event::Failed { query_id, query_hash, question }).await?;
            return Err(AskFault::Internal);
        }
    };
    match shown(&own, showing).await {
        Ok(true) => {}
        Ok(false) => {
            let (asked, question, code) = (None, Some(question), RefusalCode::BesideSum);
            end(Event::Refused { asked, query_id, query_hash, question, code }).await?;
            return Err(AskFault::Denied(code));
        }
        Err(BesideError::Store(reason)) => return Err(unavailable(&reason)),
        Err(reason) => {
            error!(query = %query_id, question, reason = &reason as &(dyn std::error::Error + 'static), "partners' tables could not be tested beside the blind sum");
            end(Event::Failed { query_id, query_hash, question }).await?;
            return Err(AskFault::Internal);
        }
    }
    let (answered, missing) = unlogged.outcome();
    let event = Event::AnswerCombined { query_id, query_hash, question, answered, missing };
    let receipt = end(event).await?;
    info!(query = %query_id, question, "answered");
    unlogged.logged(own.own.ods(), &receipt).map_err(|reason| {
        error!(query = %query_id, question, %reason, "the audit log's entry is not the answer's");
        AskFault::Internal
    })
}

/// Whether an answer may be shown beside the blind sum, where its agreement has one.
async fn shown(
    own: &Inner,
    showing: Result<Option<Showing>, BesideError>,
) -> Result<bool, BesideError> {
    match showing? {
        Some(showing) => own.may_show(showing).await,
        None => Ok(true),
    }
}

pub(super) fn unavailable(reason: &StoreError) -> AskFault {
    error!(
        reason = reason as &(dyn std::error::Error + 'static),
        "the audit log cannot be written"
    );
    AskFault::LedgerUnavailable
}
