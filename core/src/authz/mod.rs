//! May this be asked? An agreement, a signed query and a catalogue to a [`Permit`] or a refusal.
//!
//! A permit has three constructors, one for each use that a table may be put to, and carries the use in
//! its type: what is permitted for a partner's own people can never become something that is shared.

mod permit;
mod rules;

pub use permit::{Asked, Local, Permit, Publication, Shareable, Use};
pub use rules::{Cleared, ClearedAtNode, Denied, Standing, allows, cleared, refused_alike};

#[cfg(test)]
mod tests;
