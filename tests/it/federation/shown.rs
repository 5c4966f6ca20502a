//! What the commands show people and programs.

use serde_json::Value;

use super::harness::{Fed, PARTNERS, QUESTION, text};
use super::process::run;

#[test]
fn the_list_of_partners_says_who_is_connected() {
    let fed = Fed::start(&["ZZ1", "ZZ6"]);
    let listed = fed.analyst(&["partners"]).succeeds().stdout;
    assert_eq!(listed.lines().count(), PARTNERS.len(), "{listed}");
    for (line, ods) in listed.lines().zip(PARTNERS) {
        assert!(line.starts_with(ods), "{line}");
        assert_eq!(line.contains("not connected"), !["ZZ1", "ZZ6"].contains(&ods), "{line}");
    }
    assert_eq!(fed.connected(), ["ZZ1", "ZZ6"]);
}

#[test]
fn an_indicator_is_explained_in_plain_words() {
    let listed = run(&["indicators"]).succeeds().stdout;
    assert!(listed.lines().any(|l| l.trim_start().starts_with("rtt_over_52_weeks")), "{listed}");
    let shown = run(&["indicators", "--show", "rtt_over_52_weeks"]).succeeds().stdout;
    for word in
        ["Waiting over 52 weeks", "Broken down by:", "imd.quintile", "Source:", "Restricted by:"]
    {
        assert!(shown.contains(word), "no '{word}' in {shown}");
    }
    for word in ["lattice", "margin", "ledger", "receipt"] {
        assert!(!shown.to_lowercase().contains(word), "'{word}' in {shown}");
    }
    let json = run(&["indicators", "--show", "rtt_over_52_weeks", "--format", "json"]).json();
    assert_eq!(json[0]["id"], "rtt_over_52_weeks");
}

#[test]
fn csv_has_a_line_for_each_cell_and_no_zero_in_place_of_a_hidden_figure() {
    let fed = Fed::start(&PARTNERS[..2]);
    let question = [
        "rtt_over_52_weeks",
        "--by",
        "imd.quintile,ethnicity.group",
        "--period",
        "2026-10",
        "--purpose",
        "service_planning",
        "--ask",
        "ZZ1,ZZ2",
    ];
    let cells = fed.query(&question).json()["cells"].as_array().expect("cells").len();
    let csv =
        fed.analyst(&[&["query"], &question[..], &["--format", "csv"]].concat()).succeeds().stdout;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let at = |name: &str| header.iter().position(|h| h == name).expect("a column");
    let (state, low, published) = (at("state"), at("numerator_low"), at("numerator_published"));
    let rows: Vec<csv::StringRecord> = reader.records().map(|r| r.expect("a row")).collect();
    assert_eq!(rows.len(), cells);
    let hidden: Vec<_> = rows.iter().filter(|r| &r[state] != "value").collect();
    assert!(!hidden.is_empty());
    for row in hidden {
        assert!(row[published].is_empty() && &row[low] != "0", "{row:?}");
    }
}

#[test]
fn a_chart_says_of_a_hidden_figure_that_it_is_withheld_and_draws_no_bar_of_no_length() {
    let fed = Fed::start(&PARTNERS[..2]);
    let question = [
        "query",
        "rtt_over_78_weeks",
        "--by",
        "ethnicity.group",
        "--period",
        "2026-10",
        "--purpose",
        "service_planning",
        "--ask",
        "ZZ1,ZZ2",
        "--format",
        "chart",
    ];
    let chart = fed.analyst(&question).succeeds().stdout;
    let rows: Vec<&str> = chart.lines().filter_map(|l| l.split_once('│')).map(|(_, r)| r).collect();
    assert!(rows.len() > 3, "{chart}");
    assert!(rows.iter().any(|row| row.contains("withheld")), "{chart}");
    for row in rows {
        let (bar, word) = (row.contains(['█', '░', '▏']), row.chars().any(char::is_alphabetic));
        assert!(bar || word, "an empty bar: {row}\n{chart}");
    }
}

#[test]
fn the_audit_log_tells_an_answer_in_words_and_gives_the_same_as_csv() {
    let fed = Fed::start(&["ZZ1"]);
    let answer = fed.query(&[&QUESTION[..], &["--ask", "ZZ1"]].concat()).json();
    let id = answer["query_id"].as_str().expect("an id");
    let config = fed.config("ZZ1");
    let list = |more: &[&str]| {
        run(&[&["audit", "list", "--config", text(&config)], more].concat()).succeeds().stdout
    };
    let told = list(&["--query", id]);
    assert_eq!(told.lines().count(), 2, "{told}");
    for word in ["ada.demo", "rtt_over_18_weeks", "service planning", "demo-agreement", "allowed"] {
        assert!(told.contains(word), "no '{word}' in {told}");
    }
    let csv = list(&["--query", id, "--format", "csv"]);
    assert_eq!(csv::Reader::from_reader(csv.as_bytes()).records().count(), 2);
    assert_eq!(list(&["--last", "1"]).lines().count(), 1);
    assert!(list(&["--last", "1"]).contains(id));
}

#[test]
fn a_partner_without_data_is_logged_as_refused_and_not_as_a_stranger() {
    let fed = Fed::start(&["ZZ1", "ZZ6"]);
    let answer = fed.query(&[&QUESTION[..], &["--ask", "ZZ1,ZZ6"]].concat()).json();
    let id = answer["query_id"].as_str().expect("an id");
    let told = run(&["audit", "list", "--query", id, "--config", text(&fed.config("ZZ6"))]);
    let told = told.succeeds().stdout;
    assert!(told.contains("holds no such data"), "{told}");
    assert!(!told.contains("before it was established"), "{told}");
}

#[test]
fn a_restricted_question_counts_no_more_than_the_whole() {
    let fed = Fed::start(&["ZZ1"]);
    let whole = fed.query(&[&QUESTION[..], &["--ask", "ZZ1"]].concat()).json();
    let part = [&QUESTION[..], &["--ask", "ZZ1", "--scope", "tfc.group=130"]].concat();
    let part = fed.query(&part).json();
    assert_eq!(part["scope"]["category"], "130");
    let cells = |of: &Value| of["cells"].as_array().expect("cells").clone();
    let (whole, part) = (cells(&whole), cells(&part));
    assert_eq!(whole.len(), part.len());
    for (of, inside) in whole.iter().zip(&part) {
        assert_eq!(of["at"], inside["at"]);
        let least = inside["denominator"]["low"].as_u64().expect("a lower end");
        assert!(of["denominator"]["high"].as_u64().is_none_or(|most| least <= most), "{inside}");
    }
    let all = part.last().expect("the total")["denominator"]["low"].as_u64();
    assert!(all.is_some_and(|all| all > 0), "nothing was counted");
}

#[test]
fn what_england_published_stands_beside_an_answer_and_changes_nothing_of_it() {
    let fed = Fed::start(&PARTNERS[..2]);
    let folder = fed.path("analyst/reference");
    let file = fed.path("published.csv");
    let header = "Indicator ID,Indicator Name,Area Code,Sex,Age,Category,Time period,Value\n";
    let row = "90001,Long waits,E92000001,Persons,All ages,,";
    let series = format!("{header}{row}Oct 2026,4.25\n{row}Sep 2026,9.75\n");
    std::fs::write(&file, series).expect("written");
    let question = [
        "rtt_over_52_weeks",
        "--by",
        "imd.quintile",
        "--period",
        "2026-10",
        "--purpose",
        "service_planning",
        "--ask",
        "ZZ1,ZZ2",
    ];
    let before = fed.query(&question).json();
    assert!(before.get("published").is_none());
    let add =
        ["reference", "add", text(&file), "--as", "rtt_over_52_weeks", "--dir", text(&folder)];
    let added = run(&add).succeeds().stdout;
    assert!(added.contains("published, not federated"), "{added}");
    fed.edit("analyst/analyst.toml", "agreements = ", "reference = \"reference\"\nagreements = ");
    let answer = fed.query(&question).json();
    assert_eq!(answer["cells"], before["cells"]);
    assert_eq!(answer["published"].as_array().map(Vec::len), Some(1), "of the same period alone");
    assert_eq!(answer["published"][0]["value"], 4.25);
    let table = fed.analyst(&[&["query"], &question[..]].concat()).succeeds().stdout;
    let line = "England (published, not federated): 4.25, 2026-10, Fingertips";
    assert!(table.contains(line), "{table}");
    let show = ["indicators", "--show", "rtt_over_52_weeks", "--reference", text(&folder)];
    let shown = run(&show).succeeds().stdout;
    assert!(shown.contains("4.25, 2026-10") && shown.contains("9.75, 2026-09"), "{shown}");
}

#[test]
fn a_group_that_no_table_has_is_pointed_to_the_nearest_ones() {
    let fed = Fed::start(&["ZZ1", "ZZ2"]);
    let begun = fed.audit("ZZ1").len();
    let group = ["rtt_over_52_weeks", "--at", "imd=q1,ethnicity=B,sex=1", "--purpose"];
    let group = [&group[..], &["service_planning", "--ask", "ZZ1,ZZ2", "--period"]].concat();
    let answer = fed.query(&[&group[..], &["2026-10"]].concat()).json();
    let list = |key: &str| answer[key].as_array().expect("a list").clone();
    let (tables, may) = (list("tables"), list("may_be_asked"));
    assert!(tables.len() > 5 && !may.is_empty(), "{answer}");
    let of = |by: &[&str]| tables.iter().find(|t| t["by"] == serde_json::json!(by)).expect("it");
    let crossed = of(&["imd.quintile", "ethnicity.code"]);
    assert_eq!(crossed, &tables[0], "the nearest");
    assert_eq!(crossed["at"], serde_json::json!({ "imd": "q1", "ethnicity": "B" }));
    let one = of(&["sex"]);
    assert_eq!(
        (&one["status"], &one["released_by"]),
        (&"released".into(), &serde_json::json!(["ZZ1", "ZZ2"]))
    );
    // The figure is that of the same row of the table itself.
    let by = ["rtt_over_52_weeks", "--by", "sex", "--purpose", "service_planning"];
    let table = fed.query(&[&by[..], &["--ask", "ZZ1,ZZ2", "--period", "2026-10"]].concat()).json();
    let cells = table["cells"].as_array().expect("cells");
    let male = cells.iter().find(|c| c["at"]["sex"] == "male").expect("a row");
    assert_eq!((&one["numerator"], &one["proportion"]), (&male["numerator"], &male["proportion"]));
    // One query, and of the tables that were only named none is asked for.
    let accepted = fed.kinds("ZZ1", begun).iter().filter(|k| *k == "query_accepted").count();
    assert_eq!(accepted, 2);
    assert!(may.iter().all(|near| tables.iter().all(|table| table["by"] != near["by"])));
    for (period, more, says) in [
        ("2026-09..2026-10", vec![], "one period"),
        ("2026-10", vec!["--by", "sex"], "cannot be used with"),
        ("2026-10", vec!["--scope", "tfc.group=130"], "cannot be used with"),
    ] {
        let output = fed.query(&[&group[..], &[period], &more[..]].concat());
        assert!(output.code == Some(2) && output.stderr.contains(says), "{}", output.stderr);
    }
}
