//! The names of files of a round, and lists of byte strings in one file.

use evensum_core::model::{Digest, Ods};
use evensum_core::pool::{Enclosed, RoundDocument};
use evensum_core::sign::Envelope;

use super::{SumError, Sums};

/// The signed round.
pub(super) const ROUND: &str = "round";
/// The key by which both servers check.
pub(super) const VERIFY_KEY: &str = "verify-key";
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
/// The opening whose totals are being decided.
pub(super) const OPENING: &str = "opening";
/// Contributions and everything that is made of single ones.
pub(super) const SINGLE: &str = "one-";

pub(super) fn parts(ods: &Ods) -> String {
    format!("{SINGLE}parts-{}", lower(ods))
}

pub(super) fn checked(ods: &Ods) -> String {
    format!("{SINGLE}checked-{}", lower(ods))
}

pub(super) fn rejected(ods: &Ods) -> String {
    format!("rejected-{}", lower(ods))
}

pub(super) fn told(ods: &Ods) -> String {
    format!("told-{}", lower(ods))
}

pub(super) fn sums(table: usize) -> String {
    format!("sums-{table}")
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

impl Sums {
    pub(super) fn keep(
        &self,
        round: Digest,
        name: &str,
        envelope: &Envelope,
    ) -> Result<(), SumError> {
        let enclosed = Enclosed::new(self.own.ods(), envelope);
        Ok(self.parts.vault.put(round, name, &enclosed.to_bytes()?)?)
    }

    /// A document that was kept.
    pub(super) fn envelope<D: RoundDocument>(
        &self,
        round: Digest,
        name: &str,
    ) -> Result<Option<Envelope>, SumError> {
        let Some(bytes) = self.parts.vault.take(round, name)? else { return Ok(None) };
        let envelope = Enclosed::from_bytes(&bytes)?.envelope::<D>();
        envelope.map(Some).ok_or(SumError::Lost("a document of it"))
    }

    pub(super) fn has(&self, round: Digest, name: &str) -> bool {
        self.parts.vault.has(round, name)
    }

    pub(super) fn mark(&self, round: Digest, name: &str) -> Result<(), SumError> {
        Ok(self.parts.vault.put(round, name, b"1")?)
    }

    /// Whether no sum comes of a round.
    pub(super) fn dead(&self, round: Digest) -> bool {
        self.has(round, DEAD)
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
