//! What was worked out, as JSON and as CSV. A number that there is not is null or blank, with the reason beside it.

use evensum_core::statistics::Limits;
use serde::Serialize;

use super::{CalculateError, Line, Measure};

#[derive(Serialize)]
struct Document<'a> {
    measure: &'static str,
    lines: Vec<Row<'a>>,
}

/// A line as both formats have it.
#[derive(Serialize)]
struct Row<'a> {
    name: &'static str,
    group: Option<&'a str>,
    value: Option<f64>,
    lower95: Option<f64>,
    upper95: Option<f64>,
    lower998: Option<f64>,
    upper998: Option<f64>,
    unit: &'static str,
    method: &'a str,
    note: Option<&'a str>,
    not_computable: Option<String>,
}

impl<'a> From<&'a Line> for Row<'a> {
    fn from(line: &'a Line) -> Self {
        let given = line.given.as_ref().ok();
        let limits = |level: usize| given.and_then(|given| given.limits[level]);
        let lower = |limits: Option<Limits>| limits.map(|l| l.lower);
        let upper = |limits: Option<Limits>| limits.map(|l| l.upper);
        Self {
            name: line.name,
            group: line.group.as_deref(),
            value: given.and_then(|given| given.value),
            lower95: lower(limits(0)),
            upper95: upper(limits(0)),
            lower998: lower(limits(1)),
            upper998: upper(limits(1)),
            unit: line.unit,
            method: &line.method,
            note: given.and_then(|given| given.note.as_deref()),
            not_computable: line.given.as_ref().err().map(ToString::to_string),
        }
    }
}

/// One object: `{measure, lines: [{name, group, value, lower95, upper95, lower998, upper998, unit, method, note,
/// not_computable}]}`.
#[must_use]
pub fn json(measure: Measure, lines: &[Line]) -> String {
    let document =
        Document { measure: measure.as_str(), lines: lines.iter().map(Row::from).collect() };
    // Every key is text and every number finite, so that there is nothing that JSON could not hold.
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

/// The same as CSV with a header, a line each. Names that a spreadsheet would take for a formula are guarded by
/// `guard`.
///
/// # Errors
/// [`CalculateError::Csv`].
pub fn csv(lines: &[Line], guard: impl Fn(&str) -> String) -> Result<String, CalculateError> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "name",
        "group",
        "value",
        "lower95",
        "upper95",
        "lower998",
        "upper998",
        "unit",
        "method",
        "note",
        "not_computable",
    ])?;
    let number = |number: Option<f64>| number.map(|n| n.to_string()).unwrap_or_default();
    let text = |text: Option<&str>| text.map(&guard).unwrap_or_default();
    for row in lines.iter().map(Row::from) {
        writer.write_record([
            row.name.to_owned(),
            text(row.group),
            number(row.value),
            number(row.lower95),
            number(row.upper95),
            number(row.lower998),
            number(row.upper998),
            row.unit.to_owned(),
            row.method.to_owned(),
            text(row.note),
            row.not_computable.unwrap_or_default(),
        ])?;
    }
    let bytes = writer.into_inner().map_err(|error| ::csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What stands in place of a number that there is not.
const NOTHING: &str = "–";

/// Figures that a number has on a terminal; the other formats have all of them.
const FIGURES: i32 = 6;

/// A line each for a terminal: name, group, value, 95 % and 99.8 % limits, and what is to be said of it. Columns that
/// nothing stands in are left out; the flag says whether a column holds figures.
#[must_use]
pub fn cells(lines: &[Line]) -> (Vec<(&'static str, bool)>, Vec<Vec<String>>) {
    let heads = [
        ("measure", false),
        ("of", false),
        ("value", true),
        ("95 % limits", true),
        ("99.8 % limits", true),
        ("note", false),
    ];
    let row = |line: &Line| {
        let of = |limits: Option<Limits>| {
            limits.map_or_else(String::new, |l| format!("{} to {}", short(l.lower), short(l.upper)))
        };
        let (value, limits, note) = match &line.given {
            Ok(given) => {
                let value = given.value.map_or_else(|| NOTHING.to_owned(), short);
                (value, given.limits.map(of), given.note.clone().unwrap_or_default())
            }
            Err(reason) => {
                let nothing = [String::new(), String::new()];
                (NOTHING.to_owned(), nothing, format!("not computable: {reason}"))
            }
        };
        let [p95, p998] = limits;
        vec![line.name.to_owned(), line.group.clone().unwrap_or_default(), value, p95, p998, note]
    };
    let rows: Vec<Vec<String>> = lines.iter().map(row).collect();
    let used: Vec<usize> =
        (0..heads.len()).filter(|at| rows.iter().any(|row| !row[*at].is_empty())).collect();
    let kept = |row: &Vec<String>| used.iter().map(|at| row[*at].clone()).collect();
    (used.iter().map(|at| heads[*at]).collect(), rows.iter().map(kept).collect())
}

/// A number to six figures, without zeros at its end.
fn short(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    #[expect(clippy::cast_possible_truncation, reason = "a logarithm of a finite number is small")]
    let before = number.abs().log10().floor() as i32 + 1;
    let places = usize::try_from((FIGURES - before).clamp(0, 12)).unwrap_or_default();
    let text = format!("{number:.places$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}
