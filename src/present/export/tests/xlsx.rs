//! The workbook, read back by another library, and its parts as they lie in the file.

use std::io::{Cursor, Read};

use calamine::{Data, Reader, Xlsx};

use super::super::xlsx::{MAX_SHEETS, workbook};
use super::super::{ExportError, Mark};
use super::*;
use crate::present::fixture::undivided;

fn opened(bytes: &[u8]) -> Xlsx<Cursor<Vec<u8>>> {
    Xlsx::new(Cursor::new(bytes.to_vec())).expect("a workbook")
}

/// A sheet as rows, from its first cell.
fn sheet(book: &mut Xlsx<Cursor<Vec<u8>>>, name: &str) -> Vec<Vec<Data>> {
    let range = book.worksheet_range(name).expect("a sheet");
    assert_eq!(range.start(), Some((0, 0)), "{name} does not begin in A1");
    range.rows().map(<[Data]>::to_vec).collect()
}

fn part(bytes: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("an archive");
    let mut text = String::new();
    archive.by_name(name).expect("a part").read_to_string(&mut text).expect("text");
    text
}

fn parts(bytes: &[u8]) -> Vec<String> {
    let archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("an archive");
    archive.file_names().map(|name| name.expect("a name").into_owned()).collect()
}

/// The place of a column in a header.
fn column(rows: &[Vec<Data>], name: &str) -> usize {
    let header: Vec<String> = rows[0].iter().map(ToString::to_string).collect();
    header.iter().position(|h| h == name).unwrap_or_else(|| panic!("no '{name}' in {header:?}"))
}

#[test]
fn every_sheet_is_one_whole_table() {
    let answers = [
        crossed(),
        gaps(),
        percentiles(),
        all_hidden(),
        nothing(),
        published(undivided()),
        rates(),
        no_rates(),
    ];
    let bytes = workbook(&export(&answers.each_ref())).expect("a workbook");
    let mut book = opened(&bytes);
    let names = book.sheet_names();
    assert_eq!(names.len(), 10);
    assert_eq!(&names[..3], ["Cover", "Notes", "1 rtt_over_52_weeks 2026-10"]);
    for name in &names {
        assert!(name.chars().count() <= 31, "{name}");
        let rows = sheet(&mut book, name);
        let wide = rows[0].len();
        for (at, row) in rows.iter().enumerate() {
            assert_eq!(row.len(), wide, "{name}, row {at}");
            for cell in row {
                assert!(!matches!(cell, Data::Empty | Data::Error(_)), "{name}, row {at}: {row:?}");
                assert!(!cell.to_string().trim().is_empty(), "{name}, row {at}: {row:?}");
            }
        }
    }
    // All but the cover are marked up, with the header in sight, and nothing is merged.
    let tables = parts(&bytes).into_iter().filter(|n| n.starts_with("xl/tables/")).count();
    assert_eq!(tables, 9);
    for number in 1..=10 {
        let xml = part(&bytes, &format!("xl/worksheets/sheet{number}.xml"));
        assert!(!xml.contains("mergeCell"), "sheet {number}");
        assert_eq!(xml.contains("state=\"frozen\""), number > 1, "sheet {number}");
        assert_eq!(xml.contains("<tablePart "), number > 1, "sheet {number}");
    }
}

#[test]
fn numbers_are_numbers_and_hidden_ones_are_marks() {
    let bytes = workbook(&export(&[&gaps()])).expect("a workbook");
    let rows = sheet(&mut opened(&bytes), "1 rtt_over_52_weeks 2026-10");
    let of = |name: &str| column(&rows, name);
    let (least, most) = (
        of("Over 52 weeks of pathways, at least (number)"),
        of("Over 52 weeks of pathways, at most (number)"),
    );
    let share = of("Share, at least (% of incomplete pathways)");
    let words = of("Over 52 weeks of pathways, in words");
    let text = |row: usize, column: usize| rows[row][column].to_string();
    for (row, mark) in [(1, "[z]"), (2, "[x]"), (3, "[c]")] {
        assert_eq!((text(row, least), text(row, most)), (mark.to_owned(), mark.to_owned()));
        assert_eq!(text(row, share), mark);
    }
    assert_eq!(text(3, words), "fewer than 8");
    assert_eq!((rows[4][least].clone(), text(4, most)), (Data::Float(12.0), "[x]".to_owned()));
    assert!(matches!(rows[9][least], Data::Float(n) if n == 2707.0));
    assert_eq!(text(9, 0), "All");
}

#[test]
fn what_is_shown_is_rounded_outwards_and_a_little_is_not_nothing() {
    let mut answer = published(undivided());
    let name = "1 rtt_over_52_weeks 2026-10";
    let shown = |answer: &Answer| {
        let bytes = workbook(&export(&[answer])).expect("a workbook");
        let rows = sheet(&mut opened(&bytes), name);
        ["at least", "at most", "published"].map(|end| {
            rows[1][column(&rows, &format!("Share, {end} (% of incomplete pathways)"))].clone()
        })
    };
    assert_eq!(shown(&answer), [Data::Float(3.8), Data::Float(4.0), Data::Float(3.9)]);
    let mut few = side(CellState::Value, 10, Some(20));
    few.published = Some(15);
    answer.cells[0] = cell(vec![], few, answer.cells[0].denominator);
    let low = Data::String(Mark::Low.as_str().to_owned());
    assert_eq!(shown(&answer), [low.clone(), Data::Float(0.1), low]);
}

#[test]
fn a_rate_stands_beside_its_population_and_a_count_stands_once() {
    let header = |answer: &Answer| -> Vec<String> {
        let bytes = workbook(&export(&[answer])).expect("a workbook");
        let name = format!("1 rtt_rate {}", answer.period);
        sheet(&mut opened(&bytes), &name)[0].iter().map(ToString::to_string).collect()
    };
    let rated = header(&rates());
    assert!(rated.contains(&"Rate, at least (% of incomplete pathways)".to_owned()), "{rated:?}");
    assert!(rated.contains(&"People in the population (number)".to_owned()), "{rated:?}");
    let counted = header(&no_rates());
    assert!(!counted.iter().any(|name| name.starts_with("Count") || name.contains("limit")));
}

#[test]
fn nothing_that_somebody_wrote_is_a_formula() {
    let bytes = workbook(&export(&[&hostile()])).expect("a workbook");
    for name in parts(&bytes).iter().filter(|n| n.starts_with("xl/worksheets/sheet")) {
        let xml = part(&bytes, name);
        assert!(!xml.contains("<f>"), "{name}");
    }
    let mut book = opened(&bytes);
    let mut seen = false;
    for name in book.sheet_names() {
        for text in sheet(&mut book, &name).iter().flatten().map(ToString::to_string) {
            assert!(!text.starts_with(['=', '+', '-', '@']), "{text}");
            seen |= text == format!("'{FORMULA}");
        }
    }
    assert!(seen);
}

#[test]
fn the_file_says_what_it_is_and_leads_to_its_sheets() {
    let answers = [by_quintile(), nothing()];
    let bytes = workbook(&export(&answers.each_ref())).expect("a workbook");
    let core = part(&bytes, "docProps/core.xml");
    assert!(core.contains("<dc:title>2 tables of the system"), "{core}");
    assert!(core.contains("2026-11-21T10:05:03Z"), "{core}");
    assert!(core.contains("not for publication"), "{core}");
    assert!(part(&bytes, "docProps/custom.xml").contains("en-GB"));
    let cover = part(&bytes, "xl/worksheets/sheet1.xml");
    for to in ["'Notes'!A1", "'1 rtt_over_52_weeks 2026-10'!A1", "'2 rtt_over_52_weeks 2026-10'!A1"]
    {
        let quoted = to.replace('\'', "&apos;");
        assert!(cover.contains(to) || cover.contains(&quoted), "no link to {to} in {cover}");
    }
    let mut book = opened(&bytes);
    let cover = sheet(&mut book, "Cover");
    assert!(cover[1][0].to_string().contains("not for publication"));
    let empty = sheet(&mut book, "2 rtt_over_52_weeks 2026-10");
    assert_eq!(empty.len(), 2);
    assert!(empty[1].iter().all(|cell| *cell == "[x]"));
}

#[test]
fn more_answers_than_sheets_are_refused_by_name() {
    let answer = undivided();
    let many = vec![&answer; MAX_SHEETS - 1];
    let refused = workbook(&export(&many)).expect_err("too many");
    assert!(matches!(refused, ExportError::Sheets { answers: 254, limit: 253 }));
    assert!(refused.to_string().contains("253"), "{refused}");
}
