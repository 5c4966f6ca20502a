//! What the tools around SQL Server write, and files that are packed with zstd.

use super::*;

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("packed")
}

fn utf16(text: &str) -> Vec<u8> {
    "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

/// The columns of the plain extract by number, for an export without header.
const BY_NUMBER: &str = "dataset = \"rtt_open_pathway\"\n[source]\nimd_edition = \"2019\"\nheader = false\n\
     [columns]\nperson = \"1\"\nclock_start = \"2\"\nbirth_date = \"3\"\nlsoa = \"4\"\nethnic_category = \"5\"\nsex = \"6\"\n\
     treatment_function = \"7\"\nprovider = \"8\"\n";

/// The plain extract with its lines as sqlcmd writes them without `-W`: columns as wide as they may be, and a line of
/// dashes.
fn padded(text: &str) -> String {
    let mut lines = text
        .lines()
        .map(|line| line.split(',').map(|f| format!("{f:<26}")).collect::<Vec<_>>().join(","));
    let header = lines.next().expect("a header");
    let rule = vec!["-".repeat(26); 8].join(",");
    [header, rule].into_iter().chain(lines).collect::<Vec<_>>().join("\r\n")
}

type Form = (&'static str, Vec<u8>, String, usize);

fn crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

/// The plain extract packed and as bcp writes it, with the mapping that each form needs and how many notes it gives.
fn packed_and_bcp(text: &str) -> Vec<Form> {
    let plain = || PLAIN.to_owned();
    let bytes = |text: String| text.into_bytes();
    let body = text.split_once('\n').expect("a header").1;
    let tabbed = body.replace(',', "\t");
    vec![
        ("zstd", zstd(text.as_bytes()), plain(), 0),
        ("zstd of utf-16", zstd(&utf16(text)), plain(), 0),
        (
            "zstd in two parts",
            [zstd(&text.as_bytes()[..70]), zstd(&text.as_bytes()[70..])].concat(),
            plain(),
            0,
        ),
        ("bcp -c -t,", bytes(crlf(body)), BY_NUMBER.into(), 0),
        ("bcp -c", bytes(crlf(&tabbed)), BY_NUMBER.into(), 0),
        (
            "bcp -c, an empty text",
            bytes(crlf(&tabbed).replace("999\t\r", "999\t\0\r")),
            BY_NUMBER.into(),
            0,
        ),
        ("bcp -w", utf16(&crlf(&tabbed)), BY_NUMBER.into(), 0),
        (
            "bcp -w, an empty text",
            utf16(&crlf(&tabbed).replace("999\t\r", "999\t\0\r")),
            BY_NUMBER.into(),
            0,
        ),
    ]
}

/// The plain extract as sqlcmd, Management Studio and SSIS write it.
fn tools(text: &str) -> Vec<Form> {
    let plain = || PLAIN.to_owned();
    let bytes = |text: String| text.into_bytes();
    let body = text.split_once('\n').expect("a header").1;
    let nulls = text.replace("999,\n", "999,NULL\n");
    let rule = "----------,---,-,--,-,-,-,-\n";
    let ruled = nulls.replacen('\n', &format!("\n{rule}"), 1);
    let context = "Changed database context to 'Warehouse'.\r\n";
    let completed = "\r\nCompletion time: 2026-11-09T10:00:00.0000000+00:00\r\n";
    vec![
        ("sqlcmd -W -s,", bytes(format!("{}\r\n(4 rows affected)\r\n", crlf(&ruled))), plain(), 2),
        (
            "sqlcmd -s,",
            bytes(format!("{}\r\n\r\n(4 rows affected)\r\n", padded(&nulls))),
            plain(),
            2,
        ),
        (
            "sqlcmd with USE",
            bytes(format!("{context}{}(4 rows affected)\n", crlf(&ruled))),
            plain(),
            3,
        ),
        ("sqlcmd with USE, utf-16", utf16(&format!("{context}{}", crlf(&ruled))), plain(), 2),
        (
            "sqlcmd -h -1",
            bytes(format!("{}\n(4 rows affected)\n", crlf(body))),
            BY_NUMBER.into(),
            1,
        ),
        ("sqlcmd, no rows counted", bytes(crlf(&ruled)), plain(), 1),
        ("Management Studio, saved as CSV", bytes(format!("\u{feff}{}", crlf(&nulls))), plain(), 0),
        (
            "Management Studio, saved as text",
            bytes(format!("\u{feff}{}", crlf(&nulls).replace(',', "\t"))),
            plain(),
            0,
        ),
        (
            "Management Studio, results to file",
            bytes(format!("{}\r\n(4 row(s) affected)\r\n{completed}", crlf(&ruled))),
            plain(),
            2,
        ),
        (
            "SSIS, quoted",
            bytes(
                crlf(&nulls)
                    .lines()
                    .map(|l| format!("\"{}\"\r\n", l.replace(',', "\",\"")))
                    .collect(),
            ),
            plain(),
            0,
        ),
        ("SSIS, vertical bars", bytes(crlf(text).replace(',', "|")), plain(), 0),
    ]
}

#[test]
fn each_export_gives_the_same_snapshot() {
    let place = Place::new();
    let text = csv(&ROWS);
    let loaded = place.load(text.as_bytes(), PLAIN).expect("loads");
    let (wanted, usual) = (loaded.manifest, loaded.quality.notes.len());
    let forms = packed_and_bcp(&text).into_iter().chain(tools(&text));
    for (name, bytes, mapping, notes) in forms {
        let loaded = place.load(&bytes, &mapping).expect(name);
        assert_eq!(loaded.manifest, wanted, "{name}");
        let quality = loaded.quality;
        assert_eq!((quality.rows_rejected, quality.rows_read), (0, 4), "{name}");
        assert_eq!(quality.notes.len(), usual + notes, "{name}: {:?}", quality.notes);
    }
}

#[test]
fn nothing_in_the_middle_is_taken_for_a_tools_line() {
    let place = Place::new();
    let mapping = format!("{PLAIN}max_rejects_percent = 90\n");
    let loaded = |text: &str| {
        let loaded = place.load(text.as_bytes(), &mapping).expect(text);
        let list = loaded.rejects_file.map(|f| fs::read_to_string(f).expect("read"));
        let rows = list.iter().flat_map(|l| l.lines().skip(1)).filter_map(|l| l.split(',').next());
        (loaded.quality.rows_taken, rows.collect::<Vec<_>>().join(" "), loaded.quality.notes)
    };
    let rows = ROWS.map(|r| format!("{r}\n"));
    let footer = "(2 rows affected)\n";
    let rule = "---,---,---,---,---,---,---,---\n";
    let [a, b, c, d] = &rows;
    // A count that is followed by rows, a line of dashes between rows, a second line of dashes: rows as any other.
    for (text, taken, rejects) in [
        (format!("{HEADER}\n{a}{footer}{b}"), 2, "3"),
        (format!("{HEADER}\n{a}{footer}{footer}"), 1, "3"),
        (format!("{HEADER}\n{a}{rule}{b}{footer}"), 2, "3"),
        (format!("{HEADER}\n{rule}{rule}{a}{b}{c}{d}"), 4, "3"),
        (format!("{HEADER}\n{rule}{a}{b}x\n{d}"), 3, "5"),
        (format!("{HEADER}\n{a}Completion time: 2026-11-09\n{b}"), 2, "3"),
        (format!("{HEADER}\n{a}{footer}Completion time: 2026-11-09\n{b}"), 2, "3 4"),
    ] {
        let (found, listed, _) = loaded(&text);
        assert_eq!((found, listed.as_str()), (taken, rejects), "{text}");
    }
    // A count that is not that of the rows is said.
    let (_, _, notes) = loaded(&format!("{HEADER}\n{a}{b}{c}{footer}"));
    assert!(notes.iter().any(|n| n.contains("count of 2 rows, and 3 were read")), "{notes:?}");
    let nothing = place.load(format!("{HEADER}\n{rule}\n(0 rows affected)\n").as_bytes(), PLAIN);
    assert!(matches!(nothing, Err(IntakeError::NoRows)));
    // Without a header there is no line under it.
    let bare = place.load(
        format!("{a}{rule}{b}").as_bytes(),
        &BY_NUMBER.replace("header", "max_rejects_percent = 50\nheader"),
    );
    assert_eq!(bare.map(|l| l.quality.rows_rejected).ok(), Some(1));
}

#[test]
fn a_zstd_file_that_was_cut_off_or_changed_leaves_what_was_staged() {
    let place = Place::new();
    let text = csv(&ROWS);
    place.load(text.as_bytes(), PLAIN).expect("loads");
    let before = all_files(&place.staged());
    let mut long = text.clone();
    (0..20_000).for_each(|i| long.push_str(&format!("{},{i}\n", ROWS[i % 4])));
    let whole = zstd(long.as_bytes());
    for kept in [4, 9, whole.len() / 2, whole.len() - 1] {
        let error = place.load(&whole[..kept], PLAIN).expect_err("cut off").to_string();
        assert!(error.contains("cut off or damaged"), "{kept}: {error}");
    }
    let more = [whole.as_slice(), b"more"].concat();
    assert!(matches!(place.load(&more, PLAIN), Err(IntakeError::DamagedPacking)));
    for twice in [zstd(&zstd(text.as_bytes())), zstd(b"PAR1....")] {
        assert!(matches!(place.load(&twice, PLAIN), Err(IntakeError::Spreadsheet)));
    }
    assert!(matches!(place.load(&zstd(b""), PLAIN), Err(IntakeError::Empty)));
    assert_eq!(all_files(&place.staged()), before);
}

/// A gigabyte in one line takes a few kilobytes when it is packed.
#[test]
fn a_line_that_unpacks_without_end_is_named() {
    use std::io::Write as _;
    let place = Place::new();
    let megabyte = vec![b'x'; 1 << 20];
    let mut packed = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
    packed.write_all(csv(&ROWS[..1]).as_bytes()).expect("packed");
    for _ in 0..1_000 {
        packed.write_all(&megabyte).expect("packed");
    }
    let bomb = packed.finish().expect("packed");
    assert!(bomb.len() < 1 << 20, "{}", bomb.len());
    let error = place.load(&bomb, PLAIN).expect_err("refused").to_string();
    assert!(error.starts_with("row 3 is longer than 1048576 bytes"), "{error}");
}

#[test]
fn fields_of_nought_are_blank_and_any_other_nought_is_no_text() {
    let place = Place::new();
    for (text, wanted) in [
        ("person,weeks_waited,provider\np1,1,\0\n", true),
        ("person,weeks_waited,provider\np1,1,\0", true),
        ("person,weeks_waited,provider\n\0,1,R0D\np1,1,R0D\n", true),
        ("person,weeks_waited,provider\np1,1,\0\0\n", false),
        ("person,weeks_waited,provider\np1,1,R\0D\n", false),
        ("person,weeks_waited,provider\np1,1,R0D\0\n", false),
        ("\0person,weeks_waited,provider\np1,1,R0D\n", false),
    ] {
        let loaded = place.load(text.as_bytes(), &format!("{PLAIN}max_rejects_percent = 60\n"));
        assert_eq!(loaded.is_ok(), wanted, "{text:?}");
        assert!(wanted || matches!(loaded, Err(IntakeError::Binary)), "{text:?}");
    }
    // Where the file is read in blocks, a field of nought may lie across two of them.
    let mut text = "person,weeks_waited,provider\n".to_owned();
    (0..60_000).for_each(|i| text.push_str(&format!("p{i},1,\0\n")));
    let loaded = place.load(text.as_bytes(), PLAIN).expect("loads");
    assert_eq!((loaded.quality.rows_taken, loaded.quality.rows_rejected), (60_000, 0));
}
