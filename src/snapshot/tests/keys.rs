//! The side file of record keys.

use super::*;

/// Ordinals run to 9.
fn keyed() -> Extract {
    Extract {
        record_keys: Some((0..10).map(|n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect()),
        ..small()
    }
}

fn keys_file(dir: &Path, manifest: &Manifest) -> PathBuf {
    dir.join(manifest.keys_file())
}

#[test]
fn keys_are_read_as_they_were_written_and_leave_the_rows_alone() {
    let (_home, dir) = home();
    let (_other, plain) = home();
    let manifest = write(&dir, &keyed(), &key()).expect("writes");
    assert_eq!(fs::metadata(keys_file(&dir, &manifest)).expect("a file").len(), 80);
    let snapshot = read(&dir, &key()).expect("reads");
    assert_eq!(snapshot.record_keys(), keyed().record_keys.as_deref());
    assert_eq!(Manifest::read(&dir).expect("reads"), manifest);

    let without = write(&plain, &small(), &key()).expect("writes");
    assert_eq!(without, Manifest { keys_hmac: None, ..manifest.clone() });
    assert!(!keys_file(&plain, &without).exists());
    let text = fs::read_to_string(plain.join(MANIFEST_FILE)).expect("text");
    assert!(!text.contains("keys"), "{text}");
    assert_eq!(read(&plain, &key()).expect("reads").record_keys(), None);
    // What a manifest without their hash says nothing of is not read.
    without.write(&dir).expect("written");
    assert_eq!(read(&dir, &key()).expect("reads").record_keys(), None);
}

#[test]
fn an_extract_without_people_has_no_keys() {
    let (_home, dir) = home();
    let rows = Rows { persons: Vec::new(), columns: Vec::new(), measures: Vec::new() };
    let none = Extract { record_keys: Some(Vec::new()), ..extract(rows) };
    write(&dir, &none, &key()).expect("writes");
    assert_eq!(read(&dir, &key()).expect("reads").record_keys(), Some(&[][..]));
}

#[test]
fn keys_that_were_changed_or_are_of_other_rows_are_not_read() {
    let (_home, dir) = home();
    let manifest = write(&dir, &keyed(), &key()).expect("writes");
    let path = keys_file(&dir, &manifest);
    let good = fs::read(&path).expect("bytes");
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("written");
        matches!(read(&dir, &key()), Err(SnapshotError::Authenticity(of)) if of == path)
    };
    assert!(!refused(&good), "the control");
    let mut bent = good.clone();
    bent[79] ^= 1;
    for bytes in [&bent[..], &good[..72], &[&good[..], &[0; 8]].concat(), &[]] {
        assert!(refused(bytes));
    }
    fs::remove_file(&path).expect("removed");
    assert!(matches!(read(&dir, &key()), Err(SnapshotError::Io { .. })));

    // Those of other rows, with the hash that vouches for them there.
    let (_other, beside) = home();
    let mut more = keyed();
    more.rows.measures[0].values[0] += 1;
    more.record_keys = keyed().record_keys.map(|mut keys| {
        keys.swap(0, 1);
        keys
    });
    let foreign = write(&beside, &more, &key()).expect("writes");
    fs::copy(keys_file(&beside, &foreign), &path).expect("copied");
    Manifest { keys_hmac: foreign.keys_hmac, ..manifest }.write(&dir).expect("written");
    assert!(matches!(read(&dir, &key()), Err(SnapshotError::Authenticity(of)) if of == path));
}

#[test]
fn there_is_a_key_for_each_person_or_none_at_all() {
    for count in [0, 9, 11] {
        let (_home, dir) = home();
        let wrong = Extract { record_keys: Some(vec![5; count]), ..small() };
        let refused = write(&dir, &wrong, &key());
        assert!(matches!(refused, Err(SnapshotError::Shape(Shape::RecordKeys))), "{count}");
        assert!(!dir.exists());
    }
}

/// HMAC-SHA256 under thirty-two bytes of 7 over `rk/v1`, a zero byte and the pseudonym, worked out elsewhere.
#[test]
fn a_record_key_is_the_head_of_a_keyed_hash() {
    assert_eq!(record_key(&key(), 1), 0xfcd3_a6ee_ec79_2571);
    let other = NodeKey::from_bytes([8; 32]);
    assert_ne!(record_key(&other, 1), record_key(&key(), 1));
    assert_ne!(record_key(&key(), 2), record_key(&key(), 1));
}
