//! What is known besides figures: what categories mean, and that a count which others give away is hidden all the same.

use super::*;

/// Whether a table by one level passes by itself, of the rows, people and most rows of one person in each category.
fn passes(level: &str, rows: &[(u64, u64, u64)]) -> bool {
    let scene = Scene::new(Profile::Nhs75m);
    let asker = scene.asker(&scene.query(&[level]));
    let plan = scene.plan(&asker);
    let all = rows.iter().fold((0, 0, 0), |a, b| (a.0 + b.0, a.1 + b.1, a.2.max(b.2)));
    // Of all of them the indicator is true.
    let cells = rows
        .iter()
        .chain([&all])
        .flat_map(|&(n, people, top)| [RawCell::new(n, people, top), RawCell::new(n, people, top)]);
    let table = Table::new(plan.layout().lattice().clone(), cells.collect()).expect("a table");
    let table = protect(&plan, table, &snapshot(ImdEdition::Imd2025), &ods("ZZ2"));
    let live = Live::new(&scene.catalogue, Vec::<Vec<u8>>::new()).expect("nothing");
    let tested = live.test(vec![table.expect("protected")], &attack::Limits::RELEASE);
    matches!(tested.expect("tested"), Outcome::Passed(_))
}

/// So many people with a row each.
fn people(n: u64) -> (u64, u64, u64) {
    (n, n, 1.min(n))
}

#[test]
fn that_hardly_anything_is_not_known_may_be_known() {
    // 13 and 23 are shown as 15 and 25, and 36 as 35: of everybody else there is at most one.
    let counts = [13, 23, 0, 0, 0].map(people);
    assert!(passes("imd.core20", &counts), "not known, or lives elsewhere");
    assert!(!passes("sex", &counts), "a third sex");
    // With other errors of rounding nothing is said of either.
    assert!(passes("sex", &[15, 25, 0, 0, 0].map(people)));
}

#[test]
fn what_is_hidden_for_its_few_people_must_not_be_given_away_by_others() {
    let from_many = [(20, 20, 1), people(100), people(30), people(9), people(0)];
    assert!(passes("sex", &from_many));
    let from_one = [(20, 1, 20), people(100), people(30), people(9), people(0)];
    assert!(!passes("sex", &from_one), "around 20 of one person");
}
