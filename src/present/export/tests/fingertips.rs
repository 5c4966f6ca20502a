//! Fingertips' columns, as a program that loads such files sees them.

use std::collections::BTreeMap;

use super::super::fingertips::{COLUMNS, SUPPRESSED, csv};
use super::*;
use crate::present::fixture::undivided;

/// Lines by the names of their columns.
fn lines(answers: &[&Answer]) -> Vec<BTreeMap<String, String>> {
    let text = csv(&export(answers)).expect("a text");
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    assert_eq!(reader.headers().expect("a header"), &COLUMNS[..]);
    let lines = reader.deserialize().collect::<Result<Vec<_>, _>>();
    lines.expect("lines")
}

#[test]
fn the_columns_are_in_the_order_of_the_downloads() {
    let text = csv(&export(&[])).expect("a text");
    assert_eq!(
        text,
        "Indicator ID,Indicator Name,Parent Code,Parent Name,Area Code,Area Name,Area Type,Sex,Age,Category Type,Category,\
         Time period,Value,Lower CI 95.0 limit,Upper CI 95.0 limit,Lower CI 99.8 limit,Upper CI 99.8 limit,Count,Denominator,\
         Value note,Recent Trend,Compared to England value or percentiles,Compared to percentiles,Time period Sortable,\
         New data,Compared to goal,Time period range\n"
    );
}

#[test]
fn a_hidden_value_is_blank_with_the_layouts_own_note() {
    for line in lines(&[&all_hidden()]) {
        for name in ["Value", "Count", "Denominator", "Lower CI 95.0 limit", "Upper CI 95.0 limit"]
        {
            assert_eq!(line[name], "", "{name}");
        }
        assert_eq!(line["Value note"], SUPPRESSED);
    }
    let lines = lines(&[&gaps()]);
    let notes: Vec<_> =
        lines[..4].iter().map(|l| (l["Value"].as_str(), l["Value note"].as_str())).collect();
    assert_eq!(notes[0], ("", "Value not applicable: it cannot occur"));
    assert_eq!(notes[1], ("", "Value not available"));
    assert_eq!(notes[2], ("", SUPPRESSED));
    assert!(notes[3].1.contains("of") && notes[3].1.starts_with("Value estimated"), "{notes:?}");
}

#[test]
fn deprivation_is_a_category_type_with_its_edition() {
    let lines = lines(&[&by_quintile()]);
    let most = &lines[0];
    assert_eq!(most["Category Type"], "LSOA21 deprivation quintiles in England (IMD2025)");
    assert!(most["Category"].ends_with("(IMD2025)"), "{}", most["Category"]);
    assert_eq!((most["Area Code"].as_str(), most["Area Type"].as_str()), ("QZ1", "ICB"));
    assert_eq!(
        (most["Time period"].as_str(), most["Time period Sortable"].as_str()),
        ("2026 Oct", "20260010")
    );
    assert_eq!(most["Time period range"], "1m");
    let all = &lines[8];
    assert_eq!((all["Category Type"].as_str(), all["Category"].as_str()), ("", ""));
    assert_eq!(all["Sex"], "Persons");
    // The middle of a range is said to be one.
    assert_eq!(all["Value"], "3.8996");
    assert_eq!(all["Count"], "");
    assert_eq!(
        all["Value note"],
        "Value estimated: the middle of 3.8936 to 3.9056; count 2707 to 2715 of 69516 to 69524"
    );
}

#[test]
fn one_release_has_value_and_count() {
    let line = &lines(&[&published(undivided())])[0];
    assert_eq!(
        ["Value", "Count", "Denominator", "Value note"].map(|name| line[name].as_str()),
        ["3.9", "2710", "69520", ""]
    );
    let percentiles = lines(&[&percentiles()]);
    assert_eq!(percentiles[0]["Indicator Name"], "Weeks waited, Median");
    assert_eq!(percentiles[0]["Value"], "12");
    assert_eq!(
        percentiles[1]["Value note"],
        "Value not available: at least 104, and nothing bounds it"
    );
}

#[test]
fn the_denominator_of_a_rate_is_its_population() {
    let most = &lines(&[&rates()])[0];
    assert_eq!((most["Value"].as_str(), most["Denominator"].as_str()), ("501.5", "200000"));
}

#[test]
fn no_field_is_a_formula() {
    for line in lines(&[&hostile()]) {
        for (name, field) in &line {
            assert!(!field.starts_with(['=', '+', '-', '@']), "{name}: {field}");
        }
        assert_eq!(line["Indicator Name"], format!("'{FORMULA}"));
    }
}
