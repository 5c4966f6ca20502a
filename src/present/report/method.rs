//! How a report was made: its sources, its methods and its terms.

use std::collections::BTreeSet;

use evensum_core::view::{Answer, ViewKind};
use serde::Serialize;

use super::super::words;
use super::section::Section;
use super::{Material, Setting};

/// A word of the report, explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Term {
    /// The word.
    pub term: &'static str,
    /// What it means.
    pub means: &'static str,
}

/// At most ten terms, which a member of a board may ask about.
const TERMS: [Term; 10] = [
    Term {
        term: "Most and least deprived fifth",
        means: "People by where they live: the fifth of England's neighbourhoods that the Index of Multiple Deprivation ranks as most deprived, and the fifth that it ranks as least.",
    },
    Term {
        term: "Gap",
        means: "The figure of the most deprived minus the figure of the least deprived. Between two shares it is in percentage points.",
    },
    Term {
        term: "A to b",
        means: "The true figure lies between the two, both included. It is not known more closely because small figures are withheld and others are rounded.",
    },
    Term { term: "Withheld", means: "Not shown so that nobody can be recognised. It is not zero." },
    Term {
        term: "95 % limits",
        means: "How far chance alone may move a figure of so few people. Where the limits of two groups overlap, their difference may be chance.",
    },
    Term {
        term: "Wherever those not known belong",
        means: "The gap worked out as if everybody whose deprivation is not known belonged to the group that makes it least, and then to the one that makes it greatest.",
    },
    Term {
        term: "Usual variation",
        means: "Between the dashed lines a gap moves from month to month by chance (an XmR chart, by the rules of NHS England's Making Data Count). Points outside of them, seven in a row on one side or seven rising or falling are signals.",
    },
    Term {
        term: "Baseline",
        means: "The first period of the report, or the one that it was asked to look back to.",
    },
    Term {
        term: "Usable",
        means: "The share of records in which a characteristic is filled in with a code that means something.",
    },
    Term {
        term: "Proof of entry",
        means: "Evidence, signed by a partner or the coordinator, that an answer stands in its audit log.",
    },
];

/// How a report was made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Method {
    /// Sentences.
    pub notes: Vec<String>,
    /// Terms.
    pub glossary: Vec<Term>,
    /// Ids of the queries.
    pub queries: Vec<String>,
    /// Extracts: partner, and the dates that they describe.
    pub extracts: Vec<(String, String)>,
    /// Proofs of entry that came with the answers.
    pub proofs: usize,
}

pub(super) fn of(setting: &Setting, material: &Material<'_>, sections: &[Section]) -> Method {
    let answers = material.answers;
    let queries: BTreeSet<String> =
        answers.iter().filter_map(|a| a.query_id).map(|id| id.to_string()).collect();
    let mut extracts: Vec<(String, BTreeSet<String>)> = Vec::new();
    for line in answers.iter().flat_map(|answer| &answer.coverage) {
        let Some(as_of) = line.as_of else { continue };
        let name = format!("{} ({})", words::clean(&line.name), line.ods);
        let said = match line.version {
            Some(version) => format!("{as_of} {}", words::version(version)),
            None => as_of.to_string(),
        };
        match extracts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, dates)) => {
                dates.insert(said);
            }
            None => extracts.push((name, BTreeSet::from([said]))),
        }
    }
    extracts.sort();
    let dates = |(name, dates): (String, BTreeSet<String>)| {
        (name, dates.into_iter().collect::<Vec<_>>().join(", "))
    };
    Method {
        notes: notes(setting, answers, sections),
        glossary: TERMS.to_vec(),
        queries: queries.into_iter().collect(),
        extracts: extracts.into_iter().map(dates).collect(),
        proofs: answers.iter().map(|answer| answer.receipts.len()).sum(),
    }
}

fn notes(setting: &Setting, answers: &[&Answer], sections: &[Section]) -> Vec<String> {
    let is = |wanted: ViewKind| answers.iter().any(|answer| answer.view == wanted);
    let mut notes = Vec::new();
    if is(ViewKind::Interval) {
        notes.push("Each partner withholds small figures and rounds the others before anything leaves it. System figures are the sums of these, and are said as what they may lie between.".to_owned());
    }
    if is(ViewKind::Pooled) {
        notes.push("Figures of all partners were added up in a way that shows no partner's own, and small ones were withheld after that.".to_owned());
    }
    if is(ViewKind::Partner) {
        let how = if setting.exact { "as they are" } else { "as one partner releases them" };
        notes.push(format!("The figures are {how}, of one organisation."));
    }
    notes.push("Shares are rounded outwards: to a tenth of a per cent where at least 4,000 are counted below the line, else to whole per cent.".to_owned());
    notes.push("Limits are at 95 %: of shares by Wilson's score method; of rates exact below 10 events and by Byar's method from there; of gaps by Newcombe's squaring and adding of the limits of the two groups (1998, method 10). Where a figure is known as a range, they are the outermost of all that it may be.".to_owned());
    notes.push("A gap is said to be wider or narrower only where its limits lie apart from those of the gap that it is compared with.".to_owned());
    let editions: BTreeSet<&str> = sections
        .iter()
        .flat_map(|s| &s.series)
        .filter_map(|p| p.reading.as_ref()?.edition)
        .collect();
    if !editions.is_empty() {
        let all: Vec<&str> = editions.into_iter().collect();
        notes.push(format!(
            "Deprivation: Index of Multiple Deprivation, edition of {}.",
            words::list(&all)
        ));
    }
    notes
}
