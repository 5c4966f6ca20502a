//! Full disks, broken writes, other holders of the database, callers who left.

use tokio::sync::oneshot;

use super::super::batch::{Kind, Settled, Work};
use super::super::writer::{Answer, Job, Message, Owed, deliver};
use super::super::{WRITE_LIMIT, last_look};
use super::*;

fn large(n: u32) -> Begin {
    let mut begin = question(n);
    begin.asked.payload = "A".repeat(100_000);
    begin
}

async fn connect(place: &Place) -> sqlx::SqliteConnection {
    use sqlx::ConnectOptions;
    let file = place.path().join("evensum.db");
    sqlx::sqlite::SqliteConnectOptions::new()
        .filename(file)
        .foreign_keys(false)
        .connect()
        .await
        .expect("connects")
}

#[tokio::test]
async fn a_full_disk_refuses_everything_and_is_recovered_from() {
    let place = Place::new();
    let store = place.open().await;
    fresh(&store, question(1)).await;
    store.ask(Work::DiskOf(1)).await.expect("sets");
    // Both share the transaction, and the small one would have fitted.
    let (large_one, small_one) = tokio::join!(store.begin(large(2)), store.begin(question(3)));
    assert!(matches!(large_one, Err(StoreError::Full)), "{large_one:?}");
    assert!(matches!(small_one, Err(StoreError::Full)), "{small_one:?}");
    let text = release(1, "table", &"1".repeat(100_000));
    assert!(matches!(store.publish(text.clone()).await, Err(StoreError::Full)));
    assert!(store.healthy());
    let before = store.checkpoint();

    assert_eq!(store.checkpoint(), before);
    // The first thing that there is room for is the end of the question whose answer found none.
    store.ask(Work::DiskOf(1 << 20)).await.expect("sets");
    fresh(&store, large(2)).await;
    fresh(&store, question(3)).await;
    assert!(matches!(store.publish(text.clone()).await, Err(StoreError::NotBegun)));
    fresh(&store, question(1)).await;
    store.publish(text).await.expect("publishes");
    let accepted = "query_accepted";
    assert_eq!(
        place.kinds().await,
        [
            "log_opened",
            accepted,
            "aborted",
            accepted,
            accepted,
            accepted,
            "published",
            "answer_released"
        ]
    );
    store.close().await;
    assert_eq!(place.verdict().await.problems, []);
    place.open().await.close().await;
}

#[tokio::test]
async fn after_a_failed_write_nothing_is_written_again() {
    let place = Place::new();
    let store = place.open().await;
    let mut other = connect(&place).await;
    sqlx::query("ALTER TABLE node RENAME TO gone").execute(&mut other).await.expect("renames");
    let (a, b) = tokio::join!(store.begin(question(1)), store.append(note("x")));
    for error in [a.err(), b.err()] {
        let Some(StoreError::Broken { source: Some(_) }) = error else { panic!("{error:?}") };
    }
    assert!(!store.healthy());
    sqlx::query("ALTER TABLE gone RENAME TO node").execute(&mut other).await.expect("renames");
    assert!(matches!(store.append(note("x")).await, Err(StoreError::Broken { source: None })));
    store.close().await;
    assert!(!store.healthy());

    let store = place.open().await;
    assert!(store.healthy());
    assert_eq!(place.kinds().await, ["log_opened", "log_opened"]);
    store.close().await;
}

async fn until(store: &Store, writable: bool) {
    let mut seen = store.writable();
    let wait = tokio::time::timeout(WRITE_LIMIT * 5, seen.wait_for(|now| *now == writable));
    wait.await.expect("in time").expect("a store that runs");
}

#[tokio::test]
async fn a_log_that_cannot_be_written_says_so_until_it_can_again() {
    let place = Place::new();
    let store = place.open().await;
    assert!(*store.writable().borrow());
    store.ask(Work::DiskOf(1)).await.expect("sets");
    assert!(matches!(store.begin(large(1)).await, Err(StoreError::Full)));
    assert!(!*store.writable().borrow());
    // Room for a small answer and not for a long one is not taken for the end of the trouble.
    store.ask(Work::DiskOf(100)).await.expect("sets");
    assert!(!*store.writable().borrow(), "asking for nothing is no write");
    let mut seen = store.writable();
    let wait = tokio::time::timeout(WRITE_LIMIT, seen.wait_for(|now| *now)).await;
    assert!(wait.is_err(), "a few pages are no room");
    // Nobody asks anything, and it finds out by itself, without an entry.
    store.ask(Work::DiskOf(1 << 20)).await.expect("sets");
    until(&store, true).await;
    assert_eq!(place.kinds().await, ["log_opened"]);
    fresh(&store, large(1)).await;
    store.close().await;
    assert!(!*store.writable().borrow(), "a closed log takes nothing");
    assert_eq!(place.verdict().await.problems, []);
}

#[tokio::test]
async fn a_question_that_ended_on_a_full_disk_has_its_end_as_soon_as_there_is_room() {
    let place = Place::new();
    let store = place.open().await;
    fresh(&store, question(1)).await;
    store.ask(Work::DiskOf(1)).await.expect("sets");
    let text = release(1, "table", &"1".repeat(100_000));
    assert!(matches!(store.publish(text).await, Err(StoreError::Full)));
    store.ask(Work::DiskOf(1 << 20)).await.expect("sets");
    until(&store, true).await;
    assert_eq!(place.kinds().await, ["log_opened", "query_accepted", "aborted"]);
    store.close().await;
}

async fn soon_writable(store: &Store) -> bool {
    let mut seen = store.writable();
    tokio::time::timeout(WRITE_LIMIT, seen.wait_for(|now| *now)).await.is_ok()
}

#[tokio::test]
async fn an_end_that_fits_on_a_nearly_full_disk_is_not_taken_for_room() {
    let place = Place::new();
    let store = place.open().await;
    fresh(&store, question(1)).await;
    store.ask(Work::DiskOf(100)).await.expect("sets");
    let text = release(1, "table", &"1".repeat(500_000));
    assert!(matches!(store.publish(text).await, Err(StoreError::Full)));
    assert!(!soon_writable(&store).await, "a small end is no room for a long answer");
    assert_eq!(place.kinds().await, ["log_opened", "query_accepted", "aborted"]);
    // Neither is a small entry of somebody else.
    store.append(note("x")).await.expect("fits");
    assert!(!soon_writable(&store).await, "a small entry is no room for a long answer");
    store.ask(Work::DiskOf(1 << 20)).await.expect("sets");
    until(&store, true).await;
    store.close().await;
}

#[tokio::test]
async fn a_broken_log_stays_unwritable() {
    let place = Place::new();
    let store = place.open().await;
    let mut other = connect(&place).await;
    sqlx::query("ALTER TABLE node RENAME TO gone").execute(&mut other).await.expect("renames");
    store.append(note("x")).await.expect_err("broken");
    assert!(!*store.writable().borrow());
    sqlx::query("ALTER TABLE gone RENAME TO node").execute(&mut other).await.expect("renames");
    let mut seen = store.writable();
    let wait = tokio::time::timeout(WRITE_LIMIT, seen.wait_for(|now| *now)).await;
    assert!(!matches!(wait, Ok(Ok(_))), "it came back without a restart");
    store.close().await;
}

#[tokio::test]
async fn where_the_lock_file_was_removed_two_processes_do_not_both_write_on() {
    let place = Place::new();
    let store = place.open().await;
    std::fs::remove_file(place.path().join("evensum.lock")).expect("removed");
    let second = place.open().await;
    // The first does not know of the second's entry, and would put its own in the same place.
    let error = store.append(note("x")).await.expect_err("the place is taken");
    assert!(matches!(error, StoreError::Broken { .. }), "{error:?}");
    assert!(!*store.writable().borrow());
    second.append(note("y")).await.expect("the second goes on");
    second.close().await;
    store.close().await;
    assert_eq!(place.verdict().await.problems, []);
    assert_eq!(place.kinds().await, ["log_opened", "log_opened", "log_opened"]);
}

#[tokio::test]
async fn another_holder_of_the_database_is_waited_for_and_then_given_up() {
    let place = Place::new();
    let store = place.open().await;
    let mut other = connect(&place).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.expect("begins");
    let started = std::time::Instant::now();
    assert!(matches!(store.append(note("x")).await, Err(StoreError::Slow)));
    assert!(started.elapsed() < WRITE_LIMIT * 2);
    assert!(store.healthy());
    sqlx::query("ROLLBACK").execute(&mut other).await.expect("ends");
    store.append(note("y")).await.expect("appends");
    assert_eq!(place.kinds().await, ["log_opened", "log_opened"]);
    store.close().await;
}

#[tokio::test]
async fn work_for_a_caller_who_left_is_not_begun() {
    let place = Place::new();
    let store = place.open().await;
    let (reply, left) = oneshot::channel();
    drop(left);
    let work = Work::Begin("".into(), Box::new(question(1)));
    store.queue.send(Message::Job(Box::new(Job { work, reply }))).await.expect("queues");
    fresh(&store, question(2)).await;
    assert_eq!(place.kinds().await, ["log_opened", "query_accepted"]);
    store.close().await;
}

#[test]
fn a_question_that_began_for_a_caller_who_left_is_ended() {
    let answer = |kind, each: &[Kind]| {
        let each = each.iter().copied().map(Settled::nothing).collect();
        Ok(Settled { each, ..Settled::nothing(kind) })
    };
    let (stays, mut waits) = oneshot::channel();
    let gone = || oneshot::channel().0;
    let rest = |n| Owed::Rest("realm".into(), id(n), hash(n));
    let orphans = deliver(
        Ok(vec![
            answer(Kind::Begun, &[Kind::Fresh]),
            answer(Kind::Begun, &[Kind::Frozen, Kind::Fresh]),
            answer(Kind::Running, &[]),
            answer(Kind::Begun, &[Kind::Frozen, Kind::Frozen]),
        ]),
        (1..=4).map(|n| Some(rest(n))).collect(),
        vec![stays, gone(), gone(), gone()],
    )
    .expect("delivers");
    assert!(waits.try_recv().expect("answered").is_ok());
    assert_eq!(orphans, [rest(2)]);
}

#[test]
fn what_was_answered_in_the_instant_of_the_limit_is_heard() {
    let (reply, wait) = oneshot::channel::<Answer>();
    assert!(reply.send(Ok(Settled::nothing(Kind::Begun))).is_ok());
    assert_eq!(last_look(wait).expect("heard").kind, Kind::Begun);
    let (reply, wait) = oneshot::channel::<Answer>();
    assert!(matches!(last_look(wait), Err(StoreError::Slow)));
    assert!(reply.send(Ok(Settled::nothing(Kind::Begun))).is_err(), "nobody hears it");
}
