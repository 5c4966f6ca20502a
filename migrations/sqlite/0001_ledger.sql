-- The state of one server: its audit log, the releases that it froze and the queries that it has seen.
-- They stand in one database because they change in one transaction.

-- The audit log. `bytes` are the canonical entry, `leaf` is SHA-256(0x00 || bytes).
CREATE TABLE record (
    seq   INTEGER PRIMARY KEY,
    bytes BLOB NOT NULL,
    leaf  BLOB NOT NULL
) STRICT;

-- Hashes of complete subtrees of the Merkle tree over the entries; level 0 are the leaves.
CREATE TABLE node (
    level INTEGER NOT NULL,
    idx   INTEGER NOT NULL,
    hash  BLOB NOT NULL,
    PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID;

-- Signed states of the log: the newest, and the last of every complete block of sizes.
CREATE TABLE checkpoint (
    size INTEGER PRIMARY KEY,
    note TEXT NOT NULL
) STRICT;

-- Releases, byte-equal for ever. Those of one universe are about the same people and are tested together. At a
-- coordinator partners' releases that it showed to others are among them, each under its own hash.
CREATE TABLE frozen (
    key           BLOB PRIMARY KEY,
    universe      TEXT NOT NULL,
    bytes         BLOB NOT NULL,
    release_hash  BLOB NOT NULL,
    published_seq INTEGER NOT NULL UNIQUE REFERENCES record (seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX frozen_live ON frozen (universe, published_seq, release_hash);

-- Tables that did not pass the test, by the key that they would be frozen under. They stay withheld.
CREATE TABLE withheld (
    key      BLOB PRIMARY KEY,
    universe TEXT NOT NULL,
    seq      INTEGER NOT NULL UNIQUE REFERENCES record (seq)
) STRICT, WITHOUT ROWID;

-- Extracts of which the tables that agreements name were decided. The same rows with another standing are another one.
CREATE TABLE prepared (
    snapshot_id BLOB NOT NULL,
    version     TEXT NOT NULL,
    seq         INTEGER NOT NULL UNIQUE REFERENCES record (seq),
    PRIMARY KEY (snapshot_id, version)
) STRICT, WITHOUT ROWID;

-- Queries by id, within the realm that the id was made in: one federation's coordinator must not learn from a
-- refusal which ids another's has used.
CREATE TABLE seen (
    realm      TEXT NOT NULL,
    query_id   TEXT NOT NULL,
    query_hash BLOB NOT NULL,
    caller     TEXT NOT NULL,
    expires    INTEGER NOT NULL,
    PRIMARY KEY (realm, query_id)
) STRICT, WITHOUT ROWID;

-- Their questions, by their numbers from 0. No outcome: still being answered, or cut off by a stop.
CREATE TABLE question (
    realm       TEXT NOT NULL,
    query_id    TEXT NOT NULL,
    number      INTEGER NOT NULL,
    outcome     TEXT CHECK (outcome IN ('released', 'refused', 'failed', 'panicked', 'aborted', 'combined')),
    release_key BLOB REFERENCES frozen (key),
    code        TEXT,
    PRIMARY KEY (realm, query_id, number),
    FOREIGN KEY (realm, query_id) REFERENCES seen (realm, query_id),
    CHECK ((outcome IS 'released') = (release_key IS NOT NULL)),
    CHECK ((outcome IS 'refused') = (code IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX question_without_end ON question (realm, query_id) WHERE outcome IS NULL;
