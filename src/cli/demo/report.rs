//! What the demonstration says after the answer: the planted truth beside the published ranges, what one
//! partner's audit log holds, and where everything lies.

use std::fmt::Write;

use evensum_core::model::{Bounds, CategoryId};
use evensum_core::view::{Answer, Cell};

use super::federation::Federation;
use crate::cli::exit::Failure;
use crate::cli::{audit, serve};
use crate::config::Server;
use crate::present::sentence::sentence;
use crate::synth::Truth;

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

/// Planted and published, for each total by deprivation and by ethnic group, and how many cells of the
/// whole table hold the truth.
pub(super) fn beside_truth(answer: &Answer, truth: &Truth) -> String {
    let mut text = String::from("\nWhat was planted, beside what was published\n\n");
    let (mut held, mut all) = (0_usize, 0_usize);
    let mut totals = [String::new(), String::new()];
    let at = |dimension: &str| answer.axes.iter().position(|a| a.dimension.as_str() == dimension);
    let (Some(imd), Some(ethnicity)) = (at("imd"), at("ethnicity")) else { return String::new() };
    for cell in &answer.cells {
        let (Some(q), Some(e)) = (category(answer, cell, imd), category(answer, cell, ethnicity))
        else {
            continue;
        };
        let planted = truth.at(q, e);
        let (over, pathways) = (planted.over52, planted.all);
        all += 2;
        held += usize::from(cell.numerator.bounds.contains(over));
        held += usize::from(cell.denominator.bounds.contains(pathways));
        for (total, axis, other) in [(0, imd, e), (1, ethnicity, q)] {
            let label = cell.at.get(axis).and_then(|p| answer.axes.get(axis)?.categories.get(*p));
            if let Some(label) = label.filter(|_| other.is_all()).map(|c| &c.label) {
                let published = range(cell.numerator.bounds);
                let _ = writeln!(totals[total], "  {label:<30} {over:>8}   {published}");
            }
        }
    }
    for (rows, axis) in totals.iter().zip([imd, ethnicity]) {
        let name = answer.axes.get(axis).map(|a| a.name.as_str()).unwrap_or_default();
        let _ = writeln!(text, "  {name:<30} {:>8}   published\n{rows}", "planted");
    }
    let _ = writeln!(text, "  {held} of {all} published ranges contain the planted figure.");
    text
}

/// What the first partner's audit log now holds about this query.
pub(super) fn audit_log(federation: &Federation, answer: &Answer) -> Result<String, Failure> {
    let Some(partner) = federation.partners().first() else { return Ok(String::new()) };
    let server = Server::read(&federation.node_config(&partner.ods))?;
    let mut text =
        format!("\nWhat the audit log of {} now holds about this query\n\n", partner.name);
    serve::runtime()?.block_on(audit::each(&server, |entry| {
        if entry.event.query().is_some_and(|(query, _)| query == answer.query_id) {
            let _ = writeln!(text, "  {}", sentence(&entry));
        }
    }))?;
    Ok(text)
}

/// Where everything lies, and what to try next.
pub(super) fn places(federation: &Federation, kept: bool) -> String {
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
    let _ = writeln!(
        text,
        "  evensum query rtt_over_18_weeks --by age.band --period 2026-10 --purpose service_planning --config {dir}/analyst/analyst.toml"
    );
    let _ = writeln!(text, "  evensum audit verify --config {dir}/{first}/node.toml");
    if !kept {
        let _ =
            writeln!(text, "\nThe folder is removed at the end; name one with --dir to keep it.");
    }
    text
}
