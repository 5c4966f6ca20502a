//! Sums of figures that partners changed at random before: from their records by way of what they contribute to an
//! answer, whose ranges hold the truth.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::system::{COORDINATOR, answered};
use super::*;
use crate::authz::Publication;
use crate::catalogue::PersonRows;
use crate::plan::{PooledTable, PooledTables};

/// A record: whose, and the place of its leaf on each axis, before it is taken by how many there are.
type Record = (u64, [usize; 3]);

/// Rows, people, the most rows of one person, and the sum of the keys.
fn counted(table: &PooledTable, records: &[Record], secret: u64) -> Vec<[u64; 4]> {
    let lattice = table.plan().layout().lattice();
    let key = |person: u64| {
        let hash = Digest::of(&[secret.to_le_bytes(), person.to_le_bytes()].concat());
        u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("eight"))
    };
    let cell = |cell: usize| {
        let at = lattice.coordinates(cell);
        let mut people: BTreeMap<u64, u64> = BTreeMap::new();
        for (person, leaves) in records {
            let within = lattice.axes().iter().zip(&at).zip(leaves).all(|((axis, at), leaf)| {
                let leaf = u16::try_from(leaf % axis.leaves().len()).expect("small");
                axis.categories()[*at].members.contains(&leaf)
            });
            if within {
                *people.entry(*person).or_default() += 1;
            }
        }
        let key = people
            .iter()
            .fold(0_u64, |sum, (person, rows)| sum.wrapping_add(key(*person).wrapping_mul(*rows)));
        let events = people.values().sum();
        [events, people.len() as u64, people.values().copied().max().unwrap_or(0), key]
    };
    (0..lattice.len()).map(cell).collect()
}

fn raw(table: &PooledTable, cells: &[[u64; 4]]) -> Table<RawCell> {
    let cells = cells.iter().map(|[e, p, t, key]| RawCell::new(*e, *p, *t).keyed(*key)).collect();
    Table::new(table.plan().layout().lattice().clone(), cells).expect("a table")
}

/// What both servers would come to see of one partner, if they put their parts together.
fn contributed(table: &PooledTable, cells: &[[u64; 4]]) -> Vec<u64> {
    let vectors = contribution(table, raw(table, cells)).expect("contributed");
    vectors.iter().flat_map(|vector| vector.iter().copied()).collect()
}

fn noisy() -> Scene {
    let mut scene = Scene::new(Profile::Nhs75m);
    scene.agreement.pool = Some(PoolKind::Noisy);
    scene
}

fn tables(scene: &Scene) -> PooledTables {
    let dataset = DatasetId::new("rtt_open_pathway").expect("an id");
    let of = (&dataset, "2026-10".parse().expect("a period"));
    PooledTables::of(&scene.agreement, of, &scene.catalogue, NOW).expect("tables")
}

/// The smallest table of the agreement that a person may be in more than once.
fn smallest(all: &PooledTables) -> &PooledTable {
    let cells = |table: &&PooledTable| table.plan().layout().lattice().len();
    let table = all.tables().iter().min_by_key(cells).expect("a table");
    assert_eq!(table.plan().layout().person_rows(), PersonRows::Several);
    table
}

/// The sum's release, and the true rows, people and most rows of one person of each cell.
fn summed(scene: &Scene, partners: &[Vec<Record>]) -> (Received, Vec<[u64; 3]>) {
    let all = tables(scene);
    let table = smallest(&all);
    let plan: &Plan<Publication> = table.plan();
    let size = plan.layout().lattice().len();
    let (mut truth, mut sums) = (vec![[0; 3]; size], vec![0; 3 * size]);
    for (secret, records) in (0..).zip(partners) {
        let cells = counted(table, records, secret);
        for (sum, cell) in truth.iter_mut().zip(&cells) {
            *sum = std::array::from_fn(|i| sum[i] + cell[i]);
        }
        let own = contributed(table, &cells);
        sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
    }
    let cell = |n: usize| RawCell::new(sums[n], sums[size + n], sums[2 * size + n]);
    let opened = Table::new(plan.layout().lattice().clone(), (0..size).map(cell).collect());
    let members: Vec<Ods> = ["ZZ2", "ZZ3"].map(ods).into();
    // Two stand for all: how far off the sum may be follows from how many there are.
    let pool = Pooled::new(members, vec![], Digest::of(b"closing"), PoolKind::Noisy);
    let pool = pool.expect("a round");
    let of = SnapshotRef { id: pool.closing(), ..snapshot(ImdEdition::Imd2025) };
    let opened = opened.expect("a table");
    let release = protect_pooled(plan, opened, &of, &ods(COORDINATOR), pool).expect("protected");
    let party = (&scene.partners[0], Role::Coordinator);
    let verified = answered(scene, party, release.document(), Role::Coordinator);
    let Verified::Release(received) = verified.expect("believed") else { panic!("a refusal") };
    (*received, truth)
}

fn people(most: usize) -> impl Strategy<Value = Vec<Record>> {
    // Some have many rows, and few leaves have most of them.
    let leaf = || prop_oneof![3 => 0..2_usize, 1 => 0..40_usize];
    prop::collection::vec((0..most as u64, [leaf(), leaf(), leaf()]), 0..2 * most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_ranges_of_an_answer_hold_the_truth_and_nobody_stands_out(
        partners in prop_oneof![
            prop::collection::vec(people(30), 2),
            prop::collection::vec(people(400), 2),
        ],
    ) {
        let scene = noisy();
        let (received, truth) = summed(&scene, &partners);
        let all = tables(&scene);
        let layout = smallest(&all).plan().layout();
        let outcome = layout.lattice().axes().last().expect("an outcome").categories().len();
        let combined = combine(layout, std::slice::from_ref(&received)).expect("combines");
        for (group, cell) in combined.iter().enumerate() {
            let of = |place: usize| truth[group * outcome + place][0];
            let (above, below) = (of(layout.numerator()), of(layout.denominator()));
            prop_assert!(cell.numerator.bounds.contains(above), "{cell:?} {above}");
            prop_assert!(cell.denominator.bounds.contains(below), "{cell:?} {below}");
            if below > 0 {
                let share = crate::statistics::proportion_bounds(cell.numerator.bounds, cell.denominator.bounds);
                let (share, exact) = (share.expect("possible"), above as f64 / below as f64);
                prop_assert!(share.low <= exact + 1e-9 && exact <= share.high + 1e-9);
            }
        }
        for (shown, [rows, people, top]) in received.shown().iter().zip(truth) {
            if matches!(shown, Shown::Published(_)) {
                prop_assert!(people > Profile::Nhs75m.limit() && 2 * top <= rows, "{rows} {people} {top}");
            }
        }
    }
}

/// Six hundred people of two partners, who are in few groups.
fn many() -> [Vec<Record>; 2] {
    let record = |n: u64| {
        let hash = Digest::of(&n.to_le_bytes());
        let at = |byte: usize| usize::from(hash.as_bytes()[byte]) % 3;
        (n, [at(0), at(1), at(2)])
    };
    [(0..400).map(record).collect(), (400..600).map(record).collect()]
}

/// The defence of the property above: without room for the changes, ranges would be wrong.
#[test]
fn ranges_without_room_for_the_changes_would_be_wrong() {
    let (received, truth) = summed(&noisy(), &many());
    assert_eq!(received.document().off_by(), 10);
    let lattice = tables(&noisy());
    let lattice = smallest(&lattice).plan().layout().lattice();
    let narrow = bounds(lattice, received.shown(), Profile::Nhs75m);
    let wrong = narrow.iter().zip(&truth).filter(|(known, [rows, ..])| !known.contains(*rows));
    let published = received.shown().iter().filter(|s| matches!(s, Shown::Published(_))).count();
    assert!(wrong.count() > 0 && published > 8, "{published}");
}

#[test]
fn nobody_sees_an_exact_figure_and_the_same_records_always_give_the_same() {
    let scene = noisy();
    let all = tables(&scene);
    let table = smallest(&all);
    let records = &many()[0];
    let cells = counted(table, records, 0);
    let own = contributed(table, &cells);
    let exact: Vec<u64> = (0..3).flat_map(|of| cells.iter().map(move |cell| cell[of])).collect();
    assert_eq!(own.len(), exact.len());
    let differ = own.iter().zip(&exact).filter(|(own, exact)| own != exact).count();
    let occurs = exact.iter().filter(|n| **n > 0).count();
    assert!(4 * differ > occurs, "{differ} of {occurs}");
    assert!(own.iter().zip(&exact).all(|(own, exact)| own.abs_diff(*exact) <= 5));
    let mut turned = records.clone();
    turned.reverse();
    assert_eq!(contributed(table, &counted(table, &turned, 0)), own);
    let another = contributed(table, &counted(table, records, 1));
    assert_ne!(another, own, "another partner's keys");
    // The same cell of another table has the same records, and so the same figure.
    let other = all.tables().iter().find(|other| other.id() != table.id());
    if let Some(other) = other {
        let last = |of: &PooledTable| {
            let size = of.plan().layout().lattice().len();
            contributed(of, &counted(of, records, 0))[size - 1]
        };
        assert_eq!(last(other), last(table));
    }
}

#[test]
fn exact_figures_and_changed_ones_are_different_tables_and_need_their_keys() {
    let (plain, noisy) = (
        {
            let mut scene = Scene::new(Profile::Nhs75m);
            scene.agreement.pool = Some(PoolKind::Deposit);
            scene
        },
        noisy(),
    );
    let ids = |scene: &Scene| tables(scene).ids().collect::<BTreeSet<Digest>>();
    assert!(ids(&plain).is_disjoint(&ids(&noisy)));
    let all = tables(&noisy);
    let table = smallest(&all);
    let cells = (0..table.plan().layout().lattice().len()).map(|_| RawCell::new(9, 9, 1));
    let raw = Table::new(table.plan().layout().lattice().clone(), cells.collect());
    let refused = contribution(table, raw.expect("a table"));
    assert_eq!(refused.err(), Some(ContributionError::Unkeyed));
    let all = tables(&plain);
    let table = smallest(&all);
    let cells = counted(table, &many()[0], 0);
    let exact: Vec<u64> = (0..3).flat_map(|of| cells.iter().map(move |cell| cell[of])).collect();
    assert_eq!(contributed(table, &cells), exact, "as they are");
}

/// A count of several rows a person is shown where it is surely of enough people, and of nobody's in particular.
#[test]
fn a_sum_of_changed_counts_is_shown_where_it_is_safe_however_far_off_it_is() {
    let shown = |cell: (u64, u64, u64), rows| {
        let scene = noisy();
        let all = tables(&scene);
        let plan = smallest(&all).plan();
        let cells =
            (0..plan.layout().lattice().len()).map(|_| RawCell::new(cell.0, cell.1, cell.2));
        let raw = Table::new(plan.layout().lattice().clone(), cells.collect()).expect("a table");
        assert_eq!(plan.layout().person_rows(), rows);
        protect::shown_sum(plan.layout(), (Profile::Nhs75m, 20), &raw)[0]
    };
    for (cell, wanted) in [
        ((60, 28, 20), Shown::Published(60)),
        ((60, 27, 20), Shown::Suppressed),
        ((60, 28, 21), Shown::Suppressed),
        ((0, 0, 0), Shown::Suppressed),
    ] {
        assert_eq!(shown(cell, PersonRows::Several), wanted, "{cell:?}");
    }
}

/// Parts of a total that became none do not become none with it.
#[test]
fn a_sum_with_no_cases_in_all_and_some_in_a_part_is_believed() {
    let mut scene = Scene::new(Profile::Nhs75);
    let indicator = IndicatorId::new("rtt_over_65_weeks").expect("an id");
    scene.agreement.indicators = [indicator.clone()].into_iter().collect();
    let mut query = scene.query(&["sex"]);
    query.questions[0].definition_hash =
        scene.catalogue.definition_hash(&indicator).expect("a hash");
    query.questions[0].indicator = indicator;
    let plan = scene.plan(&scene.asker(&query));
    assert!(plan.layout().zero_target());
    let outcome = plan.layout().lattice().axes().last().expect("an outcome").categories().len();
    let size = plan.layout().lattice().len();
    let cell = |n: usize| match (n % outcome == plan.layout().numerator(), n + outcome >= size) {
        (true, true) => RawCell::new(0, 0, 0),
        (true, false) => RawCell::new(3, 3, 1),
        (false, _) => RawCell::new(2_000, 2_000, 1),
    };
    let raw = Table::new(plan.layout().lattice().clone(), (0..size).map(cell).collect());
    let members: Vec<Ods> = ["ZZ2", "ZZ3"].map(ods).into();
    let pool = Pooled::new(members, vec![], Digest::of(b"closing"), PoolKind::Noisy);
    let pool = pool.expect("a round");
    let of = SnapshotRef { id: pool.closing(), ..snapshot(ImdEdition::Imd2025) };
    let coordinator = ods(COORDINATOR);
    let release = protect_pooled(&plan, raw.expect("a table"), &of, &coordinator, pool);
    let party = (&scene.partners[0], Role::Coordinator);
    let release = release.expect("protected");
    assert!(answered(&scene, party, release.document(), Role::Coordinator).is_ok());
}
