//! The published extracts of a node, opened when first asked for.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use evensum_core::model::{DatasetId, Period};

use crate::intake::{self, IntakeError};
use crate::snapshot::{self, LinkIds, Manifest, NodeKey, Snapshot, SnapshotError};

/// The most extracts that are kept open at once.
const MAX_OPEN: usize = 12;

/// Why an extract cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The state directory cannot be read.
    #[error("the published extracts cannot be listed")]
    List(#[from] IntakeError),
    /// The file is not what was published.
    #[error("a published extract cannot be opened")]
    Open(#[from] SnapshotError),
    /// It was replaced while it was being opened.
    #[error("a published extract was changed while it was opened: ask again")]
    Changed,
}

/// The shelf.
#[derive(Debug)]
pub(super) struct Shelf {
    state: PathBuf,
    key: NodeKey,
    open: Mutex<VecDeque<Arc<Snapshot>>>,
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
        Ok(intake::newest_published(&self.state, dataset, period)?)
    }

    /// Where the extracts lie.
    pub(super) fn state(&self) -> &Path {
        &self.state
    }

    /// The link ids of an opened extract's people; none where it was loaded without a link secret.
    pub(super) fn links(&self, dir: &Path, of: &Snapshot) -> Result<Option<LinkIds>, ShelfError> {
        let people = snapshot::people(of.persons());
        Ok(snapshot::read_links(dir, of.manifest(), people, &self.key)?)
    }

    /// Lets go of an extract whose rows were deleted.
    pub(super) fn forget(&self, deleted: &Manifest) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|snapshot| snapshot.manifest().snapshot_id != deleted.snapshot_id);
    }

    /// Opens an extract, or hands out the one that is open. Either way its authenticated manifest must be the
    /// one that was found.
    pub(super) fn open(&self, dir: &Path, found: &Manifest) -> Result<Arc<Snapshot>, ShelfError> {
        // Held while a file is read: those who want the same one wait for it rather than read it too.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(snapshot) = open.iter().find(|snapshot| snapshot.manifest() == found) {
            return Ok(Arc::clone(snapshot));
        }
        let snapshot = Arc::new(snapshot::read(dir, &self.key)?);
        if snapshot.manifest() != found {
            return Err(ShelfError::Changed);
        }
        if open.len() >= MAX_OPEN {
            open.pop_front();
        }
        open.push_back(Arc::clone(&snapshot));
        Ok(snapshot)
    }
}
