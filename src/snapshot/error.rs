//! What can go wrong with a snapshot.

use std::path::{Path, PathBuf};

use arrow_schema::ArrowError;

use super::file::MAX_FILE_BYTES;
use super::manifest::{FORMAT, MAX_MANIFEST_BYTES};
use super::rows::Shape;

/// Why a snapshot cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The directory is there already.
    #[error("{} exists already: a snapshot is never written over another; remove it or choose another place", .0.display())]
    Exists(PathBuf),
    /// The operating system refused.
    #[error("{doing} {} failed", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The rows do not fit together.
    #[error("the rows do not make a snapshot: {0}")]
    Shape(#[from] Shape),
    /// The Arrow library refused.
    #[error("the snapshot file cannot be {doing}")]
    Arrow {
        /// `written` or `read`.
        doing: &'static str,
        /// What the library said.
        #[source]
        source: ArrowError,
    },
    /// Not this program's columns.
    #[error(
        "the snapshot file does not have the columns of a snapshot: {0}; load the extract again"
    )]
    Layout(&'static str),
    /// The manifest is not readable JSON of this form.
    #[error("the manifest {} cannot be read; load the extract again", path.display())]
    Manifest {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// Longer than a manifest is.
    #[error("the manifest {} is longer than {MAX_MANIFEST_BYTES} bytes; load the extract again", .0.display())]
    ManifestTooLong(PathBuf),
    /// Longer than a file of rows is.
    #[error("the snapshot file {} is longer than {MAX_FILE_BYTES} bytes; load fewer rows at a time", .0.display())]
    FileTooLong(PathBuf),
    /// Written by another version of the program.
    #[error("the manifest {} is not of the format {FORMAT}; load the extract again with this version", .0.display())]
    Format(PathBuf),
    /// Says something that cannot be.
    #[error("the manifest {} contradicts itself: {reason}; load the extract again", path.display())]
    Contradiction {
        /// Where it is.
        path: PathBuf,
        /// What it says.
        reason: &'static str,
    },
    /// The file is not the one that was written, or the key is not the one that it was written with.
    #[error(
        "{} is not the file that this node wrote: it was changed, or the node key was. Check that the node key is the right one, then load the extract again",
        .0.display()
    )]
    Authenticity(PathBuf),
}

/// Names the place and the deed beside what the system said.
pub(super) fn io(doing: &'static str, path: &Path, source: std::io::Error) -> SnapshotError {
    SnapshotError::Io { doing, path: path.to_owned(), source }
}
