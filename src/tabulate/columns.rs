//! Counting over the snapshot's columns, in one pass over rows sorted by person.
//!
//! Events add up over the cells of a lattice; distinct persons and the top contributor do not. A
//! person whose rows all lie in one home (most have one row) does add up, and is rolled up with the
//! events at the end. Only the others are projected, row by row, to every cell that holds them, and
//! counted there once. Blocks of rows for the threads are cut between persons, so that blocks add up.

use std::ops::Range;
use std::sync::Arc;

use evensum_core::model::{Lattice, RawCell, Table};
use rayon::prelude::*;

use super::grid::Grid;
use super::{MAX_FILTERS, Request, TabulateError};
use crate::snapshot::{Codes, MAX_ROWS, Snapshot};

/// Added to the home of a row that a filter drops: above every home, and 64 filters do not overflow.
const DROPPED: u32 = 1 << 20;
const _: () = assert!(Lattice::MAX_CELLS < DROPPED as usize);
const _: () = assert!((MAX_FILTERS as u64 + 1) * (DROPPED as u64) < u32::MAX as u64);
const _: () = assert!(MAX_ROWS < u32::MAX as usize);

/// Rows whose homes are worked out at once: the buffer stays in the nearest cache.
const STRETCH: usize = 2_048;
/// Blocks for each thread, so that an uneven one does not hold up the rest.
const BLOCKS_PER_THREAD: usize = 4;
/// Below this, handing a block to another thread costs more than it saves.
const LEAST_ROWS_PER_BLOCK: usize = 1 << 16;

/// Counts a request over a snapshot, on rayon's current pool.
///
/// A cell's events are the rows that pass all filters and whose leaf on each axis belongs to the cell's
/// category; its persons are the distinct people among them; its top is the most of those rows that one
/// person has. A category of the snapshot that is no leaf of an axis counts as the axis's leaf
/// `elsewhere`.
///
/// # Errors
/// [`TabulateError`] where the snapshot lacks a column, or a column holds a category that its axis does
/// not know and the axis has no leaf `elsewhere`.
pub fn tabulate(
    snapshot: &Snapshot,
    request: &Request<'_>,
) -> Result<Table<RawCell>, TabulateError> {
    let most = rayon::current_num_threads() * BLOCKS_PER_THREAD;
    tabulate_in(snapshot, request, most.min(snapshot.len() / LEAST_ROWS_PER_BLOCK))
}

/// The same in about so many blocks.
pub(super) fn tabulate_in(
    snapshot: &Snapshot,
    request: &Request<'_>,
    blocks: usize,
) -> Result<Table<RawCell>, TabulateError> {
    let grid = Grid::new(&request.lattice);
    let terms = terms(snapshot, request, &grid)?;
    let counted = cut(snapshot.persons(), blocks)
        .into_par_iter()
        .map(|rows| count(snapshot.persons(), &terms, &grid, rows))
        .reduce(|| Tally::new(grid.len()), Tally::plus);
    Ok(Table::new(Arc::clone(&request.lattice), counted.rolled_up(&grid))?)
}

/// What one column contributes to a row's home: the part of an axis, or that it is dropped.
struct Term<'a> {
    codes: &'a Codes,
    /// By code. At least 256 long, so that a byte is always within it.
    steps: Vec<u32>,
}

impl<'a> Term<'a> {
    fn new(codes: &'a Codes, mut steps: Vec<u32>) -> Self {
        steps.resize(steps.len().max(1 << 8), 0);
        Self { codes, steps }
    }

    /// Adds the contribution of each of the rows to its home.
    fn add(&self, rows: Range<usize>, homes: &mut [u32]) {
        match self.codes {
            Codes::U8(codes) => {
                if let Some(steps) = self.steps.first_chunk::<256>() {
                    for (home, code) in homes.iter_mut().zip(&codes[rows]) {
                        *home += steps[usize::from(*code)];
                    }
                }
            }
            Codes::U16(codes) => {
                for (home, code) in homes.iter_mut().zip(&codes[rows]) {
                    *home += self.steps[usize::from(*code)];
                }
            }
        }
    }
}

fn terms<'a>(
    snapshot: &'a Snapshot,
    request: &Request<'_>,
    grid: &Grid<'_>,
) -> Result<Vec<Term<'a>>, TabulateError> {
    let (axes, columns) = (request.lattice.axes().len(), request.columns.len());
    if axes != columns {
        return Err(TabulateError::Axes { axes, columns });
    }
    if request.filters.len() > MAX_FILTERS {
        return Err(TabulateError::TooManyFilters);
    }
    let mut terms = Vec::with_capacity(axes + request.filters.len());
    for (axis, id) in request.columns.iter().enumerate() {
        let column = snapshot.column(id).ok_or_else(|| TabulateError::NoColumn(id.clone()))?;
        let steps = grid
            .steps(axis, column.dictionary())
            .ok_or_else(|| TabulateError::UnknownCategory(id.clone()))?;
        terms.push(Term::new(column.codes(), steps));
    }
    for filter in request.filters {
        let id = &filter.column;
        let column = snapshot.column(id).ok_or_else(|| TabulateError::NoColumn(id.clone()))?;
        let step = |category| if filter.keep.contains(category) { 0 } else { DROPPED };
        let steps = column.dictionary().iter().map(step).collect();
        terms.push(Term::new(column.codes(), steps));
    }
    Ok(terms)
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

/// Counts of some rows. The first three are by home and still to be rolled up, the others by cell.
struct Tally {
    events: Vec<u32>,
    /// Persons whose rows all lie in this home.
    settled: Vec<u32>,
    settled_top: Vec<u32>,
    /// Persons with rows in several homes.
    spread: Vec<u32>,
    spread_top: Vec<u32>,
}

impl Tally {
    fn new(cells: usize) -> Self {
        let zero = vec![0; cells];
        Self {
            events: zero.clone(),
            settled: zero.clone(),
            settled_top: zero.clone(),
            spread: zero.clone(),
            spread_top: zero,
        }
    }

    /// Both together, which holds because no person has rows in both.
    fn plus(mut self, other: Self) -> Self {
        let merge = |mine: &mut [u32], theirs: &[u32], with: fn(u32, u32) -> u32| {
            mine.iter_mut().zip(theirs).for_each(|(m, t)| *m = with(*m, *t));
        };
        merge(&mut self.events, &other.events, |a, b| a + b);
        merge(&mut self.settled, &other.settled, |a, b| a + b);
        merge(&mut self.settled_top, &other.settled_top, u32::max);
        merge(&mut self.spread, &other.spread, |a, b| a + b);
        merge(&mut self.spread_top, &other.spread_top, u32::max);
        self
    }

    fn rolled_up(&self, grid: &Grid<'_>) -> Vec<RawCell> {
        let mut events = vec![0_u64; grid.len()];
        let mut persons: Vec<u64> = self.spread.iter().copied().map(u64::from).collect();
        let mut top = self.spread_top.clone();
        for home in (0..grid.len()).filter(|&home| self.events[home] > 0) {
            for &cell in grid.holding(home) {
                let cell = cell as usize;
                events[cell] += u64::from(self.events[home]);
                persons[cell] += u64::from(self.settled[home]);
                top[cell] = top[cell].max(self.settled_top[home]);
            }
        }
        let counts = events.into_iter().zip(persons).zip(top);
        counts.map(|((e, p), t)| RawCell::new(e, p, u64::from(t))).collect()
    }
}

/// The selected rows of the person at hand.
struct Run {
    person: u32,
    /// The home of the first of them, and how many lie there; none yet where that is 0.
    home: u32,
    rows: u32,
    /// The homes of those that lie in another.
    others: Vec<u32>,
}

/// Cells of a person who has rows in several homes: how many of them each holds.
struct Scratch {
    rows: Vec<u32>,
    touched: Vec<u32>,
}

fn count(persons: &[u32], terms: &[Term<'_>], grid: &Grid<'_>, rows: Range<usize>) -> Tally {
    let mut tally = Tally::new(grid.len());
    let mut scratch = Scratch { rows: vec![0; grid.len()], touched: Vec::new() };
    let mut run = Run { person: 0, home: 0, rows: 0, others: Vec::new() };
    let mut homes = [0; STRETCH];
    let mut from = rows.start;
    while from < rows.end {
        let to = rows.end.min(from + STRETCH);
        let homes = &mut homes[..to - from];
        homes.fill(0);
        for term in terms {
            term.add(from..to, homes);
        }
        for (&person, &home) in persons[from..to].iter().zip(homes.iter()) {
            if home >= DROPPED {
                continue;
            }
            tally.events[home as usize] += 1;
            if run.person != person || run.rows == 0 {
                finish(&mut run, &mut tally, &mut scratch, grid);
                run.person = person;
                run.home = home;
                run.rows = 1;
            } else if run.home == home {
                run.rows += 1;
            } else {
                run.others.push(home);
            }
        }
        from = to;
    }
    finish(&mut run, &mut tally, &mut scratch, grid);
    tally
}

/// Counts the person at hand.
#[inline]
fn finish(run: &mut Run, tally: &mut Tally, scratch: &mut Scratch, grid: &Grid<'_>) {
    if run.rows == 0 {
        return;
    }
    if run.others.is_empty() {
        let home = run.home as usize;
        tally.settled[home] += 1;
        tally.settled_top[home] = tally.settled_top[home].max(run.rows);
    } else {
        spread(run, tally, scratch, grid);
    }
}

/// Counts a person with rows in several homes once in every cell that holds any of them.
fn spread(run: &mut Run, tally: &mut Tally, scratch: &mut Scratch, grid: &Grid<'_>) {
    let mut add = |home: u32, rows: u32| {
        for &cell in grid.holding(home as usize) {
            let held = &mut scratch.rows[cell as usize];
            if *held == 0 {
                scratch.touched.push(cell);
            }
            *held += rows;
        }
    };
    add(run.home, run.rows);
    run.others.drain(..).for_each(|home| add(home, 1));
    for cell in scratch.touched.drain(..) {
        let cell = cell as usize;
        tally.spread[cell] += 1;
        tally.spread_top[cell] = tally.spread_top[cell].max(scratch.rows[cell]);
        scratch.rows[cell] = 0;
    }
}
