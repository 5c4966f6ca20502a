//! Configuration files: one TOML form for servers, one for analysts. Paths are relative to the file.
//! Unknown keys are refused, and everything is checked before a port is bound.
//!
//! A server has one organisation, one state and one audit log, and a membership for each federation that it
//! takes part in; a coordinator has exactly one.

mod analyst;
mod coordinator;
mod definitions;
mod helper;
mod pushdown;
mod roster;
mod second;
mod secrets;
mod sources;
mod staging;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use evensum_core::model::{Agreement, Calendar, FederationId, Ods, Profile, Role, TomlProblem};
use evensum_core::sign::SigningKey;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::trust::read_private;

pub use analyst::AnalystConfig;
pub use coordinator::{CoordinatorTable, DialNode};
pub use definitions::{MAX_CATALOGUE_FILES, catalogue, one_choice_of_groupings};
pub use helper::{HelperTable, sealing_key};
pub use pushdown::{Pushdown, PushdownShard, Tabulation};
pub use roster::{membership_list, seal_key};
pub use second::SecondServer;
pub use secrets::link_secret;
pub use sources::{DatabaseAt, Source, SourceAt};
pub use staging::{MAX_RETENTION_MONTHS, Retention, Watch, WatchedFile};

/// Why a configuration cannot be used. The command exits with 64.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there.
    #[error("cannot read '{path}': {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Longer than is read.
    #[error("'{path}' is longer than {MAX_TEXT_BYTES} bytes: check that the right file is named")]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// No agreement, or one twice.
    #[error(
        "'{path}' must name each agreement of a membership once, and at least one, under 'agreements'"
    )]
    Agreements {
        /// The file.
        path: PathBuf,
    },
    /// Not of the form.
    #[error("'{path}' is not a configuration that evensum understands: {source}")]
    Toml {
        /// The file.
        path: PathBuf,
        /// Line and reason.
        #[source]
        source: TomlProblem,
    },
    /// Another role was wanted.
    #[error("'{path}' does not configure a {wanted}: it needs a table [{wanted}]")]
    Role {
        /// The file.
        path: PathBuf,
        /// The table that is missing.
        wanted: &'static str,
    },
    /// Says two things at once.
    #[error("'{path}' needs exactly one of the tables [node], [coordinator] and [helper]")]
    Roles {
        /// The file.
        path: PathBuf,
    },
    /// Memberships or addresses contradict each other.
    #[error("'{path}' cannot be used: {what}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// An agreement cannot be used.
    #[error("the agreement '{path}' cannot be used: {source}")]
    Agreement {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<evensum_core::model::AgreementError>,
    },
    /// No agreement of that id.
    #[error(
        "name one of the agreements of '{path}' with --agreement, not '{wanted}': it has {known}"
    )]
    NoAgreement {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: String,
    },
    /// A federation's own definitions cannot be used.
    #[error("the catalogue cannot be used: {0}")]
    Catalogue(#[source] Box<evensum_core::catalogue::CatalogueError>),
    /// More files of definitions than are read.
    #[error("'catalogue' names more than {MAX_CATALOGUE_FILES} files: put definitions together")]
    CatalogueFiles,
    /// Two agreements choose groupings that do not nest.
    #[error(
        "two agreements differ in their 'groupings': a server has one choice for all of its agreements"
    )]
    Groupings,
    /// A key file cannot be used.
    #[error("the key file '{path}' cannot be used: {reason}")]
    Key {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// A certificate or key file cannot be used.
    #[error(transparent)]
    Trust(#[from] crate::trust::TrustError),
}

/// Certificate files of a server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The federation's authority.
    pub ca: PathBuf,
    /// The server's certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// A text that may hold a password. `Debug` says nothing of it.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct Secret(Zeroizing<String>);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl Secret {
    /// The text, for whoever reads it and no log.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Addresses of one server, each `host:port`, in the order in which they are tried; the host is the name in its
/// certificate. A text is one address, a list several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Addresses {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Addresses {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[String] {
        match self {
            Self::One(address) => std::slice::from_ref(address),
            Self::Several(addresses) => addresses,
        }
    }
}

/// How a node and its coordinator come together: the node dials, or it listens, or both.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meeting {
    /// The coordinator's ODS code.
    pub ods: Ods,
    /// Where the node dials.
    #[serde(default, alias = "addresses")]
    pub address: Option<Addresses>,
    /// Where the coordinator dials in. Port 0 chooses one.
    #[serde(default)]
    pub listen: Option<SocketAddr>,
    /// The proxy to the addresses: `http://[user[:password]@]host:port`, or `none`. Where it is left out, the
    /// environment says.
    #[serde(default)]
    pub proxy: Option<Secret>,
    /// A file with the proxy's password.
    #[serde(default)]
    pub proxy_password: Option<PathBuf>,
}

/// A server's part in one federation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// The federation.
    pub federation: FederationId,
    /// The server's copies of the agreements.
    agreements: Vec<PathBuf>,
    /// File of the Ed25519 key that signs answers there.
    pub answer_key: PathBuf,
    /// Certificate files.
    pub tls: Tls,
    /// A node's coordinator.
    #[serde(default)]
    coordinator: Option<Meeting>,
    /// The signed membership list of the agreement that has a blind sum.
    #[serde(default)]
    pub membership_list: Option<PathBuf>,
    /// File of the key that a node agrees on masks with, where that sum has no second server.
    #[serde(default)]
    pub seal_key: Option<PathBuf>,
    /// A node's way to the independent second server of that sum.
    #[serde(default)]
    pub second_server: Option<SecondServer>,
    #[serde(skip)]
    path: PathBuf,
}

/// The most federations, or coordinators in one, that a node takes part in.
pub const MAX_MEMBERSHIPS: usize = 16;

/// What only a node has.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeTable {
    /// The secret behind pseudonyms and extract ids: 64 hexadecimal digits in a file.
    pub key: PathBuf,
    /// The federation's secret behind link ids, where different people over several partners are estimated: 64
    /// hexadecimal digits in a file.
    #[serde(default)]
    pub link_secret: Option<PathBuf>,
    /// The disclosure profile of its records.
    #[serde(default = "default_profile")]
    pub profile: Profile,
    /// The weakest profile that it takes part under, whatever agreements say.
    #[serde(default = "default_floor")]
    pub floor: Profile,
    /// Where reference data lies.
    pub reference: PathBuf,
    /// Who counts.
    #[serde(default)]
    pub tabulate: Tabulation,
    /// The database that does, if one does.
    #[serde(default)]
    pushdown: Option<Pushdown>,
    /// Databases that extracts are loaded from, by the names that mappings give them.
    #[serde(default)]
    pub sources: BTreeMap<String, Source>,
    /// The people who are left out of every load: a file with one identifier a line.
    #[serde(default)]
    pub exclude: Option<PathBuf>,
    /// For how long rows are kept.
    #[serde(default)]
    pub retention: Option<Retention>,
    /// When extracts are expected and published.
    #[serde(default)]
    pub calendar: Vec<Calendar>,
    /// The folder that extracts are put into.
    #[serde(default)]
    pub watch: Option<Watch>,
}

const fn default_profile() -> Profile {
    Profile::Nhs75m
}

/// The weakest that hides zeros or rounds, as official tables do.
const fn default_floor() -> Profile {
    Profile::Nhs75
}

/// A server's configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// The organisation.
    pub ods: Ods,
    /// The directory of its own state.
    pub state: PathBuf,
    /// File of the Ed25519 key that signs the audit log.
    pub ledger_key: PathBuf,
    /// Files of definitions beside the built-in ones.
    #[serde(default)]
    pub catalogue: Vec<PathBuf>,
    /// Its federations. A node may have none: it then loads extracts and looks at them, and does not serve.
    #[serde(default, rename = "membership")]
    pub memberships: Vec<Membership>,
    /// A node's own part.
    #[serde(default)]
    node: Option<NodeTable>,
    /// A coordinator's own part.
    #[serde(default)]
    coordinator: Option<CoordinatorTable>,
    /// A second server's own part.
    #[serde(default)]
    helper: Option<HelperTable>,
    #[serde(skip)]
    path: PathBuf,
}

/// The longest configuration, agreement or mapping that is read, in bytes.
pub const MAX_TEXT_BYTES: u64 = 1 << 20;

/// Reads a text file of at most [`MAX_TEXT_BYTES`].
///
/// # Errors
/// [`ConfigError::Read`], [`ConfigError::TooLong`].
pub fn read(path: &Path) -> Result<String, ConfigError> {
    let failed = |source| ConfigError::Read { path: path.to_owned(), source };
    let mut text = String::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_TEXT_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_TEXT_BYTES {
        return Err(ConfigError::TooLong { path: path.to_owned() });
    }
    Ok(text)
}

fn parse<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let text = read(path)?;
    toml::from_str(&text).map_err(|error| ConfigError::Toml {
        path: path.to_owned(),
        source: TomlProblem::new(&text, &error),
    })
}

fn beside(config: &Path, path: &mut PathBuf) {
    if let Some(dir) = config.parent().filter(|_| path.is_relative()) {
        *path = dir.join(&*path);
    }
}

impl Server {
    /// Reads a server's configuration.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = parse(path)?;
        let roles = [config.node.is_some(), config.coordinator.is_some(), config.helper.is_some()];
        if roles.iter().filter(|role| **role).count() != 1 {
            return Err(ConfigError::Roles { path: path.to_owned() });
        }
        if let Some(table) = &mut config.helper {
            beside(path, &mut table.seal_key);
        }
        let Self { state, ledger_key, catalogue, memberships, node, coordinator, .. } = &mut config;
        let of_node = node.iter_mut().flat_map(NodeTable::paths);
        if let Some(table) = coordinator {
            let password = table.second_server.as_mut().and_then(|s| s.proxy_password.as_mut());
            for file in table.seal_key.iter_mut().chain(password) {
                beside(path, file);
            }
        }
        let dialled = coordinator.iter_mut().flat_map(|c| &mut c.dial);
        let passwords = dialled.filter_map(|d| d.proxy_password.as_mut());
        let own = [state, ledger_key].into_iter().chain(catalogue);
        let own = own.chain(of_node).chain(passwords);
        for file in own {
            beside(path, file);
        }
        for membership in memberships {
            path.clone_into(&mut membership.path);
            let Membership { agreements, answer_key, tls, coordinator, seal_key, .. } = membership;
            let password = coordinator.iter_mut().filter_map(|c| c.proxy_password.as_mut());
            let second = membership.second_server.iter_mut();
            let password = password
                .chain(membership.membership_list.as_mut())
                .chain(second.filter_map(|s| s.proxy_password.as_mut()));
            let own = [answer_key, &mut tls.ca, &mut tls.certificate, &mut tls.key];
            for file in own.into_iter().chain(agreements).chain(password).chain(seal_key) {
                beside(path, file);
            }
        }
        path.clone_into(&mut config.path);
        config.check()?;
        Ok(config)
    }

    /// That memberships and addresses do not contradict each other.
    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |what: &str| {
            Err(ConfigError::Content { path: self.path.clone(), what: what.to_owned() })
        };
        let count = self.memberships.len();
        if count > MAX_MEMBERSHIPS {
            return wrong(&format!(
                "it has more than {MAX_MEMBERSHIPS} tables [[membership]], one for each federation"
            ));
        }
        if let Some(table) = &self.helper {
            let wrong_one = helper::contradiction(table, &self.memberships);
            return wrong_one.map_or(Ok(()), wrong);
        }
        if let Some(table) = &self.coordinator {
            let what = coordinator::contradiction(table, &self.memberships);
            return what.map_or(Ok(()), |what| wrong(&what));
        }
        if let Some(what) = self.node.as_ref().and_then(NodeTable::contradiction) {
            return wrong(what);
        }
        if let Some(what) = self.node.as_ref().and_then(NodeTable::wrong).or_else(|| self.sums()) {
            return wrong(&what);
        }
        for (i, membership) in self.memberships.iter().enumerate() {
            let meeting = membership.coordinator()?;
            let (federation, ods) = (&membership.federation, &meeting.ods);
            if meeting.address.is_none() && meeting.listen.is_none() {
                return wrong(&format!(
                    "there is no way between this node and the coordinator {ods} of {federation}: give [membership.coordinator] an 'address' to dial, or a 'listen' for its coordinator to dial"
                ));
            }
            if meeting.address.is_none()
                && (meeting.proxy.is_some() || meeting.proxy_password.is_some())
            {
                return wrong(&format!(
                    "the proxy to the coordinator {ods} of {federation} leads nowhere: give [membership.coordinator] an 'address', or take the proxy out"
                ));
            }
            for other in &self.memberships[..i] {
                let met = other.coordinator()?;
                if other.federation == *federation && met.ods == *ods {
                    return wrong(&format!(
                        "two memberships are of the federation {federation} with the coordinator {ods}: put their agreements into one"
                    ));
                }
                let one_port = |a: SocketAddr| a.port() != 0 && met.listen == Some(a);
                if meeting.listen.is_some_and(one_port) {
                    return wrong(
                        "two memberships listen at one address: give each a port of its own",
                    );
                }
            }
        }
        Ok(())
    }

    /// The role that it configures.
    #[must_use]
    pub const fn role(&self) -> Role {
        match (&self.node, &self.helper) {
            (Some(_), _) => Role::Node,
            (None, Some(_)) => Role::Helper,
            (None, None) => Role::Coordinator,
        }
    }

    /// A node's own part.
    ///
    /// # Errors
    /// [`ConfigError::Role`].
    pub fn node(&self) -> Result<&NodeTable, ConfigError> {
        self.node
            .as_ref()
            .ok_or_else(|| ConfigError::Role { path: self.path.clone(), wanted: "node" })
    }

    /// A coordinator's own part.
    ///
    /// # Errors
    /// [`ConfigError::Role`].
    pub fn coordinator(&self) -> Result<&CoordinatorTable, ConfigError> {
        self.coordinator
            .as_ref()
            .ok_or_else(|| ConfigError::Role { path: self.path.clone(), wanted: "coordinator" })
    }
}

impl Membership {
    /// A node's coordinator, and the way to it.
    ///
    /// # Errors
    /// [`ConfigError::Content`] where there is none.
    pub fn coordinator(&self) -> Result<&Meeting, ConfigError> {
        self.coordinator.as_ref().ok_or_else(|| ConfigError::Content {
            path: self.path.clone(),
            what: format!(
                "the membership of {} needs a table [membership.coordinator] with the coordinator's ODS code",
                self.federation
            ),
        })
    }

    /// Its agreements.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn agreements(&self) -> Result<Vec<Agreement>, ConfigError> {
        let all: Vec<Agreement> =
            self.agreements.iter().map(|path| agreement(path)).collect::<Result<_, _>>()?;
        let once = |(i, a): (usize, &Agreement)| all[..i].iter().all(|other| other.id != a.id);
        if all.is_empty() || !all.iter().enumerate().all(once) {
            return Err(ConfigError::Agreements { path: self.path.clone() });
        }
        Ok(all)
    }
}

/// Reads one agreement.
///
/// # Errors
/// [`ConfigError`].
pub fn agreement(path: &Path) -> Result<Agreement, ConfigError> {
    Agreement::parse(&read(path)?).map_err(|source| ConfigError::Agreement {
        path: path.to_owned(),
        source: Box::new(source),
    })
}

/// Reads a signing key.
///
/// # Errors
/// [`ConfigError`].
pub fn signing_key(path: &Path) -> Result<SigningKey, ConfigError> {
    let text = read_private(path)?;
    SigningKey::from_pem(&text)
        .map_err(|e| ConfigError::Key { path: path.to_owned(), reason: e.to_string() })
}

#[cfg(test)]
mod tests;
