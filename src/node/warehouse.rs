//! The partner's database, where that counts: its partitions, opened when first asked for.

use std::collections::VecDeque;
use std::sync::Arc;

use evensum_core::model::{RawCell, Table};
use tokio::sync::Mutex;

use crate::snapshot::{Manifest, NodeKey};
use crate::tabulate::Request;
use crate::tabulate::sql::{self, Database, Partition, SqlError};

/// The most partitions that are known to be unchanged at once. One is a few names.
const MAX_OPEN: usize = 48;

/// The database.
#[derive(Debug)]
pub(super) struct Warehouse {
    database: Database,
    key: NodeKey,
    open: Mutex<VecDeque<Arc<Partition>>>,
}

impl Warehouse {
    pub(super) fn new(database: Database, key: NodeKey) -> Self {
        Self { database, key, open: Mutex::new(VecDeque::new()) }
    }

    /// Counts a request over the partition of an extract.
    pub(super) async fn tabulate(
        &self,
        found: &Manifest,
        request: &Request<'_>,
    ) -> Result<Table<RawCell>, SqlError> {
        let partition = self.open(found).await?;
        sql::tabulate(&self.database, &partition, request).await
    }

    /// Opens a partition, or hands out the one that is open. Once opened it is trusted until the node ends: the role
    /// that it is read with cannot change it.
    async fn open(&self, found: &Manifest) -> Result<Arc<Partition>, SqlError> {
        // Held while a partition is checked: those who want the same one wait rather than check it too.
        let mut open = self.open.lock().await;
        if let Some(partition) = open.iter().find(|partition| partition.manifest() == found) {
            return Ok(Arc::clone(partition));
        }
        let partition = Arc::new(sql::open(&self.database, found, &self.key).await?);
        if open.len() >= MAX_OPEN {
            open.pop_front();
        }
        open.push_back(Arc::clone(&partition));
        Ok(partition)
    }
}
