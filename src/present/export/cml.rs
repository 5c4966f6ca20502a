//! The three tables of NHS England's Central Metrics Library: figures, the groups that they are of, and what each
//! metric is. Its values must be numbers, so that hidden rows are **left out**.
//!
//! A metric's id is local: it is made of the indicator's, and is none that NHS England has given. A published figure is
//! of the metric `_act` (actual). Where a figure is known only between two numbers, the middle of them stands under the
//! metric `_est` (estimate), with both numbers beside it.

use std::collections::{BTreeMap, BTreeSet};

use evensum_core::model::{Digest, Period};
use md5::{Digest as _, Md5};
use serde_json::json;

use super::fingertips::{PROVIDER, area, is_provider, middle};
use super::{Axis, Export, ExportError, Figure, Mark, Row, Table, notes};
use crate::present::csv::{guarded, lines_of};

/// The three tables as CSV in UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    /// Figures.
    pub metric: String,
    /// Groups of people.
    pub dimensions: String,
    /// Metrics.
    pub metadata: String,
}

/// Columns of the figures.
pub const METRIC: [&str; 10] = [
    "datapoint_id",
    "metric_id",
    "dimension_id",
    "reporting_grain",
    "location_id",
    "location_type",
    "reporting_period_start_datetime",
    "publication_datetime",
    "metric_value",
    "additional_metric_values",
];

/// First columns of the groups; one for each level follows.
pub const DIMENSIONS: [&str; 3] = ["dimension_id", "dimension_type_id", "dimension_count"];

/// Columns of the metrics.
pub const METADATA: [&str; 39] = [
    "metric_family_id",
    "metric_id",
    "metric_status",
    "metric_state",
    "metric_title",
    "metric_start_date",
    "metric_end_date",
    "available_metric_category",
    "available_reporting_grain",
    "available_location_types",
    "available_dimension_types",
    "business_area",
    "business_sub_area",
    "domain",
    "numerator_source_name",
    "numerator_project_id",
    "numerator_source_platform",
    "denominator_source_name",
    "denominator_project_id",
    "denominator_source_platform",
    "metric_owner",
    "metric_short_name",
    "metric_alias",
    "metric_description",
    "calculation",
    "metric_purpose",
    "unit",
    "format",
    "target",
    "frequency_of_refresh",
    "aggregation",
    "statistical_disclosure_control_flag",
    "statistical_disclosure_control_description",
    "interpretation",
    "inclusion_exclusion_rules",
    "usage",
    "organisation_geog_type",
    "footnotes",
    "notes",
];

/// The most characters of a metric's title.
const MAX_TITLE: usize = 160;

/// Whether a metric's figures were published or lie in the middle of what they can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    Actual,
    Estimate,
}

impl Status {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Actual => "act",
            Self::Estimate => "est",
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Actual => "Actual",
            Self::Estimate => "Estimate",
        }
    }
}

/// A group of people: its id, and its category on each level.
struct Group {
    id: String,
    by: BTreeMap<String, String>,
}

/// The three tables.
///
/// # Errors
/// [`ExportError::Grain`] and [`ExportError::Csv`].
pub fn texts(export: &Export) -> Result<Texts, ExportError> {
    let mut levels: BTreeSet<String> = BTreeSet::new();
    for axis in export.tables().iter().flat_map(|t| &t.axes).filter(|a| !is_provider(a)) {
        levels.insert(level_column(axis.level.as_str()));
    }
    // The layout has at least one column of groups.
    if levels.is_empty() {
        levels.insert("population".to_owned());
    }
    let mut figures = vec![METRIC.map(str::to_owned).to_vec()];
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let mut metrics: BTreeMap<(String, Status), Vec<String>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for table in export.tables() {
        let grain = grain(table.period)?;
        for row in &table.rows {
            let Some((status, value)) = value(row) else { continue };
            let Some(figure) = table.figure(row) else { continue };
            let family = family(table, figure);
            let group = group(table, row);
            let place = area(export, table, row);
            let metric = format!("{family}_{}", status.suffix());
            let start = start(table.period);
            let point = [&metric, &group.id, grain, &place.code, &start].join("_");
            if !seen.insert(point.clone()) {
                continue;
            }
            figures.push(vec![
                point,
                metric,
                group.id.clone(),
                grain.to_owned(),
                place.code,
                place.kind.to_owned(),
                start,
                String::new(),
                value.to_string(),
                beside(row),
            ]);
            groups.entry(group.id.clone()).or_insert(group);
            metrics
                .entry((family.clone(), status))
                .or_insert_with(|| described(export, (table, figure), (&family, status), grain));
        }
    }
    let groups = std::iter::once(group_header(&levels))
        .chain(groups.values().map(|group| group_line(group, &levels)));
    let metrics =
        std::iter::once(METADATA.map(str::to_owned).to_vec()).chain(metrics.into_values());
    Ok(Texts {
        metric: text(figures.into_iter())?,
        dimensions: text(groups)?,
        metadata: text(metrics)?,
    })
}

fn text(lines: impl Iterator<Item = Vec<String>>) -> Result<String, ExportError> {
    Ok(lines_of(lines.map(|line| line.iter().map(|field| guarded(field)).collect()))?)
}

/// A level as the name of a column: `imd_quintile`.
fn level_column(level: &str) -> String {
    level.replace('.', "_")
}

/// The layout has hourly to quarterly.
const fn grain(period: Period) -> Result<&'static str, ExportError> {
    match period {
        Period::Month { .. } => Ok("monthly"),
        Period::Quarter { .. } => Ok("quarterly"),
        Period::Year { .. } => Err(ExportError::Grain(period)),
    }
}

fn start(period: Period) -> String {
    format!("{}T00:00:00Z", period.first_day())
}

/// Four letters and five digits that follow from the indicator, its version, its figure and its restriction.
fn family(table: &Table, figure: &Figure) -> String {
    let of = [
        table.indicator.as_str(),
        &table.version.to_string(),
        &figure.name,
        table.scope.as_deref().unwrap_or_default(),
    ];
    let digest = Digest::of(of.join("|").as_bytes());
    let mut number = digest.as_bytes().iter().take(8).fold(0_u64, |n, b| n << 8 | u64::from(*b));
    let mut id = String::from("E");
    for _ in 0..3 {
        id.push(char::from(b'A' + u8::try_from(number % 26).unwrap_or_default()));
        number /= 26;
    }
    format!("{id}{:05}", number % 100_000)
}

/// The figure that goes into the table, where there is one.
fn value(row: &Row) -> Option<(Status, f64)> {
    if row.value.mark.is_some() {
        return None;
    }
    let middle = || row.value.ends().map(|(low, high)| (Status::Estimate, middle(low, high)));
    row.published().map(|figure| (Status::Actual, figure)).or_else(middle)
}

/// What else is known of a figure, as JSON.
fn beside(row: &Row) -> String {
    json!({
        "value_low": row.value.low,
        "value_high": row.value.high,
        "lower_95_limit": row.lower95,
        "upper_95_limit": row.upper95,
        "numerator_low": row.numerator.low,
        "numerator_high": row.numerator.high,
        "denominator_low": row.denominator.low,
        "denominator_high": row.denominator.high,
    })
    .to_string()
}

/// The group of a row. Its id does not depend on which other levels a file has: everybody of a level is left out of it.
fn group(table: &Table, row: &Row) -> Group {
    let places = table.axes.iter().zip(&row.at);
    let places = places.filter(|(axis, place)| !is_provider(axis) && !place.is_all());
    let by: BTreeMap<String, String> = places
        .map(|(axis, place)| (level_column(axis.level.as_str()), place.label.clone()))
        .collect();
    let values: Vec<String> = by.iter().map(|(level, value)| format!("{level}={value}")).collect();
    let whole = if values.is_empty() { "__ALL__".to_owned() } else { values.join("|") };
    // The layout's own hash; nothing is protected by it.
    let id = data_encoding::HEXLOWER.encode(&Md5::digest(whole.as_bytes()));
    Group { id, by }
}

fn group_header(levels: &BTreeSet<String>) -> Vec<String> {
    DIMENSIONS.iter().map(|name| (*name).to_owned()).chain(levels.iter().cloned()).collect()
}

fn group_line(group: &Group, levels: &BTreeSet<String>) -> Vec<String> {
    let kinds: Vec<&str> = group.by.keys().map(String::as_str).collect();
    let kind = if kinds.is_empty() { "total".to_owned() } else { kinds.join("&") };
    let values = levels
        .iter()
        .map(|level| group.by.get(level).cloned().unwrap_or_else(|| format!("all_{level}")));
    [group.id.clone(), kind, kinds.len().to_string()].into_iter().chain(values).collect()
}

/// A metric's line of the metadata.
fn described(
    export: &Export,
    of: (&Table, &Figure),
    (family, status): (&str, Status),
    grain: &str,
) -> Vec<String> {
    let (table, figure) = of;
    let about = export.about();
    let owner = about.reporter.as_ref().map(|(ods, name)| format!("{name} ({ods})"));
    let source = "Evensum federation of partners";
    let mut columns: BTreeMap<&str, String> = [
        ("metric_family_id", family.to_owned()),
        ("metric_id", format!("{family}_{}", status.suffix())),
        ("metric_status", status.as_str().to_owned()),
        ("metric_state", "In development - Not Live".to_owned()),
        ("metric_start_date", start(table.period)),
        ("available_metric_category", "MI internal".to_owned()),
        ("available_reporting_grain", grain.to_owned()),
        ("business_area", "Health inequalities".to_owned()),
        ("business_sub_area", "System-wide analysis".to_owned()),
        ("domain", "Other".to_owned()),
        ("numerator_source_name", source.to_owned()),
        ("denominator_source_name", source.to_owned()),
        ("metric_owner", owner.unwrap_or_else(|| about.federation.to_string())),
        ("metric_short_name", table.indicator.to_string()),
        ("metric_purpose", about.purpose.to_string()),
        ("unit", figure.unit.clone()),
        ("frequency_of_refresh", "On request".to_owned()),
        ("aggregation", "N".to_owned()),
        ("statistical_disclosure_control_flag", "Y".to_owned()),
        ("interpretation", table.finding.clone()),
        ("usage", format!("{}.", about.handling.line())),
        ("organisation_geog_type", about.area.kind.to_owned()),
        (
            "footnotes",
            "The metric's id is local to Evensum and was not given by NHS England.".to_owned(),
        ),
        ("notes", notes::of_table(table).join(" ")),
    ]
    .into();
    columns.extend(in_words(export, of, status));
    METADATA.iter().map(|name| columns.get(name).cloned().unwrap_or_default()).collect()
}

/// What a metric is, of whom, and how it is made.
fn in_words(
    export: &Export,
    (table, figure): (&Table, &Figure),
    status: Status,
) -> [(&'static str, String); 7] {
    let area = export.about().area.kind;
    let (providers, levels): (Vec<&Axis>, Vec<&Axis>) =
        table.axes.iter().partition(|axis| is_provider(axis));
    let locations = match providers.as_slice() {
        [] => area.to_owned(),
        _ => format!("{area}, {PROVIDER}"),
    };
    let kinds: BTreeSet<String> = levels.iter().map(|a| level_column(a.level.as_str())).collect();
    let scope = table.scope.as_ref().map(|scope| format!(" (only {scope})")).unwrap_or_default();
    let title = format!("{}, {}{scope}", table.name, figure.name);
    let calculation = match status {
        Status::Actual => "The figure that was published.",
        Status::Estimate => {
            "The middle of the least and the most that the figure can be; both are in additional_metric_values."
        }
    };
    let control = format!(
        "Policy {}. Rows that are withheld ({}) are left out; they are not zero.",
        table.policy_said(),
        Mark::Confidential.as_str(),
    );
    let format = match (table.kind, figure.unit.starts_with('%')) {
        (_, true) => "Percentage",
        ("rate", _) => "Rate",
        _ => "Number",
    };
    [
        ("metric_title", title.chars().take(MAX_TITLE).collect()),
        (
            "metric_description",
            format!("{}: {} of {}{scope}", table.name, table.above, table.counted),
        ),
        ("calculation", calculation.to_owned()),
        ("statistical_disclosure_control_description", control),
        ("format", format.to_owned()),
        ("available_location_types", locations),
        ("available_dimension_types", kinds.into_iter().collect::<Vec<_>>().join(", ")),
    ]
}
