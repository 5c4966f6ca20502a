//! Link ids: made where they are asked for, the same for the same people at every node, and gone with the rows.

use evensum_core::model::Digest;
use evensum_core::pool::{LINK_BYTES, LinkSecret};

use super::*;
use crate::snapshot::{people, read_links};

/// NHS numbers with their check digits, one of them grouped, and an identifier that is none.
const LINKED: [&str; 4] = [
    "9434765919,2026-10-02,1951-02-03,E01000002,B,2,100,R0D",
    "943 476 5870,2026-09-02,1951-02-03,E01000002,B,2,100,R0D",
    "9434765919,2026-08-02,1951-02-03,E01000002,B,2,110,R0D",
    "9990000001,2026-10-02,1951-02-03,E01000002,B,2,100,R0D",
];

fn secret_of(byte: u8) -> LinkSecret {
    LinkSecret::from_bytes(&[byte; 32]).expect("a secret")
}

fn staged(place: &Place, with: Option<&LinkSecret>) -> (Manifest, Vec<[u8; LINK_BYTES]>) {
    let loaded = place.request(csv(&LINKED).as_bytes(), PLAIN, |request| {
        load(&LoadRequest { links: with, ..*request })
    });
    let manifest = loaded.expect("loads").manifest;
    let dir = publish::place(
        &staged_root(&place.state()),
        &DatasetId::new(DATASET).expect("dataset"),
        PERIOD.parse().expect("period"),
    );
    let snapshot = snapshot::read(&dir, &place.key).expect("reads");
    let links = read_links(&dir, &manifest, people(snapshot.persons()), &place.key);
    (manifest, links.expect("reads").map(|l| l.ids.to_vec()).unwrap_or_default())
}

#[test]
fn the_same_people_have_the_same_link_ids_at_every_node_and_nobody_else_has_any() {
    let secret = secret_of(3);
    let (one, other) = (Place::new(), Place { key: NodeKey::from_bytes([8; 32]), ..Place::new() });
    let (manifest, mut first) = staged(&one, Some(&secret));
    assert_eq!(manifest.links.map(|l| l.check), secret.check().ok());
    let (_, mut second) = staged(&other, Some(&secret));
    // Ordinals are the ranks of pseudonyms, which differ from node to node.
    first.sort_unstable();
    second.sort_unstable();
    assert_eq!(first, second);
    let mut wanted: Vec<[u8; LINK_BYTES]> =
        [b"9434765919", b"9434765870"].map(|n| secret.id(n).to_bytes()).to_vec();
    wanted.push([0; LINK_BYTES]);
    wanted.sort_unstable();
    assert_eq!(first, wanted);
    let (elsewhere, ids) = staged(&one, Some(&secret_of(4)));
    assert_ne!(elsewhere.links.map(|l| l.check), Some(Digest::from_bytes([0; 32])));
    assert!(ids.iter().all(|id| *id == [0; LINK_BYTES] || !first.contains(id)));
}

#[test]
fn they_are_made_only_where_they_are_asked_for_and_no_number_is_on_the_disk() {
    let place = Place::new();
    let files = |place: &Place| {
        let all = all_files(&place.state());
        let named = all.iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "links"));
        named.count()
    };
    let (plain, ids) = staged(&place, None);
    assert_eq!((plain.links, ids.len(), files(&place)), (None, 0, 0));
    let (linked, _) = staged(&place, Some(&secret_of(3)));
    assert_eq!((linked.snapshot_id, files(&place)), (plain.snapshot_id, 1));
    for (path, bytes) in all_files(&place.state()) {
        for number in [&b"9434765919"[..], b"943476587"] {
            let held = bytes.windows(number.len()).any(|part| part == number);
            assert!(!held, "{}", path.display());
        }
    }
    // A load without them takes them away.
    staged(&place, None);
    assert_eq!(files(&place), 0);
}
