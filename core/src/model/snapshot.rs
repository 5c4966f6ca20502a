//! What a release says of the extract that it was made from.

use serde::{Deserialize, Serialize};

use super::ids::Digest;
use super::time::Date;

/// Edition of the English Index of Multiple Deprivation. Editions are never mixed in one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ImdEdition {
    /// Published 2019, on LSOAs of 2011.
    #[serde(rename = "2019")]
    Imd2019,
    /// Published 2025, on LSOAs of 2021.
    #[serde(rename = "2025")]
    Imd2025,
}

impl ImdEdition {
    /// The year of publication, which is its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Imd2019 => "2019",
            Self::Imd2025 => "2025",
        }
    }

    /// The census year of the LSOAs that it is published on.
    #[must_use]
    pub const fn lsoa_vintage(self) -> u16 {
        match self {
            Self::Imd2019 => 2011,
            Self::Imd2025 => 2021,
        }
    }

    /// The edition that is published on the areas of the other census.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Imd2019 => Self::Imd2025,
            Self::Imd2025 => Self::Imd2019,
        }
    }
}

/// Standing of a published extract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotVersion {
    /// The first publication of a period.
    Provisional,
    /// The second.
    Final,
    /// An annual restatement.
    Restated,
}

impl SnapshotVersion {
    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Provisional => "provisional",
            Self::Final => "final",
            Self::Restated => "restated",
        }
    }

    /// The standing of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Provisional, Self::Final, Self::Restated].into_iter().find(|v| v.as_str() == name)
    }
}

/// The published extract behind a release.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotRef {
    /// Its id: a keyed hash that only the node can make.
    pub id: Digest,
    /// The date that the extract describes.
    pub as_of: Date,
    /// Its standing.
    pub version: SnapshotVersion,
    /// The edition of the deprivation index, where the extract has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imd_edition: Option<ImdEdition>,
}
