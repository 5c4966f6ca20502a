//! Verdicts.

use proptest::prelude::*;

use super::super::{Contradiction, Decision, Limits, Verdict, decide};
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
    let mut random = super::super::random::Random::new();
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

#[test]
fn nothing_hidden_is_safe() {
    let mut invented =
        Invented::publish(&[3], Invented::plain(&[3]), vec![3, 4, 5], Shown::Nhs75, |_| true);
    invented.cells.iter_mut().for_each(|cell| cell.hidden = false);
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
