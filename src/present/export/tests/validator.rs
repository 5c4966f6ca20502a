//! What FHIR R4 demands of these resources, written from its definitions and not from the writer: which elements there
//! are, how often, of which type, and with which codes. It says what is wrong and where.

use serde_json::{Map, Value};

/// How often an element stands: at least, and whether it is a list.
#[derive(Clone, Copy, PartialEq)]
enum Times {
    /// 0..1
    Optional,
    /// 1..1
    One,
    /// 0..*
    Any,
}

use Times::{Any, One, Optional};

type Check = fn(&Value, &str, &mut Vec<String>);
type Element = (&'static str, Times, Check);

const EXTENSIONS: Element = ("extension", Any, extension);

/// What is wrong with a bundle; nothing where all is right.
pub(super) fn faults(bundle: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    object(
        bundle,
        "Bundle",
        &[
            ("resourceType", One, |v, at, to| among(v, at, to, &["Bundle"])),
            ("id", Optional, id),
            ("language", Optional, code),
            ("identifier", Optional, identifier),
            ("type", One, |v, at, to| {
                among(
                    v,
                    at,
                    to,
                    &[
                        "document",
                        "message",
                        "transaction",
                        "transaction-response",
                        "batch",
                        "batch-response",
                        "history",
                        "searchset",
                        "collection",
                    ],
                );
            }),
            ("timestamp", Optional, instant),
            ("entry", Any, entry),
        ],
        &mut faults,
    );
    // bdl-7: a full URL stands once.
    let urls =
        bundle["entry"].as_array().into_iter().flatten().filter_map(|e| e["fullUrl"].as_str());
    let mut urls: Vec<&str> = urls.collect();
    let before = urls.len();
    urls.sort_unstable();
    urls.dedup();
    if urls.len() != before {
        faults.push("Bundle.entry: two have one fullUrl (bdl-7)".to_owned());
    }
    faults
}

/// The elements of an object: those that may be there, those that must, none that is empty or unknown.
fn object(value: &Value, at: &str, elements: &[Element], faults: &mut Vec<String>) {
    let Some(fields) = value.as_object().filter(|fields| !fields.is_empty()) else {
        faults.push(format!("{at}: no object, or an empty one (ele-1)"));
        return;
    };
    for (name, times, check) in elements {
        let own = format!("{at}.{name}");
        match (fields.get(*name), times) {
            (None, One) => faults.push(format!("{own}: is not there")),
            (None, _) => {}
            (Some(Value::Array(several)), Any) if several.is_empty() => {
                faults.push(format!("{own}: an empty list"));
            }
            (Some(Value::Array(several)), Any) => {
                several
                    .iter()
                    .enumerate()
                    .for_each(|(i, v)| check(v, &format!("{own}[{i}]"), faults));
            }
            (Some(_), Any) => faults.push(format!("{own}: is no list")),
            (Some(value), _) => check(value, &own, faults),
        }
    }
    for name in fields.keys() {
        let primitive = name.strip_prefix('_').unwrap_or(name);
        if !elements.iter().any(|(known, _, _)| *known == primitive || known == name) {
            faults.push(format!("{at}.{name}: there is no such element"));
        }
    }
}

/// Text that is not blank and has no white space around it.
fn string(value: &Value, at: &str, faults: &mut Vec<String>) {
    if value.as_str().is_none_or(|text| text.is_empty() || text.trim() != text) {
        faults.push(format!("{at}: no text"));
    }
}

fn matches(value: &Value, at: &str, faults: &mut Vec<String>, what: &str, fits: fn(&str) -> bool) {
    if !value.as_str().is_some_and(fits) {
        faults.push(format!("{at}: no {what}: {value}"));
    }
}

fn among(value: &Value, at: &str, faults: &mut Vec<String>, codes: &[&str]) {
    if !value.as_str().is_some_and(|text| codes.contains(&text)) {
        faults.push(format!("{at}: {value} is none of {codes:?}"));
    }
}

/// `[A-Za-z0-9\-\.]{1,64}`
fn id(value: &Value, at: &str, faults: &mut Vec<String>) {
    matches(value, at, faults, "id", |text| {
        (1..=64).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
    });
}

/// No white space but single ones within.
fn code(value: &Value, at: &str, faults: &mut Vec<String>) {
    matches(value, at, faults, "code", |t| !t.is_empty() && t.split(' ').all(|w| !w.is_empty()));
}

fn uri(value: &Value, at: &str, faults: &mut Vec<String>) {
    matches(value, at, faults, "URI", |text| {
        let scheme = text.split_once(':').is_some_and(|(scheme, rest)| {
            !scheme.is_empty() && !rest.is_empty() && scheme.chars().all(char::is_alphanumeric)
        });
        scheme && !text.contains(char::is_whitespace)
    });
}

/// Digits in the places of `shape`, and its own characters elsewhere.
fn shaped(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text
            .chars()
            .zip(shape.chars())
            .all(|(c, s)| if s == '0' { c.is_ascii_digit() } else { c == s })
}

fn is_date(text: &str) -> bool {
    let part = |from: usize, to: usize| text.get(from..to).and_then(|t| t.parse::<u8>().ok());
    shaped(text, "0000-00-00")
        && part(5, 7).is_some_and(|m| (1..=12).contains(&m))
        && part(8, 10).is_some_and(|d| (1..=31).contains(&d))
}

fn is_moment(text: &str) -> bool {
    let hour = |from: usize, most: u8| {
        text.get(from..from + 2).and_then(|t| t.parse().ok()).is_some_and(|n: u8| n <= most)
    };
    shaped(text, "0000-00-00T00:00:00Z") && is_date(&text[..10]) && hour(11, 23) && hour(14, 59)
}

fn instant(value: &Value, at: &str, faults: &mut Vec<String>) {
    matches(value, at, faults, "instant", is_moment);
}

fn date_time(value: &Value, at: &str, faults: &mut Vec<String>) {
    matches(value, at, faults, "dateTime", |text| is_date(text) || is_moment(text));
}

/// A signed number of 32 bits.
fn integer(value: &Value, at: &str, faults: &mut Vec<String>) {
    if value.as_i64().is_none_or(|n| i32::try_from(n).is_err()) {
        faults.push(format!("{at}: no integer: {value}"));
    }
}

fn decimal(value: &Value, at: &str, faults: &mut Vec<String>) {
    if !value.as_f64().is_some_and(f64::is_finite) {
        faults.push(format!("{at}: no decimal: {value}"));
    }
}

fn entry(value: &Value, at: &str, faults: &mut Vec<String>) {
    object(value, at, &[("fullUrl", Optional, full_url), ("resource", One, report)], faults);
}

fn full_url(value: &Value, at: &str, faults: &mut Vec<String>) {
    uri(value, at, faults);
    // A UUID stands in its small letters.
    matches(value, at, faults, "UUID", |text| {
        let uuid = text.strip_prefix("urn:uuid:").unwrap_or_default();
        let zeros: String = uuid.chars().map(|c| if c == '-' { '-' } else { '0' }).collect();
        zeros == "00000000-0000-0000-0000-000000000000"
            && uuid.chars().all(|c| c == '-' || c.is_ascii_digit() || ('a'..='f').contains(&c))
    });
}

fn report(value: &Value, at: &str, faults: &mut Vec<String>) {
    object(
        value,
        at,
        &[
            ("resourceType", One, |v, at, to| among(v, at, to, &["MeasureReport"])),
            ("id", Optional, id),
            ("language", Optional, code),
            ("text", Optional, narrative),
            EXTENSIONS,
            ("identifier", Any, identifier),
            ("status", One, |v, at, to| among(v, at, to, &["complete", "pending", "error"])),
            ("type", One, |v, at, to| {
                among(v, at, to, &["individual", "subject-list", "summary", "data-collection"]);
            }),
            ("measure", One, uri),
            ("subject", Optional, reference),
            ("date", Optional, date_time),
            ("reporter", Optional, reference),
            ("period", One, period),
            ("improvementNotation", Optional, concept),
            ("group", Any, group),
            ("evaluatedResource", Any, reference),
        ],
        faults,
    );
}

fn narrative(value: &Value, at: &str, faults: &mut Vec<String>) {
    object(
        value,
        at,
        &[
            ("status", One, |v, at, to| {
                among(v, at, to, &["generated", "extensions", "additional", "empty"]);
            }),
            ("div", One, |v, at, to| {
                matches(v, at, to, "XHTML", |text| {
                    let inner = text
                        .strip_prefix("<div xmlns=\"http://www.w3.org/1999/xhtml\">")
                        .and_then(|t| t.strip_suffix("</div>"))
                        .unwrap_or_default();
                    let plain = inner.replace("<p>", "").replace("</p>", "");
                    let opened = inner.matches("<p>").count();
                    !plain.trim().is_empty()
                        && !plain.contains(['<', '>'])
                        && opened == inner.matches("</p>").count()
                });
            }),
        ],
        faults,
    );
}

fn extension(value: &Value, at: &str, faults: &mut Vec<String>) {
    object(
        value,
        at,
        &[
            ("url", One, uri),
            ("valueString", Optional, string),
            ("valueCode", Optional, code),
            ("valueRange", Optional, range),
        ],
        faults,
    );
    // ext-1: a value or further extensions.
    let values =
        value.as_object().map_or(0, |v| v.keys().filter(|k| k.starts_with("value")).count());
    if values != 1 {
        faults.push(format!("{at}: {values} values"));
    }
    if value["url"] == "http://hl7.org/fhir/StructureDefinition/data-absent-reason" {
        among(
            &value["valueCode"],
            at,
            faults,
            &[
                "unknown",
                "asked-unknown",
                "temp-unknown",
                "not-asked",
                "asked-declined",
                "masked",
                "not-applicable",
                "unsupported",
                "as-text",
                "error",
                "not-a-number",
                "negative-infinity",
                "positive-infinity",
                "not-performed",
                "not-permitted",
            ],
        );
    }
}

fn range(value: &Value, at: &str, faults: &mut Vec<String>) {
    object(value, at, &[("low", Optional, quantity), ("high", Optional, quantity)], faults);
    // rng-2: the low end is not above the high one.
    if let (Some(low), Some(high)) =
        (value["low"]["value"].as_f64(), value["high"]["value"].as_f64())
        && low > high
    {
        faults.push(format!("{at}: {low} is above {high} (rng-2)"));
    }
}

fn quantity(value: &Value, at: &str, faults: &mut Vec<String>) {
    object(
        value,
        at,
        &[
            ("value", Optional, decimal),
            ("unit", Optional, string),
            ("system", Optional, uri),
            ("code", Optional, code),
        ],
        faults,
    );
    // qty-3: with a code of a unit there is its system.
    if value.get("code").is_some() && value.get("system").is_none() {
        faults.push(format!("{at}: a code without its system (qty-3)"));
    }
}

fn identifier(value: &Value, at: &str, faults: &mut Vec<String>) {
    object(value, at, &[("system", Optional, uri), ("value", Optional, string)], faults);
}

fn reference(value: &Value, at: &str, faults: &mut Vec<String>) {
    object(
        value,
        at,
        &[
            ("reference", Optional, string),
            ("type", Optional, uri),
            ("identifier", Optional, identifier),
            ("display", Optional, string),
        ],
        faults,
    );
}

fn period(value: &Value, at: &str, faults: &mut Vec<String>) {
    object(value, at, &[("start", Optional, date_time), ("end", Optional, date_time)], faults);
    // per-1; texts of one form are in the order of their days.
    if value["start"].as_str() > value["end"].as_str() {
        faults.push(format!("{at}: ends before it starts (per-1)"));
    }
}

fn concept(value: &Value, at: &str, faults: &mut Vec<String>) {
    object(value, at, &[("coding", Any, coding), ("text", Optional, string)], faults);
}

fn coding(value: &Value, at: &str, faults: &mut Vec<String>) {
    let elements: [Element; 3] =
        [("system", Optional, uri), ("code", Optional, code), ("display", Optional, string)];
    object(value, at, &elements, faults);
    if value["system"] == "http://terminology.hl7.org/CodeSystem/measure-population" {
        among(
            &value["code"],
            at,
            faults,
            &[
                "initial-population",
                "numerator",
                "numerator-exclusion",
                "denominator",
                "denominator-exclusion",
                "denominator-exception",
                "measure-population",
                "measure-population-exclusion",
                "measure-observation",
            ],
        );
    }
}

fn group(value: &Value, at: &str, faults: &mut Vec<String>) {
    object(
        value,
        at,
        &[
            EXTENSIONS,
            ("code", Optional, concept),
            ("population", Any, population),
            ("measureScore", Optional, quantity),
            ("stratifier", Any, stratifier),
        ],
        faults,
    );
}

fn population(value: &Value, at: &str, faults: &mut Vec<String>) {
    object(
        value,
        at,
        &[
            EXTENSIONS,
            ("code", Optional, concept),
            ("count", Optional, integer),
            ("subjectResults", Optional, reference),
        ],
        faults,
    );
    if let Some(element) = value.get("_count") {
        object(element, &format!("{at}._count"), &[EXTENSIONS], faults);
        let absent = element["extension"].as_array().into_iter().flatten();
        let mut absent = absent.filter(|e| e.get("valueCode").is_some());
        if value.get("count").is_some() && absent.next().is_some() {
            faults.push(format!("{at}: a count, and a reason why there is none"));
        }
    }
    if value.get("count").is_none() && value.get("_count").is_none() {
        faults.push(format!("{at}: neither a count nor what there is in its place"));
    }
}

fn stratifier(value: &Value, at: &str, faults: &mut Vec<String>) {
    object(value, at, &[EXTENSIONS, ("code", Any, concept), ("stratum", Any, stratum)], faults);
}

fn stratum(value: &Value, at: &str, faults: &mut Vec<String>) {
    object(
        value,
        at,
        &[
            EXTENSIONS,
            ("value", Optional, concept),
            ("component", Any, component),
            ("population", Any, population),
            ("measureScore", Optional, quantity),
        ],
        faults,
    );
    // mrp-2: one criterion, or a set of them.
    let fields: &Map<String, Value> = &value.as_object().cloned().unwrap_or_default();
    if fields.contains_key("value") == fields.contains_key("component") {
        faults.push(format!("{at}: both a value and components, or neither (mrp-2)"));
    }
}

fn component(value: &Value, at: &str, faults: &mut Vec<String>) {
    object(value, at, &[("code", One, concept), ("value", One, concept)], faults);
}
