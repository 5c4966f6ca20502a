//! A node that holds its own keys and lies with them: about the policy that it counted under, about who it is,
//! and about what it signed. The coordinator leaves it out, names it with the reason, and answers with the rest.

use evensum_core::disclosure::{AnswerParts, DocumentKind};
use evensum_core::ledger::{Entry, Event};
use evensum_core::model::{Digest, Profile, QueryId, RefusalCode, Role, canonical};
use evensum_core::view::CoverageStatus;
use serde_json::{Value, json};

use super::fixture::{Federation, altered};
use super::forge::Forger;
use super::liars::{
    ENTRY, Lie, POLICY, QUESTION, RECEIPT, SIGNATURE, coverage, each_is_left_out, lie, with,
};

fn zz1(f: &Federation) -> Forger {
    Forger::new(f, "ZZ1", Role::Node)
}

/// The query that an answer is about, by its log's entry.
fn about(parts: &AnswerParts) -> (QueryId, Digest) {
    let entry = Entry::decode(&parts.receipt.entry).expect("an entry");
    entry.event.query().expect("of a query")
}

/// A release whose document says something else than it should, and is signed and proved all the same.
fn says(
    f: &Federation,
    what: &'static str,
    reason: &'static str,
    edit: impl Fn(&mut Value) + Send + Sync + 'static,
) -> Lie {
    let forger = zz1(f);
    lie(what, reason, move |p| forger.edited(&p, &edit))
}

/// A release whose statement says something else than it should.
fn states(f: &Federation, what: &'static str, edit: fn(&mut Value)) -> Lie {
    let forger = zz1(f);
    lie(what, SIGNATURE, move |p| forger.sign_saying(about(&p).1, p, edit))
}

/// A release whose audit log entry says something else than it should.
fn logs(
    f: &Federation,
    what: &'static str,
    edit: fn(QueryId, Digest, Digest) -> (QueryId, Digest, Digest),
) -> Lie {
    let forger = zz1(f);
    lie(what, ENTRY, move |p| {
        let (of, hash) = about(&p);
        let (query_id, query_hash, release_hash) = edit(of, hash, Digest::of(&p.document));
        let event = Event::AnswerReleased { query_id, query_hash, question: 0, release_hash };
        forger.sign(hash, AnswerParts { receipt: forger.receipt(event), ..p })
    })
}

fn other() -> Digest {
    Digest::of(b"something else")
}

#[tokio::test]
async fn a_node_that_claims_another_policy_than_the_agreements_is_left_out() {
    each_is_left_out(|f, _| {
        assert_eq!(f.agreement.profile, Profile::Nhs75m);
        let profile =
            |name: &'static str| move |d: &mut Value| d["policy"]["profile"] = name.into();
        let whole = |claimed: Profile| {
            move |d: &mut Value| {
                let (limit, base) = (claimed.limit(), claimed.base());
                d["policy"] = json!({ "profile": claimed.as_str(), "limit": limit, "base": base });
            }
        };
        vec![
            says(f, "a stricter profile's name", POLICY, profile("ons105m")),
            says(f, "a sibling's name", POLICY, profile("nhs75")),
            says(f, "a stricter profile, whole", POLICY, whole(Profile::Ons105m)),
            says(f, "a sibling, whole", POLICY, whole(Profile::Nhs75)),
            says(f, "a lower limit", POLICY, |d| d["policy"]["limit"] = 4.into()),
            says(f, "a higher limit", POLICY, |d| d["policy"]["limit"] = 9.into()),
            says(f, "no limit", POLICY, |d| d["policy"]["limit"] = 0.into()),
            says(f, "no rounding", POLICY, |d| d["policy"]["base"] = 1.into()),
            says(f, "coarser rounding", POLICY, |d| d["policy"]["base"] = 10.into()),
        ]
    })
    .await;
}

#[tokio::test]
async fn a_node_that_answers_as_another_partner_is_left_out() {
    each_is_left_out(|f, _| {
        let (in_name, in_log, in_all) =
            (zz1(f).named("ZZ2"), zz1(f).named("ZZ2"), zz1(f).named("ZZ2"));
        let (own_log, entry_alone, refuser) = (zz1(f), zz1(f), zz1(f));
        let (foreign, refused) = (zz1(f).named("ZZ2"), zz1(f));
        vec![
            says(f, "the document in a neighbour's name", QUESTION, |d| d["ods"] = "ZZ2".into()),
            says(f, "in a stranger's name", QUESTION, |d| d["ods"] = "R0D".into()),
            says(f, "in the coordinator's name", QUESTION, |d| d["ods"] = "QZ1".into()),
            states(f, "the statement in a neighbour's name", |s| s["ods"] = "ZZ2".into()),
            lie("signed as the neighbour", SIGNATURE, move |p| in_name.sign(about(&p).1, p)),
            lie("everything in the neighbour's name", SIGNATURE, move |p| {
                in_all.edited(&p, |d| d["ods"] = "ZZ2".into())
            }),
            lie("an audit log of the neighbour's name", RECEIPT, move |p| {
                let logged = in_log.release(&p, p.document.clone());
                own_log.sign(about(&p).1, logged)
            }),
            lie("an entry of the neighbour's in the own log", RECEIPT, move |p| {
                let entry = Entry::decode(&p.receipt.entry).expect("an entry");
                let receipt = entry_alone.receipt_by("ZZ2", Role::Node, entry.event);
                entry_alone.sign(about(&p).1, AnswerParts { receipt, ..p })
            }),
            lie("a refusal in the neighbour's name", QUESTION, move |p| {
                refusal(&refuser, &p, |d| d["ods"] = "ZZ2".into())
            }),
            lie("a refusal signed as the neighbour", SIGNATURE, move |p| {
                let forged = refusal(&refused, &p, |_| {});
                foreign.sign(about(&p).1, forged)
            }),
        ]
    })
    .await;
}

/// A refusal by a node that had no reason to refuse.
fn refusal(forger: &Forger, parts: &AnswerParts, lie: impl FnOnce(&mut Value)) -> AnswerParts {
    let (query_id, query_hash) = about(parts);
    let code = RefusalCode::Withheld;
    let mut document = json!({
        "format": "evensum-refusal-1", "ods": "ZZ1", "query_id": query_id, "question": 0, "code": code.as_str(),
    });
    lie(&mut document);
    let receipt = forger.receipt(Event::Refused {
        asked: None,
        query_id,
        query_hash,
        question: Some(0),
        code,
    });
    let document = canonical::encode(&document).expect("encodes");
    let signature = Vec::new();
    let kind = DocumentKind::Refusal;
    forger.sign(query_hash, AnswerParts { kind, document, signature, receipt })
}

#[tokio::test]
async fn a_node_that_signs_or_logs_another_hash_is_left_out() {
    each_is_left_out(|f, _| {
        let (replays, refuses, ends) = (zz1(f), zz1(f), zz1(f));
        let definition = |d: &mut Value| d["question"]["definition_hash"] = json!(other());
        vec![
            states(f, "another document hash", |s| s["document_hash"] = json!(other())),
            states(f, "another query hash", |s| s["query_hash"] = json!(other())),
            states(f, "another checkpoint hash", |s| s["checkpoint_hash"] = json!(other())),
            states(f, "another place in the log", |s| s["index"] = 7.into()),
            states(f, "another federation", |s| s["federation"] = "other.example".into()),
            logs(f, "another release hash", |id, query, _| (id, query, other())),
            logs(f, "another logged query hash", |id, _, release| (id, other(), release)),
            logs(f, "another logged query", |_, query, release| {
                (QueryId::from_parts(1, &[1; 10]), query, release)
            }),
            lie("a replay of another release", ENTRY, move |p| {
                let (query_id, query_hash) = about(&p);
                let release_hash = Some(other());
                let event = Event::Replayed { query_id, query_hash, question: 0, release_hash };
                replays.sign(query_hash, AnswerParts { receipt: replays.receipt(event), ..p })
            }),
            says(f, "another definition hash", QUESTION, definition),
            says(f, "another dataset", QUESTION, |d| d["dataset"] = "cancer_28_day".into()),
            lie("a refusal of another query", QUESTION, move |p| {
                let of = json!(QueryId::from_parts(1, &[1; 10]));
                refusal(&refuses, &p, |d| d["query_id"] = of)
            }),
            lie("a refusal for another reason than is logged", ENTRY, move |p| {
                refusal(&ends, &p, |d| d["code"] = "no_data".into())
            }),
        ]
    })
    .await;
}

/// The control: what the same hand signs is believed where it does not lie, so that each lie above is found by
/// what it lies about.
#[tokio::test]
async fn a_node_that_claims_nothing_false_is_believed() {
    let f = Federation::new();
    let (one, three) = (f.node("ZZ1").await, f.node("ZZ3").await);
    let truths: Vec<(CoverageStatus, Lie)> = vec![
        (CoverageStatus::Answered, says(&f, "the truth", "", |_| {})),
        (CoverageStatus::Answered, states(&f, "the truth", |_| {})),
        (
            CoverageStatus::Answered,
            logs(&f, "the truth", |id, query, release| (id, query, release)),
        ),
        (CoverageStatus::Refused, {
            let forger = zz1(&f);
            lie("a refusal", "", move |p| refusal(&forger, &p, |_| {}))
        }),
    ];
    for (status, (what, _, how)) in truths {
        let open = with(&f, altered(&one, how), &three).await;
        let query = f.query(&["ZZ1", "ZZ3"]);
        let view = open.ask(f.sign(&query)).await.expect("an answer");
        let found = coverage(&view, "ZZ1");
        assert_eq!(found.status, status, "{what}: {:?}", found.reason);
        let doubted = found.reason.as_ref().is_some_and(|why| why.contains("not believed"));
        assert!(!doubted, "{what}: {:?}", found.reason);
        f.check(view.bundle(), &query).expect("the receiver agrees");
        open.store.close().await;
    }
}
