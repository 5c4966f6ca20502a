//! Rows in memory on their way to a snapshot: people as pseudonyms, everything else as codes; then
//! sorted, so that the order of the source leaves no trace.

use std::cmp::Ordering;
use std::collections::HashMap;

use evensum_core::catalogue::{Dimension, Lists, Outcome};
use evensum_core::model::{CategoryId, ColumnId, Date};
use evensum_core::pool::{LINK_BYTES, LinkSecret};
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::derive::{Derivation, Derived, ListedCode, Rules};
use super::error::IntakeError;
use super::event::Happened;
use super::namer::{Named, Namer};
use super::quality::{Counts, Seen};
use super::rejects::Rule;
use super::remembered::Remembered;
use crate::snapshot::{Column, Measure, NodeKey, Rows, record_key};

/// The most rows of one load.
pub const MAX_ROWS: usize = 50_000_000;

/// The most different organisations in one column.
pub const MAX_LISTED: usize = 1_000;

/// The longest identifier of a person, in bytes.
pub const MAX_PERSON_BYTES: usize = 128;

/// Different field texts whose meaning a column remembers.
const MAX_REMEMBERED: usize = 1 << 17;

/// The longest of them, in bytes: longer ones are no codes, and would fill the memory.
const MAX_REMEMBERED_BYTES: usize = 64;

#[derive(Clone, Copy)]
enum Meaning {
    /// A code, what was seen, and whether in another spelling than the code list's.
    Code(u16, Seen, bool),
    Refused(Rule),
}

/// One dimension's column, while it grows.
pub(super) struct Growing<'a> {
    pub(super) dimension: &'a Dimension,
    /// The dataset column that it is made from, and its field.
    source: (&'a str, usize),
    derivation: Derivation<'a>,
    leaves: Vec<CategoryId>,
    /// Organisations in the order in which they came; their codes follow those of the leaves.
    listed: Vec<ListedCode>,
    places: HashMap<ListedCode, u16>,
    /// None where a field means something else on another date.
    remembered: Option<Remembered<Meaning>>,
    codes: Vec<u16>,
    pub(super) counts: Counts,
}

impl<'a> Growing<'a> {
    pub(super) fn new(
        dimension: &'a Dimension,
        source: (&'a str, usize),
        derivation: Derivation<'a>,
        dates_differ: bool,
    ) -> Self {
        let leaves = dimension.leaves(&Lists::new()).into_iter().map(|(id, _)| id).collect();
        Self {
            dimension,
            source,
            remembered: (!dates_differ || !derivation.needs_date()).then(Remembered::new),
            derivation,
            leaves,
            listed: Vec::new(),
            places: HashMap::new(),
            codes: Vec::new(),
            counts: Counts::default(),
        }
    }

    fn meaning(
        &mut self,
        field: &[u8],
        rules: &Rules<'_>,
        on: Date,
    ) -> Result<Meaning, IntakeError> {
        if let Some(meaning) = self.remembered.as_mut().and_then(|known| known.get(field)) {
            return Ok(meaning);
        }
        let derived = self.derivation.of(field, rules, on);
        let respelt = self.derivation.respelt(field, derived);
        let meaning = match derived {
            Derived::Refused(rule) => Meaning::Refused(rule),
            Derived::Listed(code) => Meaning::Code(self.place(code)?, Seen::Valid, respelt),
            Derived::Leaf(id, seen) => {
                let at = self.leaves.iter().position(|leaf| leaf == id);
                let at = at.and_then(|at| u16::try_from(at).ok());
                let column = || IntakeError::Unusable(self.dimension.column.to_string());
                Meaning::Code(at.ok_or_else(column)?, seen, respelt)
            }
        };
        let short = field.len() <= MAX_REMEMBERED_BYTES;
        let room = |known: &&mut Remembered<_>| short && known.len() < MAX_REMEMBERED;
        if let Some(known) = self.remembered.as_mut().filter(room) {
            known.insert(field, meaning);
        }
        Ok(meaning)
    }

    fn place(&mut self, code: ListedCode) -> Result<u16, IntakeError> {
        if let Some(place) = self.places.get(&code) {
            return Ok(*place);
        }
        let too_many = || IntakeError::TooManyListed(self.dimension.column.to_string());
        if self.listed.len() == MAX_LISTED {
            return Err(too_many());
        }
        let place = u16::try_from(self.leaves.len() + self.listed.len()).map_err(|_| too_many())?;
        self.listed.push(code);
        self.places.insert(code, place);
        Ok(place)
    }

    /// The finished dictionary (organisations sorted, then the catalogue's own categories) and codes
    /// against it.
    fn finish(self) -> (ColumnId, Vec<CategoryId>, Vec<u16>) {
        let mut sorted = self.listed.clone();
        sorted.sort_unstable();
        let offset = sorted.len();
        let place = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        let mut moved: Vec<u16> = (0..self.leaves.len()).map(|i| place(offset + i)).collect();
        moved.extend(
            self.listed.iter().map(|code| place(sorted.binary_search(code).unwrap_or_default())),
        );
        let lists = Lists::from([(
            self.dimension.id.clone(),
            sorted.iter().filter_map(|c| c.category()).map(|id| (id, String::new())).collect(),
        )]);
        let dictionary = self.dimension.leaves(&lists).into_iter().map(|(id, _)| id).collect();
        let codes = self.codes.iter().map(|c| moved[usize::from(*c)]).collect();
        (self.dimension.column.clone(), dictionary, codes)
    }
}

/// All rows, while they grow.
pub(super) struct Gathered<'a> {
    namer: Namer,
    pub(super) columns: Vec<Growing<'a>>,
    bands: Vec<u16>,
    /// The measures that are kept, with the numbers of the rows.
    measures: Vec<(&'a ColumnId, Vec<u16>)>,
    /// Days before the period's end, to tell rows apart; empty where rows have no date of their own.
    days: Vec<u16>,
    dated: bool,
    scratch: Vec<(u16, Seen, bool)>,
}

/// All rows, in their final order.
pub(super) struct Sorted {
    pub(super) rows: Rows,
    /// Different people.
    pub(super) persons: u64,
    /// Rows that repeat another in person, date and every code.
    pub(super) duplicates: u64,
    /// The key of each person's records, where they are kept.
    pub(super) record_keys: Option<Vec<u64>>,
    /// The link id of each person, where they are kept.
    pub(super) links: Option<Zeroizing<Vec<[u8; LINK_BYTES]>>>,
}

/// A row that breaks a rule in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken<'a> {
    pub(super) column: &'a str,
    pub(super) rule: Rule,
}

impl<'a> Gathered<'a> {
    /// # Errors
    /// The system's, where it gives no thread.
    pub(super) fn new(
        (key, links): (&NodeKey, Option<&LinkSecret>),
        columns: Vec<Growing<'a>>,
        measures: &[&'a ColumnId],
        dated: bool,
    ) -> std::io::Result<Self> {
        Ok(Self {
            namer: Namer::new(key, links)?,
            columns,
            bands: Vec::new(),
            measures: measures.iter().map(|id| (*id, Vec::new())).collect(),
            days: Vec::new(),
            dated,
            scratch: Vec::new(),
        })
    }

    /// Takes a row, or nothing of it.
    pub(super) fn push(
        &mut self,
        record: &csv::ByteRecord,
        person: &[u8],
        happened: Happened,
        rules: &Rules<'_>,
    ) -> Result<Option<Broken<'a>>, IntakeError> {
        self.scratch.clear();
        for column in &mut self.columns {
            let field = record.get(column.source.1).unwrap_or_default().trim_ascii();
            match column.meaning(field, rules, happened.on)? {
                Meaning::Code(code, seen, respelt) => self.scratch.push((code, seen, respelt)),
                Meaning::Refused(rule) => {
                    return Ok(Some(Broken { column: column.source.0, rule }));
                }
            }
        }
        if self.bands.len() == MAX_ROWS {
            return Err(IntakeError::TooManyRows);
        }
        for (column, (code, seen, respelt)) in self.columns.iter_mut().zip(&self.scratch) {
            column.codes.push(*code);
            column.counts.add(*seen);
            column.counts.respelt += u64::from(*respelt);
        }
        self.bands.push(happened.band);
        for ((_, values), value) in self.measures.iter_mut().zip(happened.measures) {
            values.push(value);
        }
        if self.dated {
            let days = rules.census.days_since(happened.on);
            self.days.push(u16::try_from(days).unwrap_or(u16::MAX));
        }
        self.namer.add(person);
        Ok(None)
    }

    /// Sorts the rows by person and then by everything else, and numbers the people by the rank of
    /// their pseudonyms. With a node key, the keys of their records are made as well.
    pub(super) fn finish(self, outcome: &Outcome, keys: Option<&NodeKey>) -> Sorted {
        let Self { namer, columns, bands, measures, days, .. } = self;
        let Named { names, links } = namer.finish();
        let mut people: Vec<(u128, u32)> = names.into_iter().zip(0..).collect();
        let finished: Vec<_> = columns.into_iter().map(Growing::finish).collect();
        // The day comes last: it is not kept, and leaves no trace in the order of what is.
        let compare = |a: &(u128, u32), b: &(u128, u32)| {
            a.0.cmp(&b.0).then_with(|| {
                let (i, j) = (row(a.1), row(b.1));
                let mut by_codes = finished.iter().map(|(_, _, codes)| codes[i].cmp(&codes[j]));
                let by_measures = || {
                    let mut each = measures.iter().map(|(_, values)| values[i].cmp(&values[j]));
                    each.find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
                };
                let by_day = || days.get(i).cmp(&days.get(j));
                let by_band = || bands[i].cmp(&bands[j]).then_with(by_measures).then_with(by_day);
                by_codes.find(|o| o.is_ne()).unwrap_or_else(by_band)
            })
        };
        people.par_sort_unstable_by(compare);
        let mut persons = Vec::with_capacity(people.len());
        let (mut ordinal, mut duplicates): (u32, u64) = (0, 0);
        for (at, person) in people.iter().enumerate() {
            if let Some(before) = at.checked_sub(1).map(|before| &people[before]) {
                ordinal += u32::from(before.0 != person.0);
                duplicates += u64::from(before.0 == person.0 && compare(before, person).is_eq());
            }
            persons.push(ordinal);
        }
        let record_keys = keys.map(|key| {
            let mut names: Vec<u128> = people.iter().map(|(name, _)| *name).collect();
            names.dedup();
            names.into_par_iter().map(|name| record_key(key, name)).collect()
        });
        let links = links.map(|links| {
            let mut firsts = people.clone();
            firsts.dedup_by_key(|(name, _)| *name);
            Zeroizing::new(firsts.into_iter().map(|(_, at)| links[row(at)]).collect())
        });
        let count = if people.is_empty() { 0 } else { u64::from(ordinal) + 1 };
        let order: Vec<u32> = people.into_iter().map(|(_, row)| row).collect();
        let sorted = |values: &[u16]| order.iter().map(|r| values[row(*r)]).collect::<Vec<_>>();
        let mut columns: Vec<Column> = finished
            .into_par_iter()
            .map(|(id, dictionary, codes)| Column { id, dictionary, codes: sorted(&codes) })
            .collect();
        columns.push(Column {
            id: outcome.column.clone(),
            dictionary: outcome.bands().into_iter().map(|(id, _)| id.clone()).collect(),
            codes: sorted(&bands),
        });
        let measures = measures
            .iter()
            .map(|(id, values)| Measure { id: (*id).clone(), values: sorted(values) })
            .collect();
        Sorted {
            rows: Rows { persons, columns, measures },
            persons: count,
            duplicates,
            record_keys,
            links,
        }
    }
}

fn row(row: u32) -> usize {
    usize::try_from(row).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use evensum_core::catalogue::Catalogue;

    use super::super::derive::Origin;
    use super::*;

    /// A field that is no code can be as long as a record, and there may be as many as rows.
    #[test]
    fn long_fields_are_not_remembered() {
        let catalogue = Catalogue::builtin().expect("catalogue");
        let sex = catalogue.dimensions().iter().find(|d| d.id.as_str() == "sex").expect("sex");
        let derivation = Derivation::new(sex, Origin::Code, None).expect("usable");
        let mut column = Growing::new(sex, ("sex", 0), derivation, false);
        let nulls = Vec::new();
        let census = "2026-10-31".parse().expect("a date");
        let rules = Rules { census, nulls: &nulls, dates: &[] };
        for (length, remembered) in
            [(1, 1), (MAX_REMEMBERED_BYTES, 2), (MAX_REMEMBERED_BYTES + 1, 2)]
        {
            let meaning = column
                .meaning("1".repeat(length).as_bytes(), &rules, rules.census)
                .expect("a meaning");
            let known = matches!(meaning, Meaning::Code(_, Seen::Valid, _));
            assert_eq!(
                (known, column.remembered.as_ref().map_or(0, Remembered::len)),
                (length == 1, remembered),
                "{length}"
            );
        }
    }
}
