//! The shapes of the catalogue's TOML: the file, dimensions, flags, groups and packs.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::dataset::Dataset;
use super::indicator::Indicator;
use super::ladder::Ladder;
use crate::model::{CategoryId, ColumnId, DimensionId, IdError, LevelId};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) dimension: Vec<Dimension>,
    pub(super) flag: Vec<Flag>,
    pub(super) group: Vec<DimensionGroup>,
    pub(super) dataset: Vec<Dataset>,
    pub(super) pack: Vec<Pack>,
    pub(super) indicator: Vec<Indicator>,
}

/// What a category says about a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CategoryKind {
    /// Something known.
    #[default]
    Known,
    /// Not known: coded so, blank, or invalid.
    Unknown,
    /// Asked, and declined.
    NotStated,
    /// The partner does not collect it.
    NotCollected,
    /// Cannot be said of this person.
    NotApplicable,
}

/// A category of a level.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// Its id, unique in the dimension (the same id in two levels is the same people).
    pub id: CategoryId,
    /// Its label, for people.
    pub label: String,
    /// What source systems write for it; finest level only. Compared without case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<String>,
    /// The finest categories that it is the union of; coarser levels only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of: Vec<CategoryId>,
    /// Where it starts, in years, for a band of ages; finest level only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u32>,
    /// What it says.
    #[serde(default)]
    pub kind: CategoryKind,
}

impl Category {
    /// The finest categories that it is made of; itself where it is one of them.
    #[must_use]
    pub fn people(&self) -> BTreeSet<&CategoryId> {
        if self.of.is_empty() { BTreeSet::from([&self.id]) } else { self.of.iter().collect() }
    }
}

/// A level of a dimension.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Its id.
    pub id: LevelId,
    /// Its name, for people.
    pub name: String,
    /// Whether it may ever be asked for.
    #[serde(default = "yes")]
    pub released: bool,
    /// The level that it is another grouping of. The two do not nest, and an agreement has one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<LevelId>,
    /// Its categories, in order.
    pub categories: Vec<Category>,
}

const fn yes() -> bool {
    true
}

/// A dimension: a closed list of categories with nested levels, finest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dimension {
    /// Its id.
    pub id: DimensionId,
    /// Its name, for people.
    pub name: String,
    /// The column of an extract that holds its finest codes.
    pub column: ColumnId,
    /// Whether the agreement supplies its categories (providers, ICBs, places).
    #[serde(default)]
    pub listed: bool,
    /// What of it is not confirmed, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisional: Option<String>,
    /// Its levels.
    #[serde(rename = "level")]
    pub levels: Vec<Level>,
}

impl Dimension {
    /// The finest category that a source code means, compared without case and surrounding space.
    #[must_use]
    pub fn of_code(&self, code: &str) -> Option<&Category> {
        let code = code.trim();
        self.levels
            .first()?
            .categories
            .iter()
            .find(|c| c.codes.iter().any(|known| known.eq_ignore_ascii_case(code)))
    }

    /// The finest category of that id.
    #[must_use]
    pub fn leaf(&self, id: &CategoryId) -> Option<&Category> {
        self.levels.first()?.categories.iter().find(|c| c.id == *id)
    }

    /// The finest band of an age in years, for a dimension of ages.
    #[must_use]
    pub fn of_age(&self, age: u32) -> Option<&Category> {
        self.levels
            .first()?
            .categories
            .iter()
            .rev()
            .find(|c| c.from.is_some_and(|from| from <= age))
    }
}

/// A characteristic that is recorded as yes or no, in short: it becomes a [`Dimension`] of one level with the
/// categories `yes`, `no`, `unknown` (not recorded) and `not_collected`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    /// The id of its dimension, its level and its column.
    pub id: DimensionId,
    /// Its name, for people.
    pub name: String,
    /// What is not confirmed of it, if anything.
    #[serde(default)]
    pub provisional: Option<String>,
}

impl Flag {
    /// The dimension that it is short for.
    pub(super) fn dimension(&self) -> Result<Dimension, IdError> {
        let category = |id: &str, label: &str, codes: &[&str], kind| -> Result<Category, IdError> {
            Ok(Category {
                id: CategoryId::new(id)?,
                label: label.to_owned(),
                codes: codes.iter().map(|c| (*c).to_owned()).collect(),
                of: Vec::new(),
                from: None,
                kind,
            })
        };
        let categories = vec![
            category("yes", "Yes", &YES, CategoryKind::Known)?,
            category("no", "No", &NO, CategoryKind::Known)?,
            category(
                "unknown",
                "Not recorded",
                &["X", "U", "9", "Z", "99"],
                CategoryKind::Unknown,
            )?,
            category("not_collected", "Not collected", &[], CategoryKind::NotCollected)?,
        ];
        Ok(Dimension {
            id: self.id.clone(),
            name: self.name.clone(),
            column: ColumnId::new(self.id.as_str())?,
            listed: false,
            provisional: self.provisional.clone(),
            levels: vec![Level {
                id: LevelId::new(self.id.as_str())?,
                name: self.name.clone(),
                released: true,
                instead_of: None,
                categories,
            }],
        })
    }
}

/// How source systems write yes, compared without case.
pub const YES: [&str; 5] = ["Y", "yes", "true", "1", "T"];

/// How source systems write no, compared without case.
pub const NO: [&str; 5] = ["N", "no", "false", "0", "F"];

/// Dimensions under one name, so that datasets need not list them one by one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DimensionGroup {
    /// Its id.
    pub id: DimensionId,
    /// Its dimensions.
    pub dimensions: Vec<DimensionId>,
}

/// Indicators that are asked and published together.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    /// Its id, which indicators name under `packs`.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// What it is for, in a sentence.
    pub about: String,
    /// Whether somebody must publish it by law: its tables are decided before those of any other pack.
    #[serde(default)]
    pub statutory: bool,
    /// The tables that are made of each of its indicators when an extract is published, in that order.
    #[serde(default, rename = "table")]
    pub tables: Vec<Ladder>,
}
