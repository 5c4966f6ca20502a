//! Answers, quality reports and audit log entries as text: tables and bars for a terminal, sentences, CSV, JSON
//! and pages. Pure functions: whoever calls them prints.
//!
//! What people read uses words, never the states of the formats: a hidden figure is "withheld (0 to 14)" or
//! "fewer than 8", and never a zero, an empty cell or an empty bar.

pub mod chart;
pub mod completeness;
pub mod csv;
pub mod export;
pub mod inequality;
pub mod json;
pub mod listing;
pub mod overview;
pub mod page;
pub mod preview;
pub mod quality;
pub mod rate;
pub mod reconcile;
pub mod report;
pub mod rung;
pub mod sentence;
pub mod signpost;
mod summed;
pub mod table;
pub mod trend;

mod asked;
mod drawing;
pub mod figure;
#[cfg(test)]
mod fixture;
mod grid;
mod headline;
mod layout;
mod number;
mod people;
#[cfg(test)]
mod tests;
pub mod words;

/// Columns of the terminal that the text may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Width(u16);

impl Width {
    /// The least: a table of figures cannot be read on fewer.
    pub const LEAST: u16 = 80;
    /// The most: lines longer than this lose the reader's eye.
    pub const MOST: u16 = 160;

    /// Takes the terminal's columns, moved into what can be used.
    #[must_use]
    pub fn new(columns: u16) -> Self {
        Self(columns.clamp(Self::LEAST, Self::MOST))
    }

    /// The columns.
    #[must_use]
    pub const fn columns(self) -> u16 {
        self.0
    }
}

impl Default for Width {
    /// What most reports and terminals have.
    fn default() -> Self {
        Self(100)
    }
}

/// What the text may be drawn with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Glyphs {
    /// Lines and blocks of Unicode.
    #[default]
    Unicode,
    /// ASCII alone, for a terminal or an e-mail that has nothing else.
    Ascii,
}

impl Glyphs {
    /// The finished text in these glyphs. Every character keeps its width, so that columns stay aligned.
    fn apply(self, text: String) -> String {
        match self {
            Self::Unicode => text,
            Self::Ascii => text.chars().map(ascii).collect(),
        }
    }
}

const fn ascii(c: char) -> char {
    match c {
        '─' | '–' | '—' | '·' => '-',
        '│' => '|',
        '└' | '┴' => '+',
        '█' => '#',
        '░' => '.',
        '…' => '~',
        '▏' => '#',
        '“' | '”' => '"',
        '‘' | '’' => '\'',
        other => other,
    }
}
