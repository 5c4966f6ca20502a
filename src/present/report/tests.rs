//! Tests of reports over answers made by hand.
