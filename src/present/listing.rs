//! A list with a header, for a terminal.

use super::layout::{Column, Line, draw};
use super::{Glyphs, Width, words};

/// What stands above a column, and whether it holds figures.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    /// The header.
    pub name: &'static str,
    /// Figures stand at the right and are never broken over lines.
    pub figures: bool,
}

/// The list. Texts are those of a file: what could move the cursor is taken out.
#[must_use]
pub fn table(heads: &[Head], rows: &[Vec<String>], width: Width, glyphs: Glyphs) -> String {
    let columns: Vec<Column> = heads
        .iter()
        .map(
            |head| if head.figures { Column::figures(head.name) } else { Column::words(head.name) },
        )
        .collect();
    let lines = rows.iter().map(|row| Line::Cells(row.iter().map(|f| words::clean(f)).collect()));
    draw(&columns, lines.collect(), width, glyphs)
}
