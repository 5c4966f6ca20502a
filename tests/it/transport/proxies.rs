//! HTTP proxies between the ends, by a small real one: what each of its answers becomes, and that TLS runs
//! through it from end to end.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use data_encoding::BASE64;
use evensum::rpc::{
    Destination, DialConfig, DialError, Environment, Keepalive, NodeDialConfig, Proxies,
    ProxyError, Registry, dial_as_analyst, dial_node,
};
use evensum::trust::config::{analyst_dial, coordinator_dial, node_dial};
use evensum::trust::handshake::HandshakeError;
use evensum_core::model::Role;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::fixture::{COORDINATOR, Node, Port, ask, chain, within};
use crate::pki::{Pki, clock, ods};

/// What a proxy does with a request.
#[derive(Clone)]
enum Manner {
    /// Opens the tunnel to here, whatever name is asked for.
    Open(SocketAddr),
    /// Opens it for `ada` with the password `s3cret`, and asks everybody else for one.
    Guarded(SocketAddr),
    /// Says this, and closes.
    Says(&'static str),
    /// Says nothing.
    Hangs,
    /// Closes in the middle of the TLS handshake.
    Breaks,
}

/// A proxy, with the heads of the requests that came in.
struct Proxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    _stop: DropGuard,
}

impl Proxy {
    async fn open(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let (stop, seen) = (CancellationToken::new(), Arc::clone(&heads));
        let ended = stop.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (manner, seen, ended) = (manner.clone(), Arc::clone(&seen), ended.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = ended.cancelled() => {}
                        () = serve(tcp, manner, &seen) => {}
                    }
                });
            }
        });
        Self { address, heads, _stop: stop.drop_guard() }
    }

    fn through(&self, user: &str) -> Proxies {
        let text = format!("http://{user}{}", self.address);
        Proxies::One(text.parse().expect("a proxy"))
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("not poisoned").clone()
    }
}

async fn serve(mut tcp: TcpStream, manner: Manner, seen: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match tcp.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).expect("text");
    seen.lock().expect("not poisoned").push(head.clone());
    let pair = format!("\r\nProxy-Authorization: Basic {}\r\n", BASE64.encode(b"ada:s3cret"));
    let answer = match &manner {
        Manner::Guarded(_) if !head.contains(&pair) => {
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n"
        }
        Manner::Open(_) | Manner::Guarded(_) | Manner::Breaks => {
            "HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n"
        }
        Manner::Says(text) => text,
        Manner::Hangs => std::future::pending().await,
    };
    let _ = tcp.write_all(answer.as_bytes()).await;
    match manner {
        Manner::Open(far) | Manner::Guarded(far) if answer.contains(" 200 ") => {
            let mut far = TcpStream::connect(far).await.expect("the far end");
            let _ = copy_bidirectional(&mut tcp, &mut far).await;
        }
        Manner::Breaks => {
            // The first bytes of a handshake have come when it closes.
            let _ = tcp.read_u8().await;
        }
        _ => {}
    }
}

fn dial(pki: &Pki, address: &str, proxies: &Proxies) -> Node {
    dial_from(pki, Destination::new(&[address], proxies).expect("a destination"))
}

fn dial_from(pki: &Pki, address: Destination) -> Node {
    let tls = node_dial(&pki.node("R0D"), &pki.roots(), clock()).expect("a configuration");
    Node::dial_config(DialConfig {
        role: Role::Coordinator,
        address,
        federation: pki.federation.clone(),
        coordinator: ods(COORDINATOR),
        tls: watch::channel(tls).1,
        seed: 3,
        keepalive: Keepalive::USUAL,
    })
}

/// The far end's name is resolved by the proxy and verified by us: the coordinator's port with a certificate
/// for a name that no resolver knows.
async fn named_port(pki: &Pki) -> Port {
    let mut request = pki.request(COORDINATOR, Role::Coordinator);
    (request.dns, request.ips) = (vec!["coordinator.invalid".to_owned()], Vec::new());
    let port = Port::open(pki).await;
    let own = pki.issue(&request);
    let tls = evensum::trust::config::coordinator_node_port(&own, &pki.roots(), clock());
    port.tls.send_replace(tls.expect("a configuration"));
    port
}

#[tokio::test]
async fn a_node_dials_through_a_proxy_that_resolves_the_name() {
    let pki = Pki::new("north.example");
    let port = named_port(&pki).await;
    let proxy = Proxy::open(Manner::Open(port.address)).await;
    let mut node = dial(&pki, "coordinator.invalid:443", &proxy.through(""));
    node.states.serving().await;
    port.until_connected(&["R0D"]).await;
    ask(port.channel("R0D"), "").await.expect("an answer");
    let head = "CONNECT coordinator.invalid:443 HTTP/1.1\r\nHost: coordinator.invalid:443\r\n\r\n";
    assert_eq!(proxy.heads(), [head]);

    // The name that is verified is the coordinator's.
    let mut other = dial(&pki, "other.invalid:443", &proxy.through(""));
    let error = other.states.trouble().await;
    let DialError::Inspected { source, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(**source, HandshakeError::TheirName), "{error:?}");
}

#[tokio::test]
async fn the_environment_names_the_proxy_and_the_exceptions() {
    let pki = Pki::new("north.example");
    let port = named_port(&pki).await;
    let proxy = Proxy::open(Manner::Open(port.address)).await;
    let place = proxy.address.to_string();
    let look = |name: &str| match name {
        "https_proxy" => Some(format!("http://{place}")),
        "NO_PROXY" => Some("elsewhere.invalid".to_owned()),
        _ => None,
    };
    let proxies = Proxies::Environment(Box::new(Environment::look_up(look)));
    let mut node = dial(&pki, "coordinator.invalid:443", &proxies);
    node.states.serving().await;
    let error = dial(&pki, "elsewhere.invalid:443", &proxies).states.trouble().await;
    assert!(matches!(error, DialError::Connect { .. }), "{error:?}");
    // A server on this machine is never looked for through the environment's proxy.
    let error = dial(&pki, "127.0.0.1:1", &proxies).states.trouble().await;
    assert!(matches!(error, DialError::Connect { .. }), "{error:?}");
    assert_eq!(proxy.heads().len(), 1);
}

#[tokio::test]
async fn a_proxy_that_wants_a_password_gets_it_and_nobody_else_does() {
    let pki = Pki::new("north.example");
    let port = Port::open(&pki).await;
    let proxy = Proxy::open(Manner::Guarded(port.address)).await;
    let far = port.address.to_string();

    let error = dial(&pki, &far, &proxy.through("")).states.trouble().await;
    assert!(matches!(&error, DialError::Proxy { source: ProxyError::Wanted, .. }), "{error:?}");
    assert!(chain(&error).contains("user name and a password"), "{}", chain(&error));

    let error = dial(&pki, &far, &proxy.through("ada:n0t-this@")).states.trouble().await;
    let refused = matches!(&error, DialError::Proxy { source: ProxyError::Credentials, .. });
    assert!(refused, "{error:?}");
    let said = format!("{} {error:?}", chain(&error));
    let coded = BASE64.encode(b"ada:n0t-this");
    assert!(!said.contains("n0t-this") && !said.contains(&coded), "{said}");

    let mut node = dial(&pki, &far, &proxy.through("ada:s3cret@"));
    node.states.serving().await;
}

#[tokio::test]
async fn every_way_in_which_a_proxy_fails_has_its_advice() {
    let pki = Pki::new("north.example");
    for (manner, wanted) in [
        (Manner::Says("HTTP/1.1 403 Forbidden\r\n\r\n<html>no</html>"), "allow 127.0.0.1:9"),
        (Manner::Says("HTTP/1.1 502 Bad Gateway\r\n\r\n"), "could not reach 127.0.0.1:9"),
        (Manner::Says("HTTP/1.1 200 OK\r\n\r\n<html>Please sign in</html>"), "a text of its own"),
        (Manner::Says("220 mail.example ESMTP\r\n"), "does not answer in HTTP"),
        (Manner::Says("HTTP/1.1 20"), "closed the connection before it had answered"),
        (Manner::Says(""), "closed the connection before it had answered"),
        (Manner::Says("HTTP/1.1 418 I'm a teapot\r\n\r\n"), "status 418"),
        (Manner::Hangs, "did not open the tunnel within 5 s"),
        (Manner::Breaks, "if the proxy inspects TLS"),
    ] {
        let proxy = Proxy::open(manner).await;
        let mut node = dial(&pki, "127.0.0.1:9", &proxy.through(""));
        let said = chain(&node.states.trouble().await);
        assert!(said.contains(wanted), "no '{wanted}' in: {said}");
        assert!(said.contains(&proxy.address.to_string()), "which proxy: {said}");
    }
    let closed = Proxies::One("http://127.0.0.1:1".parse().expect("a proxy"));
    let error = dial(&pki, "127.0.0.1:9", &closed).states.trouble().await;
    assert!(matches!(&error, DialError::Proxy { source: ProxyError::Connect(_), .. }), "{error:?}");
}

/// A proxy that opens TLS itself shows a certificate of its own.
#[tokio::test]
async fn a_proxy_that_inspects_tls_is_named() {
    let (pki, proxys) = (Pki::new("north.example"), Pki::new("north.example"));
    let inspecting = Port::open(&proxys).await;
    let proxy = Proxy::open(Manner::Open(inspecting.address)).await;
    let mut node = dial(&pki, &inspecting.address.to_string(), &proxy.through(""));
    let error = node.states.trouble().await;
    let DialError::Inspected { source, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(**source, HandshakeError::TheirAuthority), "{error:?}");
    assert!(error.to_string().contains("exempt this address"), "{error}");
}

/// The far end of a tunnel is not seen, so that an example certificate is believed only for this machine's name.
#[tokio::test]
async fn example_certificates_do_not_travel_through_a_proxy() {
    let pki = Pki::of_kind("north.example", evensum::trust::AuthorityKind::Example);
    let port = named_port(&pki).await;
    let proxy = Proxy::open(Manner::Open(port.address)).await;
    let error = dial(&pki, "coordinator.invalid:443", &proxy.through("")).states.trouble().await;
    assert!(matches!(error, DialError::Example), "{error:?}");
    let port = Port::open(&pki).await;
    let proxy = Proxy::open(Manner::Open(port.address)).await;
    let mut node = dial(&pki, &port.address.to_string(), &proxy.through(""));
    node.states.serving().await;
}

#[tokio::test]
async fn analysts_and_coordinators_dial_through_proxies_too() {
    let pki = Pki::new("north.example");
    let analysts = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let far = analysts.local_addr().expect("an address");
    let own = pki.coordinator(COORDINATOR);
    let peer = evensum_core::identity::Peer::from_certificate(own.certificate(), &pki.federation);
    let tls = evensum::trust::config::analyst_port(&own, clock()).expect("a configuration");
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    let incoming = evensum::rpc::accept_analysts(
        analysts,
        watch::channel(tls).1,
        peer.expect("a peer"),
        stop.clone(),
    );
    let (_reporter, health) = tonic_health::server::health_reporter();
    let server = tonic::transport::Server::builder().add_service(health);
    tokio::spawn(server.serve_with_incoming(incoming));
    let proxy = Proxy::open(Manner::Guarded(far)).await;
    let to = |proxies: &Proxies| Destination::new(&[far.to_string()], proxies).expect("one");
    let tls = analyst_dial(&pki.roots(), clock()).expect("a configuration");
    let place = to(&proxy.through("ada:s3cret@"));
    let channel = dial_as_analyst(&place, &pki.federation, &ods(COORDINATOR), tls.clone()).await;
    ask(channel.expect("a channel"), "").await.expect("an answer");
    let place = to(&proxy.through(""));
    let refused = dial_as_analyst(&place, &pki.federation, &ods(COORDINATOR), tls).await;
    let wanted = matches!(&refused, Err(DialError::Proxy { source: ProxyError::Wanted, .. }));
    assert!(wanted, "{refused:?}");

    // The coordinator asks the proxy for the way to a node.
    let proxy = Proxy::open(Manner::Says("HTTP/1.1 403 no\r\n\r\n")).await;
    let tls = coordinator_dial(&own, &pki.roots(), clock()).expect("a configuration");
    let (told, mut states) = tokio::sync::mpsc::unbounded_channel();
    let config = NodeDialConfig {
        role: Role::Node,
        address: Destination::new(&["node.invalid:8443"], &proxy.through("")).expect("one"),
        federation: pki.federation.clone(),
        node: ods("R0D"),
        tls: watch::channel(tls).1,
        seed: 1,
        keepalive: Keepalive::USUAL,
    };
    tokio::spawn(dial_node(config, Registry::new(), stop.clone(), move |state| {
        let _ = told.send(state);
    }));
    let said = within("a refusal", async {
        loop {
            let state = states.recv().await.expect("the loop goes on");
            if let evensum::rpc::DialState::Waiting { reason, .. } = state {
                return chain(&reason);
            }
        }
    })
    .await;
    assert!(said.contains("allow node.invalid:8443"), "{said}");
    assert!(proxy.heads()[0].starts_with("CONNECT node.invalid:8443 HTTP/1.1\r\n"));
}
