//! Whatever numbers come in: what comes out is finite and in order, or a reason.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// Ordinary numbers, and those that break formulas.
fn number() -> impl Strategy<Value = f64> {
    let odd = select(vec![
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        1e-9,
        1e9,
        1e18,
        1e-300,
        1e300,
        f64::MAX,
        f64::MIN_POSITIVE,
        f64::EPSILON,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ]);
    prop_oneof![odd, 0.0..1.0_f64, 1.0..2_000.0_f64, select(vec![3.0, 10.0, 100.0])]
}

fn whole() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..12, 0_u64..100_000, select(vec![1_000_000_000, u64::MAX])]
}

fn sound(made: &Result<Estimate, NotComputable>) -> bool {
    made.as_ref().map_or(true, |made| {
        let all = [made.p998.lower, made.p95.lower, made.value, made.p95.upper, made.p998.upper];
        let slack = 1e-9 * all.iter().fold(0.0_f64, |most, number| most.max(number.abs()));
        all.iter().all(|number| number.is_finite())
            && all.windows(2).all(|pair| pair[0] <= pair[1] + slack)
    })
}

fn limits() -> impl Strategy<Value = Option<Limits>> {
    proptest::option::weighted(
        0.95,
        (number(), number()).prop_map(|(lower, upper)| Limits { lower, upper }),
    )
}

fn quantile() -> impl Strategy<Value = Option<Quantile>> {
    let sane = (1.0..1e4_f64, 0.1..0.8_f64, 0.0..0.09_f64).prop_map(|(population, value, half)| {
        let limits = Some(Limits { lower: value - half, upper: value + half });
        Some(Quantile { population, value, limits })
    });
    let odd = (number(), number(), limits())
        .prop_map(|(population, value, limits)| Some(Quantile { population, value, limits }));
    prop_oneof![20 => sane, 2 => odd, 1 => Just(None)]
}

fn slope_method() -> impl Strategy<Value = SlopeMethod> {
    let kind = select(vec![ValueType::Other, ValueType::Rate, ValueType::Proportion]);
    let multiplier = prop_oneof![4 => select(vec![1.0, -1.0, 100.0]), 1 => number()];
    (kind, any::<bool>(), multiplier, any::<u64>()).prop_map(
        |(value_type, transform, multiplier, seed)| SlopeMethod {
            value_type,
            transform,
            multiplier,
            repetitions: LEAST_REPETITIONS,
            seed,
        },
    )
}

proptest! {
    #[test]
    fn of_one_or_two_groups((a, b, c, d) in (number(), number(), number(), number()), (o, p) in (whole(), whole())) {
        prop_assert!(sound(&proportion(a, b)) && sound(&rate(o, a, b)));
        let moments = Moments { count: o, sum: a, squares: b };
        prop_assert!(sound(&mean(moments)));
        prop_assert!(sound(&indirect_ratio(o, a, b)) && sound(&indirect_rate(o, a, b)));
        prop_assert!(sound(&proportion_difference((a, b), (c, d))) && sound(&relative_likelihood((a, b), (c, d))));
        prop_assert!(sound(&rate_difference((o, a), (p, b), c)) && sound(&rate_ratio((o, a), (p, b))));
        let (one, other) = (Measured::new(1, a, b), Measured::new(2, c, d));
        if let (Ok(one), Ok(other)) = (one, other) {
            prop_assert!(sound(&difference(one, other)) && sound(&ratio(one, other)));
        }
        let (one, other) = (Span { low: a, high: b }, Span { low: c, high: d });
        prop_assert!(difference_bounds(one, other).map_or(true, |span| span.is_finite() && span.low <= span.high));
        prop_assert!(ratio_bounds(one, other).map_or(true, |span| span.is_finite() && span.low <= span.high));
    }

    #[test]
    fn of_strata(rows in proptest::collection::vec((whole(), number(), number(), number()), 0..6), per in number()) {
        let strata: Vec<Stratum> = rows.iter().map(|row| Stratum { events: row.0, population: row.1 }).collect();
        let weights: Vec<f64> = rows.iter().map(|row| row.2).collect();
        prop_assert!(sound(&dsr(&strata, &weights, per)));
        let repeats: Vec<RepeatStratum> = rows
            .iter()
            .map(|row| {
                let frequencies = vec![Frequency { each: 1, persons: row.0 }, Frequency { each: u32::MAX, persons: row.0 }];
                RepeatStratum { frequencies, population: row.1 }
            })
            .collect();
        prop_assert!(sound(&dsr_of_repeats(&repeats, &weights, per)));
        let reference: Vec<ReferenceStratum> = rows
            .iter()
            .map(|row| ReferenceStratum { reference_events: row.1, reference_population: row.2, population: row.3 })
            .collect();
        prop_assert!(expected(&reference).map_or(true, |e| e.is_finite() && e >= 0.0));
    }

    #[test]
    fn of_quantiles(quantiles in proptest::collection::vec(quantile(), 0..9), method in slope_method()) {
        if let Ok(made) = slope(&quantiles, &method) {
            let all = [made.intercept, made.gradient, made.ends.0, made.ends.1, made.sii.value];
            prop_assert!(all.iter().all(|number| number.is_finite()), "{:?}", made);
            for estimate in [Some(&made.sii), made.rii.as_ref().ok()].into_iter().flatten() {
                for limits in [estimate.p95, estimate.p998] {
                    prop_assert!(limits.lower.is_finite() && limits.lower <= limits.upper && limits.upper.is_finite());
                }
            }
        }
        let spans = quantiles.iter().flatten().map(|quantile| {
            let value = quantile.limits.map_or(Span::exactly(quantile.value), |at| Span { low: at.lower, high: at.upper });
            QuantileSpan { population: Span::exactly(quantile.population), value }
        });
        let spans: Vec<QuantileSpan> = spans.collect();
        if let Ok(made) = slope_bounds(&spans, &method) {
            prop_assert!(made.sii.is_finite() && made.sii.low <= made.sii.high);
            prop_assert!(made.rii.map_or(true, |rii| rii.is_finite() && rii.low <= rii.high));
        }
        let shares: Vec<Option<Share>> = quantiles
            .iter()
            .map(|quantile| quantile.map(|at| Share { x: at.value * at.population, n: at.population }))
            .collect();
        for weights in [WhoWeights::Persons, WhoWeights::AsHealthequal] {
            if let Ok(made) = who_slope(&shares, weights) {
                prop_assert!(sound(&Ok(made.sii)) && sound(&Ok(made.rii)), "{:?}", made);
            }
        }
    }
}

#[test]
fn one_group_all_zero_and_ties_are_told_or_computed() {
    let with = |values: &[f64]| -> Vec<Option<Quantile>> {
        let limits = |value: f64| Some(Limits { lower: value, upper: value + 0.1 });
        let row =
            |value: &f64| Some(Quantile { population: 1e9, value: *value, limits: limits(*value) });
        values.iter().map(row).collect()
    };
    let rates =
        SlopeMethod { repetitions: LEAST_REPETITIONS, ..SlopeMethod::new(ValueType::Rate, 1) };
    assert!(slope(&with(&[0.5]), &rates).is_err());
    assert!(slope(&with(&[0.0; 5]), &rates).is_err());
    assert!(slope_point(&with(&[0.0; 5]), &rates).is_ok_and(|at| at.sii == 0.0 && at.rii.is_err()));
    let ties = slope(&with(&[0.5; 5]), &rates).expect("a slope");
    assert!(
        ties.sii.value.abs() < 1e-12 && ties.rii.is_ok_and(|rii| (rii.value - 1.0).abs() < 1e-12)
    );
    assert!(proportion(0.0, 1e9).is_ok() && proportion(1e9, 1e9).is_ok());
}
