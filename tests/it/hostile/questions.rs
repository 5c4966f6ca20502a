//! Queries that somebody known signed and that the rules do not allow: one record, and a refusal that says
//! which rule, at a node and at the coordinator alike.

use evensum_core::disclosure::{DocumentKind, Expected, Outgoing, Verified};
use evensum_core::ledger::Event;
use evensum_core::model::{
    AgreementId, CategoryId, Digest, FederationId, IndicatorId, MAX_QUESTIONS, Ods, PeriodRange,
    PurposeId, Query, Question, RefusalCode, Role, Scope,
};
use evensum_core::port::{AskFault, NodeFault};
use evensum_core::sign::Envelope;
use tonic::Code;

use super::fixture::{Federation, WEAK, level, logged};
use crate::pki::{NOW, ods};

struct Case {
    what: &'static str,
    analyst: &'static str,
    query: Query,
    code: RefusalCode,
    wire: Code,
}

/// Reads a node's refusal as its receiver does, and gives its code.
fn refusal(
    f: &Federation,
    outgoing: &Outgoing,
    query: &Query,
    envelope: &Envelope,
    question: u32,
) -> RefusalCode {
    assert_eq!(outgoing.parts().kind, DocumentKind::Refusal);
    let text = String::from_utf8(outgoing.parts().document.clone()).expect("text");
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let keys: Vec<&String> = document.as_object().expect("a map").keys().collect();
    assert_eq!(keys, ["code", "format", "ods", "query_id", "question"], "{text}");
    let layout = f.layout(&f.query(&["ZZ1"]));
    let expected = Expected {
        agreement: &f.agreement,
        ods: outgoing.ods(),
        role: Role::Node,
        query_id: query.query_id,
        query_hash: envelope.payload_hash(),
        question,
        layout: &layout,
    };
    match Verified::verify(outgoing.parts().clone(), expected).expect("believed") {
        Verified::Refusal(refusal) => refusal.code(),
        Verified::Release(_) => panic!("a release"),
    }
}

fn scope(level_id: &str, category: &str) -> Scope {
    Scope { level: level(level_id), category: CategoryId::new(category).expect("a category") }
}

/// Changes one thing of a good query.
type Edit = Box<dyn Fn(&mut Query)>;

fn edit(how: impl Fn(&mut Query) + 'static) -> Edit {
    Box::new(how)
}

/// Every rule that a query can break, broken once.
fn cases(f: &Federation, target: &str) -> Vec<Case> {
    let rows = of_the_query().into_iter().chain(of_the_question(f));
    let mut cases: Vec<Case> = rows
        .map(|(what, code, wire, edit)| {
            let mut query = f.query(&[target]);
            edit(&mut query);
            Case { what, analyst: "a0", query, code, wire }
        })
        .collect();
    let (code, wire) = (RefusalCode::AssuranceTooLow, Code::PermissionDenied);
    let query = f.query(&[target]);
    cases.push(Case { what: "a weak sign-in", analyst: WEAK, query, code, wire });
    cases
}

type Row = (&'static str, RefusalCode, Code, Edit);

fn of_the_query() -> Vec<Row> {
    use RefusalCode as R;
    let (bad, failed) = (Code::InvalidArgument, Code::FailedPrecondition);
    let denied = Code::PermissionDenied;
    let lives = |from: i64, until: i64| {
        edit(move |q| (q.not_before, q.expires) = (NOW.plus(from), NOW.plus(until)))
    };
    vec![
        ("expired", R::Expired, failed, lives(-300, 0)),
        ("too early", R::TooEarly, failed, lives(1, 300)),
        ("lives too long", R::Malformed, bad, lives(-1, 600)),
        ("lives not at all", R::Malformed, bad, lives(0, 0)),
        ("lives backwards", R::Malformed, bad, lives(i64::MAX, i64::MIN)),
        (
            "another federation",
            R::FederationDiffers,
            denied,
            edit(|q| {
                q.federation = FederationId::new("other.example").expect("an id");
            }),
        ),
        (
            "another version of the agreement",
            R::AgreementDiffers,
            failed,
            edit(|q| {
                q.agreement_hash = Digest::of(b"another");
            }),
        ),
        (
            "another purpose",
            R::PurposeNotAllowed,
            denied,
            edit(|q| {
                q.purpose = PurposeId::new("marketing").expect("an id");
            }),
        ),
        ("a question twice", R::Malformed, bad, edit(|q| q.questions.push(q.questions[0].clone()))),
        ("too many questions", R::Malformed, bad, edit(too_many)),
        ("no question", R::Malformed, bad, edit(|q| q.questions.clear())),
        ("nobody asked", R::Malformed, bad, edit(|q| q.targets.clear())),
        ("asked twice", R::Malformed, bad, edit(|q| q.targets.push(q.targets[0].clone()))),
    ]
}

/// One question more than may be, of consecutive months.
fn too_many(query: &mut Query) {
    let first = query.questions[0].clone();
    let months: PeriodRange = "2000-01..2020-12".parse().expect("a range");
    let months = months.periods().take(MAX_QUESTIONS);
    query.questions.extend(months.map(|period| Question { period, ..first.clone() }));
}

fn of_the_question(f: &Federation) -> Vec<Row> {
    use RefusalCode as R;
    let (bad, failed) = (Code::InvalidArgument, Code::FailedPrecondition);
    let (denied, none) = (Code::PermissionDenied, Code::NotFound);
    let ask = |id: &str| {
        let id = IndicatorId::new(id).expect("an id");
        let hash = f.catalogue.definition_hash(&id).unwrap_or(Digest::of(b""));
        edit(move |q| {
            q.questions[0].definition_hash = hash;
            q.questions[0].indicator = id.clone();
        })
    };
    let by = |levels: &[&str]| {
        let levels: Vec<_> = levels.iter().map(|id| level(id)).collect();
        edit(move |q| q.questions[0].by = levels.clone())
    };
    let only = |id: &str, category: &str| {
        let scope = scope(id, category);
        edit(move |q| q.questions[0].scope = Some(scope.clone()))
    };
    let three = ["sex", "imd.quintile", "ethnicity.group"];
    vec![
        ("another indicator", R::IndicatorNotAllowed, denied, ask("rtt_over_18_weeks")),
        ("no indicator", R::IndicatorUnknown, none, ask("rtt_over_tea")),
        (
            "another definition",
            R::DefinitionDiffers,
            failed,
            edit(|q| {
                q.questions[0].definition_hash = Digest::of(b"mine");
            }),
        ),
        ("another dimension", R::DimensionNotAllowed, denied, by(&["provider"])),
        ("no dimension", R::LevelUnknown, none, by(&["sex.shoe"])),
        ("too many dimensions", R::TooManyDimensions, denied, by(&three[..2])),
        ("many dimensions", R::Malformed, bad, by(&three)),
        ("a dimension twice", R::Malformed, bad, by(&["imd.quintile", "imd.decile"])),
        ("a scope of no scope", R::ScopeNotAllowed, bad, only("imd.quintile", "q1")),
        ("a scope not agreed", R::DimensionNotAllowed, denied, only("icb.residence", "QZ1")),
        ("a scope on nothing", R::CategoryUnknown, none, only("tfc.group", "999999")),
        ("a scope on everything", R::CategoryUnknown, none, only("tfc.group", "all")),
        (
            "a quarter",
            R::PeriodKind,
            bad,
            edit(|q| {
                q.questions[0].period = "2026-27Q3".parse().expect("a period");
            }),
        ),
    ]
}

fn refused(event: &Event, case: &Case) -> bool {
    matches!(event, Event::Refused { asked: Some(asked), code, query_id, .. }
        if *code == case.code && *query_id == case.query.query_id && asked.signer.as_str() == case.analyst)
}

#[tokio::test]
async fn a_node_refuses_by_rule_and_writes_down_who_asked() {
    let f = Federation::new();
    let (node, caller) = (f.node("ZZ1").await, f.caller());
    let mut cases = cases(&f, "ZZ1");
    // Only a node can be asked what was not meant for it.
    let elsewhere = f.query(&["ZZ2", "ZZ3"]);
    cases.push(Case {
        what: "not among the targets",
        analyst: "a0",
        query: elsewhere,
        code: RefusalCode::NotATarget,
        wire: Code::Ok,
    });
    let (elsewhere, cases): (Vec<_>, Vec<_>) =
        cases.into_iter().partition(|case| case.code == RefusalCode::FederationDiffers);
    for case in &elsewhere {
        let envelope = f.sign_as(&case.query, case.analyst);
        let fault = node.ask(&caller, &envelope).await.map(drop).expect_err(case.what);
        assert_eq!(fault, NodeFault::AgreementUnknown, "{}", case.what);
    }
    for case in &cases {
        let envelope = f.sign_as(&case.query, case.analyst);
        // A query that is refused as a whole is refused in each question that it may have.
        let answers = node.ask_all(&caller, &envelope).await.expect(case.what);
        let questions = case.query.questions.len().clamp(1, MAX_QUESTIONS);
        assert_eq!(answers.len(), questions, "{}", case.what);
        for (number, answer) in (0..).zip(answers) {
            assert_eq!(answer.0, number, "{}", case.what);
            let answer = answer.1.expect(case.what);
            let code = refusal(&f, &answer, &case.query, &envelope, number);
            assert_eq!(code, case.code, "{}", case.what);
        }
    }
    let log = logged(&node.state).await;
    assert_eq!(log.len(), cases.len());
    for (event, case) in log.iter().zip(&cases) {
        assert!(refused(event, case), "{}: {event:?}", case.what);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coordinator_refuses_by_the_same_rules_and_asks_nobody() {
    let f = Federation::new();
    let node = f.node("ZZ1").await;
    let wired = f.wire(&[&node]).await;
    let mut cases = cases(&f, "ZZ1");
    let mut query = f.query(&["ZZ1"]);
    query.targets.push(ods("ZZ9"));
    cases.push(Case {
        what: "a stranger among the targets",
        analyst: "a0",
        query,
        code: RefusalCode::NotATarget,
        wire: Code::PermissionDenied,
    });
    for case in &cases {
        let envelope = f.sign_as(&case.query, case.analyst);
        let status = wired.refused(envelope.clone()).await;
        let text = format!("refused: {}", case.code.says());
        assert_eq!((status.code(), status.message()), (case.wire, &*text), "{}", case.what);
        let restored = wired.ask(envelope).await.map(drop).expect_err(case.what);
        assert_eq!(restored, AskFault::Denied(case.code), "{}", case.what);
    }
    let log = logged(&wired.coordinator.state).await;
    assert_eq!(log.len(), 2 * cases.len());
    for (events, case) in log.chunks(2).zip(&cases) {
        assert!(events.iter().all(|event| refused(event, case)), "{}: {events:?}", case.what);
    }
    assert!(node.log().await.is_empty());
}

#[tokio::test]
async fn a_node_goes_by_its_own_copy_of_the_agreement() {
    let f = Federation::new();
    let mut narrower = f.agreement.clone();
    narrower.version += 1;
    narrower.analysts.retain(|a| a.id.as_str() != "a0");
    let node = f.node_of("ZZ1", evensum_core::model::ImdEdition::Imd2025, &narrower).await;
    let caller = f.caller();
    // Struck off at the node: the coordinator's opinion does not count.
    let fault =
        node.ask(&caller, &f.sign(&f.query(&["ZZ1"]))).await.map(drop).expect_err("struck off");
    assert!(fault.to_string().starts_with("the agreement does not list"), "{fault}");
    assert!(node.log().await.is_empty());

    let mut renamed = f.agreement.clone();
    renamed.id = AgreementId::new("dsa-0").expect("an id");
    let other = f.node_of("ZZ2", evensum_core::model::ImdEdition::Imd2025, &renamed).await;
    let fault = other.ask(&caller, &f.sign(&f.query(&["ZZ2"]))).await.map(drop).expect_err("none");
    assert_eq!(fault.to_string(), "the partner has no agreement of that name");
    assert!(other.log().await.is_empty());
}

#[tokio::test]
async fn a_question_on_nothing_is_accepted_and_then_refused() {
    let f = Federation::new();
    let (council, holder, caller) = (f.node("ZZ4").await, f.node("ZZ1").await, f.caller());
    let query = f.query(&["ZZ4", "ZZ1"]);
    let mut earlier = f.query(&["ZZ1"]);
    earlier.questions[0].period = "2026-09".parse().expect("a period");
    for (node, query) in [(&council, &query), (&holder, &earlier)] {
        let envelope = f.sign(query);
        let answer = node.ask(&caller, &envelope).await.expect("a refusal");
        assert_eq!(refusal(&f, &answer, query, &envelope, 0), RefusalCode::NoData);
        assert_eq!(node.log().await, ["query_accepted", "refused"]);
        let log = logged(&node.state).await;
        assert!(matches!(&log[1], Event::Refused { asked: None, code: RefusalCode::NoData, .. }));
    }
    let whose: &Ods = &query.targets[0];
    assert_eq!(whose, &council.ods());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nodes_own_judgement_reaches_the_analyst_as_coverage() {
    let f = Federation::new();
    let mut narrower = f.agreement.clone();
    narrower.analysts.retain(|a| a.id.as_str() != "a0");
    let mut newer = f.agreement.clone();
    newer.version += 1;
    let mut renamed = f.agreement.clone();
    renamed.id = AgreementId::new("dsa-0").expect("an id");
    let edition = evensum_core::model::ImdEdition::Imd2025;
    let nodes = [
        f.node_of("ZZ1", edition, &narrower).await,
        f.node_of("ZZ2", edition, &newer).await,
        f.node_of("ZZ3", edition, &renamed).await,
    ];
    let wired = f.wire(&[&nodes[0], &nodes[1], &nodes[2]]).await;
    let query = f.query(&["ZZ1", "ZZ2", "ZZ3"]);
    let bundle = wired.ask(f.sign(&query)).await.expect("an answer");
    let view = f.check(bundle, &query).expect("verifies");
    let reasons: Vec<&str> =
        view.answer().coverage.iter().filter_map(|line| line.reason.as_deref()).collect();
    assert_eq!(
        reasons,
        [
            "the partner's copy of the agreement does not list the key that signed: ask for it to be enrolled",
            RefusalCode::AgreementDiffers.says(),
            "the partner has no agreement of that name",
        ]
    );
    let refused = evensum_core::view::CoverageStatus::Refused;
    assert!(view.answer().coverage.iter().all(|line| line.status == refused));
    assert!(view.answer().cells.is_empty());
    for (node, log) in nodes.iter().zip([&[][..], &["refused"], &[]]) {
        assert_eq!(node.log().await, log);
    }
}
