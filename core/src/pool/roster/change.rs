//! What differs between two membership lists, in words: a node tells its own people before it goes by a new one.

use std::fmt;

use super::{PoolServer, Roster};
use crate::model::{Date, Ods, Role};

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A new member.
    Added {
        /// Who.
        ods: Ods,
        /// Its name.
        name: String,
        /// Since when, by the new list.
        since: Date,
    },
    /// A member no more.
    Removed {
        /// Who.
        ods: Ods,
        /// Its name.
        name: String,
    },
    /// Another name.
    Renamed {
        /// Who.
        ods: Ods,
        /// What it is called now.
        name: String,
    },
    /// Another day of joining.
    Since {
        /// Who.
        ods: Ods,
        /// By the earlier list.
        before: Date,
        /// By the new one.
        after: Date,
    },
    /// A member signs with another key.
    AnswerKey(Ods),
    /// A member has another sealing key.
    SealKey(Ods),
    /// Another organisation runs a server, or a server has come or gone.
    Server {
        /// Which.
        role: Role,
        /// By the earlier list.
        before: Option<Ods>,
        /// By the new one.
        after: Option<Ods>,
    },
    /// A server signs with another key.
    ServerAnswerKey(Role),
    /// A server has another sealing key.
    ServerSealKey(Role),
}

impl Change {
    /// The differences, members by ODS code first.
    #[must_use]
    pub fn between(before: &Roster, after: &Roster) -> Vec<Self> {
        let mut changes = Vec::new();
        for new in after.members() {
            let ods = new.ods.clone();
            let Some(old) = before.member(&ods) else {
                changes.push(Self::Added { ods, name: new.name.clone(), since: new.since });
                continue;
            };
            if old.name != new.name {
                changes.push(Self::Renamed { ods: ods.clone(), name: new.name.clone() });
            }
            if old.since != new.since {
                let (before, after) = (old.since, new.since);
                changes.push(Self::Since { ods: ods.clone(), before, after });
            }
            if old.answer_key != new.answer_key {
                changes.push(Self::AnswerKey(ods.clone()));
            }
            if old.seal_key != new.seal_key {
                changes.push(Self::SealKey(ods));
            }
        }
        let gone = before.members().iter().filter(|m| after.member(&m.ods).is_none());
        changes.extend(gone.map(|m| Self::Removed { ods: m.ods.clone(), name: m.name.clone() }));
        let coordinators = (Some(before.coordinator()), Some(after.coordinator()));
        changes.extend(Self::of_server(Role::Coordinator, coordinators));
        changes.extend(Self::of_server(Role::Helper, (before.helper(), after.helper())));
        changes
    }

    fn of_server(
        role: Role,
        (before, after): (Option<&PoolServer>, Option<&PoolServer>),
    ) -> Vec<Self> {
        let ods = |server: Option<&PoolServer>| server.map(|s| s.ods.clone());
        let mut changes = Vec::new();
        if ods(before) != ods(after) {
            changes.push(Self::Server { role, before: ods(before), after: ods(after) });
        }
        if let (Some(old), Some(new)) = (before, after) {
            if old.answer_key != new.answer_key {
                changes.push(Self::ServerAnswerKey(role));
            }
            if old.seal_key != new.seal_key {
                changes.push(Self::ServerSealKey(role));
            }
        }
        changes
    }
}

const fn server(role: Role) -> &'static str {
    match role {
        Role::Node => "the node",
        Role::Coordinator => "the coordinator",
        Role::Helper => "the independent second server",
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { ods, name, since } => {
                write!(f, "{ods} ({name}) was added, a member since {since}")
            }
            Self::Removed { ods, name } => write!(f, "{ods} ({name}) was taken off"),
            Self::Renamed { ods, name } => write!(f, "{ods} is now called {name}"),
            Self::Since { ods, before, after } => {
                write!(f, "{ods} is now a member since {after}, and was one since {before}")
            }
            Self::AnswerKey(ods) => write!(f, "{ods} signs its answers with another key"),
            Self::SealKey(ods) => write!(f, "{ods} has another sealing key"),
            Self::Server { role, before, after } => {
                let named = |ods: &Option<Ods>| {
                    ods.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string)
                };
                let role = server(*role);
                write!(f, "{role} is now run by {}, and was by {}", named(after), named(before))
            }
            Self::ServerAnswerKey(role) => {
                write!(f, "{} signs its answers with another key", server(*role))
            }
            Self::ServerSealKey(role) => write!(f, "{} has another sealing key", server(*role)),
        }
    }
}
