//! What a request asks of measures: sums, sums of squares, the largest sum of one person, and counts by unit. A
//! second pass over the rows, so that a table of counts alone is counted without a thought of them.
//!
//! Sums and counts by unit add up over the cells of a lattice, and are taken by home and rolled up at the end. The
//! largest sum of one person does not: a person's rows are projected to every cell that holds any of them.

use std::ops::Range;

use evensum_core::model::{Measured, RawCell, Sum};
use rayon::prelude::*;

use super::grid::Grid;
use super::places::Places;
use super::{Request, TabulateError};
use crate::snapshot::Snapshot;

/// Rows that are placed at once.
const STRETCH: usize = 2_048;

/// The snapshot's columns that a request measures.
struct Gauges<'a> {
    /// Each with what a row counts for at most.
    measures: Vec<(&'a [u16], u16)>,
    histogram: Option<(&'a [u16], u16)>,
    /// Counts of one cell's histogram: one a unit and one for what lies above; none without a histogram.
    units: usize,
}

impl<'a> Gauges<'a> {
    fn new(snapshot: &'a Snapshot, request: &Request<'_>) -> Result<Self, TabulateError> {
        let units = request.units()?;
        let values = |id| snapshot.measure(id).ok_or_else(|| TabulateError::NoMeasure(id.clone()));
        let top = |(id, top)| values(id).map(|values| (values, top));
        let measures = request.summed().map(top).collect::<Result<_, _>>()?;
        let histogram = match request.histogram {
            Some(asked) => Some((values(&asked.measure)?, asked.last)),
            None => None,
        };
        Ok(Self { measures, histogram, units })
    }
}

/// One measure's sums.
struct Sums {
    /// By home.
    total: Vec<u64>,
    squares: Vec<u64>,
    /// By home: the most of a person whose rows all lie in it.
    settled_top: Vec<u64>,
    /// By cell: the most of a person with rows in several homes.
    spread_top: Vec<u64>,
}

/// Sums of some rows, still to be rolled up.
struct Tally {
    sums: Vec<Sums>,
    /// By home, its units one after the other.
    histogram: Vec<u32>,
}

impl Tally {
    fn new(gauges: &Gauges<'_>, cells: usize) -> Self {
        let zero = vec![0; cells];
        let sums = |_: &(&[u16], u16)| Sums {
            total: zero.clone(),
            squares: zero.clone(),
            settled_top: zero.clone(),
            spread_top: zero.clone(),
        };
        Self {
            sums: gauges.measures.iter().map(sums).collect(),
            histogram: vec![0; cells * gauges.units],
        }
    }

    /// Both together, which holds because no person has rows in both.
    fn plus(mut self, other: Self) -> Self {
        let merge = |mine: &mut [u64], theirs: &[u64], with: fn(u64, u64) -> u64| {
            mine.iter_mut().zip(theirs).for_each(|(m, t)| *m = with(*m, *t));
        };
        for (mine, theirs) in self.sums.iter_mut().zip(&other.sums) {
            merge(&mut mine.total, &theirs.total, |a, b| a + b);
            merge(&mut mine.squares, &theirs.squares, |a, b| a + b);
            merge(&mut mine.settled_top, &theirs.settled_top, u64::max);
            merge(&mut mine.spread_top, &theirs.spread_top, u64::max);
        }
        self.histogram.iter_mut().zip(&other.histogram).for_each(|(m, t)| *m += t);
        self
    }

    fn rolled_up(mut self, grid: &Grid<'_>, units: usize) -> Vec<Measured> {
        let mut rolled = Rolled::new(self.sums.len(), units, grid.len());
        for home in 0..grid.len() {
            let counts = &self.histogram[home * units..(home + 1) * units];
            for &cell in grid.holding(home) {
                let cell = cell as usize;
                rolled.count(cell, counts);
                for (measure, sums) in self.sums.iter_mut().enumerate() {
                    rolled.add(cell, measure, sums.total[home], sums.squares[home]);
                    sums.spread_top[cell] = sums.spread_top[cell].max(sums.settled_top[home]);
                }
            }
        }
        for (measure, sums) in self.sums.iter().enumerate() {
            for (cell, top) in sums.spread_top.iter().enumerate() {
                rolled.top(cell, measure, *top);
            }
        }
        rolled.cells()
    }
}

/// Cells that are filled from their homes.
pub(super) struct Rolled {
    /// By cell and measure: total, squares, top.
    sums: Vec<Vec<(u64, u64, u64)>>,
    histograms: Vec<Vec<u32>>,
}

impl Rolled {
    pub(super) fn new(measures: usize, units: usize, cells: usize) -> Self {
        Self {
            sums: vec![vec![(0, 0, 0); measures]; cells],
            histograms: vec![vec![0; units]; cells],
        }
    }

    /// Adds counts by unit.
    pub(super) fn count(&mut self, cell: usize, counts: &[u32]) {
        self.histograms[cell].iter_mut().zip(counts).for_each(|(m, t)| *m += t);
    }

    /// Adds to the count of one unit.
    pub(super) fn count_one(&mut self, cell: usize, unit: usize, rows: u32) {
        self.histograms[cell][unit] += rows;
    }

    /// Adds to the sums of a measure.
    pub(super) fn add(&mut self, cell: usize, measure: usize, total: u64, squares: u64) {
        let sum = &mut self.sums[cell][measure];
        (sum.0, sum.1) = (sum.0 + total, sum.1 + squares);
    }

    /// Takes note of one person's sum.
    pub(super) fn top(&mut self, cell: usize, measure: usize, of_one: u64) {
        let sum = &mut self.sums[cell][measure];
        sum.2 = sum.2.max(of_one);
    }

    /// What was filled.
    pub(super) fn cells(self) -> Vec<Measured> {
        let sealed = |sums: Vec<(u64, u64, u64)>| {
            sums.into_iter().map(|(total, squares, top)| Sum::new(total, squares, top)).collect()
        };
        let cells = self.sums.into_iter().zip(self.histograms);
        cells.map(|(sums, histogram)| Measured::new(sealed(sums), histogram)).collect()
    }
}

/// The rows of the person at hand.
struct Person<'a> {
    grid: &'a Grid<'a>,
    person: u32,
    /// Homes with rows; whether a home is among them; sums by home and measure.
    homes: Vec<u32>,
    seen: Vec<bool>,
    mine: Vec<u64>,
    /// The same by cell, while a person's homes are projected.
    cells: Vec<u32>,
    held: Vec<bool>,
    sums: Vec<u64>,
}

impl<'a> Person<'a> {
    fn new(grid: &'a Grid<'a>, measures: usize) -> Self {
        let (seen, sums) = (vec![false; grid.len()], vec![0; grid.len() * measures]);
        Self {
            grid,
            person: 0,
            homes: Vec::new(),
            held: seen.clone(),
            seen,
            mine: sums.clone(),
            cells: Vec::new(),
            sums,
        }
    }

    fn row(
        &mut self,
        person: u32,
        home: usize,
        values: impl Iterator<Item = u16>,
        into: &mut Tally,
    ) {
        if person != self.person {
            self.finish(into);
            self.person = person;
        }
        if !self.seen[home] {
            self.seen[home] = true;
            self.homes.extend(u32::try_from(home));
        }
        let first = home * into.sums.len();
        for ((mine, value), sums) in self.mine[first..].iter_mut().zip(values).zip(&mut into.sums) {
            let value = u64::from(value);
            *mine += value;
            sums.total[home] += value;
            sums.squares[home] += value * value;
        }
    }

    fn finish(&mut self, into: &mut Tally) {
        let measures = into.sums.len();
        let settled = self.homes.len() == 1;
        for home in self.homes.drain(..) {
            let at = home as usize;
            self.seen[at] = false;
            let mine = &mut self.mine[at * measures..(at + 1) * measures];
            if settled {
                for (mine, sums) in mine.iter().zip(&mut into.sums) {
                    sums.settled_top[at] = sums.settled_top[at].max(*mine);
                }
            } else {
                for &cell in self.grid.holding(at) {
                    let of = cell as usize;
                    if !self.held[of] {
                        self.held[of] = true;
                        self.cells.push(cell);
                    }
                    let sums = &mut self.sums[of * measures..(of + 1) * measures];
                    sums.iter_mut().zip(&*mine).for_each(|(sum, mine)| *sum += mine);
                }
            }
            mine.fill(0);
        }
        for cell in self.cells.drain(..) {
            let of = cell as usize;
            self.held[of] = false;
            let own = &mut self.sums[of * measures..(of + 1) * measures];
            for (own, sums) in own.iter_mut().zip(&mut into.sums) {
                sums.spread_top[of] = sums.spread_top[of].max(std::mem::take(own));
            }
        }
    }
}

/// Adds to counted cells what the request measures.
pub(super) fn add(
    cells: Vec<RawCell>,
    snapshot: &Snapshot,
    request: &Request<'_>,
    (grid, places): (&Grid<'_>, &Places<'_>),
    blocks: Vec<Range<usize>>,
) -> Result<Vec<RawCell>, TabulateError> {
    let gauges = Gauges::new(snapshot, request)?;
    let new = || Tally::new(&gauges, grid.len());
    let summed = blocks
        .into_par_iter()
        .map(|rows| sum(snapshot, &gauges, (grid, places), rows))
        .reduce(new, Tally::plus);
    let measured = summed.rolled_up(grid, gauges.units);
    Ok(cells.into_iter().zip(measured).map(|(cell, measured)| cell.with(measured)).collect())
}

fn sum(
    snapshot: &Snapshot,
    gauges: &Gauges<'_>,
    (grid, places): (&Grid<'_>, &Places<'_>),
    rows: Range<usize>,
) -> Tally {
    let persons = snapshot.persons();
    let mut tally = Tally::new(gauges, grid.len());
    let mut person = Person::new(grid, gauges.measures.len());
    let (mut at, mut kept, mut room) = ([0_u16; STRETCH], [0_u8; STRETCH], [0_u8; STRETCH]);
    let end = rows.end;
    for from in rows.step_by(STRETCH) {
        let rows = from..end.min(from + STRETCH);
        let (at, kept) = (&mut at[..rows.len()], &mut kept[..rows.len()]);
        places.of(rows.clone(), at);
        kept.fill(1);
        places.sieve(&rows, kept, &mut room[..rows.len()]);
        let placed = rows.zip(at.iter().zip(kept.iter()));
        for (row, (place, _)) in placed.filter(|(_, (_, kept))| **kept == 1) {
            let home = places.homes()[usize::from(*place)] as usize;
            let values = gauges.measures.iter().map(|(values, top)| values[row].min(*top));
            person.row(persons[row], home, values, &mut tally);
            if let Some((values, last)) = gauges.histogram {
                let unit = usize::from(values[row].min(last)) + usize::from(values[row] > last);
                tally.histogram[home * gauges.units + unit] += 1;
            }
        }
    }
    person.finish(&mut tally);
    tally
}
