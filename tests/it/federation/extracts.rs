//! Extracts that cannot be taken: nothing is staged, nothing of a row is said, and what was published is
//! answered from as before.

use std::fs;

use super::harness::{EXTRACT, Fed, QUESTION, coverage, releases, text};
use super::process::{Output, run};

fn load(fed: &Fed, extract: &[u8]) -> Output {
    let file = fed.path("ZZ1/bad.csv");
    fs::write(&file, extract).expect("written");
    let (config, mapping) = (fed.config("ZZ1"), fed.path("ZZ1/mapping.toml"));
    let of = ["node", "load", text(&file), "--mapping", text(&mapping), "--config", text(&config)];
    run(&[&of, &EXTRACT[..]].concat())
}

fn good(fed: &Fed) -> String {
    fs::read_to_string(fed.path("ZZ1/extract.csv")).expect("the extract")
}

fn publish(fed: &Fed) -> Output {
    let config = fed.config("ZZ1");
    run(&[&["node", "publish", "--config", text(&config)], &EXTRACT[..]].concat())
}

/// That nothing was staged.
fn left_nothing(fed: &Fed) {
    publish(fed).fails(65, &["nothing is staged", "evensum node load"]);
}

#[test]
fn a_file_without_content_is_refused() {
    let fed = Fed::at_rest();
    load(&fed, b"").fails(65, &["empty"]);
    let extract = good(&fed);
    let header = extract.lines().next().expect("a header");
    load(&fed, header.as_bytes()).fails(65, &["no rows"]);
    left_nothing(&fed);
}

#[test]
fn a_file_that_is_no_text_is_refused() {
    let fed = Fed::at_rest();
    load(&fed, &[0x7f, b'E', b'L', b'F', 0, 0, 1, 2, 0, 0]).fails(65, &["not text"]);
    load(&fed, b"PK\x03\x04\x14\x00\x06\x00").fails(65, &["spreadsheet"]);
    left_nothing(&fed);
}

#[test]
fn a_missing_column_is_named() {
    let fed = Fed::at_rest();
    let extract = good(&fed).replacen("DATE_OF_BIRTH", "DOB1", 1);
    load(&fed, extract.as_bytes()).fails(65, &["DATE_OF_BIRTH"]);
    left_nothing(&fed);
}

#[test]
fn an_extract_with_only_bad_rows_is_refused_without_a_word_of_what_is_in_it() {
    let fed = Fed::at_rest();
    let extract = good(&fed);
    let mut lines = extract.lines();
    let mut bad = format!("{}\n", lines.next().expect("a header"));
    // A date that no calendar has, and a name where the person's number stands.
    for (number, line) in lines.enumerate().take(300) {
        let fields: Vec<&str> = line.split(',').collect();
        let [_, _, rest @ ..] = fields.as_slice() else { panic!("a short row") };
        bad += &format!("MARIGOLD{number},2026-02-31,{}\n", rest.join(","));
    }
    let loaded = load(&fed, bad.as_bytes());
    loaded.fails(65, &["too many rows"]);
    assert!(!loaded.stderr.contains("MARIGOLD") && !loaded.stderr.contains("2026-02-31"));
    assert!(!loaded.stderr.contains("300"), "a count of rows: {}", loaded.stderr);
    left_nothing(&fed);
}

#[test]
fn what_was_published_is_answered_from_while_bad_extracts_come_and_good_ones_are_only_staged() {
    let fed = Fed::start(&["ZZ1"]);
    let question = [&QUESTION[..], &["--ask", "ZZ1"]].concat();
    let before = fed.query(&question).json();
    load(&fed, b"").fails(65, &["empty"]);
    let mut fewer: Vec<String> = good(&fed).lines().map(str::to_owned).collect();
    fewer.truncate(1_000);
    load(&fed, fewer.join("\n").as_bytes()).succeeds();
    let after = fed.query(&question).json();
    assert_eq!(coverage(&after, "ZZ1")["snapshot"], coverage(&before, "ZZ1")["snapshot"]);
    assert_eq!(releases(&after), releases(&before));
}

#[test]
fn a_new_publication_is_answered_from_after_a_restart_and_the_earlier_release_is_another() {
    let mut fed = Fed::start(&["ZZ1"]);
    let question = [&QUESTION[..], &["--ask", "ZZ1"]].concat();
    let before = fed.query(&question).json();
    let mut fewer: Vec<String> = good(&fed).lines().map(str::to_owned).collect();
    fewer.truncate(1_000);
    load(&fed, fewer.join("\n").as_bytes()).succeeds();
    fed.signal("ZZ1", "TERM");
    assert_eq!(fed.end("ZZ1").0, Some(0));
    publish(&fed).succeeds();
    fed.restart("ZZ1");
    let after = fed.query(&question).json();
    assert_ne!(coverage(&after, "ZZ1")["snapshot"], coverage(&before, "ZZ1")["snapshot"]);
    assert_ne!(releases(&after), releases(&before));
}

#[test]
fn loading_says_how_complete_the_extract_is_and_where_the_rejected_rows_are_listed() {
    let fed = Fed::at_rest();
    let mut extract = good(&fed);
    extract.push_str("MARIGOLD,2026-02-31,1990-01-01,E01900060,A,1,130,ZZ1,QZ1\n");
    let loaded = load(&fed, extract.as_bytes()).succeeds();
    assert!(loaded.stdout.contains("Ethnic category"), "{}", loaded.stdout);
    assert!(loaded.stderr.contains("listed in"), "{}", loaded.stderr);
    assert!(!loaded.stdout.contains("MARIGOLD") && !loaded.stderr.contains("MARIGOLD"));
}
