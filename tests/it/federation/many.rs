//! A pack over several months in one query, from the command line to every partner's audit log.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use evensum::synth::{AttendanceCounts, Truth};
use evensum_core::catalogue::{Catalogue, Indicator};
use evensum_core::model::{Agreement, CategoryId};
use serde_json::Value;

use super::harness::{COORDINATOR, Fed, PARTNERS, Template, coverage, template, text};
use super::process::{run, until};

const PACK: [&str; 6] =
    ["--pack", "13sa", "--period", "2026-08..2026-10", "--purpose", "service_planning"];
const INDICATORS: [&str; 6] = [
    "rtt_over_18_weeks",
    "rtt_over_52_weeks",
    "rtt_over_65_weeks",
    "rtt_over_78_weeks",
    "rtt_over_104_weeks",
    "rtt_within_18_weeks",
];
const MONTHS: [&str; 3] = ["2026-08", "2026-09", "2026-10"];

/// The demonstration over three months, made when first asked for.
fn months() -> &'static Template {
    static MADE: OnceLock<Template> = OnceLock::new();
    MADE.get_or_init(|| {
        Template::make(
            "months",
            &["--pack", "13sa", "--periods", "3", "--rows", "2000", "--without-second-server"],
        )
    })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// Indicator and period of each answer.
fn places(answers: &Value) -> Vec<(String, String)> {
    let text = |v: &Value| v.as_str().expect("text").to_owned();
    list(answers).iter().map(|a| (text(&a["indicator"]["id"]), text(&a["period"]))).collect()
}

/// The order in which a pack over these months is asked.
fn asked(months: &[&str]) -> Vec<(String, String)> {
    let of = |month: &&str| INDICATORS.map(|id| (id.to_owned(), (*month).to_owned()));
    months.iter().flat_map(of).collect()
}

fn published(fed: &Fed, ods: &str, month: &str) -> PathBuf {
    fed.path(&format!("{ods}/state/published/rtt_open_pathway/{month}"))
}

fn remove(dir: &Path) {
    fs::remove_dir_all(dir).expect("there is an extract to be removed");
}

#[test]
fn the_demonstration_answers_a_pack_over_its_months_in_order() {
    let answers = months().output.json();
    assert_eq!(places(&answers), asked(&MONTHS));
    let query = &answers[0]["query_id"];
    for answer in list(&answers) {
        assert_eq!(answer["query_id"], *query, "one query");
        assert_eq!(answer["breakdown"][0], "imd.quintile");
        for ods in &PARTNERS[..5] {
            assert_eq!(coverage(answer, ods)["status"], "answered");
        }
    }
    // Seed-stable: the month that both have is the same in the other demonstration.
    let truth = fs::read_to_string(months().dir.join("truth.json")).expect("the truth");
    let truth: Value = serde_json::from_str(&truth).expect("JSON");
    assert_eq!(truth.as_object().expect("by month").len(), 3);
    let alone = fs::read_to_string(template().dir.join("truth.json"));
    let alone: Value = serde_json::from_str(&alone.expect("the truth")).expect("JSON");
    assert_eq!(truth["rtt_open_pathway 2026-10"], alone);
}

/// What was planted above the line of an indicator of emergency care.
type Above = fn(AttendanceCounts) -> u64;

#[test]
fn the_demonstration_invents_attendances_for_a_pack_about_them_and_every_range_holds_the_truth() {
    let parent = tempfile::tempdir().expect("a folder");
    let dir = parent.path().join("demo");
    let demo = ["demo", "--exit", "--format", "json", "--rows", "2000", "--nodes", "3"];
    let pack = ["--pack", "urgent-care", "--periods", "2", "--dir", text(&dir)];
    let answers = run(&[&demo[..], &pack].concat()).succeeds().json();

    let indicators: [(&str, Above); 4] = [
        ("ae_over_4_hours", |counts| counts.over4h),
        ("ae_over_12_hours", |counts| counts.over12h),
        ("ae_left_before_treatment", |counts| counts.left),
        ("ae_within_4_hours", |counts| counts.within4h),
    ];
    let asked: Vec<(String, String, Above)> = ["2026-09", "2026-10"]
        .iter()
        .flat_map(|month| indicators.map(|(id, above)| (id.into(), (*month).into(), above)))
        .collect();
    let order: Vec<(String, String)> =
        asked.iter().map(|(id, month, _)| (id.clone(), month.clone())).collect();
    assert_eq!(places(&answers), order);
    let truth = fs::read_to_string(dir.join("truth.json")).expect("the truth");
    let truth: BTreeMap<String, Truth<AttendanceCounts>> =
        serde_json::from_str(&truth).expect("the truth's form");
    assert_eq!(truth.len(), 2);
    for (answer, (_, month, above)) in list(&answers).iter().zip(&asked) {
        assert_eq!(answer["query_id"], answers[0]["query_id"], "one query");
        for ods in ["ZZ1", "ZZ2"] {
            assert_eq!(coverage(answer, ods)["status"], "answered");
        }
        let truth = &truth[&format!("ae_attendance {month}")];
        let cells = list(&answer["cells"]);
        let published = cells.iter().filter(|cell| cell["state"] == "value").count();
        assert!(published * 2 > cells.len(), "{published} of {}", cells.len());
        for cell in cells {
            let imd = CategoryId::new(cell["at"]["imd"].as_str().expect("a category"));
            let counts = truth.at(&imd.expect("an id"), &CategoryId::all());
            for (side, planted) in [("numerator", above(counts)), ("denominator", counts.all)] {
                let low = cell[side]["low"].as_u64().expect("a bound");
                let high = cell[side]["high"].as_u64().unwrap_or(u64::MAX);
                assert!((low..=high).contains(&planted), "{planted} is not in {cell}");
            }
        }
    }
    // Nothing is loaded that was not asked about.
    assert_eq!(extracts(&dir.join("ZZ1")), ["ae_attendance"]);
    assert_eq!(extracts(&template().dir.join("ZZ1")), ["rtt_open_pathway"]);
}

/// The datasets that a partner has published extracts of.
fn extracts(home: &Path) -> Vec<String> {
    let entries = fs::read_dir(home.join("state/published")).expect("a folder");
    entries.map(|e| e.expect("an entry").file_name().into_string().expect("a name")).collect()
}

#[test]
fn the_demonstration_shows_a_pack_beside_what_was_planted_and_its_agreement_allows_every_other() {
    let parent = tempfile::tempdir().expect("a folder");
    let dir = parent.path().join("demo");
    let demo = ["demo", "--exit", "--rows", "2000", "--nodes", "2", "--dir", text(&dir)];
    let shown = run(&[&demo[..], &["--pack", "outpatients"]].concat()).succeeds().stdout;
    let (overview, beside) = shown.split_once("What was planted").expect("a comparison");
    assert!(overview.contains("Appointments not attended"), "{overview}");
    let indicators = ["op_dna_rate", "op_cancelled_by_patient", "op_cancelled_by_provider"];
    for id in indicators {
        let line = beside.lines().find(|line| line.trim().starts_with(id)).expect("a line");
        let held = line.split_once("2026-10").expect("a month").1;
        let numbers: Vec<u32> = held.split(' ').filter_map(|word| word.parse().ok()).collect();
        assert!(numbers[0] > 0 && numbers[0] == numbers[1], "{line}");
    }
    assert!(beside.contains("evensum query op_dna_rate --by age.band"), "{beside}");

    let agreement = fs::read_to_string(dir.join("agreement.toml")).expect("an agreement");
    let agreement = Agreement::parse(&agreement).expect("an agreement");
    let catalogue = Catalogue::builtin().expect("the catalogue");
    let planted = ["rtt_open_pathway", "outpatient_appointment", "ae_attendance"];
    let share = |i: &&Indicator| i.kind.is_share() && planted.contains(&i.dataset.as_str());
    for indicator in catalogue.indicators().iter().filter(share) {
        assert!(agreement.indicators.contains(&indicator.id), "{}", indicator.id);
    }
    assert_eq!(agreement.packs, ["13sa", "elective-recovery", "outpatients", "urgent-care"]);
    assert!(agreement.dimensions.iter().any(|d| d.as_str() == "department"));
}

#[test]
fn the_demonstration_refuses_an_unknown_pack_before_it_makes_anything() {
    let parent = tempfile::tempdir().expect("a folder");
    let dir = parent.path().join("demo");
    let known = ["no pack 'urgent'", "13sa", "elective-recovery", "outpatients", "urgent-care"];
    run(&["demo", "--exit", "--pack", "urgent", "--dir", text(&dir)]).fails(2, &known);
    assert!(!dir.exists());
}

#[test]
fn a_month_that_one_partner_does_not_hold_is_missing_from_that_month_alone() {
    let mut fed = Fed::at_rest_of(&months().dir);
    remove(&published(&fed, "ZZ2", "2026-09"));
    fed.serve(&["ZZ1", "ZZ2"]);
    let (begun, combined) = (fed.audit("ZZ2").len(), fed.audit(COORDINATOR).len());
    let only = ["--by", "imd.quintile", "--ask", "ZZ1,ZZ2", "--require-all"];
    let output = fed.query(&[&PACK[..], &only].concat()).succeeds();
    let answers = output.json();
    assert_eq!(places(&answers), asked(&MONTHS));
    for answer in list(&answers) {
        assert_eq!(coverage(answer, "ZZ1")["status"], "answered");
        let held = if answer["period"] == "2026-09" { "no_data" } else { "answered" };
        assert_eq!(coverage(answer, "ZZ2")["status"], held, "{}", answer["period"]);
    }
    // One query accepted, and an end of each question, at the partner and at the coordinator.
    for (ods, from, end) in
        [("ZZ2", begun, "answer_released"), (COORDINATOR, combined, "answer_combined")]
    {
        let log = fed.audit(ods);
        let of = |kind: &str| log.iter().skip(from).filter(|e| e["kind"] == kind).count();
        let refused = if ods == "ZZ2" { 6 } else { 0 };
        assert_eq!((of("query_accepted"), of("refused"), of(end)), (1, refused, 18 - refused));
        let ended = log.iter().skip(from).filter(|e| !e["question"].is_null());
        let mut numbers: Vec<u64> =
            ended.map(|e| e["question"].as_u64().expect("a number")).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=18).collect::<Vec<u64>>());
        assert_eq!(fed.verify(ods).json()["sound"], true);
    }
    // The other forms: one table of figures, and an overview before the tables.
    let csv = fed.analyst(&[&["query", "--format", "csv"], &PACK[..], &only].concat()).succeeds();
    let header = csv.stdout.lines().filter(|line| line.starts_with("query_id,indicator,period,"));
    assert_eq!(header.count(), 1);
    for (indicator, month) in asked(&MONTHS) {
        let cells = csv.stdout.lines().filter(|l| l.contains(&format!(",{indicator},{month},")));
        assert!(cells.count() > 2, "{indicator} {month}");
    }
    let table = fed.analyst(&[&["query"], &PACK[..], &only].concat()).succeeds().stdout;
    let (overview, tables) = table.split_once(" by ").expect("tables");
    for words in ["The most", "  2026-09 ", "1 of 2", "2 of 2", "Waiting over 65 weeks"] {
        assert!(overview.contains(words), "'{words}' in\n{overview}");
    }
    assert!(tables.contains("holds no such data"), "{tables}");
}

#[test]
fn one_question_that_nobody_can_answer_gives_the_exit_code_and_not_the_others_up() {
    let mut fed = Fed::at_rest_of(&months().dir);
    fed.serve(&["ZZ1"]);
    let range =
        ["rtt_over_52_weeks", "--by", "sex", "--ask", "ZZ1", "--purpose", "service_planning"];
    let ask = |period| fed.query(&[&range[..], &["--period", period]].concat());
    let output = ask("2026-10..2026-11");
    assert_eq!(output.code, Some(65), "{}", output.stderr);
    let answers: Value = serde_json::from_str(&output.stdout).expect("answers all the same");
    assert_eq!(coverage(&answers[0], "ZZ1")["status"], "answered");
    assert_eq!(coverage(&answers[1], "ZZ1")["status"], "no_data");
    // A question stays an object, also as a range of one.
    assert_eq!(ask("2026-10..2026-10").succeeds().json()["period"], "2026-10");
    // A partner that is not there: in part, which is not enough where all are required.
    let both = ["--ask", "ZZ1,ZZ3", "--require-all", "--by", "sex"];
    assert_eq!(fed.query(&[&PACK[..], &both].concat()).code, Some(4));
    assert_eq!(fed.query(&[&PACK[..], &both[..2]].concat()).code, Some(0));
    // What the agreement does not allow of a pack is left out; where nothing is left, that is said.
    fed.query(&[&PACK[..], &["--by", "provider"]].concat()).fails(2, &["is left out", "dimension"]);
    fed.query(&["--pack", "13s", "--period", "2026-10", "--purpose", "service_planning"])
        .fails(2, &["no pack '13s'", "13sa", "elective-recovery"]);
    let both = fed.query(&[&PACK[..], &["rtt_over_52_weeks"]].concat());
    assert!(both.code == Some(2) && both.stderr.contains("cannot be used with"), "{}", both.stderr);
    fed.query(&["--pack", "13sa", "--period", "2024-01..2026-10", "--purpose", "x"])
        .fails(2, &["204 questions", "at most 120", "--period 2024-01..2025-08"]);
    let back = fed.query(&["--pack", "13sa", "--period", "2026-10..2026-08", "--purpose", "x"]);
    assert!(back.code == Some(2) && back.stderr.contains("begins with the earlier one"));
}

#[test]
fn a_partner_that_is_killed_among_the_questions_of_a_query_is_missing_from_there_on() {
    let mut fed = Fed::at_rest_of(&months().dir);
    fed.serve(&["ZZ1", "ZZ3"]);
    let begun = fed.audit("ZZ1").len();
    let levels = "imd.decile,ethnicity.code";
    let asking = fed.begin_query(&[&PACK[..], &["--by", levels, "--ask", "ZZ1,ZZ3"]].concat());
    until("the first answer", || {
        fed.kinds("ZZ1", begun).contains(&"answer_released".to_owned()).then_some(())
    });
    fed.kill("ZZ1");
    let output = asking.end();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let answers = output.json();
    assert_eq!(places(&answers), asked(&MONTHS));
    let of = |answer: &Value| coverage(answer, "ZZ1")["status"].as_str().map(str::to_owned);
    let lost = list(&answers).iter().position(|a| of(a).as_deref() != Some("answered"));
    for (number, answer) in list(&answers).iter().enumerate() {
        assert_eq!(coverage(answer, "ZZ3")["status"], "answered", "{number}");
        let line = coverage(answer, "ZZ1");
        if lost.is_some_and(|lost| number >= lost) {
            assert_eq!(line["status"], "unreachable", "{number}: {line}");
            assert_eq!(line["reason"], "the partner is not connected");
        } else {
            assert_eq!(line["status"], "answered", "{number}: {line}");
        }
    }
    fed.restart("ZZ1");
    assert_eq!(fed.verify("ZZ1").json()["sound"], true);
    let log = fed.audit("ZZ1");
    for number in 1..=18 {
        let mine = log.iter().skip(begun).filter(|e| e["question"] == number);
        let kinds: Vec<&str> = mine.map(|e| e["kind"].as_str().expect("a kind")).collect();
        assert!(matches!(kinds[..], ["answer_released" | "aborted"]), "{number}: {kinds:?}");
        let shown = lost.is_none_or(|lost| number <= lost);
        assert!(!shown || kinds == ["answer_released"], "{number}: an answer without an entry");
    }
}
