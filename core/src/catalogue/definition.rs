//! The shapes of the catalogue's TOML.

use serde::{Deserialize, Serialize};

use crate::model::{
    CategoryId, ColumnId, DatasetId, Date, DimensionId, IdError, IndicatorId, LevelId, Period,
};

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
    /// Months.
    Month,
    /// Quarters of the financial year.
    Quarter,
    /// Financial years.
    Year,
}

impl PeriodKind {
    /// Whether a period is of this kind.
    #[must_use]
    pub const fn has(self, period: Period) -> bool {
        matches!(
            (self, period),
            (Self::Month, Period::Month { .. })
                | (Self::Quarter, Period::Quarter { .. })
                | (Self::Year, Period::Year { .. })
        )
    }
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
    /// It is none of what the dataset counts.
    NotCounted,
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

/// How a field that rules look at is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// A code: compared without case, spaces and full stops (`I63.4` is `I634`).
    Code,
    /// Yes or no, in any of the usual spellings; its codes are `yes` and `no`.
    YesNo,
    /// A whole number; a part counts as a whole one more.
    Number,
}

/// A field of an extract that rules look at.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleField {
    /// The column of an extract, which an extract must have.
    pub column: ColumnId,
    /// Its name, for people.
    pub name: String,
    /// How it is read.
    pub kind: FieldKind,
    /// Whether it may be blank. Where it may not, a row in which it is is a reject.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blank: bool,
}

/// What a field must hold: any of these.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The field.
    pub column: ColumnId,
    /// One of these codes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub is: Vec<String>,
    /// A code that starts with one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub starts: Vec<String>,
    /// A number of at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u32>,
    /// A number of at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u32>,
    /// Nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blank: bool,
}

/// A band of rows for which all conditions hold, and none of an earlier band's.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleBand {
    /// Its id.
    pub id: CategoryId,
    /// Its label.
    pub label: String,
    /// The conditions; only the last band has none and takes the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<Condition>,
}

/// Rows that are no rows of the dataset: those for which all conditions hold.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleOutside {
    /// The conditions.
    pub when: Vec<Condition>,
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
    /// Rules over several fields, the first that holds deciding; rows outside the dataset are told apart first.
    Rules {
        /// The fields.
        fields: Vec<RuleField>,
        /// The bands, in the order in which they are tried.
        bands: Vec<RuleBand>,
        /// Rows that do not count.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        outside: Vec<RuleOutside>,
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

/// A whole number of each row that an extract may hold beside its codes, such as days in hospital. Where an extract has
/// the column, a row in which it is blank is a reject.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasureColumn {
    /// The column of an extract.
    pub id: ColumnId,
    /// Its name, for people.
    pub name: String,
    /// Its unit, such as `days`.
    pub unit: String,
    /// The greatest number that is believed.
    pub most: u16,
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
    /// Dimensions that its rows have, those of its groups among them once it is loaded. A file holds those that it can.
    pub dimensions: Vec<DimensionId>,
    /// Groups of further dimensions.
    #[serde(default, skip_serializing)]
    pub groups: Vec<DimensionId>,
    /// Numbers that an extract may hold beside the outcome's own.
    #[serde(default, rename = "measure", skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<MeasureColumn>,
    /// Levels that a question may be restricted to.
    pub scopes: Vec<LevelId>,
    /// Its outcome.
    pub outcome: Outcome,
}

/// Whom a rate is per.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Population {
    /// People who live in the area.
    Resident,
    /// People who are registered with its general practices.
    Registered,
}

/// How an indicator's figure is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndicatorKind {
    /// Numerator over denominator, both counted.
    Proportion,
    /// The numerator alone; the denominator is what it is a part of.
    Count,
    /// The numerator over a population that is published elsewhere.
    Rate {
        /// Per so many people.
        per: u32,
        /// Which people.
        population: Population,
        /// Whether it is directly standardised to the European Standard Population 2013.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        standardised: bool,
    },
    /// The mean of a measure over the numerator's rows.
    Mean {
        /// The measure: the outcome's own, or one of the dataset's.
        measure: ColumnId,
    },
    /// Percentiles of a measure over the numerator's rows, from bands of one unit.
    Quantile {
        /// The measure: the outcome's own, or one of the dataset's.
        measure: ColumnId,
        /// Which, such as 50 for the median.
        at: Vec<u8>,
    },
    /// One summed measure over another, over the numerator's rows.
    Ratio {
        /// The measure above the line.
        of: ColumnId,
        /// The measure below it.
        over: ColumnId,
        /// Per so many of it.
        per: u32,
    },
}

impl IndicatorKind {
    /// The measures whose sums or bands the figure needs.
    #[must_use]
    pub fn measures(&self) -> Vec<&ColumnId> {
        match self {
            Self::Proportion | Self::Count | Self::Rate { .. } => Vec::new(),
            Self::Mean { measure } | Self::Quantile { measure, .. } => vec![measure],
            Self::Ratio { of, over, .. } => vec![of, over],
        }
    }
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Polarity {
    /// A lower figure is better.
    LowerIsBetter,
    /// A higher figure is better.
    HigherIsBetter,
    /// Neither: it describes.
    Neutral,
}

/// What an indicator is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// Who is reached, and when.
    Access,
    /// How it was.
    Experience,
    /// What came of it.
    Outcome,
    /// The people who work there.
    Workforce,
}

/// The five strategic priorities of NHS England for tackling health inequalities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Restore services inclusively.
    RestoreInclusively,
    /// Mitigate digital exclusion.
    DigitalExclusion,
    /// Complete and timely datasets.
    Datasets,
    /// Accelerate prevention.
    Prevention,
    /// Leadership and accountability.
    Leadership,
}

/// A target, with the dates for which it was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// First day.
    pub from: Date,
    /// Last day, where it is over or was set for a date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    /// The figure in the indicator's unit, as a decimal such as `92` or `4.5`.
    pub value: String,
    /// Who set it.
    pub source: String,
    /// Whether it is not confirmed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub provisional: bool,
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
    /// What it is about.
    pub domain: Domain,
    /// The strategic priority that it serves.
    pub priority: Priority,
    /// Who holds the records.
    pub held_by: String,
    /// Dimensions that it may be broken down by; all of its dataset where none are named.
    #[serde(default)]
    pub breakdowns: Vec<DimensionId>,
    /// Packs that it belongs to.
    pub packs: Vec<String>,
    /// Targets, the earliest first.
    #[serde(default, rename = "target", skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// Where the definition comes from.
    pub source: String,
    /// What of the definition is not confirmed, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisional: Option<String>,
    /// What a reader must know.
    pub caveats: Vec<String>,
}
