//! Partners' releases that are shown become live once, in one order with the server's own, all of a question or none.

use evensum_core::disclosure::Universe;
use evensum_core::ledger::EntryError;
use evensum_core::model::LevelId;

use super::super::show::{MAX_SHOWN, ShownRelease};
use super::*;

/// A partner's release of the one dataset that these tests are about.
pub(super) fn partners(n: u32, bytes: &str) -> ShownRelease {
    let (hash, of) = (Digest::of(bytes.as_bytes()), about(n, 0));
    let shown = Event::Shown {
        query_id: of.query_id,
        query_hash: of.query_hash,
        question: of.question,
        ods: Ods::new("ZZ1").expect("ods"),
        release_hash: hash,
        federation: FederationId::new("icb.example").expect("federation"),
        dataset: dataset("rtt"),
        indicator: IndicatorId::new("rtt_over_52_weeks").expect("indicator"),
        period: "2026-10".parse().expect("period"),
        by: vec![],
        scope: None,
        snapshot_id: Digest::of(b"extract"),
        tested: Tested { live: hash, others: 0 },
    };
    ShownRelease { hash, bytes: bytes.as_bytes().to_vec(), shown }
}

/// The universe of that dataset.
pub(super) fn named() -> Universe {
    decide::named()
}

fn marked(live: &[&str]) -> Tested {
    let others = u32::try_from(live.len()).expect("few");
    Tested { live: mark(live.iter().map(|bytes| Digest::of(bytes.as_bytes()))), others }
}

async fn show(store: &Store, n: u32, shown: &[&str], live: &[&str]) -> Result<(), StoreError> {
    let releases = shown.iter().map(|bytes| partners(n, bytes)).collect();
    store.show(&named(), about(n, 0), releases, marked(live)).await
}

async fn own(store: &Store, n: u32, bytes: &str, live: &[&str]) -> Result<Ending, StoreError> {
    store.publish(tested_release(about(n, 0), ("rtt", bytes), bytes, marked(live).live)).await
}

async fn live(store: &Store) -> Vec<String> {
    let live = store.live(&named()).await.expect("reads");
    live.into_iter().map(|bytes| String::from_utf8(bytes).expect("text")).collect()
}

#[tokio::test]
async fn own_and_shown_releases_are_one_chain_and_it_is_known_again_after_a_restart() {
    let place = Place::new();
    let store = place.open().await;
    for n in 0..6 {
        fresh(&store, question(n)).await;
    }
    show(&store, 0, &["a", "b"], &[]).await.expect("the first of all");
    // What was tested without them is outrun, the server's own and a partner's alike.
    let outrun = own(&store, 1, "sum", &[]).await;
    assert!(matches!(outrun, Err(StoreError::Outrun)), "{outrun:?}");
    own(&store, 1, "sum", &["a", "b"]).await.expect("tested beside both");
    let before = place.kinds().await;
    for stale in [&[][..], &["a", "b"], &["b", "a", "sum"], &["a", "b", "sum", "c"]] {
        let outrun = show(&store, 2, &["c", "d"], stale).await;
        assert!(matches!(outrun, Err(StoreError::Outrun)), "{stale:?}: {outrun:?}");
    }
    assert_eq!(place.kinds().await, before, "nothing of them was written");
    // What is live is not added again, and neither is what comes twice.
    show(&store, 3, &["b", "c", "a", "c"], &["a", "b", "sum"]).await.expect("shows");
    show(&store, 4, &["a", "b", "c"], &["a", "b", "sum", "c"]).await.expect("nothing new");
    assert_eq!(live(&store).await, ["a", "b", "sum", "c"]);
    store.close().await;
    assert_eq!(place.verdict().await.problems, []);

    let store = place.open().await;
    assert_eq!(live(&store).await, ["a", "b", "sum", "c"]);
    fresh(&store, question(7)).await;
    let outrun = show(&store, 7, &["d"], &["a", "b", "c", "sum"]).await;
    assert!(matches!(outrun, Err(StoreError::Outrun)), "{outrun:?}");
    show(&store, 7, &["d"], &["a", "b", "sum", "c"]).await.expect("shows");
    let rows = Reader::open(&place.path()).await.expect("opens");
    let rows = rows.live(named().as_str()).await.expect("reads");
    let others = |entry: &Entry| match &entry.event {
        Event::Shown { tested, .. } => Some(tested.others),
        _ => None,
    };
    let others: Vec<_> = rows.iter().map(|row| others(&row.entry)).collect();
    assert_eq!(others, [Some(0), Some(1), None, Some(3), Some(4)]);
    store.close().await;
    let kinds = place.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "shown").count(), 4, "{kinds:?}");
    assert_eq!(place.verdict().await.problems, []);
}

#[tokio::test]
async fn of_what_is_not_shown_whole_nothing_is() {
    let place = Place::new();
    let store = place.open().await;
    fresh(&store, question(0)).await;
    fresh(&store, question(1)).await;
    store.end(id(1), failed(1)).await.expect("ends");
    let before = place.kinds().await;
    // A question that has ended, and one that never began.
    for n in [1, 9] {
        let refused = show(&store, n, &["a"], &[]).await;
        assert!(matches!(refused, Err(StoreError::NotBegun)), "{refused:?}");
    }
    let many: Vec<String> = (0..=MAX_SHOWN).map(|n| n.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let refused = show(&store, 0, &many, &[]).await;
    assert!(matches!(refused, Err(StoreError::Contradiction(_))), "{refused:?}");
    // The second of these has an entry that is too long.
    let mut long = partners(0, "b");
    if let Event::Shown { by, .. } = &mut long.shown {
        *by = vec![LevelId::new("sex").expect("level"); 1 << 18];
    }
    let refused =
        store.show(&named(), about(0, 0), vec![partners(0, "a"), long], marked(&[])).await;
    assert!(matches!(refused, Err(StoreError::Entry(EntryError::TooLong))), "{refused:?}");
    assert_eq!(place.kinds().await, before);
    assert_eq!(live(&store).await, [""; 0]);
    show(&store, 0, &many[1..], &[]).await.expect("as many as may be");
    store.close().await;
    assert_eq!(place.verdict().await.problems, []);
}
