//! The names of files of a round, and lists of byte strings in one file.

use evensum_core::model::{Digest, Ods};
use evensum_core::pool::{Enclosed, RoundDocument};
use evensum_core::sign::Envelope;

use super::{Inner, Unable};

/// The signed round.
pub(super) const ROUND: &str = "round";
/// The key by which both servers check, sealed as it came.
pub(super) const VERIFY_KEY: &str = "verify-key";
/// The newest opening.
pub(super) const OPENING: &str = "opening";
/// Contributions, and everything that is made of single ones.
pub(super) const SINGLE: &str = "one-";
/// Releases of opened totals.
pub(super) const RELEASE: &str = "release-";

/// A member's sealed parts, all of them.
pub(super) fn parts(ods: &Ods) -> String {
    format!("{SINGLE}parts-{}", lower(ods))
}

/// A member's vectors that were checked: place, message and share of each.
pub(super) fn checked(ods: &Ods) -> String {
    format!("{SINGLE}checked-{}", lower(ods))
}

/// That a member's contribution is none.
pub(super) fn rejected(ods: &Ods) -> String {
    format!("rejected-{}", lower(ods))
}

/// The sums of a table's vectors.
pub(super) fn sums(table: usize) -> String {
    format!("sums-{table}")
}

/// A release, by its place among all of its universe.
pub(super) fn release(place: usize) -> String {
    format!("{RELEASE}{place:06}")
}

fn lower(ods: &Ods) -> String {
    ods.as_str().to_ascii_lowercase()
}

/// Byte strings in one: each behind its length.
pub(super) fn packed<'a>(list: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for one in list {
        out.extend_from_slice(&u32::try_from(one.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(one);
    }
    out
}

/// The byte strings again; none where the bytes are not such a list.
pub(super) fn unpacked(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut list = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (one, rest) = rest.split_at_checked(length)?;
        list.push(one);
        bytes = rest;
    }
    Some(list)
}

impl Inner {
    /// Keeps a document as its signer sent it.
    pub(super) fn keep(
        &self,
        round: Digest,
        name: &str,
        by: &Ods,
        envelope: &Envelope,
    ) -> Result<(), Unable> {
        Ok(self.vault.put(round, name, &Enclosed::new(by, envelope).to_bytes()?)?)
    }

    /// A document that was kept.
    pub(super) fn kept<D: RoundDocument>(
        &self,
        round: Digest,
        name: &str,
    ) -> Result<Option<Envelope>, Unable> {
        let Some(bytes) = self.vault.take(round, name)? else { return Ok(None) };
        let envelope = Enclosed::from_bytes(&bytes)?.envelope::<D>();
        envelope.map(Some).ok_or(Unable::Lost("a document of it"))
    }

    /// Whether a member's sealed parts are all here.
    pub(super) fn is_here(&self, round: Digest, ods: &Ods) -> bool {
        self.vault.has(round, &parts(ods))
    }

    /// Whether a member's contribution to a round was found to be none.
    pub(super) fn is_rejected(&self, round: Digest, ods: &Ods) -> bool {
        self.vault.has(round, &rejected(ods))
    }

    /// Remembers that a member's contribution is none, for as long as the round lives.
    pub(super) fn reject(&self, round: Digest, ods: &Ods, why: &str) -> Result<(), Unable> {
        tracing::warn!(partner = %ods, round = round.short(), why, "a contribution does not verify and is left out of the sum");
        self.vault.put(round, &rejected(ods), b"1")?;
        self.vault.forget(round, &parts(ods))?;
        Ok(self.vault.forget(round, &checked(ods))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_was_written_and_a_torn_one_is_none() {
        for list in [vec![], vec![&b""[..]], vec![&b"one"[..], b"", b"three"]] {
            let bytes = packed(list.iter().copied());
            assert_eq!(unpacked(&bytes), Some(list.clone()));
            for end in 1..bytes.len() {
                assert!(
                    unpacked(&bytes[..end]).is_none_or(|read| read.len() < list.len()),
                    "{end}"
                );
            }
        }
        assert_eq!(unpacked(&[0, 0, 1]), None);
        assert_eq!(unpacked(&[0, 0, 0, 9, 1]), None);
    }
}
