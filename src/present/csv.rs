//! Tidy CSV: one line a cell, for spreadsheets and statistics programs.
//!
//! A hidden figure is never a zero: its state says that it is hidden, its `published` is blank, its `low` is
//! blank where no more is known than "none or more", and its `high` is blank where nothing bounds it.
//! `partners_missing` are those that were asked and are not in the figures; partners that hold no such data
//! stand in neither list. `rung` are the levels that a line is by, and `asked` those that were asked for.

use std::cmp::Reverse;

use evensum_core::disclosure::Side;
use evensum_core::model::{CategoryId, CellState, DimensionId};
use evensum_core::view::{Answer, Cell, CoverageStatus, rung_text};

use super::json::rounded;
use super::words::hidden;
use super::{figure, rate};

/// What stands in the column `policy` where partners' policies differ.
const MIXED: &str = "mixed";

/// Why there is no CSV.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// The library could not write to memory.
    #[error("the figures could not be written as CSV")]
    Write(#[from] ::csv::Error),
    /// The rows could not be put together.
    #[error("the figures could not be written as CSV")]
    Finish(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The answer as CSV in UTF-8, a header line first.
///
/// # Errors
/// [`CsvError`].
pub fn answer(answer: &Answer) -> Result<String, CsvError> {
    answers(&[answer])
}

/// Several answers as one CSV: the lines of each under one header line. A line of an answer that is not by a dimension
/// of another is that of everybody in it: `all`.
///
/// # Errors
/// [`CsvError`].
pub fn answers(answers: &[&Answer]) -> Result<String, CsvError> {
    // Columns of rates stand at the end, and only where somebody asked for a rate.
    let rated = answers.iter().any(|a| a.beside.rates.is_some());
    let dimensions = dimensions(answers);
    // So do those of means, percentiles and ratios, of whichever answers have any.
    let mut figures: Vec<String> = Vec::new();
    for column in answers.iter().flat_map(|a| figure::csv_columns(a)) {
        if !figures.contains(&column) {
            figures.push(column);
        }
    }
    let figures = &figures;
    let lines = answers.iter().flat_map(|a| {
        let dimensions = &dimensions;
        a.cells.iter().map(move |cell| {
            let rate = if rated { rate::fields(a, cell) } else { Vec::new() };
            let figure = figure::csv_fields(a, cell, figures);
            line(a, cell, dimensions).into_iter().chain(rate).chain(figure).collect()
        })
    });
    let last = if rated { rate::CSV.map(str::to_owned).to_vec() } else { Vec::new() };
    let last: Vec<String> = last.into_iter().chain(figures.iter().cloned()).collect();
    let first = answers.first().map(|_| header(&dimensions).into_iter().chain(last).collect());
    lines_of(first.into_iter().chain(lines))
}

/// The dimensions of all answers, in the order of the one that has most of them.
fn dimensions<'a>(answers: &[&'a Answer]) -> Vec<&'a DimensionId> {
    let mut longest_first: Vec<&Answer> = answers.to_vec();
    longest_first.sort_by_key(|answer| Reverse(answer.axes.len()));
    let mut found: Vec<&DimensionId> = Vec::new();
    for axis in longest_first.iter().flat_map(|answer| &answer.axes) {
        if !found.contains(&&axis.dimension) {
            found.push(&axis.dimension);
        }
    }
    found
}

/// Text that a spreadsheet would take for a formula, made plain text by an apostrophe in front of it.
#[must_use]
pub fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// Lines as CSV; every text field has passed [`guarded`].
pub(super) fn lines_of(lines: impl Iterator<Item = Vec<String>>) -> Result<String, CsvError> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    for line in lines {
        writer.write_record(line)?;
    }
    let bytes = writer.into_inner().map_err(|e| CsvError::Finish(e.into_error().into()))?;
    String::from_utf8(bytes).map_err(|e| CsvError::Finish(e.into()))
}

fn header(dimensions: &[&DimensionId]) -> Vec<String> {
    let dimensions = dimensions.iter().flat_map(|id| [id.to_string(), format!("{id}_label")]);
    let first = ["query_id", "indicator", "period", "scope"].map(str::to_owned);
    let last = [
        "state",
        "numerator_low",
        "numerator_high",
        "numerator_published",
        "denominator_state",
        "denominator_low",
        "denominator_high",
        "denominator_published",
        "proportion_low",
        "proportion_high",
        "lower95",
        "upper95",
        "policy",
        "imd_edition",
        "partners_answered",
        "partners_missing",
        "rung",
        "asked",
    ];
    first.into_iter().chain(dimensions).chain(last.map(str::to_owned)).collect()
}

fn line(answer: &Answer, cell: &Cell, dimensions: &[&DimensionId]) -> Vec<String> {
    let scope = answer.scope.as_ref().map(|s| format!("{}={}", s.level, s.category));
    let mut fields = vec![
        answer.query_id.map(|id| id.to_string()).unwrap_or_default(),
        guarded(answer.indicator.id.as_str()),
        answer.period.to_string(),
        guarded(&scope.unwrap_or_default()),
    ];
    for dimension in dimensions {
        let mut own = answer.axes.iter().zip(&cell.at);
        let own = own.find(|(axis, _)| axis.dimension == **dimension);
        fields.extend(match own.map(|(axis, &position)| axis.categories.get(position)) {
            None => [CategoryId::all().to_string(), "All".to_owned()],
            Some(None) => Default::default(),
            Some(Some(category)) => [guarded(category.id.as_str()), guarded(&category.label)],
        });
    }
    fields.push(cell.numerator.state.as_str().to_owned());
    fields.extend(count(&cell.numerator));
    fields.push(cell.denominator.state.as_str().to_owned());
    fields.extend(count(&cell.denominator));
    let least = |value: f64| least(cell.numerator.state, value);
    fields.extend(cell.proportion.map_or_else(Default::default, |p| {
        [least(p.low), share(p.high), least(p.lower95), share(p.upper95)]
    }));
    fields.push(policy(answer));
    fields.push(answer.imd_edition.map_or_else(String::new, |e| e.as_str().to_owned()));
    let answered = |status| matches!(status, CoverageStatus::Answered);
    let missing = |status| !matches!(status, CoverageStatus::Answered | CoverageStatus::NoData);
    fields.push(partners(answer, answered));
    fields.push(partners(answer, missing));
    fields.push(answer.rung.clone());
    fields
        .push(answer.asked.as_ref().map_or(answer.rung.clone(), |asked| rung_text(&asked.levels)));
    fields
}

/// Low, high and published of a count.
fn count(side: &Side) -> [String; 3] {
    let low = (side.bounds.low > 0 || !hidden(side.state)).then_some(side.bounds.low);
    let high = side.bounds.high.filter(|&high| high > 0 || !hidden(side.state));
    [low, high, side.published].map(|n| n.map_or_else(String::new, |n| n.to_string()))
}

fn share(value: f64) -> String {
    rounded(value).to_string()
}

/// The lower end of a share; blank where the count above the line is hidden and may be none.
fn least(state: CellState, value: f64) -> String {
    if hidden(state) && rounded(value) <= 0.0 { String::new() } else { share(value) }
}

fn policy(answer: &Answer) -> String {
    let several = || answer.coverage.iter().any(|line| line.policy.is_some());
    match answer.policy {
        Some(policy) => policy.profile.as_str().to_owned(),
        None if several() => MIXED.to_owned(),
        None => String::new(),
    }
}

/// Codes of partners, separated by spaces.
fn partners(answer: &Answer, of: impl Fn(CoverageStatus) -> bool) -> String {
    let lines = answer.coverage.iter().filter(|line| of(line.status));
    lines.map(|line| line.ods.as_str()).collect::<Vec<_>>().join(" ")
}
