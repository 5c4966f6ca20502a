//! The same envelope again: now, after a restart, by somebody else, with other content, too late.

use evensum_core::disclosure::{AnswerParts, DocumentKind};
use evensum_core::ledger::{Entry, Event};
use evensum_core::model::{QueryId, RefusalCode, Role};
use evensum_core::port::{AskFault, NodeFault};

use super::fixture::{COORDINATOR, Federation, logged};
use crate::pki::{NOW, federation};

fn event(parts: &AnswerParts) -> Event {
    Entry::decode(&parts.receipt.entry).expect("an entry").event
}

fn code(parts: &AnswerParts) -> RefusalCode {
    assert_eq!(parts.kind, DocumentKind::Refusal);
    match event(parts) {
        Event::Refused { code, .. } => code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_replay_gets_the_same_bytes_and_one_record() {
    let f = Federation::new();
    let (node, caller) = (f.node("ZZ1").await, f.caller());
    let envelope = f.sign(&f.query(&["ZZ1"]));
    let first = node.ask(&caller, &envelope).await.expect("an answer");
    for _ in 0..3 {
        let again = node.ask(&caller, &envelope).await.expect("the same answer");
        assert_eq!(again.parts().document, first.parts().document);
        assert!(matches!(event(again.parts()), Event::Replayed { release_hash: Some(_), .. }));
    }
    let answered = ["query_accepted", "published", "answer_released"];
    assert_eq!(node.log().await, [&answered[..], &["replayed"; 3]].concat());
}

#[tokio::test]
async fn a_refusal_is_replayed_as_a_refusal() {
    let f = Federation::new();
    let (council, caller) = (f.node("ZZ4").await, f.caller());
    let envelope = f.sign(&f.query(&["ZZ4"]));
    let first = council.ask(&caller, &envelope).await.expect("a refusal");
    let again = council.ask(&caller, &envelope).await.expect("a refusal");
    assert_eq!(again.parts().document, first.parts().document);
    assert_eq!(council.log().await, ["query_accepted", "refused", "replayed"]);
}

#[tokio::test]
async fn only_the_agreements_coordinator_brings_a_query() {
    let f = Federation::new();
    let node = f.node("ZZ1").await;
    let envelope = f.sign(&f.query(&["ZZ1"]));
    let foreign = crate::pki::Pki::new("other.example");
    let theirs = foreign.issue(&foreign.request(COORDINATOR, Role::Coordinator));
    let foreign = evensum_core::identity::Peer::from_certificate(
        theirs.certificate(),
        &federation("other.example"),
    );
    let others = [
        f.peer("QZ2", Role::Coordinator),
        f.peer("ZZ1", Role::Coordinator),
        f.peer(COORDINATOR, Role::Node),
        f.peer("ZZ2", Role::Node),
        foreign.expect("a peer"),
    ];
    let told = NodeFault::Unauthenticated(RefusalCode::NotACoordinator.says());
    for answered in [false, true] {
        if answered {
            node.ask(&f.caller(), &envelope).await.expect("an answer");
        }
        for other in &others {
            let fault = node.ask(other, &envelope).await.map(drop).expect_err("refused");
            assert_eq!(fault, told, "{other:?}");
        }
    }
    assert_eq!(node.log().await, ["query_accepted", "published", "answer_released"]);
}

#[tokio::test]
async fn an_id_is_good_for_one_query() {
    let f = Federation::with_analysts(2);
    let (node, caller) = (f.node("ZZ1").await, f.caller());
    let query = f.query(&["ZZ1"]);
    let first = node.ask(&caller, &f.sign(&query)).await.expect("an answer");
    let mut other = query.clone();
    other.expires = NOW.plus(299);
    let mut by_another = query.clone();
    by_another.not_before = NOW.plus(-59);
    for envelope in [f.sign(&other), f.sign_as(&by_another, "a1")] {
        let refused = node.ask(&caller, &envelope).await.expect("a refusal");
        assert_eq!(code(refused.parts()), RefusalCode::QueryIdSeen);
    }
    // The id's first use stands.
    let again = node.ask(&caller, &f.sign(&query)).await.expect("the same answer");
    assert_eq!(again.parts().document, first.parts().document);
    let answered = ["query_accepted", "published", "answer_released"];
    assert_eq!(node.log().await, [&answered[..], &["refused", "refused", "replayed"]].concat());
}

#[tokio::test]
async fn after_its_end_a_query_is_not_even_replayed() {
    let f = Federation::new();
    let (node, caller) = (f.node("ZZ1").await, f.caller());
    let query = f.query(&["ZZ1"]);
    let envelope = f.sign(&query);
    node.ask(&caller, &envelope).await.expect("an answer");
    f.clock.set(query.expires);
    let refused = node.ask(&caller, &envelope).await.expect("a refusal");
    assert_eq!(code(refused.parts()), RefusalCode::Expired);
    let answered = ["query_accepted", "published", "answer_released"];
    assert_eq!(node.log().await, [&answered[..], &["refused"]].concat());
}

#[tokio::test]
async fn a_restart_forgets_no_query() {
    let f = Federation::new();
    let caller = f.caller();
    let (query, elsewhere) = (f.query(&["ZZ1"]), f.peer("QZ2", Role::Coordinator));
    let envelope = f.sign(&query);
    let node = f.node("ZZ1").await;
    let first = node.ask(&caller, &envelope).await.expect("an answer");
    node.store.close().await;
    drop(node);

    let node = f.node("ZZ1").await;
    node.ask(&elsewhere, &envelope).await.map(drop).expect_err("not the coordinator");
    let again = node.ask(&caller, &envelope).await.expect("the same answer");
    assert_eq!(again.parts().document, first.parts().document);
    let mut other = query;
    other.expires = NOW.plus(10);
    let refused = node.ask(&caller, &f.sign(&other)).await.expect("a refusal");
    assert_eq!(code(refused.parts()), RefusalCode::QueryIdSeen);
    assert_eq!(
        node.log().await,
        ["query_accepted", "published", "answer_released", "log_opened", "replayed", "refused"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replays_through_the_coordinator_publish_nothing_new() {
    let f = Federation::with_analysts(2);
    let nodes = [f.node("ZZ1").await, f.node("ZZ4").await];
    let wired = f.wire(&[&nodes[0], &nodes[1]]).await;
    let query = f.query(&["ZZ1", "ZZ4"]);
    let first = wired.ask(f.sign(&query)).await.expect("an answer");
    // The same bytes: a new signature over them is the same query.
    let again = wired.ask(f.sign(&query)).await.expect("the same answer");
    assert_eq!(first.cells, again.cells);
    let documents = |bundle: &evensum_core::view::Bundle| -> Vec<Vec<u8>> {
        bundle.answers.iter().map(|(_, parts)| parts.document.clone()).collect()
    };
    assert_eq!(documents(&first), documents(&again));
    f.check(again, &query).expect("a replayed answer verifies");
    // Another analyst with the same bytes, and the same id with other bytes.
    let stolen = wired.ask(f.sign_as(&query, "a1")).await.map(drop).expect_err("refused");
    assert_eq!(stolen, AskFault::Denied(RefusalCode::QueryIdSeen));
    let mut other = query.clone();
    other.expires = NOW.plus(299);
    let other = wired.ask(f.sign(&other)).await.map(drop).expect_err("refused");
    assert_eq!(other, AskFault::Denied(RefusalCode::QueryIdSeen));
    assert_eq!(
        nodes[0].log().await,
        ["query_accepted", "published", "answer_released", "replayed"]
    );
    assert_eq!(nodes[1].log().await, ["query_accepted", "refused", "replayed"]);
    let round = ["query_accepted", "answer_combined"];
    assert_eq!(wired.log().await, [&round[..], &round[..], &["refused"; 2]].concat());
    let ids: Vec<QueryId> = logged(&wired.coordinator.state)
        .await
        .iter()
        .filter_map(|event| event.query().map(|(id, _)| id))
        .collect();
    assert!(ids.iter().all(|id| *id == query.query_id));
}
