//! From texts to definitions: parsed, put together, written out, checked. What is refused is named with its file
//! and line.

use std::fmt;

use super::CatalogueError;
use super::check::checked;
use super::definition::File;
use crate::model::{DimensionId, TomlProblem};

/// The most dimensions, flags among them.
pub const MAX_DIMENSIONS: usize = 200;
/// The most datasets.
pub const MAX_DATASETS: usize = 200;
/// The most indicators.
pub const MAX_INDICATORS: usize = 1_000;

/// The most dimensions of one dataset: with its outcome they fit into an extract's file.
pub const MAX_DATASET_DIMENSIONS: usize = 63;
/// The most bands of an outcome.
pub const MAX_BANDS: usize = 64;

/// A kind of definition, by its table in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Dimension,
    Flag,
    Group,
    Dataset,
    Pack,
    Indicator,
}

impl Table {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Dimension => "dimension",
            Self::Flag => "flag",
            Self::Group => "group",
            Self::Dataset => "dataset",
            Self::Pack => "pack",
            Self::Indicator => "indicator",
        }
    }
}

/// What is wrong with a definition.
#[derive(Debug)]
pub(super) struct Fault {
    table: Table,
    id: String,
    reason: String,
}

impl Fault {
    pub(super) fn new(table: Table, id: &dyn fmt::Display, reason: impl fmt::Display) -> Self {
        Self { table, id: id.to_string(), reason: reason.to_string() }
    }
}

/// Reads named texts as one set of definitions.
pub(super) fn read(files: &[(&str, &str)]) -> Result<File, CatalogueError> {
    let mut all = File::default();
    for (name, text) in files {
        let file: File = toml::from_str(text).map_err(|e| CatalogueError::Toml {
            file: (*name).to_owned(),
            problem: TomlProblem::new(text, &e),
        })?;
        all.dimension.extend(file.dimension);
        all.flag.extend(file.flag);
        all.group.extend(file.group);
        all.dataset.extend(file.dataset);
        all.pack.extend(file.pack);
        all.indicator.extend(file.indicator);
    }
    for (what, count, most) in [
        ("dimensions", all.dimension.len() + all.flag.len(), MAX_DIMENSIONS),
        ("datasets", all.dataset.len(), MAX_DATASETS),
        ("indicators", all.indicator.len(), MAX_INDICATORS),
    ] {
        if count > most {
            return Err(CatalogueError::TooMany { what, count, most });
        }
    }
    once(files, &all)?;
    all.written_out().and_then(|()| checked(&all)).map_err(|fault| located(files, fault))?;
    Ok(all)
}

/// Checks that each id is defined once, and tells both places where it is not: nobody redefines what another file
/// has, the built-in ones first of all.
fn once(files: &[(&str, &str)], all: &File) -> Result<(), CatalogueError> {
    let dimensions = all.dimension.iter().map(|d| (Table::Dimension, d.id.as_str()));
    let flags = all.flag.iter().map(|f| (Table::Flag, f.id.as_str()));
    let groups = all.group.iter().map(|g| (Table::Group, g.id.as_str()));
    let datasets = all.dataset.iter().map(|d| (Table::Dataset, d.id.as_str()));
    let packs = all.pack.iter().map(|p| (Table::Pack, p.id.as_str()));
    let indicators = all.indicator.iter().map(|i| (Table::Indicator, i.id.as_str()));
    let whole = dimensions.chain(flags).chain(groups).chain(datasets).chain(packs);
    let mut seen: Vec<(Table, &str)> = Vec::new();
    for (table, id) in whole.chain(indicators) {
        let space = |t: Table| if t == Table::Flag { Table::Dimension } else { t };
        if seen.contains(&(space(table), id)) {
            let places = places(files, table, id);
            let (first, again) = (places.first(), places.last());
            let (file, line) = again.copied().unwrap_or_default();
            let reason = match first {
                Some((file, line)) => format!(
                    "it is defined already, in {file}, line {line}: choose an id of your own"
                ),
                None => "it is defined twice".to_owned(),
            };
            return Err(CatalogueError::Definition {
                file: file.to_owned(),
                line,
                of: id.to_owned(),
                reason,
            });
        }
        seen.push((space(table), id));
    }
    Ok(())
}

fn located(files: &[(&str, &str)], fault: Fault) -> CatalogueError {
    let Fault { table, id, reason } = fault;
    let (file, line) = places(files, table, &id).last().copied().unwrap_or_default();
    CatalogueError::Definition { file: file.to_owned(), line, of: id, reason }
}

/// Where an id is defined: file and line. A flag is a dimension.
fn places<'f>(files: &[(&'f str, &str)], table: Table, id: &str) -> Vec<(&'f str, usize)> {
    let alike = |header: &str| match table {
        Table::Dimension | Table::Flag => header == "dimension" || header == "flag",
        _ => header == table.as_str(),
    };
    let mut found = Vec::new();
    for (name, text) in files {
        let mut header = "";
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if let Some(rest) = line.strip_prefix('[') {
                header = rest.trim_start_matches('[').split(']').next().unwrap_or_default().trim();
                continue;
            }
            let value =
                line.strip_prefix("id").and_then(|rest| rest.trim_start().strip_prefix('='));
            let value = value.and_then(|v| v.trim().split(['"', '\'']).nth(1));
            if alike(header) && value == Some(id) {
                found.push((*name, number + 1));
            }
        }
    }
    found
}

impl File {
    /// Writes out what is said in short: flags as dimensions, groups as their dimensions, breakdowns that are all of
    /// a dataset's.
    fn written_out(&mut self) -> Result<(), Fault> {
        for flag in &self.flag {
            let dimension = flag.dimension().map_err(|e| Fault::new(Table::Flag, &flag.id, e))?;
            self.dimension.push(dimension);
        }
        let known = |id: &DimensionId| self.dimension.iter().any(|d| d.id == *id);
        for group in &self.group {
            if let Some(id) = group.dimensions.iter().find(|id| !known(id)) {
                let reason = format!("there is no dimension '{id}'");
                return Err(Fault::new(Table::Group, &group.id, reason));
            }
        }
        for dataset in &mut self.dataset {
            for id in std::mem::take(&mut dataset.groups) {
                let wrong =
                    || Fault::new(Table::Dataset, &dataset.id, format!("there is no group '{id}'"));
                let group = self.group.iter().find(|g| g.id == id).ok_or_else(wrong)?;
                for dimension in &group.dimensions {
                    if !dataset.dimensions.contains(dimension) {
                        dataset.dimensions.push(dimension.clone());
                    }
                }
            }
        }
        for indicator in self.indicator.iter_mut().filter(|i| i.breakdowns.is_empty()) {
            if let Some(dataset) = self.dataset.iter().find(|d| d.id == indicator.dataset) {
                indicator.breakdowns = dataset.dimensions.clone();
            }
        }
        Ok(())
    }
}
