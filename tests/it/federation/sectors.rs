//! Appointments and attendances beside waiting lists: loaded, published and asked over the whole federation,
//! and held against what was planted.

use std::fs::{self, File};

use evensum::synth::{
    AppointmentCounts, AttendanceCounts, AttendanceExtract, DateStyle, Geography, Kind,
    OutpatientExtract, PartnerProfile, Planted, Truth,
};
use evensum_core::model::{CategoryId, Ods};
use serde_json::Value;

use super::harness::{Fed, QUESTION, coverage, text};
use super::process::run;

/// The seed of the demonstration's places.
const SEED: u64 = 7;
const PERIOD: &str = "2026-10";
const HOLDERS: [&str; 2] = ["ZZ1", "ZZ2"];
const ASKED: [&str; 4] = ["--period", PERIOD, "--purpose", "service_planning"];

fn partner(code: &str) -> PartnerProfile {
    let (rows, dates) = match code {
        "ZZ1" => (6_000, DateStyle::Iso),
        _ => (3_000, DateStyle::DayFirst),
    };
    let ods = Ods::new(code).expect("a code");
    PartnerProfile::new(ods, rows, Kind::Acute).expect("a profile").with_dates(dates)
}

/// Loads and publishes an extract, with the program.
fn publish(fed: &Fed, code: &str, dataset: &str, mapping: &str) {
    let config = fed.config(code);
    let of = ["--dataset", dataset, "--period", PERIOD, "--config", text(&config)];
    let file = fed.path(&format!("{code}/{dataset}.csv"));
    let map = fed.path(&format!("{code}/{dataset}.toml"));
    fs::write(&map, mapping).expect("written");
    let load = ["node", "load", text(&file), "--mapping", text(&map)];
    let loaded = run(&[&load[..], &of].concat()).succeeds();
    assert!(loaded.stdout.contains("dated outside the period"), "{}", loaded.stdout);
    run(&[&["node", "publish"][..], &of].concat()).succeeds();
    let quality = run(&[&["node", "quality", "--format", "json"][..], &of].concat()).json();
    let rows = |key: &str| quality[key].as_u64().expect("a number");
    assert_eq!(rows("rows_read"), u64::from(partner(code).rows()));
    assert_eq!(
        rows("rows_read"),
        rows("rows_taken") + rows("rows_rejected") + rows("rows_outside")
    );
    assert!(rows("rows_outside") > 0 && rows("persons") < rows("rows_taken"));
}

/// The federation with the two datasets at two partners, and what was planted in them.
fn with_activity() -> (Fed, Truth<AppointmentCounts>, Truth<AttendanceCounts>) {
    let mut fed = Fed::at_rest();
    let (geography, period) = (Geography::new(SEED), PERIOD.parse().expect("a period"));
    let (mut appointments, mut attendances) = (Truth::default(), Truth::default());
    for code in HOLDERS {
        let profile = partner(code);
        let file = |dataset: &str| {
            File::create(fed.path(&format!("{code}/{dataset}.csv"))).expect("a file")
        };
        let made = file(OutpatientExtract::DATASET);
        let made = OutpatientExtract::write_csv(made, &profile, &geography, period, SEED, |_| {});
        appointments.add(&made.expect("written"));
        let made = file(AttendanceExtract::DATASET);
        let made = AttendanceExtract::write_csv(made, &profile, &geography, period, SEED, |_| {});
        attendances.add(&made.expect("written"));
        publish(&fed, code, OutpatientExtract::DATASET, &OutpatientExtract::mapping(&profile));
        publish(&fed, code, AttendanceExtract::DATASET, &AttendanceExtract::mapping(&profile));
    }
    fed.serve(&HOLDERS);
    (fed, appointments, attendances)
}

/// Asks both partners, who must both be in the figures.
fn ask(fed: &Fed, indicator: &str, more: &[&str]) -> Value {
    let ask = ["--ask", "ZZ1", "--ask", "ZZ2"];
    let answer = fed.query(&[&[indicator][..], &ASKED, &ask, more].concat()).json();
    for code in HOLDERS {
        let line = coverage(&answer, code);
        assert_eq!(line["status"], "answered", "{indicator}: {line}");
    }
    answer
}

/// What is planted of what a category of an answer is made of: of a coarser breakdown the finer ones.
fn parts(category: &str) -> Vec<CategoryId> {
    let ids: &[&str] = match category {
        "core20" => &["q1"],
        "not_core20" => &["q2", "q3", "q4", "q5"],
        "other_than_white" => &["mixed", "asian", "black", "other"],
        id => &[id],
    };
    ids.iter().map(|id| CategoryId::new(*id).expect("a category")).collect()
}

/// That every range of an answer holds the planted figure, and that many are published.
fn holds<C: Planted>(answer: &Value, truth: &Truth<C>, of: fn(C) -> (u64, u64)) {
    let cells = answer["cells"].as_array().expect("cells");
    let mut published = 0;
    for cell in cells {
        let at = |dimension: &str| parts(cell["at"][dimension].as_str().unwrap_or("all"));
        let (mut above, mut below) = (0, 0);
        for imd in at("imd") {
            for ethnicity in at("ethnicity") {
                let (a, b) = of(truth.at(&imd, &ethnicity));
                (above, below) = (above + a, below + b);
            }
        }
        for (side, planted) in [("numerator", above), ("denominator", below)] {
            let low = cell[side]["low"].as_u64().expect("a bound");
            let high = cell[side]["high"].as_u64().unwrap_or(u64::MAX);
            assert!((low..=high).contains(&planted), "{planted} is not in {cell}");
        }
        published += usize::from(cell["state"] == "value");
    }
    assert!(published * 6 > cells.len(), "{published} of {} are published", cells.len());
}

fn total(answer: &Value, side: &str) -> (u64, u64) {
    let cells = answer["cells"].as_array().expect("cells");
    let all = cells
        .iter()
        .find(|c| c["at"].as_object().expect("a place").values().all(|v| v == "all"))
        .expect("the total");
    let bound = |key: &str| all[side][key].as_u64().expect("a bound");
    (bound("low"), bound("high"))
}

#[test]
fn appointments_and_attendances_are_answered_from_what_was_planted() {
    let (fed, appointments, attendances) = with_activity();
    let crossed = ["--by", "imd.quintile,ethnicity.group"];
    let by_quintile = ["--by", "imd.quintile"];

    let answer = ask(&fed, "op_dna_rate", &crossed);
    holds(&answer, &appointments, |c| (c.dna, c.expected));
    assert_eq!(answer["indicator"]["unit"], "% of appointments not cancelled");
    let answer = ask(&fed, "op_cancelled_by_provider", &by_quintile);
    holds(&answer, &appointments, |c| (c.cancelled_by_provider, c.all));
    let whole = total(&answer, "denominator");

    let answer = ask(&fed, "ae_over_4_hours", &crossed);
    holds(&answer, &attendances, |c| (c.over4h, c.all));
    holds(&ask(&fed, "ae_over_12_hours", &by_quintile), &attendances, |c| (c.over12h, c.all));
    let left = ask(&fed, "ae_left_before_treatment", &by_quintile);
    holds(&left, &attendances, |c| (c.left, c.all));

    // A scope by department is a part of the whole, and the departments are a breakdown of it.
    let major = ask(&fed, "ae_over_4_hours", &["--scope", "department=type1"]);
    let (some, all) = (total(&major, "denominator"), total(&answer, "denominator"));
    assert!(some.1 < all.0 && some.0 > all.0 / 2, "{some:?} of {all:?}");
    let departments = ask(&fed, "ae_left_before_treatment", &["--by", "department"]);
    assert_eq!(total(&departments, "denominator"), total(&left, "denominator"));

    // Waits are where they were, and the same people are counted in none of the others.
    let waits = fed.query(&[&QUESTION[..], &["--ask", "ZZ1", "--ask", "ZZ2"]].concat()).json();
    assert_eq!(coverage(&waits, "ZZ1")["status"], "answered");
    assert_ne!(total(&waits, "denominator"), whole);
    for code in HOLDERS {
        fed.verify(code).succeeds();
    }
}

#[test]
fn what_people_read_speaks_of_appointments_and_attendances() {
    let (fed, ..) = with_activity();
    let table = |indicator: &str, by: &str| {
        let query = ["query", indicator, "--by", by, "--ask", "ZZ1", "--format", "table"];
        fed.analyst(&[&query[..], &ASKED].concat()).succeeds().stdout
    };
    let shown = table("op_dna_rate", "imd.core20");
    for words in
        ["Appointments not attended, October 2026", "appointments not cancelled", "not attended"]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let shown = table("ae_left_before_treatment", "sex");
    for words in ["of attendances", "ended with the person leaving before treatment"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    for words in ["pathway", "wait"] {
        assert!(!shown.to_lowercase().contains(words), "{words}: {shown}");
    }
    let listed = run(&["indicators"]).succeeds().stdout;
    let pack = run(&["indicators", "--pack", "urgent-care"]).succeeds().stdout;
    for id in ["op_dna_rate", "op_cancelled_by_patient", "op_cancelled_by_provider"] {
        assert!(listed.contains(&format!("{id} ")) && !pack.contains(id), "{listed}");
    }
    for id in ["ae_over_4_hours", "ae_over_12_hours", "ae_left_before_treatment"] {
        assert!(listed.contains(&format!("{id} ")) && pack.contains(id), "{listed}");
    }
    let explained = run(&["indicators", "--show", "op_dna_rate"]).succeeds().stdout;
    for words in [
        "one outpatient appointment",
        "Above the line:   Did not attend",
        "Attended or did not attend: ",
    ] {
        assert!(explained.contains(words), "{words}: {explained}");
    }
}
