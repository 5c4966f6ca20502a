//! Opening, closing, crashing, many at once, reading meanwhile.

use std::collections::BTreeSet;

use tokio::task::JoinSet;

use super::*;

#[tokio::test]
async fn a_new_state_is_private_and_begins_with_its_opening() {
    let place = Place::new();
    let store = place.open().await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(place.path()).expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
    assert!(store.healthy());
    assert!(store.checkpoint().starts_with(&format!("{ORIGIN}\n1\n")));
    assert_eq!(store.origin(), ORIGIN);
    store.close().await;
    assert!(!store.healthy());
    assert!(matches!(store.append(note("late")).await, Err(StoreError::Closed)));
    store.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_state_that_others_could_read_becomes_private() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    std::fs::create_dir_all(place.path()).expect("made");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(place.path(), open).expect("opened to others");
    place.open().await.close().await;
    let mode = std::fs::metadata(place.path()).expect("metadata").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn a_second_writer_is_refused_until_the_first_ends() {
    let place = Place::new();
    let store = place.open().await;
    match place.try_open().await {
        Err(error @ StoreError::Locked { .. }) => {
            let text = error.to_string();
            assert!(text.contains("evensum.lock"), "{text}");
            #[cfg(unix)]
            assert!(text.contains(&std::process::id().to_string()), "{text}");
        }
        other => panic!("{other:?}"),
    }
    store.close().await;
    place.open().await.close().await;
}

#[tokio::test]
async fn a_state_belongs_to_one_server_and_one_key() {
    let place = Place::new();
    place.open().await.close().await;
    let open =
        |ods, key| Store::open(place.dir.path(), identity(ods), key, place.clock.clone(), "x");
    // In the directory above there is none yet; it becomes another server's.
    open("R0E", Arc::clone(&place.key)).await.expect("opens").close().await;
    match open("R0D", Arc::clone(&place.key)).await {
        Err(StoreError::OtherLog { found, wanted }) => {
            assert_eq!((found.as_str(), wanted.as_str()), ("evensum/R0E/node", ORIGIN));
        }
        other => panic!("{other:?}"),
    }
    let other = Arc::new(SigningKey::generate_ed25519().expect("key"));
    assert!(matches!(open("R0E", other).await, Err(StoreError::Tampered { .. })));
    let p256 = Arc::new(SigningKey::generate_p256().expect("key"));
    assert!(matches!(open("R0E", p256).await, Err(StoreError::Key(_))));
}

#[tokio::test]
async fn reopening_keeps_everything_and_ends_what_was_cut_off() {
    let place = Place::new();
    let store = place.open().await;
    fresh(&store, question(1)).await;
    let (row, _) =
        released(store.publish(release(1, "table", "figures")).await.expect("publishes"));
    for n in 100..200 {
        fresh(&store, question(n)).await;
    }
    store.close().await;

    let store = place.open().await;
    let kinds = place.kinds().await;
    assert_eq!(kinds.iter().filter(|k| *k == "aborted").count(), 100);
    assert_eq!(kinds.last().map(String::as_str), Some("log_opened"));
    match begun(&store, question(1)).await.1 {
        Todo::ReplayedRelease(again, _) => {
            assert_eq!(again.bytes, b"figures");
            assert_eq!(again.published.entry(), row.published.entry());
        }
        other => panic!("{other:?}"),
    }
    fresh(&store, question(150)).await;
    store.close().await;
    let verdict = place.verdict().await;
    assert_eq!(verdict.problems, []);
    assert_eq!(verdict.entries, verdict.checkpoint_size);
}

#[test]
fn a_crash_loses_no_entry_that_was_answered() {
    let place = Place::new();
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime");
    let first = runtime();
    let (image, answered) = first.block_on(async {
        let store = place.open().await;
        let mut answered = Vec::new();
        for n in 0..20 {
            answered.push(fresh(&store, question(n)).await);
        }
        // What a power cut leaves: the database and its log of writes, without their shared index.
        let image = place.dir.path().join("image");
        std::fs::create_dir(&image).expect("directory");
        for file in ["evensum.db", "evensum.db-wal"] {
            std::fs::copy(place.path().join(file), image.join(file)).expect("copies");
        }
        let busy = store.clone();
        tokio::spawn(async move {
            for n in 20..100_000 {
                let _ = busy.begin(question(n)).await;
            }
        });
        answered.push(store.append(note("while busy")).await.expect("appends"));
        (image, answered)
    });
    // Everything of the first server stops where it is, in the middle of writing.
    drop(first);
    runtime().block_on(async {
        for (dir, most) in [(image, 20), (place.path(), 21)] {
            let store = place.try_open_at(&dir).await.expect("opens");
            let reader = Reader::open(&dir).await.expect("reads");
            let entries = reader.entries(0, 1000).await.expect("reads");
            for receipt in &answered[..most] {
                let seq = usize::try_from(receipt.parts().index).expect("small");
                assert_eq!(entries[seq].1, receipt.parts().entry);
            }
            fresh(&store, question(3)).await;
            store.close().await;
            let verdict = place.verdict_at(&dir).await.expect("reads");
            assert_eq!(verdict.problems, []);
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_at_once_get_an_entry_each() {
    let place = Place::new();
    let store = place.open().await;
    let mut tasks = JoinSet::new();
    for n in 0..100 {
        let store = store.clone();
        tasks.spawn(async move { fresh(&store, question(n)).await });
    }
    let receipts = tasks.join_all().await;
    let places: BTreeSet<u64> = receipts.iter().map(|r| r.parts().index).collect();
    assert_eq!(places, (1..=100).collect());
    let sizes: BTreeSet<u64> = receipts.iter().map(|r| r.checkpoint().size()).collect();
    assert!(sizes.len() < 100, "some of them share a transaction: {sizes:?}");

    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        let store = store.clone();
        tasks.spawn(async move { store.begin(question(1000)).await.expect("begins") });
    }
    let begun = tasks.join_all().await;
    assert_eq!(begun.iter().filter(|b| matches!(b, Begun::Each { .. })).count(), 1);
    assert_eq!(begun.iter().filter(|b| matches!(b, Begun::Running)).count(), 99);
    store.close().await;
    let verdict = place.verdict().await;
    assert_eq!((verdict.entries, verdict.problems), (102, vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_beside_the_writer_sees_a_whole_log_at_any_moment() {
    let place = Place::new();
    let store = place.open().await;
    let writing = tokio::spawn({
        let store = store.clone();
        async move {
            for n in 0..150 {
                fresh(&store, question(n)).await;
                let published = release(n, &format!("table {n}"), &format!("figures {n}"));
                store.publish(published).await.expect("publishes");
            }
        }
    });
    let reader = Reader::open(&place.path()).await.expect("opens");
    let mut seen = 0;
    loop {
        let done = writing.is_finished();
        let verdict = reader.verify(ORIGIN, &place.key.verifying_key()).await.expect("reads");
        assert_eq!(verdict.problems, []);
        assert!(verdict.entries >= seen && verdict.entries == verdict.checkpoint_size);
        seen = verdict.entries;
        if done {
            break;
        }
    }
    writing.await.expect("writes");
    assert_eq!(seen, 1 + 3 * 150);
    store.close().await;
}

#[tokio::test]
async fn a_reader_pages_and_knows_the_newest_checkpoint() {
    let place = Place::new();
    assert!(matches!(Reader::open(&place.path()).await, Err(StoreError::NoLog { .. })));
    let store = place.open().await;
    for n in 0..10 {
        fresh(&store, question(n)).await;
    }
    let reader = Reader::open(&place.path()).await.expect("opens");
    let page = reader.entries(4, 3).await.expect("reads");
    assert_eq!(page.iter().map(|(seq, ..)| *seq).collect::<Vec<_>>(), [4, 5, 6]);
    assert!(
        page.iter().all(|(seq, bytes, e)| e.seq == *seq && e.encode().ok().as_ref() == Some(bytes))
    );
    assert!(reader.entries(11, 3).await.expect("reads").is_empty());
    assert_eq!(reader.checkpoint().await.expect("reads"), Some(store.checkpoint()));
    store.close().await;
}
