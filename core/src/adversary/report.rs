//! Findings as text, JSON and a page.

use std::fmt::Write as _;

use super::{Attack, Finding};

const COLUMNS: [&str; 9] =
    ["attack", "against", "shape", "tables", "tried", "exact", "1 or 2", "refused", "result"];

/// In a word: a profile holds or is broken; a control is broken, as it must be, or holds.
const fn result(finding: &Finding, control: bool) -> &'static str {
    match (control, finding.passed) {
        (false, true) => "held",
        (false, false) => "BROKEN",
        (true, true) => "broken, as it must be",
        (true, false) => "NOT BROKEN",
    }
}

fn cells(finding: &Finding) -> [String; 9] {
    let Finding { attack, against, shape, tables, cells, exact, low, refused, .. } = finding;
    let number = |n: &usize| n.to_string();
    [
        attack.id().to_owned(),
        against.clone(),
        shape.clone(),
        number(tables),
        number(cells),
        number(exact),
        number(low),
        number(refused),
        result(finding, finding.is_control()).to_owned(),
    ]
}

/// One line a finding, in columns.
#[must_use]
pub fn text(findings: &[Finding]) -> String {
    let rows: Vec<[String; 9]> =
        std::iter::once(COLUMNS.map(str::to_owned)).chain(findings.iter().map(cells)).collect();
    let widths: [usize; 9] =
        std::array::from_fn(|c| rows.iter().map(|row| row[c].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, (column, width)) in row.iter().zip(widths.iter().enumerate()) {
            let _ = if (3..8).contains(&column) {
                write!(line, "{cell:>width$}  ")
            } else {
                write!(line, "{cell:<width$}  ")
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A list of findings.
#[must_use]
pub fn json(findings: &[Finding]) -> serde_json::Value {
    let each = findings.iter().map(|f| {
        serde_json::json!({
            "attack": f.attack.id(), "against": f.against, "control": f.is_control(), "shape": f.shape,
            "tables": f.tables, "cells": f.cells, "exact": f.exact, "low": f.low,
            "refused": f.refused, "note": f.note, "passed": f.passed,
        })
    });
    each.collect()
}

/// A page: a heading for each attack, what it does, and what became of it.
#[must_use]
pub fn markdown(findings: &[Finding], made_by: &str) -> String {
    let mut page = format!(
        "# Attacks on our own releases\n\n\
         Each attack is given what leaves a partner, the definitions and the text of the policy, and nothing else. \
         It is tried on every disclosure profile and on a weak policy that it must break: an attack that breaks \
         nothing proves nothing. Where no profile has a part in it, because figures are added up before anything is \
         hidden (A11, A16, A18), it is tried on the way of adding up, and is given what passes the servers. All records \
         are invented.\n\n\
         *Tried* counts hidden counts (or requests, contributions or people, where it says so), *exact* those that were \
         worked out to the number, or were taken, or found out, *1 or 2* those found to be one of these two, and \
         *refused* tables, requests or contributions that were not answered or taken.\n\n{made_by}\n"
    );
    for attack in Attack::ALL {
        let own: Vec<&Finding> = findings.iter().filter(|f| f.attack == attack).collect();
        if own.is_empty() {
            continue;
        }
        let _ = write!(page, "\n## {}\n\n{}\n\n", attack.id(), attack.says());
        page.push_str("| against | shape | tables | tried | exact | 1 or 2 | refused | result |\n");
        page.push_str("| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |\n");
        for finding in &own {
            let _ = writeln!(page, "| {} |", cells(finding)[1..].join(" | "));
        }
        let noted: Vec<&&Finding> = own.iter().filter(|f| !f.note.is_empty()).collect();
        if !noted.is_empty() {
            page.push('\n');
        }
        for finding in noted {
            let _ = writeln!(page, "- {}, {}: {}.", finding.against, finding.shape, finding.note);
        }
    }
    page
}
