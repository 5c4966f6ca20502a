//! What sums say: a published cell and published parts of it that do not overlap.

use std::collections::BTreeMap;

use super::super::Contradiction;
use super::super::public::MergedCell;
use super::index::{Index, number};

/// Rounds over all sums. Real tables settle in a handful.
const SWEEPS: u32 = 200;

/// A cell and cells in it that do not overlap.
#[derive(Debug)]
struct Line {
    whole: u32,
    parts: Vec<u32>,
    /// Whether they make it up.
    exact: bool,
}

/// The narrowest bounds of each cell that sums of published cells give. Coefficients are 1 and bounds are whole
/// numbers, so these are bounds of the linear program too.
pub(super) fn narrowed(
    index: &Index,
    cells: &[MergedCell],
) -> Result<Vec<(i64, i64)>, Contradiction> {
    let mut bounds: Vec<(i64, i64)> = cells.iter().map(|c| (c.low, c.high)).collect();
    let mut lines = Vec::new();
    for axis in 0..index.axes.len() {
        along(index, axis, &mut lines);
    }
    across(index, &mut lines);
    for _ in 0..SWEEPS {
        let mut changed = false;
        for line in &lines {
            changed |= line.narrow(&mut bounds);
        }
        if bounds.iter().any(|(low, high)| low > high) {
            return Err(Contradiction);
        }
        if !changed {
            break;
        }
    }
    Ok(bounds)
}

impl Line {
    /// Whether anything became narrower.
    fn narrow(&self, bounds: &mut [(i64, i64)]) -> bool {
        let whole = self.whole as usize;
        let (mut lows, mut highs) = (0i128, 0i128);
        for part in &self.parts {
            let (low, high) = bounds[*part as usize];
            lows += i128::from(low);
            highs += i128::from(high);
        }
        let mut changed = raise(&mut bounds[whole], lows);
        if self.exact {
            changed |= lower(&mut bounds[whole], highs);
        }
        let (least, most) = bounds[whole];
        for part in &self.parts {
            let part = &mut bounds[*part as usize];
            let (low, high) = *part;
            changed |= lower(part, i128::from(most) - lows + i128::from(low));
            if self.exact {
                changed |= raise(part, i128::from(least) - highs + i128::from(high));
            }
        }
        changed
    }
}

/// A bound beyond the other one is kept as it is, for it is the contradiction.
fn raise(bounds: &mut (i64, i64), to: i128) -> bool {
    let changed = to > i128::from(bounds.0);
    if changed {
        bounds.0 = i64::try_from(to).unwrap_or(i64::MAX);
    }
    changed
}

fn lower(bounds: &mut (i64, i64), to: i128) -> bool {
    let changed = to < i128::from(bounds.1);
    if changed {
        bounds.1 = i64::try_from(to).unwrap_or(i64::MIN);
    }
    changed
}

/// Lines along one axis: cells with the same groups on all others.
fn along(index: &Index, axis: usize, lines: &mut Vec<Line>) {
    let others = |cell: u32| {
        let at = &index.at[cell as usize];
        (&at[..axis], &at[axis + 1..], at[axis])
    };
    let mut order: Vec<u32> = (0..number(index.at.len())).collect();
    order.sort_unstable_by(|a, b| others(*a).cmp(&others(*b)));
    let mut known: BTreeMap<Vec<u16>, Vec<Family>> = BTreeMap::new();
    let same = |a: &u32, b: &u32| {
        let ((a, b, _), (c, d, _)) = (others(*a), others(*b));
        (a, b) == (c, d)
    };
    for fibre in order.chunk_by(same).filter(|f| f.len() > 1) {
        let groups: Vec<u16> = fibre.iter().map(|c| index.at[*c as usize][axis]).collect();
        let families =
            known.entry(groups).or_insert_with_key(|groups| families(index, axis, groups));
        lines.extend(families.iter().map(|family| Line {
            whole: fibre[family.whole],
            parts: family.parts.iter().map(|p| fibre[*p]).collect(),
            exact: family.exact,
        }));
    }
}

/// A line by places in a fibre.
#[derive(Debug)]
struct Family {
    whole: usize,
    parts: Vec<usize>,
    exact: bool,
}

/// For each group, its largest groups that do not overlap. Where groups cross, those that were left out begin
/// families of their own.
fn families(index: &Index, axis: usize, groups: &[u16]) -> Vec<Family> {
    let inside = |place: usize| &index.axes[axis].groups[usize::from(groups[place])].inside;
    let parts = usize::from(index.axes[axis].parts);
    let mut found = Vec::new();
    for whole in 0..groups.len() {
        let mut below: Vec<usize> = (0..groups.len())
            .filter(|g| *g != whole && index.within(axis, groups[*g], groups[whole]))
            .collect();
        below.sort_by_key(|g| std::cmp::Reverse(inside(*g).len()));
        let mut accounted = vec![false; below.len()];
        while let Some(first) = accounted.iter().position(|a| !a) {
            let mut taken = vec![false; parts];
            let (mut members, mut held) = (Vec::new(), 0);
            let rest = (0..below.len()).filter(|b| *b != first);
            for candidate in std::iter::once(first).chain(rest) {
                let parts = inside(below[candidate]);
                if parts.iter().any(|p| taken[usize::from(*p)]) {
                    continue;
                }
                parts.iter().for_each(|p| taken[usize::from(*p)] = true);
                held += parts.len();
                members.push(below[candidate]);
            }
            for (b, accounted) in accounted.iter_mut().enumerate() {
                let within = |m: &usize| index.within(axis, groups[below[b]], groups[*m]);
                *accounted |= b == first || members.iter().any(within);
            }
            found.push(Family { whole, exact: held == inside(whole).len(), parts: members });
        }
    }
    found
}

/// Cells in others that differ from them on several axes, where no published cell lies between.
fn across(index: &Index, lines: &mut Vec<Line>) {
    let contains = |outer: u32, inner: u32| {
        let (outer, inner) = (&index.at[outer as usize], &index.at[inner as usize]);
        (0..outer.len()).all(|a| index.within(a, inner[a], outer[a]))
    };
    for (cell, at) in index.at.iter().enumerate() {
        let groups = at.iter().zip(&index.axes);
        let parts: Vec<u16> =
            groups.map(|(group, axis)| axis.groups[usize::from(*group)].inside[0]).collect();
        let mut around: Vec<(usize, u32)> = Vec::new();
        for shape in &index.shapes {
            if shape.axes.iter().any(|a| at[*a] == 0) {
                continue;
            }
            for outer in index.holding.of(index.class(shape, &parts) as usize) {
                if *outer as usize != cell && contains(*outer, number(cell)) {
                    let differ = |(a, b): (&u16, &u16)| usize::from(a != b);
                    let there = &index.at[*outer as usize];
                    around.push((at.iter().zip(there).map(differ).sum(), *outer));
                }
            }
        }
        around.sort_unstable();
        for (differing, outer) in around.iter().filter(|(differing, _)| *differing > 1) {
            let between = |(nearer, other): &(usize, u32)| {
                *nearer <= *differing && other != outer && contains(*outer, *other)
            };
            if !around.iter().any(between) {
                lines.push(Line { whole: *outer, parts: vec![number(cell)], exact: false });
            }
        }
    }
}
