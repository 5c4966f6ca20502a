//! Rows are kept for so long and no longer. What was released from them stays, and is answered as before.

use std::path::Path;

use evensum_core::ledger::{Deletion, Event};
use evensum_core::model::Date;

use super::Site;
use crate::intake::{self, IntakeError};
use crate::snapshot::Manifest;
use crate::store::{Store, StoreError};

/// Why rows that are kept no longer are still there.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// They cannot be deleted.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// The audit log cannot say so.
    #[error("the audit log cannot take the deletion, so that nothing more was deleted")]
    Store(#[from] StoreError),
}

/// Deletes the rows of every extract that was published so many months ago or more, and tells of each when it is
/// gone. Each deletion is in the audit log before anything is removed, and not before it can begin; where the second
/// of these is cut off, the next call completes it.
///
/// # Errors
/// [`RetentionError`]; what was told of before stays deleted.
pub async fn delete_expired(
    store: &Store,
    state: &Path,
    months: u16,
    today: Date,
    mut tell: impl FnMut(&Manifest) + Send,
) -> Result<(), RetentionError> {
    for expired in intake::expired(state, months, today)? {
        let event = (!expired.is_begun()).then(|| {
            let manifest = expired.manifest();
            Event::SnapshotDeleted {
                dataset: manifest.dataset.clone(),
                period: manifest.period,
                snapshot_id: manifest.snapshot_id,
                reason: Deletion::Retention { months },
            }
        });
        // A load that runs would otherwise leave one more entry at each try, and every row where it is.
        let held = expired.hold(state)?;
        if let Some(event) = event {
            store.append(event).await?;
        }
        tell(&held.delete(today)?);
    }
    Ok(())
}

impl Site {
    /// As [`delete_expired`], and the rows that are open in memory too.
    ///
    /// # Errors
    /// [`RetentionError`].
    pub async fn delete_expired(
        &self,
        months: u16,
        mut tell: impl FnMut(&Manifest) + Send,
    ) -> Result<(), RetentionError> {
        let today = self.clock.now().date();
        let forget = |manifest: &Manifest| {
            self.shelf.forget(manifest);
            tell(manifest);
        };
        delete_expired(&self.store, self.shelf.state(), months, today, forget).await
    }
}
