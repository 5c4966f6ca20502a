//! What a report says first: how much is known, which gaps are clear, which are not, and what changed.

use std::collections::BTreeSet;

use evensum_core::view::{Answer, CoverageStatus};
use serde::Serialize;

use super::super::{headline, words};
use super::Material;
use super::change::{Change, worse};
use super::section::Section;
use super::value::Verdict;

/// The report in sentences.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Sentences, what is not known first.
    pub sentences: Vec<String>,
    /// Who is in the figures.
    pub coverage: String,
    /// The rules by which figures are withheld and rounded.
    pub policy: Vec<String>,
    /// Paragraphs of commentary.
    pub commentary: Vec<String>,
}

/// The most names that a sentence has.
const MOST_NAMED: usize = 6;

pub(super) fn of(
    material: &Material<'_>,
    sections: &[Section],
    latest: &[&Answer],
    commentary: Vec<String>,
) -> Summary {
    let mut sentences = vec![known(material.indicators.len(), sections.len())];
    sentences.extend(gaps(sections));
    sentences.extend(changes(sections));
    let policies: BTreeSet<String> =
        latest.iter().filter_map(|answer| answer.policy).map(words::policy).collect();
    Summary {
        sentences,
        coverage: coverage(latest),
        policy: policies.iter().map(|text| format!("{}.", words::opening(text))).collect(),
        commentary,
    }
}

fn known(of: usize, with: usize) -> String {
    match (of, with) {
        (of, 0) => format!("There are no figures of any of the {of} indicators."),
        (of, with) if of == with => format!("There are figures of all {of} indicators."),
        (of, with) => format!(
            "There are figures of {with} of the {of} indicators; the other {} are listed at the end, with the reason.",
            of - with
        ),
    }
}

/// `Waiting over 52 weeks, … and 3 more`.
fn names(of: &[&Section]) -> String {
    let named: Vec<String> = of.iter().take(MOST_NAMED).map(|s| words::within(&s.name)).collect();
    match of.len().saturating_sub(MOST_NAMED) {
        0 => words::list(&named),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// `In 1 indicator`, `In 3 indicators`.
fn in_so_many(of: &[&Section]) -> String {
    match of.len() {
        1 => "In 1 indicator".to_owned(),
        n => format!("In {n} indicators"),
    }
}

fn gaps(sections: &[Section]) -> Vec<String> {
    let with = |wanted: &dyn Fn(&Section, Verdict) -> bool| -> Vec<&Section> {
        let is = |s: &&Section| s.now.gap.as_ref().is_some_and(|gap| wanted(s, gap.verdict));
        sections.iter().filter(is).collect()
    };
    let open = with(&|_, v| matches!(v, Verdict::Withheld | Verdict::NoFigure | Verdict::Open));
    let chance = with(&|_, v| v == Verdict::MayBeChance);
    let worse_off = with(&|s, v| worse(v, s.polarity) == Some(true));
    let better_off = with(&|s, v| worse(v, s.polarity) == Some(false));
    let even = with(&|_, v| v == Verdict::Even);
    let differ = with(&|s, v| v.is_clear() && worse(v, s.polarity).is_none());
    let untested = with(&|s, v| v.is_clear() && s.now.gap.as_ref().is_some_and(|g| !g.tested));
    let all = [
        (
            &open,
            "it cannot be told whether the most or the least deprived are higher, because figures are withheld or too open",
        ),
        (&chance, "the most and the least deprived differ by no more than may be chance"),
        (&worse_off, "the most deprived are worse off than the least deprived"),
        (&better_off, "the most deprived are better off than the least deprived"),
        (&differ, "the most and the least deprived differ"),
        (&even, "there is no difference between the most and the least deprived"),
        (
            &untested,
            "the difference is not tested against chance, as there are no limits of such figures",
        ),
    ];
    let told = all.into_iter().filter(|(of, _)| !of.is_empty());
    told.map(|(of, says)| format!("{} {says}: {}.", in_so_many(of), names(of))).collect()
}

fn changes(sections: &[Section]) -> Vec<String> {
    let with = |wanted: Change| -> Vec<&Section> {
        sections.iter().filter(|s| s.now.gap.is_some() && s.change == wanted).collect()
    };
    let gaps = sections.iter().filter(|section| section.now.gap.is_some()).count();
    if gaps == 0 {
        return Vec::new();
    }
    let mut said = Vec::new();
    for (change, word) in [
        (Change::Wider, "wider"),
        (Change::Narrower, "narrower"),
        (Change::Turned, "the other way round"),
    ] {
        let of = with(change);
        if !of.is_empty() {
            said.push(format!(
                "Against half a year before, the gap is clearly {word} in: {}.",
                names(&of)
            ));
        }
    }
    let unclear = with(Change::NoClear).len();
    match (said.is_empty(), unclear) {
        (true, 0) => said.push("No gap can be compared with half a year before.".to_owned()),
        (true, n) if n == gaps => {
            said.push("Against half a year before, no gap has clearly changed.".to_owned());
        }
        (true, n) => said.push(format!(
            "Against half a year before, no gap has clearly changed; {n} of {gaps} can be compared."
        )),
        (false, _) => {}
    }
    said
}

fn inside(answer: &Answer) -> usize {
    answer.coverage.iter().filter(|line| line.status == CoverageStatus::Answered).count()
}

/// Who is in the figures: of all of them alike, or from how many to how many.
fn coverage(latest: &[&Answer]) -> String {
    let with: Vec<&&Answer> = latest.iter().filter(|a| !a.cells.is_empty()).collect();
    let Some(first) = with.first() else {
        return "No partner's figures are in this report.".to_owned();
    };
    let same =
        |one: &&&Answer| (inside(one), one.coverage.len()) == (inside(first), first.coverage.len());
    if with.iter().all(same) {
        return headline::counted(first);
    }
    let least = with.iter().map(|one| inside(one)).min().unwrap_or_default();
    let most = with.iter().map(|one| inside(one)).max().unwrap_or_default();
    let asked = with.iter().map(|one| one.coverage.len()).max().unwrap_or_default();
    if least == most {
        return format!(
            "{most} of the {asked} partners asked are in the figures of each indicator."
        );
    }
    format!(
        "{least} to {most} of the {asked} partners asked are in the figures, by indicator and breakdown."
    )
}
