//! Rows to Arrow's IPC file format and back.

use std::fs::File;
use std::io::{self as std_io, BufWriter, Cursor, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::{ArrowDictionaryKeyType, UInt8Type, UInt16Type, UInt32Type};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, DictionaryArray, PrimitiveArray, RecordBatch, StringArray,
    UInt8Array, UInt16Array, UInt32Array,
};
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use aws_lc_rs::hmac;
use evensum_core::model::{CategoryId, ColumnId, Digest};

use super::error::{SnapshotError, io};
use super::key::{NodeKey, finish};
use super::manifest::Manifest;
use super::rows::{
    Codes, Column, HeldColumn, MAX_COLUMNS, MAX_MEASURES, Measure, PERSON, Rows, Shape, Snapshot,
};

/// The use of the node key that authenticates a file of rows.
pub(super) const HMAC_CONTEXT: &str = "evensum-snapshot-1 file";

/// The key of the schema's metadata under which the file says what it is.
const METADATA: &str = "evensum";
/// The longest file of rows that is read, in bytes. A row takes 4 for its person, 1 or 2 for each of its columns and 2
/// for each measure; what is said of the columns is far less than a byte a row more.
pub(super) const MAX_FILE_BYTES: u64 =
    (4 + 2 * MAX_COLUMNS as u64 + 2 * MAX_MEASURES as u64 + 1) * super::MAX_ROWS as u64;
/// Rows of one record batch: bounds what is held twice while writing and reading.
const BATCH_ROWS: usize = 1 << 20;
/// The largest dictionary that a byte can index.
const BYTE_DICTIONARY: usize = 1 << 8;

/// Feeds what it writes to a keyed hash as well.
struct Hashing<W> {
    inner: W,
    running: hmac::Context,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> std_io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.running.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std_io::Result<()> {
        self.inner.flush()
    }
}

fn unwritten(source: ArrowError) -> SnapshotError {
    SnapshotError::Arrow { doing: "written", source }
}

fn unread(source: ArrowError) -> SnapshotError {
    SnapshotError::Arrow { doing: "read", source }
}

/// Writes rows that were checked, syncs them to disk and returns the keyed hash of the bytes.
pub(super) fn write(
    path: &Path,
    manifest: &Manifest,
    rows: &Rows,
    key: &NodeKey,
) -> Result<Digest, SnapshotError> {
    let bound = manifest.bound().map_err(|e| unwritten(ArrowError::ExternalError(e.into())))?;
    let schema = Arc::new(Schema::new_with_metadata(fields(rows), [(METADATA, bound)]));
    let file = File::create_new(path).map_err(|e| io("making", path, e))?;
    let hashing = Hashing { inner: BufWriter::new(file), running: key.begin(HMAC_CONTEXT) };
    let mut writer = FileWriter::try_new(hashing, &schema).map_err(unwritten)?;
    let dictionaries: Vec<ArrayRef> = rows.columns.iter().map(dictionary).collect();
    // An extract without rows still gets one batch, which carries its dictionaries.
    let batches = rows.persons.len().div_ceil(BATCH_ROWS).max(1);
    for batch in 0..batches {
        let from = batch * BATCH_ROWS;
        let to = rows.persons.len().min(from + BATCH_ROWS);
        let mut arrays: Vec<ArrayRef> =
            vec![Arc::new(UInt32Array::from(rows.persons[from..to].to_vec()))];
        for (column, values) in rows.columns.iter().zip(&dictionaries) {
            arrays.push(encode(&column.codes[from..to], values).map_err(unwritten)?);
        }
        for measure in &rows.measures {
            arrays.push(Arc::new(UInt16Array::from(measure.values[from..to].to_vec())));
        }
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(unwritten)?;
        writer.write(&batch).map_err(unwritten)?;
    }
    writer.finish().map_err(unwritten)?;
    let Hashing { inner, running } = writer.into_inner().map_err(unwritten)?;
    let file = inner.into_inner().map_err(|e| io("writing", path, e.into_error()))?;
    file.sync_all().map_err(|e| io("syncing", path, e))?;
    Ok(finish(running))
}

fn fields(rows: &Rows) -> Vec<Field> {
    let mut fields = vec![Field::new(PERSON, DataType::UInt32, false)];
    for column in &rows.columns {
        let keys = if column.dictionary.len() <= BYTE_DICTIONARY {
            DataType::UInt8
        } else {
            DataType::UInt16
        };
        let kind = DataType::Dictionary(Box::new(keys), Box::new(DataType::Utf8));
        fields.push(Field::new(column.id.as_str(), kind, false));
    }
    for measure in &rows.measures {
        fields.push(Field::new(measure.id.as_str(), DataType::UInt16, false));
    }
    fields
}

fn dictionary(column: &Column) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(column.dictionary.iter().map(CategoryId::as_str)))
}

fn encode(codes: &[u16], values: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let values = Arc::clone(values);
    if values.len() > BYTE_DICTIONARY {
        let keys = UInt16Array::from(codes.to_vec());
        return Ok(Arc::new(DictionaryArray::try_new(keys, values)?));
    }
    // Codes were checked to lie below the dictionary's length, so that none is cut off here.
    let keys: UInt8Array =
        codes.iter().map(|c| u8::try_from(*c).unwrap_or(u8::MAX)).collect::<Vec<u8>>().into();
    Ok(Arc::new(DictionaryArray::try_new(keys, values)?))
}

/// Reads a file of rows whole, to be authenticated before it is decoded.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, SnapshotError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|e| io("reading", path, e))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(SnapshotError::FileTooLong(path.to_owned()));
    }
    Ok(bytes)
}

/// Decodes the bytes of a file that its manifest's hash vouches for.
pub(super) fn decode(bytes: Vec<u8>, manifest: Manifest) -> Result<Snapshot, SnapshotError> {
    // The reader of the format panics at lengths that contradict each other. Only somebody with the node's key can have
    // written such a file, and it is still no reason to take the server down.
    let decoded = catch_unwind(AssertUnwindSafe(|| decode_arrow(bytes, manifest)));
    decoded.unwrap_or(Err(SnapshotError::Layout("its lengths contradict each other")))
}

fn decode_arrow(bytes: Vec<u8>, manifest: Manifest) -> Result<Snapshot, SnapshotError> {
    let reader = FileReader::try_new(Cursor::new(bytes), None).map_err(unread)?;
    let schema = reader.schema();
    let bound = manifest.bound().map_err(|e| unread(ArrowError::ExternalError(e.into())))?;
    if schema.metadata().get(METADATA) != Some(&bound) {
        return Err(SnapshotError::Layout("it describes another extract than its manifest"));
    }
    let fields = schema.fields();
    if fields.first().is_none_or(|f| f.name() != PERSON) {
        return Err(SnapshotError::Layout("'person' is not first"));
    }
    // Dimensions are dictionaries; the plain numbers after them are measures.
    let plain_number = |at: &usize| *fields[*at].data_type() == DataType::UInt16;
    let first_measure = (1..fields.len()).find(plain_number).unwrap_or(fields.len());
    let (columns, measures) = (1..first_measure, first_measure..fields.len());
    if columns.len() > MAX_COLUMNS {
        return Err(Shape::TooManyColumns.into());
    }
    if measures.len() > MAX_MEASURES {
        return Err(Shape::TooManyMeasures.into());
    }
    let mut persons = Vec::new();
    let mut growing: Vec<Growing> = Vec::new();
    let mut values: Vec<Vec<u16>> = vec![Vec::new(); measures.len()];
    for batch in reader {
        let batch = batch.map_err(unread)?;
        let held = batch.columns();
        if held.len() != fields.len() {
            return Err(SnapshotError::Layout("a part of it has other columns"));
        }
        persons.extend_from_slice(plain::<UInt32Type>(held[0].as_ref())?);
        if growing.is_empty() {
            let new = held[columns.clone()].iter().map(|c| Growing::new(c.as_ref()));
            growing = new.collect::<Result<_, _>>()?;
        }
        for (grown, column) in growing.iter_mut().zip(&held[columns.clone()]) {
            grown.extend(column.as_ref())?;
        }
        for (grown, column) in values.iter_mut().zip(&held[measures.clone()]) {
            grown.extend_from_slice(plain::<UInt16Type>(column.as_ref())?);
        }
    }
    let columns = columns.zip(growing).map(|(at, grown)| grown.finish(fields[at].name()));
    let columns = columns.collect::<Result<_, _>>()?;
    let measures = measures
        .zip(values)
        .map(|(at, values)| Ok(Measure { id: name(fields[at].name())?, values }));
    let measures = measures.collect::<Result<_, SnapshotError>>()?;
    Ok(Snapshot::new(manifest, persons, columns, measures)?)
}

fn name(text: &str) -> Result<ColumnId, SnapshotError> {
    ColumnId::new(text)
        .map_err(|_| SnapshotError::Layout("a column has a name that no dataset uses"))
}

fn plain<T: ArrowPrimitiveType>(array: &dyn Array) -> Result<&[T::Native], SnapshotError> {
    array
        .as_any()
        .downcast_ref::<PrimitiveArray<T>>()
        .filter(|a| a.null_count() == 0)
        .map(|a| a.values().as_ref())
        .ok_or(SnapshotError::Layout("a column has another type, or gaps"))
}

/// A column whose batches arrive one after the other.
struct Growing {
    dictionary: Vec<CategoryId>,
    codes: Codes,
}

impl Growing {
    fn new(array: &dyn Array) -> Result<Self, SnapshotError> {
        let (values, codes) = if let Some(bytes) = as_dictionary::<UInt8Type>(array) {
            (bytes.values(), Codes::U8(Vec::new()))
        } else if let Some(words) = as_dictionary::<UInt16Type>(array) {
            (words.values(), Codes::U16(Vec::new()))
        } else {
            return Err(SnapshotError::Layout("a column is not dictionary-encoded"));
        };
        Ok(Self { dictionary: categories(values)?, codes })
    }

    fn extend(&mut self, array: &dyn Array) -> Result<(), SnapshotError> {
        let changed = SnapshotError::Layout("a column changes its type midway, or has gaps");
        match &mut self.codes {
            Codes::U8(codes) => {
                let part = as_dictionary::<UInt8Type>(array).ok_or(changed)?;
                codes.extend_from_slice(part.keys().values());
            }
            Codes::U16(codes) => {
                let part = as_dictionary::<UInt16Type>(array).ok_or(changed)?;
                codes.extend_from_slice(part.keys().values());
            }
        }
        Ok(())
    }

    fn finish(self, text: &str) -> Result<HeldColumn, SnapshotError> {
        Ok(HeldColumn::new(name(text)?, self.dictionary, self.codes)?)
    }
}

fn as_dictionary<K: ArrowDictionaryKeyType>(array: &dyn Array) -> Option<&DictionaryArray<K>> {
    array.as_any().downcast_ref::<DictionaryArray<K>>().filter(|a| a.null_count() == 0)
}

fn categories(values: &ArrayRef) -> Result<Vec<CategoryId>, SnapshotError> {
    let wrong = || SnapshotError::Layout("a dictionary holds something other than categories");
    let texts = values.as_any().downcast_ref::<StringArray>().ok_or_else(wrong)?;
    texts.iter().map(|text| text.and_then(|t| CategoryId::new(t).ok()).ok_or_else(wrong)).collect()
}
