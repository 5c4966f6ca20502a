//! Everybody who must not get in, and that each is told why.

use std::sync::Arc;

use evensum::rpc::{DialConfig, DialError, Keepalive, Refusal};
use evensum::trust::AuthorityKind;
use evensum::trust::config::{analyst_dial, analyst_port, node_dial};
use evensum::trust::handshake::{DialTls, HandshakeError};
use evensum_core::model::Role;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::fixture::{COORDINATOR, Node, Port, chain, within};
use crate::pki::{NOW, Pki, clock, ods};

/// Dials and gives the first trouble, having made sure that nobody was taken in.
async fn refused(port: &Port, pki: &Pki, tls: Arc<DialTls>) -> DialError {
    let error = Node::dial_with(port.address, pki, tls).states.trouble().await;
    assert!(port.registry.connected().is_empty());
    error
}

#[tokio::test]
async fn certificates_that_tls_refuses_are_named_to_the_dialler() {
    let (pki, foreign) = (Pki::new("north.example"), Pki::new("north.example"));
    let port = Port::open(&pki).await;
    let dial = |own| node_dial(&own, &pki.roots(), clock()).expect("a configuration");

    for stranger in [foreign.node("R0D"), Pki::new("south.example").node("R0D")] {
        let error = refused(&port, &pki, dial(stranger)).await;
        assert!(matches!(error, DialError::Handshake(HandshakeError::OurAuthority)), "{error:?}");
    }
    let error = refused(&port, &pki, dial(foreign.node("R0D"))).await;
    assert!(error.to_string().contains("not issued by its federation's authority"), "{error}");

    let error = refused(&port, &pki, dial(pki.expired_node("R0D"))).await;
    assert!(matches!(error, DialError::Handshake(HandshakeError::OurTime)), "{error:?}");
    assert!(error.to_string().contains("expired"), "{error}");

    let mut early = pki.request("R0D", Role::Node);
    early.now = NOW.plus(86_400);
    let error = refused(&port, &pki, dial(pki.issue(&early))).await;
    assert!(error.to_string().contains("not valid yet"), "{error}");

    let mut bare = (*analyst_dial(&pki.roots(), clock()).expect("a configuration")).clone();
    bare.alpn_protocols = vec![b"fed-rev/1".to_vec()];
    let error = refused(&port, &pki, Arc::new(bare)).await;
    assert!(matches!(error, DialError::Handshake(HandshakeError::OurAbsence)), "{error:?}");
}

#[tokio::test]
async fn genuine_certificates_that_are_not_welcome_are_named_to_the_dialler() {
    let pki = Pki::new("north.example");
    let port = Port::open_with(&pki, &pki.roots(), |found| {
        if *found == ods("R0D") { Ok(()) } else { Err(Refusal::Partner) }
    })
    .await;
    let own = "spiffe://north.example/ods/R0D/node/n1";
    let cases = [
        (pki.with_uris(&["spiffe://south.example/ods/R0D/node/n1"]), Refusal::Federation),
        (pki.with_uris(&[own, "spiffe://north.example/ods/R0D/node/n2"]), Refusal::Identity),
        (pki.with_uris(&[]), Refusal::Identity),
        (pki.coordinator("R0D"), Refusal::Role),
        (pki.issue(&pki.request("R0D", Role::Helper)), Refusal::Role),
        (pki.node("XXX"), Refusal::Partner),
    ];
    for (credentials, expected) in cases {
        let tls = node_dial(&credentials, &pki.roots(), clock()).expect("a configuration");
        match refused(&port, &pki, tls).await {
            DialError::Refused(refusal) => assert_eq!(refusal, expected),
            other => panic!("{} instead of {expected:?}", chain(&other)),
        }
    }
    let mut good = Node::dial(&port, &pki, &pki.with_uris(&[own]));
    good.states.serving().await;
}

#[tokio::test]
async fn another_protocol_or_version_is_named_to_the_dialler() {
    let pki = Pki::new("north.example");
    let port = Port::open(&pki).await;
    let good = node_dial(&pki.node("R0D"), &pki.roots(), clock()).expect("a configuration");

    let mut other = (*good).clone();
    other.alpn_protocols = vec![b"h2".to_vec()];
    let error = refused(&port, &pki, Arc::new(other)).await;
    assert!(matches!(error, DialError::Handshake(HandshakeError::Protocol)), "{error:?}");

    let mut silent = (*good).clone();
    silent.alpn_protocols = Vec::new();
    let error = refused(&port, &pki, Arc::new(silent)).await;
    assert!(matches!(error, DialError::Handshake(HandshakeError::Protocol)), "{error:?}");

    let old = rustls::ClientConfig::builder_with_details(
        Arc::clone(good.crypto_provider()),
        Arc::new(FixedTime),
    )
    .with_protocol_versions(&[&rustls::version::TLS12])
    .expect("a version")
    .with_root_certificates(rustls::RootCertStore::empty())
    .with_no_client_auth();
    let error = refused(&port, &pki, Arc::new(old)).await;
    assert!(matches!(error, DialError::Handshake(HandshakeError::Version)), "{error:?}");
}

#[derive(Debug)]
struct FixedTime;

impl rustls::time_provider::TimeProvider for FixedTime {
    fn current_time(&self) -> Option<rustls_pki_types::UnixTime> {
        let seconds = u64::try_from(NOW.as_unix()).ok()?;
        Some(rustls_pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)))
    }
}

#[tokio::test]
async fn a_node_refuses_who_is_not_its_coordinator() {
    let (pki, foreign) = (Pki::new("north.example"), Pki::new("north.example"));
    let own = pki.node("R0D");
    let port = Port::open(&pki).await;

    let wrong_roots = node_dial(&own, &foreign.roots(), clock()).expect("a configuration");
    let error = refused(&port, &pki, wrong_roots).await;
    assert!(matches!(error, DialError::Handshake(HandshakeError::TheirAuthority)), "{error:?}");

    let tls = node_dial(&own, &pki.roots(), clock()).expect("a configuration");
    let config = |address: String, federation: &str, coordinator: &str| DialConfig {
        role: Role::Coordinator,
        address: address.parse().expect("an address"),
        federation: crate::pki::federation(federation),
        coordinator: ods(coordinator),
        tls: watch::channel(Arc::clone(&tls)).1,
        seed: 3,
        keepalive: Keepalive::USUAL,
    };
    let here = port.address.to_string();
    let error =
        Node::dial_config(config(here.clone(), "north.example", "QAA")).states.trouble().await;
    assert!(matches!(error, DialError::Stranger { .. }), "{error:?}");
    assert!(error.to_string().contains("coordinator of QQQ"), "{error}");

    let error =
        Node::dial_config(config(here, "south.example", COORDINATOR)).states.trouble().await;
    assert!(chain(&error).contains("south.example"), "{}", chain(&error));

    let elsewhere = format!("[::ffff:127.0.0.1]:{}", port.address.port());
    let error =
        Node::dial_config(config(elsewhere, "north.example", COORDINATOR)).states.trouble().await;
    assert!(matches!(error, DialError::Handshake(HandshakeError::TheirName)), "{error:?}");
    assert!(port.registry.connected().is_empty());
}

#[tokio::test]
async fn ports_that_are_not_for_nodes_are_told_apart() {
    let pki = Pki::new("north.example");
    let own = pki.node("R0D");
    let tls = node_dial(&own, &pki.roots(), clock()).expect("a configuration");

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let analysts = analyst_port(&pki.coordinator(COORDINATOR), clock()).expect("a configuration");
    let server = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.expect("a caller");
        evensum::trust::handshake::accept(analysts, tcp).await.map(|_| ())
    });
    let error = Node::dial_with(address, &pki, Arc::clone(&tls)).states.trouble().await;
    assert!(matches!(error, DialError::Handshake(HandshakeError::Protocol)), "{error:?}");
    assert!(server.await.expect("ended").is_err());

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut tcp, _) = listener.accept().await.expect("a caller");
        let mut hello = [0; 64];
        let _ = tcp.read(&mut hello).await.expect("a hello");
        tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("written");
    });
    let error = Node::dial_with(address, &pki, Arc::clone(&tls)).states.trouble().await;
    assert!(matches!(error, DialError::Handshake(HandshakeError::NotTls)), "{error:?}");
    server.await.expect("ended");

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let error = Node::dial_with(address, &pki, tls).states.trouble().await;
    assert!(matches!(error, DialError::Connect { .. }), "{error:?}");
}

#[tokio::test]
async fn example_certificates_work_on_loopback() {
    let pki = Pki::of_kind("example", AuthorityKind::Example);
    let port = Port::open(&pki).await;
    let mut node = Node::dial(&port, &pki, &pki.node("R0D"));
    node.states.serving().await;
    port.until_connected(&["R0D"]).await;
    assert!(port.registry.peer(&ods("R0D")).expect("connected").issued_by_example_ca());
}

#[tokio::test]
async fn callers_that_never_speak_block_nobody() {
    let pki = Pki::new("north.example");
    let port = Port::open(&pki).await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(port.address).await.expect("a connection"));
    }
    let mut node = Node::dial(&port, &pki, &pki.node("R0D"));
    node.states.serving().await;
    port.until_connected(&["R0D"]).await;
    // Each of them is shown the door when its time is over.
    let mut byte = [0; 1];
    for mut caller in silent {
        let read = tokio::io::AsyncReadExt::read(&mut caller, &mut byte);
        assert!(matches!(within("the end", read).await, Ok(0) | Err(_)));
    }
}
