//! The independent second server of blind sums, as it is configured.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use evensum_core::pool::SealKey;
use serde::Deserialize;

use super::{ConfigError, Membership, Server};
use crate::trust::read_private;

/// What only a second server has.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HelperTable {
    /// Where the members' nodes dial in. Port 0 chooses one.
    pub nodes: SocketAddr,
    /// Where the coordinator dials in. Port 0 chooses one.
    pub coordinator: SocketAddr,
    /// File of the key that contributions are sealed for.
    pub seal_key: PathBuf,
}

impl Server {
    /// A second server's own part.
    ///
    /// # Errors
    /// [`ConfigError::Role`].
    pub fn helper(&self) -> Result<&HelperTable, ConfigError> {
        let wrong = || ConfigError::Role { path: self.path.clone(), wanted: "second server" };
        self.helper.as_ref().ok_or_else(wrong)
    }
}

/// What contradicts itself in a second server's memberships.
pub(super) fn contradiction(
    table: &HelperTable,
    memberships: &[Membership],
) -> Option<&'static str> {
    let [membership] = memberships else {
        return Some(
            "a second server has one table [[membership]]: run another one for another federation",
        );
    };
    if membership.coordinator.is_some() {
        return Some(
            "a second server has no [membership.coordinator]: the coordinator dials it at the address 'coordinator' of [helper]",
        );
    }
    if membership.second_server.is_some() {
        return Some("a second server has no [membership.second_server]: it is one itself");
    }
    if membership.membership_list.is_none() {
        return Some(
            "a second server goes by a signed membership list: name it as 'membership_list' in [[membership]]",
        );
    }
    (table.nodes.port() != 0 && table.nodes == table.coordinator)
        .then_some("'nodes' and 'coordinator' are one address: give each a port of its own")
}

/// Reads a secret sealing key.
///
/// # Errors
/// [`ConfigError::Key`], [`ConfigError::Trust`].
pub fn sealing_key(path: &Path) -> Result<SealKey, ConfigError> {
    let text = read_private(path)?;
    SealKey::from_pem(&text).map_err(|_| ConfigError::Key {
        path: path.to_owned(),
        reason: "it is no sealing key: make one with `evensum keys new sealing`".to_owned(),
    })
}
