//! From what was counted to what may be said, in one direction: `Table<RawCell>` → [`Protected`] → [`Draft`] →
//! [`Frozen`] → [`Released`] → [`Outgoing`] at a partner; bytes → [`Received`] → combined bounds elsewhere.
//!
//! Raw tables are taken by value and do not come out again. Between protecting a table and making a draft
//! of it stands the disclosure test ([`Live::test`]), which sees published bounds alone.

mod advance;
pub mod attack;
pub mod cell_key;
mod chain;
mod combine;
pub mod complementary;
mod contribution;
mod distinct;
mod document;
mod exact;
mod extract;
mod internal;
mod known;
mod live;
mod measure;
mod outgoing;
mod pooled;
mod protect;
mod received;
pub mod sheet;
mod system;
#[cfg(test)]
mod tests;

pub use advance::{Decision, MAX_AT_ONCE};
pub use chain::{
    ChainError, Draft, Frozen, Group, Preview, Protected, Released, preview, protect,
    protect_pooled,
};
pub use combine::{CombineError, CombinedCell, Side, combine};
pub use contribution::{ContributionError, contribution};
pub use distinct::{DistinctPeople, LEAST_PEOPLE, NoPeople, PEOPLE_BASE, PeopleBounds, PeopleText};
pub use document::{AxisIds, CellText, FigureText, Figures, NoFigure, Policy, ReleaseDocument};
pub use internal::{Internal, internal};
pub use known::KnownError;
pub use live::{Live, LiveError, Outcome, Universe, Withheld, mark, mark_after};
pub use measure::{FigureBounds, FigureGap, PROTECTED_BELOW};
pub use outgoing::{AnswerParts, DocumentKind, Outgoing, OutgoingError, RefusalDocument};
pub use pooled::{Pooled, PooledError};
pub use protect::{CountRules, RulesError, ZERO_TARGET_DENOMINATOR, bounds, stands_for};
pub use received::{Expected, MAX_COUNT, Received, ReceivedError, ReceivedRefusal, Verified};
pub use system::System;
