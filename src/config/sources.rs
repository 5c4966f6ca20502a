//! Databases that a node loads its extracts from: `[node.sources.NAME]`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{ConfigError, Secret, Server};
use crate::trust::read_private;

/// The longest time that a limit may be set to, in seconds: a day.
const MAX_SECONDS: u64 = 24 * 60 * 60;

/// A database: a URL of PostgreSQL here or in a private file, or a SQLite file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    #[serde(default)]
    url: Option<Secret>,
    #[serde(default)]
    url_file: Option<PathBuf>,
    #[serde(default)]
    password_file: Option<PathBuf>,
    #[serde(default)]
    ca: Option<PathBuf>,
    #[serde(default)]
    file: Option<PathBuf>,
    #[serde(default)]
    connect_timeout_seconds: Option<u64>,
    #[serde(default)]
    statement_timeout_seconds: Option<u64>,
    #[serde(default)]
    idle_timeout_seconds: Option<u64>,
}

/// A PostgreSQL database, with what is needed to reach it.
#[derive(Debug, Clone)]
pub struct DatabaseAt {
    /// Its URL, perhaps with a password.
    pub url: Secret,
    /// The password, where it lies in a file of its own.
    pub password: Option<Secret>,
    /// The authority of its certificate.
    pub ca: Option<PathBuf>,
    /// How long connecting may take.
    pub connect_timeout: Option<Duration>,
    /// How long one step may take.
    pub statement_timeout: Option<Duration>,
    /// How long the database waits between two steps.
    pub idle_timeout: Option<Duration>,
}

/// Where a source lies.
#[derive(Debug, Clone)]
pub enum SourceAt {
    /// A SQLite file.
    File(PathBuf),
    /// A PostgreSQL database.
    Database(Box<DatabaseAt>),
}

impl Source {
    /// Paths in it, which are relative to the configuration.
    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let Self { url_file, password_file, ca, file, .. } = self;
        [url_file, password_file, ca, file].into_iter().filter_map(Option::as_mut)
    }
}

/// Whether a URL has a password in it, which belongs into a file that others cannot read.
fn holds_password(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority.split(['/', '?']).next().unwrap_or_default();
    let login = authority.rsplit_once('@').map_or("", |(login, _)| login);
    login.contains(':') || url.contains("?password=") || url.contains("&password=")
}

impl Server {
    /// Where the source of that name lies. Reads the files that its URL and password are in.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn source(&self, name: &str) -> Result<SourceAt, ConfigError> {
        let wrong = |what: String| ConfigError::Content { path: self.path.clone(), what };
        let source = self.node()?.sources.get(name).ok_or_else(|| {
            let name: String = name.chars().filter(|c| !c.is_control()).collect();
            wrong(format!("it has no table [node.sources.{name}], which the mapping reads from"))
        })?;
        let limit = |seconds: Option<u64>| match seconds {
            Some(n) if !(1..=MAX_SECONDS).contains(&n) => Err(wrong(format!(
                "a limit of [node.sources.{name}] lies between 1 and {MAX_SECONDS} seconds"
            ))),
            limit => Ok(limit.map(Duration::from_secs)),
        };
        let connect_timeout = limit(source.connect_timeout_seconds)?;
        let statement_timeout = limit(source.statement_timeout_seconds)?;
        let idle_timeout = limit(source.idle_timeout_seconds)?;
        let in_file = |path: &PathBuf| -> Result<Secret, ConfigError> {
            Ok(read_private(path)?.trim_end_matches(['\r', '\n']).to_owned().into())
        };
        let url = match (&source.url, &source.url_file, &source.file) {
            (Some(url), None, None) if holds_password(url.expose()) => {
                return Err(wrong(format!(
                    "the url of [node.sources.{name}] holds a password: name a file with it as password_file, or one with the whole url as url_file"
                )));
            }
            (Some(url), None, None) => url.clone(),
            (None, Some(path), None) => in_file(path)?,
            (None, None, Some(path)) => return Ok(SourceAt::File(path.clone())),
            _ => {
                return Err(wrong(format!(
                    "[node.sources.{name}] needs exactly one of url, url_file and file"
                )));
            }
        };
        let password = source.password_file.as_ref().map(in_file).transpose()?;
        Ok(SourceAt::Database(Box::new(DatabaseAt {
            url,
            password,
            ca: source.ca.clone(),
            connect_timeout,
            statement_timeout,
            idle_timeout,
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_seen() {
        for (url, wanted) in [
            ("postgresql://reader@db:5432/w", false),
            ("postgresql://db:5432/w?sslmode=require", false),
            ("postgresql://reader:pass@db/w", true),
            ("postgresql://reader:@db/w", true),
            ("postgresql://reader@db/w?password=x", true),
            ("postgresql://reader@db/w?sslmode=require&password=x", true),
        ] {
            assert_eq!(holds_password(url), wanted, "{url}");
        }
    }
}
