//! Sealed parts: fetched from each member's node, when it is connected, until the round is closed or over.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use evensum_core::model::{Digest, Ods, RefusalCode};
use evensum_core::pool::{Context, Role};
use evensum_core::port::{PoolFault, PoolNodePort, SealedPart, SealedParts};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_stream::StreamExt;
use tracing::{info, warn};

use super::round::{self, Loaded, packed};
use super::{Inner, Unable, blocking};

/// The longest wait for one part.
pub(super) const CALL: Duration = Duration::from_secs(60);
/// The waits between attempts: doubled from the first to the last.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(32);
/// Nodes that are asked at one time.
const AT_ONCE: usize = 32;

/// When a node is asked again that did not give its parts.
#[derive(Debug, Default)]
pub(super) struct Waits(BTreeMap<(Digest, Ods), (Instant, Duration)>);

impl Waits {
    fn is_due(&self, key: &(Digest, Ods), now: Instant) -> bool {
        self.0.get(key).is_none_or(|(until, _)| *until <= now)
    }

    fn failed(&mut self, key: (Digest, Ods), now: Instant) {
        let wait = self.0.get(&key).map_or(FIRST_WAIT, |(_, last)| (*last * 2).min(LONGEST_WAIT));
        self.0.insert(key, (now + wait, wait));
    }
}

/// Of which round, from whom, and what was sent.
type Fetched = (Arc<Loaded>, Ods, Sent);

/// What a node sent.
enum Sent {
    /// Every part, in the order of the round's vectors.
    All(Vec<Vec<u8>>),
    /// Something that no contribution is.
    Wrong(&'static str),
    /// Not all of it, for now.
    Fault(PoolFault),
}

impl Inner {
    /// One look at all open rounds.
    pub(super) async fn fetch(self: &Arc<Self>) -> Result<(), Unable> {
        let mut fetching = JoinSet::new();
        let rounds = self.store.rounds();
        let all = rounds.populations().flat_map(|state| state.versions.values());
        let open = all.filter(|round| round.closed.is_none());
        let open: Vec<Digest> = open.map(|round| round.round).collect();
        for hash in open {
            let loaded = self.shelf.load(hash)?;
            if self.clock.now() >= loaded.round.document().closes {
                continue;
            }
            for ods in loaded.round.members() {
                let done = self.is_here(hash, &ods) || self.is_rejected(hash, &ods);
                let Some(node) = self.nodes.member(&ods) else { continue };
                if done || !self.is_due(hash, &ods) {
                    continue;
                }
                if fetching.len() >= AT_ONCE {
                    self.fetched(fetching.join_next().await).await?;
                }
                let (inner, loaded) = (Arc::clone(self), Arc::clone(&loaded));
                fetching.spawn(async move {
                    let sent = inner.ask(&loaded, &*node).await;
                    (loaded, ods, sent)
                });
            }
        }
        while let Some(one) = fetching.join_next().await {
            self.fetched(Some(one)).await?;
        }
        Ok(())
    }

    pub(super) fn is_due(&self, what: Digest, ods: &Ods) -> bool {
        let waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        waits.is_due(&(what, ods.clone()), Instant::now())
    }

    pub(super) fn failed(&self, what: Digest, ods: &Ods) {
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        waits.failed((what, ods.clone()), Instant::now());
    }

    pub(super) fn succeeded(&self, what: Digest, ods: &Ods) {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner).0.remove(&(what, ods.clone()));
    }

    async fn ask(&self, loaded: &Loaded, node: &dyn PoolNodePort) -> Sent {
        let asked = timeout(CALL, node.contribute(&self.own, &loaded.envelope)).await;
        match asked.unwrap_or(Err(PoolFault::Late)) {
            Ok(coming) => read(loaded, coming).await,
            Err(fault) => Sent::Fault(fault),
        }
    }

    async fn fetched(
        self: &Arc<Self>,
        one: Option<Result<Fetched, tokio::task::JoinError>>,
    ) -> Result<(), Unable> {
        let Some(one) = one else { return Ok(()) };
        let (loaded, ods, sent) = one.map_err(|_| Unable::CalledOff)?;
        let hash = loaded.round.hash();
        match sent {
            Sent::All(parts) => self.take_in(loaded, ods, parts).await,
            Sent::Wrong(why) => self.reject(hash, &ods, why),
            Sent::Fault(fault) => {
                self.failed(hash, &ods);
                warn!(partner = %ods, round = hash.short(), %fault, "a contribution did not come");
                self.suspended(&ods, &fault, |state| {
                    state.versions.values().any(|round| round.round == hash)
                })
                .await
            }
        }
    }

    /// Keeps a member's parts as they were received, where each of them opens.
    async fn take_in(
        self: &Arc<Self>,
        loaded: Arc<Loaded>,
        ods: Ods,
        parts: Vec<Vec<u8>>,
    ) -> Result<(), Unable> {
        let hash = loaded.round.hash();
        let _turn = self.turn(hash).await;
        let rounds = self.store.rounds();
        let open = rounds.round(hash).is_some_and(|(.., round)| round.closed.is_none());
        // What is here stays: a contribution is made once.
        if !open || self.is_here(hash, &ods) || self.is_rejected(hash, &ods) {
            return Ok(());
        }
        let inner = Arc::clone(self);
        blocking(move || {
            for (vector, part) in loaded.vectors.iter().zip(&parts) {
                let context = Context::new(vector.deposit, ods.clone()).sealing(Role::Helper);
                let sealed = evensum_core::pool::Sealed::from_bytes(part.clone());
                if sealed.and_then(|sealed| inner.seal_key.open(&sealed, &context)).is_err() {
                    return inner.reject(hash, &ods, "a part was sealed for something else");
                }
            }
            let bytes = packed(parts.iter().map(Vec::as_slice));
            inner.shelf.vault().put(hash, &round::parts(&ods), &bytes)?;
            info!(partner = %ods, round = hash.short(), "a sealed contribution is here");
            Ok(())
        })
        .await
    }
}

/// Reads a node's parts, each of which is in range and comes once.
async fn read(loaded: &Loaded, mut coming: SealedParts) -> Sent {
    let mut parts: Vec<Option<Vec<u8>>> = vec![None; loaded.vectors.len()];
    let mut left = parts.len();
    loop {
        let SealedPart { table, vector, sealed } = match timeout(CALL, coming.next()).await {
            Err(_) => return Sent::Fault(PoolFault::Late),
            Ok(Some(Err(fault))) => return Sent::Fault(fault),
            Ok(Some(Ok(part))) => part,
            Ok(None) => break,
        };
        let Some(place) = loaded.place(table, vector) else {
            return Sent::Wrong("a part is of a vector that the round does not have");
        };
        if parts[place].replace(sealed.into_bytes()).is_some() {
            return Sent::Wrong("a part came twice");
        }
        left -= 1;
    }
    if left > 0 {
        return Sent::Fault(PoolFault::Unreadable);
    }
    Sent::All(parts.into_iter().flatten().collect())
}

/// Whether a node says that its people have taken it out.
pub(super) const fn takes_out(fault: &PoolFault) -> bool {
    matches!(
        fault,
        PoolFault::Refused(
            RefusalCode::KeptBack
                | RefusalCode::AgreementNotInForce
                | RefusalCode::AgreementSuspended
        )
    )
}
