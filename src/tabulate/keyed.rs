//! The sum of the keys of each cell's records, where a disclosure profile changes counts by them. A pass of its own
//! over the rows, so that a table without keys is counted without a thought of them. Sums wrap, and add up over the
//! cells of a lattice: they are taken by place and rolled up at the end.

use std::ops::Range;

use evensum_core::model::RawCell;
use rayon::prelude::*;

use super::TabulateError;
use super::grid::Grid;
use super::places::Places;
use crate::snapshot::Snapshot;

/// Rows that are placed at once.
const STRETCH: usize = 2_048;

/// Adds to counted cells the sums of their records' keys.
pub(super) fn add(
    cells: Vec<RawCell>,
    snapshot: &Snapshot,
    (grid, places): (&Grid<'_>, &Places<'_>),
    blocks: Vec<Range<usize>>,
) -> Result<Vec<RawCell>, TabulateError> {
    let keys = snapshot.record_keys().ok_or(TabulateError::NoRecordKeys)?;
    let none = || vec![0_u64; places.len()];
    let by_place = blocks
        .into_par_iter()
        .map(|rows| sums(snapshot.persons(), keys, places, rows))
        .reduce(none, |mut mine, theirs| {
            mine.iter_mut().zip(&theirs).for_each(|(m, t)| *m = m.wrapping_add(*t));
            mine
        });
    let mut sums = vec![0_u64; grid.len()];
    for (home, sum) in places.homes().iter().zip(by_place) {
        for &cell in grid.holding(*home as usize) {
            let of = &mut sums[cell as usize];
            *of = of.wrapping_add(sum);
        }
    }
    Ok(cells.into_iter().zip(sums).map(|(cell, sum)| cell.keyed(sum)).collect())
}

fn sums(persons: &[u32], keys: &[u64], places: &Places<'_>, rows: Range<usize>) -> Vec<u64> {
    let mut sums = vec![0_u64; places.len()];
    let (mut at, mut kept, mut room) = ([0_u16; STRETCH], [0_u8; STRETCH], [0_u8; STRETCH]);
    let end = rows.end;
    for from in rows.step_by(STRETCH) {
        let rows = from..end.min(from + STRETCH);
        let (at, kept) = (&mut at[..rows.len()], &mut kept[..rows.len()]);
        places.of(rows.clone(), at);
        kept.fill(1);
        places.sieve(&rows, kept, &mut room[..rows.len()]);
        for ((person, place), kept) in persons[rows].iter().zip(&*at).zip(&*kept) {
            // What a filter drops adds nothing.
            let key = keys[*person as usize] & u64::from(*kept).wrapping_neg();
            let sum = &mut sums[usize::from(*place)];
            *sum = sum.wrapping_add(key);
        }
    }
    sums
}
