//! The rows of queries, of their questions and of frozen releases, within a transaction.

use evensum_core::model::{Digest, QueryId, RefusalCode};

use super::batch::{Batch, Logged, Stop};
use super::nodes::digest;
use super::{About, StoreError};

/// What is known of a query's id.
pub(super) struct Seen {
    pub(super) hash: Option<Digest>,
    pub(super) caller: String,
    pub(super) expires: i64,
}

/// How a question ended; without an outcome it has not.
pub(super) struct End {
    pub(super) outcome: Option<String>,
    pub(super) release: Option<Digest>,
    pub(super) code: Option<RefusalCode>,
}

/// A frozen release: its hash, its bytes and the entry that published it.
pub(super) type Row = (Digest, (Vec<u8>, Logged));

impl Batch<'_> {
    /// Keeps how a question ended, or that it has not.
    pub(super) async fn mark(
        &mut self,
        realm: &str,
        about: About,
        outcome: Option<&str>,
        key: Option<Digest>,
        code: Option<RefusalCode>,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO question (realm, query_id, number, outcome, release_key, code) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (realm, query_id, number) DO UPDATE SET \
             outcome = excluded.outcome, release_key = excluded.release_key, code = excluded.code",
        )
        .bind(realm)
        .bind(about.query_id.to_string())
        .bind(about.question)
        .bind(outcome)
        .bind(key.map(|key| key.as_bytes().to_vec()))
        .bind(code.map(RefusalCode::as_str))
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    pub(super) async fn seen(
        &mut self,
        realm: &str,
        query_id: QueryId,
    ) -> Result<Option<Seen>, sqlx::Error> {
        let row: Option<(Vec<u8>, String, i64)> = sqlx::query_as(
            "SELECT query_hash, caller, expires FROM seen WHERE realm = ?1 AND query_id = ?2",
        )
        .bind(realm)
        .bind(query_id.to_string())
        .fetch_optional(&mut *self.conn)
        .await?;
        Ok(row.map(|(hash, caller, expires)| Seen { hash: digest(&hash), caller, expires }))
    }

    /// How each question of a query ended, in the order of their numbers, of which none is left out.
    pub(super) async fn ends(
        &mut self,
        realm: &str,
        query_id: QueryId,
    ) -> Result<Vec<End>, sqlx::Error> {
        type Row = (Option<String>, Option<Vec<u8>>, Option<String>);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT outcome, release_key, code FROM question \
             WHERE realm = ?1 AND query_id = ?2 ORDER BY number",
        )
        .bind(realm)
        .bind(query_id.to_string())
        .fetch_all(&mut *self.conn)
        .await?;
        let end = |(outcome, release, code): Row| End {
            outcome,
            release: release.as_deref().and_then(digest),
            code: code.as_deref().and_then(RefusalCode::parse),
        };
        Ok(rows.into_iter().map(end).collect())
    }

    pub(super) async fn require_running(&mut self, realm: &str, about: About) -> Result<(), Stop> {
        let running: Option<i64> = sqlx::query_scalar(
            "SELECT 1 FROM question JOIN seen USING (realm, query_id) \
             WHERE realm = ?1 AND query_id = ?2 AND query_hash = ?3 AND number = ?4 \
             AND outcome IS NULL",
        )
        .bind(realm)
        .bind(about.query_id.to_string())
        .bind(&about.query_hash.as_bytes()[..])
        .bind(about.question)
        .fetch_optional(&mut *self.conn)
        .await?;
        running.map(|_| ()).ok_or(Stop::Refused(StoreError::NotBegun))
    }

    /// A frozen release: its hash, its bytes and the entry that published it.
    pub(super) async fn frozen(&mut self, key: Digest) -> Result<Option<Row>, sqlx::Error> {
        type Stored = (Vec<u8>, Vec<u8>, i64, Vec<u8>);
        let row: Option<Stored> = sqlx::query_as(
            "SELECT frozen.release_hash, frozen.bytes, record.seq, record.bytes \
             FROM frozen JOIN record ON record.seq = frozen.published_seq WHERE frozen.key = ?1",
        )
        .bind(&key.as_bytes()[..])
        .fetch_optional(&mut *self.conn)
        .await?;
        Ok(row.and_then(|(hash, bytes, seq, entry)| {
            Some((digest(&hash)?, (bytes, (u64::try_from(seq).ok()?, entry))))
        }))
    }

    /// Whether a table stays withheld, by the key that it would be frozen under.
    pub(super) async fn withheld(&mut self, key: Digest) -> Result<bool, sqlx::Error> {
        let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM withheld WHERE key = ?1")
            .bind(&key.as_bytes()[..])
            .fetch_optional(&mut *self.conn)
            .await?;
        Ok(found.is_some())
    }
}
