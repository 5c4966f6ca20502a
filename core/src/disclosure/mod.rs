//! From what was counted to what may be said, in one direction: `Table<RawCell>` → [`Draft`] → [`Frozen`]
//! → [`Released`] → [`Outgoing`] at a partner; bytes → [`Received`] → combined bounds elsewhere.
//!
//! Raw tables are taken by value and do not come out again. Between protecting a table and making a draft
//! of it stands the place of the disclosure test, which sees published bounds alone.

pub mod attack;
mod chain;
mod combine;
pub mod complementary;
mod document;
mod outgoing;
mod protect;
mod received;
pub mod sheet;
#[cfg(test)]
mod tests;

pub use chain::{ChainError, Draft, Frozen, Group, Preview, Released, preview, protect};
pub use combine::{CombineError, CombinedCell, Side, combine};
pub use document::{AxisIds, CellText, Policy, ReleaseDocument};
pub use outgoing::{AnswerParts, DocumentKind, Outgoing, OutgoingError, RefusalDocument};
pub use protect::{CountRules, RulesError, bounds, stands_for};
pub use received::{Expected, MAX_COUNT, Received, ReceivedError, ReceivedRefusal, Verified};
