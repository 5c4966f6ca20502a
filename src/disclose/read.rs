//! Delimited text with a header: a table of fields that know their row.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::{DiscloseError, Fault, number};

/// The most rows of a file.
pub const MAX_ROWS: usize = 500_000;
/// The most columns of a file.
pub const MAX_COLUMNS: usize = 200;
/// The most characters of a category.
pub const MAX_CODE: usize = 200;
/// The largest file.
pub const MAX_BYTES: u64 = 1 << 30;
/// The longest header that a delimiter is looked for in.
const HEADER_BYTES: usize = 64 * 1024;
/// What the notes at the end of a released table begin with.
pub const NOTES: &str = "# Notes";

/// A row and its number, as a spreadsheet counts: the header is row 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The number.
    pub row: u64,
    /// As many fields as the header has, without spaces around them.
    pub fields: Vec<String>,
}

/// A file's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    file: PathBuf,
    header: Vec<String>,
    lines: Vec<Line>,
    /// Whether the file went on.
    cut: bool,
    notes: Vec<String>,
}

/// Reads a file of delimited text: UTF-8, with or without a byte order mark, delimited by what its header has most of.
///
/// # Errors
/// [`DiscloseError`] where it is no such text. A file of more than [`MAX_ROWS`] rows is cut: see [`Fields::whole`].
pub fn read(file: &Path) -> Result<Fields, DiscloseError> {
    let failed = |source| DiscloseError::Read { file: file.to_owned(), source };
    let opened = File::open(file).map_err(failed)?;
    if opened.metadata().map_err(failed)?.len() > MAX_BYTES {
        return Err(text(
            file,
            String::new(),
            "the file is larger than 1 GiB; give one row a cell",
        ));
    }
    let mut source = BufReader::with_capacity(HEADER_BYTES, opened.take(MAX_BYTES));
    let start = source.fill_buf().map_err(failed)?;
    let (bom, delimiter) = begins(start).map_err(|why| text(file, String::new(), why))?;
    source.consume(bom);
    parse(file, source, delimiter)
}

/// The length of a byte order mark, and the delimiter.
fn begins(start: &[u8]) -> Result<(usize, u8), &'static str> {
    if start.starts_with(b"PK\x03\x04") || start.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return Err(
            "this is a workbook, not CSV; save the sheet as 'CSV UTF-8' and give that file",
        );
    }
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        return Err("this text is UTF-16, not UTF-8; save it as 'CSV UTF-8'");
    }
    let bom = if start.starts_with(&[0xef, 0xbb, 0xbf]) { 3 } else { 0 };
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0), (b'|', 0)];
    let mut quoted = false;
    for byte in start.iter().skip(bom) {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            _ if quoted => {}
            byte => {
                for (delimiter, count) in &mut counts {
                    *count += usize::from(delimiter == byte);
                }
            }
        }
    }
    // Of as many, the first: a comma.
    let best = counts.iter().rev().max_by_key(|(_, count)| *count);
    Ok((bom, best.map_or(b',', |(delimiter, _)| *delimiter)))
}

/// Text with one line feed at the end of each line, whatever ended it before.
struct LineFeeds<R> {
    source: R,
    after_return: bool,
}

impl<R: Read> Read for LineFeeds<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.source.read(buffer)?;
            let mut kept = 0;
            for at in 0..read {
                let byte = buffer[at];
                let second_of_two = byte == b'\n' && self.after_return;
                self.after_return = byte == b'\r';
                if !second_of_two {
                    buffer[kept] = if self.after_return { b'\n' } else { byte };
                    kept += 1;
                }
            }
            // Nothing kept of something read is not the end.
            if kept > 0 || read == 0 {
                return Ok(kept);
            }
        }
    }
}

fn parse(file: &Path, source: impl Read, delimiter: u8) -> Result<Fields, DiscloseError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        // The last row ends as the others do.
        .from_reader(LineFeeds { source, after_return: false }.chain(&b"\n"[..]));
    let mut record = csv::ByteRecord::new();
    let mut fields = Fields {
        file: file.to_owned(),
        header: Vec::new(),
        lines: Vec::new(),
        cut: false,
        notes: Vec::new(),
    };
    let (mut in_notes, mut within) = (false, 0_u64);
    while reader.read_byte_record(&mut record).map_err(|e| unreadable(file, e))? {
        // The reader passes over blank lines, which are rows of a spreadsheet; a line break within a field is none.
        let breaks = record.as_slice().iter().filter(|byte| **byte == b'\n').count();
        within += u64::try_from(breaks).unwrap_or(u64::MAX);
        let row = reader.position().line().saturating_sub(1 + within);
        let line = decoded(file, row, &record)?;
        if fields.header.is_empty() {
            fields.header = headed(file, line)?;
            continue;
        }
        in_notes |= line.first().is_some_and(|first| first == NOTES);
        if in_notes {
            fields.notes.push(line.join(" ").trim().to_owned());
            continue;
        }
        if line.iter().all(String::is_empty) {
            continue;
        }
        let (found, wanted) = (line.len(), fields.header.len());
        if found != wanted {
            return Err(DiscloseError::Ragged { file: file.to_owned(), row, found, wanted });
        }
        if fields.lines.len() >= MAX_ROWS {
            fields.cut = true;
            break;
        }
        fields.lines.push(Line { row, fields: line });
    }
    if fields.header.is_empty() {
        return Err(text(file, String::new(), "the file is empty; it needs a header and rows"));
    }
    if fields.lines.is_empty() {
        return Err(text(file, String::new(), "there are no rows below the header"));
    }
    Ok(fields)
}

fn text(file: &Path, at: String, why: &'static str) -> DiscloseError {
    DiscloseError::Text { file: file.to_owned(), at, why }
}

fn unreadable(file: &Path, error: csv::Error) -> DiscloseError {
    match error.into_kind() {
        csv::ErrorKind::Io(source) => DiscloseError::Read { file: file.to_owned(), source },
        _ => text(file, String::new(), "this is no delimited text"),
    }
}

fn decoded(file: &Path, row: u64, record: &csv::ByteRecord) -> Result<Vec<String>, DiscloseError> {
    let field = |(bytes, column): (&[u8], usize)| match std::str::from_utf8(bytes) {
        Ok(field) if field.contains('\0') => {
            let at = format!(", row {row}, column {column}");
            Err(text(file, at, "there is a NUL character; this is no CSV in UTF-8"))
        }
        Ok(field) => Ok(field.trim().to_owned()),
        Err(_) => {
            let at = format!(", row {row}, column {column}");
            Err(text(file, at, "this is not UTF-8; save the file as 'CSV UTF-8'"))
        }
    };
    record.iter().zip(1..).map(field).collect()
}

fn headed(file: &Path, header: Vec<String>) -> Result<Vec<String>, DiscloseError> {
    if header.len() > MAX_COLUMNS {
        return Err(DiscloseError::TooMany {
            file: file.to_owned(),
            most: MAX_COLUMNS,
            what: "columns",
            advice: "give the dimensions as columns and one count a row".to_owned(),
        });
    }
    let mut seen = HashSet::new();
    for (name, place) in header.iter().zip(1..) {
        if name.is_empty() {
            let at = format!(", row 1, column {place}");
            return Err(text(file, at, "this column has no name; every column needs one"));
        }
        if !seen.insert(name.as_str()) {
            return Err(DiscloseError::Column {
                file: file.to_owned(),
                column: name.clone(),
                why: "the header has this name twice".to_owned(),
            });
        }
    }
    Ok(header)
}

impl Fields {
    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The names of the columns.
    #[must_use]
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The rows, those at the beginning where the file is too long.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Whether the file has no more than [`MAX_ROWS`] rows.
    #[must_use]
    pub const fn whole(&self) -> bool {
        !self.cut
    }

    /// The notes at the end of a released table.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The place of a column; letters may be large or small.
    ///
    /// # Errors
    /// [`DiscloseError::NoColumn`], which lists those that there are.
    pub fn column(&self, name: &str) -> Result<usize, DiscloseError> {
        self.find(name).ok_or_else(|| DiscloseError::NoColumn {
            file: self.file.clone(),
            column: name.to_owned(),
            there: listed(&self.header),
        })
    }

    /// The place of a column, if there is one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        let same = |column: &String| column == name;
        let alike = |column: &String| column.eq_ignore_ascii_case(name.trim());
        self.header.iter().position(same).or_else(|| self.header.iter().position(alike))
    }

    /// Whether a column holds numbers and nothing else but blanks.
    #[must_use]
    pub fn is_numeric(&self, column: usize) -> bool {
        let mut given =
            self.lines.iter().map(|line| self.field(line, column)).filter(|f| !f.is_empty());
        given.next().is_some_and(number::is_numeric) && given.all(number::is_numeric)
    }

    /// A field of a row.
    #[must_use]
    pub fn field<'a>(&self, line: &'a Line, column: usize) -> &'a str {
        line.fields.get(column).map_or("", String::as_str)
    }

    /// A whole number.
    pub(super) fn whole_number(&self, line: &Line, column: usize) -> Result<u64, DiscloseError> {
        let read = number::whole(self.field(line, column));
        read.map_err(|fault| self.fault(line, column, fault))
    }

    /// A category, with a guard against formulas taken off.
    pub(super) fn code<'a>(&self, line: &'a Line, column: usize) -> Result<&'a str, DiscloseError> {
        let code = super::unguarded(self.field(line, column));
        if code.is_empty() {
            return Err(self.fault(line, column, Fault::NoCategory));
        }
        if code.chars().count() > MAX_CODE {
            return Err(self.fault(line, column, Fault::LongCategory));
        }
        Ok(code)
    }

    pub(super) fn fault(&self, line: &Line, column: usize, fault: Fault) -> DiscloseError {
        DiscloseError::Field {
            file: self.file.clone(),
            row: line.row,
            column: self.header.get(column).cloned().unwrap_or_default(),
            fault,
        }
    }
}

/// Names, for an error.
pub(super) fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> Result<Fields, DiscloseError> {
        let file = Path::new("t.csv");
        let (bom, delimiter) = begins(bytes).map_err(|why| text(file, String::new(), why))?;
        parse(file, &bytes[bom..], delimiter)
    }

    #[test]
    fn delimiters_marks_and_quotes_are_read() {
        let same = of(b"sex,n\nF,12\n").expect("read");
        assert_eq!(of(b"sex;n\nF;12\n").expect("read"), same);
        assert_eq!(of(b"\xef\xbb\xbfsex\tn\r\nF\t12\r\n").expect("read"), same);
        assert_eq!(of(b"\"sex\", n\n F ,\"12\"\n,\n").expect("read").lines(), same.lines());
        let quoted = of(b"area,n\n\"Poole, Dorset\",\"1,234\"\n").expect("read");
        assert_eq!(quoted.lines()[0].fields, ["Poole, Dorset", "1,234"]);
        // A comma within quotes is not the delimiter.
        assert_eq!(of(b"\"a,b,c\";n\nx;1\n").expect("read").header().len(), 2);
    }

    #[test]
    fn rows_are_numbered_as_in_the_file() {
        let read = of(b"sex,n\nF,1\n\nM,2\n").expect("read");
        assert_eq!(read.lines().iter().map(|l| l.row).collect::<Vec<_>>(), [2, 4]);
        // Blank lines are rows, breaks within a field are not; however lines end, and without an end to the last.
        let text = "\nsex,n\n\"F\n\",1\n\n\nM,2\n,\nX,3";
        for end in ["\n", "\r\n", "\r"] {
            let read = of(text.replace('\n', end).as_bytes()).expect("read");
            assert_eq!(read.lines().iter().map(|l| l.row).collect::<Vec<_>>(), [3, 6, 8]);
        }
        let error = of(b"sex,n\nF,1\nM\n").expect_err("ragged");
        assert_eq!(error.to_string(), "t.csv, row 3: 1 columns where the header has 2");
    }

    #[test]
    fn what_is_no_csv_in_utf8_is_refused() {
        for (bytes, says) in [
            (&b"sex,n\nF\xe9,1\n"[..], "t.csv, row 2, column 1: this is not UTF-8"),
            (b"\xff\xfes\0e\0x\0", "UTF-16"),
            (b"PK\x03\x04", "workbook"),
            (b"", "empty"),
            (b"sex,n\n", "no rows"),
            (b"sex,\nF,1\n", "row 1, column 2: this column has no name"),
            (b"n,n\n1,1\n", "twice"),
            (b"sex,n\nF\0,1\n", "NUL"),
        ] {
            let error = of(bytes).expect_err(says).to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn notes_are_no_rows() {
        let read = of(b"sex,n\nF,10\n# Notes,\n# policy: limit=7,\n").expect("read");
        assert_eq!(read.lines().len(), 1);
        assert_eq!(read.notes(), ["# Notes", "# policy: limit=7"]);
    }
}
