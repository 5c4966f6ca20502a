//! What an analyst's own reference data add to an answer: rates over a population, and published figures, which are
//! printed beside it and never added up with it.

use evensum_core::catalogue::Population as Basis;
use evensum_core::statistics::RateBounds;
use evensum_core::view::{Answer, Cell, PopulationUsed, Published, Rates, whole_percent};
use serde::Serialize;

use super::json::rounded;
use super::layout::{Column, Line};
use super::number::thousands;
use super::{grid, words};

/// The rates of an answer, where there are some.
fn of(answer: &Answer) -> Option<&Rates> {
    answer.beside.rates.as_ref().and_then(|rates| rates.as_ref().ok())
}

/// The bounds of a cell's rate, where it can be spoken of.
fn bounds(answer: &Answer, cell: &Cell) -> Option<RateBounds> {
    let rate = of(answer)?.at(&cell.at)?;
    // A hidden figure's rate is never printed as none.
    let nothing = words::hidden(cell.numerator.state) && rate.bounds.high == Some(0.0);
    (!nothing).then_some(rate.bounds)
}

const fn people(basis: Basis) -> &'static str {
    match basis {
        Basis::Resident => "residents",
        Basis::Registered => "registered people",
    }
}

const fn basis_name(basis: Basis) -> &'static str {
    match basis {
        Basis::Resident => "resident",
        Basis::Registered => "registered",
    }
}

/// `Per 100,000 residents`.
fn heading(rates: &Rates) -> String {
    format!("Per {} {}", thousands(rates.per.into()), people(rates.population.basis))
}

/// The columns of a table, where the answer has rates.
pub(super) fn columns(answer: &Answer, limits: bool) -> Vec<Column> {
    let Some(rates) = of(answer) else { return Vec::new() };
    let mut columns = vec![Column::figures(&heading(rates))];
    if limits {
        columns.push(Column::figures("95 % limits of the rate"));
    }
    columns
}

/// A line of a table with the cells of [`columns`].
pub(super) fn beside(answer: &Answer, cell: &Cell, line: Line, limits: bool) -> Line {
    let (Line::Cells(mut cells), Some(_)) = (line, of(answer)) else {
        return Line::Gap;
    };
    let known = bounds(answer, cell);
    let said = |text: Option<String>| text.unwrap_or_else(|| words::NOTHING.to_owned());
    cells.push(said(known.map(|b| range(b.low, b.high))));
    if limits {
        cells.push(said(known.map(|b| range(b.lower95, b.upper95))));
    }
    Line::Cells(cells)
}

/// Whether the answer has rates.
pub(super) fn rated(answer: &Answer) -> bool {
    of(answer).is_some()
}

/// What a reader must know of rates and published figures: a paragraph each.
pub(super) fn notes(answer: &Answer) -> Vec<String> {
    let mut notes = Vec::new();
    match &answer.beside.rates {
        Some(Ok(rates)) => {
            if let Some(held) = rates.held {
                notes.push(format!(
                    "The partners in the figures give {} % of the residents' care.",
                    whole_percent(held)
                ));
            }
            notes.extend(rates.notes.iter().map(|note| words::clean(note)));
        }
        Some(Err(refusal)) => {
            notes.push(format!("No rate is shown: {}.", words::clean(&refusal.to_string())));
        }
        None => {}
    }
    notes
}

/// Published figures, a line each: `England (published, not federated): 61.2, 2025-26, Fingertips …`.
pub fn published(answer: &Answer) -> Vec<String> {
    answer.beside.published.iter().map(comparator).collect()
}

/// One published figure in a line.
#[must_use]
pub fn comparator(figure: &Published) -> String {
    let Published { area, group, period, value, lower, upper, metric, source } = figure;
    let group = group.as_ref().map(|g| format!(", {g}")).unwrap_or_default();
    let limits = lower.zip(*upper).map(|(l, u)| format!(" (published limits {l} to {u})"));
    words::clean(&format!(
        "{area}{group} (published, not federated): {value}{}, {period}, {source}: {metric}",
        limits.unwrap_or_default()
    ))
}

/// Bars of the rates of each category, a block for each dimension with the others at their total.
pub(super) fn bars(answer: &Answer, label: usize, room: usize) -> String {
    let Some(rates) = of(answer) else { return String::new() };
    let mut text = format!("\n{}\n", heading(rates));
    let rows: Vec<(String, Option<&Cell>)> = if answer.axes.is_empty() {
        vec![("All".to_owned(), grid::cell(answer, &[]))]
    } else {
        let axes = answer.axes.iter().enumerate();
        axes.flat_map(|(index, axis)| {
            grid::reading_order(axis)
                .into_iter()
                .map(move |at| (grid::label(axis, at), grid::alone(answer, index, at)))
        })
        .collect()
    };
    let known: Vec<(&str, RateBounds)> = rows
        .iter()
        .filter_map(|(name, cell)| Some((name.as_str(), bounds(answer, (*cell)?)?)))
        .collect();
    let most = known.iter().map(|(_, b)| b.high.unwrap_or(b.low)).fold(0.0, f64::max);
    for (name, b) in known {
        let (solid, end) = (reach(b.low, most, room), reach(b.high.unwrap_or(b.low), most, room));
        let bar = format!("{}{}", "█".repeat(solid), "░".repeat(end.saturating_sub(solid)));
        let cut: String = name.chars().take(label).collect();
        text.push_str(&format!("{cut:<label$} │{bar} {}\n", range(b.low, b.high)));
    }
    text
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "clamped to the terminal's width"
)]
pub(super) fn reach(rate: f64, most: f64, room: usize) -> usize {
    if most > 0.0 {
        (rate / most * room as f64).round().clamp(0.0, room as f64) as usize
    } else {
        0
    }
}

/// Two rates in tenths, rounded outwards.
pub(super) fn range(low: f64, high: Option<f64>) -> String {
    // What binary fractions are short of or over a tenth must not widen what is printed.
    let slack = 1e-9 * high.unwrap_or(low).max(1.0);
    let (low, high) = ((low * 10.0 + slack).floor(), high.map(|h| (h * 10.0 - slack).ceil()));
    match high {
        Some(high) if low >= high => tenths(high),
        Some(high) if low <= 0.0 => format!("up to {}", tenths(high)),
        Some(high) => format!("{} to {}", tenths(low), tenths(high)),
        None if low <= 0.0 => "not known".to_owned(),
        None => format!("at least {}", tenths(low)),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to what is printed first"
)]
fn tenths(value: f64) -> String {
    let tenths = value.clamp(0.0, 1e15) as u64;
    format!("{}.{}", thousands(tenths / 10), tenths % 10)
}

/// Columns of a CSV, where any of its answers has rates or a reason why not.
pub(super) const CSV: [&str; 8] = [
    "rate_low",
    "rate_high",
    "rate_lower95",
    "rate_upper95",
    "rate_per",
    "rate_population",
    "rate_residents_care_held",
    "rate_refused",
];

/// The fields of [`CSV`]. The lower end of a hidden count's rate is blank where it may be none.
pub(super) fn fields(answer: &Answer, cell: &Cell) -> Vec<String> {
    let mut fields = vec![String::new(); CSV.len()];
    if let Some(b) = bounds(answer, cell) {
        let number = |n: f64| rounded(n).to_string();
        let hidden = words::hidden(cell.numerator.state);
        let least = |n: f64| if hidden && rounded(n) <= 0.0 { String::new() } else { number(n) };
        fields[0] = least(b.low);
        fields[1] = b.high.map(number).unwrap_or_default();
        fields[2] = least(b.lower95);
        fields[3] = b.upper95.map(number).unwrap_or_default();
    }
    match &answer.beside.rates {
        Some(Ok(rates)) => {
            fields[4] = rates.per.to_string();
            fields[5] = super::csv::guarded(&rates.population.name);
            fields[6] = rates.held.map(|held| rounded(held).to_string()).unwrap_or_default();
        }
        Some(Err(refusal)) => fields[7] = super::csv::guarded(&refusal.to_string()),
        None => {}
    }
    fields
}

#[derive(Serialize)]
pub(super) struct RateJson<'a> {
    low: f64,
    high: Option<f64>,
    lower95: f64,
    upper95: Option<f64>,
    per: u32,
    population: PopulationJson<'a>,
}

#[derive(Serialize)]
struct PopulationJson<'a> {
    name: &'a str,
    year: u16,
    basis: &'static str,
    edition: Option<&'static str>,
    people: u64,
}

impl<'a> RateJson<'a> {
    /// The rate of a cell.
    pub(super) fn of(answer: &'a Answer, cell: &Cell) -> Option<Self> {
        let rates = of(answer)?;
        let rate = rates.at(&cell.at)?;
        let PopulationUsed { name, year, basis, edition } = &rates.population;
        Some(Self {
            low: rounded(rate.bounds.low),
            high: rate.bounds.high.map(rounded),
            lower95: rounded(rate.bounds.lower95),
            upper95: rate.bounds.upper95.map(rounded),
            per: rates.per,
            population: PopulationJson {
                name,
                year: *year,
                basis: basis_name(*basis),
                edition: edition.map(|e| e.as_str()),
                people: rate.people,
            },
        })
    }
}

/// What an answer's JSON has of rates and published figures, beside its cells.
#[derive(Serialize)]
pub(super) struct BesideJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_refused: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_residents_care_held: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rate_notes: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    published: Vec<PublishedJson<'a>>,
}

#[derive(Serialize)]
struct PublishedJson<'a> {
    area: &'a str,
    group: Option<&'a str>,
    period: String,
    value: f64,
    lower: Option<f64>,
    upper: Option<f64>,
    metric: &'a str,
    source: &'a str,
    note: &'static str,
}

impl<'a> From<&'a Answer> for BesideJson<'a> {
    fn from(answer: &'a Answer) -> Self {
        let rates = of(answer);
        let refusal = answer.beside.rates.as_ref().and_then(|rates| rates.as_ref().err());
        Self {
            rate_refused: refusal.map(ToString::to_string),
            rate_residents_care_held: rates.and_then(|r| r.held).map(rounded),
            rate_notes: rates
                .map(|r| r.notes.iter().map(String::as_str).collect())
                .unwrap_or_default(),
            published: answer
                .beside
                .published
                .iter()
                .map(|p| PublishedJson {
                    area: &p.area,
                    group: p.group.as_deref(),
                    period: p.period.to_string(),
                    value: p.value,
                    lower: p.lower,
                    upper: p.upper,
                    metric: &p.metric,
                    source: &p.source,
                    note: "published, not federated",
                })
                .collect(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
