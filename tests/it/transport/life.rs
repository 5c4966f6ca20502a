//! The life of a connection: taken in, used, lost, replaced, ended.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use evensum::rpc::{
    DRAIN_LIMIT, DialError, DialState, Failure, accept_analysts, classify, dial_as_analyst,
};
use evensum::trust::config::{analyst_dial, analyst_port, coordinator_node_port};
use evensum::trust::handshake::HandshakeError;
use evensum_core::identity::Peer;
use evensum_core::model::Role;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::fixture::{COORDINATOR, Node, Port, ask, within};
use crate::pki::{Pki, clock, ods};

#[tokio::test]
async fn a_dialled_connection_carries_calls_and_identities_both_ways() {
    let pki = Pki::new("north.example");
    let port = Port::open(&pki).await;
    let mut node = Node::dial(&port, &pki, &pki.node("R0D"));
    let connected = node.states.state(|state| matches!(state, DialState::Connected { .. })).await;
    let DialState::Connected { peer, key_exchange } = connected else { panic!("{connected:?}") };
    assert_eq!((peer.role(), peer.ods()), (Role::Coordinator, &ods(COORDINATOR)));
    assert_eq!(key_exchange, "X25519MLKEM768");
    node.states.serving().await;
    port.until_connected(&["R0D"]).await;

    let seen = port.registry.peer(&ods("R0D")).expect("connected");
    assert_eq!((seen.role(), seen.name()), (Role::Node, "m1"));
    ask(port.channel("R0D"), "who").await.expect("an answer");
    assert_eq!(node.callers.recv().await.as_deref(), Some("coordinator QQQ m1"));
    assert!(port.registry.get(&ods("XXX")).is_none());
}

#[tokio::test]
async fn a_node_comes_back_when_its_connection_is_cut() {
    let pki = Pki::new("north.example");
    let port = Port::open(&pki).await;
    let mut node = Node::dial(&port, &pki, &pki.node("R0D"));
    node.states.serving().await;
    port.until_connected(&["R0D"]).await;
    let dead = port.channel("R0D");
    assert!(port.registry.disconnect(&ods("R0D")));
    assert!(!port.registry.disconnect(&ods("R0D")));
    assert!(matches!(node.states.trouble().await, DialError::Lost));
    node.states.serving().await;
    port.until_connected(&["R0D"]).await;
    ask(port.channel("R0D"), "").await.expect("the new channel works");
    let status = ask(dead, "").await.expect_err("the old one does not");
    assert_eq!(classify(&status), Failure::Unavailable, "{status:?}");
}

#[tokio::test]
async fn a_stopping_node_finishes_what_it_began() {
    let pki = Pki::new("north.example");
    let port = Port::open(&pki).await;
    let mut node = Node::dial(&port, &pki, &pki.node("R0D"));
    node.states.serving().await;
    port.until_connected(&["R0D"]).await;
    let under_way = tokio::spawn(ask(port.channel("R0D"), "hold"));
    node.holds(1).await;
    node.shutdown.cancel();
    // The call holds the connection open; only its end lets the node stop.
    node.probe.release.notify_one();
    within("the answer", under_way).await.expect("ended").expect("answered");
    within("the stop", &mut node.task).await.expect("ended").expect("in order");
    node.states.state(|state| matches!(state, DialState::Stopped)).await;
    port.until_connected(&[]).await;
}

#[tokio::test]
async fn a_stopping_node_does_not_wait_for_ever() {
    let pki = Pki::new("north.example");
    let port = Port::open(&pki).await;
    let mut node = Node::dial(&port, &pki, &pki.node("R0D"));
    node.states.serving().await;
    port.until_connected(&["R0D"]).await;
    let under_way = tokio::spawn(ask(port.channel("R0D"), "hold"));
    node.holds(1).await;
    let began = Instant::now();
    node.shutdown.cancel();
    within("the stop", &mut node.task).await.expect("ended").expect("in order");
    assert!(began.elapsed() >= DRAIN_LIMIT);
    let status = within("the end", under_way).await.expect("ended").expect_err("cut");
    assert_eq!(classify(&status), Failure::Unavailable, "{status:?}");
    port.until_connected(&[]).await;
}

#[tokio::test]
async fn a_sick_node_is_not_taken_in_before_it_is_well() {
    let pki = Pki::new("north.example");
    let port = Port::open(&pki).await;
    let mut node = Node::dial(&port, &pki, &pki.node("R0D"));
    node.probe.sick.store(true, Ordering::SeqCst);
    assert!(matches!(node.states.trouble().await, DialError::Lost));
    assert!(port.registry.connected().is_empty());
    node.probe.sick.store(false, Ordering::SeqCst);
    port.until_connected(&["R0D"]).await;
}

#[tokio::test]
async fn the_newest_connection_of_an_organisation_is_asked() {
    let pki = Pki::new("north.example");
    let port = Port::open(&pki).await;
    let mut first = Node::dial(&port, &pki, &pki.node("R0D"));
    first.states.serving().await;
    port.until_connected(&["R0D"]).await;
    let under_way = tokio::spawn(ask(port.channel("R0D"), "hold"));
    first.holds(1).await;

    let mut request = pki.request("R0D", Role::Node);
    request.name = "m2".to_owned();
    let mut second = Node::dial(&port, &pki, &pki.issue(&request));
    second.states.serving().await;
    let newest = || port.registry.peer(&ods("R0D")).map(|peer| peer.name().to_owned());
    within("the second", port.registry.until(|_| newest().as_deref() == Some("m2"))).await;
    ask(port.channel("R0D"), "who").await.expect("an answer");
    within("the call", second.callers.recv()).await.expect("the second was asked");

    // What the first one began is not thrown away, and its leaving does not take the second one along.
    first.shutdown.cancel();
    first.probe.release.notify_one();
    within("the answer", under_way).await.expect("ended").expect("answered");
    within("the stop", &mut first.task).await.expect("ended").expect("in order");
    ask(port.channel("R0D"), "").await.expect("the second is still there");
}

#[tokio::test]
async fn releasing_nodes_lets_calls_finish() {
    let pki = Pki::new("north.example");
    let port = Port::open(&pki).await;
    let mut nodes =
        [Node::dial(&port, &pki, &pki.node("R0A")), Node::dial(&port, &pki, &pki.node("R0D"))];
    port.until_connected(&["R0A", "R0D"]).await;
    let under_way = tokio::spawn(ask(port.channel("R0A"), "hold"));
    nodes[0].holds(1).await;
    port.shutdown.cancel();
    within("the port", port.task).await.expect("ended");
    port.registry.release_all();
    nodes[0].probe.release.notify_one();
    within("the answer", under_way).await.expect("ended").expect("answered");
    for node in &mut nodes {
        assert!(matches!(node.states.trouble().await, DialError::Lost));
    }
    for node in &mut nodes {
        assert!(
            matches!(node.states.trouble().await, DialError::Connect { .. }),
            "the port is closed"
        );
    }
}

#[tokio::test]
async fn a_new_certificate_serves_the_next_connection() {
    let (pki, foreign) = (Pki::new("north.example"), Pki::new("north.example"));
    let port = Port::open(&pki).await;
    let mut node = Node::dial(&port, &pki, &pki.node("R0D"));
    port.until_connected(&["R0D"]).await;
    let own = pki.coordinator(COORDINATOR);
    let before = port.tls.borrow().clone();
    let stricter = coordinator_node_port(&own, &foreign.roots(), clock()).expect("a configuration");
    port.tls.send_replace(stricter);
    ask(port.channel("R0D"), "").await.expect("the live connection goes on");
    port.registry.disconnect(&ods("R0D"));
    assert!(matches!(node.states.trouble().await, DialError::Lost));
    let error = node.states.trouble().await;
    assert!(error.to_string().contains("not issued by its federation's authority"), "{error}");
    port.tls.send_replace(before);
    port.until_connected(&["R0D"]).await;
}

#[tokio::test]
async fn statuses_of_real_calls_are_told_apart() {
    let pki = Pki::new("north.example");
    let port = Port::open(&pki).await;
    let node = Node::dial(&port, &pki, &pki.node("R0D"));
    port.until_connected(&["R0D"]).await;
    let question = |service: &str| HealthCheckRequest { service: service.to_owned() };

    let mut late = tonic::Request::new(question("hold"));
    late.set_timeout(Duration::from_millis(50));
    let status = HealthClient::new(port.channel("R0D")).check(late).await.expect_err("late");
    assert_eq!(classify(&status), Failure::Deadline, "{status:?}");

    let mut small = HealthClient::new(port.channel("R0D")).max_decoding_message_size(1);
    let status = small.check(question("")).await.expect_err("too large");
    assert_eq!(classify(&status), Failure::TooLarge, "{status:?}");

    let status =
        HealthClient::new(port.channel("R0D")).watch(question("")).await.expect_err("refused");
    assert_eq!(classify(&status), Failure::Answered(Code::Unimplemented), "{status:?}");

    let under_way = tokio::spawn(ask(port.channel("R0D"), "hold"));
    node.holds(1).await;
    port.registry.disconnect(&ods("R0D"));
    let status = within("the end", under_way).await.expect("ended").expect_err("cut");
    assert_eq!(classify(&status), Failure::Unavailable, "{status:?}");
}

#[tokio::test]
async fn analysts_reach_the_coordinator_without_a_certificate() {
    let pki = Pki::new("north.example");
    let own = pki.coordinator(COORDINATOR);
    let peer = Peer::from_certificate(own.certificate(), &pki.federation).expect("a peer");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string().parse().expect("one");
    let shutdown = CancellationToken::new();
    let tls = watch::channel(analyst_port(&own, clock()).expect("a configuration")).1;
    let incoming = accept_analysts(listener, tls, peer, shutdown.clone());
    let (_reporter, health) = tonic_health::server::health_reporter();
    let server = tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(health)
            .serve_with_incoming_shutdown(incoming, shutdown.clone().cancelled_owned()),
    );
    let tls = analyst_dial(&pki.roots(), clock()).expect("a configuration");
    let channel = dial_as_analyst(&address, &pki.federation, &ods(COORDINATOR), tls.clone())
        .await
        .expect("a channel");
    ask(channel.clone(), "").await.expect("an answer");

    let stranger = dial_as_analyst(&address, &pki.federation, &ods("QAA"), tls).await;
    assert!(matches!(stranger, Err(DialError::Stranger { .. })), "{stranger:?}");
    let foreign = analyst_dial(&Pki::new("south.example").roots(), clock()).expect("one");
    let foreign = dial_as_analyst(&address, &pki.federation, &ods(COORDINATOR), foreign).await;
    assert!(
        matches!(foreign, Err(DialError::Handshake(HandshakeError::TheirAuthority))),
        "{foreign:?}"
    );

    shutdown.cancel();
    within("the stop", server).await.expect("ended").expect("in order");
    let status = ask(channel, "").await.expect_err("the server has gone");
    assert_eq!(classify(&status), Failure::Unavailable, "{status:?}");
}

/// Calls given up in each of the two tests of resets that race with answers: as many as ended a connection of
/// HTTP/2's usual limits twice over.
const RACING: u32 = 12_800;

/// Somebody else's calls on the same connection, made one after another all the while. Every one must be
/// answered.
fn bystander(channel: Channel, stop: &CancellationToken) -> tokio::task::JoinHandle<u32> {
    let stop = stop.clone();
    tokio::spawn(async move {
        let mut answered = 0;
        while !stop.is_cancelled() {
            ask(channel.clone(), "").await.expect("another's call is answered");
            answered += 1;
        }
        answered
    })
}

/// That nobody noticed anything: neither other callers, nor the registry, nor the node.
async fn undisturbed(
    port: &Port,
    node: &mut Node,
    before: &std::sync::Arc<Peer>,
    others: tokio::task::JoinHandle<u32>,
) {
    let answered = within("the bystander", others).await.expect("no call failed");
    assert!(answered > 20, "only {answered} calls beside: this proves nothing");
    let after = port.registry.peer(&ods("R0D")).expect("connected");
    assert!(std::sync::Arc::ptr_eq(before, &after), "the node was entered anew");
    ask(port.channel("R0D"), "").await.expect("the same connection still works");
    assert!(node.states.quiet(), "the dial loop saw nothing");
}

/// A fan-out that has enough answers gives up the rest, and its resets race with the answers. At HTTP/2's usual
/// limit the coordinator would end the connection for everybody after 1,024 late frames.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_to_calls_given_up_do_not_end_the_connection() {
    const CALLS: u32 = 31;
    let pki = Pki::new("north.example");
    let port = Port::open(&pki).await;
    let mut node = Node::dial(&port, &pki, &pki.node("R0D"));
    node.states.serving().await;
    port.until_connected(&["R0D"]).await;
    let (channel, stop) = (port.channel("R0D"), CancellationToken::new());
    let before = port.registry.peer(&ods("R0D")).expect("connected");
    let others = bystander(channel.clone(), &stop);
    for _ in 0..RACING.div_ceil(CALLS) {
        let calls: Vec<_> =
            (0..CALLS).map(|_| tokio::spawn(ask(channel.clone(), "hold"))).collect();
        node.holds(CALLS).await;
        // The node begins to answer all of them in the moment in which all of them are given up.
        node.probe.release.notify_waiters();
        calls.iter().for_each(tokio::task::JoinHandle::abort);
        for call in calls {
            if let Ok(answer) = call.await {
                answer.expect("the connection lives");
            }
        }
    }
    stop.cancel();
    undisturbed(&port, &mut node, &before, others).await;
}

/// The same from the other side: at HTTP/2's usual limit the node would take 20 resets of calls that it has not
/// looked at yet for an attack, and end the connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_given_up_at_once_do_not_end_the_connection() {
    const CALLS: u64 = 31;
    let pki = Pki::new("north.example");
    let port = Port::open(&pki).await;
    let mut node = Node::dial(&port, &pki, &pki.node("R0D"));
    node.states.serving().await;
    port.until_connected(&["R0D"]).await;
    let (channel, stop) = (port.channel("R0D"), CancellationToken::new());
    let before = port.registry.peer(&ods("R0D")).expect("connected");
    let others = bystander(channel.clone(), &stop);
    let (mut given_up, mut asked) = (0, 0_u64);
    while given_up < RACING {
        let calls: Vec<_> = (asked..asked + CALLS)
            .map(|call| tokio::spawn(impatient(channel.clone(), Duration::from_micros(call % 900))))
            .collect();
        asked += CALLS;
        for call in calls {
            given_up += u32::from(call.await.expect("ended"));
        }
    }
    stop.cancel();
    undisturbed(&port, &mut node, &before, others).await;
}

/// Whether the call was given up. The wait is finer than the timer's millisecond.
async fn impatient(channel: Channel, patience: Duration) -> bool {
    let until = Instant::now() + patience;
    let lost_patience = async {
        while Instant::now() < until {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = lost_patience => true,
        answer = ask(channel, "") => {
            answer.expect("the connection lives");
            false
        }
    }
}

#[tokio::test]
async fn an_analyst_who_stays_silent_after_tls_is_let_go() {
    use tokio::io::AsyncReadExt;
    let pki = Pki::new("north.example");
    let own = pki.coordinator(COORDINATOR);
    let peer = Peer::from_certificate(own.certificate(), &pki.federation).expect("a peer");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let shutdown = CancellationToken::new();
    let tls = watch::channel(analyst_port(&own, clock()).expect("a configuration")).1;
    // Held, so that the port stays open; nobody takes anything from it.
    let _incoming = accept_analysts(listener, tls, peer, shutdown.clone());
    let tcp = tokio::net::TcpStream::connect(address).await.expect("connected");
    let dial = analyst_dial(&pki.roots(), clock()).expect("a configuration");
    let name = "localhost".to_owned().try_into().expect("a name");
    let mut stream = evensum::trust::handshake::dial(dial, name, tcp).await.expect("a handshake");
    let mut nothing = [0; 1];
    let ended = within("the end of a silent connection", stream.read(&mut nothing)).await;
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    shutdown.cancel();
}
