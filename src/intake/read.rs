//! Records of a delimited text file, whatever its encoding, without holding the file in memory.

use std::collections::BTreeSet;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use csv::ByteRecord;
use encoding_rs::{Decoder, DecoderResult, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::ahead::{Failure, Feed, Out, Stop};
use super::error::IntakeError;
use super::export::{self, Tail};
use super::mapping::{Delimiter, Encoding, SourceForm};
use super::source::{self, Mark, Meter, failed};

/// The longest record that is read, in bytes of UTF-8.
pub const MAX_RECORD_BYTES: u64 = 1 << 20;

const BUFFER: usize = 1 << 18;
const HEAD: u64 = 1 << 16;

/// A delimited file whose first line has been read.
pub(super) struct Text {
    pub(super) cut: Cut,
    pub(super) header: Option<Vec<String>>,
    pub(super) fields: usize,
    /// Records before the first row.
    pub(super) before: u64,
    pub(super) notes: Vec<String>,
}

/// Opens a file and reads its header.
pub(super) fn open(path: &Path, form: &SourceForm, meter: Meter) -> Result<Text, IntakeError> {
    let coding = coding(path, form.encoding)?;
    let mut file = source::open_metered(path, meter)?;
    io::copy(&mut (&mut file).take(coding.mark()), &mut io::sink()).map_err(|e| failed(path, e))?;
    let mut text: Box<dyn Read + Send> = match coding.decoder() {
        None if coding.has_nul() => Box::new(Blanked(file)),
        None => file,
        Some(decoder) => Box::new(Blanked(Transcoder::new(file, decoder))),
    };
    let mut head = Vec::new();
    text.by_ref().take(HEAD).read_to_end(&mut head).map_err(|e| failed(path, e))?;
    let (mut before, mut notes) = (0, Vec::new());
    if let Some(end) = export::context_line(&head) {
        head.drain(..end);
        before += 1;
        notes.push("The first line, which sqlcmd wrote, was left out.".to_owned());
    }
    let delimiter = match form.delimiter {
        Delimiter::Comma => b',',
        Delimiter::Tab => b'\t',
        Delimiter::Pipe => b'|',
        Delimiter::Semicolon => b';',
        Delimiter::Guess => guess_delimiter(&head),
    };
    let mut cut = Cut::new(Box::new(Cursor::new(head).chain(text)), delimiter);
    let mut read = |record: &mut ByteRecord, row| {
        cut.read(record).map_err(|error| failure(Failure::Csv(error), row, path))
    };
    let mut record = ByteRecord::new();
    if !read(&mut record, before + 1)? {
        return Err(IntakeError::Empty);
    }
    let fields = record.len();
    let mut header = None;
    if form.header {
        let name = |f: &[u8]| String::from_utf8_lossy(f).trim().to_owned();
        header = Some(record.iter().map(name).collect());
        before += 1;
        let more = read(&mut record, before + 1)?;
        if more && export::is_rule(&record, fields) {
            before += 1;
            notes.push("The line of dashes under the header was left out.".to_owned());
        } else if more {
            cut.first = Some(record);
        }
    } else {
        cut.first = Some(record);
    }
    Ok(Text { cut, header, fields, before, notes })
}

/// What a failure at a row means.
pub(super) fn failure(failure: Failure, row: u64, path: &Path) -> IntakeError {
    let error = match failure {
        Failure::Other(error) => return *error,
        Failure::Csv(error) => error,
    };
    match error.into_kind() {
        csv::ErrorKind::Io(e) if Mark::of(&e) == Some(Mark::Ceiling) => {
            IntakeError::RecordTooLong { row }
        }
        csv::ErrorKind::Io(e) => failed(path, e),
        _ => IntakeError::Binary,
    }
}

/// Text cut into records.
pub(super) struct Cut {
    csv: csv::Reader<Metered>,
    ceiling: Arc<AtomicU64>,
    /// A row that was read to learn how many fields there are.
    first: Option<ByteRecord>,
}

impl Cut {
    fn new(inner: Box<dyn Read + Send>, delimiter: u8) -> Self {
        let ceiling = Arc::new(AtomicU64::new(0));
        let metered = Metered { inner, read: 0, ceiling: Arc::clone(&ceiling) };
        let csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .buffer_capacity(BUFFER)
            .from_reader(metered);
        Self { csv, ceiling, first: None }
    }

    /// Reads the next record; `false` at the end.
    fn read(&mut self, record: &mut ByteRecord) -> Result<bool, csv::Error> {
        let here = self.csv.position().byte();
        self.ceiling.store(here + MAX_RECORD_BYTES + BUFFER as u64, Ordering::Relaxed);
        self.csv.read_byte_record(record)
    }
}

impl Feed for Cut {
    fn feed(mut self: Box<Self>, _: &BTreeSet<usize>, out: &mut Out) -> Result<Vec<String>, Stop> {
        let mut tail = Tail::default();
        if let Some(first) = self.first.take() {
            *out.slot() = first;
            tail.take(out)?;
        }
        while self.read(out.slot())? {
            tail.take(out)?;
        }
        Ok(tail.notes())
    }
}

/// Reads a blank for a character of nought: bcp writes an empty text so, to tell it from no text.
struct Blanked<R>(R);

impl<R: Read> Read for Blanked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let taken = self.0.read(buffer)?;
        for byte in buffer[..taken].iter_mut().filter(|b| **b == 0) {
            *byte = b' ';
        }
        Ok(taken)
    }
}

/// Refuses to read on where one record has taken too much: an open quotation mark would otherwise
/// swallow the rest of the file.
struct Metered {
    inner: Box<dyn Read + Send>,
    read: u64,
    ceiling: Arc<AtomicU64>,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read > self.ceiling.load(Ordering::Relaxed) {
            return Err(io::Error::other(Mark::Ceiling));
        }
        let taken = self.inner.read(buffer)?;
        self.read += taken as u64;
        Ok(taken)
    }
}

/// Turns another encoding into UTF-8.
struct Transcoder {
    inner: Box<dyn Read + Send>,
    decoder: Decoder,
    raw: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    /// Decoded bytes that are still to be handed on.
    text: Vec<u8>,
    given: usize,
}

impl Transcoder {
    fn new(inner: Box<dyn Read + Send>, decoder: Decoder) -> Self {
        let raw = vec![0; BUFFER];
        Self { inner, decoder, raw, start: 0, end: 0, ended: false, text: Vec::new(), given: 0 }
    }

    /// Decodes more; leaves `text` empty only at the end.
    fn refill(&mut self) -> io::Result<()> {
        self.text.resize(BUFFER, 0);
        let mut written = 0;
        let mut finished = false;
        while written == 0 && !finished {
            if self.start == self.end && !self.ended {
                self.start = 0;
                self.end = self.inner.read(&mut self.raw)?;
                self.ended = self.end == 0;
            }
            let (result, taken, made) = self.decoder.decode_to_utf8_without_replacement(
                &self.raw[self.start..self.end],
                &mut self.text,
                self.ended,
            );
            self.start += taken;
            written = made;
            match result {
                DecoderResult::Malformed(..) => return Err(io::Error::other(Mark::Encoding)),
                DecoderResult::InputEmpty => finished = self.ended,
                DecoderResult::OutputFull => {}
            }
        }
        self.text.truncate(written);
        self.given = 0;
        Ok(())
    }
}

impl Read for Transcoder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.text.len() {
            if self.ended && self.start == self.end {
                return Ok(0);
            }
            self.refill()?;
        }
        let taken = (&self.text[self.given..]).read(buffer)?;
        self.given += taken;
        Ok(taken)
    }
}

/// The encoding of a file, and whether a byte order mark stands before its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Utf8 { marked: bool, nul: bool },
    Utf16 { little: bool, marked: bool },
    Windows1252,
}

impl Coding {
    const fn mark(self) -> u64 {
        match self {
            Self::Utf8 { marked: true, .. } => 3,
            Self::Utf16 { marked: true, .. } => 2,
            _ => 0,
        }
    }

    /// Whether there are fields of a single character of nought.
    const fn has_nul(self) -> bool {
        matches!(self, Self::Utf8 { nul: true, .. })
    }

    fn decoder(self) -> Option<Decoder> {
        let encoding = match self {
            Self::Utf8 { .. } => return None,
            Self::Utf16 { little: true, .. } => UTF_16LE,
            Self::Utf16 { little: false, .. } => UTF_16BE,
            Self::Windows1252 => WINDOWS_1252,
        };
        Some(encoding.new_decoder_without_bom_handling())
    }
}

/// Finds the encoding: a byte order mark decides, then the declaration, then the bytes themselves.
fn coding(path: &Path, declared: Encoding) -> Result<Coding, IntakeError> {
    let mut file = source::open(path)?;
    let mut head = Vec::new();
    (&mut file).take(HEAD).read_to_end(&mut head).map_err(|e| failed(path, e))?;
    if head.is_empty() {
        return Err(IntakeError::Empty);
    }
    // Zip (and so xlsx), gzip and zstd within one of them, the older Excel format, packed Parquet.
    let magic: [&[u8]; 5] =
        [b"PK\x03\x04", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xd0\xcf\x11\xe0", b"PAR1"];
    if magic.iter().any(|m| head.starts_with(m)) {
        return Err(IntakeError::Spreadsheet);
    }
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return Ok(Coding::Utf16 { little: head[0] == 0xff, marked: true });
    }
    let marked = head.starts_with(b"\xef\xbb\xbf");
    let unmarked_utf16 = looks_like_utf16(&head);
    match declared {
        Encoding::Utf16 => {
            let little = unmarked_utf16.unwrap_or(true);
            return Ok(Coding::Utf16 { little, marked: false });
        }
        Encoding::Guess => {
            if let Some(little) = unmarked_utf16 {
                return Ok(Coding::Utf16 { little, marked: false });
            }
        }
        Encoding::Utf8 | Encoding::Windows1252 => {}
    }
    let found = scan(head, file).map_err(|e| failed(path, e))?;
    match (found.binary, found.utf8, declared) {
        (true, _, _) => Err(IntakeError::Binary),
        (_, true, Encoding::Windows1252) if !marked => Ok(Coding::Windows1252),
        (_, true, _) => Ok(Coding::Utf8 { marked, nul: found.nul }),
        (_, false, Encoding::Utf8) => Err(IntakeError::NotUtf8),
        (_, false, _) if marked => Err(IntakeError::NotUtf8),
        (_, false, _) => Ok(Coding::Windows1252),
    }
}

/// Whether every other byte of the beginning is nought, as in UTF-16 of Latin letters; `true` for the
/// little-endian form.
fn looks_like_utf16(head: &[u8]) -> Option<bool> {
    let pairs = &head[..head.len().min(512) / 2 * 2];
    let half = pairs.len() / 2;
    let noughts = |odd: usize| pairs.iter().skip(odd).step_by(2).filter(|b| **b == 0).count();
    let (even, odd) = (noughts(0), noughts(1));
    match half {
        0 => None,
        _ if even == 0 && odd * 2 > half => Some(true),
        _ if odd == 0 && even * 2 > half => Some(false),
        _ => None,
    }
}

#[derive(Default)]
struct Found {
    /// A character of nought as a whole field.
    nul: bool,
    /// One anywhere else.
    binary: bool,
    /// The last byte that was looked at.
    last: Option<u8>,
    utf8: bool,
}

impl Found {
    /// Looks for characters of nought in what comes next.
    fn look(&mut self, block: &[u8]) {
        let apart = |b: u8| matches!(b, b',' | b'\t' | b'|' | b';' | b'\r' | b'\n' | b'"');
        let mut before = self.last.unwrap_or(b'\n');
        if !self.nul && before != 0 && !block.contains(&0) {
            self.last = block.last().copied().or(self.last);
            return;
        }
        for byte in block {
            self.nul |= *byte == 0;
            self.binary |= (*byte == 0 && !apart(before)) || (before == 0 && !apart(*byte));
            before = *byte;
        }
        self.last = Some(before);
    }
}

/// Reads a file to its end to learn whether it is text, and whether it is UTF-8.
fn scan(head: Vec<u8>, rest: impl Read) -> io::Result<Found> {
    let mut found = Found { utf8: true, ..Found::default() };
    let mut source = Cursor::new(head).chain(rest);
    let mut buffer = vec![0; BUFFER];
    // Bytes of a character that the end of a block cut apart.
    let mut kept = 0;
    let mut line: u64 = 0;
    loop {
        let taken = source.read(&mut buffer[kept..])?;
        let block = &buffer[..kept + taken];
        if taken == 0 {
            found.utf8 &= kept == 0;
            return Ok(found);
        }
        found.look(&block[kept..]);
        line = match block.iter().rposition(|b| matches!(b, b'\n' | b'\r')) {
            Some(at) => (block.len() - at) as u64,
            None => line + taken as u64,
        };
        // A line that is too long is not read to its end here: it is refused when it is read again.
        if found.binary || line > MAX_RECORD_BYTES + 2 * BUFFER as u64 {
            return Ok(found);
        }
        let length = block.len();
        kept = 0;
        if found.utf8
            && let Err(error) = std::str::from_utf8(block)
        {
            let valid = error.valid_up_to();
            found.utf8 = error.error_len().is_none();
            if found.utf8 {
                kept = length - valid;
                buffer.copy_within(valid..length, 0);
            }
        }
    }
}

/// The delimiter that cuts the first record into most fields; a comma where none does.
fn guess_delimiter(head: &[u8]) -> u8 {
    let fields = |delimiter: u8| {
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).delimiter(delimiter).from_reader(head);
        let mut record = ByteRecord::new();
        reader.read_byte_record(&mut record).map_or(0, |_| record.len())
    };
    let mut best = (fields(b','), b',');
    for delimiter in [b'\t', b'|', b';'] {
        let count = fields(delimiter);
        if count > best.0 {
            best = (count, delimiter);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An endless line, which counts how much of it is read.
    struct Endless(Arc<AtomicU64>);

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.fetch_add(buffer.len() as u64, Ordering::Relaxed);
            buffer.fill(b'x');
            Ok(buffer.len())
        }
    }

    #[test]
    fn of_an_endless_line_little_is_read() {
        let most = MAX_RECORD_BYTES + 4 * BUFFER as u64;
        let read = Arc::new(AtomicU64::new(0));
        let start = Cursor::new(b"a,b\n1,2\n\"3".to_vec());
        let mut cut = Cut::new(Box::new(start.chain(Endless(Arc::clone(&read)))), b',');
        let mut record = ByteRecord::new();
        assert!(cut.read(&mut record).expect("a header") && cut.read(&mut record).expect("a row"));
        let error =
            failure(Failure::Csv(cut.read(&mut record).expect_err("endless")), 3, Path::new("x"));
        assert!(matches!(error, IntakeError::RecordTooLong { row: 3 }));
        assert!(read.swap(0, Ordering::Relaxed) <= most);
        assert!(record.as_slice().len() as u64 <= most);
        let found = scan(b"a,b\n".to_vec(), Endless(Arc::clone(&read))).expect("readable");
        assert!(found.utf8 && read.load(Ordering::Relaxed) <= most);
    }
}
