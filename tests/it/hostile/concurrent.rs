//! The same thing many times at once.

use std::collections::HashSet;
use std::sync::Arc;

use evensum_core::disclosure::DocumentKind;
use evensum_core::port::{AskFault, NodeFault};
use tokio::task::JoinSet;

use super::fixture::{Federation, ask_node};

const ANALYSTS: usize = 50;

fn count(log: &[String], kind: &str) -> usize {
    log.iter().filter(|found| *found == kind).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_envelope_ten_times_at_once_is_answered_once() {
    let f = Federation::new();
    let node = f.node("ZZ1").await;
    let envelope = f.sign(&f.query(&["ZZ1"]));
    let mut asking = JoinSet::new();
    for _ in 0..10 {
        let (node, caller, envelope) = (node.node.clone(), f.caller(), envelope.clone());
        asking.spawn(async move { ask_node(&node, &caller, &envelope).await });
    }
    let answers = asking.join_all().await;
    let mut documents = HashSet::new();
    for answer in &answers {
        match answer {
            Ok(outgoing) => drop(documents.insert(outgoing.parts().document.clone())),
            Err(fault) => assert_eq!(*fault, NodeFault::Running),
        }
    }
    assert_eq!(documents.len(), 1);
    let log = node.log().await;
    assert_eq!(count(&log, "published"), 1, "{log:?}");
    assert_eq!(count(&log, "answer_released"), 1, "{log:?}");
    assert_eq!(count(&log, "query_accepted"), 1, "{log:?}");
    let answered = answers.iter().filter(|a| a.is_ok()).count();
    assert_eq!(count(&log, "replayed"), answered - 1, "{log:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_analysts_with_one_question_get_the_same_bytes() {
    let f = Federation::with_analysts(ANALYSTS);
    let node = f.node("ZZ1").await;
    let mut asking = JoinSet::new();
    for number in 0..ANALYSTS {
        let envelope = f.sign_as(&f.query(&["ZZ1"]), &format!("a{number}"));
        let (node, caller) = (node.node.clone(), f.caller());
        asking.spawn(async move { ask_node(&node, &caller, &envelope).await });
    }
    let mut documents = HashSet::new();
    for answer in asking.join_all().await {
        let outgoing = answer.expect("an answer");
        assert_eq!(outgoing.parts().kind, DocumentKind::Release);
        documents.insert(outgoing.parts().document.clone());
    }
    assert_eq!(documents.len(), 1);
    let log = node.log().await;
    assert_eq!(count(&log, "published"), 1);
    assert_eq!(count(&log, "query_accepted"), ANALYSTS);
    assert_eq!(count(&log, "answer_released"), ANALYSTS);
    assert_eq!(log.len(), 2 * ANALYSTS + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_envelope_ten_times_at_once_through_the_coordinator_is_one_release() {
    let f = Federation::new();
    let node = f.node("ZZ1").await;
    let wired = Arc::new(f.wire(&[&node]).await);
    let query = f.query(&["ZZ1"]);
    let mut asking = JoinSet::new();
    for _ in 0..10 {
        let (wired, envelope) = (Arc::clone(&wired), f.sign(&query));
        asking.spawn(async move { wired.ask(envelope).await });
    }
    let mut documents = HashSet::new();
    for answer in asking.join_all().await {
        match answer {
            Ok(bundle) => {
                documents.insert(bundle.answers[0].1.document.clone());
                f.check(bundle, &query).expect("verifies");
            }
            Err(fault) => assert_eq!(fault, AskFault::Running),
        }
    }
    assert_eq!(documents.len(), 1);
    let (at_node, at_coordinator) = (node.log().await, wired.log().await);
    assert_eq!(count(&at_node, "published"), 1, "{at_node:?}");
    assert_eq!(count(&at_node, "query_accepted"), 1, "{at_node:?}");
    let (begun, ended) =
        (count(&at_coordinator, "query_accepted"), count(&at_coordinator, "answer_combined"));
    assert_eq!((begun, begun + ended), (ended, at_coordinator.len()), "{at_coordinator:?}");
}
