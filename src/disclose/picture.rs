//! A protected table on a terminal: a line a cell, or the last dimension across where it fits.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use evensum_core::disclosure::sheet::{Dimension, SheetCell};

use super::document::Document;

/// The most categories, with the total, that stand across.
const MOST_ACROSS: usize = 12;
/// Columns that a figure takes with the space before it.
const FIGURE: usize = 10;

/// The table in so many columns of a terminal.
#[must_use]
pub fn picture(document: &Document<'_>, width: u16, ascii: bool) -> String {
    let dimensions = document.sheet.dimensions();
    let across = match dimensions {
        [_, .., last] if document.sum.is_none() && last.len() <= MOST_ACROSS => {
            let labels: usize = dimensions.iter().rev().skip(1).map(widest).sum();
            let figures = order(last).into_iter().map(|p| last.code(p).chars().count().max(6) + 2);
            labels + figures.sum::<usize>() <= usize::from(width)
        }
        _ => false,
    };
    let (header, rows, words) = if across { crossed(document) } else { listed(document) };
    let mut table = Table::new();
    table
        .load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width.max(u16::try_from(FIGURE).unwrap_or(u16::MAX)))
        .set_header(header);
    let columns = rows.first().map_or(0, Vec::len);
    for row in rows {
        table.add_row(row);
    }
    for index in 0..columns {
        let Some(column) = table.column_mut(index) else { continue };
        column.set_padding((0, if index + 1 == columns { 0 } else { 1 }));
        if index >= words {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    if ascii { text.replace('─', "-") } else { text }
}

/// Places in the order of reading: the total last.
fn order(dimension: &Dimension) -> Vec<usize> {
    (1..dimension.len()).chain([0]).collect()
}

fn widest(dimension: &Dimension) -> usize {
    let codes = (0..dimension.len()).map(|place| label(dimension, place).chars().count());
    codes.max().unwrap_or_default() + 2
}

/// A code below the groups that it is in.
fn label(dimension: &Dimension, place: usize) -> String {
    let indent = "  ".repeat(dimension.depth(place).saturating_sub(1));
    format!("{indent}{}", clean(dimension.code(place)))
}

/// Without characters that would move the cursor.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

type Drawn = (Vec<String>, Vec<Vec<String>>, usize);

fn labels(document: &Document<'_>, cell: &SheetCell, most: usize) -> Vec<String> {
    let dimensions = document.sheet.dimensions().iter().zip(&cell.at).take(most);
    dimensions.map(|(dimension, place)| label(dimension, usize::from(*place))).collect()
}

fn listed(document: &Document<'_>) -> Drawn {
    let words = document.sheet.dimensions().len();
    let names = document.sheet.dimensions().iter().map(Dimension::name);
    let header = names.chain([document.count]).chain(document.sum).map(clean).collect();
    let rows = document.cells().into_iter().map(|cell| {
        let figures = [thousands(document.figure(cell))].into_iter();
        labels(document, cell, words)
            .into_iter()
            .chain(figures)
            .chain(document.sum_of(cell).map(thousands))
            .collect()
    });
    (header, rows.collect(), words)
}

fn crossed(document: &Document<'_>) -> Drawn {
    let dimensions = document.sheet.dimensions();
    let words = dimensions.len().saturating_sub(1);
    let names = dimensions.iter().take(words).map(|d| clean(d.name()));
    let across = dimensions.last().map_or_else(Vec::new, |last| {
        order(last).into_iter().map(|place| clean(last.code(place))).collect()
    });
    let columns = across.len().max(1);
    let header = names.chain(across).collect();
    let cells = document.cells();
    let rows = cells.chunks(columns).map(|line| {
        let labels = line.first().map_or_else(Vec::new, |cell| labels(document, cell, words));
        labels.into_iter().chain(line.iter().map(|c| thousands(document.figure(c)))).collect()
    });
    (header, rows.collect(), words)
}

/// Figures in groups of three.
fn thousands(figure: String) -> String {
    if !figure.chars().all(|c| c.is_ascii_digit()) {
        return figure;
    }
    let digits: Vec<char> = figure.chars().collect();
    let groups: Vec<String> = digits.rchunks(3).rev().map(|g| g.iter().collect()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_grouped_and_marks_are_not() {
        for (figure, shown) in
            [("5", "5"), ("1234", "1,234"), ("1234567", "1,234,567"), ("[c]", "[c]")]
        {
            assert_eq!(thousands(figure.to_owned()), shown);
        }
    }
}
