//! One tidy table in Parquet: a row for each figure of each cell, columns with types, and what there is to know of it
//! in the file's own metadata. A hidden number is null, with `state` and `shorthand` beside it.

use std::cmp::Reverse;
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::Compression;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterProperties;
use arrow_array::{
    ArrayRef, Date32Array, Float64Array, RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use evensum_core::model::{Date, DimensionId};

use super::{Export, ExportError, Known, Mark, Place, Row, Table, notes};

/// The day that the format counts from.
const FIRST_DAY: time::Date = time::macros::date!(1970 - 01 - 01);

/// One line of the table.
type Line<'a> = (&'a Table, &'a Row);

/// The file's bytes.
///
/// # Errors
/// [`ExportError::Columns`] and [`ExportError::Parquet`].
pub fn file(export: &Export) -> Result<Vec<u8>, ExportError> {
    let lines: Vec<Line<'_>> =
        export.tables().iter().flat_map(|t| t.rows.iter().map(move |row| (t, row))).collect();
    let mut columns = of_answers(&lines);
    for dimension in dimensions(export) {
        columns.extend(of_dimension(dimension, &lines));
    }
    columns.extend(of_figures(&lines));
    columns.extend(of_terms(&lines));
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns)?;
    let properties = WriterProperties::builder()
        .set_created_by(export.about().tool.clone())
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(metadata(export)))
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties))?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(bytes)
}

fn metadata(export: &Export) -> Vec<KeyValue> {
    let about = export.about();
    [
        ("title", export.title()),
        ("handling", about.handling.as_str().to_owned()),
        ("handling_line", about.handling.line().to_owned()),
        ("federation", about.federation.to_string()),
        ("agreement", about.agreement.to_string()),
        ("agreement_version", about.agreement_version.to_string()),
        ("purpose", about.purpose.to_string()),
        ("area", about.area.code.clone()),
        ("made_by", about.tool.clone()),
        ("made_on", about.made_on.to_string()),
        ("notes", notes::text(export)),
    ]
    .into_iter()
    .map(|(key, value)| KeyValue::new(format!("evensum.{key}"), value))
    .collect()
}

/// The dimensions of all tables, in the order of the one that has most of them.
fn dimensions(export: &Export) -> Vec<&DimensionId> {
    let mut longest_first: Vec<&Table> = export.tables().iter().collect();
    longest_first.sort_by_key(|table| Reverse(table.axes.len()));
    let mut found: Vec<&DimensionId> = Vec::new();
    for axis in longest_first.iter().flat_map(|table| &table.axes) {
        if !found.contains(&&axis.dimension) {
            found.push(&axis.dimension);
        }
    }
    found
}

type Columns = Vec<(String, ArrayRef)>;

fn text<'a, S: Into<String>>(
    name: &str,
    lines: &[Line<'a>],
    of: impl Fn(Line<'a>) -> Option<S>,
) -> (String, ArrayRef) {
    let array: StringArray = lines.iter().map(|line| of(*line).map(Into::into)).collect();
    (name.to_owned(), Arc::new(array))
}

fn counts<'a>(
    name: &str,
    lines: &[Line<'a>],
    of: impl Fn(Line<'a>) -> Option<u64>,
) -> (String, ArrayRef) {
    let array: UInt64Array = lines.iter().map(|line| of(*line)).collect();
    (name.to_owned(), Arc::new(array))
}

fn reals<'a>(
    name: &str,
    lines: &[Line<'a>],
    of: impl Fn(Line<'a>) -> Option<f64>,
) -> (String, ArrayRef) {
    let array: Float64Array = lines.iter().map(|line| of(*line)).collect();
    (name.to_owned(), Arc::new(array))
}

fn whole<'a>(
    name: &str,
    lines: &[Line<'a>],
    of: impl Fn(Line<'a>) -> Option<u32>,
) -> (String, ArrayRef) {
    let array: UInt32Array = lines.iter().map(|line| of(*line)).collect();
    (name.to_owned(), Arc::new(array))
}

fn days<'a>(name: &str, lines: &[Line<'a>], of: impl Fn(Line<'a>) -> Date) -> (String, ArrayRef) {
    let first = Date::from_civil(FIRST_DAY);
    let array: Date32Array =
        lines.iter().map(|line| i32::try_from(of(*line).days_since(first)).ok()).collect();
    (name.to_owned(), Arc::new(array))
}

fn of_answers(lines: &[Line<'_>]) -> Columns {
    vec![
        text("query_id", lines, |(t, _)| t.query.map(|id| id.to_string())),
        text("indicator", lines, |(t, _)| Some(t.indicator.as_str())),
        whole("indicator_version", lines, |(t, _)| Some(t.version)),
        text("indicator_name", lines, |(t, _)| Some(t.name.as_str())),
        text("kind", lines, |(t, _)| Some(t.kind)),
        text("view", lines, |(t, _)| Some(t.view)),
        text("period", lines, |(t, _)| Some(t.period.to_string())),
        days("period_start", lines, |(t, _)| t.period.first_day()),
        days("period_end", lines, |(t, _)| t.period.last_day()),
        text("scope", lines, |(t, _)| t.scope.clone()),
    ]
}

/// The level, the category and its label. Who is not by this dimension is everybody in it.
fn of_dimension(dimension: &DimensionId, lines: &[Line<'_>]) -> Columns {
    fn own<'a>(dimension: &DimensionId, (table, row): Line<'a>) -> Option<(&'a str, &'a Place)> {
        let mut places = table.axes.iter().zip(&row.at);
        let (axis, place) = places.find(|(axis, _)| axis.dimension == *dimension)?;
        Some((axis.level.as_str(), place))
    }
    vec![
        text(&format!("{dimension}_level"), lines, |line| own(dimension, line).map(|(l, _)| l)),
        text(dimension.as_str(), lines, |line| {
            Some(own(dimension, line).map_or("all", |(_, place)| place.category.as_str()))
        }),
        text(&format!("{dimension}_label"), lines, |line| {
            Some(own(dimension, line).map_or("All", |(_, place)| place.label.as_str()))
        }),
    ]
}

fn of_count(name: &str, lines: &[Line<'_>], of: impl Fn(&Row) -> Known<u64>) -> Columns {
    vec![
        counts(&format!("{name}_low"), lines, |(_, row)| of(row).low),
        counts(&format!("{name}_high"), lines, |(_, row)| of(row).high),
        counts(&format!("{name}_published"), lines, |(_, row)| of(row).published),
        text(&format!("{name}_shorthand"), lines, |(_, row)| of(row).mark.map(Mark::as_str)),
    ]
}

fn of_figures(lines: &[Line<'_>]) -> Columns {
    let mut columns = vec![
        text("figure", lines, |(t, row)| t.figure(row).map(|f| f.name.as_str())),
        text("unit", lines, |(t, row)| t.figure(row).map(|f| f.unit.as_str())),
        text("state", lines, |(_, row)| Some(row.state.as_str())),
        text("shorthand", lines, |(_, row)| row.value.mark.map(Mark::as_str)),
    ];
    columns.extend(of_count("numerator", lines, |row| row.numerator));
    columns.extend(of_count("denominator", lines, |row| row.denominator));
    columns.extend([
        reals("value_low", lines, |(_, row)| row.value.low),
        reals("value_high", lines, |(_, row)| row.value.high),
        reals("value_published", lines, |(_, row)| row.value.published),
        reals("lower95", lines, |(_, row)| row.lower95),
        reals("upper95", lines, |(_, row)| row.upper95),
        whole("rate_per", lines, |(t, row)| t.figure(row).and_then(|f| f.per)),
        counts("population", lines, |(_, row)| row.population),
    ]);
    columns
}

/// The profile; `mixed` where the partners' differ, nothing where no partner has one.
fn policy(table: &Table) -> Option<&'static str> {
    let mixed = table.partners.iter().any(|p| p.policy.is_some()).then_some("mixed");
    table.policy.map(|policy| policy.profile.as_str()).or(mixed)
}

/// What the figures were released under.
fn of_terms(lines: &[Line<'_>]) -> Columns {
    let partners = |table: &Table, of: fn(&super::Partner) -> bool| {
        let own = table.partners.iter().filter(|p| of(p)).map(|p| p.ods.as_str());
        own.collect::<Vec<_>>().join(" ")
    };
    vec![
        text("policy", lines, |(t, _)| policy(t)),
        counts("policy_limit", lines, |(t, _)| t.policy.map(|p| p.limit)),
        counts("policy_base", lines, |(t, _)| t.policy.map(|p| p.base)),
        text("imd_edition", lines, |(t, _)| t.imd_edition.map(|e| e.as_str())),
        text("rung", lines, |(t, _)| Some(t.rung.as_str())),
        text("asked", lines, |(t, _)| Some(t.asked.as_ref().unwrap_or(&t.rung).as_str())),
        text("partners_answered", lines, |(t, _)| Some(partners(t, |p| p.answered))),
        text("partners_missing", lines, |(t, _)| Some(partners(t, |p| p.missing))),
    ]
}
