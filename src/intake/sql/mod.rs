//! Records of a table, a view or a query: in PostgreSQL over the network, or in a SQLite file. Both are opened for
//! reading only.

pub(super) mod postgres;
mod role;
pub(super) mod sqlite;
mod statement;

use std::future::Future;

use tokio::runtime::Runtime;

use super::error::{IntakeError, io};
pub use postgres::{
    DEFAULT_CONNECT_TIMEOUT, DEFAULT_IDLE_TIMEOUT, DEFAULT_STATEMENT_TIMEOUT, Limits, PostgreSql,
    SqlError,
};
pub(super) use statement::Relation;

/// What a SQLite database begins with.
pub(super) const SQLITE: &[u8] = b"SQLite format 3\0";

/// A connection and the runtime that it lives on, which goes with it to another thread.
struct Session<C: Send> {
    runtime: Option<Runtime>,
    connection: Option<C>,
}

impl<C: Send> Session<C> {
    /// Starts a runtime and connects.
    fn open<F: Future<Output = Result<C, IntakeError>>>(
        connect: impl FnOnce() -> F,
    ) -> Result<Self, IntakeError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(io("the connection".as_ref(), "opened"))?;
        let connection = runtime.block_on(connect())?;
        Ok(Self { runtime: Some(runtime), connection: Some(connection) })
    }

    /// Both parts, to be used on the thread that asks.
    fn parts(&mut self) -> Result<(Runtime, C), IntakeError> {
        self.runtime.take().zip(self.connection.take()).ok_or(IntakeError::Broken)
    }
}

impl<C: Send> Drop for Session<C> {
    fn drop(&mut self) {
        drop(self.connection.take());
        // May happen on a thread that must not wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
