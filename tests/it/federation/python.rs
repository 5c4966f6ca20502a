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
