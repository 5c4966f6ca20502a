//! The forms of files that partners send, and files that are none.

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

#[test]
fn each_form_of_a_file_gives_the_same_rows() {
    let place = Place::new();
    let wanted = expected(&place);
    assert_eq!(wanted.len(), 4);
    let text = csv(&ROWS);
    let quoted = text
        .replace("Provider_Code\n", "Provider_Code,Notes\n")
        .replace("R0D\n", "R0D,\"two\nlines, \"\"quoted\"\"\"\n")
        .replace("RBD\n", "RBD,\n")
        .replace("999,\n", "999,,\n");
    let latin = {
        let mut bytes = quoted.clone().into_bytes();
        let at = quoted.find("two").expect("there");
        bytes[at] = 0xe9;
        bytes
    };
    let declared = |line: &str| format!("{PLAIN}{line}\n");
    let cases: Vec<(&str, Vec<u8>, String)> = vec![
        ("bom", format!("\u{feff}{text}").into_bytes(), PLAIN.to_owned()),
        ("crlf", text.replace('\n', "\r\n").into_bytes(), PLAIN.to_owned()),
        ("no last newline", text.trim_end().as_bytes().to_vec(), PLAIN.to_owned()),
        ("blank lines", text.replace('\n', "\n\n").into_bytes(), PLAIN.to_owned()),
        ("quoted newline", quoted.into_bytes(), PLAIN.to_owned()),
        ("windows-1252 guessed", latin.clone(), PLAIN.to_owned()),
        ("windows-1252", latin.clone(), declared("encoding = \"windows-1252\"")),
        ("utf-16 le marked", utf16(&text, true, true), PLAIN.to_owned()),
        ("utf-16 be marked", utf16(&text, false, true), declared("encoding = \"utf-16\"")),
        ("utf-16 le guessed", utf16(&text, true, false), PLAIN.to_owned()),
        ("utf-16 be guessed", utf16(&text, false, false), PLAIN.to_owned()),
        ("tab", text.replace(',', "\t").into_bytes(), PLAIN.to_owned()),
        ("tab declared", text.replace(',', "\t").into_bytes(), declared("delimiter = \"\\t\"")),
        ("pipe", text.replace(',', "|").into_bytes(), PLAIN.to_owned()),
        ("null token", text.replace("999,\n", "999,-\n").into_bytes(), declared("null = [\"-\"]")),
        ("default null token", text.replace("999,\n", "999,null\n").into_bytes(), PLAIN.to_owned()),
        ("padded", text.replace(",A,1,", ", a , 1 ,").into_bytes(), PLAIN.to_owned()),
    ];
    for (name, bytes, mapping) in cases {
        let prepared = place.prepare(&bytes, &mapping).expect(name);
        assert_eq!(rows_of(&prepared.extract), wanted, "{name}");
        assert_eq!(prepared.quality.rows_rejected, 0, "{name}");
    }
    let error = place.prepare(&latin, &declared("encoding = \"utf-8\"")).err().expect("not UTF-8");
    assert!(matches!(error, IntakeError::NotUtf8));
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
    let missing = place
        .request(b"", PLAIN, |r| load(&LoadRequest { file: Path::new("/no/such/file.csv"), ..*r }));
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
