//! Against others and against earlier: each partner against the system, published figures, and a year before.

use evensum_core::model::Period;
use evensum_core::view::Answer;
use serde::Serialize;

use super::super::{rate, words};
use super::section::Section;
use super::value::{Mark, Reading, Shown};
use super::{Material, Partners};

/// One partner, or the system, in one indicator.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartnerRow {
    /// The partner's name; the system's.
    pub name: String,
    /// Whether it is the system.
    pub system: bool,
    /// Everybody.
    pub all: Shown,
    /// The most deprived.
    pub most: Shown,
    /// The least deprived.
    pub least: Shown,
    /// The gap.
    pub gap: Shown,
}

/// The partners beside each other in one indicator.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartnerFigures {
    /// The indicator's name.
    pub name: String,
    /// Its period, in words.
    pub period: String,
    /// The system first.
    pub rows: Vec<PartnerRow>,
}

/// One indicator now and a year before.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Earlier {
    /// The indicator's name.
    pub name: String,
    /// The period now, in words.
    pub period: String,
    /// The period before, in words.
    pub before: String,
    /// Everybody now.
    pub all_now: Shown,
    /// Everybody then.
    pub all_before: Shown,
    /// The gap now.
    pub gap_now: Shown,
    /// The gap then.
    pub gap_before: Shown,
    /// What can be said of the change of the gap.
    pub change: String,
}

/// Published figures of one indicator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublishedFigures {
    /// The indicator's name.
    pub name: String,
    /// A line each.
    pub lines: Vec<String>,
}

/// Against others and against earlier.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The partners, indicator by indicator.
    pub partners: Vec<PartnerFigures>,
    /// Why there are none, where there are none.
    pub no_partners: Option<String>,
    /// England, regions and peers.
    pub published: Vec<PublishedFigures>,
    /// A year before.
    pub earlier: Vec<Earlier>,
}

pub(super) fn of(material: &Material<'_>, sections: &[Section], latest: &[&Answer]) -> Comparison {
    let (partners, no_partners) = match &material.partners {
        Partners::NotAsked => {
            (Vec::new(), Some("The partners' own figures were not asked for.".to_owned()))
        }
        Partners::NotShown(why) => {
            (Vec::new(), Some(format!("{}.", words::opening(&words::clean(why)))))
        }
        Partners::Own(own) => {
            let each = sections.iter().filter_map(|section| beside(section, own));
            let all: Vec<PartnerFigures> = each.collect();
            let none = all.is_empty().then(|| "No partner's own figures could be had.".to_owned());
            (all, none)
        }
    };
    Comparison {
        partners,
        no_partners,
        published: published(sections, latest),
        earlier: sections.iter().filter_map(earlier).collect(),
    }
}

fn row(name: &str, system: bool, reading: &Reading) -> PartnerRow {
    PartnerRow {
        name: words::clean(name),
        system,
        all: reading.all.clone(),
        most: reading.most.clone(),
        least: reading.least.clone(),
        gap: difference(reading),
    }
}

fn difference(reading: &Reading) -> Shown {
    let gap = reading.gap.as_ref().map(|gap| gap.difference.clone());
    gap.unwrap_or_else(|| Shown::none(Mark::NotAvailable, "not compared"))
}

type Own<'a> = (evensum_core::model::Ods, String, Vec<&'a Answer>);

fn beside(section: &Section, own: &[Own<'_>]) -> Option<PartnerFigures> {
    let mut rows = vec![row("All partners together", true, &section.now)];
    for (ods, name, answers) in own {
        let found = answers.iter().find(|a| {
            a.indicator.id == section.id
                && a.period == section.now.period
                && a.coverage.iter().any(|line| line.ods == *ods)
                && !a.cells.is_empty()
        });
        let name = format!("{name} ({ods})");
        rows.extend(found.map(|answer| row(&name, false, &Reading::of(answer))));
    }
    (rows.len() > 1).then(|| PartnerFigures {
        name: section.name.clone(),
        period: section.now.period_name.clone(),
        rows,
    })
}

fn published(sections: &[Section], latest: &[&Answer]) -> Vec<PublishedFigures> {
    let each = sections.iter().filter_map(|section| {
        let own = latest.iter().filter(|answer| answer.indicator.id == section.id);
        let mut lines: Vec<String> = Vec::new();
        for figure in own.flat_map(|answer| &answer.beside.published) {
            let line = rate::comparator(figure);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        (!lines.is_empty()).then(|| PublishedFigures { name: section.name.clone(), lines })
    });
    each.collect()
}

fn year_before(period: Period) -> Period {
    let steps = match period {
        Period::Month { .. } => 12,
        Period::Quarter { .. } => 4,
        Period::Year { .. } => 1,
    };
    (0..steps).fold(period, |period, _| period.previous())
}

fn earlier(section: &Section) -> Option<Earlier> {
    let wanted = year_before(section.now.period);
    let point = section.series.iter().find(|point| point.period == wanted)?;
    let before = point.reading.as_ref()?;
    let change = super::Change::between(&section.now, Some(before));
    Some(Earlier {
        name: section.name.clone(),
        period: section.now.period_name.clone(),
        before: before.period_name.clone(),
        all_now: section.now.all.clone(),
        all_before: before.all.clone(),
        gap_now: difference(&section.now),
        gap_before: difference(before),
        change: change.says(&before.period_name),
    })
}
