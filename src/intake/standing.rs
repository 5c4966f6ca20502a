//! What there is of a dataset and period, and the deletion of rows that are kept no longer.

use std::fs;
use std::path::{Path, PathBuf};

use evensum_core::model::{DatasetId, Date, Period, SnapshotVersion};

use super::error::{IntakeError, io};
use super::hold::Hold;
use super::publish::{
    directories, newest_published, place, published_root, quality, staged_root, sync_dir,
};
use super::unchanged::MARK_FILE;
use crate::snapshot::{MANIFEST_FILE, Manifest};

/// What there is of a dataset and period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// The day on which the extract was loaded that is staged.
    pub staged: Option<Date>,
    /// The newest published extract: its standing, and the day of its publication.
    pub published: Option<(SnapshotVersion, Option<Date>)>,
    /// The day on which the rows of that one were deleted.
    pub deleted: Option<Date>,
}

/// What there is of a dataset and period.
///
/// # Errors
/// [`IntakeError`] where a folder, a manifest or a report cannot be read.
pub fn standing(
    state: &Path,
    dataset: &DatasetId,
    period: Period,
) -> Result<Standing, IntakeError> {
    let staged = place(&staged_root(state), dataset, period);
    let staged = if staged.is_dir() { Some(quality(&staged)?.loaded) } else { None };
    let newest = newest_published(state, dataset, period)?.map(|(_, manifest)| manifest);
    let published = newest.as_ref().and_then(|m| Some((m.version?, m.published)));
    Ok(Standing { staged, published, deleted: newest.and_then(|m| m.deleted) })
}

/// A published extract whose rows are kept no longer.
#[derive(Debug, Clone)]
pub struct Expired {
    dir: PathBuf,
    manifest: Manifest,
}

/// The published extracts whose rows are still there, and were published so many months ago or more. One without a
/// day of publication is of an earlier version of this program, and left alone.
///
/// # Errors
/// [`IntakeError`] where a folder or manifest cannot be read.
pub fn expired(state: &Path, months: u16, today: Date) -> Result<Vec<Expired>, IntakeError> {
    let mut found = Vec::new();
    for dataset in directories(&published_root(state))? {
        for period in directories(&dataset)? {
            for dir in directories(&period)? {
                let manifest = Manifest::read(&dir)?;
                let over = manifest.published.is_some_and(|on| on.plus_months(months) <= today);
                if over && !rows_of(&dir)?.is_empty() {
                    found.push(Expired { dir, manifest });
                }
            }
        }
    }
    Ok(found)
}

/// Everything in an extract's folder that is, or says something of, its rows.
fn rows_of(dir: &Path) -> Result<Vec<PathBuf>, IntakeError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(io(dir, "read"))? {
        let path = entry.map_err(io(dir, "read"))?.path();
        let name = path.file_name().unwrap_or_default();
        if name != MANIFEST_FILE && name != MARK_FILE {
            found.push(path);
        }
    }
    Ok(found)
}

impl Expired {
    /// What it is.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Whether a deletion of it was begun before, and written into the audit log before that.
    #[must_use]
    pub const fn is_begun(&self) -> bool {
        self.manifest.deleted.is_some()
    }

    /// Takes the right to delete it, before anybody says that it is deleted.
    ///
    /// # Errors
    /// [`IntakeError::Busy`] where another process loads, publishes or deletes; what the file system says.
    pub fn hold(self, state: &Path) -> Result<HeldExpired, IntakeError> {
        let hold = Hold::take(&staged_root(state))?;
        Ok(HeldExpired { expired: self, _hold: hold })
    }
}

/// An [`Expired`] extract that nobody else changes meanwhile.
#[derive(Debug)]
pub struct HeldExpired {
    expired: Expired,
    _hold: Hold,
}

impl HeldExpired {
    /// Deletes the rows and the reports on them. The manifest stays, and says so before anything is removed:
    /// a deletion that is cut off is completed by the next one, and nothing is answered from half of an extract.
    ///
    /// # Errors
    /// [`IntakeError`]: what the file system says.
    pub fn delete(self, today: Date) -> Result<Manifest, IntakeError> {
        let Self { expired: Expired { dir, mut manifest }, _hold } = self;
        if manifest.deleted.is_none() {
            manifest.deleted = Some(today);
            manifest.write(&dir)?;
        }
        for path in rows_of(&dir)? {
            let removed =
                if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(io(&path, "removed"))?;
        }
        sync_dir(&dir)?;
        Ok(manifest)
    }
}
