//! The six rustls configurations. TLS 1.3 alone; the provider is named each time, so nothing depends on a
//! process-wide default; no session is ever resumed, because a resumed one would skip the certificate check.

use std::sync::Arc;
use std::time::Duration;

use evensum_core::model::Clock;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{ClientConfig, ConfigBuilder, ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::UnixTime;

use super::error::TrustError;
use super::files::{Credentials, Roots};

/// The application protocol of connections that a node dials and then serves.
pub const NODE_PROTOCOL: &[u8] = b"fed-rev/1";
/// The application protocol of connections that the coordinator dials and the node serves.
pub const LISTEN_PROTOCOL: &[u8] = b"fed/1";
/// The application protocol of analysts' connections: plain gRPC.
pub const ANALYST_PROTOCOL: &[u8] = b"h2";

const VERSIONS: &[&SupportedProtocolVersion] = &[&TLS13];

/// The coordinator's port for nodes: a certificate of the federation is required of every caller.
///
/// # Errors
/// [`TrustError::Settings`].
pub fn coordinator_node_port(
    own: &Credentials,
    roots: &Roots,
    clock: Arc<dyn Clock>,
) -> Result<Arc<ServerConfig>, TrustError> {
    mutual_port(own, roots, clock, NODE_PROTOCOL)
}

/// A node's port for its coordinator: a certificate of the federation is required of every caller.
///
/// # Errors
/// [`TrustError::Settings`].
pub fn node_port(
    own: &Credentials,
    roots: &Roots,
    clock: Arc<dyn Clock>,
) -> Result<Arc<ServerConfig>, TrustError> {
    mutual_port(own, roots, clock, LISTEN_PROTOCOL)
}

fn mutual_port(
    own: &Credentials,
    roots: &Roots,
    clock: Arc<dyn Clock>,
    protocol: &[u8],
) -> Result<Arc<ServerConfig>, TrustError> {
    let verifier =
        WebPkiClientVerifier::builder_with_provider(roots.store(), provider())
            .build()
            .map_err(|error| TrustError::Settings(rustls::Error::General(error.to_string())))?;
    let config = server(clock)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(own.chain().to_vec(), own.key())
        .map_err(TrustError::Settings)?;
    Ok(without_tickets(config, protocol))
}

/// The coordinator's port for analysts: no client certificate, since the signed query alone says who asks.
///
/// # Errors
/// [`TrustError::Settings`].
pub fn analyst_port(
    own: &Credentials,
    clock: Arc<dyn Clock>,
) -> Result<Arc<ServerConfig>, TrustError> {
    let config = server(clock)?
        .with_no_client_auth()
        .with_single_cert(own.chain().to_vec(), own.key())
        .map_err(TrustError::Settings)?;
    Ok(without_tickets(config, ANALYST_PROTOCOL))
}

/// What a node dials its coordinator with.
///
/// # Errors
/// [`TrustError::Settings`].
pub fn node_dial(
    own: &Credentials,
    roots: &Roots,
    clock: Arc<dyn Clock>,
) -> Result<Arc<ClientConfig>, TrustError> {
    mutual_dial(own, roots, clock, NODE_PROTOCOL)
}

/// What a coordinator dials a listening node with.
///
/// # Errors
/// [`TrustError::Settings`].
pub fn coordinator_dial(
    own: &Credentials,
    roots: &Roots,
    clock: Arc<dyn Clock>,
) -> Result<Arc<ClientConfig>, TrustError> {
    mutual_dial(own, roots, clock, LISTEN_PROTOCOL)
}

fn mutual_dial(
    own: &Credentials,
    roots: &Roots,
    clock: Arc<dyn Clock>,
    protocol: &[u8],
) -> Result<Arc<ClientConfig>, TrustError> {
    let mut config = client(clock)?
        .with_root_certificates(roots.store())
        .with_client_auth_cert(own.chain().to_vec(), own.key())
        .map_err(TrustError::Settings)?;
    config.alpn_protocols = vec![protocol.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// What an analyst's tool dials the coordinator with.
///
/// # Errors
/// [`TrustError::Settings`].
pub fn analyst_dial(roots: &Roots, clock: Arc<dyn Clock>) -> Result<Arc<ClientConfig>, TrustError> {
    let mut config = client(clock)?.with_root_certificates(roots.store()).with_no_client_auth();
    config.alpn_protocols = vec![ANALYST_PROTOCOL.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn server(
    clock: Arc<dyn Clock>,
) -> Result<ConfigBuilder<ServerConfig, rustls::WantsVerifier>, TrustError> {
    ServerConfig::builder_with_details(provider(), Arc::new(ClockTime(clock)))
        .with_protocol_versions(VERSIONS)
        .map_err(TrustError::Settings)
}

fn client(
    clock: Arc<dyn Clock>,
) -> Result<ConfigBuilder<ClientConfig, rustls::WantsVerifier>, TrustError> {
    ClientConfig::builder_with_details(provider(), Arc::new(ClockTime(clock)))
        .with_protocol_versions(VERSIONS)
        .map_err(TrustError::Settings)
}

fn without_tickets(mut config: ServerConfig, protocol: &[u8]) -> Arc<ServerConfig> {
    config.alpn_protocols = vec![protocol.to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Arc::new(config)
}

/// Our clock, as rustls asks for it.
#[derive(Debug)]
struct ClockTime(Arc<dyn Clock>);

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().as_unix()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}
