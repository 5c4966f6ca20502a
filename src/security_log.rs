//! Refusals before anybody is authenticated. They go here and not into the audit log, which a stranger could
//! otherwise fill, and at a bounded rate.

use std::sync::{Arc, Mutex, PoisonError};

use evensum_core::model::{Clock, Timestamp};
use tracing::warn;

/// Lines in one window. What comes beyond is counted, and the count is told with the next line.
pub const MAX_LINES: u32 = 30;
/// The window, in seconds.
pub const WINDOW_SECONDS: i64 = 60;

/// The log.
#[derive(Debug)]
pub struct SecurityLog {
    clock: Arc<dyn Clock>,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    from: Timestamp,
    lines: u32,
    left_out: u64,
}

impl SecurityLog {
    /// Begins with an empty window.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let from = clock.now();
        Self { clock, window: Mutex::new(Window { from, lines: 0, left_out: 0 }) }
    }

    /// Notes that something was refused: who brought it, as far as that is known, and a fixed reason.
    pub fn refused(&self, from: &str, reason: &'static str) {
        if let Some(left_out) = self.admit() {
            warn!(target: "evensum::security", from, reason, left_out, "refused before sign-in");
        }
    }

    /// How many lines were left out before this one; `None` where this one is left out too.
    fn admit(&self) -> Option<u64> {
        let now = self.clock.now();
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if now >= window.from.plus(WINDOW_SECONDS) {
            window.from = now;
            window.lines = 0;
        }
        if window.lines >= MAX_LINES {
            window.left_out = window.left_out.saturating_add(1);
            return None;
        }
        window.lines += 1;
        Some(std::mem::take(&mut window.left_out))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[derive(Debug)]
    struct Settable(AtomicI64);

    impl Clock for Settable {
        fn now(&self) -> Timestamp {
            Timestamp::from_unix(self.0.load(Ordering::SeqCst))
        }
    }

    #[test]
    fn a_flood_is_counted_and_not_written() {
        let clock = Arc::new(Settable(AtomicI64::new(1_000)));
        let log = SecurityLog::new(Arc::clone(&clock) as Arc<dyn Clock>);
        for _ in 0..MAX_LINES {
            assert_eq!(log.admit(), Some(0));
        }
        for _ in 0..500 {
            assert_eq!(log.admit(), None);
        }
        clock.0.store(1_000 + WINDOW_SECONDS, Ordering::SeqCst);
        assert_eq!(log.admit(), Some(500));
        assert_eq!(log.admit(), Some(0));
    }
}
