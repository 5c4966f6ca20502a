//! Records of a partner's extract, wherever it lies: a delimited file, a Parquet file or a database.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::thread;

use csv::ByteRecord;
use evensum_core::model::Period;

use super::ahead::{Ahead, Failure, Feed, Next};
use super::cell::{Column, Kind};
use super::dates::DateForm;
use super::error::{IntakeError, io};
use super::mapping::SourceForm;
use super::source::{self, Meter};
use super::sql::{self, PostgreSql};
use super::{parquet, read};

/// What an extract is loaded from.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// A file. Its first bytes say whether it is delimited text, perhaps packed, or Parquet, or a SQLite database; of
    /// that the mapping says which table or query is read.
    File(&'a Path),
    /// A PostgreSQL database. The mapping says which table or query is read.
    PostgreSql(&'a PostgreSql),
}

impl Input<'_> {
    /// The path that errors of the system name.
    pub(super) fn path(&self) -> PathBuf {
        match self {
            Self::File(path) => path.to_path_buf(),
            Self::PostgreSql(database) => PathBuf::from(database.name()),
        }
    }
}

/// How far a load has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Rows read.
    pub rows: u64,
    /// How much of the source they are, in parts of [`Self::total`]: bytes of a text file as it lies on disk, rows of
    /// a Parquet file.
    pub done: u64,
    /// The whole source; none where nobody knows how long it is, as of a query.
    pub total: Option<u64>,
}

/// How much of a source there is.
#[derive(Debug, Clone)]
enum Extent {
    Bytes(Meter, u64),
    Rows(u64),
    Unknown,
}

/// A source whose columns are known and whose rows have not been asked for.
pub(super) struct Opened {
    pub(super) feed: Box<dyn Feed>,
    pub(super) columns: Vec<Column>,
    /// How many rows there are, where that is known.
    pub(super) rows: Option<u64>,
}

enum State {
    Waiting(Box<dyn Feed>),
    Running(Ahead),
    Ended,
}

/// A source that is being read, record by record.
pub(super) struct Records {
    state: State,
    fields: usize,
    header: Option<Vec<String>>,
    /// What columns hold; none where the source is text.
    columns: Option<Vec<Column>>,
    row: u64,
    read: u64,
    extent: Extent,
    notes: Vec<String>,
    path: PathBuf,
}

impl Records {
    /// Opens a source and learns its columns.
    pub(super) fn open(
        input: Input<'_>,
        form: &SourceForm,
        period: Period,
    ) -> Result<Self, IntakeError> {
        let path = match input {
            Input::PostgreSql(database) => {
                let relation = form.relation.as_ref().ok_or(IntakeError::OtherSource(
                    "the mapping does not say what to read of the database: set table = \"…\" or query = \"…\" under [source]",
                ))?;
                let opened =
                    apart(|| sql::postgres::open(database, relation, form.time_zone, period))?;
                return Ok(Self::typed(opened, input));
            }
            Input::File(path) => path,
        };
        let head = source::head(path, sql::SQLITE.len() as u64)?;
        if head == sql::SQLITE {
            let opened = apart(|| sql::sqlite::open(path, form.relation.as_ref(), period))?;
            return Ok(Self::typed(opened, input));
        }
        if form.relation.is_some() {
            return Err(IntakeError::OtherSource(
                "the mapping names a table or a query, and the file is no SQLite database: take it out of [source], or name the database",
            ));
        }
        if parquet::MAGIC.iter().any(|magic| head.starts_with(magic)) {
            let opened = apart(|| parquet::open(path, form.time_zone))?;
            return Ok(Self::typed(opened, input));
        }
        let bytes = path.metadata().map_err(io(path, "read"))?.len();
        let meter = Meter::default();
        let text = read::open(path, form, meter.clone())?;
        Ok(Self {
            state: State::Waiting(Box::new(text.cut)),
            fields: text.fields,
            header: text.header,
            columns: None,
            row: text.before,
            read: 0,
            extent: Extent::Bytes(meter, bytes),
            notes: text.notes,
            path: path.to_owned(),
        })
    }

    fn typed(opened: Opened, input: Input<'_>) -> Self {
        let names = opened.columns.iter().map(|c| c.name.trim().to_owned()).collect();
        Self {
            state: State::Waiting(opened.feed),
            fields: opened.columns.len(),
            header: Some(names),
            columns: Some(opened.columns),
            row: 0,
            read: 0,
            extent: opened.rows.map_or(Extent::Unknown, Extent::Rows),
            notes: Vec::new(),
            path: input.path(),
        }
    }

    /// The header, where there is one.
    pub(super) fn header(&self) -> Option<&[String]> {
        self.header.as_deref()
    }

    /// How many fields each record should have.
    pub(super) const fn fields(&self) -> usize {
        self.fields
    }

    /// The fields that can be read.
    pub(super) fn readable(&self) -> BTreeSet<usize> {
        let foreign = |at: &usize| {
            let column = self.columns.as_ref().and_then(|columns| columns.get(*at));
            column.is_some_and(|c| matches!(c.kind, Kind::Foreign(_)))
        };
        (0..self.fields).filter(|at| !foreign(at)).collect()
    }

    /// Starts to read these fields, and checks that they can be read. Answers the forms of dates that their texts
    /// have: those that are declared and, where a column holds dates, the ISO form.
    pub(super) fn begin(
        &mut self,
        wanted: &BTreeSet<usize>,
        declared: &[DateForm],
    ) -> Result<Vec<DateForm>, IntakeError> {
        let mut dates = declared.to_vec();
        let columns = self.columns.iter().flatten().enumerate();
        for (_, column) in columns.filter(|(at, _)| wanted.contains(at)) {
            if let Kind::Foreign(holds) = &column.kind {
                let (field, holds) = (column.name.clone(), holds.clone());
                return Err(IntakeError::ForeignColumn { field, holds });
            }
            let Some(iso) = DateForm::parse("%Y-%m-%d").ok().filter(|_| column.kind.is_dated())
            else {
                continue;
            };
            if dates.iter().any(|form| form.contradicts(&iso)) {
                return Err(IntakeError::DatesOtherwise(column.name.clone()));
            }
            // Where nothing is declared, ISO dates are read as they are.
            if !dates.is_empty() && !dates.contains(&iso) {
                dates.push(iso);
            }
        }
        if let State::Waiting(feed) = std::mem::replace(&mut self.state, State::Ended) {
            let ahead = Ahead::new(feed, wanted.clone()).map_err(io(&self.path, "read"))?;
            self.state = State::Running(ahead);
        }
        Ok(dates)
    }

    /// The row of the latest record: the first of a file, header or not, is row 1, as is the first of a table.
    pub(super) const fn row(&self) -> u64 {
        self.row
    }

    /// How far reading has come.
    pub(super) fn progress(&self) -> Progress {
        let (done, total) = match &self.extent {
            Extent::Bytes(meter, total) => (meter.bytes().min(*total), Some(*total)),
            Extent::Rows(total) => (self.read.min(*total), Some(*total)),
            Extent::Unknown => (self.read, None),
        };
        Progress { rows: self.read, done, total }
    }

    /// What a person should know of the source. Complete once all is read.
    pub(super) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Reads the next record; `false` at the end.
    pub(super) fn advance(&mut self, record: &mut ByteRecord) -> Result<bool, IntakeError> {
        self.row += 1;
        let State::Running(ahead) = &mut self.state else { return Ok(false) };
        match ahead.next(record) {
            Next::Record => {
                self.read += 1;
                return Ok(true);
            }
            Next::End(notes) => self.notes.extend(notes),
            Next::Broken => return Err(IntakeError::Broken),
            Next::Failed(Failure::Other(error)) => return Err(*error),
            Next::Failed(failure) => return Err(read::failure(failure, self.row, &self.path)),
        }
        self.state = State::Ended;
        Ok(false)
    }
}

/// Does what may break, or needs a runtime of its own, on a thread of its own.
fn apart<T: Send>(work: impl FnOnce() -> Result<T, IntakeError> + Send) -> Result<T, IntakeError> {
    thread::scope(|scope| scope.spawn(work).join()).unwrap_or(Err(IntakeError::Broken))
}
