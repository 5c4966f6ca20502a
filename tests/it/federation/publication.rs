//! What `node publish` decides, alone and beside a server, what the audit log says of it, and that it can be checked
//! again; and the partner's own floor below all agreements.

use std::fs;

use super::harness::{EXTRACT, Fed, text};
use super::process::{Output, run};

fn publish(fed: &Fed, more: &[&str]) -> Output {
    let config = fed.config("ZZ1");
    run(&[&["node", "publish", "--config", text(&config)], &EXTRACT[..], more].concat())
}

/// Stages fewer of the rows that the demonstration invented.
fn stage(fed: &Fed, rows: usize) {
    let extract = fs::read_to_string(fed.path("ZZ1/extract.csv")).expect("the extract");
    let fewer: Vec<&str> = extract.lines().take(rows).collect();
    let file = fed.path("ZZ1/fewer.csv");
    fs::write(&file, fewer.join("\n")).expect("written");
    let (config, mapping) = (fed.config("ZZ1"), fed.path("ZZ1/mapping.toml"));
    let of = ["node", "load", text(&file), "--mapping", text(&mapping), "--config", text(&config)];
    run(&[&of, &EXTRACT[..]].concat()).succeeds();
}

fn audit(fed: &Fed, what: &[&str]) -> Output {
    let config = fed.config("ZZ1");
    run(&[&["audit"], what, &["--config", text(&config)]].concat())
}

#[test]
fn publishing_alone_decides_the_tables_and_an_audit_repeats_the_test() {
    let fed = Fed::at_rest();
    // The demonstration published once.
    let log = audit(&fed, &["list"]).succeeds().stdout;
    for words in ["tested by itself", "tested together with", "were decided for"] {
        assert!(log.contains(words), "{words}: {log}");
    }
    stage(&fed, 1_500);
    let said = publish(&fed, &[]).succeeds().stderr;
    assert!(said.contains("Of the tables of rtt_open_pathway for 2026-10"), "{said}");
    let verified = audit(&fed, &["verify", "--retest", "--format", "json"]).succeeds().json();
    assert_eq!(verified["sound"], true);
    assert!(verified["tables_tested_again"].as_u64() > Some(10), "{verified}");
    let plain = audit(&fed, &["verify"]).succeeds();
    assert!(!plain.stdout.contains("pass the disclosure test"), "{}", plain.stdout);
    // A third publication of a period there is not.
    stage(&fed, 1_400);
    publish(&fed, &[]).fails(65, &["annual restatement"]);
}

#[test]
fn publishing_beside_a_server_waits_until_the_server_has_decided_or_does_not() {
    let fed = Fed::start(&["ZZ1"]);
    stage(&fed, 1_500);
    let said = publish(&fed, &[]).succeeds().stderr;
    assert!(said.contains("answers from it from now on"), "{said}");
    assert!(said.contains("Of the tables of rtt_open_pathway for 2026-10"), "{said}");
    let log = audit(&fed, &["list"]).succeeds().stdout;
    assert_eq!(log.matches("were decided for").count(), 2, "{log}");
}

#[test]
fn publishing_beside_a_server_need_not_wait() {
    let fed = Fed::start(&["ZZ1"]);
    stage(&fed, 1_500);
    let said = publish(&fed, &["--no-wait"]).succeeds().stderr;
    assert!(!said.contains("Of the tables"), "{said}");
}

#[test]
fn no_agreement_goes_below_the_partners_own_floor() {
    let fed = Fed::at_rest();
    let check = || run(&["node", "check", "--config", text(&fed.config("ZZ1"))]);
    fed.edit("ZZ1/node.toml", "profile = \"nhs75m\"", "profile = \"nhs75m\"\nfloor = \"nhs75m\"");
    check().succeeds();
    fed.edit("ZZ1/node.toml", "floor = \"nhs75m\"", "floor = \"ons105m\"");
    check().fails(64, &["'profile' is nhs75m", "ons105m", "'floor'"]);
    fed.edit("ZZ1/node.toml", "profile = \"nhs75m\"", "profile = \"ons105m\"");
    check().fails(64, &["agreement '", "nhs75m", "ons105m, the 'floor'"]);
    fed.edit("ZZ1/node.toml", "floor = \"ons105m\"", "floor = \"nhs75\"");
    check().fails(64, &["agreement '", "nhs75m", "by ons105m"]);
}
