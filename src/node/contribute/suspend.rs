//! An agreement that the partner's own people suspend: nothing is answered or contributed under it until they resume it,
//! and the second server, which hears of it with whatever it tells next, opens nothing more of this partner's records.

use evensum_core::ledger::PoolStep;
use evensum_core::model::{Agreement, AgreementId, FederationId, RefusalCode};
use serde::{Deserialize, Serialize};

use super::{Pool, Trouble};
use crate::node::Inner;
use crate::store::{Store, StoreError};

/// A request: an agreement is suspended, or resumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspension {
    /// The federation.
    pub federation: FederationId,
    /// The agreement.
    pub agreement: AgreementId,
    /// Whether it is suspended from here on.
    pub suspended: bool,
}

/// Writes down that an agreement is suspended, or resumed. Whether that is new.
///
/// # Errors
/// [`StoreError`].
pub async fn suspend(store: &Store, of: &Suspension) -> Result<bool, StoreError> {
    let Suspension { federation, agreement, suspended } = of.clone();
    let step = PoolStep::Suspended { federation, agreement, suspended };
    Ok(store.step(step).await?.is_some())
}

impl Inner {
    /// Whether the partner's own people have suspended an agreement.
    pub(in crate::node) fn has_suspended(&self, agreement: &Agreement) -> bool {
        self.site.store.rounds().is_suspended(&agreement.federation, &agreement.id)
    }

    /// That the agreement with the sum is not suspended.
    pub(super) fn taking_part(&self, pool: &Pool) -> Result<(), Trouble> {
        if self.has_suspended(&pool.of.agreement) {
            return Err(Trouble::Refused(RefusalCode::AgreementSuspended));
        }
        Ok(())
    }
}
