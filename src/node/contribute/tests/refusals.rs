//! Rounds that bind nobody, and calls that are nobody's. None leaves a step in the audit log.

use evensum_core::ledger::{Event, PoolStep, RoundRef, Stop};
use evensum_core::model::{Clock, Digest, RefusalCode, Role, SnapshotVersion};
use evensum_core::pool::Round;
use evensum_core::port::{MAX_TOLD, PoolFault, PoolNodePort, SignedClosing};

use super::fixture::{
    COORDINATOR, MEMBERS, Scene, coordinator, dataset, ods, peer, period, second,
};
use crate::node::contribute::{Kept, Offers};

const PROVISIONAL: SnapshotVersion = SnapshotVersion::Provisional;

fn refused<T>(code: RefusalCode) -> Result<T, PoolFault> {
    Err(PoolFault::Refused(code))
}

#[tokio::test]
async fn a_round_that_does_not_hold_binds_nobody() {
    let scene = Scene::new();
    let (open, of) = scene.prepared("M1", 40).await;
    let good = scene.round_with(&of);
    let later = Round { membership: scene.list_without("M5").hash(), ..good.clone() };
    let too_few = Round { ready: good.ready[..3].to_vec(), ..good.clone() };
    let late = Round { closes: scene.clock.now(), ..good.clone() };
    let other_tables = Round { tables: good.tables[1..].to_vec(), ..good.clone() };
    let other_extract = scene.round_with(&scene.invented("M1", PROVISIONAL));
    let others = MEMBERS[1..].iter();
    let others = others.map(|code| scene.ready(code, &scene.invented(code, PROVISIONAL)));
    let without = scene.round(PROVISIONAL, others.collect());
    for (round, code) in [
        (later, RefusalCode::RoundDiffers),
        (too_few, RefusalCode::TooFewMembers),
        (late, RefusalCode::RoundTime),
        (other_tables, RefusalCode::RoundDiffers),
        (other_extract, RefusalCode::RoundDiffers),
        (without, RefusalCode::NotAMember),
    ] {
        let answer = open.parts(&coordinator(), &scene.signed(&round)).await;
        assert_eq!(answer, refused(code), "{round:?}");
    }
    let mut unsigned = scene.signed(&good);
    unsigned.signature[0] ^= 1;
    assert_eq!(open.parts(&coordinator(), &unsigned).await, refused(RefusalCode::RoundDiffers));
    for stranger in [
        peer("icb.example", COORDINATOR, Role::Helper),
        peer("icb.example", "M2", Role::Helper),
        peer("other.example", COORDINATOR, Role::Coordinator),
    ] {
        let answer = open.parts(&stranger, &scene.signed(&good)).await;
        assert!(matches!(answer, Err(PoolFault::Unauthenticated(_))), "{stranger:?}");
    }
    assert_eq!(open.said().await, [""; 0]);
    // The same with nothing wrong with it.
    assert!(open.parts(&coordinator(), &scene.signed(&good)).await.is_ok());
}

#[tokio::test]
async fn nothing_is_sent_of_what_is_kept_back_even_where_it_was_made() {
    let scene = Scene::new();
    let (open, of) = scene.prepared("M1", 40).await;
    let round = scene.signed(&scene.round_with(&of));
    let offers = Offers::new(&open.state);
    let kept = |back| Kept { dataset: dataset(), period: period(), back };
    offers.request(&kept(true)).expect("left");
    assert_eq!(open.parts(&coordinator(), &round).await, refused(RefusalCode::KeptBack));
    assert_eq!(open.said().await, ["withdrawn"]);
    offers.request(&kept(false)).expect("left");
    assert!(open.parts(&coordinator(), &round).await.is_ok());
    offers.request(&kept(true)).expect("left");
    assert_eq!(open.parts(&second(), &round).await, refused(RefusalCode::KeptBack));
}

#[tokio::test]
async fn nobody_is_bound_twice_over_the_same_records() {
    let scene = Scene::new();
    let (open, of) = scene.prepared("M1", 40).await;
    let first = scene.round_with(&of);
    open.parts(&coordinator(), &scene.signed(&first)).await.expect("sent");
    let again = Round { closes: first.closes.plus(1), ..first.clone() };
    let answer = open.parts(&coordinator(), &scene.signed(&again)).await;
    assert_eq!(answer, refused(RefusalCode::BoundToOthers));
    // Nor with other members over a later standing of the same records.
    let last = scene.publish("M1", &scene.rows("M1", 41));
    assert_eq!(last.version, SnapshotVersion::Final);
    let with = |code| scene.ready(code, &scene.invented(code, last.version));
    let others = [with("M2"), with("M3"), with("M5")];
    let ready = [scene.ready("M1", &last)].into_iter().chain(others).collect();
    let answer = open.parts(&coordinator(), &scene.signed(&scene.round(last.version, ready))).await;
    assert_eq!(answer, refused(RefusalCode::BoundToOthers));
    // With the same members it is another contribution.
    let same = scene.signed(&scene.round_with(&last));
    assert!(open.parts(&coordinator(), &same).await.is_ok());
    assert_eq!(open.said().await, ["bound", "contributed", "bound", "contributed"]);
}

#[tokio::test]
async fn a_node_with_a_later_list_is_bound_to_no_round_of_the_earlier_one() {
    let scene = Scene::new();
    let (open, of) = scene.prepared("M1", 40).await;
    open.store.close().await;
    let open = scene.open_with("M1", scene.list_without("M5")).await;
    let answer = open.parts(&coordinator(), &scene.signed(&scene.round_with(&of))).await;
    assert_eq!(answer, refused(RefusalCode::RoundDiffers));
    assert_eq!(open.said().await, [""; 0]);
}

#[tokio::test]
async fn a_closing_is_believed_with_both_signatures_about_the_bound_round_alone() {
    let scene = Scene::new();
    let (open, of) = scene.prepared("M1", 40).await;
    let round = scene.signed(&scene.round_with(&of));
    let good = scene.closing(&round, &["M1", "M2", "M3", "M4"], &[]);
    let closed = scene.closed(&good);
    let answer = open.node.closed(&coordinator(), &closed).await;
    assert_eq!(answer, refused(RefusalCode::RoundDiffers), "it is not bound");
    open.parts(&coordinator(), &round).await.expect("sent");
    let mut other = good.clone();
    other.missing.push(ods("M5"));
    let too_few = scene.closing(&round, &["M1", "M2", "M3"], &["M4"]);
    let hidden = scene.closing(&round, &["M1", "M2", "M3", "M5"], &["M4"]);
    let two = SignedClosing {
        coordinator: scene.by_coordinator(&good),
        helper: Some(scene.by_second(&hidden)),
    };
    let forged = SignedClosing {
        coordinator: scene.by_coordinator(&good),
        helper: Some(scene.by_coordinator(&good)),
    };
    for (closing, code) in [
        (SignedClosing { helper: None, ..closed.clone() }, RefusalCode::RoundDiffers),
        (two, RefusalCode::RoundDiffers),
        (forged, RefusalCode::RoundDiffers),
        (scene.closed(&other), RefusalCode::RoundDiffers),
        (scene.closed(&hidden), RefusalCode::RoundDiffers),
        (scene.closed(&too_few), RefusalCode::TooFewMembers),
    ] {
        let answer = open.node.closed(&coordinator(), &closing).await;
        assert_eq!(answer, refused(code), "{closing:?}");
    }
    let node = peer("icb.example", "M2", Role::Node);
    let answer = open.node.closed(&node, &closed).await;
    assert!(matches!(answer, Err(PoolFault::Unauthenticated(_))));
    assert_eq!(open.said().await, ["bound", "contributed"]);
}

#[tokio::test]
async fn a_closing_that_counts_a_partner_which_sent_nothing_is_not_believed() {
    let scene = Scene::new();
    let (open, of) = scene.prepared("M1", 40).await;
    let round = scene.round_with(&of);
    let bound = PoolStep::Bound {
        of: RoundRef {
            population: round.population.clone(),
            version: round.version,
            agreement: round.agreement.clone(),
            round: scene.signed(&round).payload_hash(),
        },
        members: MEMBERS[..4].iter().map(|code| ods(code)).collect(),
        membership: round.membership,
    };
    open.store.step(bound).await.expect("written");
    let closing = scene.closing(&scene.signed(&round), &MEMBERS[..4], &[]);
    let answer = open.node.closed(&second(), &scene.closed(&closing)).await;
    assert_eq!(answer, refused(RefusalCode::RoundDiffers));
    assert_eq!(open.said().await, ["bound"]);
}

#[tokio::test]
async fn only_proved_entries_of_the_second_server_about_own_records_are_noted_and_each_once() {
    let scene = Scene::new();
    let (open, of) = scene.prepared("M1", 40).await;
    let round = scene.round_with(&of);
    open.parts(&second(), &scene.signed(&round)).await.expect("sent");
    let reference = |round: Digest| RoundRef {
        population: scene.population(),
        version: PROVISIONAL,
        agreement: scene.agreement.id.clone(),
        round,
    };
    let opened = |round| {
        Event::Pool(PoolStep::Opened {
            of: reference(round),
            closing: Digest::of(b"closing"),
            tables: Vec::new(),
            query: None,
        })
    };
    let bound = |members: &[&str]| {
        Event::Pool(PoolStep::Bound {
            of: reference(Digest::of(b"another")),
            members: members.iter().map(|code| ods(code)).collect(),
            membership: scene.roster.hash(),
        })
    };
    let stopped =
        Event::Pool(PoolStep::Stopped { population: scene.population(), reason: Stop::Suspended });
    let log = scene.second_log(vec![
        Event::LogOpened { software: "test".to_owned() },
        bound(&["M1", "M2"]),
        bound(&["M2", "M3"]),
        opened(scene.signed(&round).payload_hash()),
        opened(Digest::of(b"not ours")),
        stopped,
    ]);
    let (early, all) = (log[..3].to_vec(), log.clone());
    open.node.told(&second(), early).await.expect("noted");
    open.node.told(&second(), all).await.expect("noted");
    let told = || async {
        let steps = open.steps().await.into_iter();
        let index = |step| match step {
            PoolStep::Told { by, index, .. } => Some((by.to_string(), index)),
            _ => None,
        };
        steps.filter_map(index).map(|(by, index)| format!("{by} {index}")).collect::<Vec<_>>()
    };
    let expected = ["ZZ9 1", "ZZ9 3", "ZZ9 5"];
    assert_eq!(told().await, expected);

    let mut forged = log.clone();
    forged[1].entry.push(b' ');
    let backwards = log.iter().rev().cloned().collect();
    let many = vec![log[0].clone(); MAX_TOLD + 1];
    for entries in [forged, backwards, many] {
        let answer = open.node.told(&second(), entries).await;
        assert_eq!(answer, refused(RefusalCode::Malformed));
    }
    let answer = open.node.told(&coordinator(), log.clone()).await;
    assert!(matches!(answer, Err(PoolFault::Unauthenticated(_))));
    // After a restart it is still known what was noted.
    open.store.close().await;
    let open = scene.open("M1").await;
    open.node.told(&second(), log).await.expect("noted before");
    let steps = open.said().await;
    assert_eq!(steps.iter().filter(|step| *step == "told").count(), expected.len());
}
