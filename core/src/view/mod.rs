//! The one answer type. A shared view is built from verified releases alone, by the coordinator and,
//! again and independently, by the analyst's tool.

mod answer;
mod assemble;
mod bundle;
mod quality;

pub use answer::{
    Answer, AxisView, CategoryView, Cell, Coverage, CoverageStatus, IndicatorView, ReceiptRow,
    ReleaseRow, ViewKind,
};
pub use assemble::{Absent, Gathered, Shared, SystemView, Unlogged, ViewError};
pub use bundle::{Bundle, ClaimedCell, DoubtError};
pub use quality::{
    DimensionQuality, LeftOut, MeasureRange, NationalOptOut, OptOut, PseudoPostcodes,
    QualityReport, RejectCount,
};
