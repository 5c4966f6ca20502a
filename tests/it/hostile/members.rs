//! A partner of two federations that are as alike as they can be: one audit log, one set of frozen tables, two
//! populations, and two coordinators that learn nothing of each other.

use std::collections::BTreeSet;

use evensum::store::Reader;
use evensum::synth::{HOME_ICB, NEIGHBOUR_ICB};
use evensum_core::disclosure::AnswerParts;
use evensum_core::identity::QUERY_TYPE;
use evensum_core::ledger::{Entry, Event, Receipt, origin};
use evensum_core::model::{ImdEdition, Role, canonical};
use evensum_core::port::NodeFault;
use evensum_core::sign::{Envelope, VerifyingKey};
use evensum_core::view::CoverageStatus;
use serde_json::Value;

use super::extracts::{DATASET, PERIOD, extract};
use super::fixture::{Federation, OpenNode, entries, kinds, logged};
use crate::pki::ods;

/// A partner in both federations.
async fn both(f: &Federation, s: &Federation, code: &'static str) -> (OpenNode, OpenNode) {
    let first = f.node(code).await;
    let second = s.joined(&first);
    (first, second)
}

fn event(parts: &AnswerParts) -> Event {
    Entry::decode(&parts.receipt.entry).expect("an entry").event
}

/// All residents' pathways, as a release of the residents of a board shows them.
fn total(release: &[u8]) -> u64 {
    let document: Value = serde_json::from_slice(release).expect("JSON");
    let last = document["cells"].as_array().and_then(|cells| cells.last()).expect("a total");
    last.as_u64().expect("a total is shown")
}

fn truth(icb: &str) -> u64 {
    let extract = extract("ZZ1", ImdEdition::Imd2025).expect("an extract");
    extract.by_sex_in(icb)[&("all", "all")].shown().expect("a total is shown")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_federation_is_answered_about_its_own_population_and_one_log_holds_both() {
    let f = Federation::new();
    let s = f.beside();
    let (first, second) = both(&f, &s, "ZZ1").await;
    let (wired_f, wired_s) = (f.wire(&[&first]).await, s.wire(&[&second]).await);
    let (asked_f, asked_s) = (f.query(&["ZZ1"]), s.query(&["ZZ1"]));
    // The two analysts' tools happened to draw one id.
    assert_eq!(asked_f.query_id, asked_s.query_id);
    let bundle_f = wired_f.ask(f.sign(&asked_f)).await.expect("an answer");
    let bundle_s = wired_s.ask(s.sign(&asked_s)).await.expect("an answer");
    let view_f = f.check(bundle_f, &asked_f).expect("verifies with the first answer key");
    let view_s = s.check(bundle_s, &asked_s).expect("verifies with the second answer key");
    let totals = [&view_f, &view_s].map(|view| {
        let answer = view.answer();
        assert_eq!(answer.coverage[0].status, CoverageStatus::Answered);
        total(&answer.releases[0].bytes)
    });
    assert_eq!(totals, [truth(HOME_ICB), truth(NEIGHBOUR_ICB)]);
    assert_ne!(totals[0], totals[1]);

    let answered = ["query_accepted", "published", "answer_released"];
    assert_eq!(first.log().await, [answered, answered].concat());
    let federations: Vec<String> = logged(&first.state)
        .await
        .into_iter()
        .filter_map(|event| match event {
            Event::QueryAccepted { asked } => Some(asked.federation.to_string()),
            Event::Published { federation, .. } => Some(federation.to_string()),
            _ => None,
        })
        .collect();
    let named = ["hostile.example", "hostile.example", "second.example", "second.example"];
    assert_eq!(federations, named);
    // Both agreements list the one key of the one log.
    for agreement in [&f.agreement, &s.agreement] {
        let party = agreement.party(&ods("ZZ1"), Role::Node).expect("a party");
        let key = VerifyingKey::parse(&party.ledger_key).expect("a key");
        let reader = Reader::open(&first.state).await.expect("a log");
        let verdict = reader.verify(&origin(&ods("ZZ1"), Role::Node), &key).await.expect("read");
        assert!(verdict.problems.is_empty(), "{:?}", verdict.problems);
    }
}

/// What the disclosure test must look at together can be had together.
#[tokio::test]
async fn everything_released_of_a_dataset_and_period_is_found_across_federations() {
    let f = Federation::new();
    let s = f.beside();
    let (first, second) = both(&f, &s, "ZZ1").await;
    for (federation, node) in [(&f, &first), (&s, &second), (&f, &first)] {
        let envelope = federation.sign(&federation.query(&["ZZ1"]));
        node.ask(&federation.caller(), &envelope).await.expect("an answer");
    }
    let reader = Reader::open(&first.state).await.expect("a log");
    let dataset = DATASET.parse().expect("an id");
    let period = PERIOD.parse().expect("a period");
    let found = reader.releases(&dataset, period).await.expect("read");
    // The same question of the same federation is one table; the same question of two is two.
    let whose = |(entry, bytes): &(Entry, Vec<u8>)| {
        let document: Value = serde_json::from_slice(bytes).expect("JSON");
        let Event::Published { federation, key, .. } = &entry.event else {
            panic!("{:?}", entry.event)
        };
        assert_eq!(document["federation"], federation.as_str());
        (federation.to_string(), document["residence_scope"][0].to_string(), *key)
    };
    let whose: Vec<_> = found.iter().map(whose).collect();
    let names = whose.iter().map(|(name, icb, _)| (name.as_str(), icb.as_str()));
    let wanted = [("hostile.example", "\"QZ1\""), ("second.example", "\"QZ2\"")];
    assert_eq!(names.collect::<Vec<_>>(), wanted);
    assert_eq!(whose.iter().map(|(_, _, key)| *key).collect::<BTreeSet<_>>().len(), 2);
    for (other_dataset, other_period) in [(DATASET, "2026-09"), ("ecds_attendance", PERIOD)] {
        let (dataset, period) =
            (other_dataset.parse().expect("an id"), other_period.parse().expect("a period"));
        assert!(reader.releases(&dataset, period).await.expect("read").is_empty());
    }
}

#[tokio::test]
async fn an_agreement_of_the_other_federation_is_unknown_even_under_the_same_name() {
    let f = Federation::new();
    let mut s = f.beside();
    let (first, second) = both(&f, &s, "ZZ1").await;
    assert_eq!(f.agreement.id, s.agreement.id);
    let theirs = s.sign(&s.query(&["ZZ1"]));
    let fault = first.ask(&f.caller(), &theirs).await.map(drop).expect_err("refused");
    assert_eq!(fault, NodeFault::AgreementUnknown);
    // Even where one key is enrolled in both, so that the signature would hold.
    let query = canonical::encode(&s.query(&["ZZ1"])).expect("encodes");
    let shared = Envelope::sign(query, QUERY_TYPE, "a0", &f.analysts["a0"]).expect("signs");
    let fault = first.ask(&f.caller(), &shared).await.map(drop).expect_err("refused");
    assert_eq!(fault, NodeFault::AgreementUnknown);
    // The same words as for an agreement that nobody has.
    s.agreement.id = "dsa-9".parse().expect("an id");
    let nobodys = s.sign(&s.query(&["ZZ1"]));
    for (node, caller) in [(&first, f.caller()), (&second, s.caller())] {
        let fault = node.ask(&caller, &nobodys).await.map(drop).expect_err("refused");
        assert_eq!(fault, NodeFault::AgreementUnknown);
    }
    // Nor does the other federation's certificate open what its agreement does not.
    let ours = f.sign(&f.query(&["ZZ1"]));
    let fault = first.ask(&s.caller(), &ours).await.map(drop).expect_err("refused");
    assert!(matches!(fault, NodeFault::Unauthenticated(_)), "{fault:?}");
    assert!(first.log().await.is_empty(), "nothing of it reaches the audit log");
}

/// An id that one federation used tells the other nothing: it is answered there as if it were new, and replayed
/// only to its own.
#[tokio::test]
async fn a_coordinator_cannot_tell_which_ids_the_other_has_used() {
    let f = Federation::new();
    let s = f.beside();
    let (first, second) = both(&f, &s, "ZZ1").await;
    let (ours, theirs) = (f.sign(&f.query(&["ZZ1"])), s.sign(&s.query(&["ZZ1"])));
    let answer_f = first.ask(&f.caller(), &ours).await.expect("an answer");
    let answer_s = second.ask(&s.caller(), &theirs).await.expect("an answer");
    for parts in [answer_f.parts(), answer_s.parts()] {
        assert!(matches!(event(parts), Event::AnswerReleased { .. }), "{:?}", event(parts));
    }
    let again = first.ask(&f.caller(), &ours).await.expect("a replay");
    assert!(matches!(event(again.parts()), Event::Replayed { .. }));
    assert_eq!(again.parts().document, answer_f.parts().document);
    let again = second.ask(&s.caller(), &theirs).await.expect("a replay");
    assert_eq!(again.parts().document, answer_s.parts().document);
    assert_ne!(answer_f.parts().document, answer_s.parts().document);

    // Within one federation an id is still taken once.
    let mut other = f.query(&["ZZ1"]);
    other.query_id = f.fresh_id();
    let used = other.query_id;
    first.ask(&f.caller(), &f.sign(&other)).await.expect("an answer");
    other.expires = other.expires.plus(1);
    let conflict = first.ask(&f.caller(), &f.sign(&other)).await.expect("a refusal");
    assert!(matches!(event(conflict.parts()), Event::Refused { query_id, .. } if query_id == used));
}

/// The one log's proofs name no federation; what they prove does.
#[tokio::test]
async fn an_answer_of_one_federation_does_not_pass_in_the_other() {
    let f = Federation::new();
    let s = f.beside();
    let (first, _second) = both(&f, &s, "ZZ1").await;
    let query = f.query(&["ZZ1"]);
    let envelope = f.sign(&query);
    let answer = first.ask(&f.caller(), &envelope).await.expect("an answer");
    let layout = s.layout(&query);
    let expected = |federation, layout| evensum_core::disclosure::Expected {
        agreement: federation,
        ods: answer.ods(),
        role: Role::Node,
        query_id: query.query_id,
        query_hash: envelope.payload_hash(),
        question: 0,
        layout,
    };
    let parts = || answer.parts().clone();
    use evensum_core::disclosure::Verified;
    let own = f.layout(&query);
    Verified::verify(parts(), expected(&f.agreement, &own)).expect("believed");
    let passed = Verified::verify(parts(), expected(&s.agreement, &layout));
    assert!(passed.is_err(), "signed with another answer key, for another federation");
    // Not even with the answer key of the first listed in the second.
    let mut lenient = s.agreement.clone();
    for (ours, theirs) in lenient.parties.iter_mut().zip(&f.agreement.parties) {
        ours.answer_key = theirs.answer_key.clone();
    }
    assert!(Verified::verify(parts(), expected(&lenient, &layout)).is_err());
    let party = s.agreement.party(&ods("ZZ1"), Role::Node).expect("a party");
    let key = VerifyingKey::parse(&party.ledger_key).expect("a key");
    Receipt::verify(parts().receipt, &origin(&ods("ZZ1"), Role::Node), &key).expect("one log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coordinator_that_is_down_takes_nothing_from_the_other() {
    let f = Federation::new();
    let s = f.beside();
    let (first, second) = both(&f, &s, "ZZ1").await;
    let (wired_f, wired_s) = (f.wire(&[&first]).await, s.wire(&[&second]).await);
    drop(wired_f);
    for _ in 0..2 {
        let query = s.query(&["ZZ1"]);
        let bundle = wired_s.ask(s.sign(&query)).await.expect("an answer");
        let view = s.check(bundle, &query).expect("verifies");
        assert_eq!(view.answer().coverage[0].status, CoverageStatus::Answered);
    }
    // The first comes back and finds its partner as before.
    let wired_f = f.wire(&[&first]).await;
    let query = f.query(&["ZZ1"]);
    let bundle = wired_f.ask(f.sign(&query)).await.expect("an answer");
    f.check(bundle, &query).expect("verifies");
}

/// Two questions under one id stay apart in the log: by the hash of what was signed.
#[tokio::test]
async fn one_id_is_two_questions_in_the_one_log() {
    let f = Federation::new();
    let s = f.beside();
    let (first, second) = both(&f, &s, "ZZ4").await;
    for (federation, node) in [(&f, &first), (&s, &second)] {
        let envelope = federation.sign(&federation.query(&["ZZ4"]));
        node.ask(&federation.caller(), &envelope).await.expect("a refusal");
    }
    let log = kinds(&logged(&first.state).await);
    assert_eq!(log, ["query_accepted", "refused", "query_accepted", "refused"]);
    let hashes: BTreeSet<_> = entries(&first.state)
        .await
        .into_iter()
        .filter_map(|(_, entry)| entry.event.query())
        .collect();
    assert_eq!(hashes.len(), 2, "one id, two questions");
}
