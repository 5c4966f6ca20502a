//! The measures of inequality between groups against an independent computation, over boxes of values, and with bad
//! values.

use proptest::prelude::*;

use super::*;

type Measure<N> = (&'static str, fn(&[Group<N>]) -> Result<N, NotComputable>);

/// Every measure of one table of groups, for numbers or spans.
fn measures<N: Quantity>() -> Vec<Measure<N>> {
    use Better::{Higher, Lower};
    use Reference::{Best, MostAdvantaged};
    use Weighting::{Equal, Population};
    vec![
        ("mean", |g| group_mean(g)),
        ("aci", |g| absolute_concentration(g)),
        ("rci", |g| relative_concentration(g)),
        ("wagstaff", |g| wagstaff(g)),
        ("erreygers", |g| erreygers(g)),
        ("bgv", |g| between_group_variance(g)),
        ("bgsd", |g| between_group_deviation(g)),
        ("cov", |g| coefficient_of_variation(g)),
        ("theil", |g| theil(g)),
        ("mld", |g| mean_log_deviation(g)),
        ("idisu", |g| index_of_disparity(g, Equal)),
        ("idisw", |g| index_of_disparity(g, Population)),
        ("mdmu", |g| mean_difference_from_mean(g, Equal)),
        ("mdmw", |g| mean_difference_from_mean(g, Population)),
        ("mdbu_low", |g| mean_difference_from_best(g, Lower, Equal)),
        ("mdbw_low", |g| mean_difference_from_best(g, Lower, Population)),
        ("mdbu_high", |g| mean_difference_from_best(g, Higher, Equal)),
        ("mdbw_high", |g| mean_difference_from_best(g, Higher, Population)),
        ("mdru_1", |g| mean_difference_from(g, 1, Equal)),
        ("mdrw_1", |g| mean_difference_from(g, 1, Population)),
        ("par_last_low", |g| attributable_risk(g, MostAdvantaged, Lower)),
        ("par_last_high", |g| attributable_risk(g, MostAdvantaged, Higher)),
        ("par_best_low", |g| attributable_risk(g, Best, Lower)),
        ("par_best_high", |g| attributable_risk(g, Best, Higher)),
        ("paf_last_low", |g| attributable_fraction(g, MostAdvantaged, Lower)),
        ("paf_last_high", |g| attributable_fraction(g, MostAdvantaged, Higher)),
        ("paf_best_low", |g| attributable_fraction(g, Best, Lower)),
        ("paf_best_high", |g| attributable_fraction(g, Best, Higher)),
        ("events_last_low", |g| events_avoided(g, MostAdvantaged, Lower, 1.0)),
        ("events_last_high", |g| events_avoided(g, MostAdvantaged, Higher, 1.0)),
        ("events_best_low", |g| events_avoided(g, Best, Lower, 1.0)),
        ("events_best_high", |g| events_avoided(g, Best, Higher, 1.0)),
    ]
}

/// Value, population and standard error of each group.
type Table = &'static [(f64, f64, f64)];

const DECILES: Table = &[
    (0.212, 10213.0, 0.0041),
    (0.198, 9874.0, 0.004),
    (0.187, 10562.0, 0.0038),
    (0.171, 9931.0, 0.0037),
    (0.169, 10008.0, 0.0038),
    (0.158, 10377.0, 0.0036),
    (0.151, 9655.0, 0.0036),
    (0.139, 10120.0, 0.0034),
    (0.141, 9988.0, 0.0035),
    (0.122, 10301.0, 0.0032),
];

const UNEVEN: Table =
    &[(812.5, 120.0, 95.0), (430.25, 45000.0, 3.2), (655.0, 8000.0, 9.1), (1210.75, 999.0, 35.0)];

const TIED: Table = &[(3.0, 1.0, 0.5), (3.0, 2.0, 0.25), (5.0, 4.0, 0.125)];

fn groups(table: Table) -> Vec<Group<f64>> {
    table.iter().map(|&(value, population, _)| Group { value, population }).collect()
}

fn errors(table: Table) -> Vec<f64> {
    table.iter().map(|&(_, _, error)| error).collect()
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs() + 1e-300
}

// Computed with NumPy 2 and statsmodels 0.15: the concentration indices as slopes of the weighted regression that
// healthequal fits, all others from their definitions.
const EXPECTED: [(Table, &[(&str, f64)]); 3] = [
    (
        DECILES,
        &[
            ("mean", 0.1648441140662582),
            ("aci", -0.01525504245444673),
            ("rci", -0.09254223325386707),
            ("wagstaff", -0.11080833508154073),
            ("erreygers", -0.06102016981778695),
            ("bgv", 0.0007223877297848094),
            ("bgsd", 0.02687727162092182),
            ("cov", 16.30465957074976),
            ("theil", 13.263846409381364),
            ("mld", 13.356113738430185),
            ("idisu", 13.7099223275367),
            ("idisw", 13.759078671574029),
            ("mdmu", 0.022600000000000002),
            ("mdmw", 0.022681031339835695),
            ("mdbu_low", 0.042800000000000005),
            ("mdbw_low", 0.04284411406625821),
            ("mdbu_high", 0.04719999999999999),
            ("mdbw_high", 0.04715588593374179),
            ("mdru_1", 0.036000000000000004),
            ("mdrw_1", 0.035986399944570376),
            ("par_last_low", -0.04284411406625821),
            ("par_last_high", 0.0),
            ("par_best_low", -0.04284411406625821),
            ("par_best_high", 0.04715588593374179),
            ("paf_last_low", -25.9906847805541),
            ("paf_last_high", 0.0),
            ("paf_best_low", -25.9906847805541),
            ("paf_best_high", 28.606351037069924),
            ("events_last_low", 4328.4980000000005),
            ("events_last_high", 0.0),
            ("events_best_low", 4328.4980000000005),
            ("events_best_high", 4764.111999999999),
        ],
    ),
    (
        UNEVEN,
        &[
            ("mean", 478.7281592416711),
            ("aci", 40.381266062911756),
            ("rci", 0.08435114016872887),
            ("bgv", 16685.795888398225),
            ("bgsd", 129.17351078451892),
            ("cov", 26.982643132824297),
            ("theil", 28.928244984880916),
            ("mld", 24.13312861113434),
            ("idisu", 67.39438951956274),
            ("idisw", 16.84030269096367),
            ("mdmu", 322.6359203791644),
            ("mdmw", 80.61927108317599),
            ("mdbu_low", 346.875),
            ("mdbw_low", 48.478159241671136),
            ("mdbu_high", 433.625),
            ("mdbw_high", 732.0218407583288),
            ("mdru_1", 346.875),
            ("mdrw_1", 48.478159241671136),
            ("par_last_low", 0.0),
            ("par_last_high", 732.0218407583288),
            ("par_best_low", -48.47815924167111),
            ("par_best_high", 732.0218407583288),
            ("paf_last_low", 0.0),
            ("paf_last_high", 152.90971016158468),
            ("paf_best_low", -10.12644823702514),
            ("paf_best_high", 152.90971016158468),
            ("events_last_low", 0.0),
            ("events_last_high", 39616290.0),
            ("events_best_low", 2623589.4999999986),
            ("events_best_high", 39616290.0),
        ],
    ),
    (
        TIED,
        &[
            ("mean", 4.142857142857142),
            ("aci", 0.48979591836734726),
            ("rci", 0.11822660098522175),
            ("bgv", 0.9795918367346937),
            ("bgsd", 0.9897433186107869),
            ("cov", 23.890355966467276),
            ("theil", 29.520141368666845),
            ("mld", 30.87303582534189),
            ("idisu", 25.287356321839084),
            ("idisw", 23.64532019704434),
            ("mdmu", 1.0476190476190474),
            ("mdmw", 0.979591836734694),
            ("mdbu_low", 0.6666666666666666),
            ("mdbw_low", 1.1428571428571428),
            ("mdbu_high", 1.3333333333333333),
            ("mdbw_high", 0.8571428571428571),
            ("mdru_1", 0.6666666666666666),
            ("mdrw_1", 1.1428571428571428),
            ("par_last_low", 0.0),
            ("par_last_high", 0.8571428571428577),
            ("par_best_low", -1.1428571428571423),
            ("par_best_high", 0.8571428571428577),
            ("paf_last_low", 0.0),
            ("paf_last_high", 20.689655172413808),
            ("paf_best_low", -27.586206896551715),
            ("paf_best_high", 20.689655172413808),
            ("events_last_low", 0.0),
            ("events_last_high", 6.0000000000000036),
            ("events_best_low", 7.9999999999999964),
            ("events_best_high", 6.0000000000000036),
        ],
    ),
];

#[test]
fn measures_equal_an_independent_computation() {
    for (table, expected) in EXPECTED {
        let (groups, measures) = (groups(table), measures::<f64>());
        for (name, value) in expected {
            let (_, measure) = measures.iter().find(|(known, _)| known == name).expect("a measure");
            let computed = measure(&groups).expect("defined");
            assert!(near(computed, *value), "{name}: {computed} {value}");
        }
    }
}

#[test]
fn bounds_of_exact_values_are_the_value() {
    for table in [DECILES, UNEVEN, TIED] {
        let groups = groups(table);
        let exact: Vec<_> = groups.iter().map(exactly).collect();
        for ((name, at), (_, over)) in measures::<f64>().into_iter().zip(measures::<Span>()) {
            match (at(&groups), over(&exact)) {
                (Ok(value), Ok(span)) => {
                    assert!(span.holds(value), "{name}: {value} {span:?}");
                    assert!(
                        near(span.low, value) && near(span.high, value),
                        "{name}: {value} {span:?}"
                    );
                }
                (value, span) => assert_eq!(value.is_err(), span.is_err(), "{name}"),
            }
        }
    }
}

fn exactly(group: &Group<f64>) -> Group<Span> {
    Group { value: Span::exactly(group.value), population: Span::exactly(group.population) }
}

/// Computed with NumPy 2: standard errors from derivatives by complex steps, but for the variance between groups, whose
/// standard error is the formula of Ahn and others.
#[test]
fn limits_equal_an_independent_computation() {
    type Limited = fn(&[Group<f64>], &[f64]) -> Result<Estimate, NotComputable>;
    let expected: [(Table, Limited, [f64; 2]); 15] = [
        (DECILES, absolute_concentration_estimate, [-0.016571048286624087, -0.013180124869339125]),
        (DECILES, relative_concentration_estimate, [-0.10045431629327058, -0.08006742513988793]),
        (DECILES, between_group_variance_estimate, [0.000597603237366097, 0.0009191327071531306]),
        (DECILES, theil_estimate, [11.01493347497713, 16.809658199022742]),
        (DECILES, mean_log_deviation_estimate, [11.066855305949023, 16.965537391630892]),
        (UNEVEN, absolute_concentration_estimate, [37.722942374296295, 44.57258682574631]),
        (UNEVEN, relative_concentration_estimate, [0.0788712260808507, 0.09299120074278028]),
        (UNEVEN, between_group_variance_estimate, [14531.62197386402, 20082.234739472195]),
        (UNEVEN, theil_estimate, [25.69078738697306, 34.032673503883046]),
        (UNEVEN, mean_log_deviation_estimate, [21.606011325672398, 28.117579110535853]),
        (TIED, absolute_concentration_estimate, [0.34282923439728674, 0.721515071533937]),
        (TIED, relative_concentration_estimate, [0.07901206554456, 0.1800553005153988]),
        (TIED, between_group_variance_estimate, [0.45790946402857513, 1.8021170129169706]),
        (TIED, theil_estimate, [11.852331061369675, 57.37659108994418]),
        (TIED, mean_log_deviation_estimate, [11.767960766496408, 60.9955894152539]),
    ];
    for (table, estimate, [lower95, upper998]) in expected {
        let found = estimate(&groups(table), &errors(table)).expect("defined");
        assert!(near(found.p95.lower, lower95), "{found:?} {lower95}");
        assert!(near(found.p998.upper, upper998), "{found:?} {upper998}");
        assert!(matches!(estimate(&groups(table), &[]), Err(NotComputable::NoLimits { .. })));
        for bad in [f64::NAN, -1.0, f64::INFINITY] {
            assert!(estimate(&groups(table), &vec![bad; table.len()]).is_err());
        }
    }
}

/// A box of values and populations, and a point in it.
fn boxed(most: f64) -> impl Strategy<Value = (Vec<Group<Span>>, Vec<Group<f64>>)> {
    let side = (0.0..1.0_f64, prop_oneof![Just(0.0), 0.0..0.3_f64], 0.0..=1.0_f64);
    let one = (side.clone(), side).prop_map(move |(value, people)| {
        let span = |(low, width, part): (f64, f64, f64), least: f64, most: f64| {
            let low = least + low * (most - least) * 0.7;
            let span = Span { low, high: low + width * (most - least) };
            (span, (low + part * (span.high - low)).clamp(low, span.high))
        };
        let ((values, value), (populations, population)) =
            (span(value, 0.0, most), span(people, 1.0, 50_000.0));
        (Group { value: values, population: populations }, Group { value, population })
    });
    prop::collection::vec(one, 2..7).prop_map(|groups| groups.into_iter().unzip())
}

proptest! {
    #[test]
    fn bounds_hold_the_measure_of_every_point((spans, points) in prop_oneof![boxed(1.0), boxed(900.0)]) {
        for ((name, at), (_, over)) in measures::<f64>().into_iter().zip(measures::<Span>()) {
            if let Ok(span) = over(&spans) {
                let value = at(&points).expect("defined where its bounds are");
                prop_assert!(span.low <= span.high && span.is_finite(), "{} {:?}", name, span);
                prop_assert!(span.holds(value), "{}: {} {:?}", name, value, span);
            }
        }
    }

    /// Every corner of small boxes: the means have no value outside, and reach their bounds.
    #[test]
    fn means_and_deviations_have_their_exact_extremes((spans, _) in boxed(40.0)) {
        let spans = &spans[..spans.len().min(4)];
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        let (mut lowest, mut highest) = (f64::INFINITY, f64::NEG_INFINITY);
        for corner in 0..1_u32 << (2 * spans.len()) {
            let end = |span: Span, bit: usize| if corner >> bit & 1 == 0 { span.low } else { span.high };
            let at: Vec<_> = spans.iter().enumerate().map(|(place, group)| Group {
                value: end(group.value, 2 * place),
                population: end(group.population, 2 * place + 1),
            }).collect();
            let (middle, risk) = (group_mean(&at).expect("defined"), f64::deviation(&at, 1));
            (least, most) = (least.min(middle), most.max(middle));
            (lowest, highest) = (lowest.min(risk), highest.max(risk));
        }
        let (found, deviation) = (group_mean(spans).expect("defined"), Span::deviation(spans, 1));
        for (a, b) in [
            (found.low, least), (found.high, most), (deviation.low, lowest), (deviation.high, highest),
        ] {
            prop_assert!((a - b).abs() <= 1e-10 * (1.0 + b.abs()), "{} {}", a, b);
        }
        let all: f64 = shares(spans).expect("defined").iter().map(|share| share.middle()).sum();
        prop_assert!(spans.iter().any(|group| group.population.low < group.population.high) || near(all, 1.0));
    }

    #[test]
    fn bad_values_give_reasons_and_no_numbers(
        table in prop::collection::vec((odd(), odd(), odd(), odd()), 0..5),
    ) {
        let points: Vec<_> =
            table.iter().map(|&(value, population, ..)| Group { value, population }).collect();
        let spans: Vec<_> = table.iter().map(|&(a, b, c, d)| Group {
            value: Span { low: a, high: c },
            population: Span { low: b, high: d },
        }).collect();
        let wrong = points.len() < 2 || points.iter().any(|group| {
            !(group.value.is_finite() && group.population > 0.0 && group.population.is_finite())
        });
        for ((name, at), (_, over)) in measures::<f64>().into_iter().zip(measures::<Span>()) {
            if let Ok(value) = at(&points) {
                prop_assert!(value.is_finite() && !wrong, "{} {:?}", name, points);
            }
            if let Ok(value) = over(&spans) {
                prop_assert!(value.is_finite() && value.low <= value.high, "{} {:?}", name, spans);
            }
        }
        let errors: Vec<f64> = table.iter().map(|row| row.2).collect();
        for estimate in [
            absolute_concentration_estimate, relative_concentration_estimate,
            between_group_variance_estimate, theil_estimate, mean_log_deviation_estimate,
        ] {
            if let Ok(found) = estimate(&points, &errors) {
                prop_assert!(found.p998.lower.is_finite() && found.p998.upper.is_finite());
            }
        }
    }
}

fn odd() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        Just(-0.0),
        Just(1.0),
        Just(1e9),
        Just(1e-300),
        Just(5e-324),
        Just(f64::MAX),
        Just(-3.0),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(0.5),
        0.0..1.0_f64,
        1.0..100.0_f64,
        1.0..100.0_f64,
    ]
}

#[test]
fn equal_groups_have_no_inequality_and_empty_ones_have_no_measure() {
    let equal = [Group { value: 0.25, population: 10.0 }, Group { value: 0.25, population: 30.0 }];
    for (name, measure) in measures::<f64>() {
        let value = measure(&equal).expect("defined");
        assert!(name == "mean" || value.abs() < 1e-12, "{name}: {value}");
    }
    let nothing = equal.map(|group| Group { value: 0.0, ..group });
    for relative in ["rci", "wagstaff", "cov", "theil", "mld", "idisu", "idisw", "paf_best_low"] {
        let (_, measure) =
            *measures::<f64>().iter().find(|(name, _)| *name == relative).expect("a measure");
        assert!(matches!(measure(&nothing), Err(NotComputable::Undefined { .. })), "{relative}");
        let negative = equal.map(|group| Group { value: -group.value, ..group });
        assert!(
            matches!(measure(&negative), Err(NotComputable::Number { group: 1, .. })),
            "{relative}"
        );
    }
    let none_has = [Group { value: 0.0, population: 1.0 }, Group { value: 0.5, population: 1.0 }];
    assert!(theil(&none_has).is_ok() && mean_log_deviation(&none_has).is_err());
    let all_have = equal.map(|group| Group { value: 1.0, ..group });
    assert!(matches!(wagstaff(&all_have), Err(NotComputable::Undefined { .. })));
    assert_eq!(erreygers(&nothing), Ok(0.0));
}

#[test]
fn numbers_of_groups_and_references_have_limits() {
    let one = [Group { value: 1.0, population: 1.0 }];
    let many = vec![one[0]; GROUPS_MOST + 1];
    for (_, measure) in measures::<f64>() {
        assert!(matches!(measure(&one), Err(NotComputable::TooFewGroups { least: 2, .. })));
        assert!(matches!(
            measure(&many),
            Err(NotComputable::TooManyGroups { most: GROUPS_MOST, .. })
        ));
    }
    assert!(theil(&many[1..]).is_ok_and(|value| value < 1e-9));
    let two = [one[0], one[0]];
    let missing = mean_difference_from(&two, 2, Weighting::Equal);
    assert_eq!(missing, Err(NotComputable::Missing { group: 3 }));
    let neither = [
        mean_difference_from_best(&two, Better::Neither, Weighting::Equal),
        attributable_risk(&two, Reference::Best, Better::Neither),
        attributable_fraction(&two, Reference::Best, Better::Neither),
        events_avoided(&two, Reference::Best, Better::Neither, 1.0),
        events_avoided(&two, Reference::Best, Better::Lower, 0.0),
        events_avoided(&two, Reference::Best, Better::Lower, f64::NAN),
    ];
    assert!(neither.iter().all(|refused| matches!(refused, Err(NotComputable::Undefined { .. }))));
}

#[test]
fn bounds_that_leave_a_group_without_people_are_refused() {
    let people = Span { low: 0.0, high: 7.0 };
    let known = Group { value: Span::exactly(0.2), population: Span::exactly(90.0) };
    let table = [known, Group { value: Span { low: 0.1, high: 0.3 }, population: people }];
    for (name, measure) in measures::<Span>() {
        assert!(matches!(measure(&table), Err(NotComputable::Number { group: 2, .. })), "{name}");
    }
    let reversed = Group { value: Span { low: 0.3, high: 0.1 }, ..known };
    assert!(group_mean(&[known, reversed]).is_err());
}

/// Rates per 100 000 are brought back to people.
#[test]
fn events_avoided_are_counted_in_people() {
    let events = events_avoided(&groups(UNEVEN), Reference::Best, Better::Lower, 100_000.0);
    assert!(near(events.expect("defined"), 26.235_895));
}

/// With known populations and values between bounds, only what the value of the mean leaves open is open.
#[test]
fn bounds_are_narrow() {
    let wide: Vec<_> = groups(DECILES)
        .iter()
        .map(|group| Group {
            value: Span { low: group.value, high: group.value + 0.001 },
            population: Span::exactly(group.population),
        })
        .collect();
    let aci = absolute_concentration(&wide).expect("defined");
    // Σ |2 f_i (r_i − ½)| of ten nearly equal groups is nearly a half.
    assert!(aci.high - aci.low < 0.001 * 0.51, "{aci:?}");
    let uncertain: Vec<_> = groups(DECILES)
        .iter()
        .map(|group| Group {
            value: Span::exactly(group.value),
            population: Span { low: group.population, high: group.population * 1.001 },
        })
        .collect();
    let aci = absolute_concentration(&uncertain).expect("defined");
    assert!(aci.high - aci.low < 0.0002, "{aci:?}");
}
