//! Which published cells hold whom, without laying out the joint table: the cells that name the same axes make up
//! a shape, and each shape is laid out by itself.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::public::{MergedAxis, MergedCell};

/// Classes of all shapes together, and pairs of a class with a cell that holds it. Published tables stay far
/// below; cells scattered over many axes do not, and are not decided.
const MAX_CLASSES: usize = 1 << 19;
const MAX_HOLDINGS: usize = 1 << 21;

/// Lists in one piece of memory.
#[derive(Debug, Default)]
pub(super) struct Lists {
    spans: Vec<(u32, u32)>,
    items: Vec<u32>,
}

impl Lists {
    pub(super) fn of(&self, list: usize) -> &[u32] {
        let (from, to) = self.spans[list];
        &self.items[from as usize..to as usize]
    }

    fn push(&mut self, items: impl IntoIterator<Item = u32>) {
        let from = number(self.items.len());
        self.items.extend(items);
        self.spans.push((from, number(self.items.len())));
    }

    /// What is listed, each with the lists that it is in, rising.
    fn inverted(&self, listed: usize) -> Self {
        let mut spans = vec![(0u32, 0u32); listed];
        for item in &self.items {
            spans[*item as usize].1 += 1;
        }
        let mut from = 0;
        for span in &mut spans {
            let length = span.1;
            *span = (from, from);
            from += length;
        }
        let mut items = vec![0; self.items.len()];
        for list in 0..self.spans.len() {
            for item in self.of(list) {
                let end = &mut spans[*item as usize].1;
                items[*end as usize] = number(list);
                *end += 1;
            }
        }
        Self { spans, items }
    }
}

/// All numbers here stay below [`MAX_HOLDINGS`] or the limit on records.
pub(super) fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// A group of an axis.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) inside: Vec<u16>,
    pub(super) outside: Vec<u16>,
    holds: Vec<bool>,
}

impl Group {
    pub(super) fn holds(&self, part: u16) -> bool {
        self.holds[usize::from(part)]
    }
}

/// An axis.
#[derive(Debug)]
pub(super) struct Axis {
    pub(super) parts: u16,
    pub(super) groups: Vec<Group>,
    /// Where its parts stand among those of all axes.
    column: usize,
}

/// All published cells that name the same axes, which are those where they do not stand for everybody.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) axes: Vec<usize>,
    pub(super) cells: Vec<u32>,
    /// Numbers of its classes. Parts that no cell of the shape tells apart are of one class.
    pub(super) classes: Range<u32>,
    /// Its place among the shapes.
    place: usize,
}

/// The published cells by shape and class.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) axes: Vec<Axis>,
    pub(super) shapes: Vec<Shape>,
    /// The shapes that name an axis.
    pub(super) naming: Vec<Vec<u32>>,
    pub(super) shape_of: Vec<u32>,
    /// Cells by class.
    pub(super) holding: Lists,
    /// Classes by cell.
    pub(super) covered: Lists,
    pub(super) at: Vec<Vec<u16>>,
    /// What each part of each axis adds to the number of a class: a row of all shapes for each part.
    offsets: Vec<u32>,
}

impl Index {
    /// None where it would be too large.
    pub(super) fn of(axes: &[MergedAxis], cells: &[MergedCell]) -> Option<Self> {
        let mut by_axes: BTreeMap<Vec<usize>, Vec<u32>> = BTreeMap::new();
        for (index, cell) in cells.iter().enumerate() {
            let named = (0..axes.len()).filter(|a| cell.at[*a] != 0).collect();
            by_axes.entry(named).or_default().push(number(index));
        }
        let axes = laid_in_columns(axes);
        let mut shapes: Vec<Shape> = Vec::with_capacity(by_axes.len());
        let (mut first, mut holdings) = (0usize, 0usize);
        let mut columns = Vec::with_capacity(by_axes.len());
        let mut covers = vec![Vec::new(); cells.len()];
        let mut shape_of = vec![0; cells.len()];
        for (place, (named, members)) in by_axes.into_iter().enumerate() {
            let (offsets, classes) = offsets(&axes, &named, &members, cells)?;
            let end = first.checked_add(classes).filter(|end| *end <= MAX_CLASSES)?;
            let classes = number(first)..number(end);
            for cell in &members {
                let at = &cells[*cell as usize].at;
                let covered = covered(&axes, &named, &offsets, at, classes.start)?;
                holdings += covered.len();
                covers[*cell as usize] = covered;
                shape_of[*cell as usize] = number(place);
            }
            if holdings > MAX_HOLDINGS {
                return None;
            }
            first = end;
            columns.push(offsets);
            shapes.push(Shape { axes: named, cells: members, classes, place });
        }
        let mut covered = Lists::default();
        covers.into_iter().for_each(|list| covered.push(list));
        let naming = |a: usize| {
            let with = shapes.iter().filter(|s| s.axes.contains(&a));
            with.map(|s| number(s.place)).collect()
        };
        let naming = (0..axes.len()).map(naming).collect();
        let parts = axes.iter().map(|a| usize::from(a.parts)).sum();
        let rows = (0..parts).flat_map(|p| columns.iter().map(move |of_part| of_part[p]));
        let offsets = rows.collect();
        let holding = covered.inverted(first);
        let at = cells.iter().map(|c| c.at.clone()).collect();
        Some(Self { axes, shapes, naming, shape_of, holding, covered, at, offsets })
    }

    pub(super) fn shape_of(&self, cell: usize) -> &Shape {
        &self.shapes[self.shape_of[cell] as usize]
    }

    /// The cells of a shape, those that cover most first.
    pub(super) fn large_first(&self, shape: &Shape) -> Vec<u32> {
        let mut cells = shape.cells.clone();
        cells.sort_by_key(|c| std::cmp::Reverse(self.covered.of(*c as usize).len()));
        cells
    }

    /// What a part adds to the number of a shape's class.
    pub(super) fn offset(&self, shape: &Shape, axis: usize, part: u16) -> u32 {
        self.offsets_of(axis, part)[shape.place]
    }

    /// The same for all shapes.
    pub(super) fn offsets_of(&self, axis: usize, part: u16) -> &[u32] {
        let row = self.axes[axis].column + usize::from(part);
        &self.offsets[row * self.shapes.len()..][..self.shapes.len()]
    }

    /// The class of somebody with these parts.
    pub(super) fn class(&self, shape: &Shape, parts: &[u16]) -> u32 {
        let offsets = shape.axes.iter().map(|a| self.offset(shape, *a, parts[*a]));
        shape.classes.start + offsets.sum::<u32>()
    }

    /// Whether a cell holds somebody with these parts.
    #[cfg(test)]
    pub(super) fn holds(&self, cell: usize, parts: &[u16]) -> bool {
        let named = &self.shape_of(cell).axes;
        named.iter().all(|a| self.group(cell, *a).holds(parts[*a]))
    }

    /// A cell's group on an axis.
    pub(super) fn group(&self, cell: usize, axis: usize) -> &Group {
        &self.axes[axis].groups[usize::from(self.at[cell][axis])]
    }

    /// Whether a group lies in another.
    pub(super) fn within(&self, axis: usize, inner: u16, outer: u16) -> bool {
        let groups = &self.axes[axis].groups;
        let outer_group = &groups[usize::from(outer)];
        inner == outer
            || outer == 0
            || groups[usize::from(inner)].inside.iter().all(|p| outer_group.holds(*p))
    }
}

/// The classes that make up a cell. None where they are too many.
fn covered(
    axes: &[Axis],
    named: &[usize],
    offsets: &[u32],
    at: &[u16],
    first: u32,
) -> Option<Vec<u32>> {
    let mut covered = vec![first];
    for a in named {
        let (axis, mut steps) = (&axes[*a], Vec::new());
        for part in &axis.groups[usize::from(at[*a])].inside {
            steps.push(offsets[axis.column + usize::from(*part)]);
        }
        steps.sort_unstable();
        steps.dedup();
        if covered.len().checked_mul(steps.len())? > MAX_HOLDINGS {
            return None;
        }
        covered = covered.iter().flat_map(|c| steps.iter().map(move |s| c + s)).collect();
    }
    covered.sort_unstable();
    Some(covered)
}

fn laid_in_columns(axes: &[MergedAxis]) -> Vec<Axis> {
    let mut column = 0;
    let laid = axes.iter().map(|axis| {
        let groups = axis.groups.iter().map(|inside| {
            let mut holds = vec![false; axis.parts];
            for part in inside {
                holds[usize::from(*part)] = true;
            }
            let outside = (0..).zip(&holds).filter(|(_, holds)| !**holds).map(|(p, _)| p);
            Group { inside: inside.clone(), outside: outside.collect(), holds }
        });
        let parts = u16::try_from(axis.parts).unwrap_or(u16::MAX);
        let laid = Axis { parts, groups: groups.collect(), column };
        column += axis.parts;
        laid
    });
    laid.collect()
}

/// What each part adds to the number of a class, and how many classes there are. None where they are too many.
fn offsets(
    axes: &[Axis],
    named: &[usize],
    members: &[u32],
    cells: &[MergedCell],
) -> Option<(Vec<u32>, usize)> {
    let all: usize = axes.iter().map(|a| usize::from(a.parts)).sum();
    let (mut offsets, mut stride) = (vec![0; all], 1usize);
    for a in named {
        let axis = &axes[*a];
        let mut used: Vec<u16> = members.iter().map(|c| cells[*c as usize].at[*a]).collect();
        used.sort_unstable();
        used.dedup();
        let mut known: BTreeMap<Vec<bool>, usize> = BTreeMap::new();
        for part in 0..axis.parts {
            let signature = used.iter().map(|g| axis.groups[usize::from(*g)].holds(part)).collect();
            let next = known.len();
            let class = *known.entry(signature).or_insert(next);
            offsets[axis.column + usize::from(part)] = number(class.checked_mul(stride)?);
        }
        stride = stride.checked_mul(known.len()).filter(|s| *s <= MAX_CLASSES)?;
    }
    Some((offsets, stride))
}
