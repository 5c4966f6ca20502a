//! About how many different people the records of a sum are of, where that is estimated: a column, a note, and JSON.

use evensum_core::disclosure::{NoPeople, PeopleBounds};
use evensum_core::view::{Answer, Cell};
use serde::Serialize;

use super::layout::{Column, Line};
use super::number::thousands;
use super::words;

/// Whether anything is said of different people.
fn has(answer: &Answer) -> bool {
    answer.cells.iter().any(|cell| cell.people.is_some())
}

/// The column of a table.
pub(super) fn columns(answer: &Answer) -> Option<Column> {
    has(answer).then(|| Column::figures("People (estimated)"))
}

/// A line of a table with the cell of [`columns`].
pub(super) fn beside(answer: &Answer, cell: &Cell, line: Line) -> Line {
    let Line::Cells(mut cells) = line else { return line };
    if has(answer) {
        cells.push(match cell.people {
            Some(Ok(PeopleBounds { low, high, .. })) => {
                format!("{} to {}", thousands(low), thousands(high))
            }
            Some(Err(NoPeople::Withheld)) => "withheld".to_owned(),
            Some(Err(NoPeople::TooMany)) => "too many".to_owned(),
            None => words::NOTHING.to_owned(),
        });
    }
    Line::Cells(cells)
}

/// What a reader must know of it.
pub(super) fn notes(answer: &Answer) -> Option<&'static str> {
    has(answer).then_some(
        "People (estimated): about how many different people with an NHS number the records of the row are of, whatever their outcome. Who has records at several partners counts once. Nineteen times of twenty the true number is between the two; numbers below 100 are withheld, and “too many” are more than can be estimated.",
    )
}

/// The estimate of a cell for programs: `{estimate, low, high}`, or `{state}`.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum PeopleJson {
    People { estimate: u64, low: u64, high: u64 },
    State { state: NoPeople },
}

impl PeopleJson {
    pub(super) fn of(cell: &Cell) -> Option<Self> {
        cell.people.map(|people| match people {
            Ok(PeopleBounds { estimate, low, high }) => Self::People { estimate, low, high },
            Err(state) => Self::State { state },
        })
    }
}
