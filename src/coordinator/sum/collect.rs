//! Contributions: fetched from the nodes, and checked together with the second server.

use std::sync::Arc;

use evensum_core::model::{Digest, Ods};
use evensum_core::pool::{
    Aggregator, Context, DepositId, OutputShare, Pending, Role, Sealed, VectorSpec,
};
use evensum_core::port::{CheckOutcome, Checking, MAX_CHECKS, PoolFault, SealedPart, VectorOf};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tracing::{info, warn};
use zeroize::Zeroizing;

use super::shelf::{packed, unpacked};
use super::{CALL, Loaded, SumError, Sums, blocking, shelf};

/// Partners whose contributions are fetched at one time: each lies in memory until all of it is here.
const FETCHED_AT_ONCE: usize = 16;

/// A vector of the round: its table, its place there, what it is bound to and its shape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vector {
    pub(super) table: u32,
    pub(super) vector: u32,
    pub(super) deposit: DepositId,
    pub(super) spec: VectorSpec,
}

impl Loaded {
    /// All vectors of the round, in their order.
    pub(super) fn vectors(&self) -> Result<Vec<Vector>, SumError> {
        let mut all = Vec::new();
        for (table, id) in (0..).zip(&self.round.document().tables) {
            let specs = self.tables.vectors(*id)?;
            let specs = specs.ok_or(SumError::Lost("the meaning of its tables"))?;
            let deposits = self.round.deposits(*id, &specs)?;
            all.extend((0..).zip(deposits).map(|(vector, (deposit, spec))| Vector {
                table,
                vector,
                deposit,
                spec,
            }));
        }
        Ok(all)
    }
}

impl Sums {
    /// Fetches and checks what is not here yet.
    pub(super) async fn collect(&self, loaded: &Loaded) -> Result<(), SumError> {
        let hash = loaded.round.hash();
        let vectors: Arc<[Vector]> = loaded.vectors()?.into();
        if !self.is_over(loaded) {
            self.fetch(loaded, &vectors).await?;
        }
        for ods in loaded.round.members() {
            let open = !self.settled(hash, &ods) && self.has(hash, &shelf::parts(&ods));
            if open {
                self.check(loaded, &ods, &vectors).await?;
            }
        }
        Ok(())
    }

    /// Whether a member's contribution is checked, one way or the other.
    pub(super) fn settled(&self, round: Digest, ods: &Ods) -> bool {
        self.has(round, &shelf::checked(ods)) || self.has(round, &shelf::rejected(ods))
    }

    async fn fetch(&self, loaded: &Loaded, vectors: &Arc<[Vector]>) -> Result<(), SumError> {
        let hash = loaded.round.hash();
        let mut fetching = JoinSet::new();
        let room = Arc::new(Semaphore::new(FETCHED_AT_ONCE));
        for ods in loaded.round.members() {
            let here = self.settled(hash, &ods) || self.has(hash, &shelf::parts(&ods));
            let Some(node) = self.parts.nodes.member(&ods).filter(|_| !here) else { continue };
            let (own, envelope) = (self.own.clone(), loaded.envelope.clone());
            let (vectors, room) = (Arc::clone(vectors), Arc::clone(&room));
            fetching.spawn(async move {
                let _room = room.acquire_owned().await;
                let read = async {
                    let mut coming = node.contribute(&own, &envelope).await?;
                    let mut parts = Vec::with_capacity(vectors.len());
                    for wanted in &*vectors {
                        let next = timeout(CALL, coming.next()).await;
                        let part = next.map_err(|_| PoolFault::Late)?;
                        let SealedPart { table, vector, sealed } =
                            part.ok_or(PoolFault::Unreadable)??;
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
                    self.parts.vault.put(hash, &shelf::parts(&ods), &bytes)?;
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
        loaded: &Loaded,
        ods: &Ods,
        vectors: &Arc<[Vector]>,
    ) -> Result<(), SumError> {
        let hash = loaded.round.hash();
        let bytes = self.parts.vault.take(hash, &shelf::parts(ods))?;
        let bytes = Arc::new(bytes.ok_or(SumError::Lost("a contribution"))?);
        let helper = self.helper()?;
        let mut outputs: Vec<Zeroizing<Vec<u8>>> = Vec::with_capacity(vectors.len());
        for first in (0..vectors.len()).step_by(MAX_CHECKS) {
            let begun = self.begin(hash, ods, &bytes, vectors, first).await?;
            let Some((pending, items)) = begun else { return self.reject(hash, ods) };
            let asked = timeout(CALL, helper.check(&self.own, hash, items)).await;
            let checked = asked.unwrap_or(Err(PoolFault::Late)).map_err(SumError::Helper)?;
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
        self.parts.vault.put(hash, &shelf::checked(ods), &bytes)?;
        Ok(self.parts.vault.forget(hash, &shelf::parts(ods))?)
    }

    /// Opens so many parts and begins their check; nothing where one of them is no part.
    async fn begin(
        &self,
        round: Digest,
        ods: &Ods,
        bytes: &Arc<Vec<u8>>,
        vectors: &Arc<[Vector]>,
        first: usize,
    ) -> Result<Option<Begun>, SumError> {
        let aggregator = Aggregator::leader(self.verify_key(round)?);
        let seal_key = Arc::clone(&self.parts.seal_key);
        let (ods, bytes, vectors) = (ods.clone(), Arc::clone(bytes), Arc::clone(vectors));
        blocking(move || {
            let parts = unpacked(&bytes).ok_or(SumError::Lost("a contribution"))?;
            let (mut pending, mut items) = (Vec::new(), Vec::new());
            let some = vectors.iter().zip(parts).skip(first).take(MAX_CHECKS);
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

    fn reject(&self, round: Digest, ods: &Ods) -> Result<(), SumError> {
        warn!(partner = %ods, round = round.short(), "a contribution does not verify and is left out of the sum");
        self.mark(round, &shelf::rejected(ods))?;
        Ok(self.parts.vault.forget(round, &shelf::parts(ods))?)
    }
}

/// Checks that were begun, and what the second server is asked.
type Begun = (Vec<(Vector, Pending)>, Vec<Checking>);

fn of(ods: &Ods, vector: &Vector) -> VectorOf {
    VectorOf { ods: ods.clone(), table: vector.table, vector: vector.vector }
}
