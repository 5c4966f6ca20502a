//! Which extracts can be contributed: asked every few seconds, so that what is found out once is kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use evensum_core::disclosure::contribution;
use evensum_core::identity::Peer;
use evensum_core::model::{AgreementId, Date, Digest, Population, RefusalCode, SnapshotVersion};
use evensum_core::plan::{DistinctTable, PooledTable, PooledTables};
use evensum_core::pool::{Ready, RoundDocument};
use evensum_core::sign::Envelope;
use tracing::warn;
use zeroize::Zeroizing;

use super::{Pool, Trouble, blocking, coordinator, tables};
use crate::intake;
use crate::node::release::{Extract, ReleaseError};
use crate::node::{Inner, Site};
use crate::snapshot::Manifest;
use crate::tabulate::{Request, mark, tabulate};

/// An extract, and the day: what an agreement allows depends on it.
type Key = (Digest, SnapshotVersion, Date);

/// The tables that extracts can contribute; none of one without rows.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<HashMap<Key, Arc<[Digest]>>>);

impl Cache {
    fn find(&self, key: &Key) -> Option<Arc<[Digest]>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn keep(&self, key: Key, tables: Arc<[Digest]>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(.., day), _| *day == key.2);
        kept.insert(key, tables);
    }
}

/// Everything that is ready, signed.
pub(super) async fn ready(
    node: &Arc<Inner>,
    caller: &Peer,
    agreement: &AgreementId,
) -> Result<Vec<Envelope>, Trouble> {
    let pool = node.pool()?;
    coordinator(pool, caller)?;
    if pool.of.agreement.id != *agreement {
        return Err(Trouble::Refused(RefusalCode::AgreementUnknown));
    }
    let site = &node.site;
    site.heed().await?;
    node.taking_part(pool)?;
    let listed = pool.of.roster.roster().member(&site.ods).is_some();
    if !listed || !pool.takes_part(site.profile) {
        return Ok(Vec::new());
    }
    let mut ready = Vec::new();
    for dir in intake::published(site.shelf.state())? {
        // One extract that cannot be used keeps no other back.
        let found = match Manifest::read(&dir) {
            Ok(manifest) => match Extract::of(dir, manifest) {
                Some(extract) => of_extract(node, pool, &extract).await,
                None => Ok(None),
            },
            Err(error) => Err(error.into()),
        };
        match found {
            Ok(envelope) => ready.extend(envelope),
            Err(Trouble::Store(reason)) => return Err(reason.into()),
            Err(reason) => {
                let reason: &(dyn std::error::Error + 'static) = &reason;
                warn!(reason, "a published extract cannot be contributed to a blind sum");
            }
        }
    }
    Ok(ready)
}

async fn of_extract(
    node: &Arc<Inner>,
    pool: &Pool,
    extract: &Extract,
) -> Result<Option<Envelope>, Trouble> {
    let (site, Manifest { dataset, period, .. }) = (&node.site, &extract.manifest);
    let today = site.clock.now().date();
    let known = site.catalogue.dataset(dataset).is_ok_and(|of| of.has_period(*period));
    let usable = known
        && period.last_day() <= today
        && extract.manifest.deleted.is_none()
        && extract.is_defined(&site.catalogue);
    if !usable || !site.is_offered(pool, extract) || !site.is_prepared(extract).await? {
        return Ok(None);
    }
    let population = Population::of(&pool.of.agreement, dataset, *period);
    let rounds = site.store.rounds();
    let open = rounds.of(&population)?.is_none_or(|state| {
        let round = state.versions.get(&extract.of.version);
        !state.withdrawn && round.is_none_or(|round| round.closed.is_none())
    });
    if !open {
        return Ok(None);
    }
    let key = (extract.of.id, extract.of.version, today);
    let tables = match pool.found.find(&key) {
        Some(tables) => tables,
        None => {
            let tables = site.contributable(pool, extract).await?;
            pool.found.keep(key, Arc::clone(&tables));
            tables
        }
    };
    if tables.is_empty() {
        return Ok(None);
    }
    let ready = Ready {
        ods: site.ods.clone(),
        population,
        agreement: pool.of.agreement.id.clone(),
        agreement_hash: hash_of(pool)?,
        membership: pool.of.roster.hash(),
        snapshot: extract.of.clone(),
        tables: tables.to_vec(),
    };
    Ok(Some(ready.sign(&site.ods, &node.answer_key)?))
}

fn hash_of(pool: &Pool) -> Result<Digest, Trouble> {
    pool.of.agreement.hash().map_err(|_| Trouble::Lost("the agreement has no hash"))
}

impl Site {
    /// Whether the agreement, or the partner's own people, give an extract to sums.
    fn is_offered(&self, pool: &Pool, extract: &Extract) -> bool {
        let Manifest { dataset, period, .. } = &extract.manifest;
        pool.of.agreement.pool_after_publish
            || self.contributing.offers.is_offered(dataset, *period)
    }

    /// The tables that an extract can contribute, by their ids. None where nobody of the population is in it: a partner
    /// without people hides nobody.
    async fn contributable(
        &self,
        pool: &Pool,
        extract: &Extract,
    ) -> Result<Arc<[Digest]>, Trouble> {
        let of = (extract.manifest.dataset.clone(), extract.manifest.period);
        let all = tables(&self.catalogue, &pool.of.agreement, of, self.clock.now()).await?;
        let keyed = extract.manifest.keys_hmac.is_some();
        if !keyed && all.tables().iter().any(PooledTable::keyed) {
            let (dataset, period) = (&extract.manifest.dataset, extract.manifest.period);
            warn!(%dataset, %period, "the extract has no record keys, by which the agreement has figures changed at random: load and publish it again");
        }
        let can = |table: &&PooledTable| extract.holds(table.plan()) && (keyed || !table.keyed());
        let linked = self.is_linked(pool, extract)?;
        let marked = |table: &&DistinctTable| {
            linked && table.needs().all(|column| extract.manifest.columns_held.contains(column))
        };
        let ids = all.tables().iter().filter(can).map(PooledTable::id);
        let ids: Vec<Digest> =
            ids.chain(all.distinct().iter().filter(marked).map(DistinctTable::id)).collect();
        let cells = |table: &&PooledTable| table.plan().layout().lattice().len();
        let smallest = all.tables().iter().filter(can).min_by_key(cells).map(PooledTable::id);
        let Some(smallest) = smallest else { return Ok(ids.into()) };
        // Of figures that are changed at random all may become nothing; so few people hide nobody either.
        let values = self.counted(extract, &all, smallest).await?;
        let anybody = values.iter().any(|vector| vector.iter().any(|value| *value > 0));
        Ok(if anybody { ids.into() } else { Arc::from([]) })
    }

    /// Whether the extract's people have link ids under the secret that the agreement is about, and this node has it.
    fn is_linked(&self, pool: &Pool, extract: &Extract) -> Result<bool, Trouble> {
        let own = self.links.as_ref().map(|secret| secret.check()).transpose()?;
        let theirs = extract.manifest.links.map(|links| links.check);
        Ok(own.is_some() && own == pool.of.agreement.link_check && own == theirs)
    }

    /// Marks the people of an extract for an estimate, under a key that is this round's and this table's alone.
    pub(super) async fn marked(
        &self,
        extract: &Extract,
        (tables, id): (&Arc<PooledTables>, Digest),
        round: Digest,
    ) -> Result<Vec<Zeroizing<Vec<u64>>>, Trouble> {
        let (site, extract, tables) = (self.clone(), extract.clone(), Arc::clone(tables));
        blocking(move || {
            let unlinked =
                || Trouble::Unbelieved("it names an estimate that this node has no link ids for");
            let table = tables.estimate(id).ok_or_else(unlinked)?;
            let secret = site.links.as_ref().ok_or_else(unlinked)?;
            let snapshot = site.shelf.open(&extract.dir, &extract.manifest)?;
            let links = site.shelf.links(&extract.dir, &snapshot)?.ok_or_else(unlinked)?;
            let key = secret.key(&round, &id)?;
            Ok(mark(&snapshot, table, &links.ids, &key)?.vectors())
        })
        .await
    }

    /// Counts a table and cuts it into vectors, with figures that were changed where the agreement has them so. What is
    /// counted is wiped when these are dropped.
    pub(super) async fn counted(
        &self,
        extract: &Extract,
        tables: &Arc<PooledTables>,
        id: Digest,
    ) -> Result<Vec<Zeroizing<Vec<u64>>>, Trouble> {
        const UNKNOWN: Trouble = Trouble::Unbelieved("it names a table that is none");
        let table = tables.table(id).ok_or(UNKNOWN)?;
        // A database that counts holds no keys of records.
        if let Some(warehouse) = self.warehouse.as_ref().filter(|_| !table.keyed()) {
            let raw = warehouse.tabulate(&extract.manifest, &Request::contributed(table)).await;
            return Ok(contribution(table, raw.map_err(ReleaseError::from)?)?);
        }
        let (site, extract, tables) = (self.clone(), extract.clone(), Arc::clone(tables));
        blocking(move || {
            let table = tables.table(id).ok_or(UNKNOWN)?;
            let snapshot = site.shelf.open(&extract.dir, &extract.manifest)?;
            Ok(contribution(table, tabulate(&snapshot, &Request::contributed(table))?)?)
        })
        .await
    }
}
