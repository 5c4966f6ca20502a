//! How partners' tables are added up without anybody seeing them.

use serde::{Deserialize, Serialize};

/// The way in which partners' exact tables become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolKind {
    /// Two independent servers, each of which holds a share of every table.
    Deposit,
    /// The same, where each partner changes its counts at random before it shares them.
    Noisy,
    /// Masks of each pair of partners, which cancel out in the sum of all.
    Masks,
    /// A named processor, which is not the asker, adds the tables.
    TrustedSum,
}

impl PoolKind {
    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deposit => "deposit",
            Self::Noisy => "noisy",
            Self::Masks => "masks",
            Self::TrustedSum => "trusted_sum",
        }
    }
}
