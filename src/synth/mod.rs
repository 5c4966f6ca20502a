//! Synthetic geography and extracts: an invented integrated care system whose figures are known, because
//! this module planted them. Nothing in it comes from a real person or place; codes have the shapes of
//! real ones and lie outside their ranges.
//!
//! Everything follows from a seed by integer arithmetic, so that the same seed gives the same bytes on
//! every machine.

mod attendance;
mod draw;
mod generic;
mod geography;
mod outpatient;
mod people;
mod person;
mod profile;
mod rtt;
#[cfg(test)]
mod tests;
mod truth;

pub use attendance::AttendanceExtract;
pub use generic::{
    Columns, GenericError, GenericExtract, GenericTruth, Order, Place, Places, PlacesError, Told,
};
pub use geography::{AREAS, Geography, HOME_ICB, NEIGHBOUR_ICB};
pub use outpatient::OutpatientExtract;
pub use profile::{
    DateStyle, ETHNIC_CODES, Kind, MAX_ROWS, PartnerProfile, ProfileError, UnknownEthnicity,
};
pub use rtt::{HEADER, RttExtract};
pub use truth::{AppointmentCounts, AttendanceCounts, Counts, Figures, Planted, Truth};
