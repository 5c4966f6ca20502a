//! A table with all its margins: every axis has the level "all", and an outcome axis may have
//! roll-ups that nest.

use std::fmt;
use std::sync::Arc;

use super::ids::{CategoryId, LevelId};

/// One category of an axis: an id, a label and the leaves that it is the union of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AxisCategory {
    /// The id, unique on the axis.
    pub id: CategoryId,
    /// The catalogue's label, for people.
    pub label: String,
    /// Leaves of the axis, by index, ascending.
    pub members: Vec<u16>,
}

/// One axis: its leaves (the finest codes that rows carry) and the categories that are tabulated.
/// The last category is always `all`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    level: LevelId,
    leaves: Vec<CategoryId>,
    categories: Vec<AxisCategory>,
    /// For each category those that contain it, itself among them.
    holders: Vec<Vec<usize>>,
}

/// Why axes make no lattice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LatticeError {
    /// A category names a leaf that the axis does not have, or none at all.
    #[error("category '{0}' has no leaf on its axis, or one that does not exist")]
    Members(CategoryId),
    /// Two categories overlap without one containing the other.
    #[error("categories '{0}' and '{1}' overlap and neither contains the other")]
    NotNested(CategoryId, CategoryId),
    /// Two roll-ups of an outcome that no table holds together.
    #[error("'{0}' and '{1}' are roll-ups of two families: no table holds both")]
    Families(CategoryId, CategoryId),
    /// The same id or the same leaves twice.
    #[error("category '{0}' stands twice on its axis")]
    Twice(CategoryId),
    /// More cells than [`Lattice::MAX_CELLS`].
    #[error(
        "the table would have {cells} cells; the most is {most}: ask for fewer or coarser dimensions"
    )]
    TooLarge {
        /// Cells of the table, margins included.
        cells: usize,
        /// The limit.
        most: usize,
    },
    /// More than four axes, or none.
    #[error("a table has one to four axes, the outcome among them")]
    Axes,
    /// The number of cells given is not the number that the lattice has.
    #[error("the table has {given} cells where its lattice has {wanted}")]
    Cells {
        /// Cells given.
        given: usize,
        /// Cells of the lattice.
        wanted: usize,
    },
}

impl Axis {
    /// Builds an axis; the margin `all` is added, as the last category.
    ///
    /// # Errors
    /// [`LatticeError`] where a category is empty, stands twice, or overlaps another without nesting.
    pub fn new(
        level: LevelId,
        leaves: Vec<CategoryId>,
        mut categories: Vec<AxisCategory>,
    ) -> Result<Self, LatticeError> {
        let count = u16::try_from(leaves.len()).map_err(|_| LatticeError::Axes)?;
        for (i, category) in categories.iter().enumerate() {
            let sorted = category.members.is_sorted_by(|a, b| a < b);
            if category.members.is_empty()
                || !sorted
                || category.members.iter().any(|m| *m >= count)
            {
                return Err(LatticeError::Members(category.id.clone()));
            }
            for other in &categories[..i] {
                if other.id == category.id
                    || category.id.is_all()
                    || other.members == category.members
                {
                    return Err(LatticeError::Twice(category.id.clone()));
                }
                let shared = category.members.iter().filter(|m| other.members.contains(m)).count();
                if shared != 0 && shared != category.members.len() && shared != other.members.len()
                {
                    return Err(LatticeError::NotNested(other.id.clone(), category.id.clone()));
                }
            }
        }
        categories.push(AxisCategory {
            id: CategoryId::all(),
            label: "All".to_owned(),
            members: (0..count).collect(),
        });
        let holders = categories
            .iter()
            .map(|inner| {
                let contains = |outer: &AxisCategory| {
                    inner.members.iter().all(|m| outer.members.binary_search(m).is_ok())
                };
                (0..categories.len()).filter(|&c| contains(&categories[c])).collect()
            })
            .collect();
        Ok(Self { level, leaves, categories, holders })
    }

    /// The level that the axis shows.
    #[must_use]
    pub fn level(&self) -> &LevelId {
        &self.level
    }

    /// The codes that rows carry, in the catalogue's order.
    #[must_use]
    pub fn leaves(&self) -> &[CategoryId] {
        &self.leaves
    }

    /// The categories in order, `all` last.
    #[must_use]
    pub fn categories(&self) -> &[AxisCategory] {
        &self.categories
    }

    /// The position of a category.
    #[must_use]
    pub fn position(&self, id: &CategoryId) -> Option<usize> {
        self.categories.iter().position(|c| c.id == *id)
    }
}

/// Axes in order, the outcome last. A cell is addressed by one category an axis, in mixed radix, the
/// last axis running fastest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lattice {
    axes: Vec<Axis>,
}

impl Lattice {
    /// The most cells that one table may have, margins included (the disclosure test's cap for an
    /// ad-hoc question).
    pub const MAX_CELLS: usize = 2_500;

    /// Builds a lattice.
    ///
    /// # Errors
    /// [`LatticeError::Axes`] and [`LatticeError::TooLarge`].
    pub fn new(axes: Vec<Axis>) -> Result<Self, LatticeError> {
        if axes.is_empty() || axes.len() > 4 {
            return Err(LatticeError::Axes);
        }
        let lattice = Self { axes };
        let cells = lattice.len();
        if cells > Self::MAX_CELLS {
            return Err(LatticeError::TooLarge { cells, most: Self::MAX_CELLS });
        }
        Ok(lattice)
    }

    /// The axes, the outcome last.
    #[must_use]
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// Cells, margins included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.axes.iter().fold(1_usize, |n, a| n.saturating_mul(a.categories.len()))
    }

    /// Never: an axis has at least `all`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The cell at one category position an axis; `None` where a position is off its axis.
    #[must_use]
    pub fn index(&self, at: &[usize]) -> Option<usize> {
        if at.len() != self.axes.len() {
            return None;
        }
        self.axes.iter().zip(at).try_fold(0, |index, (axis, &p)| {
            (p < axis.categories.len()).then(|| index * axis.categories.len() + p)
        })
    }

    /// The category positions of a cell, one an axis.
    #[must_use]
    pub fn coordinates(&self, mut index: usize) -> Vec<usize> {
        let mut at = vec![0; self.axes.len()];
        for (slot, axis) in at.iter_mut().zip(&self.axes).rev() {
            *slot = index % axis.categories.len();
            index /= axis.categories.len();
        }
        at
    }

    /// The cells that contain this one: on every axis the same category or one that contains it, and on
    /// at least one axis another.
    #[must_use]
    pub fn above(&self, index: usize) -> Vec<usize> {
        let mut found = Vec::with_capacity(1 << self.axes.len());
        found.push(0_usize);
        // From the last axis on: the part of each axis in an index is its category times the size of those
        // behind it.
        let (mut rest, mut stride) = (index, 1);
        for axis in self.axes.iter().rev() {
            let size = axis.categories.len();
            let containing = &axis.holders[rest % size];
            let heads = found.len();
            for &category in &containing[1..] {
                for head in 0..heads {
                    found.push(found[head] + category * stride);
                }
            }
            for head in &mut found[..heads] {
                *head += containing[0] * stride;
            }
            rest /= size;
            stride *= size;
        }
        found.retain(|&cell| cell != index);
        found.sort_unstable();
        found
    }
}

/// One cell of type `C` for each cell of a lattice.
pub struct Table<C> {
    lattice: Arc<Lattice>,
    cells: Vec<C>,
}

impl<C> Table<C> {
    /// Pairs cells with their lattice.
    ///
    /// # Errors
    /// [`LatticeError::Cells`] where the numbers differ.
    pub fn new(lattice: Arc<Lattice>, cells: Vec<C>) -> Result<Self, LatticeError> {
        if cells.len() != lattice.len() {
            return Err(LatticeError::Cells { given: cells.len(), wanted: lattice.len() });
        }
        Ok(Self { lattice, cells })
    }

    /// The lattice.
    #[must_use]
    pub fn lattice(&self) -> &Arc<Lattice> {
        &self.lattice
    }

    /// The cells in the lattice's order.
    #[must_use]
    pub fn cells(&self) -> &[C] {
        &self.cells
    }
}

impl<C> fmt::Debug for Table<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({} cells)", self.cells.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(id: &str, members: &[u16]) -> AxisCategory {
        AxisCategory {
            id: CategoryId::new(id).expect("id"),
            label: id.to_owned(),
            members: members.to_vec(),
        }
    }

    fn axis(
        level: &str,
        leaves: usize,
        categories: Vec<AxisCategory>,
    ) -> Result<Axis, LatticeError> {
        let leaves = (0..leaves).map(|i| CategoryId::new(format!("l{i}")).expect("id")).collect();
        Axis::new(LevelId::new(level).expect("level"), leaves, categories)
    }

    #[test]
    fn coordinates_and_index_are_inverse() {
        let a = axis("a", 3, vec![category("x", &[0, 1]), category("y", &[2])]).expect("axis");
        let b = axis("b", 2, vec![category("p", &[0]), category("q", &[1])]).expect("axis");
        let lattice = Lattice::new(vec![a, b]).expect("lattice");
        assert_eq!(lattice.len(), 9);
        for i in 0..lattice.len() {
            assert_eq!(lattice.index(&lattice.coordinates(i)), Some(i));
        }
        assert_eq!(lattice.index(&[0, 3]), None);
        assert_eq!(lattice.above(0), vec![2, 6, 8]);
        assert!(lattice.above(8).is_empty());
    }

    #[test]
    fn rollups_must_nest() {
        assert!(axis("o", 4, vec![category("18", &[1, 2, 3]), category("52", &[2, 3])]).is_ok());
        assert!(matches!(
            axis("o", 4, vec![category("a", &[0, 1]), category("b", &[1, 2])]),
            Err(LatticeError::NotNested(..))
        ));
        assert!(axis("o", 2, vec![category("a", &[0]), category("a", &[1])]).is_err());
        assert!(axis("o", 2, vec![category("a", &[7])]).is_err());
    }

    #[test]
    fn above_follows_nesting_on_the_outcome() {
        let o =
            axis("o", 4, vec![category("18", &[1, 2, 3]), category("52", &[2, 3])]).expect("axis");
        let lattice = Lattice::new(vec![o]).expect("lattice");
        assert_eq!(lattice.above(1), vec![0, 2]);
    }
}
