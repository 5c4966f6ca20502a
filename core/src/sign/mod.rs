//! Keys, the pre-authentication encoding, and [`Signed`]: a document whose signature was verified over the
//! exact bytes before they were decoded.

mod keys;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use keys::{KeyError, SigningKey, VerifyingKey};

use crate::model::Digest;
use crate::model::canonical::{self, CanonicalError};

/// The DSSE pre-authentication encoding, version 1, of a payload and its type.
#[must_use]
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out =
        format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

/// Bytes that somebody claims to have signed. Nothing in it is believed before [`Signed::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The document, in canonical form.
    pub payload: Vec<u8>,
    /// What the document is.
    pub payload_type: String,
    /// Who signed, as the envelope claims: a hint for finding the key.
    pub signer: String,
    /// Signature over the pre-authentication encoding.
    pub signature: Vec<u8>,
}

impl Envelope {
    /// Signs a payload.
    ///
    /// # Errors
    /// [`KeyError::Signing`].
    pub fn sign(
        payload: Vec<u8>,
        payload_type: &str,
        signer: &str,
        key: &SigningKey,
    ) -> Result<Self, KeyError> {
        let signature = key.sign(&pre_authentication_encoding(payload_type, &payload))?;
        Ok(Self {
            payload,
            payload_type: payload_type.to_owned(),
            signer: signer.to_owned(),
            signature,
        })
    }

    /// SHA-256 of the payload: what "the same query" means.
    #[must_use]
    pub fn payload_hash(&self) -> Digest {
        Digest::of(&self.payload)
    }
}

/// Why an envelope is not believed.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Another kind of document.
    #[error("the envelope holds another kind of document")]
    Type,
    /// The signature is not the key's over these bytes.
    #[error("the signature does not match")]
    Signature,
    /// Signed, but not a document of this type in canonical form.
    #[error("the signed document cannot be read")]
    Document(#[from] CanonicalError),
}

/// A document whose signature was verified.
///
/// There is no other way to one than [`Signed::verify`]:
/// ```compile_fail,E0451
/// use evensum_core::{model::Digest, sign::Signed};
/// let forged = Signed { document: 1_u8, hash: Digest::of(b""), bytes: vec![] };
/// ```
#[derive(Debug, Clone)]
pub struct Signed<T> {
    document: T,
    hash: Digest,
    bytes: Vec<u8>,
}

impl<T: Serialize + DeserializeOwned> Signed<T> {
    /// Verifies the signature over the bytes, then decodes them.
    ///
    /// ```
    /// use evensum_core::sign::{Envelope, Signed, SigningKey};
    /// let key = SigningKey::generate_p256()?;
    /// let envelope = Envelope::sign(b"7".to_vec(), "a number", "ada", &key)?;
    /// let number: Signed<u8> = Signed::verify(&envelope, "a number", &key.verifying_key())?;
    /// assert_eq!(*number.document(), 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify(
        envelope: &Envelope,
        payload_type: &str,
        key: &VerifyingKey,
    ) -> Result<Self, VerifyError> {
        Self::verify_at_most(envelope, payload_type, key, canonical::MAX_BYTES)
    }

    /// As [`Self::verify`], of a document that has so many bytes at the most.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify_at_most(
        envelope: &Envelope,
        payload_type: &str,
        key: &VerifyingKey,
        most: usize,
    ) -> Result<Self, VerifyError> {
        if envelope.payload_type != payload_type {
            return Err(VerifyError::Type);
        }
        let message = pre_authentication_encoding(payload_type, &envelope.payload);
        if !key.verifies(&message, &envelope.signature) {
            return Err(VerifyError::Signature);
        }
        Ok(Self {
            document: canonical::decode_at_most(&envelope.payload, most)?,
            hash: envelope.payload_hash(),
            bytes: envelope.payload.clone(),
        })
    }
}

impl<T> Signed<T> {
    /// The document.
    #[must_use]
    pub const fn document(&self) -> &T {
        &self.document
    }

    /// SHA-256 of the signed bytes.
    #[must_use]
    pub const fn hash(&self) -> Digest {
        self.hash
    }

    /// The signed bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_dsse() {
        assert_eq!(
            pre_authentication_encoding("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn any_change_is_found() {
        for key in [SigningKey::generate_p256(), SigningKey::generate_ed25519()] {
            let key = key.expect("key");
            let good = Envelope::sign(b"[1,2]".to_vec(), "list", "ada", &key).expect("signs");
            let public = key.verifying_key();
            assert!(Signed::<Vec<u8>>::verify(&good, "list", &public).is_ok());
            for i in 0..good.payload.len() {
                let mut bad = good.clone();
                bad.payload[i] ^= 1;
                assert!(Signed::<Vec<u8>>::verify(&bad, "list", &public).is_err());
            }
            let mut bad = good.clone();
            bad.signature[3] ^= 1;
            assert!(Signed::<Vec<u8>>::verify(&bad, "list", &public).is_err());
            assert!(Signed::<Vec<u8>>::verify(&good, "other", &public).is_err());
            let other = SigningKey::generate_p256().expect("key").verifying_key();
            assert!(Signed::<Vec<u8>>::verify(&good, "list", &other).is_err());
        }
    }
}
