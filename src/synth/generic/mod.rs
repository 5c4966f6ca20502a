//! A partner's raw extract of any dataset of the catalogue, as its own system would write it, with the mapping that reads
//! it and the truth about it.

mod columns;
mod person;
mod places;
mod rows;
mod shares;
mod solve;
mod texts;

use std::collections::BTreeMap;
use std::io::{self, Write};

use evensum_core::catalogue::{Catalogue, Dataset, Dimension, PeriodKind};
use evensum_core::model::{CategoryId, ColumnId, DatasetId, Ods, Period};
use serde::Serialize;

pub use places::{Place, Places, PlacesError};

use super::profile::{Kind, PartnerProfile, ProfileError};
use rows::Rows;
use shares::Share;
use solve::Solved;

/// Rows between two reports of progress.
const PROGRESS_ROWS: u64 = 10_000;

/// Which of the optional columns an extract has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// Those that most trusts have: the dataset's own characteristics, and three that are yes or no.
    Usual,
    /// All.
    All,
}

/// What extract is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The dataset.
    pub dataset: &'a Dataset,
    /// The catalogue that it stands in.
    pub catalogue: &'a Catalogue,
    /// Where people live.
    pub places: &'a Places,
    /// The partner that provides the care.
    pub provider: &'a Ods,
    /// The period.
    pub period: Period,
    /// Rows, those that a load leaves out among them.
    pub rows: u32,
    /// What everything follows from.
    pub seed: u64,
    /// The columns.
    pub columns: Columns,
}

/// Why there is no extract.
#[derive(Debug, thiserror::Error)]
pub enum GenericError {
    /// None, or more than there are invented people.
    #[error(transparent)]
    Rows(#[from] ProfileError),
    /// A period of another kind than the dataset's.
    #[error("'{dataset}' has periods such as {example}, and {period} is none of those")]
    Period {
        /// The dataset.
        dataset: DatasetId,
        /// The period asked for.
        period: Period,
        /// One of the right kind.
        example: &'static str,
    },
    /// A band that no values of the fields lead to.
    #[error(
        "no row can fall into the band '{band}' of '{dataset}': one before it in the catalogue takes all of its rows"
    )]
    Unsolved {
        /// The dataset.
        dataset: DatasetId,
        /// The band.
        band: CategoryId,
    },
    /// What the writer says.
    #[error("the extract cannot be written")]
    Io(#[from] io::Error),
    /// What the CSV writer says.
    #[error("the extract cannot be written")]
    Csv(#[from] csv::Error),
}

/// What a load must make of a row that was written.
#[derive(Debug, Clone, Copy)]
pub struct Told<'r> {
    /// The person.
    pub person: u64,
    /// The band of the outcome.
    pub band: &'r CategoryId,
    /// The finest category of every column that the extract holds.
    pub leaves: &'r [(ColumnId, CategoryId)],
    /// The measures, the outcome's own first.
    pub measures: &'r [(ColumnId, u16)],
}

/// An extract that can be written.
pub struct GenericExtract<'a> {
    order: Order<'a>,
    dimensions: Vec<&'a Dimension>,
    solved: Option<Solved<'a>>,
    columns: Vec<columns::Column<'a>>,
}

impl std::fmt::Debug for GenericExtract<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GenericExtract({} {})", self.order.dataset.id, self.order.period)
    }
}

impl<'a> GenericExtract<'a> {
    /// Makes ready to write.
    ///
    /// # Errors
    /// [`GenericError`].
    pub fn new(order: Order<'a>) -> Result<Self, GenericError> {
        let Order { dataset, catalogue, period, .. } = order;
        let profile = PartnerProfile::new(order.provider.clone(), order.rows, Kind::Acute)?;
        if !dataset.has_period(period) {
            let example = match dataset.periods {
                PeriodKind::Month => "2026-10",
                PeriodKind::Quarter => "2026-27Q2",
                PeriodKind::Year => "2026-27",
            };
            return Err(GenericError::Period { dataset: dataset.id.clone(), period, example });
        }
        let all = catalogue.dimensions();
        let dimensions: Vec<&Dimension> =
            dataset.dimensions.iter().filter_map(|id| all.iter().find(|d| d.id == *id)).collect();
        let solved = Solved::new(dataset, order.seed)
            .map_err(|band| GenericError::Unsolved { dataset: dataset.id.clone(), band })?;
        let edition = order.places.edition();
        let columns = columns::columns(
            dataset,
            &dimensions,
            solved.as_ref(),
            &profile,
            edition,
            order.columns,
        );
        Ok(Self { order, dimensions, solved, columns })
    }

    /// The mapping that reads the extract.
    #[must_use]
    pub fn mapping(&self) -> String {
        columns::mapping(self.order.dataset, &self.columns, self.order.places.edition())
    }

    /// The names of the extract's columns.
    #[must_use]
    pub fn header(&self) -> Vec<&str> {
        self.columns.iter().map(|column| column.header.as_str()).collect()
    }

    /// Writes the extract as CSV. `progress` hears how many rows are written, every so often and at the end; `told` what
    /// a load must make of each row that it takes, in the order of the file. Memory does not grow with the rows.
    ///
    /// # Errors
    /// [`GenericError`], where the writer fails.
    pub fn write_csv(
        &self,
        writer: impl Write,
        progress: &dyn Fn(u64),
        told: &mut dyn FnMut(Told<'_>),
    ) -> Result<GenericTruth, GenericError> {
        let mut csv = csv::Writer::from_writer(writer);
        csv.write_record(self.header())?;
        let mut rows = Rows::new(self);
        let mut truth = GenericTruth::new(&self.dimensions);
        for written in 1..=u64::from(self.order.rows) {
            if let Some(row) = rows.next() {
                truth.add(&row);
                told(row);
            }
            csv.write_record(&rows.record)?;
            if written.is_multiple_of(PROGRESS_ROWS) {
                progress(written);
            }
        }
        csv.flush()?;
        progress(u64::from(self.order.rows));
        Ok(truth)
    }

    fn shares(&self) -> Vec<Share> {
        shares::shares(self.order.dataset, self.order.catalogue)
    }
}

/// Rows of an extract that a load takes, by band, deprivation quintile and ethnic group; `all` where the dataset has no
/// such characteristic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(into = "Vec<Cell>")]
pub struct GenericTruth {
    quintiles: BTreeMap<CategoryId, CategoryId>,
    groups: BTreeMap<CategoryId, CategoryId>,
    columns: [Option<ColumnId>; 2],
    rows: BTreeMap<[CategoryId; 3], u64>,
}

#[derive(Serialize)]
struct Cell {
    band: CategoryId,
    imd: CategoryId,
    ethnicity: CategoryId,
    rows: u64,
}

impl GenericTruth {
    fn new(dimensions: &[&Dimension]) -> Self {
        let of = |id: &str, level: &str| {
            let dimension = dimensions.iter().find(|d| d.id.as_str() == id);
            let level = dimension.and_then(|d| d.levels.iter().find(|l| l.id.as_str() == level));
            let members = level.into_iter().flat_map(|l| &l.categories);
            let coarse = members.flat_map(|c| c.of.iter().map(|leaf| (leaf.clone(), c.id.clone())));
            (dimension.map(|d| d.column.clone()), coarse.collect())
        };
        let (imd, quintiles) = of("imd", "imd.quintile");
        let (ethnicity, groups) = of("ethnicity", "ethnicity.group");
        Self { quintiles, groups, columns: [imd, ethnicity], rows: BTreeMap::new() }
    }

    fn add(&mut self, row: &Told<'_>) {
        let of = |column: &Option<ColumnId>, coarse: &BTreeMap<CategoryId, CategoryId>| {
            let leaf = row.leaves.iter().find(|(id, _)| Some(id) == column.as_ref());
            let found = leaf.and_then(|(_, leaf)| coarse.get(leaf));
            found.cloned().unwrap_or_else(CategoryId::all)
        };
        let [imd, ethnicity] = &self.columns;
        let at = [row.band.clone(), of(imd, &self.quintiles), of(ethnicity, &self.groups)];
        *self.rows.entry(at).or_default() += 1;
    }

    /// Rows of some bands in a category of `imd.quintile` (or `all`) and one of `ethnicity.group` (or `all`).
    #[must_use]
    pub fn count(&self, bands: &[CategoryId], imd: &CategoryId, ethnicity: &CategoryId) -> u64 {
        let is = |wanted: &CategoryId, found: &CategoryId| wanted.is_all() || wanted == found;
        let cells = self.rows.iter().filter(|([band, quintile, group], _)| {
            bands.contains(band) && is(imd, quintile) && is(ethnicity, group)
        });
        cells.map(|(_, rows)| rows).sum()
    }
}

impl From<GenericTruth> for Vec<Cell> {
    fn from(truth: GenericTruth) -> Self {
        let cells = truth.rows.into_iter();
        cells.map(|([band, imd, ethnicity], rows)| Cell { band, imd, ethnicity, rows }).collect()
    }
}
