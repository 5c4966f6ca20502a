//! The finest cells of the joint table and the published sums of them: the shape that tables are searched in.
//!
//! Both are **figures**, numbered together: the finest cells first, then the sums of at least two of them.

use super::layout::{LARGEST_LEAST, Layout, Span, UNBOUNDED, given};
use super::public::Merged;

/// A list of lists.
#[derive(Debug)]
pub(super) struct Lists {
    starts: Vec<usize>,
    items: Vec<u32>,
}

impl Lists {
    fn new() -> Self {
        Self { starts: vec![0], items: Vec::new() }
    }

    fn push(&mut self, items: impl IntoIterator<Item = u32>) {
        self.items.extend(items);
        self.starts.push(self.items.len());
    }

    pub(super) fn of(&self, index: usize) -> &[u32] {
        &self.items[self.starts[index]..self.starts[index + 1]]
    }
}

/// What is published, as figures.
#[derive(Debug)]
pub(super) struct Figures {
    /// How many finest cells: the figures below this number.
    pub(super) finest: usize,
    /// What is known of each figure.
    pub(super) known: Vec<Span>,
    /// What was given of each figure before conclusions were drawn: anything of a finest cell that is not published.
    pub(super) given: Vec<Span>,
    /// The figure of each merged cell.
    pub(super) of_cell: Vec<usize>,
    /// Finest cells of each sum, by its number less `finest`.
    members: Lists,
    /// Sums that have each finest cell.
    holding: Lists,
}

impl Figures {
    /// Of a laid-out table.
    pub(super) fn of(merged: &Merged, layout: &Layout) -> Self {
        let mut known = layout.finest();
        let finest = known.len();
        let mut bounds = vec![Span { low: 0, high: UNBOUNDED }; finest];
        let mut members = Lists::new();
        let mut of_cell = Vec::with_capacity(merged.cells.len());
        for cell in &merged.cells {
            let mut within = vec![0_u32];
            for (group, axis) in cell.at.iter().zip(&merged.axes) {
                let parts = &axis.groups[usize::from(*group)];
                let size = axis.parts as u32;
                let grow = |at: u32| parts.iter().map(move |part| at * size + u32::from(*part));
                within = within.into_iter().flat_map(grow).collect();
            }
            if let [only] = within[..] {
                let only = only as usize;
                bounds[only] = given(cell.low, cell.high);
                of_cell.push(only);
            } else {
                of_cell.push(known.len());
                known.push(layout.span(&cell.at));
                bounds.push(given(cell.low, cell.high));
                members.push(within);
            }
        }
        let holding = holding(finest, known.len() - finest, &members);
        Self { finest, known, given: bounds, of_cell, members, holding }
    }

    /// Whether sums of what figures must at least be stay within what is reckoned with.
    pub(super) fn countable(&self) -> bool {
        self.known.iter().all(|span| span.low <= LARGEST_LEAST)
    }

    /// All figures.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// The finest cells of a sum.
    pub(super) fn members(&self, sum: usize) -> &[u32] {
        self.members.of(sum - self.finest)
    }

    /// The sums that have a finest cell.
    pub(super) fn holding(&self, finest: usize) -> &[u32] {
        self.holding.of(finest)
    }

    /// The sums.
    pub(super) fn sums(&self) -> std::ops::Range<usize> {
        self.finest..self.known.len()
    }
}

/// The sums of each finest cell, by the number of the figure.
fn holding(finest: usize, sums: usize, members: &Lists) -> Lists {
    let mut starts = vec![0_usize; finest + 1];
    for member in &members.items {
        starts[*member as usize + 1] += 1;
    }
    for at in 0..finest {
        starts[at + 1] += starts[at];
    }
    let mut next = starts.clone();
    let mut items = vec![0_u32; members.items.len()];
    for sum in 0..sums {
        for member in members.of(sum) {
            let at = &mut next[*member as usize];
            items[*at] = (finest + sum) as u32;
            *at += 1;
        }
    }
    Lists { starts, items }
}
