//! The coordinator's end of a node, or of a second server, that listens: dial it, make sure who it is, and enter it into the registry;
//! again and again, until told to stop.

use std::fmt;
use std::sync::Arc;

use evensum_core::model::{FederationId, Ods, Role};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Keepalive;
use super::backoff::Backoff;
use super::dial::{
    Attempt, Destination, DialError, DialState, FirstWords, Reached, Whom, keep_dialling, reach,
};
use super::registry::Registry;
use crate::trust::handshake::{self, DialTls};

/// Which server is dialled, and with what.
#[derive(Clone)]
pub struct NodeDialConfig {
    /// Where it is.
    pub address: Destination,
    /// The trust domain of its certificate.
    pub federation: FederationId,
    /// What it must be: a node, or the second server of a blind sum.
    pub role: Role,
    /// Whose it must be.
    pub node: Ods,
    /// Looked at for every attempt, so that a new certificate serves the next one.
    pub tls: watch::Receiver<Arc<DialTls>>,
    /// How this end finds out that a connection has died.
    pub keepalive: Keepalive,
    /// Seed of the waits between attempts.
    pub seed: u64,
}

impl fmt::Debug for NodeDialConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeDialConfig")
            .field("address", &self.address.to_string())
            .field("federation", &self.federation)
            .field("role", &self.role)
            .field("node", &self.node)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// Keeps a listening node in the registry, until `shutdown`. The node stays in it then, for whoever holds the
/// registry to release. While the same node is connected by dialling in, it is left alone: were it dialled too,
/// each of the two connections would end the other for ever.
pub async fn dial_node(
    config: NodeDialConfig,
    registry: Registry,
    shutdown: CancellationToken,
    on_state: impl Fn(DialState) + Send + Sync,
) {
    let seed = config.seed;
    let dialler = NodeDialler { config, registry, on_state: &on_state };
    keep_dialling(dialler, seed, &shutdown, &on_state).await;
    on_state(DialState::Stopped);
}

struct NodeDialler<'a, F> {
    config: NodeDialConfig,
    registry: Registry,
    on_state: &'a F,
}

impl<F: Fn(DialState) + Send + Sync> Attempt for NodeDialler<'_, F> {
    async fn connection(&self, backoff: &mut Backoff) -> DialError {
        let config = &self.config;
        self.registry.until(|connected| !connected.contains(&config.node)).await;
        let tls = Arc::clone(&config.tls.borrow());
        let whom = Whom { federation: &config.federation, role: config.role, ods: &config.node };
        let Reached { stream, head, peer } =
            match reach(&config.address, whom, FirstWords::Settings, tls).await {
                Ok(reached) => reached,
                Err(error) => return error,
            };
        let key_exchange = handshake::key_exchange(&stream);
        (self.on_state)(DialState::Connected { peer: Arc::new(peer.clone()), key_exchange });
        match self.registry.admit(stream, head, peer, config.keepalive).await {
            Ok(closed) => {
                backoff.reset();
                (self.on_state)(DialState::Serving);
                closed.cancelled().await;
                DialError::Lost
            }
            Err(error) => DialError::NotTakenIn(error),
        }
    }
}
