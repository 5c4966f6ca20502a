//! One transaction: what each piece of work writes, the checkpoint that covers it, and the proofs against it.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use evensum_core::ledger::merkle::{self, Frontier, leaf_hash};
use evensum_core::ledger::{Checkpoint, CheckpointError, Entry, Event, ReceiptParts};
use evensum_core::model::RefusalCode;
use evensum_core::model::{Digest, QueryId, Timestamp};
use evensum_core::sign::SigningKey;
use sqlx::{QueryBuilder, SqliteConnection};

use super::database::to_sql;
use super::nodes::{Nodes, digest};
use super::{Begin, Identity, Publish, StoreError};

/// The most pieces of work in one transaction.
pub(super) const MAX_BATCH: usize = 64;
/// Sizes of the log of which one signed checkpoint is kept for good; the newest is always kept too.
pub(super) const CHECKPOINT_BLOCK: u64 = 1024;
/// Entries that one statement writes.
const RECORDS_A_STATEMENT: usize = 8;
/// The most entries that a piece of work appends.
const MOST_ENTRIES: usize = 2;

// So that every block of sizes has a checkpoint, and its absence means that it was deleted.
const _: () = assert!((MAX_BATCH * MOST_ENTRIES) as u64 <= CHECKPOINT_BLOCK);

/// A piece of work for the writer.
#[derive(Debug)]
pub(super) enum Work {
    Append(Event),
    Begin(Box<Begin>),
    Publish(Box<Publish>),
    End(QueryId, Event),
    /// Pretends that the disk ends after so many pages.
    #[cfg(test)]
    DiskOf(u32),
}

/// What became of a piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Done,
    Fresh,
    Frozen,
    ReplayedRelease,
    ReplayedRefusal(RefusalCode),
    Running,
    Conflict,
}

/// What became of a piece of work, with its entry and, where there is one, the frozen release and the entry
/// that published it.
#[derive(Debug)]
pub(super) struct Settled<R> {
    pub(super) kind: Kind,
    pub(super) entry: Option<R>,
    pub(super) frozen: Option<(Vec<u8>, R)>,
}

impl<R> Settled<R> {
    const fn plain(kind: Kind, entry: R) -> Self {
        Self { kind, entry: Some(entry), frozen: None }
    }

    const fn release(kind: Kind, entry: R, frozen: (Vec<u8>, R)) -> Self {
        Self { kind, entry: Some(entry), frozen: Some(frozen) }
    }

    pub(super) fn try_map<S, E>(
        self,
        mut each: impl FnMut(R) -> Result<S, E>,
    ) -> Result<Settled<S>, E> {
        Ok(Settled {
            kind: self.kind,
            entry: self.entry.map(&mut each).transpose()?,
            frozen: self.frozen.map(|(bytes, r)| each(r).map(|s| (bytes, s))).transpose()?,
        })
    }

    fn entries(&self) -> impl Iterator<Item = &R> {
        self.entry.iter().chain(self.frozen.iter().map(|(_, entry)| entry))
    }
}

/// Place and bytes of an entry in the log.
pub(super) type Logged = (u64, Vec<u8>);

/// Why a piece of work, or the whole batch, was not written.
#[derive(Debug)]
pub(super) enum Stop {
    /// This piece alone is refused. It has written nothing.
    Refused(StoreError),
    /// The database failed, and with it the batch.
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// Whose log it is.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) identity: Identity,
    pub(super) origin: String,
    pub(super) key: Arc<SigningKey>,
}

/// A transaction in the making.
pub(super) struct Batch<'a> {
    conn: &'a mut SqliteConnection,
    owner: &'a Owner,
    now: Timestamp,
    before: u64,
    frontier: Frontier,
    nodes: Nodes,
    waiting: Waiting,
}

/// What a transaction has not written yet: each statement is a journey to the database's thread and back, so
/// that entries are written several at a time.
#[derive(Default)]
struct Waiting {
    /// Place, bytes and leaf hash.
    records: Vec<(i64, Vec<u8>, Digest)>,
    /// Level, index and hash, in hexadecimal, of complete subtrees.
    subtrees: Vec<(u8, i64, String)>,
}

/// What a transaction leaves once it is committed.
pub(super) struct Sealed {
    pub(super) frontier: Frontier,
    pub(super) nodes: Nodes,
    /// The signed checkpoint, where anything was appended.
    pub(super) note: Option<String>,
}

struct Seen {
    same: bool,
    outcome: Option<String>,
    release: Option<Digest>,
    code: Option<RefusalCode>,
}

impl<'a> Batch<'a> {
    /// Starts from the committed tree. The caller has begun the transaction.
    pub(super) fn new(
        conn: &'a mut SqliteConnection,
        owner: &'a Owner,
        now: Timestamp,
        committed: &Frontier,
    ) -> Self {
        let mut nodes = Nodes::default();
        // Every left neighbour of a new entry is one of these, or new itself.
        for (node, hash) in committed.peaks() {
            nodes.insert(node, hash);
        }
        Self {
            conn,
            owner,
            now,
            before: committed.len(),
            frontier: committed.clone(),
            nodes,
            waiting: Waiting::default(),
        }
    }

    /// Does a piece of work. A piece that is refused has written nothing: every check, and the one encoding
    /// that may fail, come before its first write.
    pub(super) async fn settle(&mut self, work: Work) -> Result<Settled<Logged>, Stop> {
        match work {
            Work::Append(event) => Ok(Settled::plain(Kind::Done, self.append(event).await?)),
            Work::Begin(begin) => self.begin(*begin).await,
            Work::Publish(publish) => self.publish(*publish).await,
            Work::End(query_id, event) => self.end(query_id, event).await,
            #[cfg(test)]
            Work::DiskOf(pages) => {
                let sql = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
                sqlx::query(sql).fetch_all(&mut *self.conn).await?;
                Ok(Settled { kind: Kind::Running, entry: None, frozen: None })
            }
        }
    }

    async fn append(&mut self, event: Event) -> Result<Logged, Stop> {
        let seq = self.frontier.len();
        // A frozen release refers to the entry that published it.
        let referred_to = matches!(event, Event::Published { .. });
        let Identity { ods, role, .. } = &self.owner.identity;
        let bytes = Entry::new(seq, self.now, ods.clone(), *role, event)
            .encode()
            .map_err(|e| Stop::Refused(e.into()))?;
        let leaf = leaf_hash(&bytes);
        for (level, index, hash) in self.frontier.push(leaf) {
            let hexadecimal = HEXLOWER.encode(hash.as_bytes());
            self.waiting.subtrees.push((level, to_sql(index), hexadecimal));
            self.nodes.insert((level, index), hash);
        }
        self.waiting.records.push((to_sql(seq), bytes.clone(), leaf));
        if referred_to {
            self.write_records().await?;
        }
        Ok((seq, bytes))
    }

    /// Writes the entries that wait for it.
    async fn write_records(&mut self) -> Result<(), sqlx::Error> {
        for some in self.waiting.records.chunks(RECORDS_A_STATEMENT) {
            let mut insert = QueryBuilder::new("INSERT INTO record (seq, bytes, leaf) ");
            insert.push_values(some, |mut row, (seq, bytes, leaf)| {
                row.push_bind(*seq).push_bind(bytes).push_bind(&leaf.as_bytes()[..]);
            });
            insert.build().execute(&mut *self.conn).await?;
        }
        self.waiting.records.clear();
        Ok(())
    }

    /// Writes everything that waits, and the checkpoint over it in place of the one before.
    async fn write(&mut self, size: u64, note: &str) -> Result<(), sqlx::Error> {
        self.write_records().await?;
        let subtrees = serde_json::to_string(&self.waiting.subtrees)
            .map_err(|e| sqlx::Error::Encode(Box::new(e)))?;
        sqlx::query(
            "INSERT INTO node (level, idx, hash) \
             SELECT value ->> 0, value ->> 1, unhex(value ->> 2) FROM json_each(?); \
             INSERT INTO checkpoint (size, note) VALUES (?, ?); \
             DELETE FROM checkpoint WHERE size >= ? AND size < ?",
        )
        .bind(subtrees)
        .bind(to_sql(size))
        .bind(note)
        .bind(to_sql(size - size % CHECKPOINT_BLOCK))
        .bind(to_sql(size))
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    async fn begin(&mut self, begin: Begin) -> Result<Settled<Logged>, Stop> {
        let (query_id, query_hash) = (begin.query_id, begin.query_hash);
        if (begin.asked.query_id, begin.asked.query_hash) != (query_id, query_hash) {
            return refuse("the question and what was asked differ");
        }
        let Some(seen) = self.seen(query_id, query_hash, Some(&begin.caller)).await? else {
            return self.accept(begin).await;
        };
        if !seen.same {
            let code = RefusalCode::QueryIdSeen;
            let event = Event::Refused { asked: Some(begin.asked), query_id, query_hash, code };
            return Ok(Settled::plain(Kind::Conflict, self.append(event).await?));
        }
        match (seen.outcome.as_deref(), seen.release, seen.code) {
            (None, ..) => Ok(Settled { kind: Kind::Running, entry: None, frozen: None }),
            (Some("released"), Some(key), _) => {
                let Some((hash, frozen)) = self.frozen(key).await? else {
                    let first = "a frozen release is missing".to_owned();
                    return Err(Stop::Refused(StoreError::Tampered { first }));
                };
                let event = Event::Replayed { query_id, query_hash, release_hash: Some(hash) };
                Ok(Settled::release(Kind::ReplayedRelease, self.append(event).await?, frozen))
            }
            (Some("refused"), _, Some(code)) => {
                let event = Event::Replayed { query_id, query_hash, release_hash: None };
                Ok(Settled::plain(Kind::ReplayedRefusal(code), self.append(event).await?))
            }
            // It ended without an answer, or in one that is combined anew from what partners froze.
            _ => self.accept(begin).await,
        }
    }

    async fn accept(&mut self, begin: Begin) -> Result<Settled<Logged>, Stop> {
        let Begin { query_id, query_hash, caller, expires, asked, frozen } = begin;
        let accepted = self.append(Event::QueryAccepted { asked }).await?;
        sqlx::query(
            "INSERT INTO seen (query_id, query_hash, caller, expires) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (query_id) DO UPDATE SET outcome = NULL, release_key = NULL, code = NULL",
        )
        .bind(query_id.to_string())
        .bind(&query_hash.as_bytes()[..])
        .bind(caller)
        .bind(expires.as_unix())
        .execute(&mut *self.conn)
        .await?;
        if let Some(key) = frozen
            && let Some((hash, row)) = self.frozen(key).await?
        {
            let released = self.release(query_id, query_hash, key, hash).await?;
            return Ok(Settled::release(Kind::Frozen, released, row));
        }
        Ok(Settled::plain(Kind::Fresh, accepted))
    }

    async fn publish(&mut self, publish: Publish) -> Result<Settled<Logged>, Stop> {
        let Publish { query_id, query_hash, key, bytes, published } = publish;
        self.require_running(query_id, query_hash).await?;
        let release = match &published {
            Event::Published { key: said, release_hash, .. } if *said == key => *release_hash,
            _ => return refuse("a release is published under another key than it is kept under"),
        };
        if release != Digest::of(&bytes) {
            return refuse("a release's hash is not that of its bytes");
        }
        // Another question may have frozen the same table meanwhile: then its bytes stand.
        let (hash, row) = match self.frozen(key).await? {
            Some(row) => row,
            None => {
                let logged = self.append(published).await?;
                sqlx::query(
                    "INSERT INTO frozen (key, bytes, release_hash, published_seq) VALUES (?1, ?2, ?3, ?4)",
                )
                .bind(&key.as_bytes()[..])
                .bind(&bytes)
                .bind(&release.as_bytes()[..])
                .bind(to_sql(logged.0))
                .execute(&mut *self.conn)
                .await?;
                (release, (bytes, logged))
            }
        };
        let released = self.release(query_id, query_hash, key, hash).await?;
        Ok(Settled::release(Kind::Done, released, row))
    }

    async fn end(&mut self, query_id: QueryId, event: Event) -> Result<Settled<Logged>, Stop> {
        let (outcome, code) = match &event {
            Event::Refused { code, .. } => ("refused", Some(*code)),
            Event::Failed { .. } => ("failed", None),
            Event::Panicked { .. } => ("panicked", None),
            Event::Aborted { .. } => ("aborted", None),
            Event::AnswerCombined { .. } => ("combined", None),
            _ => return refuse("a question cannot end in this way"),
        };
        match event.query() {
            Some((id, hash)) if id == query_id => self.require_running(id, hash).await?,
            _ => return refuse("a question ends with another question's entry"),
        }
        let logged = self.append(event).await?;
        sqlx::query("UPDATE seen SET outcome = ?2, code = ?3 WHERE query_id = ?1")
            .bind(query_id.to_string())
            .bind(outcome)
            .bind(code.map(RefusalCode::as_str))
            .execute(&mut *self.conn)
            .await?;
        Ok(Settled::plain(Kind::Done, logged))
    }

    async fn release(
        &mut self,
        query_id: QueryId,
        query_hash: Digest,
        key: Digest,
        release_hash: Digest,
    ) -> Result<Logged, Stop> {
        let event = Event::AnswerReleased { query_id, query_hash, release_hash };
        let logged = self.append(event).await?;
        sqlx::query("UPDATE seen SET outcome = 'released', release_key = ?2 WHERE query_id = ?1")
            .bind(query_id.to_string())
            .bind(&key.as_bytes()[..])
            .execute(&mut *self.conn)
            .await?;
        Ok(logged)
    }

    /// What is known of a question's id. Where a caller is given it must be the same, and the question alive.
    async fn seen(
        &mut self,
        query_id: QueryId,
        query_hash: Digest,
        caller: Option<&str>,
    ) -> Result<Option<Seen>, sqlx::Error> {
        type Row = (Vec<u8>, String, i64, Option<String>, Option<Vec<u8>>, Option<String>);
        let row: Option<Row> = sqlx::query_as(
            "SELECT query_hash, caller, expires, outcome, release_key, code FROM seen WHERE query_id = ?1",
        )
        .bind(query_id.to_string())
        .fetch_optional(&mut *self.conn)
        .await?;
        Ok(row.map(|(hash, from, expires, outcome, release, code)| {
            let alive = expires > self.now.as_unix();
            let replay = caller.is_none_or(|caller| caller == from && alive);
            Seen {
                same: digest(&hash) == Some(query_hash) && replay,
                outcome,
                release: release.as_deref().and_then(digest),
                code: code.as_deref().and_then(RefusalCode::parse),
            }
        }))
    }

    async fn require_running(&mut self, id: QueryId, hash: Digest) -> Result<(), Stop> {
        match self.seen(id, hash, None).await? {
            Some(seen) if seen.same && seen.outcome.is_none() => Ok(()),
            _ => Err(Stop::Refused(StoreError::NotBegun)),
        }
    }

    /// A frozen release: its hash, its bytes and the entry that published it.
    async fn frozen(
        &mut self,
        key: Digest,
    ) -> Result<Option<(Digest, (Vec<u8>, Logged))>, sqlx::Error> {
        type Row = (Vec<u8>, Vec<u8>, i64, Vec<u8>);
        let row: Option<Row> = sqlx::query_as(
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

    /// Signs the state that the transaction makes, stores the checkpoint in it, and makes the proofs of
    /// everything that the work is answered with. Nobody sees any of it before COMMIT has returned; in
    /// the same transaction it leaves no moment in which the last entries are under no signature.
    pub(super) async fn seal(
        mut self,
        known: &Nodes,
        settled: Vec<Result<Settled<Logged>, StoreError>>,
    ) -> Result<(Sealed, Vec<Result<Settled<ReceiptParts>, StoreError>>), Fault> {
        let size = self.frontier.len();
        if size == self.before {
            let none = |(index, _)| Err(merkle::ProofError::Outside { index, size }.into());
            let settled = settled.into_iter().map(|s| s?.try_map(none)).collect();
            return Ok((
                Sealed { frontier: self.frontier, nodes: self.nodes, note: None },
                settled,
            ));
        }
        let Owner { origin, key, .. } = self.owner;
        let note = Checkpoint::sign(origin, size, &self.frontier.root(), key)?;
        self.write(size, &note).await?;
        let wanted: Vec<_> = settled
            .iter()
            .flatten()
            .flat_map(Settled::entries)
            .filter_map(|(seq, _)| merkle::proof_nodes(*seq, size).ok())
            .flatten()
            .collect();
        self.nodes.fetch(self.conn, known, &wanted).await?;
        let nodes = &self.nodes;
        let prove = |(index, entry)| -> Result<ReceiptParts, StoreError> {
            let proof = nodes.proof(index, size)?;
            Ok(ReceiptParts { entry, index, proof, checkpoint: note.clone() })
        };
        let settled = settled.into_iter().map(|s| s?.try_map(prove)).collect();
        let Self { frontier, nodes, .. } = self;
        Ok((Sealed { frontier, nodes, note: Some(note) }, settled))
    }
}

/// Why a transaction is given up.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    #[error("the checkpoint could not be signed")]
    Signing(#[from] CheckpointError),
}

fn refuse<T>(why: &'static str) -> Result<T, Stop> {
    Err(Stop::Refused(StoreError::Contradiction(why)))
}
