//! The same table, counted by the partner's own database: SQLite, a PostgreSQL server, or a PostgreSQL whose tables
//! lie on further servers. For extracts that one machine does not hold.
//!
//! An extract is a *partition*: one table of `person` and a small whole number for each column and measure, named
//! after dataset, period, standing and extract. A row of the table `evensum_partition` says what it is, under the
//! node key. It is made once by [`write()`] and never changed: the role that a node reads with cannot write, and
//! [`open`] refuses one that can. Because a role that can make tables can also change them, [`open`] compares sums
//! over the table with those that were taken when it was made, weighted by numbers that the node key makes.
//!
//! Nothing of a row leaves the database, with one exception: where rows are spread over servers, the ordinals of
//! the people with most rows of a cell come back, and are asked about.

mod count;
mod database;
mod partition;
mod statement;
mod write;

use std::time::Duration;

use crate::tabulate::TabulateError;

pub use count::{explain, tabulate};
pub use database::{Database, Limits, MAX_RESULT_ROWS};
pub use partition::{Partition, open};
pub use write::{Shard, write};

/// Why a database did not count.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// Not a database's URL.
    #[error(
        "the database's address cannot be used: it is sqlite:FILE, or postgresql://USER:PASSWORD@HOST/DATABASE"
    )]
    Url,
    /// The request cannot be counted.
    #[error(transparent)]
    Request(#[from] TabulateError),
    /// The database refused, or cannot be reached.
    #[error("the database did not answer: check that it runs, and what its own log says")]
    Database(#[from] sqlx::Error),
    /// A statement ran too long.
    #[error(
        "the database did not count within {} seconds: ask for less, or give it more to work with",
        .0.as_secs()
    )]
    Slow(Duration),
    /// Others kept every connection.
    #[error(
        "other questions kept the database's connections for {} seconds: ask again later, or set a smaller statement_seconds",
        .0.as_secs()
    )]
    Crowded(Duration),
    /// More than [`MAX_RESULT_ROWS`].
    #[error("the database handed out more than {MAX_RESULT_ROWS} rows for one table")]
    TooManyRows,
    /// It counted what the table has no place for.
    #[error("the database counted what does not fit the table: publish the extract again")]
    Unexpected,
    /// There is no such partition.
    #[error("the database holds no table '{0}': push the published extract to it")]
    Absent(String),
    /// What is said of a partition was not said with this node's key, or not of this extract.
    #[error("what the database says of the table '{0}' was not written by this node")]
    Authenticity(String),
    /// The rows are not those that were written.
    #[error("the table '{0}' is not as it was published: drop it and push the extract again")]
    Changed(String),
    /// The role that reads could also write.
    #[error(
        "the role that the node reads '{0}' with may also change it: give it SELECT and nothing else"
    )]
    Writable(String),
    /// A name that the database would not take.
    #[error(
        "'{0}' cannot be a name in the database: it takes 1 to 63 lower-case letters, digits and underscores"
    )]
    Name(String),
    /// The extract is staged.
    #[error("only a published extract is pushed to a database: publish it first")]
    Staged,
    /// No shard, or too many.
    #[error("rows are spread over 1 to {} servers", write::MAX_SHARDS)]
    Shards,
    /// Person ordinals beyond what the table's column holds.
    #[error("the extract numbers people beyond what the database's column holds: load it again")]
    Ordinal,
    /// What is said of a partition has no spelling.
    #[error("the table's description cannot be spelt")]
    Description(#[source] serde_json::Error),
}
