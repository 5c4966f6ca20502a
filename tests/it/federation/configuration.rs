//! Configuration, keys and certificates: good ones are accepted, and each fault is named before a port is
//! bound or a file is touched.

use std::fs;

use evensum::trust::{Authority, IssueRequest};
use evensum_core::model::{Role, Timestamp};

use super::harness::{Fed, text};
use super::process::{Output, run};

fn check(fed: &Fed, ods: &str) -> Output {
    run(&["node", "check", "--config", text(&fed.config(ods))])
}

/// That neither the check nor the server takes this configuration, and why.
fn is_refused(fed: &Fed, words: &[&str]) {
    check(fed, "ZZ1").fails(64, words);
    run(&["node", "serve", "--config", text(&fed.config("ZZ1"))]).fails(64, words);
}

/// Puts a certificate in the place of the partner's own.
fn install(fed: &Fed, authority: &str, ods: &str, role: Role, now: i64) {
    let authority = Authority::load(&fed.path(authority)).expect("an authority");
    let request = IssueRequest {
        ods: ods.parse().expect("an ODS code"),
        role,
        name: "main".to_owned(),
        dns: vec!["localhost".to_owned()],
        ips: vec![std::net::Ipv4Addr::LOCALHOST.into()],
        days: 10,
        now: Timestamp::from_unix(now),
    };
    let issued = authority.issue(&request).expect("a certificate");
    fs::write(fed.path("ZZ1/server.pem"), issued.cert_pem).expect("written");
    fs::write(fed.path("ZZ1/server.key"), issued.key_pem.as_bytes()).expect("written");
}

/// A moment of the federation's life: its certificates were made within the last hour.
fn now(fed: &Fed) -> i64 {
    let made = fs::metadata(fed.path("agreement.toml")).and_then(|m| m.modified()).expect("a time");
    let since = made.duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_secs()).expect("a time")
}

#[test]
fn a_good_configuration_passes_and_says_as_whom() {
    let fed = Fed::at_rest();
    let said = check(&fed, "ZZ1").succeeds();
    for word in ["ZZ1", "demo.evensum.example", "valid until"] {
        assert!(said.stdout.contains(word), "{}", said.stdout);
    }
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let fed = Fed::at_rest();
    fed.edit("ZZ1/node.toml", "profile = ", "porfile = ");
    is_refused(&fed, &["node.toml", "porfile", "line"]);
    run(&["audit", "list", "--config", text(&fed.config("ZZ1"))]).fails(64, &["porfile"]);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let fed = Fed::at_rest();
    fed.edit("ZZ1/node.toml", "../agreement.toml", "../agreements.toml");
    is_refused(&fed, &["agreements.toml"]);
    run(&["node", "check", "--config", "/nowhere/node.toml"]).fails(64, &["/nowhere/node.toml"]);
}

#[test]
fn a_coordinators_configuration_does_not_make_a_partner() {
    let fed = Fed::at_rest();
    let config = fed.config("QZ1");
    run(&["node", "check", "--config", text(&config)]).fails(64, &["[node]"]);
    let node = fed.config("ZZ1");
    run(&["coordinator", "serve", "--config", text(&node)]).fails(64, &["[coordinator]"]);
}

#[test]
fn a_certificate_that_has_expired_is_refused() {
    let fed = Fed::at_rest();
    install(&fed, "ca", "ZZ1", Role::Node, now(&fed) - 20 * 86_400);
    is_refused(&fed, &["expired"]);
}

#[test]
fn a_certificate_of_another_role_is_refused() {
    let fed = Fed::at_rest();
    install(&fed, "ca", "ZZ1", Role::Coordinator, now(&fed));
    is_refused(&fed, &["for a coordinator", "this is a node"]);
}

#[test]
fn a_certificate_of_another_organisation_is_refused() {
    let fed = Fed::at_rest();
    install(&fed, "ca", "ZZ2", Role::Node, now(&fed));
    is_refused(&fed, &["ZZ2", "ZZ1"]);
}

#[test]
fn a_certificate_of_another_authority_is_refused() {
    let fed = Fed::at_rest();
    let other = fed.path("other-ca");
    let federation = "demo.evensum.example";
    run(&["certs", "ca", "--federation", federation, "--example", "--dir", text(&other)])
        .succeeds();
    install(&fed, "other-ca", "ZZ1", Role::Node, now(&fed));
    is_refused(&fed, &["not issued by the federation's authority"]);
}

#[test]
fn a_key_that_is_not_the_certificates_is_refused() {
    let fed = Fed::at_rest();
    fs::copy(fed.path("ZZ2/server.key"), fed.path("ZZ1/server.key")).expect("copied");
    is_refused(&fed, &["does not belong to the certificate"]);
}

#[test]
fn keys_that_the_agreement_does_not_list_are_refused() {
    for (file, what) in [("answer.pem", "answer_key"), ("ledger.pem", "ledger_key")] {
        let fed = Fed::at_rest();
        fs::copy(fed.path("ZZ2").join(file), fed.path("ZZ1").join(file)).expect("copied");
        is_refused(&fed, &[what, "ZZ1", file]);
    }
}

#[test]
fn a_private_key_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    for file in ["server.key", "answer.pem", "ledger.pem", "node.key"] {
        let fed = Fed::at_rest();
        let key = fed.path("ZZ1").join(file);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("changed");
        is_refused(&fed, &[file, "644", "chmod 600"]);
    }
}

#[test]
fn a_second_server_on_the_same_state_is_refused_and_the_first_serves_on() {
    let fed = Fed::start(&["ZZ1"]);
    let config = fed.config("ZZ1");
    run(&["node", "serve", "--config", text(&config)])
        .fails(69, &["evensum.lock", "another evensum"]);
    assert_eq!(fed.connected(), ["ZZ1"]);
}

#[test]
fn certificates_that_the_program_makes_serve_and_are_not_overwritten() {
    let fed = Fed::at_rest();
    for file in ["server.pem", "server.key"] {
        fs::remove_file(fed.path("ZZ1").join(file)).expect("removed");
    }
    let (ca, out) = (fed.path("ca"), fed.path("ZZ1/server"));
    let issue = [
        "certs",
        "issue",
        "--ca",
        text(&ca),
        "--ods",
        "ZZ1",
        "--role",
        "node",
        "--days",
        "5",
        "--out",
        text(&out),
    ];
    run(&issue).succeeds();
    check(&fed, "ZZ1").succeeds();
    run(&issue).fails(64, &["exists already"]);
}
