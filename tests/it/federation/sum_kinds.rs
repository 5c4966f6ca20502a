//! Sums that are made otherwise: without a second server, and of so few partners that one can subtract its own.

use std::fs;

use super::harness::{COORDINATOR, Fed, text};
use super::process::run;
use super::sum::{REGISTER_QUESTION, four, numerator, pooled, publish_register, summed};

const PARTNERS: [&str; 4] = ["ZZ1", "ZZ2", "ZZ3", "ZZ4"];

/// Takes tables out of a file: those with this header that have such a line.
fn without(fed: &Fed, below: &str, header: &str, line: &str) {
    let path = fed.path(below);
    let text = fs::read_to_string(&path).expect("readable");
    let blocks = text.split("\n\n").filter(|block| {
        let block = block.trim_start();
        !(block.starts_with(header) && block.contains(line))
    });
    let kept: Vec<&str> = blocks.collect();
    assert!(kept.len() < text.split("\n\n").count(), "no {header} with '{line}' in {below}");
    fs::write(path, kept.join("\n\n")).expect("written");
}

/// Four partners under an agreement with another kind of sum.
fn with_kind(kind: &str) -> Fed {
    let fed = Fed::at_rest_of(&four().dir);
    fed.edit("agreement.toml", "indicators = [", "indicators = [\"hypertension_treated\", ");
    fed.edit("agreement.toml", "pool = \"deposit\"", &format!("pool = \"{kind}\""));
    fed
}

fn publish(fed: &Fed) {
    for (number, ods) in PARTNERS.iter().enumerate() {
        publish_register(fed, ods, number);
    }
}

fn public(fed: &Fed, ods: &str) -> String {
    let key = run(&["keys", "show", text(&fed.path(&format!("{ods}/seal.pem")))]).stdout;
    let line =
        key.lines().find_map(|line| line.split_whitespace().find(|w| w.starts_with("x25519:")));
    line.expect("a sealing key").to_owned()
}

fn roster(fed: &Fed, command: &str, words: &[&str]) {
    let (agreement, list) = (fed.path("agreement.toml"), fed.path("membership.json"));
    let of = ["roster", command, "--agreement", text(&agreement)];
    let file: &[&str] = if command == "new" { &["--out", text(&list)] } else { &[text(&list)] };
    run(&[&of[..], words, file].concat()).succeeds();
}

fn add(fed: &Fed, ods: &str) {
    let key = public(fed, ods);
    roster(fed, "add", &["--ods", ods, "--since", "2024-04-01", "--seal-key", &key]);
}

/// Has the list signed by the two officers of the demonstration.
fn sign(fed: &Fed) {
    for (officer, ods) in [("ig.one", "ZZ1"), ("ig.two", "ZZ2")] {
        let key = fed.path(&format!("{ods}/officer.pem"));
        roster(fed, "sign", &["--id", officer, "--key", text(&key)]);
    }
    roster(fed, "check", &[]);
}

/// Takes the second server out of everything, and has a list without it made and signed.
fn without_second_server(fed: &Fed) {
    let said = fs::read_to_string(fed.path("agreement.toml")).expect("readable");
    let helper = said.lines().find(|line| line.starts_with("helper = ")).expect("a line");
    fed.edit("agreement.toml", &format!("{helper}\n"), "");
    without(fed, "agreement.toml", "[[parties]]", "role = \"helper\"");
    without(fed, &format!("{COORDINATOR}/coordinator.toml"), "[coordinator.second_server]", "");
    fs::remove_file(fed.path("membership.json")).expect("removed");
    roster(fed, "new", &["--seal-key", &format!("{COORDINATOR}={}", public(fed, COORDINATOR))]);
    for ods in PARTNERS {
        add(fed, ods);
        without(fed, &format!("{ods}/node.toml"), "[membership.second_server]", "");
    }
    // A later list than the one that the demonstration's nodes went by.
    add(fed, "ZZ1");
    sign(fed);
}

#[test]
fn without_a_second_server_the_sum_is_of_all_members_or_there_is_none() {
    let mut fed = with_kind("masks");
    without_second_server(&fed);
    // A node has to have the key that it agrees on masks with.
    let check = |fed: &Fed| run(&["node", "check", "--config", text(&fed.config("ZZ1"))]);
    check(&fed).fails(64, &["'seal_key' in [[membership]]", "evensum keys new sealing"]);
    let line = "membership_list = \"../membership.json\"\n";
    for ods in PARTNERS {
        let file = format!("{ods}/node.toml");
        fed.edit(&file, line, &format!("{line}seal_key = \"seal.pem\"\n"));
    }
    fed.edit("ZZ1/node.toml", "\"seal.pem\"", "\"../ZZ2/seal.pem\"");
    check(&fed).fails(64, &["another sealing key of ZZ1"]);
    fed.edit("ZZ1/node.toml", "\"../ZZ2/seal.pem\"", "\"seal.pem\"");

    publish(&fed);
    // One of four is missing: there is no sum, and the others' sealed figures say nothing.
    fed.serve(&PARTNERS[..3]);
    let without_sum = pooled(&fed, &REGISTER_QUESTION);
    assert_eq!(without_sum.code, Some(77), "{}", without_sum.stderr);
    fed.restart(PARTNERS[3]);
    let answer = summed(&fed, &REGISTER_QUESTION);
    assert_eq!(answer["view"], "pooled");
    let black = numerator(&answer, "ethnicity", "black");
    assert_eq!((&black["state"], &black["published"]), (&"value".into(), &25.into()), "{black}");
    assert_eq!(answer["receipts"].as_array().map(Vec::len), Some(1), "the coordinator's alone");

    // What is frozen stays, whoever is there.
    for ods in &PARTNERS[1..] {
        fed.kill(ods);
    }
    fed.kill(COORDINATOR);
    fed.start_coordinator();
    assert_eq!(summed(&fed, &REGISTER_QUESTION)["cells"], answer["cells"]);
    for ods in ["ZZ1", COORDINATOR] {
        fed.verify(ods).succeeds();
    }
}

#[test]
fn two_partners_that_have_agreed_to_it_are_added_up_for_whoever_runs_neither_server() {
    let mut fed = with_kind("trusted_sum");
    let (agreement, list) = (fed.path("agreement.toml"), fed.path("membership.json"));
    run(&["agreement", "check", text(&agreement)])
        .fails(64, &["'asker_runs_coordinator' is refused"]);
    fed.edit("agreement.toml", "asker_runs_coordinator = true", "asker_runs_coordinator = false");
    publish(&fed);
    for ods in &PARTNERS[2..] {
        run(&["roster", "remove", "--ods", ods, text(&list)]).succeeds();
    }
    sign(&fed);
    let view = run(&["agreement", "check", "--members", text(&list), text(&agreement)]).stdout;
    assert!(view.contains("one can subtract its own, which all have agreed to"), "{view}");
    // The analyst may be of the organisation that runs the coordinator, as far as the agreement says.
    fed.serve(&[]);
    let refused = pooled(&fed, &REGISTER_QUESTION);
    refused.fails(77, &["give the analyst the `ods` of another organisation"]);
    fed.kill(COORDINATOR);
    let line = "assurance_min = \"enrolled\"";
    fed.edit("agreement.toml", line, &format!("{line}\nods = \"ZZ4\""));
    fed.start_second_server();
    fed.serve(&PARTNERS[..2]);
    let answer = summed(&fed, &REGISTER_QUESTION);
    let black = numerator(&answer, "ethnicity", "black");
    assert_eq!((&black["low"], &black["high"]), (&8.into(), &12.into()), "{black}");
}
