//! What an organisation says beside its figures: commentary, owners, trajectories and the period to look back to.

use std::collections::BTreeMap;

use evensum_core::model::{IndicatorId, Period, TomlProblem};
use serde::Deserialize;

/// The most bytes of the file.
pub const MAX_BYTES: usize = 256 * 1024;
/// The most characters of one commentary.
pub const MAX_COMMENTARY: usize = 10_000;
/// The most characters of an owner's name.
pub const MAX_OWNER: usize = 200;
/// The most points of a trajectory.
pub const MAX_POINTS: usize = 120;

/// What is said of one indicator.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfIndicator {
    /// Who answers for it.
    pub owner: Option<String>,
    /// Paragraphs of plain text.
    pub commentary: Option<String>,
    /// Where it is meant to be, in the indicator's unit.
    #[serde(default)]
    pub trajectory: Vec<Aim>,
}

/// A point of a trajectory.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aim {
    /// When.
    pub period: Period,
    /// What is meant to be reached, in the indicator's unit.
    pub value: f64,
}

/// What is said beside the figures.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Paragraphs of plain text, for the whole report.
    pub commentary: Option<String>,
    /// The period that everything is compared with; the first one otherwise.
    pub baseline: Option<Period>,
    /// Of each indicator.
    #[serde(default)]
    pub indicator: BTreeMap<String, OfIndicator>,
}

/// Why a file does not say it.
#[derive(Debug, thiserror::Error)]
pub enum AboutError {
    /// Too large.
    #[error("the file has more than {MAX_BYTES} bytes: shorten its commentaries")]
    Bytes,
    /// Not TOML of this form.
    #[error("{0}")]
    Toml(#[source] TomlProblem),
    /// Of an indicator that is not in the report.
    #[error("line {line}: the pack has no indicator '{id}': it has {known}")]
    Indicator {
        /// Where.
        line: usize,
        /// What it says.
        id: String,
        /// What there is.
        known: String,
    },
    /// Something is too long.
    #[error("line {line}: {what} of more than {most} {of}: shorten it")]
    Long {
        /// Where.
        line: usize,
        /// What is.
        what: &'static str,
        /// How much there may be.
        most: usize,
        /// Of what.
        of: &'static str,
    },
    /// A value that is no number.
    #[error("line {line}: a value of a trajectory is a finite number, such as 4.5")]
    Value {
        /// Where.
        line: usize,
    },
}

impl About {
    /// Reads the TOML form, of a report on these indicators.
    ///
    /// # Errors
    /// [`AboutError`], with the line.
    pub fn parse(text: &str, indicators: &[&IndicatorId]) -> Result<Self, AboutError> {
        if text.len() > MAX_BYTES {
            return Err(AboutError::Bytes);
        }
        let about: Self =
            toml::from_str(text).map_err(|e| AboutError::Toml(TomlProblem::new(text, &e)))?;
        within(about.commentary.as_deref(), 1)?;
        for (id, own) in &about.indicator {
            let line = line_of(text, id);
            if !indicators.iter().any(|known| known.as_str() == id) {
                let known: Vec<&str> = indicators.iter().map(|i| i.as_str()).collect();
                let id = id.chars().take(64).collect();
                return Err(AboutError::Indicator { line, id, known: known.join(", ") });
            }
            within(own.commentary.as_deref(), line)?;
            if own.owner.as_ref().is_some_and(|owner| owner.chars().count() > MAX_OWNER) {
                let (what, most, of) = ("an owner", MAX_OWNER, "characters");
                return Err(AboutError::Long { line, what, most, of });
            }
            if own.trajectory.len() > MAX_POINTS {
                let (what, most, of) = ("a trajectory", MAX_POINTS, "points");
                return Err(AboutError::Long { line, what, most, of });
            }
            if own.trajectory.iter().any(|aim| !aim.value.is_finite()) {
                return Err(AboutError::Value { line });
            }
        }
        Ok(about)
    }

    /// What is said of an indicator.
    #[must_use]
    pub fn of(&self, id: &IndicatorId) -> Option<&OfIndicator> {
        self.indicator.get(id.as_str())
    }
}

fn within(commentary: Option<&str>, line: usize) -> Result<(), AboutError> {
    if commentary.is_some_and(|text| text.chars().count() > MAX_COMMENTARY) {
        let (what, most, of) = ("a commentary", MAX_COMMENTARY, "characters");
        return Err(AboutError::Long { line, what, most, of });
    }
    Ok(())
}

/// The line on which an indicator's part begins.
fn line_of(text: &str, id: &str) -> usize {
    let begins = |line: &str| line.trim_start().starts_with("[indicator") && line.contains(id);
    text.lines().position(begins).map_or(1, |at| at + 1)
}

/// Paragraphs of a plain text: what an empty line parts.
#[must_use]
pub fn paragraphs(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        let line = super::super::words::clean(line);
        match (line.is_empty(), all.last_mut()) {
            (true, _) => open = false,
            (false, Some(last)) if open => {
                last.push(' ');
                last.push_str(&line);
            }
            (false, _) => {
                all.push(line);
                open = true;
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let id = IndicatorId::new("rtt_over_52_weeks").expect("an id");
        About::parse(text, &[&id]).expect_err("refused").to_string()
    }

    #[test]
    fn what_is_said_is_read() {
        let id = IndicatorId::new("rtt_over_52_weeks").expect("an id");
        let text = "commentary = \"\"\"\nOne\nline.\n\nTwo.\"\"\"\nbaseline = \"2025-10\"\n\
                    [indicator.rtt_over_52_weeks]\nowner = \"Chief Operating Officer\"\n\
                    trajectory = [{ period = \"2026-10\", value = 4 }, { period = \"2026-11\", value = 3.5 }]\n";
        let about = About::parse(text, &[&id]).expect("read");
        let own = about.of(&id).expect("it");
        assert_eq!(own.owner.as_deref(), Some("Chief Operating Officer"));
        assert!((own.trajectory[0].value - 4.0).abs() < f64::EPSILON);
        assert_eq!(paragraphs(about.commentary.as_deref().expect("it")), ["One line.", "Two."]);
        assert_eq!(About::parse("", &[&id]).expect("nothing"), About::default());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        assert!(said("\nbaseline = \"October\"\n").starts_with("line 2: "));
        assert!(said("comentary = \"x\"\n").contains("comentary"));
        let unknown = said("\n\n[indicator.rtt_over_99_weeks]\nowner = \"A\"\n");
        assert!(
            unknown.starts_with("line 3: ") && unknown.contains("rtt_over_52_weeks"),
            "{unknown}"
        );
        let begin = "[indicator.rtt_over_52_weeks]\n";
        let nan = said(&format!("{begin}trajectory = [{{ period = \"2026-10\", value = nan }}]\n"));
        assert!(nan.starts_with("line 1: ") && nan.contains("finite"), "{nan}");
        let long = said(&format!("{begin}owner = \"{}\"\n", "x".repeat(201)));
        assert!(long.contains("more than 200 characters"), "{long}");
        assert!(said(&format!("commentary = \"{}\"", "y".repeat(10_001))).contains("10000"));
        assert!(said(&"# x\n".repeat(100_000)).contains("bytes"));
    }
}
