//! The shapes of the catalogue's TOML, and the checks that every definition passes before it is used.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{CatalogueError, Lists};
use crate::model::{CategoryId, ColumnId, DatasetId, DimensionId, IndicatorId, LevelId};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) dimension: Vec<Dimension>,
    pub(super) dataset: Vec<Dataset>,
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
    /// Whether the agreement supplies its categories (providers, ICBs).
    #[serde(default)]
    pub listed: bool,
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

/// Whether a person may have several rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonRows {
    /// A row is a person.
    One,
    /// A person may have several.
    Several,
}

/// The periods that a dataset has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodKind {
    /// Months only.
    Month,
}

/// Which date puts a row into its period. Ages are taken at the same date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatedBy {
    /// A stock: every row describes the period's last day.
    LastDay,
    /// Activity: the date in this column of an extract. Rows of other periods are left out.
    Event(ColumnId),
}

/// A band of weeks waited.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeekBand {
    /// Its id.
    pub id: CategoryId,
    /// Its label.
    pub label: String,
    /// The least whole number of weeks.
    pub from: u32,
}

/// A band of codes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeBand {
    /// Its id.
    pub id: CategoryId,
    /// Its label.
    pub label: String,
    /// What source systems write for it. Compared without case.
    pub codes: Vec<String>,
}

/// A band of stays.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StayBand {
    /// Its id.
    pub id: CategoryId,
    /// Its label.
    pub label: String,
    /// The least whole number of minutes from arrival to departure.
    pub from: u32,
    /// Whether the person left before treatment.
    pub left: bool,
}

/// Why a code puts a row outside the dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outside {
    /// It has not taken place yet.
    NotYet,
    /// What became of it is not known.
    NotKnown,
}

/// A code of rows that are no rows of the dataset.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutsideCode {
    /// What source systems write. Compared without case.
    pub code: String,
    /// What it says.
    pub why: Outside,
}

/// What the bands of an outcome are made of: a partition of the dataset's rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Partition {
    /// A wait in whole weeks, the shortest first.
    Weeks {
        /// The bands.
        bands: Vec<WeekBand>,
        /// The measure of an extract that keeps the weeks themselves.
        measure: ColumnId,
    },
    /// A code.
    Codes {
        /// The bands.
        bands: Vec<CodeBand>,
        /// Codes of rows that do not count.
        outside: Vec<OutsideCode>,
    },
    /// A stay in whole minutes, begun minutes counting as whole ones, and whether the person left before
    /// treatment.
    Stay {
        /// The bands: the same cuts for those who left and those who did not.
        bands: Vec<StayBand>,
        /// The measure of an extract that keeps the minutes themselves.
        measure: ColumnId,
    },
}

/// A union of bands that indicators may count.
///
/// Roll-ups of one family nest or lie apart, and a table holds those of one family only: two of one table that
/// overlapped otherwise could be subtracted into bands that nobody declared. What does not nest (how long a
/// stay was; how it ended) is two families of one outcome and not two outcomes. The bands that both are unions
/// of are then the leaves of one partition, on which a test of everything that was released can take the
/// families together.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollup {
    /// Its id.
    pub id: CategoryId,
    /// Its label.
    pub label: String,
    /// Its bands.
    pub of: Vec<CategoryId>,
    /// Its family; those that name none are one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<CategoryId>,
}

/// The outcome of a dataset: a partition of its rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Its level id.
    pub level: LevelId,
    /// The column of a snapshot that holds its band.
    pub column: ColumnId,
    /// Its name, for people.
    pub name: String,
    /// The partition.
    pub made_of: Partition,
    /// The unions that indicators count.
    pub rollups: Vec<Rollup>,
}

/// A dataset: what a row is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// Its id.
    pub id: DatasetId,
    /// Its name, for people.
    pub name: String,
    /// What one row is.
    pub row: String,
    /// What is counted.
    pub unit: String,
    /// Whether a person may have several rows.
    pub person_rows: PersonRows,
    /// The periods that it has.
    pub periods: PeriodKind,
    /// The date that puts a row into its period.
    pub dated_by: DatedBy,
    /// What a reader must know about double counting.
    pub caveat: String,
    /// Dimensions that its rows have.
    pub dimensions: Vec<DimensionId>,
    /// Levels that a question may be restricted to.
    pub scopes: Vec<LevelId>,
    /// Its outcome.
    pub outcome: Outcome,
}

/// How an indicator's figure is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndicatorKind {
    /// Numerator over denominator.
    Proportion,
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Polarity {
    /// A lower figure is better.
    LowerIsBetter,
    /// A higher figure is better.
    HigherIsBetter,
}

/// An indicator.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Indicator {
    /// Its id, whose meaning never changes.
    pub id: IndicatorId,
    /// Counts up when its definition changes.
    pub version: u32,
    /// Its name, for people.
    pub name: String,
    /// The dataset that it is made from.
    pub dataset: DatasetId,
    /// How its figure is made.
    pub kind: IndicatorKind,
    /// What it says of those above the line, as a verb: `wait over 52 weeks`.
    pub phrase: String,
    /// The unit of its figure.
    pub unit: String,
    /// What is counted below the line, where that is not every row of the dataset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<String>,
    /// The roll-up that is counted above the line.
    pub numerator: CategoryId,
    /// The roll-up, or `all`, that is counted below it.
    pub denominator: CategoryId,
    /// Which way is better.
    pub polarity: Polarity,
    /// Who holds the records.
    pub held_by: String,
    /// Dimensions that it may be broken down by.
    pub breakdowns: Vec<DimensionId>,
    /// Packs that it belongs to.
    pub packs: Vec<String>,
    /// Where the definition comes from.
    pub source: String,
    /// What a reader must know.
    pub caveats: Vec<String>,
}

/// Checks every definition against itself and the others.
pub(super) fn checked(file: &File) -> Result<(), CatalogueError> {
    file.dimension.iter().try_for_each(dimension)?;
    for dataset in &file.dataset {
        let wrong =
            |reason: String| CatalogueError::Definition { of: dataset.id.to_string(), reason };
        for id in &dataset.dimensions {
            if !file.dimension.iter().any(|d| d.id == *id) {
                return Err(wrong(format!("there is no dimension '{id}'")));
            }
        }
        for scope in &dataset.scopes {
            if !dataset.dimensions.contains(&scope.dimension()) {
                return Err(wrong(format!("the scope '{scope}' is not one of its dimensions")));
            }
        }
        outcome(&dataset.outcome)?;
        match (&dataset.outcome.made_of, &dataset.dated_by) {
            (Partition::Weeks { .. }, DatedBy::Event(_)) => {
                return Err(wrong("a wait is counted to the period's last day".to_owned()));
            }
            (Partition::Stay { .. }, DatedBy::LastDay) => {
                return Err(wrong("a stay begins at the date of an event".to_owned()));
            }
            _ => {}
        }
    }
    for indicator in &file.indicator {
        let wrong =
            |reason: String| CatalogueError::Definition { of: indicator.id.to_string(), reason };
        let Some(dataset) = file.dataset.iter().find(|d| d.id == indicator.dataset) else {
            return Err(wrong(format!("there is no dataset '{}'", indicator.dataset)));
        };
        for id in [&indicator.numerator, &indicator.denominator] {
            if !id.is_all() && !dataset.outcome.rollups.iter().any(|r| r.id == *id) {
                return Err(wrong(format!("there is no roll-up '{id}' in '{}'", dataset.id)));
            }
        }
        if indicator.denominator.is_all() == indicator.counted.is_some() {
            let reason =
                "'counted' says what is below the line where, and only where, that is not all";
            return Err(wrong(reason.to_owned()));
        }
        let ends = [&indicator.numerator, &indicator.denominator];
        dataset
            .outcome
            .axis(&ends)
            .map_err(|reason| CatalogueError::Axis { of: indicator.id.to_string(), reason })?;
        if let Some(id) = indicator.breakdowns.iter().find(|b| !dataset.dimensions.contains(b)) {
            return Err(wrong(format!("'{}' has no dimension '{id}'", dataset.id)));
        }
        if file.indicator.iter().filter(|i| i.id == indicator.id).count() > 1 {
            return Err(wrong("it is defined twice".to_owned()));
        }
    }
    Ok(())
}

/// Checks that the bands are a partition and that the roll-ups of each family nest.
fn outcome(outcome: &Outcome) -> Result<(), CatalogueError> {
    let of = || outcome.level.to_string();
    partition(&outcome.made_of)
        .map_err(|reason| CatalogueError::Definition { of: of(), reason: reason.to_owned() })?;
    for first in &outcome.rollups {
        // A whole family together, so that an overlap between any two of it is found.
        let family = outcome.rollups.iter().filter(|r| r.family == first.family);
        let family: Vec<&CategoryId> = family.map(|r| &r.id).collect();
        let axis = |reason| CatalogueError::Axis { of: of(), reason };
        outcome.axis(&family).map_err(axis)?;
    }
    let ids: BTreeSet<&CategoryId> = outcome.rollups.iter().map(|r| &r.id).collect();
    if ids.len() != outcome.rollups.len() || ids.iter().any(|id| id.is_all()) {
        let reason = "two roll-ups have one id, or one is called 'all'".to_owned();
        return Err(CatalogueError::Definition { of: of(), reason });
    }
    Ok(())
}

fn partition(made_of: &Partition) -> Result<(), &'static str> {
    let ascending = |from: &[u32]| from.first() == Some(&0) && from.is_sorted_by(|a, b| a < b);
    match made_of {
        Partition::Weeks { bands, .. } => {
            let cuts: Vec<u32> = bands.iter().map(|b| b.from).collect();
            if !ascending(&cuts) {
                return Err("its bands do not begin at 0 and rise");
            }
        }
        Partition::Codes { bands, outside } => {
            let codes = bands.iter().flat_map(|b| &b.codes).chain(outside.iter().map(|o| &o.code));
            let codes: Vec<String> = codes.map(|c| c.to_lowercase()).collect();
            let distinct: BTreeSet<&String> = codes.iter().collect();
            if distinct.len() != codes.len() {
                return Err("a code stands in two places");
            }
            if bands.is_empty() || bands.iter().any(|b| b.codes.is_empty()) {
                return Err("a band has no code");
            }
        }
        Partition::Stay { bands, .. } => {
            let cuts = |left: bool| -> Vec<u32> {
                bands.iter().filter(|b| b.left == left).map(|b| b.from).collect()
            };
            if !ascending(&cuts(false)) || cuts(false) != cuts(true) {
                return Err(
                    "its bands do not begin at 0 and rise, alike for those who left and the others",
                );
            }
        }
    }
    Ok(())
}

fn dimension(dimension: &Dimension) -> Result<(), CatalogueError> {
    let wrong =
        |reason: String| CatalogueError::Definition { of: dimension.id.to_string(), reason };
    let Some(finest) = dimension.levels.first() else {
        return Err(wrong("it has no level".to_owned()));
    };
    for level in &dimension.levels {
        if level.id.dimension() != dimension.id {
            return Err(wrong(format!("the level '{}' has another dimension's name", level.id)));
        }
        for category in &level.categories {
            if let Some(stray) =
                category.of.iter().find(|of| !finest.categories.iter().any(|c| c.id == **of))
            {
                return Err(wrong(format!(
                    "'{}' is made of '{stray}', which does not exist",
                    category.id
                )));
            }
            let same_people = |c: &Category| {
                let leaf = std::slice::from_ref(&c.id);
                let of = if c.of.is_empty() { leaf } else { c.of.as_slice() };
                let mine = std::slice::from_ref(&category.id);
                of == if category.of.is_empty() { mine } else { category.of.as_slice() }
            };
            let mut twins =
                dimension.levels.iter().flat_map(|l| &l.categories).filter(|c| c.id == category.id);
            if !twins.all(same_people) {
                return Err(wrong(format!(
                    "'{}' means different people on two levels",
                    category.id
                )));
            }
        }
        let axis = dimension.axis(level, &Lists::new());
        let axis =
            axis.map_err(|reason| CatalogueError::Axis { of: level.id.to_string(), reason })?;
        let mut covered = vec![0_u8; axis.leaves().len()];
        for category in axis.categories().iter().filter(|c| !c.id.is_all()) {
            category.members.iter().for_each(|m| covered[usize::from(*m)] += 1);
        }
        if covered.iter().any(|n| *n != 1) {
            return Err(wrong(format!(
                "'{}' does not hold each finest category exactly once",
                level.id
            )));
        }
    }
    Ok(())
}
