//! Checks of an indicator against its dataset: that its figure can be made, and what it says can be believed.

use super::{blank, twice};
use crate::catalogue::{
    Ages, Dataset, Dimension, Indicator, IndicatorKind, Outcome, Pack, Polarity, Target,
};
use crate::model::{CategoryId, ColumnId};

pub(super) fn checked(
    indicator: &Indicator,
    dataset: &Dataset,
    dimensions: &[Dimension],
    packs: &[Pack],
) -> Result<(), String> {
    let Indicator { name, phrase, unit, held_by, source, .. } = indicator;
    if [name, phrase, unit, held_by, source].into_iter().any(|text| blank(text)) {
        return Err("its name, phrase, unit, held_by or source has no text".to_owned());
    }
    if indicator.version == 0 {
        return Err("versions count from 1".to_owned());
    }
    if indicator.provisional.as_deref().is_some_and(blank)
        || indicator.caveats.iter().any(|c| blank(c))
    {
        return Err("'provisional' or a caveat says nothing".to_owned());
    }
    ends(indicator, dataset)?;
    kind(indicator, dataset, dimensions)?;
    if let Some(pack) = indicator.packs.iter().find(|p| !packs.iter().any(|k| k.id == **p)) {
        return Err(format!("there is no pack '{pack}'"));
    }
    if let Some(pack) = twice(&indicator.packs) {
        return Err(format!("it names the pack '{pack}' twice"));
    }
    if let Some(id) = indicator.breakdowns.iter().find(|b| !dataset.dimensions.contains(b)) {
        return Err(format!("'{}' has no dimension '{id}'", dataset.id));
    }
    if let Some(id) = twice(&indicator.breakdowns) {
        return Err(format!("it names the breakdown '{id}' twice"));
    }
    if indicator.zero_target && indicator.polarity != Polarity::LowerIsBetter {
        return Err("a target of none is for what is better the lower it is".to_owned());
    }
    targets(&indicator.targets, &indicator.kind)
}

/// What is above and below the line: roll-ups of one family, the one a part of the other.
fn ends(indicator: &Indicator, dataset: &Dataset) -> Result<(), String> {
    let outcome = &dataset.outcome;
    let (above, below) = (&indicator.numerator, &indicator.denominator);
    for id in [above, below] {
        if !id.is_all() && outcome.rollup(id).is_none() {
            return Err(format!("there is no roll-up '{id}' in '{}'", dataset.id));
        }
    }
    outcome.axis(&[above, below]).map_err(|reason| reason.to_string())?;
    if below.is_all() == indicator.counted.is_some() {
        let reason = "'counted' says what is below the line where, and only where, that is not all";
        return Err(reason.to_owned());
    }
    if indicator.counted.as_deref().is_some_and(blank) {
        return Err("'counted' says nothing".to_owned());
    }
    if !part_of(outcome, above, below) {
        return Err(format!("'{above}' is not a part of '{below}'"));
    }
    if above == below && indicator.kind == IndicatorKind::Proportion {
        return Err(
            "it has the same above and below the line: its share is always 100 %".to_owned()
        );
    }
    Ok(())
}

fn part_of(outcome: &Outcome, inner: &CategoryId, outer: &CategoryId) -> bool {
    let (Some(inner), Some(outer)) = (outcome.rollup(inner), outcome.rollup(outer)) else {
        return outer.is_all();
    };
    inner.of.iter().all(|band| outer.of.contains(band))
}

/// Its measures are its dataset's, and its numbers can be meant.
fn kind(indicator: &Indicator, dataset: &Dataset, dimensions: &[Dimension]) -> Result<(), String> {
    let held = |id: &ColumnId| {
        dataset.measures.iter().any(|m| m.id == *id)
            || dataset.outcome.made_of.measure() == Some(id)
    };
    if let Some(id) = indicator.kind.measures().into_iter().find(|id| !held(id)) {
        return Err(format!("'{}' has no measure '{id}'", dataset.id));
    }
    match &indicator.kind {
        IndicatorKind::Rate { per: 0, .. } | IndicatorKind::Ratio { per: 0, .. } => {
            Err("a rate is per at least 1".to_owned())
        }
        IndicatorKind::Rate { ages: Some(ages), .. } => ages_are_cuts(*ages, dimensions),
        IndicatorKind::Quantile { at, .. }
            if at.is_empty()
                || !at.is_sorted_by(|a, b| a < b)
                || at.iter().any(|p| !(1..100).contains(p)) =>
        {
            Err("percentiles lie between 1 and 99 and rise".to_owned())
        }
        _ => Ok(()),
    }
}

/// The oldest age that a rate may name.
const OLDEST: u32 = 120;

/// A range of ages is a union of the finest bands, so that a population can be counted of it.
fn ages_are_cuts(Ages { from, to }: Ages, dimensions: &[Dimension]) -> Result<(), String> {
    let finest = dimensions.iter().find(|d| d.id.as_str() == "age").and_then(|d| d.levels.first());
    let cuts: Vec<u32> =
        finest.into_iter().flat_map(|l| &l.categories).filter_map(|c| c.from).collect();
    let after = to.map(|to| to.saturating_add(1));
    if from > to.unwrap_or(OLDEST) || to.is_some_and(|to| to > OLDEST) {
        return Err(format!("its ages do not run from the youngest to the oldest, up to {OLDEST}"));
    }
    if !cuts.contains(&from) || after.is_some_and(|after| !cuts.contains(&after)) {
        return Err("its ages do not begin and end where the finest bands of ages do".to_owned());
    }
    Ok(())
}

fn targets(targets: &[Target], kind: &IndicatorKind) -> Result<(), String> {
    let is_number = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
        [whole, part].iter().all(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
    };
    for target in targets {
        if !is_number(&target.value) {
            return Err(format!("the target '{}' is no number", target.value));
        }
        if blank(&target.source) {
            return Err("a target does not say who set it".to_owned());
        }
        let share = target.value.parse::<f64>().is_ok_and(|v| (0.0..=100.0).contains(&v));
        if *kind == IndicatorKind::Proportion && !share {
            return Err(format!("the target '{}' is no share between 0 and 100", target.value));
        }
    }
    if !targets.is_sorted_by(|a, b| a.from < b.from)
        || targets.iter().any(|t| t.until.is_some_and(|until| until < t.from))
    {
        return Err("its targets do not follow each other".to_owned());
    }
    Ok(())
}
