//! Columns on a terminal: one header, a rule beneath it, and no other borders.

use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Row, Table, TableStyle,
};

use super::{Glyphs, Width};

/// A column.
pub(super) struct Column {
    /// What stands above it.
    pub(super) header: String,
    /// Words, which may be broken over lines, or figures, which may not.
    pub(super) of: Of,
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// To the left, broken over lines where there is no room.
    Words,
    /// To the right, never broken.
    Figures,
}

impl Column {
    pub(super) fn words(header: &str) -> Self {
        Self { header: header.to_owned(), of: Of::Words }
    }

    pub(super) fn figures(header: &str) -> Self {
        Self { header: header.to_owned(), of: Of::Figures }
    }
}

/// A line of the table.
pub(super) enum Line {
    /// One text a column.
    Cells(Vec<String>),
    /// A text across the columns.
    Heading(String),
    /// A line across.
    Rule,
    /// Room.
    Gap,
}

/// Characters between two columns.
const BETWEEN: u16 = 2;

/// The fewest characters for a column of words, however wide its neighbours are.
const LEAST_WORDS: usize = 16;

/// Alone in a row that becomes a rule once the widths are known.
const RULE: &str = "\u{e000}";

/// Alone in a row that becomes the next heading, which no column may break.
const HEADING: &str = "\u{e001}";

/// Draws the table.
pub(super) fn draw(
    columns: &[Column],
    mut lines: Vec<Line>,
    width: Width,
    glyphs: Glyphs,
) -> String {
    let widths: Vec<usize> =
        columns.iter().enumerate().map(|(i, column)| content(column, i, &lines)).collect();
    let room_for_labels = wrap_labels(columns, &widths, &mut lines, width);
    let mut table = Table::new();
    table
        .load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width.columns())
        .set_header(columns.iter().zip(&widths).map(|(column, &room)| match column.of {
            Of::Words => wrapped(&column.header, room_for_labels.unwrap_or(usize::MAX)).join("\n"),
            Of::Figures => wrapped(&column.header, room).join("\n"),
        }));
    let mut headings = Vec::new();
    for line in lines {
        table.add_row(match line {
            Line::Cells(cells) => Row::from(cells),
            Line::Heading(text) => {
                headings.push(text);
                Row::from(vec![HEADING])
            }
            Line::Rule => Row::from(vec![RULE]),
            Line::Gap => Row::from(vec![""]),
        });
    }
    for (index, column) in columns.iter().enumerate() {
        let Some(drawn) = table.column_mut(index) else { continue };
        // The library itself puts one space between columns.
        drawn.set_padding((0, if index + 1 == columns.len() { 0 } else { BETWEEN - 1 }));
        if column.of == Of::Figures || room_for_labels.is_some() {
            drawn.set_constraint(ColumnConstraint::ContentWidth);
        }
        if column.of == Of::Figures {
            drawn.set_cell_alignment(CellAlignment::Right);
        }
    }
    glyphs.apply(finished(table.lines().collect(), headings))
}

/// The lines with their rules and headings in place.
fn finished(drawn: Vec<String>, headings: Vec<String>) -> String {
    let across = drawn.iter().map(|l| l.chars().filter(|c| *c == '─').count()).max();
    let rule = "─".repeat(across.unwrap_or_default());
    let mut headings = headings.into_iter();
    let mut text = String::new();
    for line in drawn {
        match line.trim_end() {
            RULE => text.push_str(&rule),
            HEADING => text.push_str(&headings.next().unwrap_or_default()),
            other => text.push_str(other),
        }
        text.push('\n');
    }
    text
}

/// Characters that the column's cells need, and the longest word of its header.
fn content(column: &Column, index: usize, lines: &[Line]) -> usize {
    let cells = lines.iter().filter_map(|line| match line {
        Line::Cells(cells) => cells.get(index).map(|cell| cell.chars().count()),
        _ => None,
    });
    let header = column.header.split_whitespace().map(|word| word.chars().count());
    cells.chain(header).max().unwrap_or_default()
}

/// Breaks the labels of a table whose one column of words is its first, each under its own beginning; returns
/// the room that they have in such a table.
fn wrap_labels(
    columns: &[Column],
    widths: &[usize],
    lines: &mut [Line],
    width: Width,
) -> Option<usize> {
    let [Column { of: Of::Words, .. }, figures @ ..] = columns else { return None };
    if figures.iter().any(|column| column.of == Of::Words) {
        return None;
    }
    let taken: usize = widths.iter().skip(1).map(|w| w + usize::from(BETWEEN)).sum();
    let room = usize::from(width.columns()).saturating_sub(taken).max(LEAST_WORDS);
    for line in lines {
        let Line::Cells(cells) = line else { continue };
        let Some(label) = cells.first_mut().filter(|label| label.chars().count() > room) else {
            continue;
        };
        let indent = " ".repeat(label.chars().take_while(|c| *c == ' ').count());
        let broken = wrapped(label, room.saturating_sub(indent.len() + 2));
        *label = format!("{indent}{}", broken.join(&format!("\n{indent}  ")));
    }
    Some(room)
}

/// A text broken between words into lines of at most so many characters, where its words allow.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A paragraph, with a mark before its first line and the rest under it.
pub(super) fn paragraph(mark: &str, text: &str, width: Width) -> String {
    let indent = " ".repeat(mark.chars().count());
    let room = usize::from(width.columns()).saturating_sub(indent.len());
    let mut out = String::new();
    for (i, line) in wrapped(text, room).iter().enumerate() {
        out.push_str(if i == 0 { mark } else { &indent });
        out.push_str(line);
        out.push('\n');
    }
    out
}
