//! Sums without a second server: contributions stay as they came, sealed for this server alone, and are added up in
//! memory whenever totals are opened. Of all members of the round, or of none.

use std::sync::Arc;

use evensum_core::model::Ods;
use evensum_core::pool::{Context, Masked, Members, Role, RoundVector, SealKey, Sealed, Totals};

use super::round::{self, Loaded, unpacked};
use super::{SumError, Sums, blocking};

/// A member's figures of a vector under its masks; none where the part is something else.
fn unsealed(key: &SealKey, ods: &Ods, vector: &RoundVector, part: &[u8]) -> Option<Masked> {
    let context = Context::new(vector.deposit, ods.clone());
    let sealed = Sealed::from_bytes(part.to_vec()).ok()?;
    let part = key.open(&sealed, &context.sealing(Role::Leader)).ok()?;
    let masked = Masked::from_bytes(&part).ok()?;
    masked.is_of(ods, vector.deposit, vector.spec).then_some(masked)
}

impl Sums {
    /// Whether a member's contribution is one, as far as that can be seen without the others'.
    pub(super) async fn check_masked(
        &self,
        loaded: &Arc<Loaded>,
        ods: &Ods,
    ) -> Result<(), SumError> {
        let hash = loaded.round.hash();
        let bytes = self.shelf.vault().take(hash, &round::parts(ods))?;
        let bytes = bytes.ok_or(SumError::Lost("a contribution"))?;
        let (key, of, member) = (Arc::clone(&self.seal_key), Arc::clone(loaded), ods.clone());
        let good = blocking(move || {
            let parts = unpacked(&bytes).ok_or(SumError::Lost("a contribution"))?;
            let each = of.vectors.iter().zip(&parts);
            let mut good = each.map(|(vector, part)| unsealed(&key, &member, vector, part));
            Ok(parts.len() == of.vectors.len() && good.all(|one| one.is_some()))
        });
        if good.await? { self.mark(hash, &round::checked(ods)) } else { self.reject(hash, ods) }
    }

    /// The totals of all vectors of a table over all members.
    pub(super) async fn unmasked(
        &self,
        loaded: &Arc<Loaded>,
        table: usize,
    ) -> Result<Vec<Totals>, SumError> {
        let (vault, key) = (self.shelf.vault().clone(), Arc::clone(&self.seal_key));
        let loaded = Arc::clone(loaded);
        blocking(move || {
            let (hash, members) = (loaded.round.hash(), loaded.round.members());
            let list = Members::of(loaded.of.roster.roster(), &members)?;
            let own: Vec<(usize, &RoundVector)> = loaded.of_table(table).collect();
            let mut masked: Vec<Vec<Masked>> = own.iter().map(|_| Vec::new()).collect();
            for ods in &members {
                const LOST: SumError = SumError::Lost("a contribution");
                let bytes = vault.take(hash, &round::parts(ods))?.ok_or(LOST)?;
                let parts = unpacked(&bytes).ok_or(LOST)?;
                for ((place, vector), all) in own.iter().zip(&mut masked) {
                    let part = parts.get(*place).ok_or(LOST)?;
                    all.push(unsealed(&key, ods, vector, part).ok_or(LOST)?);
                }
            }
            let each = own.iter().zip(&masked);
            each.map(|((_, v), all)| Ok(list.unmask_sum(v.deposit, v.spec, all)?)).collect()
        })
        .await
    }
}
