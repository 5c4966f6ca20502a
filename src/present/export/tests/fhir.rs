//! Bundles that FHIR R4 takes, and broken ones that the validator of these tests does not.

use serde_json::{Value, json};

use super::super::fhir::{COUNT_RANGE, HANDLING, SCORE_LIMITS, SCORE_RANGE, bundle};
use super::validator::faults;
use super::*;
use crate::present::fixture::undivided;

fn of(answers: &[&Answer]) -> Value {
    let text = bundle(&export(answers)).expect("a bundle");
    serde_json::from_str(&text).expect("JSON")
}

fn valid(answers: &[&Answer]) -> Value {
    let bundle = of(answers);
    assert_eq!(faults(&bundle), Vec::<String>::new());
    bundle
}

fn extension<'a>(element: &'a Value, url: &str) -> Option<&'a Value> {
    element["extension"].as_array()?.iter().find(|e| e["url"] == url)
}

const ABSENT: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

#[test]
fn every_kind_of_answer_is_a_valid_bundle() {
    let answers = [
        by_quintile(),
        crossed(),
        undivided(),
        all_hidden(),
        nothing(),
        gaps(),
        percentiles(),
        hostile(),
        rates(),
        no_rates(),
        published(crossed()),
    ];
    for answer in &answers {
        valid(&[answer]);
    }
    // An answer twice would have one fullUrl twice: these differ in indicator, or in their levels.
    let bundle = valid(&[&answers[0], &answers[1], &answers[2], &answers[6]]);
    assert_eq!(bundle["entry"].as_array().map(Vec::len), Some(4));
    valid(&[]);
}

#[test]
fn a_report_says_what_of_whom_and_by_whom() {
    let bundle = valid(&[&by_quintile()]);
    assert_eq!(bundle["timestamp"], "2026-11-21T10:05:03Z");
    let report = &bundle["entry"][0]["resource"];
    assert_eq!(
        bundle["entry"][0]["fullUrl"],
        json!(format!("urn:uuid:{}", report["id"].as_str().expect("an id")))
    );
    assert_eq!(report["measure"], "urn:evensum:indicator:rtt_over_52_weeks|1");
    assert_eq!(report["period"], json!({ "start": "2026-10-01", "end": "2026-10-31" }));
    assert_eq!(
        report["reporter"]["identifier"],
        json!({
            "system": "https://fhir.nhs.uk/Id/ods-organization-code",
            "value": "QZ1"
        })
    );
    let handling = extension(report, HANDLING).expect("an extension");
    assert!(handling["valueString"].as_str().expect("text").contains("not for publication"));
    let said = report["text"]["div"].as_str().expect("text");
    assert!(said.contains("Disclosure policy: nhs75m") && said.contains("dsa-eastfold-1"));
    assert!(said.contains("Northmere Community Health (RDZ): too late"));
}

#[test]
fn a_range_is_no_count_and_one_release_is() {
    let total = |answer: &Answer| valid(&[answer])["entry"][0]["resource"]["group"][0].clone();
    let group = total(&undivided());
    let count = &group["population"][0];
    assert_eq!((count.get("count"), group.get("measureScore")), (None, None));
    let range = extension(&count["_count"], COUNT_RANGE).expect("a range");
    assert_eq!(range["valueRange"], json!({ "low": { "value": 2707 }, "high": { "value": 2715 } }));
    let score = &extension(&group, SCORE_RANGE).expect("a range")["valueRange"]["low"];
    assert_eq!(score["value"], 3.8936);
    assert_eq!(
        (score["unit"].as_str(), score["code"].as_str()),
        (Some("% of incomplete pathways"), Some("%"))
    );
    assert!(extension(&group, SCORE_LIMITS).is_some());
    let group = total(&published(undivided()));
    assert_eq!(group["population"][0]["count"], 2710);
    assert_eq!(group["measureScore"]["value"], 3.9);
    assert!(extension(&group, SCORE_RANGE).is_none());
}

#[test]
fn what_is_hidden_is_masked_and_has_no_count() {
    let text = bundle(&export(&[&all_hidden()])).expect("a bundle");
    assert!(!text.contains("\"count\"") && !text.contains("measureScore"));
    let bundle = valid(&[&gaps()]);
    let strata = &bundle["entry"][0]["resource"]["group"][0]["stratifier"][0]["stratum"];
    let reason = |at: usize| {
        let count = &strata[at]["population"][0]["_count"];
        extension(count, ABSENT).map(|e| e["valueCode"].as_str().expect("a code").to_owned())
    };
    assert_eq!(reason(0).as_deref(), Some("not-applicable"));
    assert_eq!(reason(1).as_deref(), Some("unknown"));
    assert_eq!(reason(2).as_deref(), Some("masked"));
    assert_eq!(reason(3), None);
    let range = extension(&strata[2]["population"][0]["_count"], COUNT_RANGE).expect("a range");
    assert_eq!(range["valueRange"], json!({ "high": { "value": 7 } }));
}

#[test]
fn two_axes_make_components_and_percentiles_groups() {
    let bundle = valid(&[&crossed()]);
    let group = &bundle["entry"][0]["resource"]["group"][0];
    let stratifiers = group["stratifier"].as_array().expect("a list");
    let sizes: Vec<_> =
        stratifiers.iter().map(|s| s["stratum"].as_array().expect("a list").len()).collect();
    assert_eq!(sizes, [8, 8, 64]);
    assert_eq!(stratifiers[2]["stratum"][0]["component"].as_array().map(Vec::len), Some(2));
    assert!(stratifiers[0]["stratum"][0]["value"]["text"].is_string());
    let bundle = valid(&[&percentiles()]);
    let names: Vec<_> = bundle["entry"][0]["resource"]["group"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|g| g["code"]["text"].as_str().expect("text").to_owned())
        .collect();
    assert_eq!(names, ["Median", "92nd percentile"]);
}

/// What is changed in a bundle, and what is said of it then.
#[test]
fn broken_bundles_are_refused() {
    let good = valid(&[&published(crossed())]);
    let report = "/entry/0/resource";
    let breaks: [(&str, &str, Value, &str); 20] = [
        ("", "type", json!("colection"), "is none of"),
        ("", "timestamp", json!("2026-11-21 10:05:03"), "no instant"),
        ("", "id", json!("a b"), "no id"),
        ("", "id", json!("x".repeat(65)), "no id"),
        ("", "entry", json!([]), "an empty list"),
        ("/entry/0", "fullUrl", json!("urn:uuid:1"), "no UUID"),
        (report, "status", json!("final"), "is none of"),
        (report, "status", Value::Null, "is none of"),
        (report, "measure", json!("rtt over 52"), "no URI"),
        (report, "period", json!({}), "an empty one"),
        (report, "period", json!({ "start": "2026-11-01", "end": "2026-10-31" }), "per-1"),
        (report, "period", json!({ "start": "2026-13-01" }), "no dateTime"),
        (report, "reporter", json!("QZ1"), "no object"),
        (report, "verdict", json!("good"), "no such element"),
        (report, "text", json!({ "status": "generated", "div": "<div>x</div>" }), "no XHTML"),
        (
            "/entry/0/resource/group/0/population/0",
            "count",
            json!(-3_000_000_000_i64),
            "no integer",
        ),
        ("/entry/0/resource/group/0/population/0", "count", json!("12"), "no integer"),
        (
            "/entry/0/resource/group/0/population/0/code/coding/0",
            "code",
            json!("numerators"),
            "is none of",
        ),
        (
            "/entry/0/resource/group/0/stratifier/2/stratum/0",
            "value",
            json!({ "text": "x" }),
            "mrp-2",
        ),
        ("/entry/0/resource/group/0/measureScore", "system", Value::Null, "no URI"),
    ];
    for (place, name, value, said) in breaks {
        let mut bundle = good.clone();
        bundle.pointer_mut(place).expect("a place")[name] = value;
        let found = faults(&bundle);
        assert!(found.iter().any(|f| f.contains(said)), "{place} {name}: {found:?}");
    }
    for (place, name) in
        [(report, "measure"), (report, "period"), (report, "type"), ("/entry/0", "resource")]
    {
        let mut bundle = good.clone();
        bundle.pointer_mut(place).and_then(Value::as_object_mut).expect("an object").remove(name);
        assert!(faults(&bundle).iter().any(|f| f.contains("is not there")), "{place} {name}");
    }
    let mut twice = good.clone();
    let entry = twice["entry"][0].clone();
    twice["entry"].as_array_mut().expect("a list").push(entry);
    assert!(faults(&twice).iter().any(|f| f.contains("bdl-7")));
}
