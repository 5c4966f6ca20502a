//! The WHO's slope against the published tests of healthequal, and against statsmodels 0.15 (its binomial GLM; the
//! robust covariance and the delta method with NumPy).

use super::*;

fn groups(x: &[f64], n: &[f64]) -> Vec<Option<Share>> {
    x.iter().zip(n).map(|(x, n)| Some(Share { x: *x, n: *n })).collect()
}

const X: [f64; 10] = [310.0, 255.0, 236.0, 198.0, 160.0, 150.0, 121.0, 118.0, 90.0, 71.0];
const N: [f64; 10] =
    [1203.0, 1187.0, 1250.0, 1099.0, 1010.0, 1164.0, 1090.0, 1213.0, 1055.0, 998.0];

fn same(made: &Estimate, want: [f64; 5]) {
    let got = [made.value, made.p95.lower, made.p95.upper, made.p998.lower, made.p998.upper];
    for (got, want) in got.into_iter().zip(want) {
        assert!((got - want).abs() <= 1e-9 * want.abs(), "{got} {want}");
    }
}

/// tests/testthat/test-sii.R and test-rii.R of healthequal: 20 to 60 % of 78, 91, 162, 103 and 105, rounded.
#[test]
fn the_published_tests_of_the_package_are_reproduced() {
    let groups = groups(&[16.0, 27.0, 65.0, 52.0, 63.0], &[78.0, 91.0, 162.0, 103.0, 105.0]);
    let made = who_slope(&groups, WhoWeights::AsHealthequal).expect("a slope");
    for (got, want) in [
        (made.sii.value * 100.0, 44.44502),
        (made.sii.p95.lower * 100.0, 40.15109),
        (made.sii.p95.upper * 100.0, 48.73895),
        (made.rii.value, 3.159506),
        (made.rii.p95.lower, 2.719902),
        (made.rii.p95.upper, 3.67016),
    ] {
        assert!((got - want).abs() <= 1e-6 * want, "{got} {want}");
    }
}

#[test]
fn either_weighting_is_that_of_an_independent_computation() {
    let made = who_slope(&groups(&X, &N), WhoWeights::Persons).expect("a slope");
    same(
        &made.sii,
        [
            -0.2021026647609675,
            -0.21332495007231092,
            -0.19088037944962408,
            -0.21979659632894177,
            -0.18440873319299322,
        ],
    );
    same(
        &made.rii,
        [
            0.2546028989129885,
            0.23993083975874577,
            0.2701721721145877,
            0.23185736005982605,
            0.27957980768077095,
        ],
    );
    let made = who_slope(&groups(&X, &N), WhoWeights::AsHealthequal).expect("a slope");
    same(
        &made.sii,
        [
            -0.20166759723574199,
            -0.2126943288855585,
            -0.19064086558592547,
            -0.21905320362671987,
            -0.1842819908447641,
        ],
    );
    same(
        &made.rii,
        [
            0.2549708375504945,
            0.2404438743762988,
            0.27037548022312546,
            0.2324458561834954,
            0.27967858437485293,
        ],
    );
}

#[test]
fn a_regression_that_has_no_end_or_no_error_is_not_computable() {
    let undefined = |x: &[f64]| {
        let made = who_slope(&groups(x, &[50.0; 5]), WhoWeights::Persons);
        assert!(matches!(made, Err(NotComputable::Undefined { .. })), "{made:?}");
    };
    undefined(&[0.0; 5]);
    undefined(&[50.0; 5]);
    undefined(&[7.0; 5]);
    undefined(&[50.0, 50.0, 0.0, 0.0, 0.0]);
    undefined(&[7.0, 0.0, 0.0, 0.0, 0.0]);
    let mut gap = groups(&X, &N);
    gap[3] = None;
    assert_eq!(who_slope(&gap, WhoWeights::Persons), Err(NotComputable::Missing { group: 4 }));
    assert!(who_slope(&groups(&X[..2], &N[..2]), WhoWeights::Persons).is_err());
}
