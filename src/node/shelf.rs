//! The published extracts of a node, opened when first asked for.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use evensum_core::model::{DatasetId, Digest, Period};

use crate::intake::{self, IntakeError};
use crate::snapshot::{self, Manifest, NodeKey, Snapshot, SnapshotError};

/// The most extracts that are kept open at once.
const MAX_OPEN: usize = 12;

/// Why an extract cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ShelfError {
    /// The state directory cannot be read.
    #[error("the published extracts cannot be listed")]
    List(#[from] IntakeError),
    /// The file is not what was published.
    #[error("a published extract cannot be opened")]
    Open(#[from] SnapshotError),
}

/// The shelf.
#[derive(Debug)]
pub(super) struct Shelf {
    state: PathBuf,
    key: NodeKey,
    open: Mutex<VecDeque<(Digest, Arc<Snapshot>)>>,
}

impl Shelf {
    pub(super) fn new(state: PathBuf, key: NodeKey) -> Self {
        Self { state, key, open: Mutex::new(VecDeque::new()) }
    }

    /// The extract in force for a dataset and period. Looked up afresh each time, so that a new
    /// publication needs no restart.
    pub(super) fn find(
        &self,
        dataset: &DatasetId,
        period: Period,
    ) -> Result<Option<(PathBuf, Manifest)>, ShelfError> {
        let published = intake::published(&self.state)?;
        Ok(published.into_iter().find(|(_, m)| m.dataset == *dataset && m.period == period))
    }

    /// Opens an extract, or hands out the one that is open.
    pub(super) fn open(
        &self,
        dir: &std::path::Path,
        id: Digest,
    ) -> Result<Arc<Snapshot>, ShelfError> {
        let held = || self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, snapshot)) = held().iter().find(|(open, _)| *open == id) {
            return Ok(Arc::clone(snapshot));
        }
        let snapshot = Arc::new(snapshot::read(dir, &self.key)?);
        let mut open = held();
        if open.len() >= MAX_OPEN {
            open.pop_front();
        }
        open.push_back((id, Arc::clone(&snapshot)));
        Ok(snapshot)
    }
}
