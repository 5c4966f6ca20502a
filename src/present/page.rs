//! A quality report as one page that needs nothing else: no script, no resource from elsewhere. Every chart is
//! an SVG with its table after it. Rectangles and texts are laid out in `drawing.rs`.

use askama::Template;
use evensum_core::view::{DimensionQuality, QualityReport};

use super::drawing::{self, Bar, Chart, DataTable, Gap, HeatLine, Part};
use super::number::{part, thousands};
use super::quality::{EXACT, KINDS, advice, areas, counted_rows, last_event, opt_out, repeated};
use super::quality::{rows, site_name, timeliness, unusable};
use super::trend::{Held, newest, series, standing, worst};
use super::words;

/// The most months and periods that a page draws; the tables of the other formats have them all.
const MOST_COLUMNS: usize = 12;

/// A finding names a dimension where more than this many rows in a thousand cannot be used.
const WORTH_SAYING_PER_MILLE: u64 = 10;

/// A page of charts.
#[derive(Debug, Template)]
#[template(path = "page.html")]
pub(super) struct Page {
    /// The finding.
    pub(super) title: String,
    /// What it is about.
    pub(super) about: String,
    /// Whether figures are exact.
    pub(super) exact: bool,
    /// What figures are, and for whom.
    pub(super) standing: String,
    pub(super) facts: Vec<(String, String)>,
    pub(super) charts: Vec<Chart>,
    pub(super) advice: Vec<String>,
}

/// Writes a page.
pub(super) fn written(page: &Page) -> Result<String, askama::Error> {
    page.render()
}

/// The page of one report, with the other periods of its dataset beside it, the earliest first.
///
/// # Errors
/// The template's, which a test renders.
pub fn report(
    of: &QualityReport,
    name: &str,
    periods: &[Held<'_>],
) -> Result<String, askama::Error> {
    let mut charts = vec![completeness(of)];
    charts.extend(months(of));
    charts.extend(trend(periods));
    charts.extend(sites(of));
    charts.extend(not_taken(of));
    written(&Page {
        title: format!("{}, {}: {}", words::clean(name), words::period(of.period), finding(of)),
        about: "How complete and how fresh the extract is".to_owned(),
        exact: true,
        standing: EXACT.to_owned(),
        facts: facts(of),
        charts,
        advice: of.dimensions.iter().filter_map(advice).collect(),
    })
}

/// The page of everything that is loaded: the newest extract of each dataset.
///
/// # Errors
/// The template's, which a test renders.
pub fn overview(held: &[Held<'_>]) -> Result<String, askama::Error> {
    let newest = newest(held);
    let charts = newest.iter().map(|(_, one)| {
        let mut chart = completeness(one.report);
        chart.finding = format!(
            "{}, {} ({}): {}",
            one.report.dataset,
            words::period(one.report.period),
            standing(one.version),
            finding(one.report)
        );
        chart
    });
    let charts = charts.zip(1..).map(|(chart, n)| Chart { id: format!("dataset-{n}"), ..chart });
    let charts: Vec<Chart> = charts.collect();
    let title = match charts.len() {
        1 => "Quality of the one dataset that is loaded".to_owned(),
        n => format!("Quality of the {n} datasets that are loaded"),
    };
    let all = |(number, one): &(usize, Held<'_>)| {
        let of = if *number == 1 { "1 period".to_owned() } else { format!("{number} periods") };
        (one.report.dataset.to_string(), format!("{of}, the newest {}", one.report.period))
    };
    written(&Page {
        title,
        about: "How complete each dataset's newest extract is".to_owned(),
        exact: true,
        standing: EXACT.to_owned(),
        facts: newest.iter().map(all).collect(),
        charts,
        advice: Vec::new(),
    })
}

/// What the page says first.
fn finding(of: &QualityReport) -> String {
    let Some(worst) = worst(of) else { return "there is nothing in it".to_owned() };
    let (bad, all) = (unusable(worst), rows(worst));
    if u128::from(bad) * 1000 <= u128::from(all) * u128::from(WORTH_SAYING_PER_MILLE) {
        return "hardly anything is missing".to_owned();
    }
    let share = part(bad, all).unwrap_or_else(|| words::NOTHING.to_owned());
    format!("{} cannot be used in {share} of rows", words::within(&words::clean(&worst.name)))
}

fn facts(of: &QualityReport) -> Vec<(String, String)> {
    let rejected = part(of.rows_rejected, of.rows_read.saturating_sub(of.rows_outside));
    let mut facts = vec![
        ("Rows taken", counted_rows(of.rows_taken)),
        (
            "Rows rejected",
            format!(
                "{} ({})",
                thousands(of.rows_rejected),
                rejected.unwrap_or_else(|| words::NOTHING.to_owned())
            ),
        ),
        ("Different people", thousands(of.persons)),
        ("Timeliness", timeliness(of)),
    ];
    if of.rows_outside > 0 {
        facts.push(("Rows outside the period", thousands(of.rows_outside)));
    }
    facts.extend(last_event(of).map(|text| ("Last event", text)));
    facts.extend(repeated(of).map(|text| ("Repeats", text)));
    let impossible: Vec<String> = of
        .impossible
        .iter()
        .map(|one| {
            words::clean(&format!("{}, {}: {}", one.column, one.rule, counted_rows(one.rows)))
        })
        .collect();
    if !impossible.is_empty() {
        facts.push(("Dates that cannot be", format!("{}.", impossible.join("; "))));
    }
    facts.extend(areas(of).map(|text| ("Deprivation and areas", text)));
    facts.push(("Opt-out", opt_out(of)));
    facts.extend(of.notes.iter().map(|note| ("Note", words::clean(note))));
    facts.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

/// The colours of a completeness bar: class, words, and the rows of a dimension.
type Colour = (&'static str, &'static str, fn(&DimensionQuality) -> u64);

const COLOURS: [Colour; 5] = [
    ("usable", "usable", |d| d.valid),
    ("notstated", "not stated", |d| d.not_stated),
    ("notknown", "coded as not known or not collected", |d| d.not_known + d.not_collected),
    ("wrong", "blank, invalid or not in the reference", |d| d.blank + d.invalid + d.unmatched),
    ("notapplicable", "not applicable", |d| d.not_applicable),
];

/// A stacked bar for each dimension.
fn completeness(of: &QualityReport) -> Chart {
    let bar = |d: &DimensionQuality| {
        let name = words::clean(&d.name);
        let whole = rows(d);
        if !d.held {
            return Bar { name, parts: Err(Gap::NotHeld), figure: Gap::NotHeld.word().to_owned() };
        }
        let parts = COLOURS.iter().map(|(class, says, read)| Part {
            class,
            of: (read(d), whole),
            title: format!("{name}: {} {says}", thousands(read(d))),
        });
        let figure = part(d.valid, whole).unwrap_or_else(|| words::NOTHING.to_owned());
        Bar { parts: Ok(parts.collect()), figure, name: name.clone() }
    };
    let bars: Vec<Bar> = of.dimensions.iter().map(bar).collect();
    let (marks, texts, width, height) = drawing::bars(&bars);
    let head = ["Dimension", "Usable"].into_iter().chain(KINDS.iter().map(|k| k.header));
    let row = |d: &DimensionQuality| {
        let mut cells = vec![words::clean(&d.name)];
        if d.held {
            let counts = std::iter::once(d.valid).chain(KINDS.iter().map(|k| (k.rows)(d)));
            cells.extend(counts.map(thousands));
        } else {
            cells.push(Gap::NotHeld.word().to_owned());
            cells.extend(KINDS.iter().map(|_| words::NOTHING.to_owned()));
        }
        cells
    };
    let mut legend: Vec<(&'static str, String)> =
        COLOURS.iter().map(|(class, says, _)| (*class, (*says).to_owned())).collect();
    if of.dimensions.iter().any(|d| !d.held) {
        legend.push(("none", Gap::NotHeld.word().to_owned()));
    }
    Chart {
        id: "dimensions".to_owned(),
        finding: words::opening(&finding(of)),
        describes: "A bar for each dimension, divided by what its rows say.".to_owned(),
        width,
        height,
        marks,
        texts,
        legend,
        table: DataTable {
            caption: "Rows by what they say of each dimension".to_owned(),
            head: head.map(str::to_owned).collect(),
            rows: of.dimensions.iter().map(row).collect(),
        },
    }
}

/// Rows of the file by month.
fn months(of: &QualityReport) -> Option<Chart> {
    let months = &of.months[of.months.len().saturating_sub(MOST_COLUMNS)..];
    let most = months.iter().map(|m| m.rows).max()?;
    let inside: u64 = of.months.iter().filter(|m| m.inside).map(|m| m.rows).sum();
    let all: u64 = of.months.iter().map(|m| m.rows).sum();
    let bars: Vec<Bar> = months
        .iter()
        .map(|m| Bar {
            name: words::period(m.month),
            parts: Ok(vec![Part {
                class: if m.inside { "usable" } else { "outside" },
                of: (m.rows, most),
                title: format!("{}: {}", words::period(m.month), counted_rows(m.rows)),
            }]),
            figure: thousands(m.rows),
        })
        .collect();
    let (marks, texts, width, height) = drawing::bars(&bars);
    let row = |m: &evensum_core::view::MonthRows| {
        let where_ = if m.inside { "yes" } else { "no" };
        vec![words::period(m.month), thousands(m.rows), where_.to_owned()]
    };
    let share = part(inside, all).unwrap_or_else(|| words::NOTHING.to_owned());
    Some(Chart {
        id: "months".to_owned(),
        finding: format!("{share} of the file's rows are dated in the period that was loaded"),
        describes: "A bar for each month, as long as it has rows.".to_owned(),
        width,
        height,
        marks,
        texts,
        legend: vec![
            ("usable", "in the period".to_owned()),
            ("outside", "outside it, and left out".to_owned()),
        ],
        table: DataTable {
            caption: "Rows of the file by the month of their date".to_owned(),
            head: ["Month", "Rows", "In the period"].map(str::to_owned).to_vec(),
            rows: months.iter().map(row).collect(),
        },
    })
}

/// A share of a whole in a heat map.
fn share_of(of: u64, whole: u64) -> Result<(u64, String), Gap> {
    let tenths = (u128::from(of) * 1000).checked_div(u128::from(whole));
    let tenths = tenths.and_then(|t| u64::try_from(t).ok()).unwrap_or_default();
    Ok((tenths, part(of, whole).unwrap_or_else(|| words::NOTHING.to_owned())))
}

/// A heat map with its table, from the lines that both say.
pub(super) fn heat_chart(
    (id, finding, describes): (&'static str, String, String),
    (caption, first): (&str, &str),
    columns: &[String],
    lines: &[HeatLine],
) -> Chart {
    let (marks, texts, width, height) = drawing::heat(columns, lines);
    let cell = |cell: &Result<(u64, String), Gap>| match cell {
        Ok((_, text)) => text.clone(),
        Err(gap) => gap.word().to_owned(),
    };
    let row = |line: &HeatLine| {
        std::iter::once(line.name.clone()).chain(line.cells.iter().map(cell)).collect()
    };
    Chart {
        id: id.to_owned(),
        finding,
        describes,
        width,
        height,
        marks,
        texts,
        legend: drawing::heat_legend(&drawing::gaps(lines)),
        table: DataTable {
            caption: caption.to_owned(),
            head: std::iter::once(first.to_owned()).chain(columns.iter().cloned()).collect(),
            rows: lines.iter().map(row).collect(),
        },
    }
}

/// Completeness from period to period, where there are several.
fn trend(periods: &[Held<'_>]) -> Option<Chart> {
    let shown = &periods[periods.len().saturating_sub(MOST_COLUMNS)..];
    let (first, last) = match shown {
        [first, .., last] => (first, last),
        _ => return None,
    };
    let columns: Vec<String> = shown.iter().map(|h| h.report.period.to_string()).collect();
    let lines: Vec<HeatLine> = series(shown)
        .into_iter()
        .map(|s| HeatLine {
            name: words::clean(s.name),
            cells: s
                .usable
                .into_iter()
                .map(|cell| cell.map_or(Err(Gap::NotHeld), |(of, whole)| share_of(of, whole)))
                .collect(),
        })
        .collect();
    let (before, now) = (first.report.rows_taken, last.report.rows_taken);
    let went = if before == now {
        format!("there were {} at both ends", counted_rows(now))
    } else {
        format!("rows went from {} to {}", thousands(before), thousands(now))
    };
    let (from, to) = (words::period(first.report.period), words::period(last.report.period));
    let finding = format!("From {from} to {to}, {went}");
    let describes = "A cell for each dimension and period, darker where more rows are usable.";
    let mut chart = heat_chart(
        ("periods", finding, describes.to_owned()),
        ("Usable rows by dimension and period", "Dimension"),
        &columns,
        &lines,
    );
    let rows = std::iter::once("Rows taken".to_owned());
    let rows = rows.chain(shown.iter().map(|h| thousands(h.report.rows_taken)));
    chart.table.rows.insert(0, rows.collect());
    Some(chart)
}

/// Completeness by organisation.
fn sites(of: &QualityReport) -> Option<Chart> {
    let sites = of.sites.as_ref()?;
    let all: Vec<_> = sites.lines.iter().chain(&sites.others).collect();
    let dimensions: Vec<&DimensionQuality> =
        of.dimensions.iter().filter(|d| d.held && d.dimension != sites.by).collect();
    if all.is_empty() || dimensions.is_empty() {
        return None;
    }
    let columns: Vec<String> = dimensions.iter().map(|d| words::clean(&d.name)).collect();
    let usable = |line: &evensum_core::view::SiteLine, d: &DimensionQuality| {
        share_of(line.usable.get(&d.dimension).copied().unwrap_or_default(), line.rows)
    };
    let lines: Vec<HeatLine> = all
        .iter()
        .map(|line| HeatLine {
            name: format!("{} ({})", site_name(sites, line), thousands(line.rows)),
            cells: dimensions.iter().map(|d| usable(line, d)).collect(),
        })
        .collect();
    let number = sites.lines.len() as u64 + sites.other_sites;
    let by = of.dimensions.iter().find(|d| d.dimension == sites.by);
    let by = by.map_or_else(|| sites.by.to_string(), |d| words::within(&words::clean(&d.name)));
    let finding = format!("Completeness by {by}: {} in the extract", thousands(number));
    let describes =
        "A cell for each organisation and dimension, darker where more rows are usable.";
    Some(heat_chart(
        ("sites", finding, describes.to_owned()),
        ("Usable rows by organisation, with its rows in brackets", "Organisation"),
        &columns,
        &lines,
    ))
}

/// Rows that were not taken, by rule: a table alone.
fn not_taken(of: &QualityReport) -> Option<Chart> {
    if of.rejects.is_empty() {
        return None;
    }
    let rows = of.rejects.iter().map(|reject| {
        vec![words::clean(&reject.column), words::clean(&reject.rule), thousands(reject.rows)]
    });
    Some(Chart {
        id: "rejects".to_owned(),
        finding: format!(
            "{} not taken",
            counted_rows(of.rows_rejected.saturating_add(of.rows_outside))
        ),
        describes: String::new(),
        width: 0,
        height: 0,
        marks: Vec::new(),
        texts: Vec::new(),
        legend: Vec::new(),
        table: DataTable {
            caption: "Rows that were not taken, by column and rule".to_owned(),
            head: ["Column", "Rule", "Rows"].map(str::to_owned).to_vec(),
            rows: rows.collect(),
        },
    })
}

#[cfg(test)]
mod tests {
    use evensum_core::model::{DimensionId, Period, SnapshotVersion};
    use evensum_core::view::{MonthRows, SiteLine, Sites};

    use super::super::fixture;
    use super::*;

    fn month(text: &str) -> Period {
        text.parse().expect("a period")
    }

    fn full() -> QualityReport {
        let id = |text: &str| DimensionId::new(text).expect("id");
        let line = |site: &str, rows: u64, ethnicity: u64| SiteLine {
            site: site.to_owned(),
            rows,
            usable: [(id("ethnicity"), ethnicity), (id("sex"), rows)].into(),
            not_applicable: [].into(),
        };
        let mut of = fixture::report();
        of.dimensions[1].name = "Ethnic <b>category</b> & \"more\"".to_owned();
        of.months = vec![
            MonthRows { month: month("2026-09"), rows: 12, inside: false },
            MonthRows { month: month("2026-10"), rows: 40_203, inside: true },
        ];
        of.sites = Some(Sites {
            by: id("provider"),
            lines: vec![line("RZ1", 30_000, 29_000), line("RZ2", 10_000, 0)],
            others: Some(line("others", 203, 100)),
            other_sites: 3,
        });
        of
    }

    fn rendered() -> String {
        let (before, now) = (fixture::report(), full());
        let held = [(&before, Some(SnapshotVersion::Final)), (&now, None)]
            .map(|(report, version)| Held { report, version });
        report(&now, "RTT <incomplete> pathways", &held).expect("a page")
    }

    /// Reads the tags of a page, and says which are open where one is closed that is not the last.
    fn unbalanced(page: &str) -> Option<String> {
        let mut open: Vec<&str> = Vec::new();
        for tag in page.split('<').skip(1) {
            let (inside, _) = tag.split_once('>')?;
            let name = inside.split([' ', '/']).find(|n| !n.is_empty())?;
            match inside {
                _ if inside.starts_with('!') || inside.ends_with('/') || name == "meta" => {}
                _ if inside.starts_with('/') => {
                    if open.pop() != Some(name) {
                        return Some(format!("{open:?} and then /{name}"));
                    }
                }
                _ => open.push(name),
            }
        }
        (!open.is_empty()).then(|| format!("{open:?}"))
    }

    #[test]
    fn a_page_is_whole_and_needs_nothing_else() {
        let page = rendered();
        assert_eq!(unbalanced(&page), None);
        assert_eq!(unbalanced("<p><b></p></b>").as_deref(), Some("[\"p\"] and then /p"));
        for foreign in ["<script", "http:", "https:", "//", "@import", "<link", "<img", "<b>"] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        assert!(page.contains("Ethnic &#60;b&#62;category"), "escaped");
        let mut ids: Vec<&str> =
            page.split(" id=\"").skip(1).filter_map(|t| t.split('"').next()).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "an id twice");
        let charts = page.matches("role=\"img\"").count();
        assert_eq!(charts, 4, "dimensions, months, periods, organisations");
        assert_eq!(page.matches("<table>").count(), charts + 1, "a table beside each, and rejects");
        assert_eq!(page.matches("<desc").count(), charts);
    }

    #[test]
    fn a_page_says_first_what_its_figures_are_and_what_was_found() {
        let page = rendered();
        let (said, drawn) =
            (page.find("Exact figures, for").expect("said"), page.find("role=\"img\""));
        assert!(Some(said) < drawn);
        assert!(page.contains("October 2026: ethnic"), "the finding is in the title");
        assert!(page.contains("cannot be used in 18.2 % of rows"));
        // A dimension that is not held is hatched, and no bar of nothing.
        assert!(page.contains("class=\"none\"") && page.contains("no column"));
        assert!(page.contains("3 others together (203)"));
        assert!(page.contains(">0.0 %<"), "a site without any");
    }

    #[test]
    fn everything_that_is_loaded_is_on_one_page() {
        let (before, now) = (fixture::report(), full());
        let mut other = full();
        other.dataset = evensum_core::model::DatasetId::new("ae_attendance").expect("id");
        let held = [&other, &before, &now].map(|report| Held { report, version: None });
        let page = overview(&held).expect("a page");
        assert_eq!(unbalanced(&page), None);
        assert_eq!(page.matches("role=\"img\"").count(), 2, "one a dataset");
        assert!(
            page.contains("Quality of the 2 datasets") && page.contains("2 periods, the newest")
        );
    }
}
