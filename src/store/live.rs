//! What is live and what is decided, read beside the writer: the next disclosure test starts from it, and whoever
//! audits repeats those that were made.

use std::path::Path;

use evensum_core::disclosure::Universe;
use evensum_core::ledger::Entry;
use evensum_core::model::{Digest, SnapshotVersion};
use sqlx::{Connection, SqliteConnection};

use super::database;
use super::nodes::digest;
use super::{Reader, Store, StoreError};

/// What became of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// It is frozen.
    Released,
    /// It stays withheld.
    Withheld,
}

/// A live release: the entry that made it so, and its exact bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRow {
    /// The entry.
    pub entry: Entry,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Store {
    /// The exact bytes of every release of a universe, the own and those of partners that were shown, in the order in
    /// which they became live. It is read beside the writer: what becomes live after this is found out when a release is to be frozen.
    ///
    /// # Errors
    /// [`StoreError::Read`], [`StoreError::Open`].
    pub async fn live(&self, universe: &Universe) -> Result<Vec<Vec<u8>>, StoreError> {
        let read = async |conn: &mut SqliteConnection| {
            sqlx::query_scalar(
                "SELECT bytes FROM frozen WHERE universe = ?1 ORDER BY published_seq",
            )
            .bind(universe.as_str())
            .fetch_all(conn)
            .await
        };
        beside(&self.dir, read).await
    }

    /// What became of tables, by the keys that they are frozen under; none where that is not decided.
    ///
    /// # Errors
    /// As of [`Store::live`].
    pub async fn decided(&self, keys: &[Digest]) -> Result<Vec<Option<Decided>>, StoreError> {
        let read = async |conn: &mut SqliteConnection| {
            let mut found = Vec::with_capacity(keys.len());
            for key in keys {
                let kept: Option<bool> = sqlx::query_scalar(
                    "SELECT 1 FROM frozen WHERE key = ?1 UNION ALL SELECT 0 FROM withheld WHERE key = ?1",
                )
                .bind(&key.as_bytes()[..])
                .fetch_optional(&mut *conn)
                .await?;
                let decided = |frozen| if frozen { Decided::Released } else { Decided::Withheld };
                found.push(kept.map(decided));
            }
            Ok(found)
        };
        beside(&self.dir, read).await
    }

    /// The extracts of which the tables that agreements name were decided, each with its standing.
    ///
    /// # Errors
    /// As of [`Store::live`].
    pub async fn prepared(&self) -> Result<Vec<(Digest, SnapshotVersion)>, StoreError> {
        let read = async |conn: &mut SqliteConnection| {
            let found: Vec<(Vec<u8>, String)> =
                sqlx::query_as("SELECT snapshot_id, version FROM prepared").fetch_all(conn).await?;
            let one = |(id, version): &(Vec<u8>, String)| {
                Some((digest(id)?, SnapshotVersion::named(version)?))
            };
            Ok(found.iter().filter_map(one).collect())
        };
        beside(&self.dir, read).await
    }
}

/// Reads on a connection of its own, so that nobody who writes waits for it.
async fn beside<T>(
    dir: &Path,
    read: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
) -> Result<T, StoreError> {
    let mut conn = database::connect_read_only(dir).await?;
    let found = read(&mut conn).await;
    conn.close().await?;
    Ok(found?)
}

impl Reader {
    /// Whether the tables of an extract of this standing that agreements name are decided.
    ///
    /// # Errors
    /// [`StoreError::Read`].
    pub async fn is_prepared(
        &self,
        extract: Digest,
        version: SnapshotVersion,
    ) -> Result<bool, StoreError> {
        let found: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM prepared WHERE snapshot_id = ?1 AND version = ?2")
                .bind(&extract.as_bytes()[..])
                .bind(version.as_str())
                .fetch_optional(&mut *self.conn.lock().await)
                .await?;
        Ok(found.is_some())
    }

    /// The universes of which anything is live, by name.
    ///
    /// # Errors
    /// [`StoreError::Read`].
    pub async fn universes(&self) -> Result<Vec<String>, StoreError> {
        let mut conn = self.conn.lock().await;
        let found = sqlx::query_scalar("SELECT DISTINCT universe FROM frozen ORDER BY universe");
        Ok(found.fetch_all(&mut *conn).await?)
    }

    /// Every live release of a universe, in the order in which they became live: the server's own, each with its
    /// `Published` entry, and partners' that it showed, each with its `Shown` entry.
    ///
    /// # Errors
    /// [`StoreError::Read`]; [`StoreError::Unreadable`] where an entry is damaged.
    pub async fn live(&self, universe: &str) -> Result<Vec<LiveRow>, StoreError> {
        let rows: Vec<(i64, Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "SELECT record.seq, record.bytes, frozen.bytes \
             FROM frozen JOIN record ON record.seq = frozen.published_seq \
             WHERE frozen.universe = ?1 ORDER BY frozen.published_seq",
        )
        .bind(universe)
        .fetch_all(&mut *self.conn.lock().await)
        .await?;
        let row = |(seq, entry, bytes): (i64, Vec<u8>, Vec<u8>)| {
            let seq = u64::try_from(seq).unwrap_or_default();
            let entry =
                Entry::decode(&entry).map_err(|source| StoreError::Unreadable { seq, source })?;
            Ok(LiveRow { entry, bytes })
        };
        rows.into_iter().map(row).collect()
    }
}
