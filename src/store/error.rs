//! What can go wrong with a server's state.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use evensum_core::ledger::merkle::ProofError;
use evensum_core::ledger::{CheckpointError, EntryError, ReceiptError};

use evensum_core::pool::StepError;

use super::WRITE_LIMIT;

/// Why the state cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory cannot be made or used.
    #[error("the state directory '{path}' cannot be used: check that this account may write there")]
    Directory {
        /// The directory, or the file in it.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process writes there.
    #[error(
        "{holder} holds '{path}': only one may write to an audit log. Stop it, or give this one a state directory of its own"
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The other process, as far as it is known.
        holder: String,
    },
    /// There is nothing to read.
    #[error("there is no audit log in '{path}': check the directory, or start the server once")]
    NoLog {
        /// The database that was looked for.
        path: PathBuf,
    },
    /// The database cannot be opened.
    #[error("the database '{path}' cannot be opened")]
    Open {
        /// The database.
        path: PathBuf,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The tables cannot be brought to this version.
    #[error(
        "the database's tables cannot be brought to this version: was a newer evensum used with it?"
    )]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A safety setting did not take.
    #[error(
        "the database does not keep the setting '{setting}' (it says '{found}'), without which a loss of power could lose entries: put the state directory on a local disk"
    )]
    Setting {
        /// The setting that was wanted.
        setting: &'static str,
        /// What the database says.
        found: String,
    },
    /// The state of another server.
    #[error(
        "the audit log in this state directory is '{found}', and this server is '{wanted}': give it a state directory of its own"
    )]
    OtherLog {
        /// Whose log was found.
        found: String,
        /// Whose was expected.
        wanted: String,
    },
    /// The audit log does not hold.
    #[error(
        "the audit log was changed outside evensum, or this is not its key, and nothing is served from it. First finding: {first}. Run 'evensum audit verify' for all of them"
    )]
    Tampered {
        /// The first finding.
        first: String,
    },
    /// Not the kind of key that signs an audit log.
    #[error("the audit log cannot be signed with this key")]
    Key(#[source] CheckpointError),
    /// The disk is full.
    #[error(
        "the disk under the audit log is full, and nothing is answered until there is space again: free some"
    )]
    Full,
    /// Not written in time.
    #[error(
        "the audit log did not take the entry within {} seconds, so nothing was answered: ask again; if that repeats, check the disk",
        WRITE_LIMIT.as_secs()
    )]
    Slow,
    /// A write failed in a way after which nobody knows what is on the disk.
    #[error(
        "writing to the audit log failed, and nothing is answered from here on: check the disk, then restart the server"
    )]
    Broken {
        /// Why, for the write that failed.
        #[source]
        source: Option<Arc<dyn Error + Send + Sync>>,
    },
    /// The store was closed.
    #[error("the server is stopping")]
    Closed,
    /// The database cannot be read.
    #[error("the database cannot be read")]
    Read(#[from] sqlx::Error),
    /// An entry cannot be made.
    #[error("the audit log cannot take this entry")]
    Entry(#[from] EntryError),
    /// A stored entry cannot be read.
    #[error("entry {seq} of the audit log cannot be read: run 'evensum audit verify'")]
    Unreadable {
        /// The entry.
        seq: u64,
        /// Why.
        #[source]
        source: EntryError,
    },
    /// No proof can be made.
    #[error("the audit log cannot prove one of its entries")]
    Proof(#[from] ProofError),
    /// A proof does not hold.
    #[error("a proof from the audit log does not hold: run 'evensum audit verify'")]
    Receipt(#[from] ReceiptError),
    /// A question ends that has not begun, or has ended.
    #[error("the question has not begun here, or has already ended")]
    NotBegun,
    /// Something else became live after the test.
    #[error(
        "another release was published while this one was tested: it must be tested beside that one"
    )]
    Outrun,
    /// A step of the two-server sum that those before it do not allow.
    #[error("the audit log takes no such step of a sum: {0}")]
    Step(#[source] StepError),
    /// The caller contradicts itself.
    #[error("the audit log refuses an entry that contradicts itself: {0}")]
    Contradiction(&'static str),
    /// Longer than may be stored.
    #[error("{what} is longer than {most} bytes, the most that is stored")]
    TooLong {
        /// What.
        what: &'static str,
        /// The limit.
        most: usize,
    },
}

impl StoreError {
    /// Whether no entry of any kind can be written now, rather than this one.
    #[must_use]
    pub const fn unwritable(&self) -> bool {
        matches!(self, Self::Full | Self::Slow | Self::Broken { .. } | Self::Closed)
    }
}
