//! The coordinator's port for nodes: accept, authenticate, judge, enter into the registry.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use evensum_core::identity::{Peer, PeerError};
use evensum_core::model::{FederationId, Role};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::refusal::Refusal;
use super::registry::Registry;
use super::{HANDSHAKE_LIMIT, Keepalive};
use crate::trust::example_refused;
use crate::trust::handshake::{self, Accepted, HandshakeError, PortTls};

/// Connections that may be between their first byte and the registry at one time. Those beyond wait in the
/// system's queue; each leaves within three times [`HANDSHAKE_LIMIT`].
pub const MAX_HANDSHAKES: usize = 512;

/// After an accept that failed for want of file handles: trying at once would only burn the processor.
const PAUSE_AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(100);

/// Whether a node whose certificate is in order may come in: usually, whether an agreement names it.
pub type Gate = Arc<dyn Fn(&Peer) -> Result<(), Refusal> + Send + Sync>;

/// What the port needs to know.
#[derive(Clone)]
pub struct AcceptConfig {
    /// The trust domain of callers.
    pub federation: FederationId,
    /// Looked at for every connection, so that a new certificate serves the next one.
    pub tls: watch::Receiver<Arc<PortTls>>,
    /// Asked after all other checks.
    pub gate: Gate,
    /// How it finds out that a node is gone.
    pub keepalive: Keepalive,
}

impl fmt::Debug for AcceptConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptConfig")
            .field("federation", &self.federation)
            .field("keepalive", &self.keepalive)
            .finish_non_exhaustive()
    }
}

/// Takes nodes in until `shutdown`. Then the port closes and unfinished handshakes are dropped; nodes that are
/// in the registry stay, for whoever holds it to release.
pub async fn accept_nodes(
    listener: TcpListener,
    config: AcceptConfig,
    registry: Registry,
    shutdown: CancellationToken,
) {
    let config = Arc::new(config);
    each_arrival(listener, shutdown, |tcp, remote| {
        let (config, registry) = (Arc::clone(&config), registry.clone());
        async move { take_in(tcp, remote, &config, &registry).await }
    })
    .await;
}

/// Gives every arriving connection to a task of its own, so that nobody waits for a caller who does not speak.
/// Ends at `shutdown`, with the tasks.
pub(super) async fn each_arrival<W>(
    listener: TcpListener,
    shutdown: CancellationToken,
    welcome: impl Fn(TcpStream, SocketAddr) -> W,
) where
    W: Future<Output = ()> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(MAX_HANDSHAKES));
    let mut handshakes = JoinSet::new();
    loop {
        let arrival = async {
            let permit = Arc::clone(&room).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, arrived) = tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            Some(_) = handshakes.join_next() => continue,
            arrival = arrival => arrival,
        };
        match arrived {
            Ok((tcp, remote)) => {
                let welcome = welcome(tcp, remote);
                handshakes.spawn(async move {
                    welcome.await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = sleep(PAUSE_AFTER_FAILED_ACCEPT) => {}
                }
            }
        }
    }
}

async fn take_in(tcp: TcpStream, remote: SocketAddr, config: &AcceptConfig, registry: &Registry) {
    let tls = Arc::clone(&config.tls.borrow());
    let (federation, gate) = (&config.federation, &config.gate);
    let judged = |peer: &Peer| gate(peer);
    let Some((stream, peer)) = welcome(tcp, remote, tls, federation, Role::Node, judged).await
    else {
        return;
    };
    let (ods, name, serial) =
        (peer.ods().clone(), peer.name().to_owned(), peer.serial().to_owned());
    match registry.admit(stream, Vec::new(), peer, config.keepalive).await {
        Ok(_) => tracing::info!(%ods, name, serial, %remote, "a node is connected"),
        Err(error) => tracing::warn!(%ods, name, serial, %remote, %error, "a node is not taken in"),
    }
}

/// The handshake within its time; `None` if it took longer.
pub(super) async fn shake_hands(
    tcp: TcpStream,
    tls: Arc<PortTls>,
) -> Result<Option<Accepted>, HandshakeError> {
    tcp.set_nodelay(true).map_err(HandshakeError::Broken)?;
    timeout(HANDSHAKE_LIMIT, handshake::accept(tls, tcp)).await.ok().transpose()
}

/// The handshake with a caller that shows a certificate, and the checks of it. Whoever is refused is told; `None`
/// where nobody is to be served.
pub(super) async fn welcome(
    tcp: TcpStream,
    remote: SocketAddr,
    tls: Arc<PortTls>,
    federation: &FederationId,
    role: Role,
    gate: impl Fn(&Peer) -> Result<(), Refusal>,
) -> Option<(Accepted, Peer)> {
    let stream = match shake_hands(tcp, tls).await {
        Ok(Some(stream)) => stream,
        Ok(None) => {
            tracing::info!(%remote, "a caller did not finish the handshake in time");
            return None;
        }
        Err(error) => {
            tracing::info!(%remote, %error, "a caller failed the handshake");
            return None;
        }
    };
    match judge(&stream, remote, federation, role).and_then(|peer| gate(&peer).map(|()| peer)) {
        Ok(peer) => Some((stream, peer)),
        Err(refusal) => {
            tracing::warn!(%remote, ?refusal, "a caller with a certificate of our authority is refused");
            refuse(stream, refusal).await;
            None
        }
    }
}

fn judge(
    stream: &Accepted,
    remote: SocketAddr,
    federation: &FederationId,
    role: Role,
) -> Result<Peer, Refusal> {
    let peer = handshake::accepted_peer(stream, federation).map_err(|error| match error {
        HandshakeError::TheirIdentity(PeerError::TrustDomain { .. }) => Refusal::Federation,
        _ => Refusal::Identity,
    })?;
    if peer.role() != role {
        return Err(Refusal::Role);
    }
    if example_refused(&peer, remote) {
        return Err(Refusal::Example);
    }
    Ok(peer)
}

/// Says why, then closes. A caller that does not listen changes nothing.
pub(super) async fn refuse(mut stream: Accepted, refusal: Refusal) {
    let farewell = async {
        stream.write_all(refusal.line().as_bytes()).await?;
        stream.shutdown().await
    };
    let _ = timeout(HANDSHAKE_LIMIT, farewell).await;
}
