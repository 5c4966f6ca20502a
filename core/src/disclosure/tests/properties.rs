//! What holds of every count and every profile.

use proptest::prelude::*;

use super::*;

fn counts() -> impl Strategy<Value = (u64, u64, u64)> {
    (0_u64..60, 0_u64..60, 0_u64..60).prop_map(|(e, p, t)| {
        let persons = p.min(e);
        (e, if e > 0 { persons.max(1) } else { 0 }, t.min(e).max(u64::from(e > 0)))
    })
}

const PROFILES: [Profile; 4] = [Profile::Nhs75m, Profile::Nhs75, Profile::Ons105m, Profile::Ckm];

proptest! {
    #[test]
    fn limit_and_base_hold_and_the_truth_lies_within(cell in counts(), several in any::<bool>(), key in any::<u64>()) {
        use crate::catalogue::PersonRows;
        let rows = if several { PersonRows::Several } else { PersonRows::One };
        for profile in PROFILES {
            let raw = RawCell::new(cell.0, cell.1, cell.2).keyed(key);
            if let Shown::Published(r) = protect::shown(&raw, profile, rows) {
                prop_assert_eq!(r % profile.base(), 0);
                prop_assert!(stands_for(r, profile).contains(cell.0));
                let zero = profile.zeros() == Zeros::Shown && cell.0 == 0;
                let changed = profile.needs_record_keys() && !several;
                let people = changed || (cell.0 > profile.limit() && cell.1 > profile.limit());
                prop_assert!(zero || (people && 2 * cell.2 <= cell.0));
            }
        }
    }

    #[test]
    fn a_stricter_limit_never_shows_what_a_weaker_one_hides(cell in counts()) {
        let rows = crate::catalogue::PersonRows::Several;
        let shown = |profile| protect::shown(&RawCell::new(cell.0, cell.1, cell.2), profile, rows);
        if shown(Profile::Nhs75m) == Shown::Suppressed {
            prop_assert_eq!(shown(Profile::Ons105m), Shown::Suppressed);
        }
    }

    #[test]
    fn withheld_cells_lie_within_their_bounds(rows in prop::collection::vec((0_u64..40, 0_u64..60), 5), keys in prop::collection::vec(any::<u64>(), 12)) {
        let table = by_sex([rows[0], rows[1], rows[2], rows[3], rows[4]].map(|(x, n)| (x, x + n)));
        let scene_free = Catalogue::builtin().expect("catalogue");
        let lists = crate::catalogue::Lists::new();
        let axis = scene_free.axis(&LevelId::new("sex").expect("id"), &lists).expect("axis");
        let outcome = &scene_free.datasets()[0].outcome;
        let over = CategoryId::new("over52").expect("id");
        let lattice = Lattice::new(vec![axis, outcome.axis(&[&over]).expect("axis")]).expect("lattice");
        for profile in PROFILES {
            let rows = crate::catalogue::PersonRows::Several;
            let shown: Vec<Shown> = table.iter().zip(&keys).map(|((e, p, t), key)| protect::shown(&RawCell::new(*e, *p, *t).keyed(*key), profile, rows)).collect();
            for (bounds, cell) in bounds(&lattice, &shown, profile).iter().zip(&table) {
                prop_assert!(bounds.contains(cell.0), "{bounds:?} {cell:?}");
            }
        }
    }
}
