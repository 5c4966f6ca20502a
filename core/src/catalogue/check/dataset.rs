//! Checks of a dataset: what it names exists, and no two of its columns have one name.

use std::collections::BTreeSet;

use super::{blank, outcome, twice};
use crate::catalogue::{Dataset, DatedBy, Dimension, MAX_DATASET_DIMENSIONS, Outcome, Partition};
use crate::model::{CategoryId, ColumnId};

pub(super) fn checked(
    dataset: &Dataset,
    earlier: &[Dataset],
    dimensions: &[Dimension],
) -> Result<(), String> {
    let texts =
        [&dataset.name, &dataset.row, &dataset.unit, &dataset.caveat, &dataset.outcome.name];
    if texts.into_iter().any(|text| blank(text)) {
        return Err("its name, row, unit, caveat or outcome has no text".to_owned());
    }
    if dataset.dimensions.len() > MAX_DATASET_DIMENSIONS {
        return Err(format!("it has more than {MAX_DATASET_DIMENSIONS} dimensions"));
    }
    if let Some(id) = twice(&dataset.dimensions) {
        return Err(format!("it names the dimension '{id}' twice"));
    }
    let mut own = Vec::new();
    for id in &dataset.dimensions {
        let found = dimensions.iter().find(|d| d.id == *id);
        own.push(found.ok_or_else(|| format!("there is no dimension '{id}'"))?);
    }
    if let Some(scope) = twice(&dataset.scopes) {
        return Err(format!("it names the scope '{scope}' twice"));
    }
    for scope in &dataset.scopes {
        let levels = own.iter().flat_map(|d| &d.levels);
        if !levels.filter(|l| l.released).any(|l| l.id == *scope) {
            return Err(format!("the scope '{scope}' is no released level of its dimensions"));
        }
    }
    let level = &dataset.outcome.level;
    if level.dimension().as_str() != "outcome" || level.as_str() == "outcome" {
        return Err(format!("its outcome's level '{level}' is not called 'outcome.' and a name"));
    }
    if let Some(other) = earlier.iter().find(|d| d.outcome.level == *level) {
        return Err(format!("its outcome's level '{level}' is also that of '{}'", other.id));
    }
    code_lists(dataset, earlier)?;
    measures(dataset)?;
    columns(dataset, &own)?;
    outcome::checked(&dataset.outcome)?;
    match (&dataset.outcome.made_of, &dataset.dated_by) {
        (Partition::Weeks { .. }, DatedBy::Event(_)) => {
            Err("a wait is counted to the period's last day".to_owned())
        }
        (Partition::Stay { .. }, DatedBy::LastDay) => {
            Err("a stay begins at the date of an event".to_owned())
        }
        _ => Ok(()),
    }
}

/// Each band's codes, by the column that has them.
fn coded(outcome: &Outcome) -> Vec<(&ColumnId, &CategoryId, BTreeSet<String>)> {
    let upper =
        |codes: &mut dyn Iterator<Item = &String>| codes.map(|c| c.to_uppercase()).collect();
    match &outcome.made_of {
        Partition::Codes { bands, .. } => bands
            .iter()
            .map(|band| (&outcome.column, &band.id, upper(&mut band.codes.iter())))
            .collect(),
        Partition::Rules { bands, .. } => {
            let each = bands.iter().flat_map(|b| b.when.iter().map(move |when| (&b.id, when)));
            let lists = each.map(|(band, when)| {
                (&when.column, band, upper(&mut when.is.iter().chain(&when.starts)))
            });
            lists.filter(|(_, _, codes): &(_, _, BTreeSet<String>)| !codes.is_empty()).collect()
        }
        Partition::Weeks { .. } | Partition::Stay { .. } => Vec::new(),
    }
}

/// Two lists of codes over one column of the same rows are the same or lie apart: from lists that differ by a code,
/// its few people could be had by subtraction, which no test of the figures sees.
fn code_lists(dataset: &Dataset, earlier: &[Dataset]) -> Result<(), String> {
    let same =
        earlier.iter().filter(|d| d.population.is_some() && d.population == dataset.population);
    for other in same {
        for (column, band, codes) in coded(&dataset.outcome) {
            for (of, theirs, listed) in coded(&other.outcome) {
                let touch =
                    |a: &String| listed.iter().any(|b| a.starts_with(b) || b.starts_with(a));
                if column == of && codes != listed && codes.iter().any(touch) {
                    return Err(format!(
                        "'{band}' has some codes of '{column}' in common with '{theirs}' of '{}', whose rows are the same, and not all: take the same codes, or none of them",
                        other.id
                    ));
                }
            }
        }
    }
    Ok(())
}

fn measures(dataset: &Dataset) -> Result<(), String> {
    let mut names: Vec<&ColumnId> = dataset.measures.iter().map(|m| &m.id).collect();
    names.extend(dataset.outcome.made_of.measure());
    if twice(&names).is_some() {
        return Err("two of its measures have one name".to_owned());
    }
    match dataset.measures.iter().find(|m| m.most == 0 || blank(&m.name) || blank(&m.unit)) {
        Some(measure) => Err(format!(
            "the measure '{}' has no name or unit, or nothing is believed of it",
            measure.id
        )),
        None => Ok(()),
    }
}

/// No two columns of an extract have one name.
fn columns(dataset: &Dataset, dimensions: &[&Dimension]) -> Result<(), String> {
    let mut columns: Vec<&ColumnId> = dimensions.iter().map(|d| &d.column).collect();
    columns.push(&dataset.outcome.column);
    columns.extend(dataset.measures.iter().map(|m| &m.id));
    columns.extend(dataset.outcome.made_of.measure());
    if let Partition::Rules { fields, .. } = &dataset.outcome.made_of {
        columns.extend(fields.iter().map(|f| &f.column));
    }
    if let DatedBy::Event(column) = &dataset.dated_by {
        columns.push(column);
    }
    match twice(&columns) {
        Some(column) => Err(format!("two of its columns are called '{column}'")),
        None => Ok(()),
    }
}
