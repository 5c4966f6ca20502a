//! The node's port, where a network prefers that the coordinator dials: accept, authenticate, judge, serve.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use evensum_core::identity::Peer;
use evensum_core::model::{FederationId, Ods, Role};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use super::Keepalive;
use super::accept::{each_arrival, refuse, welcome};
use super::caller::Caller;
use super::refusal::Refusal;
use super::rev_io::RevIo;
use super::serve::{Incoming, serve_connections};
use crate::trust::handshake::{Accepted, PortTls};

/// Connections of the coordinator at one time: one, and those that it has given up and whose end this node has
/// not yet seen.
pub const MAX_CONNECTIONS: usize = 4;

/// Who may dial, and how it is known.
#[derive(Clone)]
pub struct ListenConfig {
    /// The trust domain of the caller's certificate.
    pub federation: FederationId,
    /// Whose it must be.
    pub coordinator: Ods,
    /// Looked at for every connection, so that a new certificate serves the next one.
    pub tls: watch::Receiver<Arc<PortTls>>,
    /// How this end finds out that a connection has died.
    pub keepalive: Keepalive,
}

impl fmt::Debug for ListenConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenConfig")
            .field("federation", &self.federation)
            .field("coordinator", &self.coordinator)
            .finish_non_exhaustive()
    }
}

/// Serves `routes` on connections that the coordinator dials, until `shutdown`; otherwise as
/// [`super::serve_dialled`].
///
/// # Errors
/// tonic's, where its server ends by itself.
pub async fn serve_listening(
    routes: Routes,
    listener: TcpListener,
    config: ListenConfig,
    shutdown: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    serve_connections(routes, config.keepalive, &shutdown, |connections, cut| {
        let door = Arc::new(Door {
            config,
            connections,
            cut,
            places: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        });
        each_arrival(listener, shutdown.clone(), move |tcp, remote| {
            let door = Arc::clone(&door);
            async move { door.let_in(tcp, remote).await }
        })
    })
    .await
}

struct Door {
    config: ListenConfig,
    connections: mpsc::Sender<Incoming<Accepted>>,
    cut: CancellationToken,
    places: Arc<Semaphore>,
}

impl Door {
    async fn let_in(&self, tcp: TcpStream, remote: SocketAddr) {
        let tls = Arc::clone(&self.config.tls.borrow());
        let ours = |peer: &Peer| match *peer.ods() == self.config.coordinator {
            true => Ok(()),
            false => Err(Refusal::Coordinator),
        };
        let federation = &self.config.federation;
        let Some((stream, peer)) =
            welcome(tcp, remote, tls, federation, Role::Coordinator, ours).await
        else {
            return;
        };
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            tracing::warn!(%remote, most = MAX_CONNECTIONS, "the coordinator has too many connections");
            return refuse(stream, Refusal::Full).await;
        };
        tracing::info!(coordinator = %peer.ods(), name = peer.name(), serial = peer.serial(), %remote, "the coordinator is connected");
        let caller = Caller::with_place(Arc::new(peer), place);
        let (io, _) = RevIo::new(stream, Vec::new(), caller, self.cut.clone());
        drop(self.connections.send(Ok(io)).await);
    }
}
