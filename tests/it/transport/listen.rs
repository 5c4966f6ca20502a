//! Nodes that listen, and the coordinator that dials them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use evensum::rpc::{
    AdmitError, Destination, DialError, DialState, Failure, Keepalive, ListenConfig,
    MAX_CONNECTIONS, NodeDialConfig, Refusal, Registry, classify, dial_node, serve_listening,
};
use evensum::trust::config::{analyst_dial, coordinator_dial, node_dial, node_port};
use evensum::trust::handshake::{DialTls, HandshakeError};
use evensum::trust::{AuthorityKind, Credentials};
use evensum_core::model::Role;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic_health::pb::health_server::HealthServer;

use super::fixture::{COORDINATOR, Node, Port, Probe, States, ask, chain, within};
use crate::pki::{Pki, clock, federation, ods};

/// A node that waits to be dialled.
struct Listening {
    address: SocketAddr,
    probe: Probe,
    callers: mpsc::UnboundedReceiver<String>,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), tonic::transport::Error>>,
    _stop: DropGuard,
}

impl Listening {
    async fn open(pki: &Pki, own: &Credentials) -> Self {
        Self::open_for(pki, own, "north.example").await
    }

    async fn open_for(pki: &Pki, own: &Credentials, domain: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Self::open_on(listener, pki, own, domain)
    }

    fn open_on(listener: TcpListener, pki: &Pki, own: &Credentials, domain: &str) -> Self {
        let tls = node_port(own, &pki.roots(), clock()).expect("a configuration");
        let config = ListenConfig {
            federation: federation(domain),
            coordinator: ods(COORDINATOR),
            tls: watch::channel(tls).1,
            keepalive: Keepalive::USUAL,
        };
        let address = listener.local_addr().expect("an address");
        let (probe, callers) = Probe::new();
        let routes = tonic::service::Routes::new(HealthServer::new(probe.clone()));
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(serve_listening(routes, listener, config, shutdown.clone()));
        let _stop = shutdown.clone().drop_guard();
        Self { address, probe, callers, shutdown, task, _stop }
    }
}

/// A coordinator that dials one node.
struct Dialler {
    registry: Registry,
    states: States,
    shutdown: CancellationToken,
    _stop: DropGuard,
}

impl Dialler {
    fn dial(node: &Listening, pki: &Pki) -> Self {
        let own = pki.coordinator(COORDINATOR);
        let tls = coordinator_dial(&own, &pki.roots(), clock()).expect("a configuration");
        Self::dial_with(node.address, pki, tls)
    }

    fn dial_with(address: SocketAddr, pki: &Pki, tls: Arc<DialTls>) -> Self {
        let address = address.to_string().parse().expect("an address");
        Self::dial_config(config(address, pki, tls), Registry::new())
    }

    fn dial_config(config: NodeDialConfig, registry: Registry) -> Self {
        let (on_state, states) = States::new();
        let shutdown = CancellationToken::new();
        tokio::spawn(dial_node(config, registry.clone(), shutdown.clone(), on_state));
        let _stop = shutdown.clone().drop_guard();
        Self { registry, states, shutdown, _stop }
    }
}

fn config(address: Destination, pki: &Pki, tls: Arc<DialTls>) -> NodeDialConfig {
    NodeDialConfig {
        role: Role::Node,
        address,
        federation: pki.federation.clone(),
        node: ods("R0D"),
        tls: watch::channel(tls).1,
        seed: 5,
        keepalive: Keepalive::USUAL,
    }
}

#[tokio::test]
async fn a_listening_node_is_dialled_served_and_known() {
    let pki = Pki::new("north.example");
    let mut node = Listening::open(&pki, &pki.node("R0D")).await;
    let mut coordinator = Dialler::dial(&node, &pki);
    let connected =
        coordinator.states.state(|state| matches!(state, DialState::Connected { .. })).await;
    let DialState::Connected { peer, key_exchange } = connected else { panic!("{connected:?}") };
    assert_eq!((peer.role(), peer.ods()), (Role::Node, &ods("R0D")));
    assert_eq!(key_exchange, "X25519MLKEM768");
    coordinator.states.serving().await;
    let channel = coordinator.registry.get(&ods("R0D")).expect("entered");
    ask(channel, "who").await.expect("an answer");
    assert_eq!(node.callers.recv().await.as_deref(), Some("coordinator QQQ m1"));
    // Two health calls before it was entered for good, as over a connection that the node dialled.
    assert_eq!(node.probe.answered.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_cut_connection_and_a_node_that_restarts_are_dialled_again() {
    let pki = Pki::new("north.example");
    let node = Listening::open(&pki, &pki.node("R0D")).await;
    let mut coordinator = Dialler::dial(&node, &pki);
    coordinator.states.serving().await;
    let dead = coordinator.registry.get(&ods("R0D")).expect("entered");
    assert!(coordinator.registry.disconnect(&ods("R0D")));
    assert!(matches!(coordinator.states.trouble().await, DialError::Lost));
    coordinator.states.serving().await;
    let status = ask(dead, "").await.expect_err("the old one is gone");
    assert_eq!(classify(&status), Failure::Unavailable, "{status:?}");

    let Listening { address, shutdown, task, .. } = node;
    shutdown.cancel();
    within("the stop", task).await.expect("ended").expect("in order");
    assert!(matches!(coordinator.states.trouble().await, DialError::Lost));
    assert!(coordinator.registry.connected().is_empty());
    assert!(matches!(coordinator.states.trouble().await, DialError::Connect { .. }));
    let listener = TcpListener::bind(address).await.expect("the same port");
    let _again = Listening::open_on(listener, &pki, &pki.node("R0D"), "north.example");
    coordinator.states.serving().await;
}

#[tokio::test]
async fn either_end_stops_in_order_with_a_call_under_way() {
    let pki = Pki::new("north.example");
    let node = Listening::open(&pki, &pki.node("R0D")).await;
    let mut coordinator = Dialler::dial(&node, &pki);
    coordinator.states.serving().await;
    let channel = coordinator.registry.get(&ods("R0D")).expect("entered");
    let under_way = tokio::spawn(ask(channel.clone(), "hold"));
    node.probe.holds(1).await;
    // The coordinator stops dialling, and what it has stays until it is let go.
    coordinator.shutdown.cancel();
    coordinator.states.state(|state| matches!(state, DialState::Stopped)).await;
    assert_eq!(coordinator.registry.connected(), [ods("R0D")]);
    node.shutdown.cancel();
    node.probe.release.notify_one();
    within("the answer", under_way).await.expect("ended").expect("answered");
    within("the stop", node.task).await.expect("ended").expect("in order");
    within("the end", coordinator.registry.until(<[_]>::is_empty)).await;
}

#[tokio::test]
async fn a_sick_node_is_not_entered_before_it_is_well() {
    let pki = Pki::new("north.example");
    let node = Listening::open(&pki, &pki.node("R0D")).await;
    node.probe.sick.store(true, Ordering::SeqCst);
    let mut coordinator = Dialler::dial(&node, &pki);
    let error = coordinator.states.trouble().await;
    assert!(matches!(error, DialError::NotTakenIn(AdmitError::NotServing)), "{error:?}");
    assert!(coordinator.registry.connected().is_empty());
    node.probe.sick.store(false, Ordering::SeqCst);
    coordinator.states.serving().await;
}

/// Dials with these and gives the first trouble; nobody was served.
async fn refused(node: &Listening, pki: &Pki, tls: Arc<DialTls>) -> DialError {
    let mut coordinator = Dialler::dial_with(node.address, pki, tls);
    let error = coordinator.states.trouble().await;
    assert!(coordinator.registry.connected().is_empty());
    assert_eq!(node.probe.answered.load(Ordering::SeqCst), 0, "nothing was asked");
    error
}

#[tokio::test]
async fn callers_that_tls_refuses_are_told_so() {
    let (pki, foreign) = (Pki::new("north.example"), Pki::new("north.example"));
    let node = Listening::open(&pki, &pki.node("R0D")).await;
    let dial = |own| coordinator_dial(&own, &pki.roots(), clock()).expect("a configuration");

    let error = refused(&node, &pki, dial(foreign.coordinator(COORDINATOR))).await;
    assert!(matches!(error, DialError::Handshake(HandshakeError::OurAuthority)), "{error:?}");

    let mut old = pki.request(COORDINATOR, Role::Coordinator);
    (old.now, old.days) = (crate::pki::NOW.plus(-10 * 86_400), 5);
    let error = refused(&node, &pki, dial(pki.issue(&old))).await;
    assert!(matches!(error, DialError::Handshake(HandshakeError::OurTime)), "{error:?}");

    // No certificate, as an analyst's tool dials.
    let mut bare = (*analyst_dial(&pki.roots(), clock()).expect("a configuration")).clone();
    bare.alpn_protocols = vec![b"fed/1".to_vec()];
    let error = refused(&node, &pki, Arc::new(bare.clone())).await;
    assert!(matches!(error, DialError::Handshake(HandshakeError::OurAbsence)), "{error:?}");

    // Other protocols: an analyst's, that of nodes which dial, and none.
    for protocols in [vec![b"h2".to_vec()], vec![b"fed-rev/1".to_vec()], vec![]] {
        let mut other = (*dial(pki.coordinator(COORDINATOR))).clone();
        other.alpn_protocols = protocols;
        let error = refused(&node, &pki, Arc::new(other)).await;
        assert!(matches!(error, DialError::Handshake(HandshakeError::Protocol)), "{error:?}");
    }
}

#[tokio::test]
async fn callers_with_a_genuine_certificate_that_is_not_the_coordinators_are_told_why() {
    let pki = Pki::new("north.example");
    let node = Listening::open(&pki, &pki.node("R0D")).await;
    let own = "spiffe://north.example/ods/QQQ/coordinator/c1";
    let cases = [
        (pki.node("R0A"), Refusal::Role),
        (pki.node("R0D"), Refusal::Role),
        (pki.issue(&pki.request(COORDINATOR, Role::Helper)), Refusal::Role),
        (pki.coordinator("QAA"), Refusal::Coordinator),
        (pki.with_uris(&["spiffe://south.example/ods/QQQ/coordinator/c1"]), Refusal::Federation),
        (pki.with_uris(&[own, "spiffe://north.example/ods/QQQ/coordinator/c2"]), Refusal::Identity),
        (pki.with_uris(&[]), Refusal::Identity),
    ];
    for (credentials, expected) in cases {
        let tls = coordinator_dial(&credentials, &pki.roots(), clock()).expect("a configuration");
        match refused(&node, &pki, tls).await {
            DialError::Refused(refusal) => assert_eq!(refusal, expected),
            other => panic!("{} instead of {expected:?}", chain(&other)),
        }
    }
    let tls = coordinator_dial(&pki.with_uris(&[own]), &pki.roots(), clock()).expect("one");
    Dialler::dial_with(node.address, &pki, tls).states.serving().await;
}

#[tokio::test]
async fn a_coordinator_refuses_who_is_not_the_node() {
    let (pki, foreign) = (Pki::new("north.example"), Pki::new("north.example"));
    let own = pki.coordinator(COORDINATOR);
    let dial = |roots: &Pki| coordinator_dial(&own, &roots.roots(), clock()).expect("one");

    let node = Listening::open(&pki, &pki.node("R0D")).await;
    let error = refused(&node, &pki, dial(&foreign)).await;
    assert!(matches!(error, DialError::Handshake(HandshakeError::TheirAuthority)), "{error:?}");

    for stranger in [pki.node("R0A"), pki.coordinator("R0D")] {
        let node = Listening::open(&pki, &stranger).await;
        let error = refused(&node, &pki, dial(&pki)).await;
        assert!(matches!(error, DialError::Stranger { .. }), "{error:?}");
        assert!(error.to_string().contains("expects the node of R0D"), "{error}");
    }

    let south = pki.with_uris(&["spiffe://south.example/ods/R0D/node/n1"]);
    let node = Listening::open_for(&pki, &south, "north.example").await;
    let error = refused(&node, &pki, dial(&pki)).await;
    // A certificate without the dialled name is refused before its URI is read.
    assert!(matches!(error, DialError::Handshake(HandshakeError::TheirName)), "{error:?}");

    let mut elsewhere = config("127.0.0.1:1".parse().expect("one"), &pki, dial(&pki));
    let node = Listening::open(&pki, &pki.node("R0D")).await;
    elsewhere.address = node.address.to_string().parse().expect("an address");
    elsewhere.federation = federation("south.example");
    let error = Dialler::dial_config(elsewhere, Registry::new()).states.trouble().await;
    assert!(chain(&error).contains("south.example"), "{}", chain(&error));

    // Another kind of port: that of a coordinator, for nodes that dial.
    let port = Port::open(&pki).await;
    let mut coordinator = Dialler::dial_with(port.address, &pki, dial(&pki));
    let error = coordinator.states.trouble().await;
    assert!(matches!(error, DialError::Handshake(HandshakeError::Protocol)), "{error:?}");
}

#[tokio::test]
async fn a_node_that_dials_a_listening_node_is_turned_away() {
    let pki = Pki::new("north.example");
    let node = Listening::open(&pki, &pki.node("R0A")).await;
    let tls = node_dial(&pki.node("R0D"), &pki.roots(), clock()).expect("a configuration");
    let error = Node::dial_with(node.address, &pki, tls).states.trouble().await;
    assert!(matches!(error, DialError::Handshake(HandshakeError::Protocol)), "{error:?}");
}

#[tokio::test]
async fn example_certificates_are_for_this_machine_in_both_directions() {
    let pki = Pki::of_kind("north.example", AuthorityKind::Example);
    let node = Listening::open(&pki, &pki.node("R0D")).await;
    Dialler::dial(&node, &pki).states.serving().await;
}

#[tokio::test]
async fn a_node_that_speaks_no_http2_is_told_from_one_that_refuses() {
    let pki = Pki::new("north.example");
    let own = pki.coordinator(COORDINATOR);
    let tls = coordinator_dial(&own, &pki.roots(), clock()).expect("a configuration");
    let port = node_port(&pki.node("R0D"), &pki.roots(), clock()).expect("a configuration");
    for (words, wanted) in [
        (&b"HTTP/1.1 200 OK\r\n\r\n"[..], "begin to speak HTTP/2"),
        (&[7; 200][..], "begin to speak HTTP/2"),
        (&b""[..], "gave no reason"),
    ] {
        use tokio::io::AsyncWriteExt;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let port = Arc::clone(&port);
        let server = tokio::spawn(async move {
            let (tcp, _) = listener.accept().await.expect("a caller");
            let mut stream = evensum::trust::handshake::accept(port, tcp).await.expect("TLS");
            stream.write_all(words).await.expect("written");
            let _ = stream.shutdown().await;
        });
        let error = Dialler::dial_with(address, &pki, Arc::clone(&tls)).states.trouble().await;
        assert!(error.to_string().contains(wanted), "{error}");
        server.await.expect("ended");
    }
}

#[tokio::test]
async fn callers_that_never_speak_and_too_many_connections_block_nobody() {
    let pki = Pki::new("north.example");
    let node = Listening::open(&pki, &pki.node("R0D")).await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(node.address).await.expect("a connection"));
    }
    let mut coordinators = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        let mut coordinator = Dialler::dial(&node, &pki);
        coordinator.states.serving().await;
        coordinators.push(coordinator);
    }
    let mut one_more = Dialler::dial(&node, &pki);
    let error = one_more.states.trouble().await;
    assert!(matches!(error, DialError::Refused(Refusal::Full)), "{error:?}");
    // A place is free again when a connection has ended.
    let gone = coordinators.pop().expect("one");
    gone.shutdown.cancel();
    gone.registry.disconnect(&ods("R0D"));
    one_more.states.serving().await;
    let mut byte = [0; 1];
    for mut caller in silent {
        assert!(matches!(within("the end", caller.read(&mut byte)).await, Ok(0) | Err(_)));
    }
}

/// A node that dials and is dialled ends with one connection, and not with two that end each other for ever.
#[tokio::test]
async fn a_node_that_dials_and_listens_keeps_one_connection() {
    let pki = Pki::new("north.example");
    let port = Port::open(&pki).await;
    let listening = Listening::open(&pki, &pki.node("R0D")).await;
    let own = pki.coordinator(COORDINATOR);
    let tls = coordinator_dial(&own, &pki.roots(), clock()).expect("a configuration");
    let address = listening.address.to_string().parse().expect("an address");
    let dialled = config(address, &pki, tls);
    let mut coordinator = Dialler::dial_config(dialled, port.registry.clone());
    coordinator.states.serving().await;
    let mut node = Node::dial(&port, &pki, &pki.node("R0D"));
    node.states.serving().await;
    // The newest is asked, and the coordinator's own connection gives way.
    assert!(matches!(coordinator.states.trouble().await, DialError::Lost));
    coordinator.states.state(|state| matches!(state, DialState::Dialling)).await;
    let again = tokio::time::timeout(Duration::from_secs(2), coordinator.states.next()).await;
    assert!(again.is_err(), "the node is connected, so it is not dialled: {again:?}");
    assert!(node.states.quiet(), "the node's connection stands");
    // When that one ends for good, the other way is taken.
    node.shutdown.cancel();
    coordinator.states.serving().await;
    ask(port.channel("R0D"), "").await.expect("the node is there");
}

/// Both limits of resets hold in this direction too: calls given up race with their answers, and with the
/// node's first look at them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_given_up_do_not_end_the_connection() {
    const ROUNDS: usize = 100;
    const CALLS: u32 = 32;
    let pki = Pki::new("north.example");
    let node = Listening::open(&pki, &pki.node("R0D")).await;
    let mut coordinator = Dialler::dial(&node, &pki);
    coordinator.states.serving().await;
    let channel = coordinator.registry.get(&ods("R0D")).expect("entered");
    for _ in 0..ROUNDS {
        let calls: Vec<_> =
            (0..CALLS).map(|_| tokio::spawn(ask(channel.clone(), "hold"))).collect();
        node.probe.holds(CALLS).await;
        node.probe.release.notify_waiters();
        calls.iter().for_each(JoinHandle::abort);
        for call in calls {
            if let Ok(answer) = call.await {
                answer.expect("the connection lives");
            }
        }
    }
    for patience in 0..6_400_u64 {
        let call = tokio::spawn(ask(channel.clone(), ""));
        if patience % 3 > 0 {
            tokio::task::yield_now().await;
        }
        call.abort();
        if let Ok(answer) = call.await {
            answer.expect("the connection lives");
        }
    }
    ask(channel, "").await.expect("the same connection still works");
    assert!(coordinator.states.quiet(), "the dial loop saw nothing");
}
