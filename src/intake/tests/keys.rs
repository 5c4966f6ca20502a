//! Record keys: made where they are asked for, the same for the same people in every extract, and gone with the rows.

use super::*;

fn load_keyed(place: &Place, rows: &[&str]) -> Vec<u64> {
    let loaded = place.request(csv(rows).as_bytes(), PLAIN, |request| {
        load(&LoadRequest { record_keys: true, ..*request })
    });
    loaded.expect("loads");
    keys_of(place, &publish::place(&staged_root(&place.state()), &dataset(), period()))
}

fn keys_of(place: &Place, dir: &Path) -> Vec<u64> {
    let snapshot = snapshot::read(dir, &place.key).expect("reads");
    snapshot.record_keys().expect("keys").to_vec()
}

fn dataset() -> DatasetId {
    DatasetId::new(DATASET).expect("dataset")
}

fn period() -> Period {
    PERIOD.parse().expect("period")
}

fn sorted(mut keys: Vec<u64>) -> Vec<u64> {
    keys.sort_unstable();
    keys
}

#[test]
fn the_same_people_have_the_same_keys_in_every_extract() {
    let place = Place::new();
    let all = load_keyed(&place, &ROWS);
    assert_eq!(all.len(), 3, "one for each person");
    let distinct: std::collections::HashSet<u64> = all.iter().copied().collect();
    assert_eq!(distinct.len(), 3);
    let turned = [ROWS[3], ROWS[2], ROWS[1], ROWS[0]];
    assert_eq!(load_keyed(&place, &turned), all, "the order of the source leaves no trace");
    // Without the second person, and with other details of the first, whose number is grouped in another way.
    let others = ["999 000 0001,2026-10-02,1951-02-03,E01000002,B,2,100,R0D", ROWS[3]];
    let fewer = load_keyed(&place, &others);
    let second = load_keyed(&Place { key: place.key.clone(), ..Place::new() }, &[ROWS[1]]);
    assert_eq!(sorted([fewer, second].concat()), sorted(all.clone()));
    let elsewhere = Place { key: NodeKey::from_bytes([8; 32]), ..Place::new() };
    assert!(load_keyed(&elsewhere, &ROWS).iter().all(|key| !all.contains(key)), "a node's secret");
}

#[test]
fn keys_are_kept_only_where_they_are_asked_for_and_go_with_what_they_are_of() {
    let place = Place::new();
    let keys = |place: &Place| {
        let named = |(path, _): &(PathBuf, Vec<u8>)| path.extension().is_some_and(|e| e == "keys");
        all_files(&place.state()).iter().filter(|file| named(file)).count()
    };
    let plain = place.load(csv(&ROWS).as_bytes(), PLAIN).expect("loads");
    assert_eq!((plain.manifest.keys_hmac, keys(&place)), (None, 0));
    load_keyed(&place, &ROWS);
    assert_eq!(keys(&place), 1);
    // A load without them, in its place, takes them away.
    let again = place.load(csv(&ROWS).as_bytes(), PLAIN).expect("loads");
    assert_eq!((again.manifest, keys(&place)), (plain.manifest.clone(), 0));
    let staged = load_keyed(&place, &ROWS);
    let today = "2026-11-09".parse().expect("a date");
    let published = publish(&place.state(), &dataset(), period(), &place.key, today);
    assert_eq!(published.expect("published").snapshot_id, plain.manifest.snapshot_id);
    let (dir, _) = place.published().expect("published");
    assert_eq!(keys_of(&place, &dir), staged);
    // With the rows they are deleted.
    let later = "2028-11-09".parse().expect("a date");
    let over = expired(&place.state(), 24, later).expect("listed");
    let [over] = <[Expired; 1]>::try_from(over).expect("one");
    over.hold(&place.state()).expect("held").delete(later).expect("deleted");
    assert_eq!(keys(&place), 0);
}

#[test]
fn an_extract_is_loaded_again_when_keys_are_wanted_and_not_there() {
    let place = Place::new();
    let published = published_root(&place.state());
    let staged = |record_keys| {
        let outcome =
            place.request(csv(&ROWS).as_bytes(), PLAIN, |request| {
                match load_if_changed(&LoadRequest { record_keys, ..*request }, &published)? {
                    Outcome::Staged(loaded) => Ok(Some(*loaded)),
                    Outcome::Unchanged => Ok(None),
                }
            });
        outcome.expect("loads").is_some()
    };
    assert_eq!([false, false, true, true].map(staged), [true, false, true, false]);
    // One that was loaded without a mark, and without keys.
    place.load(csv(&ROWS).as_bytes(), PLAIN).expect("loads");
    assert_eq!([true, true].map(staged), [true, false]);
}
