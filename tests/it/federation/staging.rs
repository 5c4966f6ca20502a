//! What a scheduler does with extracts, and what becomes of them: at the command line, beside servers that run.

use std::fs;

use serde_json::Value;

use super::harness::{EXTRACT, Fed, QUESTION, UNPLANNED, coverage, releases, text};
use super::process::{Output, run, until};

const PARTNER: &str = "ZZ1";

fn node(fed: &Fed, arguments: &[&str]) -> Output {
    let config = fed.config(PARTNER);
    run(&[&["node"], arguments, &["--config", text(&config)]].concat())
}

fn load(fed: &Fed, more: &[&str]) -> Output {
    let (file, mapping) = (fed.path("ZZ1/extract.csv"), fed.path("ZZ1/mapping.toml"));
    let of = ["load", text(&file), "--mapping", text(&mapping)];
    node(fed, &[&of[..], &EXTRACT[..], more].concat())
}

fn publish(fed: &Fed) -> Output {
    node(fed, &[&["publish"], &EXTRACT[..]].concat())
}

/// The extract with fewer rows.
fn shorten(fed: &Fed, rows: usize) {
    let path = fed.path("ZZ1/extract.csv");
    let all = fs::read_to_string(&path).expect("the extract");
    fs::write(&path, all.lines().take(rows + 1).collect::<Vec<_>>().join("\n")).expect("written");
}

/// Writes into the table `[node]`, which other tables follow.
fn configure(fed: &Fed, tables: &str) {
    fed.edit("ZZ1/node.toml", "[[membership]]", &format!("{tables}\n[[membership]]"));
}

const CALENDAR: &str = "[[node.calendar]]\ndataset = \"rtt_open_pathway\"\nfirst = \"2026-08\"\nload_by = \"day 0\"\npublish_on = \"day 1\"\n";

fn states(fed: &Fed) -> Vec<(String, String)> {
    let due = node(fed, &["due", "--format", "json"]).json();
    let text = |line: &Value, key: &str| line[key].as_str().expect("text").to_owned();
    let lines = due.as_array().expect("a list");
    lines.iter().map(|line| (text(line, "period"), text(line, "state"))).collect()
}

fn state(fed: &Fed, period: &str) -> String {
    let all = states(fed);
    all.into_iter().find(|(of, _)| of == period).expect("the calendar has it").1
}

#[test]
fn a_server_answers_from_a_new_publication_without_a_restart_and_its_audit_log_says_so() {
    let fed = Fed::start(&[PARTNER]);
    let question = [&QUESTION[..], &["--ask", PARTNER]].concat();
    let before = fed.query(&question).json();
    shorten(&fed, 1_000);
    load(&fed, &[]).succeeds();
    let entries = fed.audit(PARTNER).len();
    let published = publish(&fed).succeeds();
    assert!(published.stderr.contains("The server that runs answers from it"), "{published:?}");
    assert!(published.stderr.contains("annual restatement"), "{published:?}");
    let after = fed.query(&question).json();
    assert_ne!(coverage(&after, PARTNER)["snapshot"], coverage(&before, PARTNER)["snapshot"]);
    assert_ne!(releases(&after), releases(&before));
    assert_eq!(fed.kinds(PARTNER, entries)[0], "snapshot_published");

    load(&fed, &[]).succeeds();
    publish(&fed).fails(65, &["published twice already", "annual restatement"]);
}

#[test]
fn an_unchanged_extract_is_said_to_be_and_not_read_again() {
    let fed = Fed::at_rest();
    let first = load(&fed, &["--if-changed"]).succeeds();
    // The demonstration has published the same rows.
    assert!(first.stderr.contains("unchanged"), "{first:?}");
    shorten(&fed, 1_000);
    let other = load(&fed, &["--if-changed"]).succeeds();
    assert!(other.stderr.contains("Staged"), "{other:?}");
    let again = load(&fed, &["--if-changed"]).succeeds();
    assert!(again.stderr.contains("unchanged") && again.stdout.is_empty(), "{again:?}");
}

#[test]
fn objections_are_left_out_by_the_command_and_by_the_configuration() {
    let fed = Fed::at_rest();
    let extract = fs::read_to_string(fed.path("ZZ1/extract.csv")).expect("the extract");
    let person = |line: &str| line.split(',').next().expect("a person").to_owned();
    let people: Vec<String> = extract.lines().skip(1).map(person).collect();
    let excluded = |loaded: &Output| -> String {
        let line = loaded.stdout.lines().find(|l| l.contains("objections"));
        line.unwrap_or_default().to_owned()
    };
    let list = fed.path("ZZ1/objections.csv");
    fs::write(&list, format!("person\n{}\n", people[0])).expect("written");
    let by_command = load(&fed, &["--exclude", text(&list)]).succeeds();
    assert!(excluded(&by_command).contains(" rows"), "{by_command:?}");
    fed.edit("ZZ1/node.toml", "[node]\n", "[node]\nexclude = \"objections.csv\"\n");
    let by_configuration = load(&fed, &[]).succeeds();
    assert_eq!(excluded(&by_configuration), excluded(&by_command));
    assert!(!by_configuration.stdout.contains(&people[0]));
    // A list that is lost does not let everybody in.
    fs::write(&list, "").expect("written");
    load(&fed, &[]).fails(65, &["empty", "nothing was loaded"]);
    fs::remove_file(&list).expect("removed");
    load(&fed, &[]).fails(65, &["cannot be read", "nothing was loaded"]);
}

#[test]
fn the_calendar_alarms_for_what_is_late_and_publishes_what_is_due() {
    let fed = Fed::at_rest();
    configure(&fed, CALENDAR);
    assert_eq!(state(&fed, "2026-10"), "provisional", "the demonstration has published it");
    assert_eq!(state(&fed, "2026-09"), "late");
    let late = node(&fed, &["due", "--check"]);
    assert_eq!(late.code, Some(69), "{late:?}");
    assert!(late.stdout.contains("rtt_open_pathway 2026-09: late"), "{late:?}");

    // A month that is loaded is published by the calendar, once.
    let (file, mapping) = (fed.path("ZZ1/extract.csv"), fed.path("ZZ1/mapping.toml"));
    let of = ["load", text(&file), "--mapping", text(&mapping), "--dataset", "rtt_open_pathway"];
    for period in ["2026-08", "2026-09"] {
        // Pathways that begin after the period are rejects.
        fed.edit("ZZ1/mapping.toml", "[source]\n", "[source]\nmax_rejects_percent = 99\n");
        node(&fed, &[&of[..], &["--period", period]].concat()).succeeds();
        fed.edit("ZZ1/mapping.toml", "max_rejects_percent = 99\n", "");
        assert_eq!(state(&fed, period), "overdue");
    }
    let published = node(&fed, &["publish", "--due"]).succeeds();
    for period in ["2026-08", "2026-09"] {
        assert!(published.stderr.contains(&format!("Published rtt_open_pathway for {period}")));
        assert_eq!(state(&fed, period), "provisional");
    }
    let again = node(&fed, &["publish", "--due"]).succeeds();
    assert!(again.stderr.contains("Nothing is due"), "{again:?}");
    node(&fed, &["publish", "--due", "--period", "2026-09"]);
    let kinds = fed.kinds(PARTNER, 0);
    assert_eq!(kinds.iter().filter(|kind| *kind == "snapshot_published").count(), 3);

    fed.edit(
        "ZZ1/node.toml",
        "\"rtt_open_pathway\"\nfirst = \"2026-08\"",
        "\"rtt_open_pathway\"\nfirst = \"2026-27Q1\"",
    );
    node(&fed, &["due"]).fails(64, &["by the month"]);
    node(&fed, &["check"]).fails(64, &["by the month"]);
}

#[test]
fn a_server_warns_of_what_is_late() {
    let fed = Fed::at_rest();
    configure(&fed, CALENDAR);
    let mut fed = fed;
    fed.serve(&[PARTNER]);
    until("the warning", || fed.log(PARTNER).contains("an extract is late").then_some(()));
}

#[test]
fn a_watched_folder_is_loaded_from_once_a_file_is_complete() {
    let fed = Fed::at_rest();
    let folder = fed.path("ZZ1/incoming");
    fs::create_dir(&folder).expect("made");
    configure(
        &fed,
        "[node.watch]\nfolder = \"incoming\"\n[[node.watch.file]]\nname = \"rtt_{period}.csv\"\ndataset = \"rtt_open_pathway\"\nmapping = \"mapping.toml\"\n",
    );
    let look = || node(&fed, &["watch", "--once"]);
    assert_eq!(look().succeeds().stderr, "");
    shorten(&fed, 1_000);
    fs::copy(fed.path("ZZ1/extract.csv"), folder.join("rtt_2026-10.csv")).expect("copied");
    fs::write(folder.join("notes.txt"), "x").expect("written");
    assert_eq!(look().succeeds().stderr, "", "it may still grow");
    let loaded = look().succeeds();
    assert!(
        loaded.stderr.contains("rtt_2026-10.csv: staged rtt_open_pathway 2026-10"),
        "{loaded:?}"
    );
    assert_eq!(look().succeeds().stderr, "", "done");
    publish(&fed).succeeds();

    fs::write(folder.join("rtt_2026-11.csv"), "nothing of the kind\n1\n").expect("written");
    look().succeeds();
    let failed = look();
    assert_eq!(failed.code, Some(65), "{failed:?}");
    assert!(failed.stderr.contains("rtt_2026-11.csv was not loaded"), "{failed:?}");
    assert_eq!(look().succeeds().stderr, "", "told once");
    // What is wrong with the surroundings is no fault of the file, which is tried again.
    fs::copy(fed.path("ZZ1/extract.csv"), folder.join("rtt_2026-12.csv")).expect("copied");
    look().succeeds();
    let mapping = fed.path("ZZ1/mapping.toml");
    fs::rename(&mapping, fed.path("ZZ1/away.toml")).expect("moved");
    for _ in 0..2 {
        let lost = look();
        assert_eq!(lost.code, Some(64), "{lost:?}");
        assert!(lost.stderr.contains("rtt_2026-12.csv: cannot read"), "{lost:?}");
    }
    fs::rename(fed.path("ZZ1/away.toml"), &mapping).expect("moved");
    let back = look().succeeds();
    assert!(back.stderr.contains("rtt_2026-12.csv: staged"), "{back:?}");
    fs::remove_dir_all(&folder).expect("removed");
    look().fails(69, &["cannot be read"]);
}

#[test]
fn rows_are_deleted_when_their_time_is_over_and_released_tables_are_answered_as_before() {
    let mut fed = Fed::start(&[PARTNER]);
    let question = [&QUESTION[..], &["--ask", PARTNER]].concat();
    let other = [&UNPLANNED[..], &["--ask", PARTNER]].concat();
    let before = fed.query(&question).json();
    fed.signal(PARTNER, "TERM");
    assert_eq!(fed.end(PARTNER).0, Some(0));

    node(&fed, &["retain"]).fails(64, &["months = 24", "[node.retention]"]);
    configure(&fed, "[node.retention]\nmonths = 24\n");
    let nothing = node(&fed, &["retain"]).succeeds();
    assert!(nothing.stderr.contains("Nothing was published 24 months ago"), "{nothing:?}");
    // As it will be in two years.
    let dir = fed.path("ZZ1/state/published/rtt_open_pathway/2026-10/1-provisional");
    let manifest = fs::read_to_string(dir.join("manifest.json")).expect("a manifest");
    let mut aged: Value = serde_json::from_str(&manifest).expect("JSON");
    aged["published"] = "2024-11-01".into();
    fs::write(dir.join("manifest.json"), aged.to_string()).expect("written");
    let would = node(&fed, &["retain", "--dry-run"]).succeeds();
    assert!(would.stdout.contains("rtt_open_pathway 2026-10"), "{would:?}");
    assert!(dir.join("rtt_open_pathway-2026-10.arrow").exists());
    // A load that runs keeps the rows, and the audit log does not say otherwise.
    let entries = fed.audit(PARTNER).len();
    let lock = fs::File::options().write(true).open(fed.path("ZZ1/state/staged/.lock"));
    let lock = lock.expect("made by the load");
    lock.lock().expect("free");
    node(&fed, &["retain"]).fails(69, &["at the moment"]);
    drop(lock);
    let after = fed.audit(PARTNER);
    assert!(after[entries..].iter().all(|e| e["kind"] != "snapshot_deleted"), "{after:?}");

    // The server does it by itself when it starts, and once a day.
    fed.restart(PARTNER);
    until("the deletion", || fed.log(PARTNER).contains("rows deleted").then_some(()));
    let left: Vec<_> = fs::read_dir(&dir).expect("a folder").collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let nothing = node(&fed, &["retain"]).succeeds();
    assert!(nothing.stderr.contains("Nothing was published"), "{nothing:?}");
    let kinds = fed.kinds(PARTNER, 0);
    assert_eq!(kinds.iter().filter(|kind| *kind == "snapshot_deleted").count(), 1);

    let after = fed.query(&question).json();
    assert_eq!(releases(&after), releases(&before), "byte for byte");
    // What was never released cannot be any more.
    let entries = fed.audit(PARTNER).len();
    let answer = fed.query(&other);
    assert_eq!(answer.code, Some(65), "{answer:?}");
    assert!(answer.stdout.contains("\"status\": \"no_data\""), "{answer:?}");
    let audit = fed.audit(PARTNER);
    let refused = audit[entries..].iter().find(|e| e["kind"] == "refused").expect("a refusal");
    assert_eq!(refused["decision"], "refused: no_data");
    assert_eq!(fed.verify(PARTNER).json()["sound"], true);
}

#[test]
fn beside_a_server_that_runs_retain_leaves_the_deletion_to_it() {
    let fed = Fed::start(&[PARTNER]);
    // A server that began before the configuration said so: it does not get there first.
    configure(&fed, "[node.retention]\nmonths = 24\n");
    let dir = fed.path("ZZ1/state/published/rtt_open_pathway/2026-10/1-provisional");
    let text = fs::read_to_string(dir.join("manifest.json")).expect("a manifest");
    let mut aged: Value = serde_json::from_str(&text).expect("JSON");
    aged["published"] = "2024-11-01".into();
    fs::write(dir.join("manifest.json"), aged.to_string()).expect("written");
    let told = node(&fed, &["retain"]).succeeds();
    assert!(told.stderr.contains("deletes these rows itself"), "{told:?}");
    assert!(dir.join("rtt_open_pathway-2026-10.arrow").exists());
}
