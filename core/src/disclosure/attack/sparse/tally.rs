//! The count of each published cell in the invented records, and which of them are outside their bounds.

/// Stands for a cell that is inside.
const INSIDE: u32 = u32::MAX;

/// Counts, bounds and the cells outside them.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) counts: Vec<i64>,
    bounds: Vec<(i64, i64)>,
    outside: Vec<u32>,
    /// Where a cell stands among those outside.
    places: Vec<u32>,
}

/// How far a count lies outside: above 0 where it is too low, below where it is too high.
const fn lack(count: i64, (low, high): (i64, i64)) -> i64 {
    if count < low {
        low - count
    } else if count > high {
        high - count
    } else {
        0
    }
}

impl Tally {
    /// Nobody is counted yet.
    pub(super) fn new(bounds: &[(i64, i64)]) -> Self {
        let mut tally = Self {
            counts: vec![0; bounds.len()],
            bounds: bounds.to_vec(),
            outside: Vec::new(),
            places: vec![INSIDE; bounds.len()],
        };
        for cell in 0..bounds.len() {
            tally.place(cell);
        }
        tally
    }

    pub(super) fn lack(&self, cell: usize) -> i64 {
        lack(self.counts[cell], self.bounds[cell])
    }

    /// How much further outside a cell is after so many more.
    pub(super) fn worse(&self, cell: usize, by: i64) -> i64 {
        let (count, bounds) = (self.counts[cell], self.bounds[cell]);
        lack(count + by, bounds).abs() - lack(count, bounds).abs()
    }

    pub(super) fn outside(&self) -> &[u32] {
        &self.outside
    }

    pub(super) fn add(&mut self, cell: usize, by: i64) {
        self.counts[cell] += by;
        self.place(cell);
    }

    pub(super) fn bound(&mut self, cell: usize, bounds: (i64, i64)) {
        self.bounds[cell] = bounds;
        self.place(cell);
    }

    fn place(&mut self, cell: usize) {
        let (inside, place) = (self.lack(cell) == 0, self.places[cell]);
        if inside && place != INSIDE {
            self.outside.swap_remove(place as usize);
            if let Some(moved) = self.outside.get(place as usize) {
                self.places[*moved as usize] = place;
            }
            self.places[cell] = INSIDE;
        } else if !inside && place == INSIDE {
            self.places[cell] = super::index::number(self.outside.len());
            self.outside.push(super::index::number(cell));
        }
    }
}
