//! Where invented people live: real small areas of a board, or invented ones.

use std::io::{self, Write};

use evensum_core::model::{ImdEdition, Ods};

use super::super::draw::Draw;
use super::super::geography::{Geography, HOME_ICB};

/// A small area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its LSOA code.
    pub code: String,
    /// Its deprivation decile, 1 the most deprived.
    pub decile: u8,
    /// Its integrated care board.
    pub board: Ods,
}

/// Why there is nowhere to live.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlacesError {
    /// No small area of the board.
    #[error("there is no small area of the board {0} with a deprivation decile")]
    NoArea(Ods),
    /// A decile outside 1 to 10.
    #[error("the small areas have a decile that is not between 1 and 10")]
    Decile,
}

/// The small areas of a board, and some of others.
#[derive(Debug, Clone)]
pub struct Places {
    board: Ods,
    edition: ImdEdition,
    home: Vec<Place>,
    elsewhere: Vec<Place>,
}

impl Places {
    /// Small areas with deciles of an edition; those of `board` are home, the others lie elsewhere.
    ///
    /// # Errors
    /// [`PlacesError`].
    pub fn new(
        board: Ods,
        edition: ImdEdition,
        areas: impl IntoIterator<Item = Place>,
    ) -> Result<Self, PlacesError> {
        let (home, elsewhere): (Vec<Place>, Vec<Place>) =
            areas.into_iter().partition(|place| place.board == board);
        if home.iter().chain(&elsewhere).any(|place| !(1..=10).contains(&place.decile)) {
            return Err(PlacesError::Decile);
        }
        if home.is_empty() {
            return Err(PlacesError::NoArea(board));
        }
        Ok(Self { board, edition, home, elsewhere })
    }

    /// The invented places of a seed, their own board under the name of `board`.
    ///
    /// # Errors
    /// [`PlacesError`].
    pub fn invented(board: Ods, geography: &Geography) -> Result<Self, PlacesError> {
        let place = |area: &super::super::geography::Area| {
            let own = || board.clone();
            let named = if area.icb() == HOME_ICB { None } else { Ods::new(area.icb()).ok() };
            Place { code: area.code.clone(), decile: area.decile, board: named.unwrap_or_else(own) }
        };
        let areas: Vec<Place> = geography.areas().iter().map(place).collect();
        Self::new(board, ImdEdition::Imd2025, areas)
    }

    /// The board.
    #[must_use]
    pub const fn board(&self) -> &Ods {
        &self.board
    }

    /// The edition of the deciles.
    #[must_use]
    pub const fn edition(&self) -> ImdEdition {
        self.edition
    }

    /// How many areas the board has here.
    #[must_use]
    pub fn len(&self) -> usize {
        self.home.len()
    }

    /// Whether it has none; never.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.home.is_empty()
    }

    /// Writes the board of every area, in the columns of the lookup from LSOAs to boards.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_lookup(&self, writer: &mut impl Write) -> io::Result<()> {
        let vintage = self.edition.lsoa_vintage() % 100;
        writeln!(writer, "lsoa{vintage}cd,icb_ods")?;
        let all = self.home.iter().chain(&self.elsewhere);
        all.into_iter().try_for_each(|place| writeln!(writer, "{},{}", place.code, place.board))
    }

    /// Somewhere to live: mostly at home, and in deprived areas more often than in others.
    pub(super) fn pick(&self, draw: &mut Draw) -> &Place {
        let list = if !self.elsewhere.is_empty() && draw.chance(80_000) {
            &self.elsewhere
        } else {
            &self.home
        };
        let one = |draw: &mut Draw| {
            let at = usize::try_from(draw.below(list.len() as u64)).unwrap_or_default();
            &list[at]
        };
        // Of two that are drawn, the more deprived one in six cases of ten.
        let (first, second) = (one(draw), one(draw));
        let (more, less) =
            if first.decile <= second.decile { (first, second) } else { (second, first) };
        if draw.chance(600_000) { more } else { less }
    }
}
