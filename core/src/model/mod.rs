//! Nouns of the house: identifiers, time, lattices and their cells, profiles, queries, agreements and
//! the one canonical encoding that everything signed travels in. Uses nothing else of the core.

mod agreement;
mod calendar;
pub mod canonical;
mod cell;
mod ids;
mod lattice;
mod period;
mod population;
mod profile;
mod query;
mod refusal;
mod snapshot;
mod time;
mod toml_problem;

pub use agreement::{
    Agreement, AgreementError, Analyst, Approval, Assurance, Handling, Listed, MAX_LISTED,
    MAX_NODES, MAX_OFFICERS, Officer, Party, PoolKind, Role,
};
pub use calendar::{Calendar, CalendarError, Due, Held, MAX_DAYS_AFTER, MAX_DUE_PERIODS};
pub use cell::{Bounds, CellState, Measured, RawCell, Shown, Sum};
pub use ids::{
    AgreementId, AnalystId, CategoryId, ColumnId, DatasetId, Digest, DimensionId, FederationId,
    IdError, IndicatorId, KeyText, LevelId, Ods, OfficerId, PurposeId, QueryId,
};
pub use lattice::{Axis, AxisCategory, Lattice, LatticeError, Table};
pub use period::{Period, PeriodError, PeriodRange, RangeError};
pub use population::Population;
pub use profile::{Profile, ProfileError, Zeros};
pub use query::{
    MAX_LIFE_SECONDS, MAX_QUERY_BYTES, MAX_QUESTIONS, Query, QueryError, QueryView, Question, Scope,
};
pub use refusal::RefusalCode;
pub use snapshot::{ImdEdition, SnapshotRef, SnapshotVersion};
pub use time::{Clock, Date, Timestamp};
pub use toml_problem::TomlProblem;
