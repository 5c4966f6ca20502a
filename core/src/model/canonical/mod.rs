//! The one encoding of everything that is signed or hashed: JSON in UTF-8 with sorted keys, no
//! white space, and only objects, arrays, strings, booleans and integers. A document has exactly one
//! byte form, and a reader refuses any other.

mod writer;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why a document has no canonical form, or bytes are not in it.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// Not JSON, or not the document that was expected.
    #[error("the document is not of the expected form")]
    Shape(#[source] serde_json::Error),
    /// A number that is not an integer, or a null.
    #[error("the document holds a value other than text, integer, yes/no, list or object")]
    Value,
    /// Well-formed, but spelt in another way than the canonical one.
    #[error("the document is not in canonical form")]
    Spelling,
    /// Longer than its kind may be.
    #[error("the document is longer than {0} bytes")]
    TooLong(usize),
}

/// The longest canonical document that is read, but for those kinds that have a limit of their own.
pub const MAX_BYTES: usize = 1 << 20;

/// Encodes a document.
///
/// # Errors
/// [`CanonicalError`] where it holds a float or a null.
pub fn encode<T: Serialize>(document: &T) -> Result<Vec<u8>, CanonicalError> {
    let mut writer = writer::Writer::default();
    document.serialize(&mut writer)?;
    Ok(writer.out)
}

/// Reads a document, refusing every byte form but the canonical one.
///
/// # Errors
/// [`CanonicalError`].
pub fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, CanonicalError> {
    decode_at_most(bytes, MAX_BYTES)
}

/// As [`decode`], of a document that has so many bytes at the most.
///
/// # Errors
/// [`CanonicalError`].
pub fn decode_at_most<T: Serialize + DeserializeOwned>(
    bytes: &[u8],
    most: usize,
) -> Result<T, CanonicalError> {
    if bytes.len() > most {
        return Err(CanonicalError::TooLong(most));
    }
    let document: T = serde_json::from_slice(bytes).map_err(CanonicalError::Shape)?;
    // The one spelling of what was read: other white space, another order, a key twice, a list in the place
    // of an object or a field that is passed over, all of them come out as other bytes.
    if encode(&document)? != bytes {
        return Err(CanonicalError::Spelling);
    }
    Ok(document)
}

/// Reads a part of a document: fields that `T` does not have are passed over.
///
/// # Errors
/// [`CanonicalError`].
pub fn decode_part<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CanonicalError> {
    decode_part_at_most(bytes, MAX_BYTES)
}

/// As [`decode_part`], of a document that has so many bytes at the most.
///
/// # Errors
/// [`CanonicalError`].
pub fn decode_part_at_most<T: DeserializeOwned>(
    bytes: &[u8],
    most: usize,
) -> Result<T, CanonicalError> {
    serde_json::from_value(decode_at_most::<Value>(bytes, most)?).map_err(CanonicalError::Shape)
}

fn string(text: &str, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    serde_json::to_writer(out, text).map_err(CanonicalError::Shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn keys_are_sorted_and_floats_refused() {
        let bytes = encode(&json!({"b": [1, "x", true], "a": {"z": -1, "y": 0}})).expect("encodes");
        assert_eq!(bytes, br#"{"a":{"y":0,"z":-1},"b":[1,"x",true]}"#);
        assert!(encode(&json!({"a": 0.5})).is_err());
        assert!(encode(&json!({"a": null})).is_err());
    }

    #[test]
    fn another_spelling_is_refused() {
        for bad in [
            r#"{"b":1,"a":2}"#,
            r#"{"a": 1}"#,
            r#"{"a":1,"a":1}"#,
            "[1.0]",
            r#"["\u0061"]"#,
            "[1]\n",
        ] {
            assert!(decode::<Value>(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(decode::<Value>(b"[1]").is_ok());
    }

    #[test]
    fn a_list_is_no_object() {
        #[derive(Serialize, serde::Deserialize)]
        struct Pair {
            a: u8,
            b: u8,
        }
        assert!(decode::<Pair>(br#"{"a":1,"b":2}"#).is_ok_and(|p| (p.a, p.b) == (1, 2)));
        assert!(matches!(decode::<Pair>(b"[1,2]"), Err(CanonicalError::Spelling)));
    }

    #[test]
    fn a_part_is_of_a_canonical_document() {
        #[derive(Debug, PartialEq, serde::Deserialize)]
        struct Part {
            b: u8,
        }
        assert!(decode_part::<Part>(br#"{"a":"x","b":2,"c":[]}"#).is_ok_and(|p| p.b == 2));
        for bad in [r#"{"b":2,"a":1}"#, r#"{"b": 2}"#, r#"{"b":2,"b":2}"#, "{\"b\":2}\n"] {
            let error = decode_part::<Part>(bad.as_bytes()).expect_err(bad);
            assert!(matches!(error, CanonicalError::Spelling), "{bad}: {error:?}");
        }
        for bad in [r#"{"a":null,"b":2}"#, r#"{"a":0.5,"b":2}"#] {
            let error = decode_part::<Part>(bad.as_bytes()).expect_err(bad);
            assert!(matches!(error, CanonicalError::Value), "{bad}: {error:?}");
        }
        for bad in [r#"{"a":1}"#, r#"{"b":256}"#, "no JSON"] {
            let error = decode_part::<Part>(bad.as_bytes()).expect_err(bad);
            assert!(matches!(error, CanonicalError::Shape(_)), "{bad}: {error:?}");
        }
    }

    #[test]
    fn a_longer_document_is_not_read() {
        let longest = |more| format!("\"{}\"", "a".repeat(MAX_BYTES - 2 + more));
        assert!(decode::<String>(longest(0).as_bytes()).is_ok());
        assert!(decode_part::<String>(longest(0).as_bytes()).is_ok());
        let too_long = longest(1);
        let errors = [
            decode::<String>(too_long.as_bytes()).expect_err("too long"),
            decode_part::<String>(too_long.as_bytes()).expect_err("too long"),
        ];
        assert!(errors.iter().all(|error| matches!(error, CanonicalError::TooLong(MAX_BYTES))));
    }

    fn documents() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{0,4}", inner, 0..4)
                    .prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn round_trips(value in documents()) {
            let bytes = encode(&value).expect("encodes");
            prop_assert_eq!(decode::<Value>(&bytes).expect("decodes"), value);
        }

        #[test]
        fn a_damaged_document_is_refused_or_is_another(value in documents(), at in any::<prop::sample::Index>(), flip in 1_u8..) {
            let bytes = encode(&value).expect("encodes");
            let mut damaged = bytes.clone();
            let at = at.index(bytes.len());
            damaged[at] ^= flip;
            if let Ok(other) = decode::<Value>(&damaged) {
                prop_assert_ne!(other, value);
            }
        }
    }
}
