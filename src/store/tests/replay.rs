//! What becomes of a question that is asked again.

use evensum_core::model::RefusalCode;

use super::*;

fn refused(n: u32, code: RefusalCode) -> Event {
    Event::Refused { asked: None, query_id: id(n), query_hash: hash(n), question: Some(0), code }
}

#[tokio::test]
async fn an_answered_question_gets_the_same_bytes_and_a_new_entry() {
    let place = Place::new();
    let store = place.open().await;
    let accepted = fresh(&store, question(1)).await;
    assert!(matches!(accepted.entry().event, Event::QueryAccepted { .. }));
    let (first, released) =
        released(store.publish(release(1, "table", "figures")).await.expect("publishes"));
    assert!(matches!(first.published.entry().event, Event::Published { .. }));
    assert!(matches!(released.entry().event, Event::AnswerReleased { .. }));
    assert_eq!(released.checkpoint(), first.published.checkpoint());
    for _ in 0..3 {
        match begun(&store, question(1)).await.1 {
            Todo::ReplayedRelease(row, receipt) => {
                assert_eq!(row.bytes, b"figures");
                assert_eq!(row.published.parts().entry, first.published.parts().entry);
                assert_eq!(row.published.checkpoint(), receipt.checkpoint());
                assert!(matches!(
                    receipt.entry().event,
                    Event::Replayed { release_hash: Some(hash), .. } if hash == Digest::of(b"figures")
                ));
            }
            other => panic!("{other:?}"),
        }
    }
    let replayed = "replayed";
    assert_eq!(
        place.kinds().await,
        [
            "log_opened",
            "query_accepted",
            "published",
            "answer_released",
            replayed,
            replayed,
            replayed
        ]
    );
}

#[tokio::test]
async fn a_seen_id_serves_nobody_else() {
    let place = Place::new();
    let store = place.open().await;
    fresh(&store, question(1)).await;
    store.publish(release(1, "table", "figures")).await.expect("publishes");
    let mut other_words = question(1);
    other_words.query_hash = hash(2);
    other_words.asked.query_hash = hash(2);
    let mut other_caller = question(1);
    other_caller.caller = "QOX".to_owned();
    let conflict = async |begin: Begin| match store.begin(begin).await.expect("begins") {
        Begun::Conflict(receipt) => assert!(matches!(
            &receipt.entry().event,
            Event::Refused { code: RefusalCode::QueryIdSeen, asked: Some(_), .. }
        )),
        other => panic!("{other:?}"),
    };
    conflict(other_words).await;
    conflict(other_caller).await;
    place.wait(599);
    assert!(matches!(begun(&store, question(1)).await.1, Todo::ReplayedRelease(..)));
    place.wait(1);
    conflict(question(1)).await;
}

/// Two federations' coordinators bring the same id: neither is told that the other used it, each question has
/// its own end, and a restart ends only what has none.
#[tokio::test]
async fn an_id_of_one_realm_is_free_in_another() {
    let place = Place::new();
    let store = place.open().await;
    let (east, west) = (store.realm("east.example/QHM"), store.realm("west.example/QOX"));
    fresh(&east, question(1)).await;
    let mut other = question(1);
    other.query_hash = hash(2);
    other.asked.query_hash = hash(2);
    other.caller = "QOX".to_owned();
    fresh(&west, other.clone()).await;
    // The end of the one is not the end of the other, nor is there one in a realm that never began it.
    let never = store.end(id(1), failed(1)).await;
    assert!(matches!(never, Err(StoreError::NotBegun)), "{never:?}");
    east.publish(release(1, "table", "figures")).await.expect("publishes");
    assert!(matches!(west.begin(other.clone()).await, Ok(Begun::Running)));
    assert!(matches!(begun(&east, question(1)).await.1, Todo::ReplayedRelease(..)));
    store.close().await;

    let store = place.open().await;
    let west = store.realm("west.example/QOX");
    let log = place.kinds().await;
    assert_eq!(log.iter().filter(|kind| *kind == "aborted").count(), 1, "{log:?}");
    fresh(&west, other).await;
    let east = store.realm("east.example/QHM");
    assert!(matches!(begun(&east, question(1)).await.1, Todo::ReplayedRelease(..)));
}

#[tokio::test]
async fn a_refusal_is_repeated() {
    let place = Place::new();
    let store = place.open().await;
    fresh(&store, question(1)).await;
    store.end(id(1), refused(1, RefusalCode::Withheld)).await.expect("ends");
    match begun(&store, question(1)).await.1 {
        Todo::ReplayedRefusal(RefusalCode::Withheld, receipt) => {
            assert!(matches!(receipt.entry().event, Event::Replayed { release_hash: None, .. }))
        }
        other => panic!("{other:?}"),
    }
    let whole = Event::Refused {
        asked: Some(question(2).asked),
        query_id: id(2),
        query_hash: hash(2),
        question: None,
        code: RefusalCode::Expired,
    };
    let receipt = store.append(whole).await.expect("refuses");
    assert!(matches!(receipt.entry().event, Event::Refused { .. }));
    // It never began, so its id is still free.
    fresh(&store, question(2)).await;
}

#[tokio::test]
async fn a_question_that_ended_without_an_answer_may_be_asked_again() {
    let place = Place::new();
    let store = place.open().await;
    let (query_id, query_hash) = (id(1), hash(1));
    for event in [
        failed(1),
        Event::Panicked { query_id, query_hash, question: 0 },
        Event::Aborted { query_id, query_hash, question: 0 },
        Event::AnswerCombined {
            query_id,
            query_hash,
            question: 0,
            answered: vec![],
            missing: vec![],
        },
    ] {
        fresh(&store, question(1)).await;
        assert!(matches!(store.begin(question(1)).await, Ok(Begun::Running)));
        store.end(query_id, event).await.expect("ends");
    }
    fresh(&store, question(1)).await;
    store.publish(release(1, "table", "figures")).await.expect("publishes");
    assert!(matches!(begun(&store, question(1)).await.1, Todo::ReplayedRelease(..)));
}

#[tokio::test]
async fn a_frozen_table_answers_another_question_at_once() {
    let place = Place::new();
    let store = place.open().await;
    let asks = |n| Begin { questions: vec![Known::Frozen(key("table"))], ..question(n) };
    fresh(&store, asks(1)).await;
    fresh(&store, asks(2)).await;
    store.publish(release(1, "table", "figures")).await.expect("publishes");
    // The second was already at work on the same table: the first's bytes stand.
    let (row, _) =
        released(store.publish(release(2, "table", "other figures")).await.expect("publishes"));
    assert_eq!(row.bytes, b"figures");
    for n in 3..40 {
        match begun(&store, asks(n)).await.1 {
            Todo::Frozen(row, receipt) => {
                assert_eq!(row.bytes, b"figures");
                assert!(matches!(receipt.entry().event, Event::AnswerReleased { .. }));
                assert_eq!(receipt.entry().event.query(), Some((id(n), hash(n))));
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(begun(&store, asks(n)).await.1, Todo::ReplayedRelease(..)));
    }
    let kinds = place.kinds().await;
    assert_eq!(kinds.iter().filter(|k| *k == "published").count(), 1);
    assert_eq!(kinds.iter().filter(|k| *k == "answer_released").count(), 39);
    store.close().await;
    assert_eq!(place.verdict().await.problems, []);
}

#[tokio::test]
async fn what_contradicts_itself_is_refused_and_harms_nobody_beside_it() {
    let place = Place::new();
    let store = place.open().await;
    fresh(&store, question(1)).await;
    let mut other_key = release(1, "table", "figures");
    other_key.release.key = key("another");
    let mut other_bytes = release(1, "table", "figures");
    other_bytes.release.bytes = b"forged".to_vec();
    let mut other_asked = question(5);
    other_asked.asked.query_id = id(6);
    let long = "x".repeat(evensum_core::ledger::entry::MAX_ENTRY_BYTES);
    let mut too_long = question(7);
    too_long.asked.payload = long;

    // Queued in one poll, so that they share a transaction.
    let (a, b, c, d, e, f, g, h) = tokio::join!(
        store.publish(release(3, "table", "figures")),
        store.publish(other_key),
        store.publish(other_bytes),
        store.end(id(1), failed(2)),
        store.begin(other_asked),
        store.begin(too_long),
        store.end(id(1), note("x")),
        store.begin(question(4)),
    );
    assert!(matches!(a, Err(StoreError::NotBegun)));
    assert!(matches!(b, Err(StoreError::Contradiction(_))));
    assert!(matches!(c, Err(StoreError::Contradiction(_))));
    assert!(matches!(d, Err(StoreError::Contradiction(_))));
    assert!(matches!(e, Err(StoreError::Contradiction(_))));
    assert!(matches!(f, Err(StoreError::Entry(_))));
    assert!(matches!(g, Err(StoreError::Contradiction(_))));
    assert!(matches!(h, Ok(Begun::Each { .. })));
    assert!(matches!(
        store.begin(Begin { caller: "x".repeat(257), ..question(8) }).await,
        Err(StoreError::TooLong { .. })
    ));
    store.end(id(1), failed(1)).await.expect("ends");
    assert!(matches!(store.end(id(1), failed(1)).await, Err(StoreError::NotBegun)));
    assert_eq!(place.kinds().await, ["log_opened", "query_accepted", "query_accepted", "failed"]);
    store.close().await;
    assert_eq!(place.verdict().await.problems, []);
}

#[tokio::test]
async fn what_ends_or_freezes_is_never_written_by_itself() {
    let place = Place::new();
    let store = place.open().await;
    fresh(&store, question(1)).await;
    let release = release(1, "table", "bytes");
    let released = Event::AnswerReleased {
        query_id: id(1),
        query_hash: hash(1),
        question: 0,
        release_hash: Digest::of(b"bytes"),
    };
    for event in [release.release.published.clone(), released, refused(1, RefusalCode::Withheld)] {
        let refused = store.append(event).await;
        assert!(matches!(refused, Err(StoreError::Contradiction(_))), "{refused:?}");
    }
    store.publish(release).await.expect("the control");
    store.close().await;
}
