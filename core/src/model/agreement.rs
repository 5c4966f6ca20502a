//! A data sharing agreement as configuration. TOML at rest, canonical JSON for its hash.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::canonical;
use super::ids::{
    AgreementId, AnalystId, CategoryId, Digest, DimensionId, FederationId, IndicatorId, KeyText,
    LevelId, Ods, PurposeId,
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
    /// Approvals; not part of the hash.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
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

    /// The party that runs the coordinator.
    #[must_use]
    pub fn coordinator(&self) -> Option<&Party> {
        self.coordinators().next()
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
