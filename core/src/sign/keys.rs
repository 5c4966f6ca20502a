//! Signing keys: P-256 for analysts, Ed25519 for answers, audit logs and membership lists.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, UnparsedPublicKey,
};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use zeroize::Zeroizing;

use crate::model::{Digest, KeyText};

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a PKCS#8 key in PEM of a kind that we use.
    #[error(
        "this is no private key that evensum can use: it wants PKCS#8 in PEM, P-256 or Ed25519"
    )]
    Private,
    /// Not a public key of a kind that we use.
    #[error(
        "this is no public key that evensum can use: it wants 'p256:' or 'ed25519:' and base64url"
    )]
    Public,
    /// The library could not make a key.
    #[error("no key could be made")]
    Generation,
    /// The library could not sign.
    #[error("the signature could not be made")]
    Signing,
}

enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A private key. It is never printed.
pub struct SigningKey {
    pair: Pair,
    pkcs8: Zeroizing<Vec<u8>>,
}

impl SigningKey {
    /// Makes a P-256 key, for an analyst.
    ///
    /// # Errors
    /// [`KeyError::Generation`].
    pub fn generate_p256() -> Result<Self, KeyError> {
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new())
                .map_err(|_| KeyError::Generation)?;
        Self::from_pkcs8(pkcs8.as_ref())
    }

    /// Makes an Ed25519 key, for a server.
    ///
    /// # Errors
    /// [`KeyError::Generation`].
    pub fn generate_ed25519() -> Result<Self, KeyError> {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_| KeyError::Generation)?;
        Self::from_pkcs8(pkcs8.as_ref())
    }

    /// Reads the DER form.
    ///
    /// # Errors
    /// [`KeyError::Private`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_pkcs8(der).map(Pair::Ed25519).or_else(|_| {
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der).map(Pair::P256)
        });
        Ok(Self { pair: pair.map_err(|_| KeyError::Private)?, pkcs8: Zeroizing::new(der.to_vec()) })
    }

    /// Reads a PEM file's text.
    ///
    /// # Errors
    /// [`KeyError::Private`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let body = text
            .split_once("-----BEGIN PRIVATE KEY-----")
            .and_then(|(_, rest)| rest.split_once("-----END PRIVATE KEY-----"))
            .ok_or(KeyError::Private)?
            .0;
        let packed: Zeroizing<String> =
            Zeroizing::new(body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
        let der = BASE64.decode(packed.as_bytes()).map_err(|_| KeyError::Private)?;
        Self::from_pkcs8(&Zeroizing::new(der))
    }

    /// The PEM form, for a key file.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        let body = Zeroizing::new(BASE64.encode(&self.pkcs8));
        let mut out = Zeroizing::new(String::from("-----BEGIN PRIVATE KEY-----\n"));
        for line in body.as_bytes().chunks(64) {
            out.push_str(&String::from_utf8_lossy(line));
            out.push('\n');
        }
        out.push_str("-----END PRIVATE KEY-----\n");
        out
    }

    /// The public half.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        match &self.pair {
            Pair::P256(pair) => {
                VerifyingKey { kind: Kind::P256, bytes: pair.public_key().as_ref().to_vec() }
            }
            Pair::Ed25519(pair) => {
                VerifyingKey { kind: Kind::Ed25519, bytes: pair.public_key().as_ref().to_vec() }
            }
        }
    }

    /// Signs a message.
    ///
    /// # Errors
    /// [`KeyError::Signing`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.pair {
            Pair::P256(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map(|s| s.as_ref().to_vec())
                .map_err(|_| KeyError::Signing),
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.verifying_key().id())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    P256,
    Ed25519,
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VerifyingKey {
    kind: Kind,
    bytes: Vec<u8>,
}

impl VerifyingKey {
    /// Reads the text form of an agreement.
    ///
    /// # Errors
    /// [`KeyError::Public`].
    pub fn parse(text: &KeyText) -> Result<Self, KeyError> {
        let (kind, body) = text.as_str().split_once(':').ok_or(KeyError::Public)?;
        let bytes = BASE64URL_NOPAD.decode(body.as_bytes()).map_err(|_| KeyError::Public)?;
        let kind = match (kind, bytes.len()) {
            ("p256", 65) => Kind::P256,
            ("ed25519", 32) => Kind::Ed25519,
            _ => return Err(KeyError::Public),
        };
        Ok(Self { kind, bytes })
    }

    /// The text form.
    #[must_use]
    pub fn to_text(&self) -> KeyText {
        let kind = match self.kind {
            Kind::P256 => "p256",
            Kind::Ed25519 => "ed25519",
        };
        let text = format!("{kind}:{}", BASE64URL_NOPAD.encode(&self.bytes));
        KeyText::new(text).unwrap_or_else(|_| unreachable!("base64url is within a key's alphabet"))
    }

    /// The raw key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether this is an Ed25519 key, as audit logs and answers need.
    #[must_use]
    pub fn is_ed25519(&self) -> bool {
        self.kind == Kind::Ed25519
    }

    /// A short name for people: the start of the key's SHA-256.
    #[must_use]
    pub fn id(&self) -> String {
        Digest::of(&self.bytes).short()
    }

    /// Whether the signature is this key's over the message.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match self.kind {
            Kind::P256 => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.bytes)
                .verify(message, signature),
            Kind::Ed25519 => {
                UnparsedPublicKey::new(&ED25519, &self.bytes).verify(message, signature)
            }
        };
        verified.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_round_trip_through_their_texts() {
        for key in [SigningKey::generate_p256(), SigningKey::generate_ed25519()] {
            let key = key.expect("key");
            let again = SigningKey::from_pem(&key.to_pem()).expect("pem");
            assert_eq!(again.verifying_key(), key.verifying_key());
            let public = VerifyingKey::parse(&key.verifying_key().to_text()).expect("text");
            assert!(public.verifies(b"m", &again.sign(b"m").expect("signs")));
            assert!(!format!("{key:?}").contains(key.to_pem().lines().nth(1).expect("line")));
        }
    }

    #[test]
    fn garbage_is_no_key() {
        assert!(SigningKey::from_pem("").is_err());
        for bad in ["p256:AAAA", "ed25519:", "rsa:AAAA", "x"] {
            assert!(VerifyingKey::parse(&KeyText::new(bad).expect("text")).is_err(), "{bad}");
        }
    }
}
