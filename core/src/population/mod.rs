//! Populations that rates are made with: people of areas by deprivation, age, sex and ethnic group; and the
//! share of residents' care by provider. They are published elsewhere and never federated.

mod catchment;
mod table;

pub use catchment::{Catchment, CatchmentRow, CatchmentRule, CatchmentSize};
pub use table::{PopulationHead, PopulationRow, PopulationRule, PopulationTable, Slice};

use std::fmt;

/// What the areas of a population are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AreaKind {
    /// Integrated care boards, by ODS code.
    Icb,
    /// Sub-locations of integrated care boards, by ODS code.
    SubIcb,
    /// Local authority districts, by the code of the Office for National Statistics.
    LocalAuthority,
    /// Countries, by the code of the Office for National Statistics.
    Country,
}

impl AreaKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Icb, Self::SubIcb, Self::LocalAuthority, Self::Country];

    /// Its name in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Icb => "icb",
            Self::SubIcb => "sub_icb",
            Self::LocalAuthority => "local_authority",
            Self::Country => "country",
        }
    }

    /// Its name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Icb => "integrated care board",
            Self::SubIcb => "sub-location of an integrated care board",
            Self::LocalAuthority => "local authority",
            Self::Country => "country",
        }
    }
}

/// One of the five ethnic groups; which categories they hold depends on the [`Grouping`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EthnicGroup {
    /// White.
    White,
    /// Mixed or multiple.
    Mixed,
    /// Asian.
    Asian,
    /// Black.
    Black,
    /// Any other.
    Other,
}

impl EthnicGroup {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::White, Self::Mixed, Self::Asian, Self::Black, Self::Other];

    /// Its id, as the catalogue has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::White => "white",
            Self::Mixed => "mixed",
            Self::Asian => "asian",
            Self::Black => "black",
            Self::Other => "other",
        }
    }
}

/// Which five groups: they differ in where Chinese people are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grouping {
    /// Of the census of 2001: Chinese among other ethnic groups.
    Five2001,
    /// Of the census of 2021: Chinese among Asian groups.
    FiveCensus2021,
}

impl Grouping {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Five2001, Self::FiveCensus2021];

    /// Its name in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Five2001 => "five_2001",
            Self::FiveCensus2021 => "five_census2021",
        }
    }

    /// The 18 codes' letters of a group.
    #[must_use]
    pub const fn codes(self, group: EthnicGroup) -> &'static str {
        match (group, self) {
            (EthnicGroup::White, _) => "ABC",
            (EthnicGroup::Mixed, _) => "DEFG",
            (EthnicGroup::Black, _) => "MNP",
            (EthnicGroup::Asian, Self::Five2001) => "HJKL",
            (EthnicGroup::Asian, Self::FiveCensus2021) => "HJKLR",
            (EthnicGroup::Other, Self::Five2001) => "RS",
            (EthnicGroup::Other, Self::FiveCensus2021) => "S",
        }
    }
}

impl fmt::Display for Grouping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Five2001 => "the five ethnic groups of 2001, with Chinese among the other groups",
            Self::FiveCensus2021 => {
                "the five ethnic groups of the census of 2021, with Chinese among the Asian groups"
            }
        })
    }
}

/// Sex, as populations have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sex {
    /// Female.
    Female,
    /// Male.
    Male,
}

impl Sex {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Female, Self::Male];

    /// Its id, as the catalogue has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
        }
    }
}

/// Ages in completed years, both ends in it; without an upper end, everybody from there on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgeBand {
    from: u8,
    to: Option<u8>,
}

impl AgeBand {
    /// Everybody.
    pub const EVERYBODY: Self = Self { from: 0, to: None };

    /// A band; `None` where it ends before it begins.
    #[must_use]
    pub fn new(from: u8, to: Option<u8>) -> Option<Self> {
        to.is_none_or(|to| from <= to).then_some(Self { from, to })
    }

    /// The least age.
    #[must_use]
    pub const fn from(self) -> u8 {
        self.from
    }

    /// The greatest age, where there is one.
    #[must_use]
    pub const fn to(self) -> Option<u8> {
        self.to
    }

    fn end(self) -> u16 {
        self.to.map_or(u16::MAX, u16::from)
    }

    /// Whether every age of this band is in the other.
    #[must_use]
    pub fn within(self, other: Self) -> bool {
        other.from <= self.from && self.end() <= other.end()
    }

    /// Whether the two have an age in common.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        u16::from(self.from) <= other.end() && u16::from(other.from) <= self.end()
    }

    /// Whether a list of bands, none of which overlap, has some that make up this one exactly.
    #[must_use]
    pub fn is_made_of(self, bands: &[Self]) -> bool {
        let mut inside: Vec<Self> = bands.iter().copied().filter(|b| b.overlaps(self)).collect();
        inside.sort_unstable();
        let mut next = u16::from(self.from);
        for band in inside {
            if u16::from(band.from) != next || !band.within(self) {
                return false;
            }
            next = band.end().saturating_add(1);
        }
        next == self.end().saturating_add(1)
    }
}

impl fmt::Display for AgeBand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to {
            Some(to) if to == self.from => write!(f, "{to}"),
            Some(to) => write!(f, "{} to {to}", self.from),
            None => write!(f, "{} and over", self.from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(from: u8, to: u8) -> AgeBand {
        AgeBand::new(from, Some(to)).expect("a band")
    }

    #[test]
    fn bands_are_made_of_others_exactly_or_not_at_all() {
        let fives: Vec<AgeBand> =
            (0..18).map(|n| band(n * 5, n * 5 + 4)).chain(AgeBand::new(90, None)).collect();
        assert!(AgeBand::EVERYBODY.is_made_of(&fives));
        assert!(band(0, 14).is_made_of(&fives));
        assert!(AgeBand::new(85, None).expect("a band").is_made_of(&fives));
        assert!(!band(0, 17).is_made_of(&fives), "15 to 19 lies across its end");
        assert!(!band(18, 24).is_made_of(&fives));
        assert!(!AgeBand::EVERYBODY.is_made_of(&fives[..18]), "nobody from 90 on");
        assert!(!AgeBand::EVERYBODY.is_made_of(&fives[1..]), "nobody below 5");
        assert!(!band(0, 14).is_made_of(&[fives[0], fives[2]]), "a gap");
        assert!(!band(0, 14).is_made_of(&[]));
        assert!(AgeBand::new(5, Some(4)).is_none());
    }

    #[test]
    fn each_grouping_holds_each_of_the_sixteen_codes_once() {
        for grouping in Grouping::ALL {
            let mut codes: Vec<char> =
                EthnicGroup::ALL.iter().flat_map(|g| grouping.codes(*g).chars()).collect();
            codes.sort_unstable();
            assert_eq!(codes.iter().collect::<String>(), "ABCDEFGHJKLMNPRS");
        }
    }
}
