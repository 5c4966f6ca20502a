//! Where the search begins: as many records as there are people, given to the parts of one axis after the other,
//! each as the published table says that shares the most axes with those before.

use super::index::{Index, Shape};
use super::random::Random;

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

/// So many records in at most so many rows at first; rows are split where a table says so.
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
    for (axis, shape) in order(index) {
        let estimates = shape.map(|s| estimated(index, s, points));
        let portions = portions(index, axis, shape, points);
        let share = |key: u32, part: u16| match (shape, &estimates) {
            (Some(shape), Some(estimates)) => {
                let class = key + index.offset(shape, axis, part);
                estimates[class as usize] * portions[usize::from(part)]
            }
            _ => 1.0,
        };
        spread.give(index, axis, shape, share, random);
    }
    spread
}

/// What each part is of those that a shape does not tell it from, by the axis's own cells.
fn portions(index: &Index, axis: usize, shape: Option<&Shape>, points: &[i64]) -> Vec<f64> {
    let parts = 0..index.axes[axis].parts;
    let Some(shape) = shape else { return vec![1.0; parts.len()] };
    let alone = index.shapes.iter().find(|s| s.axes == [axis]);
    let sizes: Vec<f64> = match alone {
        Some(alone) => {
            let estimates = estimated(index, alone, points);
            let of = |p| estimates[index.offset(alone, axis, p) as usize].max(1e-9);
            parts.clone().map(of).collect()
        }
        None => vec![1.0; parts.len()],
    };
    let step = |p: u16| index.offset(shape, axis, p);
    let portion = |part: u16| {
        let fellows = parts.clone().filter(|p| step(*p) == step(part));
        sizes[usize::from(part)] / fellows.map(|p| sizes[usize::from(p)]).sum::<f64>()
    };
    parts.clone().map(portion).collect()
}

/// The axes in the order in which they are given, each with the shape to give it by: the one that shares the most
/// axes with those before.
fn order(index: &Index) -> Vec<(usize, Option<&Shape>)> {
    let mut given: Vec<(usize, Option<&Shape>)> = Vec::new();
    while given.len() < index.axes.len() {
        let known = |axis: &usize| given.iter().any(|(g, _)| g == axis);
        let open = (0..index.axes.len()).filter(|a| !known(a));
        let best = |axis: usize| {
            let naming = index.naming[axis].iter().map(|s| &index.shapes[*s as usize]);
            let fits = |s: &&Shape| s.axes.iter().all(|a| *a == axis || known(a));
            naming.filter(fits).max_by_key(|s| (s.axes.len(), s.cells.len()))
        };
        let rank = |axis: usize| {
            (best(axis).map(|s| (s.axes.len(), s.cells.len())), index.naming[axis].len())
        };
        let Some(next) = open.max_by_key(|a| rank(*a)) else { break };
        let shape = best(next);
        given.push((next, shape));
    }
    given
}

/// How many there may be in each class of a shape: its cells' values, large cells first, in proportion.
fn estimated(index: &Index, shape: &Shape, points: &[i64]) -> Vec<f64> {
    let first = shape.classes.start;
    let mut estimates = vec![1.0; shape.classes.len()];
    let mut cells = shape.cells.clone();
    cells.sort_by_key(|c| std::cmp::Reverse(index.covered.of(*c as usize).len()));
    for cell in cells {
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
    /// Gives every row its part of an axis, by shares among the rows that are alike on a shape's other axes.
    fn give(
        &mut self,
        index: &Index,
        axis: usize,
        shape: Option<&Shape>,
        share: impl Fn(u32, u16) -> f64,
        random: &mut Random,
    ) {
        let key = |parts: &[u16]| {
            let others = shape.into_iter().flat_map(|s| {
                let others = s.axes.iter().filter(|a| **a != axis);
                others.map(|a| index.offset(s, *a, parts[*a]))
            });
            others.sum::<u32>()
        };
        let mut order: Vec<(u32, usize)> = (0..self.parts.len()).map(|r| (0, r)).collect();
        random.shuffle(&mut order);
        for (sort, row) in &mut order {
            *sort = key(&self.parts[*row]);
        }
        order.sort_by_key(|(key, _)| *key);
        for alike in order.chunk_by(|(a, _), (b, _)| a == b) {
            let shares: Vec<f64> =
                (0..index.axes[axis].parts).map(|part| share(alike[0].0, part)).collect();
            let weight: i64 = alike.iter().map(|(_, r)| self.weights[*r]).sum();
            self.pour(axis, alike, &whole(&shares, weight));
        }
    }

    /// Gives rows their part in turn, as many records as there are for each, splitting rows between two.
    fn pour(&mut self, axis: usize, alike: &[(u32, usize)], amounts: &[i64]) {
        let mut amounts = (0u16..).zip(amounts.iter().copied());
        let (mut part, mut left) = amounts.next().unwrap_or((0, i64::MAX));
        for (_, row) in alike {
            let row = *row;
            loop {
                while left == 0 {
                    (part, left) = amounts.next().unwrap_or((part, i64::MAX));
                }
                self.parts[row][axis] = part;
                let rest = self.weights[row] - left;
                if rest <= 0 {
                    left -= self.weights[row];
                    break;
                }
                // The rest of this row is given to the next part, in the same row: what was given stands apart.
                let given = self.parts[row].clone();
                self.parts.push(given);
                self.weights.push(left);
                self.weights[row] = rest;
                left = 0;
            }
        }
    }
}

/// Whole numbers in proportion to shares that add up to a total.
fn whole(shares: &[f64], total: i64) -> Vec<i64> {
    let all: f64 = shares.iter().sum();
    let (mut sum, mut given) = (0.0, 0i64);
    let last = shares.len().saturating_sub(1);
    let amounts = shares.iter().enumerate().map(|(place, share)| {
        sum += if all > 0.0 { *share } else { 1.0 };
        let by = if all > 0.0 { all } else { shares.len() as f64 };
        let upto =
            if place == last { total } else { (total as f64 * sum / by + 0.5).floor() as i64 };
        let amount = (upto.min(total) - given).max(0);
        given += amount;
        amount
    });
    amounts.collect()
}
