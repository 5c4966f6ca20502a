//! From an answer to a table of rows: the one place where an answer is walked.

use evensum_core::catalogue::IndicatorKind;
use evensum_core::disclosure::{FigureBounds, FigureGap, Side};
use evensum_core::model::CellState;
use evensum_core::view::{Answer, Cell, Coverage, CoverageStatus, rung_text};

use super::{Axis, COUNT, Figure, Known, Mark, Partner, Place, Row, Table};
use crate::present::csv::guarded;
use crate::present::json::rounded;
use crate::present::number::Places;
use crate::present::words::{self, clean, hidden};
use crate::present::{figure, headline, rate};

/// Text of others: nothing that moves a cursor, and nothing that a spreadsheet takes for a formula.
fn text(other: &str) -> String {
    guarded(&clean(other))
}

/// An answer as a table.
pub(super) fn table(answer: &Answer) -> Table {
    let indicator = &answer.indicator;
    let figures = figures(answer);
    let rows = answer.cells.iter().flat_map(|cell| rows(answer, cell)).collect();
    Table {
        indicator: indicator.id.clone(),
        version: indicator.version,
        name: text(&indicator.name),
        unit: text(&indicator.unit),
        kind: indicator.kind.as_str(),
        above: text(&indicator.numerator),
        counted: text(&indicator.counted),
        period: answer.period,
        scope: answer.scope.as_ref().map(|s| text(&format!("{}={}", s.level, s.category))),
        axes: answer
            .axes
            .iter()
            .map(|axis| Axis {
                dimension: axis.dimension.clone(),
                level: axis.level.clone(),
                name: text(&axis.name),
            })
            .collect(),
        figures,
        rows,
        title: text(&headline::title(answer)),
        finding: text(&headline::sentence(answer)),
        view: answer.view.as_str(),
        query: answer.query_id,
        policy: answer.policy,
        rung: answer.rung.clone(),
        asked: answer.asked.as_ref().map(|asked| rung_text(&asked.levels)),
        imd_edition: answer.imd_edition,
        partners: answer.coverage.iter().map(partner).collect(),
        caveats: answer.caveats.iter().map(|c| text(c)).collect(),
        beside: beside(answer),
    }
}

fn partner(line: &Coverage) -> Partner {
    let missing = !matches!(line.status, CoverageStatus::Answered | CoverageStatus::NoData);
    Partner {
        ods: line.ods.clone(),
        name: text(&line.name),
        answered: line.status == CoverageStatus::Answered,
        missing,
        said: text(&words::coverage(line)),
        as_of: line.as_of,
        standing: line.version.map(words::version),
        policy: line.policy,
    }
}

/// What the analyst's own reference data add, a line each.
fn beside(answer: &Answer) -> Vec<String> {
    let notes = rate::notes(answer).into_iter().chain(rate::published(answer));
    notes.chain(figure::notes(answer)).map(|line| text(&line)).collect()
}

/// The figures of an answer. A rate without a population is a count.
fn figures(answer: &Answer) -> Vec<Figure> {
    let unit = text(&answer.indicator.unit);
    let counts = || text(&answer.indicator.counted);
    let named = |name: String, unit: String| Figure { name, unit, per: None };
    match &answer.indicator.kind {
        IndicatorKind::Proportion => vec![named("Share".to_owned(), unit)],
        IndicatorKind::Count => vec![named(COUNT.to_owned(), counts())],
        IndicatorKind::Rate { .. } => match &answer.beside.rates {
            Some(Ok(rates)) => {
                vec![Figure { name: "Rate".to_owned(), unit, per: Some(rates.per) }]
            }
            _ => vec![named(COUNT.to_owned(), counts())],
        },
        IndicatorKind::Mean { .. } => vec![named("Mean".to_owned(), unit)],
        IndicatorKind::Ratio { .. } => vec![named("Ratio".to_owned(), unit)],
        IndicatorKind::Quantile { at, .. } => {
            let name = |at: &u8| words::opening(&figure::percentile(*at));
            at.iter().map(|at| named(name(at), unit.clone())).collect()
        }
    }
}

/// The figures of a cell with what a row says of it.
struct Found {
    value: Known<f64>,
    limits: Option<(f64, Option<f64>)>,
    population: Option<u64>,
    decimals: u8,
}

impl Found {
    const fn bare(value: Known<f64>, decimals: u8) -> Self {
        Self { value, limits: None, population: None, decimals }
    }
}

fn rows(answer: &Answer, cell: &Cell) -> Vec<Row> {
    let at: Vec<Place> = answer
        .axes
        .iter()
        .zip(&cell.at)
        .filter_map(|(axis, &position)| axis.categories.get(position))
        .map(|c| Place { category: c.id.clone(), label: text(&c.label) })
        .collect();
    let state = cell.numerator.state;
    let (numerator, denominator) = (count(&cell.numerator), count(&cell.denominator));
    found(answer, cell)
        .into_iter()
        .enumerate()
        .map(|(figure, Found { value, limits, population, decimals })| Row {
            at: at.clone(),
            figure,
            state,
            numerator,
            denominator,
            value,
            lower95: limits.and_then(|(lower, _)| told(lower, value.mark)),
            upper95: limits.and_then(|(_, upper)| upper).and_then(finite),
            population,
            decimals,
            words: words::count(&cell.numerator),
        })
        .collect()
}

fn found(answer: &Answer, cell: &Cell) -> Vec<Found> {
    match &answer.indicator.kind {
        IndicatorKind::Proportion => vec![share(cell)],
        IndicatorKind::Count => vec![Found::bare(counted(&cell.numerator), 0)],
        IndicatorKind::Rate { .. } => vec![match &answer.beside.rates {
            Some(Ok(_)) => rate_of(answer, cell),
            _ => Found::bare(counted(&cell.numerator), 0),
        }],
        IndicatorKind::Mean { .. }
        | IndicatorKind::Quantile { .. }
        | IndicatorKind::Ratio { .. } => {
            cell.figures.iter().map(|said| Found::bare(measured(said), 1)).collect()
        }
    }
}

/// Why a count is no number.
const fn mark(state: CellState) -> Option<Mark> {
    match state {
        CellState::Value => None,
        CellState::Small | CellState::Suppressed | CellState::Refused => Some(Mark::Confidential),
        CellState::StructuralZero => Some(Mark::NotApplicable),
        CellState::NotCollected => Some(Mark::NotAvailable),
    }
}

/// A count, by the rules of the tidy CSV: of a hidden one an end that says no more than "none or more" is not there.
fn count(side: &Side) -> Known<u64> {
    let mark = mark(side.state);
    if !hidden(side.state) && mark.is_some() {
        return Known { mark, ..Known::nothing(Mark::NotAvailable) };
    }
    let said = |n: u64| n > 0 || mark.is_none();
    Known {
        low: Some(side.bounds.low).filter(|n| said(*n)),
        high: side.bounds.high.filter(|n| said(*n)),
        published: side.published.filter(|_| mark.is_none()),
        mark,
    }
}

/// A count as the figure.
fn counted(side: &Side) -> Known<f64> {
    let Known { low, high, published, mark } = count(side);
    Known { low: low.map(real), high: high.map(real), published: published.map(real), mark }
}

#[expect(clippy::cast_precision_loss, reason = "counts of people are far below 2^53")]
pub(super) fn real(n: u64) -> f64 {
    n as f64
}

fn finite(n: f64) -> Option<f64> {
    n.is_finite().then_some(n)
}

/// An end of what counts make; not there where one of them is hidden and may be none.
fn told(n: f64, mark: Option<Mark>) -> Option<f64> {
    finite(n).filter(|n| *n > 0.0 || mark.is_none())
}

/// A fraction in per cent, to the precision of the formats.
fn percent(fraction: f64) -> f64 {
    (rounded(fraction) * 1e6).round() / 1e4
}

fn share(cell: &Cell) -> Found {
    let decimals = u8::from(words::places(cell) == Places::Tenths);
    let of_sides = mark(cell.numerator.state).or(mark(cell.denominator.state));
    let Some(known) = cell.proportion.filter(|_| of_sides.is_none_or(|m| m == Mark::Confidential))
    else {
        return Found::bare(Known::nothing(of_sides.unwrap_or(Mark::NotAvailable)), decimals);
    };
    let published = cell.numerator.published.zip(cell.denominator.published);
    let published = published.filter(|(_, of)| *of > 0 && of_sides.is_none());
    let published = published.map(|(n, of)| percent(real(n) / real(of)));
    let value = Known {
        low: told(percent(known.low), of_sides),
        high: told(percent(known.high), of_sides),
        // Of counts that were rounded apart the part may be more than the whole.
        published: published.filter(|p| *p <= 100.0),
        mark: of_sides,
    };
    let limits = Some((percent(known.lower95), Some(percent(known.upper95))));
    Found { limits, ..Found::bare(value, decimals) }
}

fn rate_of(answer: &Answer, cell: &Cell) -> Found {
    let rates = answer.beside.rates.as_ref().and_then(|rates| rates.as_ref().ok());
    let own = rates.and_then(|rates| Some((rates.per, rates.at(&cell.at)?)));
    let of_count = mark(cell.numerator.state);
    let Some((per, own)) = own.filter(|_| of_count.is_none_or(|m| m == Mark::Confidential)) else {
        return Found::bare(Known::nothing(of_count.unwrap_or(Mark::NotAvailable)), 1);
    };
    let bounds = own.bounds;
    let value = Known {
        low: told(rounded(bounds.low), of_count),
        high: bounds.high.and_then(|high| told(rounded(high), of_count)),
        published: cell
            .numerator
            .published
            .filter(|_| of_count.is_none())
            .and_then(|n| finite(rounded(real(n) / real(own.people) * f64::from(per)))),
        mark: of_count,
    };
    let limits = Some((rounded(bounds.lower95), bounds.upper95.map(rounded)));
    Found { limits, population: Some(own.people), ..Found::bare(value, 1) }
}

/// A mean, a percentile or a ratio.
fn measured(said: &Result<FigureBounds, FigureGap>) -> Known<f64> {
    match said {
        Ok(FigureBounds { low, high, published }) => Known {
            low: finite(rounded(*low)),
            high: high.map(rounded).and_then(finite),
            published: published.map(rounded).and_then(finite),
            mark: None,
        },
        Err(FigureGap::Withheld) => Known::nothing(Mark::Confidential),
        Err(FigureGap::Nobody | FigureGap::NothingBelow) => Known::nothing(Mark::NotApplicable),
        Err(FigureGap::PartWithheld | FigureGap::MostlyWithheld) => {
            Known::nothing(Mark::NotAvailable)
        }
    }
}
