//! Servers that are killed, halted, told to stop and started again, while questions are asked.

use std::time::Duration;

use serde_json::Value;

use super::harness::{COORDINATOR, Fed, PARTNERS, QUESTION, UNPLANNED, coverage, releases};
use super::process::{Output, until};

/// A deadline that a halted partner lets pass.
const SHORT: [&str; 2] = ["--deadline", "3"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&QUESTION, more].concat()
}

/// That the answer came within its deadline and the second that is allowed beyond it, as the coordinator
/// measures and, with what the analyst's process needs to start, as the analyst sees it.
fn in_time(output: &Output, deadline: Duration) {
    let elapsed = output.json()["elapsed_ms"].as_u64().expect("milliseconds");
    assert!(Duration::from_millis(elapsed) <= deadline + Duration::from_secs(1), "{elapsed} ms");
    assert!(output.took < deadline + Duration::from_secs(10), "{:?}", output.took);
}

#[test]
fn a_partner_that_was_killed_is_named_as_not_reachable_and_the_others_answer() {
    let mut fed = Fed::start(&PARTNERS[..3]);
    fed.kill("ZZ2");
    let asked = fed.query(&with(&["--ask", "ZZ1,ZZ2,ZZ3"]));
    in_time(&asked, Duration::from_secs(30));
    let answer = asked.json();
    assert_eq!(coverage(&answer, "ZZ2")["status"], "unreachable");
    assert!(coverage(&answer, "ZZ2")["reason"].is_string());
    for ods in ["ZZ1", "ZZ3"] {
        assert_eq!(coverage(&answer, ods)["status"], "answered");
    }
    let from: Vec<String> = releases(&answer).into_iter().map(|(ods, _)| ods).collect();
    assert_eq!(from, ["ZZ1", "ZZ3"]);
}

#[test]
fn a_missing_partner_is_exit_code_4_only_where_all_are_required() {
    let fed = Fed::start(&["ZZ1"]);
    let part = fed.query(&with(&["--ask", "ZZ1,ZZ2", "--require-all"]));
    assert_eq!(part.code, Some(4), "{}", part.stderr);
    let answer: Value =
        serde_json::from_str(&part.stdout).expect("the answer is shown all the same");
    assert_eq!(coverage(&answer, "ZZ2")["status"], "unreachable");
    fed.query(&with(&["--ask", "ZZ1,ZZ2"])).succeeds();
    fed.query(&with(&["--ask", "ZZ1", "--require-all"])).succeeds();
}

#[test]
fn where_no_partner_can_be_reached_there_is_no_answer_and_the_exit_code_says_so() {
    let fed = Fed::start(&[]);
    let asked = fed.query(&with(&["--ask", "ZZ1,ZZ2"]));
    assert_eq!(asked.code, Some(69), "{}", asked.stderr);
}

#[test]
fn a_partner_that_hangs_is_waited_for_until_the_deadline_and_no_longer() {
    let fed = Fed::start(&PARTNERS[..2]);
    fed.signal("ZZ2", "STOP");
    let asked = fed.query(&with(&[&["--ask", "ZZ1,ZZ2"], &SHORT[..]].concat()));
    in_time(&asked, Duration::from_secs(3));
    let answer = asked.json();
    assert_eq!(coverage(&answer, "ZZ1")["status"], "answered");
    let status = coverage(&answer, "ZZ2")["status"].as_str().expect("a status");
    assert!(["late", "unreachable"].contains(&status), "{status}");
    fed.signal("ZZ2", "CONT");
    fed.wait_for(&["ZZ2"]);
    let again = fed.query(&with(&["--ask", "ZZ1,ZZ2"])).json();
    assert_eq!(coverage(&again, "ZZ2")["status"], "answered");
}

#[test]
fn killed_servers_lose_no_entry_and_serve_again_with_the_same_releases() {
    let mut fed = Fed::start_at_lasting_addresses(&PARTNERS[..2]);
    let question = with(&["--ask", "ZZ1,ZZ2"]);
    let first = fed.query(&question).json();
    let servers = ["ZZ1", "ZZ2", COORDINATOR];
    let before = servers.map(|ods| fed.audit(ods));
    fed.kill("ZZ1");
    fed.kill(COORDINATOR);
    fed.start_coordinator();
    fed.restart("ZZ1");
    // The other partner finds the coordinator again by itself.
    fed.wait_for(&["ZZ1", "ZZ2"]);
    let again = fed.query(&question).json();
    assert_eq!(releases(&again), releases(&first));
    assert_eq!(again["cells"], first["cells"]);
    for (ods, before) in servers.into_iter().zip(before) {
        let after = fed.audit(ods);
        assert!(after.len() > before.len());
        assert_eq!(after[..before.len()], before, "the audit log of {ods} lost something");
        assert_eq!(fed.verify(ods).json()["sound"], true);
    }
}

#[test]
fn the_same_question_again_gets_the_same_releases_under_another_number() {
    let fed = Fed::start(&PARTNERS[..2]);
    let question = [&UNPLANNED[..], &["--ask", "ZZ1,ZZ2"]].concat();
    let begun = fed.audit("ZZ1").len();
    let (first, again) = (fed.query(&question).json(), fed.query(&question).json());
    assert_ne!(first["query_id"], again["query_id"]);
    assert_eq!(releases(&first), releases(&again));
    assert_eq!(
        fed.kinds("ZZ1", begun),
        ["query_accepted", "published", "answer_released", "query_accepted", "answer_released"]
    );
    for answer in [&first, &again] {
        let own = fed.audit("ZZ1");
        let of_query: Vec<&Value> =
            own.iter().filter(|e| e["query_id"] == answer["query_id"]).collect();
        assert_eq!(of_query.len(), 2);
    }
}

#[test]
fn the_order_of_a_breakdown_makes_no_other_table() {
    let fed = Fed::start(&["ZZ1"]);
    let begun = fed.audit("ZZ1").len();
    let by = |levels| {
        fed.query(&[
            "rtt_over_18_weeks",
            "--by",
            levels,
            "--period",
            "2026-10",
            "--purpose",
            "service_planning",
            "--ask",
            "ZZ1",
        ])
        .json()
    };
    assert_eq!(releases(&by("sex,age.adult")), releases(&by("age.adult,sex")));
    let published = fed.kinds("ZZ1", begun).iter().filter(|k| *k == "published").count();
    assert_eq!(published, 1);
}

#[test]
fn a_coordinator_that_is_told_to_stop_delivers_the_answer_that_it_owes() {
    let mut fed = Fed::start(&PARTNERS[..2]);
    let begun = fed.audit("ZZ1").len();
    // The coordinator waits for a partner that is halted, so that the question stays in flight.
    fed.signal("ZZ2", "STOP");
    let question = with(&["--ask", "ZZ1,ZZ2"]);
    let asking = fed.begin_query(&question);
    until("the question at the other partner", || {
        fed.kinds("ZZ1", begun).contains(&"answer_released".to_owned()).then_some(())
    });
    fed.signal(COORDINATOR, "TERM");
    fed.signal("ZZ2", "CONT");
    let answer = asking.end().json();
    for ods in ["ZZ1", "ZZ2"] {
        assert_eq!(coverage(&answer, ods)["status"], "answered", "{}", coverage(&answer, ods));
    }
    let (code, took) = fed.end(COORDINATOR);
    assert_eq!(code, Some(0), "{}", fed.log(COORDINATOR));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(fed.verify(COORDINATOR).json()["sound"], true);
}

#[test]
fn a_partner_that_is_told_to_stop_ends_soon_and_says_so() {
    for signal in ["TERM", "INT"] {
        let mut fed = Fed::start(&["ZZ1"]);
        fed.signal("ZZ1", signal);
        let (code, took) = fed.end("ZZ1");
        assert_eq!(code, Some(0), "{signal}: {}", fed.log("ZZ1"));
        assert!(took < Duration::from_secs(5), "{signal}: {took:?}");
        until("the partner's leaving", || fed.connected().is_empty().then_some(()));
    }
}

#[test]
fn a_partner_that_is_killed_among_many_questions_has_an_end_and_an_entry_for_each() {
    let mut fed = Fed::start(&["ZZ1"]);
    let begun = fed.audit("ZZ1").len();
    let levels = ["sex", "imd.quintile", "imd.decile", "imd.core20", "ethnicity.code", "age.band"];
    let asking = levels.map(|level| {
        let question = ["rtt_over_65_weeks", "--by", level, "--ask", "ZZ1", "--period", "2026-10"];
        fed.begin_query(&[&question[..], &["--purpose", "service_planning"]].concat())
    });
    until("the first answer", || {
        fed.kinds("ZZ1", begun).contains(&"answer_released".to_owned()).then_some(())
    });
    fed.kill("ZZ1");
    let answers: Vec<Value> = asking
        .into_iter()
        .map(|asked| asked.end())
        .inspect(|output| assert!([Some(0), Some(69)].contains(&output.code), "{}", output.stderr))
        .map(|output| serde_json::from_str(&output.stdout).expect("an answer"))
        .collect();
    fed.restart("ZZ1");
    assert_eq!(fed.verify("ZZ1").json()["sound"], true);
    let log = fed.audit("ZZ1");
    let of = |query: &Value, kinds: &[&str]| {
        let mine = log.iter().filter(|e| e["query_id"] == *query);
        mine.filter(|e| kinds.contains(&e["kind"].as_str().expect("a kind"))).count()
    };
    for accepted in log.iter().skip(begun).filter(|e| e["kind"] == "query_accepted") {
        let ends = of(&accepted["query_id"], &["answer_released", "aborted"]);
        assert_eq!(ends, 1, "{accepted}");
    }
    for answer in answers.iter().filter(|a| coverage(a, "ZZ1")["status"] == "answered") {
        assert_eq!(of(&answer["query_id"], &["answer_released"]), 1, "an answer without an entry");
    }
}

#[test]
fn one_question_asked_by_many_at_once_is_frozen_once() {
    let fed = Fed::start(&["ZZ1"]);
    let begun = fed.audit("ZZ1").len();
    let asked = [&UNPLANNED[..], &["--ask", "ZZ1"]].concat();
    let asking = [(); 6].map(|()| fed.begin_query(&asked));
    let answers = asking.map(|asked| asked.end().json());
    for answer in &answers {
        assert_eq!(coverage(answer, "ZZ1")["status"], "answered", "{}", coverage(answer, "ZZ1"));
        assert_eq!(releases(answer), releases(&answers[0]));
    }
    let kinds = fed.kinds("ZZ1", begun);
    assert_eq!(kinds.iter().filter(|k| *k == "published").count(), 1, "{kinds:?}");
    assert_eq!(kinds.iter().filter(|k| *k == "answer_released").count(), answers.len());
}
