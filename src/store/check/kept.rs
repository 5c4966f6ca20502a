//! What is kept beside the log, against the entries that say so: releases, each of them tested with everything that
//! was live before it, tables that stay withheld, and extracts whose tables were decided.

use std::collections::{BTreeMap, BTreeSet};

use evensum_core::disclosure::{mark, mark_after};
use evensum_core::ledger::Kept;
use evensum_core::model::{Digest, SnapshotVersion};
use sqlx::SqliteConnection;

use super::super::database::to_sql;
use super::super::nodes::digest;
use super::Problem;

/// Releases that are read at once.
const PAGE: i64 = 64;

/// Key, universe, bytes, hash and publishing entry of a release.
type FrozenRow = (Vec<u8>, String, Vec<u8>, Vec<u8>, i64);

/// What is wrong with what is kept because of these entries.
pub(super) async fn check(
    conn: &mut SqliteConnection,
    entries: BTreeMap<u64, Kept>,
) -> Result<Vec<Problem>, sqlx::Error> {
    let mut check = Check { entries, ..Check::default() };
    check.releases(conn).await?;
    check.withheld(conn).await?;
    check.prepared(conn).await?;
    for (seq, kept) in std::mem::take(&mut check.entries) {
        let what = match kept {
            Kept::Release { .. } => "the frozen release",
            Kept::Withheld(_) => "the note that a table stays withheld",
            Kept::Prepared(..) => "the note that an extract's tables were decided",
            // They are gone through before, and nothing is kept of them.
            Kept::Step(_) => continue,
        };
        check.found(to_sql(seq), format!("{what} of entry {seq} is missing"));
    }
    Ok(check.problems)
}

#[derive(Default)]
struct Check {
    /// Those of which nothing was found yet.
    entries: BTreeMap<u64, Kept>,
    problems: Vec<Problem>,
    /// The keys of releases.
    released: BTreeSet<Vec<u8>>,
    /// The mark of what is live in each universe, as far as it was read; none behind a release that was tested with
    /// something else, since every later one was too.
    marks: BTreeMap<String, Option<Digest>>,
    /// The universe of each dataset and period.
    universes: BTreeMap<String, String>,
}

impl Check {
    fn found(&mut self, seq: i64, text: String) {
        self.problems.push(Problem { seq: u64::try_from(seq).ok(), text });
    }

    /// What the entry at a place says is kept, once.
    fn entry(&mut self, seq: i64) -> Option<Kept> {
        self.entries.remove(&u64::try_from(seq).ok()?)
    }

    /// Reads all releases in the order in which they were published.
    async fn releases(&mut self, conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let mut after = i64::MIN;
        loop {
            let rows: Vec<FrozenRow> = sqlx::query_as(
                "SELECT key, universe, bytes, release_hash, published_seq FROM frozen \
                 WHERE published_seq > ?1 ORDER BY published_seq LIMIT ?2",
            )
            .bind(after)
            .bind(PAGE)
            .fetch_all(&mut *conn)
            .await?;
            let Some((.., last)) = rows.last() else { return Ok(()) };
            after = *last;
            for row in rows {
                self.release(row);
            }
        }
    }

    fn release(&mut self, (key, universe, bytes, stored, seq): FrozenRow) {
        let entry = self.entry(seq);
        let Some(Kept::Release { key: own, hash, live, of }) = entry else {
            return self.astray(seq);
        };
        self.released.insert(key.clone());
        if digest(&key) != Some(own) || digest(&stored) != Some(hash) {
            return self.astray(seq);
        }
        if Digest::of(&bytes) != hash {
            self.found(seq, format!("the frozen release of entry {seq} was changed"));
        }
        self.tested(seq, &universe, (live, hash));
        // Whatever the universe is called, the period is part of it, and one dataset's releases share it.
        let period = |name: &str| name.split_once(' ').map(|(_, period)| period.to_owned());
        let other_period = period(&of) != period(&universe);
        let known = self.universes.entry(of).or_insert_with(|| universe.clone());
        if *known != universe || other_period {
            let text = format!(
                "the frozen release of entry {seq} does not stand with the others of its dataset and period"
            );
            self.found(seq, text);
        }
    }

    fn astray(&mut self, seq: i64) {
        let text = format!(
            "a frozen release is stored as that of entry {seq}, which did not publish it under this key"
        );
        self.found(seq, text);
    }

    /// Whether a release was tested with exactly what was live before it.
    fn tested(&mut self, seq: i64, universe: &str, (live, hash): (Digest, Digest)) {
        let known = self.marks.entry(universe.to_owned()).or_insert_with(|| Some(mark([])));
        let Some(before) = *known else { return };
        *known = (before == live).then(|| mark_after(before, hash));
        if before != live {
            let text = format!(
                "the release of entry {seq} was not tested together with everything that was released before it"
            );
            self.found(seq, text);
        }
    }

    async fn withheld(&mut self, conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let rows: Vec<(Vec<u8>, i64)> =
            sqlx::query_as("SELECT key, seq FROM withheld ORDER BY seq").fetch_all(conn).await?;
        for (key, seq) in rows {
            let entry = self.entry(seq);
            if !matches!(entry, Some(Kept::Withheld(own)) if digest(&key) == Some(own)) {
                let text =
                    format!("a table is kept as withheld by entry {seq}, which does not say so");
                self.found(seq, text);
            }
            if self.released.contains(&key) {
                self.found(seq, format!("the table that entry {seq} withholds was released"));
            }
        }
        Ok(())
    }

    async fn prepared(&mut self, conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let rows: Vec<(Vec<u8>, String, i64)> =
            sqlx::query_as("SELECT snapshot_id, version, seq FROM prepared ORDER BY seq")
                .fetch_all(conn)
                .await?;
        for (id, version, seq) in rows {
            let entry = self.entry(seq);
            let kept = digest(&id).zip(SnapshotVersion::named(&version));
            if !matches!(entry, Some(Kept::Prepared(id, version)) if kept == Some((id, version))) {
                let text =
                    format!("an extract is kept as prepared by entry {seq}, which does not say so");
                self.found(seq, text);
            }
        }
        Ok(())
    }
}
