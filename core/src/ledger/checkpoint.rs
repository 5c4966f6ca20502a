//! The signed state of a log: a C2SP `tlog-checkpoint` inside a C2SP `signed-note`, with an Ed25519 signature.
//!
//! ```text
//! evensum/R0D/node
//! 42
//! <root, base64>
//!
//! — evensum/R0D/node <key hash and signature, base64>
//! ```

use data_encoding::BASE64;

use crate::model::{Digest, Ods, Role};
use crate::sign::{KeyError, SigningKey, VerifyingKey};

/// The longest checkpoint that is read, in bytes.
pub const MAX_CHECKPOINT_BYTES: usize = 512;

/// Ed25519 as the signed-note format numbers it.
const ED25519: u8 = 1;

/// Why a text is no checkpoint of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The log's name cannot stand in a signed note.
    #[error("an audit log's name has no spaces, line ends or '+', and is not empty")]
    Origin,
    /// The key is of another kind.
    #[error("an audit log is signed with an Ed25519 key, and this is another kind")]
    Key,
    /// Not of the form above, or longer than [`MAX_CHECKPOINT_BYTES`].
    #[error("the checkpoint cannot be read: it is damaged, or over {MAX_CHECKPOINT_BYTES} bytes")]
    Form,
    /// Of another log.
    #[error("the checkpoint is another audit log's")]
    OtherLog,
    /// Not signed by the key.
    #[error("the checkpoint's signature does not match the audit log's key")]
    Signature,
    /// The library could not sign.
    #[error("the checkpoint could not be signed")]
    Signing(#[from] KeyError),
}

/// The name of a server's log: `evensum/<ODS>/<role>`. No federation is in it: a partner of two federations has
/// one log, over all that was ever released from its records.
#[must_use]
pub fn origin(ods: &Ods, role: Role) -> String {
    format!("evensum/{ods}/{}", role.as_str())
}

/// A log's size and root whose signature was verified. There is no way to one but [`Checkpoint::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Digest,
}

impl Checkpoint {
    /// Writes and signs the checkpoint of a log: `origin`, its number of entries, its root.
    ///
    /// # Errors
    /// [`CheckpointError::Origin`], [`CheckpointError::Key`] or [`CheckpointError::Signing`].
    pub fn sign(
        origin: &str,
        size: u64,
        root: &Digest,
        key: &SigningKey,
    ) -> Result<String, CheckpointError> {
        check_origin(origin)?;
        let public = key.verifying_key();
        if !public.is_ed25519() {
            return Err(CheckpointError::Key);
        }
        let body = body(origin, size, root);
        let mut signature = key_hash(origin, &public).to_vec();
        signature.extend_from_slice(&key.sign(body.as_bytes())?);
        Ok(note(&body, origin, &signature))
    }

    /// Reads a checkpoint of the log `origin`, if it is signed with `key`. Exactly one spelling is accepted.
    ///
    /// ```
    /// use evensum_core::{ledger::Checkpoint, model::Digest, sign::SigningKey};
    /// let key = SigningKey::generate_ed25519()?;
    /// let text = Checkpoint::sign("evensum/R0D/node", 0, &Digest::of(b""), &key)?;
    /// let read = Checkpoint::verify(&text, "evensum/R0D/node", &key.verifying_key())?;
    /// assert_eq!(read.size(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn verify(text: &str, origin: &str, key: &VerifyingKey) -> Result<Self, CheckpointError> {
        check_origin(origin)?;
        if !key.is_ed25519() {
            return Err(CheckpointError::Key);
        }
        let (size, root, signature) = parse(text, origin)?;
        let body = body(origin, size, &root);
        // One spelling: a text that says the same in other bytes was made by somebody else.
        if note(&body, origin, &signature) != text {
            return Err(CheckpointError::Form);
        }
        match signature.split_at_checked(4) {
            Some((hash, signature))
                if hash == key_hash(origin, key) && key.verifies(body.as_bytes(), signature) =>
            {
                Ok(Self { origin: origin.to_owned(), size, root })
            }
            _ => Err(CheckpointError::Signature),
        }
    }

    /// Entries of the log.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Root of the tree over them.
    #[must_use]
    pub const fn root(&self) -> Digest {
        self.root
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

/// The name of the log that a checkpoint claims to be of. Nothing is verified.
#[must_use]
pub fn claimed_origin(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn check_origin(origin: &str) -> Result<(), CheckpointError> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if origin.is_empty() || origin.contains(bad) {
        return Err(CheckpointError::Origin);
    }
    Ok(())
}

fn body(origin: &str, size: u64, root: &Digest) -> String {
    format!("{origin}\n{size}\n{}\n", BASE64.encode(root.as_bytes()))
}

fn note(body: &str, name: &str, signature: &[u8]) -> String {
    format!("{body}\n\u{2014} {name} {}\n", BASE64.encode(signature))
}

/// The signed note's key id: the first four bytes of `SHA-256(name || "\n" || 0x01 || key)`.
fn key_hash(name: &str, key: &VerifyingKey) -> [u8; 4] {
    let mut input = name.as_bytes().to_vec();
    input.extend_from_slice(&[b'\n', ED25519]);
    input.extend_from_slice(key.as_bytes());
    let [a, b, c, d, ..] = *Digest::of(&input).as_bytes();
    [a, b, c, d]
}

fn parse(text: &str, origin: &str) -> Result<(u64, Digest, Vec<u8>), CheckpointError> {
    if text.len() > MAX_CHECKPOINT_BYTES {
        return Err(CheckpointError::Form);
    }
    if claimed_origin(text) != origin {
        return Err(CheckpointError::OtherLog);
    }
    let mut lines = text.lines().skip(1);
    let mut next = || lines.next().ok_or(CheckpointError::Form);
    let size = next()?.parse().map_err(|_| CheckpointError::Form)?;
    let root = BASE64.decode(next()?.as_bytes()).map_err(|_| CheckpointError::Form)?;
    let root = <[u8; 32]>::try_from(root).map_err(|_| CheckpointError::Form)?;
    let (_blank, signature) = (next()?, next()?);
    let signature = signature.rsplit(' ').next().unwrap_or_default();
    let signature = BASE64.decode(signature.as_bytes()).map_err(|_| CheckpointError::Form)?;
    Ok((size, Digest::from_bytes(root), signature))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::KeyText;
    use data_encoding::BASE64URL_NOPAD;

    const NAME: &str = "evensum/R0D/node";

    #[test]
    fn the_format_is_the_signed_note_s() {
        // The example of golang.org/x/mod/sumdb/note, the format's first implementation.
        let packed = BASE64
            .decode(b"ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
            .expect("the example's key");
        assert_eq!(packed[0], ED25519);
        let text = format!("ed25519:{}", BASE64URL_NOPAD.encode(&packed[1..]));
        let key = VerifyingKey::parse(&KeyText::new(text).expect("text")).expect("key");
        assert_eq!(key_hash("PeterNeumann", &key), [0xc7, 0x4f, 0x20, 0xa3]);
        let body = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
        let signature = BASE64
            .decode(b"x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=")
            .expect("the example's signature");
        assert!(key.verifies(body.as_bytes(), &signature[4..]));
        assert!(note(body, "PeterNeumann", &signature).ends_with("\n\n\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"));
    }

    #[test]
    fn any_changed_byte_is_refused() {
        let key = SigningKey::generate_ed25519().expect("key");
        let public = key.verifying_key();
        let root = Digest::of(b"root");
        let text = Checkpoint::sign(NAME, 17, &root, &key).expect("signs");
        let read = Checkpoint::verify(&text, NAME, &public).expect("verifies");
        assert_eq!((read.size(), read.root(), read.origin()), (17, root, NAME));
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut bad = text.clone().into_bytes();
                bad[at] ^= 1 << bit;
                if let Ok(bad) = String::from_utf8(bad) {
                    assert!(Checkpoint::verify(&bad, NAME, &public).is_err(), "{at} {bit}");
                }
            }
        }
        for bad in
            [text.replace("17", "017"), text.replace("17", "+17"), text.replace('\n', "\r\n")]
        {
            assert_eq!(Checkpoint::verify(&bad, NAME, &public), Err(CheckpointError::Form));
        }
        assert!(Checkpoint::verify(&format!("{text}\u{2014} x AAAA\n"), NAME, &public).is_err());
        assert!(Checkpoint::verify(&format!("{text}{}", " ".repeat(600)), NAME, &public).is_err());
        assert!(Checkpoint::verify("", NAME, &public).is_err());
    }

    #[test]
    fn another_log_or_key_is_refused() {
        let key = SigningKey::generate_ed25519().expect("key");
        let text = Checkpoint::sign(NAME, 1, &Digest::of(b""), &key).expect("signs");
        let other = SigningKey::generate_ed25519().expect("key").verifying_key();
        assert_eq!(Checkpoint::verify(&text, NAME, &other), Err(CheckpointError::Signature));
        assert_eq!(
            Checkpoint::verify(&text, "evensum/R0E/node", &key.verifying_key()),
            Err(CheckpointError::OtherLog)
        );
        let p256 = SigningKey::generate_p256().expect("key");
        assert_eq!(Checkpoint::sign(NAME, 1, &Digest::of(b""), &p256), Err(CheckpointError::Key));
        for bad in ["", "a b", "a\nb", "a+b"] {
            assert_eq!(
                Checkpoint::sign(bad, 1, &Digest::of(b""), &key),
                Err(CheckpointError::Origin)
            );
        }
    }

    #[test]
    fn a_server_s_log_has_a_name() {
        assert_eq!(origin(&Ods::new("R0D").expect("ods"), Role::Node), NAME);
    }
}
