//! The membership list changes while a round is open.

use super::*;
use crate::helper::Unable;

impl Scene {
    /// The next list, without a member.
    fn list_without(&self, code: &str) -> Arc<VerifiedRoster> {
        let World { agreement, roster, .. } = &*self.world;
        let list = roster.roster().clone().without(&ods(code)).expect("a member");
        signed(list, agreement, &self.officers)
    }
}

#[tokio::test]
async fn an_open_round_goes_on_under_the_list_that_it_was_bound_under() {
    let scene = Scene::new();
    let round = scene.round(&MEMBERS);
    let up = scene.up().await;
    up.announce(&scene, &round).await.expect("is bound");
    up.down().await;
    let later = scene.list_without("M4");
    let up = scene.up_with(&later).await;
    up.announce(&scene, &round).await.expect("again");
    up.fetch().await;
    let mut leader = Leader::new(&scene, &round);
    for code in MEMBERS {
        let outcomes = leader.check(&up, code).await;
        assert!(outcomes.iter().all(|o| matches!(o, CheckOutcome::Message(_))), "{code}");
    }
    let closing = leader.closing(&MEMBERS);
    up.close(&scene.signed(&closing)).await.expect("closes");
    up.down().await;
    let up = scene.up_with(&later).await;
    let opening = scene.signed(&leader.opening(&closing, scene.questions()));
    let opened = up.open(&opening).await.expect("opens");
    let sums = leader.sums(&MEMBERS);
    let totals = leader.totals(&sums, &scene.questions()[0], &opened.parts[0]);
    assert!(same_totals(&totals, &MEMBERS));
    // Who is on the list no more hears what becomes of its records as before.
    up.helper.0.tell().await.expect("tells");
    let heard = got(&scene.node("M4").told).len();
    assert_eq!(heard, 2, "closed and opened");
    up.down().await;
    assert_eq!(problems(&scene).await, 0);
}

#[tokio::test]
async fn nobody_is_bound_under_a_list_that_was_replaced() {
    let scene = Scene::new();
    scene.up().await.down().await;
    let later = scene.list_without("M4");
    let up = scene.up_with(&later).await;
    let old = scene.round(&MEMBERS);
    assert_eq!(up.announce(&scene, &old).await, Err(refused(RefusalCode::RoundDiffers)));
    assert_eq!(up.store.rounds().populations().count(), 0);
    let rest = ["M1", "M2", "M3", "M5"];
    let new = scene.round_under(later.hash(), &rest, SnapshotVersion::Final);
    up.announce(&scene, &new).await.expect("is bound");
    up.down().await;
}

#[tokio::test]
async fn a_list_that_is_lost_can_be_put_back_and_no_other_in_its_place() {
    let scene = Scene::new();
    let round = scene.round(&MEMBERS);
    let up = scene.up().await;
    up.announce(&scene, &round).await.expect("is bound");
    up.down().await;
    let first = &scene.world.roster;
    let file = scene.state().join("sums").join(first.hash().to_string()).join("list");
    let text = |list: &VerifiedRoster| list.signed().to_text().expect("a text");
    assert_eq!(std::fs::read_to_string(&file).expect("kept"), text(first));
    let later = scene.list_without("M4");
    let up = scene.up_with(&later).await;
    let unsigned = SignedRoster::unsigned(first.roster().clone()).expect("a list");
    for (instead, why) in [
        (None, "put that list there"),
        (Some(text(&later)), "put that list there"),
        (Some(unsigned.to_text().expect("a text")), "signed by officers of 0 organisations"),
        (Some("{}".to_owned()), "cannot be read"),
    ] {
        match &instead {
            None => std::fs::remove_file(&file).expect("removed"),
            Some(text) => std::fs::write(&file, text).expect("written"),
        }
        match up.helper.0.fetch().await {
            Err(Unable::Load(reason)) => assert!(reason.to_string().contains(why), "{reason}"),
            other => panic!("{instead:?}: {other:?}"),
        }
    }
    std::fs::write(&file, text(first)).expect("written");
    up.fetch().await;
    up.down().await;
}
