//! What partners contribute where nobody may see an exact figure.

use proptest::prelude::*;

use super::*;
use crate::model::{Axis, AxisCategory, CategoryId, Lattice, LevelId, Measured, Sum};

const MOST: u64 = Profile::Ckm.half_width();

fn numbers(cell: &RawCell) -> [u64; 3] {
    [cell.events(), cell.persons(), cell.top()]
}

fn changed(events: u64, persons: u64, top: u64, key: u64) -> [u64; 3] {
    numbers(&noised(&RawCell::new(events, persons, top).keyed(key)).expect("it has a key"))
}

/// Rows, people and the most rows of one person that can occur together.
fn possible(most: u64) -> impl Strategy<Value = (u64, u64, u64)> {
    (1..=most).prop_flat_map(move |events| (Just(events), 1..=events)).prop_flat_map(
        |(events, persons)| {
            (Just(events), Just(persons), events.div_ceil(persons)..=events - persons + 1)
        },
    )
}

proptest! {
    #[test]
    fn every_number_is_changed_by_little_and_always_alike(
        (events, persons, top) in prop_oneof![possible(12), possible(3_000)],
        key in any::<u64>(),
    ) {
        let [e, p, t] = changed(events, persons, top, key);
        prop_assert!(e.abs_diff(events) <= MOST && p.abs_diff(persons) <= MOST);
        prop_assert!(p <= e && t <= e);
        // Whether one person has more than half of the rows is off by no more than any other number, to the safe side.
        prop_assert!(2 * t + events + MOST >= 2 * top + e, "{e} {t}");
        prop_assert_eq!(changed(events, persons, top, key), [e, p, t]);
    }
}

#[test]
fn nobody_stays_nobody_and_cannot_be_told_from_few() {
    assert_eq!(changed(0, 0, 0, 0), [0; 3]);
    let few: Vec<[u64; 3]> =
        (0..2_000_u64).map(|n| changed(1, 1, 1, n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
    let gone = few.iter().filter(|cell| cell[0] == 0).count();
    assert!(gone > 200, "{gone}");
    assert!(few.iter().all(|cell| cell[0] > 0 || *cell == [0; 3]));
}

/// If the three numbers changed alike, the difference between them would be exact.
#[test]
fn the_numbers_of_a_cell_are_changed_each_by_itself() {
    let differences = |of: usize| -> std::collections::BTreeSet<i64> {
        (0..500_u64)
            .map(|n| changed(900, 400, 300, n.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
            .map(|cell| cell[0].cast_signed() - cell[of].cast_signed())
            .collect()
    };
    assert!(differences(1).len() > 8, "{:?}", differences(1));
    assert!(differences(2).len() > 5, "{:?}", differences(2));
}

#[test]
fn a_table_without_keys_or_with_measures_is_not_changed_and_not_contributed() {
    let axis = Axis::new(
        LevelId::new("some.level").expect("a level"),
        vec![CategoryId::new("a").expect("an id"), CategoryId::new("b").expect("an id")],
        ["a", "b"]
            .iter()
            .zip(0..)
            .map(|(id, leaf)| AxisCategory {
                id: CategoryId::new(*id).expect("an id"),
                label: (*id).to_owned(),
                members: vec![leaf],
            })
            .collect(),
    );
    let lattice = Arc::new(Lattice::new(vec![axis.expect("an axis")]).expect("a lattice"));
    let cell = |key: Option<u64>| {
        let cell = RawCell::new(9, 9, 1);
        key.map_or_else(|| RawCell::new(9, 9, 1), |key| cell.keyed(key))
    };
    let table = |cells| Table::new(Arc::clone(&lattice), cells).expect("a table");
    assert!(Noised::of(&table(vec![cell(Some(1)), cell(Some(2)), cell(Some(3))])).is_some());
    assert!(Noised::of(&table(vec![cell(Some(1)), cell(None), cell(Some(3))])).is_none());
    let measured = cell(Some(2)).with(Measured::new(vec![Sum::new(9, 9, 1)], Vec::new()));
    assert!(Noised::of(&table(vec![cell(Some(1)), measured, cell(Some(3))])).is_none());
}
