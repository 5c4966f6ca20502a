//! The tables nearest to a combination of categories that no table may have: a signpost. What is near is a matter of
//! definitions alone, so that it can be told to anybody.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::{Catalogue, Dimension, Indicator, Lists, Unknown};
use crate::model::{Agreement, CategoryId, DimensionId, LevelId};

/// The most categories of one combination.
pub const MAX_COMBINED: usize = 8;

/// One category that somebody asks about, as people write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// A dimension, or a level of it.
    pub of: LevelId,
    /// A category's id, a code of source systems, or an age in years.
    pub category: String,
}

/// A table that has a combination, or a part of it, among its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near {
    /// Its levels, in the catalogue's order of dimensions.
    pub by: Vec<LevelId>,
    /// The row: the category of each level that contains what was asked for.
    pub at: Vec<CategoryId>,
    /// Whether it is one of the agreement's packs, and so was decided when the extract was published.
    pub declared: bool,
}

/// Why nothing is near.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NearError {
    /// Not in the catalogue, or not of this indicator.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// No such category.
    #[error(
        "'{dimension}' has no category '{category}': `evensum indicators --show ID` lists its levels"
    )]
    Category {
        /// The dimension.
        dimension: DimensionId,
        /// What was written.
        category: String,
    },
    /// The same dimension twice.
    #[error("name each dimension once: '{0}' stands there twice")]
    Twice(DimensionId),
    /// None, or too many.
    #[error("name 1 to {MAX_COMBINED} categories")]
    Number,
}

/// A level that contains a category, and the category of it that does.
struct Step {
    level: LevelId,
    category: CategoryId,
    /// How many finer levels contain it too.
    rank: usize,
}

impl Catalogue {
    /// The tables that have a combination, or a part of it, among their rows and that an agreement allows, the nearest
    /// first: most of the dimensions asked about, then the finest levels that contain the categories, then the
    /// catalogue's order.
    ///
    /// # Errors
    /// [`NearError`].
    pub fn nearest(
        &self,
        wishes: &[Wish],
        indicator: &Indicator,
        agreement: &Agreement,
        lists: &Lists,
    ) -> Result<Vec<Near>, NearError> {
        if !(1..=MAX_COMBINED).contains(&wishes.len()) {
            return Err(NearError::Number);
        }
        let mut steps: Vec<Vec<Step>> = Vec::with_capacity(wishes.len());
        let mut seen: Vec<DimensionId> = Vec::with_capacity(wishes.len());
        let mut ordered: Vec<&Wish> = wishes.iter().collect();
        ordered.sort_by_key(|wish| self.place_of(&wish.of));
        for wish in ordered {
            let dimension = wish.of.dimension();
            if seen.contains(&dimension) {
                return Err(NearError::Twice(dimension));
            }
            seen.push(dimension);
            steps.push(self.containing(wish, indicator, agreement, lists)?);
        }
        let declared = self.declared(indicator, agreement);
        let mut near: Vec<((Reverse<usize>, usize), Near)> = Vec::new();
        for chosen in combinations(&steps, usize::from(agreement.max_dimensions)) {
            let by: Vec<LevelId> = chosen.iter().map(|step| step.level.clone()).collect();
            if self.may_be_asked(&by, indicator, agreement) {
                let far = (Reverse(by.len()), chosen.iter().map(|step| step.rank).sum());
                let at = chosen.iter().map(|step| step.category.clone()).collect();
                let declared = declared.contains(&by);
                near.push((far, Near { by, at, declared }));
            }
        }
        // Stable: what is as near as another stays in the catalogue's order.
        near.sort_by_key(|(far, _)| *far);
        Ok(near.into_iter().map(|(_, near)| near).collect())
    }

    /// The released levels of a wish's dimension that contain it, the finest first.
    fn containing(
        &self,
        wish: &Wish,
        indicator: &Indicator,
        agreement: &Agreement,
        lists: &Lists,
    ) -> Result<Vec<Step>, NearError> {
        let id = wish.of.dimension();
        let unknown = || NearError::Unknown(Unknown::Level(wish.of.clone()));
        let known = self.dimensions.iter().find(|d| d.id == id);
        let dimension =
            known.filter(|d| indicator.breakdowns.contains(&d.id)).ok_or_else(unknown)?;
        let named = wish.of.as_str() == id.as_str();
        if !named && !dimension.levels.iter().any(|l| l.id == wish.of && l.released) {
            return Err(unknown());
        }
        let level = (!named).then_some(&wish.of);
        let people = dimension.meant(&wish.category, level, lists).ok_or_else(|| {
            NearError::Category { dimension: id.clone(), category: wish.category.clone() }
        })?;
        let mut steps: Vec<Step> = Vec::new();
        for level in dimension.levels.iter().filter(|l| self.in_use(&l.id, &agreement.groupings)) {
            let axis = self.axis(&level.id, lists)?;
            let contains = |members: &[u16]| people.iter().all(|one| members.contains(one));
            let mut own = axis.categories().iter().filter(|c| !c.id.is_all());
            if let Some(category) = own.find(|c| contains(&c.members)) {
                let (level, category) = (level.id.clone(), category.id.clone());
                steps.push(Step { level, category, rank: steps.len() });
            }
        }
        Ok(steps)
    }
}

impl Dimension {
    /// The finest categories, by their places, that somebody means: by a category's id, a source code, or an age.
    fn meant(&self, text: &str, level: Option<&LevelId>, lists: &Lists) -> Option<BTreeSet<u16>> {
        let leaves = self.leaves(lists);
        let place = |id: &CategoryId| {
            leaves.iter().position(|(leaf, _)| leaf == id).and_then(|p| u16::try_from(p).ok())
        };
        let finest = self.levels.first()?;
        let id = CategoryId::new(text).ok();
        let wanted = |of: &LevelId| level.is_none_or(|level| level == of);
        let listed = id.as_ref().filter(|_| wanted(&finest.id)).and_then(place);
        if let Some(leaf) = listed {
            return Some(BTreeSet::from([leaf]));
        }
        let levels = self.levels.iter().filter(|l| wanted(&l.id));
        let mut all = levels.flat_map(|l| &l.categories);
        if let Some(category) = all.find(|c| Some(&c.id) == id.as_ref()) {
            return category.people().into_iter().map(place).collect();
        }
        if !wanted(&finest.id) {
            return None;
        }
        let age = || text.trim().parse().ok().and_then(|age| self.of_age(age));
        let leaf = self.of_code(text).or_else(age)?;
        Some(BTreeSet::from([place(&leaf.id)?]))
    }
}

/// Every choice of one to so many dimensions with one level each, in the catalogue's order.
fn combinations(steps: &[Vec<Step>], most: usize) -> Vec<Vec<&Step>> {
    let mut found: Vec<Vec<&Step>> = vec![Vec::new()];
    for dimension in steps {
        let with: Vec<Vec<&Step>> = found
            .iter()
            .filter(|chosen| chosen.len() < most)
            .flat_map(|chosen| {
                dimension.iter().map(|step| {
                    let mut chosen = chosen.clone();
                    chosen.push(step);
                    chosen
                })
            })
            .collect();
        found.extend(with);
    }
    found.retain(|chosen| !chosen.is_empty());
    found
}
