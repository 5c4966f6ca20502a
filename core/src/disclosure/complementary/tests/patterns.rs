//! Tables made by hand.

use super::*;

#[test]
fn one_small_count_takes_three_more() {
    let case = Case::plain(&[3, 3], &[5, 20, 30, 40, 50, 60, 70, 80, 90]);
    let pattern = case.pattern(1, SHORT).expect("a pattern");
    case.check(&pattern, 1);
    assert_eq!((pattern.primary(), pattern.secondary()), (1, 3));
    // The fewest people among the patterns with as many cells: 5, 20 over 40, 50.
    assert_eq!(pattern.people(), 20 + 40 + 50);
}

/// The outsider of these tests breaks what has to break: hiding small counts alone, and a pattern that is safe
/// only while nobody knows which counts are small.
#[test]
fn weak_patterns_break() {
    let case = Case::plain(&[2, 2], &[3, 8, 8, 40]);
    let of = |ats: &[[u16; 2]]| -> Vec<bool> {
        case.cells.iter().map(|c| ats.iter().any(|at| c.at == at)).collect()
    };
    assert!(!case.holds(&of(&[[1, 1]]), false, 1));
    let square = of(&[[1, 1], [1, 2], [2, 1], [2, 2]]);
    assert!(case.holds(&square, false, 1));
    let (low, high) = case.range(1 + 3, &square, true);
    assert_eq!((low, high), (1, 3), "the others are at least 8, so that it can only fall");
    // A count of 1 could only rise, and its neighbours of 8 cannot fall.
    let case = Case::plain(&[2, 2], &[1, 8, 8, 40]);
    assert!(case.holds(&square, false, 1));
    assert!(!case.holds(&square, true, 1));
    let pattern = case.pattern(1, SHORT).expect("a pattern");
    case.check(&pattern, 1);
    assert_ne!(pattern.hidden(), square);
}

#[test]
fn nothing_small_hides_nothing() {
    let case = Case::plain(&[2, 3], &[8, 0, 20, 30, 40, 50]);
    let pattern = case.pattern(1, SHORT).expect("a pattern");
    assert_eq!((pattern.primary(), pattern.secondary(), pattern.people()), (0, 0, 0));
    assert!(pattern.hidden().iter().all(|hidden| !hidden));
}

/// With zeros shown, two totals are the only things that can vary with a count.
#[test]
fn totals_are_hidden_where_nothing_else_can_be() {
    let case = Case::plain(&[2, 2], &[5, 0, 0, 90]);
    let pattern = case.pattern(1, SHORT).expect("a pattern");
    case.check(&pattern, 1);
    let shown: Vec<&[u16]> = case
        .cells
        .iter()
        .zip(pattern.hidden())
        .filter(|(_, h)| !**h)
        .map(|(c, _)| &c.at[..])
        .collect();
    // The count and both of its totals are small; the grand total has to go.
    assert_eq!(shown, [&[0u16, 2][..], &[1, 2], &[2, 0], &[2, 1], &[2, 2]]);
}

#[test]
fn some_tables_cannot_be_protected() {
    // Seven who are each alone: their total is at most 7, and each of them at least 1.
    let ones = Case::plain(&[7], &[1; 7]);
    // All are in one category, and the total is the count.
    let same = Case::plain(&[1, 1], &[7]);
    for (case, width) in [(&ones, 1), (&same, 7)] {
        assert_eq!(case.pattern(width, SHORT), Err(ComplementaryError::NoPattern));
    }
    // Where one count is everything, its total is hidden with it and nothing says which of 1 to 7 it is.
    let pattern = same.pattern(1, SHORT).expect("a pattern");
    same.check(&pattern, 1);
    assert_eq!((pattern.primary(), pattern.secondary()), (4, 0));
}

/// Few ways of dividing a width between up and down are open to a count of 2 of at most 7.
#[test]
fn width_is_divided_as_it_can_be() {
    let case = Case::plain(&[2, 2], &[2, 30, 30, 40]);
    for width in 1..=6 {
        case.check(&case.pattern(width, SHORT).expect("a pattern"), width);
    }
    assert_eq!(case.pattern(7, SHORT), Err(ComplementaryError::NoPattern));
    assert_eq!(case.pattern(MAX_WIDTH + 1, SHORT), Err(ComplementaryError::Width));
}

#[test]
fn work_has_an_end() {
    let case = Case::plain(&[3, 3], &[5, 20, 30, 40, 50, 60, 70, 80, 90]);
    let little = Effort { programs: 1, improving: 0 };
    assert_eq!(case.pattern(1, little), Err(ComplementaryError::TooMuch));
}

/// A table of seen in time and all, where those not seen in time are published nowhere: row 1 has 3 of them.
#[test]
fn what_can_be_subtracted_is_protected_without_being_hidden() {
    let mut case = Case::plain(&[3, 2], &[40, 3, 50, 20, 60, 30]);
    for cell in &mut case.cells {
        cell.published = cell.at[1] != 2;
    }
    let pattern = case.pattern(1, SHORT).expect("a pattern");
    case.check(&pattern, 1);
    assert_eq!(pattern.primary(), 0);
    // One of the two figures of its row, and one more so that it cannot be had from the totals.
    assert_eq!(pattern.secondary(), case.fewest(1));
    let marked = case.cells.iter().zip(pattern.hidden()).filter(|(_, h)| **h);
    assert!(marked.clone().count() > 0 && marked.clone().all(|(c, _)| c.published));
    // Without the hidden row it is not looked after.
    case.cells.retain(|c| c.published);
    let pattern = case.pattern(1, SHORT).expect("a pattern");
    assert_eq!(pattern.secondary(), 0);
}

/// Totals alone, whose parts nobody gives.
#[test]
fn parts_that_are_not_given_are_filled_in() {
    let mut case = Case::plain(&[3, 2], &[2, 20, 30, 4, 50, 60]);
    let keep: Vec<bool> = case.cells.iter().map(|c| c.at.contains(&0)).collect();
    let mut of = keep.iter();
    case.cells.retain(|_| *of.next().expect("as many"));
    let mut of = keep.iter();
    case.members.retain(|_| *of.next().expect("as many"));
    assert_eq!(case.primary().count(), 0);
    case.cells[2].primary = true;
    let pattern = case.pattern(1, SHORT).expect("a pattern");
    case.check(&pattern, 1);
    assert_eq!(pattern.primary(), 1);
}

#[test]
fn hidden_for_another_reason() {
    // One person makes up most of 30 events.
    let mut case = Case::plain(&[3, 3], &[30, 20, 30, 40, 50, 60, 70, 80, 90]);
    let at = case.cells.iter().position(|c| c.at == [1, 1]).expect("a cell");
    case.cells[at].primary = true;
    let pattern = case.pattern(1, SHORT).expect("a pattern");
    case.check(&pattern, 1);
    assert_eq!((pattern.primary(), pattern.secondary()), (1, 3));
}

#[test]
fn counts_that_are_no_table_are_refused() {
    let case = Case::plain(&[2, 2], &[1, 8, 9, 40]);
    let of = |change: &dyn Fn(&mut Vec<ExactCell>)| {
        let mut cells = case.cells.clone();
        change(&mut cells);
        Exact::new(&case.attributes, cells, LIMIT).err()
    };
    assert_eq!(of(&|_| {}), None);
    assert_eq!(of(&|cells| cells[0].count += 1), Some(ExactError::Sums));
    assert_eq!(of(&|cells| cells[4].at = vec![1]), Some(ExactError::At(4)));
    assert_eq!(of(&|cells| cells[4].at = vec![1, 3]), Some(ExactError::At(4)));
    assert_eq!(of(&|cells| cells[8].count = u64::MAX), Some(ExactError::Count(8)));
    let twice = |cells: &mut Vec<ExactCell>| {
        let again = ExactCell::published(vec![2, 2], 41, LIMIT);
        cells.push(again);
    };
    assert_eq!(of(&twice), Some(ExactError::Twice(9)));
    let many = |cells: &mut Vec<ExactCell>| *cells = vec![cells[0].clone(); MAX_CELLS + 1];
    assert_eq!(of(&many), Some(ExactError::Cells));
    assert_eq!(Exact::new(&[], Vec::new(), LIMIT).err(), Some(ExactError::Attributes));
    for groups in [vec![vec![]], vec![vec![2]], vec![vec![0, 0]]] {
        let attribute = [Attribute::new(2, groups)];
        let wrong = ExactError::Group { attribute: 0, group: 1 };
        assert_eq!(Exact::new(&attribute, Vec::new(), LIMIT).err(), Some(wrong));
    }
    let parts = |n: u16| Attribute::new(n, (0..n).map(|p| vec![p]).collect());
    let large = Exact::new(&[parts(200), parts(200)], Vec::new(), LIMIT);
    assert_eq!(large.err(), Some(ExactError::Parts));
    // Totals whose parts are not given have to be possible as well.
    let axis = [parts(2)];
    let cell = |at: u16, count| ExactCell::published(vec![at], count, LIMIT);
    assert!(Exact::new(&axis, vec![cell(0, 9), cell(1, 9)], LIMIT).is_ok());
    assert_eq!(
        Exact::new(&axis, vec![cell(0, 9), cell(1, 10)], LIMIT).err(),
        Some(ExactError::Sums)
    );
}
