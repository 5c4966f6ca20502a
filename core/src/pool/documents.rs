//! What the servers of a round say to each other, signed: canonical JSON, verified as bytes before it is read. None of it
//! depends on what is counted.

use data_encoding::BASE64;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::model::canonical::{self, CanonicalError};
use crate::model::{
    AgreementId, Digest, MAX_NODES, Ods, Population, QueryId, Question, SnapshotRef,
    SnapshotVersion, Timestamp,
};
use crate::sign::{Envelope, KeyError, Signed, SigningKey, VerifyError, VerifyingKey};

/// The longest document that binds a round's members. It encloses what each of them signed, with the tables that it can
/// contribute: of the largest agreement that the built-in definitions allow about 8,000 bytes for a member.
pub const MAX_ROUND_BYTES: usize = MAX_NODES * 16 * 1024;

/// The longest enclosed document, as it is kept: base64 takes a third more, beside who signed.
const MAX_ENCLOSED_BYTES: usize = MAX_ROUND_BYTES.div_ceil(3) * 4 + 1024;

/// A document of a round, with the name of its kind.
pub trait RoundDocument: Serialize + DeserializeOwned {
    /// Payload type of its envelope.
    const TYPE: &'static str;
    /// The longest that is read, in bytes.
    const MOST: usize = canonical::MAX_BYTES;

    /// Signs it in an organisation's name.
    ///
    /// # Errors
    /// [`DocumentError`]: what is longer than anybody reads is not signed.
    fn sign(&self, by: &Ods, key: &SigningKey) -> Result<Envelope, DocumentError> {
        let bytes = canonical::encode(self)?;
        if bytes.len() > Self::MOST {
            return Err(CanonicalError::TooLong(Self::MOST).into());
        }
        Ok(Envelope::sign(bytes, Self::TYPE, by.as_str(), key)?)
    }

    /// Reads its bytes, whoever signed them.
    ///
    /// # Errors
    /// [`CanonicalError`].
    fn read(bytes: &[u8]) -> Result<Self, CanonicalError> {
        canonical::decode_at_most(bytes, Self::MOST)
    }

    /// Verifies that an organisation's key signed it.
    ///
    /// # Errors
    /// [`VerifyError`].
    fn verified(envelope: &Envelope, key: &VerifyingKey) -> Result<Signed<Self>, VerifyError> {
        Signed::verify_at_most(envelope, Self::TYPE, key, Self::MOST)
    }
}

/// Why a document cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// No canonical form.
    #[error("a document of the round cannot be encoded")]
    Canonical(#[from] CanonicalError),
    /// No signature.
    #[error("a document of the round cannot be signed")]
    Key(#[from] KeyError),
}

/// A signed document inside another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enclosed {
    /// Who signed.
    pub by: Ods,
    /// The document, base64.
    pub payload: String,
    /// The signature, base64.
    pub signature: String,
}

impl Enclosed {
    /// Encloses what an organisation signed.
    #[must_use]
    pub fn new(by: &Ods, envelope: &Envelope) -> Self {
        Self {
            by: by.clone(),
            payload: BASE64.encode(&envelope.payload),
            signature: BASE64.encode(&envelope.signature),
        }
    }

    /// The bytes, to be kept.
    ///
    /// # Errors
    /// [`CanonicalError`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::encode(self)
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`CanonicalError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CanonicalError> {
        canonical::decode_at_most(bytes, MAX_ENCLOSED_BYTES)
    }

    /// The envelope again, as one of this kind of document; none where it is no base64.
    #[must_use]
    pub fn envelope<D: RoundDocument>(&self) -> Option<Envelope> {
        Some(Envelope {
            payload: BASE64.decode(self.payload.as_bytes()).ok()?,
            payload_type: D::TYPE.to_owned(),
            signer: self.by.to_string(),
            signature: BASE64.decode(self.signature.as_bytes()).ok()?,
        })
    }
}

/// A partner says that it has an extract, can contribute tables of it, and to whom it would be bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    /// The partner.
    pub ods: Ods,
    /// Whose records.
    pub population: Population,
    /// The agreement.
    pub agreement: AgreementId,
    /// Its hash.
    pub agreement_hash: Digest,
    /// Hash of the membership list that the partner has.
    pub membership: Digest,
    /// The extract. A partner without rows in it has none.
    pub snapshot: SnapshotRef,
    /// The tables that it can contribute, by their ids, in the order of the agreement's.
    pub tables: Vec<Digest>,
}

impl RoundDocument for Ready {
    const TYPE: &'static str = "application/vnd.evensum.pool-ready.v1+json";
}

/// The coordinator binds the partners that are ready: from here on nobody else's records, and nobody's other records,
/// are added up for this population.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// Whose records.
    pub population: Population,
    /// The standing of the extracts.
    pub version: SnapshotVersion,
    /// The agreement.
    pub agreement: AgreementId,
    /// Its hash.
    pub agreement_hash: Digest,
    /// Hash of the membership list.
    pub membership: Digest,
    /// What each member signed, in order of their codes.
    pub ready: Vec<Enclosed>,
    /// The tables that every one of them can contribute, in the order of the agreement's.
    pub tables: Vec<Digest>,
    /// When contributions are no longer waited for.
    pub closes: Timestamp,
}

impl RoundDocument for Round {
    const TYPE: &'static str = "application/vnd.evensum.pool-round.v1+json";
    const MOST: usize = MAX_ROUND_BYTES;
}

/// Whose contributions are in the sum. Signed by the coordinator and by the second server, each once for a round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closing {
    /// Whose records.
    pub population: Population,
    /// The standing of the extracts.
    pub version: SnapshotVersion,
    /// Hash of the round's document.
    pub round: Digest,
    /// In the sum, in order of their codes.
    pub members: Vec<Ods>,
    /// Bound, and not in the sum.
    pub missing: Vec<Ods>,
}

impl RoundDocument for Closing {
    const TYPE: &'static str = "application/vnd.evensum.pool-closing.v1+json";
}

impl Closing {
    /// Its hash, which stands for the sum in releases of it.
    ///
    /// # Errors
    /// [`CanonicalError`].
    pub fn hash(&self) -> Result<Digest, CanonicalError> {
        Ok(Digest::of(&canonical::encode(self)?))
    }
}

/// The most tables of one opening: those of an agreement's packs for one dataset and period, in all their rungs.
pub const MAX_OPENED: usize = 512;

/// The coordinator asks the second server for its part of totals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// Hash of the closing.
    pub closing: Digest,
    /// The tables, each as a question that the agreement allows.
    pub questions: Vec<Question>,
    /// The query that they are opened for; none where the agreement's packs are decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<QueryId>,
}

impl RoundDocument for Opening {
    const TYPE: &'static str = "application/vnd.evensum.pool-opening.v1+json";
}

/// The coordinator gives the second server what it made of opened totals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Returned {
    /// Hash of the closing.
    pub closing: Digest,
    /// Hash of the opening's document.
    pub opening: Digest,
    /// The hashes of the releases, in the order in which they were frozen. What was opened and is not among them is
    /// withheld.
    pub releases: Vec<Digest>,
}

impl RoundDocument for Returned {
    const TYPE: &'static str = "application/vnd.evensum.pool-returned.v1+json";
}
