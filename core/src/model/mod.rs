//! Nouns of the house: identifiers, time, lattices and their cells, profiles, queries, agreements and
//! the one canonical encoding that everything signed travels in. Uses nothing else of the core.

mod agreement;
mod calendar;
pub mod canonical;
mod cell;
mod ids;
mod lattice;
mod period;
mod pool_kind;
mod profile;
mod query;
mod refusal;
mod snapshot;
mod time;
mod toml_problem;

pub use agreement::{
    Agreement, AgreementError, Analyst, Approval, Assurance, Listed, MAX_LISTED, Party, Role,
};
pub use calendar::{Calendar, CalendarError, Due, Held, MAX_DAYS_AFTER, MAX_DUE_PERIODS};
pub use cell::{Bounds, CellState, Measured, RawCell, Shown, Sum};
pub use ids::{
    AgreementId, AnalystId, CategoryId, ColumnId, DatasetId, Digest, DimensionId, FederationId,
    IdError, IndicatorId, KeyText, LevelId, Ods, PurposeId, QueryId,
};
pub use lattice::{Axis, AxisCategory, Lattice, LatticeError, Table};
pub use period::{Period, PeriodError, PeriodRange, RangeError};
pub use pool_kind::PoolKind;
pub use profile::{Profile, ProfileError, Zeros};
pub use query::{
    MAX_LIFE_SECONDS, MAX_QUERY_BYTES, MAX_QUESTIONS, Query, QueryError, Question, Scope,
};
pub use refusal::RefusalCode;
pub use snapshot::{ImdEdition, SnapshotRef, SnapshotVersion};
pub use time::{Clock, Date, Timestamp};
pub use toml_problem::TomlProblem;
