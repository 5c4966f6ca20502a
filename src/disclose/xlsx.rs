//! A protected table as a workbook: a sheet of notes and a sheet with one table, whose header stays in sight.

use rust_xlsxwriter::{
    DocProperties, Format, FormatAlign, Table, TableColumn, Workbook, Worksheet,
};

use super::DiscloseError;
use super::document::{Document, published};
use super::{MARK, guarded};

/// Columns of a spreadsheet that a note is wrapped in.
const NOTE_WIDTH: f64 = 100.0;

/// The workbook's bytes.
///
/// # Errors
/// [`DiscloseError::Workbook`].
pub fn workbook(document: &Document<'_>) -> Result<Vec<u8>, DiscloseError> {
    let mut book = Workbook::new();
    let title = title(document);
    book.set_properties(&DocProperties::new().set_title(&title).set_author("evensum disclose"));
    notes(book.add_worksheet(), document, &title)?;
    table(book.add_worksheet(), document)?;
    Ok(book.save_to_buffer()?)
}

fn title(document: &Document<'_>) -> String {
    let names: Vec<String> =
        document.sheet.dimensions().iter().map(|d| d.name().to_owned()).collect();
    format!("{} by {}", document.count, names.join(", "))
}

fn notes(sheet: &mut Worksheet, document: &Document<'_>, title: &str) -> Result<(), DiscloseError> {
    sheet.set_name("Notes")?;
    sheet.set_column_width(0, NOTE_WIDTH)?;
    let heading = Format::new().set_bold().set_font_size(14);
    sheet.write_string_with_format(0, 0, guarded(title), &heading)?;
    let wrapped = Format::new().set_text_wrap();
    let said = document.notes();
    let last = "The sheet 'Table' holds one table, which begins in its first row.";
    for (row, note) in (1..).zip(said.iter().map(String::as_str).chain([last])) {
        sheet.write_string_with_format(row, 0, guarded(note), &wrapped)?;
    }
    Ok(())
}

/// The table, as one that screen readers find: a named table with a header and no merged or empty cells.
fn table(sheet: &mut Worksheet, document: &Document<'_>) -> Result<(), DiscloseError> {
    sheet.set_name("Table")?;
    let header = document.header();
    let cells = document.cells();
    let (columns, rows) = (number(header.len())?, row_number(cells.len())?);
    let names = header.iter().map(|name| TableColumn::new().set_header(name));
    let table = Table::new().set_name("Released").set_columns(&names.collect::<Vec<_>>());
    sheet.add_table(0, 0, rows, columns.saturating_sub(1), &table)?;
    let right = Format::new().set_align(FormatAlign::Right);
    let figures = Format::new().set_num_format("#,##0");
    for (row, cell) in (1..).zip(cells) {
        let mut column = 0;
        for code in document.codes(cell) {
            sheet.write_string(row, column, guarded(code))?;
            column += 1;
        }
        let sum = document.sum.map(|_| cell.sum);
        for figure in [Some(published(cell)), sum].into_iter().flatten() {
            // A spreadsheet's numbers are exact up to 2^53, above which no count is taken.
            match figure {
                Some(n) => sheet.write_number_with_format(row, column, n as f64, &figures)?,
                None => sheet.write_string_with_format(row, column, MARK, &right)?,
            };
            column += 1;
        }
    }
    sheet.set_freeze_panes(1, 0)?;
    sheet.autofit();
    Ok(())
}

fn number(n: usize) -> Result<u16, DiscloseError> {
    Ok(u16::try_from(n).map_err(|_| rust_xlsxwriter::XlsxError::RowColumnLimitError)?)
}

fn row_number(n: usize) -> Result<u32, DiscloseError> {
    Ok(u32::try_from(n).map_err(|_| rust_xlsxwriter::XlsxError::RowColumnLimitError)?)
}
