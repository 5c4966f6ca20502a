//! A table as it was counted: cells with their true counts, and which of them must not be known.

use std::collections::BTreeMap;

use super::program;
use crate::disclosure::attack::{Attribute, MAX_ATTRIBUTES, MAX_BOUND};

/// The most cells of a table that counts may be hidden in.
pub const MAX_CELLS: usize = 20_000;
/// The most groups that are told apart by all attributes together.
pub const MAX_PARTS: usize = 20_000;
/// The most parts of all cells together.
const MAX_MEMBERS: usize = 2_000_000;

/// One group of each attribute, and how many are in all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExactCell {
    /// The group of each attribute; 0 is everybody.
    pub at: Vec<u16>,
    /// The true count.
    pub count: u64,
    /// Whether it must not be worked out. A zero is shown, and so never primary.
    pub primary: bool,
    /// Whether it is in the table, shown or hidden. A cell that is not, such as the rest of an outcome, can still be
    /// worked out by whoever subtracts, and is protected if it is primary.
    pub published: bool,
}

impl ExactCell {
    /// A published cell that is primary where its count is from 1 to the limit.
    #[must_use]
    pub const fn published(at: Vec<u16>, count: u64, limit: u64) -> Self {
        Self { at, count, primary: count > 0 && count <= limit, published: true }
    }

    /// A cell that is not published, primary where its count is from 1 to the limit.
    #[must_use]
    pub const fn unpublished(at: Vec<u16>, count: u64, limit: u64) -> Self {
        Self { at, count, primary: count > 0 && count <= limit, published: false }
    }
}

/// Why counts are not a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExactError {
    /// None, or more than [`MAX_ATTRIBUTES`].
    #[error("a table is divided by 1 to {MAX_ATTRIBUTES} attributes")]
    Attributes,
    /// A group is empty, or names a part twice or one that its attribute does not have.
    #[error(
        "group {group} of attribute {attribute} is empty, names a part twice, or one that does not exist"
    )]
    Group {
        /// The attribute's place, from 0.
        attribute: usize,
        /// The group's place, from 1: 0 is everybody.
        group: usize,
    },
    /// A cell does not name one group of each attribute.
    #[error("cell {0} does not name one group of each attribute")]
    At(usize),
    /// A count is above [`MAX_BOUND`].
    #[error("the count of cell {0} is above 2^53")]
    Count(usize),
    /// More than [`MAX_CELLS`].
    #[error("a table in which counts are hidden has at most {MAX_CELLS} cells")]
    Cells,
    /// More than [`MAX_PARTS`].
    #[error(
        "the attributes of a table in which counts are hidden tell at most {MAX_PARTS} groups apart"
    )]
    Parts,
    /// The same cell is given with two counts.
    #[error("cell {0} is given twice with different counts")]
    Twice(usize),
    /// Totals are not the sums of their parts.
    #[error("the totals of the table are not the sums of its parts")]
    Sums,
}

/// A table that adds up.
#[derive(Debug, Clone, PartialEq)]
pub struct Exact {
    pub(super) cells: Vec<ExactCell>,
    pub(super) limit: u64,
    /// How many parts of each attribute are told apart. Joint parts are numbered with the last changing fastest.
    pub(super) sizes: Vec<usize>,
    /// The joint parts of each cell, rising; parts that no group tells apart are one.
    pub(super) parts: Vec<Vec<u32>>,
    /// How many of every joint part. Where no cell says so, any numbers that fit the cells will do: what matters is
    /// how far the cells can move.
    pub(super) joint: Vec<f64>,
}

impl Exact {
    /// Puts a table together. Counts up to `limit` are known by their marker to be no more than that.
    ///
    /// # Errors
    /// [`ExactError`].
    pub fn new(
        attributes: &[Attribute],
        cells: Vec<ExactCell>,
        limit: u64,
    ) -> Result<Self, ExactError> {
        if attributes.is_empty() || attributes.len() > MAX_ATTRIBUTES {
            return Err(ExactError::Attributes);
        }
        if cells.len() > MAX_CELLS {
            return Err(ExactError::Cells);
        }
        let axes = attributes
            .iter()
            .enumerate()
            .map(|(index, attribute)| groups_of_classes(index, attribute))
            .collect::<Result<Vec<_>, _>>()?;
        let sizes: Vec<usize> = axes.iter().map(|(size, _)| *size).collect();
        let size = sizes.iter().fold(1usize, |all, size| all.saturating_mul(*size));
        if size > MAX_PARTS {
            return Err(ExactError::Parts);
        }
        let mut parts = Vec::with_capacity(cells.len());
        let mut members = 0;
        let mut joint: Vec<Option<u64>> = vec![None; size];
        for (index, cell) in cells.iter().enumerate() {
            if cell.count > MAX_BOUND {
                return Err(ExactError::Count(index));
            }
            let of = joint_parts(&axes, &cell.at).ok_or(ExactError::At(index))?;
            members += of.len();
            if members > MAX_MEMBERS {
                return Err(ExactError::Cells);
            }
            if let [only] = of[..] {
                let known = &mut joint[only as usize];
                if known.is_some_and(|count| count != cell.count) {
                    return Err(ExactError::Twice(index));
                }
                *known = Some(cell.count);
            }
            parts.push(of);
        }
        for (cell, parts) in cells.iter().zip(&parts) {
            let known = parts.iter().map(|p| joint[*p as usize].map(u128::from));
            if known.sum::<Option<u128>>().is_some_and(|sum| sum != u128::from(cell.count)) {
                return Err(ExactError::Sums);
            }
        }
        let joint = program::filled(&cells, &parts, &joint).ok_or(ExactError::Sums)?;
        Ok(Self { cells, limit, sizes, parts, joint })
    }

    /// The cells, in the order in which they were given.
    #[must_use]
    pub fn cells(&self) -> &[ExactCell] {
        &self.cells
    }
}

/// How many parts of an attribute its groups tell apart, and those of each group.
fn groups_of_classes(
    index: usize,
    attribute: &Attribute,
) -> Result<(usize, Vec<Vec<usize>>), ExactError> {
    let mut member = vec![Vec::new(); usize::from(attribute.parts())];
    for (group, parts) in attribute.groups().iter().enumerate() {
        let wrong = ExactError::Group { attribute: index, group };
        if parts.is_empty() {
            return Err(wrong);
        }
        for part in parts {
            let of: &mut Vec<usize> = member.get_mut(usize::from(*part)).ok_or(wrong.clone())?;
            if of.last() == Some(&group) {
                return Err(wrong);
            }
            of.push(group);
        }
    }
    let mut classes: BTreeMap<&[usize], usize> = BTreeMap::new();
    let mut groups = vec![Vec::new(); attribute.groups().len()];
    for of in &member {
        let next = classes.len();
        if *classes.entry(of).or_insert(next) == next {
            of.iter().for_each(|group| groups[*group].push(next));
        }
    }
    Ok((classes.len(), groups))
}

/// The joint parts of one group of each attribute. None where there is no such group.
fn joint_parts(axes: &[(usize, Vec<Vec<usize>>)], at: &[u16]) -> Option<Vec<u32>> {
    if at.len() != axes.len() {
        return None;
    }
    let mut parts = vec![0usize];
    for ((size, groups), group) in axes.iter().zip(at) {
        let of = groups.get(usize::from(*group))?;
        parts = parts.iter().flat_map(|p| of.iter().map(move |q| p * size + q)).collect();
    }
    parts.sort_unstable();
    Some(parts.into_iter().filter_map(|p| u32::try_from(p).ok()).collect())
}
