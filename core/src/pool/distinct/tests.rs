//! Estimates against simulation. Whether marks say anything to whoever lacks the secret is attack A18.

use super::*;
use crate::model::{Ods, SnapshotVersion};
use crate::pool::{
    Aggregator, Context, DepositId, Role, SumOfShares, Totals, VerifyKey, join, open, share,
};

/// A generator with a seed (splitmix64).
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn secret(byte: u8) -> LinkSecret {
    LinkSecret::from_bytes(&[byte; 32]).expect("a secret")
}

fn key(byte: u8) -> LinkKey {
    secret(byte).key(&Digest::of(b"round"), &Digest::of(b"table")).expect("a key")
}

/// The digits of a number, which need not have a check digit here.
fn digits(number: u64) -> [u8; NHS_DIGITS] {
    let text = format!("{number:010}");
    text.as_bytes().try_into().expect("ten digits")
}

fn people(estimate: Estimate) -> f64 {
    match estimate {
        Estimate::People(people) => people,
        Estimate::Saturated => panic!("saturated"),
    }
}

/// How many of so many buckets stay empty.
fn thrown(people: u32, buckets: u32, seeded: &mut Seeded) -> u32 {
    let mut marked = vec![false; buckets as usize];
    for _ in 0..people {
        marked[(seeded.next() % u64::from(buckets)) as usize] = true;
    }
    u32::try_from(marked.iter().filter(|m| !**m).count()).expect("few")
}

#[test]
fn estimates_are_right_on_average_and_as_far_off_as_is_said() {
    const RUNS: u32 = 400;
    let mut seeded = Seeded(18);
    for of in [1_000, 10_000, 50_000] {
        let runs: Vec<f64> = (0..RUNS)
            .map(|_| people(estimate(thrown(of, BUCKETS_OF_TOTAL, &mut seeded), BUCKETS_OF_TOTAL)))
            .collect();
        let mean = runs.iter().sum::<f64>() / f64::from(RUNS);
        let bias = (mean / f64::from(of) - 1.0).abs();
        assert!(bias < 0.005, "{of}: {bias}");
        let variance = runs.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / f64::from(RUNS - 1);
        let ratio = variance.sqrt() / standard_error(f64::from(of), BUCKETS_OF_TOTAL);
        assert!((ratio - 1.0).abs() < 0.15, "{of}: {ratio}");
    }
}

#[test]
fn fewer_empty_buckets_are_more_people_until_there_are_too_few() {
    for buckets in [BUCKETS_OF_CATEGORY, BUCKETS_OF_TOTAL] {
        assert_eq!(estimate(buckets, buckets), Estimate::People(0.0));
        let all: Vec<f64> = (LEAST_EMPTY..=buckets).map(|e| people(estimate(e, buckets))).collect();
        assert!(all.is_sorted_by(|fewer, more| fewer > more));
        for empty in 0..LEAST_EMPTY {
            assert_eq!(estimate(empty, buckets), Estimate::Saturated);
        }
        // Where it ends, the error is still a few per cent.
        let most = all[0];
        assert!(standard_error(most, buckets) / most < 0.035, "{buckets}: {most}");
    }
}

#[test]
fn the_error_is_what_was_measured_elsewhere() {
    // By simulation: 1.15 % of a thousand with 4,096 buckets, 0.61 % of ten thousand with 16,384.
    let share = |people: f64, buckets| 100.0 * standard_error(people, buckets) / people;
    assert!((share(1_000.0, 4_096) - 1.15).abs() < 0.01);
    assert!((share(10_000.0, 16_384) - 0.61).abs() < 0.01);
}

#[test]
fn buckets_are_even_and_another_secret_round_or_table_has_others() {
    let (secret, buckets) = (secret(1), 64);
    let of = |key: &LinkKey| -> Vec<u32> {
        (0..20_000).map(|n| key.bucket(&secret.id(&digits(n)), buckets)).collect()
    };
    let (round, table) = (Digest::of(b"round"), Digest::of(b"table"));
    let first = of(&secret.key(&round, &table).expect("a key"));
    let mut counts = vec![0_f64; buckets as usize];
    first.iter().for_each(|b| counts[*b as usize] += 1.0);
    let mean = 20_000.0 / f64::from(buckets);
    let chi: f64 = counts.iter().map(|c| (c - mean).powi(2) / mean).sum();
    // 63 degrees of freedom: 0.1 % lies above 103.4.
    assert!(chi < 103.4, "{chi}");
    let other = Digest::of(b"other");
    for (round, table) in [(other, table), (round, other), (table, round)] {
        let again = of(&secret.key(&round, &table).expect("a key"));
        let same = again.iter().zip(&first).filter(|(a, b)| a == b).count();
        // One in 64 by chance: 312 of them, ± 18.
        assert!((200..430).contains(&same), "{same}");
    }
}

#[test]
fn ids_are_kept_and_zeros_are_nobody() {
    assert_ne!(secret(2).id(&digits(7)), secret(1).id(&digits(7)));
    assert_ne!(secret(2).check(), secret(1).check());
    assert_eq!(secret(1).check(), secret(1).check());
    let id = secret(3).id(&digits(9_434_765_919));
    assert_eq!(LinkId::from_bytes(id.to_bytes()), Some(id));
    assert_eq!(LinkId::from_bytes([0; LINK_BYTES]), None);
    let shown = format!("{id:?} {:?} {:?}", secret(3), key(3));
    assert_eq!(shown, "LinkId(..) LinkSecret(..) LinkKey(..)");
}

#[test]
fn a_row_for_each_category_and_no_mark_outside_of_them() {
    let (secret, key) = (secret(4), key(4));
    let shape = DistinctShape::categories(3);
    assert_eq!(shape.vectors().expect("vectors").len(), 3);
    assert_eq!(DistinctShape::total().vectors().expect("vectors").len(), 4);
    let mut marks = Marks::none(shape);
    let person = secret.id(&digits(5));
    let bucket = key.bucket(&person, shape.buckets());
    for group in [1, 1, 3, usize::MAX] {
        marks.mark(group, bucket);
    }
    marks.mark(1, shape.buckets());
    let counts: Vec<u64> = marks.vectors().iter().map(|v| v.iter().sum()).collect();
    assert_eq!(counts, [0, 1, 0]);
}

/// Adds up partners' marks as two servers do, and opens all of them.
fn summed(shape: DistinctShape, partners: &[Marks]) -> Vec<Totals> {
    let specs = shape.vectors().expect("vectors");
    let key = VerifyKey::generate().expect("a key");
    let (one, other) = (Aggregator::leader(key.clone()), Aggregator::helper(key));
    let mut opened = Vec::new();
    for (n, spec) in (0..).zip(specs) {
        let (lock, membership) = (Digest::of(b"lock"), Digest::of(b"members"));
        let deposit = DepositId::new(&lock, SnapshotVersion::Final, &membership, n);
        let mut sums = [Role::Leader, Role::Helper].map(|r| SumOfShares::empty(r, deposit, spec));
        for (p, marks) in partners.iter().enumerate() {
            let context = Context::new(deposit, Ods::new(format!("RA{p}")).expect("a code"));
            let shared = share(&context, spec, &marks.vectors()[n as usize]).expect("shares");
            let (begun, mine) = one.begin(&context, spec, shared.leader()).expect("begins");
            let (began, theirs) = other.begin(&context, spec, shared.helper()).expect("begins");
            let message = join(&context, spec, &mine, &theirs).expect("in order");
            sums[0].add(begun.finish(&message).expect("in order")).expect("added");
            sums[1].add(began.finish(&message).expect("in order")).expect("added");
        }
        let all: Vec<u32> = (0..spec.len()).collect();
        let [mine, theirs] = sums.map(|sum| sum.select(&all).expect("a share"));
        opened.push(open(&mine, &theirs).expect("totals"));
    }
    opened
}

#[test]
fn the_sum_of_marks_says_what_the_marks_of_all_would() {
    let (secret, key) = (secret(5), key(5));
    let mut seeded = Seeded(5);
    let shape = DistinctShape::categories(1);
    let mut everybody = Marks::none(shape);
    let mut partners: Vec<Marks> = (0..3).map(|_| Marks::none(shape)).collect();
    for _ in 0..900 {
        // People of two or three partners are as common as those of one.
        let person = secret.id(&digits(seeded.next() % 600));
        let at = (seeded.next() % 3) as usize;
        let bucket = key.bucket(&person, shape.buckets());
        partners[at].mark(0, bucket);
        everybody.mark(0, bucket);
    }
    let opened = summed(shape, &partners);
    let zeros: Vec<bool> =
        opened.iter().flat_map(Totals::opened).map(|marked| *marked == 0).collect();
    let alone: Vec<bool> = everybody.vectors()[0].iter().map(|marked| *marked == 0).collect();
    assert_eq!(zeros, alone);
    // Nobody is counted twice, and what is estimated is near the union.
    let empty = u32::try_from(zeros.iter().filter(|zero| **zero).count()).expect("few");
    let union = 600.0 * (1.0 - (-1.5_f64).exp());
    let estimated = people(estimate(empty, shape.buckets()));
    assert!((estimated - union).abs() < 0.1 * union, "{estimated}");
}
