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
    /// Every count changed at random by up to 5, the same wherever the same records are counted; 0 to 7 of the
    /// changed ones hidden, nothing rounded. Needs the extract's record keys.
    Ckm,
    /// Exact counts: 1 to 7 hidden, zero shown, and as many further counts hidden as it takes that none of those can
    /// be worked out. For a partner's or a system's own people.
    ExactCs,
}

/// A profile that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no disclosure profile '{0}': choose nhs75m, nhs75, ons105m, ckm or exact_cs")]
pub struct ProfileError(String);

impl Profile {
    /// The highest count that is hidden.
    #[must_use]
    pub const fn limit(self) -> u64 {
        match self {
            Self::Nhs75m | Self::Nhs75 | Self::Ckm | Self::ExactCs => 7,
            Self::Ons105m => 9,
        }
    }

    /// The base that shown counts are rounded to.
    #[must_use]
    pub const fn base(self) -> u64 {
        match self {
            Self::Nhs75m | Self::Nhs75 | Self::Ons105m => 5,
            Self::Ckm | Self::ExactCs => 1,
        }
    }

    /// Half the width of what a shown count stands for: how far rounding can move it, or the change at random.
    #[must_use]
    pub const fn half_width(self) -> u64 {
        match self {
            Self::Nhs75m | Self::Nhs75 | Self::Ons105m => (self.base() - 1) / 2,
            Self::Ckm => 5,
            Self::ExactCs => 0,
        }
    }

    /// The least count above zero that is ever shown.
    #[must_use]
    pub const fn least_shown(self) -> u64 {
        (self.limit() + 1 + self.base() / 2) / self.base() * self.base()
    }

    /// The greatest count that may hide behind "fewer than": where counts are changed at random, a larger one can be
    /// changed to a hidden figure.
    #[must_use]
    pub const fn most_hidden(self) -> u64 {
        match self {
            Self::Nhs75m | Self::Nhs75 | Self::Ons105m | Self::ExactCs => self.limit(),
            Self::Ckm => self.limit() + self.half_width(),
        }
    }

    /// Whether it changes counts by the keys of their records.
    #[must_use]
    pub const fn needs_record_keys(self) -> bool {
        matches!(self, Self::Ckm)
    }

    /// The most dimensions of a question, the outcome and the restriction among them, if there is a limit. The same
    /// count is the sum of so many more parts with each, whose changes at random are averaged out over them.
    #[must_use]
    pub const fn most_dimensions(self) -> Option<usize> {
        match self {
            Self::Nhs75m | Self::Nhs75 | Self::Ons105m | Self::ExactCs => None,
            Self::Ckm => Some(3),
        }
    }

    /// Whether a hidden count is marked as not above the limit, where it surely is not. Where further counts are hidden
    /// to protect those, one marker stands for both.
    #[must_use]
    pub const fn tells_small(self) -> bool {
        !matches!(self, Self::ExactCs)
    }

    /// Whether means, percentiles and ratios of sums are released beside counts: only where counts are rounded. A
    /// rounded mean beside an exact count, or beside one with noise, would say more of the count or of the sum.
    #[must_use]
    pub const fn releases_figures(self) -> bool {
        match self {
            Self::Nhs75m | Self::Nhs75 | Self::Ons105m => true,
            Self::Ckm | Self::ExactCs => false,
        }
    }

    /// What becomes of zeros.
    #[must_use]
    pub const fn zeros(self) -> Zeros {
        match self {
            Self::Nhs75m | Self::Ons105m | Self::Ckm => Zeros::Merged,
            Self::Nhs75 | Self::ExactCs => Zeros::Shown,
        }
    }

    /// Whether it hides no less than another: as many counts, zeros among them, and those that it shows as coarsely.
    /// Two profiles may each hide something that the other shows; then neither is.
    #[must_use]
    pub const fn at_least(self, floor: Self) -> bool {
        let ([limit, width, zeros], [other_limit, other_width, other_zeros]) =
            (self.strength(), floor.strength());
        limit >= other_limit && width >= other_width && zeros >= other_zeros
    }

    /// The limit, half the width of what a shown count stands for, and whether zeros are hidden: each profile by name,
    /// so that a new one is placed here.
    const fn strength(self) -> [u64; 3] {
        match self {
            Self::Nhs75m => [7, 2, 1],
            Self::Nhs75 => [7, 2, 0],
            Self::Ons105m => [9, 2, 1],
            Self::Ckm => [7, 5, 1],
            Self::ExactCs => [7, 0, 0],
        }
    }

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nhs75m => "nhs75m",
            Self::Nhs75 => "nhs75",
            Self::Ons105m => "ons105m",
            Self::Ckm => "ckm",
            Self::ExactCs => "exact_cs",
        }
    }
}

impl TryFrom<String> for Profile {
    type Error = ProfileError;
    fn try_from(text: String) -> Result<Self, ProfileError> {
        [Self::Nhs75m, Self::Nhs75, Self::Ons105m, Self::Ckm, Self::ExactCs]
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
        let all = [Profile::Nhs75m, Profile::Nhs75, Profile::Ons105m, Profile::Ckm];
        for profile in all {
            let [limit, width, zeros] = profile.strength();
            assert_eq!((limit, width), (profile.limit(), profile.half_width()), "{profile:?}");
            assert_eq!(zeros == 1, profile.zeros() == Zeros::Merged, "{profile:?}");
            assert!(profile.at_least(profile));
        }
        let stricter = |a: Profile, b| a.at_least(b) && !b.at_least(a);
        assert!(stricter(Profile::Ons105m, Profile::Nhs75m));
        assert!(stricter(Profile::Nhs75m, Profile::Nhs75));
        assert!(stricter(Profile::Ons105m, Profile::Nhs75));
        assert!(stricter(Profile::Ckm, Profile::Nhs75m));
        // Each shows something that the other hides.
        assert!(
            !Profile::Ckm.at_least(Profile::Ons105m) && !Profile::Ons105m.at_least(Profile::Ckm)
        );
    }
}
