//! Somebody's table before anything is hidden: every cell of it with all totals, made from the rows of the finest
//! categories and checked against the totals that came with them.

use std::fmt;

use super::SheetError;
use super::dimension::Dimension;
use crate::disclosure::attack::MAX_BOUND;
use crate::model::RawCell;

/// The most cells, with totals, that a table may have while it is read. What is protected must be smaller.
pub const MAX_READ_CELLS: usize = 1_000_000;

/// A quantity that belongs to the people or things that a row counts: what it comes to, and how much of it one of
/// them accounts for at most.
#[derive(Debug)]
pub struct Quantity {
    total: u64,
    top: Option<u64>,
}

impl Quantity {
    /// `total`: the sum; `top`: the largest part of it that is one contributor's, where that is known.
    #[must_use]
    pub const fn new(total: u64, top: Option<u64>) -> Self {
        Self { total, top }
    }
}

/// One row: a place on every dimension, and what was counted there.
#[derive(Debug)]
pub struct SourceRow {
    /// The place on each dimension; 0 is the total.
    pub at: Vec<u16>,
    /// The row's number, for errors.
    pub row: u64,
    /// What was counted.
    pub count: RawCell,
    /// What was summed.
    pub quantity: Option<Quantity>,
}

/// The columns that rows were read from, as errors name them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// Counts.
    pub count: String,
    /// Distinct people; without it, each of the counted is one.
    pub persons: Option<String>,
    /// How many of the counted are the top contributor's.
    pub top: Option<String>,
    /// Sums.
    pub sum: Option<String>,
    /// How much of a sum is the top contributor's.
    pub sum_top: Option<String>,
}

/// What a cell holds.
#[derive(Default, Clone, Copy)]
pub(super) struct Held {
    pub(super) events: u64,
    persons: u64,
    top: u64,
    pub(super) sum: u64,
    pub(super) sum_top: u64,
    /// The keys of its records, added up.
    key: u64,
    /// The first row that it was read from; 0 where it was made from others.
    row: u64,
}

impl Held {
    fn of(row: &SourceRow) -> Self {
        let quantity = row.quantity.as_ref();
        Self {
            events: row.count.events(),
            persons: row.count.persons(),
            top: row.count.top(),
            sum: quantity.map_or(0, |q| q.total),
            sum_top: quantity.and_then(|q| q.top).unwrap_or_default(),
            key: row.count.cell_key().unwrap_or_default(),
            row: row.row,
        }
    }

    /// Adds what lies apart from it: people are taken to be in one of the two.
    fn add(&mut self, other: &Self) {
        self.events = self.events.saturating_add(other.events);
        self.persons = self.persons.saturating_add(other.persons);
        self.top = self.top.max(other.top);
        self.sum = self.sum.saturating_add(other.sum);
        self.sum_top = self.sum_top.max(other.sum_top);
        self.key = self.key.wrapping_add(other.key);
    }

    /// How many of the counted are the top contributor's.
    pub(super) const fn top(&self) -> u64 {
        self.top
    }

    /// As a cell of any other table.
    pub(super) const fn raw(&self, keyed: bool) -> RawCell {
        let raw = RawCell::new(self.events, self.persons, self.top);
        if keyed { raw.keyed(self.key) } else { raw }
    }
}

/// A table with all its totals. Its figures can be put under disclosure control and not be read.
pub struct Source {
    pub(super) dimensions: Vec<Dimension>,
    /// The dimensions as they were read, which everything that is published is a part of.
    pub(super) full: Vec<Dimension>,
    /// The place of each cell in a table by those.
    pub(super) origin: Vec<usize>,
    pub(super) columns: Columns,
    pub(super) cells: Vec<Held>,
    /// Whether every row came with the keys of its records.
    pub(super) keyed: bool,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({} cells)", self.cells.len())
    }
}

/// Cells of a table by these dimensions, totals included.
#[must_use]
pub fn size(dimensions: &[Dimension]) -> usize {
    dimensions.iter().fold(1, |n, d| n.saturating_mul(d.len()))
}

/// The cell at a place on each dimension, the last running fastest.
pub(super) fn index(dimensions: &[Dimension], at: &[u16]) -> usize {
    dimensions.iter().zip(at).fold(0, |n, (d, p)| n * d.len() + usize::from(*p))
}

/// The places of a cell.
pub(super) fn places(dimensions: &[Dimension], mut index: usize) -> Vec<u16> {
    let mut at = vec![0; dimensions.len()];
    for (slot, dimension) in at.iter_mut().zip(dimensions).rev() {
        *slot = u16::try_from(index % dimension.len()).unwrap_or(u16::MAX);
        index /= dimension.len();
    }
    at
}

impl Source {
    /// Puts a table together. A combination of finest categories without a row is a zero. Rows of totals must agree
    /// with their parts; where there are none, totals are the sums of their parts. Where `summing`, several rows of
    /// one cell are added up: rows were divided further than by these dimensions.
    ///
    /// # Errors
    /// [`SheetError`].
    pub fn new(
        dimensions: Vec<Dimension>,
        columns: Columns,
        rows: &[SourceRow],
        summing: bool,
    ) -> Result<Self, SheetError> {
        if dimensions.is_empty() {
            return Err(SheetError::NoDimension);
        }
        if let Some(empty) = dimensions.iter().find(|d| d.is_empty()) {
            return Err(SheetError::OnlyTotals(empty.name().to_owned()));
        }
        let size = size(&dimensions);
        if size > MAX_READ_CELLS {
            return Err(SheetError::TooLarge(super::Size::of(&dimensions, MAX_READ_CELLS)));
        }
        let mut given: Vec<Option<Held>> = vec![None; size];
        for row in rows {
            if row.count.events() == 0 && row.quantity.as_ref().is_some_and(|q| q.total > 0) {
                let column = columns.sum.clone().unwrap_or_default();
                return Err(SheetError::SumOfNone { row: row.row, column });
            }
            let slot = &mut given[index(&dimensions, &row.at)];
            match slot {
                Some(first) if !summing => {
                    return Err(SheetError::Twice { row: row.row, first: first.row });
                }
                Some(first) => first.add(&Held::of(row)),
                None => *slot = Some(Held::of(row)),
            }
        }
        let mut source = Self {
            full: dimensions.clone(),
            dimensions,
            origin: (0..size).collect(),
            columns,
            cells: Vec::new(),
            keyed: rows.iter().all(|row| row.count.cell_key().is_some()),
        };
        source.cells = source.added_up(&given)?;
        source.reconcile(&given)?;
        Ok(source)
    }

    /// Every cell as the sum of the finest ones in it.
    fn added_up(&self, given: &[Option<Held>]) -> Result<Vec<Held>, SheetError> {
        let mut cells = vec![Held::default(); given.len()];
        for (index, held) in given.iter().enumerate() {
            let Some(held) = held else { continue };
            if !self.is_finest(index) {
                continue;
            }
            let at = places(&self.dimensions, index);
            // Every combination of a place or one above it on each dimension.
            let mut holders = vec![0];
            for (dimension, place) in self.dimensions.iter().zip(&at) {
                let place = usize::from(*place);
                let up: Vec<usize> = std::iter::once(place).chain(dimension.above(place)).collect();
                let spread = |head: usize| up.iter().map(move |p| head * dimension.len() + p);
                holders = holders.iter().copied().flat_map(spread).collect();
            }
            for holder in holders {
                let cell = &mut cells[holder];
                cell.add(held);
                if cell.events > MAX_BOUND || cell.sum > MAX_BOUND {
                    let column = if cell.events > MAX_BOUND {
                        Some(&self.columns.count)
                    } else {
                        self.columns.sum.as_ref()
                    };
                    let column = column.cloned().unwrap_or_default();
                    return Err(SheetError::TotalTooGreat { row: held.row, column });
                }
            }
        }
        Ok(cells)
    }

    /// Holds the totals that came with the rows against their parts, and takes from them what parts do not tell:
    /// how many people are in several of them, and how much of the whole is one contributor's.
    fn reconcile(&mut self, given: &[Option<Held>]) -> Result<(), SheetError> {
        let columns = &self.columns;
        for (cell, held) in self.cells.iter_mut().zip(given) {
            let Some(held) = held else { continue };
            let differs = |column: &str| SheetError::Total { row: held.row, column: column.into() };
            if held.events != cell.events {
                return Err(differs(&columns.count));
            }
            if let Some(persons) = &columns.persons {
                if held.persons > cell.persons || (held.persons == 0) != (cell.persons == 0) {
                    return Err(differs(persons));
                }
                cell.persons = held.persons;
            }
            if let Some(top) = &columns.top {
                if held.top < cell.top {
                    return Err(differs(top));
                }
                cell.top = held.top;
            }
            if let Some(sum) = &columns.sum
                && held.sum != cell.sum
            {
                return Err(differs(sum));
            }
            if let Some(top) = &columns.sum_top {
                if held.sum_top < cell.sum_top {
                    return Err(differs(top));
                }
                cell.sum_top = held.sum_top;
            }
        }
        Ok(())
    }

    /// The dimensions.
    #[must_use]
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// The columns that it was read from.
    #[must_use]
    pub const fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The dimensions as they were read, with what was since left out.
    #[must_use]
    pub fn full_dimensions(&self) -> &[Dimension] {
        &self.full
    }

    /// Whether a cell is of the finest categories alone.
    pub(super) fn is_finest(&self, index: usize) -> bool {
        let at = places(&self.dimensions, index);
        at.iter().zip(&self.dimensions).all(|(p, d)| d.is_part(usize::from(*p)))
    }

    /// The same table with a dimension left out.
    #[must_use]
    pub fn without(&self, dimension: usize) -> Self {
        let none = vec![true];
        let kept = |d: usize, of: &Dimension| {
            if d == dimension { none.clone() } else { vec![true; of.len()] }
        };
        let mut coarse = self.selected(kept);
        if dimension < coarse.dimensions.len() {
            coarse.dimensions.remove(dimension);
        }
        coarse
    }

    /// The same table with the finest categories of a dimension so many levels up.
    #[must_use]
    pub fn coarser(&self, dimension: usize, levels: usize) -> Self {
        self.selected(
            |d, of| {
                if d == dimension { of.coarser(levels) } else { vec![true; of.len()] }
            },
        )
    }

    /// The cells at the places that are kept of each dimension.
    fn selected(&self, kept: impl Fn(usize, &Dimension) -> Vec<bool>) -> Self {
        let kept: Vec<Vec<bool>> =
            self.dimensions.iter().enumerate().map(|(d, of)| kept(d, of)).collect();
        let is_kept = |index: usize| {
            let at = places(&self.dimensions, index);
            at.iter().zip(&kept).all(|(p, kept)| kept.get(usize::from(*p)) == Some(&true))
        };
        let places: Vec<usize> = (0..self.cells.len()).filter(|i| is_kept(*i)).collect();
        Self {
            cells: places.iter().map(|&i| self.cells[i]).collect(),
            origin: places.iter().map(|&i| self.origin[i]).collect(),
            full: self.full.clone(),
            dimensions: self.dimensions.iter().zip(&kept).map(|(d, k)| d.keeping(k)).collect(),
            columns: self.columns.clone(),
            keyed: self.keyed,
        }
    }
}
