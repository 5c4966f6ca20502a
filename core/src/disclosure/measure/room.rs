//! Whether figures leave room for the counts. A mean is a sum over a count, sums add up as counts do, and so the means
//! of the groups and of their total say in which parts the groups share the total. Where groups differ much and are
//! small, that says more of a count than its rounding hides.
//!
//! Everything here is what an outsider has: bounds of counts and of means. In a line, which is a total and the groups
//! that make it up, there are sums for the counts exactly where `Σ n·low(group) ≤ N·high(total)` and
//! `Σ n·high(group) ≥ N·low(total)`: the sums of the groups and of the total then overlap. For a total of `N` and one group
//! of `n` the least of the first and the most of the second are each found by giving the other groups' rows to the
//! cheapest. If both hold, at two divisions of the rows that may differ, there is one between them where both hold:
//! on the way from the one to the other both sums grow, and the second is never below the first. A line by itself is so
//! decided exactly, but for the rows being whole on that way; several lines narrow each other's bounds until nothing
//! changes. Where breakdowns are crossed, what all lines say together is then asked of [`Joint`].

use super::joint::Joint;
use crate::model::{Bounds, Lattice};

/// Values that must stay possible for a count, where the counts by themselves leave as many.
const CANDIDATES: u64 = 3;
/// Wider ranges than this are not narrowed: nothing here could narrow them down.
const WIDE: u64 = 16;
/// Rounds over all lines.
const ROUNDS: usize = 8;

/// What is known of one group: its count, and its mean in some unit, the same for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) low: u64,
    pub(super) high: Option<u64>,
    pub(super) mean: (i128, i128),
}

impl Known {
    pub(super) const fn new(bounds: Bounds, mean: (i128, i128)) -> Self {
        Self { low: bounds.low, high: bounds.high, mean }
    }

    /// Its count's possible values, where they are few.
    fn few(&self) -> Option<(u64, u64)> {
        let high = self.high.filter(|high| high.saturating_sub(self.low) <= WIDE)?;
        Some((self.low, high))
    }
}

/// The counts of a table's groups, and what its margins alone say of them.
pub(super) struct Room {
    lines: Vec<Line>,
    counts: Vec<Bounds>,
    alone: Vec<Known>,
    /// Where breakdowns are crossed.
    joint: Option<Option<Joint>>,
}

impl Room {
    /// `counts` are those of the groups: of the lattice's axes without the last, in its order.
    pub(super) fn new(lattice: &Lattice, counts: Vec<Bounds>) -> Self {
        let lines = lines(lattice);
        let anything = (0, i128::from(u64::MAX));
        let groups = counts.iter().map(|count| Known::new(*count, anything)).collect();
        let alone = narrowed(&lines, groups);
        let joint = (lattice.axes().len() > 2).then(|| Joint::new(lattice));
        Self { lines, counts, alone, joint }
    }

    /// Whether as many values of each count stay possible beside these means as [`CANDIDATES`], or as without them.
    pub(super) fn is_left_by(&self, means: &[(i128, i128)]) -> bool {
        let groups = self.counts.iter().zip(means).map(|(count, mean)| Known::new(*count, *mean));
        let with = narrowed(&self.lines, groups.collect());
        let few = self.alone.iter().enumerate().filter_map(|(at, alone)| {
            let (low, high) = alone.few()?;
            Some((at, CANDIDATES.min((high + 1).saturating_sub(low))))
        });
        let few: Vec<(usize, u64)> = few.filter(|(_, enough)| *enough > 1).collect();
        let by_lines = few.iter().all(|(at, enough)| {
            let with = &with[*at];
            with.high.is_some_and(|high| (high + 1).saturating_sub(with.low) >= *enough)
        });
        by_lines
            && match &self.joint {
                None => true,
                Some(Some(joint)) => joint.leaves(&with, &few),
                Some(None) => false,
            }
    }
}

/// A total and the groups that make it up.
struct Line {
    total: usize,
    parts: Vec<usize>,
}

/// All lines along one axis each. An axis whose categories overlap or leave something out has none.
fn lines(lattice: &Lattice) -> Vec<Line> {
    let axes = lattice.axes().split_last().map_or(&[][..], |(_, outer)| outer);
    let groups: usize = axes.iter().map(|axis| axis.categories().len()).product();
    let mut found = Vec::new();
    let mut stride = groups;
    for axis in axes {
        let size = axis.categories().len();
        stride /= size;
        let members: usize =
            axis.categories().iter().filter(|c| !c.id.is_all()).map(|c| c.members.len()).sum();
        let Some(all) = axis.categories().iter().position(|c| c.id.is_all()) else { continue };
        // Categories nest or lie apart, so that as many members as leaves are all of them once.
        if members != axis.leaves().len() {
            continue;
        }
        for total in (0..groups).filter(|group| group / stride % size == all) {
            let first = total - all * stride;
            let parts = (0..size).filter(|at| *at != all).map(|at| first + at * stride).collect();
            found.push(Line { total, parts });
        }
    }
    found
}

fn narrowed(lines: &[Line], mut groups: Vec<Known>) -> Vec<Known> {
    for _ in 0..ROUNDS {
        let before = groups.clone();
        for line in lines {
            narrow(line, &mut groups);
        }
        if groups == before {
            break;
        }
    }
    groups
}

/// The groups of a line in the order in which rows are given to them.
struct Scale {
    /// Places in the line with what each row adds, the cheapest first.
    order: Vec<(usize, i128)>,
}

impl Scale {
    fn new(parts: &[Known], weight: impl Fn(&Known) -> i128) -> Self {
        let mut order: Vec<(usize, i128)> =
            parts.iter().enumerate().map(|(at, part)| (at, weight(part))).collect();
        order.sort_by_key(|(_, weight)| *weight);
        Self { order }
    }

    /// The least sum over the groups where `fixed` has so many rows and the others have `rest` more than their least.
    fn least(&self, parts: &[Known], (fixed, rows): (usize, u64), mut rest: u64) -> i128 {
        let mut sum = 0_i128;
        for &(at, weight) in &self.order {
            let part = &parts[at];
            let own = if at == fixed {
                rows
            } else {
                let room = part.high.map_or(rest, |high| high.saturating_sub(part.low));
                let more = room.min(rest);
                rest -= more;
                part.low.saturating_add(more)
            };
            sum = sum.saturating_add(weight.saturating_mul(own.into()));
        }
        sum
    }
}

fn narrow(line: &Line, groups: &mut [Known]) {
    let total = groups[line.total];
    let Some((least, most)) = total.few() else { return };
    let mut parts: Vec<Known> = line.parts.iter().map(|at| groups[*at]).collect();
    for part in &mut parts {
        part.high = Some(part.high.map_or(most, |high| high.min(most)));
    }
    let over = Scale::new(&parts, |part| part.mean.0 - total.mean.1);
    let under = Scale::new(&parts, |part| total.mean.0 - part.mean.1);
    let lows: u64 = parts.iter().fold(0, |sum, part| sum.saturating_add(part.low));
    let possible = |of: u64, at: usize, rows: u64| {
        let part = &parts[at];
        let others = lows - part.low;
        let Some(rest) = of.checked_sub(rows).and_then(|rest| rest.checked_sub(others)) else {
            return false;
        };
        let room = parts.iter().enumerate().filter(|(other, _)| *other != at).fold(
            0_u64,
            |room, (_, other)| {
                room.saturating_add(other.high.unwrap_or(most).saturating_sub(other.low))
            },
        );
        rest <= room
            && over.least(&parts, (at, rows), rest) <= 0
            && under.least(&parts, (at, rows), rest) <= 0
    };
    let mut totals: Option<(u64, u64)> = None;
    let mut ranges: Vec<Option<(u64, u64)>> = vec![None; parts.len()];
    for of in least..=most {
        for (at, part) in parts.iter().enumerate() {
            let Some((low, high)) = part.few() else { continue };
            for rows in (low..=high).filter(|rows| possible(of, at, *rows)) {
                let own = ranges[at].get_or_insert((rows, rows));
                *own = (own.0.min(rows), own.1.max(rows));
                let all = totals.get_or_insert((of, of));
                *all = (all.0.min(of), all.1.max(of));
            }
        }
    }
    // Without a group whose range is narrow there is nothing to narrow the total by.
    if let Some((low, high)) = totals {
        (groups[line.total].low, groups[line.total].high) = (low, Some(high));
    }
    for ((&at, part), range) in line.parts.iter().zip(&parts).zip(ranges) {
        match range {
            Some((low, high)) => (groups[at].low, groups[at].high) = (low, Some(high)),
            // Nothing is possible: the figures contradict each other, and that leaves no room.
            None if part.few().is_some() => groups[at].high = Some(part.low),
            None => {}
        }
    }
}
