//! Contributions of figures that are changed at random before anybody adds them up.

use evensum_core::model::{Digest, RefusalCode, SnapshotVersion};
use evensum_core::pool::{BoundRound, RoundRules, VerifyKey};
use evensum_core::port::PoolFault;

use super::fixture::{MEMBERS, Open, Scene, coordinator, second};
use super::life::Servers;
use super::ready;

const LINES: &str = "pool = \"noisy\"\npool_after_publish = true\nprofile = \"nhs75m\"\n";
/// How far each partner's figure may be changed.
const MOST: u64 = 5;

/// The opened totals of every table of the first four members.
async fn totals(scene: &Scene, sizes: [usize; 4]) -> Vec<Vec<u64>> {
    let mut opens: Vec<Open> = Vec::new();
    let mut said = Vec::new();
    for (code, home) in MEMBERS.into_iter().zip(sizes) {
        let (open, of) = scene.prepared(code, home).await;
        assert_eq!(ready(&open).await.len(), 1);
        said.push(scene.ready(code, &of));
        opens.push(open);
    }
    let envelope = scene.signed(&scene.round(SnapshotVersion::Provisional, said));
    let tables = scene.tables();
    let ids: Vec<Digest> = tables.ids().collect();
    let rules = RoundRules { agreement: &scene.agreement, roster: &scene.roster, tables: &ids };
    let round = BoundRound::verify(&envelope, &rules).expect("holds");
    let mut parts = Vec::new();
    for (code, open) in MEMBERS.into_iter().zip(&opens) {
        let leader = open.parts(&coordinator(), &envelope).await.expect("sent");
        let helper = open.parts(&second(), &envelope).await.expect("sent");
        parts.push((code, leader, helper));
    }
    let servers = Servers { key: VerifyKey::generate().expect("a key") };
    let (mut vector, mut all) = (0, Vec::new());
    for table in tables.tables() {
        let specs = table.shape().vectors().expect("a shape");
        let mut totals = Vec::new();
        for (place, spec) in (0..).zip(specs) {
            let deposit = (round.deposit(table.id(), place), spec);
            let of: Vec<_> = parts.iter().map(|(c, l, h)| (*c, &l[vector], &h[vector])).collect();
            totals.extend(servers.totals(scene, deposit, &of));
            vector += 1;
        }
        all.push(totals);
    }
    all
}

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
