//! Tables that were put to the disclosure test: frozen where nothing else became live meanwhile, or withheld for ever.

use std::collections::{HashMap, HashSet};

use evensum_core::catalogue::MAX_RUNGS;
use evensum_core::disclosure::{MAX_AT_ONCE, mark, mark_after};
use evensum_core::ledger::Event;
use evensum_core::model::{Digest, RefusalCode};

use super::batch::{Batch, Kind, Logged, Settled, Stop, refuse};
use super::database::to_sql;
use super::nodes::digest;
use super::rows::Row;
use super::{About, Publish, Release, StoreError};

/// The most tables that are decided at once.
pub(super) const MAX_DECIDED: usize = MAX_AT_ONCE * MAX_RUNGS;
/// Universes whose marks are remembered.
const MOST_MARKS: usize = 4096;

/// A table that did not pass, and the question that asked for it.
#[derive(Debug)]
pub(super) struct Withhold {
    pub(super) about: About,
    pub(super) universe: String,
    pub(super) key: Digest,
    pub(super) event: Event,
}

/// Tables that nobody asked for, in the order in which they are frozen.
#[derive(Debug)]
pub(super) struct Decision {
    pub(super) universe: String,
    pub(super) withheld: Vec<(Digest, Event)>,
    pub(super) releases: Vec<Release>,
}

impl Decision {
    pub(super) const fn entries(&self) -> usize {
        self.withheld.len() + self.releases.len()
    }

    fn keys(&self) -> impl Iterator<Item = Digest> {
        let withheld = self.withheld.iter().map(|(key, _)| *key);
        withheld.chain(self.releases.iter().map(|release| release.key))
    }

    /// Its entries, in the order in which they are written.
    fn events(&self) -> impl Iterator<Item = &Event> {
        let withheld = self.withheld.iter().map(|(_, event)| event);
        withheld.chain(self.releases.iter().map(|release| &release.published))
    }
}

/// The marks of what is live, by universe: what the next release there must have been tested with.
#[derive(Debug, Default)]
pub(super) struct Marks(HashMap<String, Digest>);

impl Marks {
    /// Takes over what another has; forgets everything else first where it would be too much.
    pub(super) fn absorb(&mut self, newer: Self) {
        if self.0.len() + newer.0.len() > MOST_MARKS {
            self.0.clear();
        }
        self.0.extend(newer.0);
    }
}

impl Batch<'_> {
    /// The mark of what is live.
    pub(super) async fn live_mark(&mut self, universe: &str) -> Result<Digest, sqlx::Error> {
        if let Some(known) = self.marks.0.get(universe).or_else(|| self.known_marks.0.get(universe))
        {
            return Ok(*known);
        }
        let hashes: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT release_hash FROM frozen WHERE universe = ?1 ORDER BY published_seq",
        )
        .bind(universe)
        .fetch_all(&mut *self.conn)
        .await?;
        let live = mark(hashes.iter().filter_map(|hash| digest(hash)));
        self.marks.0.insert(universe.to_owned(), live);
        Ok(live)
    }

    /// The mark once a release is live that was tested with everything that is live now.
    async fn next_mark(&self, live: Digest, release: &Release) -> Result<Digest, Stop> {
        let (hash, tested) = match &release.published {
            Event::Published { key, release_hash, tested, .. } if *key == release.key => {
                (*release_hash, tested)
            }
            _ => return refuse("a release is published under another key than it is kept under"),
        };
        if hash != Digest::of(&release.bytes) {
            return refuse("a release's hash is not that of its bytes");
        }
        if tested.live != live {
            return Err(Stop::Refused(StoreError::Outrun));
        }
        Ok(mark_after(live, hash))
    }

    pub(super) async fn publish(
        &mut self,
        realm: &str,
        publish: Publish,
    ) -> Result<Settled<Logged>, Stop> {
        let Publish { about, universe, release } = publish;
        self.require_running(realm, about).await?;
        // Another question may have had the same table decided meanwhile: that stands.
        if let Some(row) = self.frozen(release.key).await? {
            return self.answer(realm, about, release.key, row).await;
        }
        if self.withheld(release.key).await? {
            return self.refuse_withheld(realm, about).await;
        }
        let live = self.live_mark(&universe).await?;
        let next = self.next_mark(live, &release).await?;
        let key = release.key;
        let row = self.freeze(&universe, next, release).await?;
        self.answer(realm, about, key, row).await
    }

    pub(super) async fn withhold(
        &mut self,
        realm: &str,
        withhold: Withhold,
    ) -> Result<Settled<Logged>, Stop> {
        let Withhold { about, universe, key, event } = withhold;
        self.require_running(realm, about).await?;
        if let Some(row) = self.frozen(key).await? {
            return self.answer(realm, about, key, row).await;
        }
        if !self.withheld(key).await? {
            self.keep_withheld(&universe, key, event).await?;
        }
        self.refuse_withheld(realm, about).await
    }

    pub(super) async fn decide(&mut self, decision: Decision) -> Result<Settled<Logged>, Stop> {
        let mut keys = HashSet::with_capacity(decision.entries());
        if !decision.keys().all(|key| keys.insert(key)) {
            return refuse("a table is decided twice at once");
        }
        // What is refused must have written nothing, and each of these writes before the next is looked at.
        for (key, event) in &decision.withheld {
            withholds(*key, event)?;
        }
        self.encode(decision.events())?;
        let Decision { universe, withheld, releases } = decision;
        // Whatever was decided meanwhile of the same tables: who comes again leaves those out.
        for key in keys {
            if self.withheld(key).await? || self.frozen(key).await?.is_some() {
                return Err(Stop::Refused(StoreError::Outrun));
            }
        }
        let mut live = self.live_mark(&universe).await?;
        let mut marked = Vec::with_capacity(releases.len());
        for release in releases {
            live = self.next_mark(live, &release).await?;
            marked.push((live, release));
        }
        for (key, event) in withheld {
            self.keep_withheld(&universe, key, event).await?;
        }
        for (live, release) in marked {
            self.freeze(&universe, live, release).await?;
        }
        Ok(Settled::nothing(Kind::Done))
    }

    /// Appends that an extract's tables were decided, once.
    pub(super) async fn prepared(&mut self, event: Event) -> Result<Settled<Logged>, Stop> {
        let Event::Prepared { snapshot, .. } = &event else {
            return refuse("an extract is prepared by another entry");
        };
        let (key, version) = (snapshot.id.as_bytes().to_vec(), snapshot.version.as_str());
        let known: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM prepared WHERE snapshot_id = ?1 AND version = ?2")
                .bind(&key)
                .bind(version)
                .fetch_optional(&mut *self.conn)
                .await?;
        if known.is_some() {
            return refuse("an extract's tables are decided once");
        }
        let logged = self.append(event).await?;
        sqlx::query("INSERT INTO prepared (snapshot_id, version, seq) VALUES (?1, ?2, ?3)")
            .bind(key)
            .bind(version)
            .bind(to_sql(logged.0))
            .execute(&mut *self.conn)
            .await?;
        Ok(Settled::plain(Kind::Done, logged))
    }

    pub(super) async fn freeze(
        &mut self,
        universe: &str,
        live: Digest,
        release: Release,
    ) -> Result<Row, Stop> {
        let Release { key, bytes, published } = release;
        let logged = self.append(published).await?;
        let hash = Digest::of(&bytes);
        sqlx::query(
            "INSERT INTO frozen (key, universe, bytes, release_hash, published_seq) \
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .bind(&key.as_bytes()[..])
        .bind(universe)
        .bind(&bytes)
        .bind(&hash.as_bytes()[..])
        .bind(to_sql(logged.0))
        .execute(&mut *self.conn)
        .await?;
        self.marks.0.insert(universe.to_owned(), live);
        Ok((hash, (bytes, logged)))
    }

    async fn keep_withheld(
        &mut self,
        universe: &str,
        key: Digest,
        event: Event,
    ) -> Result<(), Stop> {
        withholds(key, &event)?;
        let (seq, _) = self.append(event).await?;
        sqlx::query("INSERT INTO withheld (key, universe, seq) VALUES (?1, ?2, ?3)")
            .bind(&key.as_bytes()[..])
            .bind(universe)
            .bind(to_sql(seq))
            .execute(&mut *self.conn)
            .await?;
        Ok(())
    }

    async fn answer(
        &mut self,
        realm: &str,
        about: About,
        key: Digest,
        (hash, row): Row,
    ) -> Result<Settled<Logged>, Stop> {
        let released = self.release(realm, about, key, hash).await?;
        Ok(Settled::release(Kind::Done, released, row))
    }

    async fn refuse_withheld(
        &mut self,
        realm: &str,
        about: About,
    ) -> Result<Settled<Logged>, Stop> {
        let About { query_id, query_hash, question } = about;
        let code = RefusalCode::Withheld;
        let question = Some(question);
        let event = Event::Refused { asked: None, query_id, query_hash, question, code };
        let logged = self.append(event).await?;
        self.mark(realm, about, Some("refused"), None, Some(code)).await?;
        Ok(Settled::plain(Kind::Refused(code), logged))
    }
}

/// Whether an entry says that the table of this key is withheld.
fn withholds(key: Digest, event: &Event) -> Result<(), Stop> {
    match event {
        Event::Withheld { key: said, .. } if *said == key => Ok(()),
        _ => refuse("a table is withheld under another key than it would be kept under"),
    }
}
