//! A report as JSON: all that its page says, with the numbers.

use serde::Serialize;

use super::Report;

#[derive(Serialize)]
struct File<'a> {
    format: &'static str,
    #[serde(flatten)]
    report: &'a Report,
}

/// The report, indented. Numbers that are not there are null, and have a mark.
///
/// # Errors
/// The library's, where a number is not finite; none of a report's is.
pub fn to_string_pretty(report: &Report) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&File { format: "evensum-report-1", report })
}
