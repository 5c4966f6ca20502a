//! Records of a Parquet file: the columns that are wanted and no others, a few thousand rows at a time.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write as _};
use std::path::Path;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use ::parquet::errors::ParquetError as FileError;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, ArrowTimestampType, Date32Type, Decimal128Type, Decimal256Type,
    DecimalType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};

use super::ahead::{Feed, Out, Stop};
use super::cell::{self, Column, Kind, Zone};
use super::error::{IntakeError, io};
use super::read::MAX_RECORD_BYTES;
use super::records::Opened;

/// What a file begins with, in the clear or with its footer encrypted.
pub(super) const MAGIC: [&[u8]; 2] = [b"PAR1", ENCRYPTED];
const ENCRYPTED: &[u8] = b"PARE";

/// The most bytes that the wanted columns of one group of rows may unpack to.
const MAX_GROUP_BYTES: u64 = 2 << 30;
/// The longest description of a file, in bytes.
const MAX_FOOTER_BYTES: u64 = 64 << 20;
/// Rows that are unpacked at once.
const BATCH: usize = 4_096;
/// What follows the description: its length, and the magic bytes.
const TRAILER: u64 = 8;

/// Why a Parquet file is refused.
#[derive(Debug, thiserror::Error)]
pub enum ParquetError {
    /// Encrypted.
    #[error(
        "the Parquet file is encrypted: write it without encryption, where only this account may read it"
    )]
    Encrypted,
    /// Not whole, or not Parquet.
    #[error(
        "the Parquet file is cut off or damaged: write it again, or fetch it again; nothing was loaded"
    )]
    Damaged(#[source] Option<FileError>),
    /// A description longer than is read.
    #[error(
        "the Parquet file describes itself in more than {MAX_FOOTER_BYTES} bytes: write it with larger groups of rows"
    )]
    Footer,
    /// A group of rows larger than is read.
    #[error(
        "a group of rows of the Parquet file unpacks to more than {MAX_GROUP_BYTES} bytes: write it with smaller ones, such as a million rows"
    )]
    Group,
}

impl From<FileError> for ParquetError {
    fn from(error: FileError) -> Self {
        Self::Damaged(Some(error))
    }
}

struct ParquetFile {
    file: File,
    metadata: ArrowReaderMetadata,
    zone: Zone,
}

/// Opens a file and reads what it says of itself.
pub(super) fn open(path: &Path, zone: Zone) -> Result<Opened, IntakeError> {
    let mut file = File::open(path).map_err(io(path, "read"))?;
    let bytes = file.metadata().map_err(io(path, "read"))?.len();
    let mut ends = [[0; 4]; 3];
    let from_end = bytes.checked_sub(TRAILER).ok_or(ParquetError::Damaged(None))?;
    let mut read = |at: u64, into: &mut [u8]| {
        file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(into)).map_err(io(path, "read"))
    };
    read(0, &mut ends[0])?;
    read(from_end, &mut ends[1])?;
    read(from_end + 4, &mut ends[2])?;
    if ends[0] == ENCRYPTED || ends[2] == ENCRYPTED {
        return Err(ParquetError::Encrypted.into());
    }
    if u64::from(u32::from_le_bytes(ends[1])) > MAX_FOOTER_BYTES {
        return Err(ParquetError::Footer.into());
    }
    // What the writer's library says of its own types would give dictionaries and long texts forms of their own.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let metadata = ArrowReaderMetadata::load(&file, options).map_err(ParquetError::from)?;
    let columns = metadata
        .schema()
        .fields()
        .iter()
        .map(|field| Column { name: field.name().clone(), kind: kind(field.data_type()) });
    let columns: Vec<Column> = columns.collect();
    let rows = u64::try_from(metadata.metadata().file_metadata().num_rows()).unwrap_or_default();
    let feed = Box::new(ParquetFile { file, metadata, zone });
    Ok(Opened { feed, columns, rows: Some(rows) })
}

/// What a column of a type holds.
fn kind(of: &DataType) -> Kind {
    match of {
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 => Kind::Text,
        DataType::Boolean => Kind::YesNo,
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => Kind::Number,
        DataType::Date32 => Kind::Date,
        DataType::Time32(TimeUnit::Millisecond)
        | DataType::Time64(TimeUnit::Microsecond | TimeUnit::Nanosecond) => Kind::Time,
        DataType::Timestamp(unit, zone) if *unit != TimeUnit::Second => match zone {
            None => Kind::Moment,
            Some(_) => Kind::Instant,
        },
        other => Kind::Foreign(foreign(other)),
    }
}

/// A type that is not read, in a person's words.
fn foreign(of: &DataType) -> String {
    match of {
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => "lists".into(),
        DataType::Struct(_) => "nested columns".into(),
        DataType::Map(..) => "maps".into(),
        DataType::Binary | DataType::LargeBinary | DataType::FixedSizeBinary(_) => {
            "bytes that are not declared as text".into()
        }
        other => format!("the type {other}"),
    }
}

impl Feed for ParquetFile {
    fn feed(self: Box<Self>, wanted: &BTreeSet<usize>, out: &mut Out) -> Result<Vec<String>, Stop> {
        let Self { file, metadata, zone } = *self;
        let fields = metadata.schema().fields().len();
        let schema = metadata.parquet_schema();
        let leaves: Vec<usize> = (0..schema.num_columns())
            .filter(|leaf| wanted.contains(&schema.get_column_root_idx(*leaf)))
            .collect();
        for group in metadata.metadata().row_groups() {
            let unpacked = leaves.iter().filter_map(|leaf| group.columns().get(*leaf));
            let bytes: u64 = unpacked
                .map(|c| u64::try_from(c.uncompressed_size()).unwrap_or(u64::MAX))
                .fold(0, u64::saturating_add);
            if bytes > MAX_GROUP_BYTES {
                return Err(ParquetError::Group.into());
            }
        }
        let mask = ProjectionMask::leaves(schema, leaves);
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
            .with_projection(mask)
            .with_batch_size(BATCH)
            .build()
            .map_err(ParquetError::from)?;
        let mut read = 0;
        for batch in reader {
            let batch = batch.map_err(|e| ParquetError::from(FileError::from(e)))?;
            hand_over(&batch, wanted, fields, read, zone, out)?;
            read += batch.num_rows() as u64;
        }
        Ok(Vec::new())
    }
}

/// Hands over the rows of a batch, whose columns are the wanted ones in the order of the file.
fn hand_over(
    batch: &RecordBatch,
    wanted: &BTreeSet<usize>,
    fields: usize,
    before: u64,
    zone: Zone,
    out: &mut Out,
) -> Result<(), Stop> {
    let mut columns: Vec<Option<Texts>> = (0..fields).map(|_| None).collect();
    for (at, array) in wanted.iter().zip(batch.columns()) {
        columns[*at] = Some(texts(array.as_ref(), zone));
    }
    for row in 0..batch.num_rows() {
        let record = out.slot();
        record.clear();
        for column in &columns {
            record.push_field(column.as_ref().map_or(b"", |texts| texts.at(row)));
        }
        if record.as_slice().len() as u64 > MAX_RECORD_BYTES {
            return Err(IntakeError::RecordTooLong { row: before + row as u64 + 1 }.into());
        }
        out.take()?;
    }
    Ok(())
}

/// The cells of a column, one after the other.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    fn at(&self, row: usize) -> &[u8] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[row]]
    }

    /// Each cell of an array, written by a function where there is one.
    fn of(array: &dyn Array, mut write: impl FnMut(usize, &mut Vec<u8>)) -> Self {
        let mut texts = Self::default();
        for row in 0..array.len() {
            if array.is_valid(row) {
                write(row, &mut texts.bytes);
            }
            texts.ends.push(texts.bytes.len());
        }
        texts
    }
}

fn texts(array: &dyn Array, zone: Zone) -> Texts {
    match array.data_type() {
        DataType::Utf8 => {
            let strings = array.as_string::<i32>();
            Texts::of(array, |row, text| text.extend_from_slice(strings.value(row).as_bytes()))
        }
        DataType::LargeUtf8 => {
            let strings = array.as_string::<i64>();
            Texts::of(array, |row, text| text.extend_from_slice(strings.value(row).as_bytes()))
        }
        DataType::Boolean => {
            let flags = array.as_boolean();
            Texts::of(array, |row, text| text.extend_from_slice(cell::yes_no(flags.value(row))))
        }
        DataType::Int8 => whole::<Int8Type>(array),
        DataType::Int16 => whole::<Int16Type>(array),
        DataType::Int32 => whole::<Int32Type>(array),
        DataType::Int64 => whole::<Int64Type>(array),
        DataType::UInt8 => whole::<UInt8Type>(array),
        DataType::UInt16 => whole::<UInt16Type>(array),
        DataType::UInt32 => whole::<UInt32Type>(array),
        DataType::UInt64 => whole::<UInt64Type>(array),
        DataType::Float32 => {
            let numbers = array.as_primitive::<Float32Type>();
            Texts::of(array, |row, text| cell::float(f64::from(numbers.value(row)), text))
        }
        DataType::Float64 => {
            let numbers = array.as_primitive::<Float64Type>();
            Texts::of(array, |row, text| cell::float(numbers.value(row), text))
        }
        DataType::Decimal128(..) => decimal::<Decimal128Type>(array),
        DataType::Decimal256(..) => decimal::<Decimal256Type>(array),
        DataType::Date32 => {
            let dates = array.as_primitive::<Date32Type>();
            Texts::of(array, |row, text| cell::date(i64::from(dates.value(row)), text))
        }
        DataType::Time32(_) => {
            let times = array.as_primitive::<Time32MillisecondType>();
            Texts::of(array, |row, text| {
                cell::time_of_day(i64::from(times.value(row)) / 1_000, text);
            })
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            let times = array.as_primitive::<Time64MicrosecondType>();
            Texts::of(array, |row, text| cell::time_of_day(times.value(row) / 1_000_000, text))
        }
        DataType::Time64(_) => {
            let times = array.as_primitive::<Time64NanosecondType>();
            Texts::of(array, |row, text| cell::time_of_day(times.value(row) / 1_000_000_000, text))
        }
        DataType::Timestamp(TimeUnit::Millisecond, at) => {
            moments::<TimestampMillisecondType>(array, 1_000, at.as_ref().map(|_| zone))
        }
        DataType::Timestamp(TimeUnit::Microsecond, at) => {
            moments::<TimestampMicrosecondType>(array, 1_000_000, at.as_ref().map(|_| zone))
        }
        DataType::Timestamp(_, at) => {
            moments::<TimestampNanosecondType>(array, 1_000_000_000, at.as_ref().map(|_| zone))
        }
        // Only what holds nothing is left: the others were refused before a row was read.
        _ => Texts::of(array, |_, _| {}),
    }
}

fn whole<T: ArrowPrimitiveType<Native: std::fmt::Display>>(array: &dyn Array) -> Texts {
    let numbers = array.as_primitive::<T>();
    Texts::of(array, |row, text| {
        // Writing to a vector does not fail.
        let _ = write!(text, "{}", numbers.value(row));
    })
}

fn decimal<T: DecimalType>(array: &dyn Array) -> Texts {
    let numbers = array.as_primitive::<T>();
    Texts::of(array, |row, text| cell::decimal(&numbers.value_as_string(row), text))
}

/// Moments, in so many parts of a second; of universal time where there is a zone to show them in.
fn moments<T: ArrowTimestampType>(array: &dyn Array, parts: i64, zone: Option<Zone>) -> Texts {
    let moments = array.as_primitive::<T>();
    Texts::of(array, |row, text| {
        let seconds = moments.value(row).div_euclid(parts);
        match zone {
            None => cell::moment(seconds, text),
            Some(zone) => cell::instant(seconds, zone, text),
        }
    })
}
