//! Identifiers. Each has one fallible constructor, and `Deserialize` goes through it, so that a value
//! of the type is always well formed.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// Why a text is not the identifier that it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not {what}: {rule}")]
pub struct IdError {
    text: String,
    what: &'static str,
    rule: &'static str,
}

fn printable(text: &str) -> String {
    text.chars().take(64).map(|c| if c.is_control() { '?' } else { c }).collect()
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $min:literal, $max:literal, $rule:literal, $ok:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl $name {
            /// Checks the text and takes it.
            ///
            /// # Errors
            /// [`IdError`], with the rule that the text breaks.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                let ok: fn(u8) -> bool = $ok;
                if ($min..=$max).contains(&text.len()) && text.bytes().all(ok) {
                    Ok(Self(text))
                } else {
                    Err(IdError { text: printable(&text), what: $what, rule: $rule })
                }
            }

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

fn snake(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'
}

text_id!(
    /// Organisation code of the Organisation Data Service, such as `R0D`.
    Ods, "an ODS code", 2, 12, "2 to 12 capital letters and digits",
    |b| b.is_ascii_uppercase() || b.is_ascii_digit()
);
text_id!(
    /// A federation, which is also the SPIFFE trust domain of its certificates.
    FederationId, "a federation id", 1, 63, "1 to 63 lower-case letters, digits, dots and hyphens",
    |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-'
);
text_id!(
    /// A data sharing agreement.
    AgreementId, "an agreement id", 1, 64, "1 to 64 letters, digits, dots, hyphens and underscores",
    |b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')
);
text_id!(
    /// A person who signs queries. Written in full in every audit log.
    AnalystId, "an analyst id", 1, 64, "1 to 64 letters, digits and . _ @ -",
    |b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'@')
);
text_id!(
    /// What a question is asked for, such as `statutory_reporting`.
    PurposeId, "a purpose", 1, 64, "1 to 64 lower-case letters, digits and underscores", snake
);
text_id!(
    /// A dataset of the catalogue, such as `rtt_open_pathway`.
    DatasetId, "a dataset id", 1, 64, "1 to 64 lower-case letters, digits and underscores", snake
);
text_id!(
    /// An indicator of the catalogue, such as `rtt_over_52_weeks`.
    IndicatorId, "an indicator id", 1, 64, "1 to 64 lower-case letters, digits and underscores", snake
);
text_id!(
    /// A dimension of the catalogue, such as `imd`.
    DimensionId, "a dimension id", 1, 32, "1 to 32 lower-case letters, digits and underscores", snake
);
text_id!(
    /// A level of a dimension, such as `imd.quintile` or `sex`.
    LevelId, "a level", 1, 64, "a dimension, or dimension.level, in lower-case letters, digits and underscores",
    |b| snake(b) || b == b'.'
);
text_id!(
    /// A category of a dimension, unique across its levels: `q1`, `d01`, `unknown`, `all`.
    CategoryId, "a category", 1, 32, "1 to 32 letters, digits and _ + -",
    |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'-')
);
text_id!(
    /// A column of a dataset, such as `clock_start`.
    ColumnId, "a column", 1, 64, "1 to 64 lower-case letters, digits and underscores", snake
);

text_id!(
    /// A public key as text: `ed25519:`, `p256:` or, for sealing, `x25519:` and the key in base64url.
    KeyText, "a public key", 1, 128, "ed25519:, p256: or x25519: and the key in base64url",
    |b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-' | b'_')
);

impl CategoryId {
    /// The margin of an axis: every row, whatever its category.
    #[must_use]
    pub fn all() -> Self {
        Self("all".to_owned())
    }

    /// Whether this is the margin.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0 == "all"
    }
}

impl LevelId {
    /// The dimension that the level belongs to: the part before the dot.
    #[must_use]
    pub fn dimension(&self) -> DimensionId {
        let head = self.0.split('.').next().unwrap_or_default();
        DimensionId(head.to_owned())
    }
}

/// Identifier of a query: a UUID version 7, made by the analyst's tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct QueryId(uuid::Uuid);

impl QueryId {
    /// Parses the hyphenated form.
    ///
    /// # Errors
    /// [`IdError`] where the text is not a UUID of version 7 in lower case.
    pub fn new(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError {
            text: printable(text),
            what: "a query id",
            rule: "a UUID of version 7, in lower case with hyphens",
        };
        let id = uuid::Uuid::parse_str(text).map_err(|_| wrong())?;
        if id.get_version_num() == 7 && id.hyphenated().to_string() == text {
            Ok(Self(id))
        } else {
            Err(wrong())
        }
    }

    /// Builds one from a time in milliseconds since 1970 and ten random bytes.
    #[must_use]
    pub fn from_parts(unix_millis: u64, random: &[u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(unix_millis, random).into_uuid())
    }
}

impl fmt::Display for QueryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.hyphenated(), f)
    }
}

impl TryFrom<String> for QueryId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        Self::new(&text)
    }
}

impl From<QueryId> for String {
    fn from(id: QueryId) -> String {
        id.to_string()
    }
}

/// A SHA-256 value, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// Takes the 32 bytes of a hash.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// SHA-256 of the bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut out = [0; 32];
        out.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
        Self(out)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first twelve hexadecimal digits, for people.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.short())
    }
}

impl TryFrom<String> for Digest {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        data_encoding::HEXLOWER
            .decode(text.as_bytes())
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .map(Self)
            .ok_or_else(|| IdError {
                text: printable(&text),
                what: "a hash",
                rule: "64 lower-case hexadecimal digits",
            })
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_refuse_what_does_not_belong() {
        for bad in ["", "r0d", "R0D ", "R0D\n", "ABCDEFGHIJKLM"] {
            assert!(Ods::new(bad).is_err(), "{bad:?}");
        }
        assert!(Ods::new("R0D").is_ok());
        assert_eq!(
            LevelId::new("imd.quintile").map(|l| l.dimension().to_string()),
            Ok("imd".to_owned())
        );
    }

    #[test]
    fn query_ids_are_version_seven_in_one_spelling() {
        let id = QueryId::from_parts(1_700_000_000_000, &[7; 10]);
        assert_eq!(QueryId::new(&id.to_string()), Ok(id));
        assert!(QueryId::new(&id.to_string().to_uppercase()).is_err());
        assert!(QueryId::new("6ba7b810-9dad-41d1-80b4-00c04fd430c8").is_err());
    }

    #[test]
    fn digests_round_trip() {
        let digest = Digest::of(b"abc");
        assert!(digest.to_string().starts_with("ba7816bf"));
        assert_eq!(Digest::try_from(digest.to_string()), Ok(digest));
        assert!(Digest::try_from("00".to_owned()).is_err());
    }
}
