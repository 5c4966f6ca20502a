//! Counts are shown as counts, and people are not "of people".

use evensum_core::catalogue::{IndicatorKind, Population};
use evensum_core::view::Answer;

use super::super::headline;
use super::*;

/// An answer of another kind, as it is assembled: without shares.
fn of_kind(kind: IndicatorKind) -> Answer {
    let mut answer = by_quintile();
    answer.indicator.kind = kind;
    answer.indicator.unit = "pathways".to_owned();
    answer.cells.iter_mut().for_each(|cell| cell.proportion = None);
    answer
}

#[test]
fn counts_are_shown_and_no_share_is_made_of_them() {
    let rate = IndicatorKind::Rate {
        per: 100_000,
        population: Population::Resident,
        standardised: false,
        ages: None,
    };
    for (kind, name) in [(IndicatorKind::Count, "count"), (rate, "rate")] {
        let answer = of_kind(kind);
        let table = table::answer(&answer, Width::new(120), UNICODE);
        let bars = chart::bars(&answer, hundred(), UNICODE);
        for text in [&table, &bars] {
            assert!(text.contains("Figures are counts"), "{text}");
            assert!(!text.contains("Share") && !text.contains("95 %"), "{text}");
            assert!(!text.contains('█') && !text.contains("not known"), "{text}");
        }
        let json: serde_json::Value =
            serde_json::from_str(&json::to_string_pretty(&answer)).expect("JSON");
        assert_eq!(json["indicator"]["kind"], name);
        let cells = json["cells"].as_array().expect("cells");
        assert!(cells.iter().all(|cell| cell["proportion"].is_null() && cell["lower95"].is_null()));
        assert!(cells.iter().any(|cell| cell["numerator"]["low"].as_u64() > Some(0)));
        let line = headline::sentence(&answer);
        assert!(!line.contains('%') && !line.contains("deprived"), "{line}");
        assert!(line.ends_with("pathways wait over 52 weeks."), "{line}");
    }
}

#[test]
fn a_withheld_count_is_not_told_in_the_headline() {
    let mut answer = of_kind(IndicatorKind::Count);
    for cell in &mut answer.cells {
        cell.numerator = side(CellState::Suppressed, 0, Some(14));
    }
    assert_eq!(headline::sentence(&answer), "Too much is withheld to say anything of the total.");
}

#[test]
fn people_are_not_said_to_be_of_people() {
    let mut answer = by_quintile();
    assert!(headline::sentence(&answer).contains("pathways of people in the most deprived fifth"));
    answer.indicator.people = true;
    answer.indicator.counted = "people with asthma".to_owned();
    let line = headline::sentence(&answer);
    assert!(line.contains("of people with asthma in the most deprived fifth"), "{line}");
}
