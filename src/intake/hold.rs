//! One at a time: loading, publishing and deleting change the same folders, and take the same lock. Whoever holds
//! it first puts right what a load left behind that was killed.

use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::error::{IntakeError, io};
use super::publish::{directories, place};
use crate::snapshot::Manifest;

/// The file whose lock is held.
const LOCK: &str = ".lock";
/// What the folder of a load that runs begins with.
pub(super) const LOADING: &str = ".loading-";
/// The new extract in that folder.
pub(super) const FRESH: &str = "extract";
/// The extract that it replaces, in that folder.
pub(super) const BEFORE: &str = "before";

/// The right to change staged and published extracts. Held until it is dropped, and by nobody after the process
/// ends.
#[derive(Debug)]
pub(super) struct Hold {
    _lock: File,
}

impl Hold {
    /// Takes the lock in the folder of what is staged, which is made if it is not there, and puts right what
    /// killed loads left.
    ///
    /// # Errors
    /// [`IntakeError::Busy`] where another process has it.
    pub(super) fn take(staged: &Path) -> Result<Self, IntakeError> {
        fs::create_dir_all(staged).map_err(io(staged, "made"))?;
        let lock = lock(&staged.join(LOCK))?;
        for dataset in directories(staged)? {
            sweep(staged, &dataset)?;
        }
        Ok(Self { _lock: lock })
    }
}

/// Takes the lock of a file, which is made if it is not there.
///
/// # Errors
/// [`IntakeError::Busy`] where another process has it.
pub(super) fn lock(path: &Path) -> Result<File, IntakeError> {
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(io(path, "opened"))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(IntakeError::Busy(holder(path))),
        Err(TryLockError::Error(source)) => return Err(io(path, "locked")(source)),
    }
    // Only so that the next process can name this one; the lock itself does not need it.
    file.set_len(0)
        .and_then(|()| file.write_all(std::process::id().to_string().as_bytes()))
        .map_err(io(path, "written"))?;
    Ok(file)
}

/// Who wrote their number into the lock file. Some systems let nobody else read a locked file.
fn holder(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    match text.parse::<u32>() {
        Ok(id) => format!("another evensum process (number {id})"),
        Err(_) => "another process".to_owned(),
    }
}

/// Removes the folders of loads that were killed. One that was killed between its two renames has moved the
/// earlier extract aside and put nothing in its place: that extract goes back, as after any load that fails.
fn sweep(staged: &Path, dataset: &Path) -> Result<(), IntakeError> {
    for folder in killed(dataset)? {
        let before = folder.join(BEFORE);
        if before.is_dir() {
            let manifest = Manifest::read(&before)?;
            let home = place(staged, &manifest.dataset, manifest.period);
            if !home.exists() {
                fs::rename(&before, &home).map_err(io(&home, "restored"))?;
                super::publish::sync_dir(dataset)?;
            }
        }
        fs::remove_dir_all(&folder).map_err(io(&folder, "removed"))?;
    }
    Ok(())
}

fn killed(dataset: &Path) -> Result<Vec<PathBuf>, IntakeError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dataset).map_err(io(dataset, "read"))? {
        let path = entry.map_err(io(dataset, "read"))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(LOADING) && path.is_dir() {
            found.push(path);
        }
    }
    Ok(found)
}
