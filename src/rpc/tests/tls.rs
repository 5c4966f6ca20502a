//! Connecting to a coordinator over TLS, and what stands in the way.

use std::sync::Arc;
use std::time::Duration;

use evensum_core::port::AnalystPort;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;

use super::analyst::{Fake, standing};
use super::scene::Scene;
use crate::rpc::ConnectError;
use crate::rpc::client::AnalystClient;
use crate::rpc::coordinator_service::routes;

const LIMIT: Duration = Duration::from_secs(20);
const NAME: &str = "coordinator.example";

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
}

fn server_config(authority: &Authority, name: &str, in_force: bool) -> ServerConfig {
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    if !in_force {
        params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    }
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, authority).expect("a certificate");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a server")
}

fn client_config(certificate: &CertificateDer<'static>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a root");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// Serves a coordinator over TLS; gives its address.
async fn served(mut tls: ServerConfig, alpn: &[u8]) -> String {
    tls.alpn_protocols = if alpn.is_empty() { vec![] } else { vec![alpn.to_vec()] };
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (connections, incoming) = mpsc::channel::<std::io::Result<_>>(1);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(tcp).await {
                let _ = connections.send(Ok(stream)).await;
            }
        }
    });
    let routes = routes(Fake::answering(&Scene::new()));
    let server = Server::builder().add_routes(routes);
    tokio::spawn(server.serve_with_incoming(ReceiverStream::new(incoming)));
    format!("https://{address}")
}

async fn connect(
    endpoint: &str,
    authority: &Authority,
    name: &str,
) -> Result<AnalystClient, ConnectError> {
    let tls = client_config(authority.der());
    AnalystClient::connect(endpoint.to_owned(), tls, name.to_owned(), LIMIT).await
}

#[tokio::test]
async fn a_coordinator_of_the_own_federation_is_reached() {
    let mine = authority();
    let endpoint = served(server_config(&mine, NAME, true), b"h2").await;
    let client = connect(&endpoint, &mine, NAME).await.expect("connects");
    let partners = client.partners(Scene::new().envelope()).await;
    assert_eq!(partners, Ok(standing()));
}

#[tokio::test]
async fn each_obstacle_has_its_own_error() {
    let (mine, other) = (authority(), authority());
    let good = served(server_config(&mine, NAME, true), b"h2").await;
    let foreign = connect(&good, &other, NAME).await;
    assert!(matches!(foreign, Err(ConnectError::NotTrusted { .. })), "{foreign:?}");
    let named = connect(&good, &mine, "other.example").await;
    assert!(matches!(named, Err(ConnectError::WrongName { .. })), "{named:?}");
    let expired = served(server_config(&mine, NAME, false), b"h2").await;
    let expired = connect(&expired, &mine, NAME).await;
    assert!(matches!(expired, Err(ConnectError::NotInForce { .. })), "{expired:?}");
    let old = served(server_config(&mine, NAME, true), b"").await;
    let old = connect(&old, &mine, NAME).await;
    assert!(matches!(old, Err(ConnectError::NotHttp2(_))), "{old:?}");
    let foreign_alpn = served(server_config(&mine, NAME, true), b"http/1.1").await;
    let foreign_alpn = connect(&foreign_alpn, &mine, NAME).await;
    assert!(matches!(foreign_alpn, Err(ConnectError::Tls { .. })), "{foreign_alpn:?}");
}

#[tokio::test]
async fn nothing_there_and_nothing_said_are_told_apart() {
    let mine = authority();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let tls = client_config(mine.der());
    let limit = Duration::from_millis(50);
    let endpoint = format!("https://{address}");
    let silent = AnalystClient::connect(endpoint.clone(), tls, NAME.to_owned(), limit).await;
    assert!(matches!(silent, Err(ConnectError::Slow { .. })), "{silent:?}");
    drop(listener);
    let gone = connect(&endpoint, &mine, NAME).await;
    assert!(matches!(gone, Err(ConnectError::Unreachable { .. })), "{gone:?}");
}

#[tokio::test]
async fn an_address_is_https_and_host_and_port() {
    let mine = authority();
    for bad in [
        "",
        "localhost:1",
        "http://localhost:1",
        "https://",
        "https://a@b:1",
        "https://a:1/b",
        "https://a:1?b",
    ] {
        let refused = connect(bad, &mine, NAME).await;
        assert!(matches!(refused, Err(ConnectError::Address(_))), "{bad} {refused:?}");
    }
    let refused = connect("https://localhost:1", &mine, "not a name").await;
    assert!(matches!(refused, Err(ConnectError::ServerName(_))), "{refused:?}");
}
