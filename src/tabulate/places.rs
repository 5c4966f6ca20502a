//! Where a row counts: one number from its codes on all axes, worked out for a stretch of rows at a time in
//! loops that the compiler turns into vector instructions. Where the codes of all axes together are few, the
//! number simply numbers their combinations, and homes are looked up once for each combination at the end;
//! otherwise it is the home itself, looked up for each row.

use std::ops::Range;

use super::grid::Grid;
use super::{Request, TabulateError};
use crate::snapshot::{Codes, HeldColumn, Snapshot};

/// States of a row: dropped by a filter, or kept.
pub(super) const STATES: usize = 2;
/// The most combinations of codes that are numbered: their counts stay in the near caches, and a number with
/// its state fits 16 bits.
pub(super) const MOST_COMBINATIONS: usize = 1 << 14;
const _: () = assert!(STATES * MOST_COMBINATIONS <= 1 << 16);
/// Codes that a filter compares one after the other; for more it has a table.
const FEW: usize = 4;

/// What one axis adds to a row's place.
enum Step {
    /// The code times this.
    Times(u16),
    /// By code. At least 256 long, so that a byte is always within it.
    Table(Vec<u16>),
}

struct Axis<'a> {
    codes: &'a Codes,
    step: Step,
}

enum Keep {
    Few(Vec<u16>),
    /// By code, 1 for those that are kept; at least 256 long.
    Table(Vec<u8>),
}

struct Sieve<'a> {
    codes: &'a Codes,
    keep: Keep,
}

/// How the rows of a snapshot are placed for a request.
pub(super) struct Places<'a> {
    axes: Vec<Axis<'a>>,
    sieves: Vec<Sieve<'a>>,
    /// The home of each place.
    homes: Vec<u32>,
}

impl<'a> Places<'a> {
    pub(super) fn new(
        snapshot: &'a Snapshot,
        request: &Request<'_>,
        grid: &Grid<'_>,
        most_combinations: usize,
    ) -> Result<Self, TabulateError> {
        request.check()?;
        let mut steps = Vec::with_capacity(request.columns.len());
        for (axis, id) in request.columns.iter().enumerate() {
            let column = snapshot.column(id).ok_or_else(|| TabulateError::NoColumn(id.clone()))?;
            let found = grid
                .steps(axis, column.dictionary())
                .ok_or_else(|| TabulateError::UnknownCategory(id.clone()))?;
            steps.push((column, found));
        }
        let mut sieves = Vec::with_capacity(request.filters.len());
        for filter in request.filters {
            let id = &filter.column;
            let column = snapshot.column(id).ok_or_else(|| TabulateError::NoColumn(id.clone()))?;
            sieves.extend(Sieve::new(column, &filter.keep));
        }
        let (axes, homes) = numbered(&steps, most_combinations.min(MOST_COMBINATIONS))
            .unwrap_or_else(|| looked_up(&steps, grid));
        Ok(Self { axes, sieves, homes })
    }

    /// Places that there are.
    pub(super) fn len(&self) -> usize {
        self.homes.len()
    }

    /// The home of each place.
    pub(super) fn homes(&self) -> &[u32] {
        &self.homes
    }

    /// The places of some rows.
    pub(super) fn of(&self, rows: Range<usize>, places: &mut [u16]) {
        places.fill(0);
        for axis in &self.axes {
            match (axis.codes, &axis.step) {
                (Codes::U8(codes), Step::Times(times)) => {
                    for (place, code) in places.iter_mut().zip(&codes[rows.clone()]) {
                        *place = place.wrapping_add(u16::from(*code).wrapping_mul(*times));
                    }
                }
                (Codes::U16(codes), Step::Times(times)) => {
                    for (place, code) in places.iter_mut().zip(&codes[rows.clone()]) {
                        *place = place.wrapping_add(code.wrapping_mul(*times));
                    }
                }
                (Codes::U8(codes), Step::Table(table)) => {
                    if let Some(table) = table.first_chunk::<256>() {
                        for (place, code) in places.iter_mut().zip(&codes[rows.clone()]) {
                            *place = place.wrapping_add(table[usize::from(*code)]);
                        }
                    }
                }
                (Codes::U16(codes), Step::Table(table)) => {
                    for (place, code) in places.iter_mut().zip(&codes[rows.clone()]) {
                        *place = place.wrapping_add(table[usize::from(*code)]);
                    }
                }
            }
        }
    }

    /// Sets to 0 what a filter drops of the rows. `room` is as long, and what is in it does not matter.
    pub(super) fn sieve(&self, rows: &Range<usize>, kept: &mut [u8], room: &mut [u8]) {
        for sieve in &self.sieves {
            room.fill(0);
            match (sieve.codes, &sieve.keep) {
                (Codes::U8(codes), Keep::Few(few)) => {
                    for keep in few {
                        // A code beyond a byte is no code of this column.
                        let Ok(keep) = u8::try_from(*keep) else { continue };
                        for (hit, code) in room.iter_mut().zip(&codes[rows.clone()]) {
                            *hit |= u8::from(*code == keep);
                        }
                    }
                }
                (Codes::U16(codes), Keep::Few(few)) => {
                    for keep in few {
                        for (hit, code) in room.iter_mut().zip(&codes[rows.clone()]) {
                            *hit |= u8::from(code == keep);
                        }
                    }
                }
                (Codes::U8(codes), Keep::Table(table)) => {
                    if let Some(table) = table.first_chunk::<256>() {
                        for (hit, code) in room.iter_mut().zip(&codes[rows.clone()]) {
                            *hit = table[usize::from(*code)];
                        }
                    }
                }
                (Codes::U16(codes), Keep::Table(table)) => {
                    for (hit, code) in room.iter_mut().zip(&codes[rows.clone()]) {
                        *hit = table[usize::from(*code)];
                    }
                }
            }
            for (kept, hit) in kept.iter_mut().zip(room.iter()) {
                *kept &= *hit;
            }
        }
    }
}

type Placed<'a> = (Vec<Axis<'a>>, Vec<u32>);

/// Numbers the combinations of codes, if they are no more than so many.
fn numbered<'a>(steps: &[(&'a HeldColumn, Vec<u32>)], most: usize) -> Option<Placed<'a>> {
    let mut axes = Vec::with_capacity(steps.len());
    let mut homes = vec![0_u32];
    for (column, found) in steps {
        // An empty dictionary has no codes: one place does for its no rows.
        let size = found.len().max(1);
        if homes.len().checked_mul(size)? > most {
            return None;
        }
        let times = u16::try_from(homes.len()).ok()?;
        axes.push(Axis { codes: column.codes(), step: Step::Times(times) });
        let before = homes.clone();
        homes.clear();
        for step in found.iter().chain(found.is_empty().then_some(&0)) {
            homes.extend(before.iter().map(|home| home + step));
        }
    }
    Some((axes, homes))
}

/// Homes themselves as places. A lattice has fewer cells than 16 bits count.
fn looked_up<'a>(steps: &[(&'a HeldColumn, Vec<u32>)], grid: &Grid<'_>) -> Placed<'a> {
    let axes = steps.iter().map(|(column, found)| {
        let mut table: Vec<u16> =
            found.iter().map(|step| u16::try_from(*step).unwrap_or(u16::MAX)).collect();
        table.resize(table.len().max(1 << 8), 0);
        Axis { codes: column.codes(), step: Step::Table(table) }
    });
    let cells = u32::try_from(grid.len()).unwrap_or(u32::MAX);
    (axes.collect(), (0..cells).collect())
}

impl<'a> Sieve<'a> {
    /// `None` where everything is kept.
    fn new(column: &'a HeldColumn, keep: &[evensum_core::model::CategoryId]) -> Option<Self> {
        let dictionary = column.dictionary();
        let mut table: Vec<u8> =
            dictionary.iter().map(|category| u8::from(keep.contains(category))).collect();
        let kept = table.iter().filter(|k| **k == 1).count();
        if kept == dictionary.len() {
            return None;
        }
        let keep = if kept <= FEW {
            let at = |(i, keep): (usize, &u8)| u16::try_from(i).ok().filter(|_| *keep == 1);
            Keep::Few(table.iter().enumerate().filter_map(at).collect())
        } else {
            table.resize(table.len().max(1 << 8), 0);
            Keep::Table(table)
        };
        Some(Self { codes: column.codes(), keep })
    }
}
