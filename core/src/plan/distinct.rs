//! Which estimates of different people an agreement has: of everybody, and by each single level that its packs break a
//! table down by. There are none by two levels and none of one category's people alone, and no way to ask for such: the
//! marks of a group that is narrowed down twice would say something of each person in it.

use serde::Serialize;

use super::{Filter, Plan};
use crate::authz::Publication;
use crate::model::canonical::{self, CanonicalError};
use crate::model::{
    Axis, CategoryId, ColumnId, Digest, IndicatorId, LevelId, Period, Population, Question,
};
use crate::pool::{DistinctShape, PoolError, VectorSpec};

/// What rounds and audit logs call an estimate of different people, where a table has its indicator.
pub const DISTINCT_PEOPLE: &str = "distinct_people";
/// The most categories of a level that people are estimated in: each costs a partner as much as a table of 4,096 cells.
pub const MAX_DISTINCT_CATEGORIES: usize = 32;

/// A table of estimates that partners contribute to.
#[derive(Debug)]
pub struct DistinctTable {
    period: Period,
    axis: Option<(ColumnId, Axis)>,
    filters: Vec<Filter>,
    shape: DistinctShape,
    indicator: IndicatorId,
    id: Digest,
}

impl DistinctTable {
    /// Of the tables that an agreement's packs name, none of which is restricted to a category: everybody first.
    pub(super) fn all(plans: &[Plan<Publication>]) -> Result<Vec<Self>, CanonicalError> {
        let mut found: Vec<Self> = Vec::new();
        let open = plans.iter().filter(|plan| plan.layout().question().scope.is_none());
        for plan in open {
            if found.is_empty() {
                found.push(Self::new(plan, None)?);
            }
            let [level] = &plan.layout().question().by[..] else { continue };
            let axis = plan.layout().lattice().axes().iter().find(|axis| axis.level() == level);
            let (Some(axis), Some(column)) = (axis, plan.columns().first()) else { continue };
            let known = found.iter().any(|table| table.level() == Some(level));
            if !known && axis.categories().len() <= MAX_DISTINCT_CATEGORIES + 1 {
                found.push(Self::new(plan, Some((column.clone(), axis.clone())))?);
            }
        }
        Ok(found)
    }

    fn new(
        plan: &Plan<Publication>,
        axis: Option<(ColumnId, Axis)>,
    ) -> Result<Self, CanonicalError> {
        let groups = axis.as_ref().map(|(_, axis)| axis.categories().len().saturating_sub(1));
        let shape = match groups {
            None => DistinctShape::total(),
            Some(groups) => DistinctShape::categories(u32::try_from(groups).unwrap_or(u32::MAX)),
        };
        let id = id(plan, axis.as_ref().map(|(_, axis)| axis), shape)?;
        let indicator = IndicatorId::new(DISTINCT_PEOPLE).map_err(|_| CanonicalError::Value)?;
        let period = plan.layout().question().period;
        Ok(Self { period, axis, filters: plan.filters().to_vec(), shape, indicator, id })
    }

    /// The level; none of everybody.
    #[must_use]
    pub fn level(&self) -> Option<&LevelId> {
        self.axis.as_ref().map(|(_, axis)| axis.level())
    }

    /// The column of the level and its categories, of which the last is everybody and has no row of buckets.
    #[must_use]
    pub const fn axis(&self) -> Option<&(ColumnId, Axis)> {
        self.axis.as_ref()
    }

    /// Whose records: those that pass all of these.
    #[must_use]
    pub fn filters(&self) -> &[Filter] {
        &self.filters
    }

    /// All columns that an extract must have for it.
    pub fn needs(&self) -> impl Iterator<Item = &ColumnId> {
        let column = self.axis.iter().map(|(column, _)| column);
        column.chain(self.filters.iter().map(|filter| &filter.column))
    }

    /// Rows of buckets.
    #[must_use]
    pub const fn shape(&self) -> DistinctShape {
        self.shape
    }

    /// What it is called by: a hash over everything that it means.
    #[must_use]
    pub const fn id(&self) -> Digest {
        self.id
    }

    /// How an opening names it: as a question by its level, whose definition is its id.
    #[must_use]
    pub fn question(&self) -> Question {
        Question {
            indicator: self.indicator.clone(),
            definition_hash: self.id,
            period: self.period,
            by: self.level().cloned().into_iter().collect(),
            scope: None,
        }
    }

    /// The vectors that it is contributed in.
    ///
    /// # Errors
    /// [`PoolError::Spec`].
    pub fn vectors(&self) -> Result<Vec<VectorSpec>, PoolError> {
        self.shape.vectors()
    }
}

fn id(
    plan: &Plan<Publication>,
    axis: Option<&Axis>,
    shape: DistinctShape,
) -> Result<Digest, CanonicalError> {
    #[derive(Serialize)]
    struct Id<'a> {
        kind: &'a str,
        population: Population,
        by: Vec<&'a LevelId>,
        /// Of each category its finest codes.
        categories: Vec<(&'a CategoryId, Vec<&'a CategoryId>)>,
        buckets: u32,
    }
    let layout = plan.layout();
    let (federation, residence) = layout.residence().ok_or(CanonicalError::Value)?;
    let mut residence_scope = residence.clone();
    residence_scope.sort();
    let categories = axis.map_or_else(Vec::new, |axis| {
        let leaves = |members: &[u16]| -> Vec<&CategoryId> {
            members.iter().filter_map(|m| axis.leaves().get(usize::from(*m))).collect()
        };
        axis.categories().iter().map(|c| (&c.id, leaves(&c.members))).collect()
    });
    let id = Id {
        kind: DISTINCT_PEOPLE,
        population: Population {
            federation: federation.clone(),
            dataset: layout.dataset().clone(),
            residence_scope,
            period: layout.question().period,
        },
        by: axis.map(Axis::level).into_iter().collect(),
        categories,
        buckets: shape.buckets(),
    };
    Ok(Digest::of(&canonical::encode(&id)?))
}

#[cfg(test)]
mod tests;
