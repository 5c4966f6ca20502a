//! A protected table as people and programs read it: its cells in order, its notes, CSV and JSON.

use evensum_core::disclosure::sheet::{Dimension, Sheet, SheetCell};
use evensum_core::model::{CellState, Shown, Zeros};
use serde_json::{Map, Value, json};

use super::{DiscloseError, MARK, already, guarded, read};

/// A protected table with the names that people know it by.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// The table.
    pub sheet: &'a Sheet,
    /// The profile's name.
    pub profile: &'a str,
    /// The column of counts.
    pub count: &'a str,
    /// The column of sums.
    pub sum: Option<&'a str>,
    /// Whether counts may be hidden because they rest on few people.
    pub few_people: bool,
    /// Whether counts may be hidden to protect others.
    pub protects: bool,
    /// Tables that are already out, with which this one was tested.
    pub already: usize,
}

impl Document<'_> {
    /// The cells as they are read: each dimension in its order, totals last.
    #[must_use]
    pub fn cells(&self) -> Vec<&SheetCell> {
        let mut cells: Vec<&SheetCell> = self.sheet.cells().iter().collect();
        let place = |p: &u16| if *p == 0 { u32::MAX } else { u32::from(*p) };
        cells.sort_by_cached_key(|cell| cell.at.iter().map(place).collect::<Vec<_>>());
        cells
    }

    /// The code of a cell on each dimension.
    pub(super) fn codes(&self, cell: &SheetCell) -> Vec<&str> {
        let at = self.sheet.dimensions().iter().zip(&cell.at);
        at.map(|(dimension, place)| dimension.code(usize::from(*place))).collect()
    }

    /// Whether a hidden count may be above the limit.
    const fn may_exceed(&self) -> bool {
        self.few_people || self.protects
    }

    /// The names of the columns.
    #[must_use]
    pub fn header(&self) -> Vec<String> {
        let dimensions = self.sheet.dimensions().iter().map(Dimension::name);
        dimensions.chain([self.count]).chain(self.sum).map(guarded).collect()
    }

    /// What somebody needs to know who reads the table, each a sentence; none has a comma.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let rules = self.sheet.rules();
        let zero = match rules.zeros() {
            Zeros::Merged => format!("from 0 to {}", rules.limit()),
            Zeros::Shown => format!("from 1 to {} (a zero is shown)", rules.limit()),
        };
        let few = if self.few_people { " or rests on few people or mostly on one" } else { "" };
        let others = if self.protects {
            " or is larger and would help to work out one that is not"
        } else {
            ""
        };
        let mut notes =
            vec![format!("{MARK} stands for a count that is hidden: it is {zero}{few}{others}.")];
        notes.push(match rules.base() {
            1 => "All other counts are exact.".to_owned(),
            base => format!(
                "All other counts are rounded to the nearest {base}. Totals are made from the true counts and rounded on their own: rounded parts need not add up to them."
            ),
        });
        if let Some(sum) = self.sum {
            notes.push(format!(
                "Sums ('{sum}') have three significant figures. {MARK} there stands for a sum that is withheld."
            ));
        }
        notes.push(format!(
            "Profile {}; limit {}; base {}.",
            self.profile,
            rules.limit(),
            rules.base()
        ));
        notes.push(match self.already {
            0 => "Tested before release: no hidden count can be worked out from this table.".to_owned(),
            n => format!(
                "Tested before release: no hidden count can be worked out from this table together with {n} released before it."
            ),
        });
        notes
    }

    /// The figure of a cell as text.
    pub(super) fn figure(&self, cell: &SheetCell) -> String {
        published(cell).map_or_else(|| MARK.to_owned(), |n| n.to_string())
    }

    /// The sum of a cell as text.
    pub(super) fn sum_of(&self, cell: &SheetCell) -> Option<String> {
        self.sum?;
        Some(cell.sum.map_or_else(|| MARK.to_owned(), |n| n.to_string()))
    }

    /// The table as CSV, its notes in rows at the end that begin with `#`.
    ///
    /// # Errors
    /// [`DiscloseError::Csv`].
    pub fn csv(&self) -> Result<String, DiscloseError> {
        let header = self.header();
        let columns = header.len();
        let rows = self.cells().into_iter().map(|cell| {
            let codes = self.codes(cell).into_iter().map(guarded);
            codes.chain([self.figure(cell)]).chain(self.sum_of(cell)).collect()
        });
        let policy = already::policy_line(self.profile, self.sheet.rules(), self.may_exceed());
        let notes = self.notes().into_iter().map(|note| format!("# {note}"));
        let notes = std::iter::once(read::NOTES.to_owned()).chain(notes).chain([policy]);
        let padded = notes.map(|note| {
            let mut row = vec![String::new(); columns];
            if let Some(first) = row.first_mut() {
                *first = note;
            }
            row
        });
        lines(std::iter::once(header).chain(rows).chain(padded))
    }

    /// The table as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let cells = self.cells().into_iter().map(|cell| {
            let mut text = Map::new();
            text.insert("at".to_owned(), self.at(cell));
            text.insert("state".to_owned(), state(cell.shown).as_str().into());
            text.insert("published".to_owned(), published(cell).into());
            if self.sum.is_some() {
                text.insert("sum".to_owned(), cell.sum.into());
            }
            Value::Object(text)
        });
        let rules = self.sheet.rules();
        json!({
            "count": self.count,
            "profile": self.profile,
            "limit": rules.limit(),
            "base": rules.base(),
            "notes": self.notes(),
            "cells": cells.collect::<Vec<_>>(),
        })
    }

    /// The dimensions of a cell and its code on each.
    pub(super) fn at(&self, cell: &SheetCell) -> Value {
        let names = self.sheet.dimensions().iter().map(|d| d.name().to_owned());
        names.zip(self.codes(cell)).map(|(name, code)| (name, Value::from(code))).collect()
    }
}

/// The published figure of a cell.
pub(super) const fn published(cell: &SheetCell) -> Option<u64> {
    match cell.shown {
        Shown::Published(figure) => Some(figure),
        Shown::StructuralZero => Some(0),
        Shown::Small | Shown::Suppressed => None,
    }
}

/// The state of a cell as answers name it.
pub(super) const fn state(shown: Shown) -> CellState {
    match shown {
        Shown::Published(_) => CellState::Value,
        Shown::Small => CellState::Small,
        Shown::Suppressed => CellState::Suppressed,
        Shown::StructuralZero => CellState::StructuralZero,
    }
}

/// Rows as CSV.
pub(super) fn lines(rows: impl Iterator<Item = Vec<String>>) -> Result<String, DiscloseError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row)?;
    }
    let bytes = writer.into_inner().map_err(|e| DiscloseError::Finish(e.into_error().into()))?;
    String::from_utf8(bytes).map_err(|e| DiscloseError::Finish(e.into()))
}
