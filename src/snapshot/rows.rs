//! Rows in columns: as intake hands them over, and as they are held in memory to be counted.

use std::collections::HashSet;
use std::ops::Range;

use evensum_core::model::{CategoryId, ColumnId};

use super::Manifest;

/// The most rows of a snapshot. Well under 2³², so that a row count fits a `u32`.
pub const MAX_ROWS: usize = 400_000_000;
/// The most dictionary columns of a snapshot.
pub const MAX_COLUMNS: usize = 64;
/// The most measures of a snapshot.
pub const MAX_MEASURES: usize = 4;
/// The most categories in one column's dictionary.
pub const MAX_DICTIONARY: usize = 1 << 16;

/// Rows that one word of bits stands for.
const WORD: usize = 64;

/// The file's column of person ordinals.
pub(super) const PERSON: &str = "person";

/// A column of categories: one code a row, an index into the dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub id: ColumnId,
    /// The categories that occur, each once.
    pub dictionary: Vec<CategoryId>,
    /// One index into the dictionary for each row.
    pub codes: Vec<u16>,
}

/// A measure: one whole number a row, such as the weeks waited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// Its name.
    pub id: ColumnId,
    /// One number for each row.
    pub values: Vec<u16>,
}

/// Rows as intake hands them over, sorted by person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// The person's ordinal, row by row; never falls.
    pub persons: Vec<u32>,
    /// The categories, column by column.
    pub columns: Vec<Column>,
    /// The measures that the dataset keeps, if any.
    pub measures: Vec<Measure>,
}

/// Why rows do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Shape {
    /// More than [`MAX_ROWS`].
    #[error("more than {MAX_ROWS} rows: load fewer at a time")]
    TooManyRows,
    /// More than [`MAX_COLUMNS`].
    #[error("more than {MAX_COLUMNS} columns")]
    TooManyColumns,
    /// More than [`MAX_MEASURES`].
    #[error("more than {MAX_MEASURES} measures")]
    TooManyMeasures,
    /// More than [`MAX_DICTIONARY`], or a category twice.
    #[error("the dictionary of '{0}' has a category twice or more than {MAX_DICTIONARY} of them")]
    Dictionary(ColumnId),
    /// A column twice, or with a name that the file needs for itself.
    #[error("the column '{0}' stands twice, or is named like one that every snapshot has")]
    Name(ColumnId),
    /// Not one value for each row.
    #[error("the column '{0}' is not as long as the others")]
    Length(String),
    /// A code that the dictionary does not have.
    #[error("the column '{0}' holds a code outside its dictionary")]
    Code(ColumnId),
    /// Not one record key for each person.
    #[error("there is not one record key for each person")]
    RecordKeys,
    /// Not one link id for each person.
    #[error("there is not one link id for each person")]
    LinkIds,
    /// Rows are out of order.
    #[error("the rows are not sorted by person")]
    Order,
}

impl Rows {
    /// Checks that the columns fit together.
    pub(super) fn check(&self) -> Result<(), Shape> {
        check_frame(&self.persons, &self.measures)?;
        check_names(self.columns.iter().map(|c| &c.id), &self.measures)?;
        for column in &self.columns {
            check_dictionary(&column.id, &column.dictionary)?;
            if column.codes.len() != self.persons.len() {
                return Err(Shape::Length(column.id.to_string()));
            }
            if column.codes.iter().any(|c| usize::from(*c) >= column.dictionary.len()) {
                return Err(Shape::Code(column.id.clone()));
            }
        }
        Ok(())
    }
}

fn check_frame(persons: &[u32], measures: &[Measure]) -> Result<(), Shape> {
    if persons.len() > MAX_ROWS {
        return Err(Shape::TooManyRows);
    }
    if !persons.is_sorted() {
        return Err(Shape::Order);
    }
    if measures.len() > MAX_MEASURES {
        return Err(Shape::TooManyMeasures);
    }
    if let Some(measure) = measures.iter().find(|m| m.values.len() != persons.len()) {
        return Err(Shape::Length(measure.id.to_string()));
    }
    Ok(())
}

fn check_names<'a>(
    columns: impl Iterator<Item = &'a ColumnId>,
    measures: &'a [Measure],
) -> Result<(), Shape> {
    let mut seen = HashSet::new();
    for id in columns.chain(measures.iter().map(|m| &m.id)) {
        if id.as_str() == PERSON || !seen.insert(id) {
            return Err(Shape::Name(id.clone()));
        }
        if seen.len() > MAX_COLUMNS + measures.len() {
            return Err(Shape::TooManyColumns);
        }
    }
    Ok(())
}

fn check_dictionary(id: &ColumnId, dictionary: &[CategoryId]) -> Result<(), Shape> {
    let distinct: HashSet<&CategoryId> = dictionary.iter().collect();
    if dictionary.len() > MAX_DICTIONARY || distinct.len() != dictionary.len() {
        return Err(Shape::Dictionary(id.clone()));
    }
    Ok(())
}

/// Codes of a column in as few bytes as they need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Codes {
    /// A byte a row, for dictionaries of up to 256 categories.
    U8(Vec<u8>),
    /// Two bytes a row.
    U16(Vec<u16>),
}

impl Codes {
    /// Codes held.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::U8(codes) => codes.len(),
            Self::U16(codes) => codes.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shrink_to_fit(&mut self) {
        match self {
            Self::U8(codes) => codes.shrink_to_fit(),
            Self::U16(codes) => codes.shrink_to_fit(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::U8(codes) => codes.capacity(),
            Self::U16(codes) => 2 * codes.capacity(),
        }
    }

    fn all_below(&self, limit: usize) -> bool {
        match self {
            Self::U8(codes) => codes.iter().all(|c| usize::from(*c) < limit),
            Self::U16(codes) => codes.iter().all(|c| usize::from(*c) < limit),
        }
    }
}

/// A column in memory. Its codes lie within its dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldColumn {
    id: ColumnId,
    dictionary: Vec<CategoryId>,
    codes: Codes,
}

impl HeldColumn {
    /// Checks that dictionary and codes go together.
    ///
    /// # Errors
    /// [`Shape::Dictionary`] and [`Shape::Code`].
    pub fn new(id: ColumnId, dictionary: Vec<CategoryId>, codes: Codes) -> Result<Self, Shape> {
        check_dictionary(&id, &dictionary)?;
        if !codes.all_below(dictionary.len()) {
            return Err(Shape::Code(id));
        }
        Ok(Self { id, dictionary, codes })
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> &ColumnId {
        &self.id
    }

    /// The categories that codes stand for.
    #[must_use]
    pub fn dictionary(&self) -> &[CategoryId] {
        &self.dictionary
    }

    /// One code for each row.
    #[must_use]
    pub fn codes(&self) -> &Codes {
        &self.codes
    }
}

/// A snapshot in memory: four bytes and a bit a row, one or two bytes more for each column, and two for each measure;
/// where it has record keys, eight bytes a person.
#[derive(Clone)]
pub struct Snapshot {
    manifest: Manifest,
    persons: Vec<u32>,
    columns: Vec<HeldColumn>,
    measures: Vec<Measure>,
    /// A bit for each row, in words from the lowest bit on: whether its person has another row.
    shared: Vec<u64>,
    /// The key of each person's records, by ordinal.
    record_keys: Option<Vec<u64>>,
}

impl Snapshot {
    /// Puts rows and manifest together. The manifest's hashes are not checked: [`super::read()`] does
    /// that.
    ///
    /// # Errors
    /// [`Shape`] where columns differ in length or name, or rows are not sorted by person.
    pub fn new(
        manifest: Manifest,
        mut persons: Vec<u32>,
        mut columns: Vec<HeldColumn>,
        mut measures: Vec<Measure>,
    ) -> Result<Self, Shape> {
        // What grew batch by batch may have room for as much again.
        persons.shrink_to_fit();
        columns.iter_mut().for_each(|column| column.codes.shrink_to_fit());
        measures.iter_mut().for_each(|measure| measure.values.shrink_to_fit());
        check_frame(&persons, &measures)?;
        check_names(columns.iter().map(HeldColumn::id), &measures)?;
        if let Some(column) = columns.iter().find(|c| c.codes.len() != persons.len()) {
            return Err(Shape::Length(column.id.to_string()));
        }
        let shared = shared(&persons);
        Ok(Self { manifest, persons, columns, measures, shared, record_keys: None })
    }

    /// The same with the key of each person's records, by ordinal.
    ///
    /// # Errors
    /// [`Shape::RecordKeys`] where there are more or fewer than ordinals.
    pub fn with_record_keys(mut self, keys: Vec<u64>) -> Result<Self, Shape> {
        if keys.len() != super::people(&self.persons) {
            return Err(Shape::RecordKeys);
        }
        self.record_keys = Some(keys);
        Ok(self)
    }

    /// What the snapshot is.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.persons.len()
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.persons.is_empty()
    }

    /// Which of some rows have a person with another row in the snapshot: at most 64 rows at a time, a bit for
    /// each from the lowest on.
    pub fn shared(&self, rows: Range<usize>) -> impl Iterator<Item = (Range<usize>, u64)> {
        let (first, end) = (rows.start / WORD, rows.end.div_ceil(WORD));
        let words = self.shared.get(first..end.min(self.shared.len())).unwrap_or_default();
        (first..).zip(words).map(move |(at, word)| {
            let from = rows.start.max(at * WORD);
            let to = rows.end.min((at + 1) * WORD);
            let bits = (word >> (from - at * WORD)) & (u64::MAX >> (WORD - (to - from)));
            (from..to, bits)
        })
    }

    /// Bytes of memory that the rows take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let columns: usize = self.columns.iter().map(|c| c.codes.bytes()).sum();
        let measures: usize = self.measures.iter().map(|m| 2 * m.values.capacity()).sum();
        let keys = self.record_keys.as_ref().map_or(0, Vec::capacity);
        4 * self.persons.capacity() + columns + measures + 8 * (self.shared.capacity() + keys)
    }

    /// A column.
    #[must_use]
    pub fn column(&self, id: &ColumnId) -> Option<&HeldColumn> {
        self.columns.iter().find(|c| c.id == *id)
    }

    /// The columns in the file's order.
    #[must_use]
    pub fn columns(&self) -> &[HeldColumn] {
        &self.columns
    }

    /// The person's ordinal, row by row; never falls.
    #[must_use]
    pub fn persons(&self) -> &[u32] {
        &self.persons
    }

    /// The key of each person's records, by ordinal, if it has them.
    #[must_use]
    pub fn record_keys(&self) -> Option<&[u64]> {
        self.record_keys.as_deref()
    }

    /// A measure, row by row.
    #[must_use]
    pub fn measure(&self, id: &ColumnId) -> Option<&[u16]> {
        self.measures.iter().find(|m| m.id == *id).map(|m| m.values.as_slice())
    }

    /// The measures in the file's order.
    #[must_use]
    pub fn measures(&self) -> &[Measure] {
        &self.measures
    }
}

/// Marks the rows whose person has another one. Rows of one person lie together.
fn shared(persons: &[u32]) -> Vec<u64> {
    let mut words = Vec::with_capacity(persons.len().div_ceil(WORD));
    for from in (0..persons.len()).step_by(WORD) {
        let to = persons.len().min(from + WORD);
        let mut word = 0;
        for row in from..to {
            let before = row > 0 && persons[row - 1] == persons[row];
            let after = persons.get(row + 1) == Some(&persons[row]);
            word |= u64::from(before | after) << (row - from);
        }
        words.push(word);
    }
    words
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Snapshot({} {})", self.manifest.dataset, self.manifest.period)
    }
}
