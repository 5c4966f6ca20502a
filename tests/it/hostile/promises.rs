//! The promises, each with an attempt to break it.

use std::collections::BTreeSet;

use evensum_core::disclosure::{CombineError, DocumentKind, Outgoing};
use evensum_core::ledger::{Event, Receipt, origin};
use evensum_core::model::{ImdEdition, Query, RefusalCode, Role};
use evensum_core::port::{AnalystPort, AskFault, NodeFault};
use evensum_core::sign::VerifyingKey;
use evensum_core::view::CoverageStatus;

use super::fixture::{
    COUNCIL, DEADLINE, Directory, Federation, HOLDERS, OpenNode, entries, honest, level, logged,
    one,
};
use crate::pki::{NOW, ods};

/// I1: what was answered stands in the audit log on the disk, at the place that the receipt names.
async fn written(f: &Federation, code: &str, role: Role, node: &OpenNode, outgoing: &Outgoing) {
    let party = f.agreement.party(&ods(code), role).expect("a party");
    let key = VerifyingKey::parse(&party.ledger_key).expect("a key");
    let log = origin(&ods(code), role);
    let parts = outgoing.parts().receipt.clone();
    let receipt = Receipt::verify(parts, &log, &key).expect("proved");
    let stored = entries(&node.state).await;
    let at = usize::try_from(receipt.entry().seq).expect("small");
    assert_eq!(stored[at].0, receipt.parts().entry);
}

#[tokio::test]
async fn no_answer_without_an_entry_on_the_disk() {
    let f = Federation::new();
    let (node, caller) = (f.node("ZZ1").await, f.caller());
    let released = f.sign(&f.query(&["ZZ1"]));
    let mut refused = f.query(&["ZZ1"]);
    refused.expires = NOW;
    let refused = f.sign(&refused);
    for envelope in [&released, &released, &refused] {
        let outgoing = node.ask(&caller, envelope).await.expect("an answer");
        written(&f, "ZZ1", Role::Node, &node, &outgoing).await;
    }
    // Without a log nothing leaves, not even what was answered before, and not even a refusal.
    let before = entries(&node.state).await;
    node.store.close().await;
    let fresh = f.sign(&f.query(&["ZZ1"]));
    for envelope in [&fresh, &released, &refused] {
        let fault = node.ask(&caller, envelope).await.map(drop).expect_err("no log");
        assert_eq!(fault, NodeFault::LedgerUnavailable);
    }
    assert_eq!(entries(&node.state).await, before);
}

#[tokio::test]
async fn a_coordinator_without_a_log_asks_nobody() {
    let f = Federation::new();
    let node = f.node("ZZ1").await;
    let open = f.coordinator(Directory::new([("ZZ1", honest(&node))])).await;
    open.store.close().await;
    let mut late = f.query(&["ZZ1"]);
    late.expires = NOW;
    for query in [f.query(&["ZZ1"]), late] {
        let fault = open.ask(f.sign(&query)).await.map(drop).expect_err("no log");
        assert_eq!(fault, AskFault::LedgerUnavailable);
    }
    assert!(node.log().await.is_empty());
}

#[tokio::test]
async fn a_node_without_a_log_is_left_out_and_named() {
    let f = Federation::new();
    let nodes = [f.node("ZZ1").await, f.node("ZZ2").await];
    nodes[0].store.close().await;
    let partners = [("ZZ1", honest(&nodes[0])), ("ZZ2", honest(&nodes[1]))];
    let open = f.coordinator(Directory::new(partners)).await;
    let query = f.query(&["ZZ1", "ZZ2"]);
    let view = open.ask(f.sign(&query)).await.expect("the rest");
    let line = &view.answer().coverage[0];
    assert_eq!((&line.ods, line.status), (&ods("ZZ1"), CoverageStatus::Refused));
    assert_eq!(
        line.reason.as_deref(),
        Some("the partner's audit log is not available, so it answers nothing")
    );
    assert_eq!(view.answer().releases.len(), 1);
}

#[tokio::test]
async fn every_partner_is_in_the_answer_once_and_only_those_that_are_named() {
    let f = Federation::new();
    let mut nodes = Vec::new();
    for code in HOLDERS.into_iter().chain([COUNCIL]) {
        nodes.push((code, f.node(code).await));
    }
    // ZZ2 is not connected.
    let connected = nodes.iter().filter(|(code, _)| *code != "ZZ2");
    let open =
        f.coordinator(Directory::new(connected.map(|(code, node)| (*code, honest(node))))).await;
    for targets in [&["ZZ1"][..], &["ZZ3", "ZZ1"], &["ZZ2", COUNCIL], &["ZZ4", "ZZ3", "ZZ2", "ZZ1"]]
    {
        let query = f.query(targets);
        let view = open.ask(f.sign(&query)).await.expect("an answer");
        f.check(view.bundle(), &query).expect("verifies");
        let coverage = &view.answer().coverage;
        let named: Vec<_> = coverage.iter().map(|c| c.ods.clone()).collect();
        let mut wanted: Vec<_> = query.targets.clone();
        wanted.sort();
        assert_eq!(named, wanted);
        for line in coverage {
            let (status, reason) = match line.ods.as_str() {
                "ZZ2" => (CoverageStatus::Unreachable, Some("the partner is not connected")),
                COUNCIL => (CoverageStatus::NoData, Some("holds no such data")),
                _ => (CoverageStatus::Answered, None),
            };
            assert_eq!((line.status, line.reason.as_deref()), (status, reason), "{}", line.ods);
        }
        let answered = coverage.iter().filter(|c| c.status == CoverageStatus::Answered);
        let released = view.answer().releases.iter().map(|r| &r.ods);
        assert!(answered.map(|c| &c.ods).eq(released));
    }
    // A node that nobody asked wrote nothing.
    assert!(nodes[1].1.log().await.is_empty());
}

#[tokio::test]
async fn a_release_is_the_same_bytes_for_ever() {
    let f = Federation::with_analysts(3);
    let caller = f.caller();
    let mut seen = BTreeSet::new();
    let mut published = 0;
    for start in 0_i64..3 {
        let node = f.node("ZZ1").await;
        for analyst in ["a0", "a1", "a2"] {
            f.clock.set(NOW.plus(start * 100));
            let mut query = f.query(&["ZZ1"]);
            query.expires = NOW.plus(400);
            let answer = node.ask(&caller, &f.sign_as(&query, analyst)).await.expect("an answer");
            assert_eq!(answer.parts().kind, DocumentKind::Release);
            seen.insert(answer.parts().document.clone());
        }
        published = node.log().await.iter().filter(|kind| *kind == "published").count();
        let all = entries(&node.state).await.into_iter().map(|(_, entry)| entry.event);
        let extracts = all.filter(|event| matches!(event, Event::SnapshotPublished { .. }));
        assert_eq!(extracts.count(), 1, "an extract is written down once");
        node.store.close().await;
    }
    assert_eq!((seen.len(), published), (1, 1));
}

#[tokio::test]
async fn the_order_of_a_breakdown_and_the_company_change_nothing() {
    let f = Federation::new();
    let mut wider = f.agreement.clone();
    wider.max_dimensions = 2;
    let node = f.node_of("ZZ1", ImdEdition::Imd2025, &wider).await;
    let mut seen = BTreeSet::new();
    for (by, targets) in [
        (["sex", "imd.quintile"], &["ZZ1"][..]),
        (["imd.quintile", "sex"], &["ZZ1"]),
        (["sex", "imd.quintile"], &["ZZ2", "ZZ1", "ZZ3"]),
    ] {
        let mut query = f.query(targets);
        query.agreement_hash = wider.hash().expect("a hash");
        query.questions[0].by = by.map(level).into();
        let answer = node.ask(&f.caller(), &f.sign(&query)).await.expect("an answer");
        assert_eq!(answer.parts().kind, DocumentKind::Release);
        seen.insert(answer.parts().document.clone());
    }
    assert_eq!(seen.len(), 1);
}

/// Two partners whose extracts were made with different editions of the index.
async fn mixed(f: &Federation) -> [OpenNode; 2] {
    let new = f.node("ZZ1").await;
    [new, f.node_of("ZZ2", ImdEdition::Imd2019, &f.agreement).await]
}

fn by(f: &Federation, id: &str) -> Query {
    let mut query = f.query(&["ZZ1", "ZZ2"]);
    query.questions[0].by = vec![level(id)];
    query
}

#[tokio::test]
async fn editions_of_the_index_are_never_mixed() {
    let f = Federation::new();
    let nodes = mixed(&f).await;
    let partners = [("ZZ1", honest(&nodes[0])), ("ZZ2", honest(&nodes[1]))];
    let open = f.coordinator(Directory::new(partners)).await;
    for id in ["imd.quintile", "imd.decile"] {
        let query = by(&f, id);
        let fault = open.ask(f.sign(&query)).await.map(drop).expect_err("mixed");
        let editions =
            vec![(ods("ZZ1"), Some(ImdEdition::Imd2025)), (ods("ZZ2"), Some(ImdEdition::Imd2019))];
        assert_eq!(fault, AskFault::Combine(CombineError::MixedEditions(editions)));
        let log = logged(&open.state).await;
        let code = RefusalCode::MixedEditions;
        assert!(
            matches!(log.last(), Some(Event::Refused { asked: None, code: c, .. }) if *c == code)
        );
        // The same again is the same refusal.
        let again = open.ask(f.sign(&query)).await.map(drop).expect_err("mixed");
        assert_eq!(again, AskFault::Denied(code));
    }
    let query = by(&f, "sex");
    let view = open.ask(f.sign(&query)).await.expect("sex is the same in both");
    assert!(view.answer().complete());
    assert_eq!(view.answer().imd_edition, None);
    f.check(view.bundle(), &query).expect("verifies");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mixed_editions_have_one_name_on_the_wire() {
    let f = Federation::new();
    let nodes = mixed(&f).await;
    let wired = f.wire(&[&nodes[0], &nodes[1]]).await;
    let mut faults = wired.raw(f.sign(&by(&f, "imd.quintile"))).await.expect("no status");
    let fault = faults.pop().and_then(|of| of.fault).expect("a fault of the question");
    assert_eq!(fault.code, "mixed_editions");
    assert_eq!(
        fault.text,
        "the partners' extracts use different editions of the Index of Multiple Deprivation, \
         which cannot be added: ZZ1 has 2025, ZZ2 has 2019"
    );
    let fault = wired.ask(f.sign(&by(&f, "imd.quintile"))).await.map(drop).expect_err("mixed");
    assert_eq!(fault, AskFault::Denied(RefusalCode::MixedEditions));
    let query = by(&f, "sex");
    let bundle = wired.ask(f.sign(&query)).await.expect("an answer");
    f.check(bundle, &query).expect("verifies");
}

#[tokio::test]
async fn a_break_in_the_middle_of_a_question_is_its_end_in_the_log() {
    let f = Federation::new();
    let node = f.node("ZZ1").await;
    let open = f.coordinator(Directory::new([("ZZ1", honest(&node))])).await;
    let breaks = std::sync::Arc::new(|_| panic!("whoever listens to progress breaks"));
    let query = f.sign(&f.query(&["ZZ1"]));
    let fault = one(open.coordinator.ask(query, DEADLINE, breaks).await)
        .await
        .map(drop)
        .expect_err("broken");
    assert_eq!(fault, AskFault::Internal);
    assert_eq!(open.log().await, ["query_accepted", "panicked"]);
    open.ask(f.sign(&f.query(&["ZZ1"]))).await.expect("the next question is answered");
}

#[tokio::test]
async fn a_manifest_that_was_edited_is_not_believed() {
    let f = Federation::new();
    let (node, caller) = (f.node("ZZ1").await, f.caller());
    let first = f.sign(&f.query(&["ZZ1"]));
    let answered = node.ask(&caller, &first).await.expect("answered, and the extract stays open");
    assert_eq!(answered.parts().kind, DocumentKind::Release);
    let dir =
        evensum::intake::published_root(&node.state).join("rtt_open_pathway/2026-10/1-provisional");
    let original = std::fs::read_to_string(dir.join("manifest.json")).expect("a manifest");
    let mut by_sex = f.query(&["ZZ1"]);
    by_sex.questions[0].by = vec![level("sex")];
    for (from, to, outcome) in [
        ("\"as_of\": \"2026-10-31\"", "\"as_of\": \"2026-09-30\"", "failed"),
        ("\"definition_hash\": \"", "\"definition_hash\": \"00", "refused"),
    ] {
        let mut edited = original.replacen(from, to, 1);
        if outcome == "refused" {
            // As long as it was: two digits go at the end of the hash.
            let at = edited.find(to).expect("edited") + "\"definition_hash\": \"".len();
            edited.replace_range(at + 64..at + 66, "");
        }
        assert_ne!(edited, original);
        std::fs::write(dir.join("manifest.json"), edited).expect("written");
        let mut query = by_sex.clone();
        query.query_id = f.fresh_id();
        let reply = node.ask(&caller, &f.sign(&query)).await;
        let released = reply.is_ok_and(|r| r.parts().kind == DocumentKind::Release);
        assert!(!released, "{from}");
        assert_eq!(node.log().await.last().map(String::as_str), Some(outcome), "{from}");
    }
    std::fs::write(dir.join("manifest.json"), original).expect("written");
    by_sex.query_id = f.fresh_id();
    let reply = node.ask(&caller, &f.sign(&by_sex)).await.expect("the control");
    assert_eq!(reply.parts().kind, DocumentKind::Release);
}
