//! The one task that writes. It takes whatever is queued into one transaction, so that many waiting
//! questions share one sync of the disk, and a single one waits for nobody.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use evensum_core::ledger::checkpoint::claimed_origin;
use evensum_core::ledger::merkle::Frontier;
use evensum_core::ledger::{CheckpointError, Event, ReceiptParts};
use evensum_core::model::{Clock, Digest, QueryId};
use evensum_core::pool::Rounds;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot, watch};

use super::batch::{Batch, Fault, MAX_BATCH, Owner, Realm, Settled, Stop, Work, portions};
use super::decide::Marks;
use super::nodes::{Nodes, digest};
use super::{About, StoreError, Unanswered, check, database, reader};

/// SQLite's code for a full disk.
const SQLITE_FULL: i32 = 13;
/// SQLite's code where the file that WAL shares between processes cannot grow: a full disk too.
const SQLITE_IOERR_SHMSIZE: i32 = 4874;
/// SQLite's code for another process that holds the database.
const SQLITE_BUSY: i32 = 5;

/// How often a log that took no entry is tried again while nobody asks.
const TRY_AGAIN: Duration = Duration::from_secs(1);

const OPEN: u8 = 0;
const CLOSED: u8 = 1;
const BROKEN: u8 = 2;

pub(super) type Answer = Result<Settled<ReceiptParts>, StoreError>;

/// Work with the place where its answer is waited for.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) work: Work,
    pub(super) reply: oneshot::Sender<Answer>,
}

/// What the queue carries.
#[derive(Debug)]
pub(super) enum Message {
    Job(Box<Job>),
    /// Write what is queued, then close the database and answer.
    Close(oneshot::Sender<()>),
}

/// How the writer is, as its callers see it.
#[derive(Debug)]
pub(super) struct Condition {
    state: AtomicU8,
    writable: watch::Sender<bool>,
}

impl Default for Condition {
    fn default() -> Self {
        Self { state: AtomicU8::new(OPEN), writable: watch::Sender::new(true) }
    }
}

impl Condition {
    pub(super) fn healthy(&self) -> bool {
        self.state.load(Ordering::Acquire) == OPEN
    }

    pub(super) fn writable(&self) -> watch::Receiver<bool> {
        self.writable.subscribe()
    }

    /// Why nothing is written any more.
    pub(super) fn ended(&self) -> StoreError {
        match self.state.load(Ordering::Acquire) {
            CLOSED => StoreError::Closed,
            _ => StoreError::Broken { source: None },
        }
    }

    fn end(&self, how: u8) {
        let _ = self.state.compare_exchange(OPEN, how, Ordering::AcqRel, Ordering::Acquire);
        self.note(false);
    }

    /// Notes whether there is room for whatever comes. Gives whether that is news.
    fn note(&self, room: bool) -> bool {
        self.writable.send_if_modified(|before| std::mem::replace(before, room) != room)
    }
}

/// Marks the store as broken, whatever ends the task, unless it was closed in order.
struct EndsBroken(Arc<Condition>);

impl Drop for EndsBroken {
    fn drop(&mut self) {
        self.0.end(BROKEN);
    }
}

/// Why a batch was not written, and whether the next may be.
#[derive(Debug)]
pub(super) enum Failure {
    Full,
    Busy,
    Broken(Arc<Fault>),
}

impl Failure {
    fn of(fault: Fault) -> Self {
        let code = match &fault {
            Fault::Database(sqlx::Error::Database(e)) => e.code().and_then(|c| c.parse().ok()),
            _ => None,
        };
        match code {
            Some(SQLITE_FULL | SQLITE_IOERR_SHMSIZE) => Self::Full,
            Some(code) if code & 0xff == SQLITE_BUSY => Self::Busy,
            _ => Self::Broken(Arc::new(fault)),
        }
    }

    fn error(&self) -> StoreError {
        match self {
            Self::Full => StoreError::Full,
            Self::Busy => StoreError::Slow,
            Self::Broken(fault) => {
                let source: Arc<dyn std::error::Error + Send + Sync> = Arc::<Fault>::clone(fault);
                StoreError::Broken { source: Some(source) }
            }
        }
    }
}

/// An end that could not be written when it came: of one question, or of all without an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owed {
    One(Realm, About),
    Rest(Realm, QueryId, Digest),
}

impl Owed {
    fn work(&self) -> Work {
        match self {
            Self::One(realm, About { query_id, query_hash, question }) => {
                let (query_id, query_hash, question) = (*query_id, *query_hash, *question);
                let event = Event::Aborted { query_id, query_hash, question };
                Work::End(realm.clone(), query_id, event)
            }
            Self::Rest(realm, query_id, hash) => {
                Work::EndRest(realm.clone(), *query_id, *hash, Unanswered::Aborted)
            }
        }
    }
}

/// The writer's state.
pub(super) struct Writer {
    conn: SqliteConnection,
    owner: Owner,
    clock: Arc<dyn Clock>,
    frontier: Frontier,
    nodes: Nodes,
    marks: Marks,
    rounds: watch::Sender<Arc<Rounds>>,
    checkpoint: watch::Sender<String>,
    condition: Arc<Condition>,
    /// Ends of questions that could not be written when they came.
    owed: Vec<Owed>,
    _lock: File,
}

impl Writer {
    /// Takes the lock, opens and checks the database, and ends what a crash cut off.
    pub(super) async fn open(
        dir: &Path,
        owner: Owner,
        clock: Arc<dyn Clock>,
        software: &str,
    ) -> Result<Self, StoreError> {
        let key = owner.key.verifying_key();
        if !key.is_ed25519() {
            return Err(StoreError::Key(CheckpointError::Key));
        }
        database::prepare_state(dir)?;
        let lock = database::lock(dir)?;
        let mut conn = database::connect(dir).await?;
        let newest = reader::newest_checkpoint(&mut conn).await?.unwrap_or_default();
        let found = claimed_origin(&newest);
        if !found.is_empty() && found.starts_with("evensum/") && found != owner.origin {
            return Err(StoreError::OtherLog { found: found.to_owned(), wanted: owner.origin });
        }
        let (verdict, frontier, rounds) = check::check(&mut conn, &owner.origin, &key).await?;
        if let Some(first) = verdict.problems.first() {
            return Err(StoreError::Tampered { first: first.to_string() });
        }
        let mut writer = Self {
            conn,
            owner,
            clock,
            frontier,
            nodes: Nodes::default(),
            marks: Marks::default(),
            rounds: watch::Sender::new(Arc::new(rounds)),
            checkpoint: watch::Sender::new(newest),
            condition: Arc::default(),
            owed: Vec::new(),
            _lock: lock,
        };
        writer.recover().await?;
        let opened = Work::Append(Event::LogOpened { software: software.to_owned() });
        writer.write_all(vec![opened]).await?;
        Ok(writer)
    }

    pub(super) fn condition(&self) -> Arc<Condition> {
        Arc::clone(&self.condition)
    }

    pub(super) fn checkpoint(&self) -> watch::Receiver<String> {
        self.checkpoint.subscribe()
    }

    pub(super) fn rounds(&self) -> watch::Receiver<Arc<Rounds>> {
        self.rounds.subscribe()
    }

    /// Ends every question that has no end: nothing was released for it, and it may be asked again.
    async fn recover(&mut self) -> Result<(), StoreError> {
        loop {
            let rows: Vec<(String, String, Vec<u8>)> = sqlx::query_as(
                "SELECT DISTINCT realm, query_id, query_hash \
                 FROM question JOIN seen USING (realm, query_id) \
                 WHERE outcome IS NULL ORDER BY realm, query_id LIMIT 64",
            )
            .fetch_all(&mut self.conn)
            .await?;
            if rows.is_empty() {
                return Ok(());
            }
            let mut works = Vec::new();
            for (realm, id, hash) in rows {
                let (Ok(query_id), Some(query_hash)) = (QueryId::new(&id), digest(&hash)) else {
                    let first = "the list of queries holds one that cannot be read".to_owned();
                    return Err(StoreError::Tampered { first });
                };
                works.push(Owed::Rest(realm.into(), query_id, query_hash).work());
            }
            self.write_all(works).await?;
        }
    }

    async fn write_all(&mut self, works: Vec<Work>) -> Result<(), StoreError> {
        for portion in portions(works, Work::most_entries) {
            let answers = self.transact(portion).await.map_err(|failure| failure.error())?;
            answers.into_iter().try_for_each(|answer| answer.map(drop))?;
        }
        Ok(())
    }

    /// Writes until the last handle is dropped or the store is closed, or until nobody knows what is on the
    /// disk.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        let ends = EndsBroken(Arc::clone(&self.condition));
        let mut closers = Vec::new();
        let mut messages = Vec::with_capacity(MAX_BATCH);
        while self.more(&mut queue, &mut messages).await {
            let mut jobs = Vec::with_capacity(messages.len());
            for message in messages.drain(..) {
                match message {
                    // Whoever stopped waiting was told that nothing was written. An end is written all the
                    // same: the question would have none.
                    Message::Job(job) if job.reply.is_closed() && ending(&job.work).is_none() => {}
                    Message::Job(job) => jobs.push(*job),
                    Message::Close(closer) => {
                        queue.close();
                        closers.push(closer);
                    }
                }
            }
            if self.batch(jobs).await.is_err() {
                return;
            }
        }
        ends.0.end(CLOSED);
        let Self { conn, _lock: lock, .. } = self;
        if let Err(error) = conn.close().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the database did not close");
        }
        drop(lock);
        for closer in closers {
            let _ = closer.send(());
        }
    }

    /// Waits for messages. While the log takes no entries, or owes some, it gives up after a moment, without
    /// any, so that the next batch finds out whether it takes them now. False where nobody can send any more.
    async fn more(&self, queue: &mut mpsc::Receiver<Message>, messages: &mut Vec<Message>) -> bool {
        let received = queue.recv_many(messages, MAX_BATCH);
        if *self.condition.writable.borrow() && self.owed.is_empty() {
            return received.await > 0;
        }
        match tokio::time::timeout(TRY_AGAIN, received).await {
            Ok(count) => count > 0,
            Err(_) => true,
        }
    }

    async fn batch(&mut self, jobs: Vec<Job>) -> Result<(), Arc<Fault>> {
        for portion in portions(jobs, |job| job.work.most_entries()) {
            self.portion(portion).await?;
        }
        for portion in portions(self.owed.clone(), |owed| owed.work().most_entries()) {
            match self.transact(portion.iter().map(Owed::work).collect()).await {
                Err(Failure::Broken(fault)) => return Err(fault),
                // Where the disk is full, the next batch that finds room ends them, or the next start.
                Err(Failure::Full | Failure::Busy) => return Ok(()),
                Ok(_) => drop(self.owed.drain(..portion.len())),
            }
        }
        if *self.condition.writable.borrow() {
            return Ok(());
        }
        match self.try_room().await {
            Err(Failure::Broken(fault)) => Err(fault),
            Err(Failure::Full | Failure::Busy) | Ok(()) => Ok(()),
        }
    }

    async fn portion(&mut self, jobs: Vec<Job>) -> Result<(), Arc<Fault>> {
        let (works, replies): (Vec<_>, Vec<_>) =
            jobs.into_iter().map(|job| (job.work, job.reply)).unzip();
        let ids: Vec<_> = works.iter().map(begun).collect();
        let ends: Vec<_> = works.iter().filter_map(ending).collect();
        let written = self.transact(works).await;
        if written.is_err() {
            // Nothing of it is on the disk: these questions still run, and nobody comes back for them.
            self.owed.extend(ends);
        }
        self.owed.extend(deliver(written, ids, replies)?);
        Ok(())
    }

    /// One transaction over all the work, synced to the disk when this returns.
    async fn transact(&mut self, works: Vec<Work>) -> Result<Vec<Answer>, Failure> {
        if works.is_empty() {
            return Ok(Vec::new());
        }
        let tried = self.try_transact(works).await;
        self.settled(tried).await
    }

    /// Whether there is room again, found out without an entry. Nothing else tells those who watch that there
    /// is: a small entry fits where the next long answer does not.
    async fn try_room(&mut self) -> Result<(), Failure> {
        let tried = database::try_room(&mut self.conn).await.map_err(Fault::from);
        self.settled(tried).await?;
        if self.condition.note(true) {
            tracing::info!("the audit log takes entries again");
        }
        Ok(())
    }

    /// Rolls back what failed, and tells those who watch.
    async fn settled<T>(&mut self, tried: Result<T, Fault>) -> Result<T, Failure> {
        let failed = match tried {
            Ok(done) => return Ok(done),
            Err(fault) => Failure::of(fault),
        };
        // SQLite may have rolled back by itself, and then says that there is nothing to roll back. Were a
        // transaction left open, the next BEGIN would fail, and with it the store.
        let _ = sqlx::query("ROLLBACK").execute(&mut self.conn).await;
        let error = failed.error();
        if let Failure::Broken(_) = &failed {
            // Before anybody hears of it, so that whoever did finds the store unhealthy.
            self.condition.end(BROKEN);
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the audit log is closed for good"
            );
        } else if self.condition.note(false) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the audit log takes no entries"
            );
        }
        Err(failed)
    }

    async fn try_transact(&mut self, works: Vec<Work>) -> Result<Vec<Answer>, Fault> {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut self.conn).await?;
        let now = self.clock.now();
        let rounds = Arc::clone(&self.rounds.borrow());
        let known = (&self.marks, rounds);
        let mut batch = Batch::new(&mut self.conn, &self.owner, now, &self.frontier, known);
        let mut settled = Vec::with_capacity(works.len());
        for work in works {
            settled.push(match batch.settle(work).await {
                Ok(done) => Ok(done),
                Err(Stop::Refused(why)) => Err(why),
                Err(Stop::Database(error)) => return Err(error.into()),
            });
        }
        let (sealed, answers) = batch.seal(&self.nodes, settled).await?;
        sqlx::query("COMMIT").execute(&mut self.conn).await?;
        self.frontier = sealed.frontier;
        self.nodes.absorb(sealed.nodes);
        self.marks.absorb(sealed.marks);
        self.rounds.send_if_modified(|rounds| {
            let new = !Arc::ptr_eq(rounds, &sealed.rounds);
            *rounds = sealed.rounds;
            new
        });
        if let Some(note) = sealed.note {
            self.checkpoint.send_replace(note);
        }
        Ok(answers)
    }
}

/// The end that a piece of work is, or brings.
fn ending(work: &Work) -> Option<Owed> {
    match work {
        Work::End(realm, _, event) => About::of(event).map(|about| Owed::One(realm.clone(), about)),
        Work::EndRest(realm, query_id, hash, _) => {
            Some(Owed::Rest(realm.clone(), *query_id, *hash))
        }
        Work::Publish(realm, publish) => Some(Owed::One(realm.clone(), publish.about)),
        Work::Withhold(realm, withhold) => Some(Owed::One(realm.clone(), withhold.about)),
        _ => None,
    }
}

/// What has no end where nobody hears what became of a piece of work: a query that it began, or the question of a
/// release that must be tested again.
fn begun(work: &Work) -> Option<Owed> {
    match work {
        Work::Begin(realm, begin) => {
            Some(Owed::Rest(realm.clone(), begin.query_id, begin.query_hash))
        }
        Work::Publish(realm, publish) => Some(Owed::One(realm.clone(), publish.about)),
        _ => None,
    }
}

/// Hands the answers out. Returns what ends those queries that began for a caller who has gone: nobody else
/// would.
pub(super) fn deliver(
    written: Result<Vec<Answer>, Failure>,
    begun: Vec<Option<Owed>>,
    replies: Vec<oneshot::Sender<Answer>>,
) -> Result<Vec<Owed>, Arc<Fault>> {
    let answers = match written {
        Ok(answers) => answers,
        Err(failure) => {
            for reply in replies {
                let _ = reply.send(Err(failure.error()));
            }
            return match failure {
                Failure::Broken(fault) => Err(fault),
                Failure::Full | Failure::Busy => Ok(Vec::new()),
            };
        }
    };
    let mut orphans = Vec::new();
    for ((answer, query), reply) in answers.into_iter().zip(begun).zip(replies) {
        let left = match reply.send(answer) {
            Err(Ok(unheard)) => unheard.leaves_work(),
            Err(Err(StoreError::Outrun)) => true,
            _ => false,
        };
        if left {
            orphans.extend(query);
        }
    }
    Ok(orphans)
}
