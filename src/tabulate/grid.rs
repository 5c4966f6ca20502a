//! Which cells of a lattice a row counts in. On one axis the categories nest, so that a leaf has one
//! smallest category and the others that hold it follow from that. A row's *home* is the cell of the
//! smallest categories of its leaves: rows are counted there, and homes are rolled up to the rest of the
//! lattice afterwards. Homes are cells of the lattice, so there are never more than it has.

use evensum_core::model::{Axis, CategoryId, Lattice};

/// The leaf that takes what is no leaf of a listed dimension.
const ELSEWHERE: &str = "elsewhere";

/// One axis: for each leaf its smallest category, for each category those that hold it.
struct Side {
    leaf_home: Vec<usize>,
    holders: Vec<Vec<usize>>,
}

impl Side {
    fn new(axis: &Axis) -> Self {
        let categories = axis.categories();
        let mut holders = vec![Vec::new(); categories.len()];
        let leaf_home = (0..axis.leaves().len())
            .map(|leaf| {
                let holding: Vec<usize> = (0..categories.len())
                    .filter(|&c| {
                        let members = &categories[c].members;
                        members.iter().any(|m| usize::from(*m) == leaf)
                    })
                    .collect();
                // `all` holds every leaf, so that there is always one.
                let home = holding.iter().copied().min_by_key(|&c| categories[c].members.len());
                let home = home.unwrap_or(categories.len() - 1);
                holders[home] = holding;
                home
            })
            .collect();
        Self { leaf_home, holders }
    }
}

/// A lattice as the counting needs it.
pub(super) struct Grid<'a> {
    lattice: &'a Lattice,
    sides: Vec<Side>,
    strides: Vec<usize>,
    /// For each cell where its stretch of `holding` starts; one more at the end.
    starts: Vec<usize>,
    /// For each home, the cells that count what lies in it, the home itself among them.
    holding: Vec<u32>,
}

impl<'a> Grid<'a> {
    pub(super) fn new(lattice: &'a Lattice) -> Self {
        let sides: Vec<Side> = lattice.axes().iter().map(Side::new).collect();
        let mut strides = vec![1; sides.len()];
        for i in (1..sides.len()).rev() {
            strides[i - 1] = strides[i] * sides[i].holders.len();
        }
        let mut starts = vec![0];
        let mut holding = Vec::new();
        for cell in 0..lattice.len() {
            let mut found = vec![0];
            for ((side, stride), at) in sides.iter().zip(&strides).zip(lattice.coordinates(cell)) {
                found = found
                    .iter()
                    .flat_map(|head| side.holders[at].iter().map(move |c| head + c * stride))
                    .collect();
            }
            // A lattice has at most `Lattice::MAX_CELLS` cells, far below what a u32 counts.
            holding.extend(found.into_iter().filter_map(|c| u32::try_from(c).ok()));
            starts.push(holding.len());
        }
        Self { lattice, sides, strides, starts, holding }
    }

    /// Cells of the lattice.
    pub(super) fn len(&self) -> usize {
        self.lattice.len()
    }

    /// The cells that count what lies in a home.
    pub(super) fn holding(&self, home: usize) -> &[u32] {
        &self.holding[self.starts[home]..self.starts[home + 1]]
    }

    /// What each entry of a column's dictionary adds to a row's home; `None` where an entry is no leaf
    /// of the axis and the axis has no leaf for such.
    pub(super) fn steps(&self, axis: usize, dictionary: &[CategoryId]) -> Option<Vec<u32>> {
        let step =
            |leaf: usize| u32::try_from(self.sides[axis].leaf_home[leaf] * self.strides[axis]).ok();
        self.leaves(axis, dictionary)?.into_iter().map(step).collect()
    }

    /// The leaf of each entry of a column's dictionary; `None` as above.
    pub(super) fn leaves(&self, axis: usize, dictionary: &[CategoryId]) -> Option<Vec<usize>> {
        let leaves = self.lattice.axes()[axis].leaves();
        let elsewhere = leaves.iter().position(|leaf| leaf.as_str() == ELSEWHERE);
        let leaf = |category| leaves.iter().position(|leaf| leaf == category).or(elsewhere);
        dictionary.iter().map(leaf).collect()
    }
}
