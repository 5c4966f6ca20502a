//! Whatever is changed in the database outside evensum is found.

use evensum_core::ledger::merkle::{Frontier, leaf_hash};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::task::JoinSet;

use super::*;

/// A log of 64 entries, three frozen releases among them, in one closed file.
async fn written() -> Place {
    let place = Place::new();
    let store = place.open().await;
    for n in 0..3 {
        fresh(&store, question(n)).await;
        let published = release(n, &format!("table {n}"), &format!("figures {n}"));
        store.publish(published).await.expect("publishes");
    }
    for n in 10..37 {
        fresh(&store, question(n)).await;
        store.end(id(n), failed(n)).await.expect("ends");
    }
    store.close().await;
    assert!(!place.path().join("evensum.db-wal").exists(), "the file is complete");
    place
}

/// A copy of the state, open for tampering.
async fn copy(place: &Place, name: &str) -> (PathBuf, SqliteConnection) {
    let dir = place.dir.path().join(name);
    std::fs::create_dir(&dir).expect("directory");
    std::fs::copy(place.path().join("evensum.db"), dir.join("evensum.db")).expect("copies");
    let options = SqliteConnectOptions::new().filename(dir.join("evensum.db")).foreign_keys(false);
    (dir, options.connect().await.expect("connects"))
}

/// Both who reads and who would write must refuse. Returns the findings.
async fn refused(place: &Place, dir: &Path, conn: SqliteConnection, what: &str) -> Vec<String> {
    conn.close().await.expect("closes");
    let verdict = place.verdict_at(dir).await.expect("reads");
    assert!(!verdict.problems.is_empty(), "nobody noticed: {what}");
    let opened = place.try_open_at(dir).await;
    assert!(matches!(opened, Err(StoreError::Tampered { .. })), "opened after: {what}");
    verdict.problems.iter().map(ToString::to_string).collect()
}

const EDITS: &[(&str, &str)] = &[
    ("UPDATE record SET seq = 1000 WHERE seq = 5", "entry 5 is missing"),
    ("UPDATE record SET seq = -1 WHERE seq = 5", "the first is entry 0"),
    ("DELETE FROM record WHERE seq = 0", "entry 0 is missing"),
    ("DELETE FROM record WHERE seq = 17", "entry 17 is missing"),
    ("DELETE FROM record WHERE seq BETWEEN 17 AND 20", "entries 17 to 20 are missing"),
    ("DELETE FROM record WHERE seq >= 60", "cut off"),
    ("DELETE FROM record", "cut off"),
    ("INSERT INTO record SELECT seq + 1, bytes, leaf FROM record ORDER BY seq DESC LIMIT 1", "64"),
    (
        "UPDATE record SET (bytes, leaf) = (SELECT bytes, leaf FROM record AS r WHERE r.seq = 7 - record.seq) \
         WHERE seq IN (3, 4)",
        "entry 3 says of itself that it is entry 4",
    ),
    ("UPDATE record SET bytes = (SELECT bytes FROM record WHERE seq = 4) WHERE seq = 3", "entry 3"),
    ("UPDATE record SET bytes = x'' WHERE seq = 3", "entry 3 was changed"),
    ("UPDATE record SET leaf = x'' WHERE seq = 3", "entry 3 was changed"),
    ("UPDATE node SET level = 9 WHERE level = 2 AND idx = 3", "entries 12 to 15"),
    ("UPDATE node SET idx = 90 WHERE level = 2 AND idx = 3", "entries 12 to 15"),
    ("UPDATE node SET hash = x'00' WHERE level = 2 AND idx = 3", "entries 12 to 15"),
    ("DELETE FROM node WHERE level = 2 AND idx = 3", "entries 12 to 15"),
    ("DELETE FROM node WHERE level = 5", "entries 0 to 31"),
    ("INSERT INTO node VALUES (7, 0, zeroblob(32))", "belong to no entry"),
    ("UPDATE checkpoint SET size = size - 1", "stored as"),
    ("UPDATE checkpoint SET size = size + 1", "stored as"),
    ("UPDATE checkpoint SET note = ''", "does not hold"),
    ("DELETE FROM checkpoint", "under no signed checkpoint"),
    ("UPDATE frozen SET published_seq = 1 WHERE published_seq = 2", "entry 1"),
    ("UPDATE frozen SET published_seq = -2 WHERE published_seq = 2", "release"),
    ("UPDATE frozen SET bytes = x'' WHERE published_seq = 2", "release of entry 2 was changed"),
    ("UPDATE frozen SET key = zeroblob(32) WHERE published_seq = 2", "under this key"),
    ("UPDATE frozen SET release_hash = zeroblob(32) WHERE published_seq = 2", "entry 2"),
    ("DELETE FROM frozen WHERE published_seq = 2", "release of entry 2 is missing"),
    (
        "INSERT INTO frozen VALUES (zeroblob(32), 'table_0 2026-10', x'', zeroblob(32), 9)",
        "release",
    ),
    (
        "UPDATE frozen SET universe = 'table_0 2026-11' WHERE published_seq = 2",
        "entry 2 does not stand",
    ),
    (
        "UPDATE frozen SET universe = 'table_0 2026-10' WHERE published_seq = 5",
        "release of entry 5 was not tested together",
    ),
    (
        "UPDATE frozen SET (bytes, release_hash) = (SELECT bytes, release_hash FROM frozen AS f \
         WHERE f.published_seq = 7 - frozen.published_seq) WHERE published_seq IN (2, 5)",
        "entry 2",
    ),
];

/// The same, with a table that stays withheld and an extract that is prepared.
async fn decided() -> Place {
    let place = written().await;
    let store = place.open().await;
    fresh(&store, question(40)).await;
    withhold(&store, about(40, 0), "sparse").await.expect("withholds");
    store.append(prepared("extract")).await.expect("appends");
    store.close().await;
    place
}

const EDITS_OF_WHAT_IS_KEPT: &[(&str, &str)] = &[
    ("DELETE FROM withheld", "stays withheld of entry 66 is missing"),
    ("UPDATE withheld SET key = zeroblob(32)", "by entry 66, which does not say so"),
    ("UPDATE withheld SET seq = 2", "by entry 2, which does not say so"),
    (
        "UPDATE withheld SET key = (SELECT min(key) FROM frozen)",
        "that entry 66 withholds was released",
    ),
    ("DELETE FROM prepared", "tables were decided of entry 68 is missing"),
    ("UPDATE prepared SET snapshot_id = zeroblob(32)", "by entry 68, which does not say so"),
    ("UPDATE prepared SET version = 'final'", "by entry 68, which does not say so"),
];

/// A release of the server's own between two of partners that it showed.
async fn shown() -> Place {
    let place = Place::new();
    let store = place.open().await;
    let [a, sum] = ["a", "sum"].map(|bytes| Digest::of(bytes.as_bytes()));
    for n in 0..3 {
        fresh(&store, question(n)).await;
    }
    let of = show::named();
    let shows = async |n, bytes, live, others| {
        let releases = vec![show::partners(n, bytes)];
        store.show(&of, about(n, 0), releases, Tested { live, others }).await.expect("shows");
    };
    shows(0, "a", mark([]), 0).await;
    let own = tested_release(about(1, 0), ("rtt", "sum"), "sum", mark([a]));
    store.publish(own).await.expect("publishes");
    shows(2, "b", mark([a, sum]), 2).await;
    store.close().await;
    place
}

const EDITS_OF_WHAT_IS_SHOWN: &[(&str, &str)] = &[
    ("DELETE FROM frozen WHERE published_seq = 4", "release of entry 4 is missing"),
    ("DELETE FROM frozen WHERE published_seq = 7", "release of entry 7 is missing"),
    ("UPDATE frozen SET bytes = x'' WHERE published_seq = 4", "release of entry 4 was changed"),
    ("UPDATE frozen SET key = zeroblob(32) WHERE published_seq = 4", "under this key"),
    ("UPDATE frozen SET release_hash = zeroblob(32) WHERE published_seq = 4", "entry 4"),
    (
        "UPDATE frozen SET universe = 'other 2026-10' WHERE published_seq = 4",
        "release of entry 5 was not tested together",
    ),
    (
        "UPDATE frozen SET published_seq = -1 WHERE published_seq = 7; \
         UPDATE frozen SET published_seq = 7 WHERE published_seq = 4; \
         UPDATE frozen SET published_seq = 4 WHERE published_seq = -1",
        "did not publish it under this key",
    ),
];

#[tokio::test]
async fn every_edit_of_what_is_shown_is_found_and_named() {
    let place = shown().await;
    assert_eq!(place.verdict().await.problems, []);
    assert_eq!(
        place.kinds().await[4..8],
        ["shown", "published", "answer_released", "shown"].map(str::to_owned)
    );
    all_found(&place, EDITS_OF_WHAT_IS_SHOWN).await;
}

#[tokio::test]
async fn every_edit_is_found_and_named() {
    let place = written().await;
    let before = place.verdict().await;
    assert_eq!((before.entries, before.checkpoint_size, before.problems), (64, 64, vec![]));
    all_found(&place, EDITS).await;
}

#[tokio::test]
async fn every_edit_of_what_is_withheld_or_prepared_is_found_and_named() {
    let place = decided().await;
    assert_eq!(place.verdict().await.problems, []);
    all_found(&place, EDITS_OF_WHAT_IS_KEPT).await;
}

async fn all_found(place: &Place, edits: &[(&'static str, &str)]) {
    for (i, (edit, says)) in edits.iter().enumerate() {
        let (dir, mut conn) = copy(place, &format!("copy{i}")).await;
        let done = sqlx::query(*edit).execute(&mut conn).await.expect(edit);
        assert!(done.rows_affected() > 0, "{edit}");
        let found = refused(place, &dir, conn, edit).await;
        assert!(found.iter().any(|text| text.contains(says)), "{edit}: {found:?}");
    }
    place.open().await.close().await;
}

#[tokio::test]
async fn a_flipped_bit_in_any_blob_is_found() {
    let place = written().await;
    // Reads a value, and puts another in its place.
    let columns = [
        ("SELECT bytes FROM record WHERE seq = 7", "UPDATE record SET bytes = ?1 WHERE seq = 7"),
        ("SELECT leaf FROM record WHERE seq = 7", "UPDATE record SET leaf = ?1 WHERE seq = 7"),
        (
            "SELECT hash FROM node WHERE level = 3 AND idx = 2",
            "UPDATE node SET hash = ?1 WHERE level = 3 AND idx = 2",
        ),
        (
            "SELECT CAST(note AS BLOB) FROM checkpoint",
            "UPDATE checkpoint SET note = CAST(?1 AS TEXT)",
        ),
        (
            "SELECT bytes FROM frozen LIMIT 1",
            "UPDATE frozen SET bytes = ?1 WHERE key = (SELECT min(key) FROM frozen)",
        ),
        (
            "SELECT key FROM frozen LIMIT 1",
            "UPDATE frozen SET key = ?1 WHERE key = (SELECT min(key) FROM frozen)",
        ),
        (
            "SELECT release_hash FROM frozen LIMIT 1",
            "UPDATE frozen SET release_hash = ?1 WHERE key = (SELECT min(key) FROM frozen)",
        ),
    ];
    for (column, (read, write)) in columns.into_iter().enumerate() {
        let (dir, mut conn) = copy(&place, &format!("column{column}")).await;
        let good: Vec<u8> = sqlx::query_scalar(read).fetch_one(&mut conn).await.expect(read);
        for at in (0..good.len()).step_by(good.len().div_ceil(16)) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            sqlx::query(write).bind(bad).execute(&mut conn).await.expect(write);
            let verdict = place.verdict_at(&dir).await.expect("reads");
            assert!(!verdict.problems.is_empty(), "byte {at}: {read}");
            if column == 5 {
                // The row has a new key now, and is not found under the old one again.
                break;
            }
        }
        let _ = refused(&place, &dir, conn, read).await;
    }
}

#[tokio::test]
async fn a_forger_without_the_key_is_found_however_thorough() {
    let place = written().await;
    let reader = Reader::open(&place.path()).await.expect("opens");
    let entries = reader.entries(0, 1000).await.expect("reads");
    let (dir, mut conn) = copy(&place, "forged").await;
    // Another signer in entry 7, and every hash made to fit.
    let mut tree = Frontier::default();
    for (seq, bytes, _) in entries {
        let text = String::from_utf8(bytes).expect("text");
        let text = if seq == 1 { text.replace("ada@icb", "eve@icb") } else { text };
        let leaf = leaf_hash(text.as_bytes());
        sqlx::query("UPDATE record SET bytes = ?2, leaf = ?3 WHERE seq = ?1")
            .bind(i64::try_from(seq).expect("small"))
            .bind(text.as_bytes())
            .bind(&leaf.as_bytes()[..])
            .execute(&mut conn)
            .await
            .expect("edits");
        for (level, index, hash) in tree.push(leaf) {
            sqlx::query("UPDATE node SET hash = ?3 WHERE level = ?1 AND idx = ?2")
                .bind(level)
                .bind(i64::try_from(index).expect("small"))
                .bind(&hash.as_bytes()[..])
                .execute(&mut conn)
                .await
                .expect("edits");
        }
    }
    let found = refused(&place, &dir, conn, "a forged signer").await;
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("entries 0 to 63 are not those that were signed"), "{found:?}");
}

#[tokio::test]
async fn a_tail_cut_off_with_its_hashes_is_found() {
    let place = written().await;
    let (dir, mut conn) = copy(&place, "cut").await;
    for sql in [
        "DELETE FROM record WHERE seq >= 48",
        "DELETE FROM node WHERE (idx + 1) << level > 48",
        "DELETE FROM checkpoint",
    ] {
        sqlx::query(sql).execute(&mut conn).await.expect("deletes");
    }
    let found = refused(&place, &dir, conn, "a tail").await;
    assert_eq!(found, ["entries 0 to 47 are under no signed checkpoint"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_log_keeps_a_checkpoint_of_every_block() {
    let place = Place::new();
    let store = place.open().await;
    let mut tasks = JoinSet::new();
    for n in 0..2100 {
        let store = store.clone();
        tasks.spawn(async move { store.append(note(&n.to_string())).await.map(drop) });
        if n == 1500 {
            while let Some(done) = tasks.join_next().await {
                done.expect("runs").expect("appends");
            }
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("runs").expect("appends");
    }
    store.close().await;
    let (dir, mut conn) = copy(&place, "long").await;
    let sizes: Vec<i64> = sqlx::query_scalar("SELECT size FROM checkpoint ORDER BY size")
        .fetch_all(&mut conn)
        .await
        .expect("reads");
    assert_eq!(sizes.iter().map(|size| size / 1024).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(place.verdict().await.problems, []);
    for (sql, says) in [
        (
            "UPDATE record SET bytes = CAST(bytes || ' ' AS BLOB) WHERE seq = 1700",
            "entry 1700 was changed",
        ),
        ("DELETE FROM checkpoint WHERE size < 1024", "between entries 0 and 1024 is missing"),
    ] {
        sqlx::query(sql).execute(&mut conn).await.expect("edits");
        let found = place.verdict_at(&dir).await.expect("reads").problems;
        assert!(found.iter().any(|problem| problem.text.contains(says)), "{found:?}");
    }
    let _ = refused(&place, &dir, conn, "two edits").await;
}
