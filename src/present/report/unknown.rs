//! What is not known: how complete the partners' extracts are, which groups are withheld, and who is missing.

use std::collections::BTreeMap;

use evensum_core::model::Ods;
use evensum_core::view::{Answer, Completeness, CoverageStatus, RowShare};
use serde::{Serialize, Serializer};

use super::super::drawing::Gap;
use super::super::words;
use super::Material;
use super::section::{Section, partner_says};

/// The usable share of one partner's rows by one dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usable {
    /// In whole per cent.
    PerCent(u8),
    /// Withheld.
    Withheld,
    /// The partner has no such column or data.
    NotHeld,
    /// The partner did not answer, or refused.
    NoAnswer,
}

impl Usable {
    /// In a table.
    #[must_use]
    pub fn text(self) -> String {
        match self.told() {
            Ok((_, text)) => text,
            Err(gap) => gap.word().to_owned(),
        }
    }

    /// For a heat map: tenths of a per cent with their text, or why there are none.
    pub(super) fn told(self) -> Result<(u64, String), Gap> {
        match self {
            Self::PerCent(n) => Ok((u64::from(n) * 10, format!("{n} %"))),
            Self::Withheld => Err(Gap::Hidden),
            Self::NotHeld => Err(Gap::NotHeld),
            Self::NoAnswer => Err(Gap::NoAnswer),
        }
    }
}

impl Serialize for Usable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::PerCent(n) => serializer.serialize_u8(*n),
            other => serializer.serialize_str(&other.text()),
        }
    }
}

/// How complete one partner's extract of one dataset is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Complete {
    /// The dataset's name.
    pub dataset: String,
    /// The partner's name.
    pub partner: String,
    /// Of each dimension of [`NotKnown::dimensions`].
    pub usable: Vec<Usable>,
}

/// The groups of a breakdown that are withheld, over all indicators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WithheldGroups {
    /// The level.
    pub by: String,
    /// Indicators that are broken down by it.
    pub indicators: usize,
    /// Groups of theirs that are withheld: groups, never people.
    pub withheld: usize,
    /// Groups of theirs.
    pub of: usize,
}

/// A partner that is not in some figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingPartner {
    /// Its name and code.
    pub partner: String,
    /// Why, in words.
    pub why: String,
    /// The indicators that it is not in.
    pub indicators: Vec<String>,
}

/// What is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotKnown {
    /// The dimensions of the completeness, in order.
    pub dimensions: Vec<String>,
    /// How complete extracts are, by dataset and partner.
    pub completeness: Vec<Complete>,
    /// Groups withheld, by breakdown.
    pub withheld: Vec<WithheldGroups>,
    /// Partners that are missing.
    pub partners: Vec<MissingPartner>,
}

pub(super) fn of(material: &Material<'_>, sections: &[Section], latest: &[&Answer]) -> NotKnown {
    let mut single: Vec<&Answer> =
        latest.iter().copied().filter(|answer| answer.axes.len() == 1).collect();
    single.sort_by_key(|answer| {
        answer.axes.first().map(|axis| material.catalogue.place_of(&axis.level))
    });
    let mut ids: Vec<&str> = Vec::new();
    for answer in single.iter().filter(|answer| !answer.completeness.is_empty()) {
        let id = answer.axes.first().map_or("", |axis| axis.dimension.as_str());
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let name = |id: &&str| {
        let known = material.catalogue.dimensions().iter().find(|d| d.id.as_str() == *id);
        known.map_or_else(|| (*id).to_owned(), |d| words::clean(&d.name))
    };
    NotKnown {
        dimensions: ids.iter().map(name).collect(),
        completeness: completeness(material, &single, &ids),
        withheld: withheld(sections),
        partners: partners(latest),
    }
}

fn completeness(material: &Material<'_>, single: &[&Answer], ids: &[&str]) -> Vec<Complete> {
    let mut rows = Vec::new();
    for dataset in material.catalogue.datasets() {
        let own: Vec<&Answer> = single
            .iter()
            .copied()
            .filter(|answer| {
                let indicator = material.catalogue.indicator(&answer.indicator.id);
                indicator.is_ok_and(|indicator| indicator.dataset == dataset.id)
            })
            .collect();
        let mut names: BTreeMap<&Ods, &str> = BTreeMap::new();
        for line in own.iter().flat_map(|answer| &answer.coverage) {
            names.insert(&line.ods, &line.name);
        }
        if !own.iter().any(|answer| !answer.completeness.is_empty()) {
            continue;
        }
        for (ods, partner) in names {
            let usable = ids.iter().map(|id| usable(&own, ods, id)).collect();
            rows.push(Complete {
                dataset: words::clean(&dataset.name),
                partner: words::clean(partner),
                usable,
            });
        }
    }
    rows
}

/// The least of the shares that are told; else why there is none.
fn usable(own: &[&Answer], ods: &Ods, dimension: &str) -> Usable {
    let by = |answer: &&&Answer| {
        answer.axes.first().is_some_and(|axis| axis.dimension.as_str() == dimension)
    };
    let answers: Vec<&Answer> = own.iter().filter(by).copied().collect();
    let shares = answers.iter().flat_map(|answer| &answer.completeness);
    let of_partner: Vec<&Completeness> = shares.filter(|c| c.ods() == ods).collect();
    let told = of_partner.iter().filter_map(|c| match c.usable() {
        RowShare::WholePercent(n) => Some(n),
        RowShare::Withheld | RowShare::None => None,
    });
    if let Some(least) = told.min() {
        return Usable::PerCent(least);
    }
    if !of_partner.is_empty() {
        return Usable::Withheld;
    }
    let mut lines = answers.iter().flat_map(|answer| &answer.coverage).filter(|l| l.ods == *ods);
    match lines.next().map(|line| line.status) {
        Some(CoverageStatus::NoData) => Usable::NotHeld,
        _ => Usable::NoAnswer,
    }
}

fn withheld(sections: &[Section]) -> Vec<WithheldGroups> {
    let mut all: Vec<WithheldGroups> = Vec::new();
    for one in sections.iter().flat_map(|section| &section.breakdowns) {
        match all.iter_mut().find(|known| known.by == one.name) {
            Some(known) => {
                known.indicators += 1;
                known.withheld += one.withheld;
                known.of += one.of;
            }
            None => all.push(WithheldGroups {
                by: one.name.clone(),
                indicators: 1,
                withheld: one.withheld,
                of: one.of,
            }),
        }
    }
    all
}

fn partners(latest: &[&Answer]) -> Vec<MissingPartner> {
    let mut all: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for answer in latest {
        let missing = answer.coverage.iter().filter(|c| c.status != CoverageStatus::Answered);
        for line in missing {
            let partner = format!("{} ({})", words::clean(&line.name), line.ods);
            let of = all.entry((partner, partner_says(line))).or_default();
            let name = words::clean(&answer.indicator.name);
            if !of.contains(&name) {
                of.push(name);
            }
        }
    }
    let each = all.into_iter();
    each.map(|((partner, why), indicators)| MissingPartner { partner, why, indicators }).collect()
}
