//! The membership list of the pooled view: who adds up with whom. Whoever could put partners of their own making on it
//! could add up one real partner with nobodies, and whoever could choose between two lists could subtract one sum from
//! the other. So officers of two organisations sign it, one of them a member's that runs neither server; every node checks it
//! against its own agreement; and it counts up.

mod change;
mod signatories;
mod signed;
mod standing;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

pub use change::Change;
pub use signatories::{ServersOf, Signatories};
pub use signed::{
    MAX_LIST_BYTES, MAX_SIGNATURES, ROSTER_TYPE, RosterSignature, SignedRoster, Signer,
};
pub use standing::{
    Attendance, MIN_MEMBERS, MIN_TRUSTED, MembershipError, TooFew, VerifiedRoster, minimum_of,
};

use crate::model::canonical::{self, CanonicalError};
use crate::model::{
    Agreement, Date, Digest, FederationId, KeyText, MAX_NODES, Ods, OfficerId, Party, PoolKind,
};
use crate::sign::{KeyError, VerifyingKey};

/// The longest name of a member, in bytes.
const MAX_NAME_BYTES: usize = 200;

/// A partner whose node contributes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// ODS code: one legal entity.
    pub ods: Ods,
    /// Name for people.
    pub name: String,
    /// When it joined.
    pub since: Date,
    /// Ed25519 key that signs what its node says, as in the agreement.
    pub answer_key: KeyText,
    /// X25519 key under which others seal what only its node may read.
    pub seal_key: KeyText,
}

/// One of the two servers that add up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolServer {
    /// ODS code of the organisation that runs it.
    pub ods: Ods,
    /// Ed25519 key that signs what it says, as in the agreement.
    pub answer_key: KeyText,
    /// X25519 key under which nodes seal their contributions to it.
    pub seal_key: KeyText,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Format {
    #[serde(rename = "evensum-roster-1")]
    V1,
}

/// The fields of a list, as they are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    format: Format,
    federation: FederationId,
    serial: u32,
    coordinator: PoolServer,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    helper: Option<PoolServer>,
    members: Vec<Member>,
}

/// A membership list that does not contradict itself. Nobody need have signed it: see [`SignedRoster::verify`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Roster(Parts);

/// Why a membership list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RosterError {
    /// Longer than [`MAX_LIST_BYTES`].
    #[error("the membership list is longer than {MAX_LIST_BYTES} bytes")]
    TooLong,
    /// Not JSON of this form.
    #[error("the membership list cannot be read: {0}")]
    Unreadable(#[source] serde_json::Error),
    /// No canonical form.
    #[error("the membership list cannot be encoded")]
    Canonical(#[from] CanonicalError),
    /// More than [`MAX_NODES`].
    #[error("the membership list names more than {MAX_NODES} members")]
    TooMany,
    /// More than [`MAX_SIGNATURES`].
    #[error("the membership list carries more than {MAX_SIGNATURES} signatures")]
    TooManySignatures,
    /// Lists count from one.
    #[error("the membership list has no number: the first one is 1")]
    Serial,
    /// Two members of one organisation.
    #[error("the membership list names {0} twice")]
    Twice(Ods),
    /// No such member.
    #[error("the membership list does not name {0}")]
    Stranger(Ods),
    /// Empty, too long or with control characters.
    #[error("the name of {0} is empty, too long or cannot be printed")]
    Name(Ods),
    /// Not an Ed25519 key.
    #[error("the answer key of {0} is not 'ed25519:' and 32 bytes in base64url")]
    AnswerKey(Ods),
    /// Not an X25519 key.
    #[error(
        "the sealing key of {0} is not 'x25519:' and 32 bytes in base64url: `evensum keys new sealing` makes one"
    )]
    SealKey(Ods),
    /// One key for two.
    #[error("{0} and {1} have the same key: each server needs keys of its own")]
    SameKey(Ods, Ods),
    /// The two servers are one organisation's.
    #[error(
        "{0} is the coordinator and the second server: the second server must be run by another organisation"
    )]
    OneOrganisation(Ods),
    /// Of another federation.
    #[error("the membership list is of the federation {list}, and the agreement of {agreement}")]
    Federation {
        /// Of the list.
        list: FederationId,
        /// Of the agreement.
        agreement: FederationId,
    },
    /// The agreement knows no pooled view.
    #[error("the agreement has no pooled view, which the membership list is for: it lacks 'pool'")]
    NoPool,
    /// Another server, or other keys.
    #[error(
        "the {0} of the membership list is not that of the agreement, by ODS code and answer key"
    )]
    Server(&'static str),
    /// No node party.
    #[error(
        "{0} is on the membership list and runs no node under the agreement: take it off, or have the agreement changed"
    )]
    NoParty(Ods),
    /// Another key than the agreement's.
    #[error("the answer key of {0} on the membership list is not that of the agreement")]
    OtherKey(Ods),
    /// Too few members for a sum to hide anybody.
    #[error(transparent)]
    TooFew(#[from] TooFew),
    /// Somebody's signature is of another list, or was made with another key.
    #[error(
        "the signature of {0} does not match: the membership list was changed after it, or is forged"
    )]
    Signature(OfficerId),
    /// Too few signatures that count.
    #[error(
        "the membership list is signed by officers of {organisations} organisations, and it takes two, one of them of a member other than {servers}: have it signed with `evensum roster sign`"
    )]
    Unsigned {
        /// Organisations whose officers have signed.
        organisations: usize,
        /// Those that run the servers.
        servers: ServersOf,
    },
    /// No member has signed that is not of the servers' organisations.
    #[error(
        "the membership list needs a signature of an officer of a member other than {servers}, which could isolate a partner together: have one sign it with `evensum roster sign`"
    )]
    ServersAlone {
        /// Those that run the servers.
        servers: ServersOf,
    },
    /// The key is not the officer's.
    #[error("the key is not the one that the agreement lists for {0}")]
    OfficerKey(OfficerId),
    /// No such officer.
    #[error("the agreement names no officer {0}")]
    NoOfficer(OfficerId),
    /// No signature could be made.
    #[error("the membership list cannot be signed")]
    Key(#[from] KeyError),
    /// Not newer than the list that it is to replace.
    #[error(
        "the membership list has the number {after} and is to replace number {before}: a newer list has a higher number"
    )]
    Stale {
        /// The earlier list's.
        before: u32,
        /// This list's.
        after: u32,
    },
}

fn is_seal_key(key: &KeyText) -> bool {
    let body = key.as_str().strip_prefix("x25519:");
    body.and_then(|b| BASE64URL_NOPAD.decode(b.as_bytes()).ok()).is_some_and(|b| b.len() == 32)
}

fn is_answer_key(key: &KeyText) -> bool {
    VerifyingKey::parse(key).is_ok_and(|key| key.is_ed25519())
}

impl Roster {
    /// An empty list, number 1, of a federation and the servers that add up.
    ///
    /// # Errors
    /// [`RosterError`], where the servers have no proper keys or are one organisation's.
    pub fn new(
        federation: FederationId,
        coordinator: PoolServer,
        helper: Option<PoolServer>,
    ) -> Result<Self, RosterError> {
        let members = Vec::new();
        Self::checked(Parts {
            format: Format::V1,
            federation,
            serial: 1,
            coordinator,
            helper,
            members,
        })
    }

    fn checked(mut parts: Parts) -> Result<Self, RosterError> {
        if parts.members.len() > MAX_NODES {
            return Err(RosterError::TooMany);
        }
        if parts.serial == 0 {
            return Err(RosterError::Serial);
        }
        parts.members.sort_by(|a, b| a.ods.cmp(&b.ods));
        if let Some(two) = parts.members.windows(2).find(|two| two[0].ods == two[1].ods) {
            return Err(RosterError::Twice(two[0].ods.clone()));
        }
        for Member { ods, name, .. } in &parts.members {
            let printable = !name.trim().is_empty() && !name.chars().any(char::is_control);
            if !printable || name.len() > MAX_NAME_BYTES {
                return Err(RosterError::Name(ods.clone()));
            }
        }
        if let Some(helper) = parts.helper.as_ref().filter(|h| h.ods == parts.coordinator.ods) {
            return Err(RosterError::OneOrganisation(helper.ods.clone()));
        }
        let list = Self(parts);
        list.keys_are_distinct()?;
        Ok(list)
    }

    fn keys_are_distinct(&self) -> Result<(), RosterError> {
        let mut seen: Vec<(&KeyText, &Ods)> = Vec::new();
        let servers = self.servers().map(|s| (&s.ods, &s.answer_key, &s.seal_key));
        let members = self.members().iter().map(|m| (&m.ods, &m.answer_key, &m.seal_key));
        for (ods, answer_key, seal_key) in servers.chain(members) {
            if !is_answer_key(answer_key) {
                return Err(RosterError::AnswerKey(ods.clone()));
            }
            if !is_seal_key(seal_key) {
                return Err(RosterError::SealKey(ods.clone()));
            }
            seen.extend([(answer_key, ods), (seal_key, ods)]);
        }
        seen.sort();
        match seen.windows(2).find(|two| two[0].0 == two[1].0) {
            Some(two) => Err(RosterError::SameKey(two[0].1.clone(), two[1].1.clone())),
            None => Ok(()),
        }
    }

    /// The list with this member, in the place of an earlier one of the same organisation: the next number.
    ///
    /// # Errors
    /// [`RosterError`].
    pub fn with(self, member: Member) -> Result<Self, RosterError> {
        let Self(mut parts) = self;
        parts.members.retain(|m| m.ods != member.ods);
        parts.members.push(member);
        parts.serial = parts.serial.saturating_add(1);
        Self::checked(parts)
    }

    /// The list without this member: the next number.
    ///
    /// # Errors
    /// [`RosterError::Stranger`].
    pub fn without(self, ods: &Ods) -> Result<Self, RosterError> {
        if self.member(ods).is_none() {
            return Err(RosterError::Stranger(ods.clone()));
        }
        let Self(mut parts) = self;
        parts.members.retain(|m| m.ods != *ods);
        parts.serial = parts.serial.saturating_add(1);
        Self::checked(parts)
    }

    /// The federation.
    #[must_use]
    pub const fn federation(&self) -> &FederationId {
        &self.0.federation
    }

    /// Its number: a list that replaces another has a higher one.
    #[must_use]
    pub const fn serial(&self) -> u32 {
        self.0.serial
    }

    /// The coordinator.
    #[must_use]
    pub const fn coordinator(&self) -> &PoolServer {
        &self.0.coordinator
    }

    /// The second server, where there is one.
    #[must_use]
    pub const fn helper(&self) -> Option<&PoolServer> {
        self.0.helper.as_ref()
    }

    fn servers(&self) -> impl Iterator<Item = &PoolServer> {
        [self.coordinator()].into_iter().chain(self.helper())
    }

    /// The members, by ODS code.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.0.members
    }

    /// A member.
    #[must_use]
    pub fn member(&self, ods: &Ods) -> Option<&Member> {
        let place = self.0.members.binary_search_by(|m| m.ods.cmp(ods));
        place.ok().and_then(|place| self.0.members.get(place))
    }

    /// Whether somebody is a member of an organisation that runs neither of the servers: one that could subtract its
    /// own figures from the sum hides nobody.
    #[must_use]
    pub fn is_independent(&self, ods: &Ods) -> bool {
        self.member(ods).is_some() && self.servers().all(|server| server.ods != *ods)
    }

    /// The canonical form: what officers sign.
    ///
    /// # Errors
    /// [`RosterError::Canonical`].
    pub fn bytes(&self) -> Result<Vec<u8>, RosterError> {
        Ok(canonical::encode(&self.0)?)
    }

    /// SHA-256 of the canonical form.
    ///
    /// # Errors
    /// [`RosterError::Canonical`].
    pub fn hash(&self) -> Result<Digest, RosterError> {
        Ok(Digest::of(&self.bytes()?))
    }

    /// What has changed since an earlier list, which this one is to replace; nothing where it is the same list.
    ///
    /// # Errors
    /// [`RosterError::Federation`], [`RosterError::Stale`].
    pub fn since(&self, before: &Self) -> Result<Vec<Change>, RosterError> {
        if self.federation() != before.federation() {
            return Err(RosterError::Federation {
                list: self.federation().clone(),
                agreement: before.federation().clone(),
            });
        }
        if self != before && self.serial() <= before.serial() {
            return Err(RosterError::Stale { before: before.serial(), after: self.serial() });
        }
        Ok(Change::between(before, self))
    }

    /// Whether the list is one that the agreement allows, whoever has signed it: the kind of sum that it is for.
    ///
    /// # Errors
    /// [`RosterError`], the first that holds.
    pub fn fits(&self, agreement: &Agreement) -> Result<PoolKind, RosterError> {
        if *self.federation() != agreement.federation {
            return Err(RosterError::Federation {
                list: self.federation().clone(),
                agreement: agreement.federation.clone(),
            });
        }
        let kind = agreement.pool.ok_or(RosterError::NoPool)?;
        let is = |server: &PoolServer, party: &Party| {
            server.ods == party.ods && server.answer_key == party.answer_key
        };
        if !agreement.coordinator().is_some_and(|party| is(self.coordinator(), party)) {
            return Err(RosterError::Server("coordinator"));
        }
        let second = match (self.helper(), agreement.second_server()) {
            (Some(server), Some(party)) => is(server, party),
            (None, None) => !kind.needs_helper(),
            _ => false,
        };
        if !second {
            return Err(RosterError::Server("second server"));
        }
        for member in self.members() {
            let party = agreement.nodes().find(|party| party.ods == member.ods);
            let party = party.ok_or_else(|| RosterError::NoParty(member.ods.clone()))?;
            if party.answer_key != member.answer_key {
                return Err(RosterError::OtherKey(member.ods.clone()));
            }
        }
        let counted = self.members().iter().filter(|m| self.is_independent(&m.ods)).count();
        TooFew::unless(counted, minimum_of(kind))?;
        Ok(kind)
    }
}

#[cfg(test)]
pub(super) mod fixture;
#[cfg(test)]
mod tests;
