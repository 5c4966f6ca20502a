//! The Parquet file, read back.

use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, UInt64Type};
use arrow_array::{Array, RecordBatch, StringArray};

use super::super::parquet::file;
use super::*;
use crate::present::fixture::undivided;

/// The whole table, and a value of the file's metadata.
fn read(bytes: Vec<u8>) -> (RecordBatch, impl Fn(&str) -> String) {
    let kept = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(kept.path(), &bytes).expect("written");
    let open = || std::fs::File::open(kept.path()).expect("opened");
    let metadata = SerializedFileReader::new(open()).expect("a reader").metadata().clone();
    let pairs = metadata.file_metadata().key_value_metadata().expect("metadata").clone();
    let reader = ParquetRecordBatchReaderBuilder::try_new(open()).expect("a reader");
    let mut batches = reader.with_batch_size(100_000).build().expect("a reader");
    let batch = batches.next().expect("a batch").expect("read");
    let value = move |key: &str| {
        let found = pairs.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone());
        found.unwrap_or_else(|| panic!("no {key}"))
    };
    (batch, value)
}

fn texts<'a>(batch: &'a RecordBatch, name: &str) -> &'a StringArray {
    batch.column_by_name(name).unwrap_or_else(|| panic!("no {name}")).as_string()
}

fn count(batch: &RecordBatch, name: &str, row: usize) -> Option<u64> {
    let column = batch.column_by_name(name).expect("a column").as_primitive::<UInt64Type>();
    column.is_valid(row).then(|| column.value(row))
}

fn real(batch: &RecordBatch, name: &str, row: usize) -> Option<f64> {
    let column = batch.column_by_name(name).expect("a column").as_primitive::<Float64Type>();
    column.is_valid(row).then(|| column.value(row))
}

#[test]
fn all_answers_are_one_table_with_types() {
    let answers = [gaps(), crossed(), percentiles()];
    let (batch, _) = read(file(&export(&answers.each_ref())).expect("a file"));
    assert_eq!(batch.num_rows(), 9 + 81 + 18);
    let first = "2026-10-01".parse::<evensum_core::model::Date>().expect("a date");
    let epoch = "1970-01-01".parse().expect("a date");
    let days = batch.column_by_name("period_start").expect("a column").as_primitive::<Date32Type>();
    assert_eq!(i64::from(days.value(0)), first.days_since(epoch));
    // A row of an answer without ethnicity is everybody.
    assert_eq!(texts(&batch, "ethnicity").value(0), "all");
    assert!(texts(&batch, "ethnicity_level").is_null(0));
    assert_eq!(texts(&batch, "imd_level").value(0), "imd.quintile");
    assert_eq!(texts(&batch, "figure").value(91), "92nd percentile");
    let policy: Vec<_> = (0..3).map(|row| count(&batch, "policy_limit", row)).collect();
    assert_eq!(policy, [Some(7); 3]);
    assert_eq!(texts(&batch, "partners_answered").value(0), "R0D RBD");
    assert_eq!(texts(&batch, "partners_missing").value(0), "RDZ RK5 RXX");
}

#[test]
fn hidden_numbers_are_null_and_say_why() {
    let (batch, _) = read(file(&export(&[&gaps()])).expect("a file"));
    let marks = texts(&batch, "shorthand");
    let seen: Vec<_> = (0..3).map(|row| marks.value(row)).collect();
    assert_eq!(seen, ["[z]", "[x]", "[c]"]);
    for row in 0..3 {
        for name in ["value_low", "value_published", "lower95"] {
            assert_eq!(real(&batch, name, row), None, "{name} {row}");
        }
        assert_eq!(count(&batch, "numerator_low", row), None);
    }
    assert_eq!(count(&batch, "numerator_high", 2), Some(7));
    assert_eq!(texts(&batch, "state").value(2), "small");
    // A figure that nothing bounds above has a least, and no mark.
    assert_eq!(
        (count(&batch, "numerator_low", 3), count(&batch, "numerator_high", 3)),
        (Some(12), None)
    );
    assert!(texts(&batch, "numerator_shorthand").is_null(3));
    let (batch, _) = read(file(&export(&[&all_hidden()])).expect("a file"));
    assert!((0..9).all(|row| texts(&batch, "shorthand").value(row) == "[c]"));
}

#[test]
fn one_release_keeps_its_figures() {
    let (batch, _) = read(file(&export(&[&published(undivided())])).expect("a file"));
    assert_eq!(count(&batch, "numerator_published", 0), Some(2710));
    assert_eq!(count(&batch, "denominator_published", 0), Some(69_520));
    assert_eq!(real(&batch, "value_published", 0), Some(3.8982));
}

#[test]
fn a_rate_has_its_population() {
    let (batch, _) = read(file(&export(&[&rates()])).expect("a file"));
    assert_eq!(count(&batch, "population", 0), Some(200_000));
    assert_eq!(real(&batch, "value_low", 0), Some(499.5));
    assert_eq!(texts(&batch, "figure").value(0), "Rate");
}

#[test]
fn the_file_says_who_may_have_it() {
    let bytes = file(&export(&[&by_quintile()])).expect("a file");
    let (_, value) = read(bytes);
    assert_eq!(value("evensum.handling"), "internal");
    assert_eq!(value("evensum.agreement"), "dsa-eastfold-1");
    assert_eq!(value("evensum.made_on"), "2026-11-21 10:05:03 UTC");
    assert!(value("evensum.notes").contains("Disclosure policy: nhs75m"));
}

#[test]
fn no_label_is_a_formula_and_no_answers_are_a_file_all_the_same() {
    let (batch, _) = read(file(&export(&[&hostile()])).expect("a file"));
    assert_eq!(texts(&batch, "indicator_name").value(0), format!("'{FORMULA}"));
    assert_eq!(texts(&batch, "ethnicity_label").value(0), format!("'{FORMULA}"));
    let bytes = file(&export(&[&nothing()])).expect("a file");
    assert_eq!(&bytes[..4], b"PAR1");
}
