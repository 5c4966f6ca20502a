//! What goes to a person's terminal: standard output for results, standard error for everything else.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use crate::intake::Progress;
use crate::present::{Glyphs, Width};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Writes a result to standard output.
pub(super) fn out(text: &str) {
    let mut stdout = io::stdout().lock();
    // A reader that has gone (`| head`) is no failure of ours.
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| if text.ends_with('\n') { Ok(()) } else { stdout.write_all(b"\n") });
    let _ = stdout.flush();
}

/// Writes a line to standard error.
pub(super) fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// A progress bar on a terminal, nothing in a pipe.
pub(super) fn bar(len: u64, text: &str) -> ProgressBar {
    let target = if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(len), target);
    let style = ProgressStyle::with_template("{msg:40} {bar:30} {pos}/{len} {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(text.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// A spinner for work of unknown length: a terminal sees it, a pipe does not.
pub(super) fn spinner(text: &str) -> ProgressBar {
    let bar = bar(0, text);
    let style = ProgressStyle::with_template("{spinner} {msg} {pos}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar
}

/// How a load comes along: rows, rows a second and, where it is known how much there is, how long it will take.
#[derive(Debug)]
pub(super) struct Reading(ProgressBar);

impl Reading {
    pub(super) fn begin() -> Self {
        Self(spinner("reading"))
    }

    /// Shows how far it is.
    pub(super) fn told(&self, progress: Progress) {
        let Progress { rows, done, total } = progress;
        if let Some(total) = total.filter(|total| self.0.length() != Some(*total)) {
            self.0.set_length(total);
            let style = ProgressStyle::with_template("{bar:30} {percent}% {msg}, {eta} left");
            self.0.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        }
        self.0.set_position(if total.is_some() { done } else { rows });
        self.0.set_message(pace(rows, self.0.elapsed()));
    }

    /// Takes it off the screen.
    pub(super) fn end(&self) {
        self.0.finish_and_clear();
    }
}

/// Rows, and rows a second.
fn pace(rows: u64, since: Duration) -> String {
    let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX).max(1);
    format!("{rows} rows, {} rows/s", rows.saturating_mul(1_000) / millis)
}

/// Whether standard output is a terminal that somebody reads.
pub(super) fn is_shown() -> bool {
    io::stdout().is_terminal()
}

/// The columns of the terminal that standard output goes to; 100 in a pipe.
pub(super) fn width() -> Width {
    let columns = console::Term::stdout().size_checked().map(|(_, columns)| columns);
    Width::new(columns.unwrap_or(100))
}

/// Plain characters where the terminal cannot show others.
pub(super) fn glyphs() -> Glyphs {
    match std::env::var("TERM").as_deref() {
        Ok("dumb" | "linux") => Glyphs::Ascii,
        _ => Glyphs::Unicode,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_rows_by_time() {
        assert_eq!(pace(65_536, Duration::from_millis(500)), "65536 rows, 131072 rows/s");
        assert_eq!(pace(10, Duration::ZERO), "10 rows, 10000 rows/s");
    }

    #[test]
    fn a_load_of_known_length_shows_its_share() {
        let reading = Reading::begin();
        reading.told(Progress { rows: 7, done: 7, total: None });
        assert_eq!(reading.0.position(), 7);
        reading.told(Progress { rows: 9, done: 300, total: Some(1_000) });
        assert_eq!((reading.0.position(), reading.0.length()), (300, Some(1_000)));
        reading.end();
    }
}
