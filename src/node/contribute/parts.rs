//! The contribution itself: bound, counted, cut, sealed, kept, and sent as the same bytes however often it is asked for.

use std::sync::Arc;

use evensum_core::identity::Peer;
use evensum_core::ledger::PoolStep;
use evensum_core::model::{Digest, Ods, RefusalCode, SnapshotRef};
use evensum_core::pool::{Role, Round, RoundVector, Sealed, ShapeError};
use evensum_core::port::{PoolFault, SealedPart, SealedParts};
use evensum_core::sign::Envelope;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tracing::{error, info};
use zeroize::Zeroizing;

use super::cut::Cut;
use super::{Pool, Trouble, blocking, either_server};
use crate::intake;
use crate::node::Inner;
use crate::node::release::Extract;
use crate::round::{self, Loaded, Summed};
use crate::store::Vault;

/// What the names of sealed parts begin with.
pub(super) const PARTS: &str = "to-";

/// Where a sealed part belongs: the table's place in the round, the vector's in the table.
type Place = (u32, u32);

fn name(to: Role, (table, vector): Place) -> String {
    let server = match to {
        Role::Leader => "coordinator",
        Role::Helper => "second",
    };
    format!("{PARTS}{server}-{table}-{vector}")
}

/// Whether a contribution's sealed parts are still kept.
#[must_use]
pub fn is_kept(vault: &Vault, round: Digest) -> bool {
    vault.has(round, &name(Role::Leader, (0, 0)))
}

/// All parts that one server is sent, in their order.
fn places(task: &Loaded) -> Vec<Place> {
    task.vectors.iter().map(|vector| (vector.table, vector.vector)).collect()
}

/// The caller's parts of the contribution to a round.
pub(super) async fn contribute(
    node: &Arc<Inner>,
    caller: &Peer,
    envelope: &Envelope,
) -> Result<SealedParts, Trouble> {
    let pool = node.pool()?;
    let to = either_server(pool, caller)?;
    if !pool.takes_part(node.site.profile) {
        return Err(Trouble::Refused(RefusalCode::PolicyDiffers));
    }
    node.site.heed().await?;
    node.taking_part(pool)?;
    let task = Arc::new(verified(node, pool, envelope).await?);
    // In a task of its own, so that a caller who goes away leaves nothing half done.
    let work = tokio::spawn(made(Arc::clone(node), Arc::clone(&task)));
    match work.await {
        Ok(done) => done?,
        Err(broken) if broken.is_panic() => {
            error!("making a contribution broke");
            return Err(Trouble::CalledOff);
        }
        Err(_) => return Err(Trouble::CalledOff),
    }
    let vault = node.site.contributing.vault.clone();
    Ok(stream(vault, task.round.hash(), to, places(&task)))
}

/// Holds the round against the own agreement and the list that it goes by.
async fn verified(node: &Inner, pool: &Pool, envelope: &Envelope) -> Result<Loaded, Trouble> {
    let roster = node.list_of(pool, envelope.payload_hash())?;
    let of = Summed { agreement: pool.of.agreement.clone(), roster };
    let (envelope, now) = (envelope.clone(), node.site.clock.now());
    let catalogue = Arc::clone(&node.site.catalogue);
    blocking(move || Ok(Loaded::verify(&of, &envelope, &catalogue, now)?)).await
}

/// Sees to it that the contribution lies in the state directory, as the audit log says.
async fn made(node: Arc<Inner>, task: Arc<Loaded>) -> Result<(), Trouble> {
    let (site, round) = (&node.site, &task.round);
    let _turn = site.contributing.turn.lock().await;
    let own = round.extract(&site.ods).ok_or(Trouble::Refused(RefusalCode::NotAMember))?;
    let rounds = site.store.rounds();
    if rounds.of(&round.document().population)?.is_some_and(|state| state.withdrawn) {
        return Err(Trouble::Refused(RefusalCode::KeptBack));
    }
    let bound = rounds.round(round.hash()).map(|(_, _, state)| state);
    if bound.is_some_and(|state| state.closed.is_some()) {
        return Err(Trouble::Refused(RefusalCode::RoundClosed));
    }
    if let Some((snapshot, contents)) = bound.and_then(|state| state.contributed.as_ref()) {
        if snapshot != own {
            return Err(Trouble::Unbelieved("another extract was contributed"));
        }
        let servers = Cut::of(node.pool()?, &task)?.servers();
        return kept(&site.contributing.vault, &task, servers, *contents).await;
    }
    let extract = extract(&node, &task, own)?;
    if bound.is_none() {
        round.in_time(site.clock.now())?;
    }
    let (vault, roster) = (site.contributing.vault.clone(), Arc::clone(&task.of.roster));
    blocking(move || Ok(vault.keep_list(&roster)?)).await?;
    // From here on nobody else's records, and no others of this partner's, are added up with these.
    let bound = PoolStep::Bound {
        of: round.reference(),
        members: round.members(),
        membership: round.document().membership,
    };
    site.store.step(bound).await?;
    let contents = seal_all(&node, &task, &extract).await?;
    let list = task.of.roster.roster();
    let servers = [Some(list.coordinator()), list.helper()];
    let step = PoolStep::Contributed {
        of: round.reference(),
        snapshot: own.clone(),
        to: servers.into_iter().flatten().map(|server| server.ods.clone()).collect(),
        tables: u32::try_from(round.document().tables.len()).unwrap_or(u32::MAX),
        contents,
    };
    site.store.step(step).await?;
    let population = &round.document().population;
    let (dataset, period, round) = (&population.dataset, population.period, round.hash().short());
    info!(%dataset, %period, round, "a sealed contribution to a blind sum was made");
    Ok(())
}

/// The extract that the round is about, if it is still the one that was said to be ready.
fn extract(node: &Inner, task: &Loaded, own: &SnapshotRef) -> Result<Extract, Trouble> {
    let site = &node.site;
    let Round { population, version, .. } = task.round.document();
    let state = site.shelf.state();
    let found = intake::published_as(state, &population.dataset, population.period, *version)?;
    let extract = found.and_then(|(dir, manifest)| Extract::of(dir, manifest));
    let extract = extract.filter(|extract| extract.of == *own);
    let extract = extract.ok_or(Trouble::Unbelieved("the partner's extract is another one"))?;
    if extract.manifest.deleted.is_some() {
        return Err(Trouble::Refused(RefusalCode::NoData));
    }
    if !extract.is_defined(&site.catalogue) {
        return Err(Trouble::Refused(RefusalCode::DefinitionDiffers));
    }
    Ok(extract)
}

/// Makes every part of the contribution. What an earlier attempt left behind was never sent, and goes.
async fn seal_all(node: &Inner, task: &Arc<Loaded>, extract: &Extract) -> Result<Digest, Trouble> {
    let (site, hash) = (&node.site, task.round.hash());
    let cut = Cut::of(node.pool()?, task)?;
    let by = task.of.roster.roster().coordinator().ods.clone();
    let vault = site.contributing.vault.clone();
    blocking({
        let (vault, task) = (vault.clone(), Arc::clone(task));
        move || {
            vault.forget(hash, PARTS)?;
            Ok(round::keep(&vault, hash, round::ROUND, &by, &task.envelope)?)
        }
    })
    .await?;
    let mut contents = Contents::default();
    for (place, id) in (0..).zip(&task.round.document().tables) {
        let (vault, cut, id) = (vault.clone(), cut.clone(), *id);
        let values = if task.tables.estimate(id).is_some() {
            site.marked(extract, (&task.tables, id), hash).await?
        } else {
            site.counted(extract, &task.tables, id).await?
        };
        let (task, ods) = (Arc::clone(task), site.ods.clone());
        contents = blocking(move || {
            let sealed = seal_table(&task, place, &ods, &values, &cut)?;
            for (to, at, part) in &sealed {
                vault.put(hash, &name(*to, *at), part.as_bytes())?;
                contents.add(part.as_bytes());
            }
            Ok(contents)
        })
        .await?;
    }
    Ok(contents.hash())
}

/// Cuts and seals one table's vectors.
fn seal_table(
    task: &Loaded,
    place: u32,
    ods: &Ods,
    values: &[Zeroizing<Vec<u64>>],
    cut: &Cut,
) -> Result<Vec<(Role, Place, Sealed)>, Trouble> {
    let own: Vec<&RoundVector> = task.vectors.iter().filter(|v| v.table == place).collect();
    if own.len() != values.len() {
        return Err(ShapeError.into());
    }
    let mut sealed = Vec::with_capacity(2 * values.len());
    for (vector, values) in own.into_iter().zip(values) {
        let parts = cut.sealed(vector, ods, values)?;
        sealed.extend(parts.into_iter().map(|(to, part)| (to, (place, vector.vector), part)));
    }
    Ok(sealed)
}

/// A hash over all sealed parts in their order: that of the list of their hashes.
#[derive(Default)]
struct Contents(Vec<u8>);

impl Contents {
    fn add(&mut self, part: &[u8]) {
        self.0.extend_from_slice(Digest::of(part).as_bytes());
    }

    fn hash(&self) -> Digest {
        Digest::of(&self.0)
    }
}

/// That the parts are those that the audit log names: others would be a second contribution.
async fn kept(
    vault: &Vault,
    task: &Loaded,
    servers: &'static [Role],
    contents: Digest,
) -> Result<(), Trouble> {
    let (vault, hash, places) = (vault.clone(), task.round.hash(), places(task));
    blocking(move || {
        let mut found = Contents::default();
        for place in places {
            for to in servers {
                let part = vault.take(hash, &name(*to, place))?;
                found.add(&part.ok_or(Trouble::Lost("a part is missing"))?);
            }
        }
        if found.hash() == contents { Ok(()) } else { Err(Trouble::Lost("a part was changed")) }
    })
    .await
}

/// Reads the parts one after the other, as fast as they are taken.
fn stream(vault: Vault, round: Digest, to: Role, places: Vec<Place>) -> SealedParts {
    let (out, parts) = mpsc::channel(1);
    tokio::spawn(async move {
        for place in places {
            let vault = vault.clone();
            let read = blocking(move || {
                let bytes = vault.take(round, &name(to, place))?;
                let bytes = bytes.ok_or(Trouble::Lost("a part is missing"))?;
                let (table, vector) = place;
                Ok(SealedPart { table, vector, sealed: Sealed::from_bytes(bytes)? })
            });
            let part = read.await.map_err(|reason| {
                let reason: &(dyn std::error::Error + 'static) = &reason;
                error!(round = round.short(), reason, "a sealed part cannot be sent");
                PoolFault::Internal
            });
            let broken = part.is_err();
            if out.send(part).await.is_err() || broken {
                return;
            }
        }
    });
    Box::pin(ReceiverStream::new(parts))
}
