//! What every file of answers says beside its figures: who may have it, of whom, under which policy, by which method.

use super::{Export, Mark, Partner, Table};

/// Lines under a heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What they are about.
    pub heading: String,
    /// The lines.
    pub lines: Vec<String>,
}

/// How figures and limits were made.
const METHODS: [&str; 6] = [
    "Figures of several partners are sums of what each released: a figure lies between a least and a most, both included. Hidden figures add what they can be, and never count as nothing.",
    "Where one organisation's release, or one sum over all partners, is all there is, the published figure stands beside them.",
    "95 % limits of shares: Wilson's score method (Wilson 1927; Newcombe 1998), as OHID uses it.",
    "95 % limits of rates: exact (Garwood 1936) for counts below 10, Byar's approximation (Breslow and Day 1987) from 10 on, as OHID uses them.",
    "Where a figure is known only between two numbers, its limits are the lowest lower and the highest upper limit of any number between them.",
    "Counts are not people where a person can have several: who was seen by two partners counts at both, unless a note says otherwise.",
];

/// All that is said, in order.
#[must_use]
pub fn sections(export: &Export) -> Vec<Section> {
    let mut all = vec![about(export), shorthand(), methods()];
    let numbered = (1..).zip(export.tables());
    all.extend(numbered.map(|(number, table)| Section {
        heading: format!("Table {number}"),
        lines: of_table(table),
    }));
    if !export.unanswered().is_empty() {
        let line = |one: &super::Unanswered| {
            format!("{} {}: {}", one.indicator, one.period, super::clean(&one.why))
        };
        all.push(Section {
            heading: "Not answered".to_owned(),
            lines: export.unanswered().iter().map(line).collect(),
        });
    }
    all
}

/// The same as plain text.
#[must_use]
pub fn text(export: &Export) -> String {
    let mut text = format!("{}\n", export.title());
    for Section { heading, lines } in sections(export) {
        text.push_str(&format!("\n{heading}\n\n"));
        for line in lines {
            text.push_str(&format!("- {line}\n"));
        }
    }
    text
}

fn about(export: &Export) -> Section {
    let about = export.about();
    let mut lines = vec![
        format!("Handling: {}.", about.handling.line()),
        format!("Federation: {}.", about.federation),
        format!("Agreement: {}, version {}.", about.agreement, about.agreement_version),
        format!("Purpose: {}.", about.purpose),
        format!("Area: people of {} ({} {}).", about.area.name, about.area.kind, about.area.code),
    ];
    if let Some((ods, name)) = &about.reporter {
        lines.push(format!("Reported by: {name} ({ods}), which runs the coordinator."));
    }
    lines.push(format!("Made by: {}, {}.", about.tool, about.made_on));
    Section { heading: "About this file".to_owned(), lines }
}

fn shorthand() -> Section {
    let line = |mark: Mark| format!("{} {}.", mark.as_str(), mark.says());
    Section { heading: "Shorthand".to_owned(), lines: Mark::ALL.map(line).to_vec() }
}

fn methods() -> Section {
    Section { heading: "Methods".to_owned(), lines: METHODS.map(str::to_owned).to_vec() }
}

/// What there is to know of one answer.
pub(super) fn of_table(table: &Table) -> Vec<String> {
    let mut lines = vec![
        format!("{}.", table.title),
        table.finding.clone(),
        format!("Indicator: {}, version {}; unit: {}.", table.indicator, table.version, table.unit),
        format!("Period: {}.", super::super::words::period(table.period)),
    ];
    if let Some(scope) = &table.scope {
        lines.push(format!("Only: {scope}."));
    }
    let rung = if table.rung.is_empty() { "the total alone" } else { &table.rung };
    lines.push(match &table.asked {
        Some(asked) => format!("By: {rung}. Asked for: {asked}; a partner withholds that table."),
        None => format!("By: {rung}."),
    });
    lines.push(format!("Disclosure policy: {}.", table.policy_said()));
    lines.push(match table.imd_edition {
        Some(edition) => format!("Index of Multiple Deprivation: edition {}.", edition.as_str()),
        None => {
            "Index of Multiple Deprivation: no edition, or none that all partners share.".into()
        }
    });
    let query = table.query.map_or_else(|| "none".to_owned(), |id| id.to_string());
    lines.push(format!("Query: {query}. View: {}.", view(table.view)));
    lines.extend(table.partners.iter().map(|p| partner(p, table)));
    lines.extend(table.caveats.iter().map(|c| format!("Caveat: {c}")));
    lines.extend(table.beside.iter().cloned());
    lines
}

fn view(view: &str) -> &'static str {
    match view {
        "pooled" => "figures added up over all partners before small ones are hidden",
        "partner" => "one partner's own table",
        _ => "the partners' own tables, added up",
    }
}

fn partner(line: &Partner, table: &Table) -> String {
    let mut text = format!("Partner {} ({}): {}", line.name, line.ods, line.said);
    if let Some(as_of) = line.as_of {
        text.push_str(&format!("; extract as of {as_of}"));
    }
    if let Some(standing) = line.standing {
        text.push_str(&format!(", {standing}"));
    }
    if let Some(policy) = line.policy.filter(|_| table.policy.is_none()) {
        text.push_str(&format!("; policy {}", super::said(policy)));
    }
    text.push('.');
    text
}

#[cfg(test)]
mod tests {
    use super::super::tests::export;
    use super::*;
    use crate::present::fixture::{by_quintile, crossed};

    #[test]
    fn the_notes_say_everything_that_a_reader_must_know() {
        let mut mixed = by_quintile();
        mixed.policy = None;
        mixed.coverage[2].policy = Some(evensum_core::model::Profile::Ons105m.into());
        let text = text(&export(&[&crossed(), &mixed]));
        for part in [
            "Handling: Internal: for the parties of the agreement; not for publication.",
            "Agreement: dsa-eastfold-1, version 3.",
            "Purpose: statutory_reporting.",
            "Federation: eastfold.example.",
            "evensum 0.1.0, 2026-11-21 10:05:03 UTC",
            "[c] confidential",
            "[x] not available",
            "[z] not applicable",
            "[low] low",
            "Wilson",
            "Byar",
            "By: imd.quintile,ethnicity.group.",
            "Disclosure policy: nhs75m (hidden up to 7, base 5)",
            "Disclosure policy: differs between partners.",
            "policy ons105m (hidden up to 9, base 5)",
            "edition 2025",
            "extract as of 2026-10-31, final",
            "extract as of 2026-10-31, provisional",
            "Northmere Community Health (RDZ): too late: did not answer within 30 seconds.",
            "Sandmarsh Independent Treatment Centre (NVC01): holds no such data.",
            "Query: 01a1",
            "Caveat: Pathways are counted, not people",
            "Not answered\n\n- rtt_over_18_weeks 2026-10: withheld",
        ] {
            assert!(text.contains(part), "no '{part}' in\n{text}");
        }
    }
}
