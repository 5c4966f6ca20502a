//! What the own audit log says of openings, returns and questions: read from it as it grows, and from nowhere else, so
//! that after a crash the server knows what it did.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use evensum_core::ledger::{Asked, Event, OpenedTable, PoolStep, ReceiptParts};
use evensum_core::model::{Digest, Query, QueryId, Timestamp, canonical};

use crate::store::{MAX_PAGE, Reader, Store, StoreError};

/// How long after its end a question is remembered.
const REMEMBERED_SECONDS: i64 = 60 * 60;

/// An opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) index: u64,
    pub(super) tables: Vec<OpenedTable>,
    pub(super) query: Option<QueryId>,
}

/// What came back of an opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Back {
    pub(super) index: u64,
    pub(super) releases: Vec<Digest>,
}

/// A question that was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Witnessed {
    pub(super) index: u64,
    pub(super) hash: Digest,
    expires: Timestamp,
}

/// What was read so far.
pub(super) struct History {
    reader: Reader,
    next: u64,
    closed: BTreeMap<Digest, u64>,
    opened: BTreeMap<Digest, Vec<Opened>>,
    back: BTreeMap<Digest, Vec<Back>>,
    witnessed: BTreeMap<QueryId, Witnessed>,
}

impl History {
    pub(super) async fn open(store: &Store) -> Result<Self, StoreError> {
        let reader = store.reader().await?;
        let mut history = Self {
            reader,
            next: 0,
            closed: BTreeMap::new(),
            opened: BTreeMap::new(),
            back: BTreeMap::new(),
            witnessed: BTreeMap::new(),
        };
        history.read_on(Timestamp::from_unix(0)).await?;
        Ok(history)
    }

    /// Reads what was written since.
    pub(super) async fn read_on(&mut self, now: Timestamp) -> Result<(), StoreError> {
        loop {
            let page = self.reader.entries(self.next, MAX_PAGE).await?;
            if page.is_empty() {
                break;
            }
            for (index, _, entry) in page {
                self.next = index + 1;
                self.note(index, entry.event);
            }
        }
        self.witnessed.retain(|_, one| one.expires.plus(REMEMBERED_SECONDS) > now);
        Ok(())
    }

    fn note(&mut self, index: u64, event: Event) {
        match event {
            Event::Pool(PoolStep::Closed { of, .. }) => {
                self.closed.insert(of.round, index);
            }
            Event::Pool(PoolStep::Opened { closing, tables, query, .. }) => {
                self.opened.entry(closing).or_default().push(Opened { index, tables, query });
            }
            Event::Pool(PoolStep::Returned { closing, releases, .. }) => {
                self.back.entry(closing).or_default().push(Back { index, releases });
            }
            Event::QueryAccepted { asked } => {
                let Some(query) = query_of(&asked) else { return };
                let hash = asked.query_hash;
                let one = Witnessed { index, hash, expires: query.expires };
                self.witnessed.insert(asked.query_id, one);
            }
            _ => {}
        }
    }

    /// The entry of a round's closing.
    pub(super) fn closed(&self, round: Digest) -> Option<u64> {
        self.closed.get(&round).copied()
    }

    /// Openings under a closing, oldest first.
    pub(super) fn opened(&self, closing: Digest) -> &[Opened] {
        self.opened.get(&closing).map_or(&[], Vec::as_slice)
    }

    /// What came back under a closing, oldest first.
    pub(super) fn back(&self, closing: Digest) -> &[Back] {
        self.back.get(&closing).map_or(&[], Vec::as_slice)
    }

    /// A question, as long as it is remembered.
    pub(super) fn witnessed(&self, query: QueryId) -> Option<&Witnessed> {
        self.witnessed.get(&query)
    }

    /// The proof of an entry.
    pub(super) async fn receipt(&self, index: u64) -> Result<ReceiptParts, StoreError> {
        let found = self.reader.receipts(&[index]).await?.pop();
        found.ok_or(StoreError::Contradiction("an entry has no proof"))
    }

    /// The entries and proofs that members are told.
    pub(super) const fn reader(&self) -> &Reader {
        &self.reader
    }
}

/// The query that an entry is about.
pub(super) fn query_of(asked: &Asked) -> Option<Query> {
    canonical::decode(&BASE64.decode(asked.payload.as_bytes()).ok()?).ok()
}
