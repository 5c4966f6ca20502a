//! A server's own state in one SQLite database: the audit log, the frozen releases and the questions seen.
//!
//! Everything that a question changes is one transaction of one writing task, and an answer carries a
//! [`Receipt`] that exists only after that transaction is on the disk: no entry, no answer. Where the disk is
//! full nothing is answered until it no longer is; after any other failed write nothing is answered at all,
//! because after a failed sync the next one may lie.

mod asked;
mod batch;
mod check;
mod database;
mod decide;
mod error;
mod lists;
mod live;
mod nodes;
mod prove;
mod reader;
mod rows;
mod show;
mod steps;
#[cfg(test)]
mod tests;
mod turns;
mod vault;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use evensum_core::disclosure::{self, Draft, Universe, Withheld};
use evensum_core::ledger::{self, Asked, Event, Receipt, Verifier};
use evensum_core::model::RefusalCode;
use evensum_core::model::canonical::MAX_BYTES;
use evensum_core::model::{Clock, Digest, MAX_QUESTIONS, Ods, QueryId, Role, Timestamp};
use evensum_core::pool::Rounds;
use evensum_core::sign::{SigningKey, VerifyingKey};
use tokio::sync::{mpsc, oneshot, watch};

use batch::{Kind, Owner, Settled, Work};
use decide::{Decision, MAX_DECIDED, Withhold};
use writer::{Answer, Condition, Job, Message, Writer};

pub use asked::asked;
pub use check::{Problem, Verdict};
pub use database::prepare_state;
pub use error::StoreError;
pub use live::{Decided, LiveRow};
pub use reader::{MAX_PAGE, Reader};
pub use show::{MAX_SHOWN, ShownRelease};
pub use turns::Turns;
pub use vault::{MAX_FILE_BYTES, Vault, VaultError};

/// How long a caller waits for a write.
pub const WRITE_LIMIT: Duration = Duration::from_secs(2);
/// Pieces of work that wait for the writer; whoever comes then waits to be queued.
const QUEUE: usize = 1024;
/// The longest name of a caller or of a realm, in bytes.
pub const MAX_CALLER_BYTES: usize = 256;
/// The longest release that is frozen, in bytes.
pub const MAX_RELEASE_BYTES: usize = MAX_BYTES;

/// Whose state it is. It is part of the audit log's name, so a state cannot change hands unnoticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The organisation.
    pub ods: Ods,
    /// What it does in the federation.
    pub role: Role,
}

/// One question of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// The query.
    pub query_id: QueryId,
    /// Hash of its signed bytes.
    pub query_hash: Digest,
    /// The question's number, from 0.
    pub question: u32,
}

impl About {
    /// The question that an entry is about alone.
    fn of(event: &Event) -> Option<Self> {
        let ((query_id, query_hash), question) = (event.query()?, event.question()?);
        Some(Self { query_id, query_hash, question })
    }
}

/// What is known of a question before its query is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it must be worked on.
    Nothing,
    /// What its answer is kept under, if it is released, or that it stays withheld.
    Frozen(Digest),
    /// That it is refused, by itself.
    Refused(RefusalCode),
}

/// How questions end that nobody works on any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// They were given up.
    Aborted,
    /// The software broke over them.
    Panicked,
}

/// A query that was authenticated and may be asked.
#[derive(Debug, Clone)]
pub struct Begin {
    /// Its id.
    pub query_id: QueryId,
    /// Hash of the signed bytes.
    pub query_hash: Digest,
    /// Who sent it, as far as a replay must come from the same: the coordinator, or the analyst.
    pub caller: String,
    /// When it stops being answered.
    pub expires: Timestamp,
    /// What the log says of it.
    pub asked: Asked,
    /// Its questions, in their order; at most [`MAX_QUESTIONS`].
    pub questions: Vec<Known>,
}

/// What is to be done about a query.
#[derive(Debug)]
pub enum Begun {
    /// Something about each of its questions.
    Each {
        /// Proof that it was accepted; none where each question had ended before.
        accepted: Option<Receipt>,
        /// What, in the order of the questions.
        todos: Vec<Todo>,
    },
    /// A question of it is being answered right now. Nothing was written.
    Running,
    /// The id was used for something else, by somebody else, or has expired. The receipt is of the refusal.
    Conflict(Receipt),
}

/// What is to be done about a question.
#[derive(Debug)]
pub enum Todo {
    /// Answer it, then [`Store::publish`] or [`Store::end`].
    Fresh,
    /// It is answered: with a release that was frozen before. The receipt is of its `AnswerReleased`.
    Frozen(FrozenRow, Receipt),
    /// It is refused, as was known. The receipt is of its `Refused`.
    Refused(RefusalCode, Receipt),
    /// It was answered before, with this. The receipt is of its `Replayed`.
    ReplayedRelease(FrozenRow, Receipt),
    /// It was refused before, for this. The receipt is of its `Replayed`.
    ReplayedRefusal(RefusalCode, Receipt),
}

/// A frozen release as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrozenRow {
    /// Its exact bytes.
    pub bytes: Vec<u8>,
    /// The entry that published it, proved against the newest checkpoint.
    pub published: Receipt,
}

/// A table that passed the disclosure test, for the question that it answers.
#[derive(Debug, Clone)]
pub struct Publish {
    about: About,
    universe: String,
    release: Release,
}

/// A table that passed the disclosure test, as it will be kept.
#[derive(Debug, Clone)]
struct Release {
    key: Digest,
    bytes: Vec<u8>,
    published: Event,
}

impl Release {
    fn of(draft: &Draft) -> Self {
        Self { key: draft.key(), bytes: draft.bytes().to_vec(), published: draft.event() }
    }

    fn fits(&self) -> Result<(), StoreError> {
        if self.bytes.len() > MAX_RELEASE_BYTES {
            return Err(StoreError::TooLong { what: "the release", most: MAX_RELEASE_BYTES });
        }
        Ok(())
    }
}

impl Publish {
    /// Takes a draft, and nothing else: no other bytes are ever frozen.
    #[must_use]
    pub fn new(about: About, universe: &Universe, draft: &Draft) -> Self {
        Self { about, universe: universe.as_str().to_owned(), release: Release::of(draft) }
    }
}

/// How a question ended whose table was decided.
#[derive(Debug)]
pub enum Ending {
    /// With a release. The receipt is of its `AnswerReleased`.
    Released(Box<(FrozenRow, Receipt)>),
    /// With a refusal, since the table is withheld. The receipt is of its `Refused`.
    Withheld(Box<Receipt>),
}

/// The state, open for writing. Copies share one writer, which ends with the last of them.
#[derive(Clone)]
pub struct Store {
    realm: Arc<str>,
    queue: mpsc::Sender<Message>,
    condition: Arc<Condition>,
    checkpoint: watch::Receiver<String>,
    rounds: watch::Receiver<Arc<Rounds>>,
    origin: Arc<str>,
    log_key: Arc<VerifyingKey>,
    dir: Arc<Path>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the state in a directory, which is made if it is not there. Checks the whole of it, ends what a
    /// crash cut off with `Aborted` entries, and appends `LogOpened`. `software` is a name and a version.
    ///
    /// # Errors
    /// [`StoreError::Locked`] where another process writes there, [`StoreError::OtherLog`] where the state is
    /// another server's, [`StoreError::Tampered`] where it was changed, and those of opening files.
    pub async fn open(
        dir: &Path,
        identity: Identity,
        key: Arc<SigningKey>,
        clock: Arc<dyn Clock>,
        software: &str,
    ) -> Result<Self, StoreError> {
        let origin = ledger::origin(&identity.ods, identity.role);
        let log_key = Arc::new(key.verifying_key());
        let owner = Owner { identity, origin: origin.clone(), key };
        let writer = Writer::open(dir, owner, clock, software).await?;
        let (condition, checkpoint) = (writer.condition(), writer.checkpoint());
        let rounds = writer.rounds();
        let (queue, messages) = mpsc::channel(QUEUE);
        tokio::spawn(writer.run(messages));
        let realm = Arc::from("");
        let (origin, dir) = (origin.into(), dir.into());
        Ok(Self { realm, queue, condition, checkpoint, rounds, origin, log_key, dir })
    }

    /// The same state, for questions of one realm: an id that was seen in one is free in another. A partner of
    /// two federations keeps one log, and neither federation's coordinator can tell which ids the other used.
    #[must_use]
    pub fn realm(&self, name: &str) -> Self {
        Self { realm: name.into(), ..self.clone() }
    }

    /// Appends an entry that ends no question: an agreement, an extract, that an extract's tables were decided (once),
    /// the refusal of a query as a whole.
    ///
    /// # Errors
    /// [`StoreError::Full`], [`StoreError::Slow`], [`StoreError::Broken`], [`StoreError::Closed`]: nothing
    /// may be answered; [`StoreError::Entry`] where the entry is too long.
    pub async fn append(&self, event: Event) -> Result<Receipt, StoreError> {
        // What begins, ends or freezes has a call of its own, which does more than write an entry.
        let alone = matches!(
            event,
            Event::LogOpened { .. }
                | Event::AgreementInForce { .. }
                | Event::SnapshotPublished { .. }
                | Event::SnapshotDeleted { .. }
                | Event::Prepared { .. }
                | Event::Refused { asked: Some(_), question: None, .. }
        );
        if !alone {
            return Err(StoreError::Contradiction("this entry is not written by itself"));
        }
        match self.ask(Work::Append(event)).await? {
            Settled { entry: Some(receipt), .. } => Ok(receipt),
            _ => Err(self.condition.ended()),
        }
    }

    /// Writes down that a question was asked which somebody else answers.
    ///
    /// # Errors
    /// As of [`Store::append`].
    pub async fn witness(&self, asked: Asked) -> Result<Receipt, StoreError> {
        match self.ask(Work::Append(Event::QueryAccepted { asked })).await? {
            Settled { entry: Some(receipt), .. } => Ok(receipt),
            _ => Err(self.condition.ended()),
        }
    }

    /// Reads the state beside the writer.
    ///
    /// # Errors
    /// As of [`Reader::open`].
    pub async fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(&self.dir).await
    }

    /// Begins a query, or finds out that it has begun, and which of its questions have ended or are answered
    /// already. Everything that is known of them is written in one transaction.
    ///
    /// # Errors
    /// As of [`Store::append`], and [`StoreError::TooLong`], [`StoreError::Contradiction`].
    pub async fn begin(&self, begin: Begin) -> Result<Begun, StoreError> {
        let names = [(&*begin.caller, "the name of the caller"), (&*self.realm, "the realm")];
        if let Some((_, what)) = names.into_iter().find(|(name, _)| name.len() > MAX_CALLER_BYTES) {
            return Err(StoreError::TooLong { what, most: MAX_CALLER_BYTES });
        }
        if !(1..=MAX_QUESTIONS).contains(&begin.questions.len()) {
            return Err(StoreError::Contradiction("a query has 1 to 120 questions"));
        }
        let settled = self.ask(Work::Begin(self.realm.clone(), Box::new(begin))).await?;
        match (settled.kind, settled.entry) {
            (Kind::Begun, accepted) => {
                let todos = settled.each.into_iter().map(todo).collect::<Option<_>>();
                let todos = todos.ok_or_else(|| self.condition.ended())?;
                Ok(Begun::Each { accepted, todos })
            }
            (Kind::Running, None) => Ok(Begun::Running),
            (Kind::Conflict, Some(receipt)) => Ok(Begun::Conflict(receipt)),
            _ => Err(self.condition.ended()),
        }
    }

    /// Freezes a release and answers the question with it, in one transaction. Where the same table was frozen
    /// meanwhile, that one stands and is returned; where it is withheld, it stays so.
    ///
    /// # Errors
    /// As of [`Store::append`], and [`StoreError::Outrun`], after which the question has not ended,
    /// [`StoreError::NotBegun`], [`StoreError::TooLong`], [`StoreError::Contradiction`].
    pub async fn publish(&self, publish: Publish) -> Result<Ending, StoreError> {
        publish.release.fits()?;
        let work = Work::Publish(self.realm.clone(), Box::new(publish));
        self.ending(self.ask(work).await?)
    }

    /// Keeps a table withheld for ever, and refuses the question that asked for it, in one transaction. Where the
    /// same table was frozen meanwhile, that one stands and is returned.
    ///
    /// # Errors
    /// As of [`Store::append`], and [`StoreError::NotBegun`], [`StoreError::Contradiction`].
    pub async fn withhold(
        &self,
        universe: &Universe,
        withheld: &Withheld,
        about: About,
    ) -> Result<Ending, StoreError> {
        let withhold = Withhold {
            about,
            universe: universe.as_str().to_owned(),
            key: withheld.key(),
            event: withheld.event().clone(),
        };
        let work = Work::Withhold(self.realm.clone(), Box::new(withhold));
        self.ending(self.ask(work).await?)
    }

    fn ending(&self, settled: Settled<Receipt>) -> Result<Ending, StoreError> {
        match settled {
            Settled { entry: Some(receipt), frozen: Some((bytes, published)), .. } => {
                Ok(Ending::Released(Box::new((FrozenRow { bytes, published }, receipt))))
            }
            Settled { kind: Kind::Refused(_), entry: Some(receipt), .. } => {
                Ok(Ending::Withheld(Box::new(receipt)))
            }
            _ => Err(self.condition.ended()),
        }
    }

    /// Freezes and withholds tables that nobody asked for yet, all of them in one transaction or none.
    ///
    /// # Errors
    /// As of [`Store::append`], and [`StoreError::Outrun`], [`StoreError::TooLong`],
    /// [`StoreError::Contradiction`].
    pub async fn decide(
        &self,
        universe: &Universe,
        tables: &disclosure::Decision,
    ) -> Result<(), StoreError> {
        let decision = Decision {
            universe: universe.as_str().to_owned(),
            withheld: tables.withheld.iter().map(|w| (w.key(), w.event().clone())).collect(),
            releases: tables.released.iter().map(Release::of).collect(),
        };
        decision.releases.iter().try_for_each(Release::fits)?;
        if decision.entries() > MAX_DECIDED {
            return Err(StoreError::Contradiction("so many tables are not decided at once"));
        }
        self.ask(Work::Decide(Box::new(decision))).await.map(drop)
    }

    /// Ends a question without a release: `Refused`, `Failed`, `Panicked`, `Aborted`, or a coordinator's
    /// `AnswerCombined`.
    ///
    /// # Errors
    /// As of [`Store::append`], and [`StoreError::NotBegun`], [`StoreError::Contradiction`].
    pub async fn end(&self, query_id: QueryId, event: Event) -> Result<Receipt, StoreError> {
        match self.ask(Work::End(self.realm.clone(), query_id, event)).await? {
            Settled { entry: Some(receipt), .. } => Ok(receipt),
            _ => Err(self.condition.ended()),
        }
    }

    /// Ends every question of a query that has no end, because nobody works on it any more. Where that cannot
    /// be written it is owed, and written before anything else that finds room.
    ///
    /// # Errors
    /// As of [`Store::append`].
    pub async fn end_rest(
        &self,
        query_id: QueryId,
        query_hash: Digest,
        how: Unanswered,
    ) -> Result<(), StoreError> {
        self.ask(Work::EndRest(self.realm.clone(), query_id, query_hash, how)).await.map(drop)
    }

    /// Whether entries can be written, as far as is known. A full disk does not change that.
    #[must_use]
    pub fn healthy(&self) -> bool {
        self.condition.healthy()
    }

    /// Whether entries can be written now, and every change of that: false from a write that found no room
    /// until there is room for a long answer again, and false for good after any other failure and after
    /// [`Store::close`]. A log that took no entry is tried again every second, without an entry.
    #[must_use]
    pub fn writable(&self) -> watch::Receiver<bool> {
        self.condition.writable()
    }

    /// The newest signed checkpoint's text.
    #[must_use]
    pub fn checkpoint(&self) -> String {
        self.checkpoint.borrow().clone()
    }

    /// The audit log's name, which its checkpoints carry.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Writes what is queued, closes the database and releases the lock. Afterwards every write is refused.
    pub async fn close(&self) {
        let (closed, wait) = oneshot::channel();
        if self.queue.send(Message::Close(closed)).await.is_ok() {
            // An error means that the writer ended before: it is closed all the same.
            let _ = wait.await;
        }
    }

    async fn ask(&self, work: Work) -> Result<Settled<Receipt>, StoreError> {
        if !self.healthy() {
            return Err(self.condition.ended());
        }
        let (reply, mut wait) = oneshot::channel();
        let written = async {
            let job = Message::Job(Box::new(Job { work, reply }));
            self.queue.send(job).await.map_err(|_| self.condition.ended())?;
            (&mut wait).await.unwrap_or_else(|_| Err(self.condition.ended()))
        };
        let answer: Answer = match tokio::time::timeout(WRITE_LIMIT, written).await {
            Ok(answer) => answer,
            Err(_) => last_look(wait),
        };
        // Both receipts of an answer are proved against one checkpoint.
        let mut verifier = Verifier::new(&self.origin, &self.log_key);
        Ok(answer?.try_map(&mut |parts| verifier.verify(parts))?)
    }
}

/// What there is of an answer when the time is over. The writer has either given it by now, and believes that
/// it was heard, or finds nobody who waits, and gives up what was begun.
fn last_look(mut wait: oneshot::Receiver<Answer>) -> Answer {
    wait.close();
    wait.try_recv().unwrap_or(Err(StoreError::Slow))
}

fn todo(settled: Settled<Receipt>) -> Option<Todo> {
    let Settled { kind, entry, frozen, .. } = settled;
    let frozen = frozen.map(|(bytes, published)| FrozenRow { bytes, published });
    match (kind, entry, frozen) {
        (Kind::Fresh, None, None) => Some(Todo::Fresh),
        (Kind::Frozen, Some(receipt), Some(row)) => Some(Todo::Frozen(row, receipt)),
        (Kind::Refused(code), Some(receipt), None) => Some(Todo::Refused(code, receipt)),
        (Kind::ReplayedRelease, Some(receipt), Some(row)) => {
            Some(Todo::ReplayedRelease(row, receipt))
        }
        (Kind::ReplayedRefusal(code), Some(receipt), None) => {
            Some(Todo::ReplayedRefusal(code, receipt))
        }
        _ => None,
    }
}
