//! The shell around the core: files, sockets, the database and the commands.

pub mod store;
