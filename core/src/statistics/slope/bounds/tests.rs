//! Bounds of the slope: they hold every point within, and no more where the populations are exact.

use super::super::{Quantile, ValueType, slope_point};
use super::*;
use proptest::prelude::*;

const KINDS: [(ValueType, bool, f64); 7] = [
    (ValueType::Other, false, 1.0),
    (ValueType::Other, false, -3.0),
    (ValueType::Rate, false, 1.0),
    (ValueType::Rate, true, 1.0),
    (ValueType::Rate, true, -1.0),
    (ValueType::Proportion, true, 100.0),
    (ValueType::Proportion, true, -1.0),
];

fn method(kind: usize) -> SlopeMethod {
    let (value_type, transform, multiplier) = KINDS[kind];
    SlopeMethod { transform, multiplier, ..SlopeMethod::new(value_type, 1) }
}

/// A population and its width, a value from 0 to 1 and its width, and the place of a point within.
type Row = ((f64, f64), (f64, f64), (f64, f64));

fn rows(widest: f64) -> impl Strategy<Value = Vec<Row>> {
    let population = (1.0..5_000.0_f64, 0.0..=widest);
    let value = (0.02..0.9_f64, 0.0..0.09_f64);
    let place = (0.0..=1.0_f64, 0.0..=1.0_f64);
    proptest::collection::vec((population, value, place), 5..12)
}

fn scale(kind: usize) -> f64 {
    if KINDS[kind].0 == ValueType::Proportion { 1.0 } else { 250.0 }
}

fn spans(rows: &[Row], kind: usize) -> Vec<QuantileSpan> {
    let by = scale(kind);
    let row = |&((n, part), (y, width), _): &Row| QuantileSpan {
        population: Span { low: n, high: n * (1.0 + part) },
        value: Span { low: y * by, high: (y + width) * by },
    };
    rows.iter().map(row).collect()
}

fn point(span: &QuantileSpan, places: (f64, f64)) -> Option<Quantile> {
    let at = |span: Span, place: f64| {
        (span.low + place * (span.high - span.low)).clamp(span.low, span.high)
    };
    let (population, value) = (at(span.population, places.0), at(span.value, places.1));
    Some(Quantile { population, value, limits: None })
}

/// Whether a number is in a span but for the rounding of the number itself.
fn holds(span: Span, value: f64, size: f64) -> bool {
    let slack = 1e-10 * (size + value.abs());
    span.low - slack <= value && value <= span.high + slack
}

proptest! {
    #[test]
    fn bounds_hold_the_slope_of_every_point_within(rows in rows(0.5), kind in 0..KINDS.len()) {
        let (spans, method) = (spans(&rows, kind), method(kind));
        let made = slope_bounds(&spans, &method).expect("bounds");
        let points: Vec<_> = spans.iter().zip(&rows).map(|(span, row)| point(span, row.2)).collect();
        let at = slope_point(&points, &method).expect("a slope");
        prop_assert!(holds(made.sii, at.sii, scale(kind)), "{:?} {}", made.sii, at.sii);
        if let Ok(rii) = made.rii {
            let at = at.rii.expect("no choice within crosses zero");
            prop_assert!(holds(rii, at, 0.0), "{:?} {}", rii, at);
        }
    }

    /// The corners too, where the extremes lie.
    #[test]
    fn bounds_hold_the_slope_of_every_corner(rows in rows(0.1), kind in 0..KINDS.len(), corners: u64) {
        let (spans, method) = (spans(&rows, kind), method(kind));
        let made = slope_bounds(&spans, &method).expect("bounds");
        let bit = |place: usize| if corners >> place & 1 == 1 { 1.0 } else { 0.0 };
        let points = spans.iter().enumerate();
        let points: Vec<_> =
            points.map(|(at, span)| point(span, (bit(2 * at), bit(2 * at + 1)))).collect();
        let at = slope_point(&points, &method).expect("a slope");
        prop_assert!(holds(made.sii, at.sii, scale(kind)));
        prop_assert!(made.rii.is_err() || holds(made.rii.expect("bounds"), at.rii.expect("an index"), 0.0));
    }

    #[test]
    fn bounds_of_exact_numbers_are_the_point(rows in rows(0.0), kind in 0..KINDS.len()) {
        let method = method(kind);
        let spans: Vec<QuantileSpan> = spans(&rows, kind)
            .iter()
            .map(|span| QuantileSpan { value: Span::exactly(span.value.low), ..*span })
            .collect();
        let points: Vec<_> = spans.iter().map(|span| point(span, (0.0, 0.0))).collect();
        let (made, at) = (slope_bounds(&spans, &method).expect("bounds"), slope_point(&points, &method).expect("a slope"));
        let size = 1e-9 * scale(kind) * method.multiplier.abs();
        prop_assert!((made.sii.low - at.sii).abs() < size && (made.sii.high - at.sii).abs() < size);
        match (made.rii, at.rii) {
            (Ok(rii), Ok(at)) => {
                let size = 1e-9 * at.max(1.0) * at.max(1.0);
                prop_assert!((rii.low - at).abs() < size && (rii.high - at).abs() < size, "{:?} {}", rii, at);
            }
            (rii, at) => prop_assert!(rii.is_err() && at.is_err(), "{:?} {:?}", rii, at),
        }
    }

    /// With exact populations and five values, the extremes over all 32 corners are the bounds.
    #[test]
    fn bounds_with_exact_populations_are_as_narrow_as_can_be(rows in rows(0.0), kind in 0_usize..5) {
        let (spans, method) = (spans(&rows[..5], kind), method(kind));
        let made = slope_bounds(&spans, &method).expect("bounds");
        let extremes = |of: &dyn Fn(&super::super::SlopePoint) -> Option<f64>| {
            let all = (0..32_u32).map(|corner| {
                let bit = |at: usize| f64::from(corner >> at & 1);
                let points: Vec<_> =
                    spans.iter().enumerate().map(|(at, span)| point(span, (0.0, bit(at)))).collect();
                of(&slope_point(&points, &method).expect("a slope")).unwrap_or(f64::NAN)
            });
            all.fold(Span { low: f64::INFINITY, high: f64::NEG_INFINITY }, |all, at| {
                Span { low: all.low.min(at), high: all.high.max(at) }
            })
        };
        if !method.transform {
            let sii = extremes(&|at| Some(at.sii));
            prop_assert!((made.sii.low - sii.low).abs() < 1e-7 && (made.sii.high - sii.high).abs() < 1e-7);
        }
        if let Ok(rii) = made.rii {
            let want = extremes(&|at| at.rii.clone().ok());
            let size = 1e-7 * want.high * want.high.max(1.0);
            prop_assert!((rii.low - want.low).abs() < size && (rii.high - want.high).abs() < size, "{:?} {:?}", rii, want);
        }
    }
}

/// Numbers rounded to the nearest ten give bounds that are still of use.
#[test]
fn small_doubts_about_populations_give_narrow_bounds() {
    let values = [310.0, 255.0, 236.0, 198.0, 160.0];
    let spans: Vec<QuantileSpan> = values
        .iter()
        .map(|value| QuantileSpan {
            population: Span { low: 1_995.0, high: 2_005.0 },
            value: Span::exactly(*value),
        })
        .collect();
    let made = slope_bounds(&spans, &method(2)).expect("bounds");
    assert!(made.sii.holds(-178.5) && made.sii.high - made.sii.low < 2.0, "{:?}", made.sii);
}

#[test]
fn bounds_that_leave_room_for_zero_say_so() {
    let span = |low: f64, high: f64| QuantileSpan {
        population: Span::exactly(100.0),
        value: Span { low, high },
    };
    let wide = [span(0.0, 9.0), span(1.0, 9.0), span(1.0, 9.0), span(1.0, 9.0), span(1.0, 9.0)];
    let made = slope_bounds(&wide, &method(2)).expect("bounds");
    assert!(made.sii.is_finite() && made.rii.is_err());
    assert!(matches!(slope_bounds(&wide, &method(3)), Err(NotComputable::Undefined { .. })));
    assert!(slope_bounds(&wide[..4], &method(2)).is_err());
    let mut nobody = wide;
    nobody[4].population = Span { low: 0.0, high: 3.0 };
    assert!(matches!(slope_bounds(&nobody, &method(2)), Err(NotComputable::Number { .. })));
    nobody[4].population = Span { low: 4.0, high: 3.0 };
    assert!(matches!(slope_bounds(&nobody, &method(2)), Err(NotComputable::Number { .. })));
}

/// Only the middle quantile is in doubt, so that the gradient is known and the middle of the line is not: the slope is
/// steepest where the line is half way up, which is at neither end of the doubt.
#[test]
fn a_logistic_slope_is_steepest_half_way_up() {
    let span = |low: f64, high: f64| QuantileSpan {
        population: Span::exactly(100.0),
        value: Span { low, high },
    };
    let exactly = |value: f64| span(value, value);
    let method = method(5);
    let doubt = |middle| [exactly(0.1), exactly(0.3), middle, exactly(0.7), exactly(0.9)];
    let made = slope_bounds(&doubt(span(0.05, 0.95)), &method).expect("bounds").sii;
    let at = |middle| slope_bounds(&doubt(exactly(middle)), &method).expect("bounds").sii.middle();
    assert!(made.holds(at(0.5)) && (made.high - at(0.5)).abs() < 1e-9);
    assert!((made.low - at(0.05)).abs() < 1e-9 && at(0.05) < at(0.5) - 1.0);
}
