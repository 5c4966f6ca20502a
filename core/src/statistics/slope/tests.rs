//! The slope against independent computations: points with statsmodels 0.15 (`WLS`), limits without simulation with
//! NumPy (the hat matrix) and SciPy 1.17 (the roots of the normal distribution function of `Y₁ − rY₀`), simulated
//! limits with NumPy's 4 000 000 draws.

use super::*;
use crate::statistics::{Level, proportion, rate};

pub(super) fn quantiles(rows: &[(f64, f64, f64, f64)]) -> Vec<Option<Quantile>> {
    rows.iter()
        .map(|&(population, value, lower, upper)| {
            Some(Quantile { population, value, limits: Some(Limits { lower, upper }) })
        })
        .collect()
}

/// The example in the documentation of `phe_sii`.
fn example() -> Vec<Option<Quantile>> {
    quantiles(&[
        (7291.0, 75.9, 72.7, 79.1),
        (7997.0, 78.3, 75.3, 81.4),
        (6105.0, 83.8, 80.9, 86.8),
        (7666.0, 83.6, 80.2, 87.1),
        (5790.0, 80.5, 77.1, 83.8),
        (6934.0, 81.1, 78.0, 84.2),
        (5918.0, 81.7, 79.0, 84.4),
        (5974.0, 84.2, 81.4, 86.9),
        (7147.0, 80.6, 75.8, 85.4),
        (7534.0, 86.3, 83.2, 89.4),
    ])
}

fn rates() -> Vec<Option<Quantile>> {
    let rows =
        [(402, 41_230.0), (311, 38_911.0), (311, 40_250.0), (240, 36_120.0), (188, 39_844.0)];
    rows.iter()
        .map(|&(events, population)| {
            let made = rate(events, population, 100_000.0).expect("a rate");
            Some(Quantile { population, value: made.value, limits: Some(made.p95) })
        })
        .collect()
}

fn proportions() -> Vec<Option<Quantile>> {
    let x = [310.0, 255.0, 236.0, 198.0, 160.0, 150.0, 121.0, 118.0, 90.0, 71.0];
    let n = [1203.0, 1187.0, 1250.0, 1099.0, 1010.0, 1164.0, 1090.0, 1213.0, 1055.0, 998.0];
    let rows = x.iter().zip(n);
    rows.map(|(x, population)| {
        let made = proportion(*x, population).expect("a proportion");
        Some(Quantile { population, value: made.value, limits: Some(made.p95) })
    })
    .collect()
}

fn near(part: f64, got: &Estimate, want: [f64; 5]) {
    let all = [got.p95.lower, got.p95.upper, got.p998.lower, got.p998.upper];
    let [value, limits @ ..] = want;
    assert!((got.value - value).abs() <= 1e-9 * value.abs(), "{} {value}", got.value);
    for (got, want) in all.into_iter().zip(limits) {
        assert!((got - want).abs() <= part * want.abs(), "{got} {want}");
    }
}

#[test]
fn limits_without_simulation_are_those_of_an_independent_computation() {
    let mut method = SlopeMethod::new(ValueType::Other, 1);
    let made = slope(&example(), &method).expect("a slope");
    assert!(!made.simulated && (made.intercept - 78.03207876952996).abs() < 1e-9);
    near(
        1e-6,
        &made.sii,
        [
            7.000234760079891,
            3.1516794694867394,
            10.848790050673044,
            0.9323018873975721,
            13.068167632762211,
        ],
    );
    near(
        1e-6,
        &made.rii.expect("an index"),
        [
            1.0897097049119413,
            1.0394650416107507,
            1.1423904267100575,
            1.0115229944113666,
            1.173958811408752,
        ],
    );
    method.multiplier = -1.0;
    let made = slope(&example(), &method).expect("a slope");
    near(
        1e-6,
        &made.sii,
        [
            -7.000234760079891,
            -10.848790050673044,
            -3.1516794694867394,
            -13.068167632762211,
            -0.9323018873975721,
        ],
    );
    near(
        1e-6,
        &made.rii.expect("an index"),
        [
            0.9176755933185061,
            0.875357475534766,
            0.9620333151852843,
            0.8518186415756775,
            0.9886082724020803,
        ],
    );
}

/// What is drawn, how, and what the SII and RII with their limits have to be near.
type Case = (Vec<Option<Quantile>>, ValueType, bool, f64, [f64; 5], [f64; 5]);

fn cases_of_rates() -> Vec<Case> {
    use ValueType::Rate;
    vec![
        (
            rates(),
            Rate,
            false,
            1.0,
            [
                -577.6532522532216,
                -714.2440259441963,
                -443.005976692409,
                -795.7201401059833,
                -366.3137013339291,
            ],
            [
                0.4382463936717168,
                0.3526247628173018,
                0.5382597641859398,
                0.30751308494408836,
                0.6030947547915075,
            ],
        ),
        (
            rates(),
            Rate,
            true,
            -1.0,
            [
                611.6057153100779,
                460.70411907304987,
                768.4954597313105,
                375.4728409732107,
                862.5955968028901,
            ],
            [
                2.2867027531367468,
                1.8784677030282062,
                2.783896698657028,
                1.6763328741016383,
                3.1196341474259692,
            ],
        ),
        (
            rates(),
            Rate,
            false,
            -2.0,
            [
                1155.3065045064432,
                886.011953384818,
                1428.4880518883926,
                732.6274026678597,
                1591.4402802119685,
            ],
            [
                2.281821401020093,
                1.8578390333752628,
                2.8358757110830313,
                1.6581142383621195,
                3.25189414356749,
            ],
        ),
    ]
}

fn cases_of_proportions() -> Vec<Case> {
    use ValueType::Proportion;
    vec![
        (
            proportions(),
            Proportion,
            false,
            100.0,
            [
                -20.00119612071545,
                -22.273067538266304,
                -17.692737254684772,
                -23.61021015482476,
                -16.374051326567134,
            ],
            [
                0.20523247394095612,
                0.1571204484590471,
                0.2619091476186241,
                0.1308473686038756,
                0.2971566621595614,
            ],
        ),
        (
            proportions(),
            Proportion,
            true,
            100.0,
            [
                -20.35790793474625,
                -22.968683100750145,
                -17.77669638158518,
                -24.48951816029487,
                -16.30060250824721,
            ],
            [
                0.25185441786780083,
                0.21288967866777747,
                0.2981602161975141,
                0.19326012991163702,
                0.3287268475432659,
            ],
        ),
    ]
}

#[test]
fn simulated_limits_are_near_those_of_an_independent_simulation() {
    for (known, value_type, transform, multiplier, sii, rii) in
        cases_of_rates().into_iter().chain(cases_of_proportions())
    {
        let method = SlopeMethod { transform, multiplier, ..SlopeMethod::new(value_type, 20_130) };
        let made = slope(&known, &method).expect("a slope");
        assert!(made.simulated);
        near(0.01, &made.sii, sii);
        near(0.01, &made.rii.clone().expect("an index"), rii);
        let point = slope_point(&known, &method).expect("a slope");
        assert!(
            (point.sii, point.rii.expect("an index"))
                == (made.sii.value, made.rii.expect("an index").value)
        );
    }
}

#[test]
fn a_seed_gives_the_same_limits_again_and_another_seed_others() {
    let method =
        |seed| SlopeMethod { repetitions: 1_000, ..SlopeMethod::new(ValueType::Rate, seed) };
    let made = |seed| slope(&rates(), &method(seed)).expect("a slope").sii;
    assert_eq!(made(5), made(5));
    assert_ne!(made(5), made(6));
}

#[test]
fn the_sorted_places_are_those_of_the_rule() {
    let mut known = rates();
    for quantile in known.iter_mut().flatten() {
        quantile.limits = Some(Limits { lower: quantile.value, upper: quantile.value });
    }
    let method = SlopeMethod::new(ValueType::Rate, 3);
    let made = slope(&known, &method).expect("a slope").sii;
    for level in Level::ALL {
        let Limits { lower, upper } = made.at(level);
        assert!((lower - made.value).abs() < 1e-9 && (upper - made.value).abs() < 1e-9);
    }
    assert_eq!(limits::place(100_000, 0.025), 2_500);
    assert_eq!(limits::place(100_000, 1.0 - 0.001), 99_900);
    assert_eq!((limits::place(1_000, 0.001), limits::place(1_020, 0.025)), (1, 26));
}

#[test]
fn what_is_missing_or_at_zero_is_not_guessed() {
    let rate = SlopeMethod::new(ValueType::Rate, 1);
    let mut known = rates();
    known[2] = None;
    assert_eq!(slope(&known, &rate), Err(NotComputable::Missing { group: 3 }));
    let mut known = rates();
    known[1] = known[1].map(|quantile| Quantile { limits: None, ..quantile });
    assert!(matches!(slope(&known, &rate), Err(NotComputable::NoLimits { .. })));
    assert!(slope_point(&known, &rate).is_ok());
    known[1] = known[1].map(|quantile| Quantile { value: 0.0, ..quantile });
    assert!(slope_point(&known, &rate).is_ok());
    let logged = SlopeMethod { transform: true, ..rate };
    assert!(matches!(slope_point(&known, &logged), Err(NotComputable::Undefined { .. })));
    let zero = Limits { lower: 0.0, upper: 4.0 };
    known[1] = known[1].map(|quantile| Quantile { value: 1.0, limits: Some(zero), ..quantile });
    assert!(matches!(slope(&known, &rate), Err(NotComputable::Undefined { .. })));
    assert!(matches!(slope(&rates()[..4], &rate), Err(NotComputable::TooFewGroups { .. })));
    let many: Vec<_> = rates().into_iter().cycle().take(101).collect();
    assert!(matches!(slope(&many, &rate), Err(NotComputable::TooManyGroups { .. })));
    let other = SlopeMethod { transform: true, ..SlopeMethod::new(ValueType::Other, 1) };
    assert!(slope(&example(), &other).is_err());
}

#[test]
fn a_line_that_crosses_zero_has_a_slope_and_no_ratio() {
    let known = quantiles(&[
        (100.0, 1.0, 0.5, 1.5),
        (100.0, 2.0, 1.5, 2.5),
        (100.0, 30.0, 20.0, 40.0),
        (100.0, 60.0, 50.0, 70.0),
        (100.0, 90.0, 80.0, 100.0),
    ]);
    let made = slope(&known, &SlopeMethod::new(ValueType::Other, 1)).expect("a slope");
    assert!(made.ends.0 < 0.0 && made.sii.value > 0.0 && made.rii.is_err());
    let made = slope(&known, &SlopeMethod::new(ValueType::Rate, 1)).expect("a slope");
    assert!(made.rii.is_err());
    // Here the line is above zero, but the draws do not tell its end from zero.
    let unsure: Vec<_> = [4.0, 3.0, 5.0, 6.0, 7.0].map(|y| (100.0, y, y - 3.9, y + 3.9)).to_vec();
    let made = slope(&quantiles(&unsure), &SlopeMethod::new(ValueType::Other, 1));
    assert!(made.expect("a slope").rii.is_err());
    let unsure: Vec<_> = [1.0, 2.0, 3.0, 4.0, 5.0].map(|y| (100.0, y, y / 2.0, y * 2.0)).to_vec();
    let made = slope(&quantiles(&unsure), &SlopeMethod::new(ValueType::Rate, 1));
    assert!(made.is_ok_and(|made| made.ends.0 > 0.0 && made.rii.is_err()));
}
