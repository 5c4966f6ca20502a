//! A partner with records of its own and no federation: the commands of the README as they stand there, and the answers
//! of `init`, `map` and `preview` to whoever runs them.

use std::fs;
use std::path::Path;

use data_encoding::BASE64;
use evensum::synth::{DateStyle, Geography, Kind, PartnerProfile, RttExtract};
use serde_json::Value;

use super::harness::{Fed, releases, text};
use super::process::{begin_in, run};

/// The fenced block below a heading of a page.
fn block<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, below) = page.split_once(heading).expect("the heading");
    let (_, block) = below.split_once("\n```sh\n").expect("a block");
    block.split_once("```").expect("an end").0
}

/// Invented waiting pathways as a trust of its own habits exports them: other headers, British dates, labels.
pub(super) fn furnish(home: &Path) {
    let geography = Geography::new(3);
    let mut imd = Vec::new();
    geography.write_imd(&mut imd).expect("written");
    fs::write(home.join("IMD2025.csv"), imd).expect("written");
    let profile = PartnerProfile::new("R0D".parse().expect("a code"), 2_000, Kind::Acute)
        .expect("a profile")
        .with_dates(DateStyle::DayFirst);
    let mut csv = Vec::new();
    let period = "2026-10".parse().expect("a period");
    RttExtract::write_csv(&mut csv, &profile, &geography, period, 3, |_| {}).expect("written");
    let csv = String::from_utf8(csv).expect("text");
    let mut out = String::from(
        "Hosp No,RTT Clock Start Dt,Pt DOB,Small Area Cd,Eth Grp,Gender Desc,Spec,Trust Cd,ICB (residence),Ward Notes\n",
    );
    for line in csv.lines().skip(1) {
        let mut cells: Vec<&str> = line.split(',').collect();
        cells[5] = match cells[5] {
            "1" => "Male",
            "2" => "Female",
            _ => "Not known",
        };
        out.push_str(&cells.join(","));
        out.push_str(",seen by somebody\n");
    }
    fs::write(home.join("extract.csv"), out).expect("written");
}

#[test]
fn the_five_commands_of_the_readme_lead_from_a_csv_to_its_quality() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let page = fs::read_to_string(page).expect("the page");
    let commands: Vec<Vec<&str>> = block(&page, "## Bring your own data")
        .lines()
        .map(|line| line.split(" #").next().unwrap_or_default())
        .map(|line| line.split_whitespace().skip_while(|w| *w != "evensum").skip(1).collect())
        .collect();
    let [init, reference, map, load, quality] = commands.as_slice() else {
        panic!("five commands: {commands:?}");
    };
    let home = tempfile::tempdir().expect("a folder");
    let home = home.path();
    furnish(home);
    let run_in = |command: &[&str]| begin_in(command, home).end();
    let party = run_in(init).succeeds().stdout;
    assert!(party.contains("answer_key = \"ed25519:"), "{party}");
    // The invented table is a part of England on purpose, and the official one is not.
    run_in(&[&reference[..], &["--partial"]].concat()).succeeds();
    let mapped = run_in(map).succeeds();
    assert!(
        mapped.stderr.contains("evensum node load --dataset rtt_open_pathway"),
        "{}",
        mapped.stderr
    );
    run_in(load).succeeds();
    let report = run_in(&[&quality[..], &["--format", "json"]].concat()).json();
    assert_eq!(
        (report["rows_taken"].as_u64(), report["rows_rejected"].as_u64()),
        (Some(2_000), Some(0)),
        "{report}"
    );
    let shares = report["per_cent"].as_array().expect("shares");
    for dimension in ["imd", "ethnicity", "sex", "age", "tfc", "provider", "icb"] {
        let of = shares.iter().find(|s| s["dimension"] == dimension).expect("a dimension");
        assert!(of["valid"].as_f64() > Some(90.0), "{of}");
    }
    assert!(run_in(quality).succeeds().stdout.contains("Ethnic category"));

    // What would be released, still without a federation.
    let preview = run_in(&[
        "node",
        "preview",
        "rtt_over_18_weeks",
        "--period",
        "2026-10",
        "--format",
        "json",
    ])
    .json();
    let tables = preview["tables"].as_array().expect("tables");
    assert_eq!(tables.len(), 4, "the four statutory breakdowns");
    for table in tables {
        assert!(table["levels"][0]["groups"].as_u64() > Some(0), "{table}");
    }
    run_in(&["node", "check"]).succeeds();
    run_in(&["node", "serve"]).fails(64, &["[[membership]]", "federation"]);
    // Nothing is written over.
    run_in(init).fails(64, &["exists"]);
    run_in(map).fails(64, &["exists"]);
}

#[test]
fn init_asks_a_script_for_what_it_needs() {
    let home = tempfile::tempdir().expect("a folder");
    let run_in = |command: &[&str]| begin_in(command, home.path()).end();
    run_in(&["node", "init"]).fails(2, &["--ods", "--federation"]);
    run_in(&["node", "init", "--ods", "R0D", "--federation", "icb.example"])
        .fails(2, &["--coordinator", "--address"]);
    assert_eq!(fs::read_dir(home.path()).expect("a folder").count(), 0, "nothing is left");
    let member = [
        "node",
        "init",
        "--ods",
        "R0D",
        "--name",
        "A Trust",
        "--dir",
        "mine",
        "--federation",
        "icb.example",
        "--coordinator",
        "QZ1",
        "--address",
        "c.icb.example:7443",
    ];
    let made = run_in(&member).succeeds();
    assert!(made.stdout.contains("name = \"A Trust\""), "{}", made.stdout);
    assert!(made.stderr.contains("--config mine/node.toml"), "{}", made.stderr);
    // Complete but for what only others can give it.
    run_in(&["node", "check", "--config", "mine/node.toml"]).fails(64, &["R0D.pem"]);
}

#[test]
fn a_coordinator_without_a_federation_is_refused() {
    let home = tempfile::tempdir().expect("a folder");
    let config = home.path().join("coordinator.toml");
    let text = "ods = \"QZ1\"\nstate = \"state\"\nledger_key = \"ledger.pem\"\n\
                [coordinator]\nnodes = \"127.0.0.1:0\"\nanalysts = \"127.0.0.1:0\"\n";
    fs::write(&config, text).expect("written");
    begin_in(&["coordinator", "serve", "--config", "coordinator.toml"], home.path())
        .end()
        .fails(64, &["[[membership]]"]);
}

#[test]
fn a_mapping_that_leaves_questions_is_written_and_says_so() {
    let home = tempfile::tempdir().expect("a folder");
    let run_in = |command: &[&str]| begin_in(command, home.path()).end();
    fs::write(home.path().join("e.csv"), "nhs no,rtt clock start,sex\nx1,03/04/2026,1\n")
        .expect("written");
    let asked = run_in(&["node", "map", "--from", "e.csv", "--out", "m.toml"]);
    assert_eq!((asked.code, asked.stdout.as_str()), (Some(65), ""));
    assert!(asked.stderr.contains("--date-order"), "{}", asked.stderr);
    assert!(home.path().join("m.toml").exists());
    let told = run_in(&["node", "map", "--from", "e.csv", "--date-order", "day-first"]).succeeds();
    assert!(told.stdout.contains("date = [\"%d/%m/%Y\"]"), "{}", told.stdout);
    let json = run_in(&[
        "node",
        "map",
        "--from",
        "e.csv",
        "--date-order",
        "day-first",
        "--format",
        "json",
    ]);
    assert_eq!(json.json()["columns"][0]["column"], "person");
    fs::write(home.path().join("other.csv"), "a,b\nx,y\n").expect("written");
    run_in(&["node", "map", "--from", "other.csv"]).fails(2, &["--dataset"]);
}

#[test]
fn a_preview_shows_what_is_then_released() {
    let fed = Fed::start(&["ZZ1"]);
    let by = ["--by", "ethnicity.group,sex", "--period", "2026-10"];
    let config = fed.config("ZZ1");
    let agreement =
        ["--agreement", "demo-agreement", "--config", text(&config), "--format", "json"];
    let preview = run(&[&["node", "preview", "rtt_over_52_weeks"][..], &by, &agreement].concat());
    let preview = preview.json()["tables"][0].clone();
    let answer = fed.query(
        &[&["rtt_over_52_weeks"][..], &by, &["--purpose", "service_planning", "--ask", "ZZ1"]]
            .concat(),
    );
    let released = releases(&answer.json());
    let (_, bytes) = released.iter().find(|(ods, _)| ods == "ZZ1").expect("a release");
    let release: Value =
        serde_json::from_slice(&BASE64.decode(bytes.as_bytes()).expect("base64")).expect("JSON");
    assert_eq!((&preview["axes"], &preview["cells"]), (&release["axes"], &release["cells"]));
    let hidden =
        preview["cells"].as_array().expect("cells").iter().filter(|c| c.is_string()).count();
    assert!(hidden > 0, "a table in which something is hidden");

    // Without the agreement it is of everybody, wherever they live.
    let config = ["--config", text(&config), "--format", "json"];
    let all = run(&[&["node", "preview", "rtt_over_52_weeks"][..], &by, &config].concat());
    assert_ne!(all.json()["tables"][0]["cells"], release["cells"]);
}
