//! The analyst's connection to a coordinator: TLS in which the coordinator alone shows a certificate, then
//! HTTP/2.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint, Uri};

const HTTP2: &[u8] = b"h2";
/// The port of an address that names none.
const HTTPS_PORT: u16 = 443;
/// Firewalls drop flows that idle, and a long query sends nothing for a while.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no connection to a coordinator, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Not an address of a server.
    #[error("'{0}' is no coordinator's address: write it as https://host:port")]
    Address(String),
    /// Not a name that a certificate can carry.
    #[error(
        "'{0}' is no server name: give the DNS name that the coordinator's certificate carries"
    )]
    ServerName(String),
    /// No TCP connection.
    #[error(
        "nothing answers at {address}: check the address, that the coordinator runs, and that no firewall stands between"
    )]
    Unreachable {
        /// Where.
        address: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// No connection in time.
    #[error(
        "{address} gave no connection within {} s: check the address, and that no firewall stands between",
        .limit.as_secs_f32()
    )]
    Slow {
        /// Where.
        address: String,
        /// The limit.
        limit: Duration,
    },
    /// Its certificate is of another authority.
    #[error(
        "the certificate of {address} is not one that your CA certificate vouches for: check the address, and that you have the federation's CA certificate"
    )]
    NotTrusted {
        /// Where.
        address: String,
        /// What the handshake says.
        #[source]
        source: io::Error,
    },
    /// Its certificate is for another name.
    #[error(
        "the certificate of {address} is not for '{name}': check the address, or give the name that it is for as the server name"
    )]
    WrongName {
        /// Where.
        address: String,
        /// The name that was expected.
        name: String,
        /// What the handshake says.
        #[source]
        source: io::Error,
    },
    /// Its certificate is not valid at this time.
    #[error(
        "the certificate of {address} has expired or is not valid yet: check this machine's clock, and tell whoever runs the coordinator"
    )]
    NotInForce {
        /// Where.
        address: String,
        /// What the handshake says.
        #[source]
        source: io::Error,
    },
    /// No TLS for another reason.
    #[error(
        "{address} does not complete a TLS handshake: check that this is the coordinator's port for analysts"
    )]
    Tls {
        /// Where.
        address: String,
        /// What the handshake says.
        #[source]
        source: io::Error,
    },
    /// TLS, and not HTTP/2 in it.
    #[error(
        "{0} does not offer HTTP/2: check that this is the coordinator's port for analysts, and that no proxy opens the connection"
    )]
    NotHttp2(String),
    /// TLS, and no HTTP/2 connection in it.
    #[error(
        "{address} does not complete an HTTP/2 connection: try again, then tell whoever runs the coordinator"
    )]
    Http2 {
        /// Where.
        address: String,
        /// What the library says.
        #[source]
        source: tonic::transport::Error,
    },
}

/// Where to connect and what to expect there.
#[derive(Clone)]
pub(super) struct Target {
    /// `host:port`.
    address: String,
    tls: TlsConnector,
    name: ServerName<'static>,
    limit: Duration,
}

impl Target {
    /// Parses the address and the name. The TLS configuration is made to offer HTTP/2 alone.
    pub(super) fn new(
        endpoint: String,
        tls: &ClientConfig,
        server_name: String,
        limit: Duration,
    ) -> Result<Self, ConnectError> {
        let Some(address) = address(&endpoint) else {
            return Err(ConnectError::Address(endpoint));
        };
        let Ok(name) = ServerName::try_from(server_name.clone()) else {
            return Err(ConnectError::ServerName(server_name));
        };
        let mut tls = tls.clone();
        tls.alpn_protocols = vec![HTTP2.to_vec()];
        Ok(Self { address, tls: TlsConnector::from(Arc::new(tls)), name, limit })
    }

    async fn dial(&self) -> Result<TlsStream<TcpStream>, ConnectError> {
        let slow = |_| ConnectError::Slow { address: self.address.clone(), limit: self.limit };
        timeout(self.limit, self.handshake()).await.map_err(slow)?
    }

    async fn handshake(&self) -> Result<TlsStream<TcpStream>, ConnectError> {
        let unreachable =
            |source| ConnectError::Unreachable { address: self.address.clone(), source };
        let tcp = TcpStream::connect(&self.address).await.map_err(unreachable)?;
        tcp.set_nodelay(true).map_err(unreachable)?;
        let stream = self.tls.connect(self.name.clone(), tcp).await;
        let stream = stream.map_err(|source| self.refused(source))?;
        if stream.get_ref().1.alpn_protocol() != Some(HTTP2) {
            return Err(ConnectError::NotHttp2(self.address.clone()));
        }
        Ok(stream)
    }

    fn refused(&self, source: io::Error) -> ConnectError {
        let address = self.address.clone();
        let reason = source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match reason {
            Some(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => ConnectError::WrongName { address, name: self.name.to_str().into(), source },
            Some(rustls::Error::InvalidCertificate(
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. },
            )) => ConnectError::NotInForce { address, source },
            Some(rustls::Error::InvalidCertificate(_)) => {
                ConnectError::NotTrusted { address, source }
            }
            _ => ConnectError::Tls { address, source },
        }
    }
}

/// `host:port` of `https://host:port`.
fn address(endpoint: &str) -> Option<String> {
    let uri: Uri = endpoint.parse().ok()?;
    let authority = uri.authority()?;
    let plain = uri.scheme_str() == Some("https")
        && matches!(uri.path(), "" | "/")
        && uri.query().is_none()
        && !authority.as_str().contains('@')
        && !authority.host().is_empty();
    plain.then(|| format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(HTTPS_PORT)))
}

/// Connects. The first connection is made here rather than inside tonic, so that its error keeps its type.
pub(super) async fn channel(target: Target) -> Result<Channel, ConnectError> {
    let address = target.address.clone();
    let uri = |scheme: &str| {
        format!("{scheme}://{address}")
            .parse::<Uri>()
            .map_err(|_| ConnectError::Address(address.clone()))
    };
    // tonic refuses to dial https without its own TLS, which cannot report what a handshake found.
    let endpoint = Endpoint::from(uri("http")?)
        .origin(uri("https")?)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true);
    let first = Arc::new(Mutex::new(Some(target.dial().await?)));
    let connector = tower::service_fn(move |_: Uri| {
        let ready = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let target = target.clone();
        async move {
            let stream = match ready {
                Some(stream) => stream,
                None => target.dial().await?,
            };
            Ok::<_, ConnectError>(TokioIo::new(stream))
        }
    });
    endpoint
        .connect_with_connector(connector)
        .await
        .map_err(|source| ConnectError::Http2 { address: address.clone(), source })
}
