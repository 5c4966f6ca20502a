//! A report as one page that needs nothing else: no script, nothing from elsewhere. It prints; the first two sides are
//! for a board, the rest is for those who ask why.

use askama::Template;

use super::section::Section;
use super::value::{Gap, Shown, Verdict};
use super::{Report, picture};

/// Tiles on the page; the other indicators stand in a table beneath them.
const MOST_TILES: usize = 8;
/// A table beside a chart is printed where it has no more rows.
const SMALL: usize = 6;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    tiles: Vec<Tile<'a>>,
    rest: Vec<Tile<'a>>,
    sections: Vec<Drawn<'a>>,
    heat: Option<String>,
    made_on: String,
}

/// An indicator at a glance.
struct Tile<'a> {
    section: &'a Section,
    gap: String,
    ratio: String,
    caution: &'static str,
    arrow: &'static str,
    change: String,
    spark: Option<String>,
}

/// An indicator with its pictures.
struct Drawn<'a> {
    section: &'a Section,
    number: usize,
    trend: Option<String>,
    gaps: Option<String>,
    finding: String,
    rows: Vec<Row>,
    small: bool,
    unknown: Option<String>,
}

/// A line of the table now, half a year before and at the baseline.
struct Row {
    name: &'static str,
    period: String,
    all: String,
    most: String,
    least: String,
    gap: String,
    limits: String,
    ratio: String,
}

/// The page.
///
/// # Errors
/// The template's, which a test renders.
pub fn page(report: &Report) -> Result<String, askama::Error> {
    let tiles: Vec<Tile<'_>> = report.indicators.iter().map(tile).collect();
    let mut tiles = tiles.into_iter();
    let first: Vec<Tile<'_>> = tiles.by_ref().take(MOST_TILES).collect();
    Page {
        report,
        tiles: first,
        rest: tiles.collect(),
        sections: (1..).zip(&report.indicators).map(|(number, of)| drawn(number, of)).collect(),
        heat: picture::heat(&report.not_known),
        made_on: report.setting.made_on.to_string(),
    }
    .render()
    // A figure and its sign stay on one line.
    .map(|page| page.replace(" %", "&nbsp;%"))
}

fn tile(section: &Section) -> Tile<'_> {
    let gap = section.now.gap.as_ref();
    Tile {
        section,
        gap: gap.map_or_else(|| "Groups are not compared".to_owned(), gap_says),
        ratio: gap.and_then(ratio).unwrap_or_default(),
        caution: gap.map(caution).unwrap_or_default(),
        arrow: section.change.arrow(),
        change: if gap.is_some() {
            section.change.says(&section.before_name)
        } else {
            String::new()
        },
        spark: picture::spark(section),
    }
}

fn gap_says(gap: &Gap) -> String {
    match gap.verdict {
        Verdict::Withheld => "Gap withheld".to_owned(),
        Verdict::NoFigure => "Gap not known".to_owned(),
        Verdict::Even => "No gap".to_owned(),
        Verdict::Open => format!("Gap: {}", gap.difference.text),
        _ => format!("Gap: {} in the most deprived", gap.difference.text),
    }
}

/// What keeps a gap from being sure.
const fn caution(gap: &Gap) -> &'static str {
    match gap.verdict {
        Verdict::Withheld => "An end is withheld. It is not zero.",
        Verdict::NoFigure => "An end has no figure.",
        Verdict::Open => "Not known which is higher: too much is withheld or rounded.",
        Verdict::Even => "Both ends are the same.",
        Verdict::MayBeChance => "May be chance: the 95 % limits overlap.",
        Verdict::Higher | Verdict::Lower if !gap.tested => "Not tested against chance.",
        Verdict::Higher | Verdict::Lower => {
            "Unlikely to be chance: the 95 % limits do not overlap."
        }
    }
}

fn drawn(number: usize, section: &Section) -> Drawn<'_> {
    let readings = [
        ("Now", Some(&section.now), &section.now.period_name),
        ("Half a year before", section.before.as_ref(), &section.before_name),
    ];
    let mut rows: Vec<Row> =
        readings.into_iter().map(|(name, of, period)| row(name, of, period)).collect();
    if let Some(baseline) = &section.baseline {
        rows.push(row("Baseline", Some(baseline), &baseline.period_name));
    }
    let gap = section.now.gap.as_ref();
    let finding = match gap {
        Some(gap) => format!("{}. {}.", gap_says(gap), section.change.says(&section.before_name)),
        None => format!("Everybody: {}.", section.now.all.text),
    };
    Drawn {
        section,
        number,
        trend: picture::trend(section),
        gaps: picture::gaps(section),
        finding,
        rows,
        small: section.series.len() <= SMALL,
        unknown: gap.and_then(unknown),
    }
}

fn row(name: &'static str, of: Option<&super::Reading>, period: &str) -> Row {
    let nothing = || "no figure".to_owned();
    let gap = of.and_then(|reading| reading.gap.as_ref());
    let text = |shown: Option<&Shown>| shown.map_or_else(nothing, |shown| shown.text.clone());
    let limits = gap.and_then(|gap| {
        let (low, high) = gap.difference.limits()?;
        Some(format!("{} to {}", down(low), up(high)))
    });
    Row {
        name,
        period: period.to_owned(),
        all: text(of.map(|reading| &reading.all)),
        most: text(of.map(|reading| &reading.most)),
        least: text(of.map(|reading| &reading.least)),
        gap: text(gap.map(|gap| &gap.difference)),
        limits: limits.unwrap_or_else(|| super::super::words::NOTHING.to_owned()),
        ratio: gap.and_then(ratio).unwrap_or_else(|| super::super::words::NOTHING.to_owned()),
    }
}

/// A ratio is not said where it is open which end is higher.
fn ratio(gap: &Gap) -> Option<String> {
    let told = gap.ratio.as_ref().filter(|_| !matches!(gap.verdict, Verdict::Open | Verdict::Even));
    told.map(|ratio| ratio.text.clone())
}

/// A lower limit with its sign, rounded down to one decimal.
fn down(value: f64) -> String {
    signed((value * 10.0 + SLACK).floor() / 10.0)
}

/// An upper limit with its sign, rounded up.
fn up(value: f64) -> String {
    signed((value * 10.0 - SLACK).ceil() / 10.0)
}

/// What binary fractions are short of or over a tenth.
const SLACK: f64 = 1e-6;

fn signed(value: f64) -> String {
    let text = format!("{:.1}", value.abs());
    match value {
        _ if text == "0.0" => text,
        v if v < 0.0 => format!("−{text}"),
        _ => format!("+{text}"),
    }
}

fn unknown(gap: &Gap) -> Option<String> {
    let share = gap.not_known.as_ref()?;
    if share.high == Some(0.0) {
        return None;
    }
    let all = gap.with_unknown.as_ref().map_or_else(
        || "The gap with all of them counted in cannot be worked out.".to_owned(),
        |all| format!("Wherever they belong, the gap lies within: {}.", all.text),
    );
    Some(format!("Deprivation is not known of {} of all that are counted. {all}", share.text))
}
