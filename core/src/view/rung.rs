//! Which rung of a table an answer is given at. Partners release a table by the finest levels that pass their
//! disclosure test, and some withhold it where others do not: one figure needs one table, so that it is given at the
//! finest rung that every partner released, over all of its periods at once, so that a trend compares like with like.
//!
//! Nothing is asked here: [`Descent`] is told what became of each asking and says what to ask next.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::{Answer, AskedBy, Coverage, CoverageStatus};
use super::assemble::SystemView;
use crate::catalogue::{Catalogue, Rungs, Unknown};
use crate::model::{LevelId, Ods, Period, RefusalCode};

/// What a partner did with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Released it.
    Released,
    /// Withheld it.
    Withheld,
    /// Anything else: late, without such data, refused by a rule. No other rung would change it.
    Other,
}

impl Part {
    /// What a line of an answer's coverage says.
    #[must_use]
    pub fn of(line: &Coverage) -> Self {
        match (line.status, line.refusal) {
            (CoverageStatus::Answered, _) => Self::Released,
            (_, Some(RefusalCode::Withheld)) => Self::Withheld,
            _ => Self::Other,
        }
    }
}

/// What became of one rung: of each period, what each partner did.
pub type Parts = BTreeMap<(Period, Ods), Part>;

/// One indicator and breakdown over all the periods that somebody asks about, and how far down its rungs it has been
/// asked.
#[derive(Debug, Clone)]
pub struct Descent {
    rungs: Rungs,
    asked: Vec<Parts>,
}

impl Descent {
    /// Starts with the breakdown that was asked for; `coarser` are the tables below it, as the catalogue declares them.
    #[must_use]
    pub fn new(by: Vec<LevelId>, coarser: Rungs) -> Self {
        let rungs = std::iter::once(by).chain(coarser).collect();
        Self { rungs, asked: Vec::new() }
    }

    /// Takes what became of the rung that [`Self::next`] named.
    pub fn take(&mut self, parts: Parts) {
        if self.asked.len() < self.rungs.len() {
            self.asked.push(parts);
        }
    }

    /// What to ask next, of all periods; nothing where no partner withheld the last, or there is no coarser one.
    #[must_use]
    pub fn next(&self) -> Option<&[LevelId]> {
        let settled = self.asked.last().is_some_and(|last| !withheld(last).any(|_| true));
        if settled { None } else { self.rungs.get(self.asked.len()).map(Vec::as_slice) }
    }

    /// The rung to answer at, by its place among those that were asked: the finest that everybody released who
    /// released any. A partner that withheld all of them holds nobody else back.
    #[must_use]
    pub fn answer(&self) -> usize {
        let some: BTreeSet<&(Period, Ods)> = self.asked.iter().flat_map(released).collect();
        let held_back = |parts: &Parts| withheld(parts).filter(|part| some.contains(part)).count();
        let places = self.asked.iter().enumerate();
        let best = places.min_by_key(|(place, parts)| {
            (held_back(parts), std::cmp::Reverse(released(parts).count()), *place)
        });
        best.map_or(0, |(place, _)| place)
    }

    /// The levels of a rung.
    #[must_use]
    pub fn levels(&self, place: usize) -> &[LevelId] {
        self.rungs.get(place).map_or(&[], Vec::as_slice)
    }

    /// Whether somebody withheld every rung that was asked: the coarser ones were asked in vain for them.
    #[must_use]
    pub fn withheld_throughout(&self) -> bool {
        let last = self.asked.last();
        let some: BTreeSet<&(Period, Ods)> = self.asked.iter().flat_map(released).collect();
        last.is_some_and(|last| withheld(last).any(|part| !some.contains(part)))
    }

    /// The finest rung that a partner released of a period.
    #[must_use]
    pub fn finest(&self, period: Period, ods: &Ods) -> Option<&[LevelId]> {
        let key = (period, ods.clone());
        let place = self.asked.iter().position(|parts| parts.get(&key) == Some(&Part::Released));
        place.map(|place| self.levels(place))
    }
}

fn released(parts: &Parts) -> impl Iterator<Item = &(Period, Ods)> {
    parts.iter().filter(|(_, part)| **part == Part::Released).map(|(key, _)| key)
}

fn withheld(parts: &Parts) -> impl Iterator<Item = &(Period, Ods)> {
    parts.iter().filter(|(_, part)| **part == Part::Withheld).map(|(key, _)| key)
}

/// A breakdown as one text: `imd.quintile,ethnicity.group`.
#[must_use]
pub fn rung_text(by: &[LevelId]) -> String {
    let by: Vec<&str> = by.iter().map(LevelId::as_str).collect();
    if by.is_empty() { "all".to_owned() } else { by.join(",") }
}

impl<S> SystemView<S> {
    /// The same view, saying that it was asked by other levels, and by which levels each partner in it released the
    /// table at its finest. Nothing that travels changes.
    ///
    /// # Errors
    /// [`Unknown`], where the catalogue has no such level.
    pub fn descended(mut self, descent: &Descent, catalogue: &Catalogue) -> Result<Self, Unknown> {
        let asked = descent.levels(0);
        let answer: &mut Answer = self.answer_mut();
        if answer.rung != rung_text(asked) {
            let name = |id| catalogue.level(id).map(|(_, level)| level.name.clone());
            let names = asked.iter().map(name).collect::<Result<_, _>>()?;
            answer.asked = Some(AskedBy { levels: asked.to_vec(), names });
        }
        for line in &mut answer.coverage {
            if line.status == CoverageStatus::Answered {
                let finest = descent.finest(answer.period, &line.ods);
                line.rung = finest.map(rung_text).or(line.rung.take());
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 4] = ["imd.decile", "imd.quintile", "imd.core20", "sex"];

    fn by(place: usize) -> Vec<LevelId> {
        vec![LevelId::new(NAMES[place]).expect("a level")]
    }

    fn descent() -> Descent {
        Descent::new(by(0), vec![by(1), by(2)])
    }

    /// What partners RA, RB, … did: `r` released, `w` withheld, `-` anything else; a word for each month.
    fn parts(text: &str) -> Parts {
        let month = |n: usize| format!("2026-{:02}", n + 1).parse().expect("a month");
        let part = |c| match c {
            'r' => Part::Released,
            'w' => Part::Withheld,
            _ => Part::Other,
        };
        let partner = |n: usize| Ods::new(format!("R{n:02}")).expect("a code");
        let words = text.split(' ').enumerate();
        words
            .flat_map(|(m, word)| {
                word.chars().enumerate().map(move |(n, c)| ((month(m), partner(n)), part(c)))
            })
            .collect()
    }

    #[test]
    fn the_answer_is_at_the_finest_rung_that_everybody_released() {
        for (rungs, asked, answer) in [
            // Nobody withholds: nothing else is asked.
            (["rr-", "", ""], 1, 0),
            // One does, and releases the next.
            (["rw-", "rr-", ""], 2, 1),
            (["rw", "rw", "rr"], 3, 2),
            // Whoever withholds every rung holds nobody back.
            (["rw", "rw", "rw"], 3, 0),
            (["rww", "rrw", "rrw"], 3, 1),
            // Nor does one that was late the next time, and released nothing.
            (["rrw", "rr-", ""], 2, 0),
            // Everybody withholds everything: the question as it was asked says so.
            (["ww", "ww", "ww"], 3, 0),
            // A partner that is late is late; it has withheld nothing.
            (["-w", "-r", ""], 2, 1),
            (["r-", "", ""], 1, 0),
            (["rw", "-r", ""], 2, 1),
            // Of all months one: that another month of the same partner was released finer does not count.
            (["rr rw", "rr rr", ""], 2, 1),
            (["rr ww", "rr rw", "rr rr"], 3, 2),
            (["rr rw", "rr rw", "rr rw"], 3, 0),
            // None that all released: the one that most did, and of those the finest.
            (["rwr", "wrw", "wrw"], 3, 0),
        ] {
            let mut one = descent();
            let mut count = 0;
            while let Some(next) = one.next() {
                assert_eq!(next, by(count), "{rungs:?}");
                one.take(parts(rungs[count]));
                count += 1;
            }
            assert_eq!((count, one.answer()), (asked, answer), "{rungs:?}");
        }
    }

    #[test]
    fn a_breakdown_without_coarser_ones_is_asked_once() {
        let mut one = Descent::new(by(3), Vec::new());
        assert_eq!(one.next(), Some(by(3).as_slice()));
        one.take(parts("rw"));
        assert_eq!((one.next(), one.answer(), one.withheld_throughout()), (None, 0, true));
    }

    #[test]
    fn each_partner_is_told_with_the_finest_that_it_released() {
        let mut one = descent();
        ["rww", "rrw", "rrr"].into_iter().for_each(|text| one.take(parts(text)));
        let period = "2026-01".parse().expect("a month");
        let finest = |n: usize| one.finest(period, &Ods::new(format!("R{n:02}")).expect("a code"));
        assert_eq!(finest(0), Some(by(0).as_slice()));
        assert_eq!(finest(1), Some(by(1).as_slice()));
        assert_eq!(finest(2), Some(by(2).as_slice()));
        assert_eq!(finest(3), None);
        assert!(!one.withheld_throughout());
        assert_eq!(rung_text(&[]), "all");
    }

    proptest! {
        /// Where each partner releases all rungs from some one on, as publication makes it: the rung is the coarsest
        /// of those beginnings, over those that release any; and nothing is asked that is not needed.
        #[test]
        fn of_what_publication_leaves_the_rung_is_the_coarsest_beginning(
            begins in prop::collection::vec(0_usize..=3, 1..6),
        ) {
            let mut one = descent();
            let mut count = 0;
            while one.next().is_some() {
                let text: String =
                    begins.iter().map(|begin| if count >= *begin { 'r' } else { 'w' }).collect();
                one.take(parts(&text));
                count += 1;
            }
            let expected = begins.iter().filter(|begin| **begin < 3).max().copied().unwrap_or(0);
            prop_assert_eq!(one.answer(), expected);
            let needed = begins.iter().max().map_or(1, |begin| (begin + 1).min(3));
            prop_assert_eq!(count, needed);
            prop_assert_eq!(one.withheld_throughout(), begins.contains(&3));
        }
    }
}
