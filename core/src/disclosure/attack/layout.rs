//! The whole joint table laid out with every group and every part of each attribute, and what its lines say of
//! the cells' bounds: a cell is the sum of the cells that it is made of along any attribute.

use super::Contradiction;
use super::public::{MAX_BOUND, Merged, MergedAxis};

/// Stands for "nothing bounds it". Above every sum of bounds that are tested.
pub(super) const UNBOUNDED: i64 = 1 << 60;
/// The greatest bound that is tested, and the greatest least of a figure: far above any count of people, and such
/// that sums over a laid-out table keep below [`UNBOUNDED`].
const LARGEST: i64 = 1 << 40;
pub(super) const LARGEST_LEAST: i64 = 1 << 46;
/// Conclusions above this are left out.
const LARGEST_CONCLUSION: i64 = 1 << 56;
/// The most cells that are laid out.
const MOST_CELLS: usize = 40_000;
/// The most pairs of a published cell and one of the finest cells in it.
const MOST_MEMBERS: usize = 2_000_000;
/// How often all lines are gone through at most. What is known by then is true, if perhaps not all that is.
const SWEEPS: u32 = 200;
/// Groups of one attribute that cross each other, above which lines into single parts must do.
const MOST_CROSSING: usize = 200;

/// Bounds of a count, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) low: i64,
    /// [`UNBOUNDED`] where nothing bounds it.
    pub(super) high: i64,
}

/// Whether the joint table is small enough to be laid out.
pub(super) fn fits(merged: &Merged, most_finest: usize) -> bool {
    let (mut finest, mut all) = (1_usize, 1_usize);
    for axis in &merged.axes {
        let grouped = axis.groups.iter().filter(|g| g.len() > 1).count();
        finest = finest.saturating_mul(axis.parts);
        all = all.saturating_mul(axis.parts + grouped);
    }
    let members = merged.cells.iter().fold(0_usize, |sum, cell| {
        let sizes = cell.at.iter().zip(&merged.axes);
        let size = sizes.map(|(group, axis)| axis.groups[usize::from(*group)].len());
        sum.saturating_add(size.fold(1, usize::saturating_mul))
    });
    finest <= most_finest && all <= MOST_CELLS && members <= MOST_MEMBERS
}

/// Whether no bound is above what is tested.
pub(super) fn countable(merged: &Merged) -> bool {
    let spans = merged.cells.iter().map(|c| given(c.low, c.high));
    spans.into_iter().all(|s| s.low <= LARGEST && (s.high <= LARGEST || s.high == UNBOUNDED))
}

/// A node of an axis as the sum of others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    size: usize,
    whole: usize,
    of: Vec<usize>,
}

/// The nodes of an axis: its groups in their order, then the parts that are no group.
#[derive(Debug)]
struct Axis {
    nodes: usize,
    /// Node of each part.
    single: Vec<usize>,
    /// Small wholes first.
    lines: Vec<Line>,
    stride: usize,
}

impl Axis {
    fn of(axis: &MergedAxis, stride: usize) -> Self {
        let mut single = vec![usize::MAX; axis.parts];
        for (node, group) in axis.groups.iter().enumerate() {
            if let [part] = group[..] {
                single[usize::from(part)] = node;
            }
        }
        let mut nodes = axis.groups.len();
        for node in single.iter_mut().filter(|n| **n == usize::MAX) {
            *node = nodes;
            nodes += 1;
        }
        let mut lines = nested(axis, &single).unwrap_or_else(|| crossing(axis, &single));
        lines.sort_unstable();
        lines.dedup();
        Self { nodes, single, lines, stride }
    }
}

/// Groups of at least two parts, small ones first.
fn grouped(axis: &MergedAxis) -> Vec<usize> {
    let mut nodes: Vec<usize> =
        (0..axis.groups.len()).filter(|n| axis.groups[*n].len() > 1).collect();
    nodes.sort_by_key(|n| (axis.groups[*n].len(), *n));
    nodes
}

/// A line of each group into the largest nodes within it. None where groups cross.
fn nested(axis: &MergedAxis, single: &[usize]) -> Option<Vec<Line>> {
    // The largest node so far that has the part, and its size.
    let mut within: Vec<(usize, usize)> = single.iter().map(|n| (*n, 1)).collect();
    let mut lines = Vec::new();
    for whole in grouped(axis) {
        let group = &axis.groups[whole];
        let mut of: Vec<(usize, usize)> = group.iter().map(|p| within[usize::from(*p)]).collect();
        of.sort_unstable();
        of.dedup();
        if of.iter().map(|(_, size)| size).sum::<usize>() != group.len() {
            return None;
        }
        for part in group {
            within[usize::from(*part)] = (whole, group.len());
        }
        let of = of.into_iter().map(|(node, _)| node).collect();
        lines.push(Line { size: group.len(), whole, of });
    }
    Some(lines)
}

/// A line of each group into its parts, and one with each of the largest groups within it.
fn crossing(axis: &MergedAxis, single: &[usize]) -> Vec<Line> {
    let nodes = grouped(axis);
    let inside =
        |small: &[u16], large: &[u16]| small.iter().all(|p| large.binary_search(p).is_ok());
    let mut lines = Vec::new();
    for whole in nodes.iter().copied() {
        let group = &axis.groups[whole];
        let size = group.len();
        let of = group.iter().map(|p| single[usize::from(*p)]).collect();
        lines.push(Line { size, whole, of });
        if nodes.len() > MOST_CROSSING {
            continue;
        }
        let within: Vec<usize> = nodes
            .iter()
            .rev()
            .copied()
            .filter(|n| *n != whole && inside(&axis.groups[*n], group))
            .collect();
        for first in &within {
            let contained =
                within.iter().any(|n| n != first && inside(&axis.groups[*first], &axis.groups[*n]));
            if contained {
                continue;
            }
            let mut rest: Vec<u16> = group.clone();
            let mut of = Vec::new();
            for node in std::iter::once(first).chain(&within) {
                if inside(&axis.groups[*node], &rest) {
                    rest.retain(|p| axis.groups[*node].binary_search(p).is_err());
                    of.push(*node);
                }
            }
            of.extend(rest.iter().map(|p| single[usize::from(*p)]));
            of.sort_unstable();
            lines.push(Line { size, whole, of });
        }
    }
    lines
}

/// Every combination of nodes, and between which numbers its count lies.
#[derive(Debug)]
pub(super) struct Layout {
    axes: Vec<Axis>,
    spans: Vec<Span>,
}

impl Layout {
    /// Lays out what [`fits`].
    pub(super) fn of(merged: &Merged) -> Self {
        let mut axes = Vec::with_capacity(merged.axes.len());
        let mut size = 1;
        for axis in &merged.axes {
            let axis = Axis::of(axis, size);
            size *= axis.nodes;
            axes.push(axis);
        }
        let mut layout = Self { axes, spans: vec![Span { low: 0, high: UNBOUNDED }; size] };
        for cell in &merged.cells {
            let at = layout.place(&cell.at);
            layout.spans[at] = given(cell.low, cell.high);
        }
        layout
    }

    fn place(&self, at: &[u16]) -> usize {
        at.iter().zip(&self.axes).map(|(group, axis)| usize::from(*group) * axis.stride).sum()
    }

    /// What is known of the cell with this group on each axis.
    pub(super) fn span(&self, at: &[u16]) -> Span {
        self.spans[self.place(at)]
    }

    /// What is known of the finest cells, the last axis' parts fastest.
    pub(super) fn finest(&self) -> Vec<Span> {
        let mut places = vec![0];
        for axis in &self.axes {
            let grow = |p: usize| axis.single.iter().map(move |node| p + node * axis.stride);
            places = places.into_iter().flat_map(grow).collect();
        }
        places.into_iter().map(|p| self.spans[p]).collect()
    }

    /// Draws all conclusions from lines until no bound changes. Bounds are integers and every coefficient is 1,
    /// so that nothing is ever rounded: what is concluded holds of all real tables too, not only of whole ones.
    pub(super) fn conclude(&mut self) -> Result<(), Contradiction> {
        for sweep in 0..SWEEPS {
            let mut changed = false;
            for axis in 0..self.axes.len() {
                // Upwards and downwards in turn.
                let axis = if sweep % 2 == 0 { axis } else { self.axes.len() - 1 - axis };
                changed |= conclude_along(&self.axes[axis], &mut self.spans, sweep % 2 == 0)?;
            }
            if !changed {
                break;
            }
        }
        Ok(())
    }
}

/// A published cell's bounds as they are worked with.
pub(super) fn given(low: i64, high: i64) -> Span {
    let unbounded = i64::try_from(MAX_BOUND).unwrap_or(i64::MAX);
    Span { low, high: if high >= unbounded { UNBOUNDED } else { high } }
}

fn conclude_along(axis: &Axis, spans: &mut [Span], up: bool) -> Result<bool, Contradiction> {
    let mut changed = false;
    let block = axis.stride * axis.nodes;
    for first in (0..spans.len()).step_by(block).flat_map(|b| b..b + axis.stride) {
        for index in 0..axis.lines.len() {
            let line = &axis.lines[if up { index } else { axis.lines.len() - 1 - index }];
            changed |= conclude_line(line, axis.stride, &mut spans[first..])?;
        }
    }
    Ok(changed)
}

/// `whole` = sum of `of`. The spans begin at the line's node 0.
fn conclude_line(line: &Line, stride: usize, spans: &mut [Span]) -> Result<bool, Contradiction> {
    let (mut low, mut high, mut unbounded) = (0_i64, 0_i64, 0_u32);
    for node in &line.of {
        let part = spans[node * stride];
        low = low.saturating_add(part.low);
        match part.high {
            UNBOUNDED => unbounded += 1,
            bound => high = high.saturating_add(bound),
        }
    }
    let whole = &mut spans[line.whole * stride];
    let mut changed = raise(whole, low)?;
    if unbounded == 0 {
        changed |= lower(whole, high)?;
    }
    let whole = *whole;
    if whole.high != UNBOUNDED {
        for node in &line.of {
            let part = &mut spans[node * stride];
            let bound = whole.high - low + part.low;
            changed |= lower(part, bound)?;
        }
    }
    if whole.low > low && unbounded <= 1 && high < LARGEST_CONCLUSION {
        changed |= raise_parts(line, stride, spans, whole.low)?;
    }
    Ok(changed)
}

/// Each part is at least what the whole has above the most of the others.
fn raise_parts(
    line: &Line,
    stride: usize,
    spans: &mut [Span],
    whole: i64,
) -> Result<bool, Contradiction> {
    let highs = line.of.iter().map(|node| spans[node * stride].high);
    let unbounded = highs.clone().filter(|high| *high == UNBOUNDED).count();
    let high: i64 = highs.filter(|high| *high != UNBOUNDED).sum();
    let mut changed = false;
    for node in &line.of {
        let part = &mut spans[node * stride];
        let others = match (unbounded, part.high) {
            (0, bound) => high - bound,
            (1, UNBOUNDED) => high,
            _ => continue,
        };
        changed |= raise(part, whole - others)?;
    }
    Ok(changed)
}

fn raise(span: &mut Span, low: i64) -> Result<bool, Contradiction> {
    if low > span.high {
        return Err(Contradiction);
    }
    let narrower = low > span.low && low < LARGEST_CONCLUSION;
    if narrower {
        span.low = low;
    }
    Ok(narrower)
}

fn lower(span: &mut Span, high: i64) -> Result<bool, Contradiction> {
    if high < span.low {
        return Err(Contradiction);
    }
    let narrower = high < span.high && high < LARGEST_CONCLUSION;
    if narrower {
        span.high = high;
    }
    Ok(narrower)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::disclosure::attack::{Attribute, Public};

    fn axis(parts: u16, groups: Vec<Vec<u16>>) -> (MergedAxis, Axis) {
        let public = Public::new(vec![Attribute::new(parts, groups)], Vec::new());
        let merged = public.expect("well-formed").merged().expect("no cells");
        let axis = Axis::of(&merged.axes[0], 1);
        (merged.axes[0].clone(), axis)
    }

    #[test]
    fn groups_that_nest_have_one_line_into_the_largest_within() {
        let (_, axis) = axis(6, vec![vec![0, 1, 2, 3], vec![0, 1], vec![2], vec![5]]);
        // Parts 0 and 1 are one, so that {0, 1} is a part; 3 and 4 have no group of their own.
        let lines: Vec<(usize, &[usize])> =
            axis.lines.iter().map(|l| (l.whole, &l.of[..])).collect();
        assert_eq!(axis.single, [2, 3, 5, 6, 4]);
        assert_eq!(lines, [(1, &[2, 3, 5][..]), (0, &[1, 4, 6])]);
    }

    proptest! {
        #[test]
        fn every_line_divides_its_whole(
            groups in prop::collection::vec(prop::collection::btree_set(0_u16..7, 1..7), 0..9),
        ) {
            let (merged, axis) =
                axis(7, groups.into_iter().map(|g| g.into_iter().collect()).collect());
            let mut parts_of = merged.groups.clone();
            parts_of.resize(axis.nodes, Vec::new());
            for (part, node) in axis.single.iter().enumerate() {
                parts_of[*node] = vec![part as u16];
            }
            for line in &axis.lines {
                let mut parts: Vec<u16> = line.of.iter().flat_map(|n| parts_of[*n].clone()).collect();
                parts.sort_unstable();
                prop_assert_eq!(&parts, &parts_of[line.whole]);
            }
            for (node, group) in merged.groups.iter().enumerate().filter(|(_, g)| g.len() > 1) {
                prop_assert!(axis.lines.iter().any(|l| l.whole == node), "{group:?} has no line");
            }
        }
    }
}
