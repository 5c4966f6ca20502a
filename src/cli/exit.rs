//! Exit codes, and the one place where a failure is told to a person.

use std::process::ExitCode;

use super::terminal;
use crate::config::ConfigError;

/// The program's exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Exit {
    /// Not asked for as it must be.
    Usage = 2,
    /// A table from which hidden counts can be worked out.
    Disclosed = 3,
    /// Answered in part, where all was required.
    Part = 4,
    /// A configuration that cannot be used.
    Config = 64,
    /// Data that cannot be used.
    Data = 65,
    /// Somebody who is needed is not there.
    Unavailable = 69,
    /// Our own fault.
    Fault = 70,
    /// Refused.
    Denied = 77,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A failure with its exit code.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    error: anyhow::Error,
}

impl Failure {
    pub(super) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into() }
    }

    pub(super) const fn exit(&self) -> Exit {
        self.exit
    }

    pub(super) fn says(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, error: anyhow::Error::msg(text.into()) }
    }

    /// One clear line on standard error: the error and its causes, each said once.
    pub(super) fn report(&self) -> ExitCode {
        let mut text = String::new();
        for cause in self.error.chain() {
            let said = in_one_line(&cause.to_string());
            if !text.contains(&said) {
                if !text.is_empty() {
                    text.push_str(": ");
                }
                text.push_str(&said);
            }
        }
        terminal::note(&format!("evensum: {text}"));
        self.exit.into()
    }
}

/// The text without line breaks. TOML's errors draw the line that they are about: the drawing is left out,
/// and the number of the line, which they give as well, is kept.
fn in_one_line(text: &str) -> String {
    let drawn = |line: &&str| {
        line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|')
    };
    let said = text.lines().filter(|line| !line.trim().is_empty() && !drawn(line));
    said.map(str::trim).collect::<Vec<_>>().join(": ")
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Config, error)
    }
}

/// Attaches an exit code to an error.
pub(super) trait OrExit<T> {
    /// Fails with this exit code.
    fn or_exit(self, exit: Exit) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(exit, error))
    }
}
