//! The commands that the documentation gives to a new partner, run as they stand there.

use std::fs;
use std::path::Path;

use super::harness::{Fed, PARTNERS, coverage};
use super::process::{self, Output, Server};

/// The fenced blocks of a page: what kind, and what they hold.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once("\n```") {
        let (kind, after) = after.split_once('\n').expect("a kind");
        let (block, after) = after.split_once("```").expect("an end");
        found.push((kind, block));
        rest = after;
    }
    found
}

fn run_in(folder: &Path, command: &[&str]) -> Output {
    process::begin_in(command, folder).end()
}

/// The agreement's new entry, with the partner's own public keys in place of the page's dots.
fn with_keys(party: &str, keys: [&str; 2]) -> String {
    let mut keys = keys.into_iter();
    let line = |line: &str| match line.split_once("\"ed25519:…\"") {
        Some((name, _)) => format!("{name}\"{}\"\n", keys.next().expect("two keys")),
        None => format!("{line}\n"),
    };
    party.lines().map(line).collect()
}

/// Puts the files beside each other that the page takes for granted: what the page shows, with the
/// federation's own name and address in the place of the example's, and invented records.
fn furnish(fed: &Fed, home: &Path, node: &str, mapping: &str) {
    let other = fs::read_to_string(fed.config(PARTNERS[0])).expect("another partner's");
    let address = other.lines().find(|l| l.starts_with("address")).expect("an address");
    let node = node
        .replace("address = \"coordinator.icb.example:7443\"", address)
        .replace("icb.example", "demo.evensum.example");
    fs::write(home.join("node.toml"), node).expect("written");
    fs::write(home.join("rtt.toml"), mapping).expect("written");
    let invented = fed.path("reference-files/imd2025.csv");
    fs::copy(invented, home.join("IMD2025.csv")).expect("copied");
    fs::copy(fed.path("ZZ1/extract.csv"), home.join("extract.csv")).expect("copied");
}

#[test]
fn a_partner_comes_in_by_the_ten_commands_of_the_documentation() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/bring-a-partner-in.md");
    let page = fs::read_to_string(page).expect("the page");
    let blocks = blocks(&page);
    let toml: Vec<&str> = blocks.iter().filter(|(kind, _)| *kind == "toml").map(|b| b.1).collect();
    let [party, node, mapping] = toml.as_slice() else { panic!("three files to write") };
    let shell = blocks.iter().filter(|(kind, _)| *kind == "sh");
    let commands: Vec<Vec<&str>> = shell
        .flat_map(|(_, block)| block.lines())
        .map(|line| line.split(' ').skip_while(|word| *word != "evensum").skip(1).collect())
        .collect();
    let [
        keys,
        answer_key,
        ledger_key,
        certificate,
        reference,
        check,
        load,
        publish,
        serve,
        partners,
    ] = commands.as_slice()
    else {
        panic!("ten commands: {commands:?}");
    };

    let mut fed = Fed::at_rest();
    let home = fed.path("R0D");
    fs::create_dir(&home).expect("a folder");
    run_in(&home, keys).succeeds();
    let answer_key = run_in(&home, answer_key).succeeds().stdout;
    let ledger_key = run_in(&home, ledger_key).succeeds().stdout;
    // The demonstration's authority does not live for the usual ninety days.
    run_in(&fed.path("."), &[&certificate[..], &["--days", "20"]].concat()).succeeds();
    for file in ["R0D.pem", "R0D.key"] {
        fs::rename(fed.path(file), home.join(file)).expect("handed over");
    }
    fs::copy(fed.path("ca/ca.pem"), home.join("ca.pem")).expect("handed over");
    let party = with_keys(party, [answer_key.trim(), ledger_key.trim()]);
    let agreement = fs::read_to_string(fed.path("agreement.toml")).expect("the agreement");
    let agreement = agreement.replace("version = 1", "version = 2") + "\n" + &party;
    fs::write(fed.path("agreement.toml"), &agreement).expect("given to everybody");
    fs::write(home.join("agreement.toml"), &agreement).expect("given to everybody");

    fed.start_coordinator();
    furnish(&fed, &home, node, mapping);
    // The invented table is a part of England on purpose, and the official one is not.
    run_in(&home, &[&reference[..], &["--partial"]].concat()).succeeds();
    run_in(&home, check).succeeds();
    let loaded = run_in(&home, load).succeeds();
    assert!(loaded.stdout.contains("Deprivation"));
    run_in(&home, publish).succeeds();
    let server = Server::start_in(serve, &home.join("server.log"), &home);
    server.ready();
    let connected = run_in(&fed.path("analyst"), partners).json();
    let line = connected.as_array().expect("a list").iter().find(|p| p["ods"] == "R0D");
    assert_eq!(line.expect("listed")["connected"], true);

    let question = [
        "rtt_over_18_weeks",
        "--by",
        "imd.quintile",
        "--period",
        "2026-10",
        "--purpose",
        "service_planning",
        "--ask",
        "R0D",
    ];
    let answer = fed.query(&question).json();
    assert_eq!(coverage(&answer, "R0D")["status"], "answered");
    assert_eq!(coverage(&answer, "R0D")["name"], "University Hospitals Dorset");
}
