//! The names of a round's files, and lists of byte strings in one file.

use evensum_core::model::Ods;

/// The signed round.
pub const ROUND: &str = "round";
/// The key by which both servers check.
pub const VERIFY_KEY: &str = "verify-key";
/// The newest opening.
pub const OPENING: &str = "opening";
/// What the names of contributions, and of everything that is made of single ones, begin with.
pub const SINGLE: &str = "one-";

/// A member's sealed parts, all of them.
#[must_use]
pub fn parts(ods: &Ods) -> String {
    of_member(&format!("{SINGLE}parts"), ods)
}

/// What is kept of a member's contribution once both servers have checked it.
#[must_use]
pub fn checked(ods: &Ods) -> String {
    of_member(&format!("{SINGLE}checked"), ods)
}

/// That a member's contribution is none.
#[must_use]
pub fn rejected(ods: &Ods) -> String {
    of_member("rejected", ods)
}

/// The sums of a table's vectors.
#[must_use]
pub fn sums(table: usize) -> String {
    format!("sums-{table}")
}

/// A file about one member.
#[must_use]
pub fn of_member(what: &str, ods: &Ods) -> String {
    format!("{what}-{}", ods.as_str().to_ascii_lowercase())
}

/// Byte strings in one: each behind its length.
pub fn packed<'a>(list: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for one in list {
        out.extend_from_slice(&u32::try_from(one.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(one);
    }
    out
}

/// The byte strings again; none where the bytes are not such a list.
#[must_use]
pub fn unpacked(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
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
