//! The count of each published cell in the invented records, and which of them are outside their bounds.

use super::index::number;

/// Stands for a cell that is inside.
const INSIDE: u32 = u32::MAX;

/// A cell's count, what it has to lie between, and how far it lies outside: above 0 where it is too low, below
/// where it is too high.
#[derive(Debug, Clone, Copy)]
struct Count {
    count: i64,
    low: i64,
    high: i64,
    lack: i64,
}

impl Count {
    const fn lack_at(&self, count: i64) -> i64 {
        if count < self.low {
            self.low - count
        } else if count > self.high {
            self.high - count
        } else {
            0
        }
    }
}

/// Counts, bounds and the cells outside them.
#[derive(Debug)]
pub(super) struct Tally {
    counts: Vec<Count>,
    outside: Vec<u32>,
    /// Where a cell stands among those outside.
    places: Vec<u32>,
    /// How far all cells together lie outside.
    far: i64,
}

impl Tally {
    /// Nobody is counted yet.
    pub(super) fn new(bounds: &[(i64, i64)]) -> Self {
        let empty = |(low, high): &(i64, i64)| Count { count: 0, low: *low, high: *high, lack: 0 };
        let mut tally = Self {
            counts: bounds.iter().map(empty).collect(),
            outside: Vec::new(),
            places: vec![INSIDE; bounds.len()],
            far: 0,
        };
        for cell in 0..bounds.len() {
            tally.place(cell);
        }
        tally
    }

    pub(super) fn count(&self, cell: usize) -> i64 {
        self.counts[cell].count
    }

    pub(super) fn lack(&self, cell: usize) -> i64 {
        self.counts[cell].lack
    }

    /// How much further outside a cell is after so many more.
    pub(super) fn worse(&self, cell: usize, by: i64) -> i64 {
        let count = &self.counts[cell];
        count.lack_at(count.count + by).abs() - count.lack.abs()
    }

    /// How far all cells together lie outside.
    pub(super) const fn far(&self) -> i64 {
        self.far
    }

    pub(super) fn outside(&self) -> &[u32] {
        &self.outside
    }

    pub(super) fn add(&mut self, cell: usize, by: i64) {
        self.counts[cell].count += by;
        self.place(cell);
    }

    pub(super) fn bound(&mut self, cell: usize, (low, high): (i64, i64)) {
        (self.counts[cell].low, self.counts[cell].high) = (low, high);
        self.place(cell);
    }

    fn place(&mut self, cell: usize) {
        let count = &mut self.counts[cell];
        self.far -= count.lack.abs();
        count.lack = count.lack_at(count.count);
        self.far += count.lack.abs();
        let (inside, place) = (count.lack == 0, self.places[cell]);
        if inside && place != INSIDE {
            self.outside.swap_remove(place as usize);
            if let Some(moved) = self.outside.get(place as usize) {
                self.places[*moved as usize] = place;
            }
            self.places[cell] = INSIDE;
        } else if !inside && place == INSIDE {
            self.places[cell] = number(self.outside.len());
            self.outside.push(number(cell));
        }
    }
}
