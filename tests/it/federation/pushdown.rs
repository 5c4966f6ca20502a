//! A node whose database counts: the same bytes leave it, and its own file of rows is not touched.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::harness::{EXTRACT, Fed, QUESTION, UNPLANNED, coverage, releases, text};
use super::process::{Output, run};

fn private(path: &Path, content: &str) {
    fs::write(path, content).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("private");
}

/// Makes a partner's node ask a database of SQLite.
fn ask_a_database(fed: &Fed, ods: &str) {
    let file = fed.path(ods).join("warehouse.db");
    private(&fed.path(ods).join("warehouse.url"), &format!("sqlite:{}\n", file.display()));
    let config = format!("{ods}/node.toml");
    fed.edit(&config, "[node]\n", "[node]\ntabulate = \"pushdown\"\n");
    let table = "\n[node.pushdown]\nurl = \"warehouse.url\"\nload_url = \"warehouse.url\"\n";
    let before = fs::read_to_string(fed.path(&config)).expect("a configuration");
    fs::write(fed.path(&config), before + table).expect("written");
}

fn push(fed: &Fed, ods: &str) -> Output {
    let config = fed.config(ods);
    run(&[&["node", "push"][..], &EXTRACT, &["--config", text(&config)]].concat())
}

/// Removes the file of rows, and leaves its manifest.
fn remove_rows(folder: &Path) -> usize {
    let mut removed = 0;
    for entry in fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path()) {
        if entry.is_dir() {
            removed += remove_rows(&entry);
        } else if entry.extension().is_some_and(|e| e == "arrow") {
            fs::remove_file(entry).expect("removed");
            removed += 1;
        }
    }
    removed
}

#[test]
fn the_bytes_are_those_that_the_node_would_have_counted_itself() {
    let by_itself = Fed::start(&["ZZ1"]).query(&QUESTION).json();
    let mut fed = Fed::at_rest();
    push(&fed, "ZZ1").fails(64, &["pushdown"]);
    ask_a_database(&fed, "ZZ1");
    push(&fed, "ZZ1").succeeds();
    // Again, as after a publication that was cut short.
    push(&fed, "ZZ1").succeeds();
    assert!(remove_rows(&fed.path("ZZ1")) > 0);
    fed.serve(&["ZZ1"]);
    let by_database = fed.query(&QUESTION).json();
    assert!(!releases(&by_itself).is_empty());
    assert_eq!(releases(&by_database), releases(&by_itself));
}

#[test]
fn a_publication_that_was_cut_off_before_the_database_is_completed_when_others_are_due() {
    let fed = Fed::at_rest();
    let config = fed.config("ZZ1");
    let table = "[[node.calendar]]\ndataset = \"rtt_open_pathway\"\nfirst = \"2026-10\"\nload_by = \"day 0\"\npublish_on = \"day 1\"\n\n[[membership]]";
    fed.edit("ZZ1/node.toml", "[[membership]]", table);
    let due = || run(&["node", "publish", "--due", "--config", text(&config)]);
    due().succeeds();
    ask_a_database(&fed, "ZZ1");
    due().succeeds();
    due().succeeds();
    assert!(remove_rows(&fed.path("ZZ1")) > 0);
    let mut fed = fed;
    fed.serve(&["ZZ1"]);
    let counted: Vec<String> =
        releases(&fed.query(&QUESTION).json()).into_iter().map(|(ods, _)| ods).collect();
    assert_eq!(counted, ["ZZ1"]);
}

#[test]
fn a_database_that_does_not_hold_the_extract_makes_no_answer() {
    let mut fed = Fed::at_rest();
    ask_a_database(&fed, "ZZ2");
    fed.serve(&["ZZ1", "ZZ2"]);
    let answer = fed.query(&UNPLANNED).json();
    let counted: Vec<String> = releases(&answer).into_iter().map(|(ods, _)| ods).collect();
    assert_eq!(counted, ["ZZ1"]);
    assert_ne!(coverage(&answer, "ZZ2")["status"], coverage(&answer, "ZZ1")["status"]);
    assert!(fed.log("ZZ2").contains("the partner's database did not count"));
    assert_eq!(fed.kinds("ZZ2", 0).last().map(String::as_str), Some("failed"));
}
