//! Which nodes are connected, and the channel to each. One connection per organisation: the newest wins.

use std::collections::BTreeMap;
use std::sync::Arc;

use evensum_core::disclosure::AnswerParts;
use evensum_core::identity::Peer;
use evensum_core::model::Ods;
use evensum_core::port::{NodePort, PartnerDirectory, PoolDirectory, PoolNodePort};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::client::NodeClient;
use super::health::WHOLE;
use super::one_shot::one_shot;
use super::pool_client::PoolNodeClient;
use super::rev_io::RevIo;
use super::{HANDSHAKE_LIMIT, Keepalive};

/// Why a connection did not become a node.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// No HTTP/2.
    #[error("HTTP/2 could not begin")]
    Begin(#[source] tonic::transport::Error),
    /// The call failed.
    #[error("no answer to the health call")]
    Health(#[source] Box<tonic::Status>),
    /// Alive, and not well.
    #[error("the node says that it is not serving")]
    NotServing,
    /// Too late.
    #[error("no answer to the health call within {} s", HANDSHAKE_LIMIT.as_secs())]
    Slow,
}

/// The connected nodes. Clones share one list.
#[derive(Debug, Clone)]
pub struct Registry {
    entries: Arc<watch::Sender<Entries>>,
}

#[derive(Debug, Default)]
struct Entries {
    by_ods: BTreeMap<Ods, Entry>,
    next_generation: u64,
}

#[derive(Debug)]
struct Entry {
    channel: Channel,
    peer: Arc<Peer>,
    generation: u64,
    cut: CancellationToken,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self { entries: Arc::new(watch::Sender::new(Entries::default())) }
    }

    /// The channel to an organisation's node, if it is connected now. Calls on a channel whose connection has
    /// ended fail at once; nothing waits for the node to come back.
    #[must_use]
    pub fn get(&self, ods: &Ods) -> Option<Channel> {
        self.entries.borrow().by_ods.get(ods).map(|entry| entry.channel.clone())
    }

    /// The certificate that an organisation's node showed, if it is connected now.
    #[must_use]
    pub fn peer(&self, ods: &Ods) -> Option<Arc<Peer>> {
        self.entries.borrow().by_ods.get(ods).map(|entry| Arc::clone(&entry.peer))
    }

    /// The connected organisations, in order of their codes.
    #[must_use]
    pub fn connected(&self) -> Vec<Ods> {
        self.entries.borrow().by_ods.keys().cloned().collect()
    }

    /// Waits until the connected organisations are as wanted. It looks at once, and then at every arrival and
    /// departure.
    pub async fn until(&self, mut wanted: impl FnMut(&[Ods]) -> bool) {
        let mut changes = self.entries.subscribe();
        let look = |entries: &Entries| {
            let connected: Vec<Ods> = entries.by_ods.keys().cloned().collect();
            wanted(&connected)
        };
        // The sender lives in `self`, so that the wait cannot fail.
        let _ = changes.wait_for(look).await;
    }

    /// Cuts a node's connection in the middle of whatever it does, as for a certificate that was revoked.
    /// Gives whether it was connected.
    pub fn disconnect(&self, ods: &Ods) -> bool {
        let mut found = false;
        self.entries.send_if_modified(|entries| {
            if let Some(entry) = entries.by_ods.remove(ods) {
                entry.cut.cancel();
                found = true;
            }
            found
        });
        found
    }

    /// Lets every node go: calls under way finish, and then the connections close.
    pub fn release_all(&self) {
        self.entries.send_modify(|entries| entries.by_ods.clear());
    }

    /// Makes a channel of an authenticated connection, of which `head` was read ahead, asks the node after its
    /// health, and enters it. Returns once it is entered, with the token that is cancelled when the connection
    /// closes; the node leaves by itself then.
    pub(super) async fn admit<T>(
        &self,
        io: T,
        head: Vec<u8>,
        peer: Peer,
        keepalive: Keepalive,
    ) -> Result<CancellationToken, AdmitError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let cut = CancellationToken::new();
        let (io, closed) = RevIo::new(io, head, (), cut.clone());
        let channel = timeout(HANDSHAKE_LIMIT, async {
            let channel = one_shot(io, keepalive).await.map_err(AdmitError::Begin)?;
            ask_health(channel.clone()).await.map(|()| channel)
        })
        .await
        .unwrap_or(Err(AdmitError::Slow))?;
        let ods = peer.ods().clone();
        let generation = self.enter(channel.clone(), Arc::new(peer), cut);
        let (registry, gone) = (self.clone(), closed.clone());
        tokio::spawn(async move {
            gone.cancelled().await;
            registry.leave(&ods, generation);
        });
        // Asked once more, so that the node knows that it is entered. Were this call lost, so is the connection.
        let _ = timeout(HANDSHAKE_LIMIT, ask_health(channel)).await;
        Ok(closed)
    }

    fn enter(&self, channel: Channel, peer: Arc<Peer>, cut: CancellationToken) -> u64 {
        let mut generation = 0;
        self.entries.send_modify(|entries| {
            generation = entries.next_generation;
            entries.next_generation += 1;
            let entry = Entry { channel, peer: Arc::clone(&peer), generation, cut };
            let before = entries.by_ods.insert(peer.ods().clone(), entry);
            if let Some(before) = before.filter(|before| before.peer.name() != peer.name()) {
                tracing::warn!(
                    ods = %peer.ods(), before = before.peer.name(), now = peer.name(),
                    "two machines are connected for one organisation, and the newest is asked"
                );
            }
        });
        generation
    }

    fn leave(&self, ods: &Ods, generation: u64) {
        self.entries.send_if_modified(|entries| {
            let current =
                entries.by_ods.get(ods).is_some_and(|entry| entry.generation == generation);
            if current {
                entries.by_ods.remove(ods);
                tracing::info!(%ods, "the node's connection has closed");
            }
            current
        });
    }
}

impl PartnerDirectory for Registry {
    fn partner(&self, ods: &Ods) -> Option<Arc<dyn NodePort<Reply = AnswerParts>>> {
        self.get(ods).map(|channel| Arc::new(NodeClient::new(channel)) as _)
    }
}

impl PoolDirectory for Registry {
    fn member(&self, ods: &Ods) -> Option<Arc<dyn PoolNodePort>> {
        self.get(ods).map(|channel| Arc::new(PoolNodeClient::new(channel)) as _)
    }
}

async fn ask_health(channel: Channel) -> Result<(), AdmitError> {
    let question = HealthCheckRequest { service: WHOLE.to_owned() };
    let answer = HealthClient::new(channel)
        .check(question)
        .await
        .map_err(|status| AdmitError::Health(Box::new(status)))?;
    match answer.get_ref().status() {
        ServingStatus::Serving => Ok(()),
        _ => Err(AdmitError::NotServing),
    }
}
