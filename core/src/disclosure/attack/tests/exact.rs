//! Exact bounds, and the verdicts that follow from them.

use super::super::layout::Layout;
use super::super::random::{Random, SEED};
use super::super::{
    Attribute, Contradiction, Limits, Public, PublicCell, Range, RangesError, Verdict, decide,
    ranges, ranges_in_full,
};
use super::oracle;
use super::tables::{Invented, Shown, skewed, small};

/// Compares a share of the small tables with two programs a cell, and counts the safe and the unsafe.
fn compare(tables: impl Iterator<Item = usize>) -> (usize, usize) {
    let (mut safe, mut found_out) = (0, 0);
    for n in tables {
        let invented = small(n);
        let expected = oracle::bounds(&invented).expect("the truth fits");
        let found = ranges(&invented.public(), &Limits::RELEASE).expect("small");
        let found: Vec<_> = found.into_iter().map(|Range { low, high }| (low, high)).collect();
        assert_eq!(found, expected, "table {n}: {invented:?}");
        for (cell, (low, high)) in invented.cells.iter().zip(found) {
            let n = invented.members(&cell.at).into_iter().map(|m| invented.counts[m]).sum();
            assert!(low <= n && high.is_none_or(|high| n <= high), "the truth is within");
        }
        let decision = decide(&invented.public(), &Limits::RELEASE).expect("the truth fits");
        let verdict =
            if oracle::is_unsafe(&invented, &expected) { Verdict::Unsafe } else { Verdict::Safe };
        assert_eq!(decision.verdict, verdict, "table {n}: {invented:?} {expected:?}");
        *(if verdict == Verdict::Safe { &mut safe } else { &mut found_out }) += 1;
    }
    (safe, found_out)
}

// In two, which run side by side.
#[test]
fn bounds_and_verdicts_are_those_of_two_programs_a_cell() {
    let (safe, found_out) = compare(0..150);
    assert!(safe > 20 && found_out > 20, "{safe} safe, {found_out} not");
}

#[test]
fn bounds_and_verdicts_of_other_tables_are_too() {
    let (safe, found_out) = compare(150..300);
    assert!(safe > 20 && found_out > 20, "{safe} safe, {found_out} not");
}

/// The tables of two attributes of a table of three, all exact, with some people moved in one of the three.
fn disagreeing(random: &mut Random) -> Invented {
    let sizes = [3, 3, 3];
    let counts = skewed(random, &sizes, 4.0);
    let two = |at: &[u16]| at.iter().filter(|group| **group > 0).count() == 2;
    let mut invented =
        Invented::publish(&sizes, Invented::plain(&sizes), counts, Shown::Exact, two);
    let exact: Vec<u64> = invented
        .cells
        .iter()
        .map(|cell| invented.members(&cell.at).into_iter().map(|m| invented.counts[m]).sum())
        .collect();
    for (cell, n) in invented.cells.iter_mut().zip(exact) {
        (cell.low, cell.high) = (n, Some(n));
    }
    let by = 1 + random.below(3) as u64;
    for (b, c, more) in [(1, 1, true), (2, 2, true), (1, 2, false), (2, 1, false)] {
        let cell = invented.cells.iter_mut().find(|cell| cell.at == [0, b, c]).expect("published");
        cell.low = if more { cell.low + by } else { cell.low.saturating_sub(by) };
        cell.high = Some(cell.low);
    }
    invented
}

#[test]
fn figures_are_a_contradiction_where_no_table_fits() {
    let mut random = Random::new(SEED);
    let (mut possible, mut impossible) = (0, 0);
    for _ in 0..100 {
        let invented = disagreeing(&mut random);
        let found = ranges(&invented.public(), &Limits::RELEASE);
        if oracle::bounds(&invented).is_some() {
            assert!(found.is_ok(), "{invented:?} {found:?}");
            possible += 1;
        } else {
            assert_eq!(found, Err(RangesError::Contradiction(Contradiction)), "{invented:?}");
            impossible += 1;
        }
    }
    assert!(possible > 20 && impossible > 20, "{possible} {impossible}");
}

/// Six parts; any two of the first three have 10,000 people, and any two of the others. All have `total`. How many
/// the first has is hidden.
fn two_triangles(total: u64) -> Public {
    let groups = [&[0, 1][..], &[1, 2], &[0, 2], &[3, 4], &[4, 5], &[3, 5], &[0]];
    let cell =
        |group, low, high| PublicCell { at: vec![group], low, high, hidden: (low == 0).into() };
    let mut cells: Vec<PublicCell> = (1..=6).map(|g| cell(g, 10_000, Some(10_000))).collect();
    cells.extend([cell(0, total, Some(total)), cell(7, 0, None)]);
    let attribute = Attribute::new(6, groups.iter().map(|group| group.to_vec()).collect());
    Public::new(vec![attribute], cells).expect("well-formed")
}

#[test]
fn a_contradiction_that_only_a_program_finds_is_found() {
    let impossible = two_triangles(30_001);
    let merged = impossible.merged().expect("each cell is there once");
    assert_eq!(Layout::of(&merged).conclude(), Ok(()), "lines come to no end");
    let expected = Err(RangesError::Contradiction(Contradiction));
    assert_eq!(ranges(&impossible, &Limits::RELEASE), expected);
    assert_eq!(decide(&impossible, &Limits::RELEASE), Err(Contradiction));
    assert!(ranges(&two_triangles(30_000), &Limits::RELEASE).is_ok());
}

#[test]
fn what_nothing_bounds_has_no_greatest_value() {
    let cell = |group, low, high| PublicCell { at: vec![group], low, high, hidden: false.into() };
    let cells = vec![cell(1, 3, Some(7)), cell(0, 5, None), cell(2, 0, None)];
    let public =
        Public::new(vec![Attribute::new(2, vec![vec![0], vec![1]])], cells).expect("well-formed");
    let range = |low, high| Range { low, high };
    let found = ranges(&public, &Limits::RELEASE);
    assert_eq!(found, Ok(vec![range(3, Some(7)), range(5, None), range(0, None)]));
}

#[test]
fn limits_are_named() {
    let sizes = [3, 4, 5];
    let invented =
        Invented::publish(&sizes, Invented::plain(&sizes), vec![4; 60], Shown::Nhs75m, |_| true);
    let with = |limits| ranges(&invented.public(), &limits).expect_err("a limit");
    let release = Limits::RELEASE;
    assert_eq!(with(Limits { published: 119, ..release }), RangesError::Cells(119));
    assert_eq!(with(Limits { dense: 59, ..release }), RangesError::Joint(59));
    let spent = with(Limits { steps: 1, ..release });
    assert_eq!(spent, RangesError::Undecided { steps: 1, programs: release.programs });
    assert!(spent.to_string().contains("within 1 steps and 200 linear programs"));
}

#[test]
fn bounds_between_whole_numbers_are_rounded_inward() {
    let fractions = |n| {
        let found = ranges_in_full(&small(n).public(), &Limits::RELEASE).expect("small");
        for solved in &found.solved {
            let range = found.ranges[solved.cell];
            let rounded = if solved.high { range.high.expect("bounded") } else { range.low } as f64;
            let inward = if solved.high { solved.bound - rounded } else { rounded - solved.bound };
            assert!((-1e-6..1.0).contains(&inward), "{solved:?} {range:?}");
        }
        found.solved.iter().filter(|s| (s.bound - s.bound.round()).abs() > 1e-3).count()
    };
    assert!((0..400).map(fractions).sum::<usize>() > 0, "no bound was between whole numbers");
}
