//! Many questions under one signature: each has an end of its own, in its own place, and what goes wrong with
//! one is not the others' loss.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use evensum_core::disclosure::{AnswerParts, CombineError, DocumentKind};
use evensum_core::identity::Peer;
use evensum_core::ledger::{Entry, Event};
use evensum_core::model::{
    ImdEdition, IndicatorId, MAX_QUESTIONS, PeriodRange, Query, Question, RefusalCode, Role,
};
use evensum_core::port::{AnalystPort, Answers, AskFault, BoxFuture, NodeFault, NodePort};
use evensum_core::sign::Envelope;
use evensum_core::view::{CoverageStatus, DoubtError, Shared, SystemView, ViewError};
use tokio_stream::StreamExt;

use super::fixture::{
    COUNCIL, DEADLINE, Directory, Federation, OpenCoordinator, OpenNode, Partner, Said, honest,
    kinds, level, logged, nobody, parts, reordered,
};
use super::forge::Forger;
use crate::pki::ods;

const NOT_CONNECTED: &str = "the partner is not connected";
const INTERNAL: &str = "the partner could not answer: its own log says why";
const LATE: &str = "the partner did not answer in time";
const ORDER: &str = "its answer was not believed: the answers do not come in the order of the questions, each of them once";
const SIGNATURE: &str = "its answer was not believed: the answer is not signed with the key that the agreement lists for this partner";
const ENTRY: &str = "its answer was not believed: the partner's audit log entry is about another query or another answer";

/// The kinds of the ends that each question has in an audit log.
async fn ends(state: &Path) -> BTreeMap<u32, Vec<String>> {
    let mut ends: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for event in logged(state).await {
        if let Some(number) = event.question() {
            ends.entry(number).or_default().extend(kinds(&[event]));
        }
    }
    ends
}

fn line(view: &SystemView<Shared>, code: &str) -> (CoverageStatus, Option<String>) {
    let line = view.answer().coverage.iter().find(|c| c.ods == ods(code)).expect("a line");
    (line.status, line.reason.clone())
}

/// Asks a federation of ZZ1 as given and ZZ3 as it should be. Every view is verified as its receiver does.
async fn asked(f: &Federation, zz1: Partner, zz3: &OpenNode) -> Vec<SystemView<Shared>> {
    let open = f.coordinator(Directory::new([("ZZ1", zz1), ("ZZ3", honest(zz3))])).await;
    let query = f.three(&["ZZ1", "ZZ3"]);
    let views = all_good(f, &open, &query).await;
    open.store.close().await;
    views
}

async fn all_good(
    f: &Federation,
    open: &OpenCoordinator,
    query: &Query,
) -> Vec<SystemView<Shared>> {
    let answers = open.ask_all(f.sign(query)).await.expect("begun");
    let mut views = Vec::new();
    for (expected, (number, answer)) in (0..).zip(answers) {
        assert_eq!(number, expected);
        let view = answer.expect("a view");
        f.check_one(view.bundle(), query, number).expect("the receiver agrees");
        views.push(view);
    }
    assert_eq!(views.len(), query.questions.len());
    views
}

#[tokio::test]
async fn a_node_ends_each_question_by_itself_and_repeats_each_end() {
    let f = Federation::new();
    let (node, caller) = (f.node("ZZ1").await, f.caller());
    let mut query = f.three(&["ZZ1"]);
    // One that the agreement does not allow, which is refused by itself.
    let mut other = query.questions[0].clone();
    other.indicator = IndicatorId::new("rtt_over_18_weeks").expect("an id");
    other.definition_hash = f.catalogue.definition_hash(&other.indicator).expect("a hash");
    query.questions.push(other);
    let envelope = f.sign(&query);
    let mut documents = Vec::new();
    for _ in 0..2 {
        let answers = node.ask_all(&caller, &envelope).await.expect("begun");
        let numbers: Vec<u32> = answers.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [0, 1, 2, 3]);
        let parts = answers.into_iter().map(|(_, a)| a.expect("an answer").parts().clone());
        documents.push(parts.map(|p| (p.kind == DocumentKind::Release, p.document)).collect());
    }
    let [first, second] = <[Vec<_>; 2]>::try_from(documents).expect("two");
    assert_eq!(
        first.iter().map(|(release, _)| *release).collect::<Vec<_>>(),
        [true, false, true, false]
    );
    assert_eq!(first, second, "the same bytes");
    let codes = [(1, "no_data"), (3, "indicator_not_allowed")];
    for (place, code) in codes {
        assert!(String::from_utf8_lossy(&first[place].1).contains(code), "{code}");
    }
    let ends = ends(&node.state).await;
    for (number, end) in
        [(0, "answer_released"), (1, "refused"), (2, "answer_released"), (3, "refused")]
    {
        assert_eq!(ends[&number], [end, "replayed"], "{number}");
    }
    let accepted = node.log().await.iter().filter(|kind| *kind == "query_accepted").count();
    assert_eq!(accepted, 1);
}

#[tokio::test]
async fn each_view_is_the_answer_to_its_own_question_and_to_no_other() {
    let f = Federation::new();
    let nodes = [f.node("ZZ1").await, f.node("ZZ2").await, f.node(COUNCIL).await];
    let partners =
        [("ZZ1", honest(&nodes[0])), ("ZZ2", honest(&nodes[1])), (COUNCIL, honest(&nodes[2]))];
    let open = f.coordinator(Directory::new(partners)).await;
    let query = f.three(&["ZZ1", "ZZ2", "ZZ3", COUNCIL]);
    let views = all_good(&f, &open, &query).await;
    let answered = |view: &SystemView<Shared>| {
        view.answer().coverage.iter().filter(|c| c.status == CoverageStatus::Answered).count()
    };
    assert_eq!(views.iter().map(answered).collect::<Vec<_>>(), [2, 0, 2]);
    assert!(views.iter().all(|v| line(v, "ZZ3").1.as_deref() == Some(NOT_CONNECTED)));
    assert_eq!(line(&views[1], "ZZ1").0, CoverageStatus::NoData);
    let all = ["answer_combined"];
    assert_eq!(
        ends(&open.state).await,
        (0..3).map(|n| (n, all.map(str::to_owned).into())).collect()
    );

    // Swapped by the coordinator, every view is refused in every other place.
    for (given, view) in (0_u32..).zip(&views) {
        for place in (0..3).filter(|place| *place != given) {
            let error = f.check_one(view.bundle(), &query, place).map(drop).expect_err("swapped");
            assert!(matches!(error, DoubtError::Partner { .. }), "{given} as {place}: {error}");
        }
    }
    // And its log's entry is not that of another question with the same outcome.
    let own = Forger::new(&f, super::fixture::COORDINATOR, Role::Coordinator);
    let Event::AnswerCombined { query_id, query_hash, answered, missing, .. } =
        Entry::decode(&views[0].bundle().receipt.entry).expect("an entry").event
    else {
        panic!("another entry");
    };
    for (question, good) in [(0, true), (2, false)] {
        let (answered, missing) = (answered.clone(), missing.clone());
        let event = Event::AnswerCombined { query_id, query_hash, question, answered, missing };
        let mut bundle = views[0].bundle();
        bundle.receipt = own.receipt(event);
        match f.check_one(bundle, &query, 0) {
            Ok(_) => assert!(good, "{question}"),
            Err(error) => {
                assert!(!good && matches!(error, DoubtError::View(ViewError::Entry)), "{error}");
            }
        }
    }
}

fn numbered(said: Said) -> Vec<AnswerParts> {
    said.into_iter().map(|(_, answer)| answer.expect("an answer")).collect()
}

/// What a lying ZZ1 says, and what is said of it to each question.
type Case = (&'static str, Box<dyn Fn(Said) -> Said + Send + Sync>, [Option<&'static str>; 3]);

fn case(
    what: &'static str,
    said: [Option<&'static str>; 3],
    how: impl Fn(Said) -> Said + Send + Sync + 'static,
) -> Case {
    (what, Box::new(how), said)
}

/// The query that an answer says it is to.
fn hash(parts: &AnswerParts) -> evensum_core::model::Digest {
    let entry = Entry::decode(&parts.receipt.entry).expect("an entry");
    entry.event.query().expect("of a query").1
}

fn lies(f: &Federation) -> Vec<Case> {
    let forger = || Forger::new(f, "ZZ1", Role::Node);
    let (again, refusing) = (forger(), forger());
    let none = [None; 3];
    vec![
        case("the control", none, |said| said),
        case("more than asked for", none, |said| {
            let last = said[2].clone();
            said.into_iter().chain((3..1_000).map(|n| (n, last.1.clone()))).collect()
        }),
        case("two swapped", [Some(SIGNATURE), None, Some(SIGNATURE)], |said| {
            let mut parts = numbered(said);
            parts.swap(0, 2);
            (0..).zip(parts.into_iter().map(Ok)).collect()
        }),
        case("in another order", [Some(ORDER); 3], |mut said| {
            said.swap(0, 2);
            said
        }),
        case("one twice", [None, Some(ORDER), Some(ORDER)], |mut said| {
            said.insert(1, said[0].clone());
            said
        }),
        case("one left out", [None, Some(ORDER), Some(ORDER)], |mut said| {
            drop(said.remove(1));
            said
        }),
        case("nothing after two", [None, None, Some(INTERNAL)], |mut said| {
            said.truncate(2);
            said
        }),
        case("nothing", [Some(INTERNAL); 3], |_| Vec::new()),
        case("a fault of one", [None, Some(INTERNAL), None], |mut said| {
            said[1].1 = Err(NodeFault::Internal);
            said
        }),
        case("lost after one", [None, Some(NOT_CONNECTED), Some(NOT_CONNECTED)], |mut said| {
            said.truncate(1);
            said.push((1, Err(NodeFault::Unreachable)));
            said
        }),
        // Signed over again with its own keys: its log still says which question each answer is to.
        case("one signed as another", [None, None, Some(ENTRY)], move |said| {
            let mut parts = numbered(said);
            let first = parts[0].clone();
            parts[2] = again.sign_for(hash(&first), 2, first);
            (0..).zip(parts.into_iter().map(Ok)).collect()
        }),
        case("a refusal signed as another's", [Some(ENTRY), None, None], move |said| {
            let mut parts = numbered(said);
            let refusal = parts[1].clone();
            parts[0] = refusing.sign_for(hash(&refusal), 0, refusal);
            (0..).zip(parts.into_iter().map(Ok)).collect()
        }),
    ]
}

#[tokio::test]
async fn a_partner_that_lies_about_the_order_or_breaks_off_is_missing_from_there_on() {
    let f = Federation::new();
    let (zz1, zz3) = (f.node("ZZ1").await, f.node("ZZ3").await);
    for (what, how, said) in lies(&f) {
        let views = asked(&f, reordered(&zz1, how), &zz3).await;
        for (number, (view, said)) in views.iter().zip(said).enumerate() {
            let held = if number == 1 { CoverageStatus::NoData } else { CoverageStatus::Answered };
            assert_eq!(line(view, "ZZ3").0, held, "{what}, {number}");
            let (status, reason) = line(view, "ZZ1");
            match said {
                None => assert_eq!(status, held, "{what}, {number}: {reason:?}"),
                Some(said) => {
                    assert_eq!(reason.as_deref(), Some(said), "{what}, {number}");
                    let wanted = match said {
                        NOT_CONNECTED => CoverageStatus::Unreachable,
                        _ => CoverageStatus::Refused,
                    };
                    assert_eq!(status, wanted, "{what}, {number}");
                }
            }
        }
    }
}

/// Answers so many questions, and then nothing.
struct Stalls {
    node: evensum::node::Node,
    after: usize,
}

impl NodePort for Stalls {
    type Reply = AnswerParts;

    fn answer<'a>(
        &'a self,
        caller: &'a Peer,
        envelope: &'a Envelope,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Answers<AnswerParts, NodeFault>, NodeFault>> {
        Box::pin(async move {
            let answers = self.node.answer(caller, envelope, deadline).await?.take(self.after);
            Ok(Box::pin(answers.map(parts).chain(tokio_stream::pending())) as Answers<_, _>)
        })
    }
}

#[tokio::test]
async fn a_partner_that_stalls_is_late_from_there_on_and_holds_nobody_up() {
    let f = Federation::new();
    let (zz1, zz3) = (f.node("ZZ1").await, f.node("ZZ3").await);
    let stalls: Partner = Arc::new(Stalls { node: zz1.node.clone(), after: 1 });
    let open = f.coordinator(Directory::new([("ZZ1", stalls), ("ZZ3", honest(&zz3))])).await;
    let (query, deadline) = (f.three(&["ZZ1", "ZZ3"]), Duration::from_secs(2));
    let started = Instant::now();
    let answers = open.coordinator.ask(f.sign(&query), deadline, nobody()).await.expect("begun");
    let mut answers = answers.map(|(number, answer)| (number, started.elapsed(), answer));
    let (number, when, first) = answers.next().await.expect("an answer");
    assert!(number == 0 && when < deadline / 2, "the first does not wait for the last: {when:?}");
    assert_eq!(line(&first.expect("a view"), "ZZ1").0, CoverageStatus::Answered);
    for wanted in 1..3 {
        let (number, when, answer) = answers.next().await.expect("an answer");
        let view = answer.expect("a view");
        assert!(number == wanted && when < deadline + Duration::from_secs(1), "{when:?}");
        assert_eq!(line(&view, "ZZ1"), (CoverageStatus::Late, Some(LATE.to_owned())));
        assert_ne!(line(&view, "ZZ3").0, CoverageStatus::Late);
        f.check_one(view.bundle(), &query, number).expect("the receiver agrees");
    }
    assert!(answers.next().await.is_none());
}

/// Answers with documents as long as there are, and says when nobody reads them any more.
struct Lengthy {
    parts: AnswerParts,
    left: tokio_util::sync::CancellationToken,
}

impl NodePort for Lengthy {
    type Reply = AnswerParts;

    fn answer<'a>(
        &'a self,
        _: &'a Peer,
        _: &'a Envelope,
        _: Duration,
    ) -> BoxFuture<'a, Result<Answers<AnswerParts, NodeFault>, NodeFault>> {
        let (parts, left) = (self.parts.clone(), self.left.clone().drop_guard());
        let answers = tokio_stream::iter(0_u32..).map(move |number| {
            let _left = &left;
            (number, Ok(parts.clone()))
        });
        Box::pin(async move { Ok(Box::pin(answers) as Answers<_, _>) })
    }
}

#[tokio::test]
async fn an_analyst_who_does_not_read_lets_go_of_the_partners_at_the_deadline() {
    let f = Federation::new();
    let zz1 = f.node("ZZ1").await;
    let honest = zz1.ask(&f.caller(), &f.sign(&f.query(&["ZZ1"]))).await.expect("an answer");
    let mut parts = honest.parts().clone();
    parts.document.resize(3 << 20, b' ');
    let left = tokio_util::sync::CancellationToken::new();
    let lengthy: Partner = Arc::new(Lengthy { parts, left: left.clone() });
    let open = f.coordinator(Directory::new([("ZZ1", lengthy)])).await;
    let (query, deadline) = (months(&f, &["ZZ1"], 8), Duration::from_secs(2));
    let answers = open.coordinator.ask(f.sign(&query), deadline, nobody()).await.expect("begun");
    tokio::time::timeout(deadline + Duration::from_secs(2), left.cancelled())
        .await
        .expect("the partner is let go");
    let said: Vec<String> = answers
        .map(|(_, answer)| line(&answer.expect("a view"), "ZZ1").1.expect("a reason"))
        .collect()
        .await;
    // What was read is handed on, with the one that waited for room.
    let (read, late) = said.split_at(said.iter().position(|reason| reason == LATE).expect("late"));
    assert!(
        (2..8).contains(&read.len()) && read.iter().all(|reason| reason == SIGNATURE),
        "{said:?}"
    );
    assert!(late.len() + read.len() == 8 && late.iter().all(|reason| reason == LATE), "{said:?}");
}

#[tokio::test]
async fn what_cannot_be_combined_or_is_not_allowed_is_a_fault_of_that_question_alone() {
    let f = Federation::new();
    let nodes = [f.node("ZZ1").await, f.node_of("ZZ2", ImdEdition::Imd2019, &f.agreement).await];
    let partners = [("ZZ1", honest(&nodes[0])), ("ZZ2", honest(&nodes[1]))];
    let open = f.coordinator(Directory::new(partners)).await;
    let mut query = f.three(&["ZZ1", "ZZ2"]);
    let mut beyond = query.questions[0].clone();
    beyond.by = vec![level("provider")];
    query.questions.insert(1, beyond);
    let answers = open.ask_all(f.sign(&query)).await.expect("begun");
    let faults: Vec<Option<AskFault>> =
        answers.iter().map(|(_, answer)| answer.as_ref().err().cloned()).collect();
    let editions =
        vec![(ods("ZZ1"), Some(ImdEdition::Imd2025)), (ods("ZZ2"), Some(ImdEdition::Imd2019))];
    let mixed = AskFault::Combine(CombineError::MixedEditions(editions));
    let denied = AskFault::Denied(RefusalCode::DimensionNotAllowed);
    assert_eq!(faults, [None, Some(denied.clone()), None, Some(mixed)]);
    let combined = "answer_combined";
    let wanted = [(0, combined), (1, "refused"), (2, combined), (3, "refused")];
    assert_eq!(ends(&open.state).await, wanted.map(|(n, k)| (n, vec![k.to_owned()])).into());
    // The nodes went by the same rules.
    assert_eq!(ends(&nodes[0].state).await[&1], ["refused"]);
    // What was refused stays refused; what was combined is combined anew.
    let again = open.ask_all(f.sign(&query)).await.expect("begun");
    let again: Vec<Option<AskFault>> =
        again.iter().map(|(_, answer)| answer.as_ref().err().cloned()).collect();
    let mixed = AskFault::Denied(RefusalCode::MixedEditions);
    assert_eq!(again, [None, Some(denied), None, Some(mixed)]);
}

/// Waits for something, within the tests' patience.
async fn until<T>(what: &str, mut found: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = found().await {
            return found;
        }
        assert!(started.elapsed() < DEADLINE, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn months(f: &Federation, targets: &[&str], count: usize) -> Query {
    let mut query = f.query(targets);
    let first = query.questions[0].clone();
    let range: PeriodRange = "2026-10..2040-10".parse().expect("a range");
    let months = range.periods().take(count);
    query.questions = months.map(|period| Question { period, ..first.clone() }).collect();
    query
}

#[tokio::test]
async fn who_goes_away_leaves_no_question_without_an_end() {
    let f = Federation::new();
    let (zz1, caller) = (f.node("ZZ1").await, f.caller());
    let partners = Directory::new([("ZZ1", honest(&zz1))]);
    let open = f.coordinator(partners).await;
    let query = months(&f, &["ZZ1"], 40);
    let mut answers =
        open.coordinator.ask(f.sign(&query), DEADLINE, nobody()).await.expect("begun");
    answers.next().await.expect("the first").1.expect("a view");
    drop(answers);
    let ended = until("an end of each", async || {
        Some(ends(&open.state).await).filter(|ends| ends.len() == 40)
    })
    .await;
    assert!(ended.values().all(|ends| ends.len() == 1), "{ended:?}");
    assert!(ended.values().any(|ends| *ends == ["aborted"]), "{ended:?}");
    assert_eq!(ended[&0], ["answer_combined"]);

    // At a node the same: what is counted when its caller goes is kept, the rest is given up.
    let mut query = f.three(&["ZZ1"]);
    let by = |id| Question { by: vec![level(id)], ..query.questions[0].clone() };
    query.questions =
        ["sex", "imd.quintile", "imd.decile", "imd.core20", "ethnicity.group"].map(by).into();
    query.query_id = f.fresh_id();
    let count = async || {
        logged(&zz1.state)
            .await
            .iter()
            .filter(|e| {
                e.query().is_some_and(|(id, _)| id == query.query_id) && e.question().is_some()
            })
            .count()
    };
    drop(zz1.node.answer(&caller, &f.sign(&query), DEADLINE).await.expect("begun"));
    until("an end of each", async || (count().await == 5).then_some(())).await;
}

#[tokio::test]
async fn a_break_is_the_end_of_every_question_that_has_none() {
    let f = Federation::new();
    let node = f.node("ZZ1").await;
    let open = f.coordinator(Directory::new([("ZZ1", honest(&node))])).await;
    let breaks = Arc::new(|_| panic!("whoever listens to progress breaks"));
    let query = f.three(&["ZZ1"]);
    let answers = open.coordinator.ask(f.sign(&query), DEADLINE, breaks).await.expect("begun");
    let answers: Vec<_> = answers.map(|(n, answer)| (n, answer.err())).collect().await;
    assert_eq!(answers, [0, 1, 2].map(|n| (n, Some(AskFault::Internal))));
    assert_eq!(ends(&open.state).await, (0..3).map(|n| (n, vec!["panicked".to_owned()])).collect());
}

#[tokio::test]
async fn without_its_log_a_node_answers_no_further_question() {
    let f = Federation::new();
    let (node, caller) = (f.node("ZZ1").await, f.caller());
    let mut answers = node
        .node
        .answer(&caller, &f.sign(&months(&f, &["ZZ1"], 1)), DEADLINE)
        .await
        .expect("begun");
    answers.next().await.expect("an answer").1.expect("the control");
    node.store.close().await;
    let fault = node.ask_all(&caller, &f.sign(&f.three(&["ZZ1"]))).await.map(drop);
    assert_eq!(fault, Err(NodeFault::LedgerUnavailable));
}

#[tokio::test]
async fn a_question_whose_end_the_log_refuses_is_not_the_others_loss() {
    let f = Federation::new();
    let (node, caller) = (f.node("ZZ1").await, f.caller());
    // So many refusals stand before the others that those are not begun before somebody reads.
    let mut query = months(&f, &["ZZ1"], 14);
    let first = query.questions.remove(0);
    let by = |id| Question { by: vec![level(id)], ..first.clone() };
    query.questions.extend(["sex", "imd.quintile", "imd.core20"].map(by));
    let envelope = f.sign(&query);
    let answers = node.node.answer(&caller, &envelope, DEADLINE).await.expect("begun");
    let (query_id, query_hash) = (query.query_id, envelope.payload_hash());
    let realm = format!("{}/{}", query.federation, super::fixture::COORDINATOR);
    let ended = Event::Failed { query_id, query_hash, question: 13 };
    node.store.realm(&realm).end(query_id, ended).await.expect("an end");
    let faults: Vec<_> = answers.map(|(_, answer)| answer.err()).collect().await;
    let mut wanted = vec![None; 16];
    wanted[13] = Some(NodeFault::Internal);
    assert_eq!(faults, wanted);
    assert_eq!(ends(&node.state).await[&15], ["answer_released"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_of_the_most_questions_travels_and_each_answer_has_its_place() {
    let f = Federation::new();
    let nodes = [f.node("ZZ1").await, f.node("ZZ2").await];
    let wired = f.wire(&[&nodes[0], &nodes[1]]).await;
    let query = months(&f, &["ZZ1", "ZZ2"], MAX_QUESTIONS);
    let answers = wired.ask_all(f.sign(&query)).await.expect("begun");
    assert_eq!(answers.len(), MAX_QUESTIONS);
    for (expected, (number, answer)) in (0..).zip(answers) {
        assert_eq!(number, expected);
        let view = f.check_one(answer.expect("a bundle"), &query, number).expect("verifies");
        assert_eq!(view.answer().period, query.questions[number as usize].period);
        let status = if number == 0 { CoverageStatus::Answered } else { CoverageStatus::NoData };
        assert!(view.answer().coverage.iter().all(|c| c.status == status), "{number}");
    }
    for state in [&nodes[0].state, &nodes[1].state, &wired.coordinator.state] {
        assert_eq!(ends(state).await.len(), MAX_QUESTIONS);
    }
}
