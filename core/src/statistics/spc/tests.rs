//! Control charts against an independent computation, and their rules against their plain wording.

use proptest::prelude::*;

use super::*;

fn chart(values: &[f64], better: Better, target: Option<f64>) -> ControlChart {
    let values: Vec<_> = values.iter().copied().map(Some).collect();
    control_chart(&values, &[], better, target).expect("a chart")
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs()
}

fn with(chart: &ControlChart, cause: fn(&Causes) -> bool) -> Vec<usize> {
    let has = |point: &Option<ControlPoint>| point.is_some_and(|point| cause(&point.causes));
    (0..chart.points.len()).filter(|&at| has(&chart.points[at])).collect()
}

/// One moving range is dropped from the limits of the first.
const OUTLIER: [f64; 15] =
    [84.1, 81.5, 83.2, 80.9, 82.7, 85.0, 79.8, 83.3, 82.1, 97.5, 81.9, 82.8, 80.4, 83.9, 82.2];

const RISING: [f64; 16] = [
    71.0, 72.4, 73.1, 74.8, 75.0, 76.9, 78.2, 79.9, 80.1, 78.8, 79.5, 80.3, 79.1, 80.6, 81.2, 80.0,
];

/// Computed with NumPy 2, the rules by their wording over all runs that hold a point.
#[test]
fn charts_equal_an_independent_computation() {
    for (values, [mean, range, lower, upper, near_lower, near_upper]) in [
        (
            &OUTLIER[..],
            [
                83.42000000000002,
                2.4249999999999985,
                76.96950000000002,
                89.8705,
                79.11966666666669,
                87.72033333333334,
            ],
        ),
        (
            &RISING[..],
            [
                77.55625,
                1.0933333333333337,
                74.64798333333334,
                80.46451666666667,
                75.61740555555556,
                79.49509444444445,
            ],
        ),
    ] {
        let segment = chart(values, Better::Higher, None).segments[0];
        for (a, b) in [
            (segment.mean, mean),
            (segment.moving_range, range),
            (segment.limits.lower, lower),
            (segment.limits.upper, upper),
            (segment.near.lower, near_lower),
            (segment.near.upper, near_upper),
        ] {
            assert!(near(a, b), "{a} {b}");
        }
    }
    let outlier = chart(&OUTLIER, Better::Higher, None);
    assert_eq!(with(&outlier, |causes| causes.any()), [9]);
    assert_eq!(outlier.points[9].map(|point| point.kind), Some(PointKind::Improvement));
    let rising = chart(&RISING, Better::Higher, None);
    assert_eq!(with(&rising, |causes| causes.astronomical), [0, 1, 2, 13, 14]);
    assert_eq!(with(&rising, |causes| causes.shift), [6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    assert_eq!(with(&rising, |causes| causes.trend), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(
        with(&rising, |causes| causes.two_of_three),
        [0, 1, 2, 3, 4, 7, 8, 10, 11, 13, 14, 15]
    );
}

#[test]
fn a_special_cause_is_said_by_what_is_better() {
    let kind = |better, at: usize| {
        let point = chart(&RISING, better, None).points[at].expect("a point");
        (point.kind, point.direction)
    };
    assert_eq!(kind(Better::Higher, 0), (PointKind::Concern, Some(Direction::Low)));
    assert_eq!(kind(Better::Lower, 0), (PointKind::Improvement, Some(Direction::Low)));
    assert_eq!(kind(Better::Neither, 0), (PointKind::Neither, Some(Direction::Low)));
    // Below the mean, and only part of a trend: it goes the way of the trend.
    assert_eq!(kind(Better::Higher, 5), (PointKind::Improvement, Some(Direction::High)));
    let latest = |better| chart(&RISING, better, None).variation;
    assert_eq!(latest(Better::Higher), Variation::Improvement(Direction::High));
    assert_eq!(latest(Better::Lower), Variation::Concern(Direction::High));
    assert_eq!(latest(Better::Neither), Variation::Neither(Direction::High));
    assert_eq!(chart(&OUTLIER, Better::Lower, None).variation, Variation::Common);
}

#[test]
fn a_target_is_met_always_never_or_by_chance() {
    use Assurance::{ConsistentlyFailing, ConsistentlyPassing, HitOrMiss};
    for (target, better, icon) in [
        (76.9, Better::Higher, Some(ConsistentlyPassing)),
        (76.9, Better::Lower, Some(ConsistentlyFailing)),
        (90.0, Better::Higher, Some(ConsistentlyFailing)),
        (90.0, Better::Lower, Some(ConsistentlyPassing)),
        (77.0, Better::Higher, Some(HitOrMiss)),
        (77.0, Better::Lower, Some(HitOrMiss)),
        (90.0, Better::Neither, None),
    ] {
        assert_eq!(chart(&OUTLIER, better, Some(target)).assurance, icon, "{target} {better:?}");
    }
    assert_eq!(chart(&OUTLIER, Better::Higher, None).assurance, None);
    // At a limit it is within.
    let even = chart(&[5.0; 8], Better::Higher, Some(5.0));
    assert_eq!(even.assurance, Some(HitOrMiss));
}

#[test]
fn each_stretch_has_limits_and_rules_of_its_own() {
    let values: Vec<_> = OUTLIER.iter().chain(&RISING).copied().map(Some).collect();
    let both = control_chart(&values, &[15], Better::Higher, Some(77.0)).expect("a chart");
    let (first, second) =
        (chart(&OUTLIER, Better::Higher, None), chart(&RISING, Better::Higher, Some(77.0)));
    assert_eq!(
        (both.segments[0], both.segments[1].limits),
        (first.segments[0], second.segments[0].limits)
    );
    assert_eq!((both.segments[1].start, both.segments[1].end), (15, 31));
    assert_eq!((both.variation, both.assurance), (second.variation, second.assurance));
    for (at, point) in both.points.iter().enumerate() {
        let alone = if at < 15 { first.points[at] } else { second.points[at - 15] };
        assert_eq!(
            point.map(|point| (point.causes, point.kind)),
            alone.map(|point| (point.causes, point.kind))
        );
    }
    let few = |breaks: &[usize]| control_chart(&values, breaks, Better::Higher, None);
    assert!(few(&[15]).is_ok_and(|chart| !chart.few_points));
    assert!(few(&[11]).is_ok_and(|chart| chart.few_points && !chart.segments[1].few_points));
    for wrong in [&[0][..], &[31], &[12, 12], &[20, 12]] {
        assert!(matches!(few(wrong), Err(NotComputable::Undefined { .. })), "{wrong:?}");
    }
    assert!(matches!(few(&[29]), Err(NotComputable::Size { least: 3, .. })));
}

#[test]
fn a_gap_is_no_zero_and_no_run_goes_over_it() {
    let mut values: Vec<_> = RISING.iter().copied().map(Some).collect();
    let whole = control_chart(&values, &[], Better::Higher, None).expect("a chart");
    assert_eq!(with(&whole, |causes| causes.shift).len(), 10);
    values[10] = None;
    let gap = control_chart(&values, &[], Better::Higher, None).expect("a chart");
    let present: Vec<f64> = values.iter().copied().flatten().collect();
    let sum: f64 = present.iter().sum();
    assert!(near(gap.segments[0].mean, sum / 15.0));
    assert_eq!((gap.points[10], gap.segments[0].points), (None, 15));
    // Four of one side before the gap and five after it.
    assert!(with(&gap, |causes| causes.shift).is_empty());
    // Thirteen ranges: neither of those across the gap.
    let ranges: Vec<f64> = RISING
        .windows(2)
        .enumerate()
        .filter(|(at, _)| !(9..=10).contains(at))
        .map(|(_, p)| (p[1] - p[0]).abs())
        .collect();
    assert!(near(gap.segments[0].moving_range, ranges.iter().sum::<f64>() / 13.0));
    let sparse = [Some(1.0), None, Some(2.0), None, Some(3.0)];
    let refused = control_chart(&sparse, &[], Better::Higher, None);
    assert!(matches!(refused, Err(NotComputable::Undefined { .. })));
}

#[test]
fn values_that_do_not_change_have_no_special_cause() {
    for value in [0.0, 0.1, 1e9, -7.3] {
        let even = chart(&[value; 20], Better::Lower, Some(value));
        assert!(with(&even, |causes| causes.any()).is_empty());
        assert_eq!(even.segments[0].limits, Limits { lower: value, upper: value });
    }
}

#[test]
fn bad_values_are_refused() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX] {
        let values = [Some(1.0), Some(bad), Some(2.0), Some(1.0)];
        let refused = control_chart(&values, &[], Better::Lower, None);
        assert!(matches!(refused, Err(NotComputable::Number { group: 2, .. })));
        let target = control_chart(&[Some(1.0); 4], &[], Better::Lower, Some(bad));
        assert!(matches!(target, Err(NotComputable::Undefined { .. })));
    }
    for few in [&[][..], &[None; 5], &[Some(1.0), Some(2.0), None]] {
        assert!(matches!(
            control_chart(few, &[], Better::Lower, None),
            Err(NotComputable::Size { .. })
        ));
    }
    assert!(control_chart(&vec![Some(1.0); PERIODS_MOST + 1], &[], Better::Lower, None).is_err());
}

/// Whether some run of so many places that holds this one is all as it should be.
fn held(at: usize, length: usize, places: usize, run: impl Fn(usize) -> bool) -> bool {
    (0..places)
        .filter(|&start| start <= at && at < start + length && start + length <= places)
        .any(run)
}

proptest! {
    #[test]
    fn rules_are_as_they_are_worded(
        steps in prop::collection::vec(prop_oneof![3 => (-4_i32..9).prop_map(Some), 1 => Just(None)], 3..30),
        level in -20_i32..20,
    ) {
        let mut last = f64::from(level);
        let values: Vec<Option<f64>> = steps.iter().map(|step| step.map(|step| {
            // Whole numbers, drifting, and often back: none of them is a rounding away from a mean or a limit.
            last = if step > 5 { f64::from(step) } else { last + f64::from(step) };
            last
        })).collect();
        let Ok(chart) = control_chart(&values, &[], Better::Higher, None) else { return Ok(()) };
        let segment = chart.segments[0];
        let count = values.len();
        let above = |at: usize, line: f64| values[at].is_some_and(|value| value - line > 1e-9);
        let below = |at: usize, line: f64| values[at].is_some_and(|value| line - value > 1e-9);
        for (at, point) in chart.points.iter().enumerate() {
            prop_assert_eq!(point.map(|point| point.value), values[at]);
            let Some(point) = point else { continue };
            let causes = Causes {
                astronomical: above(at, segment.limits.upper) || below(at, segment.limits.lower),
                shift: held(at, 7, count, |s| (s..s + 7).all(|p| above(p, segment.mean)))
                    || held(at, 7, count, |s| (s..s + 7).all(|p| below(p, segment.mean))),
                trend: held(at, 7, count, |s| (s + 1..s + 7).all(|p| values[p - 1].is_some_and(|v| above(p, v))))
                    || held(at, 7, count, |s| (s + 1..s + 7).all(|p| values[p - 1].is_some_and(|v| below(p, v)))),
                two_of_three: [
                    &(|p: usize| above(p, segment.near.upper)) as &dyn Fn(usize) -> bool,
                    &|p| below(p, segment.near.lower),
                ].iter().any(|far| far(at) && held(at, 3, count, |s| {
                    (s..s + 3).all(|p| values[p].is_some()) && (s..s + 3).filter(|&p| far(p)).count() >= 2
                })),
            };
            prop_assert_eq!(point.causes, causes, "{} in {:?}", at, values);
            prop_assert_eq!(point.kind == PointKind::Common, !causes.any());
            prop_assert_eq!(point.direction.is_some(), causes.any());
        }
    }
}
