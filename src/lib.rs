//! The shell around the core: everything that reads, writes, listens or prints.

pub mod present;
