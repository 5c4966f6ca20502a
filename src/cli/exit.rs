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

    pub(super) fn says(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, error: anyhow::Error::msg(text.into()) }
    }

    /// One clear line on standard error: the error and its causes, each said once.
    pub(super) fn report(&self) -> ExitCode {
        let mut text = String::new();
        for cause in self.error.chain() {
            let said = cause.to_string();
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
