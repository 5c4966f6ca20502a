//! The number of a question in everything that is signed.

use super::*;

#[test]
fn an_answer_holds_for_its_own_question_only() {
    let scene = Scene::new(Profile::Nhs75m);
    let asker = scene.asker(&scene.query(&["sex"]));
    let plan = scene.plan(&asker);
    let (north, query) = (&scene.partners[1], asker.query());
    let (query_id, query_hash) = (query.document().query_id, query.hash());
    let federation = &scene.agreement.federation;
    let refused =
        |question, code| Event::Refused { asked: None, query_id, query_hash, question, code };
    let code = RefusalCode::NoData;
    let refuse = |number, event| {
        let receipt = scene.receipt(north, event);
        let of = (query_id, number);
        Outgoing::refusal(of, code, &receipt, federation, &north.ods, &north.answer)
    };
    let replayed =
        |question| Event::Replayed { query_id, query_hash, question, release_hash: None };
    assert!(refuse(3, refused(Some(4), code)).is_err());
    assert!(refuse(3, replayed(4)).is_err());
    let release =
        scene.answer(north, &asker, &by_sex([(23, 400), (16, 390), (0, 3), (0, 0), (0, 0)]));
    let expected = |question| Expected {
        agreement: &scene.agreement,
        ods: &north.ods,
        role: Role::Node,
        query_id,
        query_hash,
        question,
        layout: plan.layout(),
    };
    // A release of question 0, a refusal of question 3 by itself, again, and with its whole query.
    for (number, parts) in [
        (0, release),
        (3, refuse(3, refused(Some(3), code)).expect("signs").parts().clone()),
        (3, refuse(3, replayed(3)).expect("signs").parts().clone()),
        (3, refuse(3, refused(None, code)).expect("signs").parts().clone()),
    ] {
        assert!(Verified::verify(parts.clone(), expected(number)).is_ok(), "the control");
        let other = Verified::verify(parts.clone(), expected(4)).map(drop);
        assert!(matches!(other, Err(ReceivedError::Signature)), "{other:?}");
        // Even where the partner itself signs it over to another question.
        let message = outgoing::statement(
            federation,
            &north.ods,
            (query_hash, 4),
            &parts.document,
            &parts.receipt,
        );
        let signature = north.answer.sign(&message.expect("encodes")).expect("signs");
        let moved = Verified::verify(AnswerParts { signature, ..parts }, expected(4)).map(drop);
        assert!(matches!(moved, Err(ReceivedError::Entry | ReceivedError::Question)), "{moved:?}");
    }
}
