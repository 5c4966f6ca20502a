//! What this server knows of each node beside its audit log: how far it was told, and when it was last seen. Losing it
//! costs telling twice.

use std::collections::BTreeMap;

use evensum_core::model::{Digest, Ods, Timestamp, canonical};
use serde::{Deserialize, Serialize};

use crate::store::{Vault, VaultError};

const NAME: &str = "nodes";

/// The folder of the notes.
fn folder() -> Digest {
    Digest::of(b"evensum notes about nodes")
}

/// Of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    /// Entries before this one it was told, where they are about it.
    pub(super) told: u64,
    /// When it was last connected.
    pub(super) seen: Timestamp,
}

/// Of all nodes.
#[derive(Debug, Clone)]
pub(super) struct Notes {
    nodes: BTreeMap<Ods, Note>,
    /// When this process began: before, it could see nobody.
    began: Timestamp,
}

impl Notes {
    /// Those of a state; none where they cannot be read.
    pub(super) fn read(vault: &Vault, now: Timestamp) -> Self {
        let read = vault.take(folder(), NAME).ok().flatten();
        let nodes = read.and_then(|bytes| canonical::decode(&bytes).ok()).unwrap_or_default();
        Self { nodes, began: now }
    }

    pub(super) fn write(&self, vault: &Vault) -> Result<(), VaultError> {
        // A map of codes to numbers has a canonical form.
        let bytes = canonical::encode(&self.nodes).unwrap_or_default();
        vault.put(folder(), NAME, &bytes)
    }

    /// The note of a node; who was never heard of counts as seen now.
    pub(super) fn of(&mut self, ods: &Ods, now: Timestamp) -> &mut Note {
        self.nodes.entry(ods.clone()).or_insert(Note { told: 0, seen: now })
    }

    /// When this process began.
    pub(super) const fn began(&self) -> Timestamp {
        self.began
    }
}
