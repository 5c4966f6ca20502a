//! The side file of link ids.

use evensum_core::pool::LINK_BYTES;
use zeroize::Zeroizing;

use super::*;
use crate::snapshot::{LinkIds, people, read_links};

/// Ordinals run to 9.
fn linked(count: u8) -> Extract {
    let ids = (0..count).map(|n| [n; LINK_BYTES]).collect();
    Extract {
        links: Some(LinkIds { check: Digest::of(b"secret"), ids: Zeroizing::new(ids) }),
        ..small()
    }
}

#[test]
fn link_ids_are_read_for_themselves_alone_and_leave_the_rows_alone() {
    let (_home, dir) = home();
    let (_other, plain) = home();
    let manifest = write(&dir, &linked(10), &key()).expect("writes");
    let path = dir.join(manifest.links_file());
    assert_eq!(fs::metadata(&path).expect("a file").len(), 160);
    let snapshot = read(&dir, &key()).expect("reads");
    let all = people(snapshot.persons());
    let found = |all| read_links(&dir, &manifest, all, &key());
    assert_eq!(found(all).expect("reads"), linked(10).links);
    let without = write(&plain, &small(), &key()).expect("writes");
    assert_eq!(without, Manifest { links: None, ..manifest.clone() });
    assert_eq!(read_links(&plain, &without, all, &key()).expect("reads"), None);
    // Answers do not need them.
    fs::remove_file(&path).expect("removed");
    assert!(read(&dir, &key()).is_ok());
    assert!(matches!(found(all), Err(SnapshotError::Io { .. })));
}

#[test]
fn link_ids_that_were_changed_or_are_too_few_are_not_read() {
    let (_home, dir) = home();
    let manifest = write(&dir, &linked(10), &key()).expect("writes");
    let path = dir.join(manifest.links_file());
    let good = fs::read(&path).expect("bytes");
    let refused = |bytes: &[u8], people: usize| {
        fs::write(&path, bytes).expect("written");
        let read = read_links(&dir, &manifest, people, &key());
        matches!(read, Err(SnapshotError::Authenticity(of)) if of == path)
    };
    assert!(!refused(&good, 10), "the control");
    let mut bent = good.clone();
    bent[159] ^= 1;
    for (bytes, people) in [(&bent[..], 10), (&good[..144], 10), (&good, 9), (&good, 11), (&[], 10)]
    {
        assert!(refused(bytes, people));
    }
    let (_home, dir) = home();
    for count in [9, 11] {
        let wrong = write(&dir, &linked(count), &key());
        assert!(matches!(wrong, Err(SnapshotError::Shape(Shape::LinkIds))), "{count}");
    }
}
