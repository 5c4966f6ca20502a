//! Several addresses of one server: each is tried in its turn, and each failure is told.

use std::net::SocketAddr;

use evensum::rpc::{Destination, DialConfig, DialError, Keepalive, Proxies, dial_as_analyst};
use evensum::trust::config::{analyst_dial, node_dial};
use evensum_core::model::Role;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::fixture::{COORDINATOR, Node, Port};
use crate::pki::{Pki, clock, ods};

/// A port on which nobody listens.
async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("an address")
}

fn to(addresses: &[String]) -> Destination {
    Destination::new(addresses, &Proxies::None).expect("a destination")
}

fn dial(pki: &Pki, addresses: &[String]) -> Node {
    let tls = node_dial(&pki.node("R0D"), &pki.roots(), clock()).expect("a configuration");
    Node::dial_config(DialConfig {
        role: Role::Coordinator,
        address: to(addresses),
        federation: pki.federation.clone(),
        coordinator: ods(COORDINATOR),
        tls: watch::channel(tls).1,
        seed: 3,
        keepalive: Keepalive::USUAL,
    })
}

#[tokio::test]
async fn the_first_address_that_leads_to_the_coordinator_is_taken() {
    let pki = Pki::new("north.example");
    let (port, stranger) = (Port::open(&pki).await, Port::open(&Pki::new("north.example")).await);
    let all = [nobody().await, stranger.address, port.address].map(|a| a.to_string());
    let mut node = dial(&pki, &all);
    node.states.serving().await;
    port.until_connected(&["R0D"]).await;
    assert!(stranger.registry.connected().is_empty());
}

#[tokio::test]
async fn where_none_does_every_reason_is_told() {
    let pki = Pki::new("north.example");
    let stranger = Port::open(&Pki::new("north.example")).await;
    let closed = nobody().await.to_string();
    let nowhere = "coordinator.invalid:443".to_owned();
    let all = [closed.clone(), nowhere.clone(), stranger.address.to_string()];
    let mut node = dial(&pki, &all);
    let error = node.states.trouble().await;
    let DialError::Nowhere(each) = &error else { panic!("{error:?}") };
    assert_eq!(each.iter().map(|(place, _)| place).collect::<Vec<_>>(), all.each_ref());
    let said = error.to_string();
    for words in [
        &closed,
        "refused",
        &nowhere,
        &stranger.address.to_string(),
        "not issued by this federation's authority",
    ] {
        assert!(said.contains(words), "no '{words}' in: {said}");
    }
    // One alone is told without a list.
    let alone = dial(&pki, &[closed]).states.trouble().await;
    assert!(matches!(alone, DialError::Connect { .. }), "{alone:?}");

    let tls = analyst_dial(&pki.roots(), clock()).expect("a configuration");
    let analyst = dial_as_analyst(&to(&all), &pki.federation, &ods(COORDINATOR), tls).await;
    assert!(matches!(analyst, Err(DialError::Nowhere(each)) if each.len() == 3));
}

/// A name with several addresses: `localhost` is `::1` and `127.0.0.1` on most machines, and where it is one
/// alone the test is of that one.
#[tokio::test]
async fn every_address_of_a_name_is_tried() {
    let pki = Pki::new("north.example");
    let port = Port::open(&pki).await;
    let mut node = dial(&pki, &[format!("localhost:{}", port.address.port())]);
    node.states.serving().await;
    port.until_connected(&["R0D"]).await;
}
