//! Between messages and values. Everything that comes in is measured and parsed here, field by field, before
//! anything else sees it. What goes out is made from values that may leave, and from nothing else:
//! `&Outgoing` at a partner; `&SystemView<Shared>`, progress and the partners' standing at a coordinator;
//! a signed envelope at whoever asks.

pub(super) mod answer;
pub(super) mod completeness;
pub(super) mod envelope;
pub(super) mod helper;
pub(super) mod pool;
#[cfg(test)]
mod tests;
pub(super) mod view;

use evensum_core::model::{IdError, MAX_QUERY_BYTES, MAX_QUESTIONS};

/// The longest payload of an envelope, in bytes.
pub(super) const MAX_PAYLOAD_BYTES: usize = MAX_QUERY_BYTES;
/// The longest release or refusal, in bytes.
pub(super) const MAX_DOCUMENT_BYTES: usize = evensum_core::model::canonical::MAX_BYTES;
/// The longest signature, in bytes. P-256 and Ed25519 need less than 80.
pub(super) const MAX_SIGNATURE_BYTES: usize = 256;
/// The longest text other than a checkpoint, in bytes.
pub(super) const MAX_TEXT_BYTES: usize = 256;
/// The most categories that a cell's place has.
const MAX_AXES: usize = 4;

/// Why a message is not what it should be. It names fields and limits, never what the message says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ConvertError {
    /// A field that must be there is not.
    #[error("the message lacks its {0}")]
    Missing(&'static str),
    /// Longer than its limit.
    #[error("the {what} is longer than {most} bytes")]
    TooLong { what: &'static str, most: usize },
    /// More than the limit.
    #[error("there are more than {most} {what}")]
    TooMany { what: &'static str, most: usize },
    /// An identifier that is none.
    #[error("the {what} is not well formed")]
    Id {
        what: &'static str,
        #[source]
        reason: IdError,
    },
    /// A value that is not one of its kind.
    #[error("the {0} is none that this program knows")]
    Unknown(&'static str),
    /// Values that do not fit each other.
    #[error("the {0} contradicts itself")]
    Contradiction(&'static str),
}

// The audit log holds a query's bytes in base64, beside who asked.
const _: () = assert!(
    MAX_PAYLOAD_BYTES.div_ceil(3) * 4 + 8 * 1024 <= evensum_core::ledger::entry::MAX_ENTRY_BYTES
);

/// The number of a question.
fn number(question: u32) -> Result<u32, ConvertError> {
    match usize::try_from(question) {
        Ok(place) if place < MAX_QUESTIONS => Ok(question),
        _ => Err(ConvertError::TooMany { what: "questions", most: MAX_QUESTIONS }),
    }
}

fn present<T>(field: Option<T>, what: &'static str) -> Result<T, ConvertError> {
    field.ok_or(ConvertError::Missing(what))
}

/// Bytes or a text that is neither empty nor too long.
fn sized<T: AsRef<[u8]>>(field: T, what: &'static str, most: usize) -> Result<T, ConvertError> {
    match field.as_ref().len() {
        0 => Err(ConvertError::Missing(what)),
        length if length > most => Err(ConvertError::TooLong { what, most }),
        _ => Ok(field),
    }
}

fn text(field: String, what: &'static str) -> Result<String, ConvertError> {
    sized(field, what, MAX_TEXT_BYTES)
}

/// A text for people as it leaves: what is too long for the other end is cut.
fn shortened(mut field: String) -> String {
    field.truncate(field.floor_char_boundary(MAX_TEXT_BYTES));
    field
}

fn id<T>(field: String, what: &'static str) -> Result<T, ConvertError>
where
    T: TryFrom<String, Error = IdError>,
{
    T::try_from(text(field, what)?).map_err(|reason| ConvertError::Id { what, reason })
}

fn at_most<T>(field: Vec<T>, what: &'static str, most: usize) -> Result<Vec<T>, ConvertError> {
    if field.len() > most { Err(ConvertError::TooMany { what, most }) } else { Ok(field) }
}
