//! What a partner's patients and records are like.

use evensum_core::model::Ods;

/// The most rows of one synthetic extract: there are no more invented patient numbers.
pub const MAX_ROWS: u32 = 10_000_000;

/// The codes of known ethnic categories, in the order of a mix.
pub const ETHNIC_CODES: [char; 16] =
    ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'L', 'M', 'N', 'P', 'R', 'S'];

/// What a partner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A hospital trust.
    Acute,
    /// A community trust.
    Community,
    /// An independent-sector provider.
    Independent,
}

/// How a partner's system writes dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateStyle {
    /// `2026-10-31`.
    Iso,
    /// `31/10/2026`.
    DayFirst,
}

impl DateStyle {
    /// As a mapping file names it.
    pub(super) fn pattern(self) -> &'static str {
        match self {
            Self::Iso => "%Y-%m-%d",
            Self::DayFirst => "%d/%m/%Y",
        }
    }
}

/// How often the ethnic category is no known one, each in rows of ten thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownEthnicity {
    /// Asked and declined: `Z`.
    pub not_stated: u32,
    /// Coded as not known: `99`.
    pub not_known: u32,
    /// Left blank.
    pub blank: u32,
}

/// Why there is no such partner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// None, or more than [`MAX_ROWS`].
    #[error("a synthetic extract has 1 to {MAX_ROWS} rows")]
    Rows,
}

/// A partner: [`PartnerProfile::new`] gives one that is usual for its kind, the other methods change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartnerProfile {
    pub(super) ods: Ods,
    pub(super) rows: u32,
    pub(super) kind: Kind,
    pub(super) dates: DateStyle,
    pub(super) deprivation_skew: i8,
    pub(super) ethnic_mix: [u32; 16],
    pub(super) unknown: UnknownEthnicity,
    pub(super) local_codes: u32,
}

/// Weights out of about ten thousand, in the order of [`ETHNIC_CODES`].
const ACUTE_MIX: [u32; 16] =
    [7_900, 80, 480, 25, 12, 20, 28, 380, 300, 90, 140, 110, 210, 60, 60, 105];
const COMMUNITY_MIX: [u32; 16] =
    [8_330, 70, 420, 7, 5, 6, 8, 330, 290, 80, 110, 100, 170, 45, 10, 13];
const INDEPENDENT_MIX: [u32; 16] = [8_760, 90, 450, 4, 2, 4, 5, 260, 120, 40, 80, 60, 80, 20, 5, 6];

impl PartnerProfile {
    /// A partner that is usual for its kind.
    ///
    /// # Errors
    /// [`ProfileError::Rows`].
    pub fn new(ods: Ods, rows: u32, kind: Kind) -> Result<Self, ProfileError> {
        if rows == 0 || rows > MAX_ROWS {
            return Err(ProfileError::Rows);
        }
        let (ethnic_mix, deprivation_skew) = match kind {
            Kind::Acute => (ACUTE_MIX, 15),
            Kind::Community => (COMMUNITY_MIX, 30),
            Kind::Independent => (INDEPENDENT_MIX, -30),
        };
        Ok(Self {
            ods,
            rows,
            kind,
            dates: DateStyle::Iso,
            deprivation_skew,
            ethnic_mix,
            unknown: UnknownEthnicity { not_stated: 300, not_known: 150, blank: 150 },
            local_codes: 0,
        })
    }

    /// Writes dates in this style.
    #[must_use]
    pub fn with_dates(self, dates: DateStyle) -> Self {
        Self { dates, ..self }
    }

    /// From -90 (patients mostly from the least deprived areas) to 90 (mostly from the most deprived);
    /// beyond, the nearer end.
    #[must_use]
    pub fn with_deprivation_skew(self, skew: i8) -> Self {
        Self { deprivation_skew: skew.clamp(-90, 90), ..self }
    }

    /// How often the ethnic category is no known one.
    #[must_use]
    pub fn with_unknown_ethnicity(self, unknown: UnknownEthnicity) -> Self {
        Self { unknown, ..self }
    }

    /// How many of ten thousand known ethnic categories carry a local second character, as in `A1`.
    #[must_use]
    pub fn with_local_codes(self, local_codes: u32) -> Self {
        Self { local_codes, ..self }
    }

    /// Its code.
    #[must_use]
    pub fn ods(&self) -> &Ods {
        &self.ods
    }

    /// Rows of its extract.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.rows
    }
}
