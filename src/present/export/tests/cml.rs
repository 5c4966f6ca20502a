//! The tables of the Central Metrics Library, by what its own validation looks at.

use std::collections::{BTreeMap, BTreeSet};

use super::super::ExportError;
use super::super::cml::{METADATA, METRIC, Texts, texts};
use super::*;
use crate::present::fixture::undivided;

type Line = BTreeMap<String, String>;

fn lines(text: &str) -> (Vec<String>, Vec<Line>) {
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().expect("a header").iter().map(str::to_owned).collect();
    (header, reader.deserialize().collect::<Result<_, _>>().expect("lines"))
}

fn of(answers: &[&Answer]) -> Texts {
    texts(&export(answers)).expect("texts")
}

/// The checks of the library, over all three tables.
fn valid(answers: &[&Answer]) -> (Vec<Line>, Vec<Line>, Vec<Line>) {
    let Texts { metric, dimensions, metadata } = of(answers);
    let ((header, figures), (groups_header, groups), (metadata_header, metrics)) =
        (lines(&metric), lines(&dimensions), lines(&metadata));
    assert_eq!(header, METRIC);
    assert_eq!(&groups_header[..3], ["dimension_id", "dimension_type_id", "dimension_count"]);
    assert!(groups_header.len() > 3);
    assert_eq!(metadata_header, METADATA);
    let mut points = BTreeSet::new();
    for line in &figures {
        let parts = [
            "metric_id",
            "dimension_id",
            "reporting_grain",
            "location_id",
            "reporting_period_start_datetime",
        ];
        let parts: Vec<&str> = parts.iter().map(|part| line[*part].as_str()).collect();
        assert_eq!(line["datapoint_id"], parts.join("_"));
        assert!(points.insert(line["datapoint_id"].clone()), "twice: {line:?}");
        assert!(line["metric_value"].parse::<f64>().expect("a number").is_finite());
        assert!(["monthly", "quarterly"].contains(&line["reporting_grain"].as_str()));
        assert!(groups.iter().any(|g| g["dimension_id"] == line["dimension_id"]));
        assert!(metrics.iter().any(|m| m["metric_id"] == line["metric_id"]));
        serde_json::from_str::<serde_json::Value>(&line["additional_metric_values"]).expect("JSON");
    }
    let ids: BTreeSet<_> = groups.iter().map(|g| g["dimension_id"].clone()).collect();
    assert_eq!(ids.len(), groups.len());
    for line in &groups {
        let kind = &line["dimension_type_id"];
        let named: Vec<&str> = if kind == "total" { Vec::new() } else { kind.split('&').collect() };
        assert_eq!(line["dimension_count"], named.len().to_string());
        for (level, value) in line.iter().filter(|(name, _)| !name.starts_with("dimension_")) {
            assert_eq!(*value == format!("all_{level}"), !named.contains(&level.as_str()));
        }
    }
    metrics.iter().for_each(described);
    (figures, groups, metrics)
}

/// The checks of a metric's own line.
fn described(line: &Line) {
    let family = &line["metric_family_id"];
    let letters = family.chars().take_while(char::is_ascii_uppercase).count();
    let digits = family.chars().skip(letters).filter(char::is_ascii_digit).count();
    assert!(
        (2..=4).contains(&letters) && digits == 5 && letters + digits == family.len(),
        "{family}"
    );
    let suffix = if line["metric_status"] == "Actual" { "act" } else { "est" };
    assert_eq!(line["metric_id"], format!("{family}_{suffix}"));
    assert_eq!(line["statistical_disclosure_control_flag"], "Y");
    assert!(line["statistical_disclosure_control_description"].contains("hidden up to 7, base 5"));
    assert!(line["metric_title"].chars().count() <= 160);
    for name in [
        "metric_state",
        "metric_start_date",
        "available_metric_category",
        "available_location_types",
        "business_area",
        "business_sub_area",
        "numerator_source_name",
        "denominator_source_name",
        "metric_owner",
        "metric_description",
        "metric_purpose",
        "unit",
        "format",
        "frequency_of_refresh",
        "aggregation",
    ] {
        assert!(!line[name].is_empty(), "{name}");
    }
}

#[test]
fn hidden_rows_are_left_out() {
    let (figures, groups, metrics) = valid(&[&all_hidden()]);
    assert_eq!((figures.len(), groups.len(), metrics.len()), (0, 0, 0));
    valid(&[&nothing()]);
    valid(&[&rates()]);
    // Three of nine have no number, and those whose parts are not published are hidden too.
    let (figures, _, _) = valid(&[&gaps()]);
    let shown =
        export(&[&gaps()]).tables()[0].rows.iter().filter(|r| r.value.mark.is_none()).count();
    assert_eq!(figures.len(), shown);
    assert!(shown < 7 && shown > 1, "{shown}");
}

#[test]
fn a_range_is_an_estimate_and_a_release_an_actual() {
    let (figures, _, metrics) = valid(&[&undivided()]);
    assert!(figures[0]["metric_id"].ends_with("_est"));
    assert_eq!(figures[0]["metric_value"], "3.8996");
    assert!(figures[0]["additional_metric_values"].contains("\"numerator_low\":2707"));
    assert!(metrics[0]["calculation"].contains("middle"));
    let (figures, _, metrics) = valid(&[&published(undivided())]);
    assert!(figures[0]["metric_id"].ends_with("_act"));
    assert_eq!(figures[0]["metric_value"], "3.9");
    assert!(metrics[0]["footnotes"].contains("local"));
    assert!(metrics[0]["usage"].contains("not for publication"));
}

#[test]
fn ids_follow_from_what_they_are_of() {
    let (alone, groups, _) = valid(&[&by_quintile()]);
    let total = groups.iter().find(|g| g["dimension_type_id"] == "total").expect("a total");
    // Python: hashlib.md5(b"__ALL__").hexdigest()
    assert_eq!(total["dimension_id"], "ae8ddb22a93f90bbe46b346a5c45e080");
    let most = groups.iter().find(|g| g["imd_quintile"] == "1 – most deprived");
    // Python: hashlib.md5("imd_quintile=1 – most deprived".encode()).hexdigest()
    assert_eq!(most.expect("a group")["dimension_id"], "1c2386b43388a97e532535de46b4852f");
    // The same whatever else is in the file.
    let (together, _, _) = valid(&[&crossed(), &percentiles(), &by_quintile()]);
    let of = |lines: &[Line]| -> BTreeSet<String> {
        lines.iter().map(|l| l["datapoint_id"].clone()).collect()
    };
    assert!(of(&alone).is_subset(&of(&together)));
}

#[test]
fn a_financial_year_is_refused_and_a_quarter_is_not() {
    let mut answer = undivided();
    answer.period = "2026-27Q2".parse().expect("a period");
    assert_eq!(valid(&[&answer]).0[0]["reporting_period_start_datetime"], "2026-07-01T00:00:00Z");
    answer.period = "2026-27".parse().expect("a period");
    let refused = texts(&export(&[&answer])).expect_err("refused");
    assert!(matches!(refused, ExportError::Grain(_)));
    assert!(refused.to_string().contains("by months"), "{refused}");
}

#[test]
fn no_field_is_a_formula() {
    let (figures, groups, metrics) = valid(&[&hostile()]);
    for (name, field) in figures.iter().chain(&groups).chain(&metrics).flatten() {
        assert!(!field.starts_with(['=', '+', '-', '@']), "{name}: {field}");
    }
    assert!(groups.iter().any(|g| g["ethnicity_group"] == format!("'{FORMULA}")));
}
