//! A CSV file by the names of its columns, row by row.

use super::{MAX_BYTES, ReferenceError, io};
use std::fs;
use std::path::Path;

/// The bytes of a file that is no larger than [`MAX_BYTES`].
pub(super) fn bytes(file: &Path) -> Result<Vec<u8>, ReferenceError> {
    let size = fs::metadata(file).map_err(io(file, "read"))?.len();
    if size > MAX_BYTES {
        return Err(ReferenceError::TooLarge);
    }
    fs::read(file).map_err(io(file, "read"))
}

/// The columns of a file: in small letters, with underscores for spaces.
#[derive(Debug)]
pub(super) struct Columns(Vec<String>);

impl Columns {
    /// The columns that the first record of a text names.
    pub(super) fn of(text: &[u8]) -> Result<Self, ReferenceError> {
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
        let mut record = csv::ByteRecord::new();
        reader.read_byte_record(&mut record)?;
        Ok(Self(record.iter().map(|name| plain(&String::from_utf8_lossy(name))).collect()))
    }

    /// The first column with one of these names, in the order of the names.
    pub(super) fn find(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.0.iter().position(|own| own == name))
    }

    /// The first column whose name passes.
    pub(super) fn find_by(&self, passes: impl Fn(&str) -> bool) -> Option<usize> {
        self.0.iter().position(|own| passes(own))
    }

    /// A column's name.
    pub(super) fn name(&self, at: usize) -> &str {
        self.0.get(at).map_or("", String::as_str)
    }

    /// All names.
    pub(super) fn names(&self) -> &[String] {
        &self.0
    }
}

fn plain(name: &str) -> String {
    let name = name.trim_start_matches('\u{feff}').trim_matches('"').to_lowercase();
    name.split(|c: char| c.is_whitespace() || c == '_')
        .filter(|w| !w.is_empty())
        .collect::<Vec<_>>()
        .join("_")
}

/// A row, with the fields of its columns.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) number: u32,
    record: &'a csv::ByteRecord,
}

impl Row<'_> {
    /// A field without the space around it; blank where the row or the file does not have it, or where it is not text.
    pub(super) fn field(&self, at: Option<usize>) -> &str {
        let field = at.and_then(|at| self.record.get(at));
        field.and_then(|f| std::str::from_utf8(f).ok()).map_or("", str::trim)
    }

    pub(super) const fn wrong(&self, rule: &'static str) -> ReferenceError {
        ReferenceError::Row { row: self.number, rule }
    }
}

/// Gives every row below the header to a reader.
pub(super) fn rows(
    text: &[u8],
    most: usize,
    mut each: impl FnMut(&Row<'_>) -> Result<(), ReferenceError>,
) -> Result<u32, ReferenceError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
    let mut record = csv::ByteRecord::new();
    let mut number = 1_u32;
    while reader.read_byte_record(&mut record)? {
        number += 1;
        if usize::try_from(number - 1).unwrap_or(usize::MAX) > most {
            return Err(ReferenceError::TooManyNamedRows(most));
        }
        each(&Row { number, record: &record })?;
    }
    if number == 1 { Err(ReferenceError::NoRows) } else { Ok(number - 1) }
}

/// A whole number, perhaps with the commas that spreadsheets put between thousands.
pub(super) fn whole(text: &str) -> Option<u64> {
    let digits: String = text.chars().filter(|c| *c != ',').collect();
    let number = (1..=12).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    number.then(|| digits.parse().ok())?
}

/// A decimal number.
pub(super) fn decimal(text: &str) -> Option<f64> {
    let like = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E');
    if text.is_empty() || !text.bytes().all(like) {
        return None;
    }
    text.parse().ok().filter(|n: &f64| n.is_finite())
}
