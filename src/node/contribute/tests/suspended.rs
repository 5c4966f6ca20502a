//! An agreement that is suspended, and resumed, beside a node that runs.

use evensum_core::ledger::{Event, PoolStep, RoundRef};
use evensum_core::model::{Digest, RefusalCode, SnapshotVersion};
use evensum_core::port::{PoolFault, PoolNodePort};

use super::fixture::{Scene, coordinator, ods, second};
use crate::node::contribute::{Offers, Suspension};

const SUSPENDED: PoolFault = PoolFault::Refused(RefusalCode::AgreementSuspended);

fn suspension(scene: &Scene, suspended: bool) -> Suspension {
    let (federation, agreement) = (scene.agreement.federation.clone(), scene.agreement.id.clone());
    Suspension { federation, agreement, suspended }
}

#[tokio::test]
async fn nothing_is_said_or_sent_under_a_suspended_agreement_and_what_is_told_is_still_noted() {
    let scene = Scene::new();
    let (open, of) = scene.prepared("M1", 40).await;
    let round = scene.signed(&scene.round_with(&of));
    open.parts(&second(), &round).await.expect("sent");
    let closed = Event::Pool(PoolStep::Closed {
        of: RoundRef {
            population: scene.population(),
            version: SnapshotVersion::Provisional,
            agreement: scene.agreement.id.clone(),
            round: round.payload_hash(),
        },
        closing: Digest::of(b"closing"),
        members: ["M1", "M2", "M3", "M4"].map(ods).to_vec(),
        missing: Vec::new(),
    });
    let log = scene.second_log(vec![closed.clone(), closed]);
    open.node.told(&second(), log[..1].to_vec()).await.expect("noted");

    let offers = Offers::new(&open.state);
    offers.request_suspension(&suspension(&scene, true)).expect("left");
    let agreement = &scene.agreement.id;
    assert_eq!(open.node.ready(&coordinator(), agreement).await, Err(SUSPENDED));
    assert_eq!(open.parts(&second(), &round).await, Err(SUSPENDED), "not even what was made");
    assert_eq!(open.node.told(&second(), log.clone()).await, Err(SUSPENDED));
    let expected = ["bound", "contributed", "told", "suspended", "told"];
    assert_eq!(open.said().await, expected, "what was told is noted all the same");

    // A restart changes nothing, and a second time is nothing new.
    open.store.close().await;
    let open = scene.open("M1").await;
    offers.request_suspension(&suspension(&scene, true)).expect("left");
    assert_eq!(open.node.ready(&coordinator(), agreement).await, Err(SUSPENDED));
    offers.request_suspension(&suspension(&scene, false)).expect("left");
    assert!(open.node.ready(&coordinator(), agreement).await.is_ok());
    assert!(open.parts(&second(), &round).await.is_ok());
    open.node.told(&second(), log).await.expect("noted before");
    assert_eq!(open.said().await, [&expected[..], &["suspended"]].concat());
}

#[tokio::test]
async fn another_agreement_that_is_suspended_is_none_of_this_ones() {
    let scene = Scene::new();
    let (open, _) = scene.prepared("M1", 40).await;
    let mut other = suspension(&scene, true);
    other.federation = "other.example".parse().expect("an id");
    Offers::new(&open.state).request_suspension(&other).expect("left");
    assert!(open.node.ready(&coordinator(), &scene.agreement.id).await.is_ok());
    assert_eq!(open.said().await, ["suspended"]);
}
