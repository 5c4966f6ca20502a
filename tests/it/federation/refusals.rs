//! What a person reads who asks in vain: one line, the right exit code, and nothing on standard output.

use std::fs;
use std::net::TcpListener;

use super::harness::{COORDINATOR, Fed, QUESTION, coverage, text};
use super::process::{Output, run};

const PERIOD: [&str; 2] = ["--period", "2026-10"];
const PURPOSE: [&str; 2] = ["--purpose", "service_planning"];

/// A question that is refused before anybody is asked: the configuration names a port that nobody serves.
fn asked_in_vain(arguments: &[&str]) -> Output {
    Fed::at_rest().query(arguments)
}

/// A usage error in the words of the command line's own parser.
fn is_usage(output: &Output, words: &[&str]) {
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    assert_eq!(output.stdout, "");
    for word in words {
        assert!(output.stderr.contains(word), "no '{word}' in: {}", output.stderr);
    }
}

#[test]
fn an_indicator_that_is_not_in_the_catalogue_is_a_usage_error() {
    let asked = asked_in_vain(&[&["waiting_long"], &PERIOD[..], &PURPOSE].concat());
    asked.fails(2, &["waiting_long"]);
    run(&["indicators", "--show", "waiting_long"]).fails(2, &["waiting_long"]);
}

#[test]
fn a_level_that_is_not_in_the_catalogue_is_a_usage_error() {
    let of = |level| [&["rtt_over_18_weeks", "--by", level], &PERIOD[..], &PURPOSE].concat();
    asked_in_vain(&of("shoe.size")).fails(2, &["shoe.size"]);
    asked_in_vain(&of("imd.thirds")).fails(2, &["imd.thirds"]);
}

#[test]
fn what_is_no_period_is_a_usage_error() {
    for period in ["2026-13", "October", "2026-27Q5", ""] {
        let asked =
            asked_in_vain(&[&["rtt_over_18_weeks", "--period", period], &PURPOSE[..]].concat());
        is_usage(&asked, &["--period"]);
    }
}

#[test]
fn a_dataset_of_month_ends_has_no_quarters_and_no_years() {
    for period in ["2026-27Q2", "2026-27"] {
        let asked =
            asked_in_vain(&[&["rtt_over_18_weeks", "--period", period], &PURPOSE[..]].concat());
        asked.fails(2, &["no such periods"]);
    }
}

#[test]
fn a_restriction_to_a_category_that_there_is_not_is_a_usage_error() {
    let asked = asked_in_vain(&[&QUESTION[..], &["--scope", "tfc.group=zzz"]].concat());
    asked.fails(2, &["category"]);
    is_usage(
        &asked_in_vain(&[&QUESTION[..], &["--scope", "tfc.group"]].concat()),
        &["LEVEL=CATEGORY"],
    );
}

#[test]
fn the_same_dimension_twice_or_three_of_them_is_a_usage_error() {
    for by in ["sex,sex", "imd.quintile,imd.decile", "sex,imd.quintile,ethnicity.group"] {
        let asked =
            asked_in_vain(&[&["rtt_over_18_weeks", "--by", by], &PERIOD[..], &PURPOSE].concat());
        asked.fails(2, &["dimension"]);
    }
}

#[test]
fn an_agreement_that_the_analyst_does_not_have_is_a_configuration_error() {
    let asked = asked_in_vain(&[&QUESTION[..], &["--agreement", "another"]].concat());
    asked.fails(64, &["'another'", "demo-agreement"]);
}

#[test]
fn a_question_that_the_agreement_does_not_allow_is_denied() {
    let mut fed = Fed::at_rest();
    fed.edit("agreement.toml", "\"rtt_over_104_weeks\"", "\"rtt_over_78_weeks\"");
    fed.serve(&["ZZ1"]);
    let begun = fed.audit("ZZ1").len();
    let purpose =
        fed.query(&[&["rtt_over_18_weeks", "--purpose", "curiosity"], &PERIOD[..]].concat());
    purpose.fails(77, &["purpose"]);
    let dimension =
        |by| fed.query(&[&["rtt_over_18_weeks", "--by", by], &PERIOD[..], &PURPOSE].concat());
    dimension("provider").fails(77, &["dimension"]);
    let indicator = fed.query(&[&["rtt_over_104_weeks"], &PERIOD[..], &PURPOSE].concat());
    indicator.fails(77, &["indicator"]);
    let scope = fed.query(&[&QUESTION[..], &["--scope", "ethnicity.group=white"]].concat());
    scope.fails(77, &["restricted"]);
    let stranger = fed.query(&[&QUESTION[..], &["--ask", "ZZ1,R0D"]].concat());
    stranger.fails(77, &["partners"]);
    // Each was decided by the coordinator, which wrote it down, and no partner heard of it.
    let refused = fed.kinds(COORDINATOR, 0).iter().filter(|k| *k == "refused").count();
    assert_eq!(refused, 5);
    assert!(!fed.kinds("ZZ1", begun).contains(&"query_accepted".to_owned()));
}

#[test]
fn an_analyst_without_a_configuration_is_told_which_file_is_missing() {
    let asked = run(&[&["query", "--config", "/nowhere/analyst.toml"], &QUESTION[..]].concat());
    asked.fails(64, &["/nowhere/analyst.toml"]);
    run(&["partners", "--config", "/nowhere/analyst.toml"]).fails(64, &["/nowhere/analyst.toml"]);
}

#[test]
fn an_analysts_key_must_be_there_and_be_private() {
    use std::os::unix::fs::PermissionsExt;

    let fed = Fed::at_rest();
    let key = fed.path("analyst/analyst.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("changed");
    fed.query(&QUESTION).fails(64, &["analyst.pem", "644", "chmod 600"]);
    fs::remove_file(&key).expect("removed");
    fed.query(&QUESTION).fails(64, &["analyst.pem"]);
}

#[test]
fn an_analyst_whose_key_is_not_enrolled_is_denied() {
    let fed = Fed::start(&["ZZ1"]);
    let key = fed.path("analyst/analyst.pem");
    fs::remove_file(&key).expect("removed");
    run(&["keys", "new", "analyst", "--out", text(&key)]).succeeds();
    fed.query(&QUESTION).fails(77, &["key"]);
    fed.edit("analyst/analyst.toml", "ada.demo", "eve.demo");
    fed.query(&QUESTION).fails(77, &["lists your key"]);
    fed.analyst(&["partners"]).fails(77, &["lists your key"]);
    // Whoever was not believed leaves no entry.
    assert!(!fed.kinds(COORDINATOR, 4).contains(&"refused".to_owned()));
}

/// Gives the analyst a copy of the agreement, changed.
fn with_own_agreement(fed: &Fed, from: &str, to: &str) {
    fs::copy(fed.path("agreement.toml"), fed.path("analyst/agreement.toml")).expect("copied");
    fed.edit("analyst/analyst.toml", "../agreement.toml", "agreement.toml");
    fed.edit("analyst/agreement.toml", from, to);
}

#[test]
fn another_version_of_the_agreement_is_denied() {
    let fed = Fed::start(&["ZZ1"]);
    with_own_agreement(&fed, "version = 1", "version = 2");
    fed.query(&QUESTION).fails(77, &["another version of the agreement"]);
}

#[test]
fn an_agreement_that_the_coordinator_does_not_have_is_denied() {
    let fed = Fed::start(&["ZZ1"]);
    with_own_agreement(&fed, "demo-agreement", "other-agreement");
    fed.query(&QUESTION).fails(77, &["no agreement of that name"]);
}

#[test]
fn a_coordinator_that_is_not_there_is_named() {
    let fed = Fed::at_rest();
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let config = fs::read_to_string(fed.path("analyst/analyst.toml")).expect("readable");
    let line = config.lines().find(|l| l.starts_with("coordinator")).expect("a line");
    fed.edit("analyst/analyst.toml", line, &format!("coordinator = \"{port}\""));
    fed.query(&QUESTION).fails(69, &[&port.to_string()]);
    fed.analyst(&["partners"]).fails(69, &[&port.to_string()]);
}

#[test]
fn a_coordinator_of_another_authority_is_not_believed() {
    let fed = Fed::start(&[]);
    let other = fed.path("other-ca");
    let federation = "demo.evensum.example";
    run(&["certs", "ca", "--federation", federation, "--example", "--dir", text(&other)])
        .succeeds();
    fed.edit("analyst/analyst.toml", "../ca/ca.pem", "../other-ca/ca.pem");
    fed.query(&QUESTION).fails(69, &["authority"]);
}

#[test]
fn a_partner_goes_by_its_own_copy_of_the_agreement_and_the_others_answer() {
    let mut fed = Fed::at_rest();
    fs::copy(fed.path("agreement.toml"), fed.path("ZZ1/agreement.toml")).expect("copied");
    fed.edit("ZZ1/node.toml", "../agreement.toml", "agreement.toml");
    fed.edit("ZZ1/agreement.toml", "\"service_planning\"", "\"research\"");
    fed.serve(&["ZZ1", "ZZ2"]);
    let answer = fed.query(&[&QUESTION[..], &["--ask", "ZZ1,ZZ2"]].concat()).json();
    assert_eq!(coverage(&answer, "ZZ1")["status"], "refused");
    let reason = coverage(&answer, "ZZ1")["reason"].as_str().expect("a reason");
    assert!(reason.contains("another version of the agreement"), "{reason}");
    assert_eq!(coverage(&answer, "ZZ2")["status"], "answered");
    let last = fed.audit("ZZ1").pop().expect("an entry");
    assert_eq!((&last["kind"], &last["query_id"]), (&"refused".into(), &answer["query_id"]));
    assert_eq!(last["who"], "ada.demo");
    // Where nobody but the refusing partner was asked, the question as a whole is denied.
    let alone = fed.query(&[&QUESTION[..], &["--ask", "ZZ1"]].concat());
    assert_eq!(alone.code, Some(77), "{}", alone.stderr);
}

#[test]
fn a_demonstration_does_not_write_into_a_folder_that_is_in_use() {
    let fed = Fed::at_rest();
    let dir = fed.path("ZZ1");
    run(&["demo", "--exit", "--dir", text(&dir)]).fails(64, &["is not empty", "--dir"]);
    assert!(!dir.join("agreement.toml").exists());
    is_usage(&run(&["demo", "--exit", "--rows", "10"]), &["--rows"]);
}

#[test]
fn an_audit_log_that_there_is_not_is_no_empty_log() {
    let fed = Fed::at_rest();
    fs::remove_file(fed.path("ZZ1/state/evensum.db")).expect("removed");
    let config = fed.config("ZZ1");
    for what in ["list", "verify"] {
        run(&["audit", what, "--config", text(&config)]).fails(64, &["no audit log"]);
    }
    let other = fed.config("ZZ2");
    run(&["audit", "list", "--query", "seven", "--config", text(&other)]).fails(2, &["query"]);
}

#[test]
fn nothing_at_all_is_answered_with_the_help_and_an_unknown_command_with_its_name() {
    let bare = run::<&str>(&[]);
    assert_eq!((bare.code, bare.stdout.as_str()), (Some(2), ""));
    assert!(bare.stderr.contains("Start with: evensum demo"), "{}", bare.stderr);
    is_usage(&run(&["ask"]), &["'ask'"]);
    let version = run(&["--version"]).succeeds();
    assert!(version.stdout.starts_with("evensum "), "{}", version.stdout);
}
