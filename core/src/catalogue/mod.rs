//! Definitions of dimensions, datasets and indicators: TOML, compiled in, versioned by hash.

mod builtin;
mod check;
mod dataset;
mod definition;
mod indicator;
mod ladder;
mod load;
mod near;

use std::collections::BTreeMap;
use std::sync::OnceLock;

pub use dataset::{
    CodeBand, Condition, Dataset, DatedBy, FieldKind, MeasureColumn, Outcome, Outside, OutsideCode,
    Partition, PeriodKind, PersonRows, Rollup, RuleBand, RuleField, RuleOutside, StayBand,
    WeekBand,
};
pub use definition::{
    Category, CategoryKind, Dimension, DimensionGroup, Flag, Level, NO, Pack, YES,
};
pub use indicator::{
    Ages, Domain, Indicator, IndicatorKind, Polarity, Population, Priority, Target,
};
pub use ladder::{Ladder, MAX_LADDERS, MAX_RUNGS, Rungs};
pub use load::{MAX_BANDS, MAX_DATASET_DIMENSIONS, MAX_DATASETS, MAX_DIMENSIONS, MAX_INDICATORS};
pub use near::{MAX_COMBINED, Near, NearError, Wish};

use crate::model::canonical::{self, CanonicalError};
use crate::model::{
    Agreement, Axis, AxisCategory, CategoryId, ColumnId, DatasetId, Digest, DimensionId,
    IndicatorId, LatticeError, LevelId, Period, TomlProblem,
};

/// Categories of the listed dimensions (provider, ICB), which a federation's agreement supplies.
pub type Lists = BTreeMap<DimensionId, Vec<(CategoryId, String)>>;

/// Why definitions are refused.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// Not TOML of this form.
    #[error("{file}, {problem}")]
    Toml {
        /// The file.
        file: String,
        /// Line and reason.
        #[source]
        problem: TomlProblem,
    },
    /// A definition contradicts itself or another.
    #[error("{file}, line {line}: {of}: {reason}")]
    Definition {
        /// The file.
        file: String,
        /// The line of the definition's id.
        line: usize,
        /// The definition.
        of: String,
        /// What is wrong with it.
        reason: String,
    },
    /// More than are read.
    #[error("the catalogue has {count} {what}: the most is {most}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
        /// The limit.
        most: usize,
    },
    /// Not in the catalogue.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// No canonical form.
    #[error("a definition cannot be encoded")]
    Canonical(#[from] CanonicalError),
}

/// What is not in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// An indicator.
    #[error("there is no indicator '{0}': `evensum indicators` lists them")]
    Indicator(IndicatorId),
    /// A dataset.
    #[error("there is no dataset '{0}'")]
    Dataset(DatasetId),
    /// A level.
    #[error(
        "there is no dimension '{0}' for this indicator: `evensum indicators --show ID` lists them"
    )]
    Level(LevelId),
    /// A category.
    #[error("'{category}' is no category of '{level}'")]
    Category {
        /// The level.
        level: LevelId,
        /// What was asked for.
        category: CategoryId,
    },
}

/// What of an agreement the catalogue does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// No other grouping, or a second one in place of the same level.
    #[error(
        "'groupings' names '{0}', which is no grouping that can stand in place of another, or a second one in place of the same"
    )]
    Grouping(LevelId),
    /// Not a listed dimension.
    #[error("'lists' names '{0}', which is no dimension whose categories an agreement supplies")]
    List(DimensionId),
    /// A listed category that the dimension has by itself.
    #[error("'lists' gives '{dimension}' a category '{category}', which it has already")]
    Category {
        /// The dimension.
        dimension: DimensionId,
        /// The category.
        category: CategoryId,
    },
}

/// All definitions in force.
#[derive(Debug, Clone)]
pub struct Catalogue {
    dimensions: Vec<Dimension>,
    datasets: Vec<Dataset>,
    packs: Vec<Pack>,
    indicators: Vec<Indicator>,
    hashes: BTreeMap<IndicatorId, Digest>,
    dataset_hashes: BTreeMap<DatasetId, Digest>,
}

impl Catalogue {
    /// The definitions that are compiled in.
    ///
    /// # Errors
    /// [`CatalogueError`]; a test loads them, so that a released program has no such error.
    pub fn builtin() -> Result<Self, CatalogueError> {
        // Always the same: it is read once in a process.
        static BUILTIN: OnceLock<Catalogue> = OnceLock::new();
        if let Some(catalogue) = BUILTIN.get() {
            return Ok(catalogue.clone());
        }
        let catalogue = Self::read(&builtin::FILES)?;
        Ok(BUILTIN.get_or_init(|| catalogue).clone())
    }

    /// The definitions that are compiled in and those of a federation's own files, each with its name: one
    /// catalogue. What is built in cannot be defined again.
    ///
    /// # Errors
    /// [`CatalogueError`], with file and line.
    pub fn with(files: &[(&str, &str)]) -> Result<Self, CatalogueError> {
        let all: Vec<(&str, &str)> =
            builtin::FILES.into_iter().chain(files.iter().copied()).collect();
        Self::read(&all)
    }

    /// Reads definitions from several named TOML texts, as one catalogue.
    ///
    /// # Errors
    /// [`CatalogueError`].
    fn read(files: &[(&str, &str)]) -> Result<Self, CatalogueError> {
        let all = load::read(files)?;
        let mut catalogue = Self {
            dimensions: all.dimension,
            datasets: all.dataset,
            packs: all.pack,
            indicators: all.indicator,
            hashes: BTreeMap::new(),
            dataset_hashes: BTreeMap::new(),
        };
        // Of hashes, so that no definition is spelt out more than once: each of the many datasets has most dimensions.
        let mut dimensions: BTreeMap<&DimensionId, Digest> = BTreeMap::new();
        for dimension in &catalogue.dimensions {
            dimensions.insert(&dimension.id, Digest::of(&canonical::encode(dimension)?));
        }
        let of = |ids: &[DimensionId]| -> Vec<Digest> {
            ids.iter().filter_map(|id| dimensions.get(id).copied()).collect()
        };
        for dataset in &catalogue.datasets {
            let hash = Digest::of(&canonical::encode(&(dataset, of(&dataset.dimensions)))?);
            catalogue.dataset_hashes.insert(dataset.id.clone(), hash);
        }
        for indicator in &catalogue.indicators {
            let dataset = catalogue.dataset_hashes.get(&indicator.dataset);
            let whole = (indicator, dataset, of(&indicator.breakdowns));
            let hash = Digest::of(&canonical::encode(&whole)?);
            catalogue.hashes.insert(indicator.id.clone(), hash);
        }
        Ok(catalogue)
    }

    /// All dimensions.
    #[must_use]
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// All datasets.
    #[must_use]
    pub fn datasets(&self) -> &[Dataset] {
        &self.datasets
    }

    /// All packs.
    #[must_use]
    pub fn packs(&self) -> &[Pack] {
        &self.packs
    }

    /// All indicators.
    #[must_use]
    pub fn indicators(&self) -> &[Indicator] {
        &self.indicators
    }

    /// An indicator.
    ///
    /// # Errors
    /// [`Unknown::Indicator`].
    pub fn indicator(&self, id: &IndicatorId) -> Result<&Indicator, Unknown> {
        self.indicators.iter().find(|i| i.id == *id).ok_or_else(|| Unknown::Indicator(id.clone()))
    }

    /// A dataset.
    ///
    /// # Errors
    /// [`Unknown::Dataset`].
    pub fn dataset(&self, id: &DatasetId) -> Result<&Dataset, Unknown> {
        self.datasets.iter().find(|d| d.id == *id).ok_or_else(|| Unknown::Dataset(id.clone()))
    }

    /// A released level with its dimension.
    ///
    /// # Errors
    /// [`Unknown::Level`], also for a level that is never released.
    pub fn level(&self, id: &LevelId) -> Result<(&Dimension, &Level), Unknown> {
        self.dimensions
            .iter()
            .find_map(|d| d.levels.iter().find(|l| l.id == *id && l.released).map(|l| (d, l)))
            .ok_or_else(|| Unknown::Level(id.clone()))
    }

    /// Whether a level is in use where these groupings are chosen: of a level and the groupings that stand instead of
    /// it, the chosen one, and the level itself where none is.
    #[must_use]
    pub fn in_use(&self, id: &LevelId, groupings: &[LevelId]) -> bool {
        let Ok((dimension, level)) = self.level(id) else { return false };
        let stands_for = level.instead_of.as_ref().unwrap_or(id);
        let rival = |l: &&Level| l.instead_of.as_ref() == Some(stands_for) && l.id != *id;
        let rivals = dimension.levels.iter().filter(rival).any(|l| groupings.contains(&l.id));
        !rivals && (level.instead_of.is_none() || groupings.contains(id))
    }

    /// Checks that an agreement's groupings and lists are of this catalogue: levels that stand instead of another,
    /// one for each, and dimensions whose categories an agreement supplies.
    ///
    /// # Errors
    /// [`Misfit`].
    pub fn fits(&self, agreement: &Agreement) -> Result<(), Misfit> {
        let mut chosen: Vec<&LevelId> = Vec::new();
        for grouping in &agreement.groupings {
            let level = self.level(grouping).ok().and_then(|(_, level)| level.instead_of.as_ref());
            let Some(other) = level.filter(|other| !chosen.contains(other)) else {
                return Err(Misfit::Grouping(grouping.clone()));
            };
            chosen.push(other);
        }
        for (id, listed) in &agreement.lists {
            let dimension = self.dimensions.iter().find(|d| d.id == *id && d.listed);
            let dimension = dimension.ok_or_else(|| Misfit::List(id.clone()))?;
            if let Some(one) = listed.iter().find(|one| dimension.leaf(&one.id).is_some()) {
                return Err(Misfit::Category { dimension: id.clone(), category: one.id.clone() });
            }
        }
        Ok(())
    }

    /// Where a level's dimension stands among the dimensions; after all of them if it is none.
    #[must_use]
    pub fn place_of(&self, level: &LevelId) -> usize {
        let dimension = level.dimension();
        let place = self.dimensions.iter().position(|d| d.id == dimension);
        place.unwrap_or(self.dimensions.len())
    }

    /// The hash of an indicator's definition: over itself, its dataset and its dimensions.
    ///
    /// # Errors
    /// [`Unknown::Indicator`].
    pub fn definition_hash(&self, id: &IndicatorId) -> Result<Digest, Unknown> {
        self.hashes.get(id).copied().ok_or_else(|| Unknown::Indicator(id.clone()))
    }

    /// The hash of a dataset's definition: over itself and its dimensions. Extracts cite it.
    ///
    /// # Errors
    /// [`CatalogueError`] where the dataset does not exist.
    pub fn dataset_hash(&self, id: &DatasetId) -> Result<Digest, CatalogueError> {
        let unknown = || CatalogueError::Unknown(Unknown::Dataset(id.clone()));
        self.dataset_hashes.get(id).copied().ok_or_else(unknown)
    }

    /// The axis of a level: its dimension's finest codes as leaves, its own categories, and `all`.
    ///
    /// # Errors
    /// [`Unknown::Level`].
    pub fn axis(&self, id: &LevelId, lists: &Lists) -> Result<Axis, Unknown> {
        let (dimension, level) = self.level(id)?;
        dimension.axis(level, lists).map_err(|_| Unknown::Level(id.clone()))
    }
}

impl Dimension {
    /// The finest codes, in order: listed ones first where the dimension is listed.
    #[must_use]
    pub fn leaves(&self, lists: &Lists) -> Vec<(CategoryId, String)> {
        let listed = lists.get(&self.id).filter(|_| self.listed).cloned().unwrap_or_default();
        let own = self.levels.first().map(|l| l.categories.as_slice()).unwrap_or_default();
        listed.into_iter().chain(own.iter().map(|c| (c.id.clone(), c.label.clone()))).collect()
    }

    fn axis(&self, level: &Level, lists: &Lists) -> Result<Axis, LatticeError> {
        let leaves = self.leaves(lists);
        let position = |id: &CategoryId| {
            leaves.iter().position(|(leaf, _)| leaf == id).and_then(|p| u16::try_from(p).ok())
        };
        let finest = self.levels.first().is_some_and(|first| first.id == level.id);
        let categories = if finest {
            leaves
                .iter()
                .enumerate()
                .map(|(i, (id, label))| AxisCategory {
                    id: id.clone(),
                    label: label.clone(),
                    members: u16::try_from(i).into_iter().collect(),
                })
                .collect()
        } else {
            level
                .categories
                .iter()
                .map(|c| {
                    let mut members: Vec<u16> = c.of.iter().filter_map(position).collect();
                    members.sort_unstable();
                    AxisCategory { id: c.id.clone(), label: c.label.clone(), members }
                })
                .collect()
        };
        Axis::new(level.id.clone(), leaves.into_iter().map(|(id, _)| id).collect(), categories)
    }
}

impl Dataset {
    /// Whether the dataset has such periods.
    #[must_use]
    pub const fn has_period(&self, period: Period) -> bool {
        self.periods.has(period)
    }
}

/// What a field that rules look at holds in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// Nothing.
    Blank,
    /// A code, with neither spaces nor full stops in it; yes and no are `yes` and `no`.
    Code(&'a str),
    /// A whole number.
    Number(u32),
}

impl Condition {
    /// Whether a field holds what is asked of it.
    #[must_use]
    pub fn holds(&self, value: FieldValue<'_>) -> bool {
        match value {
            FieldValue::Blank => self.blank,
            FieldValue::Code(code) => {
                self.is_or_starts(code) || (!self.not.is_empty() && !lists(&self.not, code))
            }
            FieldValue::Number(n) => {
                let asked = self.from.is_some() || self.to.is_some();
                asked && self.from.is_none_or(|from| from <= n) && self.to.is_none_or(|to| n <= to)
            }
        }
    }

    /// Whether a code, with neither spaces nor full stops in it, is one that the condition knows: one that it asks for, or
    /// one that it lists as not asked for. Any other code is like all the others to it.
    #[must_use]
    pub fn names(&self, code: &str) -> bool {
        self.is_or_starts(code) || lists(&self.not, code)
    }

    fn is_or_starts(&self, code: &str) -> bool {
        let starts = |with: &String| {
            code.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with))
        };
        lists(&self.is, code) || self.starts.iter().any(starts)
    }
}

/// Whether a code stands in a list, compared without case.
fn lists(codes: &[String], code: &str) -> bool {
    codes.iter().any(|listed| listed.eq_ignore_ascii_case(code))
}

impl Partition {
    /// The measure that the bands are cut from, which every extract of the dataset keeps.
    #[must_use]
    pub const fn measure(&self) -> Option<&ColumnId> {
        match self {
            Self::Weeks { measure, .. } | Self::Stay { measure, .. } => Some(measure),
            Self::Codes { .. } | Self::Rules { .. } => None,
        }
    }
}

/// What a code of the outcome means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfCode<'a> {
    /// This band.
    Band(&'a CategoryId),
    /// The row is none of the dataset.
    Outside(Outside),
}

impl Outcome {
    /// The bands in order, with their labels: the finest categories.
    #[must_use]
    pub fn bands(&self) -> Vec<(&CategoryId, &str)> {
        match &self.made_of {
            Partition::Weeks { bands, .. } => {
                bands.iter().map(|b| (&b.id, b.label.as_str())).collect()
            }
            Partition::Codes { bands, .. } => {
                bands.iter().map(|b| (&b.id, b.label.as_str())).collect()
            }
            Partition::Stay { bands, .. } => {
                bands.iter().map(|b| (&b.id, b.label.as_str())).collect()
            }
            Partition::Rules { bands, .. } => {
                bands.iter().map(|b| (&b.id, b.label.as_str())).collect()
            }
        }
    }

    /// A roll-up.
    #[must_use]
    pub fn rollup(&self, id: &CategoryId) -> Option<&Rollup> {
        self.rollups.iter().find(|r| r.id == *id)
    }

    /// The outcome axis of an indicator: its numerator and its denominator, and `all`.
    ///
    /// # Errors
    /// [`LatticeError`] where a roll-up does not exist or names a band that does not, where two overlap
    /// without nesting, and where they are of two families.
    pub fn axis(&self, categories: &[&CategoryId]) -> Result<Axis, LatticeError> {
        let leaves: Vec<CategoryId> = self.bands().into_iter().map(|(id, _)| id.clone()).collect();
        let mut wanted: Vec<AxisCategory> = Vec::new();
        let mut first: Option<&Rollup> = None;
        for id in categories {
            if id.is_all() || wanted.iter().any(|c| c.id == **id) {
                continue;
            }
            let unknown = || LatticeError::Members((*id).clone());
            let rollup = self.rollup(id).ok_or_else(unknown)?;
            let kin = *first.get_or_insert(rollup);
            if kin.family != rollup.family {
                return Err(LatticeError::Families(kin.id.clone(), rollup.id.clone()));
            }
            let place = |band| leaves.iter().position(|l| l == band).map(u16::try_from);
            let members: Option<Vec<u16>> =
                rollup.of.iter().map(|band| place(band)?.ok()).collect();
            let mut members = members.ok_or_else(unknown)?;
            members.sort_unstable();
            wanted.push(AxisCategory {
                id: rollup.id.clone(),
                label: rollup.label.clone(),
                members,
            });
        }
        Axis::new(self.level.clone(), leaves, wanted)
    }

    /// The band of a whole number of weeks waited; none where the outcome is no wait.
    #[must_use]
    pub fn band_of_weeks(&self, weeks: u32) -> Option<&CategoryId> {
        let Partition::Weeks { bands, .. } = &self.made_of else { return None };
        bands.iter().rev().find(|b| b.from <= weeks).map(|b| &b.id)
    }

    /// The band of a stay of so many minutes; none where the outcome is no stay.
    #[must_use]
    pub fn band_of_stay(&self, minutes: u32, left: bool) -> Option<&CategoryId> {
        let Partition::Stay { bands, .. } = &self.made_of else { return None };
        bands.iter().rev().find(|b| b.left == left && b.from <= minutes).map(|b| &b.id)
    }

    /// What the fields of a row mean by the first rule that holds; none where the outcome is not made of rules.
    #[must_use]
    pub fn of_fields<'v>(&self, value: &dyn Fn(&ColumnId) -> FieldValue<'v>) -> Option<OfCode<'_>> {
        let Partition::Rules { bands, outside, .. } = &self.made_of else { return None };
        let hold = |when: &[Condition]| when.iter().all(|c| c.holds(value(&c.column)));
        let none = outside.iter().find(|o| hold(&o.when)).map(|o| OfCode::Outside(o.why));
        none.or_else(|| bands.iter().find(|b| hold(&b.when)).map(|b| OfCode::Band(&b.id)))
    }

    /// What a source code means, compared without case and surrounding space; none where the outcome is
    /// no code, or has no such code.
    #[must_use]
    pub fn of_code(&self, code: &str) -> Option<OfCode<'_>> {
        let Partition::Codes { bands, outside } = &self.made_of else { return None };
        let is = |known: &String| known.eq_ignore_ascii_case(code.trim());
        let band = bands.iter().find(|b| b.codes.iter().any(is)).map(|b| OfCode::Band(&b.id));
        let none = || outside.iter().find(|o| is(&o.code)).map(|o| OfCode::Outside(o.why));
        band.or_else(none)
    }
}

#[cfg(test)]
mod tests;
