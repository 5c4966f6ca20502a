//! Extracts whose columns have types: Parquet files and SQLite databases.

use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::file::properties::WriterProperties;
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
    Float64Array, Int64Array, LargeStringArray, ListArray, RecordBatch, StringArray, StructArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray, UInt16Array,
    UInt64Array,
};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::*;

fn field(at: usize) -> Vec<&'static str> {
    ROWS.iter().map(|row| row.split(',').nth(at).expect("a field")).collect()
}

/// Days from 1970 to a date.
fn days(text: &str) -> i32 {
    let epoch: Date = "1970-01-01".parse().expect("a date");
    i32::try_from(text.parse::<Date>().expect("a date").days_since(epoch)).expect("days")
}

fn dates(at: usize) -> Vec<i32> {
    field(at).into_iter().map(days).collect()
}

/// Microseconds from 1970 to so many seconds after the beginning of each day.
fn micros(at: usize, shift: i64) -> Vec<i64> {
    dates(at).iter().map(|d| (i64::from(*d) * 86_400 + shift) * 1_000_000).collect()
}

fn numbers(at: usize) -> Vec<i64> {
    field(at).iter().map(|f| f.parse().expect("a number")).collect()
}

/// The field, and nothing where it is blank.
fn some(at: usize) -> Vec<Option<&'static str>> {
    field(at).into_iter().map(|f| Some(f).filter(|f| !f.is_empty())).collect()
}

fn names() -> Vec<&'static str> {
    HEADER.split(',').collect()
}

/// The columns of the plain extract as text.
fn texts() -> Vec<(&'static str, ArrayRef)> {
    let column = |at| Arc::new(StringArray::from(some(at))) as ArrayRef;
    names().into_iter().enumerate().map(|(at, name)| (name, column(at))).collect()
}

fn parquet(columns: Vec<(&str, ArrayRef)>, group: usize) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .expect("a batch");
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group)).build();
    let mut file = Vec::new();
    let mut writer =
        ArrowWriter::try_new(&mut file, batch.schema(), Some(properties)).expect("a writer");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");
    file
}

fn replaced(at: usize, array: ArrayRef) -> Vec<(&'static str, ArrayRef)> {
    let mut columns = texts();
    columns[at].1 = array;
    columns
}

#[test]
fn each_type_of_a_column_gives_the_same_snapshot() {
    let place = Place::new();
    let wanted = place.load(csv(&ROWS).as_bytes(), PLAIN).expect("loads").manifest;
    let millis: Vec<i64> = micros(2, 3_600).iter().map(|m| m / 1_000).collect();
    let nanos: Vec<i64> = micros(1, 82_800).iter().map(|m| m * 1_000).collect();
    let people = numbers(0).into_iter().map(|n| u64::try_from(n).expect("whole"));
    let tfc = || numbers(6).into_iter();
    let dictionary: DictionaryArray<Int32Type> = field(3).into_iter().collect();
    let forms: Vec<(&str, usize, ArrayRef)> = vec![
        ("text", 0, Arc::new(StringArray::from(field(0)))),
        ("large text", 0, Arc::new(LargeStringArray::from(field(0)))),
        ("a dictionary", 3, Arc::new(dictionary)),
        ("integers", 0, Arc::new(Int64Array::from(numbers(0)))),
        ("unsigned integers", 0, Arc::new(people.collect::<UInt64Array>())),
        (
            "short integers",
            6,
            Arc::new(tfc().map(|n| u16::try_from(n).expect("short")).collect::<UInt16Array>()),
        ),
        ("floats", 6, Arc::new(tfc().map(|n| n as f64).collect::<Float64Array>())),
        (
            "decimals",
            6,
            Arc::new(
                tfc()
                    .map(|n| i128::from(n) * 100)
                    .collect::<Decimal128Array>()
                    .with_precision_and_scale(9, 2)
                    .expect("decimals"),
            ),
        ),
        ("dates", 1, Arc::new(Date32Array::from(dates(1)))),
        ("dates of birth", 2, Arc::new(Date32Array::from(dates(2)))),
        ("microseconds", 1, Arc::new(TimestampMicrosecondArray::from(micros(1, 0)))),
        ("milliseconds", 2, Arc::new(TimestampMillisecondArray::from(millis))),
        ("nanoseconds", 1, Arc::new(TimestampNanosecondArray::from(nanos))),
    ];
    for (name, at, array) in forms {
        for group in [1, 1_000] {
            let file = parquet(replaced(at, Arc::clone(&array)), group);
            let loaded = place.load(&file, PLAIN).expect(name);
            assert_eq!(loaded.manifest, wanted, "{name}");
            assert_eq!(loaded.quality.rows_read, 4, "{name}");
        }
    }
}

#[test]
fn instants_are_read_on_the_clock_that_the_mapping_names() {
    let place = Place::new();
    let wanted = place.load(csv(&ROWS).as_bytes(), PLAIN).expect("loads").manifest;
    // Midnight in London is an hour before midnight of universal time in summer, and the same in winter.
    let midnight = |at: usize| -> ArrayRef {
        let summer = |text: &str| text.get(5..7).is_some_and(|m| ("04".."11").contains(&m));
        let shift = |text: &&str| if summer(text) { -3_600 } else { 0 };
        let each =
            field(at).into_iter().map(|t| (i64::from(days(t)) * 86_400 + shift(&t)) * 1_000_000);
        Arc::new(TimestampMicrosecondArray::from(each.collect::<Vec<_>>()).with_timezone("UTC"))
    };
    let london = place.load(&parquet(replaced(1, midnight(1)), 9), PLAIN).expect("loads");
    assert_eq!(london.manifest, wanted);
    let of_text = |day: &str| {
        let text = format!("person,clock_start\n1,{day}\n");
        rows_of(&place.prepare(text.as_bytes(), PLAIN).expect("loads").extract)
    };
    let utc = format!("{PLAIN}time_zone = \"UTC\"\n");
    let kept: ArrayRef =
        Arc::new(TimestampMicrosecondArray::from(micros(1, 0)).with_timezone("UTC"));
    assert_eq!(place.load(&parquet(replaced(1, kept), 9), &utc).expect("loads").manifest, wanted);
    // Half past midnight in London on 3 October, four weeks before the end of the period.
    let late: ArrayRef =
        Arc::new(TimestampMillisecondArray::from(vec![1_790_983_800_000]).with_timezone("+00:00"));
    let person: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let file = parquet(vec![("person", person), ("clock_start", late)], 9);
    let band = |mapping: &str| rows_of(&place.prepare(&file, mapping).expect("loads").extract);
    assert_eq!(band(PLAIN), of_text("2026-10-03"));
    assert_eq!(band(&utc), of_text("2026-10-02"));
    assert_ne!(band(PLAIN), band(&utc));
}

#[test]
fn declared_forms_of_dates_are_those_of_texts() {
    let place = Place::new();
    let british: Vec<String> =
        field(2).iter().map(|d| d.split('-').rev().collect::<Vec<_>>().join("/")).collect();
    let mut columns = replaced(2, Arc::new(StringArray::from(british)));
    columns[1].1 = Arc::new(Date32Array::from(field(1).into_iter().map(days).collect::<Vec<_>>()));
    let file = parquet(columns, 9);
    let wanted = place.load(csv(&ROWS).as_bytes(), PLAIN).expect("loads").manifest;
    let declared = |form: &str| format!("{PLAIN}date = [\"{form}\"]\n");
    assert_eq!(place.load(&file, &declared("%d/%m/%Y")).expect("loads").manifest, wanted);
    let error = place.load(&file, &declared("%Y-%d-%m")).expect_err("refused").to_string();
    assert!(error.contains("'RTT_Period_Start_Date' holds dates"), "{error}");
}

#[test]
fn flags_numbers_and_times_are_read() {
    let place = Place::new();
    let columns = |left: ArrayRef| -> Vec<(&str, ArrayRef)> {
        let minutes = vec![Some(30.0), Some(250.0), None, Some(f64::NAN)];
        vec![
            ("person", Arc::new(Int64Array::from(vec![1, 2, 3, 4]))),
            ("arrival", Arc::new(TimestampMillisecondArray::from(vec![1_791_900_000_000_i64; 4]))),
            ("minutes", Arc::new(Float64Array::from(minutes))),
            ("department", Arc::new(StringArray::from(vec!["01"; 4]))),
            ("left_before_treatment", left),
        ]
    };
    let mapping = "dataset = \"ae_attendance\"\n[source]\nmax_rejects_percent = 60\n";
    let flags: ArrayRef = Arc::new(BooleanArray::from(vec![true, false, false, false]));
    let words: ArrayRef = Arc::new(StringArray::from(vec!["Y", "N", "N", "N"]));
    let load = |left| place.load(&parquet(columns(left), 9), mapping).expect("loads");
    let (by_flags, by_words) = (load(flags), load(words));
    assert_eq!(by_flags.manifest, by_words.manifest);
    assert_eq!((by_flags.quality.rows_taken, by_flags.quality.rows_rejected), (2, 2));
}

#[test]
fn foreign_types_are_refused_where_they_are_needed_and_nowhere_else() {
    let place = Place::new();
    let wanted = place.load(csv(&ROWS).as_bytes(), PLAIN).expect("loads").manifest;
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(
        [1, 2, 3, 4].map(|n| Some([Some(n)])),
    ));
    let inner: ArrayRef = Arc::new(StringArray::from(field(5)));
    let nested: ArrayRef = Arc::new(StructArray::try_from(vec![("code", inner)]).expect("nested"));
    let bytes: ArrayRef =
        Arc::new(BinaryArray::from(field(5).iter().map(|f| f.as_bytes()).collect::<Vec<_>>()));
    for (array, holds) in [(list, "holds lists"), (nested, "holds nested"), (bytes, "holds bytes")]
    {
        let error = place.load(&parquet(replaced(5, Arc::clone(&array)), 9), PLAIN);
        let error = error.expect_err(holds).to_string();
        assert!(error.contains("'Gender'") && error.contains(holds), "{error}");
        let mut columns = texts();
        columns.insert(3, ("History", Arc::clone(&array)));
        assert_eq!(place.load(&parquet(columns, 9), PLAIN).expect(holds).manifest, wanted);
        // Left out, the column of that name is no longer needed.
        let without = format!("{PLAIN}[columns]\nsex = \"\"\n");
        assert!(place.load(&parquet(replaced(5, array), 9), &without).is_ok());
    }
}

#[test]
fn a_parquet_file_that_is_not_whole_leaves_what_was_staged() {
    let place = Place::new();
    let whole = parquet(texts(), 2);
    place.load(&whole, PLAIN).expect("loads");
    let before = all_files(&place.staged());
    for kept in [4, 8, 12, whole.len() / 2, whole.len() - 4, whole.len() - 1] {
        let error = place.load(&whole[..kept], PLAIN).expect_err("cut off").to_string();
        assert!(
            error.contains("cut off or damaged") || error.contains("describes itself"),
            "{kept}: {error}"
        );
    }
    for encrypted in
        [[b"PARE", &whole[4..]].concat(), [&whole[..whole.len() - 4], b"PARE"].concat()]
    {
        let error = place.load(&encrypted, PLAIN).expect_err("encrypted").to_string();
        assert!(error.contains("encrypted"), "{error}");
    }
    // Any byte may be wrong: a load then fails in words, or gives what the file says.
    for at in (0..whole.len()).step_by(7) {
        let mut changed = whole.clone();
        changed[at] ^= 0x55;
        if let Err(error) = place.load(&changed, PLAIN) {
            assert!(!error.to_string().contains("9990000001"), "{error}");
        }
    }
    place.load(&whole, PLAIN).expect("loads");
    assert_eq!(all_files(&place.staged()), before);
    let none: Vec<(&str, ArrayRef)> =
        texts().into_iter().map(|(n, a)| (n, a.slice(0, 0))).collect();
    assert!(matches!(place.load(&parquet(none, 9), PLAIN), Err(IntakeError::NoRows)));
}

#[test]
fn a_long_parquet_file_is_read_to_its_end_and_says_how_far_it_is() {
    let place = Place::new();
    let people: ArrayRef = Arc::new((0..70_000).collect::<Int64Array>());
    let weeks: ArrayRef = Arc::new((0..70_000).map(|n| n % 100).collect::<Int64Array>());
    let file = parquet(vec![("person", people), ("weeks_waited", weeks)], 30_000);
    let told = std::cell::RefCell::new(Vec::new());
    let prepared = place.request(&file, PLAIN, |r| {
        prepare(&LoadRequest { progress: &|p| told.borrow_mut().push(p), ..*r })
    });
    assert_eq!(prepared.map(|p| p.quality.persons).ok(), Some(70_000));
    let total = Some(70_000);
    let progress = |rows| Progress { rows, done: rows, total };
    assert_eq!(told.into_inner(), [progress(65_536), progress(70_000)]);
}

/// A SQLite database with these tables.
async fn database(dir: &Path, statements: &str) -> PathBuf {
    let path = dir.join("warehouse.db");
    let _ = fs::remove_file(&path);
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = options.connect().await.expect("a database");
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned()))
        .execute(&mut connection)
        .await
        .expect("made");
    connection.close().await.expect("closed");
    path
}

fn from_table(what: &str) -> String {
    format!("{PLAIN}{what}\n")
}

#[tokio::test]
async fn a_sqlite_database_is_read_as_a_table_and_as_a_query() {
    let place = Place::new();
    let wanted = place.load(csv(&ROWS).as_bytes(), PLAIN).expect("loads").manifest;
    let rows: Vec<String> = (0..4)
        .map(|i| {
            let text = |at: usize| some(at)[i].map_or("NULL".to_owned(), |f| format!("'{f}'"));
            // A number, a number with a point, an identifier as a number, a date.
            format!(
                "({}, {}, {}, {}, {}, {}, {}.0, {}, x'00ff')",
                field(0)[i],
                text(1),
                text(2),
                text(3),
                text(4),
                text(5),
                field(6)[i],
                text(7)
            )
        })
        .collect();
    let path = database(
        place.dir.path(),
        &format!(
            "CREATE TABLE pathways ({}, photo BLOB); INSERT INTO pathways VALUES {}; \
             INSERT INTO pathways SELECT * FROM pathways WHERE NHS_Number < 0; CREATE VIEW v AS SELECT * FROM pathways;",
            names().join(", "),
            rows.join(", ")
        ),
    )
    .await;
    let bytes = fs::read(path).expect("read");
    for what in [
        "table = \"pathways\"",
        "table = \"main.V\"",
        "query = \"select * from pathways where RTT_Period_Start_Date <= :period_end -- all of them\"",
    ] {
        let loaded = place.load(&bytes, &from_table(what)).expect(what);
        assert_eq!((loaded.manifest, loaded.quality.rows_read), (wanted.clone(), 4), "{what}");
    }
    let some = "query = \"select * from pathways where RTT_Period_Start_Date >= :period_start\"";
    assert_eq!(place.load(&bytes, &from_table(some)).expect("loads").quality.rows_read, 1);
    for (what, wanted) in [
        ("", "it has pathways, v"),
        ("table = \"nothing\"", "no such table"),
        ("query = \"delete from pathways\"", "syntax error"),
        ("query = \"select * from pathways where 1 = 0\"", "no rows"),
        ("table = \"pathways\"\n[columns]\nsex = \"photo\"", "'photo' holds bytes"),
        ("table = \"pathways\"\n[columns]\nsex = \"shoes\"", "no column 'shoes'"),
    ] {
        let error = place.load(&bytes, &from_table(what)).expect_err(what).to_string();
        assert!(error.contains(wanted), "{what}: {error}");
    }
    // Nothing of this changed the file, and half of it is no database.
    assert_eq!(fs::read(place.dir.path().join("extract.csv")).expect("read"), bytes);
    let half = place.load(&bytes[..bytes.len() / 2], &from_table("table = \"pathways\""));
    assert!(half.expect_err("half").to_string().contains("SQLite database cannot be read"));
    let text = place.load(csv(&ROWS).as_bytes(), &from_table("table = \"pathways\""));
    assert!(matches!(text, Err(IntakeError::OtherSource(_))));
}

#[tokio::test]
async fn a_view_of_a_database_cannot_reach_beyond_it() {
    let place = Place::new();
    let other = place.dir.path().join("other.db");
    let path = database(
        place.dir.path(),
        "CREATE TABLE t (person, weeks_waited); INSERT INTO t VALUES (1, 2)",
    )
    .await;
    let bytes = fs::read(path).expect("read");
    // One statement, read only: nothing can be attached or written.
    for query in [
        format!("select 1) as x; attach '{}' as o; select * from (t", other.display()),
        "select * from t) as a, (select writefile('x', 'y')".to_owned(),
    ] {
        let loaded = place.load(&bytes, &from_table(&format!("query = \"{query}\"")));
        assert!(loaded.is_err(), "{query}");
    }
    assert!(!other.exists());
}
