//! From an envelope to a person: the key that signed must be one that the agreement lists for an analyst.

use serde::{Deserialize, Serialize};

use crate::model::canonical;
use crate::model::{
    Agreement, AgreementId, AnalystId, Assurance, Digest, FederationId, MAX_LIFE_SECONDS, Query,
    QueryId, RefusalCode, Timestamp,
};
use crate::sign::{Envelope, KeyError, Signed, VerifyError, VerifyingKey};

/// Payload type of a query.
pub const QUERY_TYPE: &str = "application/vnd.evensum.query.v1+json";
/// Payload type of a call for the list of partners.
pub const PARTNERS_CALL_TYPE: &str = "application/vnd.evensum.partners.v1+json";

/// A call that is not a query, as the analyst's tool signs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Made by the analyst's tool.
    pub call_id: QueryId,
    /// The federation that is asked.
    pub federation: FederationId,
    /// The agreement that is relied on.
    pub agreement: AgreementId,
    /// Its hash as the analyst has it.
    pub agreement_hash: Digest,
    /// Not to be answered before.
    pub not_before: Timestamp,
    /// Not to be answered at or after.
    pub expires: Timestamp,
}

/// What a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// The partners and their standing.
    Partners,
}

impl CallKind {
    /// The payload type of its envelope.
    #[must_use]
    pub const fn payload_type(self) -> &'static str {
        match self {
            Self::Partners => PARTNERS_CALL_TYPE,
        }
    }
}

/// Why an envelope names nobody that we know.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.says())]
pub enum IdentityError {
    /// The agreement does not list the signer.
    Unlisted,
    /// The agreement's key for the signer is unusable.
    Key(#[from] KeyError),
    /// Not what the signer's key signed.
    Signature(#[source] VerifyError),
    /// Signed, and not a query that this program can read.
    Document(#[source] VerifyError),
    /// Signed for another agreement than the one whose keys were used.
    OtherAgreement,
}

impl IdentityError {
    /// One fixed line for people: what is wrong and what to do.
    #[must_use]
    pub const fn says(&self) -> &'static str {
        match self {
            Self::Unlisted => {
                "the agreement does not list the analyst who signed: ask for your key to be enrolled"
            }
            Self::Key(_) => "the agreement's key for this analyst cannot be used",
            Self::Signature(_) => {
                "the query is not what the analyst's key signed: it was altered on the way, or signed with another key"
            }
            Self::Document(_) => {
                "the query was signed, but this program cannot read it: update the older program"
            }
            Self::OtherAgreement => {
                "the query names another agreement than the one that lists its signer"
            }
        }
    }
}

/// A query, and the person who signed it.
#[derive(Debug, Clone)]
pub struct Asker {
    query: Signed<Query>,
    person: Person,
}

/// A call, and the person who signed it.
#[derive(Debug, Clone)]
pub struct CallAsker {
    call: Signed<Call>,
    person: Person,
}

#[derive(Debug, Clone)]
struct Person {
    analyst: AnalystId,
    assurance: Assurance,
    assurance_min: Assurance,
    key_id: String,
    signature: Vec<u8>,
}

/// The federation and the agreement that an envelope claims to rely on. Nothing is verified: it is a hint where
/// to look for the signer's key.
#[must_use]
pub fn claimed_agreement(envelope: &Envelope) -> Option<(FederationId, AgreementId)> {
    #[derive(Deserialize)]
    struct Claim {
        federation: FederationId,
        agreement: AgreementId,
    }
    let claim = canonical::decode_part::<Claim>(&envelope.payload).ok()?;
    Some((claim.federation, claim.agreement))
}

fn person(
    envelope: &Envelope,
    agreement: &Agreement,
) -> Result<(Person, VerifyingKey), IdentityError> {
    let listed = agreement
        .analysts
        .iter()
        .find(|a| a.id.as_str() == envelope.signer)
        .ok_or(IdentityError::Unlisted)?;
    let key = VerifyingKey::parse(&listed.key)?;
    let person = Person {
        analyst: listed.id.clone(),
        // A key that the agreement lists is an enrolled one; stronger kinds come with log-in.
        assurance: Assurance::Enrolled,
        assurance_min: listed.assurance_min,
        key_id: key.id(),
        signature: envelope.signature.clone(),
    };
    Ok((person, key))
}

fn sorted(error: VerifyError) -> IdentityError {
    match error {
        VerifyError::Document(_) => IdentityError::Document(error),
        VerifyError::Type | VerifyError::Signature => IdentityError::Signature(error),
    }
}

impl Asker {
    /// Verifies the envelope with the key that the agreement lists for its signer.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn verify(envelope: &Envelope, agreement: &Agreement) -> Result<Self, IdentityError> {
        let (person, key) = person(envelope, agreement)?;
        let query: Signed<Query> = Signed::verify(envelope, QUERY_TYPE, &key).map_err(sorted)?;
        if query.document().agreement != agreement.id {
            return Err(IdentityError::OtherAgreement);
        }
        Ok(Self { query, person })
    }

    /// The query.
    #[must_use]
    pub const fn query(&self) -> &Signed<Query> {
        &self.query
    }

    /// Who signed.
    #[must_use]
    pub const fn analyst(&self) -> &AnalystId {
        &self.person.analyst
    }

    /// How strongly the query is bound to them.
    #[must_use]
    pub const fn assurance(&self) -> Assurance {
        self.person.assurance
    }

    /// Whether that is enough for the agreement.
    #[must_use]
    pub fn assured(&self) -> bool {
        self.person.assurance >= self.person.assurance_min
    }

    /// The short name of the key that signed.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.person.key_id
    }

    /// The signature.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.person.signature
    }
}

impl CallAsker {
    /// Verifies the envelope with the key that the agreement lists for its signer, and the call's times.
    ///
    /// # Errors
    /// [`IdentityError`]; a call outside its times gives the refusal in the inner result.
    pub fn verify(
        envelope: &Envelope,
        kind: CallKind,
        agreement: &Agreement,
        now: Timestamp,
    ) -> Result<Result<Self, RefusalCode>, IdentityError> {
        let (person, key) = person(envelope, agreement)?;
        let call: Signed<Call> =
            Signed::verify(envelope, kind.payload_type(), &key).map_err(sorted)?;
        let document = call.document();
        if document.agreement != agreement.id {
            return Err(IdentityError::OtherAgreement);
        }
        if document.federation != agreement.federation {
            return Ok(Err(RefusalCode::FederationDiffers));
        }
        let life = document.expires.as_unix().saturating_sub(document.not_before.as_unix());
        if !(1..=MAX_LIFE_SECONDS).contains(&life) {
            return Ok(Err(RefusalCode::Malformed));
        }
        if now < document.not_before {
            return Ok(Err(RefusalCode::TooEarly));
        }
        if now >= document.expires {
            return Ok(Err(RefusalCode::Expired));
        }
        Ok(Ok(Self { call, person }))
    }

    /// The call.
    #[must_use]
    pub const fn call(&self) -> &Call {
        self.call.document()
    }

    /// Who signed.
    #[must_use]
    pub const fn analyst(&self) -> &AnalystId {
        &self.person.analyst
    }
}
