//! The wire contract from the outside: PyPI's grpcio, stubs made from `proto/`, and the client that the
//! documentation shows. Needs the virtual environment that `tests/run` makes, and says so where it is not there.

use std::path::{Path, PathBuf};
use std::process::{Command, Output as Ran};

use serde_json::{Value, json};

use super::harness::{Fed, PARTNERS};
use super::process::{run, skipped};

/// The client and its environment.
struct Python(PathBuf);

impl Python {
    fn found() -> Option<Self> {
        let found = std::env::var_os("EVENSUM_TEST_PYTHON").map(PathBuf::from);
        if found.is_none() {
            skipped("no virtual environment in EVENSUM_TEST_PYTHON; tests/run makes one");
        }
        found.map(Self)
    }

    /// Runs a script of the repository.
    fn run(&self, script: &str, arguments: &[&Path]) -> Ran {
        Command::new(self.0.join("bin/python"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(script))
            .args(arguments)
            .output()
            .expect("Python runs")
    }

    fn ask(&self, fed: &Fed, indicators: &str, period: &str, by: &str, purpose: &str) -> Ran {
        let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples/ask.py");
        Command::new(self.0.join("bin/python"))
            .env("PYTHONPATH", self.0.join("stubs"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(client)
            .arg(fed.path("analyst/analyst.toml"))
            .args([indicators, period, by, purpose])
            .output()
            .expect("Python runs")
    }
}

fn definition_hash(indicator: &str) -> String {
    let shown = run(&["indicators", "--show", indicator, "--format", "json"]).json();
    let one = shown.as_array().map_or(&shown, |all| &all[0]);
    one["definition_hash"].as_str().expect("a hash").to_owned()
}

fn answers(ran: &Ran) -> Vec<Value> {
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).expect("JSON and nothing else")
}

#[test]
fn a_python_client_made_from_the_proto_files_asks_verifies_and_gets_the_same_figures() {
    let Some(python) = Python::found() else { return };
    let fed = Fed::start(&PARTNERS[..3]);
    let by = "imd.quintile+ethnicity.group";
    let indicator = format!("rtt_over_18_weeks@{}", definition_hash("rtt_over_18_weeks"));
    let found = answers(&python.ask(&fed, &indicator, "2026-10", by, "service_planning"));
    let [found] = found.as_slice() else { panic!("one question, one answer") };
    assert_eq!(found["breakdown"], json!(["imd.quintile", "ethnicity.group"]));
    assert_eq!(found["answered"], json!(["ZZ1", "ZZ2", "ZZ3"]));
    assert_eq!(
        found["absent"],
        json!({"ZZ4": "unreachable", "ZZ5": "unreachable", "ZZ6": "unreachable"})
    );
    let own = fed.query(&[
        "rtt_over_18_weeks",
        "--by",
        "imd.quintile,ethnicity.group",
        "--period",
        "2026-10",
        "--purpose",
        "service_planning",
    ]);
    let own = own.json();
    let (mine, theirs) =
        (own["cells"].as_array().expect("cells"), found["cells"].as_array().expect("cells"));
    assert_eq!(mine.len(), theirs.len());
    assert!(mine.len() > 20);
    for (mine, theirs) in mine.iter().zip(theirs) {
        assert_eq!(theirs["at"], json!([mine["at"]["imd"], mine["at"]["ethnicity"]]));
        for side in ["numerator", "denominator"] {
            for key in ["state", "low", "high"] {
                assert_eq!(mine[side][key], theirs[side][key], "{} {side} {key}", theirs["at"]);
            }
        }
    }
}

#[test]
fn a_python_client_is_told_why_it_is_refused() {
    let Some(python) = Python::found() else { return };
    let fed = Fed::start(&PARTNERS[..1]);
    let indicator = format!("rtt_over_18_weeks@{}", definition_hash("rtt_over_18_weeks"));
    let refused = |ran: Ran, words: &str| {
        assert!(!ran.status.success());
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(said.contains(words), "no '{words}' in: {said}");
    };
    let ask =
        |indicator: &str, period, purpose| python.ask(&fed, indicator, period, "sex", purpose);
    refused(ask(&indicator, "2026-10", "curiosity"), "PERMISSION_DENIED");
    refused(ask(&indicator, "2026-27", "service_planning"), "INVALID_ARGUMENT");
    let other = format!("rtt_over_18_weeks@{}", definition_hash("rtt_over_52_weeks"));
    refused(ask(&other, "2026-10", "service_planning"), "FAILED_PRECONDITION");
    fed.edit("analyst/analyst.toml", "analyst = \"", "analyst = \"another-");
    refused(ask(&indicator, "2026-10", "service_planning"), "UNAUTHENTICATED");
}

const GAP: [&str; 7] = [
    "rtt_over_18_weeks",
    "--by",
    "imd.quintile",
    "--period",
    "2026-10",
    "--purpose",
    "service_planning",
];

/// The difference between the most and the least deprived fifth, as the summary of the answer says it.
fn said(fed: &Fed) -> (f64, f64) {
    let answer = fed.query(&GAP).json();
    let findings = answer["inequality"].as_array().expect("a summary").clone();
    let one = findings.iter().find(|one| one["measure"] == "difference").expect("a difference");
    (one["low"].as_f64().expect("a number"), one["high"].as_f64().expect("a number"))
}

/// The one line that an example prints under `indicator,period,low,high`, with its numbers times `unit`.
fn told(ran: &Ran, unit: f64) -> (f64, f64) {
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let ["indicator,period,low,high", line] = lines.as_slice() else { panic!("one gap: {text}") };
    let numbers = line.strip_prefix("rtt_over_18_weeks,2026-10,").expect("the question");
    let (low, high) = numbers.split_once(',').expect("two numbers");
    (low.parse::<f64>().expect("low") * unit, high.parse::<f64>().expect("high") * unit)
}

fn alike(one: (f64, f64), other: (f64, f64)) {
    assert!((one.0 - other.0).abs() < 2e-6 && (one.1 - other.1).abs() < 2e-6, "{one:?} {other:?}");
}

#[test]
fn the_examples_for_analysts_find_the_gap_that_the_summary_says() {
    let (python, r) = (Python::found(), Command::new("Rscript").arg("--version").output().is_ok());
    if !r {
        skipped("Rscript is not installed: docs/examples/gap.R is not run");
    }
    if python.is_none() && !r {
        return;
    }
    let fed = Fed::start(&PARTNERS[..3]);
    let said = said(&fed);
    let file = |format: &str, name: &str| {
        let path = fed.path(name);
        let out = path.to_str().expect("a path");
        let asked = [&["query", "--format", format, "--out", out][..], &GAP].concat();
        fed.analyst(&asked).succeeds();
        path
    };
    if let Some(python) = python {
        let answers = file("parquet", "answers.parquet");
        // Shares are in per cent there.
        alike(told(&python.run("docs/examples/gap.py", &[&answers]), 0.01), said);
    }
    if r {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples/gap.R");
        let ran = Command::new("Rscript").arg(script).arg(file("csv", "answers.csv")).output();
        alike(told(&ran.expect("R runs"), 1.0), said);
    }
}

#[test]
fn statistics_are_those_of_scipy_and_statsmodels() {
    let Some(python) = Python::found() else { return };
    let program = Path::new(env!("CARGO_BIN_EXE_evensum"));
    let ran = python.run("tests/python/compare_statistics.py", &[program]);
    let (out, error) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}{error}");
    assert!(out.lines().count() > 60, "a line for each number: {out}");
}
