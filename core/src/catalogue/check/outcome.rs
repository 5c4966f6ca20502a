//! Checks of an outcome: its bands are a partition that rows can reach, and the roll-ups of each family nest.

use std::collections::BTreeSet;

use super::{blank, twice};
use crate::catalogue::{
    Condition, FieldKind, FieldValue, MAX_BANDS, Outcome, Partition, RuleBand, RuleField,
    RuleOutside,
};
use crate::model::{CategoryId, ColumnId};

pub(super) fn checked(outcome: &Outcome) -> Result<(), String> {
    let bands = outcome.bands();
    if bands.is_empty() || bands.len() > MAX_BANDS {
        return Err(format!("its outcome has no band, or more than {MAX_BANDS}"));
    }
    let ids: Vec<&CategoryId> = bands.iter().map(|(id, _)| *id).collect();
    if twice(&ids).is_some() || ids.iter().any(|id| id.is_all()) {
        return Err("two bands have one id, or one is called 'all'".to_owned());
    }
    let labels = bands.iter().map(|(_, label)| *label);
    if labels.chain(outcome.rollups.iter().map(|r| r.label.as_str())).any(blank) {
        return Err("a band or a roll-up has no label".to_owned());
    }
    partition(&outcome.made_of)?;
    let ids: Vec<&CategoryId> = outcome.rollups.iter().map(|r| &r.id).collect();
    if twice(&ids).is_some() || ids.iter().any(|id| id.is_all()) {
        return Err("two roll-ups have one id, or one is called 'all'".to_owned());
    }
    for rollup in &outcome.rollups {
        if let Some(band) = twice(&rollup.of) {
            return Err(format!("the roll-up '{}' names '{band}' twice", rollup.id));
        }
    }
    for first in &outcome.rollups {
        // A whole family together, so that an overlap between any two of it is found.
        let family = outcome.rollups.iter().filter(|r| r.family == first.family);
        let family: Vec<&CategoryId> = family.map(|r| &r.id).collect();
        outcome.axis(&family).map_err(|reason| reason.to_string())?;
    }
    Ok(())
}

fn partition(made_of: &Partition) -> Result<(), String> {
    let ascending = |from: &[u32]| from.first() == Some(&0) && from.is_sorted_by(|a, b| a < b);
    match made_of {
        Partition::Weeks { bands, .. } => {
            let cuts: Vec<u32> = bands.iter().map(|b| b.from).collect();
            if !ascending(&cuts) {
                return Err("its bands do not begin at 0 and rise".to_owned());
            }
        }
        Partition::Codes { bands, outside } => {
            let codes = bands.iter().flat_map(|b| &b.codes).chain(outside.iter().map(|o| &o.code));
            let codes: Vec<String> = codes.map(|c| c.trim().to_lowercase()).collect();
            if codes.iter().any(String::is_empty) {
                return Err("a code is blank".to_owned());
            }
            if let Some(code) = twice(&codes) {
                return Err(format!("a code stands in two places: '{code}'"));
            }
            if bands.iter().any(|b| b.codes.is_empty()) {
                return Err("a band has no code".to_owned());
            }
        }
        Partition::Rules { fields, bands, outside } => return rules(fields, bands, outside),
        Partition::Stay { bands, .. } => {
            let cuts = |left: bool| -> Vec<u32> {
                bands.iter().filter(|b| b.left == left).map(|b| b.from).collect()
            };
            if !ascending(&cuts(false)) || cuts(false) != cuts(true) {
                return Err(
                    "its bands do not begin at 0 and rise, alike for those who left and the others"
                        .to_owned(),
                );
            }
        }
    }
    Ok(())
}

/// Checks that rules ask of each field what it can hold, that a row can reach each band, and that exactly the last
/// band takes the rest.
fn rules(fields: &[RuleField], bands: &[RuleBand], outside: &[RuleOutside]) -> Result<(), String> {
    let columns: BTreeSet<&ColumnId> = fields.iter().map(|f| &f.column).collect();
    if fields.is_empty() || columns.len() != fields.len() {
        return Err("its fields have no names of their own".to_owned());
    }
    if fields.iter().any(|f| blank(&f.name)) {
        return Err("a field has no name for people".to_owned());
    }
    let rest = bands.iter().position(|b| b.when.is_empty());
    if rest.is_none() || rest != bands.len().checked_sub(1) {
        return Err(
            "the last band, and only the last, has no condition and takes the rest".to_owned()
        );
    }
    if outside.iter().any(|o| o.when.is_empty()) {
        return Err("rows outside the dataset need a condition".to_owned());
    }
    let all = || bands.iter().flat_map(|b| &b.when).chain(outside.iter().flat_map(|o| &o.when));
    for condition in all() {
        let column = &condition.column;
        let Some(field) = fields.iter().find(|f| f.column == *column) else {
            return Err(format!("a condition names '{column}', a field that it does not have"));
        };
        possible(condition, field).map_err(|reason| format!("'{column}': {reason}"))?;
    }
    if let Some(idle) = fields.iter().find(|f| !all().any(|c| c.column == f.column)) {
        return Err(format!("no condition looks at the field '{}'", idle.column));
    }
    for (i, band) in bands.iter().enumerate() {
        let earlier = outside.iter().map(|o| &o.when).chain(bands[..i].iter().map(|b| &b.when));
        let taken =
            |when: &Vec<Condition>| when.iter().all(|of| band.when.iter().any(|c| within(c, of)));
        if !band.when.is_empty() && earlier.into_iter().any(taken) {
            return Err(format!("no row reaches '{}': an earlier rule takes them all", band.id));
        }
    }
    Ok(())
}

/// Whether whatever fulfils one condition fulfils another.
fn within(inner: &Condition, outer: &Condition) -> bool {
    let starts = |code: &str, with: &String| {
        code.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with))
    };
    let unlisted =
        |listed: &dyn Fn(&String) -> bool| !outer.not.is_empty() && !outer.not.iter().any(listed);
    let is = |code: &String| outer.holds(FieldValue::Code(code));
    let start = |code: &String| {
        outer.starts.iter().any(|with| starts(code, with)) || unlisted(&|no| starts(no, code))
    };
    // What is none of some codes is none of fewer.
    let other = |no: &String| inner.not.iter().any(|n| n.eq_ignore_ascii_case(no)) || is(no);
    let others = inner.not.is_empty() || !outer.not.is_empty() && outer.not.iter().all(other);
    let numbered = |c: &Condition| c.from.is_some() || c.to.is_some();
    let range = !numbered(inner)
        || numbered(outer)
            && outer.from.unwrap_or(0) <= inner.from.unwrap_or(0)
            && inner.to.unwrap_or(u32::MAX) <= outer.to.unwrap_or(u32::MAX);
    inner.column == outer.column
        && inner.is.iter().all(is)
        && inner.starts.iter().all(start)
        && others
        && range
        && (!inner.blank || outer.blank)
}

fn possible(condition: &Condition, field: &RuleField) -> Result<(), &'static str> {
    let Condition { is, starts, not, from, to, blank, .. } = condition;
    let coded = !is.is_empty() || !starts.is_empty() || !not.is_empty();
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
            let others = starts.is_empty() && not.is_empty();
            !numbered && others && is.iter().all(|c| c == "yes" || c == "no")
        }
        FieldKind::Number => !coded && from.zip(*to).is_none_or(|(from, to)| from <= to),
    };
    if !fits {
        return Err("a condition does not fit the kind of its field");
    }
    let plain =
        |code: &String| !code.is_empty() && !code.chars().any(|c| c.is_whitespace() || c == '.');
    if is.iter().chain(starts).chain(not).all(plain) {
        Ok(())
    } else {
        Err(
            "a code is blank or has a space or full stop, which are taken out before it is compared",
        )
    }
}
