//! A partition: what its description says, that it is the node's own, and that its rows are those it was made of.

use evensum_core::model::{CategoryId, ColumnId};
use serde::{Deserialize, Serialize};

use super::SqlError;
use super::database::{Database, Reading};
use super::statement::{PERSON, SHARD, quoted};
use crate::snapshot::{Manifest, NodeKey};

/// The table that says what partitions there are.
pub(super) const REGISTER: &str = "evensum_partition";
/// The format that this version writes and reads.
const FORMAT: &str = "evensum-partition-1";
/// The use of the node key that authenticates a description.
const CONTEXT: &str = "evensum-partition-1 description";
/// The use of the node key that makes the weights of a check.
const WEIGHTS: &str = "evensum-partition-1 weights";
/// Weights lie below this prime, so that sums over the most rows of a snapshot fit 63 bits.
const PRIME: i64 = 8_191;
/// The longest name that PostgreSQL keeps whole.
const MAX_NAME: usize = 63;
/// Letters of a dataset's id in the name of a partition.
const MAX_DATASET: usize = 28;

/// A column's categories; the table holds their places here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Coded {
    pub(super) id: ColumnId,
    pub(super) dictionary: Vec<CategoryId>,
}

/// What is said of a partition, in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Description {
    pub(super) format: String,
    pub(super) name: String,
    pub(super) snapshot: Manifest,
    pub(super) columns: Vec<Coded>,
    pub(super) measures: Vec<ColumnId>,
    /// Whether the table has a column `shard`.
    pub(super) spread: bool,
    /// Rows, the sum of person ordinals, and the weighted sum of each column and measure.
    pub(super) check: Vec<i64>,
}

impl Description {
    pub(super) fn format() -> String {
        FORMAT.to_owned()
    }

    /// Its text, and the keyed hash of that in hexadecimal digits.
    pub(super) fn sealed(&self, key: &NodeKey) -> Result<(String, String), SqlError> {
        let text = serde_json::to_string(self).map_err(SqlError::Description)?;
        let seal = key.hmac(CONTEXT, text.as_bytes()).to_string();
        Ok((text, seal))
    }
}

/// A partition that was opened: its description is the node's, and its rows are those that were written.
#[derive(Debug, Clone)]
pub struct Partition(Description);

impl Partition {
    /// The extract that it holds.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.0.snapshot
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.0.name
    }

    pub(super) fn is_spread(&self) -> bool {
        self.0.spread
    }

    pub(super) fn dictionary(&self, id: &ColumnId) -> Option<&[CategoryId]> {
        self.0.columns.iter().find(|c| c.id == *id).map(|c| c.dictionary.as_slice())
    }

    pub(super) fn measures(&self, id: &ColumnId) -> bool {
        self.0.measures.contains(id)
    }
}

/// The name of the table for an extract.
pub(super) fn name_of(manifest: &Manifest) -> Result<String, SqlError> {
    let version = manifest.version.ok_or(SqlError::Staged)?.as_str();
    let dataset: String = manifest.dataset.as_str().chars().take(MAX_DATASET).collect();
    let id: String =
        manifest.snapshot_id.to_string().chars().filter(char::is_ascii_hexdigit).take(8).collect();
    let period = manifest.period.to_string().to_ascii_lowercase().replace('-', "_");
    checked(&format!("ev_{dataset}_{period}_{version}_{id}"))
}

/// A name that every database takes as it is.
pub(super) fn checked(name: &str) -> Result<String, SqlError> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(plain) {
        return Err(SqlError::Name(name.to_owned()));
    }
    Ok(name.to_owned())
}

/// A weight for each person, which only the node knows how to make.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weight {
    times: i64,
    plus: i64,
}

impl Weight {
    pub(super) fn new(key: &NodeKey, name: &str, column: &ColumnId) -> Self {
        let made = key.hmac(WEIGHTS, format!("{name}\0{column}").as_bytes());
        let number = |bytes: &[u8]| bytes.iter().fold(0, |n: i64, b| n << 8 | i64::from(*b));
        let bytes = made.as_bytes();
        Self { times: 1 + number(&bytes[..4]) % (PRIME - 1), plus: number(&bytes[4..8]) % PRIME }
    }

    /// The weight of a person: 1 to the prime.
    pub(super) fn of(self, person: u32) -> i64 {
        (i64::from(person) * self.times + self.plus) % PRIME + 1
    }

    fn sql(self, column: &str) -> String {
        let Self { times, plus } = self;
        format!(
            "CAST(sum(CAST({column} AS BIGINT) * ((CAST({PERSON} AS BIGINT) * {times} + {plus}) % {PRIME} + 1)) AS BIGINT)"
        )
    }
}

/// Opens the partition of an extract, after checking that this node described it so, that its rows are those that
/// were written, and on PostgreSQL that the role that reads it can do nothing else with it. Takes one pass over the
/// rows.
///
/// # Errors
/// [`SqlError`].
pub async fn open(
    database: &Database,
    manifest: &Manifest,
    key: &NodeKey,
) -> Result<Partition, SqlError> {
    let name = name_of(manifest)?;
    let mut reading = database.read().await?;
    let found = described(&mut reading, &name).await?;
    let Some((text, seal)) = found else { return Err(SqlError::Absent(name)) };
    let foreign = || SqlError::Authenticity(name.clone());
    if key.hmac(CONTEXT, text.as_bytes()).to_string() != seal {
        return Err(foreign());
    }
    let description: Description = serde_json::from_str(&text).map_err(SqlError::Description)?;
    let own = description.format == FORMAT && description.name == name;
    if !own || description.snapshot != *manifest {
        return Err(foreign());
    }
    if reading.is_postgres() {
        let table = quoted(&name);
        let may = format!(
            "SELECT CAST(CAST(has_table_privilege('{table}', 'INSERT, UPDATE, DELETE, TRUNCATE') AS INTEGER) AS BIGINT)"
        );
        if reading.numbers(&may).await? != [[Some(0)]] {
            return Err(SqlError::Writable(name));
        }
    }
    if check(&mut reading, &description, key).await? != description.check {
        return Err(SqlError::Changed(name));
    }
    Ok(Partition(description))
}

/// The description of a partition and its seal, if there is one.
async fn described(
    reading: &mut Reading,
    name: &str,
) -> Result<Option<(String, String)>, SqlError> {
    let sql = format!("SELECT described, seal FROM {REGISTER} WHERE name = '{name}'");
    let mut rows = reading.texts(&sql).await?;
    Ok(rows
        .pop()
        .and_then(|row| <[String; 2]>::try_from(row).ok())
        .map(|[text, seal]| (text, seal)))
}

/// The sums over a table that its description holds.
async fn check(
    reading: &mut Reading,
    description: &Description,
    key: &NodeKey,
) -> Result<Vec<i64>, SqlError> {
    let mut sums = vec!["count(*)".to_owned(), format!("CAST(sum({PERSON}) AS BIGINT)")];
    let columns = description.columns.iter().map(|c| &c.id).chain(&description.measures);
    for id in columns {
        sums.push(Weight::new(key, &description.name, id).sql(&quoted(id.as_str())));
    }
    let by = if description.spread { format!(" GROUP BY {SHARD}") } else { String::new() };
    let sql = format!("SELECT {} FROM {}{by}", sums.join(", "), quoted(&description.name));
    let mut total = vec![0_i64; sums.len()];
    for row in reading.numbers(&sql).await? {
        for (total, sum) in total.iter_mut().zip(row) {
            *total = total.wrapping_add(sum.unwrap_or_default());
        }
    }
    Ok(total)
}
