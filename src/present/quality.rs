//! What a load says of its extract: completeness of each dimension, and what to do about the worst. For the
//! partner's own people.

use evensum_core::model::DimensionId;
use evensum_core::view::{
    DimensionQuality, LeftOut, NationalOptOut, OptOut, QualityReport, SiteLine, Sites,
};
use serde::Serialize;

use super::layout::{Column, Line, draw, paragraph};
use super::number::{part, thousands};
use super::{Glyphs, Width, words};

/// A dimension gets a line of advice where more than this many rows in a hundred are unusable.
pub const ADVICE_ABOVE_PER_CENT: u64 = 5;

/// What kind of figures a report of the node has: the first thing that its reader is told.
pub const EXACT: &str = "Exact figures, for the organisation's own staff only: do not pass them on. What leaves the node is rounded, and hidden where it is small.";

/// The most months that the terminal lists.
const MONTHS: usize = 13;

/// The report for a terminal.
#[must_use]
pub fn table(report: &QualityReport, width: Width, glyphs: Glyphs) -> String {
    let mut text = glyphs.apply(head(report, width));
    text.push('\n');
    // A kind of gap that no dimension has would be a column of noughts.
    let kinds: Vec<&Kind> =
        KINDS.iter().filter(|k| report.dimensions.iter().any(|d| (k.rows)(d) > 0)).collect();
    let mut columns = vec![Column::words("Dimension"), Column::figures("Usable")];
    columns.extend(kinds.iter().map(|kind| Column::figures(kind.header)));
    let lines = report.dimensions.iter().map(|d| line(d, &kinds)).collect();
    text.push_str(&draw(&columns, lines, width, glyphs));
    if let Some(sites) = &report.sites {
        text.push('\n');
        text.push_str(&glyphs.apply(paragraph("", &site_heading(report, sites), width)));
        text.push_str(&draw(
            &SITE_COLUMNS.map(site_column),
            site_lines(report, sites),
            width,
            glyphs,
        ));
    }
    let advice: Vec<String> = report.dimensions.iter().filter_map(advice).collect();
    if !advice.is_empty() {
        let mut after = String::from("\nWhat to do\n");
        for one in &advice {
            after.push_str(&paragraph("· ", one, width));
        }
        text.push_str(&glyphs.apply(after));
    }
    text
}

fn head(report: &QualityReport, width: Width) -> String {
    let mut text = paragraph(
        "",
        &format!("Quality of {}, {}", report.dataset, words::period(report.period)),
        width,
    );
    let outside = match report.rows_outside {
        0 => String::new(),
        rows => format!(
            ", {} left out (dated outside the period, or none of what the dataset counts)",
            thousands(rows)
        ),
    };
    text.push_str(&paragraph("", EXACT, width));
    let inside = report.rows_read.saturating_sub(report.rows_outside + report.left_out.rows());
    let rows = format!(
        "{} rows read{outside}, {} taken, {} rejected ({}).",
        thousands(report.rows_read),
        thousands(report.rows_taken),
        thousands(report.rows_rejected),
        part(report.rows_rejected, inside).unwrap_or_else(|| words::NOTHING.to_owned())
    );
    text.push_str(&paragraph("", &rows, width));
    text.push_str(&paragraph("", &timeliness(report), width));
    text.push_str(&dates(report, width));
    let measures = report.measures.iter().map(|m| {
        let name = m.measure.as_str().replace('_', " ");
        format!("; {name} from {} to {}", thousands(m.least.into()), thousands(m.most.into()))
    });
    let people =
        format!("{} different people{}.", thousands(report.persons), measures.collect::<String>());
    text.push_str(&paragraph("", &people, width));
    for line in left_out(&report.left_out) {
        text.push_str(&paragraph("", &words::clean(&line), width));
    }
    for reject in &report.rejects {
        let one = format!(
            "Not taken: {}, {} ({} rows).",
            reject.column,
            reject.rule,
            thousands(reject.rows)
        );
        text.push_str(&paragraph("", &words::clean(&one), width));
    }
    let pseudo: Vec<String> = report
        .pseudo_postcodes
        .iter()
        .map(|p| format!("{} ({} rows)", p.kind, thousands(p.rows)))
        .collect();
    if !pseudo.is_empty() {
        let line = format!("Pseudo-postcodes, which stand for no place: {}.", pseudo.join("; "));
        text.push_str(&paragraph("", &words::clean(&line), width));
    }
    for line in [Some(opt_out(report)), areas(report), repeated(report)].into_iter().flatten() {
        text.push_str(&paragraph("", &line, width));
    }
    for note in &report.notes {
        text.push_str(&paragraph("", &words::clean(note), width));
    }
    text
}

/// The position on the National Data Opt-Out.
pub(super) fn opt_out(report: &QualityReport) -> String {
    let Some(OptOut { national, reason }) = &report.left_out.opt_out else {
        return "National Data Opt-Out: not declared. Say it in the mapping, under [opt_out]."
            .to_owned();
    };
    let position = match national {
        NationalOptOut::Applied => "applied",
        NationalOptOut::NotApplied => "not applied",
        NationalOptOut::NotRequired => "not required",
    };
    let reason = reason.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
    words::clean(&format!("National Data Opt-Out, as declared: {position}{reason}."))
}

/// Rows that are there more than once.
pub(super) fn repeated(report: &QualityReport) -> Option<String> {
    let rows = report.duplicates.filter(|rows| *rows > 0)?;
    Some(format!(
        "Repeated rows: {} (the same person, date and every code as another). They are counted: take them out of the extract if they are one thing twice.",
        thousands(rows)
    ))
}

/// Which census the areas are of, and the edition of the deprivation index.
pub(super) fn areas(report: &QualityReport) -> Option<String> {
    let edition = report.imd_edition?;
    let Some(mix) = &report.areas else {
        return Some(format!("Deprivation by the English index of {}.", edition.as_str()));
    };
    let other = mix.of_other.map_or_else(
        || "whether the rest are of the other census is not known without its table".to_owned(),
        |rows| format!("{} only in the other census", thousands(rows)),
    );
    let advice = match mix.of_other {
        Some(rows) if rows > mix.of_edition => {
            " Most areas are of the other census: check imd_edition in the mapping."
        }
        _ => "",
    };
    Some(format!(
        "Deprivation by the English index of {}, on areas of {}: {} rows have an area of it; {other}; {} in no table that is imported; {} outside England.{advice}",
        edition.as_str(),
        mix.vintage,
        thousands(mix.of_edition),
        thousands(mix.of_neither),
        thousands(mix.outside_england),
    ))
}

/// The last event, the months of the file, and dates that cannot be.
fn dates(report: &QualityReport, width: Width) -> String {
    let mut text = String::new();
    if let Some(event) = last_event(report) {
        text.push_str(&paragraph("", &event, width));
    }
    if !report.months.is_empty() {
        let earlier = report.months.len().saturating_sub(MONTHS);
        let before: u64 = report.months[..earlier].iter().map(|m| m.rows).sum();
        let mut months: Vec<String> =
            (earlier > 0).then(|| format!("earlier {}", thousands(before))).into_iter().collect();
        let listed = report.months[earlier..].iter();
        months.extend(listed.map(|m| format!("{} {}", m.month, thousands(m.rows))));
        let line = format!("Rows of the file by month: {}.", months.join("; "));
        text.push_str(&paragraph("", &line, width));
    }
    for one in &report.impossible {
        let rows = thousands(one.rows);
        let line = format!("Dates that cannot be: {}, {} ({rows} rows).", one.column, one.rule);
        text.push_str(&paragraph("", &words::clean(&line), width));
    }
    text
}

/// How fresh the rows are, where they have dates.
pub(super) fn last_event(report: &QualityReport) -> Option<String> {
    let last = report.last_event?;
    let lag = match report.loaded.days_since(last) {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    };
    Some(format!("The last event is of {last}, {lag} before the load."))
}

/// `1 row`, `12 rows`.
pub(super) fn counted_rows(rows: u64) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{} rows", thousands(rows)) }
}

/// What was left out on purpose, and what is declared of opt-outs.
fn left_out(of: &LeftOut) -> Vec<String> {
    let mut lines = Vec::new();
    if of.objections > 0 {
        lines.push(format!(
            "Left out for objections and opt-outs: {} rows.",
            thousands(of.objections)
        ));
    }
    if of.restricted > 0 {
        lines.push(format!(
            "Left out for a legally restricted code: {} rows.",
            thousands(of.restricted)
        ));
    }
    if let Some(reason) = &of.restricted_kept {
        lines.push(format!("Rows with legally restricted codes were kept: {reason}"));
    }
    lines
}

pub(super) fn timeliness(report: &QualityReport) -> String {
    let lag = match report.loaded.days_since(report.as_of) {
        0 => "the same day".to_owned(),
        1 => "1 day later".to_owned(),
        days if days > 1 => format!("{days} days later"),
        _ => "before that date: check the period".to_owned(),
    };
    format!("The extract describes {}; it was loaded on {}, {lag}.", report.as_of, report.loaded)
}

/// The columns of the table of organisations: headers, and whether they are words.
const SITE_COLUMNS: [(&str, bool); 4] =
    [("Code", true), ("Rows", false), ("Least complete", true), ("Usable", false)];

fn site_column((header, words): (&str, bool)) -> Column {
    if words { Column::words(header) } else { Column::figures(header) }
}

fn site_heading(report: &QualityReport, sites: &Sites) -> String {
    let by = report.dimensions.iter().find(|d| d.dimension == sites.by);
    let name = by.map_or_else(|| sites.by.to_string(), |d| words::clean(&d.name));
    format!("By {}", words::within(&name))
}

/// A line for each organisation, with the dimension that is least complete in it.
fn site_lines(report: &QualityReport, sites: &Sites) -> Vec<Line> {
    let all = sites.lines.iter().chain(&sites.others);
    all.map(|line| {
        let name = site_name(sites, line);
        let worst = line.usable.iter().min_by_key(|(_, usable)| **usable);
        let of = |id: &DimensionId| {
            report.dimensions.iter().find(|d| d.dimension == *id).map(|d| d.name.as_str())
        };
        let (worst, usable) = worst.map_or(("", 0), |(id, usable)| (of(id).unwrap_or(""), *usable));
        let share = part(usable, line.rows).unwrap_or_else(|| words::NOTHING.to_owned());
        Line::Cells(vec![name, thousands(line.rows), words::clean(worst), share])
    })
    .collect()
}

/// An organisation's code, `not known`, or how many others stand together.
pub(super) fn site_name(sites: &Sites, line: &SiteLine) -> String {
    match line.site.as_str() {
        "others" => format!("{} others together", thousands(sites.other_sites)),
        "unknown" => "not known".to_owned(),
        code => words::clean(code),
    }
}

/// A kind of row without a usable value.
pub(super) struct Kind {
    pub(super) header: &'static str,
    pub(super) rows: fn(&DimensionQuality) -> u64,
}

pub(super) const KINDS: [Kind; 7] = [
    Kind { header: "Not stated", rows: |d| d.not_stated },
    Kind { header: "Not known", rows: |d| d.not_known },
    Kind { header: "Blank", rows: |d| d.blank },
    Kind { header: "Invalid", rows: |d| d.invalid },
    Kind { header: "Not in the reference", rows: |d| d.unmatched },
    Kind { header: "Not collected", rows: |d| d.not_collected },
    Kind { header: "Not applicable", rows: |d| d.not_applicable },
];

fn line(dimension: &DimensionQuality, kinds: &[&Kind]) -> Line {
    let name = words::clean(&dimension.name);
    if !dimension.held {
        return Line::Cells(vec![name, "no column".to_owned()]);
    }
    let whole = rows(dimension);
    let figure = |n: u64| part(n, whole).unwrap_or_else(|| words::NOTHING.to_owned());
    let mut cells = vec![name, figure(dimension.valid)];
    cells.extend(kinds.iter().map(|kind| figure((kind.rows)(dimension))));
    Line::Cells(cells)
}

/// All rows, by what they say of the dimension.
pub(super) const fn rows(d: &DimensionQuality) -> u64 {
    d.valid.saturating_add(unusable(d)).saturating_add(d.not_applicable)
}

/// Rows that say nothing of a person of whom something could be said.
pub(super) const fn unusable(d: &DimensionQuality) -> u64 {
    d.not_stated
        .saturating_add(d.not_known)
        .saturating_add(d.blank)
        .saturating_add(d.invalid)
        .saturating_add(d.unmatched)
        .saturating_add(d.not_collected)
}

/// What to do about a dimension; nothing where at most [`ADVICE_ABOVE_PER_CENT`] of its rows are unusable.
pub(super) fn advice(d: &DimensionQuality) -> Option<String> {
    let name = words::clean(&d.name);
    if !d.held {
        return Some(format!(
            "{name}: the extract has no such column. Name its field in the mapping, or ask for it to be added to the extract; until then this partner counts as holding no such data."
        ));
    }
    let (bad, whole) = (unusable(d), rows(d));
    if u128::from(bad) * 100 <= u128::from(whole) * u128::from(ADVICE_ABOVE_PER_CENT) {
        return None;
    }
    let causes = [
        (
            d.blank,
            "blank. Check that the mapping names the right field and that the source fills it",
        ),
        (
            d.not_known,
            "coded as not known. Ask the services that record it to complete it at the next contact",
        ),
        (d.not_stated, "declined. Ask again at the next contact, and explain why it is asked"),
        (
            d.invalid,
            "a code that the catalogue does not have. Translate it under [codes] in the mapping",
        ),
        (
            d.unmatched,
            "not in the reference data. Check how postcodes or areas are written, and that the reference file is of the same census",
        ),
        (d.not_collected, "coded as not collected. Ask the supplier of the system to collect it"),
    ];
    let (_, cause) = causes.into_iter().rev().max_by_key(|(n, _)| *n)?;
    Some(format!(
        "{name}: {} of the rows cannot be used; the commonest reason is: {cause}.",
        part(bad, whole)?
    ))
}

#[derive(Serialize)]
struct ReportJson<'a> {
    #[serde(flatten)]
    report: &'a QualityReport,
    /// What the figures are: never to be passed on.
    figures: &'static str,
    days_to_load: i64,
    days_since_last_event: Option<i64>,
    per_cent: Vec<PerCent<'a>>,
    advice: Vec<String>,
}

/// A dimension in per cent of its rows, to one decimal; null where there are no rows or no column.
#[derive(Serialize)]
struct PerCent<'a> {
    dimension: &'a str,
    valid: Option<f64>,
    unusable: Option<f64>,
    not_stated: Option<f64>,
    not_known: Option<f64>,
    blank: Option<f64>,
    invalid: Option<f64>,
    unmatched: Option<f64>,
    not_collected: Option<f64>,
    not_applicable: Option<f64>,
}

/// The report as JSON: its counts as they are (`figures` says so), with `days_to_load`, `days_since_last_event`,
/// `per_cent` of each dimension and `advice`.
#[must_use]
pub fn json(report: &QualityReport) -> serde_json::Value {
    let value = ReportJson {
        report,
        figures: "exact",
        days_to_load: report.loaded.days_since(report.as_of),
        days_since_last_event: report.last_event.map(|last| report.loaded.days_since(last)),
        per_cent: report.dimensions.iter().map(per_cent).collect(),
        advice: report.dimensions.iter().filter_map(advice).collect(),
    };
    serde_json::to_value(value).unwrap_or_default()
}

fn per_cent(d: &DimensionQuality) -> PerCent<'_> {
    let whole = if d.held { rows(d) } else { 0 };
    let of = |n: u64| tenth(n, whole);
    PerCent {
        dimension: d.dimension.as_str(),
        valid: of(d.valid),
        unusable: of(unusable(d)),
        not_stated: of(d.not_stated),
        not_known: of(d.not_known),
        blank: of(d.blank),
        invalid: of(d.invalid),
        unmatched: of(d.unmatched),
        not_collected: of(d.not_collected),
        not_applicable: of(d.not_applicable),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows are far below 2^53")]
fn tenth(n: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| (n as f64 * 1000.0 / whole as f64).round() / 10.0)
}
