//! What an analyst's tool is told.

use std::path::{Path, PathBuf};

use evensum_core::model::{Agreement, AgreementId, AnalystId};
use serde::Deserialize;

use super::{Addresses, ConfigError, Secret, agreement, beside, parse};

/// An analyst's configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnalystConfig {
    /// Who.
    pub analyst: AnalystId,
    /// P-256 key that signs the queries.
    pub key: PathBuf,
    /// Host and port of the coordinator, one or several; the host is the name in its certificate.
    pub coordinator: Addresses,
    /// As of [`super::Meeting`].
    pub proxy: Option<Secret>,
    /// A file with the proxy's password.
    pub proxy_password: Option<PathBuf>,
    /// The federation's authority.
    pub ca: PathBuf,
    /// The analyst's copies of the agreements.
    pub agreements: Vec<PathBuf>,
    /// Where the analyst's populations, shares of residents' care and published series lie.
    pub reference: Option<PathBuf>,
    /// Files of definitions beside the built-in ones, the same as the servers have.
    #[serde(default)]
    pub catalogue: Vec<PathBuf>,
    #[serde(skip)]
    path: PathBuf,
}

impl AnalystConfig {
    /// Reads an analyst's configuration.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = parse(path)?;
        let Self { key, ca, agreements, catalogue, proxy_password, reference, .. } = &mut config;
        let own = [key, ca].into_iter().chain(catalogue);
        for file in own.chain(agreements).chain(proxy_password).chain(reference) {
            beside(path, file);
        }
        path.clone_into(&mut config.path);
        Ok(config)
    }

    /// The agreement of that id; the only one, where none is named.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn agreement(&self, wanted: Option<&AgreementId>) -> Result<Agreement, ConfigError> {
        let all: Vec<Agreement> =
            self.agreements.iter().map(|path| agreement(path)).collect::<Result<_, _>>()?;
        let known = || all.iter().map(|a| a.id.to_string()).collect::<Vec<_>>().join(", ");
        let found = match wanted {
            Some(id) => all.iter().find(|a| a.id == *id),
            None if all.len() == 1 => all.first(),
            None => None,
        };
        found.cloned().ok_or_else(|| ConfigError::NoAgreement {
            path: self.path.clone(),
            wanted: wanted.map(ToString::to_string).unwrap_or_default(),
            known: known(),
        })
    }
}
