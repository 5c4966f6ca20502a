//! What an answer says in one line, and no more than its ranges allow.

use evensum_core::catalogue::IndicatorKind;
use evensum_core::statistics::ProportionBounds;
use evensum_core::view::{Answer, AxisView, Cell, CoverageStatus};

use super::number::{Share, points};
use super::{figure, grid, words};

/// `Waiting over 52 weeks, October 2026, by deprivation quintile and ethnic group`.
pub(super) fn title(answer: &Answer) -> String {
    let name = words::clean(&answer.indicator.name);
    let mut title = format!("{name}, {}", words::period(answer.period));
    if !answer.axes.is_empty() {
        let by: Vec<String> = answer.axes.iter().map(axis_name).collect();
        title.push_str(", by ");
        title.push_str(&words::list(&by));
    }
    if let Some(scope) = &answer.scope {
        title.push_str(&format!(", only {} {}", scope.level, scope.category));
    }
    title
}

/// The name of an axis without what its catalogue name says in brackets.
pub(super) fn axis_name(axis: &AxisView) -> String {
    level_name(&axis.name)
}

/// The name of a level in the middle of a sentence, without what it says in brackets.
pub(super) fn level_name(name: &str) -> String {
    let name = words::clean(name);
    words::within(name.split(" (").next().unwrap_or_default())
}

/// The headline: the two ends of deprivation where the answer has them, else the total.
pub(super) fn sentence(answer: &Answer) -> String {
    if answer.cells.is_empty() {
        return "No partner's figures are in this answer.".to_owned();
    }
    if figure::has(answer) {
        return figure::sentence(answer);
    }
    if !answer.indicator.kind.is_share() {
        return count(answer);
    }
    deprivation(answer)
        .or_else(|| total(answer))
        .unwrap_or_else(|| "Too much is withheld to say anything of the total.".to_owned())
}

/// What is counted and in which unit the figure is: `Counted: pathways. Share: % of incomplete pathways.`
pub(super) fn unit(answer: &Answer) -> String {
    let (counted, unit) =
        (words::clean(&answer.indicator.counted), words::clean(&answer.indicator.unit));
    match answer.indicator.kind {
        IndicatorKind::Proportion => format!("Counted: {counted}. Share: {unit}."),
        IndicatorKind::Rate { .. } => format!(
            "Counted: {counted}. Figures are counts: for {unit} they are to be divided by a population."
        ),
        IndicatorKind::Count => format!("Counted: {counted}. Figures are counts."),
        IndicatorKind::Mean { .. }
        | IndicatorKind::Quantile { .. }
        | IndicatorKind::Ratio { .. } => {
            format!("Counted: {counted}. Figures in {unit}.")
        }
    }
}

/// The total of a count, if anything can be said of it. Groups are not compared: they differ in size.
fn count(answer: &Answer) -> String {
    let withheld = "Too much is withheld to say anything of the total.".to_owned();
    let Some(cell) = grid::cell(answer, &grid::total(answer)) else { return withheld };
    if words::hidden(cell.numerator.state) {
        return withheld;
    }
    format!(
        "{} {} {}.",
        words::opening(&words::count(&cell.numerator)),
        words::clean(&answer.indicator.counted),
        what(answer)
    )
}

/// The two ends of a level of deprivation in words.
pub(super) fn ends(axis: &AxisView) -> Option<(&'static str, &'static str)> {
    match axis.level.as_str() {
        "imd.quintile" => Some(("the most deprived fifth", "the least deprived fifth")),
        "imd.decile" => Some(("the most deprived tenth", "the least deprived tenth")),
        "imd.core20" => Some(("the most deprived fifth (Core20)", "the other four fifths")),
        _ => None,
    }
}

fn deprivation(answer: &Answer) -> Option<String> {
    let axes = answer.axes.iter().enumerate();
    let (index, axis, (most, least)) =
        axes.into_iter().find_map(|(i, axis)| Some((i, axis, ends(axis)?)))?;
    let known = grid::known(axis);
    let end = |position: Option<&usize>| grid::alone(answer, index, *position?);
    let (top, bottom) = (end(known.first())?, end(known.last())?);
    let (a, b) = (said(top), said(bottom));
    if a == Share::Unknown || b == Share::Unknown {
        return Some(format!(
            "The figures do not show whether {most} and {least} differ: too much is withheld."
        ));
    }
    let (x, y) = (top.proportion?, bottom.proportion?);
    if x.low <= y.high && y.low <= x.high {
        return Some(format!(
            "The figures do not show a difference between {most} and {least}: {} of {} {}, against {}.",
            a.cell(),
            words::clean(&answer.indicator.counted),
            what(answer),
            b.cell()
        ));
    }
    let places = words::places(top).coarser(words::places(bottom));
    let gap = if x.low > y.high {
        format!("{} higher", points(x.low - y.high, x.high - y.low, places))
    } else {
        format!("{} lower", points(y.low - x.high, y.high - x.low, places))
    };
    let chance = if limits_overlap(x, y) {
        " Their 95 % limits overlap: the difference may be chance."
    } else {
        ""
    };
    Some(format!(
        "{} of {} in {most} {}, against {} in {least}: {gap}.{chance}",
        words::opening(&a.sentence()),
        whose(answer),
        what(answer),
        b.cell(),
    ))
}

/// What is counted, and of whom where that is not people: `pathways of people`, `people with asthma`.
fn whose(answer: &Answer) -> String {
    let counted = words::clean(&answer.indicator.counted);
    if answer.indicator.people { counted } else { format!("{counted} of people") }
}

fn limits_overlap(x: ProportionBounds, y: ProportionBounds) -> bool {
    x.lower95 <= y.upper95 && y.lower95 <= x.upper95
}

fn total(answer: &Answer) -> Option<String> {
    let share = words::share(grid::cell(answer, &grid::total(answer))?)?;
    if share == Share::Unknown {
        return None;
    }
    Some(format!(
        "{} of {} {}.",
        words::opening(&share.sentence()),
        words::clean(&answer.indicator.counted),
        what(answer)
    ))
}

fn said(cell: &Cell) -> Share {
    words::share(cell).unwrap_or(Share::Unknown)
}

/// The indicator as a verb: `wait over 52 weeks`.
fn what(answer: &Answer) -> String {
    words::clean(&answer.indicator.phrase)
}

/// `9 of the 12 partners asked are in the figures.`
pub(super) fn counted(answer: &Answer) -> String {
    let of = answer.coverage.len();
    let inside = answer.coverage.iter().filter(|c| c.status == CoverageStatus::Answered).count();
    match (inside, of) {
        (_, 0) => "No partner was asked.".to_owned(),
        (1, 1) => "The one partner asked is in the figures.".to_owned(),
        (inside, of) if inside == of => format!("All {of} partners asked are in the figures."),
        (0, _) => format!("None of the {of} partners asked is in the figures."),
        (1, _) => format!("1 of the {of} partners asked is in the figures."),
        (inside, of) => format!("{inside} of the {of} partners asked are in the figures."),
    }
}
