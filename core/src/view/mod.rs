//! The one answer type. A shared view is built from verified releases alone, by the coordinator and,
//! again and independently, by the analyst's tool. A view of a partner's own extract is for its own people: it has no
//! way to anybody else.

mod answer;
mod assemble;
mod beside;
mod bundle;
mod completeness;
mod denominator;
mod inequality;
mod local;
mod quality;
mod rate;
mod reconcile;
mod refusal;
mod rung;

pub use answer::{
    Answer, AskedBy, AxisView, CategoryView, Cell, Coverage, CoverageStatus, IndicatorView,
    ReceiptRow, ReleaseRow, ViewKind,
};
pub use assemble::{Absent, Gathered, Shared, SystemView, Unlogged, ViewError, share};
pub use beside::{Beside, Published};
pub use bundle::{Bundle, ClaimedCell, DoubtError};
pub use completeness::{ClaimedShares, Completeness, RowShare};
pub use inequality::{
    Furthest, GroupValue, Inequality, Known, Reference, SLOPE_DRAWS, SlopeSaid, Unit, inequalities,
};
pub use local::{EXACT, Local, Own, PROTECTED};
pub use quality::{
    AreaMix, DimensionQuality, LeftOut, MeasureRange, MonthRows, NationalOptOut, OptOut,
    PseudoPostcodes, QualityReport, RejectCount, SiteLine, Sites,
};
pub use rate::{
    CellRate, LEAST_HELD_PERCENT, PopulationUsed, RateSources, Rates, rates, whole_percent,
};
pub use reconcile::{Explanation, Figures, ReconciledLine, Reconciliation};
pub use refusal::RateRefusal;
pub use rung::{Descent, Part, Parts, rung_text};
