//! The system's clock and the system's randomness: the only place that asks for either.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use evensum_core::model::{Clock, QueryId, Timestamp};

/// The system's clock.
#[derive(Debug)]
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(i64::try_from(since_1970().as_secs()).unwrap_or(i64::MAX))
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where time comes from")]
fn since_1970() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The clock of this machine.
pub(super) fn system() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// A new query id.
pub(super) fn query_id() -> QueryId {
    let millis = u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX);
    QueryId::from_parts(millis, &rand::random())
}
