//! Contributions: fetched from the nodes, and checked together with the second server.

use std::sync::Arc;

use evensum_core::model::{Digest, Ods};
use evensum_core::pool::{Aggregator, Context, OutputShare, Pending, Role, RoundVector, Sealed};
use evensum_core::port::{
    CheckOutcome, Checking, HelperPort, MAX_CHECKS, PoolFault, SealedPart, VectorOf,
};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_stream::StreamExt;
use tracing::{info, warn};
use zeroize::Zeroizing;

use super::round::{self, Loaded, packed, unpacked};
use super::{SumError, Sums, blocking};

/// Partners whose contributions are fetched at one time: each lies in memory until all of it is here.
const FETCHED_AT_ONCE: usize = 16;

impl Sums {
    /// Fetches and checks what is not here yet.
    pub(super) async fn collect(&self, loaded: &Arc<Loaded>) -> Result<(), SumError> {
        let hash = loaded.round.hash();
        if !self.is_over(loaded) {
            self.fetch(loaded).await?;
        }
        for ods in loaded.round.members() {
            if self.settled(hash, &ods) || !self.has(hash, &round::parts(&ods)) {
                continue;
            }
            match self.helper(loaded)? {
                Some(helper) => self.check(loaded, &ods, &*helper).await?,
                None => self.check_masked(loaded, &ods).await?,
            }
        }
        Ok(())
    }

    /// Whether a member's contribution is checked, one way or the other.
    pub(super) fn settled(&self, round: Digest, ods: &Ods) -> bool {
        self.has(round, &round::checked(ods)) || self.has(round, &round::rejected(ods))
    }

    async fn fetch(&self, loaded: &Arc<Loaded>) -> Result<(), SumError> {
        let hash = loaded.round.hash();
        let mut fetching = JoinSet::new();
        let room = Arc::new(Semaphore::new(FETCHED_AT_ONCE));
        for ods in loaded.round.members() {
            let here = self.settled(hash, &ods) || self.has(hash, &round::parts(&ods));
            let Some(node) = self.nodes.member(&ods).filter(|_| !here) else { continue };
            let (own, loaded) = (self.own.clone(), Arc::clone(loaded));
            let room = Arc::clone(&room);
            fetching.spawn(async move {
                let _room = room.acquire_owned().await;
                let read = async {
                    let mut coming = node.contribute(&own, &loaded.envelope).await?;
                    let mut parts = Vec::with_capacity(loaded.vectors.len());
                    for wanted in &loaded.vectors {
                        let part = coming.next().await.ok_or(PoolFault::Unreadable)??;
                        let SealedPart { table, vector, sealed } = part;
                        if (table, vector) != (wanted.table, wanted.vector) {
                            return Err(PoolFault::Unreadable);
                        }
                        parts.push(sealed.into_bytes());
                    }
                    Ok(parts)
                };
                let read = read.await;
                (ods, read)
            });
        }
        while let Some(fetched) = fetching.join_next().await {
            match fetched {
                Ok((ods, Ok(parts))) => {
                    let bytes = packed(parts.iter().map(Vec::as_slice));
                    self.shelf.vault().put(hash, &round::parts(&ods), &bytes)?;
                    info!(partner = %ods, round = hash.short(), "a sealed contribution is here");
                }
                Ok((ods, Err(fault))) => {
                    warn!(partner = %ods, round = hash.short(), %fault, "a contribution did not come");
                }
                Err(_) => return Err(SumError::CalledOff),
            }
        }
        Ok(())
    }

    /// Checks a member's contribution with the second server, vector by vector; all of it is good or none.
    async fn check(
        &self,
        loaded: &Arc<Loaded>,
        ods: &Ods,
        helper: &dyn HelperPort,
    ) -> Result<(), SumError> {
        let vectors = loaded.vectors.len();
        let hash = loaded.round.hash();
        let bytes = self.shelf.vault().take(hash, &round::parts(ods))?;
        let bytes = Arc::new(bytes.ok_or(SumError::Lost("a contribution"))?);
        let mut outputs: Vec<Zeroizing<Vec<u8>>> = Vec::with_capacity(vectors);
        for first in (0..vectors).step_by(MAX_CHECKS) {
            let begun = self.begin(loaded, ods, &bytes, first).await?;
            let Some((pending, items)) = begun else { return self.reject(hash, ods) };
            let checked = helper.check(&self.own, hash, items).await.map_err(SumError::Helper)?;
            if checked.len() != pending.len() {
                return Err(SumError::Helper(PoolFault::Unreadable));
            }
            let mut messages = Vec::with_capacity(checked.len());
            for (one, (vector, _)) in checked.into_iter().zip(&pending) {
                if one.of != of(ods, vector) {
                    return Err(SumError::Helper(PoolFault::Unreadable));
                }
                match one.outcome {
                    CheckOutcome::Message(message) => messages.push(message),
                    CheckOutcome::NotHere => return Ok(()),
                    CheckOutcome::Rejected => return self.reject(hash, ods),
                }
            }
            let finished = blocking(move || {
                let both = pending.into_iter().zip(messages);
                let each = both.map(|((_, pending), message)| pending.finish(&message));
                Ok(each.collect::<Result<Vec<OutputShare>, _>>().ok())
            });
            let Some(finished) = finished.await? else { return self.reject(hash, ods) };
            for share in finished {
                outputs.push(share.to_bytes()?);
            }
        }
        let bytes = Zeroizing::new(packed(outputs.iter().map(|one| one.as_slice())));
        self.shelf.vault().put(hash, &round::checked(ods), &bytes)?;
        Ok(self.shelf.vault().forget(hash, &round::parts(ods))?)
    }

    /// Opens so many parts and begins their check; nothing where one of them is no part.
    async fn begin(
        &self,
        loaded: &Arc<Loaded>,
        ods: &Ods,
        bytes: &Arc<Vec<u8>>,
        first: usize,
    ) -> Result<Option<Begun>, SumError> {
        let aggregator = Aggregator::leader(self.verify_key(loaded.round.hash())?);
        let seal_key = Arc::clone(&self.seal_key);
        let (ods, bytes, loaded) = (ods.clone(), Arc::clone(bytes), Arc::clone(loaded));
        blocking(move || {
            let parts = unpacked(&bytes).ok_or(SumError::Lost("a contribution"))?;
            let (mut pending, mut items) = (Vec::new(), Vec::new());
            let some = loaded.vectors.iter().zip(parts).skip(first).take(MAX_CHECKS);
            for (vector, part) in some {
                let context = Context::new(vector.deposit, ods.clone());
                let begun = || {
                    let sealed = Sealed::from_bytes(part.to_vec()).ok()?;
                    let part = seal_key.open(&sealed, &context.sealing(Role::Leader)).ok()?;
                    aggregator.begin(&context, vector.spec, &part).ok()
                };
                let Some((one, share)) = begun() else { return Ok(None) };
                pending.push((*vector, one));
                items.push(Checking { of: of(&ods, vector), share });
            }
            Ok(Some((pending, items)))
        })
        .await
    }

    pub(super) fn reject(&self, round: Digest, ods: &Ods) -> Result<(), SumError> {
        warn!(partner = %ods, round = round.short(), "a contribution does not verify and is left out of the sum");
        self.mark(round, &round::rejected(ods))?;
        Ok(self.shelf.vault().forget(round, &round::parts(ods))?)
    }
}

/// Checks that were begun, and what the second server is asked.
type Begun = (Vec<(RoundVector, Pending)>, Vec<Checking>);

fn of(ods: &Ods, vector: &RoundVector) -> VectorOf {
    VectorOf { ods: ods.clone(), table: vector.table, vector: vector.vector }
}
