//! Shares of rows, which are made of releases: what is hidden in the release is absent from them.

use super::*;
use crate::view::{Completeness, RowShare};
use proptest::prelude::*;

use RowShare::{WholePercent, Withheld};

/// The shares that the coordinator and the analyst come to, from all pathways by sex: male, female, another,
/// not known, not collected.
fn shares(scene: &Scene, asker: &Asker, rows: [u64; 5]) -> (Completeness, Received) {
    let north = &scene.partners[1];
    let parts = scene.answer(north, asker, &by_sex(rows.map(|n| (n / 2, n))));
    let received = scene.received(north, asker, parts).expect("believed");
    let plan = scene.plan(asker);
    let shares = Completeness::of(&received, plan.layout(), &scene.catalogue).expect("shares");
    (shares, received)
}

#[test]
fn shares_are_whole_per_cent_of_what_was_released() {
    let scene = Scene::new(Profile::Nhs75m);
    let asker = scene.asker(&scene.query(&["sex"]));
    for (rows, usable, not_known) in [
        // Neither all that are usable nor all others are published: between 796 and 804 of 1,000.
        ([398, 402, 0, 200, 0], WholePercent(80), WholePercent(20)),
        // The same of a tenth of the rows: between 76 and 84 of 100.
        ([40, 40, 0, 20, 0], Withheld, WholePercent(20)),
        ([398, 402, 11, 200, 0], WholePercent(80), WholePercent(20)),
        ([398, 402, 11, 200, 12], WholePercent(80), WholePercent(20)),
        ([398, 402, 0, 200, 12], WholePercent(79), WholePercent(20)),
        ([398, 402, 11, 7, 0], WholePercent(99), Withheld),
        ([1, 2, 1, 1, 1], Withheld, Withheld),
    ] {
        let (found, _) = shares(&scene, &asker, rows);
        assert_eq!((found.usable(), found.not_known()), (usable, not_known), "{rows:?}");
        assert_eq!(found.not_stated(), RowShare::None, "sex has no such category");
        assert_eq!(found.as_of().to_string(), "2026-10-31");
    }
}

#[test]
fn a_table_of_some_rows_has_no_shares() {
    let scene = Scene::new(Profile::Nhs75m);
    let asker = scene.asker(&scene.query(&["sex"]));
    let (_, received) = shares(&scene, &asker, [398, 402, 11, 200, 12]);
    let other = |change: fn(&mut Question)| {
        let mut question = scene.query(&["sex"]).questions.remove(0);
        change(&mut question);
        let layout = crate::plan::Layout::new(&question, Some(&scene.agreement), &scene.catalogue);
        Completeness::of(&received, &layout.expect("a layout"), &scene.catalogue)
    };
    assert!(other(|_| {}).is_some(), "the control");
    assert!(other(|q| q.by.clear()).is_none());
    assert!(
        other(|q| {
            q.scope = Some(Scope {
                level: LevelId::new("tfc.group").expect("level"),
                category: CategoryId::new("110").expect("id"),
            });
        })
        .is_none()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Nobody learns a small count: what is hidden has no share, and a share is a function of what is published.
    /// The oracle rounds to the nearest five by itself.
    #[test]
    fn a_hidden_figure_has_no_share(rows in prop::array::uniform4(prop_oneof![0_u64..60, 0_u64..2_000])) {
        // An extract that has the column has it of every row.
        let rows = [rows[0], rows[1], rows[2], rows[3], 0];
        let scene = Scene::new(Profile::Nhs75m);
        let asker = scene.asker(&scene.query(&["sex"]));
        let (found, _) = shares(&scene, &asker, rows);
        let total: u64 = rows.iter().sum();
        let rounded = |n: u64| (n > 7).then(|| (n + 2) / 5 * 5);
        let per_cent = |part: Option<u64>| match (part, rounded(total)) {
            (Some(part), Some(total)) => {
                match (part as f64 * 100.0 / total as f64).round() as u64 {
                    n @ 1..100 => WholePercent(n as u8),
                    0 if total >= 50 => WholePercent(0),
                    1.. if total >= 50 => WholePercent(100),
                    _ => Withheld,
                }
            }
            _ => Withheld,
        };
        prop_assert_eq!(found.not_known(), per_cent(rounded(rows[3])));
        prop_assert_eq!(found.not_collected(), per_cent(rounded(rows[4])));
        let known: Option<u64> = rows[..3].iter().map(|n| rounded(*n)).sum();
        let rest = rounded(total).zip(rounded(rows[3])).zip(rounded(rows[4]));
        let rest = rest.map(|((total, a), b)| total.saturating_sub(a + b));
        let sure = |of: std::ops::Range<usize>| -> u64 {
            rows[of].iter().filter_map(|n| rounded(*n)).map(|r| r - 2).sum()
        };
        let middle = rounded(total).and_then(|all| {
            let (low, high) = (sure(0..3), all + 2 - sure(3..5).min(all + 2));
            let narrow = high.saturating_sub(low) as f64 / all as f64 <= 0.02;
            narrow.then_some((low + high) / 2)
        });
        let usable = per_cent(rest.or(known).or(middle));
        prop_assert_eq!(found.usable(), usable);
        // Right to about a point and what rounding the figures can do.
        if let WholePercent(n) = usable {
            let truth = rows[..3].iter().sum::<u64>() as f64 * 100.0 / total as f64;
            prop_assert!((f64::from(n) - truth).abs() <= 1.5 + 1200.0 / total as f64, "{n} {truth}");
        }
    }
}
