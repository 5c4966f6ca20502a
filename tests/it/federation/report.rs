//! `evensum report` of real servers: the page, the workbook and the JSON, and what is wrong to ask for.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::harness::{Fed, text};
use super::process::Output;

const REPORT: [&str; 6] =
    ["report", "13sa", "--period", "2026-10", "--purpose", "statutory_reporting"];

fn report(fed: &Fed, more: &[&str]) -> Output {
    fed.analyst(&[&REPORT, more].concat())
}

#[test]
fn a_pack_becomes_a_page_a_workbook_and_json() {
    let fed = Fed::start(&["ZZ1", "ZZ2", "ZZ6"]);
    let about = fed.path("about.toml");
    fs::write(
        &about,
        "commentary = \"Plain <em>words</em>.\"\n[indicator.rtt_over_18_weeks]\nowner = \"Chief Operating Officer\"\n",
    )
    .expect("written");
    let file = fed.path("statement.html");
    let with = ["--about", text(&about), "--partners", "--out", text(&file)];
    let said = report(&fed, &with).succeeds();
    assert_eq!(said.stdout, "", "the page is in its file");
    assert!(said.stderr.contains("Written to") && said.stderr.contains("not for publication"));
    let mode = fs::metadata(&file).expect("a page").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let page = fs::read_to_string(&file).expect("a page");
    for said in [
        "Annual statement on health inequalities",
        "Waiting over 18 weeks",
        "Chief Operating Officer",
        "Plain &#60;em&#62;words",
        "Not in this report",
        "Proofs of entry",
        "Northmoor University Hospitals",
        "holds no such data",
        "Compared with others",
        "not connected",
    ] {
        assert!(page.contains(said), "no '{said}'");
    }
    for never in ["<script", "http:", "https:", "NaN"] {
        assert!(!page.contains(never), "{never}");
    }
    let json = report(&fed, &["--format", "json", "--months", "2"]).json();
    assert_eq!(json["format"], "evensum-report-1");
    let all = json["indicators"].as_array().expect("indicators");
    let first = all.iter().find(|i| i["id"] == "rtt_over_18_weeks").expect("it");
    assert_eq!(first["now"]["period"], "2026-10");
    let series = first["series"].as_array().expect("periods");
    assert_eq!(series.len(), 2);
    assert!(series[0]["reading"].is_null() && series[0]["missing"].is_string(), "{series:?}");
    let levels: Vec<&Value> =
        first["breakdowns"].as_array().expect("tables").iter().map(|b| &b["dimension"]).collect();
    assert_eq!(levels, ["imd", "ethnicity", "age", "sex"]);
    // Every indicator of the pack is in it, or listed with the reason.
    let absent = json["absent"].as_array().expect("a list");
    assert!(
        !absent.is_empty()
            && absent.iter().all(|a| a["why"].as_str().is_some_and(|w| !w.is_empty()))
    );
    let book = fed.path("statement.xlsx");
    report(&fed, &["--out", text(&book)]).succeeds();
    assert!(fs::read(&book).expect("a workbook").starts_with(b"PK"));
    let part = report(&fed, &["--require-all", "--out", text(&file)]);
    assert_eq!(part.code, Some(4), "{}", part.stderr);
}

#[test]
fn what_is_wrong_is_told_before_anybody_is_asked() {
    let fed = Fed::at_rest();
    let asked = |arguments: &[&str]| fed.analyst(&[&["report"], arguments].concat());
    let terms = ["--period", "2026-10", "--purpose", "statutory_reporting"];
    asked(&[&["core30"], &terms[..]].concat()).fails(2, &["no pack 'core30'", "13sa"]);
    asked(&["13sa", "--period", "2010-01..2026-10", "--purpose", "statutory_reporting"])
        .fails(2, &["at most 60 months"]);
    let about = fed.path("about.toml");
    let name = text(&about).to_owned();
    for (says, code, words) in [
        ("commentary = 7\n", 64, ["about.toml", "line 1"]),
        ("\n\nowner = \"A\"\n", 64, ["about.toml", "line 3"]),
        ("\n[indicator.rtt_over_99_weeks]\n", 64, ["line 2", "rtt_over_52_weeks"]),
        ("baseline = \"2020-01\"\n", 2, ["baseline 2020-01", "--period"]),
    ] {
        fs::write(&about, says).expect("written");
        report(&fed, &["--about", &name]).fails(code, &words);
    }
    report(&fed, &["--about", "nowhere.toml"]).fails(64, &["nowhere.toml"]);
    let missing = fed.path("no/such/folder/report.html");
    report(&fed, &["--out", text(&missing)]).fails(65, &["no folder", "make it first"]);
    report(&fed, &["--format", "xlsx"]).fails(2, &["--out report.xlsx"]);
    report(&fed, &["--by", "sex,sex"]).fails(2, &["--by", "twice"]);
    report(&fed, &["--by", "shoe.size"]).fails(2, &["shoe.size"]);
    report(&fed, &[]).fails(69, &[]);
    fed.analyst(&["report", "13sa", "--period", "2026-10", "--purpose", "curiosity"])
        .fails(77, &["curiosity", "statutory_reporting"]);
}
