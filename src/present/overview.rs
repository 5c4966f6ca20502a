//! Several answers at a glance: a line for each question, its figure for the system, the two ends of
//! deprivation where it has them, who is in it and how much of it is withheld.

use evensum_core::model::{IndicatorId, Period};
use evensum_core::view::{Answer, AxisView, CoverageStatus};

use super::layout::{Column, Line, draw, paragraph};
use super::{Glyphs, Width, figure, grid, headline, rung, words};

/// What came of one question of several.
#[derive(Debug, Clone)]
pub struct Outcome<'a> {
    /// The indicator.
    pub indicator: &'a IndicatorId,
    /// Its name.
    pub name: &'a str,
    /// The period.
    pub period: Period,
    /// The answer, or why there is none.
    pub answer: Result<&'a Answer, Unanswered>,
}

/// Why there is no answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// The fault's name, for programs.
    pub code: &'static str,
    /// The same for people.
    pub text: String,
}

/// The overview: a group of lines for each indicator, its periods in the order in which they were asked.
#[must_use]
pub fn table(outcomes: &[Outcome<'_>], width: Width, glyphs: Glyphs) -> String {
    let ends = outcomes.iter().find_map(|one| ends(one.answer.as_ref().ok()?));
    let mut columns = vec![Column::words("Period"), Column::figures("Whole system")];
    if let Some((most, least)) = ends {
        columns.push(Column::figures(&words::opening(most)));
        columns.push(Column::figures(&words::opening(least)));
    }
    columns.push(Column::figures("Partners in it"));
    columns.push(Column::figures("Withheld"));
    let mut lines = Vec::new();
    for (number, (indicator, name)) in indicators(outcomes).into_iter().enumerate() {
        if number > 0 {
            lines.push(Line::Gap);
        }
        lines.push(Line::Heading(words::clean(name)));
        for outcome in outcomes.iter().filter(|one| one.indicator == indicator) {
            lines.push(line(outcome, ends));
        }
    }
    let mut text = draw(&columns, lines, width, glyphs);
    for (number, line) in
        rung::lines(outcomes.iter().filter_map(|one| one.answer.as_ref().ok().copied()))
            .into_iter()
            .enumerate()
    {
        let begin = if number == 0 { "\n" } else { "" };
        text.push_str(&glyphs.apply(format!("{begin}{}", paragraph("", &line, width))));
    }
    let faults = outcomes.iter().filter_map(|one| Some((one, one.answer.as_ref().err()?)));
    for (number, (outcome, fault)) in faults.enumerate() {
        let begin = if number == 0 { "\n" } else { "" };
        let why = format!(
            "No answer on {} for {}: {}.",
            words::within(&words::clean(outcome.name)),
            words::period(outcome.period),
            words::clean(&fault.text)
        );
        text.push_str(&glyphs.apply(format!("{begin}{}", paragraph("", &why, width))));
    }
    text
}

/// The indicators in the order in which they first come.
fn indicators<'a>(outcomes: &[Outcome<'a>]) -> Vec<(&'a IndicatorId, &'a str)> {
    let mut found: Vec<(&IndicatorId, &str)> = Vec::new();
    for one in outcomes {
        if !found.iter().any(|(id, _)| *id == one.indicator) {
            found.push((one.indicator, one.name));
        }
    }
    found
}

type Ends = (&'static str, &'static str);

fn line(outcome: &Outcome<'_>, with_ends: Option<Ends>) -> Line {
    let mut cells = vec![format!("  {}", outcome.period)];
    let Ok(answer) = outcome.answer else {
        cells.push("no answer".to_owned());
        cells.resize(if with_ends.is_some() { 6 } else { 4 }, words::NOTHING.to_owned());
        return Line::Cells(cells);
    };
    let share = |cell: Option<&evensum_core::view::Cell>| {
        if let Some(said) = cell.and_then(|cell| cell.figures.first()) {
            return figure::text(said);
        }
        if !answer.indicator.kind.is_share() {
            return cell.map_or_else(|| words::NOTHING.to_owned(), |c| words::count(&c.numerator));
        }
        // One sign is enough where the columns are narrow.
        let said = cell.and_then(words::share).map(|s| s.cell().replacen(" % to ", " to ", 1));
        said.unwrap_or_else(|| words::NOTHING.to_owned())
    };
    cells.push(share(grid::cell(answer, &grid::total(answer))));
    if with_ends.is_some() {
        // By other levels the two ends are other people than the columns' headers say.
        let same = |axis: &&AxisView| headline::ends(axis) == with_ends;
        let axis = answer.axes.iter().enumerate().find(|(_, axis)| same(axis));
        let known = axis.map(|(index, axis)| (index, grid::known(axis)));
        let end = |position: Option<&usize>| {
            let (index, _) = known.as_ref()?;
            grid::alone(answer, *index, *position?)
        };
        let positions = known.as_ref().map(|(_, known)| known.as_slice()).unwrap_or_default();
        cells.push(share(end(positions.first())));
        cells.push(share(end(positions.last())));
    }
    let inside = answer.coverage.iter().filter(|c| c.status == CoverageStatus::Answered).count();
    cells.push(format!("{inside} of {}", answer.coverage.len()));
    cells.push(withheld(answer));
    Line::Cells(cells)
}

/// How many of the table's cases are withheld, of how many.
fn withheld(answer: &Answer) -> String {
    if answer.cells.is_empty() {
        return words::NOTHING.to_owned();
    }
    let hidden = answer.cells.iter().filter(|cell| words::hidden(cell.numerator.state)).count();
    format!("{hidden} of {}", answer.cells.len())
}

fn ends(answer: &Answer) -> Option<Ends> {
    answer.axes.iter().find_map(headline::ends)
}
