//! Means, percentiles and ratios of sums, which counts do not give: columns, sentences, bars, CSV and JSON. A figure
//! that is not there has its reason in words, and is never a zero.

use evensum_core::catalogue::IndicatorKind;
use evensum_core::disclosure::{FigureBounds, FigureGap};
use evensum_core::view::{Answer, Cell, ViewKind};
use serde::Serialize;

use super::json::rounded;
use super::layout::{Column, Line};
use super::rate::{range, reach};
use super::{grid, headline, words};

/// What can be said of one figure.
pub(super) type Said = Result<FigureBounds, FigureGap>;

/// Whether the indicator's figure is one that counts do not give.
pub(super) fn has(answer: &Answer) -> bool {
    !answer.indicator.kind.measures().is_empty()
}

/// A percentile by its name: `median`, `92nd percentile`.
#[must_use]
pub fn percentile(at: u8) -> String {
    let ending = match (at % 100, at % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    if at == 50 { "median".to_owned() } else { format!("{at}{ending} percentile") }
}

/// The names of the indicator's figures, with their unit: `Median (weeks)`.
pub(super) fn names(answer: &Answer) -> Vec<String> {
    let unit = words::clean(&answer.indicator.unit);
    match &answer.indicator.kind {
        IndicatorKind::Mean { .. } => vec![format!("Mean ({unit})")],
        IndicatorKind::Quantile { at, .. } => {
            at.iter().map(|at| format!("{} ({unit})", words::opening(&percentile(*at)))).collect()
        }
        IndicatorKind::Ratio { .. } => vec![words::opening(&unit)],
        IndicatorKind::Proportion | IndicatorKind::Count | IndicatorKind::Rate { .. } => Vec::new(),
    }
}

/// A figure as it stands in a table: `about 5.5` where a partner published it, `5.5` where it is not rounded, `5.2 to 6.1`
/// over several, `over 104` for a percentile above the last unit that is counted by itself.
pub(super) fn text(said: &Said) -> String {
    match said {
        Ok(FigureBounds { low, high: Some(high), published: Some(_) }) if low >= high => {
            let nearest = (low * 10.0).round() / 10.0;
            range(nearest, Some(nearest)).trim_end_matches(".0").to_owned()
        }
        Ok(FigureBounds { published: Some(published), .. }) => {
            format!("about {}", range(*published, Some(*published)).trim_end_matches(".0"))
        }
        Ok(FigureBounds { low, high: None, .. }) => {
            format!("over {}", range(*low, Some(*low)).trim_end_matches(".0"))
        }
        Ok(FigureBounds { low, high, .. }) => range(*low, *high),
        Err(FigureGap::Withheld) => "withheld".to_owned(),
        Err(FigureGap::Nobody | FigureGap::NothingBelow) => words::NOTHING.to_owned(),
        Err(FigureGap::PartWithheld | FigureGap::MostlyWithheld) => "not known".to_owned(),
    }
}

/// The columns of a table.
pub(super) fn columns(answer: &Answer) -> Vec<Column> {
    names(answer).iter().map(|name| Column::figures(name)).collect()
}

/// A line of a table with the cells of [`columns`].
pub(super) fn beside(cell: &Cell, line: Line) -> Line {
    let Line::Cells(mut cells) = line else { return line };
    cells.extend(cell.figures.iter().map(text));
    Line::Cells(cells)
}

/// What a reader must know of the figures: a paragraph each.
pub(super) fn notes(answer: &Answer) -> Vec<String> {
    if !has(answer) {
        return Vec::new();
    }
    // One's own figures that are not rounded or withheld.
    if answer.policy.is_none() && answer.view == ViewKind::Partner {
        return vec!["Means, percentiles and ratios are as they are, by the values that count in a release: a row counts for no more than the most that its measure allows.".to_owned()];
    }
    let mut notes = vec![match answer.indicator.kind {
        IndicatorKind::Quantile { .. } => {
            "Percentiles are in whole units. Over several partners one lies between the least and the greatest of theirs."
        }
        IndicatorKind::Ratio { .. } => {
            "Ratios are rounded to one part in a hundred or so. Over several partners one lies between the least and the greatest of theirs."
        }
        _ => "Means are rounded to half a unit, large ones to one part in a hundred or so.",
    }
    .to_owned()];
    let found = |says: &dyn Fn(FigureGap) -> bool| {
        let figures = answer.cells.iter().flat_map(|cell| &cell.figures);
        figures.filter_map(|said| said.err()).any(says)
    };
    for gap in [FigureGap::Withheld, FigureGap::PartWithheld, FigureGap::MostlyWithheld] {
        if found(&|other| other == gap) {
            notes.push(format!("A figure “{}”: {}.", text(&Err(gap)), gap.says()));
        }
    }
    notes
}

/// The headline: the two ends of deprivation where the answer has them, else the total.
pub(super) fn sentence(answer: &Answer) -> String {
    let name = words::clean(&answer.indicator.name);
    let first = |cell: Option<&Cell>| cell.and_then(|cell| cell.figures.first().copied());
    let axes = answer.axes.iter().enumerate();
    let ends = axes.into_iter().find_map(|(i, axis)| Some((i, axis, headline::ends(axis)?)));
    if let Some((index, axis, (most, least))) = ends {
        let known = grid::known(axis);
        let end = |at: Option<&usize>| first(grid::alone(answer, index, *at?));
        if let (Some(Ok(a)), Some(Ok(b))) = (end(known.first()), end(known.last())) {
            let above = |x: FigureBounds, y: FigureBounds| y.high.is_some_and(|high| x.low > high);
            let (a_text, b_text) = (unit_of(answer, &Ok(a)), unit_of(answer, &Ok(b)));
            let apart = above(a, b) || above(b, a);
            let differ = if apart { "" } else { " The figures do not show a difference." };
            return format!("{name}: {a_text} in {most}, against {b_text} in {least}.{differ}");
        }
    }
    match first(grid::cell(answer, &grid::total(answer))) {
        Some(said @ Ok(_)) => format!("{name}: {}.", unit_of(answer, &said)),
        _ => "Too much is withheld to say anything of the total.".to_owned(),
    }
}

/// A figure with its unit: `about 5.5 days`.
fn unit_of(answer: &Answer, said: &Said) -> String {
    let which = match answer.indicator.kind.percentiles() {
        [_, _, ..] => format!(
            "{} ",
            answer.indicator.kind.percentiles().first().map(|p| percentile(*p)).unwrap_or_default()
        ),
        _ => String::new(),
    };
    format!("{which}{} {}", text(said), words::clean(&answer.indicator.unit))
}

/// Bars of each figure by category, a block for each dimension with the others at their total.
pub(super) fn bars(answer: &Answer, label: usize, room: usize) -> String {
    let rows: Vec<(String, Option<&Cell>)> = if answer.axes.is_empty() {
        vec![("All".to_owned(), grid::cell(answer, &[]))]
    } else {
        let axes = answer.axes.iter().enumerate();
        axes.flat_map(|(index, axis)| {
            let alone = move |at| (grid::label(axis, at), grid::alone(answer, index, at));
            grid::reading_order(axis).into_iter().map(alone)
        })
        .collect()
    };
    let mut all = String::new();
    for (which, name) in names(answer).iter().enumerate() {
        let known: Vec<(&str, Said)> = rows
            .iter()
            .filter_map(|(name, cell)| Some((name.as_str(), *(*cell)?.figures.get(which)?)))
            .collect();
        let ends = known.iter().filter_map(|(_, said)| said.ok());
        let most = ends.map(|b| b.high.unwrap_or(b.low)).fold(0.0, f64::max);
        all.push_str(&format!("\n{name}\n"));
        for (name, said) in known {
            let cut: String = name.chars().take(label).collect();
            let bar = said.map_or_else(
                |_| String::new(),
                |b| {
                    let solid = reach(b.low, most, room);
                    let end = b.high.map_or(room, |high| reach(high, most, room));
                    format!("{}{} ", "█".repeat(solid), "░".repeat(end.saturating_sub(solid)))
                },
            );
            all.push_str(&format!("{cut:<label$} │{bar}{}\n", text(&said)));
        }
    }
    all
}

/// Names of the columns of a CSV that an answer's figures need: those of `figure`, or of `p50`, `p92` where there are several.
pub(super) fn csv_columns(answer: &Answer) -> Vec<String> {
    let ends = ["low", "high", "published", "missing"];
    let names = csv_names(answer).into_iter();
    names.flat_map(|name| ends.map(|end| format!("{name}_{end}"))).collect()
}

fn csv_names(answer: &Answer) -> Vec<String> {
    match answer.indicator.kind.percentiles() {
        _ if !has(answer) => Vec::new(),
        several @ [_, _, ..] => several.iter().map(|at| format!("p{at}")).collect(),
        _ => vec!["figure".to_owned()],
    }
}

/// The fields of a cell under these columns of a CSV; blank under those of other indicators.
pub(super) fn csv_fields(answer: &Answer, cell: &Cell, columns: &[String]) -> Vec<String> {
    let own = csv_columns(answer);
    let number = |n: Option<f64>| n.map(|n| rounded(n).to_string()).unwrap_or_default();
    let fields: Vec<String> = cell
        .figures
        .iter()
        .flat_map(|said| match said {
            Ok(FigureBounds { low, high, published }) => {
                [number(Some(*low)), number(*high), number(*published), String::new()]
            }
            Err(gap) => [String::new(), String::new(), String::new(), gap.as_str().to_owned()],
        })
        .collect();
    let at = |column: &String| own.iter().position(|c| c == column);
    columns
        .iter()
        .map(|c| at(c).and_then(|at| fields.get(at)).cloned().unwrap_or_default())
        .collect()
}

/// What the figures of an answer are.
#[derive(Serialize)]
pub(super) struct KindJson<'a> {
    unit: &'a str,
    kind: &'static str,
    /// Percentiles, in the order of a cell's figures; empty for a mean or a ratio.
    at: &'a [u8],
}

impl<'a> KindJson<'a> {
    pub(super) fn of(answer: &'a Answer) -> Option<Self> {
        let indicator = &answer.indicator;
        has(answer).then(|| Self {
            unit: &indicator.unit,
            kind: indicator.kind.as_str(),
            at: indicator.kind.percentiles(),
        })
    }
}

/// One figure of one cell. `low` and `published` are null where there is none, and `missing` then says why; `high` is
/// null as well where it is over the last unit that is counted by itself.
#[derive(Serialize)]
pub(super) struct FigureJson {
    low: Option<f64>,
    high: Option<f64>,
    published: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<MissingJson>,
}

#[derive(Serialize)]
struct MissingJson {
    code: &'static str,
    text: &'static str,
}

impl From<&Said> for FigureJson {
    fn from(said: &Said) -> Self {
        match said {
            Ok(FigureBounds { low, high, published }) => Self {
                low: Some(rounded(*low)),
                high: high.map(rounded),
                published: published.map(rounded),
                missing: None,
            },
            Err(gap) => Self {
                low: None,
                high: None,
                published: None,
                missing: Some(MissingJson { code: gap.as_str(), text: gap.says() }),
            },
        }
    }
}
