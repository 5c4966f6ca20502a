//! Disclosure profiles for counts: which are hidden, and to what the others are rounded.

use serde::{Deserialize, Serialize};

/// What becomes of a count of zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zeros {
    /// Hidden like every other count up to the limit.
    Merged,
    /// Shown as zero.
    Shown,
}

/// A named profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Profile {
    /// 0 to 7 hidden, the rest to the nearest 5. The default.
    Nhs75m,
    /// 1 to 7 hidden, zero shown, the rest to the nearest 5: parity with official tables.
    Nhs75,
    /// 0 to 9 hidden, the rest to the nearest 5: what trusted research environments expect.
    Ons105m,
}

/// A profile that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no disclosure profile '{0}': choose nhs75m, nhs75 or ons105m")]
pub struct ProfileError(String);

impl Profile {
    /// The highest count that is hidden.
    #[must_use]
    pub const fn limit(self) -> u64 {
        match self {
            Self::Nhs75m | Self::Nhs75 => 7,
            Self::Ons105m => 9,
        }
    }

    /// The base that shown counts are rounded to.
    #[must_use]
    pub const fn base(self) -> u64 {
        5
    }

    /// Half the width of what a rounded count stands for.
    #[must_use]
    pub const fn half_width(self) -> u64 {
        (self.base() - 1) / 2
    }

    /// Whether means, percentiles and ratios of sums are released beside counts: only where counts are rounded. A
    /// rounded mean beside an exact count, or beside one with noise, would say more of the count or of the sum.
    #[must_use]
    pub const fn releases_figures(self) -> bool {
        match self {
            Self::Nhs75m | Self::Nhs75 | Self::Ons105m => true,
        }
    }

    /// What becomes of zeros.
    #[must_use]
    pub const fn zeros(self) -> Zeros {
        match self {
            Self::Nhs75m | Self::Ons105m => Zeros::Merged,
            Self::Nhs75 => Zeros::Shown,
        }
    }

    /// Whether it hides no less than another: as many counts, zeros among them, and those that it shows as coarsely.
    /// Two profiles may each hide something that the other shows; then neither is.
    #[must_use]
    pub const fn at_least(self, floor: Self) -> bool {
        let ([limit, base, zeros], [other_limit, other_base, other_zeros]) =
            (self.strength(), floor.strength());
        limit >= other_limit && base >= other_base && zeros >= other_zeros
    }

    /// The limit, the base, and whether zeros are hidden: each profile by name, so that a new one is placed here.
    const fn strength(self) -> [u64; 3] {
        match self {
            Self::Nhs75m => [7, 5, 1],
            Self::Nhs75 => [7, 5, 0],
            Self::Ons105m => [9, 5, 1],
        }
    }

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nhs75m => "nhs75m",
            Self::Nhs75 => "nhs75",
            Self::Ons105m => "ons105m",
        }
    }
}

impl TryFrom<String> for Profile {
    type Error = ProfileError;
    fn try_from(text: String) -> Result<Self, ProfileError> {
        [Self::Nhs75m, Self::Nhs75, Self::Ons105m]
            .into_iter()
            .find(|p| p.as_str() == text)
            .ok_or_else(|| ProfileError(text.chars().take(32).collect()))
    }
}

impl From<Profile> for String {
    fn from(profile: Profile) -> String {
        profile.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_that_is_at_least_another_shows_nothing_more() {
        let all = [Profile::Nhs75m, Profile::Nhs75, Profile::Ons105m];
        for profile in all {
            let [limit, base, zeros] = profile.strength();
            assert_eq!((limit, base), (profile.limit(), profile.base()), "{profile:?}");
            assert_eq!(zeros == 1, profile.zeros() == Zeros::Merged, "{profile:?}");
            assert!(profile.at_least(profile));
        }
        let stricter = |a: Profile, b| a.at_least(b) && !b.at_least(a);
        assert!(stricter(Profile::Ons105m, Profile::Nhs75m));
        assert!(stricter(Profile::Nhs75m, Profile::Nhs75));
        assert!(stricter(Profile::Ons105m, Profile::Nhs75));
    }
}
