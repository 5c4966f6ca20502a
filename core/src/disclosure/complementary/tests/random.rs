//! Tables by chance.

use super::*;

/// Tables of these sizes, and of how many of them there is a pattern.
fn all_hold(
    sizes: &[usize],
    further: &[Vec<Vec<u16>>],
    seeds: std::ops::Range<u64>,
    width: u64,
    effort: Effort,
) -> usize {
    let mut found = 0;
    for seed in seeds {
        let counts = Draw(seed * 7_919 + 1).counts(sizes.iter().product());
        let case = Case::full(sizes, further, &counts);
        match case.pattern(width, effort) {
            Ok(pattern) => {
                case.check(&pattern, width);
                found += 1;
            }
            Err(error) => {
                assert_eq!(error, ComplementaryError::NoPattern);
                let all: Vec<bool> = case.cells.iter().map(|c| c.count > 0).collect();
                assert!(!case.holds(&all, true, width), "seed {seed}: hiding everything is enough");
            }
        }
    }
    found
}

#[test]
fn random_tables_in_two_dimensions_hold() {
    let found = all_hold(&[3, 3], &[vec![], vec![]], 0..80, 1, SHORT);
    assert!(found > 72, "{found}");
    let found = all_hold(&[2, 4], &[vec![], vec![]], 100..140, 2, SHORT);
    assert!(found > 30, "{found}");
}

#[test]
fn random_tables_in_three_dimensions_hold() {
    let found = all_hold(&[2, 3, 2], &[vec![], vec![], vec![]], 0..30, 1, Effort::QUICK);
    assert!(found > 26, "{found}");
    let found = all_hold(&[2, 2, 2], &[vec![], vec![], vec![]], 40..60, 2, SHORT);
    assert!(found > 15, "{found}");
}

#[test]
fn random_tables_with_groups_of_groups_hold() {
    // Bands of bands on one attribute, and two groupings that cross on the other.
    let further = [vec![vec![0, 1], vec![2, 3]], vec![vec![0, 1], vec![1, 2]]];
    let found = all_hold(&[4, 3], &further, 0..20, 1, SHORT);
    assert!(found > 17, "{found}");
}

#[test]
fn small_tables_have_the_fewest_cells() {
    let mut tried = 0;
    for seed in 0..14 {
        let sizes = if seed < 8 { [2, 3] } else { [3, 3] };
        let counts = Draw(seed * 104_729 + 5).counts(sizes.iter().product());
        let case = Case::plain(&sizes, &counts);
        let Ok(pattern) = case.pattern(1, Effort { improving: 300, ..SHORT }) else { continue };
        // Trying all patterns takes long where many are too few.
        if pattern.secondary() <= 5 {
            assert_eq!(pattern.secondary(), case.fewest(1), "seed {seed}");
            tried += 1;
        }
    }
    assert!(tried >= 10, "{tried}");
}

/// A pattern is a function of its table, and showing any of its secondary cells would break it.
#[test]
fn patterns_repeat_and_have_nothing_needless() {
    for seed in 0..6 {
        let case = Case::plain(&[3, 3], &Draw(seed * 31 + 11).counts(9));
        let Ok(pattern) = case.pattern(1, SHORT) else { continue };
        assert_eq!(case.pattern(1, SHORT).as_ref(), Ok(&pattern));
        for (index, cell) in case.cells.iter().enumerate().filter(|(_, c)| !c.primary) {
            let mut fewer = pattern.hidden().to_vec();
            if std::mem::take(&mut fewer[index]) {
                assert!(!case.holds(&fewer, true, 1), "seed {seed}: {:?} is needless", cell.at);
            }
        }
    }
}

/// More parts than one program takes: ways are looked for nearby.
#[test]
fn large_tables_hold() {
    let mut draw = Draw(17);
    let mut counts: Vec<u64> = (0..18 * 18).map(|_| 20 + draw.below(80)).collect();
    for place in [0, 100, 323] {
        counts[place] = 3;
    }
    let case = Case::plain(&[18, 18], &counts);
    let pattern = case.pattern(1, Effort::QUICK).expect("a pattern");
    case.check(&pattern, 1);
    // Three in different rows and columns: six cells, or a few more where not all is looked at.
    assert!((3..=9).contains(&pattern.secondary()), "{}", pattern.secondary());
}
