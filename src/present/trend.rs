//! Several quality reports beside each other: one dataset from period to period, or all datasets. For the
//! partner's own people.

use evensum_core::model::SnapshotVersion;
use evensum_core::view::{DimensionQuality, QualityReport};
use serde_json::Value;

use super::layout::{Column, Line, draw, paragraph};
use super::number::{part, thousands};
use super::quality::{EXACT, json as report_json, rows, unusable};
use super::{Glyphs, Width, words};

/// Characters that a period's column takes.
const PERIOD_COLUMN: u16 = 12;
/// Characters that the names at the left take.
const NAMES: u16 = 32;

/// A report with the standing of its extract.
#[derive(Debug, Clone, Copy)]
pub struct Held<'a> {
    /// The report.
    pub report: &'a QualityReport,
    /// The extract's standing; none while it is staged.
    pub version: Option<SnapshotVersion>,
}

/// A dimension from period to period, for a table or a chart.
pub(super) struct Series<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// In each period: usable rows and all rows; none where the extract has no column.
    pub(super) usable: Vec<Option<(u64, u64)>>,
}

/// The dimensions of some reports in the order of the newest, with their usable rows in each.
pub(super) fn series<'a>(held: &[Held<'a>]) -> Vec<Series<'a>> {
    let mut all: Vec<(&DimensionQuality, Series<'a>)> = Vec::new();
    for one in held.iter().rev() {
        for dimension in &one.report.dimensions {
            if !all.iter().any(|(known, _)| known.dimension == dimension.dimension) {
                let name = dimension.name.as_str();
                all.push((dimension, Series { name, usable: Vec::new() }));
            }
        }
    }
    for (of, series) in &mut all {
        let each = held.iter().map(|one| {
            let found = one.report.dimensions.iter().find(|d| d.dimension == of.dimension)?;
            found.held.then(|| (found.valid, rows(found)))
        });
        series.usable = each.collect();
    }
    all.into_iter().map(|(_, series)| series).collect()
}

/// One dataset from period to period, the latest at the right.
#[must_use]
pub fn periods(held: &[Held<'_>], name: &str, width: Width, glyphs: Glyphs) -> String {
    let room = usize::from(width.columns().saturating_sub(NAMES) / PERIOD_COLUMN).max(1);
    let shown = &held[held.len().saturating_sub(room)..];
    let mut text = paragraph("", &format!("Quality of {}, by period", words::clean(name)), width);
    text.push_str(&paragraph("", EXACT, width));
    let left_out = held.len() - shown.len();
    if left_out > 0 {
        let note = format!("{left_out} earlier periods are not shown: --format json has them all.");
        text.push_str(&paragraph("", &note, width));
    }
    text.push('\n');
    let mut columns = vec![Column::words("")];
    columns.extend(shown.iter().map(|h| Column::figures(&h.report.period.to_string())));
    let row = |name: &str, cell: &dyn Fn(&Held<'_>) -> String| {
        let cells = shown.iter().map(cell);
        Line::Cells(std::iter::once(name.to_owned()).chain(cells).collect())
    };
    let mut lines = vec![
        row("Standing", &|h| standing(h.version).to_owned()),
        row("Rows", &|h| thousands(h.report.rows_taken)),
        row("Rejected rows", &|h| thousands(h.report.rows_rejected)),
        row("Repeated rows", &|h| {
            h.report.duplicates.map_or_else(|| words::NOTHING.to_owned(), thousands)
        }),
        row("Days to the load", &|h| h.report.loaded.days_since(h.report.as_of).to_string()),
        Line::Gap,
        Line::Heading("Usable rows".to_owned()),
    ];
    lines.extend(series(shown).iter().map(|s| {
        let cell = |usable: &Option<(u64, u64)>| match usable {
            None => "no column".to_owned(),
            Some((usable, all)) => part(*usable, *all).unwrap_or_else(|| words::NOTHING.to_owned()),
        };
        let cells = s.usable.iter().map(cell);
        Line::Cells(std::iter::once(words::clean(s.name)).chain(cells).collect())
    }));
    let table = draw(&columns, lines, width, glyphs);
    format!("{}{table}", glyphs.apply(text))
}

/// A line for each dataset: its newest period, and what is least complete in it.
#[must_use]
pub fn datasets(held: &[Held<'_>], width: Width, glyphs: Glyphs) -> String {
    let mut text = paragraph("", "Quality of everything that is loaded", width);
    text.push_str(&paragraph("", EXACT, width));
    text.push('\n');
    let columns = [
        Column::words("Dataset"),
        Column::figures("Periods"),
        Column::figures("Newest"),
        Column::figures("Standing"),
        Column::figures("Rows"),
        Column::figures("Days to the load"),
        Column::words("Least complete"),
    ];
    let lines = newest(held).into_iter().map(|(number, one)| {
        let report = one.report;
        Line::Cells(vec![
            report.dataset.to_string(),
            number.to_string(),
            report.period.to_string(),
            standing(one.version).to_owned(),
            thousands(report.rows_taken),
            report.loaded.days_since(report.as_of).to_string(),
            least_complete(report),
        ])
    });
    let table = draw(&columns, lines.collect(), width, glyphs);
    format!("{}{table}", glyphs.apply(text))
}

/// The newest report of each dataset, with the number of its periods. They come by dataset and period.
pub(super) fn newest<'a>(held: &[Held<'a>]) -> Vec<(usize, Held<'a>)> {
    let of_dataset = held.chunk_by(|a, b| a.report.dataset == b.report.dataset);
    of_dataset.filter_map(|of| Some((of.len(), *of.last()?))).collect()
}

/// The dimension of which most rows cannot be used.
pub(super) fn worst(report: &QualityReport) -> Option<&DimensionQuality> {
    let held = report.dimensions.iter().filter(|d| d.held && rows(d) > 0);
    held.max_by(|a, b| {
        let (a, b) = ((unusable(a), rows(a)), (unusable(b), rows(b)));
        // As fractions, without division.
        (u128::from(a.0) * u128::from(b.1)).cmp(&(u128::from(b.0) * u128::from(a.1)))
    })
}

fn least_complete(report: &QualityReport) -> String {
    let Some(worst) = worst(report).filter(|d| unusable(d) > 0) else {
        return "nothing is missing".to_owned();
    };
    let share = part(worst.valid, rows(worst)).unwrap_or_else(|| words::NOTHING.to_owned());
    format!("{}: {share} usable", words::clean(&worst.name))
}

/// The standing of an extract in a word.
pub(super) const fn standing(version: Option<SnapshotVersion>) -> &'static str {
    match version {
        None => "staged",
        Some(version) => words::version(version),
    }
}

/// All reports as JSON, each with the `standing` of its extract: `staged`, `provisional` or `final`.
#[must_use]
pub fn json(held: &[Held<'_>]) -> Value {
    let each = held.iter().map(|one| {
        let mut report = report_json(one.report);
        if let Value::Object(fields) = &mut report {
            fields.insert("standing".to_owned(), standing(one.version).into());
        }
        report
    });
    Value::Array(each.collect())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::report;
    use super::*;

    fn with(period: &str, change: impl FnOnce(&mut QualityReport)) -> QualityReport {
        let mut of = report();
        of.period = period.parse().expect("a period");
        change(&mut of);
        of
    }

    fn flat(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_dataset_is_shown_from_period_to_period() {
        let reports = [
            with("2026-09", |r| r.dimensions[1].held = false),
            with("2026-10", |r| r.duplicates = None),
        ];
        let versions = [Some(SnapshotVersion::Final), None];
        let held: Vec<Held<'_>> = reports
            .iter()
            .zip(versions)
            .map(|(report, version)| Held { report, version })
            .collect();
        let text = flat(&periods(&held, "RTT", Width::default(), Glyphs::Unicode));
        for said in [
            "Exact figures, for the organisation's own staff only",
            "2026-09 2026-10",
            "Standing final staged",
            "Rows 40,203 40,203",
            "Repeated rows 3 –",
            "Ethnic category no column 81.8 %",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
        let all = json(&held);
        assert_eq!((&all[0]["standing"], &all[1]["standing"]), (&"final".into(), &"staged".into()));
        assert_eq!(all[1]["figures"], "exact");
    }

    #[test]
    fn what_has_no_room_is_said() {
        let reports: Vec<QualityReport> =
            (1..=12).map(|m| with(&format!("2026-{m:02}"), |_| {})).collect();
        let held: Vec<Held<'_>> =
            reports.iter().map(|report| Held { report, version: None }).collect();
        let text = flat(&periods(&held, "RTT", Width::new(80), Glyphs::Unicode));
        assert!(
            text.contains("8 earlier periods are not shown") && text.contains("2026-12"),
            "{text}"
        );
        assert!(!text.contains("2026-08"), "{text}");
    }

    #[test]
    fn each_dataset_has_a_line_with_its_newest_period() {
        let mut other = with("2026-08", |r| r.dimensions.truncate(0));
        other.dataset = evensum_core::model::DatasetId::new("ae_attendance").expect("id");
        let reports = [other, with("2026-09", |_| {}), with("2026-10", |_| {})];
        let held: Vec<Held<'_>> =
            reports.iter().map(|report| Held { report, version: None }).collect();
        let text = flat(&datasets(&held, Width::default(), Glyphs::Unicode));
        assert!(
            text.contains("ae_attendance 1 2026-08 staged 40,203 12 nothing is missing"),
            "{text}"
        );
        assert!(
            text.contains("rtt_open_pathway 2 2026-10 staged 40,203 12 Ethnic category: 81.8 %"),
            "{text}"
        );
    }
}
