//! Contributions of figures that are changed at random before anybody adds them up.

use evensum_core::model::RefusalCode;
use evensum_core::port::PoolFault;

use super::fixture::{MEMBERS, Scene, coordinator};
use super::life::totals;
use super::ready;

const LINES: &str = "pool = \"noisy\"\npool_after_publish = true\nprofile = \"nhs75m\"\n";
/// How far each partner's figure may be changed.
const MOST: u64 = 5;

#[tokio::test]
async fn what_is_opened_is_near_the_truth_and_nowhere_surely_it() {
    let scene = Scene::with(LINES);
    let sizes = [60, 26, 45, 33];
    let opened = totals(&scene, sizes).await;
    let tables = scene.tables();
    let (mut differ, mut occur) = (0, 0);
    for (totals, table) in opened.iter().zip(tables.tables()) {
        let lattice = table.plan().layout().lattice();
        let counted: Vec<Vec<[u64; 3]>> = MEMBERS
            .into_iter()
            .zip(sizes)
            .map(|(code, home)| scene.count(lattice, &scene.rows(code, home)))
            .collect();
        let exact = (0..3).flat_map(|of| (0..lattice.len()).map(move |cell| (of, cell)));
        let exact: Vec<[u64; 4]> =
            exact.map(|(of, cell)| std::array::from_fn(|n| counted[n][cell][of])).collect();
        assert_eq!(totals.len(), exact.len());
        for (total, each) in totals.iter().zip(exact) {
            let holders = each.iter().filter(|n| **n > 0).count() as u64;
            let truth: u64 = each.iter().sum();
            // Whoever has nobody contributes nothing.
            assert!(total.abs_diff(truth) <= MOST * holders, "{total} {each:?}");
            occur += u64::from(truth > 0);
            differ += u64::from(*total != truth);
        }
    }
    assert!(2 * differ > occur && differ < occur, "{differ} of {occur}");
    // The same records give the same figures, whatever they are sealed with.
    assert_eq!(totals(&Scene::with(LINES), sizes).await, opened);
}

#[tokio::test]
async fn an_extract_without_record_keys_is_not_ready_and_never_contributed() {
    let mut scene = Scene::with(LINES);
    scene.keyed = false;
    let (open, of) = scene.prepared("M1", 40).await;
    assert!(ready(&open).await.is_empty());
    // A coordinator that binds it all the same gets nothing.
    let round = scene.signed(&scene.round_with(&of));
    assert_eq!(open.parts(&coordinator(), &round).await, Err(PoolFault::Internal));
    assert_eq!(open.said().await, ["bound"]);
}

/// A round that was drawn up for exact figures is another round.
#[tokio::test]
async fn exact_figures_cannot_be_asked_for() {
    let scene = Scene::with(LINES);
    let (open, of) = scene.prepared("M1", 40).await;
    let mut exact = scene.agreement.clone();
    exact.pool = Some(evensum_core::model::PoolKind::Deposit);
    let of_exact = evensum_core::plan::PooledTables::of(
        &exact,
        (&super::dataset(), super::period()),
        &scene.catalogue,
        evensum_core::model::Timestamp::from_unix(super::fixture::NOW),
    );
    let mut round = scene.round_with(&of);
    round.tables = of_exact.expect("tables").ids().collect();
    let answer = open.parts(&coordinator(), &scene.signed(&round)).await;
    assert_eq!(answer, Err(PoolFault::Refused(RefusalCode::RoundDiffers)));
    assert!(open.said().await.is_empty());
}
