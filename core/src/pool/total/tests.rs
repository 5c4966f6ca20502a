//! Opened cells and groups against plain addition, and everything that does not belong together.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::verify::tests::{context, deposit, nodes, spec, summed};
use super::*;
use crate::pool::{BITS, BITS_20, Context};

fn sample() -> (SumOfShares, SumOfShares) {
    summed(spec(4, BITS_20), &[vec![6, 0, 1, 1_048_575], vec![6, 3, 0, 1_048_575]])
}

fn opened(leader: &ShareOf, helper: &ShareOf) -> Vec<u64> {
    open(leader, helper).expect("opened").opened().to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_opened_is_the_plain_sum(
        (values, bits) in (1_usize..=12, 1_usize..=6, 0_usize..BITS.len()).prop_flat_map(|(len, nodes, bits)| {
            let most = (1_u64 << BITS[bits]) - 1;
            // The ends are what a proof of bounds gets wrong first.
            let one = prop_oneof![Just(0), Just(1), Just(most), 0..=most];
            (vec(vec(one, len), nodes), Just(BITS[bits]))
        }),
        picks in vec(vec(any::<prop::sample::Index>(), 1..6), 1..4),
    ) {
        let len = values[0].len();
        let spec = spec(u32::try_from(len).expect("small"), bits);
        let (leader, helper) = summed(spec, &values);
        let plain = |cell: u32| values.iter().map(|v| v[cell as usize]).sum::<u64>();

        let groups: Vec<Vec<u32>> = picks
            .iter()
            .map(|group| {
                let cells: BTreeSet<usize> = group.iter().map(|pick| pick.index(len)).collect();
                cells.into_iter().map(|cell| u32::try_from(cell).expect("small")).collect()
            })
            .take(len)
            .collect();
        let totals = opened(
            &leader.select_groups(&groups).expect("selected"),
            &helper.select_groups(&groups).expect("selected"),
        );
        let oracle: Vec<u64> = groups.iter().map(|g| g.iter().map(|c| plain(*c)).sum()).collect();
        prop_assert_eq!(totals, oracle);

        let cells = groups[0].clone();
        let totals = opened(
            &leader.select(&cells).expect("selected"),
            &helper.select(&cells).expect("selected"),
        );
        let oracle: Vec<u64> = cells.into_iter().map(plain).collect();
        prop_assert_eq!(totals, oracle);
    }

    #[test]
    fn no_bytes_make_a_share_or_panic(bytes in vec(any::<u8>(), 0..300), flip in any::<prop::sample::Index>()) {
        for role in [Role::Leader, Role::Helper] {
            for kind in [SUM, SELECTED] {
                let bytes = [&[VERSION, kind + role.byte()], &bytes[..]].concat();
                prop_assert!(SumOfShares::from_bytes(role, &bytes).is_err());
                prop_assert!(ShareOf::from_bytes(role, &bytes).is_err());
            }
        }
        // What begins as it should must not panic either, nor be read in two ways.
        let (leader, _) = sample();
        for good in [leader.to_bytes().expect("bytes"), leader.select(&[1, 2]).expect("selected").to_bytes().expect("bytes")] {
            let mut bad = good.clone();
            let at = flip.index(bad.len());
            bad[at] ^= 0x80;
            if let Ok(read) = SumOfShares::from_bytes(Role::Leader, &bad) {
                prop_assert_eq!(read.to_bytes().expect("bytes"), bad.clone());
            }
            if let Ok(read) = ShareOf::from_bytes(Role::Leader, &bad) {
                prop_assert_eq!(read.to_bytes().expect("bytes"), bad);
            }
        }
    }
}

#[test]
fn a_share_alone_opens_nothing() {
    let (leader, helper) = sample();
    let select = |sum: &SumOfShares| sum.select(&[0, 1]).expect("selected");
    assert_eq!(opened(&select(&leader), &select(&helper)), [12, 3]);
    for (one, other) in [(&leader, &leader), (&helper, &helper), (&helper, &leader)] {
        assert_eq!(open(&select(one), &select(other)).err(), Some(PoolError::Together));
    }
    // Another sharing of the very same figures is other bytes.
    let (_, other) = sample();
    assert_eq!(open(&select(&leader), &select(&other)).err(), Some(PoolError::Together));
}

#[test]
fn only_the_same_cells_of_the_same_partners_are_opened() {
    let shape = spec(4, BITS_20);
    let (leader, helper) = sample();
    let own = leader.select(&[0, 1]).expect("selected");
    for cells in [&[0][..], &[0, 1, 2]] {
        let other = helper.select(cells).expect("selected");
        assert_eq!(open(&own, &other).err(), Some(PoolError::Together), "{cells:?}");
    }
    // Other cells, as many: nothing in the header shows it, and nothing comes of it but a wrong number of the field.
    let other = helper.select(&[2, 3]).expect("selected");
    assert_eq!(open(&own, &other).err(), Some(PoolError::Together));
    let groups = helper.select_groups(&[vec![0, 1], vec![2]]).expect("selected");
    assert_eq!(open(&own, &groups).err(), Some(PoolError::Together));

    // One partner fewer at the second server.
    let shares = nodes(shape, &[vec![6, 0, 1, 2], vec![6, 3, 0, 2]]);
    let mut sums = [
        SumOfShares::empty(Role::Leader, deposit(), shape),
        SumOfShares::empty(Role::Helper, deposit(), shape),
    ];
    for (i, (leader, helper)) in shares.into_iter().enumerate() {
        sums[0].add(leader).expect("added");
        if i == 0 {
            sums[1].add(helper).expect("added");
        }
    }
    let [one, other] = sums.map(|sum| sum.select(&[0]).expect("selected"));
    assert_eq!(open(&one, &other).err(), Some(PoolError::Together));
}

#[test]
fn more_than_all_partners_can_have_is_no_total() {
    let (leader, helper) = sample();
    let (one, mut other) = (leader.select(&[3]).expect("ok"), helper.select(&[3]).expect("ok"));
    // Both at the most: 2 * (2^20 - 1). One more is found, one fewer cannot be.
    assert_eq!(opened(&one, &other), [2_097_150]);
    other.elements[0].0 += Field128::one();
    assert_eq!(open(&one, &other).err(), Some(PoolError::Together));
    // Below zero.
    let (one, mut other) = (leader.select(&[0]).expect("ok"), helper.select(&[0]).expect("ok"));
    other.elements[0].0 -= Field128::from(13);
    assert_eq!(open(&one, &other).err(), Some(PoolError::Together));
}

#[test]
fn a_partner_is_in_a_sum_once_and_only_in_its_own() {
    let shape = spec(2, BITS_20);
    let pair = || nodes(shape, &[vec![1, 2]]).pop().expect("one");
    let mut sum = SumOfShares::empty(Role::Leader, deposit(), shape);
    sum.add(pair().0).expect("added");
    // The same partner again, the other server's share, another vector, another shape.
    assert_eq!(sum.add(pair().0), Err(PoolError::Foreign));
    let mut fresh = SumOfShares::empty(Role::Helper, deposit(), shape);
    assert_eq!(fresh.add(pair().0), Err(PoolError::Foreign));
    let other = Context::new(
        DepositId::new(
            &Digest::of(b"x"),
            crate::model::SnapshotVersion::Final,
            &Digest::of(b"y"),
            7,
        ),
        context(0).partner().clone(),
    );
    let mut fresh = SumOfShares::empty(Role::Leader, other.deposit(), shape);
    assert_eq!(fresh.add(pair().0), Err(PoolError::Foreign));
    let mut fresh = SumOfShares::empty(Role::Leader, deposit(), spec(2, 24));
    assert_eq!(fresh.add(pair().0), Err(PoolError::Foreign));
    assert_eq!(sum.contributions(), 1);
    assert_eq!(sum.partners().first(), Some(context(0).partner()));
}

#[test]
fn cells_that_are_not_there_or_stand_twice_are_not_opened() {
    let (leader, _) = sample();
    for cells in [&[][..], &[4], &[0, 0], &[0, 1, 2, 3, 0], &[u32::MAX]] {
        assert_eq!(leader.select(cells).err(), Some(PoolError::Selection), "{cells:?}");
    }
    for groups in [vec![], vec![vec![]], vec![vec![1, 1]], vec![vec![0], vec![0, 4]]] {
        assert_eq!(leader.select_groups(&groups).err(), Some(PoolError::Selection), "{groups:?}");
    }
    // Nobody has contributed.
    let empty = SumOfShares::empty(Role::Leader, deposit(), spec(4, BITS_20));
    assert_eq!(empty.select(&[0]).err(), Some(PoolError::Selection));
    // More work than an opening may cause.
    let long = spec(MAX_VECTOR, BITS_20);
    let mut sum = SumOfShares::empty(Role::Leader, deposit(), long);
    sum.partners.insert(context(0).partner().clone());
    let all: Vec<u32> = (0..MAX_VECTOR).collect();
    assert!(sum.select_groups(&vec![all.clone(); 64]).is_ok());
    assert_eq!(sum.select_groups(&vec![all; 65]).err(), Some(PoolError::Selection));
}

#[test]
fn what_is_kept_is_read_again() {
    let (leader, helper) = sample();
    let again = |role, sum: &SumOfShares| {
        let bytes = sum.to_bytes().expect("bytes");
        assert_eq!(SumOfShares::from_bytes(Role::Leader, &bytes).is_ok(), role == Role::Leader);
        for short in 0..bytes.len() {
            assert!(SumOfShares::from_bytes(role, &bytes[..short]).is_err());
        }
        assert!(SumOfShares::from_bytes(role, &[&bytes[..], &[0]].concat()).is_err());
        SumOfShares::from_bytes(role, &bytes).expect("read")
    };
    let (leader, helper) = (again(Role::Leader, &leader), again(Role::Helper, &helper));
    assert_eq!(leader.contributions(), 2);
    let sent = helper.select(&[0, 3]).expect("selected").to_bytes().expect("bytes");
    let received = ShareOf::from_bytes(Role::Helper, &sent).expect("read");
    assert_eq!(opened(&leader.select(&[0, 3]).expect("ok"), &received), [12, 2_097_150]);
    for short in 0..sent.len() {
        assert!(ShareOf::from_bytes(Role::Helper, &sent[..short]).is_err());
    }
}

#[test]
fn nothing_prints_a_figure() {
    let (leader, helper) = sample();
    let share = leader.select(&[0]).expect("selected");
    let totals = open(&share, &helper.select(&[0]).expect("selected")).expect("opened");
    for text in [format!("{totals:?}"), format!("{leader:?}"), format!("{share:?}")] {
        assert!(!text.contains("12"), "{text}");
    }
    assert_eq!((totals.len(), totals.is_empty()), (1, false));
}
