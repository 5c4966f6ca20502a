//! Whose signatures are enough. The coordinator and the second server together could add up one partner with nobodies, so
//! their organisations' officers alone make no membership list: somebody signs whose own figures are in the sum.

use std::collections::BTreeSet;

use super::signed::Signer;
use super::{Roster, RosterError};
use crate::model::Ods;

/// From how many organisations officers sign.
pub(super) const ORGANISATIONS: usize = 2;

/// The organisations that run a list's servers, to be named in an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServersOf(Vec<Ods>);

impl ServersOf {
    pub(super) fn list(list: &Roster) -> Self {
        Self(list.servers().map(|server| server.ods.clone()).collect())
    }
}

impl std::fmt::Display for ServersOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all: Vec<&str> = self.0.iter().map(Ods::as_str).collect();
        f.write_str(&all.join(" and "))
    }
}

/// Officers whose signatures are enough for a list: of two organisations at least, and of one at least that is a member
/// of the list and runs neither of its servers.
///
/// ```compile_fail,E0451
/// use evensum_core::pool::{Signatories, Signer};
/// fn unchecked(officers: Vec<Signer>) -> Signatories {
///     Signatories { officers }
/// }
/// ```
/// ```
/// use evensum_core::pool::{Roster, RosterError, Signatories, Signer};
/// fn checked(officers: Vec<Signer>, list: &Roster) -> Result<Signatories, RosterError> {
///     Signatories::of(officers, list)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signatories {
    officers: Vec<Signer>,
}

impl Signatories {
    /// Holds officers whose signatures were verified against the rule.
    ///
    /// # Errors
    /// [`RosterError::Unsigned`], [`RosterError::ServersAlone`].
    pub fn of(officers: Vec<Signer>, list: &Roster) -> Result<Self, RosterError> {
        let organisations: BTreeSet<&Ods> = officers.iter().map(|signer| &signer.ods).collect();
        if organisations.len() < ORGANISATIONS {
            let organisations = organisations.len();
            return Err(RosterError::Unsigned { organisations, servers: ServersOf::list(list) });
        }
        if !organisations.iter().any(|ods| list.is_independent(ods)) {
            return Err(RosterError::ServersAlone { servers: ServersOf::list(list) });
        }
        Ok(Self { officers })
    }

    /// The officers, by their ids.
    #[must_use]
    pub fn officers(&self) -> &[Signer] {
        &self.officers
    }
}
