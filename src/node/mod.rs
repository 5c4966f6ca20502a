//! A partner's node: it answers signed questions from its own published extracts, decides by its own copy
//! of the agreement, and lets nothing out that its audit log does not hold.
//!
//! A partner may belong to several federations. It has one [`Site`] (records, audit log, frozen releases) and in
//! it one [`Node`] for each membership, which knows that membership's agreements and no others.

mod answer;
mod contribute;
mod prepare;
mod question;
mod release;
mod retention;
mod shelf;
mod warehouse;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use evensum_core::catalogue::Catalogue;
use evensum_core::disclosure::Outgoing;
use evensum_core::identity::Peer;
use evensum_core::ledger::Event;
use evensum_core::model::{Agreement, AgreementId, Clock, FederationId, Ods, Profile, SnapshotRef};
use evensum_core::pool::{LinkSecret, SealKey, VerifiedRoster};
use evensum_core::port::{Answers, BoxFuture, NodeFault, NodePort};
use evensum_core::sign::{Envelope, SigningKey};

use tokio::sync::{Mutex, watch};

pub use self::contribute::{
    Kept, OfferError, Offers, RequestError, ShownTable, Suspension, can_contribute, is_kept,
    keep_back, suspend, tables_of,
};
pub use self::prepare::{PrepareError, Prepared, Progress};
pub use self::release::ReleaseError;
pub use self::retention::{RetentionError, delete_expired};
pub use self::shelf::ShelfError;

use self::contribute::{Contributing, Pool};
use self::prepare::Preparation;
use self::shelf::Shelf;
use self::warehouse::Warehouse;
use crate::security_log::SecurityLog;
use crate::snapshot::{Manifest, NodeKey};
use crate::store::{Store, StoreError, Turns};
use crate::tabulate::sql::Database;

/// What a site is made of.
#[derive(Debug)]
pub struct Parts {
    /// The partner.
    pub ods: Ods,
    /// The disclosure profile of its records.
    pub profile: Profile,
    /// The definitions in force.
    pub catalogue: Arc<Catalogue>,
    /// Its audit log and frozen releases.
    pub store: Store,
    /// Where its extracts lie.
    pub state: PathBuf,
    /// The key that vouches for its extracts.
    pub node_key: NodeKey,
    /// The database that counts, where the node does not.
    pub database: Option<Database>,
    /// Extracts whose publication the audit log holds already.
    pub noted: HashSet<SnapshotRef>,
    /// The agreements of all its memberships: their tables are decided when an extract is published.
    pub agreements: Vec<Agreement>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

/// A partner's part in one federation, under the agreements that one coordinator serves.
#[derive(Debug)]
pub struct Membership {
    /// The federation.
    pub federation: FederationId,
    /// The organisation whose coordinator brings the questions.
    pub coordinator: Ods,
    /// The partner's own copies of the agreements.
    pub agreements: Vec<Agreement>,
    /// The key that signs its answers there.
    pub answer_key: SigningKey,
    /// The membership list of the agreement that has a blind sum, verified against it.
    pub roster: Option<Arc<VerifiedRoster>>,
    /// What the node agrees on masks with, where the sum has no second server.
    pub seal_key: Option<SealKey>,
}

/// What all memberships of a partner share: its records and everything that was ever released from them. Cheap to
/// clone.
#[derive(Debug, Clone)]
pub struct Site {
    ods: Ods,
    profile: Profile,
    catalogue: Arc<Catalogue>,
    store: Store,
    shelf: Arc<Shelf>,
    warehouse: Option<Arc<Warehouse>>,
    noted: Arc<Mutex<HashSet<SnapshotRef>>>,
    agreements: Arc<[Agreement]>,
    preparation: Arc<Preparation>,
    contributing: Arc<Contributing>,
    turns: Arc<Turns>,
    security: Arc<SecurityLog>,
    /// Behind the link ids of its people, where it takes part in estimates of different people.
    links: Option<Arc<LinkSecret>>,
    clock: Arc<dyn Clock>,
}

impl Site {
    /// Puts a site together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            ods: parts.ods,
            profile: parts.profile,
            catalogue: parts.catalogue,
            store: parts.store,
            warehouse: parts
                .database
                .map(|database| Arc::new(Warehouse::new(database, parts.node_key.clone()))),
            contributing: Arc::new(Contributing::new(&parts.state)),
            shelf: Arc::new(Shelf::new(parts.state, parts.node_key)),
            noted: Arc::new(Mutex::new(parts.noted)),
            agreements: parts.agreements.into(),
            preparation: Arc::default(),
            turns: Arc::default(),
            security: Arc::new(SecurityLog::new(Arc::clone(&parts.clock))),
            links: None,
            clock: parts.clock,
        }
    }

    /// The same site with the federation's link secret, if it has one: only with it does the partner take part in
    /// estimates of different people.
    #[must_use]
    pub fn with_links(mut self, links: Option<LinkSecret>) -> Self {
        self.links = links.map(Arc::new);
        self
    }

    /// Whether its audit log takes entries at this moment.
    #[must_use]
    pub fn writable(&self) -> watch::Receiver<bool> {
        self.store.writable()
    }

    /// The node of a membership.
    #[must_use]
    pub fn node(&self, membership: Membership) -> Node {
        let Membership { federation, coordinator, agreements, answer_key, roster, seal_key } =
            membership;
        let pool = Pool::of(&agreements, roster, seal_key);
        Node(Arc::new(Inner {
            store: self.store.realm(&format!("{federation}/{coordinator}")),
            site: self.clone(),
            federation,
            agreements,
            answer_key,
            pool,
        }))
    }

    /// Sees to it that the audit log holds an extract's publication before anything is answered from it:
    /// whoever published beside this server left that to it.
    async fn note(&self, manifest: &Manifest, of: &SnapshotRef) -> Result<(), StoreError> {
        let mut noted = self.noted.lock().await;
        if !noted.contains(of) {
            self.store.append(publication(manifest, of)).await?;
            noted.insert(of.clone());
        }
        Ok(())
    }
}

/// A node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Node(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    site: Site,
    federation: FederationId,
    agreements: Vec<Agreement>,
    /// The site's, for questions of this membership.
    store: Store,
    answer_key: SigningKey,
    /// Its part in blind sums.
    pool: Option<Pool>,
}

impl Inner {
    /// Another federation's agreement of the same name is another agreement.
    fn agreement(&self, federation: &FederationId, id: &AgreementId) -> Option<&Agreement> {
        self.agreements.iter().find(|a| a.id == *id && a.federation == *federation)
    }
}

/// The audit log's entry about a publication.
#[must_use]
pub fn publication(manifest: &Manifest, of: &SnapshotRef) -> Event {
    Event::SnapshotPublished {
        dataset: manifest.dataset.clone(),
        period: manifest.period,
        snapshot: of.clone(),
        definition_hash: manifest.definition_hash,
    }
}

impl NodePort for Node {
    type Reply = Outgoing;

    fn answer<'a>(
        &'a self,
        caller: &'a Peer,
        envelope: &'a Envelope,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Answers<Outgoing, NodeFault>, NodeFault>> {
        Box::pin(answer::within(&self.0, caller, envelope, deadline))
    }
}
