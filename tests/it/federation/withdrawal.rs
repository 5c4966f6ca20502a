//! A partner's own people suspend an agreement beside the node that runs, and resume it.

use serde_json::Value;

use super::harness::{Fed, QUESTION, SECOND, text};
use super::process::{Output, run, until};
use super::sum::{REGISTER_QUESTION, begin, four, pooled, publish_register, steps, summed};

const PARTNERS: [&str; 4] = ["ZZ1", "ZZ2", "ZZ3", "ZZ4"];
/// A table that no pack names, so that it is opened when it is asked for: the total by itself.
const NEW_QUESTION: [&str; 5] =
    ["hypertension_treated", "--period", "2026-27Q2", "--purpose", "service_planning"];

fn suspend(fed: &Fed, ods: &str, more: &[&str]) -> Output {
    let config = fed.config(ods);
    let agreement = agreement(fed);
    let arguments = ["node", "suspend", &agreement, "--config", text(&config)];
    run(&[&arguments[..], more].concat())
}

fn agreement(fed: &Fed) -> String {
    let text = std::fs::read_to_string(fed.path("agreement.toml")).expect("a text");
    let id = text.lines().find_map(|line| line.strip_prefix("id = \"")).expect("an id");
    id.trim_end_matches('"').to_owned()
}

/// The sentences of an audit log that hold a word.
fn sentences(fed: &Fed, ods: &str, word: &str) -> Vec<String> {
    let listed = run(&["audit", "list", "--config", text(&fed.config(ods))]).stdout;
    listed.lines().filter(|line| line.contains(word)).map(str::to_owned).collect()
}

/// Whether a partner that is asked for a table of its own says that the agreement is suspended.
fn says_suspended(fed: &Fed, ods: &str) -> bool {
    let Output { stdout, stderr, .. } = fed.query(&[&QUESTION[..], &["--ask", ods]].concat());
    format!("{stdout}{stderr}").contains("has suspended the agreement")
}

#[test]
fn a_suspended_agreement_answers_nothing_and_opens_nothing_more_until_it_is_resumed() {
    let mut fed = Fed::at_rest_of(&four().dir);
    fed.edit("agreement.toml", "indicators = [", "indicators = [\"hypertension_treated\", ");
    for (number, ods) in PARTNERS.iter().enumerate() {
        publish_register(&fed, ods, number);
    }
    begin(&mut fed, &PARTNERS);
    let before = summed(&fed, &REGISTER_QUESTION);
    let config = fed.config("ZZ2");
    let unknown = ["node", "suspend", "another", "--config", text(&config)];
    run(&unknown).fails(64, &["no agreement another", &agreement(&fed)]);

    suspend(&fed, "ZZ2", &[]).succeeds();
    // It is in force when the command returns.
    assert!(says_suspended(&fed, "ZZ2") && !says_suspended(&fed, "ZZ1"));
    assert_eq!(sentences(&fed, "ZZ2", "have suspended agreement").len(), 1);
    let shown = run(&["node", "deposit", "--config", text(&config)]).succeeds().stdout;
    assert!(shown.contains("suspended since"), "{shown}");
    suspend(&fed, "ZZ2", &[]).succeeds();
    assert_eq!(sentences(&fed, "ZZ2", "have suspended agreement").len(), 1, "written once");

    // The second server hears of it by itself, and tells everybody.
    until("the second server's stop", || {
        steps(&fed, SECOND).contains(&"sum_stopped".to_owned()).then_some(())
    });
    for _ in 0..2 {
        pooled(&fed, &NEW_QUESTION).fails(77, &["opens no more totals", "withdrawn"]);
    }
    let frozen = pooled(&fed, &REGISTER_QUESTION).json();
    assert_eq!(frozen["cells"], before["cells"], "what was released stays");
    until("the word to the others", || {
        sentences(&fed, "ZZ1", "no more totals of hypertension_register").first().map(drop)
    });

    // It lasts beyond a restart, and is taken back where the node does not run too.
    fed.kill("ZZ2");
    fed.restart("ZZ2");
    assert!(says_suspended(&fed, "ZZ2"));
    fed.kill("ZZ2");
    suspend(&fed, "ZZ2", &["--resume"]).succeeds();
    assert_eq!(sentences(&fed, "ZZ2", "is no longer suspended").len(), 1);
    fed.restart("ZZ2");
    let answer: Value = summed(&fed, &NEW_QUESTION);
    assert_eq!(answer["view"], "pooled");
    assert!(steps(&fed, SECOND).contains(&"sum_resumed".to_owned()));
    assert!(!says_suspended(&fed, "ZZ2"));
    for ods in ["ZZ1", "ZZ2", "QZ1", SECOND] {
        fed.verify(ods).succeeds();
    }
}
