//! The profile that changes every count at random, by the keys of the records: the whole chain, from people to a
//! combined view.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::catalogue::PersonRows;

/// A record: its key, and its category on each axis of a table by sex and core20.
type Record = (u64, [usize; 3]);

/// People who differ in everything, from nothing but a number.
fn records(people: u64, seed: u64) -> Vec<Record> {
    let mixed = |n: u64| {
        let bytes = *Digest::of(&[seed.to_le_bytes(), n.to_le_bytes()].concat()).as_bytes();
        let part = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight"));
        let within = |at: usize, of: u64| usize::try_from(part(at) % of).expect("small");
        // Few are women who wait long in the most deprived areas: counts of every size occur.
        let sex = within(8, 9) / 8;
        (part(0), [sex, within(16, 4) / 3, usize::from(within(24, 6) < 5)])
    };
    (0..people).map(mixed).collect()
}

/// The table of these records by some of their characteristics, the outcome's last; each axis has its first two
/// categories for them, and `all` behind the rest.
fn table(lattice: &Lattice, records: &[Record], by: &[usize]) -> Vec<RawCell> {
    let mut cells: HashMap<usize, (u64, u64)> = HashMap::new();
    for (key, at) in records {
        let home: Vec<usize> = by.iter().map(|&characteristic| at[characteristic]).collect();
        let home = lattice.index(&home).expect("a cell");
        for cell in lattice.above(home).into_iter().chain([home]) {
            let (count, sum) = cells.entry(cell).or_default();
            (*count, *sum) = (*count + 1, sum.wrapping_add(*key));
        }
    }
    let cell = |at| cells.get(&at).copied().unwrap_or_default();
    (0..lattice.len())
        .map(cell)
        .map(|(count, key)| RawCell::new(count, count, count.min(1)).keyed(key))
        .collect()
}

/// What a partner's release of these records says, believed.
fn released(scene: &Scene, partner: &Partner, levels: &[&str], records: &[Record]) -> Received {
    let asker = scene.asker(&scene.query(levels));
    let plan = scene.plan(&asker);
    // Sex is the first characteristic, deprivation the second, the outcome the third.
    let known = ["sex", "imd.core20"];
    let by = plan.layout().question().by.iter();
    let by = by.map(|level| known.iter().position(|k| *k == level.as_str()).expect("known"));
    let by: Vec<usize> = by.chain([2]).collect();
    let cells = table(plan.layout().lattice(), records, &by);
    scene.received(partner, &asker, scene.answer_of(partner, &asker, cells)).expect("believed")
}

#[test]
fn a_changed_release_travels_and_combines() {
    let scene = Scene::new(Profile::Ckm);
    let asker = scene.asker(&scene.query(&["sex"]));
    let plan = scene.plan(&asker);
    let lattice = plan.layout().lattice();
    let people = [records(900, 1), records(60, 2)];
    let each = [1, 2].map(|at| released(&scene, &scene.partners[at], &["sex"], &people[at - 1]));
    let policy = each[0].document().policy;
    assert_eq!((policy.profile, policy.limit, policy.base), (Profile::Ckm, 7, 1));
    assert_eq!(policy.ptable, cell_key::digest(Profile::Ckm));
    let truths = people.map(|people| table(lattice, &people, &[0, 2]));
    let changed = each.iter().zip(&truths).flat_map(|(of, truth)| of.shown().iter().zip(truth));
    let changed = changed.filter(|(s, t)| matches!(s, Shown::Published(r) if *r != t.events()));
    assert!(changed.count() > 2, "counts are changed, large ones too");
    let cells = combine(plan.layout(), &each).expect("combines");
    let outcomes = lattice.axes()[1].categories().len();
    for (group, cell) in cells.iter().enumerate() {
        let (over, all) = (plan.layout().numerator(), plan.layout().denominator());
        for (side, outcome) in [(cell.numerator, over), (cell.denominator, all)] {
            let truth: u64 = truths.iter().map(|t| t[group * outcomes + outcome].events()).sum();
            assert!(side.bounds.contains(truth), "{side:?} {truth}");
        }
    }
    assert_eq!(cells[0].numerator.state, CellState::Value);
}

#[test]
fn the_same_records_have_the_same_figure_in_every_table() {
    let scene = Scene::new(Profile::Ckm);
    let north = &scene.partners[1];
    let (mut told_apart, people) = (0, records(400, 3));
    let totals = |levels: &[&str], people: &[Record]| -> Vec<Shown> {
        let release = released(&scene, north, levels, people);
        let shown = release.shown();
        // Everybody's row of the lattice is its last one.
        shown[shown.len() - 2..].to_vec()
    };
    let wanted = totals(&[], &people);
    let mut turned = people.clone();
    turned.reverse();
    for levels in [&["sex"][..], &["imd.core20"], &["sex", "imd.core20"]] {
        assert_eq!(totals(levels, &people), wanted, "{levels:?}");
        assert_eq!(totals(levels, &turned), wanted, "{levels:?}, in another order");
    }
    // As many others are changed in another way, now and then.
    for seed in 10..30 {
        told_apart += usize::from(totals(&[], &records(400, seed))[1] != wanted[1]);
    }
    assert!(told_apart > 5, "{told_apart}");
}

#[test]
fn a_table_without_keys_is_no_release() {
    let scene = Scene::new(Profile::Ckm);
    let query = scene.query(&["sex"]);
    let plan = scene.plan(&scene.asker(&query));
    let other = Scene::new(Profile::Nhs75m);
    assert!(plan.keyed() && !other.plan(&other.asker(&other.query(&["sex"]))).keyed());
    let lattice = plan.layout().lattice();
    let raw = |keys: usize| {
        let cell = |at| match RawCell::new(50, 50, 1) {
            cell if at < keys => cell.keyed(9),
            cell => cell,
        };
        Table::new(lattice.clone(), (0..lattice.len()).map(cell).collect()).expect("table")
    };
    let of = snapshot(ImdEdition::Imd2025);
    let local = Permit::<Local>::local(query.questions[0].clone(), &scene.catalogue, Profile::Ckm);
    let local = Plan::compile(&local.expect("permit"), &scene.catalogue).expect("plan");
    assert!(protect(&plan, raw(lattice.len()), &of, &ods("ZZ2")).is_ok());
    assert!(preview(&local, raw(lattice.len())).is_ok());
    for keys in [0, 1, lattice.len() - 1] {
        let refused = protect(&plan, raw(keys), &of, &ods("ZZ2"));
        assert!(matches!(refused, Err(ChainError::Unkeyed)), "{keys}");
        assert!(matches!(preview(&local, raw(keys)), Err(ChainError::Unkeyed)), "{keys}");
    }
}

#[test]
fn figures_that_the_noise_cannot_make_are_not_believed() {
    let scene = Scene::new(Profile::Ckm);
    let query = scene.query(&[]);
    let plan = scene.plan(&scene.asker(&query));
    let axes = plan.layout().lattice().axes();
    assert_eq!(axes.len(), 1, "the outcome alone: over 52 weeks, and all");
    let with = |over: Shown, all: Shown| {
        let rows = PersonRows::Several;
        [over, all].into_iter().all(|cell| received::plausible(cell, Profile::Ckm, rows))
            && received::consistent(plan.layout(), &[over, all], Profile::Ckm, 0)
    };
    let shown = Shown::Published;
    for (over, all, believed) in [
        (shown(43), shown(40), true),
        (shown(50), shown(40), true),
        (shown(51), shown(40), false),
        (shown(8), Shown::Suppressed, true),
        (shown(7), shown(40), false),
        (shown(0), shown(40), false),
        (Shown::Suppressed, shown(8), true),
        (Shown::Small, shown(40), false),
        (shown(MAX_COUNT + 1), Shown::Suppressed, false),
    ] {
        assert_eq!(with(over, all), believed, "{over:?} {all:?}");
    }
}

#[test]
fn a_figure_stands_for_what_can_have_made_it() {
    let between = |low, high| Bounds { low, high: Some(high) };
    for (figure, bounds) in [(8, between(3, 13)), (13, between(8, 18)), (14, between(9, 19))] {
        assert_eq!(stands_for(figure, Profile::Ckm), bounds);
    }
    let axis = Axis::new(LevelId::new("x").expect("id"), Vec::new(), Vec::new());
    let lattice = Lattice::new(vec![axis.expect("axis")]).expect("lattice");
    let small = bounds(&lattice, &[Shown::Small], Profile::Ckm);
    assert_eq!(small, [between(0, 12)]);
    assert_eq!(bounds(&lattice, &[Shown::Small], Profile::Nhs75m), [between(0, 7)]);
}

#[test]
fn a_question_crosses_no_more_dimensions_than_noise_survives() {
    let scene = Scene::new(Profile::Ckm);
    let two = scene.query(&["sex", "imd.core20"]);
    assert_eq!(scene.allows(&two, Profile::Ckm), Ok(()));
    let three = scene.query(&["sex", "imd.core20", "age.band"]).questions.remove(0);
    let mut scoped = two.questions[0].clone();
    scoped.scope = Some(Scope {
        level: LevelId::new("tfc.group").expect("level"),
        category: CategoryId::new("tfc_C_100").expect("category"),
    });
    let local = |question: &Question, profile| {
        let permit = Permit::<Local>::local(question.clone(), &scene.catalogue, profile);
        permit.map(drop).map_err(|denied| denied.0)
    };
    for many in [&three, &scoped] {
        assert_eq!(local(many, Profile::Ckm), Err(RefusalCode::TooManyDimensions));
        assert_eq!(local(many, Profile::Nhs75m), Ok(()));
    }
    scoped.by.pop();
    assert_eq!(local(&scoped, Profile::Ckm), Ok(()), "the outcome, one more and a restriction");
}

#[test]
fn the_changed_figure_is_held_against_the_limit() {
    let (mut hidden_above, mut shown_below) = (0, 0);
    for (events, key) in (0..=20_u64).flat_map(|n| (0..256_u64).map(move |key| (n, key << 56))) {
        let raw = RawCell::new(events, events, 1.min(events)).keyed(key);
        let figure = cell_key::figure(&raw, true).expect("a key");
        let few = figure.min(events);
        for (rows, held, hidden) in
            [(PersonRows::One, figure, Shown::Small), (PersonRows::Several, few, Shown::Suppressed)]
        {
            let wanted = if held <= 7 { hidden } else { Shown::Published(figure) };
            assert_eq!(protect::shown(&raw, Profile::Ckm, rows), wanted, "{events} {figure}");
        }
        hidden_above += usize::from(events > 7 && figure <= 7);
        shown_below += usize::from(events <= 7 && figure > 7);
    }
    assert!(hidden_above > 50 && shown_below > 50, "{hidden_above} {shown_below}");
}

proptest! {
    /// Every cell is changed alike, whether it could be shown as it is or not; what is hidden is hidden by the
    /// changed count, or by the rule of contributors.
    #[test]
    fn a_cell_is_shown_changed_or_hidden(events in 0_u64..200, persons in 0_u64..200, top in 0_u64..200, key in any::<u64>()) {
        let persons = persons.min(events).max(u64::from(events > 0));
        let top = top.min(events).max(u64::from(events > 0));
        let raw = RawCell::new(events, persons, top).keyed(key);
        let figure = cell_key::figure(&raw, true).expect("a key");
        let hidden = figure <= 7 || persons <= 7 || 2 * top > events;
        let several = protect::shown(&raw, Profile::Ckm, PersonRows::Several);
        prop_assert_eq!(several, if hidden { Shown::Suppressed } else { Shown::Published(figure) });
        let raw = RawCell::new(events, events, 1.min(events)).keyed(key);
        let one = protect::shown(&raw, Profile::Ckm, PersonRows::One);
        if one == Shown::Small {
            prop_assert!(events <= Profile::Ckm.most_hidden());
        } else {
            prop_assert_eq!(one, Shown::Published(figure));
            prop_assert!(stands_for(figure, Profile::Ckm).contains(events));
        }
        prop_assert_eq!(cell_key::figure(&RawCell::new(events, persons, top), true), None);
    }
}
