//! The membership list with its officers' signatures, as a file and as what a node believes.

use std::collections::BTreeSet;

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use super::signatories::Signatories;
use super::standing::VerifiedRoster;
use super::{Parts, Roster, RosterError};
use crate::model::{Agreement, Digest, KeyText, Ods, Officer, OfficerId};
use crate::sign::{SigningKey, VerifyingKey, pre_authentication_encoding};

/// The payload type of what officers sign.
pub const ROSTER_TYPE: &str = "application/vnd.evensum.roster.v1+json";

/// The longest file of a membership list.
pub const MAX_LIST_BYTES: usize = 1 << 20;

/// The most signatures on a list.
pub const MAX_SIGNATURES: usize = 100;

/// An officer's signature over the pre-authentication encoding of the list's canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterSignature {
    /// Who signed.
    pub officer: OfficerId,
    /// The officer's organisation.
    pub ods: Ods,
    /// With which key.
    pub key: KeyText,
    /// The signature in base64.
    pub signature: String,
}

/// An officer whose signature counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signer {
    /// Who.
    pub officer: OfficerId,
    /// Of which organisation.
    pub ods: Ods,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    list: Parts,
    signatures: Vec<RosterSignature>,
}

/// A membership list with signatures that nobody has verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRoster {
    roster: Roster,
    pub(super) bytes: Vec<u8>,
    pub(super) signatures: Vec<RosterSignature>,
}

impl SignedRoster {
    /// A list that nobody has signed.
    ///
    /// # Errors
    /// [`RosterError::Canonical`].
    pub fn unsigned(roster: Roster) -> Result<Self, RosterError> {
        let bytes = roster.bytes()?;
        Ok(Self { roster, bytes, signatures: Vec::new() })
    }

    /// Reads the file form.
    ///
    /// # Errors
    /// [`RosterError`], where it is not of the form or contradicts itself.
    pub fn parse(text: &str) -> Result<Self, RosterError> {
        if text.len() > MAX_LIST_BYTES {
            return Err(RosterError::TooLong);
        }
        let File { list, signatures } =
            serde_json::from_str(text).map_err(RosterError::Unreadable)?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(RosterError::TooManySignatures);
        }
        Ok(Self { signatures, ..Self::unsigned(Roster::checked(list)?)? })
    }

    /// The file form, for people to read: the list, and the signatures below it.
    ///
    /// # Errors
    /// [`RosterError::Unreadable`].
    pub fn to_text(&self) -> Result<String, RosterError> {
        let file = File { list: self.roster.0.clone(), signatures: self.signatures.clone() };
        let text = serde_json::to_string_pretty(&file).map_err(RosterError::Unreadable)?;
        Ok(text + "\n")
    }

    /// The list, which may be anybody's.
    #[must_use]
    pub const fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The list without its signatures, to be changed.
    #[must_use]
    pub fn into_roster(self) -> Roster {
        self.roster
    }

    /// The signatures, as they claim to be.
    #[must_use]
    pub fn signatures(&self) -> &[RosterSignature] {
        &self.signatures
    }

    /// Adds an officer's signature, in the place of an earlier one of the same officer.
    ///
    /// # Errors
    /// [`RosterError::OfficerKey`] where the key is another's, [`RosterError::Key`],
    /// [`RosterError::TooManySignatures`].
    pub fn sign(mut self, officer: &Officer, key: &SigningKey) -> Result<Self, RosterError> {
        if key.verifying_key().to_text() != officer.key {
            return Err(RosterError::OfficerKey(officer.id.clone()));
        }
        let signature = key.sign(&pre_authentication_encoding(ROSTER_TYPE, &self.bytes))?;
        self.signatures.retain(|s| s.officer != officer.id);
        if self.signatures.len() >= MAX_SIGNATURES {
            return Err(RosterError::TooManySignatures);
        }
        self.signatures.push(RosterSignature {
            officer: officer.id.clone(),
            ods: officer.ods.clone(),
            key: officer.key.clone(),
            signature: BASE64.encode(&signature),
        });
        Ok(self)
    }

    /// Whether the list holds under this agreement: officers of the agreement have signed it as [`Signatories`] says, and
    /// it is one that the agreement allows. Signatures of others, and with keys that the agreement does not list any more,
    /// do not count.
    ///
    /// # Errors
    /// [`RosterError`], the first that holds.
    pub fn verify(&self, agreement: &Agreement) -> Result<VerifiedRoster, RosterError> {
        let signers = Signatories::of(self.signers(agreement)?, &self.roster)?;
        // The list's servers are the agreement's.
        let kind = self.roster.fits(agreement)?;
        Ok(VerifiedRoster::of(self.clone(), Digest::of(&self.bytes), kind, signers))
    }

    /// The officers of the agreement whose signatures count so far.
    ///
    /// # Errors
    /// [`RosterError::Signature`] where one of theirs does not match.
    pub fn signers(&self, agreement: &Agreement) -> Result<Vec<Signer>, RosterError> {
        let message = pre_authentication_encoding(ROSTER_TYPE, &self.bytes);
        let mut signers = BTreeSet::new();
        for signature in &self.signatures {
            let listed = agreement.officers.iter().any(|officer| {
                officer.id == signature.officer
                    && officer.ods == signature.ods
                    && officer.key == signature.key
            });
            if !listed {
                continue;
            }
            let bytes = BASE64.decode(signature.signature.as_bytes()).unwrap_or_default();
            if !VerifyingKey::parse(&signature.key).is_ok_and(|key| key.verifies(&message, &bytes))
            {
                return Err(RosterError::Signature(signature.officer.clone()));
            }
            let (officer, ods) = (signature.officer.clone(), signature.ods.clone());
            signers.insert(Signer { officer, ods });
        }
        Ok(signers.into_iter().collect())
    }
}
