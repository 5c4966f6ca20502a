//! Rounds from their beginning to their end, good ones and bad ones.

use super::*;

#[tokio::test]
async fn totals_of_a_whole_round_are_plain_sums_and_survive_a_crash_between_any_two_steps() {
    let scene = Scene::new();
    let tables = scene.world.tables().tables().len();
    assert!(tables >= 2, "{tables}");
    let round = scene.round(&MEMBERS);
    let up = scene.up().await;
    up.announce(&scene, &round).await.expect("is bound");
    up.down().await;
    let up = scene.up().await;
    up.announce(&scene, &round).await.expect("again");
    up.fetch().await;
    up.down().await;
    let mut leader = Leader::new(&scene, &round);
    for code in MEMBERS {
        let up = scene.up().await;
        let outcomes = leader.check(&up, code).await;
        assert!(outcomes.iter().all(|o| matches!(o, CheckOutcome::Message(_))), "{code}");
        up.down().await;
    }
    let closing = leader.closing(&MEMBERS);
    let sums = leader.sums(&MEMBERS);
    let signed = scene.signed(&closing);
    let up = scene.up().await;
    let first = up.close(&signed).await.expect("closes");
    assert_eq!(first.payload, signed.payload);
    assert!(Closing::verified(&first, &scene.second.verifying_key()).is_ok());
    up.down().await;
    let up = scene.up().await;
    assert_eq!(up.close(&signed).await.expect("again"), first);
    // Nothing of single members is left.
    let folder = scene.state().join("sums").join(round.payload_hash().to_string());
    for file in std::fs::read_dir(folder).expect("a folder") {
        let name = file.expect("a file").file_name().into_string().expect("a name");
        let sums = (0..tables).any(|table| name == format!("sums-{table}"));
        assert!(sums || name == "round", "{name}");
    }
    let opening = scene.signed(&leader.opening(&closing, scene.questions()));
    let opened = up.open(&opening).await.expect("opens");
    up.down().await;
    let up = scene.up().await;
    assert_eq!(up.open(&opening).await.expect("again").parts, opened.parts);
    let mut releases = Vec::new();
    for (place, question) in scene.questions().iter().enumerate() {
        let totals = leader.totals(&sums, question, &opened.parts[place]);
        assert!(same_totals(&totals, &MEMBERS));
        releases.push(leader.release(&closing, totals, place));
    }
    let returned = scene.signed(&returned_of(&closing, &opening, &releases));
    up.returned(&returned, releases.clone()).await.expect("passes");
    up.down().await;
    let up = scene.up().await;
    up.returned(&returned, releases).await.expect("again");
    up.down().await;
    assert_eq!(problems(&scene).await, 0);
}

#[tokio::test]
async fn a_crash_between_the_entry_and_the_sums_is_made_good() {
    let scene = Scene::new();
    let up = scene.up().await;
    let round = scene.round(&MEMBERS);
    up.announce(&scene, &round).await.expect("is bound");
    up.fetch().await;
    let mut leader = Leader::new(&scene, &round);
    for code in MEMBERS {
        leader.check(&up, code).await;
    }
    let closing = leader.closing(&MEMBERS);
    let step = evensum_core::ledger::PoolStep::Closed {
        of: leader.bound.reference(),
        closing: closing.hash().expect("a hash"),
        members: closing.members.clone(),
        missing: Vec::new(),
    };
    up.store.step(step).await.expect("is written");
    up.down().await;
    let up = scene.up().await;
    up.helper.0.finish().await.expect("adds up");
    let opening = scene.signed(&leader.opening(&closing, scene.questions()));
    let opened = up.open(&opening).await.expect("opens");
    let sums = leader.sums(&MEMBERS);
    let totals = leader.totals(&sums, &scene.questions()[1], &opened.parts[1]);
    assert!(same_totals(&totals, &MEMBERS));
    up.down().await;
}

#[tokio::test]
async fn a_contribution_that_is_none_is_left_out_and_the_others_close() {
    for bad in [Bad::Tampered, Bad::Overflow, Bad::Replayed, Bad::Duplicate, Bad::Stray] {
        let scene = Scene::new();
        let up = scene.up().await;
        set(&scene.node("M3").bad, Some(bad));
        let round = scene.round(&MEMBERS);
        up.announce(&scene, &round).await.expect("is bound");
        up.fetch().await;
        let mut leader = Leader::new(&scene, &round);
        let rest = ["M1", "M2", "M4", "M5"];
        for code in rest {
            leader.check(&up, code).await;
        }
        if bad != Bad::Replayed {
            let outcomes = leader.check(&up, "M3").await;
            assert!(outcomes.iter().all(|o| *o == CheckOutcome::Rejected), "{bad:?} {outcomes:?}");
            // It cannot come in later.
            set(&scene.node("M3").bad, None);
            scene.node("M3").shared.lock().expect("a lock").clear();
            up.fetch().await;
            let outcomes = leader.check(&up, "M3").await;
            assert!(outcomes.iter().all(|o| *o == CheckOutcome::Rejected), "{bad:?} {outcomes:?}");
        } else {
            // The coordinator cannot even begin: it sends nonsense.
            let mut items = leader.begun("M1").1;
            items.iter_mut().for_each(|item| item.of.ods = ods("M3"));
            let caller = peer(COORDINATOR, Role::Coordinator);
            let checked =
                up.helper.check(&caller, leader.bound.hash(), items).await.expect("is checked");
            assert!(checked.iter().all(|one| one.outcome == CheckOutcome::Rejected));
        }
        let with = leader.closing(&MEMBERS);
        let refusal = up.close(&scene.signed(&with)).await;
        assert_eq!(refusal, Err(refused(RefusalCode::RoundDiffers)), "{bad:?}");
        let closing = leader.closing(&rest);
        up.close(&scene.signed(&closing)).await.expect("closes");
        let opening = scene.signed(&leader.opening(&closing, scene.questions()));
        let opened = up.open(&opening).await.expect("opens");
        let sums = leader.sums(&rest);
        let totals = leader.totals(&sums, &scene.questions()[0], &opened.parts[0]);
        assert!(same_totals(&totals, &rest), "{bad:?}");
        up.down().await;
    }
}

#[tokio::test]
async fn what_is_checked_stays_checked_whatever_the_coordinator_sends_later() {
    let scene = Scene::new();
    let up = scene.up().await;
    let round = scene.round(&MEMBERS);
    up.announce(&scene, &round).await.expect("is bound");
    let mut leader = Leader::new(&scene, &round);
    assert!(leader.check(&up, "M1").await.iter().all(|o| *o == CheckOutcome::NotHere));
    up.fetch().await;
    let first = leader.check(&up, "M1").await;
    let mut other = leader.begun("M2").1;
    other.iter_mut().for_each(|item| item.of.ods = ods("M1"));
    let caller = peer(COORDINATOR, Role::Coordinator);
    let again = up.helper.check(&caller, leader.bound.hash(), other).await.expect("is checked");
    assert!(again.iter().map(|one| &one.outcome).eq(&first));
    // Nobody who is not in the round, no vector that is not, and no more than fit into a call.
    let one = leader.begun("M1").1[0].clone();
    let ask = |change: fn(&mut Checking), many: usize| {
        let mut item = one.clone();
        change(&mut item);
        up.helper.check(&caller, leader.bound.hash(), vec![item; many]).into_future()
    };
    let stranger = ask(|item| item.of.ods = ods("M9"), 1).await;
    assert_eq!(stranger, Err(refused(RefusalCode::NotAMember)));
    let stray = ask(|item| item.of.vector = 9, 1).await;
    assert_eq!(stray, Err(refused(RefusalCode::RoundDiffers)));
    assert_eq!(ask(|_| {}, 65).await, Err(PoolFault::Unreadable));
    let long = ask(|item| item.share = vec![0; 40_000], 1).await;
    assert_eq!(long, Err(PoolFault::Unreadable));
    up.down().await;
}

#[tokio::test]
async fn the_rule_says_who_may_be_left_out_and_a_round_closes_once() {
    let scene = Scene::new();
    let up = scene.up().await;
    let round = scene.round(&MEMBERS);
    up.announce(&scene, &round).await.expect("is bound");
    up.fetch().await;
    let mut leader = Leader::new(&scene, &round);
    for code in MEMBERS {
        leader.check(&up, code).await;
    }
    let two_missing = leader.closing(&["M1", "M2", "M3"]);
    assert_eq!(
        up.close(&scene.signed(&two_missing)).await,
        Err(refused(RefusalCode::TooFewMembers))
    );
    let mut silent = leader.closing(&["M1", "M2", "M3", "M4"]);
    silent.missing.clear();
    assert_eq!(up.close(&scene.signed(&silent)).await, Err(refused(RefusalCode::RoundDiffers)));
    let closing = leader.closing(&["M1", "M2", "M3", "M4"]);
    let forged = closing.sign(&ods(COORDINATOR), &answer_key()).expect("signs");
    assert!(matches!(up.close(&forged).await, Err(PoolFault::Unauthenticated(_))));
    let signed = scene.signed(&closing);
    let first = up.close(&signed).await.expect("closes");
    assert_eq!(up.close(&signed).await, Ok(first));
    let other = scene.signed(&leader.closing(&MEMBERS));
    assert_eq!(up.close(&other).await, Err(refused(RefusalCode::RoundClosed)));
    // Another version closes over the same members or not at all.
    let round = scene.round_of(&MEMBERS, SnapshotVersion::Restated);
    up.announce(&scene, &round).await.expect("is bound");
    up.fetch().await;
    let mut leader = Leader::new(&scene, &round);
    for code in MEMBERS {
        leader.check(&up, code).await;
    }
    let all = scene.signed(&leader.closing(&MEMBERS));
    assert_eq!(up.close(&all).await, Err(refused(RefusalCode::RoundClosed)));
    up.close(&scene.signed(&leader.closing(&["M1", "M2", "M3", "M4"]))).await.expect("closes");
    up.down().await;
}

#[tokio::test]
async fn a_round_that_does_not_hold_binds_nothing() {
    let scene = Scene::new();
    let up = scene.up().await;
    let round = scene.round(&MEMBERS);
    let caller = peer(COORDINATOR, Role::Coordinator);
    let key = scene.sealed_key(&round);
    for stranger in
        [peer("M1", Role::Node), peer("M1", Role::Coordinator), peer(COORDINATOR, Role::Node)]
    {
        let called = up.helper.announce(&stranger, &round, &key).await;
        assert!(matches!(called, Err(PoolFault::Unauthenticated(_))), "{called:?}");
    }
    let few = scene.round(&["M1", "M2", "M3"]);
    assert_eq!(up.announce(&scene, &few).await, Err(refused(RefusalCode::TooFewMembers)));
    let mut altered = round.clone();
    altered.signature[0] ^= 1;
    assert_eq!(up.announce(&scene, &altered).await, Err(refused(RefusalCode::RoundDiffers)));
    // A key that was sealed for another round.
    let other = scene.sealed_key(&few);
    let called = up.helper.announce(&caller, &round, &other).await;
    assert_eq!(called, Err(refused(RefusalCode::RoundDiffers)));
    scene.wait(3_600);
    assert_eq!(up.announce(&scene, &round).await, Err(refused(RefusalCode::RoundTime)));
    let round = scene.round(&MEMBERS);
    up.announce(&scene, &round).await.expect("is bound");
    // Neither another key, nor another round over the same records.
    let another = VerifyKey::generate().expect("a key").to_bytes();
    let to = scene.world.helper.public();
    let sealed = to.seal(round.payload_hash().as_bytes(), &*another).expect("seals");
    let called = up.helper.announce(&caller, &round, &sealed).await;
    assert_eq!(called, Err(refused(RefusalCode::RoundDiffers)));
    let smaller = scene.round(&["M1", "M2", "M3", "M4"]);
    assert_eq!(up.announce(&scene, &smaller).await, Err(refused(RefusalCode::BoundToOthers)));
    let newer = scene.round_of(&["M1", "M2", "M3", "M4"], SnapshotVersion::Restated);
    assert_eq!(up.announce(&scene, &newer).await, Err(refused(RefusalCode::BoundToOthers)));
    scene.wait(2 * 365 * 86_400);
    let late = scene.round(&MEMBERS);
    let called = up.announce(&scene, &late).await;
    assert_eq!(called, Err(refused(RefusalCode::AgreementNotInForce)));
    up.down().await;
}

#[tokio::test]
async fn a_node_that_comes_late_is_asked_until_the_round_is_over() {
    let scene = Scene::new();
    let up = scene.up().await;
    set(&scene.nodes.away, vec![ods("M2"), ods("M3")]);
    let round = scene.round(&MEMBERS);
    up.announce(&scene, &round).await.expect("is bound");
    up.fetch().await;
    let mut leader = Leader::new(&scene, &round);
    assert!(leader.check(&up, "M2").await.iter().all(|o| *o == CheckOutcome::NotHere));
    set(&scene.nodes.away, vec![ods("M3")]);
    up.fetch().await;
    let outcomes = leader.check(&up, "M2").await;
    assert!(outcomes.iter().all(|o| matches!(o, CheckOutcome::Message(_))));
    scene.wait(3_601);
    set(&scene.nodes.away, Vec::new());
    up.fetch().await;
    assert!(leader.check(&up, "M3").await.iter().all(|o| *o == CheckOutcome::NotHere));
    up.down().await;
}
