//! An invented integrated care board, its neighbour, and their small areas with deprivation ranks, in the
//! files that official ones come in.

use std::io::{self, Write};

use super::draw::Draw;

/// The invented integrated care board whose residents are counted.
pub const HOME_ICB: &str = "QZ1";
/// The invented board next to it.
pub const NEIGHBOUR_ICB: &str = "QZ2";
/// Small areas of both.
pub const AREAS: u32 = 600;

const HOME_AREAS: u32 = 420;
/// Real codes of 2011 and 2021 stay below E01036000.
const FIRST_CODE: u32 = 1_900_001;

/// A small area (LSOA).
pub(super) struct Area {
    pub(super) code: String,
    pub(super) home: bool,
    /// 1 is the most deprived of [`AREAS`].
    pub(super) rank: u32,
    /// 1 is the most deprived tenth.
    pub(super) decile: u8,
    pub(super) residents: u64,
}

impl Area {
    pub(super) fn icb(&self) -> &'static str {
        if self.home { HOME_ICB } else { NEIGHBOUR_ICB }
    }
}

/// The invented places.
pub struct Geography {
    areas: Vec<Area>,
    seed: u64,
}

impl Geography {
    /// Invents the places of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut draw = Draw::new(seed, "geography");
        let mut ranks: Vec<u32> = (1..=AREAS).collect();
        for last in (1..ranks.len()).rev() {
            let other = usize::try_from(draw.below(last as u64 + 1)).unwrap_or_default();
            ranks.swap(last, other);
        }
        let areas = (0..)
            .zip(ranks)
            .map(|(i, rank)| Area {
                code: format!("E0{}", FIRST_CODE + i),
                home: i < HOME_AREAS,
                rank,
                decile: u8::try_from((rank * 10).div_ceil(AREAS)).unwrap_or(10),
                residents: 1_100 + draw.below(1_200),
            })
            .collect();
        Self { areas, seed }
    }

    pub(super) fn areas(&self) -> &[Area] {
        &self.areas
    }

    /// Writes score, rank and deciles of every area, in the columns of the index of 2025 on LSOAs of
    /// 2021.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_imd(&self, writer: &mut impl Write) -> io::Result<()> {
        writeln!(
            writer,
            "\"lsoa21cd\",\"imd_score\",\"imd_rank\",\"imd_decile\",\"imd_quintile\",\
             \"income_decile\",\"employment_decile\",\"education_decile\",\"health_decile\",\
             \"crime_decile\",\"housing_decile\",\"environment_decile\""
        )?;
        let mut draw = Draw::new(self.seed, "domains");
        for area in &self.areas {
            let score = 800 + (AREAS - area.rank) * 85_000 / AREAS;
            write!(writer, "\"{}\",{}.{:03},", area.code, score / 1_000, score % 1_000)?;
            write!(writer, "{},{},{}", area.rank, area.decile, area.decile.div_ceil(2))?;
            for _domain in 0..7 {
                let decile = u64::from(area.decile) + draw.below(3);
                write!(writer, ",{}", decile.saturating_sub(1).clamp(1, 10))?;
            }
            writeln!(writer)?;
        }
        Ok(())
    }

    /// Writes the board of every area, in the columns of the lookup from LSOAs of 2021 to boards of 2024.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_lookup(&self, writer: &mut impl Write) -> io::Result<()> {
        writeln!(writer, "\"lsoa21cd\",\"sicbl_ods\",\"sicbl24cd\",\"icb_ods\",\"icb24cd\"")?;
        for area in &self.areas {
            let number = if area.home { 1 } else { 2 };
            writeln!(
                writer,
                "\"{}\",\"Z{number}A\",\"E3890000{number}\",\"{}\",\"E5490000{number}\"",
                area.code,
                area.icb()
            )?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Geography {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Geography(seed {})", self.seed)
    }
}
