//! Releases of invented tables of any shape, and what an outsider works out of one.

use super::AdversaryError;
use super::invented::{Invented, places};
use crate::disclosure::attack::{
    Attribute, Limits, Public, PublicCell, Range, RangesError, Verdict, ranges,
};
use crate::disclosure::sheet::{Columns, Dimension, SheetError, Source, SourceRow, Terms};
use crate::disclosure::stands_for;
use crate::model::{Profile, RawCell, Shown, Zeros};

/// What becomes of the numbers that a hidden count can be placed between where exact counts are shown.
const WIDTH: u64 = 2;

/// What was released of a table: every cell with its totals, the last dimension running fastest.
#[derive(Debug, Clone)]
pub(super) struct Sheet {
    pub(super) sizes: Vec<usize>,
    pub(super) shown: Vec<Shown>,
}

/// What came of putting a table out.
#[derive(Debug)]
pub(super) struct Put {
    /// What would be said.
    pub(super) sheet: Option<Sheet>,
    /// Whether the disclosure test lets it out.
    pub(super) passes: bool,
}

/// Puts an invented table under a profile and to the test. The sheet is there also where the test fails, for
/// controls that leave the test out.
pub(super) fn put(of: &Invented, profile: Profile) -> Result<Put, AdversaryError> {
    let code = |n: usize| format!("c{n:02}");
    let named = of.sizes.iter().enumerate();
    let dimensions = named
        .map(|(d, size)| Dimension::flat(&format!("d{d}"), (0..*size).map(code)))
        .collect::<Result<Vec<_>, _>>()?;
    let counts = of.counts.iter().zip(&of.keys).enumerate();
    let rows = counts.map(|(index, (count, key))| SourceRow {
        at: places(&of.sizes, index)
            .iter()
            .map(|p| u16::try_from(p + 1).unwrap_or(u16::MAX))
            .collect(),
        row: 0,
        count: RawCell::new(*count, *count, (*count).min(1)).keyed(*key),
        quantity: None,
    });
    let source = Source::new(dimensions, Columns::default(), &rows.collect::<Vec<_>>(), false)?;
    let terms = Terms {
        rules: profile.into(),
        protect: (profile == Profile::ExactCs).then_some(WIDTH),
        already: &[],
        limits: Limits::RELEASE,
    };
    match source.protected(&terms, crate::disclosure::sheet::MAX_CELLS) {
        Ok(sheet) => Ok(Put {
            passes: sheet.verdict() == Verdict::Safe,
            sheet: Some(Sheet {
                sizes: of.sizes.clone(),
                shown: sheet.cells().iter().map(|c| c.shown).collect(),
            }),
        }),
        Err(SheetError::NoPattern(_)) => Ok(Put { sheet: None, passes: false }),
        Err(error) => Err(error.into()),
    }
}

/// What the text of a policy says of a cell: the least and the most that it can be, and whether it is hidden.
pub(super) fn knows(shown: Shown, profile: Profile) -> (u64, Option<u64>, bool) {
    let least = u64::from(profile.zeros() == Zeros::Shown);
    match shown {
        Shown::Published(figure) => {
            let says = stands_for(figure, profile);
            (says.low, says.high, false)
        }
        Shown::Small => (least, Some(profile.most_hidden()), true),
        Shown::Suppressed => (least, None, true),
        Shown::StructuralZero => (0, Some(0), false),
    }
}

/// A table as an outsider puts it together: all cells with totals, in order.
pub(super) struct Outside {
    sizes: Vec<usize>,
    /// Whether groups of all categories but one are asked for too.
    rests: bool,
    cells: Vec<PublicCell>,
}

impl Outside {
    /// From what is said of each cell: the least, the most, and whether it is hidden.
    pub(super) fn new(
        sizes: &[usize],
        said: impl Iterator<Item = (u64, Option<u64>, bool)>,
    ) -> Self {
        let full: Vec<usize> = sizes.iter().map(|s| s + 1).collect();
        let cells = said.enumerate().map(|(index, (low, high, hidden))| PublicCell {
            at: places(&full, index)
                .iter()
                .map(|p| u16::try_from(*p).unwrap_or(u16::MAX))
                .collect(),
            low,
            high,
            hidden: hidden.into(),
        });
        Self { sizes: sizes.to_vec(), rests: false, cells: cells.collect() }
    }

    /// Adds, to be worked out, every group that a total leaves without one of its categories: of one dimension, at
    /// every place of the others. Gives the cells of each: the total's, and the category's.
    pub(super) fn with_rests(&mut self) -> Vec<(usize, usize)> {
        self.rests = true;
        let full: Vec<usize> = self.sizes.iter().map(|s| s + 1).collect();
        let mut rests = Vec::new();
        let cells = self.cells.len();
        for (dimension, size) in self.sizes.iter().enumerate().filter(|(_, size)| **size > 2) {
            let step: usize = full.iter().skip(dimension + 1).product();
            for total in (0..cells).filter(|index| (index / step).is_multiple_of(full[dimension])) {
                for category in 1..=*size {
                    let mut at = self.cells[total].at.clone();
                    at[dimension] = u16::try_from(size + category).unwrap_or(u16::MAX);
                    self.cells.push(PublicCell { at, low: 0, high: None, hidden: false.into() });
                    rests.push((total, total + category * step));
                }
            }
        }
        rests
    }

    /// Between which numbers each cell must lie, in order. None where that was not found within the limits.
    pub(super) fn ranges(self) -> Result<Option<Vec<Range>>, AdversaryError> {
        let attributes = self.sizes.iter().map(|&size| {
            let parts = u16::try_from(size).unwrap_or(u16::MAX);
            let mut groups: Vec<Vec<u16>> = (0..parts).map(|p| vec![p]).collect();
            if self.rests {
                groups.extend((0..parts).map(|out| (0..parts).filter(|p| *p != out).collect()));
            }
            Attribute::new(parts, groups)
        });
        let public = Public::new(attributes.collect(), self.cells)?;
        match ranges(&public, &Limits::EXACT) {
            Ok(ranges) => Ok(Some(ranges)),
            Err(RangesError::Undecided { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl Sheet {
    pub(super) fn outside(&self, profile: Profile) -> Outside {
        Outside::new(&self.sizes, self.shown.iter().map(|s| knows(*s, profile)))
    }

    /// Whether a cell is hidden, and for its own sake.
    pub(super) fn hides(&self, cell: usize, truth: u64, profile: Profile) -> bool {
        let hidden = matches!(self.shown.get(cell), Some(Shown::Small | Shown::Suppressed));
        hidden && (profile.tells_small() || truth <= profile.limit())
    }
}
