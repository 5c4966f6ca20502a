//! What the summary says of answers whose figures are known, overlap, or are withheld.

use evensum_core::model::CellState;

use super::super::fixture::{bare, by_quintile, cell, crossed, side, undivided};
use super::*;

/// Fifths of deprivation: those above and below the line of each, least and most.
fn fifths(figures: [(u64, u64, u64, u64); 5]) -> Answer {
    let mut answer = bare(&["imd.quintile"]);
    let shown = |(xl, xh, nl, nh): (u64, u64, u64, u64)| {
        (side(CellState::Value, xl, Some(xh)), side(CellState::Value, nl, Some(nh)))
    };
    let mut all = (0, 0, 0, 0);
    for (i, figure) in figures.into_iter().enumerate() {
        let (x, n) = shown(figure);
        answer.cells.push(cell(vec![i], x, n));
        all = (all.0 + figure.0, all.1 + figure.1, all.2 + figure.2, all.3 + figure.3);
    }
    for i in 5..8 {
        let (x, n) = shown((0, 0, 0, 0));
        answer.cells.push(cell(vec![i], x, n));
    }
    let (x, n) = shown(all);
    answer.cells.push(cell(vec![8], x, n));
    answer
}

fn of<'a>(findings: &'a [Finding], measure: &str) -> &'a Finding {
    findings.iter().find(|finding| finding.measure == measure).expect("the measure")
}

#[test]
fn a_clear_difference_is_said_with_its_size_and_its_way() {
    let group = |x| (x, x, 5_000, 5_000);
    let answer = fifths([group(500), group(400), group(350), group(300), group(250)]);
    let found = findings(&answer);
    let difference = of(&found, "difference");
    assert!((difference.low.expect("a value") - 0.05).abs() < 1e-12);
    assert_eq!(
        difference.sentence,
        "The share of pathways that wait over 52 weeks is 5.0 percentage points higher in the most deprived fifth than in the least deprived fifth."
    );
    let ratio = of(&found, "ratio");
    assert_eq!(
        ratio.sentence,
        "The share of pathways that wait over 52 weeks in the most deprived fifth is 2.00 times that in the least deprived fifth."
    );
    assert!(found.iter().all(|finding| finding.measure != "not_known"));
    let slope = of(&found, "sii");
    assert!(
        slope.low.expect("a value") < -0.04 && slope.sentence.contains(" falls by "),
        "{slope:?}"
    );
    assert_eq!(
        of(&found, "avoided").sentence,
        "If all groups had the same figure as the least deprived fifth, there would be 550 fewer pathways that wait over 52 weeks. This compares groups as they are and says nothing of causes."
    );
    assert!(of(&found, "rii").sentence.ends_with("(relative index of inequality)."));
}

#[test]
fn limits_that_overlap_are_said_first_and_ranges_that_do_claim_nothing() {
    let group = |x| (x, x, 300, 300);
    let near = fifths([group(30), group(28), group(27), group(26), group(25)]);
    let said = of(&findings(&near), "difference").sentence.clone();
    assert!(
        said.starts_with("The 95 % limits of the two overlap, so this may be chance: "),
        "{said}"
    );
    let wide = |x| (x, x + 30, 300, 300);
    let open = fifths([wide(30), wide(28), wide(27), wide(26), wide(25)]);
    let said = of(&findings(&open), "difference").sentence.clone();
    assert!(said.starts_with("These figures do not show whether"), "{said}");
}

#[test]
fn a_withheld_end_leaves_no_difference_and_says_which() {
    let group = |x| (x, x, 5_000, 5_000);
    let mut answer = fifths([group(500), group(400), group(350), group(300), group(250)]);
    answer.cells[4] = cell(
        vec![4],
        side(CellState::Suppressed, 0, Some(14)),
        side(CellState::Value, 198, Some(202)),
    );
    let found = findings(&answer);
    let difference = of(&found, "difference");
    assert_eq!((difference.low, difference.high), (None, None));
    assert_eq!(
        difference.sentence,
        "The difference between the two ends cannot be given: 5 – least deprived is withheld or not there."
    );
    assert!(found.iter().all(|finding| finding.measure != "ratio"));
    assert_eq!(
        of(&found, "sii").sentence,
        "There is no slope index of inequality: group 5 is missing: a value for each group is needed, and none is guessed."
    );
}

#[test]
fn those_of_whom_the_group_is_not_known_can_turn_a_difference_round() {
    let group = |x| (x, x, 5_000, 5_000);
    let mut answer = fifths([group(500), group(450), group(450), group(450), group(400)]);
    answer.cells[5] = cell(
        vec![5],
        side(CellState::Value, 300, Some(300)),
        side(CellState::Value, 3_000, Some(3_000)),
    );
    let found = findings(&answer);
    assert!(of(&found, "difference").sentence.ends_with("is not known could turn this round."));
    assert!(
        of(&found, "not_known")
            .sentence
            .ends_with("of all pathways, the deprivation quintile is not known.")
    );
    assert_eq!(found[0].measure, "not_known", "unknowns are said first");
}

#[test]
fn ethnic_groups_are_set_against_the_white_group_and_hidden_ones_are_counted() {
    let mut answer = bare(&["ethnicity.group"]);
    let shown = |x, n| (side(CellState::Value, x, Some(x)), side(CellState::Value, n, Some(n)));
    for (i, (x, n)) in [(300, 6_000), (30, 500), (90, 900), (80, 500)].into_iter().enumerate() {
        let (x, n) = shown(x, n);
        answer.cells.push(cell(vec![i], x, n));
    }
    answer.cells.push(cell(vec![4], side(CellState::Suppressed, 0, Some(14)), shown(0, 60).1));
    for i in 5..8 {
        let (x, n) = shown(0, 0);
        answer.cells.push(cell(vec![i], x, n));
    }
    let (x, n) = shown(505, 7_960);
    answer.cells.push(cell(vec![8], x, n));
    let found = findings(&answer);
    assert_eq!(
        of(&found, "furthest").sentence,
        "Furthest from the group White (5 %) is Black or Black British (16 %): 11 percentage points above. One group is withheld or not there and may be further away."
    );
    assert!(found.iter().all(|finding| finding.measure != "difference"), "they are in no order");
}

#[test]
fn nothing_is_compared_in_a_total_and_every_axis_of_a_cross_is() {
    assert!(findings(&undivided()).is_empty() && findings(&bare(&["imd.quintile"])).is_empty());
    let levels: Vec<String> =
        findings(&crossed()).into_iter().map(|finding| finding.level).collect();
    assert!(
        levels.iter().any(|l| l == "imd.quintile") && levels.iter().any(|l| l == "ethnicity.group")
    );
    let text = text(&by_quintile(), Width::default(), Glyphs::Ascii);
    assert!(
        text.starts_with("Inequality\n") && !text.contains("NaN") && !text.contains("inf"),
        "{text}"
    );
}
