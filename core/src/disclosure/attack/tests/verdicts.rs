//! Verdicts.

use proptest::prelude::*;

use super::super::{
    Attribute, Contradiction, Decision, Hidden, Limits, Public, PublicCell, Verdict, decide,
};
use super::tables::{Invented, Shown, small};

fn verdict(invented: &Invented) -> Result<Verdict, Contradiction> {
    decide(&invented.public(), &Limits::RELEASE).map(|decision| decision.verdict)
}

#[test]
fn a_row_of_twelve_ones_is_found_out() {
    // Each shown as 1 to 7, and their sum as 10, which is 8 to 12.
    let row =
        |shown| Invented::publish(&[12], Invented::plain(&[12]), vec![1; 12], shown, |_| true);
    assert_eq!(verdict(&row(Shown::Nhs75)), Ok(Verdict::Unsafe));
    assert_eq!(verdict(&row(Shown::Nhs75m)), Ok(Verdict::Safe));
}

#[test]
fn figures_that_exclude_each_other_are_a_contradiction() {
    let mut invented =
        Invented::publish(&[2, 2], Invented::plain(&[2, 2]), vec![3; 4], Shown::Nhs75m, |_| true);
    let total = invented.cells.iter_mut().find(|c| c.at == [0, 0]).expect("a total");
    (total.low, total.high) = (40, Some(50));
    assert_eq!(verdict(&invented), Err(Contradiction));
}

#[test]
fn every_limit_ends_in_undecided() {
    let sizes = [5, 6, 4];
    let mut random = super::super::random::Random::new(super::super::random::SEED);
    let counts = super::tables::skewed(&mut random, &sizes, 8.0);
    let invented =
        Invented::publish(&sizes, Invented::plain(&sizes), counts, Shown::Nhs75m, |_| true);
    let with = |limits| decide(&invented.public(), &limits).expect("the truth fits");
    let release = Limits::RELEASE;
    let settled = with(release);
    assert_eq!(settled.verdict, Verdict::Safe);
    let short = with(Limits { steps: settled.steps / 8, ..release });
    assert_eq!(short.verdict, Verdict::Undecided);
    assert!(short.steps <= settled.steps / 8);
    assert_eq!(with(Limits { published: 209, ..release }).verdict, Verdict::Undecided);
    assert_eq!(with(Limits { published: 210, ..release }).verdict, Verdict::Safe);
    assert!(!with(Limits { dense: 119, ..release }).dense);
    assert!(with(Limits { dense: 120, ..release }).dense);
}

#[test]
fn whoever_repeats_the_test_does_the_same_work() {
    for n in 0..40 {
        let public = small(n).public();
        assert_eq!(decide(&public, &Limits::RELEASE), decide(&public, &Limits::RELEASE));
    }
}

#[test]
fn counts_beyond_all_people_are_not_decided() {
    let mut invented =
        Invented::publish(&[3], Invented::plain(&[3]), vec![3, 4, 5], Shown::Nhs75m, |_| true);
    for (low, high) in [(1 << 41, None), (0, Some(1 << 41))] {
        (invented.cells[0].low, invented.cells[0].high) = (low, high);
        assert_eq!(verdict(&invented), Ok(Verdict::Undecided));
    }
}

/// Three parts of which any two have so many people together, the first at least `least`, and a fourth with 0 to 7.
/// One part is hidden.
fn triangle(pairs: [(u64, u64); 3], least: u64, hidden: u16) -> Decision {
    triangle_hiding(pairs, least, (hidden, Hidden::Yes))
}

fn triangle_hiding(pairs: [(u64, u64); 3], least: u64, (part, hides): (u16, Hidden)) -> Decision {
    let groups = [&[0, 1][..], &[1, 2], &[0, 2], &[0], &[3]];
    let cell = |group, low, high| {
        let hidden = if group == part { hides } else { Hidden::No };
        PublicCell { at: vec![group], low, high, hidden }
    };
    let mut cells: Vec<PublicCell> =
        pairs.iter().zip(1..).map(|((low, high), group)| cell(group, *low, Some(*high))).collect();
    cells.extend([cell(4, least, None), cell(5, 0, Some(7))]);
    let attribute = Attribute::new(4, groups.iter().map(|group| group.to_vec()).collect());
    let public = Public::new(vec![attribute], cells).expect("well-formed");
    decide(&public, &Limits::RELEASE).expect("a table of real numbers fits")
}

#[test]
fn programs_settle_what_no_table_does() {
    // The first part has (8 + 9 - 7) / 2, which no single line says.
    let one = triangle([(8, 8), (7, 7), (9, 9)], 0, 4);
    assert_eq!((one.verdict, one.programs > 0), (Verdict::Unsafe, true));
    // Each of the three has 4½, so that there is no whole table to show what the fourth can be.
    let none = triangle([(9, 9); 3], 0, 5);
    assert_eq!((none.verdict, none.programs > 0), (Verdict::Safe, true));
    assert_eq!(triangle([(9, 9); 3], 0, 4).verdict, Verdict::Unsafe);
}

#[test]
fn one_of_two_numbers_is_found_out_below_three() {
    // The first part is half of what it has together with the third.
    let of = |third, least| triangle([(8, 8), (8, 8), third], least, 4).verdict;
    assert_eq!(of((0, 2), 0), Verdict::Unsafe);
    assert_eq!(of((2, 4), 0), Verdict::Unsafe);
    assert_eq!(of((4, 6), 2), Verdict::Unsafe);
    assert_eq!(of((6, 8), 0), Verdict::Safe);
    assert_eq!(of((6, 8), 3), Verdict::Safe);
    assert_eq!(of((0, 4), 0), Verdict::Safe);
}

#[test]
fn of_people_of_whom_something_is_not_stated_it_may_be_known_that_there_is_at_most_one() {
    for (low, high, known) in
        [(0, 0, true), (0, 1, false), (1, 1, true), (1, 2, true), (2, 3, false), (0, 2, false)]
    {
        assert_eq!(Hidden::Unstated.found_out(low, high), known, "{low} to {high}");
        assert!(!Hidden::No.found_out(low, high));
    }
    // As above, of a part of which less must stay hidden.
    let of = |third| triangle_hiding([(8, 8), (8, 8), third], 0, (4, Hidden::Unstated)).verdict;
    assert_eq!(of((0, 2)), Verdict::Safe, "0 or 1");
    assert_eq!(of((2, 4)), Verdict::Unsafe, "1 or 2");
    assert_eq!(of((4, 6)), Verdict::Safe, "2 or 3");
    assert_eq!(of((2, 2)), Verdict::Unsafe, "1");
}

/// Some of the cells that nobody else is are not published any more, and must not be found out all the same.
fn with_rests(n: usize) -> Invented {
    let mut invented = small(n);
    let sorted = |cell: &PublicCell| {
        let mut members = invented.members(&cell.at);
        members.sort_unstable();
        members
    };
    let members: Vec<Vec<usize>> = invented.cells.iter().map(sorted).collect();
    let once = |i: &usize| members.iter().filter(|m| **m == members[*i]).count() == 1;
    let rests: Vec<usize> = (n % 4..members.len()).step_by(4).filter(once).collect();
    for i in rests {
        let least = u64::from(n.is_multiple_of(2));
        let hidden = Hidden::Rest { least, most: 7, unstated: false };
        let at = invented.cells[i].at.clone();
        invented.cells[i] = PublicCell { at, low: 0, high: None, hidden };
    }
    invented
}

#[test]
fn what_published_figures_leave_is_found_out_where_programs_say_so() {
    let (mut only_rests, mut safe) = (0, 0);
    for n in 0..240 {
        let invented = with_rests(n);
        let bounds = super::oracle::bounds(&invented).expect("the truth fits");
        let known = super::oracle::is_unsafe(&invented, &bounds);
        let expected = if known { Verdict::Unsafe } else { Verdict::Safe };
        assert_eq!(verdict(&invented), Ok(expected), "table {n}");
        let mut published = invented.clone();
        for cell in &mut published.cells {
            if matches!(cell.hidden, Hidden::Rest { .. }) {
                cell.hidden = Hidden::No;
            }
        }
        let without = super::oracle::is_unsafe(&published, &bounds);
        only_rests += u32::from(known && !without);
        safe += u32::from(!known);
    }
    assert!(only_rests > 5 && safe > 20, "{only_rests} unsafe by a rest alone, {safe} safe");
}

#[test]
fn of_a_rest_only_what_would_be_hidden_is_found_out() {
    let rest = |unstated| Hidden::Rest { least: 1, most: 7, unstated };
    for (low, high, known) in
        [(0, 0, false), (0, 1, true), (1, 2, true), (0, 2, false), (7, 7, true), (8, 8, false)]
    {
        assert_eq!(rest(false).found_out(low, high), known, "{low} to {high}");
    }
    assert!(!rest(true).found_out(0, 1));
    // What somebody shows is no rest.
    let attribute = || vec![Attribute::new(2, vec![vec![0]])];
    let cell = |low, high, hidden| PublicCell { at: vec![1], low, high: Some(high), hidden };
    let of = |first, second| {
        let public = Public::new(attribute(), vec![first, second]).expect("well-formed");
        decide(&public, &Limits::RELEASE).expect("fits").verdict
    };
    let shown = || cell(3, 3, Hidden::No);
    let left = || cell(0, 9, rest(false));
    assert_eq!(of(shown(), left()), Verdict::Safe);
    assert_eq!(of(left(), shown()), Verdict::Safe);
    assert_eq!(of(left(), cell(3, 3, rest(false))), Verdict::Unsafe);
}

#[test]
fn nothing_hidden_is_safe() {
    let mut invented =
        Invented::publish(&[3], Invented::plain(&[3]), vec![3, 4, 5], Shown::Nhs75, |_| true);
    invented.cells.iter_mut().for_each(|cell| cell.hidden = Hidden::No);
    let safe = Decision { verdict: Verdict::Safe, steps: 0, programs: 0, dense: true };
    assert_eq!(decide(&invented.public(), &Limits::RELEASE), Ok(safe));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn the_order_of_cells_and_attributes_does_not_matter(
        n in 0_usize..400,
        keys in prop::collection::vec(any::<u64>(), 300),
        turn in 0_usize..3,
    ) {
        let mut invented = small(n);
        let before = verdict(&invented);
        let mut order: Vec<usize> = (0..invented.cells.len()).collect();
        order.sort_by_key(|i| keys[*i]);
        invented.cells = order.iter().map(|i| invented.cells[*i].clone()).collect();
        let turn = turn % invented.sizes.len();
        invented.sizes.rotate_left(turn);
        invented.groups.rotate_left(turn);
        invented.cells.iter_mut().for_each(|cell| cell.at.rotate_left(turn));
        prop_assert_eq!(verdict(&invented), before);
    }

    #[test]
    fn cells_that_tables_share_count_once(n in 0_usize..400, again in any::<prop::sample::Index>()) {
        let mut invented = small(n);
        let before = decide(&invented.public(), &Limits::RELEASE);
        let twice = invented.cells[again.index(invented.cells.len())].clone();
        invented.cells.push(twice);
        prop_assert_eq!(decide(&invented.public(), &Limits::RELEASE), before);
    }
}
