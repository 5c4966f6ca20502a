//! The edges of a query's life and of an agreement's, to the second.

use evensum_core::disclosure::DocumentKind;
use evensum_core::ledger::{Entry, Event};
use evensum_core::model::{Query, RefusalCode, Timestamp};

use super::fixture::{Federation, OpenNode};
use crate::pki::NOW;

/// Asks at a moment; nothing where it was answered.
async fn at(f: &Federation, node: &OpenNode, query: &Query, now: Timestamp) -> Option<RefusalCode> {
    f.clock.set(now);
    let answer = node.ask(&f.caller(), &f.sign(query)).await.expect("an answer");
    match Entry::decode(&answer.parts().receipt.entry).expect("an entry").event {
        Event::Refused { code, .. } => Some(code),
        _ => {
            assert_eq!(answer.parts().kind, DocumentKind::Release);
            None
        }
    }
}

#[tokio::test]
async fn a_query_lives_from_its_first_second_until_before_its_last() {
    let f = Federation::new();
    let node = f.node("ZZ1").await;
    for (from_start, expected) in [(-1, Some(RefusalCode::TooEarly)), (0, None), (1, None)] {
        let query = f.query(&["ZZ1"]);
        let found = at(&f, &node, &query, query.not_before.plus(from_start)).await;
        assert_eq!(found, expected, "{from_start} from the start");
    }
    for (from_end, expected) in
        [(-1, None), (0, Some(RefusalCode::Expired)), (1, Some(RefusalCode::Expired))]
    {
        let query = f.query(&["ZZ1"]);
        let found = at(&f, &node, &query, query.expires.plus(from_end)).await;
        assert_eq!(found, expected, "{from_end} from the end");
    }
}

#[tokio::test]
async fn a_life_of_ten_minutes_is_the_longest() {
    let f = Federation::new();
    let node = f.node("ZZ1").await;
    for (life, expected) in [(600, None), (601, Some(RefusalCode::Malformed))] {
        let mut query = f.query(&["ZZ1"]);
        (query.not_before, query.expires) = (NOW, NOW.plus(life));
        assert_eq!(at(&f, &node, &query, NOW).await, expected, "{life}");
    }
}

#[tokio::test]
async fn an_agreement_is_in_force_through_its_last_day() {
    let f = Federation::new();
    let node = f.node("ZZ1").await;
    // The agreement's last day is that of NOW.
    let midnight = Timestamp::from_unix(NOW.as_unix().div_euclid(86_400) * 86_400 + 86_400);
    let first = Timestamp::from_unix(1_767_225_600);
    let ended = Some(RefusalCode::AgreementNotInForce);
    for (now, expected) in
        [(midnight.plus(-1), None), (midnight, ended), (first, None), (first.plus(-1), ended)]
    {
        let mut query = f.query(&["ZZ1"]);
        (query.not_before, query.expires) = (now.plus(-30), now.plus(30));
        assert_eq!(at(&f, &node, &query, now).await, expected, "{now}");
    }
}
