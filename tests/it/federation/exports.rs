//! Answers as files, written by the program over a federation and read back by other programs.

use std::fs;
use std::path::Path;
use std::process::Command;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use calamine::{Data, Reader, Xlsx};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::harness::{Fed, PARTNERS, QUESTION, text};
use super::process::{Output, run, skipped};

const HANDLING: &str = "Handling: Internal: for the parties of the agreement; not for publication.";

/// Asks for a format, into a file where one is named.
fn asked(fed: &Fed, question: &[&str], format: &str, out: Option<&Path>) -> Output {
    let out = out.map(|path| ["--out", text(path)]);
    let out = out.as_ref().map_or(&[][..], |out| &out[..]);
    fed.analyst(&[&["query", "--format", format], question, out].concat())
}

/// A file that somebody asked for; the program says where it is and who may have it, and nothing else.
fn written(fed: &Fed, question: &[&str], format: &str, name: &str) -> Vec<u8> {
    let path = fed.path(name);
    let output = asked(fed, question, format, Some(&path)).succeeds();
    assert_eq!(output.stdout, "");
    assert!(
        output.stderr.contains("Written: ") && output.stderr.contains(name),
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains(HANDLING), "{}", output.stderr);
    if path.is_dir() { Vec::new() } else { fs::read(path).expect("a file") }
}

/// Lines of a CSV without the query's id, which is new for every question.
fn without_id(csv: &str) -> Vec<String> {
    csv.lines().map(|line| line.split_once(',').expect("fields").1.to_owned()).collect()
}

fn lines(csv: &[u8]) -> Vec<csv::StringRecord> {
    csv::Reader::from_reader(csv).records().collect::<Result<_, _>>().expect("lines")
}

fn hidden(cell: &Value) -> bool {
    let state = |side: &str| cell[side]["state"].as_str().expect("a state").to_owned();
    ["numerator", "denominator"].iter().any(|side| state(side) != "value")
}

fn parquet_of(path: &Path) -> RecordBatch {
    let file = fs::File::open(path).expect("a file");
    let mut batches =
        ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet").build().expect("rows");
    batches.next().expect("a batch").expect("read")
}

#[test]
fn one_question_is_the_same_figures_in_every_format() {
    let fed = Fed::start(&PARTNERS[..3]);
    let answer = fed.query(&QUESTION).succeeds().json();
    let cells = answer["cells"].as_array().expect("cells");
    let shown = cells.iter().filter(|cell| !hidden(cell)).count();
    assert!(shown > 0 && shown < cells.len(), "the scene shows some and hides some");
    // The tidy CSV is what it is without a file, with its notes beside it.
    let plain = asked(&fed, &QUESTION, "csv", None).succeeds().stdout;
    let csv = written(&fed, &QUESTION, "csv", "answers.csv");
    assert_eq!(without_id(&String::from_utf8_lossy(&csv)), without_id(&plain));
    let notes = fs::read_to_string(fed.path("answers-notes.txt")).expect("notes");
    for part in [HANDLING, "Purpose: service_planning.", "nhs75m", "ZZ4", "[c] confidential"] {
        assert!(notes.contains(part), "no '{part}' in {notes}");
    }
    // A file that is there is replaced.
    fs::write(fed.path("answers.json"), "old").expect("written");
    let json = written(&fed, &QUESTION, "json", "answers.json");
    let json: Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(json["cells"], answer["cells"]);
    written(&fed, &QUESTION, "parquet", "answers.parquet");
    let batch = parquet_of(&fed.path("answers.parquet"));
    assert_eq!(batch.num_rows(), cells.len());
    let low = batch.column_by_name("numerator_low").expect("a column").as_primitive::<UInt64Type>();
    for (row, cell) in cells.iter().enumerate().filter(|(_, cell)| !hidden(cell)) {
        assert!(low.is_valid(row));
        assert_eq!(Some(low.value(row)), cell["numerator"]["low"].as_u64());
    }
    let fhir = written(&fed, &QUESTION, "fhir", "answers.fhir.json");
    let bundle: Value = serde_json::from_slice(&fhir).expect("JSON");
    let total = &bundle["entry"][0]["resource"]["group"][0]["population"][0]["_count"];
    let all = cells.last().expect("the total");
    assert_eq!(
        total["extension"][0]["valueRange"]["low"]["value"].as_f64(),
        all["numerator"]["low"].as_f64()
    );
    assert_eq!(lines(&written(&fed, &QUESTION, "fingertips", "fingertips.csv")).len(), cells.len());
    written(&fed, &QUESTION, "cml", "library");
    let metric = fs::read(fed.path("library/metric.csv")).expect("a table");
    assert_eq!(lines(&metric).len(), shown);
    for name in ["dimensions.csv", "metadata.csv", "notes.txt"] {
        assert!(fed.path("library").join(name).is_file(), "{name}");
    }
}

#[test]
fn several_answers_make_one_workbook_and_text_needs_no_file() {
    let fed = Fed::start(&PARTNERS[..1]);
    let several = ["--pack", "13sa", "--period", "2026-10", "--purpose", "statutory_reporting"];
    let output = asked(&fed, &several, "xlsx", Some(&fed.path("pack.xlsx")));
    // Indicators that nobody holds have no answer, and a reason in the notes.
    let bytes = fs::read(fed.path("pack.xlsx")).expect("a workbook");
    let mut book: Xlsx<_> = Xlsx::new(std::io::Cursor::new(bytes)).expect("a workbook");
    let names = book.sheet_names();
    assert!(names.len() > 3, "{names:?} {}", output.stderr);
    for name in &names {
        let range = book.worksheet_range(name).expect("a sheet");
        assert!(range.rows().flatten().all(|cell| !matches!(cell, Data::Empty)), "{name}");
    }
    for format in ["fhir", "fingertips"] {
        let output = asked(&fed, &QUESTION, format, None).succeeds();
        assert!(!output.stdout.is_empty());
        assert_eq!(output.stderr.trim_end(), HANDLING);
    }
}

#[test]
fn an_agreement_says_who_may_have_its_answers() {
    let fed = Fed::at_rest();
    let agreement = fed.path("agreement.toml");
    let check = |arguments: &[&str]| {
        run(&[&["agreement", "check"], arguments, &[text(&agreement)]].concat()).succeeds().stdout
    };
    assert!(check(&[]).contains("Files of answers carry: Internal: "));
    let before = fs::read_to_string(&agreement).expect("an agreement");
    fs::write(&agreement, format!("handling = \"publishable\"\n{before}")).expect("written");
    assert!(check(&[]).contains("Files of answers carry: May be published with its notes."));
    assert!(check(&["--format", "json"]).contains("\"handling\": \"publishable\""));
}

#[test]
fn what_cannot_be_written_is_refused_before_anybody_is_asked() {
    let fed = Fed::at_rest();
    for (format, example) in
        [("xlsx", "--out answers.xlsx"), ("parquet", "--out answers.parquet"), ("cml", "a folder")]
    {
        asked(&fed, &QUESTION, format, None).fails(2, &[example]);
    }
    asked(&fed, &QUESTION, "table", Some(&fed.path("x.txt"))).fails(2, &["for the terminal"]);
    asked(&fed, &QUESTION, "csv", Some(&fed.path("none/x.csv"))).fails(2, &["no such folder"]);
    asked(&fed, &QUESTION, "xlsx", Some(&fed.path("analyst"))).fails(2, &["written to a file"]);
    let file = fed.path("analyst/analyst.toml");
    asked(&fed, &QUESTION, "cml", Some(&file)).fails(2, &["written to a folder"]);
    let year = ["diabetes_t2_hba1c", "--period", "2025-26", "--purpose", "service_planning"];
    asked(&fed, &year, "cml", Some(&fed.path("y"))).fails(2, &["by months or by quarters"]);
}

#[test]
fn libre_office_opens_the_workbook_and_reads_the_same_figures() {
    let office = ["soffice", "libreoffice"].into_iter().find(|name| {
        Command::new(name).arg("--version").output().is_ok_and(|said| said.status.success())
    });
    let Some(office) = office else { return skipped("LibreOffice is not installed") };
    let fed = Fed::start(&PARTNERS[..1]);
    let answer = fed.query(&QUESTION).succeeds().json();
    written(&fed, &QUESTION, "xlsx", "answers.xlsx");
    // All sheets, a file for each; the last number says so.
    let filter = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,-1";
    let profile = format!("-env:UserInstallation=file://{}", text(&fed.path("office")));
    let ran = Command::new(office)
        .args([&profile, "--headless", "--convert-to", filter, "--outdir", text(&fed.path("out"))])
        .arg(fed.path("answers.xlsx"))
        .output()
        .expect("it runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let sheet = fed.path("out/answers-1 rtt_over_18_weeks 2026-10.csv");
    let table = fs::read(&sheet).expect("a sheet as CSV");
    let mut reader = csv::Reader::from_reader(&table[..]);
    let header = reader.headers().expect("a header").clone();
    let column = header.iter().position(|name| name.ends_with("published (number)"));
    let column = column.expect("one partner's published figures");
    let found: Vec<String> =
        reader.records().map(|line| line.expect("a line")[column].to_owned()).collect();
    let cells = answer["cells"].as_array().expect("cells");
    let wanted: Vec<String> = cells
        .iter()
        .map(|cell| {
            let published = cell["numerator"]["published"].as_u64();
            published.map_or_else(|| "[c]".to_owned(), |n| n.to_string())
        })
        .collect();
    assert_eq!(found, wanted);
    assert!(wanted.iter().any(|w| w == "[c]") && wanted.iter().any(|w| w != "[c]"));
    for name in ["Cover", "Notes"] {
        assert!(fed.path(&format!("out/answers-{name}.csv")).is_file(), "{name}");
    }
}
