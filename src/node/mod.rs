//! A partner's node: it answers signed questions from its own published extracts, decides by its own copy
//! of the agreement, and lets nothing out that its audit log does not hold.

mod answer;
mod question;
mod shelf;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use evensum_core::catalogue::Catalogue;
use evensum_core::disclosure::Outgoing;
use evensum_core::identity::Peer;
use evensum_core::ledger::Event;
use evensum_core::model::{Agreement, AgreementId, Clock, FederationId, Ods, Profile, SnapshotRef};
use evensum_core::port::{Answers, BoxFuture, NodeFault, NodePort};
use evensum_core::sign::{Envelope, SigningKey};

use tokio::sync::Mutex;

use self::shelf::Shelf;
use crate::security_log::SecurityLog;
use crate::snapshot::{Manifest, NodeKey};
use crate::store::{Store, StoreError};

/// What a node is made of.
#[derive(Debug)]
pub struct Parts {
    /// The federation.
    pub federation: FederationId,
    /// The partner.
    pub ods: Ods,
    /// The disclosure profile of its records.
    pub profile: Profile,
    /// Its own copies of the agreements.
    pub agreements: Vec<Agreement>,
    /// The definitions in force.
    pub catalogue: Arc<Catalogue>,
    /// Its audit log and frozen releases.
    pub store: Store,
    /// Where its extracts lie.
    pub state: PathBuf,
    /// The key that vouches for its extracts.
    pub node_key: NodeKey,
    /// The key that signs its answers.
    pub answer_key: SigningKey,
    /// Extracts whose publication the audit log holds already.
    pub noted: HashSet<SnapshotRef>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

/// A node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Node(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    federation: FederationId,
    ods: Ods,
    profile: Profile,
    agreements: Vec<Agreement>,
    catalogue: Arc<Catalogue>,
    store: Store,
    shelf: Shelf,
    noted: Mutex<HashSet<SnapshotRef>>,
    answer_key: SigningKey,
    security: SecurityLog,
    clock: Arc<dyn Clock>,
}

impl Node {
    /// Puts a node together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner {
            federation: parts.federation,
            ods: parts.ods,
            profile: parts.profile,
            agreements: parts.agreements,
            catalogue: parts.catalogue,
            store: parts.store,
            shelf: Shelf::new(parts.state, parts.node_key),
            noted: Mutex::new(parts.noted),
            answer_key: parts.answer_key,
            security: SecurityLog::new(Arc::clone(&parts.clock)),
            clock: parts.clock,
        }))
    }
}

impl Inner {
    fn agreement(&self, id: &AgreementId) -> Option<&Agreement> {
        self.agreements.iter().find(|a| a.id == *id)
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
