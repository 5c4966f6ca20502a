//! Partners that come too late for a blind sum, and servers whose clocks are wrong by minutes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use evensum::node::Node;
use evensum_core::identity::Peer;
use evensum_core::ledger::ReceiptParts;
use evensum_core::model::{AgreementId, RefusalCode};
use evensum_core::pool::MAX_WAIT_SECONDS;
use evensum_core::port::{BoxFuture, PoolFault, PoolNodePort, SealedParts, SignedClosing};
use evensum_core::sign::{Envelope, SigningKey};
use evensum_core::view::CoverageStatus;

use super::sum_plaintext::{honest, level, runtime};
use super::sum_world::{MEMBERS, SECOND, World, published, until};
use crate::pki::ods;

/// A node that is ready, and then away when its contribution is asked for.
struct Away {
    node: Node,
    away: Arc<AtomicBool>,
}

impl PoolNodePort for Away {
    fn ready<'a>(
        &'a self,
        caller: &'a Peer,
        agreement: &'a AgreementId,
    ) -> BoxFuture<'a, Result<Vec<Envelope>, PoolFault>> {
        self.node.ready(caller, agreement)
    }

    fn contribute<'a>(
        &'a self,
        caller: &'a Peer,
        round: &'a Envelope,
    ) -> BoxFuture<'a, Result<SealedParts, PoolFault>> {
        if self.away.load(Ordering::SeqCst) {
            return Box::pin(async { Err(PoolFault::Unreachable) });
        }
        self.node.contribute(caller, round)
    }

    fn closed<'a>(
        &'a self,
        caller: &'a Peer,
        closing: &'a SignedClosing,
    ) -> BoxFuture<'a, Result<(), PoolFault>> {
        self.node.closed(caller, closing)
    }

    fn told<'a>(
        &'a self,
        caller: &'a Peer,
        entries: Vec<ReceiptParts>,
    ) -> BoxFuture<'a, Result<(), PoolFault>> {
        self.node.told(caller, entries)
    }
}

#[test]
fn who_comes_after_the_closing_is_named_as_missing_and_contributes_no_more() {
    let world = World::new();
    runtime().block_on(async {
        let away = Arc::new(AtomicBool::new(true));
        let port = |code: &'static str, node: Node, key: &SigningKey| match code {
            "M10" => Arc::new(Away { node, away: Arc::clone(&away) }) as Arc<dyn PoolNodePort>,
            _ => honest(code, node, key),
        };
        let run = world.begin(&level(), "one key", port).await;
        let (here, late) = MEMBERS.split_at(9);
        until("the others' contributions", || run.round(here).is_some_and(|(_, all)| all)).await;
        run.pass(MAX_WAIT_SECONDS);
        // It is there again, and too late.
        away.store(false, Ordering::SeqCst);
        let answer = run.to_its_end(world.query(run.now())).await;
        let line = |code: &str| answer.coverage.iter().find(|line| line.ods == ods(code));
        let m10 = line(late[0]).expect("a line");
        assert_eq!(m10.status, CoverageStatus::Late);
        assert_eq!(
            m10.reason.as_deref(),
            Some("its contribution to the blind sum did not come in time")
        );
        for code in here {
            assert_eq!(line(code).expect("a line").status, CoverageStatus::Answered, "{code}");
        }
        // Six people fewer, rounded.
        let figures = published(&answer);
        assert!(figures.contains(&55) && !figures.contains(&60), "{figures:?}");
        let node = run.node("M10");
        let (round, _) = run.round(&[]).expect("the round");
        let refused = node.node.contribute(&world.coordinator(), &round).await;
        assert_eq!(refused.err(), Some(PoolFault::Refused(RefusalCode::RoundTime)));
        let rounds = node.store.rounds();
        assert!(rounds.populations().next().is_none(), "it is bound to nothing");
        assert!(rounds.told(&ods(SECOND)).is_some(), "it is told that it is missing");
    });
}

#[test]
fn clocks_that_differ_by_minutes_keep_nobody_out_and_nobody_waiting() {
    let mut world = World::new();
    world.skews.extend([("M1", -600), ("M2", 600), (SECOND, -120)]);
    runtime().block_on(async {
        let run = world.begin(&level(), "one key", honest).await;
        // A question is asked by a clock that is behind too: before it begins it is refused.
        let answer = run.to_its_end(world.query(run.now().plus(-100))).await;
        assert!(answer.coverage.iter().all(|line| line.status == CoverageStatus::Answered));
        assert!(published(&answer).contains(&60));
    });
}

/// A clock that is wrong by hours is found: the server whose it is says so, and the sum is made without it.
#[test]
fn a_clock_that_is_hours_behind_is_refused_with_the_reason_and_the_others_go_on() {
    let mut world = World::new();
    world.skews.insert("M3", -7_200);
    runtime().block_on(async {
        let run = world.begin(&level(), "one key", honest).await;
        let others: Vec<&str> = MEMBERS.into_iter().filter(|code| *code != "M3").collect();
        until("the others' contributions", || run.round(&others).is_some_and(|(_, all)| all)).await;
        let (round, _) = run.round(&[]).expect("the round");
        let refused = run.node("M3").node.contribute(&world.coordinator(), &round).await;
        assert_eq!(refused.err(), Some(PoolFault::Refused(RefusalCode::RoundTime)));
        run.pass(MAX_WAIT_SECONDS);
        let answer = run.to_its_end(world.query(run.now())).await;
        let answered = |status| answer.coverage.iter().filter(|line| line.status == status).count();
        assert_eq!((answered(CoverageStatus::Answered), answered(CoverageStatus::Late)), (9, 1));
    });
}
