//! What was planted: exact counts by deprivation quintile and ethnic group, kept while rows were drawn.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use evensum_core::model::{CategoryId, IdError};
use serde::{Deserialize, Serialize};

/// Categories of `imd.quintile` that occur.
pub(super) const QUINTILES: [&str; 7] = ["q1", "q2", "q3", "q4", "q5", "unknown", "not_applicable"];
/// Categories of `ethnicity.group` that occur.
pub(super) const GROUPS: [&str; 7] =
    ["white", "mixed", "asian", "black", "other", "not_stated", "unknown"];

/// Pathways of one cell: all of them, and those that wait longer than so many weeks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Every pathway.
    pub all: u64,
    /// More than 18 weeks (126 days).
    pub over18: u64,
    /// More than 52 weeks (364 days).
    pub over52: u64,
    /// More than 65 weeks (455 days).
    pub over65: u64,
    /// More than 78 weeks (546 days).
    pub over78: u64,
    /// More than 104 weeks (728 days).
    pub over104: u64,
}

impl Counts {
    pub(super) fn of_wait(days: u64) -> Self {
        let over = |weeks: u64| u64::from(days > weeks * 7);
        Self {
            all: 1,
            over18: over(18),
            over52: over(52),
            over65: over(65),
            over78: over(78),
            over104: over(104),
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.all += other.all;
        self.over18 += other.over18;
        self.over52 += other.over52;
        self.over65 += other.over65;
        self.over78 += other.over78;
        self.over104 += other.over104;
    }
}

/// Appointments of one cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppointmentCounts {
    /// Every appointment whose outcome is known.
    pub all: u64,
    /// Those that were not cancelled.
    pub expected: u64,
    /// Those that were not attended.
    pub dna: u64,
    /// Cancelled by the patient.
    pub cancelled_by_patient: u64,
    /// Cancelled by the provider.
    pub cancelled_by_provider: u64,
}

impl AddAssign for AppointmentCounts {
    fn add_assign(&mut self, other: Self) {
        self.all += other.all;
        self.expected += other.expected;
        self.dna += other.dna;
        self.cancelled_by_patient += other.cancelled_by_patient;
        self.cancelled_by_provider += other.cancelled_by_provider;
    }
}

/// Attendances of one cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttendanceCounts {
    /// Every attendance.
    pub all: u64,
    /// Over 4 hours (240 minutes).
    pub over4h: u64,
    /// Over 12 hours (720 minutes).
    pub over12h: u64,
    /// Those that ended with the person leaving before treatment.
    pub left: u64,
}

impl AddAssign for AttendanceCounts {
    fn add_assign(&mut self, other: Self) {
        self.all += other.all;
        self.over4h += other.over4h;
        self.over12h += other.over12h;
        self.left += other.left;
    }
}

/// What a cell of a truth holds.
pub trait Planted: Copy + Default + AddAssign {}

impl<C: Copy + Default + AddAssign> Planted for C {}

/// Counts while rows are drawn, by position in [`QUINTILES`] and [`GROUPS`].
#[derive(Default)]
pub(super) struct Counting<C>([[C; 7]; 7]);

impl<C: Planted> Counting<C> {
    pub(super) fn record(&mut self, quintile: usize, group: usize, counts: C) {
        self.0[quintile][group] += counts;
    }

    /// The cells with their margins.
    pub(super) fn finish(&self) -> Result<Truth<C>, IdError> {
        let mut truth = Truth::default();
        for (quintile, row) in QUINTILES.into_iter().zip(&self.0) {
            for (group, counts) in GROUPS.into_iter().zip(row) {
                for imd in [CategoryId::new(quintile)?, CategoryId::all()] {
                    for ethnicity in [CategoryId::new(group)?, CategoryId::all()] {
                        *truth.cells.entry((imd.clone(), ethnicity)).or_default() += *counts;
                    }
                }
            }
        }
        Ok(truth)
    }
}

/// The planted counts of people who live in the home board, by deprivation quintile and ethnic group, the
/// margin `all` on both. What is counted depends on the dataset. JSON: a list of cells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    from = "Vec<Cell<C>>",
    into = "Vec<Cell<C>>",
    bound(serialize = "C: Planted + Serialize", deserialize = "C: Planted + Deserialize<'de>")
)]
pub struct Truth<C = Counts> {
    cells: BTreeMap<(CategoryId, CategoryId), C>,
}

impl<C> Default for Truth<C> {
    fn default() -> Self {
        Self { cells: BTreeMap::new() }
    }
}

#[derive(Serialize, Deserialize)]
struct Cell<C> {
    imd: CategoryId,
    ethnicity: CategoryId,
    #[serde(flatten)]
    counts: C,
}

impl<C: Planted> Truth<C> {
    /// The counts of a category of `imd.quintile` (or `all`) and one of `ethnicity.group` (or `all`);
    /// zeros where nobody was planted.
    #[must_use]
    pub fn at(&self, imd: &CategoryId, ethnicity: &CategoryId) -> C {
        self.cells.get(&(imd.clone(), ethnicity.clone())).copied().unwrap_or_default()
    }

    /// All cells, margins included.
    #[must_use]
    pub fn cells(&self) -> &BTreeMap<(CategoryId, CategoryId), C> {
        &self.cells
    }

    /// Adds another partner's counts.
    pub fn add(&mut self, other: &Self) {
        for (at, counts) in &other.cells {
            *self.cells.entry(at.clone()).or_default() += *counts;
        }
    }
}

impl<C: Planted> From<Vec<Cell<C>>> for Truth<C> {
    fn from(cells: Vec<Cell<C>>) -> Self {
        let mut truth = Self::default();
        for cell in cells {
            *truth.cells.entry((cell.imd, cell.ethnicity)).or_default() += cell.counts;
        }
        truth
    }
}

impl<C> From<Truth<C>> for Vec<Cell<C>> {
    fn from(truth: Truth<C>) -> Self {
        let cells = truth.cells.into_iter();
        cells.map(|((imd, ethnicity), counts)| Cell { imd, ethnicity, counts }).collect()
    }
}
