//! The columns of a download from Fingertips, in their order, for programs that load those. What Fingertips would give
//! no number for has a blank `Value` and says why in `Value note`: that is the layout's own convention.

use evensum_core::model::Period;

use super::{Export, ExportError, Known, Mark, Place, Row, Table};
use crate::present::csv::{guarded, lines_of};

/// The columns. What stands in `Compared to percentiles` depends on the area's parent in Fingertips' own files.
pub const COLUMNS: [&str; 27] = [
    "Indicator ID",
    "Indicator Name",
    "Parent Code",
    "Parent Name",
    "Area Code",
    "Area Name",
    "Area Type",
    "Sex",
    "Age",
    "Category Type",
    "Category",
    "Time period",
    "Value",
    "Lower CI 95.0 limit",
    "Upper CI 95.0 limit",
    "Lower CI 99.8 limit",
    "Upper CI 99.8 limit",
    "Count",
    "Denominator",
    "Value note",
    "Recent Trend",
    "Compared to England value or percentiles",
    "Compared to percentiles",
    "Time period Sortable",
    "New data",
    "Compared to goal",
    "Time period range",
];

/// What the layout says of a hidden value.
pub const SUPPRESSED: &str = "Value suppressed for disclosure control due to small count";
/// What it says of an area or a value that is set against no other.
const NOT_COMPARED: &str = "Not compared";
/// The kind of area that a provider is.
pub(super) const PROVIDER: &str = "NHS provider";

/// The answers as CSV in UTF-8.
///
/// # Errors
/// [`ExportError::Csv`].
pub fn csv(export: &Export) -> Result<String, ExportError> {
    let header = COLUMNS.map(str::to_owned).to_vec();
    let rows = export.tables().iter().flat_map(|t| t.rows.iter().map(|row| line(export, t, row)));
    let lines = std::iter::once(header).chain(rows);
    Ok(lines_of(lines.map(|line| line.iter().map(|field| guarded(field)).collect()))?)
}

fn line(export: &Export, table: &Table, row: &Row) -> Vec<String> {
    let area = area(export, table, row);
    let (category_type, category) = category(table, row);
    let by = |dimension: &str| {
        let places = table.axes.iter().zip(&row.at);
        let mut own = places.filter(|(axis, _)| axis.dimension.as_str() == dimension);
        own.next().map(|(_, place)| place).filter(|place| !place.is_all())
    };
    let value = value(row);
    let number = |n: Option<f64>| n.map(|n| n.to_string()).unwrap_or_default();
    let limits = value.is_some() && row.value.mark.is_none();
    let limit = |n: Option<f64>| number(n.filter(|_| limits));
    let label = |place: Option<&Place>, all: &str| place.map_or(all, |p| &p.label).to_owned();
    vec![
        table.indicator.to_string(),
        name(table, row),
        area.parent.0,
        area.parent.1,
        area.code,
        area.name,
        area.kind.to_owned(),
        label(by("sex"), "Persons"),
        label(by("age"), "All ages of the indicator"),
        category_type,
        category,
        time_period(table.period),
        number(value),
        limit(row.lower95),
        limit(row.upper95),
        String::new(),
        String::new(),
        counted(&row.numerator),
        row.population.map_or_else(|| counted(&row.denominator), |people| people.to_string()),
        note(row),
        "Cannot be calculated".to_owned(),
        NOT_COMPARED.to_owned(),
        NOT_COMPARED.to_owned(),
        sortable(table.period).to_string(),
        String::new(),
        NOT_COMPARED.to_owned(),
        range(table.period).to_owned(),
    ]
}

/// The indicator's name, with its restriction and, where it has several figures, which.
fn name(table: &Table, row: &Row) -> String {
    let mut name = table.name.clone();
    if table.figures.len() > 1
        && let Some(figure) = table.figure(row)
    {
        name.push_str(&format!(", {}", figure.name));
    }
    if let Some(scope) = &table.scope {
        name.push_str(&format!(" (only {scope})"));
    }
    name
}

pub(super) struct Location {
    pub(super) code: String,
    pub(super) name: String,
    pub(super) kind: &'static str,
    parent: (String, String),
}

/// Of which area or provider a row is. A provider's parent is the area.
pub(super) fn area(export: &Export, table: &Table, row: &Row) -> Location {
    let whole = &export.about().area;
    let mut places = table.axes.iter().zip(&row.at);
    let provider = places.find(|(axis, place)| is_provider(axis) && !place.is_all());
    match provider {
        Some((_, place)) => Location {
            code: guarded(place.category.as_str()),
            name: place.label.clone(),
            kind: PROVIDER,
            parent: (whole.code.clone(), whole.name.clone()),
        },
        None => Location {
            code: whole.code.clone(),
            name: whole.name.clone(),
            kind: whole.kind,
            parent: Default::default(),
        },
    }
}

pub(super) fn is_provider(axis: &super::Axis) -> bool {
    axis.dimension.as_str() == "provider"
}

/// What neither sex nor age nor provider is, joined where there are several.
fn category(table: &Table, row: &Row) -> (String, String) {
    let own = |axis: &super::Axis| {
        !is_provider(axis) && !["sex", "age"].contains(&axis.dimension.as_str())
    };
    let edition = |text: &str| match table.imd_edition {
        Some(edition) => format!("{text} (IMD{})", edition.as_str()),
        None => text.to_owned(),
    };
    let places = table.axes.iter().zip(&row.at);
    let places = places.filter(|(axis, place)| own(axis) && !place.is_all());
    let said = places.map(|(axis, place)| {
        let areas = table.imd_edition.map(|e| format!("LSOA{:02} ", e.lsoa_vintage() % 100));
        let areas = areas.unwrap_or_default();
        match axis.level.as_str() {
            "imd.decile" => {
                (edition(&format!("{areas}deprivation deciles in England")), edition(&place.label))
            }
            "imd.quintile" => (
                edition(&format!("{areas}deprivation quintiles in England")),
                edition(&place.label),
            ),
            level if level.starts_with("imd.") => (edition(&axis.name), edition(&place.label)),
            _ => (axis.name.clone(), place.label.clone()),
        }
    });
    let (kinds, labels): (Vec<String>, Vec<String>) = said.unzip();
    (kinds.join(" and "), labels.join(" and "))
}

/// `2026 Oct`, `2026/27 Q2`, `2026/27`.
fn time_period(period: Period) -> String {
    let financial = |year: u16| format!("{year:04}/{:02}", (year + 1) % 100);
    match period {
        Period::Month { year, .. } => {
            let name = crate::present::words::period(period);
            format!("{year:04} {}", name.chars().take(3).collect::<String>())
        }
        Period::Quarter { year, quarter } => format!("{} Q{quarter}", financial(year)),
        Period::Year { year } => financial(year),
    }
}

/// Year, two digits for the quarter, two for the month.
fn sortable(period: Period) -> u32 {
    match period {
        Period::Month { year, month } => u32::from(year) * 10_000 + u32::from(month),
        Period::Quarter { year, quarter } => u32::from(year) * 10_000 + u32::from(quarter) * 100,
        Period::Year { year } => u32::from(year) * 10_000,
    }
}

const fn range(period: Period) -> &'static str {
    match period {
        Period::Month { .. } => "1m",
        Period::Quarter { .. } => "1q",
        Period::Year { .. } => "1y",
    }
}

/// The published figure, or the middle of what it lies between: the note says which.
fn value(row: &Row) -> Option<f64> {
    if row.value.mark.is_some() {
        return None;
    }
    row.published().or_else(|| row.value.ends().map(|(low, high)| middle(low, high)))
}

/// The middle, to the precision of the formats.
pub(super) fn middle(low: f64, high: f64) -> f64 {
    ((low + high) / 2.0 * 1e4).round() / 1e4
}

fn counted(count: &Known<u64>) -> String {
    count.published.map(|n| n.to_string()).unwrap_or_default()
}

/// Two ends as text.
fn between<T: PartialEq + std::fmt::Display>((low, high): (T, T)) -> String {
    if low == high { low.to_string() } else { format!("{low} to {high}") }
}

fn note(row: &Row) -> String {
    let why = match row.value.mark {
        Some(Mark::Confidential) => Some(SUPPRESSED),
        Some(Mark::NotApplicable) => Some("Value not applicable: it cannot occur"),
        Some(Mark::NotAvailable | Mark::Low) => Some("Value not available"),
        None => None,
    };
    if let Some(why) = why {
        return why.to_owned();
    }
    if row.value.published.is_some() {
        return String::new();
    }
    let Some(ends) = row.value.ends() else {
        let low = row.value.low.unwrap_or_default();
        return format!("Value not available: at least {low}, and nothing bounds it");
    };
    let mut note = format!("Value estimated: the middle of {}", between(ends));
    let counts = row.numerator.ends().zip(row.denominator.ends());
    if let Some((above, below)) = counts {
        note.push_str(&format!("; count {} of {}", between(above), between(below)));
    }
    note
}
