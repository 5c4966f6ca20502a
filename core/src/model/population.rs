//! Whose records are added up together: those of one federation, dataset, residence scope and period.

use serde::{Deserialize, Serialize};

use super::agreement::Agreement;
use super::canonical::{self, CanonicalError};
use super::ids::{CategoryId, DatasetId, Digest, FederationId};
use super::period::Period;

/// The records that a round of the two-server sum adds up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Population {
    /// The federation.
    pub federation: FederationId,
    /// The dataset.
    pub dataset: DatasetId,
    /// The ICBs of residence whose people are counted, in order of their codes.
    pub residence_scope: Vec<CategoryId>,
    /// The period.
    pub period: Period,
}

impl Population {
    /// That of an agreement.
    #[must_use]
    pub fn of(agreement: &Agreement, dataset: &DatasetId, period: Period) -> Self {
        let mut residence_scope = agreement.residence_scope.clone();
        residence_scope.sort();
        Self {
            federation: agreement.federation.clone(),
            dataset: dataset.clone(),
            residence_scope,
            period,
        }
    }

    /// What one closed membership is bound to: neither a measure nor a table nor a version of the extracts is part of
    /// it. Could the members of two sums over the same records differ, the difference would be one member's own.
    ///
    /// # Errors
    /// [`CanonicalError`].
    pub fn lock(&self) -> Result<Digest, CanonicalError> {
        Ok(Digest::of(&canonical::encode(self)?))
    }
}
