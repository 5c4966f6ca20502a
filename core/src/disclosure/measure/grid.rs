//! The numbers that a mean or a ratio is rounded to: multiples of a step that grows with them, so that a figure
//! never has more than three digits nor says more than one part in a hundred.
//!
//! Below 100 units the step is 1; from there on it is 2, 4 and 10 hundredths of the power of ten below, up to 200, 400
//! and 1,000 hundredths: between 1 % and 2.5 % of the figure. A coarser grid moves those borders down, by 2, 5 or 10,
//! and so makes the part of the figure as much larger. All borders are multiples of the steps on both of their sides.

/// How much more coarsely a table may be rounded, the finest first.
pub(super) const COARSE: [u64; 4] = [1, 2, 5, 10];

/// From here on, on the finest grid, the step is more than 1.
const FIRST_BORDER: u128 = 100;

/// The step at a number.
pub(super) fn step(at: u128, coarse: u64) -> u128 {
    let scaled = at.saturating_mul(u128::from(coarse));
    if scaled < FIRST_BORDER {
        return 1;
    }
    let mut tens = 1_u128;
    // Numbers here are below 2^90: sums of 2^64 at most, times what a ratio is per.
    while scaled >= tens.saturating_mul(1_000) {
        tens = tens.saturating_mul(10);
    }
    match scaled / tens {
        0..200 => tens * 2,
        200..400 => tens * 4,
        _ => tens * 10,
    }
}

/// A fraction to the nearest number of the grid, halves upwards. Nothing where it is none, or too large.
pub(super) fn rounded(above: u128, below: u128, coarse: u64) -> Option<u64> {
    let step = step(above.checked_div(below)?, coarse);
    let halves = above.checked_mul(2)?.checked_add(step.checked_mul(below)?)?;
    u64::try_from(halves / (step * below * 2) * step).ok()
}

/// Whether it is a number of the grid.
pub(super) fn is_on(value: u64, coarse: u64) -> bool {
    u128::from(value).is_multiple_of(step(value.into(), coarse))
}

/// What a number of the grid stands for, in halves of its units: the least and the most that is rounded to it.
pub(super) fn stands_for(value: u64, coarse: u64) -> (u128, u128) {
    let value = u128::from(value);
    let below = value.checked_sub(1).map_or(0, |less| step(less, coarse));
    ((2 * value).saturating_sub(below), 2 * value + step(value, coarse))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn steps_grow_with_the_number() {
        for (at, coarse, is) in [
            (0, 1, 1),
            (99, 1, 1),
            (100, 1, 2),
            (199, 1, 2),
            (200, 1, 4),
            (399, 1, 4),
            (400, 1, 10),
            (999, 1, 10),
            (1_000, 1, 20),
            (39_999, 1, 400),
            (49, 2, 1),
            (50, 2, 2),
            (9, 10, 1),
            (10, 10, 2),
            (40, 10, 10),
        ] {
            assert_eq!(step(at, coarse), is, "{at} {coarse}");
        }
    }

    proptest! {
        /// Against a search through the whole neighbourhood for the nearest multiple.
        #[test]
        fn a_figure_is_one_of_three_digits_and_near_what_it_stands_for(
            above in 0_u64..5_000_000, below in 1_u64..5_000, coarse in proptest::sample::select(&COARSE[..])
        ) {
            let value = rounded(above.into(), below.into(), coarse).expect("a number");
            prop_assert!(is_on(value, coarse));
            let digits = value.to_string();
            prop_assert!(digits.trim_end_matches('0').len() <= 3, "{value}");
            let exact = above as f64 / below as f64;
            let (low, high) = stands_for(value, coarse);
            prop_assert!(low as f64 / 2.0 <= exact + 1e-9 && exact <= high as f64 / 2.0 + 1e-9);
            let nearest = (0..=3_000_u64.max(value + value / 2))
                .filter(|v| is_on(*v, coarse))
                .map(|v| (v as f64 - exact).abs())
                .fold(f64::INFINITY, f64::min);
            prop_assert!(((value as f64 - exact).abs() - nearest).abs() < 1e-6, "{value} for {exact}");
            // Neither finer than 1 % nor, on the finest grid, coarser than 2.5 %.
            if exact >= 100.0 {
                let part = (high - low) as f64 / 2.0 / exact;
                prop_assert!(part >= 0.0099 * coarse as f64 / 1.6, "{part}");
                prop_assert!(coarse > 1 || part <= 0.026, "{part}");
            }
        }

        #[test]
        fn neighbours_on_the_grid_leave_no_gap(near in 1_u128..200_000, coarse in proptest::sample::select(&COARSE[..])) {
            let value = rounded(near, 1, coarse).expect("a number");
            let next = value + u64::try_from(step(value.into(), coarse)).expect("small");
            prop_assert!(is_on(next, coarse));
            prop_assert_eq!(stands_for(value, coarse).1, stands_for(next, coarse).0);
        }
    }
}
