//! Ways: changes of the table that an outsider could believe in.

use std::collections::{BTreeMap, BTreeSet};

use super::grid::Grid;

/// Below this a cell counts as not changed, and a sum as right.
const TOLERANCE: f64 = 1e-6;

/// A change that leaves everything as it is except some cells, all of them inside the bounds that the outsider knows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Way {
    /// Primary cells and by how much each changes.
    pub(super) moves: Vec<(u32, f64)>,
    /// The cells that have to be hidden for it, beside primary ones. Rising.
    pub(super) needs: Vec<u32>,
}

impl Way {
    /// Sums a change of joint parts up. None where it leaves the bounds.
    pub(super) fn of(grid: &Grid, parts: &[(u32, f64)]) -> Option<Self> {
        let mut change = vec![0.0; grid.cells.len()];
        let mut touched = Vec::new();
        for (part, by) in parts {
            if *by < -grid.room[*part as usize] - TOLERANCE {
                return None;
            }
            for cell in &grid.of_part[*part as usize] {
                change[*cell as usize] += by;
                touched.push(*cell);
            }
        }
        touched.sort_unstable();
        touched.dedup();
        let (mut moves, mut needs) = (Vec::new(), Vec::new());
        for index in touched {
            let (cell, by) = (&grid.cells[index as usize], change[index as usize]);
            if by.abs() < TOLERANCE {
                continue;
            }
            if by < cell.low - TOLERANCE || by > cell.high + TOLERANCE {
                return None;
            }
            if cell.optional() {
                needs.push(index);
            } else if cell.primary {
                moves.push((index, by));
            }
        }
        Some(Self { moves, needs })
    }

    /// The same in the other direction, if that stays inside the bounds.
    pub(super) fn back(grid: &Grid, parts: &[(u32, f64)]) -> Option<Self> {
        let parts: Vec<(u32, f64)> = parts.iter().map(|(part, by)| (*part, -by)).collect();
        Self::of(grid, &parts)
    }

    pub(super) fn fits(&self, hidden: &[bool]) -> bool {
        self.needs.iter().all(|cell| hidden[*cell as usize])
    }
}

/// What a way needs and moves.
type Key = (Vec<u32>, Vec<(u32, u64)>);

/// Every way that was found so far.
#[derive(Debug)]
pub(super) struct Ways {
    ways: Vec<Way>,
    known: BTreeSet<Key>,
    /// The ways that move each cell up, and those that move it down, by number and how far.
    up: Vec<Vec<(u32, f64)>>,
    down: Vec<Vec<(u32, f64)>>,
}

impl Ways {
    pub(super) fn new(cells: usize) -> Self {
        let none = vec![Vec::new(); cells];
        Self { ways: Vec::new(), known: BTreeSet::new(), up: none.clone(), down: none }
    }

    /// Keeps a way, once.
    pub(super) fn add(&mut self, way: Way) {
        let key = way.moves.iter().map(|(cell, by)| (*cell, by.to_bits())).collect();
        if !self.known.insert((way.needs.clone(), key)) {
            return;
        }
        let number = u32::try_from(self.ways.len()).unwrap_or(u32::MAX);
        for (cell, by) in &way.moves {
            let side = if *by > 0.0 { &mut self.up } else { &mut self.down };
            side[*cell as usize].push((number, by.abs()));
        }
        self.ways.push(way);
    }

    /// Whether ways that change hidden cells alone move a cell over `width`.
    pub(super) fn protect(&self, cell: u32, hidden: &[bool], width: f64) -> bool {
        let mut reached = 0.0;
        for side in [&self.up, &self.down] {
            let mut furthest: f64 = 0.0;
            for (number, by) in &side[cell as usize] {
                // People are whole: half a person is no room.
                let whole = (by + TOLERANCE).floor();
                if whole > furthest && self.ways[*number as usize].fits(hidden) {
                    furthest = whole;
                    if reached + furthest >= width - TOLERANCE {
                        return true;
                    }
                }
            }
            reached += furthest;
        }
        false
    }

    /// The cells that ways need which move a cell by at least `by`, up where it is positive, else down.
    pub(super) fn moving(&self, cell: u32, by: f64) -> impl Iterator<Item = &Way> {
        let side = if by > 0.0 { &self.up } else { &self.down };
        let far = by.abs() - TOLERANCE;
        side[cell as usize]
            .iter()
            .filter(move |(_, b)| *b >= far)
            .map(|(n, _)| &self.ways[*n as usize])
    }
}

/// Proofs that cells are not protected: of each of these lists at least one cell has to be hidden.
#[derive(Debug)]
pub(super) struct Proofs {
    of: Vec<Vec<u32>>,
    all: Vec<Vec<u32>>,
    known: BTreeMap<Vec<u32>, u32>,
}

impl Proofs {
    pub(super) fn new(cells: usize) -> Self {
        Self { of: vec![Vec::new(); cells], all: Vec::new(), known: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, cell: u32, one_of: Vec<u32>) {
        let next = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let number = *self.known.entry(one_of.clone()).or_insert(next);
        if number == next {
            self.all.push(one_of);
        }
        self.of[cell as usize].push(number);
    }

    /// All lists, whichever cells they are about.
    pub(super) fn all(&self) -> &[Vec<u32>] {
        &self.all
    }

    /// Whether what is hidden is known not to protect a cell.
    pub(super) fn refute(&self, cell: u32, hidden: &[bool]) -> bool {
        let lists = self.of[cell as usize].iter().map(|number| &self.all[*number as usize]);
        lists.into_iter().any(|one_of| !one_of.iter().any(|c| hidden[*c as usize]))
    }
}
