//! From the rules of an outcome to values of its fields: for every band, values for which its conditions hold and those
//! of no earlier band do.

use evensum_core::catalogue::{
    Condition, Dataset, FieldKind, FieldValue, OfCode, Outcome, Outside, Partition, RuleField,
};
use evensum_core::model::{CategoryId, ColumnId};

use super::super::draw::Draw;

/// A code that no rule asks for.
const OTHER: &str = "X99Z";
/// Tries for each band; those after which one solution is enough; and the different solutions that are enough at once.
const TRIES: u32 = 60_000;
const SOME_TRIES: u32 = 600;
const ENOUGH: usize = 32;
/// Numbers go so far beyond the greatest that a rule names.
const BEYOND: u32 = 24;

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Blank,
    Code(String),
    Yes,
    No,
    Number(u32),
}

impl Value {
    fn seen(&self) -> FieldValue<'_> {
        match self {
            Self::Blank => FieldValue::Blank,
            Self::Code(code) => FieldValue::Code(code),
            Self::Yes => FieldValue::Code("yes"),
            Self::No => FieldValue::Code("no"),
            Self::Number(number) => FieldValue::Number(*number),
        }
    }
}

/// Values of the fields, in their order.
pub(super) type Values = Vec<Value>;

/// What rows can hold for each band, and for rows that are none of the dataset.
pub(super) struct Solved<'a> {
    outcome: &'a Outcome,
    pub(super) fields: &'a [RuleField],
    /// By band.
    bands: Vec<Vec<Values>>,
    /// Rows that are left out because the dataset does not count them, and rows that are rejects.
    pub(super) not_counted: Vec<Values>,
    pub(super) rejected: Vec<Values>,
    /// The greatest number of each field that makes sense.
    most: Vec<u32>,
}

impl<'a> Solved<'a> {
    /// Solves the rules; the id of a band for which no values were found.
    pub(super) fn new(dataset: &'a Dataset, seed: u64) -> Result<Option<Self>, CategoryId> {
        let outcome = &dataset.outcome;
        let Partition::Rules { fields, bands, outside } = &outcome.made_of else { return Ok(None) };
        let conditions: Vec<&Condition> = bands
            .iter()
            .flat_map(|b| &b.when)
            .chain(outside.iter().flat_map(|o| &o.when))
            .collect();
        let most: Vec<u32> = fields.iter().map(|f| most(f, &conditions)).collect();
        let candidates: Vec<Vec<Value>> = fields
            .iter()
            .zip(&most)
            .map(|(field, most)| candidates(field, &conditions, *most))
            .collect();
        let mut draw = Draw::new(seed, &format!("rules {}", dataset.id));
        let mut search = |when: &[Condition], wanted: &dyn Fn(OfCode<'_>) -> bool| {
            let rules = Search { outcome, fields, candidates: &candidates };
            rules.run(when, wanted, &mut draw)
        };
        let mut solved = Vec::new();
        for band in bands {
            let found = search(&band.when, &|of| of == OfCode::Band(&band.id));
            if found.is_empty() {
                return Err(band.id.clone());
            }
            solved.push(found);
        }
        let (mut not_counted, mut rejected) = (Vec::new(), Vec::new());
        for rule in outside {
            let found = search(&rule.when, &|of| of == OfCode::Outside(rule.why));
            let list =
                if rule.why == Outside::NotCounted { &mut not_counted } else { &mut rejected };
            list.extend(found);
        }
        Ok(Some(Self { outcome, fields, bands: solved, not_counted, rejected, most }))
    }

    /// Values of a row of a band; numbers vary as far as the band allows.
    pub(super) fn of_band(&self, band: usize, draw: &mut Draw) -> Values {
        let mut values = one_of(&self.bands[band], draw);
        let before = self.of(&values);
        for at in 0..values.len() {
            if !matches!(values[at], Value::Number(_)) {
                continue;
            }
            let other = Value::Number(
                u32::try_from(draw.below(u64::from(self.most[at]) + 1)).unwrap_or_default(),
            );
            let kept = std::mem::replace(&mut values[at], other);
            if self.of(&values) != before {
                values[at] = kept;
            }
        }
        values
    }

    /// Codes that rules ask of a field, as they stand in the definition.
    pub(super) fn asked(&self, at: usize) -> impl Iterator<Item = &'a str> {
        let fields: &'a [RuleField] = self.fields;
        let (bands, outside) = match &self.outcome.made_of {
            Partition::Rules { bands, outside, .. } => (bands.as_slice(), outside.as_slice()),
            _ => (&[][..], &[][..]),
        };
        let all = bands.iter().flat_map(|b| &b.when).chain(outside.iter().flat_map(|o| &o.when));
        let own = all.filter(move |c| fields.get(at).is_some_and(|f| f.column == c.column));
        own.flat_map(|c| c.is.iter().chain(&c.not)).map(String::as_str)
    }

    fn of(&self, values: &[Value]) -> Option<OfCode<'_>> {
        of(self.outcome, self.fields, values)
    }
}

/// One of some solutions.
pub(super) fn one_of(solutions: &[Values], draw: &mut Draw) -> Values {
    let at = usize::try_from(draw.below(solutions.len() as u64)).unwrap_or_default();
    solutions.get(at).cloned().unwrap_or_default()
}

fn of<'o>(outcome: &'o Outcome, fields: &[RuleField], values: &[Value]) -> Option<OfCode<'o>> {
    let value = |column: &ColumnId| {
        let at = fields.iter().position(|f| f.column == *column);
        at.and_then(|at| values.get(at)).map_or(FieldValue::Blank, Value::seen)
    };
    outcome.of_fields(&value)
}

/// The greatest number of a field that is written: somewhat more than any that a rule names.
fn most(field: &RuleField, conditions: &[&Condition]) -> u32 {
    let own = conditions.iter().filter(|c| c.column == field.column);
    let named = own.flat_map(|c| c.from.into_iter().chain(c.to)).max().unwrap_or(0);
    named.saturating_add(BEYOND).min(999_999_999)
}

/// Values of a field that rules can tell apart.
fn candidates(field: &RuleField, conditions: &[&Condition], most: u32) -> Vec<Value> {
    let own: Vec<&&Condition> = conditions.iter().filter(|c| c.column == field.column).collect();
    let mut found = Vec::new();
    match field.kind {
        FieldKind::YesNo => found.extend([Value::No, Value::Yes]),
        FieldKind::Number => {
            let named = own.iter().flat_map(|c| c.from.into_iter().chain(c.to));
            let around = named.flat_map(|n| [n.saturating_sub(1), n, n.saturating_add(1)]);
            let mut numbers: Vec<u32> = around.chain([0, most]).filter(|n| *n <= most).collect();
            numbers.sort_unstable();
            numbers.dedup();
            found.extend(numbers.into_iter().map(Value::Number));
        }
        FieldKind::Code => {
            if !own.iter().any(|c| c.names(OTHER)) {
                found.push(Value::Code(OTHER.to_owned()));
            }
            for condition in own {
                let named = condition.is.iter().chain(&condition.not);
                found.extend(named.map(|code| Value::Code(code.clone())));
                for start in &condition.starts {
                    found.extend([start.clone(), format!("{start}9")].map(Value::Code));
                }
            }
        }
    }
    if field.blank {
        found.insert(0, Value::Blank);
    }
    let mut distinct: Vec<Value> = Vec::new();
    for value in found {
        if !distinct.contains(&value) {
            distinct.push(value);
        }
    }
    distinct
}

struct Search<'a, 's> {
    outcome: &'a Outcome,
    fields: &'a [RuleField],
    candidates: &'s [Vec<Value>],
}

impl Search<'_, '_> {
    /// Different values for which these conditions hold and the row comes to what is wanted.
    fn run(
        &self,
        when: &[Condition],
        wanted: &dyn Fn(OfCode<'_>) -> bool,
        draw: &mut Draw,
    ) -> Vec<Values> {
        let allowed: Vec<Vec<&Value>> = self
            .fields
            .iter()
            .zip(self.candidates)
            .map(|(field, values)| {
                let own: Vec<&Condition> =
                    when.iter().filter(|c| c.column == field.column).collect();
                values.iter().filter(|v| own.iter().all(|c| c.holds(v.seen()))).collect()
            })
            .collect();
        let mut found: Vec<Values> = Vec::new();
        if allowed.iter().any(Vec::is_empty) {
            return found;
        }
        for attempt in 0..TRIES {
            let pick = |values: &Vec<&Value>| {
                // What comes first says least: nothing, no, a code that no rule asks for, nought.
                let few = values.len().min(2) as u64;
                let first = draw.chance(450_000);
                let at = draw.below(if first { few } else { values.len() as u64 });
                values[usize::try_from(at).unwrap_or_default()].clone()
            };
            let values: Values = allowed.iter().map(pick).collect();
            if !found.contains(&values)
                && of(self.outcome, self.fields, &values).is_some_and(wanted)
            {
                found.push(values);
            }
            if found.len() >= ENOUGH || (attempt > SOME_TRIES && !found.is_empty()) {
                break;
            }
        }
        found
    }
}
