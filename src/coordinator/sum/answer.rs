//! A query for the blind sum: the second server writes it down first, then each question is answered with what is frozen
//! of the newest closed round, or refused.

use std::sync::Arc;
use std::time::Duration;

use evensum_core::authz::{Denied, Permit, Standing, cleared, refused_alike};
use evensum_core::disclosure::{Expected, Frozen, Outgoing, Verified};
use evensum_core::identity::Asker;
use evensum_core::ledger::{Receipt, origin};
use evensum_core::model::{Agreement, Digest, PoolKind, Population, Question, RefusalCode, Role};
use evensum_core::plan::Layout;
use evensum_core::pool::ClosedRound;
use evensum_core::port::{Answered, Answers, AskFault, PoolFault, Progress, ProgressSink};
use evensum_core::sign::{Envelope, VerifyingKey};
use evensum_core::view::{CoverageStatus, Gathered, Shared, SystemView};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tracing::{error, warn};

use super::super::Inner;
use super::super::ask::{begin, refuse};
use super::round::Loaded;
use super::{SumError, Sums};
use crate::store::{FrozenRow, Known, Todo};

/// How long after the deadline an answer waits to be read.
const READ_GRACE: Duration = Duration::from_secs(5);

type Item = Answered<SystemView<Shared>, AskFault>;

/// A query for the blind sum, whose signer is known.
pub(in super::super) struct SumQuery {
    pub(in super::super) envelope: Envelope,
    pub(in super::super) asker: Asker,
    pub(in super::super) agreement: Agreement,
    pub(in super::super) started: Instant,
    pub(in super::super) deadline: Duration,
    pub(in super::super) progress: ProgressSink,
}

/// What is known of a question before the query is written down.
struct Prepared {
    layout: Result<Layout, Denied>,
    known: Known,
}

/// Answers a query for the blind sum.
pub(in super::super) async fn ask(
    own: Arc<Inner>,
    query: SumQuery,
) -> Result<Answers<SystemView<Shared>, AskFault>, AskFault> {
    let layouts = match allowed(&own, &query) {
        Ok(layouts) => layouts,
        Err(Denied(code)) => return Err(refuse(&own, &query.asker, code).await),
    };
    let Some(sums) = own.sums.clone() else {
        return Err(refuse(&own, &query.asker, RefusalCode::SumNotAgreed).await);
    };
    let until = query.started + query.deadline;
    let mut prepared = prepare(&sums, &query, layouts);
    if let Some(Denied(code)) = alike(&prepared) {
        return Err(refuse(&own, &query.asker, code).await);
    }
    // The second server knows of it before anybody is answered.
    let witness = match timeout_at(until, sums.witness(&query)).await {
        Ok(Ok(witness)) => witness,
        Ok(Err(code)) => return Err(refuse(&own, &query.asker, code).await),
        Err(_) => return Err(refuse(&own, &query.asker, RefusalCode::SecondServer).await),
    };
    if timeout_at(until, decide(&sums, &query, &mut prepared)).await.is_err() {
        return Err(refuse(&own, &query.asker, RefusalCode::SumNotReady).await);
    }
    let known = prepared.iter().map(|one| one.known).collect();
    let todos = begin(&own, &query.asker, known).await?;
    let (answers, coming) = mpsc::channel(1);
    tokio::spawn(each(own, sums, query, witness, prepared, todos, answers));
    Ok(Box::pin(ReceiverStream::new(coming)))
}

fn allowed(own: &Inner, query: &SumQuery) -> Result<Vec<Result<Layout, Denied>>, Denied> {
    let (agreement, catalogue) = (&query.agreement, &own.catalogue);
    let standing = Standing { agreement, catalogue, now: own.clock.now() };
    let cleared = cleared(&query.asker, standing)?;
    if !agreement.sums_for(query.asker.analyst()) {
        return Err(Denied(RefusalCode::AskerRunsCoordinator));
    }
    let layout = |number| {
        let permit = Permit::summed(&cleared, number)?;
        Layout::new(permit.question(), Some(agreement), catalogue)
    };
    let layouts: Vec<_> = cleared.numbers().map(layout).collect();
    refused_alike(&layouts).map_or(Ok(layouts), Err)
}

/// Why every question is refused, where that is one reason.
fn alike(prepared: &[Prepared]) -> Option<Denied> {
    let each: Vec<Result<(), Denied>> = prepared
        .iter()
        .map(|one| match one.known {
            Known::Refused(code) => Err(Denied(code)),
            Known::Nothing | Known::Frozen(_) => Ok(()),
        })
        .collect();
    refused_alike(&each)
}

/// Looks for each question's table.
fn prepare(sums: &Sums, query: &SumQuery, layouts: Vec<Result<Layout, Denied>>) -> Vec<Prepared> {
    let one = |layout: Result<Layout, Denied>| {
        let known = match &layout {
            Err(Denied(code)) => Known::Refused(*code),
            Ok(layout) => match sums.key_for(query, layout) {
                Ok(key) => Known::Frozen(key),
                Err(code) => Known::Refused(code),
            },
        };
        Prepared { layout, known }
    };
    layouts.into_iter().map(one).collect()
}

/// Has those tables decided that are not.
async fn decide(sums: &Sums, query: &SumQuery, prepared: &mut [Prepared]) {
    for one in prepared {
        if let (Known::Frozen(key), Ok(layout)) = (one.known, &one.layout)
            && let Err(code) = sums.decided_for(query, layout, key).await
        {
            one.known = Known::Refused(code);
        }
    }
}

async fn each(
    own: Arc<Inner>,
    sums: Arc<Sums>,
    query: SumQuery,
    witness: Option<Receipt>,
    prepared: Vec<Prepared>,
    todos: Vec<Todo>,
    answers: mpsc::Sender<Item>,
) {
    (query.progress)(Progress::Asked { partners: 1, questions: todos.len() });
    for ((number, todo), one) in (0_u32..).zip(todos).zip(&prepared) {
        let answer = match (todo, &one.layout) {
            (Todo::Frozen(row, receipt) | Todo::ReplayedRelease(row, receipt), Ok(layout)) => {
                released(&own, &sums, &query, (number, layout), (row, receipt), witness.as_ref())
            }
            (Todo::Refused(code, _) | Todo::ReplayedRefusal(code, _), _) => {
                Err(AskFault::Denied(code))
            }
            // Everything was decided before it was begun.
            _ => Err(AskFault::Internal),
        };
        let status = match &answer {
            Ok(_) => CoverageStatus::Answered,
            Err(_) => CoverageStatus::Refused,
        };
        let ods = own.own.ods().clone();
        (query.progress)(Progress::Settled { ods, question: number, status });
        let patience = query.started + query.deadline + READ_GRACE;
        if !matches!(timeout_at(patience, answers.send((number, answer))).await, Ok(Ok(()))) {
            return;
        }
    }
}

/// The answer with a frozen table: signed, and verified as whoever gets it will.
fn released(
    own: &Inner,
    sums: &Sums,
    query: &SumQuery,
    (number, layout): (u32, &Layout),
    (row, receipt): (FrozenRow, Receipt),
    witness: Option<&Receipt>,
) -> Result<SystemView<Shared>, AskFault> {
    let signed = query.asker.query();
    let (query_id, query_hash) = (signed.document().query_id, signed.hash());
    let (agreement, coordinator) = (&query.agreement, own.own.ods());
    let made = || -> Result<SystemView<Shared>, Box<dyn std::error::Error>> {
        let frozen = Frozen::reopen(row.bytes, &row.published)?;
        let released = frozen.release(query_id, number, receipt)?;
        let key = &sums.answer_key;
        let outgoing = Outgoing::release(released, &agreement.federation, coordinator, key)?;
        let expected = Expected {
            agreement,
            ods: coordinator,
            role: Role::Coordinator,
            query_id,
            query_hash,
            question: number,
            layout,
        };
        let verified = Verified::verify(outgoing.parts().clone(), expected)?;
        let gathered = Gathered {
            query_id,
            query_hash,
            question: number,
            verified: vec![verified],
            absent: Vec::new(),
            elapsed_ms: u64::try_from(query.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        let unlogged = SystemView::assemble(gathered, layout, agreement, &own.catalogue)?;
        Ok(unlogged.summed(agreement, witness)?)
    };
    made().map_err(|reason| {
        error!(query = %query_id, question = number, %reason, "a blind sum could not be handed out");
        AskFault::Internal
    })
}

impl Sums {
    /// What a question's table is frozen or withheld under, or why there is none.
    fn key_for(&self, query: &SumQuery, layout: &Layout) -> Result<Digest, RefusalCode> {
        let (loaded, closed) = self.newest(&query.agreement, layout)?;
        let key = self.key_of(&loaded, &closed, layout.question());
        key.map_err(|reason| told(&reason))?.ok_or(RefusalCode::SumWithoutTable)
    }

    /// Sees to it that a question's table is decided.
    async fn decided_for(
        &self,
        query: &SumQuery,
        layout: &Layout,
        key: Digest,
    ) -> Result<(), RefusalCode> {
        let decided = async || {
            let decided = self.store.decided(&[key]).await;
            decided.map(|each| each != [None]).map_err(|reason| told(&reason.into()))
        };
        if decided().await? {
            return Ok(());
        }
        let (loaded, closed) = self.newest(&query.agreement, layout)?;
        let id = query.asker.query().document().query_id;
        let one: &[Question] = std::slice::from_ref(layout.question());
        self.decide_also(&loaded, &closed, one, id).await.map_err(|reason| told(&reason))?;
        if decided().await? { Ok(()) } else { Err(RefusalCode::SumNotReady) }
    }

    /// The newest closed round of a question's records.
    fn newest(
        &self,
        agreement: &Agreement,
        layout: &Layout,
    ) -> Result<(Arc<Loaded>, ClosedRound), RefusalCode> {
        let population = Population::of(agreement, layout.dataset(), layout.question().period);
        let rounds = self.store.rounds();
        let state = rounds.of(&population).ok().flatten().ok_or(RefusalCode::SumNotReady)?;
        if state.stopped.is_some() {
            return Err(RefusalCode::SumStopped);
        }
        // Of a version whose tables are still being decided the one before it stands.
        let closed = state.versions.values().rev().find_map(|round| {
            let closed = round.closed.clone()?;
            self.has(round.round, super::shelf::RETURNED).then_some((round.round, closed))
        });
        let (hash, closed) = closed.ok_or(RefusalCode::SumNotReady)?;
        let loaded = self.shelf.load(hash).map_err(|reason| told(&reason.into()))?;
        Ok((loaded, closed))
    }

    /// Has the second server write the query down. None where there is none.
    async fn witness(&self, query: &SumQuery) -> Result<Option<Receipt>, RefusalCode> {
        if !query.agreement.pool.is_some_and(PoolKind::needs_helper) {
            return Ok(None);
        }
        let helper = self.second.as_ref().and_then(|second| second.helper());
        let helper = helper.ok_or(RefusalCode::SecondServer)?;
        let parts = helper.witness(&self.own, &query.envelope).await.map_err(|fault| {
            warn!(%fault, "the second server did not write a query down");
            match fault {
                PoolFault::Refused(code) => code,
                _ => RefusalCode::SecondServer,
            }
        })?;
        let server = query.agreement.second_server().ok_or(RefusalCode::SecondServer)?;
        let key = VerifyingKey::parse(&server.ledger_key).map_err(|_| RefusalCode::SecondServer)?;
        let log = origin(&server.ods, Role::Helper);
        Receipt::verify(parts, &log, &key).map(Some).map_err(|reason| {
            warn!(%reason, "the second server's proof does not hold");
            RefusalCode::SecondServer
        })
    }
}

/// Logs a trouble, and gives what may be said of it.
fn told(reason: &SumError) -> RefusalCode {
    warn!(reason = reason as &(dyn std::error::Error + 'static), "a blind sum could not be opened");
    match reason {
        SumError::Helper(PoolFault::Refused(code)) => *code,
        SumError::Helper(_) => RefusalCode::SecondServer,
        _ => RefusalCode::SumNotReady,
    }
}
