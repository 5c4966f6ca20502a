//! One row for each cell and figure, and nothing hidden in a number.

use proptest::prelude::*;

use super::super::{Known, Mark, Row};
use super::*;
use crate::present::fixture::undivided;

fn row<'a>(export: &'a Export, at: &[&str]) -> &'a Row {
    let mut rows = export.tables()[0].rows.iter();
    rows.find(|r| r.at.iter().map(|p| p.category.as_str()).eq(at.iter().copied())).expect("a row")
}

#[test]
fn a_range_has_both_ends_and_no_published_figure() {
    let export = export(&[&crossed()]);
    assert_eq!(export.tables()[0].rows.len(), 81);
    let total = row(&export, &["all", "all"]);
    assert_eq!((total.numerator.low, total.numerator.high), (Some(2707), Some(2715)));
    assert_eq!(total.value.published, None);
    assert_eq!(total.value.mark, None);
    // 2707 / 69524 and 2715 / 69516, in per cent.
    assert_eq!((total.value.low, total.value.high), (Some(3.8936), Some(3.9056)));
    assert_eq!(total.decimals, 1);
    assert!(total.lower95 < total.value.low && total.upper95 > total.value.high);
}

#[test]
fn one_release_has_its_published_figure() {
    let export = export(&[&published(undivided())]);
    let total = row(&export, &[]);
    assert_eq!(total.numerator.published, Some(2710));
    assert_eq!(total.denominator.published, Some(69_520));
    assert_eq!((total.value.published, total.published()), (Some(3.8982), Some(3.9)));
}

#[test]
fn what_is_hidden_has_a_mark_and_no_zero() {
    let export = export(&[&gaps()]);
    let of = |category: &str| row(&export, &[category]);
    assert_eq!(of("q1").value, Known::nothing(Mark::NotApplicable));
    assert_eq!(of("q1").numerator, Known::nothing(Mark::NotApplicable));
    assert_eq!(of("q2").numerator, Known::nothing(Mark::NotAvailable));
    let small = of("q3");
    assert_eq!((small.numerator.low, small.numerator.high), (None, Some(7)));
    assert_eq!(small.numerator.mark, Some(Mark::Confidential));
    assert_eq!((small.value.low, small.lower95), (None, None));
    assert_eq!(small.words, "fewer than 8");
    let unbounded = of("q4");
    assert_eq!((unbounded.numerator.low, unbounded.numerator.high), (Some(12), None));
    assert_eq!(unbounded.numerator.mark, None);
}

#[test]
fn each_percentile_is_a_row_with_its_own_reason() {
    let export = export(&[&percentiles()]);
    let table = &export.tables()[0];
    assert_eq!(
        table.figures.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(),
        ["Median", "92nd percentile"]
    );
    assert_eq!(table.rows.len(), 18);
    assert_eq!(table.rows[0].value.published, Some(12.0));
    assert_eq!((table.rows[1].value.low, table.rows[1].value.high), (Some(104.0), None));
    let marks: Vec<_> = table.rows[10..14].iter().map(|r| r.value.mark).collect();
    assert_eq!(
        marks,
        [
            Some(Mark::Confidential),
            Some(Mark::NotAvailable),
            Some(Mark::NotAvailable),
            Some(Mark::NotApplicable)
        ]
    );
}

#[test]
fn a_rate_has_its_population_and_without_one_is_a_count() {
    let rated = export(&[&rates()]);
    let (figure, most) = (&rated.tables()[0].figures[0], row(&rated, &["q1"]));
    assert_eq!((figure.name.as_str(), figure.per), ("Rate", Some(100_000)));
    // 999 to 1,007 of 200,000.
    assert_eq!((most.numerator.low, most.numerator.high), (Some(999), Some(1007)));
    assert_eq!((most.value.low, most.value.high), (Some(499.5), Some(503.5)));
    assert_eq!(most.population, Some(200_000));
    // Nobody knows how many people have no known deprivation: no rate of theirs can be worked out.
    let unknown = row(&rated, &["unknown"]);
    assert_eq!((unknown.value.mark, unknown.population), (Some(Mark::NotAvailable), None));
    assert_eq!(unknown.numerator.mark, None);
    let counted = export(&[&no_rates()]);
    let (table, most) = (&counted.tables()[0], row(&counted, &["q1"]));
    assert_eq!((table.figures[0].name.as_str(), most.value.low), ("Count", Some(999.0)));
    assert!(
        table.beside.iter().any(|line| line.starts_with("No rate is shown")),
        "{:?}",
        table.beside
    );
}

#[test]
fn an_agreement_says_who_reports_of_which_area() {
    let text = format!(
        "id = \"dsa\"\nversion = 2\nfederation = \"icb.example\"\nresidence_scope = [\"QZ1\", \"QZ2\"]\nfrom = \"2026-01-01\"\nuntil = \"2027-12-31\"\n\
         purposes = [\"planning\"]\nindicators = []\ndimensions = []\nmax_dimensions = 2\nprofile = \"nhs75m\"\nanalysts = []\nhandling = \"publishable\"\n\
         [[parties]]\nods = \"QZ1\"\nname = \"NHS Eastfold ICB\"\nrole = \"coordinator\"\nanswer_key = \"{0}\"\nledger_key = \"{0}\"\n",
        "ed25519:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"
    );
    let agreement = evensum_core::model::Agreement::parse(&text).expect("an agreement");
    let purpose = PurposeId::new("planning").expect("id");
    let about = About::new(&agreement, purpose, "evensum 0.1.0", Timestamp::from_unix(0));
    assert_eq!(about.handling, Handling::Publishable);
    assert_eq!(about.reporter, Some((ods("QZ1"), "NHS Eastfold ICB".to_owned())));
    assert_eq!(
        about.area,
        Area {
            code: "QZ1-QZ2".to_owned(),
            name: "NHS Eastfold ICB and QZ2".to_owned(),
            kind: "ICBs"
        }
    );
}

fn states() -> impl Strategy<Value = CellState> {
    prop::sample::select(vec![
        CellState::Value,
        CellState::Small,
        CellState::Suppressed,
        CellState::StructuralZero,
        CellState::Refused,
        CellState::NotCollected,
    ])
}

proptest! {
    /// Whatever the cells are: every row has a number or a mark, no hidden number is zero, and all are numbers.
    #[test]
    fn no_row_is_blank_and_no_hidden_one_is_zero(
        cells in prop::collection::vec((states(), 0_u64..50, 0_u64..50, states(), 0_u64..900, 0_u64..90), 9)
    ) {
        let mut answer = by_quintile();
        for (i, (above, low, more, below, of, wide)) in cells.into_iter().enumerate() {
            let above = side(above, low, Some(low + more));
            answer.cells[i] = cell(vec![i], above, side(below, of, Some(of + wide)));
        }
        let export = export(&[&answer]);
        for row in &export.tables()[0].rows {
            for count in [row.numerator, row.denominator] {
                prop_assert!(count.mark.is_some() || count.low.is_some());
                prop_assert!(count.mark.is_none() || (count.low != Some(0) && count.high != Some(0) && count.published.is_none()));
            }
            prop_assert!(row.value.mark.is_some() || row.value.ends().is_some());
            if row.numerator.mark.is_some() {
                prop_assert!(row.value.mark.is_some() && row.value.low != Some(0.0) && row.value.high != Some(0.0));
            }
            let all = [row.value.low, row.value.high, row.value.published, row.lower95, row.upper95];
            prop_assert!(all.into_iter().flatten().all(f64::is_finite));
        }
    }
}
