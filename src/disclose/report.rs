//! The verdict on a table: in words for its owner, and in full as JSON. It says more than the table does, and is not
//! for release.

use std::fmt::Write;
use std::time::Duration;

use evensum_core::disclosure::attack::Verdict;
use evensum_core::disclosure::sheet::Coarser;
use serde_json::{Value, json};

use super::document::{Document, published, state};

/// What is known of the test beside the table itself.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// How long it took.
    pub elapsed: Duration,
    /// Coarser tables that pass, where this one does not.
    pub coarser: Vec<Coarser>,
    /// Whether more may be asked of hidden counts than was: `--protect`.
    pub may_widen: Option<u64>,
}

/// The verdict as formats name it.
#[must_use]
pub const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Safe => "safe",
        Verdict::Unsafe => "unsafe",
        Verdict::Undecided => "undecided",
    }
}

/// The verdict in words, a sentence a line.
#[must_use]
pub fn text(document: &Document<'_>, findings: &Findings) -> String {
    let sheet = document.sheet;
    let with = match document.already {
        0 => "this table".to_owned(),
        1 => "this table together with the one that is out".to_owned(),
        n => format!("this table together with the {n} that are out"),
    };
    let mut said = match sheet.verdict() {
        Verdict::Safe => format!("No hidden count can be worked out from {with}."),
        Verdict::Unsafe => format!(
            "This table must not be released. {} from {with}{}.",
            counts(
                sheet.found_out(),
                "hidden count can be worked out",
                "hidden counts can be worked out"
            ),
            match sheet.exact_recoveries() {
                0 => ", to one of two small numbers".to_owned(),
                n if n == sheet.found_out() => " exactly".to_owned(),
                n => format!(", {n} of them exactly and the others to one of two small numbers"),
            }
        ),
        Verdict::Undecided => format!(
            "This table must not be released. The disclosure test did not come to an end within its limits for {with}."
        ),
    };
    let hidden = sheet.primary() + sheet.secondary();
    let _ =
        write!(said, "\n{hidden} of {} counts, totals included, are hidden", sheet.cells().len());
    let _ = match sheet.secondary() {
        0 => writeln!(said, "."),
        n => writeln!(said, ": {} for their own sake and {n} to protect them.", sheet.primary()),
    };
    if sheet.verdict() == Verdict::Safe {
        return said;
    }
    if let Some(wider) = findings.may_widen {
        let _ = writeln!(said, "Hiding more may be enough: --protect {wider}.");
    }
    if findings.coarser.is_empty() {
        said.push_str(
            "No table that is coarser by one or two steps passes either: use fewer dimensions or larger categories.\n",
        );
    } else {
        said.push_str("Coarser tables that pass, of which to release one:\n");
        for coarser in &findings.coarser {
            let _ = writeln!(said, "  {coarser}");
        }
    }
    said
}

fn counts(n: usize, one: &str, several: &str) -> String {
    match n {
        0 => "Hidden counts can be worked out".to_owned(),
        1 => format!("1 {one}"),
        n => format!("{n} {several}"),
    }
}

/// The verdict and everything that it rests on.
#[must_use]
pub fn json(document: &Document<'_>, findings: &Findings) -> Value {
    let sheet = document.sheet;
    let rules = sheet.rules();
    let cells = document.cells().into_iter().map(|cell| {
        json!({
            "at": document.at(cell),
            "state": state(cell.shown).as_str(),
            "published": published(cell),
            "low": cell.worked_out.low,
            "high": cell.worked_out.high,
        })
    });
    json!({
        "verdict": verdict(sheet.verdict()),
        "profile": document.profile,
        "limit": rules.limit(),
        "base": rules.base(),
        "primary": sheet.primary(),
        "secondary": sheet.secondary(),
        "exact_recoveries": sheet.exact_recoveries(),
        "found_out": sheet.found_out(),
        "worked_out": sheet.is_worked_out(),
        "elapsed_ms": u64::try_from(findings.elapsed.as_millis()).unwrap_or(u64::MAX),
        "coarser": findings
            .coarser
            .iter()
            .map(|c| json!({ "options": c.options(), "cells": c.cells }))
            .collect::<Vec<_>>(),
        "cells": cells.collect::<Vec<_>>(),
    })
}
