//! Where the search begins: as many records as there are people, given their part of one axis after the other, each
//! as the published tables ask for that name it beside axes that were given before.

use super::super::random::Random;
use super::index::{Index, Shape, number};

/// A value inside bounds from which there is room to both sides, and which is small where nothing bounds it.
pub(super) fn inside((low, high): (i64, i64)) -> i64 {
    low + 2 * (high.min(low.saturating_add(50)) - low) / 5
}

/// Rows of parts with how many records each is.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) parts: Vec<Vec<u16>>,
    pub(super) weights: Vec<i64>,
}

/// So many records in at most so many rows at first; rows are split where tables ask for it.
pub(super) fn spread(
    index: &Index,
    points: &[i64],
    total: i64,
    rows: usize,
    random: &mut Random,
) -> Rows {
    let rows = i64::try_from(rows).unwrap_or(i64::MAX).min(total);
    let weight = |row: i64| total / rows + i64::from(row < total % rows);
    let weights: Vec<i64> = (0..rows).map(weight).collect();
    let parts = vec![vec![0; index.axes.len()]; weights.len()];
    let mut spread = Rows { parts, weights };
    let mut given = vec![false; index.axes.len()];
    while let Some(axis) = next(index, &given) {
        given[axis] = true;
        let demand = Demand::new(index, axis, &given, points);
        spread.give(demand, random);
    }
    spread
}

/// The shapes that can tell how to give an axis: those that name no other axis that was not given, without those
/// that say less than another.
fn telling<'a>(index: &'a Index, axis: usize, given: &[bool]) -> Vec<&'a Shape> {
    let naming = index.naming[axis].iter().map(|s| &index.shapes[*s as usize]);
    let known: Vec<&Shape> =
        naming.filter(|s| s.axes.iter().all(|a| *a == axis || given[*a])).collect();
    let less = |s: &Shape, t: &Shape| {
        s.axes.len() < t.axes.len() && s.axes.iter().all(|a| t.axes.contains(a))
    };
    known.iter().copied().filter(|s| !known.iter().any(|t| less(s, t))).collect()
}

/// The axis to give next: the one that a shape of the most axes tells about, by the most cells.
fn next(index: &Index, given: &[bool]) -> Option<usize> {
    let rank = |axis: &usize| {
        let telling = telling(index, *axis, given);
        let most = telling.iter().map(|s| (s.axes.len(), s.cells.len())).max();
        (most, index.naming[*axis].len())
    };
    (0..given.len()).filter(|a| !given[*a]).max_by_key(rank)
}

/// What one shape still asks for.
#[derive(Debug)]
struct Table<'a> {
    shape: &'a Shape,
    /// By class.
    left: Vec<f64>,
    /// By part of the axis that is given: of all classes that it can be in.
    of_part: Vec<f64>,
}

/// What the published figures still ask for while an axis is given.
#[derive(Debug)]
struct Demand<'a> {
    index: &'a Index,
    axis: usize,
    tables: Vec<Table<'a>>,
    /// By part.
    own: Vec<f64>,
}

impl<'a> Demand<'a> {
    fn new(index: &'a Index, axis: usize, given: &[bool], points: &[i64]) -> Self {
        let parts = || 0..index.axes[axis].parts;
        let table = |shape: &'a Shape| {
            let left = estimated(index, shape, points);
            let mut of_part = vec![0.0; parts().len()];
            let mut steps: Vec<u32> = parts().map(|p| index.offset(shape, axis, p)).collect();
            steps.sort_unstable();
            steps.dedup();
            // Parts of an axis add multiples of one number, up to the greatest.
            let stride = steps.get(1).copied().unwrap_or(1);
            for (class, left) in (0..).zip(&left) {
                let step = class / stride % number(steps.len()) * stride;
                for part in parts().filter(|p| index.offset(shape, axis, *p) == step) {
                    of_part[usize::from(part)] += left;
                }
            }
            Table { shape, left, of_part }
        };
        let tables: Vec<Table> = telling(index, axis, given).into_iter().map(table).collect();
        let own = match index.shapes.iter().find(|s| s.axes == [axis]) {
            Some(alone) => table(alone).of_part,
            None => tables.first().map_or_else(|| vec![1.0; parts().len()], |t| t.of_part.clone()),
        };
        Self { index, axis, tables, own }
    }

    /// How likely each part is for somebody, up to a factor: as its size and, given the part, the other parts are
    /// in each table.
    fn likely(&self, parts: &[u16], likely: &mut [f64]) {
        likely.copy_from_slice(&self.own);
        for table in &self.tables {
            let others = self.others(table, parts);
            for (part, likely) in (0..).zip(likely.iter_mut()) {
                let class = others + self.index.offset(table.shape, self.axis, part);
                let all = table.of_part[usize::from(part)];
                *likely *= if all > 0.0 { table.left[class as usize] / all } else { 0.0 };
            }
        }
    }

    fn others(&self, table: &Table, parts: &[u16]) -> u32 {
        let others = table.shape.axes.iter().filter(|a| **a != self.axis);
        others.map(|a| self.index.offset(table.shape, *a, parts[*a])).sum()
    }

    /// How many more of a part there can be for somebody before a table has no more.
    fn room(&self, parts: &[u16], part: u16) -> f64 {
        let left = self.tables.iter().map(|t| {
            let step = self.index.offset(t.shape, self.axis, part);
            t.left[(self.others(t, parts) + step) as usize]
        });
        left.fold(f64::MAX, f64::min)
    }

    fn take(&mut self, parts: &[u16], part: u16, weight: f64) {
        let less = |left: &mut f64| *left = (*left - weight).max(0.0);
        less(&mut self.own[usize::from(part)]);
        for t in 0..self.tables.len() {
            let others = self.others(&self.tables[t], parts);
            let table = &mut self.tables[t];
            let step = self.index.offset(table.shape, self.axis, part);
            less(&mut table.left[(others + step) as usize]);
            for (other, of_part) in (0..).zip(&mut table.of_part) {
                if self.index.offset(table.shape, self.axis, other) == step {
                    less(of_part);
                }
            }
        }
    }
}

/// How many there may be in each class of a shape: its cells' values, large cells first, in proportion.
fn estimated(index: &Index, shape: &Shape, points: &[i64]) -> Vec<f64> {
    let first = shape.classes.start;
    let mut estimates = vec![1.0; shape.classes.len()];
    for cell in index.large_first(shape) {
        let covered = index.covered.of(cell as usize);
        let of = |class: &u32| (class - first) as usize;
        let sum: f64 = covered.iter().map(|c| estimates[of(c)]).sum();
        let point = points[cell as usize] as f64;
        for class in covered {
            let estimate = &mut estimates[of(class)];
            *estimate =
                if sum > 0.0 { *estimate * point / sum } else { point / covered.len() as f64 };
        }
    }
    estimates
}

impl Rows {
    /// Gives every row its part of an axis, drawn by what is still asked for.
    fn give(&mut self, mut demand: Demand, random: &mut Random) {
        let mut order: Vec<usize> = (0..self.parts.len()).collect();
        random.shuffle(&mut order);
        let mut likely = vec![0.0; demand.own.len()];
        for row in order {
            while self.weights[row] > 0 {
                demand.likely(&self.parts[row], &mut likely);
                let part = drawn(&likely, random).or_else(|| drawn(&demand.own, random));
                let part = part.unwrap_or_else(|| random.below(likely.len()));
                let part = u16::try_from(part).unwrap_or(u16::MAX);
                let room = demand.room(&self.parts[row], part).round().max(1.0);
                let weight = self.weights[row];
                let given = if (weight as f64) > room { room as i64 } else { weight };
                demand.take(&self.parts[row], part, given as f64);
                self.parts[row][demand.axis] = part;
                if given == weight {
                    break;
                }
                // The rest of the row goes on; what was given stands apart.
                let apart = self.parts[row].clone();
                self.parts.push(apart);
                self.weights.push(given);
                self.weights[row] = weight - given;
            }
        }
    }
}

/// A place drawn in proportion to what stands there. None where that is nothing everywhere.
fn drawn(likely: &[f64], random: &mut Random) -> Option<usize> {
    let all: f64 = likely.iter().sum();
    let mut left = all * random.below(1 << 30) as f64 / f64::from(1 << 30);
    let found = likely.iter().position(|l| {
        let here = left < *l;
        left -= l;
        here
    });
    found.or_else(|| likely.iter().rposition(|l| *l > 0.0))
}
