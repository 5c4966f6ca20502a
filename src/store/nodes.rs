//! The stored hashes that proofs are made of, and a bounded memory of those that were used.

use std::collections::HashMap;

use evensum_core::ledger::merkle::{self, NodeId, ProofError};
use evensum_core::model::Digest;
use sqlx::SqliteConnection;

use super::database::to_sql;

/// Hashes that are remembered, at about 64 bytes each.
const MOST_REMEMBERED: usize = 1 << 16;

/// Hashes of complete subtrees. They never change, so what was once read stays right.
#[derive(Debug, Default)]
pub(super) struct Nodes(HashMap<NodeId, Digest>);

impl Nodes {
    /// Remembers a hash that was just written.
    pub(super) fn insert(&mut self, node: NodeId, hash: Digest) {
        self.0.insert(node, hash);
    }

    /// Takes over what another has; forgets everything else first where it would be too much.
    pub(super) fn absorb(&mut self, newer: Self) {
        if self.0.len() + newer.0.len() > MOST_REMEMBERED {
            self.0.clear();
        }
        self.0.extend(newer.0);
    }

    /// Gets hashes: those that `known` has from there, the others in one statement.
    pub(super) async fn fetch(
        &mut self,
        conn: &mut SqliteConnection,
        known: &Self,
        wanted: &[NodeId],
    ) -> Result<(), sqlx::Error> {
        let mut missing: Vec<(u8, i64)> = Vec::new();
        for node in wanted {
            if self.0.contains_key(node) {
                continue;
            }
            match known.0.get(node) {
                Some(hash) => {
                    self.0.insert(*node, *hash);
                }
                None => missing.push((node.0, to_sql(node.1))),
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let list = serde_json::to_string(&missing).map_err(|e| sqlx::Error::Encode(Box::new(e)))?;
        // CROSS JOIN keeps the order: one look-up in the table for each hash that is wanted.
        let rows: Vec<(i64, i64, Vec<u8>)> = sqlx::query_as(
            "SELECT node.level, node.idx, node.hash FROM json_each(?1) AS wanted CROSS JOIN node \
             ON node.level = wanted.value ->> 0 AND node.idx = wanted.value ->> 1",
        )
        .bind(list)
        .fetch_all(conn)
        .await?;
        for (level, index, hash) in rows {
            if let (Ok(level), Ok(index), Some(hash)) =
                (u8::try_from(level), u64::try_from(index), digest(&hash))
            {
                self.0.insert((level, index), hash);
            }
        }
        Ok(())
    }

    /// The proof of an entry, from the hashes that are here.
    pub(super) fn proof(&self, index: u64, size: u64) -> Result<Vec<Digest>, ProofError> {
        merkle::inclusion_proof(index, size, &|level, index| self.0.get(&(level, index)).copied())
    }
}

/// A stored hash; `None` where it is not one.
pub(super) fn digest(bytes: &[u8]) -> Option<Digest> {
    <[u8; 32]>::try_from(bytes).ok().map(Digest::from_bytes)
}
