//! Checks of a pack's tables: that each of their rungs can be asked, and says less than the one before it.

use super::{blank, twice};
use crate::catalogue::{Dimension, Ladder, Level, MAX_LADDERS, MAX_RUNGS, Pack};
use crate::model::{LevelId, Question};

pub(super) fn checked(pack: &Pack, dimensions: &[Dimension]) -> Result<(), String> {
    if blank(&pack.name) || blank(&pack.about) || blank(&pack.id) {
        return Err("it has no id, name or sentence".to_owned());
    }
    if pack.tables.len() > MAX_LADDERS {
        return Err(format!("it has more than {MAX_LADDERS} tables"));
    }
    for (place, ladder) in pack.tables.iter().enumerate() {
        let number = place + 1;
        self::ladder(ladder, dimensions)
            .map_err(|reason| format!("its table {number}: {reason}"))?;
    }
    match twice(&pack.tables) {
        Some(_) => Err("it has the same table twice".to_owned()),
        None => Ok(()),
    }
}

fn ladder(ladder: &Ladder, dimensions: &[Dimension]) -> Result<(), String> {
    if !(1..=MAX_RUNGS).contains(&ladder.rungs.len()) {
        return Err(format!("a table has 1 to {MAX_RUNGS} rungs"));
    }
    for levels in &ladder.rungs {
        rung(levels, dimensions)?;
    }
    for pair in ladder.rungs.windows(2) {
        let [finer, coarser] = pair else { continue };
        if !says_less(finer, coarser, dimensions) {
            return Err(format!(
                "{} is not coarser than {}: a rung has the dimensions of the one before it, or fewer, each by the same level or by one that it nests into, and is another",
                named(coarser),
                named(finer)
            ));
        }
    }
    Ok(())
}

/// Levels that exist and may be asked for, of as many dimensions as a table may have.
fn rung(levels: &[LevelId], dimensions: &[Dimension]) -> Result<(), String> {
    if !(1..=Question::MAX_DIMENSIONS).contains(&levels.len()) {
        return Err(format!("a rung has 1 to {} dimensions", Question::MAX_DIMENSIONS));
    }
    for id in levels {
        let Some((_, level)) = find(id, dimensions) else {
            return Err(format!("there is no level '{id}'"));
        };
        if !level.released {
            return Err(format!("'{id}' is never released"));
        }
        if let Some(other) = &level.instead_of {
            return Err(format!(
                "'{id}' stands in place of '{other}': name that one, and each agreement gets the grouping that it uses"
            ));
        }
    }
    let of: Vec<_> = levels.iter().map(LevelId::dimension).collect();
    match twice(&of) {
        Some(id) => Err(format!("a rung names the dimension '{id}' twice")),
        None => Ok(()),
    }
}

fn says_less(finer: &[LevelId], coarser: &[LevelId], dimensions: &[Dimension]) -> bool {
    let same = finer.len() == coarser.len() && finer.iter().all(|level| coarser.contains(level));
    let below = |to: &LevelId| {
        let from = finer.iter().find(|from| from.dimension() == to.dimension());
        from.is_some_and(|from| from == to || nests(from, to, dimensions))
    };
    !same && coarser.iter().all(below)
}

/// Whether a level nests into another one, whichever groupings are in use.
fn nests(from: &LevelId, to: &LevelId, dimensions: &[Dimension]) -> bool {
    let (Some((dimension, from)), Some((_, to))) = (find(from, dimensions), find(to, dimensions))
    else {
        return false;
    };
    let stand_for = |level: &Level| -> Vec<Level> {
        let rivals = dimension.levels.iter().filter(|l| l.instead_of.as_ref() == Some(&level.id));
        std::iter::once(level).chain(rivals).cloned().collect()
    };
    stand_for(from).iter().all(|from| stand_for(to).iter().all(|to| from.nests_into(to)))
}

fn find<'d>(id: &LevelId, dimensions: &'d [Dimension]) -> Option<(&'d Dimension, &'d Level)> {
    dimensions.iter().find_map(|d| d.levels.iter().find(|l| l.id == *id).map(|l| (d, l)))
}

fn named(levels: &[LevelId]) -> String {
    let names: Vec<String> = levels.iter().map(|level| format!("'{level}'")).collect();
    names.join(" and ")
}
