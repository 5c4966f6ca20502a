//! Full disks and broken databases under audit logs: nothing is answered, health says so, and a disk that has
//! space again needs nobody's help.

use std::path::Path;

use evensum::store::Reader;
use evensum_core::ledger::origin;
use evensum_core::model::{Query, Role};
use evensum_core::port::AskFault;
use evensum_core::sign::VerifyingKey;
use evensum_core::view::CoverageStatus;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tonic::Streaming;
use tonic::transport::Channel;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::fixture::{COORDINATOR, DEADLINE, Federation, OpenNode};
use super::wire::Wired;
use crate::pki::ods;
use crate::small_disk::SmallDisk;

const DISK_KIB: u32 = 2_048;
const NO_LOG: &str = "the partner's audit log is not available, so it answers nothing";

/// What a server says of its health, as it changes.
struct Health(Streaming<HealthCheckResponse>);

impl Health {
    async fn of(channel: Channel) -> Self {
        let watching = HealthClient::new(channel).watch(HealthCheckRequest::default()).await;
        Self(watching.expect("a health service").into_inner())
    }

    async fn until(&mut self, wanted: ServingStatus) {
        let waiting = tokio::time::timeout(DEADLINE, async {
            while self.0.message().await.expect("health").expect("no end").status() != wanted {}
        });
        waiting.await.unwrap_or_else(|_| panic!("it never said {wanted:?}"));
    }
}

async fn two_nodes(f: &Federation) -> (OpenNode, OpenNode, Wired) {
    let (zz1, zz3) = (f.node("ZZ1").await, f.node("ZZ3").await);
    let wired = f.wire(&[&zz1, &zz3]).await;
    (zz1, zz3, wired)
}

/// What becomes of ZZ1 where both are asked something new; ZZ3 answers.
async fn zz1_says(f: &Federation, wired: &Wired) -> (Query, CoverageStatus, Option<String>) {
    let query = f.query(&["ZZ1", "ZZ3"]);
    let bundle = wired.ask(f.sign(&query)).await.expect("an answer");
    let view = f.check(bundle, &query).expect("verifies");
    let lines = &view.answer().coverage;
    assert_eq!(lines[1].status, CoverageStatus::Answered);
    (query, lines[0].status, lines[0].reason.clone())
}

async fn verifies(f: &Federation, code: &str, role: Role, state: &Path) {
    let party = f.agreement.party(&ods(code), role).expect("a party");
    let key = VerifyingKey::parse(&party.ledger_key).expect("a key");
    let log = origin(&ods(code), role);
    let verdict = Reader::open(state).await.expect("a log").verify(&log, &key).await;
    assert_eq!(verdict.expect("readable").problems, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_disk_is_full_refuses_says_so_and_recovers_by_itself() {
    let f = Federation::new();
    let Some(disk) = SmallDisk::over(&f.dir.path().join("ZZ1"), DISK_KIB) else { return };
    let (zz1, _zz3, wired) = two_nodes(&f).await;
    let mut health = Health::of(wired.registry.get(&ods("ZZ1")).expect("connected")).await;
    health.until(ServingStatus::Serving).await;
    assert_eq!(zz1_says(&f, &wired).await.1, CoverageStatus::Answered);

    disk.fill();
    let (refused, status, reason) = zz1_says(&f, &wired).await;
    assert_eq!((status, reason.as_deref()), (CoverageStatus::Refused, Some(NO_LOG)));
    health.until(ServingStatus::NotServing).await;
    // Some space is not enough space: it would come and go with every answer.
    disk.give_back(100);
    let before = zz1.log().await;
    let early = tokio::time::timeout(std::time::Duration::from_millis(2_500), health.0.message());
    assert!(early.await.is_err(), "100 KiB were taken for enough");

    disk.free();
    health.until(ServingStatus::Serving).await;
    assert_eq!(zz1.log().await, before, "finding out made an entry");
    assert_eq!(zz1_says(&f, &wired).await.1, CoverageStatus::Answered);
    let again = wired.ask(f.sign(&refused)).await.expect("the refused one is answered too");
    f.check(again, &refused).expect("verifies");
    verifies(&f, "ZZ1", Role::Node, &zz1.state).await;
    let log = zz1.log().await;
    let answers = log.iter().filter(|kind| *kind == "answer_released").count();
    let accepted = log.iter().filter(|kind| *kind == "query_accepted").count();
    assert_eq!((answers, accepted), (3, 3), "{log:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coordinator_whose_disk_is_full_refuses_says_so_and_recovers_by_itself() {
    let f = Federation::new();
    let Some(disk) = SmallDisk::over(&f.dir.path().join(COORDINATOR), DISK_KIB) else { return };
    let (zz1, _zz3, wired) = two_nodes(&f).await;
    let mut health = Health::of(wired.channel.clone()).await;
    health.until(ServingStatus::Serving).await;
    zz1_says(&f, &wired).await;
    let asked_before = zz1.log().await;

    disk.fill();
    let query = f.query(&["ZZ1", "ZZ3"]);
    let fault = wired.ask(f.sign(&query)).await.map(drop).expect_err("no entry, no answer");
    assert_eq!(fault, AskFault::LedgerUnavailable);
    health.until(ServingStatus::NotServing).await;
    assert_eq!(zz1.log().await, asked_before, "a node was asked by a coordinator without a log");

    disk.free();
    health.until(ServingStatus::Serving).await;
    let bundle = wired.ask(f.sign(&query)).await.expect("answered now");
    f.check(bundle, &query).expect("verifies");
    verifies(&f, COORDINATOR, Role::Coordinator, &wired.coordinator.state).await;
}

/// Renames a table in a database, as no disk does, but with the same result: a write that fails for good.
async fn rename(state: &Path, statement: &'static str) {
    let file = state.join("evensum.db");
    let url = format!("sqlite://{}", file.to_str().expect("UTF-8"));
    let mut conn = SqliteConnection::connect(&url).await.expect("opened");
    sqlx::query(statement).execute(&mut conn).await.expect("renamed");
    conn.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_log_is_not_serving_for_good_and_its_node_is_not_taken_in_again() {
    let f = Federation::new();
    let (zz1, _zz3, wired) = two_nodes(&f).await;
    let mut health = Health::of(wired.registry.get(&ods("ZZ1")).expect("connected")).await;
    rename(&zz1.state, "ALTER TABLE node RENAME TO gone").await;
    let (_, status, reason) = zz1_says(&f, &wired).await;
    assert_eq!((status, reason.as_deref()), (CoverageStatus::Refused, Some(NO_LOG)));
    health.until(ServingStatus::NotServing).await;
    rename(&zz1.state, "ALTER TABLE gone RENAME TO node").await;
    let (_, status, reason) = zz1_says(&f, &wired).await;
    assert_eq!((status, reason.as_deref()), (CoverageStatus::Refused, Some(NO_LOG)));
    let early = tokio::time::timeout(std::time::Duration::from_millis(2_500), health.0.message());
    assert!(early.await.is_err(), "it came back without a restart");

    assert!(wired.registry.disconnect(&ods("ZZ1")));
    let back = wired.registry.until(|connected| connected.contains(&ods("ZZ1")));
    let back = tokio::time::timeout(std::time::Duration::from_secs(4), back).await;
    assert!(back.is_err(), "a node that cannot answer was taken in");
}
