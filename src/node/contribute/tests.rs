//! The node in rounds.
