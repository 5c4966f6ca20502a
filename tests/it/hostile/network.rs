//! What networks do to a federation: black holes, resets, drips, half-open connections, lost questions and lost
//! answers. ZZ1 dials through the fault proxy, ZZ3 straight. The coordinator names who is missing, in time; a
//! loss is noticed, and mended without anybody's help; and nothing is counted twice.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use evensum::node::Node;
use evensum::rpc::{Keepalive, node_service};
use evensum_core::disclosure::Outgoing;
use evensum_core::identity::Peer;
use evensum_core::model::{Ods, Query};
use evensum_core::port::{Answers, BoxFuture, NodeFault, NodePort};
use evensum_core::sign::Envelope;
use evensum_core::view::{Bundle, CoverageStatus};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt;

use super::fixture::{DEADLINE, Federation, OpenNode};
use super::wire::{Way, Wired};
use crate::fault_proxy::{Door, FaultProxy, Flow, Way as Through};
use crate::pki::ods;

/// For tests of what follows a loss, not of how soon it is noticed.
const SOON: Keepalive =
    Keepalive { interval: Duration::from_secs(1), timeout: Duration::from_secs(1) };
/// What a loss may take to be noticed beyond the keepalive's own times.
const SLACK: Duration = Duration::from_secs(1);
const SHORT: Duration = Duration::from_secs(3);

/// A node that says when a question has come, waits to be let go on, and says when the answer is made.
struct Gated {
    node: Node,
    arrived: Semaphore,
    go: Semaphore,
    answered: Semaphore,
    documents: Mutex<Vec<Vec<u8>>>,
}

impl Gated {
    fn of(node: &OpenNode) -> Arc<Self> {
        let closed = || Semaphore::new(0);
        Arc::new(Self {
            node: node.node.clone(),
            arrived: closed(),
            go: closed(),
            answered: closed(),
            documents: Mutex::default(),
        })
    }

    fn let_go(&self) {
        self.go.add_permits(100);
    }

    fn documents(&self) -> Vec<Vec<u8>> {
        self.documents.lock().expect("sound").clone()
    }
}

impl NodePort for Gated {
    type Reply = Outgoing;

    fn answer<'a>(
        &'a self,
        caller: &'a Peer,
        envelope: &'a Envelope,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Answers<Outgoing, NodeFault>, NodeFault>> {
        Box::pin(async move {
            self.arrived.add_permits(1);
            pass(&self.go).await;
            let answers = self.node.answer(caller, envelope, deadline).await?;
            let answers: Vec<_> = answers.collect().await;
            let made = answers.iter().filter_map(|(_, answer)| answer.as_ref().ok());
            let made = made.map(|answer| answer.parts().document.clone());
            self.documents.lock().expect("sound").extend(made);
            self.answered.add_permits(1);
            Ok(Box::pin(tokio_stream::iter(answers)) as _)
        })
    }
}

/// Waits for a permit, for as long as a test may.
async fn pass(gate: &Semaphore) {
    let waiting = tokio::time::timeout(DEADLINE * 2, gate.acquire());
    waiting.await.expect("nothing came").expect("open").forget();
}

/// A federation with the proxy before ZZ1.
struct Net {
    f: Arc<Federation>,
    zz1: OpenNode,
    gated: Arc<Gated>,
    _zz3: OpenNode,
    proxy: FaultProxy,
    wired: Arc<Wired>,
    query: Query,
}

impl Net {
    async fn with(keepalive: Keepalive) -> Self {
        let f = Arc::new(Federation::new());
        let (zz1, zz3) = (f.node("ZZ1").await, f.node("ZZ3").await);
        let gated = Gated::of(&zz1);
        let through = node_service::routes(Arc::clone(&gated) as _, zz1.store.writable()).await;
        let served = vec![(ods("ZZ1"), through), (ods("ZZ3"), zz3.routes().await)];
        let proxy = OnceLock::new();
        let via = |own: &Ods, address| match own.as_str() {
            "ZZ1" => proxy.get_or_init(|| FaultProxy::open(address)).address,
            _ => address,
        };
        let wired = Arc::new(f.wire_by(Way { via: &via, keepalive }, served).await);
        let query = f.query(&["ZZ1", "ZZ3"]);
        let proxy = proxy.into_inner().expect("ZZ1 was dialled");
        Self { f, zz1, gated, _zz3: zz3, proxy, wired, query }
    }

    /// Begins to ask the one query.
    fn ask(&self, deadline: Duration) -> JoinHandle<(Bundle, Duration)> {
        let (wired, envelope) = (Arc::clone(&self.wired), self.f.sign(&self.query));
        tokio::spawn(async move {
            let begun = Instant::now();
            let bundle = wired.ask_within(envelope, deadline).await.expect("an answer");
            (bundle, begun.elapsed())
        })
    }

    /// What became of ZZ1 in an answer whose every figure holds, and why. ZZ3 is in all of them.
    fn zz1_in(&self, bundle: &Bundle) -> (CoverageStatus, Option<String>) {
        let view = self.f.check(bundle.clone(), &self.query).expect("the receiver agrees");
        let line = |code| {
            let mut lines = view.answer().coverage.iter().filter(|line| line.ods == ods(code));
            let line = lines.next().expect("a line");
            assert!(lines.next().is_none(), "{code} is there twice");
            line.clone()
        };
        assert_eq!(line("ZZ3").status, CoverageStatus::Answered);
        (line("ZZ1").status, line("ZZ1").reason)
    }

    /// Waits until ZZ1 is connected, or is not; gives how long that took.
    async fn zz1_connected(&self, wanted: bool) -> Duration {
        let begun = Instant::now();
        let zz1 = ods("ZZ1");
        let until = self.wired.registry.until(|connected| connected.contains(&zz1) == wanted);
        tokio::time::timeout(DEADLINE * 2, until).await.expect("the registry hears of it");
        begun.elapsed()
    }

    /// Asks the same query again, and holds the answer against what ZZ1 made the first time: the same bytes,
    /// once in its audit log as released, and counted once.
    async fn is_whole_again(&self, replays: usize) {
        self.gated.let_go();
        self.zz1_connected(true).await;
        let (again, _) = self.ask(DEADLINE).await.expect("ended");
        assert_eq!(self.zz1_in(&again), (CoverageStatus::Answered, None));
        let mut documents = self.gated.documents();
        documents.dedup();
        assert_eq!(documents.len(), 1, "a release changed");
        let arrived = again.answers.iter().filter(|(from, _)| *from == ods("ZZ1"));
        let arrived: Vec<_> = arrived.map(|(_, parts)| parts.document.clone()).collect();
        assert_eq!(arrived, documents);
        let once = ["query_accepted", "published", "answer_released"];
        assert_eq!(self.zz1.log().await, [&once[..], &vec!["replayed"; replays]].concat());
        // A question of the same content that nothing happened to.
        let other = self.f.query(&["ZZ1", "ZZ3"]);
        let untroubled = self.wired.ask(self.f.sign(&other)).await.expect("an answer");
        assert_eq!(untroubled.cells, again.cells, "something was counted twice");
    }
}

fn in_time(took: Duration, deadline: Duration) {
    assert!(took <= deadline + Duration::from_secs(1), "{took:?} of {deadline:?}");
}

const LATE: (CoverageStatus, &str) = (CoverageStatus::Late, "the partner did not answer in time");
const GONE: (CoverageStatus, &str) = (CoverageStatus::Unreachable, "the partner is not connected");

fn named((status, reason): (CoverageStatus, Option<String>), wanted: (CoverageStatus, &str)) {
    assert_eq!((status, reason.as_deref()), (wanted.0, Some(wanted.1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_black_hole_in_mid_call_is_named_in_time_noticed_in_15_seconds_and_mended() {
    let net = Net::with(Keepalive::USUAL).await;
    let asking = net.ask(SHORT);
    pass(&net.gated.arrived).await;
    net.proxy.black_hole();
    let dark = Instant::now();
    net.gated.let_go();
    let (answer, took) = asking.await.expect("ended");
    in_time(took, SHORT);
    named(net.zz1_in(&answer), LATE);
    net.zz1_connected(false).await;
    assert!(dark.elapsed() < Duration::from_secs(15) + SLACK, "{:?}", dark.elapsed());
    net.proxy.heal();
    // The node may be waiting for a handshake in the dark, and then waits as long as it waits at most.
    let back = net.zz1_connected(true).await;
    assert!(back < Duration::from_secs(10), "{back:?}");
    net.is_whole_again(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_in_mid_answer_is_named_at_once_and_mended() {
    let net = Net::with(SOON).await;
    let asking = net.ask(DEADLINE);
    pass(&net.gated.arrived).await;
    net.proxy.set(Through::Up, Flow::ResetAfter(700));
    net.gated.let_go();
    let (answer, took) = asking.await.expect("ended");
    assert!(took < DEADLINE / 2, "nobody waits for who is gone: {took:?}");
    named(net.zz1_in(&answer), GONE);
    assert_eq!(net.zz1.log().await.last().map(String::as_str), Some("answer_released"));
    net.proxy.heal();
    net.is_whole_again(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_drip_is_answered_in_time_or_named_late_and_never_wrong() {
    let (fast, slow) = (Duration::from_millis(2), Duration::from_millis(100));
    for (tick, deadline, wanted) in [(fast, DEADLINE, None), (slow, SHORT, Some(LATE))] {
        let net = Net::with(SOON).await;
        net.gated.let_go();
        net.proxy.set(Through::Up, Flow::Drip(32, tick));
        let (answer, took) = net.ask(deadline).await.expect("ended");
        in_time(took, deadline);
        match wanted {
            None => assert_eq!(net.zz1_in(&answer), (CoverageStatus::Answered, None)),
            // Where the keepalive finds the line too slow to live on, that is named instead.
            Some(late) if net.zz1_in(&answer).0 == late.0 => named(net.zz1_in(&answer), late),
            Some(_) => named(net.zz1_in(&answer), GONE),
        }
        pass(&net.gated.answered).await;
        net.proxy.heal();
        net.is_whole_again(1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_died_without_a_word_is_noticed_at_both_ends() {
    let net = Net::with(SOON).await;
    // Whoever dials again is turned away, so that each end has to find out by itself.
    net.proxy.door(Door::Refuse);
    net.proxy.abandon();
    let gone = net.zz1_connected(false);
    let dialled_again = net.proxy.until(|seen| seen.refused > 0);
    let limit = SOON.interval + SOON.timeout + SLACK * 2;
    let both = tokio::time::timeout(limit, async { tokio::join!(gone, dialled_again) });
    both.await.expect("one of the ends believes in a dead connection");
    net.gated.let_go();
    let (answer, took) = net.ask(DEADLINE).await.expect("ended");
    assert!(took < SHORT, "{took:?}");
    named(net.zz1_in(&answer), GONE);
    assert!(net.zz1.log().await.is_empty());
    net.proxy.heal();
    net.is_whole_again(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_dead_one_way_is_given_up_and_replaced() {
    for way in [Through::Up, Through::Down] {
        let net = Net::with(SOON).await;
        net.proxy.set(way, Flow::Hold);
        let limit = SOON.interval + SOON.timeout + SLACK * 2;
        let gone = net.zz1_connected(false).await;
        assert!(gone < limit, "{way:?}: {gone:?}");
        net.proxy.heal();
        net.is_whole_again(0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_the_network_half_closes_is_replaced() {
    for way in [Through::Up, Through::Down] {
        let net = Net::with(SOON).await;
        net.proxy.door(Door::Refuse);
        net.proxy.set(way, Flow::HalfClose);
        net.zz1_connected(false).await;
        net.proxy.until(|seen| seen.refused > 0).await;
        net.proxy.heal();
        net.is_whole_again(0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_was_lost_is_unknown_to_the_node_and_is_asked_again() {
    let net = Net::with(SOON).await;
    net.gated.let_go();
    net.proxy.set(Through::Down, Flow::Hold);
    let (answer, took) = net.ask(SHORT).await.expect("ended");
    in_time(took, SHORT);
    let found = net.zz1_in(&answer);
    named(found.clone(), if found.0 == LATE.0 { LATE } else { GONE });
    net.proxy.abandon();
    net.proxy.heal();
    assert_eq!(net.gated.arrived.available_permits(), 0);
    assert!(net.zz1.log().await.is_empty());
    net.is_whole_again(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_was_lost_after_it_was_written_down_is_replayed() {
    let net = Net::with(SOON).await;
    let asking = net.ask(SHORT);
    pass(&net.gated.arrived).await;
    net.proxy.set(Through::Up, Flow::Hold);
    net.gated.let_go();
    pass(&net.gated.answered).await;
    assert_eq!(net.zz1.log().await.last().map(String::as_str), Some("answer_released"));
    net.proxy.abandon();
    net.proxy.heal();
    let (answer, took) = asking.await.expect("ended");
    in_time(took, SHORT);
    let found = net.zz1_in(&answer);
    named(found.clone(), if found.0 == LATE.0 { LATE } else { GONE });
    net.is_whole_again(1).await;
}
