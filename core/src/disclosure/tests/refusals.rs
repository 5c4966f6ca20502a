//! What is refused, and how a refusal travels.

use super::*;

#[test]
fn every_rule_refuses_with_its_own_code() {
    let scene = Scene::new(Profile::Nhs75m);
    type Change = fn(&mut Query);
    let cases: [(Change, RefusalCode); 15] = [
        (|q| q.expires = NOW, RefusalCode::Expired),
        (
            |q| {
                q.not_before = NOW.plus(1);
            },
            RefusalCode::TooEarly,
        ),
        (|q| q.expires = NOW.plus(3_600), RefusalCode::Malformed),
        (|q| q.targets = vec![], RefusalCode::Malformed),
        (|q| q.questions = vec![], RefusalCode::Malformed),
        (
            |q| q.federation = FederationId::new("other").expect("id"),
            RefusalCode::FederationDiffers,
        ),
        (|q| q.agreement_hash = Digest::of(b""), RefusalCode::AgreementDiffers),
        (|q| q.purpose = PurposeId::new("curiosity").expect("id"), RefusalCode::PurposeNotAllowed),
        (
            |q| q.questions[0].indicator = IndicatorId::new("unheard_of").expect("id"),
            RefusalCode::IndicatorUnknown,
        ),
        (|q| q.questions[0].definition_hash = Digest::of(b""), RefusalCode::DefinitionDiffers),
        (|q| q.questions[0].period = "2026-27".parse().expect("period"), RefusalCode::PeriodKind),
        (
            |q| q.questions[0].by = vec![LevelId::new("age.leaf").expect("id")],
            RefusalCode::LevelUnknown,
        ),
        (
            |q| q.questions[0].by = vec![LevelId::new("age.band").expect("id")],
            RefusalCode::DimensionNotAllowed,
        ),
        (
            |q| {
                q.questions[0].scope = Some(Scope {
                    level: LevelId::new("sex").expect("id"),
                    category: CategoryId::new("male").expect("id"),
                })
            },
            RefusalCode::ScopeNotAllowed,
        ),
        (|q| q.targets = vec![ods("ZZ3")], RefusalCode::NotATarget),
    ];
    let ask = |query: &Query| scene.allows(query, Profile::Nhs75m);
    assert_eq!(ask(&scene.query(&["sex"])), Ok(()), "the control");
    for (change, code) in cases {
        let mut query = scene.query(&["sex"]);
        change(&mut query);
        assert_eq!(ask(&query), Err(code));
    }
    let differs = scene.allows(&scene.query(&["sex"]), Profile::Nhs75);
    assert_eq!(differs, Err(RefusalCode::PolicyDiffers));
    let mut closed = Scene::new(Profile::Nhs75m);
    closed.agreement.show_partners = false;
    let asker = closed.asker(&closed.query(&["sex"]));
    let query = crate::authz::cleared(&asker, closed.standing()).expect("it is about the question");
    let denied = query.question(0).map(|_| ());
    assert_eq!(denied.map_err(|d| d.0), Err(RefusalCode::PartnersNotShown));
    let late = Standing { now: NOW.plus(100_000_000), ..scene.standing() };
    let mut query = scene.query(&["sex"]);
    (query.not_before, query.expires) = (late.now, late.now.plus(60));
    let denied = crate::authz::cleared(&scene.asker(&query), late).map(|_| ());
    assert_eq!(denied.map_err(|d| d.0), Err(RefusalCode::AgreementNotInForce));
}

#[test]
fn editions_of_the_index_are_not_mixed() {
    let scene = Scene::new(Profile::Nhs75m);
    for (by, mixed) in [("imd.core20", true), ("sex", false)] {
        let asker = scene.asker(&scene.query(&[by]));
        let plan = scene.plan(&asker);
        let received: Vec<Received> = [(1, ImdEdition::Imd2019), (2, ImdEdition::Imd2025)]
            .map(|(i, edition)| {
                let partner = &scene.partners[i];
                let table = even(plan.layout().lattice(), 50);
                let table = protect(&plan, table, &snapshot(edition), &partner.ods);
                let draft = scene.drafted(table.expect("protected"));
                let query = asker.query();
                let frozen =
                    Frozen::reopen(draft.bytes().to_vec(), &scene.receipt(partner, draft.event()))
                        .expect("frozen");
                let event = Event::AnswerReleased {
                    query_id: query.document().query_id,
                    query_hash: query.hash(),
                    question: 0,
                    release_hash: Digest::of(draft.bytes()),
                };
                let released = frozen
                    .release(query.document().query_id, 0, scene.receipt(partner, event))
                    .expect("released");
                let parts = Outgoing::release(
                    released,
                    &scene.agreement.federation,
                    &partner.ods,
                    &partner.answer,
                )
                .expect("signs");
                scene.received(partner, &asker, parts.parts().clone()).expect("believed")
            })
            .into();
        let combined = combine(plan.layout(), &received);
        assert_eq!(matches!(combined, Err(CombineError::MixedEditions(_))), mixed, "{by}");
    }
}

#[test]
fn a_refusal_travels_with_its_proof() {
    let scene = Scene::new(Profile::Nhs75m);
    let asker = scene.asker(&scene.query(&["sex"]));
    let plan = scene.plan(&asker);
    let (north, query) = (&scene.partners[1], asker.query());
    let id = query.document().query_id;
    let asked = Asked {
        query_id: id,
        query_hash: query.hash(),
        payload: String::new(),
        signature: String::new(),
        signer: asker.analyst().clone(),
        key_id: asker.key_id().to_owned(),
        assurance: asker.assurance(),
        purpose: query.document().purpose.clone(),
        federation: query.document().federation.clone(),
        agreement: query.document().agreement.clone(),
        agreement_hash: query.document().agreement_hash,
        coordinator: None,
        certificate: None,
    };
    let event = Event::Refused {
        asked: Some(asked),
        query_id: id,
        query_hash: query.hash(),
        question: None,
        code: RefusalCode::NoData,
    };
    let receipt = scene.receipt(north, event);
    let federation = &scene.agreement.federation;
    let refuse =
        |code| Outgoing::refusal((id, 0), code, &receipt, federation, &north.ods, &north.answer);
    assert!(refuse(RefusalCode::Expired).is_err(), "another reason than the log's");
    let parts = refuse(RefusalCode::NoData).expect("signs").parts().clone();
    let expected = Expected {
        agreement: &scene.agreement,
        ods: &north.ods,
        role: Role::Node,
        query_id: id,
        query_hash: query.hash(),
        question: 0,
        layout: plan.layout(),
    };
    match Verified::verify(parts, expected).expect("believed") {
        Verified::Refusal(refusal) => assert_eq!(refusal.code(), RefusalCode::NoData),
        Verified::Release(_) => panic!("a release"),
    }
}
