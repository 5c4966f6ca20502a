//! People with several rows. Their events add up like everybody's; they themselves do not: a person counts
//! once in every cell that holds any of their rows, with the rows that it holds.

use super::grid::Grid;

/// Homes of one person that are kept apart without a table.
const FEW: usize = 4;
/// The most rows of one home that a pattern of few homes has room for.
const MOST_ROWS: u32 = 15;
/// Bits of a home in a pattern.
const HOME_BITS: u32 = 12;
/// Patterns that are counted before their cells are.
const PATTERNS: usize = 1 << 11;

const _: () = assert!(evensum_core::model::Lattice::MAX_CELLS <= 1 << HOME_BITS);
const _: () = assert!(FEW as u32 * (HOME_BITS + MOST_ROWS.count_ones()) <= u64::BITS);

/// What is counted of them: by home where all of a person's rows lie in one, by cell otherwise.
pub(super) struct People {
    /// Persons whose rows all lie in this home, and the most rows of one.
    pub(super) settled: Vec<u32>,
    pub(super) settled_top: Vec<u32>,
    /// Persons with rows in several homes, and the most rows of one.
    pub(super) spread: Vec<u32>,
    pub(super) spread_top: Vec<u32>,
}

impl People {
    pub(super) fn new(cells: usize) -> Self {
        let zero = vec![0; cells];
        Self {
            settled: zero.clone(),
            settled_top: zero.clone(),
            spread: zero.clone(),
            spread_top: zero,
        }
    }

    /// Both together, which holds because no person has rows in both.
    pub(super) fn plus(&mut self, other: &Self) {
        let merge = |mine: &mut [u32], theirs: &[u32], with: fn(u32, u32) -> u32| {
            mine.iter_mut().zip(theirs).for_each(|(m, t)| *m = with(*m, *t));
        };
        merge(&mut self.settled, &other.settled, |a, b| a + b);
        merge(&mut self.settled_top, &other.settled_top, u32::max);
        merge(&mut self.spread, &other.spread, |a, b| a + b);
        merge(&mut self.spread_top, &other.spread_top, u32::max);
    }
}

/// Counts people from their rows, which come person by person.
pub(super) struct Counting<'a> {
    grid: &'a Grid<'a>,
    people: People,
    person: u32,
    /// Homes of the person at hand with the rows in each; as many as `homes` says.
    few: [(u32, u32); FEW],
    homes: usize,
    /// Rows by home, once the homes are more than few; those homes.
    many: Vec<u32>,
    many_homes: Vec<u32>,
    /// Patterns (few homes, in order, with their rows) and how many people had each: most people with rows
    /// in several homes are like others. Another pattern in the same place puts the old one out.
    patterns: Vec<(u64, u32)>,
    /// Rows by cell of one pattern, and the cells.
    rows: Vec<u32>,
    touched: Vec<u32>,
}

impl<'a> Counting<'a> {
    pub(super) fn new(grid: &'a Grid<'a>) -> Self {
        Self {
            grid,
            people: People::new(grid.len()),
            person: 0,
            few: [(0, 0); FEW],
            homes: 0,
            many: Vec::new(),
            many_homes: Vec::new(),
            patterns: vec![(0, 0); PATTERNS],
            rows: vec![0; grid.len()],
            touched: Vec::new(),
        }
    }

    /// Takes a selected row. Those of one person come one after the other.
    #[inline]
    pub(super) fn row(&mut self, person: u32, home: u32) {
        if person != self.person || self.homes == 0 {
            self.finish();
            self.person = person;
            self.few[0] = (home, 1);
            self.homes = 1;
            return;
        }
        if !self.many_homes.is_empty() {
            return self.row_of_many(home);
        }
        for (known, rows) in &mut self.few[..self.homes] {
            if *known == home {
                *rows += 1;
                return;
            }
        }
        if let Some(free) = self.few.get_mut(self.homes) {
            *free = (home, 1);
            self.homes += 1;
            return;
        }
        self.many.resize(self.grid.len(), 0);
        for (home, rows) in self.few {
            self.many[home as usize] = rows;
            self.many_homes.push(home);
        }
        self.row_of_many(home);
    }

    fn row_of_many(&mut self, home: u32) {
        let rows = &mut self.many[home as usize];
        if *rows == 0 {
            self.many_homes.push(home);
        }
        *rows += 1;
    }

    /// What was counted, the person at hand included.
    pub(super) fn end(mut self) -> People {
        self.finish();
        for (pattern, people) in std::mem::take(&mut self.patterns) {
            self.expand(pattern, people);
        }
        self.people
    }

    #[inline]
    fn finish(&mut self) {
        match self.homes {
            0 => {}
            1 => {
                let (home, rows) = self.few[0];
                let home = home as usize;
                self.people.settled[home] += 1;
                self.people.settled_top[home] = self.people.settled_top[home].max(rows);
            }
            _ => self.finish_spread(),
        }
        self.homes = 0;
    }

    fn finish_spread(&mut self) {
        if !self.many_homes.is_empty() {
            for home in std::mem::take(&mut self.many_homes) {
                let rows = std::mem::take(&mut self.many[home as usize]);
                self.add(home, rows);
            }
            return self.count_touched(1);
        }
        let homes = &mut self.few[..self.homes];
        homes.sort_unstable();
        if homes.iter().any(|(_, rows)| *rows > MOST_ROWS) {
            for at in 0..self.homes {
                let (home, rows) = self.few[at];
                self.add(home, rows);
            }
            return self.count_touched(1);
        }
        let pattern = homes.iter().fold(0_u64, |pattern, (home, rows)| {
            let one = u64::from(*home) << MOST_ROWS.count_ones() | u64::from(*rows);
            pattern << (HOME_BITS + MOST_ROWS.count_ones()) | one
        });
        // Multiplying by an odd number (2⁶⁴ over the golden ratio) spreads patterns over the places.
        let place = pattern.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - PATTERNS.ilog2());
        let place = usize::try_from(place).unwrap_or_default();
        let (there, people) = &mut self.patterns[place];
        if *there == pattern {
            *people += 1;
        } else {
            let (old, count) = std::mem::replace(&mut self.patterns[place], (pattern, 1));
            self.expand(old, count);
        }
    }

    /// Counts so many people of a pattern. No pattern is 0, since a home that is in it has rows.
    fn expand(&mut self, mut pattern: u64, people: u32) {
        while pattern != 0 {
            let rows = u32::try_from(pattern & u64::from(MOST_ROWS)).unwrap_or_default();
            let home = pattern >> MOST_ROWS.count_ones() & ((1 << HOME_BITS) - 1);
            self.add(u32::try_from(home).unwrap_or_default(), rows);
            pattern >>= HOME_BITS + MOST_ROWS.count_ones();
        }
        self.count_touched(people);
    }

    fn add(&mut self, home: u32, rows: u32) {
        for &cell in self.grid.holding(home as usize) {
            let held = &mut self.rows[cell as usize];
            if *held == 0 {
                self.touched.push(cell);
            }
            *held += rows;
        }
    }

    fn count_touched(&mut self, people: u32) {
        for cell in self.touched.drain(..) {
            let cell = cell as usize;
            self.people.spread[cell] += people;
            let rows = std::mem::take(&mut self.rows[cell]);
            self.people.spread_top[cell] = self.people.spread_top[cell].max(rows);
        }
    }
}
