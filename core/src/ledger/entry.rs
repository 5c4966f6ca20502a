//! What the log says: one canonical JSON document an entry. Entries hold who asked what under which agreement
//! and what became of it; never a count of people or another figure of a table.

use serde::{Deserialize, Deserializer, Serialize};

use crate::model::canonical::{self, CanonicalError};
use crate::model::{
    AgreementId, AnalystId, Assurance, DatasetId, Digest, FederationId, IndicatorId, LevelId, Ods,
    Period, Profile, PurposeId, QueryId, RefusalCode, Role, Scope, SnapshotRef, SnapshotVersion,
    Timestamp,
};

/// The longest entry, in bytes of its canonical form.
pub const MAX_ENTRY_BYTES: usize = 256 * 1024;

/// The version of the entries that this build writes and reads.
pub const VERSION: u8 = 1;

/// Why there is no entry.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// Not an entry, or not in its one spelling.
    #[error("the audit log's entry cannot be read or written")]
    Canonical(#[from] CanonicalError),
    /// Longer than [`MAX_ENTRY_BYTES`].
    #[error("an entry of the audit log has at most {MAX_ENTRY_BYTES} bytes, and this has more")]
    TooLong,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    #[serde(deserialize_with = "version")]
    v: u8,
    /// Its place in the log, from 0.
    pub seq: u64,
    /// The server's clock when it was written.
    pub at: Timestamp,
    /// Whose log.
    pub ods: Ods,
    /// In which role.
    pub role: Role,
    /// What happened.
    pub event: Event,
}

fn version<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    let found = u8::deserialize(from)?;
    if found == VERSION {
        return Ok(found);
    }
    Err(serde::de::Error::custom(format_args!(
        "the entry is of version {found}; this build reads version {VERSION}: install a newer one"
    )))
}

impl Entry {
    /// Puts an entry together.
    #[must_use]
    pub const fn new(seq: u64, at: Timestamp, ods: Ods, role: Role, event: Event) -> Self {
        Self { v: VERSION, seq, at, ods, role, event }
    }

    /// The canonical bytes, whose hash is the leaf of the tree.
    ///
    /// # Errors
    /// [`EntryError`].
    pub fn encode(&self) -> Result<Vec<u8>, EntryError> {
        let bytes = canonical::encode(self)?;
        if bytes.len() > MAX_ENTRY_BYTES {
            return Err(EntryError::TooLong);
        }
        Ok(bytes)
    }

    /// Reads canonical bytes, and refuses any other.
    ///
    /// # Errors
    /// [`EntryError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        if bytes.len() > MAX_ENTRY_BYTES {
            return Err(EntryError::TooLong);
        }
        Ok(canonical::decode(bytes)?)
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The log was begun, or the server started again.
    LogOpened {
        /// Name and version of the software.
        software: String,
    },
    /// From here on, questions are judged by this agreement.
    AgreementInForce {
        /// The federation.
        federation: FederationId,
        /// The agreement.
        agreement: AgreementId,
        /// Its version.
        version: u32,
        /// Its hash.
        hash: Digest,
    },
    /// From here on, questions are answered from this extract.
    SnapshotPublished {
        /// The dataset.
        dataset: DatasetId,
        /// The period.
        period: Period,
        /// The extract.
        snapshot: SnapshotRef,
        /// The hash of the dataset's definition.
        definition_hash: Digest,
    },
    /// From here on, the rows of this extract are no longer held. What was released from them stays.
    SnapshotDeleted {
        /// The dataset.
        dataset: DatasetId,
        /// The period.
        period: Period,
        /// The extract.
        snapshot_id: Digest,
        /// Why.
        reason: Deletion,
    },
    /// A query was authenticated and may be asked; no data was touched yet. Each of its questions has an end
    /// of its own.
    QueryAccepted {
        /// Who asked what.
        asked: Asked,
    },
    /// A query was refused as a whole, or one of its questions.
    Refused {
        /// Who asked what; none where an earlier entry, which accepted the query, says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asked: Option<Asked>,
        /// The query.
        query_id: QueryId,
        /// Hash of the signed bytes.
        query_hash: Digest,
        /// Which of its questions, from 0; none where all of them are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        question: Option<u32>,
        /// Why.
        code: RefusalCode,
    },
    /// A question that had ended was asked again in the same words, and got the same end.
    Replayed {
        /// The query.
        query_id: QueryId,
        /// Hash of the signed bytes.
        query_hash: Digest,
        /// Which of its questions, from 0.
        question: u32,
        /// The release that was handed out again; none where it had been refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        release_hash: Option<Digest>,
    },
    /// A table was put under disclosure control and frozen.
    Published {
        /// What the release is kept under: a hash over the question's plan.
        key: Digest,
        /// SHA-256 of the frozen bytes.
        release_hash: Digest,
        /// The federation whose population the table counts.
        federation: FederationId,
        /// The dataset.
        dataset: DatasetId,
        /// The indicator.
        indicator: IndicatorId,
        /// The period.
        period: Period,
        /// The levels that it is broken down by.
        by: Vec<LevelId>,
        /// Its one restriction.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<Scope>,
        /// The extract that it was made from.
        snapshot_id: Digest,
        /// The disclosure profile.
        profile: Profile,
        /// Cells of the table, totals included.
        cells: u32,
        /// How many of them are withheld.
        withheld: u32,
        /// What it was put to the disclosure test with.
        tested: Tested,
    },
    /// A table did not pass the disclosure test, or could not be decided: it stays withheld for ever.
    Withheld {
        /// What the release would have been kept under.
        key: Digest,
        /// The federation whose population the table counts.
        federation: FederationId,
        /// The dataset.
        dataset: DatasetId,
        /// The indicator.
        indicator: IndicatorId,
        /// The period.
        period: Period,
        /// The levels that it is broken down by.
        by: Vec<LevelId>,
        /// Its one restriction.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<Scope>,
        /// The extract that it was made from.
        snapshot_id: Digest,
        /// The disclosure profile.
        profile: Profile,
    },
    /// The tables that agreements name beforehand were decided for an extract, each of them released or withheld.
    /// From here on it may be asked for others.
    Prepared {
        /// The dataset.
        dataset: DatasetId,
        /// The period.
        period: Period,
        /// The extract. The same rows with another standing are another one: what is released says which.
        snapshot: SnapshotRef,
        /// Tables that are released.
        released: u32,
        /// Tables that are withheld.
        withheld: u32,
    },
    /// A release was handed out as the answer to a question.
    AnswerReleased {
        /// The query.
        query_id: QueryId,
        /// Hash of the signed bytes.
        query_hash: Digest,
        /// Which of its questions, from 0.
        question: u32,
        /// SHA-256 of the frozen bytes.
        release_hash: Digest,
    },
    /// A question was given up: the server stopped, or whoever asked went away. Nothing was released for it.
    Aborted {
        /// The query.
        query_id: QueryId,
        /// Hash of the signed bytes.
        query_hash: Digest,
        /// Which of its questions, from 0.
        question: u32,
    },
    /// A question could not be answered for a reason of ours.
    Failed {
        /// The query.
        query_id: QueryId,
        /// Hash of the signed bytes.
        query_hash: Digest,
        /// Which of its questions, from 0.
        question: u32,
    },
    /// The software broke over a question.
    Panicked {
        /// The query.
        query_id: QueryId,
        /// Hash of the signed bytes.
        query_hash: Digest,
        /// Which of its questions, from 0.
        question: u32,
    },
    /// A coordinator combined the partners' answers.
    AnswerCombined {
        /// The query.
        query_id: QueryId,
        /// Hash of the signed bytes.
        query_hash: Digest,
        /// Which of its questions, from 0.
        question: u32,
        /// The partners that are in the answer.
        answered: Vec<Ods>,
        /// The partners that are not.
        missing: Vec<Missing>,
    },
    /// A coordinator let others see a partner's release, for the first time: from here on it is live here too.
    Shown {
        /// The query that it was first shown for.
        query_id: QueryId,
        /// Hash of the signed bytes.
        query_hash: Digest,
        /// Which of its questions, from 0.
        question: u32,
        /// The partner.
        ods: Ods,
        /// SHA-256 of the partner's frozen bytes, which the release is kept under here.
        release_hash: Digest,
        /// The federation whose population the table counts.
        federation: FederationId,
        /// The dataset.
        dataset: DatasetId,
        /// The indicator.
        indicator: IndicatorId,
        /// The period.
        period: Period,
        /// The levels that it is broken down by.
        by: Vec<LevelId>,
        /// Its one restriction.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<Scope>,
        /// The partner's extract that it was made from.
        snapshot_id: Digest,
        /// What was live here before it. Releases that are shown for one question are tested together.
        tested: Tested,
    },
    /// A step of the two-server sum.
    Pool(PoolStep),
}

impl Event {
    /// Id and hash of the query that the event belongs to, if it belongs to one.
    #[must_use]
    pub const fn query(&self) -> Option<(QueryId, Digest)> {
        match self {
            Self::LogOpened { .. }
            | Self::AgreementInForce { .. }
            | Self::SnapshotPublished { .. }
            | Self::SnapshotDeleted { .. }
            | Self::Published { .. }
            | Self::Withheld { .. }
            | Self::Prepared { .. }
            | Self::Pool(_) => None,
            Self::QueryAccepted { asked } => Some((asked.query_id, asked.query_hash)),
            Self::Refused { query_id, query_hash, .. }
            | Self::Replayed { query_id, query_hash, .. }
            | Self::AnswerReleased { query_id, query_hash, .. }
            | Self::Aborted { query_id, query_hash, .. }
            | Self::Failed { query_id, query_hash, .. }
            | Self::Panicked { query_id, query_hash, .. }
            | Self::AnswerCombined { query_id, query_hash, .. }
            | Self::Shown { query_id, query_hash, .. } => Some((*query_id, *query_hash)),
        }
    }

    /// The question of that query which the event is about, if it is about one alone.
    #[must_use]
    pub const fn question(&self) -> Option<u32> {
        match self {
            Self::LogOpened { .. }
            | Self::AgreementInForce { .. }
            | Self::SnapshotPublished { .. }
            | Self::SnapshotDeleted { .. }
            | Self::Published { .. }
            | Self::Withheld { .. }
            | Self::Prepared { .. }
            | Self::Pool(_)
            | Self::QueryAccepted { .. } => None,
            Self::Refused { question, .. } => *question,
            Self::Replayed { question, .. }
            | Self::AnswerReleased { question, .. }
            | Self::Aborted { question, .. }
            | Self::Failed { question, .. }
            | Self::Panicked { question, .. }
            | Self::AnswerCombined { question, .. }
            | Self::Shown { question, .. } => Some(*question),
        }
    }
}

/// What a table was put to the disclosure test with: everything that was live of the same records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tested {
    /// The mark of the releases that were live: a hash over their hashes, in the order in which they were published.
    pub live: Digest,
    /// How many they were.
    pub others: u32,
}

/// Why the rows of an extract were deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deletion {
    /// The time was over for which the partner keeps the rows of a published extract.
    Retention {
        /// That time, in months from the publication on.
        months: u16,
    },
}

/// Who asked what, and how that was established.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The query's id.
    pub query_id: QueryId,
    /// Hash of the signed bytes.
    pub query_hash: Digest,
    /// The exact bytes that were signed, base64.
    pub payload: String,
    /// The signature over them, base64.
    pub signature: String,
    /// The person.
    pub signer: AnalystId,
    /// Short name of the key that verified the signature.
    pub key_id: String,
    /// How strongly the question is bound to the person.
    pub assurance: Assurance,
    /// What it was asked for.
    pub purpose: PurposeId,
    /// In which federation.
    pub federation: FederationId,
    /// Under which agreement.
    pub agreement: AgreementId,
    /// The hash of that agreement.
    pub agreement_hash: Digest,
    /// The coordinator that passed the question on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coordinator: Option<Ods>,
    /// Serial number or fingerprint of the coordinator's certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// A partner that is not in a combined answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Missing {
    /// The partner.
    pub ods: Ods,
    /// Why, in the words of the answer's coverage: `refused`, `late`, `unreachable`, `no_data`.
    pub status: String,
}

/// What a check of the whole log needs to know of an entry. It is read from the entry's bytes several times
/// faster than the whole entry, and says nothing of whether the rest is well formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The entry's place, as it says itself.
    pub seq: u64,
    /// What must be kept beside the log because of it.
    pub kept: Option<Kept>,
}

/// What an entry says is kept beside the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// A release, the server's own or a partner's that it showed to others.
    Release {
        /// What it is kept under: a partner's under its hash.
        key: Digest,
        /// Its hash.
        hash: Digest,
        /// The mark of what it was tested with.
        live: Digest,
        /// Its dataset and period, with a space between them.
        of: String,
    },
    /// That a table stays withheld, by the key that it would have.
    Withheld(Digest),
    /// That the tables of an extract of this standing were decided.
    Prepared(Digest, SnapshotVersion),
    /// Where the server stands in the two-server sum.
    Step(Box<PoolStep>),
}

impl Head {
    /// Reads the head of an entry.
    ///
    /// # Errors
    /// [`EntryError::Canonical`] where the bytes are no entry.
    pub fn read(bytes: &[u8]) -> Result<Self, EntryError> {
        #[derive(Deserialize)]
        struct Outer<'a> {
            seq: u64,
            #[serde(borrow)]
            event: Inner<'a>,
        }
        #[derive(Deserialize)]
        struct Inner<'a> {
            kind: &'a str,
            key: Option<Digest>,
            release_hash: Option<Digest>,
            snapshot: Option<Extract>,
            tested: Option<Tested>,
            dataset: Option<&'a str>,
            period: Option<&'a str>,
        }
        #[derive(Deserialize)]
        struct Extract {
            id: Digest,
            version: SnapshotVersion,
        }
        let outer: Outer<'_> = serde_json::from_slice(bytes).map_err(CanonicalError::Shape)?;
        let event = outer.event;
        let (dataset, period) = (event.dataset.unwrap_or(""), event.period.unwrap_or(""));
        let release = |key, hash, tested: Tested| Kept::Release {
            key,
            hash,
            live: tested.live,
            of: format!("{dataset} {period}"),
        };
        let kept = match (event.kind, event.key, event.release_hash, event.tested) {
            ("published", Some(key), Some(hash), Some(tested)) => Some(release(key, hash, tested)),
            ("shown", _, Some(hash), Some(tested)) => Some(release(hash, hash, tested)),
            ("withheld", Some(key), ..) => Some(Kept::Withheld(key)),
            ("pool", ..) => match serde_json::from_slice(bytes).map_err(CanonicalError::Shape)? {
                Entry { event: Event::Pool(step), .. } => Some(Kept::Step(Box::new(step))),
                _ => None,
            },
            ("prepared", ..) => event.snapshot.map(|of| Kept::Prepared(of.id, of.version)),
            _ => None,
        };
        Ok(Self { seq: outer.seq, kept })
    }
}

mod pool;
#[cfg(test)]
pub(super) mod tests;

pub use pool::{OpenedTable, PoolStep, RoundRef, Stop};
