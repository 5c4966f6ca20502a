//! Every format over answers made by hand: hidden cells, two axes, rates, percentiles, nothing answered, and labels
//! that a spreadsheet would take for formulas.

mod cml;
mod fhir;
mod fingertips;
mod parquet;
mod rows;
mod validator;
mod xlsx;

use evensum_core::catalogue::IndicatorKind;
use evensum_core::disclosure::{FigureBounds, FigureGap};
use evensum_core::model::{
    AgreementId, CellState, ColumnId, FederationId, Handling, ImdEdition, IndicatorId, PurposeId,
    Timestamp,
};
use evensum_core::view::Answer;

use super::{About, Area, Export, Unanswered};
use crate::present::fixture::{self, bare, by_quintile, cell, crossed, ods, side};
use crate::present::rate::tests::rated;

/// A label that a spreadsheet would run.
pub(super) const FORMULA: &str = "=cmd|' /C calc'!A0";

pub(super) fn about() -> About {
    About {
        federation: FederationId::new("eastfold.example").expect("id"),
        agreement: AgreementId::new("dsa-eastfold-1").expect("id"),
        agreement_version: 3,
        purpose: PurposeId::new("statutory_reporting").expect("id"),
        handling: Handling::Internal,
        reporter: Some((ods("QZ1"), "NHS Eastfold ICB".to_owned())),
        area: Area { code: "QZ1".into(), name: "NHS Eastfold ICB".into(), kind: "ICB" },
        tool: "evensum 0.1.0".to_owned(),
        made_on: Timestamp::from_unix(1_795_255_503),
    }
}

/// Answers, and a question that has none.
pub(super) fn export(answers: &[&Answer]) -> Export {
    let unanswered = Unanswered {
        indicator: IndicatorId::new("rtt_over_18_weeks").expect("id"),
        period: "2026-10".parse().expect("period"),
        why: "withheld".to_owned(),
    };
    Export::new(about(), answers, vec![unanswered])
}

/// The same of several partners, as one release: every shown count with the figure that was published.
pub(super) fn published(mut answer: Answer) -> Answer {
    for cell in &mut answer.cells {
        for side in [&mut cell.numerator, &mut cell.denominator] {
            if side.state == CellState::Value {
                side.published = side.bounds.high.map(|high| (side.bounds.low + high) / 10 * 5);
            }
        }
    }
    answer
}

/// Nothing of it is shown.
pub(super) fn all_hidden() -> Answer {
    let mut answer = by_quintile();
    for cell in &mut answer.cells {
        let hidden = side(CellState::Suppressed, 0, Some(14));
        *cell = fixture::cell(cell.at.clone(), hidden, hidden);
    }
    answer
}

/// No partner answered.
pub(super) fn nothing() -> Answer {
    bare(&["imd.quintile", "sex"])
}

/// Counts that cannot be, and counts that nobody has.
pub(super) fn gaps() -> Answer {
    let mut answer = by_quintile();
    let of = answer.cells[0].denominator;
    answer.cells[0] = cell(vec![0], side(CellState::StructuralZero, 0, Some(0)), of);
    answer.cells[1] = cell(vec![1], side(CellState::NotCollected, 0, None), of);
    answer.cells[2] = cell(vec![2], side(CellState::Small, 0, Some(7)), of);
    answer.cells[3] = cell(vec![3], side(CellState::Value, 12, None), of);
    answer
}

/// The median and the 92nd percentile, with every reason why there is none.
pub(super) fn percentiles() -> Answer {
    let mut answer = by_quintile();
    answer.indicator.id = IndicatorId::new("rtt_wait").expect("id");
    answer.indicator.name = "Weeks waited".to_owned();
    answer.indicator.unit = "weeks".to_owned();
    let measure = ColumnId::new("weeks_waited").expect("id");
    answer.indicator.kind = IndicatorKind::Quantile { measure, at: vec![50, 92] };
    let known = |low, high, published| -> Result<_, FigureGap> {
        Ok(FigureBounds { low, high, published })
    };
    for cell in &mut answer.cells {
        cell.proportion = None;
        cell.figures = vec![known(11.0, Some(13.0), None), known(41.0, Some(46.0), None)];
    }
    answer.cells[0].figures = vec![known(12.0, Some(12.0), Some(12.0)), known(104.0, None, None)];
    answer.cells[5].figures = vec![Err(FigureGap::Withheld), Err(FigureGap::PartWithheld)];
    answer.cells[6].figures = vec![Err(FigureGap::MostlyWithheld), Err(FigureGap::Nobody)];
    answer
}

/// A rate over 200,000 residents in each fifth.
pub(super) fn rates() -> Answer {
    rated(by_quintile(), ImdEdition::Imd2025, 990)
}

/// The same where the population is by another edition of the deprivation index.
pub(super) fn no_rates() -> Answer {
    rated(by_quintile(), ImdEdition::Imd2019, 990)
}

/// Two axes, of which one has a label that is a formula; so do the indicator's name and a partner's.
pub(super) fn hostile() -> Answer {
    let mut answer = crossed();
    answer.axes[1].categories[0].label = FORMULA.to_owned();
    answer.axes[1].name = "+Ethnic group".to_owned();
    answer.indicator.name = FORMULA.to_owned();
    answer.indicator.unit = "@SUM(A1)".to_owned();
    answer.coverage[0].name = "-1+1".to_owned();
    answer.caveats.push(FORMULA.to_owned());
    answer
}
