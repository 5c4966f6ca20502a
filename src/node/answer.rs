//! From a signed query to the stream of its answers: who asks, what of it may be asked, and each question in
//! its turn. Every question that was accepted has an end in the audit log, whatever happens on the way.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use evensum_core::authz::{self, Denied, Permit, Standing, cleared, refused_alike};
use evensum_core::disclosure::Outgoing;
use evensum_core::identity::{Asker, Peer, claimed_agreement};
use evensum_core::ledger::{Asked, Event, Receipt};
use evensum_core::model::{Agreement, MAX_QUESTIONS, RefusalCode, Role};
use evensum_core::plan::Plan;
use evensum_core::port::{Answered, Answers, NodeFault};
use evensum_core::sign::Envelope;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tracing::error;

use super::Inner;
use super::question::{Lack, Source, Sources, Step, Trouble, one};
use crate::store::{self, About, Begin, Begun, Known, Todo, Unanswered};

/// Questions of one query that are worked on at a time.
const AT_ONCE: usize = 2;
/// Answers that wait for whoever reads them.
const WAITING: usize = 4;
/// How long after the deadline the last answers wait to be read.
const READ_GRACE: Duration = Duration::from_secs(5);

/// A query whose signer is known.
pub(super) struct Run {
    agreement: Agreement,
    asker: Asker,
    asked: Asked,
}

impl Run {
    pub(super) fn about(&self, question: u32) -> About {
        let query = self.asker.query();
        About { query_id: query.document().query_id, query_hash: query.hash(), question }
    }

    /// The numbers of the questions that a refusal of the whole is sent for.
    fn numbers(&self) -> std::ops::Range<u32> {
        let questions = self.asker.query().document().questions.len();
        // Also of a query that is no good because it has none, or too many.
        0..u32::try_from(questions.clamp(1, MAX_QUESTIONS)).unwrap_or(1)
    }
}

type Item = Answered<Outgoing, NodeFault>;

/// Answers within the deadline. The work is done in a task of its own, so that a caller who goes away leaves
/// no accepted question without an end in the audit log.
pub(super) async fn within(
    node: &Arc<Inner>,
    caller: &Peer,
    envelope: &Envelope,
    deadline: Duration,
) -> Result<Answers<Outgoing, NodeFault>, NodeFault> {
    let until = Instant::now() + deadline;
    let run = Arc::new(identified(node, caller, envelope)?);
    let (ready, begun) = oneshot::channel();
    let (answers, coming) = mpsc::channel(WAITING);
    tokio::spawn(supervise(Arc::clone(node), run, ready, answers));
    match timeout_at(until, begun).await {
        Err(_) => Err(NodeFault::Late),
        Ok(Err(_)) => Err(NodeFault::Internal),
        Ok(Ok(begun)) => Ok(in_time(until, begun?, coming)),
    }
}

/// Who asks, by the node's own copy of the agreement.
fn identified(node: &Inner, caller: &Peer, envelope: &Envelope) -> Result<Run, NodeFault> {
    // 1. Whose agreement: the node's own copy decides, and only of this membership.
    let agreement = claimed_agreement(envelope)
        .and_then(|(federation, id)| node.agreement(&federation, &id))
        .ok_or_else(|| {
            node.site.security.refused(caller.ods().as_str(), RefusalCode::AgreementUnknown.says());
            NodeFault::AgreementUnknown
        })?
        .clone();
    // 2. Who brings it: the agreement's coordinator, by certificate.
    let of_agreement = agreement.coordinator().is_some_and(|c| c.ods == *caller.ods())
        && agreement.federation == *caller.federation();
    if caller.role() != Role::Coordinator || !of_agreement {
        node.site.security.refused(caller.ods().as_str(), RefusalCode::NotACoordinator.says());
        return Err(NodeFault::Unauthenticated(RefusalCode::NotACoordinator.says()));
    }
    // 3. Who asks: the person whose key signed these bytes.
    let asker = Asker::verify(envelope, &agreement).map_err(|reason| {
        node.site.security.refused(caller.ods().as_str(), reason.says());
        NodeFault::Unauthenticated(reason.says())
    })?;
    let asked = store::asked(&asker, Some(caller));
    Ok(Run { agreement, asker, asked })
}

/// The answers as they come, and from the deadline on the word that there are none.
fn in_time(
    until: Instant,
    questions: u32,
    mut coming: mpsc::Receiver<Item>,
) -> Answers<Outgoing, NodeFault> {
    let (out, answers) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut late = false;
        for question in 0..questions {
            // What comes after the deadline is the answer to a question that was said to have none.
            let answer = if late {
                Err(NodeFault::Late)
            } else {
                match timeout_at(until, coming.recv()).await {
                    Ok(Some((of, answer))) if of == question => answer,
                    Ok(_) => Err(NodeFault::Internal),
                    Err(_) => Err(NodeFault::Late),
                }
            };
            late = matches!(answer, Err(NodeFault::Late));
            // Nobody reads any more: dropping the receiver tells whoever works on the rest.
            let sent = timeout_at(until + READ_GRACE, out.send((question, answer))).await;
            if !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
    });
    Box::pin(ReceiverStream::new(answers))
}

/// Runs the work; a break in it is an end too, and the audit log says so.
async fn supervise(
    node: Arc<Inner>,
    run: Arc<Run>,
    ready: oneshot::Sender<Result<u32, NodeFault>>,
    answers: mpsc::Sender<Item>,
) {
    let about = run.about(0);
    let work = async {
        let (node, run) = (Arc::clone(&node), Arc::clone(&run));
        tokio::spawn(async move {
            match begin(&node, &run).await {
                Ok(steps) => {
                    let questions = u32::try_from(steps.len()).unwrap_or(u32::MAX);
                    // Who has gone will not read the answers either, which ends the work.
                    let _ = ready.send(Ok(questions));
                    each(&node, &run, steps, &answers).await;
                }
                Err(fault) => drop(ready.send(Err(fault))),
            }
        })
        .await
    };
    if let Err(broken) = work.await {
        error!(query = %about.query_id, %broken, "answering broke");
        end_rest(&node, about, Unanswered::Panicked).await;
    }
}

/// Writes down that nobody works any more on what has no end. Where that fails the store owes it.
async fn end_rest(node: &Inner, about: About, how: Unanswered) {
    if let Err(reason) = node.store.end_rest(about.query_id, about.query_hash, how).await {
        error!(query = %about.query_id, reason = &reason as &(dyn std::error::Error + 'static), "questions could not be ended yet");
    }
}

/// Decides what may be asked, and writes the query down with everything that is known of its questions.
async fn begin(node: &Arc<Inner>, run: &Run) -> Result<Vec<Step>, NodeFault> {
    begun(node, run).await.unwrap_or_else(|trouble| Err(trouble.said(run.about(0))))
}

async fn begun(node: &Arc<Inner>, run: &Run) -> Result<Result<Vec<Step>, NodeFault>, Trouble> {
    // 4. May it be asked: the query as a whole, then the permit of each question and the plan that follows.
    let site = &node.site;
    if node.has_suspended(&run.agreement) {
        return refuse(node, run, Denied(RefusalCode::AgreementSuspended)).await.map(Ok);
    }
    let standing =
        Standing { agreement: &run.agreement, catalogue: &site.catalogue, now: site.clock.now() };
    let query = match cleared(&run.asker, standing)
        .and_then(|query| query.at_node(&site.ods, site.profile))
    {
        Ok(query) => query,
        Err(denied) => return refuse(node, run, denied).await.map(Ok),
    };
    let plan = |number| {
        Permit::query(&query, number).and_then(|permit| Plan::compile(&permit, &site.catalogue))
    };
    let plans: Vec<Result<Plan<authz::Asked>, Denied>> = query.numbers().map(plan).collect();
    if let Some(denied) = refused_alike(&plans) {
        return refuse(node, run, denied).await.map(Ok);
    }
    // 5. From which extracts, of which the tables that agreements name are decided first. What is wrong with one
    // waits until the audit log holds the query.
    let mut sources = Sources::default();
    let mut prepared = Vec::with_capacity(plans.len());
    for plan in plans {
        prepared.push(match plan {
            Ok(plan) => match sources.of(site, &plan).await? {
                Ok(source) => Ok((plan, source)),
                Err(lack) => Err(lack),
            },
            Err(Denied(code)) => Err(Lack::Refused(code)),
        });
    }
    // 6. Written down before any record is touched, with the answers that are frozen and the refusals.
    let About { query_id, query_hash, .. } = run.about(0);
    let begin = Begin {
        query_id,
        query_hash,
        caller: run.asked.coordinator.as_ref().map(ToString::to_string).unwrap_or_default(),
        expires: run.asker.query().document().expires,
        asked: run.asked.clone(),
        questions: prepared.iter().map(known).collect(),
    };
    match node.store.begin(begin).await? {
        Begun::Running => Ok(Err(NodeFault::Running)),
        Begun::Conflict(receipt) => Ok(Ok(refused(run, RefusalCode::QueryIdSeen, &receipt))),
        Begun::Each { todos, .. } => Ok(Ok(todos.into_iter().zip(prepared).map(step).collect())),
    }
}

fn known(prepared: &Result<(Plan<authz::Asked>, Source), Lack>) -> Known {
    match prepared {
        Ok((_, source)) => Known::Frozen(source.key),
        Err(Lack::Refused(code)) => Known::Refused(*code),
        Err(Lack::Broken(_)) => Known::Nothing,
    }
}

fn step((todo, prepared): (Todo, Result<(Plan<authz::Asked>, Source), Lack>)) -> Step {
    match todo {
        Todo::Frozen(row, receipt) | Todo::ReplayedRelease(row, receipt) => {
            Step::Release(Box::new((row, receipt)))
        }
        Todo::Refused(code, receipt) | Todo::ReplayedRefusal(code, receipt) => {
            Step::Refusal(code, Box::new(receipt))
        }
        Todo::Fresh => match prepared {
            // Only what was released from them is left.
            Ok((_, source)) if source.deleted() => {
                Step::Lacking(Lack::Refused(RefusalCode::NoData))
            }
            Ok((_, Source { unready: Some(why), .. })) => {
                Step::Lacking(Lack::Broken(Box::new(why.into())))
            }
            Ok((plan, source)) => Step::Count(Box::new((plan, source))),
            Err(lack) => Step::Lacking(lack),
        },
    }
}

/// Refuses a query that was never accepted: one record, which every question's refusal is proved by.
async fn refuse(node: &Inner, run: &Run, denied: Denied) -> Result<Vec<Step>, Trouble> {
    let Denied(code) = denied;
    let About { query_id, query_hash, .. } = run.about(0);
    let asked = Some(run.asked.clone());
    let event = Event::Refused { asked, query_id, query_hash, question: None, code };
    let receipt = node.store.append(event).await?;
    Ok(refused(run, code, &receipt))
}

fn refused(run: &Run, code: RefusalCode, receipt: &Receipt) -> Vec<Step> {
    run.numbers().map(|_| Step::Refusal(code, Box::new(receipt.clone()))).collect()
}

/// Takes the steps in their order, a few at a time, and hands the answers on in that order.
async fn each(node: &Arc<Inner>, run: &Arc<Run>, steps: Vec<Step>, answers: &mpsc::Sender<Item>) {
    let mut at_work = VecDeque::with_capacity(AT_ONCE);
    let mut steps = (0..).zip(steps);
    loop {
        while at_work.len() < AT_ONCE
            && let Some((number, step)) = steps.next()
        {
            let about = run.about(number);
            at_work.push_back((about, tokio::spawn(one(Arc::clone(node), about, step))));
        }
        let Some((about, task)) = at_work.pop_front() else { return };
        let answer = ended(node, about, task).await;
        let lost = matches!(answer, Err(NodeFault::LedgerUnavailable));
        let heard = answers.send((about.question, answer)).await.is_ok();
        if lost || !heard {
            break;
        }
    }
    // Nobody listens any more, or nothing can be written: what is at work ends by itself, the rest is given up.
    for (about, task) in at_work {
        let answer = ended(node, about, task).await;
        let _ = answers.send((about.question, answer)).await;
    }
    for (number, _) in steps {
        let _ = answers.send((number, Err(NodeFault::LedgerUnavailable))).await;
    }
    end_rest(node, run.about(0), Unanswered::Aborted).await;
}

async fn ended(
    node: &Inner,
    about: About,
    task: JoinHandle<Result<Outgoing, NodeFault>>,
) -> Result<Outgoing, NodeFault> {
    let broken = match task.await {
        Ok(answer) => return answer,
        Err(broken) => broken,
    };
    let About { query_id, query_hash, question } = about;
    error!(query = %query_id, question, %broken, "answering broke");
    Err(end_broken(node, Event::Panicked { query_id, query_hash, question }).await)
}

/// Writes down that an accepted question ends without an answer of any kind.
pub(super) async fn end_broken(node: &Inner, event: Event) -> NodeFault {
    let Some((query_id, _)) = event.query() else { return NodeFault::Internal };
    match node.store.end(query_id, event).await {
        Err(reason) if reason.unwritable() => NodeFault::LedgerUnavailable,
        Ok(_) | Err(_) => NodeFault::Internal,
    }
}

#[cfg(test)]
mod tests {
    use tokio_stream::StreamExt;

    use super::*;

    const RUNNING: NodeFault = NodeFault::Running;

    async fn faults(answers: Answers<Outgoing, NodeFault>) -> Vec<(u32, Option<NodeFault>)> {
        answers.map(|(number, answer)| (number, answer.err())).collect().await
    }

    #[tokio::test]
    async fn an_answer_after_the_deadline_is_not_handed_on_as_another_questions() {
        let (answers, coming) = mpsc::channel(WAITING);
        let mut heard = in_time(Instant::now(), 4, coming);
        let first = heard.next().await.map(|(number, answer)| (number, answer.err()));
        assert_eq!(first, Some((0, Some(NodeFault::Late))));
        for number in 0..3 {
            // Late as they are, they may find nobody.
            let _ = answers.send((number, Err(RUNNING))).await;
        }
        let late = Some(NodeFault::Late);
        let rest: Vec<_> = (1..4).map(|number| (number, late.clone())).collect();
        assert_eq!(faults(heard).await, rest);
    }

    #[tokio::test]
    async fn an_answer_out_of_its_place_is_none() {
        let (answers, coming) = mpsc::channel(WAITING);
        let heard = in_time(Instant::now() + READ_GRACE, 3, coming);
        for number in [0, 2, 2] {
            answers.send((number, Err(RUNNING))).await.expect("heard");
        }
        let (running, internal) = (Some(RUNNING), Some(NodeFault::Internal));
        assert_eq!(faults(heard).await, [(0, running.clone()), (1, internal), (2, running)]);
    }
}
