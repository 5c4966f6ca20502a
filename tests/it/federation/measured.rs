//! Means, percentiles and ratios of sums over the whole federation, held against slow sums of the rows that were loaded.

use std::fmt::Write as _;
use std::fs;

use data_encoding::BASE64;
use serde_json::Value;

use super::harness::{Fed, coverage, text};
use super::process::run;

const PERIOD: &str = "2026-10";
const PARTNERS: [&str; 2] = ["ZZ1", "ZZ2"];

/// A row of an invented extract: whose, of which sex, and what is measured.
#[derive(Debug, Clone, Copy)]
struct Row {
    person: usize,
    sex: &'static str,
    values: [u64; 2],
}

/// Numbers that only look random, the same in every run.
fn draws(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |below| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    }
}

/// The rows of a partner: many men, fewer women who stay longer, and nine people of neither. Some people have several
/// rows.
fn rows(partner: usize) -> Vec<Row> {
    let mut draw = draws(partner as u64 + 1);
    let mut made = Vec::new();
    for (sex, number, most) in [("1", 420, 9), ("2", 160, 24), ("9", 9, 60)] {
        for n in 0..number {
            let values = [draw(most) + draw(4), 1 + draw(31)];
            made.push(Row { person: made.len() - usize::from(n % 10 == 9), sex, values });
        }
    }
    made
}

/// A dataset as it is loaded: the columns of its mapping, and a row of them.
struct Extract {
    dataset: &'static str,
    columns: &'static [(&'static str, &'static str)],
    line: fn(&Row) -> String,
}

const EXTRACTS: [Extract; 3] = [
    Extract {
        dataset: "admitted_spell",
        columns: &[
            ("person", "P"),
            ("start_date_hospital_provider_spell", "START"),
            ("admission_method_code_hospital_provider_spell", "METHOD"),
            ("patient_classification_code", "CLASS"),
            ("age_at_cds_activity_date", "AGE"),
            ("length_of_stay", "DAYS"),
            ("sex", "SEX"),
            ("icb_residence", "ICB"),
        ],
        line: |row| format!("2026-10-12,21,1,50,{}", row.values[0]),
    },
    Extract {
        dataset: "mh_bed_month",
        columns: &[
            ("person", "P"),
            ("any_restrictive_intervention", "ANY"),
            ("restrictive_interventions", "NUMBER"),
            ("occupied_bed_days", "DAYS"),
            ("sex", "SEX"),
            ("icb_residence", "ICB"),
        ],
        line: |row| format!("Y,{},{}", row.values[0], row.values[1]),
    },
    Extract {
        dataset: "ae_attendance",
        columns: &[
            ("person", "P"),
            ("arrival", "ARRIVAL"),
            ("departure", "DEPARTURE"),
            ("left_before_treatment", "LEFT"),
            ("sex", "SEX"),
            ("icb_residence", "ICB"),
        ],
        line: |row| {
            let minutes = row.values[0] * 10 + row.values[1];
            format!("2026-10-12 06:00,2026-10-12 {:02}:{:02},N", 6 + minutes / 60, minutes % 60)
        },
    },
];

fn load(fed: &Fed, code: &str, extract: &Extract, rows: &[Row]) {
    let names: Vec<&str> = extract.columns.iter().map(|(_, name)| *name).collect();
    let mut csv = names.join(",") + "\n";
    for row in rows {
        let _ = writeln!(csv, "{code}{},{},{},QZ1", row.person, (extract.line)(row), row.sex);
    }
    let mut mapping = format!(
        "dataset = \"{}\"\n[source]\nencoding = \"utf-8\"\ndate = [\"%Y-%m-%d\"]\n[columns]\n",
        extract.dataset
    );
    for (column, name) in extract.columns {
        let _ = writeln!(mapping, "{column} = \"{name}\"");
    }
    let (file, map) = (fed.path(&format!("{code}/in.csv")), fed.path(&format!("{code}/in.toml")));
    fs::write(&file, csv).expect("written");
    fs::write(&map, mapping).expect("written");
    let config = fed.config(code);
    let of = ["--dataset", extract.dataset, "--period", PERIOD, "--config", text(&config)];
    let load = ["node", "load", text(&file), "--mapping", text(&map)];
    run(&[&load[..], &of].concat()).succeeds();
    run(&[&["node", "publish"][..], &of].concat()).succeeds();
}

fn ask(fed: &Fed, indicator: &str, partners: &[&str]) -> Value {
    let asked = partners.iter().flat_map(|code| ["--ask", code]).collect::<Vec<_>>();
    let question = [indicator, "--by", "sex", "--period", PERIOD, "--purpose", "service_planning"];
    let answer = fed.query(&[&question[..], &asked].concat()).json();
    for code in partners {
        assert_eq!(coverage(&answer, code)["status"], "answered", "{answer}");
    }
    answer
}

fn cell<'a>(answer: &'a Value, sex: &str) -> &'a Value {
    let cells = answer["cells"].as_array().expect("cells");
    cells.iter().find(|cell| cell["at"]["sex"] == sex).expect("the group")
}

fn mean(rows: &[&Row]) -> f64 {
    rows.iter().map(|r| r.values[0]).sum::<u64>() as f64 / rows.len() as f64
}

fn ratio(rows: &[&Row]) -> f64 {
    let sum = |which: usize| rows.iter().map(|r| r.values[which]).sum::<u64>() as f64;
    sum(0) * 1_000.0 / sum(1)
}

/// Half of the rows have at most so many minutes, each row's spread evenly over its last minute.
fn median(rows: &[&Row]) -> f64 {
    let minutes: Vec<u64> = rows.iter().map(|r| r.values[0] * 10 + r.values[1]).collect();
    let half = minutes.len() as f64 / 2.0;
    let below =
        |x: f64| minutes.iter().map(|m| (x - (*m as f64 - 1.0)).clamp(0.0, 1.0)).sum::<f64>();
    let steps = (0..144_000).map(|step| f64::from(step) / 100.0);
    steps.into_iter().find(|x| below(*x) >= half).expect("a median")
}

#[test]
fn means_medians_and_ratios_hold_what_the_rows_add_up_to() {
    let mut fed = Fed::at_rest();
    let indicators = "indicators = [\"emergency_length_of_stay\", \"restrictive_interventions_rate\", \"ae_median_minutes\", ";
    fed.edit("agreement.toml", "indicators = [", indicators);
    let all = [rows(0), rows(1)];
    for (code, rows) in PARTNERS.iter().zip(&all) {
        for extract in &EXTRACTS {
            load(&fed, code, extract, rows);
        }
    }
    fed.serve(&PARTNERS);
    type Truth = fn(&[&Row]) -> f64;
    for (indicator, kind, unit, truth) in [
        ("emergency_length_of_stay", "mean", "days", mean as Truth),
        (
            "restrictive_interventions_rate",
            "ratio",
            "interventions per 1,000 occupied bed days",
            ratio,
        ),
        ("ae_median_minutes", "quantile", "minutes", median),
    ] {
        let at: &[u8] = if kind == "quantile" { &[50] } else { &[] };
        let pooled = ask(&fed, indicator, &PARTNERS);
        assert_eq!(pooled["figure"], serde_json::json!({"unit": unit, "kind": kind, "at": at}));
        let alone = [0, 1].map(|of| ask(&fed, indicator, &PARTNERS[of..=of]));
        for (sex, code) in [("male", "1"), ("female", "2"), ("all", "")] {
            let of = |rows: &'static str, from: &[Vec<Row>]| -> Vec<Row> {
                from.iter()
                    .flatten()
                    .filter(|r| rows.is_empty() || r.sex == rows)
                    .copied()
                    .collect()
            };
            let known = |rows: Vec<Row>| truth(&rows.iter().collect::<Vec<_>>());
            for (answer, truth) in [
                (&pooled, known(of(code, &all))),
                (&alone[0], known(of(code, &all[..1]))),
                (&alone[1], known(of(code, &all[1..]))),
            ] {
                let figure = &cell(answer, sex)["figure"];
                let (low, high) = (figure["low"].as_f64(), figure["high"].as_f64());
                let (low, high) =
                    low.zip(high).unwrap_or_else(|| panic!("{indicator} {sex}: {figure}"));
                assert!(low <= truth + 0.01 && truth <= high + 0.01, "{truth}: {figure}");
                let of_one = !std::ptr::eq(answer, &pooled);
                assert_eq!(figure["published"].is_number(), of_one, "{figure}");
                assert!(!of_one || high - low <= f64::max(1.0, 0.026 * truth) * 5.0, "{figure}");
            }
        }
        // Nine rows are shown as ten, which may be eight.
        let few = &cell(&alone[0], "indeterminate")["figure"];
        assert_eq!(
            (few["missing"]["code"].as_str(), few["low"].as_f64()),
            (Some("withheld"), None)
        );
        says_nothing_else(&alone[0], &all[0]);
    }
    let table = ["query", "emergency_length_of_stay", "--by", "sex", "--ask", "ZZ1"];
    let rest = ["--period", PERIOD, "--purpose", "service_planning", "--format"];
    let shown = fed.analyst(&[&table[..], &rest, &["table"]].concat()).succeeds().stdout;
    assert!(shown.contains("Figures in days") && shown.contains("about 6"), "{shown}");
    let csv = fed.analyst(&[&table[..], &rest, &["csv"]].concat()).succeeds().stdout;
    assert!(csv.lines().next().is_some_and(|head| head.ends_with("figure_missing")), "{csv}");
    for code in PARTNERS {
        fed.verify(code).succeeds();
    }
}

/// That no sum of rows stands in a release.
fn says_nothing_else(answer: &Value, rows: &[Row]) {
    let bytes = answer["releases"][0]["bytes"].as_str().expect("a release");
    let release =
        String::from_utf8(BASE64.decode(bytes.as_bytes()).expect("base64")).expect("text");
    assert!(release.contains("\"figures\""), "{release}");
    for sex in ["1", "2", ""] {
        for which in [0, 1] {
            let own = rows.iter().filter(|r| sex.is_empty() || r.sex == sex);
            let sum: u64 = own.map(|r| r.values[which]).sum();
            for around in
                [format!(":{sum},"), format!(",{sum},"), format!("[{sum},"), format!(",{sum}]")]
            {
                assert!(!release.contains(&around), "{sum}: {release}");
            }
        }
    }
}
