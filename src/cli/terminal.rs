//! What goes to a person's terminal: standard output for results, standard error for everything else.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

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
