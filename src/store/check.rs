//! The check of a whole state: every entry, every stored hash, every signed checkpoint, and everything that is kept
//! beside the log.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use data_encoding::HEXUPPER;
use evensum_core::ledger::entry::Head;
use evensum_core::ledger::merkle::{Frontier, leaf_hash};
use evensum_core::ledger::{Checkpoint, Kept};
use evensum_core::model::Digest;
use evensum_core::pool::Rounds;
use evensum_core::sign::VerifyingKey;
use rayon::prelude::*;
use sqlx::SqliteConnection;

use super::batch::CHECKPOINT_BLOCK;
use super::database::to_sql;
use super::nodes::digest;

mod kept;

/// Entries that are read at once.
const PAGE: i64 = 1024;
/// Findings that are listed.
const MOST_PROBLEMS: usize = 100;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Entries that were read.
    pub entries: u64,
    /// The root of the tree over them.
    pub root: Digest,
    /// Entries that the newest signed checkpoint covers.
    pub checkpoint_size: u64,
    /// What is wrong, in the order of the log; at most 100 findings. Nothing, if it is empty.
    pub problems: Vec<Problem>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The entry that it is about, or the first of them.
    pub seq: Option<u64>,
    /// What is wrong, in plain words.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Checks everything that is in the database. The caller sees to it that nothing changes meanwhile. Also
/// returns the tree, for who goes on writing to it.
pub(super) async fn check(
    conn: &mut SqliteConnection,
    origin: &str,
    key: &VerifyingKey,
) -> Result<(Verdict, Frontier, Rounds), sqlx::Error> {
    let mut check = Check::default();
    check.checkpoints(conn, origin, key).await?;
    let whole = check.records(conn).await?;
    // After a gap every later hash differs, which would only bury the finding that matters.
    if whole {
        check.count_nodes(conn).await?;
        check.coverage();
        let mut entries = std::mem::take(&mut check.kept);
        check.steps(&mut entries);
        for Problem { seq, text } in kept::check(conn, entries).await? {
            check.found(seq, text);
        }
    }
    let Check { frontier, mut problems, newest, rounds, .. } = check;
    problems.sort_by_key(|problem| problem.seq.unwrap_or(u64::MAX));
    let verdict = Verdict {
        entries: frontier.len(),
        root: frontier.root(),
        checkpoint_size: newest,
        problems,
    };
    Ok((verdict, frontier, rounds))
}

#[derive(Default)]
struct Check {
    frontier: Frontier,
    /// Where the server stands in the two-server sum.
    rounds: Rounds,
    problems: Vec<Problem>,
    /// Sizes and roots of signed checkpoints that the tree has not reached yet.
    ahead: VecDeque<(u64, Digest)>,
    /// Sizes of all signed checkpoints.
    sizes: Vec<u64>,
    /// Size of the newest.
    newest: u64,
    /// Size of the last whose root was right.
    agreed: u64,
    /// Whether a root was wrong.
    diverged: bool,
    nodes: u64,
    /// Entries because of which something is kept beside the log, and what.
    kept: BTreeMap<u64, Kept>,
}

/// Place, bytes and stored hash of an entry.
type Row = (i64, Vec<u8>, Vec<u8>);

impl Check {
    fn found(&mut self, seq: Option<u64>, text: String) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(Problem { seq, text });
        }
    }

    /// Goes through the steps of the two-server sum again, which no other entry is needed for.
    fn steps(&mut self, entries: &mut BTreeMap<u64, Kept>) {
        let steps: Vec<u64> =
            entries.iter().filter(|(_, k)| matches!(k, Kept::Step(_))).map(|(s, _)| *s).collect();
        for seq in steps {
            let Some(Kept::Step(step)) = entries.remove(&seq) else { continue };
            if let Err(why) = self.rounds.take(&step) {
                self.found(
                    Some(seq),
                    format!("entry {seq} is a step that those before it do not allow: {why}"),
                );
            }
        }
    }

    async fn checkpoints(
        &mut self,
        conn: &mut SqliteConnection,
        origin: &str,
        key: &VerifyingKey,
    ) -> Result<(), sqlx::Error> {
        let rows: Vec<(i64, String)> =
            sqlx::query_as("SELECT size, note FROM checkpoint ORDER BY size")
                .fetch_all(conn)
                .await?;
        for (size, note) in rows {
            match Checkpoint::verify(&note, origin, key) {
                Ok(signed) if to_sql(signed.size()) == size => {
                    self.ahead.push_back((signed.size(), signed.root()));
                    self.sizes.push(signed.size());
                    self.newest = signed.size();
                }
                Ok(signed) => self.found(
                    None,
                    format!(
                        "the signed checkpoint of {} entries is stored as that of {size}",
                        signed.size()
                    ),
                ),
                Err(why) => self.found(
                    u64::try_from(size).ok().and_then(|s| s.checked_sub(1)),
                    format!("the signed checkpoint of {size} entries does not hold: {why}"),
                ),
            }
        }
        Ok(())
    }

    /// Reads all entries, and returns whether none was missing.
    async fn records(&mut self, conn: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
        let mut rows = page(conn, i64::MIN).await?;
        loop {
            let Some((last, ..)) = rows.last() else { return Ok(true) };
            let after = *last;
            let hashing = tokio::task::spawn_blocking(move || {
                let read = |(seq, bytes, leaf): Row| {
                    (seq, leaf_hash(&bytes), digest(&leaf), Head::read(&bytes).ok())
                };
                rows.into_par_iter().map(read).collect::<Vec<_>>()
            });
            // The next entries are read while these are hashed.
            rows = page(conn, after).await?;
            let hashed = hashing.await.map_err(|_| sqlx::Error::WorkerCrashed)?;
            let mut levels = Levels::default();
            for (seq, hash, leaf, head) in hashed {
                if !self.record(seq, hash, leaf, head, &mut levels) {
                    return Ok(false);
                }
            }
            self.compare_nodes(conn, levels).await?;
        }
    }

    /// Takes one entry into the tree; `false` if it is not the next.
    fn record(
        &mut self,
        stored: i64,
        hash: Digest,
        leaf: Option<Digest>,
        head: Option<Head>,
        levels: &mut Levels,
    ) -> bool {
        let seq = self.frontier.len();
        if stored < 0 {
            self.found(Some(0), format!("there is an entry {stored}, and the first is entry 0"));
            return false;
        }
        if stored != to_sql(seq) {
            let last = stored.saturating_sub(1);
            let text = if last == to_sql(seq) {
                format!("entry {seq} is missing")
            } else {
                format!("entries {seq} to {last} are missing")
            };
            self.found(Some(seq), text);
            return false;
        }
        if leaf != Some(hash) {
            let text = format!("entry {seq} was changed: it no longer has the hash stored with it");
            self.found(Some(seq), text);
        }
        match head {
            Some(head) if head.seq == seq => {
                if let Some(kept) = head.kept {
                    self.kept.insert(seq, kept);
                }
            }
            Some(head) => {
                let text = format!("entry {seq} says of itself that it is entry {}", head.seq);
                self.found(Some(seq), text);
            }
            None => self.found(Some(seq), format!("entry {seq} cannot be read")),
        }
        for (level, index, hash) in self.frontier.push(hash) {
            self.nodes += 1;
            levels.add(level, index, &hash);
        }
        self.compare_root();
        true
    }

    fn compare_root(&mut self) {
        let size = self.frontier.len();
        let Some((_, root)) = self.ahead.pop_front_if(|(signed, _)| *signed <= size) else {
            return;
        };
        if root == self.frontier.root() {
            self.agreed = size;
        } else if !self.diverged {
            // Every later root differs too.
            self.diverged = true;
            let (from, last) = (self.agreed, size - 1);
            let text = format!(
                "entries {from} to {last} are not those that were signed: one of them, or one before, was changed"
            );
            self.found(Some(from), text);
        }
    }

    async fn compare_nodes(
        &mut self,
        conn: &mut SqliteConnection,
        levels: Levels,
    ) -> Result<(), sqlx::Error> {
        for (level, (first, wanted)) in levels.0 {
            let length = u64::try_from(wanted.len() / 64).unwrap_or(u64::MAX);
            // As one text: a row for each hash costs more than the hashing.
            let found: Option<String> = sqlx::query_scalar(
                "SELECT group_concat(hex(hash), '' ORDER BY idx) FROM node \
                 WHERE level = ?1 AND idx >= ?2 AND idx < ?3",
            )
            .bind(level)
            .bind(to_sql(first))
            .bind(to_sql(first.saturating_add(length)))
            .fetch_one(&mut *conn)
            .await?;
            let found = found.unwrap_or_default();
            if found != wanted {
                let same = wanted.bytes().zip(found.bytes()).take_while(|(a, b)| a == b).count();
                let index = first.saturating_add(u64::try_from(same / 64).unwrap_or(0));
                let (from, last) = (index << level, ((index + 1) << level) - 1);
                let text = format!(
                    "the stored hash over entries {from} to {last} is wrong or missing (level {level}, position {index})"
                );
                self.found(Some(from), text);
            }
        }
        Ok(())
    }

    async fn count_nodes(&mut self, conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM node").fetch_one(conn).await?;
        if stored > to_sql(self.nodes) {
            self.found(None, "there are stored hashes that belong to no entry".to_owned());
        }
        Ok(())
    }

    /// Whether signed checkpoints cover the log as they should.
    fn coverage(&mut self) {
        let size = self.frontier.len();
        if self.newest < size {
            let (from, last) = (self.newest, size - 1);
            let text = format!("entries {from} to {last} are under no signed checkpoint");
            self.found(Some(from), text);
        }
        if self.newest > size {
            let text = format!(
                "the end of the log was cut off: {} entries were signed, and {size} are there",
                self.newest
            );
            self.found(Some(size), text);
        }
        let mut blocks: Vec<u64> = self.sizes.iter().map(|size| size / CHECKPOINT_BLOCK).collect();
        blocks.dedup();
        for block in 0..size / CHECKPOINT_BLOCK {
            if blocks.binary_search(&block).is_err() {
                let from = block * CHECKPOINT_BLOCK;
                let text = format!(
                    "the signed checkpoint between entries {from} and {} is missing",
                    from + CHECKPOINT_BLOCK
                );
                self.found(Some(from), text);
            }
        }
    }
}

/// Entries behind a place; none at the end of the log.
async fn page(conn: &mut SqliteConnection, after: i64) -> Result<Vec<Row>, sqlx::Error> {
    sqlx::query_as("SELECT seq, bytes, leaf FROM record WHERE seq > ?1 ORDER BY seq LIMIT ?2")
        .bind(after)
        .bind(PAGE)
        .fetch_all(conn)
        .await
}

/// For each level the first index of a page and its hashes as one text.
#[derive(Default)]
struct Levels(BTreeMap<u8, (u64, String)>);

impl Levels {
    fn add(&mut self, level: u8, index: u64, hash: &Digest) {
        let (_, text) = self.0.entry(level).or_insert_with(|| (index, String::new()));
        HEXUPPER.encode_append(hash.as_bytes(), text);
    }
}
