//! Reads a directory of postcodes, official and of over a gigabyte, without holding it in memory.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use aws_lc_rs::digest::{Context, SHA256};
use evensum_core::model::Digest;

use super::directory::{MAX_AREAS, PostcodeTable};
use super::lsoa::Residence;
use super::postcode::{Postcode, Written};
use super::recognise::{DirectoryLayout, Kind, recognise_directory};
use super::{Extent, ReferenceError, io as failed};

/// The largest postcode directory that is read, in bytes: thrice the official one.
pub const MAX_DIRECTORY_BYTES: u64 = 4 << 30;

/// The most postcodes that a directory may have: nearly twice as many as were ever in use.
pub const MAX_POSTCODES: usize = 5_000_000;

/// The fewest postcodes of a whole directory: there are 2.7 million, of which 1.8 million are in use.
pub const LEAST_POSTCODES: u32 = 2_500_000;

/// The share of the areas of England that a whole directory has postcodes of, in per cent.
pub const LEAST_AREAS_PERCENT: u32 = 99;

/// The longest header or row, in bytes.
pub const MAX_ROW_BYTES: u64 = 64 << 10;

const BUFFER: usize = 1 << 18;

/// How many rows lie between two reports of progress.
const PROGRESS_EVERY: u32 = 1 << 16;

/// Postcode areas that the list begins and ends with, Aberdeen and Shetland: a file that was cut off, or is a
/// part of the country, has not both.
const ENDS: [[u8; 2]; 2] = [*b"AB", *b"ZE"];

/// A directory that was read.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) edition: String,
    pub(super) sha256: Digest,
    /// One for each census whose areas the file has.
    pub(super) tables: Vec<(Kind, PostcodeTable)>,
}

/// Reads a file if its header is that of a postcode directory.
pub(super) fn read(
    path: &Path,
    extent: Extent,
    progress: &dyn Fn(u64),
) -> Result<Option<Directory>, ReferenceError> {
    let mut file = File::open(path).map_err(failed(path, "read"))?;
    let mut head = Vec::new();
    (&mut file).take(MAX_ROW_BYTES).read_to_end(&mut head).map_err(failed(path, "read"))?;
    let Some(layout) = recognised(&head) else { return Ok(None) };
    if file.metadata().map_err(failed(path, "read"))?.len() > MAX_DIRECTORY_BYTES {
        return Err(ReferenceError::DirectoryTooLarge);
    }
    let ceiling = Rc::new(Cell::new(2 * MAX_ROW_BYTES + BUFFER as u64));
    let hashed = Hashed {
        inner: io::Cursor::new(head).chain(file),
        context: Context::new(&SHA256),
        read: 0,
        ceiling: Rc::clone(&ceiling),
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(BUFFER)
        .from_reader(hashed);
    let rows = rows(&mut reader, &layout, &ceiling, progress)?;
    let sha256 = reader.into_inner().finish().map_err(failed(path, "read"))?;
    let edition = match rows.newest {
        0 => layout.family.to_owned(),
        month => format!("{}, postcodes to {}-{:02}", layout.family, month / 100, month % 100),
    };
    let listed = unique(rows.listed)?;
    let mut tables = Vec::new();
    for ((kind, column), at) in
        [Kind::Postcodes2011, Kind::Postcodes2021].into_iter().zip(layout.areas).zip(0..)
    {
        if column.is_some() {
            let rows = listed.iter().map(|row| (row.postcode, row.homes[at].residence()));
            let table = PostcodeTable::new(rows).ok_or(ReferenceError::TooManyAreas(MAX_AREAS))?;
            tables.push((kind, table));
        }
    }
    if extent == Extent::Whole {
        whole(&listed, &tables, LEAST_POSTCODES)?;
    }
    Ok(Some(Directory { edition, sha256, tables }))
}

/// The layout that the first record of a file names.
fn recognised(head: &[u8]) -> Option<DirectoryLayout> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(head);
    let mut record = csv::ByteRecord::new();
    let there = reader.read_byte_record(&mut record).unwrap_or(false);
    let name = |f: &[u8]| String::from_utf8_lossy(f).into_owned();
    let header: Vec<String> = record.iter().map(name).collect();
    if there { recognise_directory(&header) } else { None }
}

/// Where a row says that its postcode lies, on one census, in four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Home(u32);

impl Home {
    const NOWHERE: Self = Self(0);
    const OUTSIDE: Self = Self(1);

    const fn of(residence: Residence) -> Self {
        match residence {
            Residence::England(code) => Self(code.number() + 2),
            Residence::Elsewhere => Self::OUTSIDE,
        }
    }

    fn residence(self) -> Option<Residence> {
        match self {
            Self::NOWHERE => None,
            Self::OUTSIDE => Some(Residence::Elsewhere),
            Self(n) => super::lsoa::LsoaCode::numbered(n - 2).map(Residence::England),
        }
    }

    /// Reads an area. It is blank, or a code of nines, where the postcode has no grid reference: then the
    /// country says whether that is outside England.
    fn parse(area: &str, country: &str) -> Option<Self> {
        let outside = matches!(country.as_bytes().first(), Some(b'W' | b'S' | b'N' | b'L' | b'M'));
        match Residence::parse(area) {
            Some(residence) => Some(Self::of(residence)),
            None if outside => Some(Self::OUTSIDE),
            None if area.is_empty() || area.ends_with("99999999") => Some(Self::NOWHERE),
            None => None,
        }
    }
}

/// A row, in 24 bytes.
#[derive(Debug, Clone, Copy)]
struct Row {
    postcode: Postcode,
    homes: [Home; 2],
    /// The month in which it went out of use, as 202508; nought for one in use.
    terminated: u32,
    row: u32,
}

struct Rows {
    listed: Vec<Row>,
    /// The newest month that a row names.
    newest: u32,
}

fn rows(
    reader: &mut csv::Reader<Hashed>,
    layout: &DirectoryLayout,
    ceiling: &Cell<u64>,
    progress: &dyn Fn(u64),
) -> Result<Rows, ReferenceError> {
    let mut rows = Rows { listed: Vec::new(), newest: 0 };
    let mut record = csv::ByteRecord::new();
    let mut row = 0;
    loop {
        ceiling.set(reader.position().byte() + MAX_ROW_BYTES + BUFFER as u64);
        row += 1;
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(e) if is_too_long(&e) => {
                let rule = "the row does not end: look for a quotation mark that is never closed";
                return Err(ReferenceError::Row { row, rule });
            }
            Err(e) => return Err(e.into()),
        }
        if row == 1 {
            continue;
        }
        if row % PROGRESS_EVERY == 0 {
            progress(u64::from(row));
        }
        if rows.listed.len() == MAX_POSTCODES {
            return Err(ReferenceError::TooManyPostcodes);
        }
        let wrong = |rule| ReferenceError::Row { row, rule };
        if let Some(read) = one(&record, layout, row).map_err(wrong)? {
            rows.newest = rows.newest.max(read.terminated).max(introduced(&record, layout));
            rows.listed.push(read);
        }
    }
    progress(u64::from(row - 1));
    if rows.listed.is_empty() { Err(ReferenceError::NoRows) } else { Ok(rows) }
}

/// Reads a row; `None` for a pseudo-postcode, whose meaning is known without a directory.
fn one(
    record: &csv::ByteRecord,
    layout: &DirectoryLayout,
    row: u32,
) -> Result<Option<Row>, &'static str> {
    let field = |at: usize| record.get(at).and_then(|f| std::str::from_utf8(f).ok()).map(str::trim);
    let cut = "the row has fewer fields than the header";
    let postcode = match Written::parse(field(layout.postcode).ok_or(cut)?) {
        Some(Written::Real(postcode)) => postcode,
        Some(Written::Pseudo(_)) => return Ok(None),
        None => return Err("the postcode is not one, such as BH15 2JA"),
    };
    let terminated = match field(layout.terminated).ok_or(cut)? {
        "" => 0,
        month => self::month(month)
            .ok_or("the date of termination is neither blank nor a month, such as 202508")?,
    };
    let country = layout.country.map_or(Some(""), field).ok_or(cut)?;
    let mut homes = [Home::NOWHERE; 2];
    for (home, column) in homes.iter_mut().zip(layout.areas) {
        if let Some(column) = column {
            *home = Home::parse(field(column).ok_or(cut)?, country).ok_or(
                "the area is neither blank nor the code of a small area, such as E01000001",
            )?;
        }
    }
    Ok(Some(Row { postcode, homes, terminated, row }))
}

/// A month that is only told to people: one that cannot be read is left out.
fn introduced(record: &csv::ByteRecord, layout: &DirectoryLayout) -> u32 {
    let text = layout.introduced.and_then(|at| record.get(at));
    text.and_then(|t| std::str::from_utf8(t).ok()).and_then(|t| month(t.trim())).unwrap_or(0)
}

/// A month as the directories write it, `202508`, or as databases do, `2025-08` with or without a day.
fn month(text: &str) -> Option<u32> {
    let (year, month) = match text.len() {
        6 => (text.get(..4)?, text.get(4..)?),
        7 | 10 => (text.get(..4)?, text.get(4..7)?.strip_prefix('-')?),
        _ => return None,
    };
    let number = |t: &str| t.bytes().all(|b| b.is_ascii_digit()).then(|| t.parse::<u32>().ok())?;
    let (year, month) = (number(year)?, number(month)?);
    ((1970..2100).contains(&year) && (1..=12).contains(&month)).then_some(year * 100 + month)
}

/// Sorts by postcode. Where one was used again, the row in use counts or, if there is none, the one that was
/// in use last.
fn unique(mut rows: Vec<Row>) -> Result<Vec<Row>, ReferenceError> {
    let last = |r: &Row| if r.terminated == 0 { u32::MAX } else { r.terminated };
    rows.sort_unstable_by(|a, b| (a.postcode, last(b), a.row).cmp(&(b.postcode, last(a), b.row)));
    let twice = rows.windows(2).find(|w| {
        w[0].postcode == w[1].postcode && last(&w[0]) == last(&w[1]) && w[0].homes != w[1].homes
    });
    if let Some(pair) = twice {
        let rule =
            "the postcode occurs twice, in different areas and with the same date of termination";
        return Err(ReferenceError::Row { row: pair[1].row, rule });
    }
    rows.dedup_by_key(|r| r.postcode);
    Ok(rows)
}

/// Checks that a directory is not cut off, and not of a part of the country.
fn whole(
    listed: &[Row],
    tables: &[(Kind, PostcodeTable)],
    least: u32,
) -> Result<(), ReferenceError> {
    let rows = u32::try_from(listed.len()).unwrap_or(u32::MAX);
    let ends = ENDS.iter().all(|area| listed.iter().any(|row| row.postcode.is_of(*area)));
    let covered = tables.iter().all(|(kind, table)| {
        let areas = u64::try_from(table.english_areas()).unwrap_or(u64::MAX);
        areas * 100 >= u64::from(kind.official_areas()) * u64::from(LEAST_AREAS_PERCENT)
    });
    if rows >= least && ends && covered {
        Ok(())
    } else {
        Err(ReferenceError::IncompleteDirectory { rows })
    }
}

/// Hashes what it reads, and refuses to read on where one row has taken too much.
struct Hashed {
    inner: io::Chain<io::Cursor<Vec<u8>>, File>,
    context: Context,
    read: u64,
    ceiling: Rc<Cell<u64>>,
}

#[derive(Debug, thiserror::Error)]
#[error("a row is too long")]
struct RowTooLong;

fn is_too_long(error: &csv::Error) -> bool {
    match error.kind() {
        csv::ErrorKind::Io(e) => e.get_ref().is_some_and(|e| e.is::<RowTooLong>()),
        _ => false,
    }
}

impl Hashed {
    /// The hash of the whole file, of which nothing may be left.
    fn finish(self) -> io::Result<Digest> {
        let mut rest = self;
        rest.ceiling.set(u64::MAX);
        io::copy(&mut BufReader::new(&mut rest), &mut io::sink())?;
        let mut hash = [0; 32];
        hash.copy_from_slice(rest.context.finish().as_ref());
        Ok(Digest::from_bytes(hash))
    }
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read > self.ceiling.get() {
            return Err(io::Error::other(RowTooLong));
        }
        let taken = self.inner.read(buffer)?;
        self.context.update(&buffer[..taken]);
        self.read += taken as u64;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests;
