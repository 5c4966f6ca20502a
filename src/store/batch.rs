//! One transaction: what each piece of work writes, the checkpoint that covers it, and the proofs against it.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use evensum_core::ledger::merkle::{self, Frontier, leaf_hash};
use evensum_core::ledger::{Checkpoint, CheckpointError, Entry, Event, ReceiptParts};
use evensum_core::model::{Digest, MAX_QUESTIONS, QueryId, RefusalCode, Timestamp};
use evensum_core::pool::Rounds;
use evensum_core::sign::SigningKey;
use sqlx::{QueryBuilder, SqliteConnection};

use super::database::to_sql;
use super::decide::{Decision, MAX_DECIDED, Marks, Withhold};
use super::nodes::Nodes;
use super::rows::{End, Row};
use super::show::{MAX_SHOWN, Showing};
use super::{About, Begin, Identity, Known, Publish, StoreError, Unanswered};

/// The most pieces of work in one transaction.
pub(super) const MAX_BATCH: usize = 64;
/// Sizes of the log of which one signed checkpoint is kept for good; the newest is always kept too.
pub(super) const CHECKPOINT_BLOCK: u64 = 1024;
/// Entries that one statement writes.
const RECORDS_A_STATEMENT: usize = 8;
/// The most entries of one transaction: so that every block of sizes has a checkpoint, and its absence means
/// that it was deleted.
const MAX_ENTRIES: usize = 1024;

const _: () = assert!(MAX_ENTRIES as u64 <= CHECKPOINT_BLOCK);
// The largest piece of work: a query that is accepted, with the end of each of its questions.
const _: () = assert!(MAX_QUESTIONS < MAX_ENTRIES);
const _: () = assert!(MAX_DECIDED < MAX_ENTRIES);
const _: () = assert!(MAX_SHOWN < MAX_ENTRIES);

/// Cuts work, which keeps its order, into transactions that append no more than [`MAX_ENTRIES`].
pub(super) fn portions<T>(work: Vec<T>, most_entries: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut portions = Vec::new();
    let (mut portion, mut entries) = (Vec::new(), 0);
    for piece in work {
        let more = most_entries(&piece);
        if entries + more > MAX_ENTRIES && !portion.is_empty() {
            portions.push(std::mem::take(&mut portion));
            entries = 0;
        }
        entries += more;
        portion.push(piece);
    }
    if !portion.is_empty() {
        portions.push(portion);
    }
    portions
}

/// Within which a query's id is taken only once.
pub(super) type Realm = Arc<str>;

/// A piece of work for the writer.
#[derive(Debug)]
pub(super) enum Work {
    Append(Event),
    Begin(Realm, Box<Begin>),
    Publish(Realm, Box<Publish>),
    Withhold(Realm, Box<Withhold>),
    Decide(Box<Decision>),
    Show(Realm, Box<Showing>),
    End(Realm, QueryId, Event),
    EndRest(Realm, QueryId, Digest, Unanswered),
    /// Pretends that the disk ends after so many pages.
    #[cfg(test)]
    DiskOf(u32),
}

impl Work {
    /// The most entries that it appends.
    pub(super) fn most_entries(&self) -> usize {
        match self {
            Self::Append(_) | Self::End(..) => 1,
            Self::Publish(..) | Self::Withhold(..) => 2,
            Self::Decide(decision) => decision.entries(),
            Self::Show(_, showing) => showing.releases.len(),
            Self::Begin(_, begin) => 1 + begin.questions.len(),
            Self::EndRest(..) => MAX_QUESTIONS,
            #[cfg(test)]
            Self::DiskOf(_) => 0,
        }
    }
}

/// What became of a piece of work, or of one question of a query that begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Done,
    /// Each of the questions has a kind of its own.
    Begun,
    Fresh,
    Frozen,
    Refused(RefusalCode),
    ReplayedRelease,
    ReplayedRefusal(RefusalCode),
    Running,
    Conflict,
}

/// What became of a piece of work, with its entry and, where there is one, the frozen release and the entry
/// that published it; and the same of each question of a query that begins.
#[derive(Debug)]
pub(super) struct Settled<R> {
    pub(super) kind: Kind,
    pub(super) entry: Option<R>,
    pub(super) frozen: Option<(Vec<u8>, R)>,
    pub(super) each: Vec<Settled<R>>,
}

impl<R> Settled<R> {
    pub(super) const fn nothing(kind: Kind) -> Self {
        Self { kind, entry: None, frozen: None, each: Vec::new() }
    }

    pub(super) const fn plain(kind: Kind, entry: R) -> Self {
        Self { kind, entry: Some(entry), frozen: None, each: Vec::new() }
    }

    pub(super) const fn release(kind: Kind, entry: R, frozen: (Vec<u8>, R)) -> Self {
        Self { kind, entry: Some(entry), frozen: Some(frozen), each: Vec::new() }
    }

    pub(super) fn try_map<S, E>(
        self,
        each: &mut impl FnMut(R) -> Result<S, E>,
    ) -> Result<Settled<S>, E> {
        Ok(Settled {
            kind: self.kind,
            entry: self.entry.map(&mut *each).transpose()?,
            frozen: self.frozen.map(|(bytes, r)| each(r).map(|s| (bytes, s))).transpose()?,
            each: self.each.into_iter().map(|one| one.try_map(each)).collect::<Result<_, _>>()?,
        })
    }

    /// Whether somebody must still answer a question that it began.
    pub(super) fn leaves_work(&self) -> bool {
        self.each.iter().any(|one| one.kind == Kind::Fresh)
    }

    fn entries(&self) -> impl Iterator<Item = &R> {
        let each = std::iter::once(self).chain(&self.each);
        each.flat_map(|one| one.entry.iter().chain(one.frozen.iter().map(|(_, entry)| entry)))
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
    pub(super) conn: &'a mut SqliteConnection,
    owner: &'a Owner,
    now: Timestamp,
    before: u64,
    frontier: Frontier,
    nodes: Nodes,
    waiting: Waiting,
    /// The marks of what is live, where this transaction asked for or changed them.
    pub(super) marks: Marks,
    /// And as they were before it, where they are known.
    pub(super) known_marks: &'a Marks,
    /// Where the server stands in the two-server sum.
    pub(super) rounds: Arc<Rounds>,
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
    pub(super) marks: Marks,
    pub(super) rounds: Arc<Rounds>,
    /// The signed checkpoint, where anything was appended.
    pub(super) note: Option<String>,
}

/// What is to be done about one question of a query that begins.
enum Step {
    Count,
    Release(Digest, Row),
    Refuse(RefusalCode),
    RepeatRelease(Row),
    RepeatRefusal(RefusalCode),
}

impl<'a> Batch<'a> {
    /// Starts from the committed tree. The caller has begun the transaction.
    pub(super) fn new(
        conn: &'a mut SqliteConnection,
        owner: &'a Owner,
        now: Timestamp,
        committed: &Frontier,
        (known_marks, rounds): (&'a Marks, Arc<Rounds>),
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
            marks: Marks::default(),
            known_marks,
            rounds,
        }
    }

    /// Does a piece of work. A piece that is refused has written nothing: every check, and every encoding that may
    /// fail, come before its first write.
    pub(super) async fn settle(&mut self, work: Work) -> Result<Settled<Logged>, Stop> {
        match work {
            Work::Append(event @ Event::Prepared { .. }) => self.prepared(event).await,
            Work::Append(Event::Pool(step)) => self.pool_step(step).await,
            Work::Append(event) => Ok(Settled::plain(Kind::Done, self.append(event).await?)),
            Work::Begin(realm, begin) => self.begin(&realm, *begin).await,
            Work::Publish(realm, publish) => self.publish(&realm, *publish).await,
            Work::Withhold(realm, withhold) => self.withhold(&realm, *withhold).await,
            Work::Decide(decision) => self.decide(*decision).await,
            Work::Show(realm, showing) => self.show(&realm, *showing).await,
            Work::End(realm, query_id, event) => self.end(&realm, query_id, event).await,
            Work::EndRest(realm, id, hash, how) => self.end_rest(&realm, id, hash, how).await,
            #[cfg(test)]
            Work::DiskOf(pages) => {
                let sql = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
                sqlx::query(sql).fetch_all(&mut *self.conn).await?;
                Ok(Settled::nothing(Kind::Running))
            }
        }
    }

    pub(super) async fn append(&mut self, event: Event) -> Result<Logged, Stop> {
        let seq = self.frontier.len();
        // What is kept beside the log refers to the entry that says so.
        let referred_to = matches!(
            event,
            Event::Published { .. }
                | Event::Shown { .. }
                | Event::Withheld { .. }
                | Event::Prepared { .. }
        );
        let bytes = self.encoded(seq, event)?;
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

    fn encoded(&self, seq: u64, event: Event) -> Result<Vec<u8>, Stop> {
        let Identity { ods, role, .. } = &self.owner.identity;
        let entry = Entry::new(seq, self.now, ods.clone(), *role, event);
        entry.encode().map_err(|e| Stop::Refused(e.into()))
    }

    /// Whether these can be the next entries. Writes nothing.
    pub(super) fn encode<'e>(&self, events: impl Iterator<Item = &'e Event>) -> Result<(), Stop> {
        let mut numbered = (self.frontier.len()..).zip(events);
        numbered.try_for_each(|(seq, event)| self.encoded(seq, event.clone()).map(drop))
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

    async fn begin(&mut self, realm: &str, begin: Begin) -> Result<Settled<Logged>, Stop> {
        let (query_id, query_hash) = (begin.query_id, begin.query_hash);
        if (begin.asked.query_id, begin.asked.query_hash) != (query_id, query_hash) {
            return refuse("the query and what was asked differ");
        }
        let mut ends = Vec::new();
        if let Some(seen) = self.seen(realm, query_id).await? {
            let alive = seen.expires > self.now.as_unix();
            if seen.hash != Some(query_hash) || seen.caller != begin.caller || !alive {
                return self.conflict(begin).await;
            }
            ends = self.ends(realm, query_id).await?;
            if ends.len() != begin.questions.len() {
                return refuse("the same query has other questions than before");
            }
            if ends.iter().any(|end| end.outcome.is_none()) {
                return Ok(Settled::nothing(Kind::Running));
            }
        }
        let mut ends = ends.into_iter();
        let mut steps = Vec::with_capacity(begin.questions.len());
        for known in &begin.questions {
            steps.push(self.step(known, ends.next()).await?);
        }
        self.accept(realm, begin, steps).await
    }

    async fn conflict(&mut self, begin: Begin) -> Result<Settled<Logged>, Stop> {
        let Begin { query_id, query_hash, asked, .. } = begin;
        let (asked, code) = (Some(asked), RefusalCode::QueryIdSeen);
        let event = Event::Refused { asked, query_id, query_hash, question: None, code };
        Ok(Settled::plain(Kind::Conflict, self.append(event).await?))
    }

    /// What is to be done about a question, of which so much is known and which may have ended before. Writes
    /// nothing.
    async fn step(&mut self, known: &Known, end: Option<End>) -> Result<Step, Stop> {
        let lost = || {
            let first = "a frozen release is missing".to_owned();
            Stop::Refused(StoreError::Tampered { first })
        };
        match end.map(|end| (end.outcome, end.release, end.code)) {
            Some((Some(outcome), Some(key), _)) if outcome == "released" => {
                return Ok(Step::RepeatRelease(self.frozen(key).await?.ok_or_else(lost)?));
            }
            Some((Some(outcome), _, Some(code))) if outcome == "refused" => {
                return Ok(Step::RepeatRefusal(code));
            }
            // It never was asked, ended without an answer, or in one that is combined anew from what
            // partners froze.
            _ => {}
        }
        Ok(match known {
            Known::Nothing => Step::Count,
            Known::Refused(code) => Step::Refuse(*code),
            Known::Frozen(key) => match self.frozen(*key).await? {
                Some(row) => Step::Release(*key, row),
                None if self.withheld(*key).await? => Step::Refuse(RefusalCode::Withheld),
                None => Step::Count,
            },
        })
    }

    async fn accept(
        &mut self,
        realm: &str,
        begin: Begin,
        steps: Vec<Step>,
    ) -> Result<Settled<Logged>, Stop> {
        let Begin { query_id, query_hash, caller, expires, asked, .. } = begin;
        let repeated =
            |step: &Step| matches!(step, Step::RepeatRelease(_) | Step::RepeatRefusal(_));
        let mut settled = Settled::nothing(Kind::Begun);
        if !steps.iter().all(repeated) {
            settled.entry = Some(self.append(Event::QueryAccepted { asked }).await?);
        }
        sqlx::query(
            "INSERT INTO seen (realm, query_id, query_hash, caller, expires) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (realm, query_id) DO NOTHING",
        )
        .bind(realm)
        .bind(query_id.to_string())
        .bind(&query_hash.as_bytes()[..])
        .bind(caller)
        .bind(expires.as_unix())
        .execute(&mut *self.conn)
        .await?;
        for (question, step) in (0..).zip(steps) {
            let about = About { query_id, query_hash, question };
            settled.each.push(self.take(realm, about, step).await?);
        }
        Ok(settled)
    }

    async fn take(
        &mut self,
        realm: &str,
        about: About,
        step: Step,
    ) -> Result<Settled<Logged>, Stop> {
        let About { query_id, query_hash, question } = about;
        Ok(match step {
            Step::Count => {
                self.mark(realm, about, None, None, None).await?;
                Settled::nothing(Kind::Fresh)
            }
            Step::Release(key, (hash, row)) => {
                let released = self.release(realm, about, key, hash).await?;
                Settled::release(Kind::Frozen, released, row)
            }
            Step::Refuse(code) => {
                let question = Some(question);
                let event = Event::Refused { asked: None, query_id, query_hash, question, code };
                let logged = self.append(event).await?;
                self.mark(realm, about, Some("refused"), None, Some(code)).await?;
                Settled::plain(Kind::Refused(code), logged)
            }
            Step::RepeatRelease((hash, row)) => {
                let release_hash = Some(hash);
                let event = Event::Replayed { query_id, query_hash, question, release_hash };
                Settled::release(Kind::ReplayedRelease, self.append(event).await?, row)
            }
            Step::RepeatRefusal(code) => {
                let event = Event::Replayed { query_id, query_hash, question, release_hash: None };
                Settled::plain(Kind::ReplayedRefusal(code), self.append(event).await?)
            }
        })
    }

    async fn end(
        &mut self,
        realm: &str,
        query_id: QueryId,
        event: Event,
    ) -> Result<Settled<Logged>, Stop> {
        let (outcome, code) = match &event {
            Event::Refused { code, .. } => ("refused", Some(*code)),
            Event::Failed { .. } => ("failed", None),
            Event::Panicked { .. } => ("panicked", None),
            Event::Aborted { .. } => ("aborted", None),
            Event::AnswerCombined { .. } => ("combined", None),
            _ => return refuse("a question cannot end in this way"),
        };
        let about = match About::of(&event) {
            Some(about) if about.query_id == query_id => about,
            _ => return refuse("a question ends with another question's entry"),
        };
        self.require_running(realm, about).await?;
        let logged = self.append(event).await?;
        self.mark(realm, about, Some(outcome), None, code).await?;
        Ok(Settled::plain(Kind::Done, logged))
    }

    /// Ends every question of a query that has no end. None is as good as any.
    async fn end_rest(
        &mut self,
        realm: &str,
        query_id: QueryId,
        query_hash: Digest,
        how: Unanswered,
    ) -> Result<Settled<Logged>, Stop> {
        if self.seen(realm, query_id).await?.and_then(|seen| seen.hash) != Some(query_hash) {
            return Ok(Settled::nothing(Kind::Done));
        }
        let ends = self.ends(realm, query_id).await?;
        for (question, _) in (0..).zip(ends).filter(|(_, end)| end.outcome.is_none()) {
            let about = About { query_id, query_hash, question };
            let (outcome, event) = match how {
                Unanswered::Aborted => {
                    ("aborted", Event::Aborted { query_id, query_hash, question })
                }
                Unanswered::Panicked => {
                    ("panicked", Event::Panicked { query_id, query_hash, question })
                }
            };
            self.append(event).await?;
            self.mark(realm, about, Some(outcome), None, None).await?;
        }
        Ok(Settled::nothing(Kind::Done))
    }

    pub(super) async fn release(
        &mut self,
        realm: &str,
        about: About,
        key: Digest,
        release_hash: Digest,
    ) -> Result<Logged, Stop> {
        let About { query_id, query_hash, question } = about;
        let event = Event::AnswerReleased { query_id, query_hash, question, release_hash };
        let logged = self.append(event).await?;
        self.mark(realm, about, Some("released"), Some(key), None).await?;
        Ok(logged)
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
            let mut none = |(index, _)| Err(merkle::ProofError::Outside { index, size }.into());
            let settled = settled.into_iter().map(|s| s?.try_map(&mut none)).collect();
            return Ok((
                Sealed {
                    frontier: self.frontier,
                    nodes: self.nodes,
                    marks: self.marks,
                    rounds: self.rounds,
                    note: None,
                },
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
        let mut prove = |(index, entry)| -> Result<ReceiptParts, StoreError> {
            let proof = nodes.proof(index, size)?;
            Ok(ReceiptParts { entry, index, proof, checkpoint: note.clone() })
        };
        let settled = settled.into_iter().map(|s| s?.try_map(&mut prove)).collect();
        let Self { frontier, nodes, marks, rounds, .. } = self;
        Ok((Sealed { frontier, nodes, marks, rounds, note: Some(note) }, settled))
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

pub(super) fn refuse<T>(why: &'static str) -> Result<T, Stop> {
    Err(Stop::Refused(StoreError::Contradiction(why)))
}
