//! The files of secrets that have no public half: 64 hexadecimal digits each.

use std::path::Path;

use data_encoding::HEXLOWER;
use evensum_core::pool::LinkSecret;
use zeroize::Zeroizing;

use super::{ConfigError, NodeTable};
use crate::snapshot::NodeKey;
use crate::trust::read_private;

impl NodeTable {
    /// Reads the node's secret.
    ///
    /// # Errors
    /// [`ConfigError::Key`].
    pub fn secret(&self) -> Result<NodeKey, ConfigError> {
        Ok(NodeKey::from_bytes(*secret_bytes(&self.key, "node")?))
    }

    /// Reads the federation's link secret, if there is one.
    ///
    /// # Errors
    /// [`ConfigError::Key`].
    pub fn link_secret(&self) -> Result<Option<LinkSecret>, ConfigError> {
        self.link_secret.as_deref().map(link_secret).transpose()
    }
}

/// Reads a link secret.
///
/// # Errors
/// [`ConfigError::Key`].
pub fn link_secret(path: &Path) -> Result<LinkSecret, ConfigError> {
    LinkSecret::from_bytes(&*secret_bytes(path, "link")?)
        .map_err(|e| ConfigError::Key { path: path.to_owned(), reason: e.to_string() })
}

fn secret_bytes(path: &Path, kind: &str) -> Result<Zeroizing<[u8; 32]>, ConfigError> {
    let wrong = |what: &str| ConfigError::Key {
        path: path.to_owned(),
        reason: format!("it {what}: make one with `evensum keys new {kind}`"),
    };
    let text = read_private(path)?;
    let bytes = HEXLOWER
        .decode(text.trim().as_bytes())
        .map(Zeroizing::new)
        .map_err(|_| wrong("is not hexadecimal"))?;
    let bytes: [u8; 32] =
        bytes.as_slice().try_into().map_err(|_| wrong("does not hold 64 hexadecimal digits"))?;
    Ok(Zeroizing::new(bytes))
}
