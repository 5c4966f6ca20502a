//! What an outsider knows, from a file of bounds, and what can be worked out from it.

use std::collections::HashMap;
use std::path::PathBuf;

use evensum_core::disclosure::attack::Limits;
use evensum_core::disclosure::sheet::{Dimension, Known, Worked, size, work_out};
use evensum_core::model::Bounds;
use serde_json::{Map, Value, json};

use super::read::{Fields, listed};
use super::{DiscloseError, Fault, already, assemble, document, guarded};

/// What is known, in the order of the file.
#[derive(Debug)]
pub struct Outside {
    dimensions: Vec<Dimension>,
    known: Vec<Known>,
}

/// Columns that are made here.
const INFERRED: [&str; 2] = ["inferred_low", "inferred_high"];

/// Reads what is known: a column a dimension, or those of them that are named, and `low` and `high`.
///
/// # Errors
/// [`DiscloseError`].
pub fn read(
    fields: &Fields,
    by: &[String],
    hierarchies: &[(String, PathBuf)],
) -> Result<Outside, DiscloseError> {
    let (low, high) = (fields.column("low")?, fields.column("high")?);
    let places: Vec<usize> = if by.is_empty() {
        let made = |name: &String| INFERRED.iter().any(|made| name.eq_ignore_ascii_case(made));
        let columns = fields.header().iter().enumerate();
        let is_dimension =
            |(place, name): &(usize, &String)| *place != low && *place != high && !made(name);
        columns.filter(is_dimension).map(|(place, _)| place).collect()
    } else {
        by.iter().map(|name| fields.column(name)).collect::<Result<_, _>>()?
    };
    if places.is_empty() {
        let there = listed(fields.header());
        return Err(DiscloseError::NoDimension { file: fields.file().to_owned(), there });
    }
    if let Some(&place) = places.iter().find(|&&place| place == low || place == high) {
        return Err(DiscloseError::Column {
            file: fields.file().to_owned(),
            column: fields.header().get(place).cloned().unwrap_or_default(),
            why: "this column holds bounds and is no dimension".to_owned(),
        });
    }
    let names: Vec<String> =
        places.iter().filter_map(|&p| fields.header().get(p)).cloned().collect();
    let dimensions = assemble::dimensions(fields, &places, &names, hierarchies)?;
    let mut seen: HashMap<Vec<u16>, u64> = HashMap::new();
    let mut known = Vec::with_capacity(fields.lines().len());
    for line in fields.lines() {
        let at = assemble::at(fields, line, &places, &dimensions, Fault::NotInHierarchy)?;
        if let Some(first) = seen.insert(at.clone(), line.row) {
            let (file, row) = (fields.file().to_owned(), line.row);
            return Err(DiscloseError::Twice { file, row, first, advice: String::new() });
        }
        known.push(Known { at, bounds: already::bounds_of(fields, line, low, high)? });
    }
    Ok(Outside { dimensions, known })
}

impl Outside {
    /// Works it out.
    ///
    /// # Errors
    /// [`DiscloseError::Sheet`] where the bounds cannot all hold or there are too many, [`DiscloseError::Large`]
    /// where the joint table is too large.
    pub fn work_out(
        &self,
        fields: &Fields,
        limit: u64,
        limits: &Limits,
    ) -> Result<Worked, DiscloseError> {
        let worked = work_out(&self.dimensions, &self.known, limit, limits);
        let worked = worked.map_err(|source| assemble::of_sheet(fields, source))?;
        worked.map_err(|error| DiscloseError::Large {
            file: fields.file().to_owned(),
            why: format!(
                "{error} (the table has {} cells with its totals)",
                size(&self.dimensions)
            ),
        })
    }

    /// One line a cell: its categories, what was known and what can be worked out. A blank upper bound is none.
    ///
    /// # Errors
    /// [`DiscloseError::Csv`].
    pub fn csv(&self, worked: &Worked) -> Result<String, DiscloseError> {
        let names = self.dimensions.iter().map(|d| guarded(d.name()));
        let last = ["low", "high", "inferred_low", "inferred_high"].map(str::to_owned);
        let header = names.chain(last).collect();
        let rows = self.known.iter().zip(&worked.cells).map(|(known, found)| {
            let codes = self.dimensions.iter().zip(&known.at);
            let codes = codes.map(|(d, place)| guarded(d.code(usize::from(*place))));
            codes.chain(ends(known.bounds)).chain(ends(*found)).collect()
        });
        document::lines(std::iter::once(header).chain(rows))
    }

    /// The same as JSON: the verdict and a list of cells.
    #[must_use]
    pub fn json(&self, worked: &Worked) -> Value {
        let cells = self.known.iter().zip(&worked.cells).map(|(known, found)| {
            let mut cell = Map::new();
            for (dimension, place) in self.dimensions.iter().zip(&known.at) {
                cell.insert(
                    dimension.name().to_owned(),
                    dimension.code(usize::from(*place)).into(),
                );
            }
            cell.insert("low".to_owned(), known.bounds.low.into());
            cell.insert("high".to_owned(), known.bounds.high.into());
            cell.insert("inferred_low".to_owned(), found.low.into());
            cell.insert("inferred_high".to_owned(), found.high.into());
            Value::Object(cell)
        });
        let verdict = if worked.found_out > 0 { "unsafe" } else { "safe" };
        json!({
            "verdict": verdict,
            "found_out": worked.found_out,
            "cells": cells.collect::<Vec<_>>(),
        })
    }
}

fn ends(bounds: Bounds) -> [String; 2] {
    [bounds.low.to_string(), bounds.high.map_or_else(String::new, |high| high.to_string())]
}
