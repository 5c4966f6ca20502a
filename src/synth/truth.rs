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

/// What a cell of a truth holds.
pub trait Planted: Copy + Default + AddAssign {
    /// Its counts under the names of the catalogue's roll-ups, every row as `all`.
    fn named(&self) -> Vec<(&'static str, u64)>;
}

/// Counts of a dataset's cells, whose fields have the names of its roll-ups in the catalogue.
macro_rules! counts {
    ($(#[$says:meta])* $name:ident { $($(#[$of:meta])* $count:ident,)+ }) => {
        $(#[$says])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$of])* pub $count: u64,)+
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                $(self.$count += other.$count;)+
            }
        }

        impl Planted for $name {
            fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($count), self.$count)),+]
            }
        }
    };
}

counts! {
    /// Pathways of one cell: all of them, and those that wait longer than so many weeks.
    Counts {
        /// Every pathway.
        all,
        /// At most 18 weeks (126 days).
        within18,
        /// More than 18 weeks (126 days).
        over18,
        /// More than 52 weeks (364 days).
        over52,
        /// More than 65 weeks (455 days).
        over65,
        /// More than 78 weeks (546 days).
        over78,
        /// More than 104 weeks (728 days).
        over104,
    }
}

impl Counts {
    pub(super) fn of_wait(days: u64) -> Self {
        let over = |weeks: u64| u64::from(days > weeks * 7);
        Self {
            all: 1,
            within18: 1 - over(18),
            over18: over(18),
            over52: over(52),
            over65: over(65),
            over78: over(78),
            over104: over(104),
        }
    }
}

counts! {
    /// Appointments of one cell.
    AppointmentCounts {
        /// Every appointment whose outcome is known.
        all,
        /// Those that were not cancelled.
        expected,
        /// Those that were attended.
        attended,
        /// Those that were not attended.
        dna,
        /// Cancelled by the patient.
        cancelled_by_patient,
        /// Cancelled by the provider.
        cancelled_by_provider,
    }
}

counts! {
    /// Attendances of one cell.
    AttendanceCounts {
        /// Every attendance.
        all,
        /// At most 4 hours (240 minutes).
        within4h,
        /// Over 4 hours (240 minutes).
        over4h,
        /// Over 12 hours (720 minutes).
        over12h,
        /// Those that ended with the person leaving before treatment.
        left,
    }
}

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

    /// The same counts by their names, for whoever takes every dataset alike.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let named = |counts: &C| counts.named().into_iter().collect();
        Figures(self.cells.iter().map(|(at, counts)| (at.clone(), named(counts))).collect())
    }
}

/// What was planted in extracts of any one dataset, by the names of the catalogue's roll-ups. JSON: the list
/// that a [`Truth`] is read from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(into = "Vec<Cell<NamedCounts>>")]
pub struct Figures(BTreeMap<(CategoryId, CategoryId), NamedCounts>);

type NamedCounts = BTreeMap<&'static str, u64>;

impl Figures {
    /// The count of a roll-up (or `all`) in a category of `imd.quintile` (or `all`) and one of
    /// `ethnicity.group` (or `all`): zero where nobody was planted, none where nothing was counted under
    /// that name.
    #[must_use]
    pub fn at(&self, imd: &CategoryId, ethnicity: &CategoryId, rollup: &CategoryId) -> Option<u64> {
        match self.0.get(&(imd.clone(), ethnicity.clone())) {
            Some(counts) => counts.get(rollup.as_str()).copied(),
            None => Some(0),
        }
    }

    /// Adds another partner's counts of the same dataset.
    pub fn add(&mut self, other: &Self) {
        for (at, counts) in &other.0 {
            let sums = self.0.entry(at.clone()).or_default();
            for (name, count) in counts {
                *sums.entry(name).or_default() += count;
            }
        }
    }
}

impl From<Figures> for Vec<Cell<NamedCounts>> {
    fn from(figures: Figures) -> Self {
        let cells = figures.0.into_iter();
        cells.map(|((imd, ethnicity), counts)| Cell { imd, ethnicity, counts }).collect()
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
