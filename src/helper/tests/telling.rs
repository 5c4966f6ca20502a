//! What members hear, and what happens where they go away or take themselves out.

use evensum_core::ledger::{Event, PoolStep, Receipt, Stop};

use super::super::watch::MAX_ABSENCE_SECONDS;
use super::*;

/// The entries that a node was told, each of which its proof must bear out.
fn heard(scene: &Scene, code: &str) -> Vec<(u64, &'static str)> {
    let origin = evensum_core::ledger::origin(&ods(SECOND), Role::Helper);
    let told = got(&scene.node(code).told);
    let each = told.into_iter().map(|parts| {
        let index = parts.index;
        let receipt = Receipt::verify(parts, &origin, &scene.ledger.verifying_key());
        let what = match &receipt.expect("a proof that holds").entry().event {
            Event::QueryAccepted { .. } => "asked",
            Event::Pool(PoolStep::Closed { .. }) => "closed",
            Event::Pool(PoolStep::Opened { .. }) => "opened",
            Event::Pool(PoolStep::Stopped { .. }) => "stopped",
            _ => "something else",
        };
        (index, what)
    });
    each.collect()
}

fn what(heard: &[(u64, &'static str)]) -> Vec<&'static str> {
    assert!(heard.windows(2).all(|pair| pair[0].0 < pair[1].0), "in order, each once");
    heard.iter().map(|(_, what)| *what).collect()
}

fn stopped(up: &Up) -> Option<Stop> {
    up.store.rounds().populations().next().and_then(|state| state.stopped)
}

#[tokio::test]
async fn every_member_hears_what_was_asked_and_opened_from_where_it_is() {
    let scene = Scene::new();
    let up = scene.up().await;
    set(&scene.nodes.away, vec![]);
    let (leader, closing) = closed(&scene, &up).await;
    set(&scene.nodes.away, vec![ods("M2")]);
    up.helper.0.tell().await.expect("tells");
    assert_eq!(what(&heard(&scene, "M1")), ["closed"]);
    let (id, query) = scene.query(7);
    let receipt = up.witness(&query).await.expect("is written");
    assert_eq!(up.witness(&query).await.expect("again").index, receipt.index);
    let opening = Opening { query: Some(id), ..leader.opening(&closing, scene.questions()) };
    up.open(&scene.signed(&opening)).await.expect("opens");
    up.helper.0.tell().await.expect("tells");
    up.helper.0.tell().await.expect("tells");
    assert_eq!(what(&heard(&scene, "M1")), ["closed", "asked", "opened"]);
    up.down().await;
    // Whoever was away hears all of it, and nobody hears anything twice.
    let up = scene.up().await;
    assert_eq!(up.witness(&query).await.expect("again").index, receipt.index);
    set(&scene.nodes.away, vec![]);
    up.helper.0.tell().await.expect("tells");
    for code in ["M1", "M2"] {
        assert_eq!(what(&heard(&scene, code)), ["closed", "asked", "opened"], "{code}");
    }
    up.down().await;
}

#[tokio::test]
async fn a_question_is_written_down_only_as_an_analyst_signed_it() {
    let scene = Scene::new();
    let up = scene.up().await;
    let (_, query) = scene.query(1);
    let mut altered = query.clone();
    altered.signature[8] ^= 1;
    assert!(matches!(up.witness(&altered).await, Err(PoolFault::Unauthenticated(_))));
    let stranger = up.helper.witness(&peer("M1", Role::Node), &query).await;
    assert!(matches!(stranger, Err(PoolFault::Unauthenticated(_))));
    scene.wait(1_000);
    assert_eq!(up.witness(&query).await, Err(refused(RefusalCode::Expired)));
    // The same id with other content.
    let (_, one) = scene.query(2);
    up.witness(&one).await.expect("is written");
    scene.wait(1);
    let (_, other) = scene.query(2);
    assert_eq!(up.witness(&other).await, Err(refused(RefusalCode::QueryIdSeen)));
    // A query for the partners' own figures is none for this server.
    let mut partners: Query = canonical::decode(&scene.query(3).1.payload).expect("reads");
    partners.view = None;
    let bytes = canonical::encode(&partners).expect("encodes");
    let partners = Envelope::sign(bytes, QUERY_TYPE, "ada", &scene.analyst).expect("signs");
    assert_eq!(up.witness(&partners).await, Err(refused(RefusalCode::SumNotAgreed)));
    up.down().await;
}

#[tokio::test]
async fn a_member_that_suspends_stops_the_sums_that_hold_its_records() {
    for (code, over) in
        [(RefusalCode::AgreementNotInForce, "the roll"), (RefusalCode::KeptBack, "being told")]
    {
        let scene = Scene::new();
        let up = scene.up().await;
        let (leader, closing) = closed(&scene, &up).await;
        set(&scene.node("M4").refuses, Some(RefusalCode::RoundDiffers));
        up.helper.0.roll_call().await.expect("looks");
        assert_eq!(stopped(&up), None, "another refusal means nothing");
        set(&scene.node("M4").refuses, Some(code));
        match over {
            "the roll" => up.helper.0.roll_call().await.expect("looks"),
            _ => up.helper.0.tell().await.expect("tells"),
        }
        assert_eq!(stopped(&up), Some(Stop::Suspended), "{over}");
        let opening = scene.signed(&leader.opening(&closing, scene.questions()));
        assert_eq!(up.open(&opening).await, Err(refused(RefusalCode::SumStopped)));
        up.helper.0.tell().await.expect("tells");
        // The roll is called by telling of closings again; a node drops what it has.
        let mut heard = heard(&scene, "M1");
        heard.sort_unstable();
        heard.dedup();
        assert_eq!(what(&heard), ["closed", "stopped"]);
        up.down().await;
    }
}

#[tokio::test]
async fn a_member_that_never_contributed_takes_nobody_else_out() {
    let scene = Scene::new();
    let up = scene.up().await;
    set(&scene.node("M5").refuses, Some(RefusalCode::KeptBack));
    let round = scene.round(&MEMBERS);
    up.announce(&scene, &round).await.expect("is bound");
    up.fetch().await;
    let mut leader = Leader::new(&scene, &round);
    let rest = ["M1", "M2", "M3", "M4"];
    for code in rest {
        leader.check(&up, code).await;
    }
    up.close(&scene.signed(&leader.closing(&rest))).await.expect("closes");
    up.helper.0.roll_call().await.expect("looks");
    assert_eq!(stopped(&up), None);
    up.down().await;
}

#[tokio::test]
async fn a_member_that_is_away_for_a_week_stops_its_sums() {
    let scene = Scene::new();
    let up = scene.up().await;
    closed(&scene, &up).await;
    up.helper.0.roll_call().await.expect("looks");
    set(&scene.nodes.away, vec![ods("M2")]);
    scene.wait(MAX_ABSENCE_SECONDS);
    up.helper.0.roll_call().await.expect("looks");
    assert_eq!(stopped(&up), None, "not longer than a week");
    up.down().await;
    // Just after a start nobody has had the time to come back.
    scene.wait(60);
    let up = scene.up().await;
    up.helper.0.roll_call().await.expect("looks");
    assert_eq!(stopped(&up), None);
    scene.wait(600);
    up.helper.0.roll_call().await.expect("looks");
    assert_eq!(stopped(&up), Some(Stop::Unseen));
    up.down().await;
}

#[tokio::test]
async fn it_does_all_of_it_by_itself() {
    let scene = Scene::new();
    let up = scene.up().await;
    let stop = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn(up.helper.clone().run(stop.clone()));
    let round = scene.round(&MEMBERS);
    up.announce(&scene, &round).await.expect("is bound");
    let mut leader = Leader::new(&scene, &round);
    for code in MEMBERS {
        while leader.check(&up, code).await.contains(&CheckOutcome::NotHere) {
            tokio::task::yield_now().await;
        }
    }
    up.close(&scene.signed(&leader.closing(&MEMBERS))).await.expect("closes");
    while heard(&scene, "M5").is_empty() {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    running.await.expect("ends");
    up.down().await;
}
