//! Tables that are already out: figures with `[c]` where they are hidden, or bounds.

use std::collections::HashMap;
use std::path::Path;

use evensum_core::disclosure::CountRules;
use evensum_core::disclosure::attack::PublicCell;
use evensum_core::disclosure::sheet::{Dimension, says};
use evensum_core::model::{Bounds, Shown, Zeros};

use super::read::{Fields, Line};
use super::{DiscloseError, Fault, assemble, number, read};

/// Columns of a released table that say nothing of its counts.
const BESIDE: [&str; 2] = ["state", "note"];
/// What the line of the notes begins with from which the rules are read again.
pub(super) const POLICY: &str = "# policy:";

/// The table that is being tested, as far as those that are out must fit it.
#[derive(Debug, Clone, Copy)]
pub struct Of<'a> {
    /// Its dimensions.
    pub dimensions: &'a [Dimension],
    /// Its column of counts.
    pub count: &'a str,
    /// Its column of sums.
    pub sum: Option<&'a str>,
    /// Its rules, for a table that does not say its own.
    pub rules: CountRules,
}

/// Where the columns of a released table are.
enum Figures {
    Count(usize),
    Bounds(usize, usize),
}

/// Reads a released table. A dimension that it does not have is at its total.
///
/// # Errors
/// [`DiscloseError`], which names the column or row that the table being tested does not have.
pub fn read(file: &Path, of: Of<'_>) -> Result<Vec<PublicCell>, DiscloseError> {
    let fields = read::read(file)?;
    let bounds = fields.find("low").zip(fields.find("high"));
    let count = fields.find(of.count).or_else(|| fields.find("count"));
    let figures = match (bounds, count) {
        (Some((low, high)), _) => Figures::Bounds(low, high),
        (None, Some(count)) => Figures::Count(count),
        (None, None) => {
            fields.column(of.count)?;
            return Ok(Vec::new());
        }
    };
    let mut own = Vec::new();
    let mut dimensions = Vec::new();
    for (column, name) in fields.header().iter().enumerate() {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        let is_figure = fields.find("low") == Some(column)
            || fields.find("high") == Some(column)
            || count == Some(column)
            || of.sum.is_some_and(is)
            || BESIDE.iter().any(|beside| is(beside));
        match of.dimensions.iter().position(|d| is(super::unguarded(d.name()))) {
            Some(dimension) => {
                own.push(dimension);
                dimensions.push(column);
            }
            None if is_figure => {}
            None => return Err(foreign(&fields, name, of.dimensions)),
        }
    }
    let there: Vec<Dimension> = own.iter().filter_map(|&d| of.dimensions.get(d)).cloned().collect();
    let (rules, may_exceed) = policy(fields.notes()).unwrap_or((of.rules, false));
    let mut seen: HashMap<Vec<u16>, u64> = HashMap::new();
    let mut cells = Vec::with_capacity(fields.lines().len());
    for line in fields.lines() {
        let places = assemble::at(&fields, line, &dimensions, &there, Fault::Foreign)?;
        let mut at = vec![0; of.dimensions.len()];
        for (dimension, place) in own.iter().zip(places) {
            if let Some(slot) = at.get_mut(*dimension) {
                *slot = place;
            }
        }
        if let Some(first) = seen.insert(at.clone(), line.row) {
            let (file, row) = (file.to_owned(), line.row);
            return Err(DiscloseError::Twice { file, row, first, advice: String::new() });
        }
        let (bounds, hidden) = match figures {
            Figures::Bounds(low, high) => {
                let bounds = bounds_of(&fields, line, low, high)?;
                let open = bounds.high != Some(bounds.low);
                (bounds, open && bounds.low <= rules.limit())
            }
            Figures::Count(count) => figure(&fields, line, count, rules, may_exceed)?,
        };
        cells.push(PublicCell { at, low: bounds.low, high: bounds.high, hidden: hidden.into() });
    }
    Ok(cells)
}

fn foreign(fields: &Fields, column: &str, dimensions: &[Dimension]) -> DiscloseError {
    let names: Vec<String> = dimensions.iter().map(|d| d.name().to_owned()).collect();
    DiscloseError::Column {
        file: fields.file().to_owned(),
        column: column.to_owned(),
        why: format!(
            "the table that is being tested has no such dimension (its own are {}); test the finer table, with --without for what is to be left out of it",
            read::listed(&names)
        ),
    }
}

/// The bounds of a row; a blank upper one is none.
pub(super) fn bounds_of(
    fields: &Fields,
    line: &Line,
    low: usize,
    high: usize,
) -> Result<Bounds, DiscloseError> {
    let least = fields.whole_number(line, low)?;
    let most = if fields.field(line, high).is_empty() {
        None
    } else {
        Some(fields.whole_number(line, high)?)
    };
    if most.is_some_and(|most| most < least) {
        return Err(fields.fault(line, high, Fault::Crossed));
    }
    Ok(Bounds { low: least, high: most })
}

/// What a published figure says, and whether it is hidden.
fn figure(
    fields: &Fields,
    line: &Line,
    column: usize,
    rules: CountRules,
    may_exceed: bool,
) -> Result<(Bounds, bool), DiscloseError> {
    let field = fields.field(line, column);
    if let Some(below) = field.strip_prefix('<') {
        let below = number::whole(below).map_err(|fault| fields.fault(line, column, fault))?;
        let low = says(Shown::Small, rules).low.min(below.saturating_sub(1));
        return Ok((Bounds { low, high: Some(below.saturating_sub(1)) }, true));
    }
    match number::whole(field) {
        Ok(figure) => Ok((says(Shown::Published(figure), rules), false)),
        Err(Fault::Hidden) if may_exceed => Ok((says(Shown::Suppressed, rules), true)),
        Err(Fault::Hidden) => Ok((says(Shown::Small, rules), true)),
        Err(fault) => Err(fields.fault(line, column, fault)),
    }
}

/// The line of the notes that says how a table was protected.
pub(super) fn policy_line(profile: &str, rules: CountRules, may_exceed: bool) -> String {
    let zeros = match rules.zeros() {
        Zeros::Merged => "hidden",
        Zeros::Shown => "shown",
    };
    let exceed = if may_exceed { "yes" } else { "no" };
    format!(
        "{POLICY} profile={profile} limit={} base={} zeros={zeros} hidden-above-limit={exceed}",
        rules.limit(),
        rules.base()
    )
}

/// The rules of a released table, and whether what it hides may be above its limit, from its notes.
fn policy(notes: &[String]) -> Option<(CountRules, bool)> {
    let line = notes.iter().find_map(|note| note.strip_prefix(POLICY))?;
    let value = |key: &str| {
        line.split_whitespace().find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
    };
    let zeros = match value("zeros")? {
        "hidden" => Zeros::Merged,
        "shown" => Zeros::Shown,
        _ => return None,
    };
    let rules = CountRules::new(value("limit")?.parse().ok()?, value("base")?.parse().ok()?, zeros);
    Some((rules.ok()?, value("hidden-above-limit")? == "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use evensum_core::model::Profile;

    #[test]
    fn the_policy_of_a_table_is_read_from_its_notes() {
        let rules = CountRules::new(9, 10, Zeros::Shown).expect("rules");
        for exceeds in [false, true] {
            let line = policy_line("nhs75", rules, exceeds);
            assert_eq!(policy(&["# Notes".to_owned(), line]), Some((rules, exceeds)));
        }
        assert_eq!(policy(&["# policy: limit=9".to_owned()]), None);
        assert_eq!(CountRules::from(Profile::Nhs75m).limit(), 7);
    }
}
