//! The profile that changes every figure at random: the same records give the same figures, whatever table they are
//! in and however often they are published.

use std::fs;

use serde_json::Value;

use super::harness::{EXTRACT, Fed, QUESTION, releases, text};
use super::process::{Output, run};

const PARTNER: &str = "ZZ1";
const KEPT: &str = "ZZ1/state/published/rtt_open_pathway/2026-10";

fn node(fed: &Fed, arguments: &[&str]) -> Output {
    let config = fed.config(PARTNER);
    run(&[&["node"], arguments, &["--config", text(&config)]].concat())
}

/// Loads the extract with these lines and publishes it.
fn publish(fed: &Fed, lines: &[&str]) {
    let (file, mapping) = (fed.path("ZZ1/extract.csv"), fed.path("ZZ1/mapping.toml"));
    fs::write(&file, lines.join("\n")).expect("written");
    let of = ["load", text(&file), "--mapping", text(&mapping)];
    node(fed, &[&of[..], &EXTRACT[..]].concat()).succeeds();
    node(fed, &[&["publish"], &EXTRACT[..]].concat()).succeeds();
}

fn ask(fed: &Fed, by: &str) -> Value {
    let mut question = QUESTION.to_vec();
    question[2] = by;
    fed.query(&[&question[..], &["--ask", PARTNER]].concat()).json()
}

/// The published figures of every group.
fn figures(answer: &Value) -> Vec<(Value, Value)> {
    let side = |cell: &Value, side: &str| cell[side]["published"].clone();
    let cells = answer["cells"].as_array().expect("cells");
    cells.iter().map(|cell| (side(cell, "numerator"), side(cell, "denominator"))).collect()
}

#[test]
fn the_same_records_give_the_same_figures_however_often_they_are_published() {
    let mut fed = Fed::at_rest();
    for file in ["agreement.toml", "ZZ1/node.toml"] {
        fed.edit(file, "profile = \"nhs75m\"", "profile = \"ckm\"");
    }
    fed.serve(&[PARTNER]);

    // The demonstration loaded its extract without record keys.
    let question = [&QUESTION[..], &["--ask", PARTNER]].concat();
    let refused = fed.query(&question);
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(said.contains("record keys") && said.contains("loaded and published"), "{refused:?}");

    let extract = fs::read_to_string(fed.path("ZZ1/extract.csv")).expect("the extract");
    let mut lines: Vec<&str> = extract.lines().collect();
    fs::remove_dir_all(fed.path(KEPT)).expect("removed");
    publish(&fed, &lines);
    assert!(fed.path(KEPT).join("1-provisional/rtt_open_pathway-2026-10.keys").exists());
    let first = ask(&fed, "imd.quintile");
    assert_eq!(first["policy"]["profile"], "ckm");
    assert!(first["policy"]["ptable"].is_string(), "{}", first["policy"]);
    let shown = figures(&first);
    let odd = shown.iter().filter_map(|(_, all)| all.as_u64()).filter(|all| all % 5 != 0);
    assert!(odd.count() > 1, "nothing is rounded: {shown:?}");

    // Everybody is the same people, by whatever they are told apart.
    let total = |answer: &Value| figures(answer).last().cloned().expect("a total");
    assert_eq!(total(&ask(&fed, "sex")), total(&first));

    // The same rows in another order, published once more: another table, with the same figures.
    lines[1..].reverse();
    publish(&fed, &lines);
    let again = ask(&fed, "imd.quintile");
    assert_ne!(releases(&again), releases(&first));
    assert_eq!(figures(&again), shown);
}

#[test]
fn a_database_that_counts_has_no_record_keys() {
    let fed = Fed::at_rest();
    fed.edit("ZZ1/node.toml", "profile = \"nhs75m\"", "profile = \"ckm\"\ntabulate = \"pushdown\"");
    let table =
        "[node.pushdown]\nurl = \"warehouse.url\"\nload_url = \"warehouse.url\"\n\n[[membership]]";
    fed.edit("ZZ1/node.toml", "[[membership]]", table);
    node(&fed, &["check"]).fails(64, &["ckm", "columns"]);
}

#[test]
fn what_would_be_released_is_shown_beforehand_once_there_are_keys() {
    let fed = Fed::at_rest();
    for file in ["agreement.toml", "ZZ1/node.toml"] {
        fed.edit(file, "profile = \"nhs75m\"", "profile = \"ckm\"");
    }
    let look =
        || node(&fed, &["preview", "rtt_over_18_weeks", "--by", "sex", "--period", "2026-10"]);
    look().fails(65, &["record keys", "load and publish it again"]);
    let extract = fs::read_to_string(fed.path("ZZ1/extract.csv")).expect("the extract");
    publish(&fed, &extract.lines().collect::<Vec<_>>());
    let seen = look().succeeds();
    assert!(format!("{}{}", seen.stdout, seen.stderr).contains("at random by up to 5"), "{seen:?}");
}
