//! Both servers together: what is in order is found to be, and whatever was altered is refused by one error. What is
//! sent again for another sum, or made by hand, is part of attack A16.

mod transcript;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::model::SnapshotVersion;
use crate::pool::bytes::ELEMENT_BYTES;
use crate::pool::share::{MAX_PART_BYTES, NONCE_BYTES, PUBLIC_BYTES};
use crate::pool::{BITS_20, BITS_24, MAX_VECTOR, Shared, SumOfShares, share};

/// Where a server's own share begins in its part.
const INPUT: usize = 2 + NONCE_BYTES + PUBLIC_BYTES;

pub(in crate::pool) fn deposit() -> DepositId {
    DepositId::new(&Digest::of(b"lock"), SnapshotVersion::Final, &Digest::of(b"members"), 0)
}

pub(in crate::pool) fn context(partner: usize) -> Context {
    Context::new(deposit(), Ods::new(format!("R{partner:02}")).expect("an ODS code"))
}

pub(in crate::pool) fn spec(len: u32, bits: u8) -> VectorSpec {
    VectorSpec::new(len, bits).expect("a shape")
}

fn servers() -> (Aggregator, Aggregator) {
    let key = VerifyKey::generate().expect("a key");
    (Aggregator::leader(key.clone()), Aggregator::helper(key))
}

/// Both servers over two parts. The first error, wherever it comes up, and nothing else.
fn checked(
    (leader, helper): &(Aggregator, Aggregator),
    context: &Context,
    spec: VectorSpec,
    parts: (&[u8], &[u8]),
) -> Result<(OutputShare, OutputShare), PoolError> {
    let (one, first) = leader.begin(context, spec, parts.0)?;
    let (other, second) = helper.begin(context, spec, parts.1)?;
    let message = join(context, spec, &first, &second)?;
    Ok((one.finish(&message)?, other.finish(&message)?))
}

/// The two servers' shares of each of several partners' figures.
pub(in crate::pool) fn nodes(
    spec: VectorSpec,
    values: &[Vec<u64>],
) -> Vec<(OutputShare, OutputShare)> {
    let servers = servers();
    let one = |(i, values): (usize, &Vec<u64>)| {
        let shared = share(&context(i), spec, values).expect("shared");
        checked(&servers, &context(i), spec, (shared.leader(), shared.helper())).expect("in order")
    };
    values.iter().enumerate().map(one).collect()
}

/// The two servers' sums.
pub(in crate::pool) fn summed(spec: VectorSpec, values: &[Vec<u64>]) -> (SumOfShares, SumOfShares) {
    let mut leader = SumOfShares::empty(Role::Leader, deposit(), spec);
    let mut helper = SumOfShares::empty(Role::Helper, deposit(), spec);
    for (one, other) in nodes(spec, values) {
        leader.add(one).expect("added");
        helper.add(other).expect("added");
    }
    (leader, helper)
}

const SHAPE: (u32, u8) = (3, BITS_20);

fn sample() -> (VectorSpec, Shared) {
    let spec = spec(SHAPE.0, SHAPE.1);
    (spec, share(&context(0), spec, &[6, 0, 1_048_575]).expect("shared"))
}

#[test]
fn every_altered_byte_of_either_part_is_refused() {
    let (spec, shared) = sample();
    let servers = servers();
    let (leader, helper) = (shared.leader(), shared.helper());
    assert!(checked(&servers, &context(0), spec, (leader, helper)).is_ok());
    let altered = |part: &[u8], at: usize| {
        let mut bad = part.to_vec();
        bad[at] ^= 1 << (at % 8);
        bad
    };
    for at in 0..leader.len() {
        let bad = altered(leader, at);
        let found = checked(&servers, &context(0), spec, (&bad, helper)).err();
        assert_eq!(found, Some(PoolError::Verify), "byte {at}");
    }
    for at in 0..helper.len() {
        let bad = altered(helper, at);
        let found = checked(&servers, &context(0), spec, (leader, &bad)).err();
        assert_eq!(found, Some(PoolError::Verify), "byte {at}");
    }
}

#[test]
fn every_altered_byte_between_the_servers_is_refused() {
    let (spec, shared) = sample();
    let (leader, helper) = servers();
    let context = context(0);
    let begin = || {
        let one = leader.begin(&context, spec, shared.leader()).expect("begun");
        (one, helper.begin(&context, spec, shared.helper()).expect("begun"))
    };
    let ((_, first), (_, second)) = begin();
    for at in 0..first.len() {
        let mut bad = [first.clone(), second.clone()];
        bad[at % 2][at] ^= 1 << (at % 8);
        // What is not found by joining is found by whoever ends with the message.
        let found = join(&context, spec, &bad[0], &bad[1]).and_then(|message| {
            let ((one, _), _) = begin();
            one.finish(&message)
        });
        assert_eq!(found.err(), Some(PoolError::Verify), "byte {at}");
    }
    let message = join(&context, spec, &first, &second).expect("joined");
    for at in 0..message.len() {
        let mut bad = message.clone();
        bad[at] ^= 1 << (at % 8);
        let ((one, _), (other, _)) = begin();
        assert_eq!(one.finish(&bad).err(), Some(PoolError::Verify), "byte {at}");
        assert_eq!(other.finish(&bad).err(), Some(PoolError::Verify), "byte {at}");
    }
    // Swapped, or one of them twice.
    for (a, b) in [(&second, &first), (&first, &first), (&second, &second)] {
        assert_eq!(join(&context, spec, a, b), Err(PoolError::Verify));
    }
}

#[test]
fn too_much_is_refused() {
    let (spec, _) = sample();
    let servers = servers();
    // A figure that is too large, shared in a shape of more bits: as long in all, and too long.
    for (len, values) in [(5, vec![1 << 23; 5]), (3, vec![1 << 23; 3])] {
        let other = VectorSpec::new(len, BITS_24).expect("a shape");
        let shared = share(&context(0), other, &values).expect("shared");
        let six = VectorSpec::new(6, BITS_20).expect("a shape");
        for expected in [six, spec] {
            let parts = (shared.leader(), shared.helper());
            let found = checked(&servers, &context(0), expected, parts).err();
            assert_eq!(found, Some(PoolError::Verify));
        }
    }
    assert_eq!(share(&context(0), spec, &[0, 0, 1 << 20]).err(), Some(PoolError::Value));
    assert_eq!(share(&context(0), spec, &[0, 0]).err(), Some(PoolError::Length));
}

#[test]
fn the_servers_need_the_same_key() {
    let (spec, shared) = sample();
    let (leader, _) = servers();
    let (_, helper) = servers();
    let parts = (shared.leader(), shared.helper());
    let found = checked(&(leader, helper), &context(0), spec, parts).err();
    assert_eq!(found, Some(PoolError::Verify));
    let key = VerifyKey::generate().expect("a key");
    let again = VerifyKey::from_bytes(key.to_bytes().as_slice()).expect("a key");
    let pair = (Aggregator::leader(key), Aggregator::helper(again));
    assert!(checked(&pair, &context(0), spec, parts).is_ok());
    assert_eq!(VerifyKey::from_bytes(&[0; 31]).err(), Some(PoolError::Verify));
    assert_eq!(format!("{:?}", pair.0), "Aggregator { role: Leader, key: VerifyKey }");
}

#[test]
fn a_byte_too_few_or_too_many_is_refused() {
    let (spec, shared) = sample();
    let servers = servers();
    let (leader, helper) = (shared.leader(), shared.helper());
    let long = |part: &[u8]| [part, &[0]].concat();
    let short = |part: &[u8]| part[..part.len() - 1].to_vec();
    for change in [&long as &dyn Fn(&[u8]) -> Vec<u8>, &short] {
        let found = checked(&servers, &context(0), spec, (&change(leader), helper)).err();
        assert_eq!(found, Some(PoolError::Verify));
        let found = checked(&servers, &context(0), spec, (leader, &change(helper))).err();
        assert_eq!(found, Some(PoolError::Verify));
    }
    for length in 0..helper.len() {
        assert!(servers.1.begin(&context(0), spec, &helper[..length]).is_err());
    }
    let huge = vec![VERSION; MAX_PART_BYTES + 1];
    assert!(servers.0.begin(&context(0), spec, &huge).is_err());
}

#[test]
fn the_longest_vector_of_the_most_bits_fits() {
    use crate::pool::{BITS_40, SealKey};
    let spec = spec(MAX_VECTOR, BITS_40);
    let values = vec![spec.max(); MAX_VECTOR as usize];
    let shared = share(&context(0), spec, &values).expect("shared");
    let servers = servers();
    let key = SealKey::generate().expect("a key");
    assert!(key.public().seal(b"", shared.leader()).is_ok());
    let (_, first) = servers.0.begin(&context(0), spec, shared.leader()).expect("begun");
    let (_, second) = servers.1.begin(&context(0), spec, shared.helper()).expect("begun");
    assert!(first.len() <= MAX_MESSAGE_BYTES && second.len() <= MAX_MESSAGE_BYTES);
    assert!(join(&context(0), spec, &first, &second).is_ok());
}

#[test]
fn what_is_kept_until_the_round_closes_is_read_again() {
    let spec = spec(2, BITS_20);
    let (leader, helper) = nodes(spec, &[vec![6, 7]]).pop().expect("one");
    for (role, share) in [(Role::Leader, leader), (Role::Helper, helper)] {
        let bytes = share.to_bytes().expect("bytes");
        let again = OutputShare::from_bytes(role, &bytes).expect("read");
        assert_eq!((again.context(), again.spec(), again.role()), (&context(0), spec, role));
        assert_eq!(again.to_bytes().expect("bytes"), bytes);
        for short in 0..bytes.len() {
            assert!(OutputShare::from_bytes(role, &bytes[..short]).is_err());
        }
        let other = if role == Role::Leader { Role::Helper } else { Role::Leader };
        assert_eq!(OutputShare::from_bytes(other, &bytes).err(), Some(PoolError::Stored));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_bytes_verify_or_panic(bytes in vec(any::<u8>(), 0..2_000), pad in 0_usize..4) {
        let (spec, shared) = sample();
        let (leader, helper) = servers();
        let context = context(0);
        // Bare, and under every header that is read.
        let kinds = (0..8_u8).map(|kind| [&[VERSION, kind << 4 | 1], &bytes[..]].concat());
        for bytes in kinds.chain((0..8).map(|kind| [&[VERSION, kind << 4], &bytes[..]].concat())) {
            let (pending, own) = helper.begin(&context, spec, shared.helper()).expect("begun");
            // Bytes of the right length can be begun with, as the second server can with any seeds: both servers'
            // check together is what they do not pass.
            if let Ok((_, begun)) = leader.begin(&context, spec, &bytes) {
                prop_assert!(join(&context, spec, &begun, &own).is_err());
            }
            let _ = helper.begin(&context, spec, &bytes);
            prop_assert!(join(&context, spec, &bytes, &own).is_err());
            prop_assert!(pending.finish(&bytes).is_err());
            prop_assert!(OutputShare::from_bytes(Role::Helper, &bytes).is_err());
        }
        // As long as a part should be.
        let mut long = shared.leader().to_vec();
        for (at, byte) in bytes.iter().enumerate().take(long.len().saturating_sub(INPUT + pad)) {
            long[INPUT + at] = *byte;
        }
        let parts = (&long[..], shared.helper());
        prop_assert!(bytes.is_empty() || checked(&(leader, helper), &context, spec, parts).is_err());
    }
}
