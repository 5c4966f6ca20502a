//! The workbook, unpacked.

use std::fs;
use std::io::Read;

use flate2::read::DeflateDecoder;

use super::Desk;

/// The parts of a zip file, by name, as text: its central directory says where they are.
fn parts(bytes: &[u8]) -> Vec<(String, String)> {
    let short = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let long = |at: usize| short(at) | short(at + 2) << 16;
    let end = bytes.windows(4).rposition(|w| w == b"PK\x05\x06").expect("an end");
    let (count, mut at) = (short(end + 10), long(end + 16));
    let mut found = Vec::new();
    for _ in 0..count {
        let (size, name, extra, comment) =
            (long(at + 20), short(at + 28), short(at + 30), short(at + 32));
        let local = long(at + 42);
        let named = String::from_utf8(bytes[at + 46..at + 46 + name].to_vec()).expect("a name");
        let data = local + 30 + short(local + 26) + short(local + 28);
        let mut text = String::new();
        DeflateDecoder::new(&bytes[data..data + size]).read_to_string(&mut text).expect("text");
        found.push((named, text));
        at += 46 + name + extra + comment;
    }
    found
}

#[test]
fn a_workbook_has_notes_and_one_table_whose_header_stays_in_sight() {
    let desk = Desk::new().with("t.csv", "area,n\n=1+1,50\nb,5\nc,40\n");
    let ran = desk.run("t.csv --count n --out released.xlsx").exits(0);
    assert_eq!(ran.out, "");
    let parts = parts(&fs::read(desk.path().join("released.xlsx")).expect("a workbook"));
    let part = |name: &str| {
        let found = parts.iter().find(|(n, _)| n == name);
        found.map_or_else(|| panic!("no {name}"), |(_, text)| text.as_str())
    };
    let (book, table) = (part("xl/workbook.xml"), part("xl/worksheets/sheet2.xml"));
    assert!(book.contains("name=\"Notes\"") && book.contains("name=\"Table\""), "{book}");
    assert!(table.contains("state=\"frozen\""), "{table}");
    assert!(!table.contains("mergeCell") && !table.contains("<f>"), "{table}");
    let strings = part("xl/sharedStrings.xml");
    for text in ["'=1+1", "[c]", "Profile nhs75m; limit 7; base 5."] {
        assert!(strings.contains(text), "{text}: {strings}");
    }
    assert!(part("xl/tables/table1.xml").contains("name=\"area\""));
    // A workbook has no place on standard output.
    desk.run("t.csv --count n --format xlsx").exits(2);
}
