//! Who is left out: objections and Type 1 opt-outs, one identifier a line. What is kept of an identifier is its
//! keyed pseudonym, in memory alone.

use std::collections::HashSet;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use evensum_core::model::Digest;

use super::namer;
use super::rows::MAX_PERSON_BYTES;
use crate::snapshot::NodeKey;

/// The most identifiers that are left out: more people than have opted out in England.
pub const MAX_EXCLUDED: usize = 8_000_000;

/// The longest line that is read, in bytes.
const MAX_LINE_BYTES: usize = MAX_PERSON_BYTES + 2;

const CONTEXT: &str = "evensum-excluded-1";

/// Why a list of people to leave out cannot be used. Nothing is loaded then.
#[derive(Debug, thiserror::Error)]
pub enum ExcludeError {
    /// Not there, or not readable.
    #[error("the list of people to leave out, {}, cannot be read, so that nothing was loaded", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// No identifier in it.
    #[error(
        "the list of people to leave out, {}, is empty, so that nothing was loaded: fetch it again or, if there is nobody to leave out, take it \
         out of the command and the configuration",
        .0.display()
    )]
    Empty(PathBuf),
    /// Something else than one identifier.
    #[error(
        "row {row} of the list of people to leave out, {}, is not one identifier: write one a line, in UTF-8, of at most {MAX_PERSON_BYTES} bytes",
        path.display()
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// The row, from 1.
        row: u64,
    },
    /// More than [`MAX_EXCLUDED`].
    #[error("the lists of people to leave out have more than {MAX_EXCLUDED} rows")]
    TooMany,
}

/// People to leave out.
pub struct Exclusions {
    /// Of each identifier, as rows have it: few rows pass this by chance, and only those are named.
    quick: HashSet<u64>,
    hasher: RandomState,
    /// Pseudonyms, sorted.
    names: Vec<u128>,
    digest: Digest,
    key: NodeKey,
}

impl std::fmt::Debug for Exclusions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Exclusions(..)")
    }
}

impl Exclusions {
    /// Reads lists: each with one identifier a line, the same that the extract's `person` holds. A first line
    /// without a digit is a header.
    ///
    /// # Errors
    /// [`ExcludeError`].
    pub fn read(files: &[&Path], key: &NodeKey) -> Result<Self, ExcludeError> {
        let (quick, hasher) = (HashSet::new(), RandomState::new());
        let digest = Digest::of(b"");
        let mut all = Self { quick, hasher, names: Vec::new(), digest, key: key.clone() };
        for path in files {
            all.add(path)?;
        }
        all.names.sort_unstable();
        all.names.dedup();
        let bytes: Vec<u8> = all.names.iter().flat_map(|name| name.to_be_bytes()).collect();
        all.digest = key.hmac(CONTEXT, &bytes);
        Ok(all)
    }

    fn add(&mut self, path: &Path) -> Result<(), ExcludeError> {
        let failed = |source| ExcludeError::Read { path: path.to_owned(), source };
        let mut lines = BufReader::new(File::open(path).map_err(failed)?);
        let (mut line, mut row, before) = (Vec::new(), 0, self.names.len());
        loop {
            line.clear();
            let most = MAX_LINE_BYTES as u64 + 1;
            if (&mut lines).take(most).read_until(b'\n', &mut line).map_err(failed)? == 0 {
                break;
            }
            row += 1;
            let person = identifier(&line, row)
                .ok_or_else(|| ExcludeError::Line { path: path.to_owned(), row })?;
            let header = row == 1 && !person.iter().any(u8::is_ascii_digit);
            if header || person.is_empty() {
                continue;
            }
            if self.names.len() == MAX_EXCLUDED {
                return Err(ExcludeError::TooMany);
            }
            self.quick.insert(self.hasher.hash_one(&*namer::plain(person)));
            self.names.push(namer::pseudonym(&self.key, person));
        }
        if self.names.len() == before { Err(ExcludeError::Empty(path.to_owned())) } else { Ok(()) }
    }

    /// Whether a person is to be left out.
    #[must_use]
    pub(super) fn holds(&self, person: &[u8]) -> bool {
        self.quick.contains(&self.hasher.hash_one(&*namer::plain(person)))
            && self.names.binary_search(&namer::pseudonym(&self.key, person)).is_ok()
    }

    /// A keyed hash of all of them.
    pub(super) const fn digest(&self) -> Digest {
        self.digest
    }
}

/// What a line holds: one identifier, or nothing; none where it is anything else.
fn identifier(line: &[u8], row: u64) -> Option<&[u8]> {
    let line = if row == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
    let line = line.trim_ascii();
    let quoted = line.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    let line = quoted.unwrap_or(line).trim_ascii();
    let one = !line.iter().any(|b| matches!(b, b',' | b';' | b'|' | b'"') || b.is_ascii_control());
    (one && line.len() <= MAX_PERSON_BYTES && std::str::from_utf8(line).is_ok()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Exclusions, ExcludeError> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        Exclusions::read(&[file.path()], &NodeKey::from_bytes([7; 32]))
    }

    #[test]
    fn identifiers_are_found_however_they_are_written() {
        for list in [
            &b"9990000001\nA-17\n"[..],
            b"\xef\xbb\xbfNHS number\r\n999 000 0001\r\n\r\n\"A-17\"\r\n",
            b"person\nA-17\n999-000-0001",
        ] {
            let all = read(list).expect("a list");
            for (person, held) in [
                (&b"9990000001"[..], true),
                (b"999 000 0001", true),
                (b"A-17", true),
                (b"A17", false),
                (b"9990000002", false),
                (b"person", false),
                (b"", false),
            ] {
                assert_eq!(all.holds(person), held, "{list:?} {person:?}");
            }
        }
    }

    #[test]
    fn the_order_of_the_list_leaves_no_trace_and_its_content_does() {
        let digest = |list: &[u8]| read(list).expect("a list").digest();
        assert_eq!(digest(b"a1\nb2\n"), digest(b"b2\na1\nb2\n"));
        assert_ne!(digest(b"a1\nb2\n"), digest(b"a1\n"));
    }

    #[test]
    fn a_list_that_is_none_is_refused_by_row_and_without_its_content() {
        let long = "7".repeat(MAX_PERSON_BYTES + 1);
        for (list, wanted) in [
            (&b""[..], "is empty"),
            (b"\n\n", "is empty"),
            (b"nhs_number\n", "is empty"),
            (b"MARIGOLD1\nMARIGOLD2,x\n", "row 2"),
            (b"MARIGOLD1\tx\n", "row 1"),
            (b"1\n\xff\xfe1\n", "row 2"),
            (b"1\x000\n", "row 1"),
            (long.as_bytes(), "row 1"),
        ] {
            let error = read(list).expect_err("refused").to_string();
            assert!(error.contains(wanted) && !error.contains("MARIGOLD"), "{error}");
        }
        let key = NodeKey::from_bytes([7; 32]);
        let missing = Exclusions::read(&[Path::new("/no/such/list.csv")], &key);
        assert!(matches!(missing, Err(ExcludeError::Read { .. })));
    }
}
