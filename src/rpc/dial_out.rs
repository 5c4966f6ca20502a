//! The node's end: dial a server (the coordinator, or the second server of a blind sum), check who it is, and serve
//! gRPC on the connection; again and again, until told to stop.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use evensum_core::model::{FederationId, Ods, Role};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use super::Keepalive;
use super::backoff::Backoff;
use super::caller::Caller;
use super::dial::{
    Attempt, Destination, DialError, DialState, FirstWords, Reached, Whom, keep_dialling, reach,
};
use super::rev_io::RevIo;
use super::serve::{Incoming, serve_connections};
use crate::trust::handshake::{self, DialTls, Dialled};

/// A connection that lasts this long counts as a success even without a health call.
const HEALTHY_AFTER: Duration = Duration::from_secs(60);

/// Which server is dialled, and with what.
#[derive(Clone)]
pub struct DialConfig {
    /// Where it is.
    pub address: Destination,
    /// The trust domain of its certificate.
    pub federation: FederationId,
    /// What it must be: a coordinator, or the second server of a blind sum.
    pub role: Role,
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
            .field("role", &self.role)
            .field("coordinator", &self.coordinator)
            .field("seed", &self.seed)
            .field("keepalive", &self.keepalive)
            .finish_non_exhaustive()
    }
}

/// Serves `routes` on connections that this end dials, until `shutdown`. The routes must include the gRPC
/// health service, which the coordinator asks first. Handlers find the coordinator as [`Caller`] in the
/// request's extensions.
///
/// On `shutdown` the coordinator is told (GOAWAY), calls under way finish, and what has not finished after
/// [`super::DRAIN_LIMIT`] is cut.
///
/// # Errors
/// tonic's, where its server ends by itself.
pub async fn serve_dialled(
    routes: Routes,
    config: DialConfig,
    shutdown: CancellationToken,
    on_state: impl Fn(DialState) + Send + Sync,
) -> Result<(), tonic::transport::Error> {
    let outcome = serve_connections(routes, config.keepalive, &shutdown, |connections, cut| {
        let seed = config.seed;
        let dialler = Dialler { config, connections, cut, on_state: &on_state };
        keep_dialling(dialler, seed, &shutdown, &on_state)
    })
    .await;
    on_state(DialState::Stopped);
    outcome
}

struct Dialler<'a, F> {
    config: DialConfig,
    connections: mpsc::Sender<Incoming<Dialled>>,
    cut: CancellationToken,
    on_state: &'a F,
}

impl<F: Fn(DialState) + Send + Sync> Attempt for Dialler<'_, F> {
    async fn connection(&self, backoff: &mut Backoff) -> DialError {
        let config = &self.config;
        let tls = Arc::clone(&config.tls.borrow());
        let whom =
            Whom { federation: &config.federation, role: config.role, ods: &config.coordinator };
        let Reached { stream, head, peer } =
            match reach(&config.address, whom, FirstWords::Preface, tls).await {
                Ok(reached) => reached,
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
}
