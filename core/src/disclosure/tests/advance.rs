//! Tables that are decided many at once, against the same ones decided one after the other.

use std::collections::VecDeque;

use super::live::{Asked, Records, SAME};
use super::*;
use attack::Limits;

/// The tables, each with its rungs, the finest first.
fn tables(records: &Records) -> VecDeque<Vec<Protected>> {
    let by: [&[&[&str]]; 6] = [
        &[&["imd.decile"], &["imd.quintile"], &["imd.core20"]],
        &[&["ethnicity.code"], &["ethnicity.group"]],
        &[&["age.band"]],
        &[&["sex"]],
        &[&["imd.quintile", "sex"], &["imd.core20", "sex"]],
        &[&["imd.quintile", "ethnicity.group"]],
    ];
    let of = |indicator: &'static str| {
        by.iter().map(move |rungs| {
            let table = |by: &&'static [&'static str]| {
                let asked: Asked<'_> = (indicator, *by, None);
                records.table(asked, SAME)
            };
            rungs.iter().map(table).collect()
        })
    };
    of("rtt_over_52_weeks").chain(of("rtt_over_18_weeks")).collect()
}

/// What is released and what is withheld, by key and in its order.
#[derive(Debug, Default, PartialEq)]
struct Decided {
    released: Vec<Digest>,
    withheld: Vec<Digest>,
    live: Vec<Vec<u8>>,
}

impl Decided {
    fn add(&mut self, decision: &Decision) {
        self.withheld.extend(decision.withheld.iter().map(Withheld::key));
        for draft in &decision.released {
            let live = mark(self.live.iter().map(|bytes| Digest::of(bytes)));
            assert_eq!(draft.tested().live, live, "each is tested with those before it");
            self.released.push(draft.key());
            self.live.push(draft.bytes().to_vec());
        }
    }
}

/// One after the other, with nothing but the plain test.
fn one_by_one(records: &Records) -> Decided {
    let mut decided = Decided::default();
    let count = tables(records).len();
    for table in 0..count {
        let rungs = tables(records)[table].len();
        for finest in 0..=rungs {
            let mut all = tables(records);
            let these: Vec<Protected> = all.remove(table).expect("a table").split_off(finest);
            let withheld =
                tables(records)[table].drain(..finest).map(|t| t.key()).collect::<Vec<_>>();
            let live = Live::new(&records.scene.catalogue, &decided.live).expect("live");
            if let Outcome::Passed(drafts) = live.test(these, &Limits::RELEASE).expect("tested") {
                decided.withheld.extend(withheld);
                decided.add(&Decision { withheld: Vec::new(), released: drafts });
                break;
            }
        }
    }
    decided
}

#[test]
fn many_at_once_come_to_what_one_after_the_other_comes_to() {
    let (mut released, mut withheld) = (0, 0);
    for (rows, seed) in [(60, 1), (300, 3), (900, 4)] {
        // Zeros are shown, so that much breaks.
        let records = Records::under(Profile::Nhs75, rows, seed);
        let mut open = tables(&records);
        let (mut at_once, mut steps) = (Decided::default(), 0);
        while !open.is_empty() {
            let live = Live::new(&records.scene.catalogue, &at_once.live).expect("live");
            let decision = live.advance(&mut open, &Limits::RELEASE).expect("decides");
            at_once.add(&decision);
            steps += 1;
        }
        assert_eq!(at_once, one_by_one(&records), "{rows} rows");
        assert!(steps <= 12, "a table is left at each step");
        released += at_once.released.len();
        withheld += at_once.withheld.len();
    }
    assert!(released > 0 && withheld > 0, "{released} and {withheld}");
}
