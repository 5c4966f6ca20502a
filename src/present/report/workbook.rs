//! A report as a workbook by the rules of the Government Analysis Function: a cover, notes, and a sheet for each table,
//! which begins in its first cell, is marked up as a table, and has no merged and no blank cells.

use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, FormatAlign, Table, TableColumn, TableStyle, Workbook,
    XlsxError,
};

use super::super::csv::guarded;
use super::value::{Mark, Reading, Shown};
use super::{Report, Section};

/// The most characters of a cell.
const MAX_TEXT: usize = 32_767;

enum Cell {
    Text(String),
    Number(Option<f64>, Mark),
}

struct Sheet {
    name: &'static str,
    title: String,
    head: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

fn text(text: impl Into<String>) -> Cell {
    Cell::Text(text.into())
}

/// Both ends of a figure and its words.
fn figure(shown: &Shown) -> [Cell; 3] {
    let mark = shown.mark.unwrap_or(Mark::NotAvailable);
    [Cell::Number(shown.low, mark), Cell::Number(shown.high, mark), text(&shown.text)]
}

fn limits(shown: &Shown) -> [Cell; 2] {
    let mark = shown.mark.unwrap_or(Mark::NotApplicable);
    [Cell::Number(shown.lower95, mark), Cell::Number(shown.upper95, mark)]
}

fn none() -> Shown {
    Shown::none(Mark::NotAvailable, "not compared")
}

fn gap_of(reading: &Reading) -> Shown {
    reading.gap.as_ref().map_or_else(none, |gap| gap.difference.clone())
}

/// The bytes of the workbook.
///
/// # Errors
/// The library's.
pub fn workbook(report: &Report) -> Result<Vec<u8>, XlsxError> {
    let sheets = [
        headlines(report),
        over_time(report),
        groups(report),
        completeness(report),
        withheld(report),
        missing(report),
        partners(report),
        published(report),
        absent(report),
    ];
    let mut book = Workbook::new();
    let setting = &report.setting;
    let mut properties = DocProperties::new()
        .set_title(guarded(&setting.title))
        .set_author(&setting.tool)
        .set_comment(guarded(&setting.handling))
        .set_custom_property("Language", "en-GB");
    // Otherwise the library takes the time from the system.
    if let Ok(made) = ExcelDateTime::from_timestamp(setting.made_on.as_unix()) {
        properties = properties.set_creation_datetime(&made);
    }
    book.set_properties(&properties);
    cover(&mut book, report, &sheets)?;
    written(&mut book, &notes(report))?;
    for sheet in &sheets {
        written(&mut book, sheet)?;
    }
    book.save_to_buffer()
}

fn plain() -> Format {
    Format::new().set_font_name("Arial").set_font_size(12)
}

fn wrapped() -> Format {
    plain().set_text_wrap().set_align(FormatAlign::Top)
}

fn cover(book: &mut Workbook, report: &Report, sheets: &[Sheet]) -> Result<(), XlsxError> {
    let sheet = book.add_worksheet();
    sheet.set_name("Cover")?.set_column_width(0, 110.0)?;
    let title = plain().set_bold().set_font_size(16);
    sheet.write_string_with_format(0, 0, guarded(&report.setting.title), &title)?;
    let setting = &report.setting;
    let mut lines = vec![
        setting.handling.clone(),
        setting.standing.clone(),
        format!("{}, {}", setting.area, report.periods),
        report.summary.coverage.clone(),
    ];
    lines.extend(report.summary.policy.iter().chain(&report.summary.sentences).cloned());
    lines.extend(report.summary.commentary.iter().map(|line| format!("Commentary: {line}")));
    lines.push("Shorthand in square brackets is explained in the sheet Notes. Nothing that is withheld is zero.".to_owned());
    lines.push(format!("Made by {}, {}.", setting.tool, setting.made_on));
    lines.push("Contents".to_owned());
    let mut row = 1;
    for line in lines {
        sheet.write_string_with_format(row, 0, cut(&guarded(&line)), &wrapped())?;
        row += 1;
    }
    let link =
        plain().set_font_color("#005EB8").set_underline(rust_xlsxwriter::FormatUnderline::Single);
    let contents = sheets.iter().map(|s| (s.name, s.title.as_str()));
    for (name, title) in [("Notes", "Notes on the tables")].into_iter().chain(contents) {
        let url = format!("internal:'{name}'!A1");
        let said = guarded(&format!("{name}: {title}"));
        sheet.write_url_with_options(row, 0, url.as_str(), said, "", Some(&link))?;
        row += 1;
    }
    Ok(())
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

/// A sheet with its table; where it has no row, one says so.
fn written(book: &mut Workbook, of: &Sheet) -> Result<(), XlsxError> {
    let sheet = book.add_worksheet();
    sheet.set_name(of.name)?;
    let whole = |_| XlsxError::RowColumnLimitError;
    let last_row = u32::try_from(of.rows.len().max(1)).map_err(whole)?;
    let last_column = u16::try_from(of.head.len()).map_err(whole)?.saturating_sub(1);
    let bold = wrapped().set_bold();
    let head =
        of.head.iter().map(|name| TableColumn::new().set_header(*name).set_header_format(&bold));
    let table = Table::new()
        .set_name(format!("Table_{}", of.name.replace([' ', '-'], "_")))
        .set_columns(&head.collect::<Vec<_>>())
        .set_style(TableStyle::Light1)
        .set_autofilter(false)
        .set_alt_text_title(&of.title)
        .set_alt_text(&of.title);
    sheet.add_table(0, 0, last_row, last_column, &table)?;
    sheet.set_freeze_panes(1, 0)?;
    let (words, mark) = (wrapped(), plain().set_align(FormatAlign::Right));
    let tenths = plain().set_num_format("#,##0.0");
    for column in 0..=last_column {
        sheet.set_column_width(column, if column == 0 { 40.0 } else { 22.0 })?;
    }
    if of.rows.is_empty() {
        for column in 0..=last_column {
            sheet.write_string_with_format(1, column, Mark::NotApplicable.as_str(), &mark)?;
        }
    }
    for (row, cells) in (1..).zip(&of.rows) {
        for (column, cell) in (0..).zip(cells) {
            match cell {
                Cell::Text(text) if text.trim().is_empty() => sheet.write_string_with_format(
                    row,
                    column,
                    Mark::NotApplicable.as_str(),
                    &mark,
                )?,
                Cell::Text(text) => {
                    sheet.write_string_with_format(row, column, cut(&guarded(text)), &words)?
                }
                Cell::Number(Some(n), _) if n.is_finite() => {
                    sheet.write_number_with_format(row, column, *n, &tenths)?
                }
                Cell::Number(_, why) => {
                    sheet.write_string_with_format(row, column, why.as_str(), &mark)?
                }
            };
        }
    }
    Ok(())
}

fn notes(report: &Report) -> Sheet {
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let mut line = |about: &str, note: &str| rows.push(vec![text(about), text(note)]);
    for mark in Mark::ALL {
        line("Shorthand", &format!("{} {}", mark.as_str(), mark.says()));
    }
    for note in &report.method.notes {
        line("Method", note);
    }
    for term in &report.method.glossary {
        line(term.term, term.means);
    }
    for terms in &report.setting.terms {
        line("Terms", terms);
    }
    for (partner, dates) in &report.method.extracts {
        line("Extract", &format!("{partner}: {dates}"));
    }
    for query in &report.method.queries {
        line("Query", query);
    }
    line("Proofs of entry", &report.method.proofs.to_string());
    for section in &report.indicators {
        for caveat in &section.caveats {
            line(&section.name, caveat);
        }
        for said in &section.commentary {
            line(&section.name, &format!("Commentary: {said}"));
        }
    }
    let head = vec!["About", "Note"];
    Sheet { name: "Notes", title: "Notes on the tables".to_owned(), head, rows }
}

fn headlines(report: &Report) -> Sheet {
    let row = |section: &Section| {
        let gap = gap_of(&section.now);
        let ratio = section.now.gap.as_ref().and_then(|gap| gap.ratio.clone()).unwrap_or_else(none);
        let other = |of: &Option<Reading>| of.as_ref().map_or_else(none, gap_of);
        let with_unknown = section.now.gap.as_ref().and_then(|gap| gap.with_unknown.clone());
        let mut cells = vec![
            text(&section.name),
            text(&section.figure),
            text(&section.now.period_name),
            text(section.owner.clone().unwrap_or_else(|| "none named".to_owned())),
        ];
        cells.extend(figure(&section.now.all));
        cells.extend(figure(&gap));
        cells.extend(limits(&gap));
        cells.extend(figure(&ratio).into_iter().take(2));
        cells.extend(figure(&with_unknown.unwrap_or_else(none)).into_iter().take(2));
        cells.extend(figure(&other(&section.before)));
        cells.push(text(section.change.says(&section.before_name)));
        cells.extend(figure(&other(&section.baseline)));
        cells.push(text(section.target.clone().unwrap_or_default()));
        cells.push(text(&section.steadiness.sentence));
        cells
    };
    Sheet {
        name: "1 Headlines",
        title: "Each indicator now, half a year before and at the baseline".to_owned(),
        head: vec![
            "Indicator",
            "Unit",
            "Period",
            "Owner",
            "Everybody, at least",
            "Everybody, at most",
            "Everybody, in words",
            "Gap, at least (most minus least deprived)",
            "Gap, at most",
            "Gap, in words",
            "Gap, lower 95% limit",
            "Gap, upper 95% limit",
            "Ratio, at least (times)",
            "Ratio, at most (times)",
            "Gap with all not known, at least",
            "Gap with all not known, at most",
            "Gap half a year before, at least",
            "Gap half a year before, at most",
            "Gap half a year before, in words",
            "Change, in words",
            "Gap at the baseline, at least",
            "Gap at the baseline, at most",
            "Gap at the baseline, in words",
            "Target",
            "Month to month",
        ],
        rows: report.indicators.iter().map(row).collect(),
    }
}

fn over_time(report: &Report) -> Sheet {
    let mut rows = Vec::new();
    for section in &report.indicators {
        for point in &section.series {
            let missing = point.missing.clone().unwrap_or_default();
            let absent = Shown::none(Mark::NotAvailable, missing);
            let of = |get: &dyn Fn(&Reading) -> Shown| {
                point.reading.as_ref().map_or_else(|| absent.clone(), get)
            };
            let mut cells =
                vec![text(&section.name), text(&section.figure), text(point.period.to_string())];
            cells.extend(figure(&of(&|r| r.all.clone())));
            cells.extend(figure(&of(&|r| r.most.clone())));
            cells.extend(figure(&of(&|r| r.least.clone())));
            cells.extend(figure(&of(&gap_of)));
            cells.push(Cell::Number(point.target, Mark::NotApplicable));
            cells.push(Cell::Number(point.aim, Mark::NotApplicable));
            let edition = point.reading.as_ref().and_then(|r| r.edition).unwrap_or_default();
            cells.push(text(edition));
            rows.push(cells);
        }
    }
    Sheet {
        name: "2 Over time",
        title: "Each indicator by period".to_owned(),
        head: vec![
            "Indicator",
            "Unit",
            "Period",
            "Everybody, at least",
            "Everybody, at most",
            "Everybody, in words",
            "Most deprived, at least",
            "Most deprived, at most",
            "Most deprived, in words",
            "Least deprived, at least",
            "Least deprived, at most",
            "Least deprived, in words",
            "Gap, at least",
            "Gap, at most",
            "Gap, in words",
            "Target",
            "Trajectory",
            "Edition of the index of deprivation",
        ],
        rows,
    }
}

fn groups(report: &Report) -> Sheet {
    let mut rows = Vec::new();
    for section in &report.indicators {
        for table in &section.breakdowns {
            for group in &table.groups {
                let mut cells = vec![
                    text(&section.name),
                    text(&section.figure),
                    text(&section.now.period_name),
                    text(&table.name),
                    text(&group.label),
                ];
                cells.extend(figure(&group.figure));
                cells.extend(limits(&group.figure));
                cells.push(text(&group.above));
                cells.push(text(&group.below));
                rows.push(cells);
            }
        }
    }
    Sheet {
        name: "3 By group",
        title: "Each indicator by group, latest period".to_owned(),
        head: vec![
            "Indicator",
            "Unit",
            "Period",
            "Breakdown",
            "Group",
            "Figure, at least",
            "Figure, at most",
            "Figure, in words",
            "Lower 95% limit",
            "Upper 95% limit",
            "Counted above the line, in words",
            "Counted below the line, in words",
        ],
        rows,
    }
}

fn completeness(report: &Report) -> Sheet {
    let mut rows = Vec::new();
    for row in &report.not_known.completeness {
        for (dimension, usable) in report.not_known.dimensions.iter().zip(&row.usable) {
            rows.push(vec![
                text(&row.dataset),
                text(&row.partner),
                text(dimension),
                text(usable.text()),
            ]);
        }
    }
    let head = vec!["Dataset", "Partner", "Dimension", "Usable records (whole per cent)"];
    let title = "How complete the records are".to_owned();
    Sheet { name: "4 Completeness", title, head, rows }
}

#[expect(clippy::cast_precision_loss, reason = "counts of groups")]
fn number(n: usize) -> Cell {
    Cell::Number(Some(n as f64), Mark::NotAvailable)
}

fn withheld(report: &Report) -> Sheet {
    let rows = report.not_known.withheld.iter().map(|row| {
        vec![text(&row.by), number(row.indicators), number(row.withheld), number(row.of)]
    });
    let head = vec!["Breakdown", "Indicators", "Groups withheld", "Groups"];
    let title = "Groups that are withheld: groups, not people".to_owned();
    Sheet { name: "5 Withheld", title, head, rows: rows.collect() }
}

fn missing(report: &Report) -> Sheet {
    let rows = report
        .not_known
        .partners
        .iter()
        .map(|row| vec![text(&row.partner), text(&row.why), text(row.indicators.join("; "))]);
    let head = vec!["Partner", "Why", "Indicators"];
    let title = "Partners that are not in some figures".to_owned();
    Sheet { name: "6 Partners missing", title, head, rows: rows.collect() }
}

fn partners(report: &Report) -> Sheet {
    let mut rows = Vec::new();
    for table in &report.comparison.partners {
        for row in &table.rows {
            let mut cells = vec![text(&table.name), text(&table.period), text(&row.name)];
            for shown in [&row.all, &row.most, &row.least, &row.gap] {
                cells.extend(figure(shown));
            }
            rows.push(cells);
        }
    }
    Sheet {
        name: "7 Partners",
        title: "Partners beside the system".to_owned(),
        head: vec![
            "Indicator",
            "Period",
            "Partner",
            "Everybody, at least",
            "Everybody, at most",
            "Everybody, in words",
            "Most deprived, at least",
            "Most deprived, at most",
            "Most deprived, in words",
            "Least deprived, at least",
            "Least deprived, at most",
            "Least deprived, in words",
            "Gap, at least",
            "Gap, at most",
            "Gap, in words",
        ],
        rows,
    }
}

fn published(report: &Report) -> Sheet {
    let each = report.comparison.published.iter();
    let rows = each.flat_map(|one| one.lines.iter().map(|line| vec![text(&one.name), text(line)]));
    let head = vec!["Indicator", "Published figure"];
    let title = "England, regions and peers".to_owned();
    Sheet { name: "8 Published", title, head, rows: rows.collect() }
}

fn absent(report: &Report) -> Sheet {
    let rows =
        report.absent.iter().map(|one| vec![text(&one.what), text(&one.why), text(&one.periods)]);
    let head = vec!["What", "Why", "When"];
    let title = "What of the pack has no figures".to_owned();
    Sheet { name: "9 Not in this report", title, head, rows: rows.collect() }
}
