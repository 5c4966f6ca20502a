//! Reading a state beside the process that writes it.

use std::path::Path;

use evensum_core::ledger::Entry;
use evensum_core::model::{DatasetId, Period};
use evensum_core::sign::VerifyingKey;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::Mutex;

use super::StoreError;
use super::check::{self, Verdict};
use super::database::{self, to_sql};

/// The most entries that are read at once.
pub const MAX_PAGE: usize = 1000;

/// A state that is only read. It takes no lock and keeps nobody from writing.
#[derive(Debug)]
pub struct Reader {
    pub(super) conn: Mutex<SqliteConnection>,
}

impl Reader {
    /// Opens the state in a directory.
    ///
    /// # Errors
    /// [`StoreError::NoLog`] where there is none, [`StoreError::Open`] where it cannot be read.
    pub async fn open(dir: &Path) -> Result<Self, StoreError> {
        Ok(Self { conn: Mutex::new(database::connect_read_only(dir).await?) })
    }

    /// Entries from a place on, with their places and exact bytes; at most `limit`, and at most [`MAX_PAGE`].
    /// None means that the log ends there.
    ///
    /// # Errors
    /// [`StoreError::Read`]; [`StoreError::Unreadable`] where an entry is damaged.
    pub async fn entries(
        &self,
        from: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Vec<u8>, Entry)>, StoreError> {
        let rows: Vec<(i64, Vec<u8>)> =
            sqlx::query_as("SELECT seq, bytes FROM record WHERE seq >= ?1 ORDER BY seq LIMIT ?2")
                .bind(to_sql(from))
                .bind(i64::try_from(limit.min(MAX_PAGE)).unwrap_or_default())
                .fetch_all(&mut *self.conn.lock().await)
                .await?;
        rows.into_iter()
            .map(|(seq, bytes)| {
                let seq = u64::try_from(seq).unwrap_or_default();
                let entry = Entry::decode(&bytes)
                    .map_err(|source| StoreError::Unreadable { seq, source })?;
                Ok((seq, bytes, entry))
            })
            .collect()
    }

    /// How many entries there are.
    ///
    /// # Errors
    /// [`StoreError::Read`].
    pub async fn size(&self) -> Result<u64, StoreError> {
        let last: Option<i64> = sqlx::query_scalar("SELECT max(seq) FROM record")
            .fetch_one(&mut *self.conn.lock().await)
            .await?;
        Ok(last.and_then(|seq| u64::try_from(seq).ok()).map_or(0, |seq| seq + 1))
    }

    /// Every frozen release about a dataset's period, for whichever federation it was made: its `Published`
    /// entry and its exact bytes, oldest first. All of them describe the same records, so whoever asks what
    /// can be learnt from them must look at all of them together.
    ///
    /// # Errors
    /// [`StoreError::Read`]; [`StoreError::Unreadable`] where an entry is damaged.
    pub async fn releases(
        &self,
        dataset: &DatasetId,
        period: Period,
    ) -> Result<Vec<(Entry, Vec<u8>)>, StoreError> {
        let rows: Vec<(i64, Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "SELECT record.seq, record.bytes, frozen.bytes \
             FROM frozen JOIN record ON record.seq = frozen.published_seq \
             WHERE CAST(record.bytes AS TEXT) ->> '$.event.dataset' = ?1 \
             AND CAST(record.bytes AS TEXT) ->> '$.event.period' = ?2 ORDER BY record.seq",
        )
        .bind(dataset.as_str())
        .bind(period.to_string())
        .fetch_all(&mut *self.conn.lock().await)
        .await?;
        rows.into_iter()
            .map(|(seq, entry, bytes)| {
                let seq = u64::try_from(seq).unwrap_or_default();
                let entry = Entry::decode(&entry)
                    .map_err(|source| StoreError::Unreadable { seq, source })?;
                Ok((entry, bytes))
            })
            .collect()
    }

    /// The newest signed checkpoint's text; none in a log without entries.
    ///
    /// # Errors
    /// [`StoreError::Read`].
    pub async fn checkpoint(&self) -> Result<Option<String>, StoreError> {
        Ok(newest_checkpoint(&mut *self.conn.lock().await).await?)
    }

    /// Checks everything: all entries are there and hash to the stored tree, every signed checkpoint has the
    /// root of its size, the newest covers the last entry, and every frozen release is the published one.
    /// Sees one moment of the log, however long it takes. Two things it cannot find: the whole state put back
    /// to an older copy of itself, which partners who hold a later checkpoint can show, and changes to the
    /// list of question ids, which is not part of the log.
    ///
    /// # Errors
    /// [`StoreError::Read`] where the database itself is damaged.
    pub async fn verify(
        &self,
        origin: &str,
        log_key: &VerifyingKey,
    ) -> Result<Verdict, StoreError> {
        let mut conn = self.conn.lock().await;
        let mut moment = conn.begin().await?;
        let (verdict, ..) = check::check(&mut moment, origin, log_key).await?;
        moment.rollback().await?;
        Ok(verdict)
    }
}

/// The newest checkpoint's text.
pub(super) async fn newest_checkpoint(
    conn: &mut SqliteConnection,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1")
        .fetch_optional(conn)
        .await
}
