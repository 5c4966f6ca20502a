//! Masked sums against plain addition, and what a missing member leaves. What a mask that is used twice shows is
//! attack A16.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::verify::tests::{deposit, spec};
use super::*;
use crate::model::{Digest, SnapshotVersion};
use crate::pool::BITS_20;

fn members(count: usize) -> (Vec<SealKey>, Members) {
    let keys: Vec<SealKey> = (0..count).map(|_| SealKey::generate().expect("a key")).collect();
    let list = keys
        .iter()
        .enumerate()
        .map(|(i, key)| (Ods::new(format!("R{i:02}")).expect("a code"), key.public().clone()))
        .collect();
    (keys, Members::new(list).expect("members"))
}

fn other_vector() -> DepositId {
    DepositId::new(&Digest::of(b"lock"), SnapshotVersion::Final, &Digest::of(b"members"), 1)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn all_masks_vanish_in_the_sum_of_all(
        values in (2_usize..7, 1_usize..20).prop_flat_map(|(n, len)| vec(vec(0_u64..1 << 20, len), n)),
    ) {
        let (keys, list) = members(values.len());
        let spec = spec(u32::try_from(values[0].len()).expect("small"), BITS_20);
        let all: Vec<Masked> = keys
            .iter()
            .zip(&values)
            .map(|(key, values)| list.mask(key, deposit(), spec, values).expect("masked"))
            .map(|masked| Masked::from_bytes(&masked.to_bytes()).expect("read"))
            .collect();
        let totals = list.unmask_sum(deposit(), spec, &all).expect("a sum");
        let plain: Vec<u64> =
            (0..values[0].len()).map(|cell| values.iter().map(|v| v[cell]).sum()).collect();
        prop_assert_eq!(totals.opened(), plain);
    }

    #[test]
    fn no_bytes_make_a_panic(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert!(Masked::from_bytes(&bytes).is_err());
        let headed = [&[VERSION, MASKED], &bytes[..]].concat();
        if let Ok(read) = Masked::from_bytes(&headed) {
            prop_assert_eq!(read.to_bytes(), headed);
        }
    }
}

#[test]
fn one_missing_means_no_sum() {
    let (keys, list) = members(4);
    let spec = spec(8, BITS_20);
    let all: Vec<Masked> =
        keys.iter().map(|key| list.mask(key, deposit(), spec, &[6; 8]).expect("masked")).collect();
    let refused = |all: &[Masked]| list.unmask_sum(deposit(), spec, all).err();
    assert_eq!(refused(&all), None);
    for left_out in 0..4 {
        let mut some = all.clone();
        some.remove(left_out);
        assert_eq!(refused(&some), Some(PoolError::Incomplete));
        // A shorter list does not help: the masks agreed with the missing one stay in the sum.
        let shorter = (0..4).filter(|i| *i != left_out).map(|i| list.0[i].clone()).collect();
        let shorter = Members::new(shorter).expect("members");
        let sum = shorter.unmask_sum(deposit(), spec, &some);
        assert_eq!(sum.err(), Some(PoolError::Together));
        // Nor does somebody else in its place.
        some.insert(left_out, all[(left_out + 1) % 4].clone());
        assert_eq!(refused(&some), Some(PoolError::Incomplete));
    }
    let mut swapped = all.clone();
    swapped.swap(0, 1);
    assert_eq!(refused(&swapped), Some(PoolError::Incomplete));
    assert_eq!(list.unmask_sum(other_vector(), spec, &all).err(), Some(PoolError::Incomplete));
    // One that was masked for another vector, and says that it is of this.
    let mut foreign = all;
    foreign[2] = list.mask(&keys[2], other_vector(), spec, &[6; 8]).expect("masked");
    foreign[2].deposit = deposit();
    assert_eq!(refused(&foreign), Some(PoolError::Together));
}

#[test]
fn lists_that_are_no_lists_are_refused() {
    let (keys, list) = members(3);
    let refused = |list: Vec<(Ods, SealPublic)>| Members::new(list).err();
    let all = list.0.clone();
    assert_eq!(refused(all[..1].to_vec()), Some(PoolError::Members));
    assert_eq!(refused(all.iter().rev().cloned().collect()), Some(PoolError::Members));
    assert_eq!(refused(vec![all[0].clone(), all[0].clone()]), Some(PoolError::Members));
    let twice = vec![all[0].clone(), (all[1].0.clone(), all[0].1.clone())];
    assert_eq!(refused(twice), Some(PoolError::Members));

    let spec = spec(1, BITS_20);
    let stranger = SealKey::generate().expect("a key");
    assert_eq!(list.mask(&stranger, deposit(), spec, &[1]).err(), Some(PoolError::Members));
    assert_eq!(list.mask(&keys[0], deposit(), spec, &[1 << 20]).err(), Some(PoolError::Value));
    assert_eq!(list.mask(&keys[0], deposit(), spec, &[1, 2]).err(), Some(PoolError::Length));
    assert_eq!((list.len(), list.is_empty()), (3, false));
}

#[test]
fn the_stream_is_chacha20() {
    // RFC 8439, A.1, test vector 2: a key and a nonce of zeros, block 1.
    let expected = "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed";
    let stream = keystream(&[0; 32], 32).expect("a stream");
    assert_eq!(data_encoding::HEXLOWER.encode(&stream), expected);
}
