//! Standardised rates against an independent computation with SciPy 1.17 (its normal quantiles and Byar's formula).

use super::*;

/// Events and populations of 19 age bands: `(3 + 7i) mod 23 + i` and `2000 + 137i − 5i²`.
fn bands() -> Vec<Stratum> {
    let band = |i: u32| Stratum {
        events: u64::from((3 + 7 * i) % 23 + i),
        population: f64::from(2_000 + 137 * i - 5 * i * i),
    };
    (0..19).map(band).collect()
}

fn same(made: &Estimate, want: [f64; 5]) {
    let got = [made.value, made.p95.lower, made.p95.upper, made.p998.lower, made.p998.upper];
    for (got, want) in got.into_iter().zip(want) {
        assert!((got - want).abs() <= 1e-9 * want, "{got} {want}");
    }
}

#[test]
fn weights_are_those_of_a_hundred_thousand() {
    assert!((esp2013_weights().iter().sum::<f64>() - 100_000.0).abs() < f64::EPSILON);
    assert_eq!((ESP2013[0].0, ESP2013[18]), ("0-4", ("90+", 1_000.0)));
}

#[test]
fn rates_are_those_of_an_independent_computation() {
    let made = dsr(&bands(), &esp2013_weights(), 100_000.0).expect("a rate");
    same(
        &made,
        [
            686.7466037173738,
            612.9190615299993,
            766.5155895448107,
            573.0115035997384,
            814.1578191410198,
        ],
    );
    let ten: Vec<Stratum> = bands()
        .iter()
        .enumerate()
        .map(|(at, band)| Stratum {
            events: [(5, 4), (9, 6)].iter().find(|(i, _)| *i == at).map_or(0, |(_, x)| *x),
            ..*band
        })
        .collect();
    same(
        &dsr(&ten, &esp2013_weights(), 100_000.0).expect("a rate"),
        [
            24.226485148514854,
            11.593844677900472,
            44.56322586868927,
            7.059148297296371,
            58.62504650395891,
        ],
    );
}

#[test]
fn repeated_events_widen_the_limits() {
    let repeats: Vec<RepeatStratum> = bands()
        .iter()
        .map(|band| {
            let frequency = |each, persons| Frequency { each, persons };
            let x = band.events;
            let frequencies = vec![frequency(1, x), frequency(2, x / 3), frequency(5, x % 4)];
            RepeatStratum { frequencies, population: band.population }
        })
        .collect();
    same(
        &dsr_of_repeats(&repeats, &esp2013_weights(), 100_000.0).expect("a rate"),
        [
            1411.3025606315762,
            1254.4257958832354,
            1576.9942913142215,
            1167.9660130593634,
            1674.9628954628154,
        ],
    );
}

#[test]
fn sums_of_two_nodes_make_the_rate_of_both() {
    let weights = esp2013_weights();
    let whole = dsr(&bands(), &weights, 1_000.0).expect("a rate");
    let part = |half: fn(u64) -> u64| -> DsrSums {
        let strata: Vec<Stratum> =
            bands().iter().map(|band| Stratum { events: half(band.events), ..*band }).collect();
        DsrSums::of(&strata, &weights).expect("sums")
    };
    let sums = part(|x| x / 2).with(part(|x| x - x / 2));
    let made = dsr_of_sums(sums, 100_000.0, 1_000.0).expect("a rate");
    for (a, b) in [(made.value, whole.value), (made.p998.upper, whole.p998.upper)] {
        assert!((a - b).abs() <= 1e-12 * b);
    }
}

#[test]
fn fewer_than_ten_events_and_wrong_strata_are_no_rate() {
    let few = [Stratum { events: 9, population: 100.0 }];
    assert_eq!(dsr(&few, &[1.0], 1.0), Err(NotComputable::TooFewEvents { least: 10 }));
    assert_eq!(dsr(&few, &[1.0, 2.0], 1.0), Err(NotComputable::Missing { group: 2 }));
    let nobody = [Stratum { events: 90, population: 0.0 }];
    assert!(matches!(dsr(&nobody, &[1.0], 1.0), Err(NotComputable::Number { .. })));
    assert!(matches!(dsr(&[], &[], 1.0), Err(NotComputable::Number { .. })));
}

#[test]
fn a_lower_limit_is_never_below_zero() {
    let lopsided = [Stratum { events: 1, population: 1.0 }, Stratum { events: 9, population: 1e6 }];
    let made = dsr(&lopsided, &[1.0, 1.0], 100.0).expect("a rate");
    assert!(made.p95.lower >= 0.0 && made.p998.lower >= 0.0 && made.p95.lower <= made.value);
}
