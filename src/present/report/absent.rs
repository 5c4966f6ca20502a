//! What of the pack is not in the report, and why: listed, and never silently left out.

use evensum_core::model::Period;
use serde::Serialize;

use super::super::words;
use super::section::{Section, reason_of};
use super::{Material, Missing};

/// An indicator, or a part of one, without figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Absent {
    /// The indicator's name, and by what where it is a breakdown alone.
    pub what: String,
    /// Whether the indicator has no figures at all.
    pub entirely: bool,
    /// Why.
    pub why: String,
    /// The periods, in words; empty where it is all of them.
    pub periods: String,
}

/// The most periods that are named one by one.
const MOST_NAMED: usize = 3;

/// Everything that has no figures, indicator by indicator.
pub(super) fn all(material: &Material<'_>, sections: &[Section]) -> Vec<Absent> {
    let mut found: Vec<(Absent, Vec<Period>)> = Vec::new();
    for indicator in material.indicators {
        let entirely = !sections.iter().any(|section| section.id == indicator.id);
        let answers = material.answers.iter().filter(|a| a.indicator.id == indicator.id);
        let empty = answers.filter(|answer| answer.cells.is_empty()).map(|answer| Missing {
            indicator: indicator.id.clone(),
            by: answer.axes.first().map(super::super::headline::axis_name),
            period: Some(answer.period),
            why: reason_of(answer),
        });
        // Of an indicator that is nowhere, the reason by deprivation stands for those by the other dimensions.
        let told = material.missing.iter().filter(|m| m.indicator == indicator.id).cloned();
        let before = found.len();
        let all: Vec<Missing> = told.chain(empty).collect();
        let first = all.first().map(|one| one.by.clone()).unwrap_or_default();
        for Missing { by, period, why, .. } in all {
            if entirely && by != first {
                continue;
            }
            let name = words::clean(&indicator.name);
            let what = match &by {
                Some(by) if !entirely => format!("{name}, by {by}"),
                _ => name,
            };
            let why = words::clean(&why);
            let own = &mut found[before..];
            match own.iter_mut().find(|(one, _)| one.what == what && one.why == why) {
                Some((_, periods)) => {
                    periods.extend(period.filter(|p| !periods.contains(p)));
                }
                None => {
                    let one = Absent { what, entirely, why, periods: String::new() };
                    found.push((one, period.into_iter().collect()));
                }
            }
        }
        if entirely && found.len() == before {
            let what = words::clean(&indicator.name);
            let why = "it has no period that ends in this time".to_owned();
            found.push((Absent { what, entirely, why, periods: String::new() }, Vec::new()));
        }
    }
    let said = |(mut one, mut periods): (Absent, Vec<Period>)| {
        periods.sort();
        one.periods = if one.entirely { String::new() } else { named(&periods) };
        one
    };
    found.into_iter().map(said).collect()
}

fn named(periods: &[Period]) -> String {
    match periods {
        [first, .., last] if periods.len() > MOST_NAMED => format!(
            "{} periods from {} to {}",
            periods.len(),
            words::period(*first),
            words::period(*last)
        ),
        few => words::list(&few.iter().map(|p| words::period(*p)).collect::<Vec<_>>()),
    }
}
