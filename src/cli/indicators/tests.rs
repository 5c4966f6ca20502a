//! Tests of what `evensum indicators` says.

use clap::Parser;

use super::*;
use crate::snapshot;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn said(line: &[&str]) -> String {
    let line = Line::parse_from(["x"].iter().chain(line));
    let catalogue = config::catalogue(&line.args.catalogue).expect("the catalogue");
    text(&line.args, &catalogue).expect("an answer")
}

#[test]
fn an_indicator_is_explained_in_plain_english() {
    let text = said(&["--show", "hypertension_treated"]);
    for part in [
        "Above the line:   Treated to the threshold: Under 80, at most 140 over 90; 80 and over, at most 150 over 90",
        "Below the line:   all people with hypertension",
        "Better:           a higher figure is better.",
        "Target:           80, by 2025-03-31 (",
        "An extract needs: person (once each), systolic_blood_pressure (may be blank), diastolic_blood_pressure (may be blank), age_at_period_end",
        "Packs:            13sa, core20plus5-adults",
        "Table:            imd.decile; else imd.quintile; else imd.core20\n",
        "Table:            imd.quintile,ethnicity.code; else imd.quintile,ethnicity.group; else ",
        "Not confirmed:    The code of this indicator in CVDPREVENT",
        "Not confirmed:    coastal: ",
        "Periods:          quarters of the financial year",
        "CV3",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn datasets_of_the_same_records_are_named() {
    let text = said(&["--show", "op_dna_rate"]);
    let says = "The same records are also counted in: Outpatient attendances by medium (outpatient_attendance).";
    assert!(text.contains(says), "{text}");
    assert!(!said(&["--show", "rtt_over_18_weeks"]).contains("The same records"));
}

#[test]
fn kinds_say_what_is_released() {
    let mean = said(&["--show", "ambulance_c2_mean_response"]);
    assert!(mean.contains("the mean response time"), "{mean}");
    let standardised = said(&["--show", "copd_admission_rate"]);
    assert!(standardised.contains("this version does not standardise them yet"), "{standardised}");
    assert!(!mean.contains("this version"), "{mean}");
    assert!(mean.contains(", response_minutes\n") && !mean.contains("Below the line"), "{mean}");
    let both = said(&["--show", "rtt_wait_percentiles"]);
    assert!(both.contains("the median and the 92nd percentile of weeks_waited"), "{both}");
    let rate = said(&["--show", "tooth_extraction_rate_0_10"]);
    assert!(rate.contains("per 100000 residents aged 0 to 10."), "{rate}");
    let per = said(&["--show", "restrictive_interventions_rate"]);
    assert!(
        per.contains("restrictive interventions in the month per 1000 occupied bed days"),
        "{per}"
    );
}

#[test]
fn lists_are_grouped_and_packs_are_known() {
    let all = said(&[]);
    assert!(
        all.contains("RTT incomplete pathways (rtt_open_pathway)\n  rtt_over_18_weeks "),
        "{all}"
    );
    assert!(all.contains("[counted, not standardised yet]"), "{all}");
    let pack = said(&["--pack", "workforce"]);
    assert!(pack.starts_with("Workforce: ") && !pack.contains("rtt_"), "{pack}");
    assert!(
        pack.contains("\n  ethnicity.group,afc_band.band; else ethnicity.group,afc_band; else "),
        "{pack}"
    );
    assert!(!pack.contains("before those of other packs"));
    assert!(said(&["--pack", "13sa"]).contains("published, before those of other packs."));
    assert!(said(&["--packs"]).contains("core20plus5-cyp"));
    let line = Line::parse_from(["x", "--pack", "none"]);
    let catalogue = config::catalogue(&[]).expect("the catalogue");
    let failure = text(&line.args, &catalogue).expect_err("none").to_string();
    assert!(failure.contains("--packs"), "{failure}");
}

#[test]
fn json_has_all_of_it() {
    let text = said(&["--format", "json"]);
    let all: Vec<serde_json::Map<String, Value>> = serde_json::from_str(&text).expect("JSON");
    for one in &all {
        for key in [
            "kind",
            "numerator",
            "denominator",
            "target",
            "provisional",
            "priority",
            "domain",
            "packs",
            "tables",
            "zero_target",
            "breakdowns",
            "scopes",
            "definition_hash",
            "needs",
            "released",
            "caveats",
        ] {
            assert!(one.contains_key(key), "{key}");
        }
    }
    let find = |id: &str| all.iter().find(|one| one["id"] == id).expect(id);
    assert_eq!(find("hypertension_prevalence")["kind"]["rate"]["ages"], json!({ "from": 18 }));
    assert_eq!(find("rtt_within_18_weeks")["target"][0]["value"], "92");
    assert_eq!(find("op_dna_rate")["denominator"]["bands"].as_array().map(Vec::len), Some(2));
    assert_eq!(find("rtt_wait_percentiles")["released"], true);
    assert_eq!(find("copd_admission_rate")["released"], false);
}

#[test]
fn a_file_of_definitions_is_listed_with_the_others() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("own.toml");
    let own = "[[pack]]\nid = \"coast\"\nname = \"Our coast\"\nabout = \"Towns by the sea.\"\n";
    std::fs::write(&file, own).expect("written");
    let path = file.to_str().expect("a path");
    assert!(said(&["--packs", "--catalogue", path]).contains("Our coast"));
    std::fs::write(&file, own.replace("coast", "13sa")).expect("written");
    let failure = config::catalogue(std::slice::from_ref(&file)).expect_err("built in").to_string();
    assert!(failure.contains("own.toml, line 2: 13sa: "), "{failure}");
    let many = vec![file; config::MAX_CATALOGUE_FILES + 1];
    assert!(config::catalogue(&many).is_err());
}

#[test]
fn every_dataset_fits_into_an_extracts_file() {
    let catalogue = config::catalogue(&[]).expect("the catalogue");
    for dataset in catalogue.datasets() {
        let own = usize::from(dataset.outcome.made_of.measure().is_some());
        assert!(dataset.dimensions.len() < snapshot::MAX_COLUMNS, "{}", dataset.id);
        assert!(dataset.measures.len() + own <= snapshot::MAX_MEASURES, "{}", dataset.id);
    }
    const { assert!(evensum_core::catalogue::MAX_DATASET_DIMENSIONS < snapshot::MAX_COLUMNS) };
}
