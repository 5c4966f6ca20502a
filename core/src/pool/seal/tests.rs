//! Seals open for one key and one context, and every altered byte is found.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn key() -> SealKey {
    SealKey::generate().expect("a key")
}

/// All points whose order divides eight, in their one spelling (curve25519's "blacklist").
const LOW_ORDER: [&str; 5] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

fn hex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).expect("hex")
}

#[test]
fn keys_round_trip_through_their_texts() {
    let one = key();
    let again = SealKey::from_pem(&one.to_pem()).expect("pem");
    assert_eq!(again.public(), one.public());
    assert_eq!(SealPublic::parse(&one.public().to_text()), Ok(one.public().clone()));
    let body = one.to_pem().lines().nth(1).expect("a line").to_owned();
    assert!(!format!("{one:?}").contains(&body));
    let raw = format!("{:?}", one.secret.as_slice());
    assert!(!format!("{one:?}").contains(&raw));
    assert_ne!(key().public(), one.public());
}

#[test]
fn the_key_file_is_one_that_openssl_writes() {
    // `openssl genpkey -algorithm X25519`, and what `openssl pkey -pubout` makes of it.
    let pem = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VuBCIEIHA7KBuqlsns5zwhCelyrx3LBnFgcY0zEaTGbAV3o9pt\n\
        -----END PRIVATE KEY-----\n";
    let key = SealKey::from_pem(pem).expect("a key");
    let public = hex("d041b18f98d1c37188b10898d7236b36e72b6ece604b105f5e50dba621563f4a");
    assert_eq!(key.public().as_bytes()[..], public);
    assert_eq!(key.to_pem().as_str(), pem);
}

#[test]
fn garbage_is_no_key() {
    for bad in ["", "-----BEGIN PRIVATE KEY-----", &format!("{BEGIN}\nAAAA\n{END}\n")] {
        assert_eq!(SealKey::from_pem(bad).err(), Some(PoolError::Private), "{bad}");
    }
    // A key of another kind.
    let other = crate::sign::SigningKey::generate_ed25519().expect("key").to_pem();
    assert_eq!(SealKey::from_pem(&other).err(), Some(PoolError::Private));
    for bad in ["x25519:AAAA", "x25519:", "ed25519:AAAA", "x"] {
        let text = KeyText::new(bad).expect("a text");
        assert_eq!(SealPublic::parse(&text), Err(PoolError::Public), "{bad}");
    }
}

#[test]
fn keys_that_anybody_can_agree_with_are_refused() {
    for low in LOW_ORDER {
        assert_eq!(SealPublic::from_bytes(&hex(low)), Err(PoolError::Public), "{low}");
        // Also where one has got past the check.
        let public = SealPublic(hex(low).try_into().expect("32 bytes"));
        assert_eq!(public.seal(b"", b"text"), Err(PoolError::Sealing), "{low}");
        assert!(key().agree(&public, |_| Some(())).is_none(), "{low}");
    }
}

#[test]
fn a_key_has_one_spelling() {
    // 9, the base point, is a key; 9 + 2^255, and p + 9, are spellings of it.
    let mut nine = [0; 32];
    nine[0] = 9;
    assert!(SealPublic::from_bytes(&nine).is_ok());
    nine[31] = 0x80;
    assert_eq!(SealPublic::from_bytes(&nine), Err(PoolError::Public));
    let mut over = [0xff; 32];
    (over[0], over[31]) = (0xed + 9, 0x7f);
    assert_eq!(SealPublic::from_bytes(&over), Err(PoolError::Public));
}

#[test]
fn sealed_opens_for_one_key_and_one_context() {
    let one = key();
    let sealed = one.public().seal(b"context", b"text").expect("sealed");
    assert_eq!(one.open(&sealed, b"context").expect("opened").as_slice(), b"text");
    assert_eq!(one.open(&sealed, b"contexT").err(), Some(PoolError::Opening));
    assert_eq!(key().open(&sealed, b"context").err(), Some(PoolError::Opening));
    assert_ne!(one.public().seal(b"context", b"text"), Ok(sealed));
}

#[test]
fn every_altered_byte_is_found() {
    let one = key();
    let good = one.public().seal(b"c", b"a text").expect("sealed").into_bytes();
    for at in 0..good.len() {
        let mut bad = good.clone();
        // X25519 takes no notice of the highest bit of a key, but the seal is bound to the key as it was sent.
        bad[at] ^= 0x80;
        let opened = Sealed::from_bytes(bad).and_then(|bad| one.open(&bad, b"c"));
        assert!(opened.is_err(), "byte {at}");
    }
}

#[test]
fn there_is_a_longest_text() {
    let one = key();
    let longest = vec![7; MAX_SEALED_BYTES - OVERHEAD];
    let sealed = one.public().seal(b"", &longest).expect("sealed").into_bytes();
    assert_eq!(sealed.len(), MAX_SEALED_BYTES);
    assert!(Sealed::from_bytes(sealed).is_ok());
    let longer = vec![7; longest.len() + 1];
    assert_eq!(one.public().seal(b"", &longer), Err(PoolError::TooLarge));
    assert_eq!(Sealed::from_bytes(vec![1; MAX_SEALED_BYTES + 1]), Err(PoolError::TooLarge));
    assert_eq!(Sealed::from_bytes(vec![1; OVERHEAD - 1]), Err(PoolError::Opening));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_bytes_open_or_panic(bytes in vec(any::<u8>(), 0..200)) {
        let one = SealKey::from_pkcs8(&[&PKCS8[..], &[3; 32]].concat()).expect("a key");
        for bytes in [bytes.clone(), [&[VERSION], &bytes[..]].concat()] {
            prop_assert!(Sealed::from_bytes(bytes).and_then(|s| one.open(&s, b"c")).is_err());
        }
        let _ = SealKey::from_pkcs8(&bytes);
        let _ = SealPublic::from_bytes(&bytes);
    }
}
