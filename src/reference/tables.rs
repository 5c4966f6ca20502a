//! The tables in memory: dense arrays over the numbers of LSOA codes, so that a lookup is one read.

use std::collections::BTreeMap;

use evensum_core::model::Ods;

use super::lsoa::LsoaCode;

/// Deprivation deciles by LSOA.
#[derive(Clone, PartialEq, Eq)]
pub struct ImdTable {
    deciles: Vec<u8>,
    rows: u32,
}

impl ImdTable {
    pub(super) fn new(rows: &[ImdRow]) -> Self {
        let mut deciles = Vec::new();
        for row in rows {
            place(&mut deciles, row.lsoa, row.decile);
        }
        Self { deciles, rows: u32::try_from(rows.len()).unwrap_or(u32::MAX) }
    }

    /// The decile of an area, 1 the most deprived; `None` for an area that the edition has not.
    #[must_use]
    pub fn decile(&self, lsoa: LsoaCode) -> Option<u8> {
        at(&self.deciles, lsoa).filter(|d| *d != 0)
    }

    /// How many areas it has.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.rows
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }
}

impl std::fmt::Debug for ImdTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ImdTable({} areas)", self.rows)
    }
}

/// Integrated care boards by LSOA.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct IcbTable {
    boards: Vec<Ods>,
    /// Position in `boards` plus one; nought where the area is not in the table.
    positions: Vec<u16>,
}

impl IcbTable {
    pub(super) fn new(rows: &[IcbRow]) -> Self {
        let mut boards = Vec::new();
        let mut known: BTreeMap<&Ods, u16> = BTreeMap::new();
        let mut positions = Vec::new();
        for row in rows {
            let position = *known.entry(&row.icb).or_insert_with(|| {
                boards.push(row.icb.clone());
                u16::try_from(boards.len()).unwrap_or(0)
            });
            place(&mut positions, row.lsoa, position);
        }
        Self { boards, positions }
    }

    pub(super) fn of(&self, lsoa: LsoaCode) -> Option<&Ods> {
        let position = at(&self.positions, lsoa)?.checked_sub(1)?;
        self.boards.get(usize::from(position))
    }

    /// Every area with its board.
    pub(super) fn iter(&self) -> impl Iterator<Item = (LsoaCode, &Ods)> {
        let numbers = 0..u32::try_from(self.positions.len()).unwrap_or(u32::MAX);
        let codes = numbers.filter_map(LsoaCode::numbered);
        codes.filter_map(|code| self.of(code).map(|board| (code, board)))
    }
}

impl std::fmt::Debug for IcbTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IcbTable({} boards)", self.boards.len())
    }
}

/// A row of a deprivation file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ImdRow {
    pub(super) lsoa: LsoaCode,
    pub(super) rank: u32,
    pub(super) decile: u8,
}

/// A row of a lookup of boards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IcbRow {
    pub(super) lsoa: LsoaCode,
    pub(super) icb: Ods,
}

fn index(lsoa: LsoaCode) -> usize {
    usize::try_from(lsoa.number()).unwrap_or(usize::MAX)
}

fn place<T: Copy + Default>(values: &mut Vec<T>, lsoa: LsoaCode, value: T) {
    let index = index(lsoa);
    if values.len() <= index {
        values.resize(index + 1, T::default());
    }
    values[index] = value;
}

fn at<T: Copy>(values: &[T], lsoa: LsoaCode) -> Option<T> {
    values.get(index(lsoa)).copied()
}
