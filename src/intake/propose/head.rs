//! The first rows of an extract, column by column: which values stand there, and how often. They live in memory
//! only.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use csv::ByteRecord;
use evensum_core::catalogue::Catalogue;
use evensum_core::model::Period;

use super::super::error::IntakeError;
use super::super::mapping::Mapping;
use super::super::records::{Input, Records};
use super::{MAX_SAMPLED_ROWS, shapes};

/// A value is looked at as far as this: longer ones are no codes.
const KEPT_CHARS: usize = 64;

/// The longest header that is named in a mapping.
const HEADER_CHARS: usize = 500;

/// Words that stand for nothing wherever they are a whole field, in lower case.
const NULL_WORDS: [&str; 14] = [
    "null", "na", "n/a", "\\n", "-", "--", ".", "?", "#n/a", "nan", "<null>", "(null)", "[null]",
    "(blank)",
];

/// Those that an extract is read with where its mapping names none.
const USUAL_NULLS: [&str; 4] = ["null", "na", "n/a", "\\n"];

/// A field of the file: a column of its own, in the words of its system.
#[derive(Debug)]
pub(super) struct Field {
    /// The header, or its number from 1 where the file has none.
    pub(super) name: String,
    /// The different values that are filled, the most frequent first.
    pub(super) values: Vec<(String, u32)>,
    /// Rows in which it is filled.
    pub(super) filled: u32,
    /// Whether another field has the same header.
    pub(super) twice: bool,
}

impl Field {
    /// The share of the filled rows whose value passes; none of nothing.
    pub(super) fn share(&self, passes: impl Fn(&str) -> bool) -> f64 {
        if self.filled == 0 {
            return 0.0;
        }
        let those = self.values.iter().filter(|(value, _)| passes(value));
        f64::from(those.map(|(_, rows)| rows).sum::<u32>()) / f64::from(self.filled)
    }

    /// How many of the filled rows have a value of their own, from 0 to 1.
    pub(super) fn variety(&self) -> f64 {
        let different = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        if self.filled == 0 { 0.0 } else { f64::from(different) / f64::from(self.filled) }
    }
}

/// The head of a file.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) fields: Vec<Field>,
    /// Whether the first row names the columns.
    pub(super) header: bool,
    /// Rows that were looked at.
    pub(super) rows: u32,
    /// Words for nothing beside the usual ones, as the file writes them.
    pub(super) nulls: BTreeSet<String>,
}

struct Growing {
    name: String,
    values: HashMap<String, u32>,
    filled: u32,
}

impl Head {
    /// Reads at most [`MAX_SAMPLED_ROWS`]. `known` tells names of columns.
    pub(super) fn read(
        path: &Path,
        catalogue: &Catalogue,
        known: &dyn Fn(&str) -> bool,
    ) -> Result<Self, IntakeError> {
        let any = catalogue.datasets().first().map(|d| d.id.to_string()).unwrap_or_default();
        let form = format!("dataset = \"{any}\"\n[source]\nheader = false\n");
        let form = Mapping::parse(&form, catalogue)?.source;
        // No query is read, so that no period restricts one.
        let period = Period::Year { year: 2000 };
        let mut records = Records::open(Input::File(path), &form, period)?;
        let readable = records.readable();
        records.begin(&readable, &[])?;
        let mut record = ByteRecord::new();
        let mut names = records.header().map(<[String]>::to_vec);
        let mut first = None;
        if names.is_none() && records.advance(&mut record)? {
            let cell = |field: &[u8]| cut(field, HEADER_CHARS);
            let cells: Vec<String> = record.iter().map(cell).collect();
            if is_header(&cells, known) { names = Some(cells) } else { first = Some(cells) }
        }
        let header = names.is_some();
        let numbered = || (1..=records.fields()).map(|n| n.to_string()).collect();
        let names: Vec<String> = names.unwrap_or_else(numbered);
        let mut growing: Vec<Growing> = names
            .into_iter()
            .map(|name| Growing { name, values: HashMap::new(), filled: 0 })
            .collect();
        let mut nulls = BTreeSet::new();
        let mut rows = 0;
        if let Some(cells) = first {
            take(&mut growing, cells, &mut nulls);
            rows += 1;
        }
        while rows < MAX_SAMPLED_ROWS && records.advance(&mut record)? {
            if record.len() == growing.len() {
                take(&mut growing, record.iter().map(text), &mut nulls);
            }
            rows += 1;
        }
        if rows == 0 {
            return Err(IntakeError::NoRows);
        }
        Ok(Self { fields: finished(growing), header, rows, nulls })
    }
}

fn text(field: &[u8]) -> String {
    cut(field, KEPT_CHARS)
}

fn cut(field: &[u8], chars: usize) -> String {
    String::from_utf8_lossy(field).trim().chars().take(chars).collect()
}

fn take(
    growing: &mut [Growing],
    cells: impl IntoIterator<Item = String>,
    nulls: &mut BTreeSet<String>,
) {
    for (field, cell) in growing.iter_mut().zip(cells) {
        if cell.is_empty() {
            continue;
        }
        let lower = cell.to_lowercase();
        if NULL_WORDS.contains(&lower.as_str()) {
            if !USUAL_NULLS.contains(&lower.as_str()) {
                nulls.insert(cell);
            }
            continue;
        }
        field.filled += 1;
        *field.values.entry(cell).or_default() += 1;
    }
}

fn finished(growing: Vec<Growing>) -> Vec<Field> {
    let mut seen: HashMap<String, u32> = HashMap::new();
    for field in &growing {
        *seen.entry(field.name.to_lowercase()).or_default() += 1;
    }
    let sorted = |values: HashMap<String, u32>| {
        let mut values: Vec<(String, u32)> = values.into_iter().collect();
        values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        values
    };
    let fields = growing.into_iter().map(|field| Field {
        twice: seen.get(&field.name.to_lowercase()).is_some_and(|n| *n > 1),
        values: sorted(field.values),
        name: field.name,
        filled: field.filled,
    });
    fields.collect()
}

/// Whether a first row names the columns. One cell that could be a record's (a date, a number, a postcode, a
/// small area) makes it a record: what is taken for a header is repeated to whoever reads the proposal.
fn is_header(cells: &[String], known: &dyn Fn(&str) -> bool) -> bool {
    let filled: Vec<&str> = cells.iter().map(String::as_str).filter(|c| !c.is_empty()).collect();
    let of_a_record = |cell: &&str| shapes::could_be_recorded(cell);
    if filled.is_empty() || filled.iter().any(of_a_record) {
        return false;
    }
    let different: BTreeSet<String> = filled.iter().map(|c| c.to_lowercase()).collect();
    let wordy = filled.iter().all(|c| c.len() > 2 && c.chars().any(char::is_alphabetic));
    filled.iter().any(|c| known(c)) || (wordy && different.len() == filled.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_with_anything_of_a_record_in_it_is_no_header() {
        let known = |name: &str| name == "sex";
        let header = |cells: &[&str]| {
            let cells: Vec<String> = cells.iter().map(|c| (*c).to_owned()).collect();
            is_header(&cells, &known)
        };
        assert!(header(&["sex", "x"]));
        assert!(header(&["Patient", "Consultant name", ""]));
        assert!(!header(&["sex", "9434765919"]));
        assert!(!header(&["sex", "1950-02-03"]));
        assert!(!header(&["sex", "03/02/1950"]));
        assert!(!header(&["sex", "BH1 1AA"]));
        assert!(!header(&["sex", "E01000001"]));
        assert!(!header(&["Smith", "M"]));
        assert!(!header(&[]));
    }
}
