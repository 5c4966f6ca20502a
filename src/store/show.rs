//! Partners' releases that a coordinator lets others see: live from the first time on, beside its own, in one order.

use std::collections::HashSet;

use evensum_core::disclosure::{Received, Universe, mark_after};
use evensum_core::ledger::{Event, Tested};
use evensum_core::model::{Digest, MAX_NODES};

use super::batch::{Batch, Kind, Logged, Settled, Stop, Work};
use super::{About, MAX_RELEASE_BYTES, Release, Store, StoreError};

/// The most releases that are shown for one question: each partner has one.
pub const MAX_SHOWN: usize = MAX_NODES;

/// A partner's release, as it is kept here: under its own hash.
#[derive(Debug, Clone)]
pub struct ShownRelease {
    pub(super) hash: Digest,
    pub(super) bytes: Vec<u8>,
    /// What the log says of it, but for what it was tested with.
    pub(super) shown: Event,
}

impl ShownRelease {
    /// Takes a verified release, and nothing else: no other bytes are ever shown.
    #[must_use]
    pub fn new(about: About, received: &Received) -> Self {
        let (bytes, document) = (received.parts().document.clone(), received.document());
        let About { query_id, query_hash, question } = about;
        let hash = Digest::of(&bytes);
        let asked = &document.question;
        let shown = Event::Shown {
            query_id,
            query_hash,
            question,
            ods: document.ods.clone(),
            release_hash: hash,
            federation: document.federation.clone(),
            dataset: document.dataset.clone(),
            indicator: asked.indicator.clone(),
            period: asked.period,
            by: asked.by.clone(),
            scope: asked.scope.clone(),
            snapshot_id: document.snapshot.id,
            tested: Tested { live: hash, others: 0 },
        };
        Self { hash, bytes, shown }
    }

    /// The same, tested with this.
    fn after(self, before: Tested) -> Release {
        let Self { hash, bytes, mut shown } = self;
        if let Event::Shown { tested, .. } = &mut shown {
            *tested = before;
        }
        Release { key: hash, bytes, published: shown }
    }
}

/// Releases that one question shows.
#[derive(Debug)]
pub(super) struct Showing {
    pub(super) about: About,
    pub(super) universe: String,
    pub(super) releases: Vec<ShownRelease>,
    /// What was live when they passed.
    pub(super) tested: Tested,
}

impl Store {
    /// Makes partners' releases live in a universe, in this order and in one transaction, before a question shows them
    /// to others. What is live already is not added again.
    ///
    /// # Errors
    /// As of [`Store::append`], and [`StoreError::Outrun`] where something became live since they were tested,
    /// [`StoreError::NotBegun`], [`StoreError::TooLong`], [`StoreError::Contradiction`]. Nothing was written then.
    pub async fn show(
        &self,
        universe: &Universe,
        about: About,
        releases: Vec<ShownRelease>,
        tested: Tested,
    ) -> Result<(), StoreError> {
        if releases.len() > MAX_SHOWN {
            return Err(StoreError::Contradiction(
                "a question shows the table of each partner once at the most",
            ));
        }
        if releases.iter().any(|release| release.bytes.len() > MAX_RELEASE_BYTES) {
            return Err(StoreError::TooLong { what: "the release", most: MAX_RELEASE_BYTES });
        }
        let universe = universe.as_str().to_owned();
        let showing = Showing { about, universe, releases, tested };
        self.ask(Work::Show(self.realm.clone(), Box::new(showing))).await.map(drop)
    }
}

impl Batch<'_> {
    pub(super) async fn show(
        &mut self,
        realm: &str,
        showing: Showing,
    ) -> Result<Settled<Logged>, Stop> {
        let Showing { about, universe, releases, mut tested } = showing;
        self.require_running(realm, about).await?;
        if self.live_mark(&universe).await? != tested.live {
            return Err(Stop::Refused(StoreError::Outrun));
        }
        let mut known = HashSet::new();
        let mut fresh = Vec::with_capacity(releases.len());
        for release in releases {
            if !known.insert(release.hash) || self.frozen(release.hash).await?.is_some() {
                continue;
            }
            let next = mark_after(tested.live, release.hash);
            fresh.push((next, release.after(tested)));
            tested = Tested { live: next, others: tested.others.saturating_add(1) };
        }
        self.encode(fresh.iter().map(|(_, release)| &release.published))?;
        for (live, release) in fresh {
            self.freeze(&universe, live, release).await?;
        }
        Ok(Settled::nothing(Kind::Done))
    }
}
