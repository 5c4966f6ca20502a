//! What only the second server keeps of a round, and what it knows of a member from the files that are there.

use evensum_core::model::{Digest, Ods};

use super::{Inner, Unable, round};

/// Releases of opened totals.
pub(super) const RELEASE: &str = "release-";

/// A release, by its place among all of its universe.
pub(super) fn release(place: usize) -> String {
    format!("{RELEASE}{place:06}")
}

impl Inner {
    /// Whether a member's sealed parts are all here.
    pub(super) fn is_here(&self, round: Digest, ods: &Ods) -> bool {
        self.shelf.vault().has(round, &round::parts(ods))
    }

    /// Whether a member's contribution to a round was found to be none.
    pub(super) fn is_rejected(&self, round: Digest, ods: &Ods) -> bool {
        self.shelf.vault().has(round, &round::rejected(ods))
    }

    /// Remembers that a member's contribution is none, for as long as the round lives.
    pub(super) fn reject(&self, round: Digest, ods: &Ods, why: &str) -> Result<(), Unable> {
        tracing::warn!(partner = %ods, round = round.short(), why, "a contribution does not verify and is left out of the sum");
        let vault = self.shelf.vault();
        vault.put(round, &round::rejected(ods), b"1")?;
        vault.forget(round, &round::parts(ods))?;
        Ok(vault.forget(round, &round::checked(ods))?)
    }
}
