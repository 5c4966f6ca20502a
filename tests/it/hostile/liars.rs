//! Nodes that lie, break or stay silent: the coordinator leaves them out, says so, and answers with the rest.

use std::sync::Arc;
use std::time::{Duration, Instant};

use evensum_core::disclosure::{AnswerParts, DocumentKind};
use evensum_core::identity::Peer;
use evensum_core::ledger::Event;
use evensum_core::model::{Query, Role, canonical};
use evensum_core::port::{AnalystPort, Answers, BoxFuture, NodeFault, NodePort};
use evensum_core::sign::{Envelope, SigningKey};
use evensum_core::view::{Coverage, CoverageStatus, Shared, SystemView};
use serde_json::{Value, json};

use super::fixture::{
    Directory, Federation, INDICATOR, OpenCoordinator, OpenNode, Partner, altered, honest, nobody,
    one,
};
use super::forge::Forger;
use crate::pki::ods;

pub(super) const NOT_BELIEVED: &str = "its answer was not believed: ";
pub(super) const SIGNATURE: &str =
    "the answer is not signed with the key that the agreement lists for this partner";
pub(super) const ENTRY: &str =
    "the partner's audit log entry is about another query or another answer";
const DOCUMENT: &str = "the answer cannot be read: update the older program";
pub(super) const QUESTION: &str = "the answer is to another question, or of another partner";
pub(super) const POLICY: &str =
    "the answer was made under another disclosure profile than the agreement's";
const FIGURES: &str = "the answer holds figures that its own disclosure profile cannot produce";
pub(super) const RECEIPT: &str =
    "the proof that the partner's audit log holds this answer is not valid";

pub(super) type Lie =
    (&'static str, &'static str, Box<dyn Fn(AnswerParts) -> AnswerParts + Send + Sync>);

pub(super) fn lie(
    what: &'static str,
    reason: &'static str,
    how: impl Fn(AnswerParts) -> AnswerParts + Send + Sync + 'static,
) -> Lie {
    (what, reason, Box::new(how))
}

pub(super) fn coverage<'a>(view: &'a SystemView<Shared>, code: &str) -> &'a Coverage {
    let mut lines = view.answer().coverage.iter().filter(|c| c.ods == ods(code));
    let line = lines.next().expect("a line");
    assert!(lines.next().is_none(), "one line a partner");
    line
}

/// The rest of the answer stands, is a whole answer to its receiver, and says who is missing.
fn stands_without(f: &Federation, view: &SystemView<Shared>, query: &Query, liar: &str, why: &str) {
    let answer = view.answer();
    assert_eq!(coverage(view, liar).status, CoverageStatus::Refused, "{liar}");
    assert_eq!(coverage(view, liar).reason.as_deref(), Some(why));
    assert_eq!(coverage(view, "ZZ3").status, CoverageStatus::Answered);
    assert_eq!(answer.releases.len(), 1);
    assert_eq!(answer.releases[0].ods, ods("ZZ3"));
    assert!(!answer.cells.is_empty() && !answer.complete());
    f.check(view.bundle(), query).expect("the receiver agrees");
}

/// A coordinator with ZZ1 as given and ZZ3 as it should be. Reopens the same audit log each time.
pub(super) async fn with(f: &Federation, zz1: Partner, zz3: &OpenNode) -> OpenCoordinator {
    f.coordinator(Directory::new([("ZZ1", zz1), ("ZZ3", honest(zz3))])).await
}

pub(super) async fn each_is_left_out(lies: impl FnOnce(&Federation, &OpenNode) -> Vec<Lie>) {
    let f = Federation::new();
    let (zz1, zz3) = (f.node("ZZ1").await, f.node("ZZ3").await);
    for (what, reason, how) in lies(&f, &zz1) {
        let open = with(&f, altered(&zz1, how), &zz3).await;
        let query = f.query(&["ZZ1", "ZZ3"]);
        let view = open.ask(f.sign(&query)).await.expect(what);
        named(what, || {
            stands_without(&f, &view, &query, "ZZ1", &format!("{NOT_BELIEVED}{reason}"));
        });
        assert_eq!(open.log().await.last().map(String::as_str), Some("answer_combined"));
        open.store.close().await;
    }
}

/// Names the case before the panic of its assertion goes on.
fn named(what: &str, check: impl FnOnce()) {
    if let Err(panic) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)) {
        panic!("{what}: {}", panic.downcast_ref::<String>().cloned().unwrap_or_default());
    }
}

#[tokio::test]
async fn what_was_altered_on_the_way_is_left_out() {
    each_is_left_out(|f, _| {
        let key = SigningKey::generate_ed25519().expect("a key");
        let (zz2, stolen) = (f.keys["ZZ2"].answer.to_pem(), key.to_pem());
        let resigned = |pem: &str| {
            let pem = pem.to_owned();
            move |p: AnswerParts| {
                let key = SigningKey::from_pem(&pem).expect("a key");
                AnswerParts { signature: key.sign(&p.document).expect("signs"), ..p }
            }
        };
        let document = |edit: fn(&mut Vec<u8>)| {
            move |mut p: AnswerParts| {
                edit(&mut p.document);
                p
            }
        };
        vec![
            lie("altered", SIGNATURE, document(|d| d[40] ^= 1)),
            lie("truncated", SIGNATURE, document(|d| d.truncate(d.len() / 2))),
            lie("empty", SIGNATURE, document(Vec::clear)),
            lie("garbage", SIGNATURE, document(|d| d.fill(0xff))),
            lie("longer", SIGNATURE, document(|d| d.push(b' '))),
            lie("a stranger's signature", SIGNATURE, resigned(&stolen)),
            lie("a neighbour's signature", SIGNATURE, resigned(&zz2)),
            lie("no signature", SIGNATURE, |p| AnswerParts { signature: Vec::new(), ..p }),
            lie("another place", SIGNATURE, |mut p| {
                p.receipt.index += 1;
                p
            }),
            lie("another checkpoint", SIGNATURE, |mut p| {
                p.receipt.checkpoint = p.receipt.checkpoint.replace("ZZ1", "ZZ2");
                p
            }),
            lie("an altered entry", RECEIPT, |mut p| {
                p.receipt.entry[10] ^= 1;
                p
            }),
            lie("an altered proof", RECEIPT, |mut p| {
                p.receipt.proof.pop();
                p
            }),
            lie("a release dressed as a refusal", DOCUMENT, |p| AnswerParts {
                kind: DocumentKind::Refusal,
                ..p
            }),
        ]
    })
    .await;
}

#[tokio::test]
async fn what_a_partner_signed_and_cannot_be_is_left_out() {
    each_is_left_out(|f, _| {
        let edited = |what, reason, edit: fn(&mut Value)| {
            let forger = Forger::new(f, "ZZ1", Role::Node);
            lie(what, reason, move |p| forger.edited(&p, edit))
        };
        let cell = |what, edit: fn(&mut Value)| edited(what, FIGURES, edit);
        vec![
            cell("a small count", |d| d["cells"][0] = 3.into()),
            cell("a zero", |d| d["cells"][0] = 0.into()),
            cell("a count that is not rounded", |d| d["cells"][0] = 27.into()),
            cell("a part above its whole", |d| d["cells"][0] = 1_000_000.into()),
            cell("a whole below its parts", |d| d["cells"][1] = 10.into()),
            cell("a state that cannot be", |d| d["cells"][0] = "small".into()),
            cell("the largest number that there is", |d| d["cells"][0] = u64::MAX.into()),
            cell("nothing but the largest number", |d| {
                d["cells"] = vec![u64::MAX; d["cells"].as_array().expect("a list").len()].into();
            }),
            edited("a negative count", DOCUMENT, |d| d["cells"][0] = (-5).into()),
            edited("a count in words", DOCUMENT, |d| d["cells"][0] = "many".into()),
            edited("a field too many", DOCUMENT, |d| d["true_cells"] = json!([3])),
            edited("a cell too few", QUESTION, |d| drop(d["cells"].as_array_mut().map(Vec::pop))),
            edited("a cell too many", QUESTION, |d| {
                d["cells"].as_array_mut().expect("a list").push(5.into())
            }),
            edited("a neighbour's name", QUESTION, |d| d["ods"] = "ZZ2".into()),
            edited("other people", QUESTION, |d| d["residence_scope"] = json!(["QZ2"])),
            edited("another federation", QUESTION, |d| d["federation"] = "other.example".into()),
            edited("another question", QUESTION, |d| d["question"]["period"] = "2026-09".into()),
            edited("another unit", QUESTION, |d| d["person_rows"] = "one".into()),
            edited("other categories", QUESTION, |d| d["axes"][0]["categories"][0] = "any".into()),
            edited("another limit", POLICY, |d| d["policy"]["limit"] = 0.into()),
            edited("another base", POLICY, |d| d["policy"]["base"] = 1.into()),
        ]
    })
    .await;
}

#[tokio::test]
async fn proofs_of_something_else_are_left_out() {
    each_is_left_out(|f, _| {
        let forger = || Forger::new(f, "ZZ1", Role::Node);
        let hash = |p: &AnswerParts| {
            let entry = evensum_core::ledger::Entry::decode(&p.receipt.entry).expect("an entry");
            entry.event.query().expect("of a query")
        };
        let (opened, other_role, unreadable, spaced) =
            (forger(), Forger::new(f, "ZZ1", Role::Coordinator), forger(), forger());
        let (refused, garbage) = (forger(), forger());
        vec![
            lie("the log's first entry", ENTRY, move |p| {
                let event = Event::LogOpened { software: "test".to_owned() };
                let receipt = opened.receipt(event);
                opened.sign(hash(&p).1, AnswerParts { receipt, ..p })
            }),
            lie("a refusal's entry", ENTRY, move |p| {
                let (query_id, query_hash) = hash(&p);
                let code = evensum_core::model::RefusalCode::Withheld;
                let receipt = refused.receipt(Event::Refused {
                    asked: None,
                    query_id,
                    query_hash,
                    question: Some(0),
                    code,
                });
                refused.sign(query_hash, AnswerParts { receipt, ..p })
            }),
            lie("a log of another role", RECEIPT, move |p| {
                other_role.release(&p, p.document.clone())
            }),
            lie("a signed half", DOCUMENT, move |p| {
                unreadable.release(&p, p.document[..p.document.len() / 2].to_vec())
            }),
            lie("signed garbage", DOCUMENT, move |p| garbage.release(&p, vec![0xff; 64])),
            lie("another spelling", DOCUMENT, move |p| {
                let value: Value = serde_json::from_slice(&p.document).expect("JSON");
                let pretty = serde_json::to_vec_pretty(&value).expect("JSON");
                assert!(canonical::decode::<Value>(&pretty).is_err());
                spaced.release(&p, pretty)
            }),
        ]
    })
    .await;
}

#[tokio::test]
async fn another_answer_in_its_place_is_left_out() {
    let f = Federation::new();
    let (zz1, zz2, zz3) = (f.node("ZZ1").await, f.node("ZZ2").await, f.node("ZZ3").await);
    let earlier = zz1.ask(&f.caller(), &f.sign(&f.query(&["ZZ1"]))).await.expect("an answer");
    let earlier = earlier.parts().clone();
    // A neighbour's answer to the very query, and the partner's own to another.
    let query = f.query(&["ZZ1", "ZZ2", "ZZ3"]);
    let neighbour = zz2.ask(&f.caller(), &f.sign(&query)).await.expect("an answer");
    let neighbour = neighbour.parts().clone();
    for parts in [earlier, neighbour] {
        let swapped = altered(&zz1, move |_| parts.clone());
        let open = f
            .coordinator(Directory::new([
                ("ZZ1", swapped),
                ("ZZ2", honest(&zz2)),
                ("ZZ3", honest(&zz3)),
            ]))
            .await;
        let view = open.ask(f.sign(&query)).await.expect("an answer");
        let why = format!("{NOT_BELIEVED}{SIGNATURE}");
        assert_eq!(coverage(&view, "ZZ1").status, CoverageStatus::Refused);
        assert_eq!(coverage(&view, "ZZ1").reason.as_deref(), Some(&*why));
        assert_eq!(view.answer().releases.len(), 2);
        assert_eq!(view.answer().indicator.id.as_str(), INDICATOR);
        f.check(view.bundle(), &query).expect("the receiver agrees");
        open.store.close().await;
    }
}

/// Does what no node does.
enum Broken {
    Silent,
    Panics,
    Fails(NodeFault),
}

impl NodePort for Broken {
    type Reply = AnswerParts;

    fn answer<'a>(
        &'a self,
        _: &'a Peer,
        _: &'a Envelope,
        _: Duration,
    ) -> BoxFuture<'a, Result<Answers<AnswerParts, NodeFault>, NodeFault>> {
        match self {
            Self::Silent => Box::pin(std::future::pending()),
            Self::Panics => Box::pin(async { panic!("a partner's program broke") }),
            Self::Fails(fault) => Box::pin(std::future::ready(Err(fault.clone()))),
        }
    }
}

#[tokio::test]
async fn a_silent_node_is_late_and_holds_nobody_up() {
    let f = Federation::new();
    let zz3 = f.node("ZZ3").await;
    let open = with(&f, Arc::new(Broken::Silent), &zz3).await;
    let (query, deadline) = (f.query(&["ZZ1", "ZZ3"]), Duration::from_secs(2));
    let started = Instant::now();
    let asking =
        async { one(open.coordinator.ask(f.sign(&query), deadline, nobody()).await).await };
    let answered = tokio::time::timeout(deadline * 3, asking).await.expect("an end");
    assert!(started.elapsed() < deadline + Duration::from_secs(1), "{:?}", started.elapsed());
    let view = answered.expect("the rest of the answer");
    assert_eq!(coverage(&view, "ZZ1").status, CoverageStatus::Late);
    assert_eq!(coverage(&view, "ZZ3").status, CoverageStatus::Answered);
    f.check(view.bundle(), &query).expect("the receiver agrees");
    assert_eq!(open.log().await, ["query_accepted", "answer_combined"]);
}

#[tokio::test]
async fn a_node_that_breaks_or_fails_is_named_with_the_reason() {
    let f = Federation::new();
    let zz3 = f.node("ZZ3").await;
    let refused = CoverageStatus::Refused;
    let internal = "the partner could not answer: its own log says why";
    for (broken, status, why) in [
        (Broken::Panics, refused, internal),
        (Broken::Fails(NodeFault::Internal), refused, internal),
        (
            Broken::Fails(NodeFault::LedgerUnavailable),
            refused,
            "the partner's audit log is not available, so it answers nothing",
        ),
        (
            Broken::Fails(NodeFault::Unreadable),
            refused,
            "what the partner sent cannot be read: update the older program",
        ),
        (
            Broken::Fails(NodeFault::Unreachable),
            CoverageStatus::Unreachable,
            "the partner is not connected",
        ),
        (
            Broken::Fails(NodeFault::Late),
            CoverageStatus::Late,
            "the partner did not answer in time",
        ),
    ] {
        let open = with(&f, Arc::new(broken), &zz3).await;
        let query = f.query(&["ZZ1", "ZZ3"]);
        let view = open.ask(f.sign(&query)).await.expect("the rest of the answer");
        let line = coverage(&view, "ZZ1");
        assert_eq!((line.status, line.reason.as_deref()), (status, Some(why)));
        assert_eq!(coverage(&view, "ZZ3").status, CoverageStatus::Answered);
        f.check(view.bundle(), &query).expect("the receiver agrees");
        open.store.close().await;
    }
}
