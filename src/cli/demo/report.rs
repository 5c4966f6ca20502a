//! What the demonstration says after the answer: the planted truth beside the published ranges, what one
//! partner's audit log holds, and where everything lies.

use std::fmt::Write;

use evensum_core::catalogue::{Catalogue, Indicator};
use evensum_core::model::{Bounds, CategoryId, CellState};
use evensum_core::view::{Answer, Cell};

use super::federation::{Federation, Planted};
use super::{PERIOD, datasets};
use crate::cli::exit::Failure;
use crate::cli::{audit, serve};
use crate::config::Server;
use crate::present::sentence::sentence;

fn category<'a>(answer: &'a Answer, cell: &Cell, axis: usize) -> Option<&'a CategoryId> {
    answer.axes.get(axis)?.categories.get(*cell.at.get(axis)?).map(|c| &c.id)
}

fn range(bounds: Bounds) -> String {
    match bounds.high {
        Some(high) if high == bounds.low => high.to_string(),
        Some(high) => format!("{} to {high}", bounds.low),
        None => format!("{} or more", bounds.low),
    }
}

/// What was planted in the cases of an answer, and of how many of its published ranges it is in.
struct Beside {
    /// Planted above the line, by cell.
    planted: Vec<u64>,
    held: usize,
    all: usize,
}

/// None where the answer is of a dataset or by a dimension of which the truth says nothing.
fn beside(answer: &Answer, planted: &Planted, catalogue: &Catalogue) -> Option<Beside> {
    let indicator = catalogue.indicator(&answer.indicator.id).ok()?;
    let figures = planted.get(&(indicator.dataset.as_str(), answer.period))?;
    let known = ["imd.quintile", "ethnicity.group"];
    if answer.axes.iter().any(|axis| !known.contains(&axis.level.as_str())) {
        return None;
    }
    let all = CategoryId::all();
    let mut found = Beside { planted: Vec::new(), held: 0, all: 0 };
    for cell in &answer.cells {
        let on = |dimension: &str| {
            let axis = answer.axes.iter().position(|a| a.dimension.as_str() == dimension);
            axis.map_or(Some(&all), |axis| category(answer, cell, axis))
        };
        let (imd, ethnicity) = (on("imd")?, on("ethnicity")?);
        let above = figures.at(imd, ethnicity, &indicator.numerator)?;
        let below = figures.at(imd, ethnicity, &indicator.denominator)?;
        found.all += 2;
        found.held += usize::from(cell.numerator.bounds.contains(above));
        found.held += usize::from(cell.denominator.bounds.contains(below));
        found.planted.push(above);
    }
    Some(found)
}

/// Planted and published, for each total by deprivation and by ethnic group, and how many cells of the
/// whole table hold the truth.
pub(super) fn beside_truth(answer: &Answer, planted: &Planted, catalogue: &Catalogue) -> String {
    let mut text = String::from("\nWhat was planted, beside what was published\n\n");
    let Some(found) = beside(answer, planted, catalogue) else { return String::new() };
    for (index, axis) in answer.axes.iter().enumerate() {
        let _ = writeln!(text, "  {:<30} {:>8}   published", axis.name, "planted");
        for (cell, over) in answer.cells.iter().zip(&found.planted) {
            let others = (0..answer.axes.len()).filter(|other| *other != index);
            let total = |other| category(answer, cell, other).is_some_and(CategoryId::is_all);
            if !others.clone().all(total) {
                continue;
            }
            let label = cell.at.get(index).and_then(|p| axis.categories.get(*p)).map(|c| &c.label);
            let published = range(cell.numerator.bounds);
            if let Some(label) = label {
                let _ = writeln!(text, "  {label:<30} {over:>8}   {published}");
            }
        }
        text.push('\n');
    }
    let Beside { held, all, .. } = found;
    let _ = writeln!(text, "  {held} of {all} published ranges contain the planted figure.");
    text
}

/// Groups of which the blind sum shows a figure and the sum of the partners' tables none, the smallest first.
pub(super) fn found_again(
    ranges: &Answer,
    sum: &Answer,
    planted: &Planted,
    catalogue: &Catalogue,
) -> String {
    /// So many are named.
    const NAMED: usize = 5;
    let Some(truth) = beside(sum, planted, catalogue) else { return String::new() };
    let names = |answer: &Answer, cell: &Cell| -> Vec<String> {
        let each = (0..answer.axes.len()).filter_map(|axis| {
            let at = cell.at.get(axis)?;
            answer.axes.get(axis)?.categories.get(*at).map(|c| c.label.clone())
        });
        each.collect()
    };
    let known =
        |cell: &Cell| cell.numerator.state == CellState::Value && cell.numerator.bounds.low > 0;
    let mut found: Vec<(u64, String)> = Vec::new();
    for (cell, planted) in sum.cells.iter().zip(&truth.planted) {
        let name = names(sum, cell);
        let before = ranges.cells.iter().find(|other| names(ranges, other) == name);
        if let Some(before) = before.filter(|before| known(cell) && !known(before)) {
            let text = format!(
                "  {:<56} {planted:>7}   {:>12}   {:>12}",
                name.join(", "),
                range(before.numerator.bounds),
                range(cell.numerator.bounds)
            );
            found.push((*planted, text));
        }
    }
    found.sort();
    let mut text = String::from(
        "\nGroups that no partner may show by itself, and that count in the blind sum\n\n",
    );
    if found.is_empty() {
        text.push_str("  None in this table.\n");
        return text;
    }
    let _ = writeln!(
        text,
        "  {:<56} {:>7}   {:>12}   {:>12}",
        "", "planted", "ranges added", "blind sum"
    );
    for (_, line) in found.iter().take(NAMED) {
        let _ = writeln!(text, "{line}");
    }
    if let Some(more) = found.len().checked_sub(NAMED).filter(|n| *n > 0) {
        let _ = writeln!(text, "  and {more} more");
    }
    text
}

/// How many published ranges hold the truth, answer by answer.
pub(super) fn all_beside_truth<'a>(
    answers: impl Iterator<Item = &'a Answer>,
    planted: &Planted,
    catalogue: &Catalogue,
) -> String {
    let mut text = String::from("\nWhat was planted, beside what was published\n\n");
    let (mut held, mut all) = (0, 0);
    for answer in answers {
        let Some(found) = beside(answer, planted, catalogue) else { continue };
        held += found.held;
        all += found.all;
        let (id, period) = (&answer.indicator.id, answer.period);
        let _ = writeln!(
            text,
            "  {id:<24} {period}   {} of {} published ranges contain the planted figure",
            found.held, found.all
        );
    }
    let _ = writeln!(text, "\n  {held} of {all} published ranges contain the planted figure.");
    text
}

/// What the first partner's audit log now holds about this query.
pub(super) fn audit_log(federation: &Federation, answer: &Answer) -> Result<String, Failure> {
    let Some(partner) = federation.partners().first() else { return Ok(String::new()) };
    let server = Server::read(&federation.node_config(&partner.ods))?;
    let mut text =
        format!("\nWhat the audit log of {} now holds about this query\n\n", partner.name);
    serve::runtime()?.block_on(audit::each(&server, |entry| {
        if entry.event.query().is_some_and(|(query, _)| Some(query) == answer.query_id) {
            let _ = writeln!(text, "  {}", sentence(&entry));
        }
    }))?;
    Ok(text)
}

/// Where everything lies, and what to try next.
pub(super) fn places(federation: &Federation, catalogue: &Catalogue, kept: bool) -> String {
    let dir = federation.dir().display();
    let mut text = format!("\nWhere everything lies: {dir}\n\n");
    let first = federation.partners().first().map(|p| p.ods.to_string()).unwrap_or_default();
    let _ = writeln!(
        text,
        "  agreement.toml             the data sharing agreement, with everybody's keys"
    );
    let _ = writeln!(text, "  truth.json                 what was planted");
    let _ = writeln!(
        text,
        "  {first}/                       a partner: configuration, keys, extract, state, logs"
    );
    let _ = writeln!(text, "\nWhile it serves, in another terminal:\n");
    // One that there are records for.
    let held = |i: &&Indicator| federation.datasets().iter().any(|dataset| dataset.makes(i));
    if let Some(Indicator { id, .. }) = datasets::indicators(catalogue).find(held) {
        let _ = writeln!(
            text,
            "  evensum query {id} --by age.band --period {PERIOD} --purpose service_planning --config {dir}/analyst/analyst.toml"
        );
    }
    let _ = writeln!(text, "  evensum audit verify --config {dir}/{first}/node.toml");
    if !kept {
        let _ =
            writeln!(text, "\nThe folder is removed at the end; name one with --dir to keep it.");
    }
    text
}
