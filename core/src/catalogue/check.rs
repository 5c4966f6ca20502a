//! The checks that every definition passes before it is used.

use std::collections::BTreeSet;

use super::definition::File;
use super::{
    CatalogueError, Category, Condition, Dataset, DatedBy, Dimension, FieldKind, Indicator,
    IndicatorKind, Lists, Outcome, Partition, RuleBand, RuleField, RuleOutside,
};
use crate::model::{CategoryId, ColumnId};

/// Checks every definition against itself and the others.
pub(super) fn checked(file: &File) -> Result<(), CatalogueError> {
    file.dimension.iter().try_for_each(dimension)?;
    for dataset in &file.dataset {
        measures(dataset)?;
        let wrong =
            |reason: String| CatalogueError::Definition { of: dataset.id.to_string(), reason };
        for id in &dataset.dimensions {
            if !file.dimension.iter().any(|d| d.id == *id) {
                return Err(wrong(format!("there is no dimension '{id}'")));
            }
        }
        for scope in &dataset.scopes {
            if !dataset.dimensions.contains(&scope.dimension()) {
                return Err(wrong(format!("the scope '{scope}' is not one of its dimensions")));
            }
        }
        outcome(&dataset.outcome)?;
        match (&dataset.outcome.made_of, &dataset.dated_by) {
            (Partition::Weeks { .. }, DatedBy::Event(_)) => {
                return Err(wrong("a wait is counted to the period's last day".to_owned()));
            }
            (Partition::Stay { .. }, DatedBy::LastDay) => {
                return Err(wrong("a stay begins at the date of an event".to_owned()));
            }
            _ => {}
        }
    }
    for indicator in &file.indicator {
        let wrong =
            |reason: String| CatalogueError::Definition { of: indicator.id.to_string(), reason };
        let Some(dataset) = file.dataset.iter().find(|d| d.id == indicator.dataset) else {
            return Err(wrong(format!("there is no dataset '{}'", indicator.dataset)));
        };
        for id in [&indicator.numerator, &indicator.denominator] {
            if !id.is_all() && !dataset.outcome.rollups.iter().any(|r| r.id == *id) {
                return Err(wrong(format!("there is no roll-up '{id}' in '{}'", dataset.id)));
            }
        }
        kind(indicator, dataset)?;
        if let Some(pack) = indicator.packs.iter().find(|p| !file.pack.iter().any(|k| k.id == **p))
        {
            return Err(wrong(format!("there is no pack '{pack}'")));
        }
        if indicator.denominator.is_all() == indicator.counted.is_some() {
            let reason =
                "'counted' says what is below the line where, and only where, that is not all";
            return Err(wrong(reason.to_owned()));
        }
        let ends = [&indicator.numerator, &indicator.denominator];
        dataset
            .outcome
            .axis(&ends)
            .map_err(|reason| CatalogueError::Axis { of: indicator.id.to_string(), reason })?;
        if let Some(id) = indicator.breakdowns.iter().find(|b| !dataset.dimensions.contains(b)) {
            return Err(wrong(format!("'{}' has no dimension '{id}'", dataset.id)));
        }
        if file.indicator.iter().filter(|i| i.id == indicator.id).count() > 1 {
            return Err(wrong("it is defined twice".to_owned()));
        }
    }
    Ok(())
}

/// Checks that a dataset's measures have names of their own.
fn measures(dataset: &Dataset) -> Result<(), CatalogueError> {
    let mut names: Vec<&ColumnId> = dataset.measures.iter().map(|m| &m.id).collect();
    names.extend(dataset.outcome.made_of.measure());
    let distinct: BTreeSet<&ColumnId> = names.iter().copied().collect();
    if distinct.len() == names.len() {
        return Ok(());
    }
    let reason = "two of its measures have one name".to_owned();
    Err(CatalogueError::Definition { of: dataset.id.to_string(), reason })
}

/// Checks that an indicator's measures are its dataset's, and that its targets are numbers in order of their dates.
fn kind(indicator: &Indicator, dataset: &Dataset) -> Result<(), CatalogueError> {
    let wrong =
        |reason: String| CatalogueError::Definition { of: indicator.id.to_string(), reason };
    let held = |id: &ColumnId| {
        dataset.measures.iter().any(|m| m.id == *id)
            || dataset.outcome.made_of.measure() == Some(id)
    };
    if let Some(id) = indicator.kind.measures().into_iter().find(|id| !held(id)) {
        return Err(wrong(format!("'{}' has no measure '{id}'", dataset.id)));
    }
    match &indicator.kind {
        IndicatorKind::Rate { per: 0, .. } | IndicatorKind::Ratio { per: 0, .. } => {
            return Err(wrong("a rate is per at least 1".to_owned()));
        }
        IndicatorKind::Quantile { at, .. }
            if at.is_empty()
                || !at.is_sorted_by(|a, b| a < b)
                || at.iter().any(|p| !(1..100).contains(p)) =>
        {
            return Err(wrong("percentiles lie between 1 and 99 and rise".to_owned()));
        }
        _ => {}
    }
    let is_number = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
        [whole, part].iter().all(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
    };
    if let Some(target) = indicator.targets.iter().find(|t| !is_number(&t.value)) {
        return Err(wrong(format!("the target '{}' is no number", target.value)));
    }
    if !indicator.targets.is_sorted_by(|a, b| a.from < b.from)
        || indicator.targets.iter().any(|t| t.until.is_some_and(|until| until < t.from))
    {
        return Err(wrong("its targets do not follow each other".to_owned()));
    }
    Ok(())
}

/// Checks that the bands are a partition and that the roll-ups of each family nest.
fn outcome(outcome: &Outcome) -> Result<(), CatalogueError> {
    let of = || outcome.level.to_string();
    partition(&outcome.made_of)
        .map_err(|reason| CatalogueError::Definition { of: of(), reason: reason.to_owned() })?;
    for first in &outcome.rollups {
        // A whole family together, so that an overlap between any two of it is found.
        let family = outcome.rollups.iter().filter(|r| r.family == first.family);
        let family: Vec<&CategoryId> = family.map(|r| &r.id).collect();
        let axis = |reason| CatalogueError::Axis { of: of(), reason };
        outcome.axis(&family).map_err(axis)?;
    }
    let ids: BTreeSet<&CategoryId> = outcome.rollups.iter().map(|r| &r.id).collect();
    if ids.len() != outcome.rollups.len() || ids.iter().any(|id| id.is_all()) {
        let reason = "two roll-ups have one id, or one is called 'all'".to_owned();
        return Err(CatalogueError::Definition { of: of(), reason });
    }
    Ok(())
}

fn partition(made_of: &Partition) -> Result<(), &'static str> {
    let ascending = |from: &[u32]| from.first() == Some(&0) && from.is_sorted_by(|a, b| a < b);
    match made_of {
        Partition::Weeks { bands, .. } => {
            let cuts: Vec<u32> = bands.iter().map(|b| b.from).collect();
            if !ascending(&cuts) {
                return Err("its bands do not begin at 0 and rise");
            }
        }
        Partition::Codes { bands, outside } => {
            let codes = bands.iter().flat_map(|b| &b.codes).chain(outside.iter().map(|o| &o.code));
            let codes: Vec<String> = codes.map(|c| c.to_lowercase()).collect();
            let distinct: BTreeSet<&String> = codes.iter().collect();
            if distinct.len() != codes.len() {
                return Err("a code stands in two places");
            }
            if bands.is_empty() || bands.iter().any(|b| b.codes.is_empty()) {
                return Err("a band has no code");
            }
        }
        Partition::Rules { fields, bands, outside } => return rules(fields, bands, outside),
        Partition::Stay { bands, .. } => {
            let cuts = |left: bool| -> Vec<u32> {
                bands.iter().filter(|b| b.left == left).map(|b| b.from).collect()
            };
            if !ascending(&cuts(false)) || cuts(false) != cuts(true) {
                return Err(
                    "its bands do not begin at 0 and rise, alike for those who left and the others",
                );
            }
        }
    }
    Ok(())
}

/// Checks that rules ask of each field what it can hold, and that exactly the last band takes the rest.
fn rules(
    fields: &[RuleField],
    bands: &[RuleBand],
    outside: &[RuleOutside],
) -> Result<(), &'static str> {
    let columns: BTreeSet<&ColumnId> = fields.iter().map(|f| &f.column).collect();
    if fields.is_empty() || columns.len() != fields.len() {
        return Err("its fields have no names of their own");
    }
    let ids: BTreeSet<&CategoryId> = bands.iter().map(|b| &b.id).collect();
    if ids.len() != bands.len() || ids.iter().any(|id| id.is_all()) {
        return Err("two bands have one id, or one is called 'all'");
    }
    let rest = bands.iter().position(|b| b.when.is_empty());
    if rest.is_none() || rest != bands.len().checked_sub(1) {
        return Err("the last band, and only the last, has no condition and takes the rest");
    }
    if outside.iter().any(|o| o.when.is_empty()) {
        return Err("rows outside the dataset need a condition");
    }
    let all = bands.iter().flat_map(|b| &b.when).chain(outside.iter().flat_map(|o| &o.when));
    for condition in all {
        let Some(field) = fields.iter().find(|f| f.column == condition.column) else {
            return Err("a condition names a field that it does not have");
        };
        possible(condition, field)?;
    }
    Ok(())
}

fn possible(condition: &Condition, field: &RuleField) -> Result<(), &'static str> {
    let Condition { is, starts, from, to, blank, .. } = condition;
    let coded = !is.is_empty() || !starts.is_empty();
    let numbered = from.is_some() || to.is_some();
    if !(coded || numbered || *blank) {
        return Err("a condition asks nothing");
    }
    if *blank && !field.blank {
        return Err("a condition asks for a blank in a field that is never blank");
    }
    let fits = match field.kind {
        FieldKind::Code => !numbered,
        FieldKind::YesNo => {
            !numbered && starts.is_empty() && is.iter().all(|c| c == "yes" || c == "no")
        }
        FieldKind::Number => !coded && from.zip(*to).is_none_or(|(from, to)| from <= to),
    };
    if fits { Ok(()) } else { Err("a condition does not fit the kind of its field") }
}

fn dimension(dimension: &Dimension) -> Result<(), CatalogueError> {
    let wrong =
        |reason: String| CatalogueError::Definition { of: dimension.id.to_string(), reason };
    let Some(finest) = dimension.levels.first() else {
        return Err(wrong("it has no level".to_owned()));
    };
    for level in &dimension.levels {
        if level.id.dimension() != dimension.id {
            return Err(wrong(format!("the level '{}' has another dimension's name", level.id)));
        }
        for category in &level.categories {
            if let Some(stray) =
                category.of.iter().find(|of| !finest.categories.iter().any(|c| c.id == **of))
            {
                return Err(wrong(format!(
                    "'{}' is made of '{stray}', which does not exist",
                    category.id
                )));
            }
            let same_people = |c: &Category| {
                let leaf = std::slice::from_ref(&c.id);
                let of = if c.of.is_empty() { leaf } else { c.of.as_slice() };
                let mine = std::slice::from_ref(&category.id);
                of == if category.of.is_empty() { mine } else { category.of.as_slice() }
            };
            let mut twins =
                dimension.levels.iter().flat_map(|l| &l.categories).filter(|c| c.id == category.id);
            if !twins.all(same_people) {
                return Err(wrong(format!(
                    "'{}' means different people on two levels",
                    category.id
                )));
            }
        }
        let axis = dimension.axis(level, &Lists::new());
        let axis =
            axis.map_err(|reason| CatalogueError::Axis { of: level.id.to_string(), reason })?;
        let mut covered = vec![0_u8; axis.leaves().len()];
        for category in axis.categories().iter().filter(|c| !c.id.is_all()) {
            category.members.iter().for_each(|m| covered[usize::from(*m)] += 1);
        }
        if covered.iter().any(|n| *n != 1) {
            return Err(wrong(format!(
                "'{}' does not hold each finest category exactly once",
                level.id
            )));
        }
    }
    Ok(())
}
