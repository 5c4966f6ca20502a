//! What was tested stays decided: nothing is frozen beside something else than it was tested with, and nothing that was
//! withheld is released.

use evensum_core::disclosure::mark_after;
use evensum_core::ledger::EntryError;
use evensum_core::model::{RefusalCode, SnapshotVersion};

use super::super::batch::Work;
use super::super::decide::Decision;
use super::super::{Decided, Ending};
use super::*;

fn hash_of(bytes: &str) -> Digest {
    Digest::of(bytes.as_bytes())
}

/// A release of the one dataset that these tests are about.
fn of_one(n: u32, name: &str, live: Digest) -> Publish {
    tested_release(about(n, 0), ("rtt", name), name, live)
}

async fn decide(
    store: &Store,
    withheld: &[&str],
    releases: &[(&str, Digest)],
) -> Result<(), StoreError> {
    let release = |(name, live): &(&str, Digest)| of_one(0, name, *live).release;
    let decision = Decision {
        universe: universe("rtt"),
        withheld: withheld.iter().map(|name| (key(name), withheld_event("rtt", name))).collect(),
        releases: releases.iter().map(release).collect(),
    };
    store.ask(Work::Decide(Box::new(decision))).await.map(drop)
}

fn frozen_as(n: u32, name: &str) -> Begin {
    Begin { questions: vec![Known::Frozen(key(name))], ..question(n) }
}

#[tokio::test]
async fn a_release_is_frozen_only_beside_what_it_was_tested_with() {
    let place = Place::new();
    let store = place.open().await;
    for n in 0..4 {
        fresh(&store, question(n)).await;
    }
    store.publish(of_one(0, "first", mark([]))).await.expect("the first");
    // Two were tested beside the first; whoever is written first outruns the other.
    let one = mark([hash_of("first")]);
    store.publish(of_one(1, "second", one)).await.expect("the second");
    let outrun = store.publish(of_one(2, "third", one)).await;
    assert!(matches!(outrun, Err(StoreError::Outrun)), "{outrun:?}");
    // Its question goes on, and it is tested again.
    let two = mark([hash_of("first"), hash_of("second")]);
    assert_eq!(mark_after(one, hash_of("second")), two);
    store.publish(of_one(2, "third", two)).await.expect("the third");
    // Another dataset's releases are no part of it.
    store.publish(release_to(about(3, 0), "other", "other")).await.expect("another dataset");
    store.close().await;
    assert_eq!(place.verdict().await.problems, []);
}

#[tokio::test]
async fn the_mark_is_known_again_after_a_restart() {
    let place = Place::new();
    let store = place.open().await;
    fresh(&store, question(0)).await;
    store.publish(of_one(0, "first", mark([]))).await.expect("the first");
    store.close().await;
    let store = place.open().await;
    fresh(&store, question(1)).await;
    let outrun = store.publish(of_one(1, "second", mark([]))).await;
    assert!(matches!(outrun, Err(StoreError::Outrun)), "{outrun:?}");
    store.publish(of_one(1, "second", mark([hash_of("first")]))).await.expect("the second");
    let live = store.live(&named()).await.expect("reads");
    assert_eq!(live, [b"first".to_vec(), b"second".to_vec()]);
    store.close().await;
}

#[tokio::test]
async fn of_two_in_one_transaction_one_is_outrun() {
    let place = Place::new();
    let store = place.open().await;
    for n in 0..2 {
        fresh(&store, question(n)).await;
    }
    let (a, b) = tokio::join!(
        store.publish(of_one(0, "a", mark([]))),
        store.publish(of_one(1, "b", mark([])))
    );
    let outrun = [&a, &b].into_iter().filter(|one| matches!(one, Err(StoreError::Outrun))).count();
    assert_eq!(outrun, 1, "{a:?} {b:?}");
    store.close().await;
    assert_eq!(place.verdict().await.problems, []);
}

#[tokio::test]
async fn a_withheld_table_stays_withheld_whoever_asks_and_whenever() {
    let place = Place::new();
    let store = place.open().await;
    for n in 0..3 {
        fresh(&store, question(n)).await;
    }
    let ended = withhold(&store, about(0, 0), "sparse").await.expect("withholds");
    assert!(matches!(&ended, Ending::Withheld(receipt) if refusal(receipt)), "{ended:?}");
    // A second question finds it withheld, and so does one whose test came out otherwise.
    withhold(&store, about(1, 0), "sparse").await.expect("withholds");
    let other = store.publish(release_to(about(2, 0), "sparse", "figures")).await.expect("ends");
    assert!(matches!(other, Ending::Withheld(_)), "{other:?}");
    store.close().await;
    let store = place.open().await;
    let (_, todo) = begun(&store, frozen_as(3, "sparse")).await;
    assert!(matches!(&todo, Todo::Refused(RefusalCode::Withheld, receipt) if refusal(receipt)));
    assert_eq!(store.decided(&[key("sparse")]).await.expect("reads"), [Some(Decided::Withheld)]);
    store.close().await;
    let kinds = place.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "withheld").count(), 1, "{kinds:?}");
    assert!(!kinds.iter().any(|kind| kind == "published"), "{kinds:?}");
    assert_eq!(place.verdict().await.problems, []);
}

#[tokio::test]
async fn what_is_frozen_is_given_to_whoever_finds_it_unsafe_later() {
    let place = Place::new();
    let store = place.open().await;
    for n in 0..2 {
        fresh(&store, question(n)).await;
    }
    store.publish(release(0, "table", "figures")).await.expect("publishes");
    let ended = withhold(&store, about(1, 0), "table").await.expect("ends");
    assert_eq!(released(ended).0.bytes, b"figures");
    store.close().await;
    assert_eq!(place.verdict().await.problems, []);
}

#[tokio::test]
async fn the_rungs_of_a_table_are_decided_together_or_not_at_all() {
    let place = Place::new();
    let store = place.open().await;
    let (none, first) = (mark([]), mark([hash_of("middle")]));
    decide(&store, &["fine"], &[("middle", none), ("coarse", first)]).await.expect("decides");
    // The second of these was tested with something else than what the first leaves.
    let live = mark([hash_of("middle"), hash_of("coarse")]);
    let before = place.kinds().await;
    for (withheld, releases) in [
        (&["new"][..], &[("next", live), ("last", live)][..]),
        (&["fine"], &[("next", live)]),
        (&[], &[("next", live), ("coarse", mark_after(live, hash_of("next")))]),
        (&["middle"], &[]),
    ] {
        let outrun = decide(&store, withheld, releases).await;
        assert!(matches!(outrun, Err(StoreError::Outrun)), "{withheld:?}: {outrun:?}");
    }
    assert_eq!(place.kinds().await, before, "nothing of them was written");
    decide(&store, &["new"], &[("next", live)]).await.expect("the control");
    let keys = ["fine", "middle", "coarse", "new", "next", "last"].map(key);
    let (out, held) = (Some(Decided::Released), Some(Decided::Withheld));
    let decided = store.decided(&keys).await.expect("reads");
    assert_eq!(decided, [held, out, out, held, out, None]);
    store.close().await;
    assert_eq!(place.verdict().await.problems, []);
}

#[tokio::test]
async fn a_decision_that_is_refused_has_written_nothing_and_the_store_goes_on() {
    let place = Place::new();
    let store = place.open().await;
    let before = place.kinds().await;
    let (none, first) = (mark([]), mark([hash_of("fine")]));
    for (withheld, releases) in [
        (&["twice", "twice"][..], &[][..]),
        (&["twice"], &[("twice", none)]),
        (&["other"], &[("fine", none), ("fine", first)]),
    ] {
        let refused = decide(&store, withheld, releases).await;
        assert!(matches!(refused, Err(StoreError::Contradiction(_))), "{withheld:?}: {refused:?}");
    }
    // The second of these is under another key than its entry says, and then too long.
    let mut long = withheld_event("rtt", "second");
    if let Event::Withheld { by, .. } = &mut long {
        *by = vec![evensum_core::model::LevelId::new("sex").expect("level"); 1 << 18];
    }
    for (event, too_long) in [(withheld_event("rtt", "another"), false), (long, true)] {
        let withheld = vec![(key("first"), withheld_event("rtt", "first")), (key("second"), event)];
        let decision = Decision { universe: universe("rtt"), withheld, releases: Vec::new() };
        let refused = store.ask(Work::Decide(Box::new(decision))).await.map(drop);
        match refused {
            Err(StoreError::Entry(EntryError::TooLong)) => assert!(too_long),
            Err(StoreError::Contradiction(_)) => assert!(!too_long),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(place.kinds().await, before);
    decide(&store, &["first", "twice"], &[("fine", none)]).await.expect("the store goes on");
    store.close().await;
    assert_eq!(place.verdict().await.problems, []);
}

#[tokio::test]
async fn an_extract_is_prepared_once_and_that_is_known_after_a_restart() {
    let place = Place::new();
    let store = place.open().await;
    store.append(prepared("extract")).await.expect("appends");
    let again = store.append(prepared("extract")).await;
    assert!(matches!(again, Err(StoreError::Contradiction(_))), "{again:?}");
    store.append(prepared("another")).await.expect("appends");
    // The same rows with another standing are another extract.
    let last = SnapshotVersion::Final;
    store.append(prepared_as("extract", last)).await.expect("appends");
    let again = store.append(prepared_as("extract", last)).await;
    assert!(matches!(again, Err(StoreError::Contradiction(_))), "{again:?}");
    store.close().await;
    let store = place.open().await;
    let mut known = store.prepared().await.expect("reads");
    let first = SnapshotVersion::Provisional;
    let mut wanted =
        vec![(hash_of("extract"), first), (hash_of("extract"), last), (hash_of("another"), first)];
    known.sort();
    wanted.sort();
    assert_eq!(known, wanted);
    store.close().await;
    assert_eq!(place.verdict().await.problems, []);
}

/// Whoever goes away while a release is outrun leaves no question without an end.
#[tokio::test]
async fn an_outrun_release_that_nobody_waits_for_ends_its_question() {
    let place = Place::new();
    let store = place.open().await;
    fresh(&store, question(0)).await;
    let wrong = store.publish(of_one(0, "first", hash_of("something else")));
    // Queued, and then nobody hears of it.
    tokio::select! {
        biased;
        ended = wrong => panic!("{ended:?}"),
        () = std::future::ready(()) => {}
    }
    let mut ends = Vec::new();
    for _ in 0..200 {
        ends = place.kinds().await;
        if ends.iter().any(|kind| kind == "aborted") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(ends.iter().any(|kind| kind == "aborted"), "{ends:?}");
    store.close().await;
}

fn refusal(receipt: &Receipt) -> bool {
    matches!(receipt.entry().event, Event::Refused { code: RefusalCode::Withheld, .. })
}

pub(super) fn named() -> evensum_core::disclosure::Universe {
    let catalogue = evensum_core::catalogue::Catalogue::builtin().expect("catalogue");
    let dataset = catalogue.datasets().iter().find(|d| d.id.as_str() == "rtt_open_pathway");
    let mut dataset = dataset.expect("a dataset").clone();
    dataset.id = super::dataset("rtt");
    dataset.population = None;
    evensum_core::disclosure::Universe::of(&dataset, "2026-10".parse().expect("period"))
}
