//! Verdicts.

use super::super::{Contradiction, Limits, Verdict, decide};
use super::oracle;
use super::tables::{Invented, Shown, small};

const TABLES: usize = 300;

#[test]
fn the_verdict_is_that_of_two_programs_a_cell() {
    let (mut safe, mut found) = (0, 0);
    for n in 0..TABLES {
        let invented = small(n);
        let bounds = oracle::bounds(&invented).expect("the truth fits");
        let expected =
            if oracle::is_unsafe(&invented, &bounds) { Verdict::Unsafe } else { Verdict::Safe };
        let decision = decide(&invented.public(), &Limits::RELEASE).expect("the truth fits");
        assert_eq!(decision.verdict, expected, "table {n}: {invented:?} {bounds:?}");
        assert!(decision.dense);
        *(if expected == Verdict::Safe { &mut safe } else { &mut found }) += 1;
    }
    assert!(safe > TABLES / 5 && found > TABLES / 5, "{safe} safe, {found} not");
}

#[test]
fn a_row_of_twelve_ones_is_found_out() {
    // Each shown as 1 to 7, and their sum as 10, which is 8 to 12.
    let row = |shown| {
        Invented::publish(&[12], Invented::plain(&[12]), vec![1; 12], shown, |_| true).public()
    };
    let verdict = |shown| decide(&row(shown), &Limits::RELEASE).map(|d| d.verdict);
    assert_eq!(verdict(Shown::Nhs75), Ok(Verdict::Unsafe));
    assert_eq!(verdict(Shown::Nhs75m), Ok(Verdict::Safe));
}

#[test]
fn figures_that_exclude_each_other_are_a_contradiction() {
    let mut invented =
        Invented::publish(&[2, 2], Invented::plain(&[2, 2]), vec![3; 4], Shown::Nhs75m, |_| true);
    let total = invented.cells.iter_mut().find(|c| c.at == [0, 0]).expect("a total");
    (total.low, total.high) = (40, Some(50));
    assert_eq!(decide(&invented.public(), &Limits::RELEASE), Err(Contradiction));
}
