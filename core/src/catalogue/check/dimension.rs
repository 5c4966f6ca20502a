//! Checks of a dimension: its levels are each a partition of its finest categories, and nest.

use std::collections::BTreeSet;

use super::{blank, twice};
use crate::catalogue::{Category, CategoryKind, Dimension, Level, Lists};
use crate::model::CategoryId;

/// The category of a listed dimension that takes what an agreement does not list.
const ELSEWHERE: &str = "elsewhere";

pub(super) fn checked(dimension: &Dimension) -> Result<(), String> {
    let Some(finest) = dimension.levels.first() else {
        return Err("it has no level".to_owned());
    };
    if dimension.id.as_str() == "outcome" {
        return Err("'outcome' is what datasets call their own outcomes".to_owned());
    }
    if blank(&dimension.name) || dimension.levels.iter().any(|l| blank(&l.name)) {
        return Err("it, or a level of it, has no name".to_owned());
    }
    let ids: Vec<_> = dimension.levels.iter().map(|l| &l.id).collect();
    if let Some(id) = twice(&ids) {
        return Err(format!("it has two levels '{id}'"));
    }
    codes(finest)?;
    ages(finest)?;
    for level in &dimension.levels {
        if level.id.dimension() != dimension.id {
            return Err(format!("the level '{}' has another dimension's name", level.id));
        }
        level.categories.iter().try_for_each(|c| category(c, level, dimension, finest))?;
        covered(dimension, level)?;
        alternative(dimension, level)?;
    }
    for kind in [CategoryKind::Unknown, CategoryKind::NotCollected] {
        if !finest.categories.iter().any(|c| c.kind == kind) {
            return Err(
                "its finest level needs a category of the kind 'unknown' and one of 'not_collected'"
                    .to_owned(),
            );
        }
    }
    if dimension.listed {
        let there = finest.categories.iter().any(|c| c.id.as_str() == ELSEWHERE);
        if dimension.levels.len() != 1 || !there {
            return Err(format!("a listed dimension has one level, with a category '{ELSEWHERE}'"));
        }
    }
    nested(dimension)
}

/// Source codes stand once, and on the finest level alone.
fn codes(finest: &Level) -> Result<(), String> {
    let all = finest.categories.iter().flat_map(|c| &c.codes).map(|c| c.trim().to_lowercase());
    let mut seen = BTreeSet::new();
    for code in all {
        if code.is_empty() {
            return Err("a code is blank".to_owned());
        }
        if !seen.insert(code.clone()) {
            return Err(format!("the code '{code}' stands in two places"));
        }
    }
    Ok(())
}

/// Bands of ages begin at 0 and rise, and all of what is known is banded where one is.
fn ages(finest: &Level) -> Result<(), String> {
    let known = || finest.categories.iter().filter(|c| c.kind == CategoryKind::Known);
    let cuts: Vec<u32> = finest.categories.iter().filter_map(|c| c.from).collect();
    let banded = cuts.first() == Some(&0)
        && cuts.is_sorted_by(|a, b| a < b)
        && known().all(|c| c.from.is_some())
        && known().count() == cuts.len();
    if cuts.is_empty() || banded {
        return Ok(());
    }
    Err("its bands of ages do not begin at 0 and rise".to_owned())
}

fn category(
    category: &Category,
    level: &Level,
    dimension: &Dimension,
    finest: &Level,
) -> Result<(), String> {
    let id = &category.id;
    if blank(&category.label) {
        return Err(format!("'{id}' has no label"));
    }
    let is_finest = level.id == finest.id;
    if is_finest != category.of.is_empty() {
        return Err(format!(
            "'{id}' of '{}': categories of coarser levels, and only they, say what they are made of",
            level.id
        ));
    }
    if !is_finest && (!category.codes.is_empty() || category.from.is_some()) {
        return Err(format!("'{id}' has codes or ages, which belong to the finest level"));
    }
    let leaf = |of: &CategoryId| finest.categories.iter().find(|c| c.id == *of);
    for of in &category.of {
        let Some(member) = leaf(of) else {
            return Err(format!("'{id}' is made of '{of}', which does not exist"));
        };
        if member.kind != category.kind {
            return Err(format!(
                "'{id}' is made of '{of}', which is of another kind: what is not known stays apart"
            ));
        }
    }
    let mine = category.people();
    let twins = dimension.levels.iter().flat_map(|l| &l.categories).filter(|c| c.id == *id);
    if twins.map(Category::people).any(|other| other != mine) {
        return Err(format!("'{id}' means different people on two levels"));
    }
    Ok(())
}

fn covered(dimension: &Dimension, level: &Level) -> Result<(), String> {
    let axis = dimension
        .axis(level, &Lists::new())
        .map_err(|reason| format!("'{}': {reason}", level.id))?;
    let mut covered = vec![0_u8; axis.leaves().len()];
    for category in axis.categories().iter().filter(|c| !c.id.is_all()) {
        category.members.iter().for_each(|m| covered[usize::from(*m)] += 1);
    }
    if covered.iter().any(|n| *n != 1) {
        return Err(format!("'{}' does not hold each finest category exactly once", level.id));
    }
    Ok(())
}

/// Another grouping stands for a released level that is neither the finest nor such a grouping itself.
fn alternative(dimension: &Dimension, level: &Level) -> Result<(), String> {
    let Some(other) = &level.instead_of else { return Ok(()) };
    let coarser = dimension.levels.iter().skip(1);
    let of = coarser.filter(|l| l.released && l.instead_of.is_none()).find(|l| l.id == *other);
    if of.is_none() || !level.released {
        return Err(format!(
            "'{}' is instead of '{other}', which is no coarser level of this dimension with a grouping of its own",
            level.id
        ));
    }
    Ok(())
}

/// Two levels of which no agreement has both may overlap; all others nest.
fn nested(dimension: &Dimension) -> Result<(), String> {
    let released: Vec<&Level> = dimension.levels.iter().filter(|l| l.released).collect();
    let stands_for =
        |level: &'_ Level| level.instead_of.clone().unwrap_or_else(|| level.id.clone());
    for (i, one) in released.iter().enumerate() {
        for other in &released[..i] {
            if stands_for(one) == stands_for(other) {
                continue;
            }
            for a in &one.categories {
                for b in &other.categories {
                    let (a, b) = (a.people(), b.people());
                    if !a.is_disjoint(&b) && !a.is_subset(&b) && !b.is_subset(&a) {
                        return Err(format!(
                            "the levels '{}' and '{}' do not nest: one can be 'instead_of' the other",
                            other.id, one.id
                        ));
                    }
                }
            }
        }
    }
    Ok(())
}
