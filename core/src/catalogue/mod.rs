//! Definitions of dimensions, datasets and indicators: TOML, compiled in, versioned by hash.

mod builtin;
mod check;
mod dataset;
mod definition;
mod indicator;

use std::collections::BTreeMap;

use check::checked;
pub use dataset::{
    CodeBand, Condition, Dataset, DatedBy, FieldKind, MeasureColumn, Outcome, Outside, OutsideCode,
    Partition, PeriodKind, PersonRows, Rollup, RuleBand, RuleField, RuleOutside, StayBand,
    WeekBand,
};
use definition::File;
pub use definition::{
    Category, CategoryKind, Dimension, DimensionGroup, Flag, Level, NO, Pack, YES,
};
pub use indicator::{
    Ages, Domain, Indicator, IndicatorKind, Polarity, Population, Priority, Target,
};

use crate::model::canonical::{self, CanonicalError};
use crate::model::{
    Axis, AxisCategory, CategoryId, ColumnId, DatasetId, Digest, DimensionId, IdError, IndicatorId,
    LatticeError, LevelId, Period, TomlProblem,
};

/// Categories of the listed dimensions (provider, ICB), which a federation's agreement supplies.
pub type Lists = BTreeMap<DimensionId, Vec<(CategoryId, String)>>;

/// Why definitions are refused.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// Not TOML of this form; the text has line and reason.
    #[error("a catalogue file cannot be read: {0}")]
    Toml(#[source] TomlProblem),
    /// A definition contradicts itself or another.
    #[error("{of}: {reason}")]
    Definition {
        /// The definition.
        of: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Its axes make no lattice.
    #[error("{of}: {reason}")]
    Axis {
        /// The level.
        of: String,
        /// What is wrong.
        #[source]
        reason: LatticeError,
    },
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
        Self::from_texts(&builtin::FILES.map(|(_, text)| text))
    }

    /// Reads definitions from several TOML texts, as one catalogue.
    ///
    /// # Errors
    /// [`CatalogueError`].
    pub fn from_texts(texts: &[&str]) -> Result<Self, CatalogueError> {
        let mut all = File::default();
        for text in texts {
            let file: File = toml::from_str(text)
                .map_err(|e| CatalogueError::Toml(TomlProblem::new(text, &e)))?;
            all.dimension.extend(file.dimension);
            all.flag.extend(file.flag);
            all.group.extend(file.group);
            all.dataset.extend(file.dataset);
            all.pack.extend(file.pack);
            all.indicator.extend(file.indicator);
        }
        all.written_out()?;
        checked(&all)?;
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
        self.dataset_hashes.get(id).copied().ok_or_else(|| CatalogueError::Definition {
            of: id.to_string(),
            reason: Unknown::Dataset(id.clone()).to_string(),
        })
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
                let starts = |with: &String| {
                    code.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with))
                };
                self.is.iter().any(|is| is.eq_ignore_ascii_case(code))
                    || self.starts.iter().any(starts)
            }
            FieldValue::Number(n) => {
                let asked = self.from.is_some() || self.to.is_some();
                asked && self.from.is_none_or(|from| from <= n) && self.to.is_none_or(|to| n <= to)
            }
        }
    }
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

impl File {
    /// Writes out what is said in short: flags as dimensions, groups as their dimensions, breakdowns that are all of a
    /// dataset's.
    fn written_out(&mut self) -> Result<(), CatalogueError> {
        for flag in &self.flag {
            let wrong = |e: IdError| CatalogueError::Definition {
                of: flag.id.to_string(),
                reason: e.to_string(),
            };
            self.dimension.push(flag.dimension().map_err(wrong)?);
        }
        for dataset in &mut self.dataset {
            for id in std::mem::take(&mut dataset.groups) {
                let group = self.group.iter().find(|g| g.id == id);
                let group = group.ok_or_else(|| CatalogueError::Definition {
                    of: dataset.id.to_string(),
                    reason: format!("there is no group '{id}'"),
                })?;
                for dimension in &group.dimensions {
                    if !dataset.dimensions.contains(dimension) {
                        dataset.dimensions.push(dimension.clone());
                    }
                }
            }
        }
        for indicator in self.indicator.iter_mut().filter(|i| i.breakdowns.is_empty()) {
            if let Some(dataset) = self.dataset.iter().find(|d| d.id == indicator.dataset) {
                indicator.breakdowns = dataset.dimensions.clone();
            }
        }
        Ok(())
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
