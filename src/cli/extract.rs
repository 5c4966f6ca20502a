//! Where an extract is loaded from: the file that is named, or the database that the mapping names.

use std::path::{Path, PathBuf};

use super::exit::{Exit, Failure, OrExit};
use crate::config::{Secret, Server, SourceAt};
use crate::intake::{Input, IntakeError, Limits, Mapping, PostgreSql, SqlError};

/// A file or a database, with what is needed to reach it.
#[derive(Debug)]
pub(super) enum Extract {
    File(PathBuf),
    PostgreSql(Box<PostgreSql>),
}

impl Extract {
    /// What a command line and a mapping say together.
    pub(super) fn new(
        file: Option<&Path>,
        mapping: &Mapping,
        server: &Server,
    ) -> Result<Self, Failure> {
        let name = match (file, mapping.connection()) {
            (Some(file), None) => return Ok(Self::File(file.to_owned())),
            (None, Some(name)) => name,
            (Some(_), Some(_)) => {
                let what = "the mapping reads from a database: leave the file out, or take connection out of [source]";
                return Err(Failure::says(Exit::Config, what));
            }
            (None, None) => {
                let what = "name the extract's file, or a database with connection = \"NAME\" under [source] of the mapping";
                return Err(Failure::says(Exit::Config, what));
            }
        };
        let at = match server.source(name).or_exit(Exit::Config)? {
            SourceAt::File(path) => return Ok(Self::File(path)),
            SourceAt::Database(at) => at,
        };
        let usual = Limits::default();
        let limits = Limits {
            connect: at.connect_timeout.unwrap_or(usual.connect),
            statement: at.statement_timeout.unwrap_or(usual.statement),
            idle: at.idle_timeout.unwrap_or(usual.idle),
        };
        let password = at.password.as_ref().map(Secret::expose);
        PostgreSql::new(name, at.url.expose(), password, at.ca.as_deref(), limits)
            .map(|database| Self::PostgreSql(Box::new(database)))
            .or_exit(Exit::Config)
    }

    /// What intake reads.
    pub(super) fn input(&self) -> Input<'_> {
        match self {
            Self::File(path) => Input::File(path),
            Self::PostgreSql(database) => Input::PostgreSql(database),
        }
    }
}

/// The exit code of a load that failed: a database that is not there may be there later.
pub(super) const fn exit_of(error: &IntakeError) -> Exit {
    match error {
        IntakeError::Sql(
            SqlError::Unreachable { .. } | SqlError::Silent { .. } | SqlError::Gone,
        ) => Exit::Unavailable,
        IntakeError::Sql(SqlError::Writable { .. }) => Exit::Config,
        _ => Exit::Data,
    }
}
