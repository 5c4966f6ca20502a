//! The pure core of Evensum: disclosure control, the combination of partners' answers, the audit log's
//! proofs and everything that decides who may ask what. No IO, no clock, no runtime: time, keys and
//! bytes are given to it.

pub mod catalogue;
pub mod identity;
pub mod model;
pub mod sign;
