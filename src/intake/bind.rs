//! Which field of this file each column of the dataset comes from: as the mapping says or, where it says
//! nothing, by a header that is known.

use std::collections::BTreeSet;

use evensum_core::catalogue::{Catalogue, Dataset, Dimension};
use evensum_core::model::Period;

use super::error::IntakeError;
use super::event::{self, Events, Find};
use super::mapping::{Mapping, dataset_dimensions, origins};
use super::synonyms;

/// A dimension that the file holds.
#[derive(Debug)]
pub(super) struct Bound<'a> {
    pub(super) dimension: &'a Dimension,
    /// The dataset column that it is made from, such as `lsoa`.
    pub(super) origin: &'a str,
    pub(super) field: usize,
}

/// Fields by position.
#[derive(Debug)]
pub(super) struct Binding<'a> {
    pub(super) person: usize,
    pub(super) events: Events<'a>,
    pub(super) dimensions: Vec<Bound<'a>>,
}

impl<'a> Binding<'a> {
    pub(super) fn new(
        mapping: &'a Mapping,
        header: Option<&[String]>,
        fields: usize,
        (dataset, period): (&'a Dataset, Period),
        catalogue: &'a Catalogue,
    ) -> Result<Self, IntakeError> {
        let finder = Finder::new(mapping, header, fields)?;
        let (_, person) = finder.needed(&["person"])?;
        let events = Events::new(dataset, mapping, &finder, period)?;
        let mut dimensions = Vec::new();
        for dimension in dataset_dimensions(dataset, catalogue) {
            if let Some((origin, field)) = finder.one_of(&origins(dimension))? {
                dimensions.push(Bound { dimension, origin, field });
            }
        }
        for column in mapping.codes.keys() {
            let read = event::coded(dataset).contains(&column.as_str())
                || dimensions.iter().any(|b| b.origin == column);
            if !read {
                return Err(IntakeError::IdleCodes(column.clone()));
            }
        }
        Ok(Self { person, events, dimensions })
    }
}

struct Finder<'m> {
    mapping: &'m Mapping,
    header: Option<&'m [String]>,
    fields: usize,
    /// Fields that the mapping names: no header makes them anything else.
    named: BTreeSet<usize>,
}

impl<'m> Finder<'m> {
    fn new(
        mapping: &'m Mapping,
        header: Option<&'m [String]>,
        fields: usize,
    ) -> Result<Self, IntakeError> {
        let mut finder = Self { mapping, header, fields, named: BTreeSet::new() };
        for (column, field) in mapping.columns.iter().filter(|(_, field)| !field.is_empty()) {
            let position = finder.named_field(column, field)?;
            finder.named.insert(position);
        }
        Ok(finder)
    }

    fn named_field(&self, column: &str, field: &str) -> Result<usize, IntakeError> {
        let missing =
            || IntakeError::MissingField { column: column.to_owned(), field: field.to_owned() };
        let Some(header) = self.header else {
            let number: usize = field.parse().map_err(|_| missing())?;
            let position = number.checked_sub(1).filter(|p| *p < self.fields);
            return position.ok_or_else(missing);
        };
        let wanted = field.to_lowercase();
        let mut found = (0..header.len()).filter(|i| header[*i].to_lowercase() == wanted);
        let first = found.next().ok_or_else(missing)?;
        match found.next() {
            None => Ok(first),
            Some(_) => Err(IntakeError::Ambiguous(column.to_owned())),
        }
    }

    /// A field whose header is the column's own name or, failing that, a known synonym.
    fn recognised(&self, column: &str) -> Result<Option<usize>, IntakeError> {
        let header = self.header.unwrap_or_default();
        let plain: Vec<String> = header.iter().map(|h| synonyms::plain(h)).collect();
        let having = |names: &[String]| -> Vec<usize> {
            let free = (0..plain.len()).filter(|i| !self.named.contains(i));
            free.filter(|i| names.contains(&plain[*i])).collect()
        };
        let mut found = having(&[synonyms::plain(column)]);
        if found.is_empty() {
            let known = synonyms::of(column, self.mapping.source.imd_edition);
            found = having(&known.iter().map(|s| synonyms::plain(s)).collect::<Vec<_>>());
        }
        match found.as_slice() {
            [] => Ok(None),
            [field] => Ok(Some(*field)),
            _ => Err(IntakeError::Ambiguous(column.to_owned())),
        }
    }
}

impl Find for Finder<'_> {
    fn one_of<'c>(&self, columns: &[&'c str]) -> Result<Option<(&'c str, usize)>, IntakeError> {
        let mapped = |column: &str| self.mapping.columns.get(column);
        let mut named = columns
            .iter()
            .filter_map(|c| mapped(c).filter(|field| !field.is_empty()).map(|field| (*c, field)));
        if let Some((column, field)) = named.next() {
            return match named.next() {
                None => Ok(Some((column, self.named_field(column, field)?))),
                Some((other, _)) => Err(IntakeError::Both(column.to_owned(), other.to_owned())),
            };
        }
        for column in columns.iter().filter(|c| mapped(c).is_none()) {
            if let Some(field) = self.recognised(column)? {
                return Ok(Some((column, field)));
            }
        }
        Ok(None)
    }
}
