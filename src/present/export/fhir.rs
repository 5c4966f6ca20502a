//! Answers as FHIR R4: a `Bundle` of a `MeasureReport` for each. Groups of people are strata; a count that is known
//! only between two numbers is an extension with both, and one that is hidden has a reason in place of a number.

use evensum_core::model::{Digest, Timestamp};
use serde_json::{Map, Value, json};

use super::{Export, ExportError, Figure, Known, Mark, Row, Table, notes};

/// Where the codes of a measure's populations are defined.
const POPULATIONS: &str = "http://terminology.hl7.org/CodeSystem/measure-population";
/// Identifiers of organisations in England.
const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
/// Units of measure.
const UCUM: &str = "http://unitsofmeasure.org";
/// Why an element has no value.
const ABSENT: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
/// Between which numbers, both included, a count lies; an end that is not there is not known.
pub const COUNT_RANGE: &str = "urn:evensum:fhir:count-range";
/// Between which numbers a score lies.
pub const SCORE_RANGE: &str = "urn:evensum:fhir:score-range";
/// Its outermost 95 % limits.
pub const SCORE_LIMITS: &str = "urn:evensum:fhir:score-limits-95";
/// Who may have the report.
pub const HANDLING: &str = "urn:evensum:fhir:handling";
/// The most that an integer of FHIR holds.
const MAX_INTEGER: u64 = 2_147_483_647;

/// The bundle as JSON.
///
/// # Errors
/// [`ExportError::Json`].
pub fn bundle(export: &Export) -> Result<String, ExportError> {
    let entries: Vec<Value> = export
        .tables()
        .iter()
        .map(|table| {
            let id = id(export, Some(table));
            json!({ "fullUrl": format!("urn:uuid:{id}"), "resource": report(export, table, &id) })
        })
        .collect();
    let mut bundle = json!({
        "resourceType": "Bundle",
        "id": id(export, None),
        "language": "en-GB",
        "type": "collection",
        "timestamp": moment(export.about().made_on),
    });
    // FHIR has no empty lists.
    if !entries.is_empty() {
        bundle["entry"] = Value::Array(entries);
    }
    Ok(serde_json::to_string_pretty(&bundle)? + "\n")
}

/// An id that is the same whenever the same answer is written, in the form of a UUID (version 8, RFC 9562).
fn id(export: &Export, table: Option<&Table>) -> String {
    let of = |t: &Table| {
        format!(
            "{}|{}|{}|{}|{}|{}",
            t.query.map(|id| id.to_string()).unwrap_or_default(),
            t.indicator,
            t.version,
            t.period,
            t.rung,
            t.scope.as_deref().unwrap_or_default()
        )
    };
    let text = match table {
        Some(table) => of(table),
        None => export.tables().iter().map(of).collect::<Vec<_>>().join("\n"),
    };
    let digest = Digest::of(text.as_bytes());
    let mut hex: Vec<char> = digest.to_string().chars().take(32).collect();
    for (at, digit) in [(12, '8'), (16, '8')] {
        if let Some(place) = hex.get_mut(at) {
            *place = digit;
        }
    }
    for at in [20, 16, 12, 8] {
        hex.insert(at.min(hex.len()), '-');
    }
    hex.into_iter().collect()
}

/// `2026-11-21T10:05:03Z`.
fn moment(at: Timestamp) -> String {
    at.to_string().replace(" UTC", "Z").replace(' ', "T")
}

fn report(export: &Export, table: &Table, id: &str) -> Value {
    let about = export.about();
    let mut report = json!({
        "resourceType": "MeasureReport",
        "id": id,
        "language": "en-GB",
        "text": { "status": "generated", "div": narrative(export, table) },
        "extension": [{ "url": HANDLING, "valueString": about.handling.line() }],
        "status": "complete",
        "type": "summary",
        "measure": format!("urn:evensum:indicator:{}|{}", table.indicator, table.version),
        "date": moment(about.made_on),
        "period": {
            "start": table.period.first_day().to_string(),
            "end": table.period.last_day().to_string(),
        },
        "group": table.figures.iter().enumerate().map(|(at, f)| group(table, at, f)).collect::<Vec<_>>(),
    });
    // An empty list is none in FHIR.
    if let Some(query) = table.query {
        report["identifier"] =
            json!([{ "system": "urn:evensum:query", "value": query.to_string() }]);
    }
    if let Some((ods, name)) = &about.reporter {
        report["reporter"] = json!({
            "identifier": { "system": ODS, "value": ods.as_str() },
            "display": name,
        });
    }
    report
}

/// All notes as XHTML.
fn narrative(export: &Export, table: &Table) -> String {
    let mut text = String::from("<div xmlns=\"http://www.w3.org/1999/xhtml\">");
    let about = notes::sections(export).into_iter().filter(|s| !s.heading.starts_with("Table "));
    let lines = about.flat_map(|section| section.lines);
    for line in notes::of_table(table).into_iter().chain(lines) {
        text.push_str(&format!("<p>{}</p>", escaped(&line)));
    }
    text.push_str("</div>");
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The rows that are not at everybody on just these axes.
fn rows_by<'a>(
    table: &'a Table,
    figure: usize,
    axes: &'a [usize],
) -> impl Iterator<Item = &'a Row> {
    table.rows.iter().filter(move |row| {
        let mut places = row.at.iter().enumerate();
        row.figure == figure && places.all(|(at, place)| place.is_all() != axes.contains(&at))
    })
}

fn group(table: &Table, at: usize, figure: &Figure) -> Value {
    let mut group = Map::new();
    group.insert("code".to_owned(), json!({ "text": figure.name }));
    match rows_by(table, at, &[]).next() {
        Some(row) => said(&mut group, row, figure),
        None => {
            let population =
                population("numerator", "Numerator", &Known::nothing(Mark::NotAvailable));
            group.insert("population".to_owned(), json!([population]));
        }
    }
    // A stratifier for each set of axes: one axis by itself, then two together, and so on.
    let axes = table.axes.len();
    let mut sets: Vec<Vec<usize>> = (1_usize..1 << axes)
        .map(|bits| (0..axes).filter(|axis| bits >> axis & 1 == 1).collect())
        .collect();
    sets.sort_by_key(Vec::len);
    let stratifiers: Vec<Value> =
        sets.iter().filter_map(|set| stratifier(table, at, figure, set)).collect();
    if !stratifiers.is_empty() {
        group.insert("stratifier".to_owned(), Value::Array(stratifiers));
    }
    Value::Object(group)
}

fn stratifier(table: &Table, at: usize, figure: &Figure, set: &[usize]) -> Option<Value> {
    let axes: Vec<_> = set.iter().filter_map(|axis| table.axes.get(*axis)).collect();
    let strata: Vec<Value> = rows_by(table, at, set)
        .map(|row| {
            let mut stratum = Map::new();
            let places: Vec<_> = set.iter().filter_map(|axis| row.at.get(*axis)).collect();
            // A stratum has a value or components, never both (constraint mrp-2).
            match places.as_slice() {
                [one] => stratum.insert("value".to_owned(), json!({ "text": one.label })),
                several => {
                    let component = |(axis, place): (&&super::Axis, &&super::Place)| {
                        json!({ "code": { "text": axis.name }, "value": { "text": place.label } })
                    };
                    let components = axes.iter().zip(several).map(component).collect();
                    stratum.insert("component".to_owned(), Value::Array(components))
                }
            };
            said(&mut stratum, row, figure);
            Value::Object(stratum)
        })
        .collect();
    let codes: Vec<Value> = axes.iter().map(|axis| json!({ "text": axis.name })).collect();
    (!strata.is_empty()).then(|| json!({ "code": codes, "stratum": strata }))
}

/// Counts and score of a group or of a stratum.
fn said(into: &mut Map<String, Value>, row: &Row, figure: &Figure) {
    into.insert(
        "population".to_owned(),
        json!([
            population("numerator", "Numerator", &row.numerator),
            population("denominator", "Denominator", &row.denominator),
        ]),
    );
    let range = |low: Option<f64>, high: Option<f64>| {
        let end = |n: f64| quantity(n, figure);
        range(low.map(end), high.map(end))
    };
    let mut extensions = Vec::new();
    match row.published().filter(|_| row.value.mark.is_none()) {
        Some(score) => {
            into.insert("measureScore".to_owned(), quantity(score, figure));
        }
        None if row.value.mark.is_some() => {
            extensions.extend(row.value.mark.map(absent));
        }
        None => extensions.extend(
            range(row.value.low, row.value.high)
                .map(|said| json!({ "url": SCORE_RANGE, "valueRange": said })),
        ),
    }
    if row.value.mark.is_none() {
        extensions.extend(
            range(row.lower95, row.upper95)
                .map(|said| json!({ "url": SCORE_LIMITS, "valueRange": said })),
        );
    }
    if !extensions.is_empty() {
        into.insert("extension".to_owned(), Value::Array(extensions));
    }
}

fn range(low: Option<Value>, high: Option<Value>) -> Option<Value> {
    let ends = [("low", low), ("high", high)].into_iter();
    let ends: Map<String, Value> =
        ends.filter_map(|(name, end)| Some((name.to_owned(), end?))).collect();
    (!ends.is_empty()).then_some(Value::Object(ends))
}

fn quantity(n: f64, figure: &Figure) -> Value {
    let mut quantity = json!({ "value": n });
    if !figure.unit.is_empty() {
        quantity["unit"] = json!(figure.unit);
    }
    if figure.unit.starts_with('%') {
        quantity["system"] = json!(UCUM);
        quantity["code"] = json!("%");
    }
    quantity
}

fn absent(mark: Mark) -> Value {
    let code = match mark {
        Mark::Confidential => "masked",
        Mark::NotApplicable => "not-applicable",
        Mark::NotAvailable | Mark::Low => "unknown",
    };
    json!({ "url": ABSENT, "valueCode": code })
}

fn population(code: &str, display: &str, count: &Known<u64>) -> Value {
    let coding = json!({ "system": POPULATIONS, "code": code, "display": display });
    let mut population = json!({ "code": { "coding": [coding] } });
    let exact = count.published.filter(|n| *n <= MAX_INTEGER);
    let mut extensions = Vec::new();
    if let Some(n) = exact {
        population["count"] = json!(n);
    } else {
        extensions.extend(count.mark.map(absent));
    }
    let end = |n: u64| json!({ "value": n });
    if let Some(range) = range(count.low.map(end), count.high.map(end)) {
        extensions.push(json!({ "url": COUNT_RANGE, "valueRange": range }));
    }
    if !extensions.is_empty() {
        population["_count"] = json!({ "extension": extensions });
    }
    population
}
