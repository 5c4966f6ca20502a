//! The node in rounds, against a real audit log, real extracts and a signed membership list.

mod fixture;
mod life;
mod noisy;
mod refusals;
mod suspended;

use evensum_core::ledger::PoolStep;
use evensum_core::model::{AgreementId, RefusalCode, Role};
use evensum_core::pool::{Ready, RoundDocument};
use evensum_core::port::{PoolFault, PoolNodePort};
use evensum_core::sign::{Envelope, VerifyingKey};

use self::fixture::{COORDINATOR, Open, SECOND, Scene, coordinator, dataset, ods, peer, period};
use super::{Kept, Offers};

async fn ready(open: &Open) -> Vec<Envelope> {
    let agreement = AgreementId::new("dsa").expect("an id");
    open.node.ready(&coordinator(), &agreement).await.expect("said")
}

#[tokio::test]
async fn a_published_and_decided_extract_is_ready_and_says_everything_that_it_would_be_bound_to() {
    let scene = Scene::new();
    let (open, of) = scene.prepared("M1", 40).await;
    let said = ready(&open).await;
    assert_eq!(said.len(), 1);
    let listed = scene.roster.roster().member(&ods("M1")).expect("listed");
    let key = VerifyingKey::parse(&listed.answer_key).expect("a key");
    let signed = Ready::verified(&said[0], &key).expect("its own");
    let expected = Ready {
        ods: ods("M1"),
        population: scene.population(),
        agreement: scene.agreement.id.clone(),
        agreement_hash: scene.agreement.hash().expect("a hash"),
        membership: scene.roster.hash(),
        snapshot: of,
        tables: scene.tables().ids().collect(),
    };
    assert_eq!(*signed.document(), expected);
    assert!(expected.tables.len() > 1);
    // Nothing was bound by that.
    assert_eq!(open.said().await, [""; 0]);
}

#[tokio::test]
async fn an_extract_is_not_ready_before_its_tables_are_decided() {
    let scene = Scene::new();
    scene.publish("M1", &scene.rows("M1", 40));
    let open = scene.open("M1").await;
    assert!(ready(&open).await.is_empty());
}

#[tokio::test]
async fn a_partner_without_people_of_the_population_is_not_ready() {
    let scene = Scene::new();
    let (open, _) = scene.prepared("M1", 0).await;
    assert!(ready(&open).await.is_empty());
}

#[tokio::test]
async fn an_extract_is_ready_when_its_people_offer_it_and_not_before() {
    let scene = Scene::with("pool = \"deposit\"\nprofile = \"nhs75m\"\n");
    let (open, _) = scene.prepared("M1", 40).await;
    assert!(ready(&open).await.is_empty());
    let offers = Offers::new(&open.state);
    offers.offer(&dataset(), period().previous()).expect("offered");
    assert!(ready(&open).await.is_empty(), "another period");
    offers.offer(&dataset(), period()).expect("offered");
    assert_eq!(ready(&open).await.len(), 1);
}

#[tokio::test]
async fn nothing_is_ready_under_a_profile_that_is_not_contributed_to() {
    let ckm = "pool = \"deposit\"\npool_after_publish = true\nprofile = \"ckm\"\n";
    let (open, _) = Scene::with(ckm).prepared("M1", 40).await;
    assert!(ready(&open).await.is_empty());
}

#[tokio::test]
async fn a_period_that_has_not_ended_is_not_ready() {
    let scene = Scene::new();
    let (open, _) = scene.prepared("M1", 40).await;
    scene.clock.set(fixture::NOW - 30 * 86_400);
    assert!(ready(&open).await.is_empty());
}

#[tokio::test]
async fn what_is_kept_back_is_not_ready_and_the_audit_log_says_so() {
    let scene = Scene::new();
    let (open, _) = scene.prepared("M1", 40).await;
    let offers = Offers::new(&open.state);
    let kept = |back| Kept { dataset: dataset(), period: period(), back };
    let path = offers.request(&kept(true)).expect("left");
    // It holds from the next call on, whether or not the server has looked for requests meanwhile.
    assert!(ready(&open).await.is_empty());
    assert!(!path.exists());
    for back in [true, false] {
        offers.request(&kept(back)).expect("left");
    }
    open.site.take_sum_requests().await.expect("taken");
    assert_eq!(ready(&open).await.len(), 1);
    let steps = open.steps().await;
    let said: Vec<bool> = steps
        .iter()
        .map(|step| match step {
            PoolStep::Withdrawn { withdrawn, population, agreement } => {
                assert_eq!(*population, scene.population());
                assert_eq!(*agreement, scene.agreement.id);
                *withdrawn
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(said, [true, false], "what changes nothing is not written");
}

#[tokio::test]
async fn only_the_coordinator_is_told_what_is_ready() {
    let scene = Scene::new();
    let (open, _) = scene.prepared("M1", 40).await;
    let agreement = &scene.agreement.id;
    for stranger in [
        peer("icb.example", SECOND, Role::Helper),
        peer("icb.example", "M2", Role::Coordinator),
        peer("icb.example", COORDINATOR, Role::Node),
        peer("other.example", COORDINATOR, Role::Coordinator),
    ] {
        let answer = open.node.ready(&stranger, agreement).await;
        assert!(matches!(answer, Err(PoolFault::Unauthenticated(_))), "{stranger:?}");
    }
    let other = AgreementId::new("other").expect("an id");
    let answer = open.node.ready(&coordinator(), &other).await;
    assert_eq!(answer, Err(PoolFault::Refused(RefusalCode::AgreementUnknown)));
}
