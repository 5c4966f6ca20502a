//! Counts are shown as counts, and people are not "of people".

use evensum_core::catalogue::{IndicatorKind, Population};
use evensum_core::disclosure::{FigureBounds, FigureGap};
use evensum_core::view::{Answer, ViewKind};

use super::super::{figure, headline};
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

/// An answer of a mean or of percentiles: the two ends apart, one group withheld, one only partly known.
fn measured(kind: IndicatorKind, unit: &str) -> Answer {
    let mut answer = of_kind(kind);
    answer.indicator.unit = unit.to_owned();
    answer.indicator.name = "Mean length of an emergency stay".to_owned();
    let number = answer.indicator.kind.percentiles().len().max(1);
    let last = answer.cells.len() - 1;
    for (at, cell) in answer.cells.iter_mut().enumerate() {
        let low = 10.25 - at as f64;
        let bounds = FigureBounds { low, high: Some(low + 0.5), published: None };
        let said = match at {
            1 => Err(FigureGap::Withheld),
            2 => Err(FigureGap::PartWithheld),
            3 => Ok(FigureBounds { high: None, ..bounds }),
            at if at == last => Ok(FigureBounds { published: Some(low + 0.25), ..bounds }),
            _ => Ok(bounds),
        };
        cell.figures = vec![said; number];
    }
    answer
}

#[test]
fn a_mean_is_shown_with_its_unit_and_what_is_not_known_with_the_reason() {
    let measure = evensum_core::model::ColumnId::new("length_of_stay").expect("id");
    let answer = measured(IndicatorKind::Mean { measure }, "days");
    let table = table::answer(&answer, Width::new(140), UNICODE);
    let flat = table.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "Mean length of an emergency stay: 10.2 to 10.8 days in the most deprived fifth, against",
        "Counted: pathways. Figures in days.",
        "Mean (days)",
        "about ",
        "over 7.",
        "A figure “withheld”: it would rest on too few",
        "A figure “not known”: a partner withheld its part",
    ] {
        assert!(flat.contains(said), "{said}: {table}");
    }
    assert!(!flat.contains('%'), "{table}");
    let bars = chart::bars(&answer, hundred(), UNICODE);
    assert!(bars.contains("Mean (days)") && bars.contains("│withheld"), "{bars}");
    let json: serde_json::Value =
        serde_json::from_str(&json::to_string_pretty(&answer)).expect("JSON");
    assert_eq!(json["figure"], serde_json::json!({"unit": "days", "kind": "mean", "at": []}));
    let cells = json["cells"].as_array().expect("cells");
    assert_eq!(
        cells[0]["figure"],
        serde_json::json!({"low": 10.25, "high": 10.75, "published": null})
    );
    assert_eq!(cells[1]["figure"]["missing"]["code"], "withheld");
    assert!(cells[1]["figure"]["low"].is_null() && cells[3]["figure"]["high"].is_null());
    assert!(cells[0]["figures"].is_null(), "one figure");
    let csv = csv::answer(&answer).expect("csv");
    let lines: Vec<&str> = csv.lines().collect();
    assert!(lines[0].ends_with(",figure_low,figure_high,figure_published,figure_missing"));
    assert!(lines[1].ends_with(",10.25,10.75,,") && lines[2].ends_with(",,,,withheld"), "{csv}");
}

#[test]
fn several_percentiles_stand_side_by_side() {
    let measure = evensum_core::model::ColumnId::new("weeks_waited").expect("id");
    let answer = measured(IndicatorKind::Quantile { measure, at: vec![50, 92] }, "weeks");
    let table = table::answer(&answer, Width::new(140), UNICODE);
    assert!(table.contains("Median (weeks)") && table.contains("92nd percentile"), "{table}");
    let json = json::answer(&answer);
    assert_eq!(json["figure"]["at"], serde_json::json!([50, 92]));
    assert_eq!(json["cells"][0]["figures"].as_array().map(Vec::len), Some(2));
    assert_eq!(json["cells"][0]["figures"][0], json["cells"][0]["figure"]);
    // Beside an answer of counts, whose fields are blank.
    let counts = of_kind(IndicatorKind::Count);
    let csv = csv::answers(&[&counts, &answer]).expect("csv");
    let lines: Vec<&str> = csv.lines().collect();
    assert!(lines[0].contains(",p50_low,p50_high,p50_published,p50_missing,p92_low"), "{csv}");
    assert!(lines[1].ends_with(",,,,,,,,") && !lines[counts.cells.len() + 1].ends_with(",,,,,,,,"));
    let fields = |line: &&str| line.matches(',').count();
    assert!(lines.iter().all(|line| fields(line) == fields(&lines[0])), "{csv}");
    assert_eq!(figure::percentile(93), "93rd percentile");
}

/// One's own figures that are not rounded say no "about", and nothing of rounding or hiding.
#[test]
fn a_figure_that_is_as_it_is_is_said_so() {
    let measure = evensum_core::model::ColumnId::new("length_of_stay").expect("id");
    let mut answer = measured(IndicatorKind::Mean { measure }, "days");
    (answer.policy, answer.view) = (None, ViewKind::Partner);
    for (value, said) in [(4.0 / 3.0, "1.3"), (10.5, "10.5"), (4.0, "4"), (0.0, "0")] {
        let exact = FigureBounds { low: value, high: Some(value), published: Some(value) };
        assert_eq!(figure::text(&Ok(exact)), said);
    }
    let table = table::answer(&answer, Width::new(140), UNICODE);
    assert!(table.contains("are as they are") && !table.contains("rounded to half"), "{table}");
}
