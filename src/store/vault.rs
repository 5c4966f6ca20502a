//! Sealed contributions and shares on the disk, apart from the audit log: a folder for each round, a file for each name.
//! What is here is worth nothing to whoever finds it without the other server's part, or without the key that it is
//! sealed for; what binds is in the audit log.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use evensum_core::model::Digest;
use evensum_core::pool::RosterError;

use super::{StoreError, prepare_state};

/// The folder in a state directory.
const FOLDER: &str = "sums";
/// The longest file that is read.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// Why the vault cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The folder cannot be made.
    #[error(transparent)]
    State(#[from] StoreError),
    /// A file cannot be written, read or removed.
    #[error("'{path}' cannot be written, read or removed: check the disk and the account's rights")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A round was bound under a list that is not here, or another one is in its place.
    #[error(
        "'{path}' is not the membership list that a round was bound under: put that list there, as its officers signed it"
    )]
    NoList {
        /// The file.
        path: PathBuf,
    },
    /// That list cannot be read, or does not hold.
    #[error("'{path}', the membership list that a round was bound under, cannot be used: {source}")]
    List {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: RosterError,
    },
    /// Longer than [`MAX_FILE_BYTES`].
    #[error("'{path}' is longer than {MAX_FILE_BYTES} bytes")]
    TooLong {
        /// The file.
        path: PathBuf,
    },
}

/// A server's vault. Names are of lower-case letters, digits and hyphens, made by this program.
#[derive(Debug, Clone)]
pub struct Vault {
    folder: PathBuf,
}

impl Vault {
    /// That of a state directory.
    #[must_use]
    pub fn new(state: &Path) -> Self {
        Self { folder: state.join(FOLDER) }
    }

    fn of(&self, round: Digest) -> PathBuf {
        self.folder.join(round.to_string())
    }

    pub(super) fn path(&self, round: Digest, name: &str) -> PathBuf {
        self.of(round).join(name)
    }

    /// Writes a file whole, or not at all; when this returns it is on the disk. What stood there is replaced.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn put(&self, round: Digest, name: &str, bytes: &[u8]) -> Result<(), VaultError> {
        let folder = self.of(round);
        prepare_state(&folder)?;
        let (path, partly) = (folder.join(name), folder.join(format!("{name}.part")));
        let failed = |source| VaultError::File { path: path.clone(), source };
        let write = || -> io::Result<()> {
            let mut file = File::create(&partly)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&partly, &path)?;
            // So that the name is on the disk as well.
            #[cfg(unix)]
            File::open(&folder)?.sync_all()?;
            Ok(())
        };
        write().map_err(failed)
    }

    /// Reads a file; none where there is none.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn take(&self, round: Digest, name: &str) -> Result<Option<Vec<u8>>, VaultError> {
        let path = self.path(round, name);
        match fs::metadata(&path) {
            Ok(found) if found.len() > MAX_FILE_BYTES => return Err(VaultError::TooLong { path }),
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            _ => {}
        }
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(VaultError::File { path, source }),
        }
    }

    /// Whether there is such a file.
    #[must_use]
    pub fn has(&self, round: Digest, name: &str) -> bool {
        self.of(round).join(name).is_file()
    }

    /// Removes the files of a round whose names begin so. Those that are not there are no fault.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn forget(&self, round: Digest, prefix: &str) -> Result<(), VaultError> {
        let folder = self.of(round);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(VaultError::File { path: folder, source }),
        };
        for entry in entries {
            let entry =
                entry.map_err(|source| VaultError::File { path: folder.clone(), source })?;
            let name = entry.file_name();
            if name.to_string_lossy().starts_with(prefix) {
                let path = entry.path();
                fs::remove_file(&path).map_err(|source| VaultError::File { path, source })?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_whole_or_not_at_all_and_goes_when_it_is_told_to() {
        let state = tempfile::tempdir().expect("a folder");
        let vault = Vault::new(state.path());
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        assert_eq!(vault.take(one, "part-1").expect("reads"), None);
        vault.put(one, "part-1", b"first").expect("writes");
        vault.put(one, "part-1", b"second").expect("writes");
        vault.put(one, "sum-1", b"third").expect("writes");
        vault.put(other, "part-1", b"fourth").expect("writes");
        assert_eq!(vault.take(one, "part-1").expect("reads"), Some(b"second".to_vec()));
        vault.forget(one, "part-").expect("removes");
        vault.forget(Digest::of(b"none"), "part-").expect("removes nothing");
        assert!(!vault.has(one, "part-1") && vault.has(one, "sum-1") && vault.has(other, "part-1"));
        // What a crash left of a file is none.
        fs::write(state.path().join("sums").join(one.to_string()).join("sum-2.part"), b"half")
            .expect("writes");
        assert!(!vault.has(one, "sum-2"));
    }
}
