//! A report of a pack for boards and analysts: gaps now, before and over time, what is not known, and how it was made.
//! Made of answers alone, whoever gave them: a federation's, or one partner's own. Pure functions: whoever calls them
//! asks, reads and writes.

pub mod about;
mod absent;
mod change;
mod comparison;
mod json;
mod method;
mod page;
mod picture;
mod section;
mod summary;
mod unknown;
mod value;
mod workbook;

#[cfg(test)]
mod tests;

use evensum_core::catalogue::{Catalogue, Indicator, Pack};
use evensum_core::model::{IndicatorId, Ods, Period, Timestamp};
use evensum_core::view::Answer;
use serde::Serialize;

pub use self::about::{About, AboutError};
pub use self::absent::Absent;
pub use self::change::{Change, Steadiness};
pub use self::comparison::{Comparison, PartnerFigures, PartnerRow};
pub use self::json::to_string_pretty;
pub use self::method::{Method, Term};
pub use self::page::page;
pub use self::section::{Breakdown, Group, Point, Section};
pub use self::summary::Summary;
pub use self::unknown::{MissingPartner, NotKnown, Usable, WithheldGroups};
pub use self::value::{Gap, Mark, Reading, Shown, Verdict};
pub use self::workbook::workbook;

/// Of whom, by whom and for whom a report is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setting {
    /// What it is called: the pack's name.
    pub title: String,
    /// Whose people are counted: a federation, or one organisation.
    pub area: String,
    /// What the figures are, in a sentence.
    pub standing: String,
    /// Who may have it.
    pub handling: String,
    /// Whether figures are as they are, for an organisation's own people alone.
    pub exact: bool,
    /// When it was made.
    #[serde(serialize_with = "stamp")]
    pub made_on: Timestamp,
    /// The program and its version.
    pub tool: String,
    /// Under which agreement and for what it was asked, a line each; nothing where nobody was asked.
    pub terms: Vec<String>,
}

fn stamp<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_string())
}

/// Something of the pack that there are no figures of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The indicator.
    pub indicator: IndicatorId,
    /// By which dimension, where it is a breakdown alone that is missing.
    pub by: Option<String>,
    /// Of which period; of none at all where it is nothing.
    pub period: Option<Period>,
    /// Why, in words, without a full stop.
    pub why: String,
}

/// Each partner's own answers.
#[derive(Debug, Clone)]
pub enum Partners<'a> {
    /// Nobody asked for them.
    NotAsked,
    /// They may not be shown, and why.
    NotShown(String),
    /// A code, a name, and the answers by deprivation to the latest period.
    Own(Vec<(Ods, String, Vec<&'a Answer>)>),
}

/// What a report is made of.
#[derive(Debug, Clone)]
pub struct Material<'a> {
    /// What the answers were planned by.
    pub catalogue: &'a Catalogue,
    /// The pack.
    pub pack: &'a Pack,
    /// Its indicators, in the order of the report.
    pub indicators: &'a [&'a Indicator],
    /// The months that it looks at, the earliest first. Of a dataset by quarter or year, those that end in one.
    pub months: &'a [Period],
    /// Answers by one dimension each, in any order: of the latest period by each breakdown, of every period by
    /// deprivation.
    pub answers: &'a [&'a Answer],
    /// What there is no answer to.
    pub missing: &'a [Missing],
    /// Each partner's own.
    pub partners: Partners<'a>,
    /// What is said beside the figures.
    pub about: &'a About,
}

/// A report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Of whom, by whom and for whom.
    pub setting: Setting,
    /// The pack's id.
    pub pack: String,
    /// The periods, in words.
    pub periods: String,
    /// What it shows, in sentences.
    pub summary: Summary,
    /// The indicators with figures, in the pack's order.
    pub indicators: Vec<Section>,
    /// What is not known.
    pub not_known: NotKnown,
    /// Against others, and against a year before.
    pub comparison: Comparison,
    /// How it was made.
    pub method: Method,
    /// What of the pack is not in it, and why.
    pub absent: Vec<Absent>,
}

/// Makes the report.
#[must_use]
pub fn build(setting: Setting, material: &Material<'_>) -> Report {
    let indicators: Vec<Section> =
        material.indicators.iter().filter_map(|i| section::of(i, material)).collect();
    let latest: Vec<&Answer> = latest(material, &indicators);
    let absent = absent::all(material, &indicators);
    let commentary = material.about.commentary.as_deref().map(about::paragraphs);
    Report {
        periods: periods(material.months),
        summary: summary::of(material, &indicators, &latest, commentary.unwrap_or_default()),
        not_known: unknown::of(material, &indicators, &latest),
        comparison: comparison::of(material, &indicators, &latest),
        method: method::of(&setting, material, &indicators),
        pack: material.pack.id.clone(),
        setting,
        indicators,
        absent,
    }
}

/// The answers that the figures of the latest periods are of.
fn latest<'a>(material: &Material<'a>, sections: &[Section]) -> Vec<&'a Answer> {
    let is = |answer: &&&Answer| {
        sections.iter().any(|s| s.id == answer.indicator.id && s.now.period == answer.period)
    };
    material.answers.iter().filter(is).copied().collect()
}

fn periods(months: &[Period]) -> String {
    use super::words::period;
    match months {
        [] => "no period".to_owned(),
        [one] => period(*one),
        [first, .., last] => format!("{} to {}", period(*first), period(*last)),
    }
}
