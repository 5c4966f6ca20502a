//! What may leave a partner: a release or a refusal, each with a signed statement and a proof that the
//! audit log holds it.

use serde::{Deserialize, Serialize};

use super::chain::{ChainError, Released};
use crate::ledger::{Event, Receipt, ReceiptParts};
use crate::model::canonical;
use crate::model::{Digest, FederationId, Ods, QueryId, RefusalCode};
use crate::sign::{KeyError, SigningKey, pre_authentication_encoding};

/// Payload type of a statement.
pub(super) const STATEMENT_TYPE: &str = "application/vnd.evensum.statement.v1+json";

/// What a partner signs with each answer.
#[derive(Debug, Serialize)]
struct Statement<'a> {
    federation: &'a FederationId,
    ods: &'a Ods,
    query_hash: Digest,
    question: u32,
    document_hash: Digest,
    index: u64,
    checkpoint_hash: Digest,
}

/// The bytes that a statement's signature is over.
pub(super) fn statement(
    federation: &FederationId,
    ods: &Ods,
    (query_hash, question): (Digest, u32),
    document: &[u8],
    receipt: &ReceiptParts,
) -> Result<Vec<u8>, canonical::CanonicalError> {
    let statement = Statement {
        federation,
        ods,
        query_hash,
        question,
        document_hash: Digest::of(document),
        index: receipt.index,
        checkpoint_hash: Digest::of(receipt.checkpoint.as_bytes()),
    };
    Ok(pre_authentication_encoding(STATEMENT_TYPE, &canonical::encode(&statement)?))
}

/// A refusal as a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusalDocument {
    /// Always `evensum-refusal-1`.
    pub format: String,
    /// The partner.
    pub ods: Ods,
    /// The query.
    pub query_id: QueryId,
    /// Which of its questions, from 0.
    pub question: u32,
    /// Why.
    pub code: RefusalCode,
}

/// The format's name.
pub(super) const REFUSAL_FORMAT: &str = "evensum-refusal-1";

/// Which document an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentKind {
    /// A [`super::ReleaseDocument`].
    Release,
    /// A [`RefusalDocument`].
    Refusal,
}

/// An answer as it travels: bytes that nobody believes before they are verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerParts {
    /// Which document.
    pub kind: DocumentKind,
    /// The document, in canonical form.
    pub document: Vec<u8>,
    /// The partner's signature over its statement.
    pub signature: Vec<u8>,
    /// The proof that the partner's audit log holds this answer.
    pub receipt: ReceiptParts,
}

/// An answer that may leave a partner. Made of a release or of a logged refusal, and of nothing else:
/// ```compile_fail,E0451
/// use evensum_core::disclosure::{AnswerParts, Outgoing};
/// use evensum_core::model::Ods;
/// fn forge(ods: Ods, parts: AnswerParts) -> Outgoing { Outgoing { ods, parts } }
/// ```
/// ```
/// use evensum_core::disclosure::{ChainError, Outgoing, Released};
/// use evensum_core::{model::{FederationId, Ods}, sign::SigningKey};
/// fn sent(released: Released, f: &FederationId, ods: &Ods, key: &SigningKey) -> bool {
///     Outgoing::release(released, f, ods, key).is_ok()
/// }
/// ```
#[derive(Debug)]
pub struct Outgoing {
    ods: Ods,
    parts: AnswerParts,
}

/// Why no answer could be made.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingError {
    /// The audit log's entry is about something else.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// No canonical form.
    #[error("the answer cannot be encoded")]
    Canonical(#[from] canonical::CanonicalError),
    /// No signature.
    #[error("the answer cannot be signed")]
    Key(#[from] KeyError),
}

impl Outgoing {
    /// Signs a release.
    ///
    /// # Errors
    /// [`OutgoingError`].
    pub fn release(
        released: Released,
        federation: &FederationId,
        ods: &Ods,
        key: &SigningKey,
    ) -> Result<Self, OutgoingError> {
        let (document, query_hash, question, receipt) = released.into_parts();
        let about = (query_hash, question);
        Self::signed(DocumentKind::Release, document, about, &receipt, federation, ods, key)
    }

    /// Signs the refusal of a question that the audit log holds, by itself or as one of a query that was
    /// refused as a whole.
    ///
    /// # Errors
    /// [`OutgoingError`].
    pub fn refusal(
        (query_id, question): (QueryId, u32),
        code: RefusalCode,
        receipt: &Receipt,
        federation: &FederationId,
        ods: &Ods,
        key: &SigningKey,
    ) -> Result<Self, OutgoingError> {
        let query_hash = match &receipt.entry().event {
            Event::Refused { query_id: id, query_hash, question: of, code: logged, .. }
                if *id == query_id && of.is_none_or(|of| of == question) && *logged == code =>
            {
                *query_hash
            }
            Event::Replayed { query_id: id, query_hash, question: of, release_hash: None }
                if (*id, *of) == (query_id, question) =>
            {
                *query_hash
            }
            _ => return Err(ChainError::Receipt.into()),
        };
        let document = RefusalDocument {
            format: REFUSAL_FORMAT.to_owned(),
            ods: ods.clone(),
            query_id,
            question,
            code,
        };
        let bytes = canonical::encode(&document)?;
        let about = (query_hash, question);
        Self::signed(DocumentKind::Refusal, bytes, about, receipt, federation, ods, key)
    }

    fn signed(
        kind: DocumentKind,
        document: Vec<u8>,
        about: (Digest, u32),
        receipt: &Receipt,
        federation: &FederationId,
        ods: &Ods,
        key: &SigningKey,
    ) -> Result<Self, OutgoingError> {
        let receipt = receipt.parts().clone();
        let message = statement(federation, ods, about, &document, &receipt)?;
        let signature = key.sign(&message)?;
        Ok(Self { ods: ods.clone(), parts: AnswerParts { kind, document, signature, receipt } })
    }

    /// Whose answer it is.
    #[must_use]
    pub const fn ods(&self) -> &Ods {
        &self.ods
    }

    /// What travels.
    #[must_use]
    pub const fn parts(&self) -> &AnswerParts {
        &self.parts
    }
}
