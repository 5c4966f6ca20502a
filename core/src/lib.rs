//! The pure core of Evensum: disclosure control, the combination of partners' answers, the audit log's
//! proofs and everything that decides who may ask what. No IO, no clock, no runtime: time, keys and
//! bytes are given to it.

pub mod adversary;
pub mod authz;
pub mod catalogue;
pub mod disclosure;
pub mod identity;
pub mod ledger;
pub mod model;
pub mod plan;
pub mod pool;
pub mod population;
pub mod port;
pub mod sign;
pub mod statistics;
pub mod view;
