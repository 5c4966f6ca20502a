//! The forms of files that partners send, and files that are none.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

/// The rows that the plain file gives: what every other form must give as well.
fn expected(place: &Place) -> Vec<String> {
    rows_of(&place.prepare(csv(&ROWS).as_bytes(), PLAIN).expect("loads").extract)
}

fn utf16(text: &str, little: bool, marked: bool) -> Vec<u8> {
    let mark = marked.then_some(0xfeff);
    let units = mark.into_iter().chain(text.encode_utf16());
    units.flat_map(|u| if little { u.to_le_bytes() } else { u.to_be_bytes() }).collect()
}

/// A text in Windows-1252: each of its characters is Latin, or is the euro sign.
fn windows_1252(text: &str) -> Vec<u8> {
    let byte = |c| if c == '€' { 0x80 } else { u8::try_from(u32::from(c)).expect("Latin") };
    text.chars().map(byte).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(bytes).expect("packed");
    packed.finish().expect("packed")
}

/// The text of an extract with every field in quotation marks.
fn quoted(text: &str) -> String {
    text.lines().fold(String::new(), |all, line| {
        let fields: Vec<String> = line.split(',').map(|f| format!("\"{f}\"")).collect();
        all + &fields.join(",") + "\n"
    })
}

fn declared(line: &str) -> String {
    format!("{PLAIN}{line}\n")
}

/// The plain extract with a column of remarks, of which nothing is kept: a person's name in letters that are
/// not ASCII, and a remark with line ends, delimiters and quotation marks in it.
fn with_remarks(text: &str) -> String {
    text.replace("Provider_Code\n", "Provider_Code,Remarks\n")
        .replace("R0D\n", "R0D,\"José Müller\nowes 5 €,\r\n\tor; |so| \"\"they\"\" say\"\n")
        .replace("RBD\n", "RBD,Zoë\n")
        .replace("999,\n", "999,,\n")
}

/// Each form in which a partner may send the plain extract, with the mapping that it needs.
fn forms(text: &str) -> Vec<(&'static str, Vec<u8>, String)> {
    let plain = || PLAIN.to_owned();
    let remarks = with_remarks(text);
    let cp1252 = windows_1252(&remarks);
    let utf8 = |text: String| text.into_bytes();
    let marked = |text: &str| format!("\u{feff}{text}").into_bytes();
    vec![
        ("bom", marked(text), plain()),
        ("bom declared", marked(text), declared("encoding = \"utf-8\"")),
        ("bom, all quoted", marked(&quoted(text)), plain()),
        ("crlf", utf8(text.replace('\n', "\r\n")), plain()),
        ("crlf, bom, all quoted", marked(&quoted(text).replace('\n', "\r\n")), plain()),
        ("cr alone", utf8(text.replace('\n', "\r")), plain()),
        ("no last newline", text.trim_end().as_bytes().to_vec(), plain()),
        ("blank lines", utf8(text.replace('\n', "\n\n")), plain()),
        ("all quoted", utf8(quoted(text)), plain()),
        ("remarks", utf8(remarks.clone()), plain()),
        ("remarks, bom", marked(&remarks), plain()),
        ("windows-1252 guessed", cp1252.clone(), plain()),
        ("windows-1252", cp1252.clone(), declared("encoding = \"windows-1252\"")),
        ("utf-16 le marked", utf16(text, true, true), plain()),
        ("utf-16 be marked", utf16(&remarks, false, true), declared("encoding = \"utf-16\"")),
        ("utf-16 le guessed", utf16(text, true, false), plain()),
        ("utf-16 be guessed", utf16(text, false, false), plain()),
        ("utf-16 le", utf16(&remarks, true, false), declared("encoding = \"utf-16\"")),
        ("utf-16 be", utf16(&remarks, false, false), declared("encoding = \"utf-16\"")),
        ("tab", utf8(text.replace(',', "\t")), plain()),
        ("tab declared", utf8(text.replace(',', "\t")), declared("delimiter = \"\\t\"")),
        ("tab, utf-16", utf16(&text.replace(',', "\t"), true, true), plain()),
        ("pipe", utf8(text.replace(',', "|")), plain()),
        ("pipe declared", utf8(text.replace(',', "|")), declared("delimiter = \"|\"")),
        ("semicolon", utf8(text.replace(',', ";")), plain()),
        ("semicolon declared", utf8(text.replace(',', ";")), declared("delimiter = \";\"")),
        ("comma declared", utf8(remarks.clone()), declared("delimiter = \",\"")),
        ("null token", utf8(text.replace("999,\n", "999,-\n")), declared("null = [\"-\"]")),
        ("default null token", utf8(text.replace("999,\n", "999,null\n")), plain()),
        ("quoted null token", utf8(text.replace("999,\n", "999,\" NULL \"\n")), plain()),
        ("padded", utf8(text.replace(",A,1,", ", a , 1 ,")), plain()),
        ("padded within quotes", utf8(text.replace(",A,1,", ",\" a\t\",\" 1\",")), plain()),
        (
            "local second character",
            utf8(text.replace(",A1,", ",a9,").replace(",Z,", ",z1,")),
            plain(),
        ),
        ("padded with noughts", utf8(text.replace(",1,110,", ",01,0110,")), plain()),
        ("numbers with a point", utf8(text.replace(",1,110,", ",1.0,110.0,")), plain()),
        ("lower case", utf8(text.replace("E01", "e01").replace("R0D", "r0d")), plain()),
        ("times of day", utf8(text.replace("2026-06-01", "2026-06-01T00:00:00")), plain()),
        ("gzip", gzip(text.as_bytes()), plain()),
        ("gzip of remarks in windows-1252", gzip(&cp1252), plain()),
        ("gzip of utf-16", gzip(&utf16(&remarks, false, true)), plain()),
        (
            "gzip in two parts",
            [gzip(&text.as_bytes()[..100]), gzip(&text.as_bytes()[100..])].concat(),
            plain(),
        ),
    ]
}

#[test]
fn each_form_of_a_file_gives_the_same_snapshot() {
    let place = Place::new();
    let text = csv(&ROWS);
    let wanted = place.load(text.as_bytes(), PLAIN).expect("loads").manifest;
    assert_eq!(expected(&place).len(), 4);
    for (name, bytes, mapping) in forms(&text) {
        let loaded = place.load(&bytes, &mapping).expect(name);
        assert_eq!(loaded.manifest, wanted, "{name}");
        assert_eq!(loaded.quality.rows_rejected, 0, "{name}");
    }
    let latin = windows_1252(&with_remarks(&text));
    let error = place.prepare(&latin, &declared("encoding = \"utf-8\"")).err().expect("not UTF-8");
    assert!(matches!(error, IntakeError::NotUtf8));
}

#[test]
fn a_person_is_the_same_in_every_encoding() {
    let place = Place::new();
    // As many people as make it sure that other pseudonyms would come in another order.
    let people = (0..24).map(|n| format!("Zoë €{},{n},R0D\n", n % 20));
    let text = people.fold("person,weeks_waited,provider\n".to_owned(), |all, row| all + &row);
    let text = text.as_str();
    let wanted = place.load(text.as_bytes(), PLAIN).expect("loads");
    assert_eq!(wanted.quality.persons, 20);
    for (name, bytes, mapping) in [
        ("windows-1252 guessed", windows_1252(text), PLAIN.to_owned()),
        ("windows-1252", windows_1252(text), declared("encoding = \"windows-1252\"")),
        ("utf-16 le", utf16(text, true, true), PLAIN.to_owned()),
        ("utf-16 be", utf16(text, false, false), declared("encoding = \"utf-16\"")),
        ("gzip", gzip(&windows_1252(text)), PLAIN.to_owned()),
    ] {
        let loaded = place.load(&bytes, &mapping).expect(name);
        assert_eq!(loaded.manifest, wanted.manifest, "{name}");
    }
    // A declared encoding is not guessed: the same bytes are other people.
    let other =
        place.load(text.as_bytes(), &declared("encoding = \"windows-1252\"")).expect("loads");
    assert_ne!(other.manifest.snapshot_id, wanted.manifest.snapshot_id);
}

#[test]
fn a_gzip_file_that_was_cut_off_or_changed_leaves_what_was_staged() {
    let place = Place::new();
    let text = csv(&ROWS);
    place.load(text.as_bytes(), PLAIN).expect("loads");
    let before = all_files(&place.staged());
    let mut long = text.clone();
    while long.len() < 1 << 20 {
        long.push_str(ROWS[long.len() % 4]);
        long.push('\n');
    }
    for form in [long.as_bytes().to_vec(), utf16(&long, true, true)] {
        let whole = gzip(&form);
        assert!(whole.len() > 100);
        for kept in [2, 9, 12, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
            let error = place.load(&whole[..kept], PLAIN).expect_err("cut off").to_string();
            assert!(error.contains("cut off or damaged"), "{kept}: {error}");
        }
        for changed in [3, whole.len() / 2, whole.len() - 6] {
            let mut bytes = whole.clone();
            bytes[changed] ^= 0x81;
            assert!(place.load(&bytes, PLAIN).is_err(), "{changed} of {}", whole.len());
        }
        let more = [whole, b"more".to_vec()].concat();
        assert!(matches!(place.load(&more, PLAIN), Err(IntakeError::DamagedPacking)));
    }
    assert_eq!(all_files(&place.staged()), before);
    let twice = place.load(&gzip(&gzip(text.as_bytes())), PLAIN).expect_err("packed twice");
    assert!(matches!(twice, IntakeError::Spreadsheet));
    assert!(matches!(place.load(&gzip(b""), PLAIN), Err(IntakeError::Empty)));
}

#[test]
fn a_field_of_a_megabyte_is_a_reject_or_no_code_and_a_longer_row_is_named() {
    let place = Place::new();
    let names: Vec<&str> = HEADER.split(',').collect();
    let mapping = declared("max_rejects_percent = 50");
    for (at, name) in names.iter().enumerate() {
        let with = |length: usize| {
            let mut fields: Vec<String> = ROWS[0].split(',').map(str::to_owned).collect();
            fields[at] = "x".repeat(length);
            csv(&[ROWS[1], &fields.join(","), ROWS[2], ROWS[3]])
        };
        let loaded = place.load(with(1_000_000).as_bytes(), &mapping).expect(name);
        let rejected = loaded.quality.rows_rejected;
        if at < 2 {
            let list = fs::read_to_string(loaded.rejects_file.expect("rejects")).expect("read");
            assert!(
                list.lines().nth(1).is_some_and(|line| line.starts_with("3,")),
                "{name}: {list}"
            );
            assert!(rejected == 1 && list.len() < 200, "{name}");
        } else {
            let invalid: u64 = loaded.quality.dimensions.iter().map(|d| d.invalid).sum();
            assert_eq!((rejected, invalid >= 1), (0, true), "{name}");
        }
        for bytes in [with(2_000_000).into_bytes(), gzip(with(2_000_000).as_bytes())] {
            let error = place.load(&bytes, &mapping).expect_err(name).to_string();
            assert!(error.starts_with("row 3 is longer than 1048576 bytes"), "{name}: {error}");
        }
    }
    let header = format!("{},{}", "x".repeat(3_000_000), csv(&ROWS));
    let error = place.load(header.as_bytes(), PLAIN).expect_err("a long header").to_string();
    assert!(error.starts_with("row 1 is longer than"), "{error}");
}

#[test]
fn characters_cut_by_a_block_are_still_utf8() {
    let place = Place::new();
    // Blocks are 256 KiB: three-byte characters at every offset cross their borders.
    for shift in 0..3 {
        let filler = format!("{}{}", "x".repeat(shift), "€".repeat(200));
        let mut text = format!("{HEADER},Notes\n");
        for _ in 0..900 {
            text.push_str(&format!("{},{filler}\n", ROWS[0]));
        }
        let prepared = place.prepare(text.as_bytes(), PLAIN).expect("loads");
        assert_eq!(prepared.extract.rows.persons.len(), 900);
        let wide = utf16(&text, true, true);
        let again = place.prepare(&wide, PLAIN).expect("loads");
        assert_eq!(again.extract, prepared.extract);
    }
}

#[test]
fn what_is_no_extract_is_refused() {
    let place = Place::new();
    let wrong = |bytes: &[u8], mapping: &str| {
        place.load(bytes, mapping).err().map(|e| e.to_string()).unwrap_or_default()
    };
    for (bytes, wanted) in [
        (&b""[..], "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\n\n", "empty"),
        (b"PK\x03\x04rest", "spreadsheet"),
        (b"\x1f\x8b", "cut off or damaged"),
        (b"\x7fELF\x02\x01\x01\x00\x00\x00\x03", "not text"),
        (HEADER.as_bytes(), "no rows"),
        (b"a,b\n1,2\n", "no column of the file is mapped to 'person'"),
    ] {
        let error = wrong(bytes, PLAIN);
        assert!(error.contains(wanted), "{wanted}: {error}");
    }
    let mut odd = utf16(&csv(&ROWS), true, true);
    odd.pop();
    assert!(wrong(&odd, PLAIN).contains("UTF-16"));
    assert!(!place.staged().exists());
    let missing = place.request(b"", PLAIN, |r| {
        load(&LoadRequest { input: Input::File(Path::new("/no/such/file.csv")), ..*r })
    });
    assert!(matches!(missing, Err(IntakeError::Io { .. })));
}

#[test]
fn an_open_quotation_mark_does_not_swallow_the_file() {
    let place = Place::new();
    let mut text = csv(&ROWS);
    text.push_str("\"9990000001,2026-06-01\n");
    while text.len() < 3 << 20 {
        text.push_str(ROWS[1]);
        text.push('\n');
    }
    let error = place.load(text.as_bytes(), PLAIN).expect_err("refused").to_string();
    assert!(error.starts_with("row 6 is longer than 1048576 bytes"), "{error}");
}

#[test]
fn a_file_without_header_is_mapped_by_number() {
    let place = Place::new();
    let wanted = expected(&place);
    let text = csv(&ROWS);
    let body = text.split_once('\n').expect("a header").1;
    let mapping = |person: &str| {
        format!(
            "{PLAIN}header = false\n[columns]\nperson = \"{person}\"\nclock_start = \"2\"\nbirth_date = \"3\"\nlsoa = \"4\"\n\
             ethnic_category = \"5\"\nsex = \"6\"\ntreatment_function = \"7\"\nprovider = \"8\"\n"
        )
    };
    let prepared = place.prepare(body.as_bytes(), &mapping("1")).expect("loads");
    assert_eq!(rows_of(&prepared.extract), wanted);
    for number in ["0", "9", "x"] {
        let error = place.prepare(body.as_bytes(), &mapping(number)).err().expect("refused");
        assert!(matches!(error, IntakeError::MissingField { .. }), "{number}");
    }
}
