//! A member that had taken itself out takes part again.

use evensum_core::ledger::Stop;

use super::super::watch::MAX_ABSENCE_SECONDS;
use super::*;

fn stopped(up: &Up) -> Option<Stop> {
    up.store.rounds().populations().next().and_then(|state| state.stopped)
}

#[tokio::test]
async fn totals_are_opened_again_once_every_member_is_there_and_takes_part() {
    let scene = Scene::new();
    let up = scene.up().await;
    let (leader, closing) = closed(&scene, &up).await;
    set(&scene.node("M4").refuses, Some(RefusalCode::AgreementSuspended));
    up.helper.0.roll_call().await.expect("looks");
    assert_eq!(stopped(&up), Some(Stop::Suspended));
    set(&scene.node("M2").refuses, Some(RefusalCode::KeptBack));
    set(&scene.node("M4").refuses, None);
    up.helper.0.roll_call().await.expect("looks");
    assert_eq!(stopped(&up), Some(Stop::Suspended), "another keeps it back");
    set(&scene.node("M2").refuses, None);
    set(&scene.nodes.away, vec![ods("M5")]);
    up.helper.0.roll_call().await.expect("looks");
    assert_eq!(stopped(&up), Some(Stop::Suspended), "one is not there to say so");
    // Whoever the server that was stopped is, it is the same after a restart.
    up.down().await;
    let up = scene.up().await;
    assert_eq!(stopped(&up), Some(Stop::Suspended));
    let opening = scene.signed(&leader.opening(&closing, scene.questions()));
    assert_eq!(up.open(&opening).await, Err(refused(RefusalCode::SumStopped)));
    set(&scene.nodes.away, vec![]);
    up.helper.0.roll_call().await.expect("looks");
    assert_eq!(stopped(&up), None);
    up.open(&opening).await.expect("opens");
    up.down().await;
}

#[tokio::test]
async fn what_was_stopped_because_a_member_was_away_stays_so() {
    let scene = Scene::new();
    let up = scene.up().await;
    closed(&scene, &up).await;
    set(&scene.nodes.away, vec![ods("M2")]);
    up.helper.0.roll_call().await.expect("looks");
    scene.wait(MAX_ABSENCE_SECONDS + 1);
    up.helper.0.roll_call().await.expect("looks");
    assert_eq!(stopped(&up), Some(Stop::Unseen));
    set(&scene.nodes.away, vec![]);
    up.helper.0.roll_call().await.expect("looks");
    assert_eq!(stopped(&up), Some(Stop::Unseen));
    up.down().await;
}
