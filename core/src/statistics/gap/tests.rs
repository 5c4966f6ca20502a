//! Gaps against an independent computation with SciPy 1.17 (`norm.interval` of the difference and of the logarithm).

use super::*;
use proptest::prelude::*;

fn same(made: Result<Estimate, NotComputable>, want: [f64; 5]) {
    let made = made.expect("a gap");
    let got = [made.value, made.p95.lower, made.p95.upper, made.p998.lower, made.p998.upper];
    for (got, want) in got.into_iter().zip(want) {
        assert!((got - want).abs() <= 1e-9 * want.abs(), "{got} {want}");
    }
}

#[test]
fn gaps_of_measured_values_are_those_of_an_independent_computation() {
    let one = Measured::new(1, 23.4, 1.7).expect("a value");
    let other = Measured::new(2, 11.2, 0.9).expect("a value");
    same(
        difference(one, other),
        [12.2, 8.429934001032837, 15.970065998967161, 6.255819475107776, 18.14418052489222],
    );
    same(
        ratio(one, other),
        [
            2.0892857142857144,
            1.6896151408732107,
            2.5834964959312754,
            1.4949004756076896,
            2.9200036170594648,
        ],
    );
}

#[test]
fn gaps_of_proportions_and_rates_are_those_of_an_independent_computation() {
    let (one, other) = ((84.0, 311.0), (120.0, 905.0));
    same(
        proportion_difference(one, other),
        [
            0.13749977793963514,
            0.08343201636816079,
            0.1915675395111095,
            0.052252321941326146,
            0.22274723393794413,
        ],
    );
    // The limits with se = √((1 − p₁)/x₁ + (1 − p₂)/x₂).
    same(
        relative_likelihood(one, other),
        [
            2.036977491961415,
            1.590721358607394,
            2.608424964124405,
            1.3793149045259927,
            3.0082160999944625,
        ],
    );
    let (one, other) = ((84, 31_100.0), (120, 90_500.0));
    same(
        rate_difference(one, other, 100_000.0),
        [
            137.4997779396351,
            75.05737252423305,
            199.94218335503714,
            39.04820433340588,
            235.95135154586433,
        ],
    );
    same(
        rate_ratio(one, other),
        [
            2.036977491961415,
            1.5413232775004218,
            2.6920227335347438,
            1.312388292957489,
            3.161623221590121,
        ],
    );
}

#[test]
fn no_certainty_is_made_of_nothing() {
    for (x, n) in [(0.0, 10.0), (10.0, 10.0)] {
        let made = proportion_difference((x, n), (3.0, 10.0));
        assert!(matches!(made, Err(NotComputable::Undefined { .. })));
    }
    assert!(matches!(rate_ratio((3, 10.0), (0, 10.0)), Err(NotComputable::Undefined { .. })));
    assert_eq!(
        relative_likelihood((1.0, 4.0), (5.0, 4.0)),
        Err(NotComputable::Exceeds { group: 2 })
    );
    let zero = Measured::new(2, 0.0, 1.0).expect("a value");
    assert!(ratio(zero, zero).is_err() && difference(zero, zero).is_ok());
}

#[test]
fn an_estimate_stands_for_its_error() {
    let estimate = crate::statistics::rate(100, 1_000.0, 1_000.0).expect("a rate");
    let made = Measured::estimated(1, &estimate).expect("a value");
    assert!((made.value() - 100.0).abs() < 1e-12);
    assert!((made.error() * 2.0 * 1.959_963_984_540_054 - 40.265_832_088_678_62).abs() < 1e-9);
}

#[test]
fn bounds_of_a_gap_need_a_comparator_above_zero() {
    let span = |low, high| Span { low, high };
    let gap = difference_bounds(span(3.0, 4.0), span(1.0, 2.0)).expect("bounds");
    assert!(gap.holds(1.0) && gap.holds(3.0) && !gap.holds(0.999_999) && !gap.holds(3.000_001));
    assert!(ratio_bounds(span(3.0, 4.0), span(0.0, 2.0)).is_err());
    assert!(ratio_bounds(span(-1.0, 4.0), span(1.0, 2.0)).is_err());
    assert!(difference_bounds(span(4.0, 3.0), span(1.0, 2.0)).is_err());
    let open = (Bounds { low: 0, high: None }, Bounds { low: 0, high: None });
    let known = (Bounds::exactly(3), Bounds::exactly(4));
    let gap = proportion_gap_bounds(open, known).expect("bounds");
    assert!(gap.difference.holds(-0.75) && gap.difference.holds(0.25));
    assert!(gap.ratio.is_ok_and(|ratio| ratio.low == 0.0 && ratio.holds(4.0 / 3.0)));
    assert!(proportion_gap_bounds((known.1, known.0), known).is_err());
}

proptest! {
    #[test]
    fn bounds_hold_every_gap_and_no_more(
        (xl, xw, nl, nw) in (0_u64..6, 0_u64..4, 6_u64..20, 0_u64..5),
        (yl, yw, ml, mw) in (0_u64..6, 0_u64..4, 6_u64..20, 0_u64..5),
    ) {
        let bounds = |low, width| Bounds { low, high: Some(low + width) };
        let made = proportion_gap_bounds((bounds(xl, xw), bounds(nl, nw)), (bounds(yl, yw), bounds(ml, mw)));
        let made = made.expect("bounds");
        let shares = |xl: u64, xw: u64, nl: u64, nw: u64| {
            let pairs = (xl..=xl + xw).flat_map(move |x| (nl..=nl + nw).map(move |n| (x, n)));
            let pairs = pairs.filter(|(x, n)| x <= n).map(|(x, n)| x as f64 / n as f64);
            pairs.collect::<Vec<f64>>()
        };
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for one in shares(xl, xw, nl, nw) {
            for other in shares(yl, yw, ml, mw) {
                (least, most) = (least.min(one - other), most.max(one - other));
                prop_assert!(made.difference.holds(one - other));
                prop_assert!(made.ratio.as_ref().map_or(yl == 0, |ratio| ratio.holds(one / other)));
            }
        }
        prop_assert!((made.difference.low - least).abs() < 1e-12 && (made.difference.high - most).abs() < 1e-12);
    }
}
