//! Faults of the machines around the program: disks that fill up or break, and networks that fall silent.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use evensum::rpc::dial_as_analyst;
use evensum::trust::Roots;
use evensum::trust::config::analyst_dial;
use evensum_core::model::Timestamp;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::harness::{COORDINATOR, Fed, QUESTION, coverage, text};
use super::process::until;
use crate::fault_proxy::Door;
use crate::pki::{Standing, federation, ods};
use crate::small_disk::SmallDisk;

const DISK_KIB: u32 = 2_048;

fn question(by: &str) -> Vec<&str> {
    let mut question = QUESTION.to_vec();
    question[2] = by;
    question.extend(["--ask", "ZZ1,ZZ2"]);
    question
}

/// What the coordinator's port for analysts says of its health, to whoever asks.
fn health(fed: &Fed) -> ServingStatus {
    let config = fs::read_to_string(fed.path("analyst/analyst.toml")).expect("readable");
    let line = config.lines().find_map(|l| l.strip_prefix("coordinator = ")).expect("a line");
    let address = line.trim_matches('"').parse().expect("an address");
    let roots = Roots::read(&fed.path("ca/ca.pem")).expect("roots");
    let made = fs::metadata(fed.path("agreement.toml")).and_then(|m| m.modified()).expect("a time");
    let since = made.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let now = Standing(Timestamp::from_unix(i64::try_from(since).expect("a time")));
    let tls = analyst_dial(&roots, Arc::new(now)).expect("a configuration");
    let name = federation("demo.evensum.example");
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let channel = dial_as_analyst(&address, &name, &ods(COORDINATOR), tls).await;
        let mut client = HealthClient::new(channel.expect("dials"));
        let said = client.check(HealthCheckRequest::default()).await.expect("a health service");
        said.get_ref().status()
    })
}

#[test]
fn a_partner_whose_disk_is_full_is_named_and_is_back_once_there_is_space() {
    let mut fed = Fed::at_rest();
    let Some(disk) = SmallDisk::over(&fed.path("ZZ1/state"), DISK_KIB) else { return };
    fed.serve(&["ZZ1", "ZZ2"]);
    disk.fill();
    let asked = fed.query(&question("sex")).json();
    assert_eq!(coverage(&asked, "ZZ1")["status"], "refused");
    let reason = coverage(&asked, "ZZ1")["reason"].as_str().expect("a reason");
    assert!(reason.contains("audit log is not available"), "{reason}");
    assert_eq!(coverage(&asked, "ZZ2")["status"], "answered");
    assert!(fed.log("ZZ1").contains("free some"), "{}", fed.log("ZZ1"));
    disk.free();
    until("the word that entries are taken again", || {
        fed.log("ZZ1").contains("takes entries again").then_some(())
    });
    let asked = fed.query(&question("sex")).json();
    assert_eq!(coverage(&asked, "ZZ1")["status"], "answered", "{}", fed.log("ZZ1"));
    assert_eq!(fed.verify("ZZ1").json()["sound"], true);
    drop(fed);
}

#[test]
fn a_coordinator_whose_disk_is_full_answers_nobody_and_is_back_once_there_is_space() {
    let mut fed = Fed::at_rest();
    let state = fed.path(COORDINATOR).join("state");
    let Some(disk) = SmallDisk::over(&state, DISK_KIB) else { return };
    fed.serve(&["ZZ1", "ZZ2"]);
    assert_eq!(health(&fed), ServingStatus::Serving);
    let before = fed.audit("ZZ1").len();
    disk.fill();
    fed.query(&question("sex")).fails(69, &["audit log is not available", "try again"]);
    assert_eq!(health(&fed), ServingStatus::NotServing);
    assert_eq!(fed.audit("ZZ1").len(), before, "a partner was asked");
    disk.free();
    until("health", || (health(&fed) == ServingStatus::Serving).then_some(()));
    let asked = fed.query(&question("sex")).json();
    assert_eq!(coverage(&asked, "ZZ1")["status"], "answered");
    assert_eq!(fed.verify(COORDINATOR).json()["sound"], true);
    drop(fed);
}

#[test]
fn a_broken_audit_log_is_not_used_again_and_its_server_says_what_to_do() {
    let mut fed = Fed::start(&["ZZ1", "ZZ2"]);
    let file = fed.path("ZZ1/state/evensum.db");
    let rename = |statement: &'static str| {
        tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
            let url = format!("sqlite://{}", text(&file));
            let mut conn = SqliteConnection::connect(&url).await.expect("opened");
            sqlx::query(statement).execute(&mut conn).await.expect("renamed");
            conn.close().await.expect("closed");
        });
    };
    rename("ALTER TABLE node RENAME TO gone");
    assert_eq!(coverage(&fed.query(&question("sex")).json(), "ZZ1")["status"], "refused");
    rename("ALTER TABLE gone RENAME TO node");
    // The reason is gone, but what the failed write left is not known before the log was checked.
    assert_eq!(coverage(&fed.query(&question("sex")).json(), "ZZ1")["status"], "refused");
    assert!(
        fed.log("ZZ1").contains("check the disk, then restart the server"),
        "{}",
        fed.log("ZZ1")
    );
    fed.kill("ZZ1");
    fed.restart("ZZ1");
    assert_eq!(coverage(&fed.query(&question("sex")).json(), "ZZ1")["status"], "answered");
    assert_eq!(fed.verify("ZZ1").json()["sound"], true);
}

#[test]
fn connections_that_a_firewall_forgot_are_noticed_at_both_ends_in_15_seconds() {
    let fed = Fed::start_at_lasting_addresses(&["ZZ1", "ZZ2"]);
    fed.between().door(Door::Refuse);
    fed.between().abandon();
    let forgotten = Instant::now();
    until("the coordinator's notice", || fed.connected().is_empty().then_some(()));
    let noticed = |ods: &str| fed.log(ods).contains("not connected; trying again");
    until("the partners' notice", || ["ZZ1", "ZZ2"].into_iter().all(noticed).then_some(()));
    assert!(forgotten.elapsed() < Duration::from_secs(17), "{:?}", forgotten.elapsed());
    fed.between().heal();
    fed.wait_for(&["ZZ1", "ZZ2"]);
    let asked = fed.query(&question("sex")).json();
    for code in ["ZZ1", "ZZ2"] {
        assert_eq!(coverage(&asked, code)["status"], "answered");
    }
}
