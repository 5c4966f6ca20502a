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
