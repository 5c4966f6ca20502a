//! Files that somebody changed: the audit log says so, and a damaged extract costs its own partner alone.

use std::fs;
use std::path::Path;

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::harness::{Fed, PARTNERS, QUESTION, coverage, text};
use super::process::run;

/// Runs a statement in a server's database, as somebody with a database tool would.
fn tamper(state: &Path, statement: &'static str) {
    let database = format!("sqlite://{}", text(&state.join("evensum.db")));
    let changed = tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let mut conn = SqliteConnection::connect(&database).await.expect("opened");
        let done = sqlx::query(statement).execute(&mut conn).await.expect("done");
        conn.close().await.expect("closed");
        done.rows_affected()
    });
    assert_eq!(changed, 1, "{statement}");
}

#[test]
fn an_audit_log_that_was_edited_is_found_and_nothing_is_served_from_it() {
    for statement in [
        "UPDATE record SET bytes = CAST(replace(CAST(bytes AS TEXT), 'ada.demo', 'eve.demo') AS BLOB) \
         WHERE seq = (SELECT min(seq) FROM record WHERE CAST(bytes AS TEXT) LIKE '%ada.demo%')",
        "DELETE FROM record \
         WHERE seq = (SELECT min(seq) FROM record WHERE CAST(bytes AS TEXT) LIKE '%ada.demo%')",
        "UPDATE frozen SET bytes = CAST(replace(CAST(bytes AS TEXT), 'suppressed', 'small') AS BLOB) \
         WHERE published_seq = (SELECT max(published_seq) FROM frozen WHERE CAST(bytes AS TEXT) LIKE '%suppressed%')",
    ] {
        let fed = Fed::at_rest();
        assert_eq!(fed.verify("ZZ1").json()["sound"], true);
        tamper(&fed.path("ZZ1/state"), statement);
        let verdict = fed.verify("ZZ1");
        assert_eq!(verdict.code, Some(65), "{statement}: {}", verdict.stdout);
        assert!(verdict.stdout.contains("\"sound\": false"), "{}", verdict.stdout);
        let config = fed.config("ZZ1");
        let plain = run(&["audit", "verify", "--config", text(&config)]);
        assert_eq!(plain.code, Some(65));
        assert!(plain.stdout.contains("NOT sound"), "{}", plain.stdout);
        let serve = run(&["node", "serve", "--config", text(&config)]);
        serve.fails(65, &["changed outside evensum", "audit verify"]);
    }
}

#[test]
fn a_damaged_extract_costs_its_own_partner_alone() {
    let fed = Fed::start(&PARTNERS[..2]);
    let begun = fed.audit("ZZ1").len();
    let published = "ZZ1/state/published/rtt_open_pathway/2026-10/1-provisional";
    let file = fed.path(published).join("rtt_open_pathway-2026-10.arrow");
    let mut bytes = fs::read(&file).expect("the extract");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).expect("written");
    // Not a table that was decided on publication, which is answered from what is kept.
    let mut question = QUESTION.to_vec();
    question[2] = "ethnicity.group,sex";
    let answer = fed.query(&[&question[..], &["--ask", "ZZ1,ZZ2"]].concat()).json();
    assert_eq!(coverage(&answer, "ZZ1")["status"], "refused");
    assert_eq!(coverage(&answer, "ZZ2")["status"], "answered");
    let reason = coverage(&answer, "ZZ1")["reason"].as_str().expect("a reason");
    assert!(!reason.contains('/'), "a path of the partner's: {reason}");
    assert_eq!(fed.kinds("ZZ1", begun), ["query_accepted", "failed"]);
    assert!(fed.log("ZZ1").contains("could not be answered"), "{}", fed.log("ZZ1"));
    assert_eq!(fed.verify("ZZ1").json()["sound"], true);
}

#[test]
fn a_damaged_manifest_costs_its_own_partner_alone() {
    let fed = Fed::start(&PARTNERS[..2]);
    let begun = fed.audit("ZZ1").len();
    let published = "ZZ1/state/published/rtt_open_pathway/2026-10/1-provisional";
    fs::write(fed.path(published).join("manifest.json"), "{").expect("written");
    let answer = fed.query(&[&QUESTION[..], &["--ask", "ZZ1,ZZ2"]].concat()).json();
    assert_eq!(coverage(&answer, "ZZ1")["status"], "refused");
    assert_eq!(coverage(&answer, "ZZ2")["status"], "answered");
    // A question that was received has an end in the audit log, whatever broke.
    assert!(
        fed.kinds("ZZ1", begun).contains(&"failed".to_owned()),
        "{:?}",
        fed.kinds("ZZ1", begun)
    );
}
