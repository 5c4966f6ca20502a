//! A workbook by the rules of the Government Analysis Function: a cover with contents, notes, and a sheet for each
//! table, which begins in its first cell, is marked up as a table, and has no merged and no blank cells.

use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, FormatAlign, Table as Markup, TableColumn, TableStyle,
    Workbook, Worksheet, XlsxError,
};

use super::rows::real;
use super::{COUNT, Export, ExportError, Known, Mark, Row, Table, notes};
use crate::present::csv::guarded;

/// The most rows of a sheet, its header among them.
pub const MAX_ROWS: usize = 1_048_576;
/// The most sheets of a workbook, the cover and the notes among them.
pub const MAX_SHEETS: usize = 255;
/// The most characters of a sheet's name.
const MAX_NAME: usize = 31;
/// The most characters of a column's header.
const MAX_HEADER: usize = 255;
/// The most characters of a cell.
const MAX_TEXT: usize = 32_767;
/// What rounding to so many decimals must not push to the next step.
const SLACK: f64 = 1e-9;

/// Columns of a spreadsheet that text is wrapped in.
const WIDE: f64 = 110.0;
/// The same for headings beside text.
const NARROW: f64 = 24.0;

struct Formats {
    title: Format,
    text: Format,
    wrapped: Format,
    link: Format,
    mark: Format,
    whole: Format,
    tenths: Format,
}

impl Formats {
    fn new() -> Self {
        let plain = || Format::new().set_font_name("Arial").set_font_size(12);
        Self {
            title: plain().set_bold().set_font_size(16),
            text: plain(),
            wrapped: plain().set_text_wrap().set_align(FormatAlign::Top),
            link: plain()
                .set_font_color("#005EB8")
                .set_underline(rust_xlsxwriter::FormatUnderline::Single),
            mark: plain().set_align(FormatAlign::Right),
            whole: plain().set_num_format("#,##0"),
            tenths: plain().set_num_format("#,##0.0"),
        }
    }
}

/// The workbook's bytes.
///
/// # Errors
/// [`ExportError::Sheets`], [`ExportError::Rows`] and [`ExportError::Workbook`].
pub fn workbook(export: &Export) -> Result<Vec<u8>, ExportError> {
    let answers = export.tables().len();
    if answers > MAX_SHEETS - 2 {
        return Err(ExportError::Sheets { answers, limit: MAX_SHEETS - 2 });
    }
    let about = export.about();
    let mut book = Workbook::new();
    let mut properties = DocProperties::new()
        .set_title(guarded(&export.title()))
        .set_subject(format!("Agreement {}, {}", about.agreement, about.purpose))
        .set_author(&about.tool)
        .set_comment(about.handling.line())
        .set_custom_property("Language", "en-GB")
        .set_custom_property("Handling", about.handling.as_str());
    // Otherwise the library takes the time from the system.
    if let Ok(made) = ExcelDateTime::from_timestamp(about.made_on.as_unix()) {
        properties = properties.set_creation_datetime(&made);
    }
    book.set_properties(&properties);
    let formats = Formats::new();
    let names: Vec<String> = (1..).zip(export.tables()).map(|(n, t)| sheet_name(n, t)).collect();
    cover(book.add_worksheet(), export, &names, &formats)?;
    note_sheet(book.add_worksheet(), export, &formats)?;
    for (number, (table, name)) in (1..).zip(export.tables().iter().zip(&names)) {
        let sheet = book.add_worksheet();
        sheet.set_name(name)?;
        table_sheet(sheet, table, number, &formats)?;
    }
    Ok(book.save_to_buffer()?)
}

/// `1 rtt_over_52_weeks 2026-10`: the number makes it one of its kind, however much is cut off.
fn sheet_name(number: usize, table: &Table) -> String {
    let room = MAX_NAME.saturating_sub(format!("{number}  {}", table.period).len());
    let indicator: String = table.indicator.as_str().chars().take(room).collect();
    format!("{number} {indicator} {}", table.period)
}

fn cover(
    sheet: &mut Worksheet,
    export: &Export,
    names: &[String],
    formats: &Formats,
) -> Result<(), XlsxError> {
    sheet.set_name("Cover")?;
    sheet.set_column_width(0, WIDE)?;
    let about = export.about();
    sheet.write_string_with_format(0, 0, guarded(&export.title()), &formats.title)?;
    let lines = [
        format!("Handling: {}.", about.handling.line()),
        format!(
            "System-wide figures of {} ({} {}), combined from protected tables of its partners.",
            about.area.name, about.area.kind, about.area.code
        ),
        format!("Agreement {}, version {}; purpose {}.", about.agreement, about.agreement_version, about.purpose),
        format!("Made by {}, {}.", about.tool, about.made_on),
        "Language: English (United Kingdom).".to_owned(),
        "Shorthand in square brackets is explained in the sheet Notes. Nothing that is hidden is zero.".to_owned(),
        "Contents".to_owned(),
    ];
    let mut row = 1;
    for line in &lines {
        sheet.write_string_with_format(row, 0, guarded(line), &formats.wrapped)?;
        row += 1;
    }
    let mut link = |to: &str, text: &str| {
        let url = format!("internal:'{to}'!A1");
        let text = guarded(&cut(text, MAX_HEADER));
        sheet.write_url_with_options(row, 0, url.as_str(), text, "", Some(&formats.link))?;
        row += 1;
        Ok::<_, XlsxError>(())
    };
    link("Notes", "Notes: handling, shorthand, methods, policy, partners and caveats")?;
    for (name, table) in names.iter().zip(export.tables()) {
        link(name, &format!("{name}: {}", table.title))?;
    }
    Ok(())
}

fn note_sheet(
    sheet: &mut Worksheet,
    export: &Export,
    formats: &Formats,
) -> Result<(), ExportError> {
    sheet.set_name("Notes")?;
    sheet.set_column_width(0, NARROW)?;
    sheet.set_column_width(1, WIDE)?;
    let lines: Vec<[String; 2]> = notes::sections(export)
        .into_iter()
        .flat_map(|section| section.lines.into_iter().map(move |l| [section.heading.clone(), l]))
        .collect();
    let header = ["About", "Note"].map(str::to_owned);
    let title = "Notes on the tables of this workbook";
    markup(sheet, &header, lines.len(), ("Notes", title), formats)?;
    for (row, line) in (1..).zip(&lines) {
        for (column, text) in (0..).zip(line) {
            sheet.write_string_with_format(row, column, cell(text), &formats.wrapped)?;
        }
    }
    Ok(())
}

/// Text as it fits a cell; a blank one says that there is nothing.
fn cell(text: &str) -> String {
    match text.trim() {
        "" => Mark::NotAvailable.as_str().to_owned(),
        _ => cut(&guarded(text), MAX_TEXT),
    }
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// Marks so many rows under a header up as a table.
fn markup(
    sheet: &mut Worksheet,
    header: &[String],
    rows: usize,
    (name, title): (&str, &str),
    formats: &Formats,
) -> Result<(), ExportError> {
    if rows >= MAX_ROWS {
        return Err(ExportError::Rows { rows, limit: MAX_ROWS - 1 });
    }
    let whole = |_| XlsxError::RowColumnLimitError;
    let last_row = u32::try_from(rows).map_err(whole)?;
    let last_column = u16::try_from(header.len()).map_err(whole)?.saturating_sub(1);
    let head = formats.wrapped.clone().set_bold();
    let columns: Vec<TableColumn> = header
        .iter()
        .map(|name| TableColumn::new().set_header(name).set_header_format(&head))
        .collect();
    let table = Markup::new()
        .set_name(name)
        .set_columns(&columns)
        .set_style(TableStyle::Light1)
        .set_autofilter(false)
        .set_alt_text_title(cut(title, MAX_HEADER))
        .set_alt_text(cut(title, MAX_HEADER));
    sheet.add_table(0, 0, last_row, last_column, &table)?;
    sheet.set_freeze_panes(1, 0)?;
    Ok(())
}

/// What a column shows of a row.
enum Column {
    Place(usize),
    Figure,
    Unit,
    Count(Side, End),
    Words,
    Value(End),
    Limit(End),
    Population,
}

#[derive(Clone, Copy)]
enum Side {
    Above,
    Below,
}

#[derive(Clone, Copy)]
enum End {
    Low,
    High,
    Published,
}

impl End {
    const fn says(self) -> &'static str {
        match self {
            Self::Low => "at least",
            Self::High => "at most",
            Self::Published => "published",
        }
    }

    fn of<T: Copy>(self, known: &Known<T>) -> Option<T> {
        match self {
            Self::Low => known.low,
            Self::High => known.high,
            Self::Published => known.published,
        }
    }
}

/// The columns with their headers, which no two of share.
fn columns(table: &Table) -> Vec<(String, Column)> {
    let ends: &[End] = match table.publishes() {
        true => &[End::Published, End::Low, End::High],
        false => &[End::Low, End::High],
    };
    let places = table.axes.iter().enumerate();
    let mut all: Vec<_> = places.map(|(i, a)| (a.name.clone(), Column::Place(i))).collect();
    // One figure has its name and unit in the headers.
    let (name, unit) = match table.figures.as_slice() {
        [one] => (one.name.clone(), one.unit.clone()),
        _ => {
            all.push(("Figure".to_owned(), Column::Figure));
            all.push(("Unit".to_owned(), Column::Unit));
            ("Figure".to_owned(), "see the column Unit".to_owned())
        }
    };
    let counted = &table.counted;
    for side in [Side::Above, Side::Below] {
        let of = match side {
            Side::Above => format!("{} of {counted}", table.above),
            Side::Below => format!("All {counted}"),
        };
        all.extend(
            ends.iter()
                .map(|end| (format!("{of}, {} (number)", end.says()), Column::Count(side, *end))),
        );
    }
    all.push((format!("{} of {counted}, in words", table.above), Column::Words));
    if name != COUNT {
        all.extend(
            ends.iter().map(|e| (format!("{name}, {} ({unit})", e.says()), Column::Value(*e))),
        );
    }
    if table.rows.iter().any(|row| row.lower95.is_some() || row.upper95.is_some()) {
        for (which, end) in [("Lower", End::Low), ("Upper", End::High)] {
            all.push((format!("{which} 95% limit ({unit})"), Column::Limit(end)));
        }
    }
    if table.rows.iter().any(|row| row.population.is_some()) {
        all.push(("People in the population (number)".to_owned(), Column::Population));
    }
    for i in 1..all.len() {
        let (before, rest) = all.split_at_mut(i);
        if let Some((name, _)) = rest.first_mut() {
            *name = cut(&guarded(name), MAX_HEADER - 8);
            if before.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                name.push_str(&format!(" ({i})"));
            }
        }
    }
    all
}

/// What stands in a cell.
enum Shown {
    Whole(f64),
    Tenths(f64),
    Mark(Mark),
    Text(String),
}

fn table_sheet(
    sheet: &mut Worksheet,
    table: &Table,
    number: usize,
    formats: &Formats,
) -> Result<(), ExportError> {
    let columns = columns(table);
    let header: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    // Where no partner answered, one row says so.
    let rows = table.rows.len().max(1);
    markup(sheet, &header, rows, (&format!("Table_{number}"), &table.title), formats)?;
    if table.rows.is_empty() {
        for column in (0..).zip(&header).map(|(column, _)| column) {
            sheet.write_string_with_format(
                1,
                column,
                Mark::NotAvailable.as_str(),
                &formats.mark,
            )?;
        }
    }
    for (at, row) in (1..).zip(&table.rows) {
        for (column, (_, what)) in (0..).zip(&columns) {
            match shown(table, row, what) {
                Shown::Whole(n) => sheet.write_number_with_format(at, column, n, &formats.whole)?,
                Shown::Tenths(n) => {
                    sheet.write_number_with_format(at, column, n, &formats.tenths)?
                }
                Shown::Mark(mark) => {
                    sheet.write_string_with_format(at, column, mark.as_str(), &formats.mark)?
                }
                Shown::Text(text) => {
                    sheet.write_string_with_format(at, column, cell(&text), &formats.text)?
                }
            };
        }
    }
    for (column, (_, what)) in (0..).zip(&columns) {
        let wide = matches!(what, Column::Place(_) | Column::Words);
        sheet.set_column_width(column, if wide { NARROW * 1.5 } else { NARROW })?;
    }
    Ok(())
}

fn shown(table: &Table, row: &Row, column: &Column) -> Shown {
    let figure = || table.figure(row);
    match column {
        Column::Place(axis) => {
            Shown::Text(row.at.get(*axis).map(|p| p.label.clone()).unwrap_or_default())
        }
        Column::Figure => Shown::Text(figure().map(|f| f.name.clone()).unwrap_or_default()),
        Column::Unit => Shown::Text(figure().map(|f| f.unit.clone()).unwrap_or_default()),
        Column::Words => Shown::Text(row.words.clone()),
        Column::Count(side, end) => {
            let known = match side {
                Side::Above => &row.numerator,
                Side::Below => &row.denominator,
            };
            match (known.mark, end.of(known)) {
                (Some(mark), _) => Shown::Mark(mark),
                (None, Some(n)) => Shown::Whole(real(n)),
                (None, None) => Shown::Mark(Mark::NotAvailable),
            }
        }
        Column::Value(end) => number(row, end.of(&row.value), *end),
        Column::Limit(End::High) => number(row, row.upper95, End::High),
        Column::Limit(_) => number(row, row.lower95, End::Low),
        Column::Population => match row.population {
            Some(people) => Shown::Whole(real(people)),
            None => Shown::Mark(Mark::NotAvailable),
        },
    }
}

/// A figure as people are shown it: rounded outwards, so that what stands there is never narrower than what is known.
fn number(row: &Row, value: Option<f64>, end: End) -> Shown {
    let value = match (row.value.mark, value) {
        (Some(mark), _) => return Shown::Mark(mark),
        (None, None) => return Shown::Mark(Mark::NotAvailable),
        (None, Some(value)) => value,
    };
    let steps = 10_f64.powi(row.decimals.into());
    let slack = SLACK * value.abs().max(1.0) * steps;
    let rounded = match end {
        End::Low => (value * steps + slack).floor(),
        End::High => (value * steps - slack).ceil(),
        End::Published => (value * steps).round(),
    } / steps;
    match (rounded == 0.0 && value > 0.0, row.decimals) {
        (true, _) => Shown::Mark(Mark::Low),
        (false, 0) => Shown::Whole(rounded),
        (false, _) => Shown::Tenths(rounded),
    }
}
