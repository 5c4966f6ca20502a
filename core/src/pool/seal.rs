//! Keys that a contribution is sealed for: HPKE (RFC 9180) in base mode with X25519, HKDF-SHA256 and
//! ChaCha20-Poly1305.

use std::fmt;

use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey, X25519};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use zeroize::Zeroizing;

use super::PoolError;
use super::bytes::VERSION;
use crate::model::{Digest, KeyText};

/// The most bytes of a sealed contribution. The longest vector of the most bits needs 2.7 MB.
pub const MAX_SEALED_BYTES: usize = 3 * 1024 * 1024;

/// HPKE's `info`: what all our seals have in common.
const INFO: &[u8] = b"evensum pool seal v1";

const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
/// Version, encapsulated key and tag: what sealing adds to a text.
const OVERHEAD: usize = 1 + KEY_BYTES + TAG_BYTES;

/// PKCS#8 of an X25519 key (RFC 8410) up to the 32 bytes of the key itself.
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20,
];
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// A private key for opening what was sealed. It is never printed, and is wiped when it is dropped.
pub struct SealKey {
    secret: Zeroizing<[u8; KEY_BYTES]>,
    public: SealPublic,
}

impl SealKey {
    /// Makes a key from the randomness of the system.
    ///
    /// # Errors
    /// [`PoolError::Generation`].
    pub fn generate() -> Result<Self, PoolError> {
        let mut secret = Zeroizing::new([0; KEY_BYTES]);
        aws_lc_rs::rand::fill(secret.as_mut_slice()).map_err(|_| PoolError::Generation)?;
        Self::from_secret(secret).ok_or(PoolError::Generation)
    }

    /// Reads the DER form.
    ///
    /// # Errors
    /// [`PoolError::Private`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, PoolError> {
        let secret: [u8; KEY_BYTES] = der
            .strip_prefix(&PKCS8)
            .and_then(|secret| secret.try_into().ok())
            .ok_or(PoolError::Private)?;
        Self::from_secret(Zeroizing::new(secret)).ok_or(PoolError::Private)
    }

    /// Reads a PEM file's text.
    ///
    /// # Errors
    /// [`PoolError::Private`].
    pub fn from_pem(text: &str) -> Result<Self, PoolError> {
        let (_, rest) = text.split_once(BEGIN).ok_or(PoolError::Private)?;
        let (body, _) = rest.split_once(END).ok_or(PoolError::Private)?;
        let packed: Zeroizing<String> =
            Zeroizing::new(body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
        let der = BASE64.decode(packed.as_bytes()).map_err(|_| PoolError::Private)?;
        Self::from_pkcs8(&Zeroizing::new(der))
    }

    /// The PEM form, for a key file.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        let der = Zeroizing::new([PKCS8.as_slice(), self.secret.as_slice()].concat());
        let body = Zeroizing::new(BASE64.encode(&der));
        Zeroizing::new(format!("{BEGIN}\n{}\n{END}\n", body.as_str()))
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &SealPublic {
        &self.public
    }

    /// Opens what was sealed for this key with the same context.
    ///
    /// # Errors
    /// [`PoolError::Opening`], whatever is wrong with it.
    pub fn open(&self, sealed: &Sealed, context: &[u8]) -> Result<Zeroizing<Vec<u8>>, PoolError> {
        let opened = || {
            let rest = sealed.0.strip_prefix(&[VERSION])?;
            let (encapsulated, text) = rest.split_at_checked(KEY_BYTES)?;
            let encapsulated =
                <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapsulated).ok()?;
            let key =
                <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(self.secret.as_slice()).ok()?;
            hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
                &OpModeR::Base,
                &key,
                &encapsulated,
                INFO,
                text,
                context,
            )
            .ok()
        };
        opened().map(Zeroizing::new).ok_or(PoolError::Opening)
    }

    /// Agrees on a secret with another key and makes something of it.
    pub(super) fn agree<T>(
        &self,
        other: &SealPublic,
        derive: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Option<T> {
        agree(self.secret.as_slice(), &other.0, derive)
    }

    fn from_secret(secret: Zeroizing<[u8; KEY_BYTES]>) -> Option<Self> {
        let key = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(secret.as_slice()).ok()?;
        let public = SealPublic(X25519HkdfSha256::sk_to_pk(&key).to_bytes().into());
        Some(Self { secret, public })
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({})", self.public.id())
    }
}

/// X25519. Nothing where the result is zero, as it is for keys of low order, which anybody could have foreseen: the
/// library refuses it.
fn agree<T>(
    secret: &[u8],
    public: &[u8; KEY_BYTES],
    derive: impl FnOnce(&[u8]) -> Option<T>,
) -> Option<T> {
    let key = PrivateKey::from_private_key(&X25519, secret).ok()?;
    let public = UnparsedPublicKey::new(&X25519, public);
    agreement::agree(&key, public, (), |shared| derive(shared).ok_or(())).ok()
}

/// A public key for sealing: a point of X25519 in its one spelling, and not one of low order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SealPublic([u8; KEY_BYTES]);

impl SealPublic {
    /// Takes the 32 bytes of a key.
    ///
    /// # Errors
    /// [`PoolError::Public`] where they are of low order, or another spelling of a smaller number.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PoolError> {
        let bytes: [u8; KEY_BYTES] = bytes.try_into().map_err(|_| PoolError::Public)?;
        // The modulus is 2^255 - 19, written from its lowest byte.
        let [first, middle @ .., last] = bytes;
        let over = last == 0x7f && middle.iter().all(|b| *b == 0xff) && first >= 0xed;
        // Secrets are multiples of eight, so every one of them shows a point whose order divides eight.
        if last > 0x7f || over || agree(&[1; KEY_BYTES], &bytes, |_| Some(())).is_none() {
            return Err(PoolError::Public);
        }
        Ok(Self(bytes))
    }

    /// Reads the text form, `x25519:` and the key in base64url.
    ///
    /// # Errors
    /// [`PoolError::Public`].
    pub fn parse(text: &KeyText) -> Result<Self, PoolError> {
        let body = text.as_str().strip_prefix("x25519:").ok_or(PoolError::Public)?;
        let bytes = BASE64URL_NOPAD.decode(body.as_bytes()).map_err(|_| PoolError::Public)?;
        Self::from_bytes(&bytes)
    }

    /// The text form.
    #[must_use]
    pub fn to_text(&self) -> KeyText {
        KeyText::new(format!("x25519:{}", BASE64URL_NOPAD.encode(&self.0)))
            .unwrap_or_else(|_| unreachable!("base64url is within a key's alphabet"))
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// A short name for people: the start of the key's SHA-256.
    #[must_use]
    pub fn id(&self) -> String {
        Digest::of(&self.0).short()
    }

    /// Seals a text for whoever holds this key. It opens with the same context only. The key that it is sealed with
    /// is made from the randomness of the system, so two seals of the same text differ.
    ///
    /// # Errors
    /// [`PoolError::TooLarge`], [`PoolError::Sealing`].
    pub fn seal(&self, context: &[u8], text: &[u8]) -> Result<Sealed, PoolError> {
        if text.len() > MAX_SEALED_BYTES - OVERHEAD {
            return Err(PoolError::TooLarge);
        }
        let key = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&self.0)
            .map_err(|_| PoolError::Sealing)?;
        let (encapsulated, text) = hpke::single_shot_seal::<
            ChaCha20Poly1305,
            HkdfSha256,
            X25519HkdfSha256,
        >(&OpModeS::Base, &key, INFO, text, context)
        .map_err(|_| PoolError::Sealing)?;
        Ok(Sealed([&[VERSION], encapsulated.to_bytes().as_slice(), &text].concat()))
    }
}

/// What was sealed, as it travels: a version, the encapsulated key, the text and its tag.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Takes bytes that arrived. Whether they open is found by [`SealKey::open`].
    ///
    /// # Errors
    /// [`PoolError::TooLarge`]; [`PoolError::Opening`] where they are too few, or of another version.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, PoolError> {
        if bytes.len() > MAX_SEALED_BYTES {
            return Err(PoolError::TooLarge);
        }
        if bytes.len() < OVERHEAD || bytes.first() != Some(&VERSION) {
            return Err(PoolError::Opening);
        }
        Ok(Self(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, to be sent.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests;
