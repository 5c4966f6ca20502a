//! The sparse form against linear programs over the joint table.

mod oracle;
mod speed;
mod unions;

use super::super::random::Random;
use super::super::{Attribute, Contradiction, Limits, Public, PublicCell, Verdict};
use super::fit::fitted;
use super::index::Index;
use super::witnesses::Witnesses;
use super::{decide, ordered};
use oracle::found_out_by_programs;
use unions::{Dimension, Policy, Union, pairs, people};

const LIMITS: Limits = Limits::RELEASE;

fn verdict(public: &Public) -> Verdict {
    decide(&public.merged().expect("truth made it"), &LIMITS).expect("truth made it").verdict
}

/// How the verdicts on random unions compare with what linear programs find: safe, not safe, undecided.
fn compared(seed: u64, unions: usize) -> [usize; 3] {
    let mut random = Random::new(seed);
    let mut tally = [0; 3];
    for number in 0..unions {
        let union = Union::random(&mut random);
        assert!(union.truth_lies_inside(), "the fixture, {seed}/{number}");
        let verdict = verdict(&union.public);
        let found_out = found_out_by_programs(&union.public.merged().expect("truth made it"));
        match verdict {
            Verdict::Safe => assert!(!found_out, "{seed}/{number} was called safe: {union:?}"),
            Verdict::Unsafe => assert!(found_out, "{seed}/{number} was called unsafe: {union:?}"),
            Verdict::Undecided => {}
        }
        tally[match verdict {
            Verdict::Undecided => 2,
            _ => usize::from(found_out),
        }] += 1;
    }
    tally
}

#[test]
fn verdicts_are_those_of_linear_programs() {
    let [safe, found_out, undecided] = compared(1, 80);
    assert!(safe > 20 && found_out > 20, "the fixture makes both: {safe} {found_out}");
    assert!(undecided <= 2, "{undecided} of 80");
}

#[test]
#[ignore = "minutes in a debug build: run in release"]
#[expect(clippy::print_stdout, reason = "a measurement")]
fn many_verdicts_are_those_of_linear_programs() {
    for seed in 100..110 {
        let tally = compared(seed, 1_000);
        println!("{seed}: safe, found out, undecided {tally:?}");
        assert!(tally[2] <= 20);
    }
}

/// All pairs of four axes.
fn of_pairs(seed: u64, sizes: [u16; 4], total: u64, policy: Policy) -> Union {
    let mut random = Random::new(seed);
    let dimensions = sizes.map(Dimension::flat);
    let people = people(&dimensions, total, &mut random);
    Union::of(&dimensions, &pairs(4), &people, policy, &mut random)
}

/// The same figures with axes, groups and cells in another order.
fn reordered(union: &Union, sizes: [u16; 4]) -> Public {
    let parts = |size: u16| (0..size).rev().map(|p| vec![p]).collect();
    let attributes = sizes.iter().rev().map(|s| Attribute::new(*s, parts(*s))).collect();
    let cells = union.public.cells().iter().rev().map(|cell| {
        let groups = cell.at.iter().zip(sizes);
        let at = groups.rev().map(|(g, size)| if *g == 0 { 0 } else { size + 1 - g });
        PublicCell { at: at.collect(), ..cell.clone() }
    });
    Public::new(attributes, cells.collect()).expect("well formed")
}

#[test]
fn the_order_of_figures_does_not_change_the_verdict_and_repeating_changes_nothing() {
    let (sizes, mut verdicts) = ([4, 5, 3, 6], [0; 2]);
    for seed in 0..12 {
        let policy = if seed % 2 == 0 { Policy::Merged } else { Policy::Zeros };
        let union = of_pairs(seed, sizes, 300 + 200 * seed, policy);
        let merged = union.public.merged().expect("truth made it");
        let decision = decide(&merged, &LIMITS);
        assert_eq!(decision, decide(&merged, &LIMITS));
        let found = verdict(&union.public);
        assert_eq!(found, verdict(&reordered(&union, sizes)), "{seed}");
        verdicts[usize::from(found == Verdict::Safe)] += 1;
    }
    assert!(verdicts.iter().all(|n| *n > 0), "the fixture makes both: {verdicts:?}");
}

#[test]
fn exact_figures_of_the_system_beside_tables_of_partners_are_never_safe() {
    let nodes = pairs(4).into_iter().map(|p| if p[0] == 0 { p } else { vec![0, p[0], p[1]] });
    let tables: Vec<Vec<usize>> = nodes.collect();
    let mut found_out = 0;
    for seed in 0..10 {
        let mut random = Random::new(seed);
        let dimensions = [2, 3, 3, 2].map(Dimension::flat);
        let people = people(&dimensions, 120, &mut random);
        let policy = Policy::NodesMergedSystemExact;
        let union = Union::of(&dimensions, &tables, &people, policy, &mut random);
        let merged = union.public.merged().expect("truth made it");
        if found_out_by_programs(&merged) {
            assert_ne!(verdict(&union.public), Verdict::Safe, "{seed}");
            found_out += 1;
        }
    }
    assert!(found_out >= 5, "{found_out}");
}

#[test]
fn limits_end_it_undecided() {
    let union = of_pairs(4, [4, 5, 3, 6], 1_500, Policy::Merged);
    let merged = union.public.merged().expect("truth made it");
    let decided = |limits| decide(&merged, &limits).expect("truth made it");
    let whole = decided(LIMITS);
    assert_eq!(whole.verdict, Verdict::Safe);
    let short = decided(Limits { steps: whole.steps / 2, ..LIMITS });
    assert_eq!(short.verdict, Verdict::Undecided);
    // The step under way is finished.
    assert!(short.steps < whole.steps / 2 + 200, "{short:?} {whole:?}");
    let cells = merged.cells.len();
    let few = Limits { published: cells - 1, ..LIMITS };
    assert_eq!(decided(few).verdict, Verdict::Undecided);
    assert_eq!(decided(Limits { published: cells, ..LIMITS }), whole);
    // Few rows of many records each do as well.
    assert_eq!(decided(Limits { records: 100, ..LIMITS }).verdict, Verdict::Safe);
}

fn two_by_two(cells: &[(u16, u16, u64, Option<u64>, bool)]) -> Public {
    let attributes = vec![Attribute::new(2, vec![vec![0], vec![1]]); 2];
    let cell = |(a, b, low, high, hidden): &(u16, u16, u64, Option<u64>, bool)| PublicCell {
        at: vec![*a, *b],
        low: *low,
        high: *high,
        hidden: (*hidden).into(),
    };
    Public::new(attributes, cells.iter().map(cell).collect()).expect("well formed")
}

#[test]
fn counts_of_many_people_begin_near_their_bounds() {
    let near = |(low, high): (i64, i64), n: i64| low - 1_000 <= n && n <= high + 1_000;
    for (first, both) in [(40_000, 30_000), (39_000, 4_000), (50_000, 45_000)] {
        let cells = [
            (0, 0, 99_998, Some(100_002), false),
            (1, 0, first - 2, Some(first + 2), false),
            (0, 1, 60_000, Some(60_004), false),
            (1, 1, both - 2, Some(both + 2), false),
            (2, 2, 0, None, true),
        ];
        let merged = two_by_two(&cells).merged().expect("agree");
        let cells = ordered(&merged);
        let index = Index::of(&merged.axes, &cells).expect("small");
        let bounds: Vec<(i64, i64)> = cells.iter().map(|c| (c.low, c.high)).collect();
        let rows = fitted(&index, &bounds).expect("many people and few groups");
        for (cell, bounds) in bounds.iter().enumerate() {
            let inside = rows.parts.iter().zip(&rows.weights);
            let inside = inside.filter(|(parts, _)| index.holds(cell, parts));
            let count = inside.map(|(_, weight)| weight).sum();
            assert!(near(*bounds, count), "{cell}: {count} for {bounds:?}");
        }
        assert!(fitted(&index, &[(4_000, 4_004)]).is_none(), "few are placed one by one");
    }
}

#[test]
fn figures_that_no_table_can_have_made_are_a_contradiction() {
    let decided = |cells: &[_]| decide(&two_by_two(cells).merged().expect("agree"), &LIMITS);
    // The parts are more than the whole.
    let more = [(0, 0, 0, Some(9), false), (1, 0, 6, None, false), (2, 0, 6, None, false)];
    assert_eq!(decided(&more), Err(Contradiction));
    // A cell is more than one around it that differs on both axes.
    let around = [(0, 0, 0, Some(9), false), (1, 2, 10, Some(12), false)];
    assert_eq!(decided(&around), Err(Contradiction));
}

#[test]
fn everybody_need_not_be_published() {
    // Four hidden cells that nothing else is said about, and nobody at all.
    let hidden = [(1, 1), (1, 2), (2, 1), (2, 2)].map(|(a, b)| (a, b, 0, Some(7), true));
    assert_eq!(verdict(&two_by_two(&hidden)), Verdict::Safe);
    let nobody = [(1, 0, 0, Some(0), false), (2, 0, 0, Some(0), false), (1, 1, 0, Some(7), true)];
    assert_eq!(verdict(&two_by_two(&nobody)), Verdict::Unsafe);
    assert_eq!(verdict(&two_by_two(&[(1, 1, 0, Some(7), false)])), Verdict::Safe);
}

/// Whether the second of some cells is seen to vary, where sums have not been asked first.
fn varies(cells: &[(u16, u16, u64, Option<u64>, bool)]) -> bool {
    let merged = two_by_two(cells).merged().expect("agree");
    let index = Index::of(&merged.axes, &merged.cells).expect("small");
    let bounds: Vec<(i64, i64)> = merged.cells.iter().map(|c| (c.low, c.high)).collect();
    let mut witnesses = Witnesses::new(&index, &merged.cells, &bounds, &LIMITS);
    witnesses.begin() && witnesses.vary(vec![1])
}

#[test]
fn one_apart_is_enough_from_3_on() {
    let everybody = (0, 0, 50, Some(60), false);
    let safe = |low, high| varies(&[everybody, (1, 0, low, Some(high), true)]);
    assert!(safe(0, 7) && safe(1, 3) && safe(3, 4) && safe(30, 31));
    assert!(!safe(0, 1) && !safe(2, 3) && !safe(0, 0) && !safe(5, 5));
}

#[test]
fn a_number_that_no_table_reaches_is_not_believed() {
    let everybody = (0, 0, 50, Some(60), false);
    let hidden = (1, 1, 0, Some(7), true);
    let row = |total| (1, 0, total, Some(total), false);
    let other = (1, 2, 9, Some(9), false);
    assert!(!varies(&[everybody, hidden, row(9), other]));
    assert!(!varies(&[everybody, hidden, row(11), other]));
    assert!(varies(&[everybody, hidden, (1, 0, 9, Some(11), false), other]));
}
