//! Who counts: the node itself, or the partner's database, and where that is.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::{ConfigError, NodeTable};
use crate::trust::read_private;

/// The longest that a statement may be allowed to run, in seconds.
const MAX_STATEMENT_SECONDS: u64 = 3_600;

/// Who counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tabulation {
    /// The node, over columns in its memory.
    #[default]
    Columns,
    /// The partner's database.
    Pushdown,
}

/// A server that holds a part of the rows.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushdownShard {
    /// The name of the foreign server in the first database.
    pub server: String,
    /// File of its address, with a role that makes tables.
    load_url: PathBuf,
}

/// The database that counts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pushdown {
    /// File of its address, with a role that reads and can do nothing else.
    url: PathBuf,
    /// File of its address, with a role that makes tables. Read by `node publish` and `node push` alone.
    load_url: PathBuf,
    /// The longest that a statement may run.
    #[serde(default = "default_seconds")]
    statement_seconds: u64,
    /// The servers that the rows are spread over, if they are.
    #[serde(default, rename = "shard")]
    pub shards: Vec<PushdownShard>,
}

const fn default_seconds() -> u64 {
    60
}

impl Pushdown {
    /// Its files, whose paths are relative to the configuration.
    pub(super) fn files(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let shards = self.shards.iter_mut().map(|shard| &mut shard.load_url);
        [&mut self.url, &mut self.load_url].into_iter().chain(shards)
    }

    /// The address that is read from.
    ///
    /// # Errors
    /// [`ConfigError::Trust`] where the file cannot be read, or others can read it.
    pub fn read_address(&self) -> Result<Zeroizing<String>, ConfigError> {
        address(&self.url)
    }

    /// The address that is written to.
    ///
    /// # Errors
    /// As of [`Self::read_address`].
    pub fn load_address(&self) -> Result<Zeroizing<String>, ConfigError> {
        address(&self.load_url)
    }

    /// The longest that a statement may run.
    #[must_use]
    pub const fn statement_limit(&self) -> Duration {
        Duration::from_secs(self.statement_seconds)
    }
}

impl PushdownShard {
    /// The address that is written to.
    ///
    /// # Errors
    /// As of [`Pushdown::read_address`].
    pub fn load_address(&self) -> Result<Zeroizing<String>, ConfigError> {
        address(&self.load_url)
    }
}

fn address(file: &std::path::Path) -> Result<Zeroizing<String>, ConfigError> {
    Ok(Zeroizing::new(read_private(file)?.trim().to_owned()))
}

impl NodeTable {
    /// The database that counts, where one does.
    #[must_use]
    pub fn pushdown(&self) -> Option<&Pushdown> {
        self.pushdown.as_ref()
    }

    /// What does not go together.
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        if self.tabulate == Tabulation::Pushdown && self.profile.needs_record_keys() {
            return Some(
                "profile = \"ckm\" changes figures by the keys of their records, which a database that counts does not hold: set tabulate = \"columns\" and take [node.pushdown] out, or choose another profile",
            );
        }
        match (self.tabulate, &self.pushdown) {
            (Tabulation::Columns, Some(_)) => Some(
                "[node.pushdown] names a database that is not asked: set tabulate = \"pushdown\" in [node], or take it out",
            ),
            (Tabulation::Pushdown, None) => Some(
                "tabulate = \"pushdown\" needs a table [node.pushdown] with the database's 'url' and 'load_url'",
            ),
            (_, Some(database))
                if !(1..=MAX_STATEMENT_SECONDS).contains(&database.statement_seconds) =>
            {
                Some("statement_seconds is 1 to 3600")
            }
            _ => None,
        }
    }
}
