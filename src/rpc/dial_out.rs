//! The node's end: dial the coordinator, check who it is, and serve gRPC on the connection; again and again,
//! until told to stop.

use std::fmt;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use evensum_core::identity::Peer;
use evensum_core::model::{FederationId, Ods, Role};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;

use super::address::Address;
use super::backoff::Backoff;
use super::caller::{Caller, Noticing};
use super::refusal::Refusal;
use super::rev_io::RevIo;
use super::{HANDSHAKE_LIMIT, Keepalive, MAX_HEADER_BYTES};
use crate::trust::example_refused;
use crate::trust::handshake::{self, DialTls, Dialled, HandshakeError};

/// Calls under way get this long to finish when the node stops.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(4);

/// Calls that the coordinator may have open on one connection.
const MAX_STREAMS: u32 = 32;
/// A coordinator that gives up calls sends resets, and HTTP/2 takes more than twenty for an attack. Here the
/// one client is an authenticated coordinator; a port that analysts reach must keep the usual limit.
const MAX_PENDING_RESETS: usize = 100_000;
/// A connection that lasts this long counts as a success even without a health call.
const HEALTHY_AFTER: Duration = Duration::from_secs(60);
/// How every HTTP/2 client begins (RFC 9113, 3.4).
pub(super) const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Which coordinator is dialled, and with what.
#[derive(Clone)]
pub struct DialConfig {
    /// Where it is.
    pub address: Address,
    /// The trust domain of its certificate.
    pub federation: FederationId,
    /// Whose it must be.
    pub coordinator: Ods,
    /// Looked at for every attempt, so that a new certificate serves the next one.
    pub tls: watch::Receiver<Arc<DialTls>>,
    /// Seed of the waits between attempts: another for every node, or they all come back at once.
    pub seed: u64,
    /// How it finds out that the coordinator is gone.
    pub keepalive: Keepalive,
}

impl fmt::Debug for DialConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DialConfig")
            .field("address", &self.address.to_string())
            .field("federation", &self.federation)
            .field("coordinator", &self.coordinator)
            .field("seed", &self.seed)
            .field("keepalive", &self.keepalive)
            .finish_non_exhaustive()
    }
}

/// Why there is no connection, or no longer one.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// No TCP connection.
    #[error(
        "cannot reach {address}: check the address, and that the firewall lets this machine out to it"
    )]
    Connect {
        /// As configured.
        address: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// One step took too long.
    #[error("{address} did not {step} within {} s: check the address and the port", HANDSHAKE_LIMIT.as_secs())]
    Slow {
        /// As configured.
        address: String,
        /// Which step.
        step: &'static str,
    },
    /// HTTP/2 could not begin on a connection that stands.
    #[error("the coordinator does not begin to speak HTTP/2")]
    Begin(#[source] tonic::transport::Error),
    /// TLS failed, at this end or at the other.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// Somebody else answered.
    #[error(
        "{found} answered, and the configuration expects the coordinator of {expected}: correct the address or the ODS code"
    )]
    Stranger {
        /// Role and ODS code in the certificate.
        found: String,
        /// As configured.
        expected: Ods,
    },
    /// An example certificate beyond one machine.
    #[error(
        "the coordinator shows an example certificate, which is refused anywhere but on this machine: make an authority with `evensum certs`"
    )]
    Example,
    /// The coordinator says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The connection was closed where HTTP/2 should have begun.
    #[error("the coordinator closed the connection and gave no reason")]
    ClosedEarly,
    /// Something else than HTTP/2 came.
    #[error(
        "the other end does not begin to speak HTTP/2: check that it is a coordinator's port for nodes"
    )]
    Foreign,
    /// A connection that worked has ended.
    #[error("the connection has ended")]
    Lost,
}

/// What the dial loop is doing, for logs, health pages and tests.
#[derive(Debug)]
pub enum DialState {
    /// An attempt begins.
    Dialling,
    /// The coordinator has been authenticated and begins to speak.
    Connected {
        /// Who it is.
        peer: Arc<Peer>,
        /// The key exchange that was agreed, such as `X25519MLKEM768`.
        key_exchange: String,
    },
    /// The coordinator has taken this node in, or the connection has lasted a minute.
    Serving,
    /// The next attempt comes after a wait.
    Waiting {
        /// What ended the last one.
        reason: DialError,
        /// For how long.
        wait: Duration,
    },
    /// The loop has ended, as told.
    Stopped,
}

type Incoming = Result<RevIo<Dialled, Caller>, io::Error>;

/// Serves `routes` on connections that this end dials, until `shutdown`. The routes must include the gRPC
/// health service, which the coordinator asks first. Handlers find the coordinator as [`Caller`] in the
/// request's extensions.
///
/// On `shutdown` the coordinator is told (GOAWAY), calls under way finish, and what has not finished after
/// [`DRAIN_LIMIT`] is cut.
///
/// # Errors
/// tonic's, where its server ends by itself.
pub async fn serve_dialled(
    routes: Routes,
    config: DialConfig,
    shutdown: CancellationToken,
    on_state: impl Fn(DialState) + Send + Sync,
) -> Result<(), tonic::transport::Error> {
    let cut = CancellationToken::new();
    // Whoever drops this future ends the connections too.
    let _cut_on_drop = cut.clone().drop_guard();
    let (connections, incoming) = mpsc::channel::<Incoming>(1);
    let server = Server::builder()
        .http2_keepalive_interval(Some(config.keepalive.interval))
        .http2_keepalive_timeout(Some(config.keepalive.timeout))
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .http2_max_pending_accept_reset_streams(Some(MAX_PENDING_RESETS))
        .max_concurrent_streams(MAX_STREAMS)
        .layer(tower::layer::layer_fn(Noticing))
        .add_routes(routes)
        .serve_with_incoming_shutdown(
            ReceiverStream::new(incoming),
            shutdown.clone().cancelled_owned(),
        );
    let overdue = async {
        shutdown.cancelled().await;
        sleep(DRAIN_LIMIT).await;
    };
    let dialling = async {
        Dialler { config, connections, cut: cut.clone(), on_state: &on_state }.run(&shutdown).await;
        // Nothing is dialled any more; the server is drained beside this.
        std::future::pending::<()>().await;
    };
    let (server, overdue, dialling) = (pin!(server), pin!(overdue), pin!(dialling));
    let outcome = tokio::select! {
        outcome = server => outcome,
        () = overdue => Ok(()),
        () = dialling => Ok(()),
    };
    on_state(DialState::Stopped);
    outcome
}

struct Dialler<'a, F> {
    config: DialConfig,
    connections: mpsc::Sender<Incoming>,
    cut: CancellationToken,
    on_state: &'a F,
}

impl<F: Fn(DialState) + Send + Sync> Dialler<'_, F> {
    async fn run(self, shutdown: &CancellationToken) {
        let mut backoff = Backoff::new(self.config.seed);
        loop {
            (self.on_state)(DialState::Dialling);
            let reason = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                reason = self.connection(&mut backoff) => reason,
            };
            let wait = backoff.wait();
            (self.on_state)(DialState::Waiting { reason, wait });
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = sleep(wait) => {}
            }
        }
    }

    /// One connection from its beginning to its end, of which it gives the reason.
    async fn connection(&self, backoff: &mut Backoff) -> DialError {
        let (stream, head, peer) = match self.dial().await {
            Ok(dialled) => dialled,
            Err(error) => return error,
        };
        let key_exchange = handshake::key_exchange(&stream);
        let peer = Arc::new(peer);
        let caller = Caller::new(Arc::clone(&peer));
        let (io, closed) = RevIo::new(stream, head, caller.clone(), self.cut.clone());
        if self.connections.send(Ok(io)).await.is_err() {
            return DialError::Lost;
        }
        (self.on_state)(DialState::Connected { peer, key_exchange });
        tokio::select! {
            () = closed.cancelled() => return DialError::Lost,
            () = caller.taken_in() => {}
            () = sleep(HEALTHY_AFTER) => {}
        }
        backoff.reset();
        (self.on_state)(DialState::Serving);
        closed.cancelled().await;
        DialError::Lost
    }

    async fn dial(&self) -> Result<(Dialled, Vec<u8>, Peer), DialError> {
        let address = &self.config.address;
        let tls = Arc::clone(&self.config.tls.borrow());
        let (mut stream, peer) =
            reach(address, &self.config.federation, &self.config.coordinator, tls).await?;
        let head = timeout(HANDSHAKE_LIMIT, first_words(&mut stream)).await.map_err(|_| {
            DialError::Slow { address: address.to_string(), step: "begin to speak" }
        })??;
        Ok((stream, head, peer))
    }
}

/// Dials a coordinator and makes sure that it is the one.
pub(super) async fn reach(
    address: &Address,
    federation: &FederationId,
    coordinator: &Ods,
    tls: Arc<DialTls>,
) -> Result<(Dialled, Peer), DialError> {
    let connect = |source| DialError::Connect { address: address.to_string(), source };
    let slow = |step| move |_| DialError::Slow { address: address.to_string(), step };
    let tcp = timeout(HANDSHAKE_LIMIT, TcpStream::connect(address.target()))
        .await
        .map_err(slow("accept a connection"))?
        .map_err(connect)?;
    tcp.set_nodelay(true).map_err(connect)?;
    let remote = tcp.peer_addr().map_err(connect)?;
    let stream = timeout(HANDSHAKE_LIMIT, handshake::dial(tls, address.name(), tcp))
        .await
        .map_err(slow("answer the TLS handshake"))??;
    let peer = handshake::dialled_peer(&stream, federation)?;
    if example_refused(&peer, remote) {
        return Err(DialError::Example);
    }
    if peer.role() != Role::Coordinator || peer.ods() != coordinator {
        return Err(DialError::Stranger {
            found: format!("the {} of {}", peer.role().as_str(), peer.ods()),
            expected: coordinator.clone(),
        });
    }
    Ok((stream, peer))
}

/// Reads how the coordinator begins. Only here does a refusal of our certificate show: by a TLS alert, which
/// is an error of this read, or by a line of the coordinator's.
async fn first_words(stream: &mut Dialled) -> Result<Vec<u8>, DialError> {
    let mut words = Vec::with_capacity(Refusal::MAX_BYTES);
    loop {
        let seen = words.len().min(HTTP2_PREFACE.len());
        if words.get(..seen) == HTTP2_PREFACE.get(..seen) {
            if seen == HTTP2_PREFACE.len() {
                return Ok(words);
            }
        } else if let Some(refusal) = Refusal::from_line(&words) {
            return Err(refusal.into());
        } else if words.len() >= Refusal::MAX_BYTES {
            return Err(DialError::Foreign);
        }
        if stream.read_buf(&mut words).await.map_err(handshake::explain)? == 0 {
            return Err(if words.is_empty() { DialError::ClosedEarly } else { DialError::Foreign });
        }
    }
}
