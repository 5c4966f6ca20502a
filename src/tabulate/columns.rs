//! Counting over the snapshot's columns, in one pass over rows sorted by person.
//!
//! Events add up over the cells of a lattice; distinct persons and the top contributor do not. A person with
//! one row in the extract does add up, and is rolled up with the events at the end. The rows of the others,
//! which the snapshot has marked, are counted person by person. Blocks of rows for the threads are cut between persons, so that
//! blocks add up.

use std::ops::Range;
use std::sync::Arc;

use evensum_core::model::{RawCell, Table};
use rayon::prelude::*;

use super::grid::Grid;
use super::keyed;
use super::measured;
use super::people::{Counting, People};
use super::places::{MOST_COMBINATIONS, Places, STATES};
use super::{Request, TabulateError};
use crate::snapshot::{MAX_ROWS, Snapshot};

const _: () = assert!(MAX_ROWS < u32::MAX as usize);

/// Rows that are worked on at once: the buffers stay in the nearest cache.
const STRETCH: usize = 2_048;
/// Blocks for each thread, so that an uneven one does not hold up the rest.
const BLOCKS_PER_THREAD: usize = 4;
/// Below this, handing a block to another thread costs more than it saves.
const LEAST_ROWS_PER_BLOCK: usize = 1 << 16;

/// How the work is divided. For tests; the result does not depend on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// About so many blocks of rows.
    pub(super) blocks: usize,
    /// Combinations of codes that are numbered at the most.
    pub(super) combinations: usize,
}

/// Counts a request over a snapshot, on rayon's current pool.
///
/// A cell's events are the rows that pass all filters and whose leaf on each axis belongs to the cell's
/// category; its persons are the distinct people among them; its top is the most of those rows that one
/// person has. Measures are summed over the same rows, and their units counted; so are the records' keys, wrapping. A category of the snapshot that is no leaf of an axis counts as the axis's leaf
/// `elsewhere`.
///
/// # Errors
/// [`TabulateError`] where the snapshot lacks a column, a measure or the keys, or a column holds a category that its axis does
/// not know and the axis has no leaf `elsewhere`.
pub fn tabulate(
    snapshot: &Snapshot,
    request: &Request<'_>,
) -> Result<Table<RawCell>, TabulateError> {
    let most = rayon::current_num_threads() * BLOCKS_PER_THREAD;
    let blocks = most.min(snapshot.len() / LEAST_ROWS_PER_BLOCK);
    tabulate_in(snapshot, request, Manner { blocks, combinations: MOST_COMBINATIONS })
}

/// The same in this manner.
pub(super) fn tabulate_in(
    snapshot: &Snapshot,
    request: &Request<'_>,
    manner: Manner,
) -> Result<Table<RawCell>, TabulateError> {
    let grid = Grid::new(&request.lattice);
    let places = Places::new(snapshot, request, &grid, manner.combinations)?;
    let blocks = cut(snapshot.persons(), manner.blocks);
    let counted = blocks
        .par_iter()
        .map(|rows| count(snapshot, &places, &grid, rows.clone()))
        .reduce(|| Tally::new(&places, &grid), Tally::plus);
    let mut cells = counted.rolled_up(&places, &grid);
    if request.keyed {
        cells = keyed::add(cells, snapshot, (&grid, &places), blocks.clone())?;
    }
    if !request.measures_nothing() {
        cells = measured::add(cells, snapshot, request, (&grid, &places), blocks)?;
    }
    Ok(Table::new(Arc::clone(&request.lattice), cells)?)
}

/// Cuts the rows into about so many blocks, never between two rows of one person.
fn cut(persons: &[u32], blocks: usize) -> Vec<Range<usize>> {
    let size = persons.len().div_ceil(blocks.max(1)).max(1);
    let mut found = Vec::new();
    let mut from = 0;
    while from < persons.len() {
        let to = persons.len().min(from + size);
        let last = persons[to - 1];
        let to = to + persons[to..].partition_point(|p| *p <= last);
        found.push(from..to);
        from = to;
    }
    found
}

/// Counts of some rows, still to be rolled up.
struct Tally {
    /// Rows by place: those that a filter drops, then those that are kept.
    rows: Vec<u32>,
    /// Kept rows by place whose person has another row in the extract.
    shared: Vec<u32>,
    people: People,
}

impl Tally {
    fn new(places: &Places<'_>, grid: &Grid<'_>) -> Self {
        Self {
            rows: vec![0; STATES * places.len()],
            shared: vec![0; places.len()],
            people: People::new(grid.len()),
        }
    }

    fn plus(mut self, other: Self) -> Self {
        self.rows.iter_mut().zip(&other.rows).for_each(|(mine, theirs)| *mine += theirs);
        self.shared.iter_mut().zip(&other.shared).for_each(|(mine, theirs)| *mine += theirs);
        self.people.plus(&other.people);
        self
    }

    fn rolled_up(mut self, places: &Places<'_>, grid: &Grid<'_>) -> Vec<RawCell> {
        // Somebody whose only row is in a place is settled in its home, with one row.
        let mut by_home = vec![0_u64; grid.len()];
        let kept = &self.rows[places.len()..];
        for ((home, kept), shared) in places.homes().iter().zip(kept).zip(&self.shared) {
            let home = *home as usize;
            by_home[home] += u64::from(*kept);
            let alone = kept - shared;
            self.people.settled[home] += alone;
            if alone > 0 {
                self.people.settled_top[home] = self.people.settled_top[home].max(1);
            }
        }
        let People { settled, settled_top, spread, spread_top } = self.people;
        let mut events = vec![0_u64; grid.len()];
        let mut persons: Vec<u64> = spread.into_iter().map(u64::from).collect();
        let mut top = spread_top;
        for home in (0..grid.len()).filter(|&home| by_home[home] > 0) {
            for &cell in grid.holding(home) {
                let cell = cell as usize;
                events[cell] += by_home[home];
                persons[cell] += u64::from(settled[home]);
                top[cell] = top[cell].max(settled_top[home]);
            }
        }
        let counts = events.into_iter().zip(persons).zip(top);
        counts.map(|((e, p), t)| RawCell::new(e, p, u64::from(t))).collect()
    }
}

fn count(snapshot: &Snapshot, places: &Places<'_>, grid: &Grid<'_>, rows: Range<usize>) -> Tally {
    let persons = snapshot.persons();
    let mut counted = Tally::new(places, grid);
    let mut counting = Counting::new(grid);
    let (mut at, mut kept, mut room) = ([0_u16; STRETCH], [0_u8; STRETCH], [0_u8; STRETCH]);
    // At most `MOST_COMBINATIONS`, or as many as a lattice has cells.
    let size = u16::try_from(places.len()).unwrap_or(u16::MAX);
    let end = rows.end;
    for from in rows.step_by(STRETCH) {
        let rows = from..end.min(from + STRETCH);
        let (at, kept) = (&mut at[..rows.len()], &mut kept[..rows.len()]);
        places.of(rows.clone(), at);
        kept.fill(1);
        places.sieve(&rows, kept, &mut room[..rows.len()]);
        for (some, shared) in snapshot.shared(rows) {
            let first = some.start - from;
            let mut left = shared & bits(&kept[first..first + some.len()]);
            while left != 0 {
                let row = first + left.trailing_zeros() as usize;
                left &= left - 1;
                let place = usize::from(at[row]);
                counted.shared[place] += 1;
                counting.row(persons[from + row], places.homes()[place]);
            }
        }
        // The kept ones lie behind those that are dropped. A row's place is now below the length of `rows`,
        // and no count exceeds 32 bits.
        for (place, kept) in at.iter_mut().zip(kept) {
            *place = place.wrapping_add(u16::from(*kept).wrapping_mul(size));
        }
        for place in at {
            if let Some(count) = counted.rows.get_mut(usize::from(*place)) {
                *count = count.wrapping_add(1);
            }
        }
    }
    counted.people = counting.end();
    counted
}

/// Up to 64 bytes of 0 or 1 as bits, the first as the lowest.
fn bits(bytes: &[u8]) -> u64 {
    // The product of eight such bytes and this number has each of them as one bit of its highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    bytes.chunks(8).rev().fold(0, |all, some| {
        let mut eight = [0; 8];
        eight[..some.len()].copy_from_slice(some);
        (all << 8) | (u64::from_le_bytes(eight).wrapping_mul(GATHER) >> 56)
    })
}
