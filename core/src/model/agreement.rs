//! A data sharing agreement as configuration. TOML at rest, canonical JSON for its hash.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::canonical;
use super::ids::{
    AgreementId, AnalystId, CategoryId, Digest, DimensionId, FederationId, IndicatorId, KeyText,
    LevelId, Ods, OfficerId, PurposeId,
};
use super::profile::Profile;
use super::time::Date;
use super::toml_problem::TomlProblem;

/// What a party does in the federation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Holds records and answers.
    Node,
    /// Fans questions out and combines answers.
    Coordinator,
    /// The independent second server of the pooled view.
    Helper,
}

impl Role {
    /// The name, as in a certificate's URI.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Coordinator => "coordinator",
            Self::Helper => "helper",
        }
    }
}

/// How strongly a query is bound to a person, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assurance {
    /// A server says who it was.
    Attested,
    /// Signed with a key that the agreement lists.
    Enrolled,
    /// Signed with a key that an identity provider bound to a log-in.
    IdpBound,
}

impl Assurance {
    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attested => "attested",
            Self::Enrolled => "enrolled",
            Self::IdpBound => "idp_bound",
        }
    }
}

/// An organisation of the agreement, with the keys that everybody pins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// ODS code.
    pub ods: Ods,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it does.
    pub role: Role,
    /// Ed25519 key that signs its answers.
    pub answer_key: KeyText,
    /// Ed25519 key that signs its audit log.
    pub ledger_key: KeyText,
}

/// A person who may ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Analyst {
    /// Who.
    pub id: AnalystId,
    /// P-256 key that signs the queries.
    pub key: KeyText,
    /// The least sign-in strength that is accepted.
    pub assurance_min: Assurance,
    /// The organisation that the person works for. Where it is left out, it may be the one that runs the coordinator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ods: Option<Ods>,
}

/// A signature of an organisation over the agreement without its approvals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Who approves.
    pub ods: Ods,
    /// With which key.
    pub key: KeyText,
    /// Signature, base64url.
    pub signature: String,
}

/// How the partners' tables are added up before anything is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolKind {
    /// Each table is split between the coordinator and an independent second server: neither can read it alone.
    Deposit,
    /// As `deposit`, of figures that every node has changed at random before.
    Noisy,
    /// Nodes blind their tables by masks that cancel out in the sum of all: there is no second server.
    Masks,
    /// As `deposit`, of so few partners that one of them can subtract its own: every holder has agreed to that, and nobody
    /// asks who runs one of the two servers.
    TrustedSum,
}

impl PoolKind {
    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deposit => "deposit",
            Self::Noisy => "noisy",
            Self::Masks => "masks",
            Self::TrustedSum => "trusted_sum",
        }
    }

    /// Whether a second organisation's server takes part.
    #[must_use]
    pub const fn needs_helper(self) -> bool {
        !matches!(self, Self::Masks)
    }
}

/// Who may have the answers that are given under an agreement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handling {
    /// The parties alone.
    #[default]
    Internal,
    /// Anybody, with the notes.
    Publishable,
}

impl Handling {
    /// The name in the agreement.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Publishable => "publishable",
        }
    }

    /// The line that every file of answers carries.
    #[must_use]
    pub const fn line(self) -> &'static str {
        match self {
            Self::Internal => "Internal: for the parties of the agreement; not for publication",
            Self::Publishable => "May be published with its notes",
        }
    }

    /// As where an agreement says nothing. Left out of the canonical form, so that older agreements keep their hash.
    const fn is_usual(&self) -> bool {
        matches!(self, Self::Internal)
    }
}

/// An information governance officer, who signs the membership list of the pooled view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Officer {
    /// Who.
    pub id: OfficerId,
    /// The officer's organisation, a party of the agreement.
    pub ods: Ods,
    /// Ed25519 key that signs the membership list.
    pub key: KeyText,
}

/// The most nodes of an agreement. Whatever counts partners is made from it: members of a membership list, contributions to
/// a sum, partners of an answer, and the lengths of the messages that carry them.
pub const MAX_NODES: usize = 200;

/// The most officers that an agreement names.
pub const MAX_OFFICERS: usize = 100;

/// A category of a listed dimension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Its code, as extracts have it.
    pub id: CategoryId,
    /// Its name, for people.
    pub name: String,
}

/// The most categories that an agreement lists for one dimension.
pub const MAX_LISTED: usize = 200;

/// The agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// Its id.
    pub id: AgreementId,
    /// Counts up with every change.
    pub version: u32,
    /// The federation.
    pub federation: FederationId,
    /// ICBs of residence whose people are counted.
    pub residence_scope: Vec<CategoryId>,
    /// First day in force.
    pub from: Date,
    /// Last day in force.
    pub until: Date,
    /// The organisations.
    pub parties: Vec<Party>,
    /// The people who may ask.
    pub analysts: Vec<Analyst>,
    /// What may be asked for.
    pub purposes: Vec<PurposeId>,
    /// Packs of the catalogue that a publication run prepares.
    #[serde(default)]
    pub packs: Vec<String>,
    /// Indicators that may be asked.
    pub indicators: Vec<IndicatorId>,
    /// Dimensions (all their levels) or single levels that may be asked by or restricted to.
    pub dimensions: Vec<LevelId>,
    /// Levels that stand in place of the grouping that the catalogue has first, such as `ethnicity.group_2021`.
    /// Of two groupings that do not nest an agreement has one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groupings: Vec<LevelId>,
    /// The categories of listed dimensions other than provider and ICB: sites, local authorities, networks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lists: BTreeMap<DimensionId, Vec<Listed>>,
    /// The most dimensions that a question may cross.
    pub max_dimensions: u8,
    /// The disclosure profile.
    pub profile: Profile,
    /// Whether a named partner's protected table may be shown to the others.
    #[serde(default)]
    pub show_partners: bool,
    /// Whether the organisation that asks may run the coordinator.
    #[serde(default)]
    pub asker_runs_coordinator: bool,
    /// When extracts are published, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,
    /// The organisation that runs the independent second server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helper: Option<Ods>,
    /// How tables are added up before anything is hidden; without it there is no pooled view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolKind>,
    /// Whether nodes contribute to the pooled view by themselves after a publication.
    #[serde(default, skip_serializing_if = "is_off")]
    pub pool_after_publish: bool,
    /// Whether the number of different people across partners is estimated.
    #[serde(default, skip_serializing_if = "is_off")]
    pub distinct_people: bool,
    /// What is known of the link secret that this takes, so that all nodes have the same one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_check: Option<Digest>,
    /// The officers of whom two, from two organisations, sign the membership list; one of the organisations runs a node
    /// and neither server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub officers: Vec<Officer>,
    /// Who may have the answers.
    #[serde(default, skip_serializing_if = "Handling::is_usual")]
    pub handling: Handling,
    /// Approvals; not part of the hash.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
}

/// Left out of the canonical form, so that an agreement from before there was such a line keeps its hash.
const fn is_off(line: &bool) -> bool {
    !*line
}

/// Why a file is no agreement.
#[derive(Debug, thiserror::Error)]
pub enum AgreementError {
    /// Not TOML of this form.
    #[error("the agreement cannot be read: {0}")]
    Toml(#[source] TomlProblem),
    /// Contradicts itself.
    #[error("the agreement contradicts itself: {0}")]
    Content(&'static str),
    /// No canonical form.
    #[error("the agreement cannot be encoded")]
    Canonical(#[from] canonical::CanonicalError),
}

impl Agreement {
    /// Reads the TOML form and checks that it does not contradict itself.
    ///
    /// # Errors
    /// [`AgreementError`], with the line where it is the TOML.
    pub fn parse(text: &str) -> Result<Self, AgreementError> {
        let agreement: Self =
            toml::from_str(text).map_err(|e| AgreementError::Toml(TomlProblem::new(text, &e)))?;
        agreement.check()?;
        Ok(agreement)
    }

    fn check(&self) -> Result<(), AgreementError> {
        let wrong = |text| Err(AgreementError::Content(text));
        if self.until < self.from {
            return wrong("'until' lies before 'from'");
        }
        if self.residence_scope.is_empty() {
            return wrong("'residence_scope' names no ICB");
        }
        if !(1..=4).contains(&self.max_dimensions) {
            return wrong("'max_dimensions' is not between 1 and 4");
        }
        if self.coordinators().count() != 1 {
            return wrong("it needs exactly one party with the role 'coordinator'");
        }
        for (i, party) in self.parties.iter().enumerate() {
            if self.parties[..i].iter().any(|p| p.ods == party.ods && p.role == party.role) {
                return wrong("a party stands twice in the same role");
            }
        }
        if self.nodes().count() > MAX_NODES {
            return wrong(
                "more than 200 of its parties run nodes, which no federation of this version has",
            );
        }
        let ed25519 = |key: &KeyText| key.as_str().starts_with("ed25519:");
        if !self.parties.iter().all(|p| ed25519(&p.answer_key) && ed25519(&p.ledger_key)) {
            return wrong("a party's keys are not of the kind 'ed25519:'");
        }
        if !self.analysts.iter().all(|a| a.key.as_str().starts_with("p256:")) {
            return wrong("an analyst's key is not of the kind 'p256:'");
        }
        for (i, icb) in self.residence_scope.iter().enumerate() {
            if self.residence_scope[..i].contains(icb) || Ods::new(icb.as_str()).is_err() {
                return wrong("'residence_scope' names an ICB twice, or something that is no ICB");
            }
        }
        if !self.approvals.is_empty() {
            return wrong("it carries approvals, which this version cannot check: leave them out");
        }
        self.check_lists()?;
        self.check_pool()?;
        self.check_officers()?;
        for (i, analyst) in self.analysts.iter().enumerate() {
            if self.analysts[..i].iter().any(|a| a.id == analyst.id || a.key == analyst.key) {
                return wrong("two analysts share an id or a key");
            }
        }
        Ok(())
    }

    fn check_lists(&self) -> Result<(), AgreementError> {
        let wrong = |text| Err(AgreementError::Content(text));
        if self.groupings.iter().enumerate().any(|(i, g)| self.groupings[..i].contains(g)) {
            return wrong("'groupings' names a level twice");
        }
        for (dimension, listed) in &self.lists {
            if ["provider", "icb"].contains(&dimension.as_str()) {
                return wrong(
                    "'lists' names provider or icb, which 'parties' and 'residence_scope' supply",
                );
            }
            if listed.is_empty() || listed.len() > MAX_LISTED {
                return wrong("a list of 'lists' is empty or has more than 200 categories");
            }
            for (i, one) in listed.iter().enumerate() {
                if listed[..i].iter().any(|other| other.id == one.id) || one.id.is_all() {
                    return wrong("a list of 'lists' names a category twice, or one called 'all'");
                }
                if one.name.trim().is_empty() || one.name.chars().any(char::is_control) {
                    return wrong("a category of 'lists' has no name that can be printed");
                }
            }
        }
        Ok(())
    }

    fn check_pool(&self) -> Result<(), AgreementError> {
        let wrong = |text| Err(AgreementError::Content(text));
        if self.link_check.is_some() && !self.distinct_people {
            return wrong("'link_check' is of use with distinct_people = true alone");
        }
        let Some(kind) = self.pool else {
            if self.pool_after_publish {
                return wrong(
                    "'pool_after_publish' needs 'pool', which says how tables are added up",
                );
            }
            if self.distinct_people {
                return wrong(
                    "'distinct_people' needs 'pool', which says how figures are added up",
                );
            }
            return Ok(());
        };
        let named = self.parties.iter().any(|p| p.role == Role::Helper);
        if kind.needs_helper() {
            let Some(helper) = &self.helper else {
                return wrong(
                    "this 'pool' needs a second server: name its organisation as 'helper', or use pool = \"masks\"",
                );
            };
            if self.party(helper, Role::Helper).is_none() {
                return wrong(
                    "'helper' names an organisation that is no party with the role 'helper'",
                );
            }
            if self.coordinators().any(|c| c.ods == *helper) {
                return wrong(
                    "'helper' is the coordinator's organisation: the second server must be run by another",
                );
            }
        } else if named || self.helper.is_some() {
            return wrong(
                "pool = \"masks\" works without a second server: leave out 'helper' and the party with that role",
            );
        }
        if kind == PoolKind::Noisy && !self.profile.releases_figures() {
            return wrong(
                "pool = \"noisy\" needs a profile that rounds (nhs75m, nhs75 or ons105m): partners have changed their figures at random already, and nobody who adds them up has the keys to do so again",
            );
        }
        if self.distinct_people && kind != PoolKind::Deposit {
            return wrong(
                "'distinct_people' needs pool = \"deposit\": what is added up for it must be exact, of many, and be read by nobody",
            );
        }
        if kind == PoolKind::TrustedSum && self.asker_runs_coordinator {
            return wrong(
                "'asker_runs_coordinator' is refused with pool = \"trusted_sum\": totals of so few partners are read by nobody who asks",
            );
        }
        let own_node = |c: &Party| self.party(&c.ods, Role::Node).is_some();
        if self.distinct_people && self.coordinators().any(own_node) {
            return wrong(
                "'distinct_people' is refused where the coordinator's organisation also runs a node: together they could test who is in the data",
            );
        }
        if self.distinct_people && self.link_check.is_none() {
            return wrong(
                "'distinct_people' needs 'link_check', which `evensum keys new link` prints",
            );
        }
        Ok(())
    }

    fn check_officers(&self) -> Result<(), AgreementError> {
        let wrong = |text| Err(AgreementError::Content(text));
        if self.officers.len() > MAX_OFFICERS {
            return wrong("'officers' names more than 100 people");
        }
        for (i, officer) in self.officers.iter().enumerate() {
            if self.officers[..i].iter().any(|o| o.id == officer.id || o.key == officer.key) {
                return wrong("two officers share an id or a key");
            }
            if !officer.key.as_str().starts_with("ed25519:") {
                return wrong("an officer's key is not of the kind 'ed25519:'");
            }
            if !self.parties.iter().any(|p| p.ods == officer.ods) {
                return wrong("an officer is of an organisation that is no party");
            }
            let of_server = |p: &Party| [&p.answer_key, &p.ledger_key].contains(&&officer.key);
            if self.parties.iter().any(of_server) {
                return wrong(
                    "an officer signs with the key of a server: give the officer a key of their own",
                );
            }
        }
        let first = self.officers.first().map(|o| &o.ods);
        if self.pool.is_some() && self.officers.iter().all(|o| Some(&o.ods) == first) {
            return wrong(
                "'pool' needs 'officers' of at least two organisations, who sign the membership list",
            );
        }
        let shares = |ods: &Ods| {
            let runs_server = |p: &Party| p.ods == *ods && p.role != Role::Node;
            !self.parties.iter().any(runs_server) && self.party(ods, Role::Node).is_some()
        };
        if self.pool.is_some() && !self.officers.iter().any(|officer| shares(&officer.ods)) {
            return wrong(
                "'pool' needs one of the 'officers' to be of an organisation that runs a node and neither server: without its signature no membership list holds",
            );
        }
        Ok(())
    }

    /// The hash that queries cite: SHA-256 of the canonical form without the approvals.
    ///
    /// # Errors
    /// [`AgreementError::Canonical`].
    pub fn hash(&self) -> Result<Digest, AgreementError> {
        // Without approvals the document has no such field.
        let bytes = if self.approvals.is_empty() {
            canonical::encode(self)?
        } else {
            canonical::encode(&Self { approvals: Vec::new(), ..self.clone() })?
        };
        Ok(Digest::of(&bytes))
    }

    /// The parties that run nodes.
    pub fn nodes(&self) -> impl Iterator<Item = &Party> {
        self.parties.iter().filter(|p| p.role == Role::Node)
    }

    fn coordinators(&self) -> impl Iterator<Item = &Party> {
        self.parties.iter().filter(|p| p.role == Role::Coordinator)
    }

    /// Whether a person may be shown the sum that this agreement's servers make. The coordinator sees totals before small
    /// ones are hidden, so that whoever asks either does not work for the organisation that runs it, or every partner
    /// has agreed to that. Of so few partners that one can subtract its own, neither server may be the asker's.
    #[must_use]
    pub fn sums_for(&self, analyst: &AnalystId) -> bool {
        let listed = self.analysts.iter().find(|listed| listed.id == *analyst);
        let own = listed.and_then(|listed| listed.ods.as_ref());
        let runs = |party: Option<&Party>| match (own, party) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(own), Some(party)) => *own == party.ods,
        };
        match self.pool {
            Some(PoolKind::TrustedSum) => !runs(self.coordinator()) && !runs(self.second_server()),
            _ => self.asker_runs_coordinator || !runs(self.coordinator()),
        }
    }

    /// The party that runs the coordinator.
    #[must_use]
    pub fn coordinator(&self) -> Option<&Party> {
        self.coordinators().next()
    }

    /// The organisation that runs the second server, where 'helper' names it and it is a party in that role.
    #[must_use]
    pub fn second_server(&self) -> Option<&Party> {
        self.helper.as_ref().and_then(|ods| self.party(ods, Role::Helper))
    }

    /// A party in a role.
    #[must_use]
    pub fn party(&self, ods: &Ods, role: Role) -> Option<&Party> {
        self.parties.iter().find(|p| p.ods == *ods && p.role == role)
    }

    /// Whether a level may be asked by or restricted to.
    #[must_use]
    pub fn permits(&self, level: &LevelId) -> bool {
        let dimension = level.dimension();
        self.dimensions
            .iter()
            .any(|allowed| allowed == level || allowed.as_str() == dimension.as_str())
    }

    /// Whether the agreement is in force on a day.
    #[must_use]
    pub fn in_force(&self, day: Date) -> bool {
        self.from <= day && day <= self.until
    }
}

#[cfg(test)]
mod tests;
