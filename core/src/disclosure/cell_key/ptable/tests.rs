//! Tables against probabilities that were worked out elsewhere, and what holds of every row.

use proptest::prelude::*;

use super::*;

/// The probability of each change of a count.
fn row(table: &PTable, count: usize) -> Vec<(i64, f64)> {
    let cumulative = &table.rows[count];
    let mut before = 0;
    let mut found = Vec::new();
    for (place, most) in (0_i64..).zip(cumulative) {
        if *most > before {
            found.push((place - CENTRE, (most - before) as f64 / WHOLE as f64));
        }
        before = *most;
    }
    found
}

/// By nested bisection in decimals of 60 digits, not by Newton's method: rows of the package's own test table.
#[test]
fn a_table_with_a_gap_is_the_one_that_others_compute() {
    let table = solve(2, 1.05, 1).expect("a table");
    let wanted: [&[(i64, f64)]; 4] = [
        &[(-1, 0.508_333_333_333_333_3), (1, 0.475), (2, 0.016_666_666_666_666_7)],
        &[
            (-2, 0.161_558_272_851_930_3),
            (0, 0.555_650_362_888_418_3),
            (1, 0.242_466_182_815_442_3),
            (2, 0.040_325_181_444_209_1),
        ],
        &[
            (-1, 0.412_313_011_057_280_7),
            (0, 0.288_060_966_828_157_9),
            (1, 0.186_939_033_171_842_1),
            (2, 0.112_686_988_942_719_3),
        ],
        &[
            (-2, 0.070_124_983_850_021_6),
            (-1, 0.244_500_064_599_913_6),
            (0, 0.370_749_903_100_129_5),
            (1, 0.244_500_064_599_913_6),
            (2, 0.070_124_983_850_021_6),
        ],
    ];
    assert_eq!(table.last, 4);
    for (count, wanted) in (1..).zip(wanted) {
        assert_row(&row(&table, count), wanted);
    }
}

#[test]
fn the_profiles_table_is_the_one_that_others_compute() {
    let table = PTable::new(5, 2.0, 0).expect("a table");
    let first = [
        (-1, 0.520_382_152_619_936_4),
        (0, 0.230_253_636_789_896_8),
        (1, 0.112_381_244_819_868_6),
        (2, 0.060_504_045_353_021_7),
        (3, 0.035_931_737_823_710_4),
        (4, 0.023_538_309_344_937_9),
        (5, 0.017_008_873_248_628_4),
    ];
    assert_row(&row(&table, 1), &first);
    let half = [
        0.281_937_472_542_637,
        0.219_642_369_463_367_2,
        0.103_849_897_968_51,
        0.029_800_439_162_447_8,
        0.005_189_982_462_038_7,
        0.000_548_574_672_317_7,
    ];
    let large: Vec<_> = (-5_i64..=5).map(|v| (v, half[v.unsigned_abs() as usize])).collect();
    assert_row(&row(&table, 5), &large);
    assert_eq!((table.last, table.bound()), (5, 5));
}

fn assert_row(found: &[(i64, f64)], wanted: &[(i64, f64)]) {
    assert_eq!(found.len(), wanted.len(), "{found:?}");
    for ((v, p), (u, q)) in found.iter().zip(wanted) {
        assert!(v == u && (p - q).abs() < 1e-12, "{found:?}");
    }
}

/// A frozen figure is of this table: another one would be another profile.
#[test]
fn the_profiles_table_never_changes() {
    let digest = super::super::digest(crate::model::Profile::Ckm).expect("a table");
    assert_eq!(
        digest.to_string(),
        "cf0aa6b44f183147982999af7bc19ada26b637447f80d86306a84c5cb2ec61a2"
    );
    assert_eq!(super::super::digest(crate::model::Profile::Nhs75m), None);
    let other = |bound, variance, gap| PTable::new(bound, variance, gap).expect("a table").digest();
    assert_eq!(other(5, 2.0, 0), digest);
    for table in [other(5, 2.01, 0), other(4, 2.0, 0), other(5, 2.0, 1)] {
        assert_ne!(table, digest);
    }
}

#[test]
fn what_would_disclose_or_cannot_be_is_refused() {
    let refused = |bound, variance, gap| PTable::new(bound, variance, gap).expect_err("refused");
    for bound in [0, 1, 2, 9] {
        assert_eq!(refused(bound, 0.5, 0), PTableError::Bound, "{bound}");
    }
    assert!(refused(2, 1.0, 0).to_string().contains("3 to 8"));
    assert_eq!(refused(5, 2.0, 3), PTableError::Gap);
    let wide = PTableError::Variance { count: 1, above: 0, below: 5 };
    for variance in [0.0, -1.0, 5.0, f64::NAN, f64::INFINITY] {
        assert_eq!(refused(5, variance, 0), wide, "{variance}");
    }
    assert_eq!(refused(4, 2.0, 2), PTableError::Variance { count: 1, above: 2, below: 4 });
    assert!(wide.to_string().contains("above 0 and below 5"));
}

fn tables() -> impl Strategy<Value = (PTable, f64, u64)> {
    (LEAST_BOUND..=MAX_BOUND, 0..=MAX_GAP, 0.02_f64..0.98).prop_filter_map(
        "a variance that every row can have",
        |(bound, gap, at)| {
            let last = if gap == 0 { bound } else { bound + gap + 1 };
            let ends = (1..=last).map(|count| variances(count, bound, gap));
            let (least, most) = ends.fold((0, u64::MAX), |a, b| (a.0.max(b.0), a.1.min(b.1)));
            let variance = least as f64 + at * most.checked_sub(least)? as f64;
            let table = PTable::new(bound, variance, gap);
            (most > least).then(|| (table.expect("a table"), variance, gap))
        },
    )
}

proptest! {
    #[test]
    fn every_row_has_mean_0_and_the_variance((table, variance, gap) in tables()) {
        for count in 1..=table.last {
            let row = row(&table, count as usize);
            let mean: f64 = row.iter().map(|(v, p)| *v as f64 * p).sum();
            let spread: f64 = row.iter().map(|(v, p)| (v * v) as f64 * p).sum();
            prop_assert!(mean.abs() < 1e-9 && (spread - variance).abs() < 1e-9, "{count}: {row:?}");
            for (v, _) in row {
                let figure = count as i64 + v;
                prop_assert!(v.unsigned_abs() <= table.bound && figure >= 0);
                prop_assert!(figure == 0 || figure > gap as i64);
            }
        }
    }

    /// Entropy is greatest where `log p` is a parabola in `v`: third differences of it vanish.
    #[test]
    fn logarithms_of_probabilities_are_parabolas(variance in 0.5_f64..4.0) {
        let table = PTable::new(5, variance, 0).expect("a table");
        for count in 1..=5 {
            let logs: Vec<f64> = row(&table, count).iter().map(|(_, p)| p.ln()).collect();
            for w in logs.windows(4).filter(|w| w.iter().all(|log| *log > -16.0)) {
                let third = w[3] - 3.0 * w[2] + 3.0 * w[1] - w[0];
                prop_assert!(third.abs() < 1e-6, "{count}: {third}");
            }
        }
    }

    #[test]
    fn figures_stay_near_their_counts((table, _, gap) in tables(), count in 0_u64..60, key in any::<u64>()) {
        let figure = table.look_up(count, key);
        prop_assert!(figure.abs_diff(count) <= table.bound);
        prop_assert!(figure == 0 || figure > gap);
        prop_assert_eq!(table.look_up(0, key), 0);
        prop_assert_eq!(table.look_up(count, key), figure);
        // The eleven lowest bits do not count, and every row is a step function that rises with the key.
        prop_assert_eq!(table.look_up(count, key | 0x7ff), figure);
        prop_assert!(table.look_up(count, key.saturating_add(1 << 60)) >= figure);
    }
}

#[test]
fn keys_spread_over_a_row_as_its_probabilities_say() {
    let table = PTable::new(5, 2.0, 0).expect("a table");
    for count in [1_u64, 3, 5, 4_000] {
        // Keys at equal distances: as many for each change as its probability says, but for one at either end.
        let keys = 1_u64 << 16;
        let mut found = [0_u64; WIDTH];
        for at in 0..keys {
            let change = table.look_up(count, at << 48) as i64 - count as i64;
            found[usize::try_from(change + CENTRE).expect("near")] += 1;
        }
        for (v, p) in row(&table, count.min(5) as usize) {
            let wanted = p * keys as f64;
            let found = found[usize::try_from(v + CENTRE).expect("near")] as f64;
            assert!((found - wanted).abs() <= 2.0, "{count} {v}: {found} {wanted}");
        }
    }
    assert_eq!((table.look_up(9, 0), table.look_up(9, u64::MAX)), (4, 14));
    assert_eq!(table.look_up(u64::MAX, u64::MAX), u64::MAX);
}
