//! The table as the search sees it: what is zero is gone, what is always equal is one cell, and bounds are those of
//! the outsider who knows which hidden counts are primary.

use std::collections::BTreeMap;

use super::{Exact, Pattern};

/// Nothing is moved further than this, which keeps programs well scaled. Ways move primary counts, and those are
/// small.
const FAR: f64 = 10_000.0;

/// Up to so many joint parts with people in them all take part in each program.
const WHOLE: usize = 320;
/// How often larger ones are looked at as a whole, times their parts and their cells: about what a program costs.
const LOOKS: usize = 60_000_000;

/// How many parts of each attribute are near.
const fn around(attributes: usize) -> usize {
    match attributes {
        0..=1 => usize::MAX,
        2 => 12,
        3 => 6,
        _ => 4,
    }
}

/// One or more given cells that hold the same people.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    /// The joint parts with people in them.
    pub(super) parts: Vec<u32>,
    pub(super) count: u64,
    /// How many published cells it is: what hiding it costs. None where it is not published.
    pub(super) weight: u32,
    /// Whether it must not be worked out; such a cell is hidden from the start.
    pub(super) primary: bool,
    /// How far it may fall while it is hidden, as a number that is not above 0.
    pub(super) low: f64,
    /// How far it may rise while it is hidden.
    pub(super) high: f64,
}

impl Cell {
    /// Whether it can be chosen to be hidden or shown.
    pub(super) const fn optional(&self) -> bool {
        self.weight > 0 && !self.primary
    }
}

/// All cells with people in them.
#[derive(Debug)]
pub(super) struct Grid {
    pub(super) cells: Vec<Cell>,
    /// How far each joint part can fall.
    pub(super) room: Vec<f64>,
    /// The part of each attribute that each joint part is made of.
    pub(super) places: Vec<Vec<u32>>,
    /// The cells that each joint part is in.
    pub(super) of_part: Vec<Vec<u32>>,
    /// The cell that is this joint part alone.
    pub(super) single: Vec<Option<u32>>,
    /// Which cell each given one became. None where it is a shown zero or not needed.
    became: Vec<Option<u32>>,
}

impl Grid {
    pub(super) fn of(table: &Exact) -> Self {
        let mut empty = vec![false; table.joint.len()];
        for (cell, parts) in table.cells.iter().zip(&table.parts) {
            if cell.published && cell.count == 0 {
                parts.iter().for_each(|p| empty[*p as usize] = true);
            }
        }
        let mut number = vec![None; empty.len()];
        let (mut room, mut places) = (Vec::new(), Vec::new());
        for (part, _) in empty.iter().enumerate().filter(|(_, empty)| !**empty) {
            number[part] = u32::try_from(room.len()).ok();
            room.push(table.joint[part].min(FAR));
            places.push(place(&table.sizes, part));
        }
        let mut known: BTreeMap<Vec<u32>, u32> = BTreeMap::new();
        let mut cells: Vec<Cell> = Vec::new();
        let mut became = Vec::with_capacity(table.cells.len());
        for (given, parts) in table.cells.iter().zip(&table.parts) {
            let parts: Vec<u32> = parts.iter().filter_map(|p| number[*p as usize]).collect();
            if parts.is_empty() || !(given.published || given.primary) {
                became.push(None);
                continue;
            }
            let next = u32::try_from(cells.len()).unwrap_or(u32::MAX);
            let index = *known.entry(parts.clone()).or_insert(next);
            if index == next {
                let count = given.count;
                cells.push(Cell { parts, count, weight: 0, primary: false, low: 0.0, high: 0.0 });
            }
            let cell = &mut cells[index as usize];
            cell.weight += u32::from(given.published);
            cell.primary |= given.primary && given.count > 0;
            became.push(Some(index));
        }
        for cell in &mut cells {
            (cell.low, cell.high) = bounds(cell, table.limit);
        }
        let mut grid = Self {
            of_part: vec![Vec::new(); room.len()],
            single: vec![None; room.len()],
            cells,
            room,
            places,
            became,
        };
        grid.index();
        grid
    }

    fn index(&mut self) {
        for (index, cell) in (0u32..).zip(&self.cells) {
            for part in &cell.parts {
                self.of_part[*part as usize].push(index);
            }
            if let [only] = cell.parts[..] {
                self.single[only as usize] = Some(index);
            }
        }
    }

    /// The primary cells, those with the least room first.
    pub(super) fn primary(&self) -> Vec<u32> {
        (0u32..).zip(&self.cells).filter(|(_, c)| c.primary).map(|(index, _)| index).collect()
    }

    /// Whether programs over the whole table are too slow to be asked often.
    pub(super) const fn is_large(&self) -> bool {
        self.room.len() > WHOLE
    }

    /// How often a large table is looked at as a whole.
    pub(super) fn looks(&self) -> u32 {
        u32::try_from(LOOKS / (self.room.len() * self.cells.len()).max(1)).unwrap_or(u32::MAX)
    }

    /// Joint parts around a cell, among which a way is looked for where there are too many for one program: a few
    /// parts of each attribute, those first that are hidden anyway, then those with few people.
    pub(super) fn near(&self, target: u32, hidden: &[bool]) -> Option<Vec<bool>> {
        if !self.is_large() {
            return None;
        }
        let dear = |part: u32| match self.single[part as usize] {
            Some(cell) => (!hidden[cell as usize], self.cells[cell as usize].count),
            None => (false, 0),
        };
        let centre = self.cells[target as usize].parts.iter().min_by_key(|p| (dear(**p), **p))?;
        let centre = &self.places[*centre as usize];
        let mut chosen = Vec::with_capacity(centre.len());
        for axis in 0..centre.len() {
            let mut line: Vec<_> = (0u32..)
                .zip(&self.places)
                .filter(|(_, place)| (0..centre.len()).all(|a| a == axis || place[a] == centre[a]))
                .map(|(part, place)| (place[axis] != centre[axis], dear(part), place[axis]))
                .collect();
            line.sort_unstable();
            let few = line.iter().take(around(centre.len()));
            chosen.push(few.map(|(_, _, at)| *at).collect::<Vec<u32>>());
        }
        let inside = |place: &Vec<u32>| place.iter().zip(&chosen).all(|(at, of)| of.contains(at));
        Some(self.places.iter().map(inside).collect())
    }

    /// What a set of hidden cells costs: cells first, then people.
    pub(super) fn cost(&self, hidden: &[bool]) -> (u64, u64) {
        let chosen = self.cells.iter().zip(hidden).filter(|(c, hidden)| **hidden && c.optional());
        chosen.fold((0, 0), |(cells, people), (c, _)| {
            let weight = u64::from(c.weight);
            (cells + weight, people.saturating_add(c.count.saturating_mul(weight)))
        })
    }

    /// The pattern of the given table that hides these cells and every primary one.
    pub(super) fn pattern(&self, table: &Exact, hidden: &[bool], programs: u32) -> Pattern {
        let at = |place: &Option<u32>| place.map(|index| index as usize);
        let marked: Vec<bool> = table
            .cells
            .iter()
            .zip(&self.became)
            .map(|(given, place)| {
                given.published && at(place).is_some_and(|i| hidden[i] || self.cells[i].primary)
            })
            .collect();
        let own = |place: &Option<u32>| at(place).is_some_and(|i| self.cells[i].primary);
        let all = marked.iter().filter(|hidden| **hidden).count();
        let primary = marked
            .iter()
            .zip(&self.became)
            .filter(|(hidden, place)| **hidden && own(place))
            .count();
        let (_, people) = self.cost(hidden);
        Pattern { hidden: marked, primary, secondary: all - primary, people, programs }
    }
}

/// The part of each attribute that a joint part is made of.
fn place(sizes: &[usize], part: usize) -> Vec<u32> {
    let mut rest = part;
    let mut place: Vec<u32> = sizes
        .iter()
        .rev()
        .map(|size| {
            let of = u32::try_from(rest % size).unwrap_or(u32::MAX);
            rest /= size;
            of
        })
        .collect();
    place.reverse();
    place
}

/// How far a cell may fall and rise in the eyes of the outsider who knows whether it is above the limit.
fn bounds(cell: &Cell, limit: u64) -> (f64, f64) {
    let count = as_float(cell.count);
    match (cell.weight > 0, cell.count <= limit) {
        (false, _) => (-count.min(FAR), f64::INFINITY),
        (true, true) => (1.0 - count, as_float(limit) - count),
        (true, false) => ((as_float(limit) + 1.0 - count).max(-FAR), f64::INFINITY),
    }
}

/// Counts are at most 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts are at most 2^53")]
pub(super) const fn as_float(n: u64) -> f64 {
    n as f64
}
