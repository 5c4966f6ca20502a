//! The membership list of the pooled view, and the public keys that it takes.

use std::path::Path;

use evensum_core::model::KeyText;
use evensum_core::pool::SignedRoster;

use super::{ConfigError, read};

/// Reads a membership list, which nobody need have signed.
///
/// # Errors
/// [`ConfigError::Read`], [`ConfigError::TooLong`]; [`ConfigError::Content`], with the reason.
pub fn membership_list(path: &Path) -> Result<SignedRoster, ConfigError> {
    SignedRoster::parse(&read(path)?)
        .map_err(|e| ConfigError::Content { path: path.to_owned(), what: e.to_string() })
}

/// A public sealing key: itself as text, or a file with the text.
///
/// # Errors
/// [`ConfigError::Read`], [`ConfigError::TooLong`]; [`ConfigError::Key`] where the file holds none.
pub fn seal_key(text_or_file: &str) -> Result<KeyText, ConfigError> {
    let path = Path::new(text_or_file);
    let text =
        if text_or_file.starts_with("x25519:") { text_or_file.to_owned() } else { read(path)? };
    let key = text.trim();
    // What the file holds is not repeated: it may be the secret half.
    key.starts_with("x25519:").then(|| KeyText::new(key).ok()).flatten().ok_or_else(|| {
        let reason = "it holds no public sealing key, which begins with 'x25519:': `evensum keys show` prints the public half of a key file";
        ConfigError::Key { path: path.to_owned(), reason: reason.to_owned() }
    })
}
