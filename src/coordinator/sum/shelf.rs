//! What only the coordinator keeps of a round.

use evensum_core::model::{Digest, Ods};

use super::{SumError, Sums, round};

/// The closing as the coordinator signed it.
pub(super) const CLOSING: &str = "closing";
/// The closing as the second server signed it.
pub(super) const COUNTERSIGNED: &str = "countersigned";
/// Why no sum came of the round.
pub(super) const DEAD: &str = "dead";
/// That what was released of opened totals was given back.
pub(super) const RETURNED: &str = "returned";
/// What is estimated of different people.
pub(super) const PEOPLE: &str = "people";

/// That a member knows of the closing.
pub(super) fn told(ods: &Ods) -> String {
    round::of_member("told", ods)
}

impl Sums {
    pub(super) fn has(&self, round: Digest, name: &str) -> bool {
        self.shelf.vault().has(round, name)
    }

    pub(super) fn mark(&self, round: Digest, name: &str) -> Result<(), SumError> {
        Ok(self.shelf.vault().put(round, name, b"1")?)
    }

    /// Whether no sum comes of a round.
    pub(super) fn dead(&self, round: Digest) -> bool {
        self.has(round, DEAD)
    }
}
