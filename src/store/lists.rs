//! Membership lists, kept beside the rounds that were bound under them. The list in force may be another one by the time a
//! round is closed, opened or asked for; new rounds go by that, and what is bound goes by its own to the end.

use std::sync::Arc;

use evensum_core::model::{Agreement, Digest};
use evensum_core::pool::{Rounds, SignedRoster, VerifiedRoster};

use super::{Vault, VaultError};

/// The file of a list, in a folder of its hash: as its officers signed it.
const LIST: &str = "list";

impl Vault {
    /// Keeps a list. That is done before the audit log says that a round is bound under it.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn keep_list(&self, list: &VerifiedRoster) -> Result<(), VaultError> {
        let hash = list.hash();
        if self.has(hash, LIST) {
            return Ok(());
        }
        let wrong = |source| VaultError::List { path: self.path(hash, LIST), source };
        self.put(hash, LIST, list.signed().to_text().map_err(wrong)?.as_bytes())
    }

    /// The list that a round goes by: that which it was bound under. For one that is not bound, so that nobody is bound
    /// under a list that was replaced, it is the one in force.
    ///
    /// # Errors
    /// [`VaultError::NoList`] and [`VaultError::List`], where the list of a bound round is not here any more, is another
    /// one, or does not hold under the agreement.
    pub fn list_of(
        &self,
        rounds: &Rounds,
        round: Digest,
        (in_force, agreement): (&Arc<VerifiedRoster>, &Agreement),
    ) -> Result<Arc<VerifiedRoster>, VaultError> {
        let bound = rounds.round(round).map(|(.., state)| state.membership);
        let Some(hash) = bound.filter(|hash| *hash != in_force.hash()) else {
            return Ok(Arc::clone(in_force));
        };
        let missing = || VaultError::NoList { path: self.path(hash, LIST) };
        let bytes = self.take(hash, LIST)?.ok_or_else(missing)?;
        let text = String::from_utf8(bytes).map_err(|_| missing())?;
        let read = SignedRoster::parse(&text).and_then(|signed| signed.verify(agreement));
        let list =
            read.map_err(|source| VaultError::List { path: self.path(hash, LIST), source })?;
        if list.hash() == hash { Ok(Arc::new(list)) } else { Err(missing()) }
    }
}
