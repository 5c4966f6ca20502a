//! The largest round that the built-in definitions make: every pack, indicator and dimension of the catalogue at once.

use super::super::PooledTables;
use crate::catalogue::Catalogue;
use crate::model::canonical::{self, CanonicalError};
use crate::model::{
    Agreement, DatasetId, Digest, ImdEdition, MAX_NODES, Ods, Population, SnapshotRef,
    SnapshotVersion, Timestamp,
};
use crate::pool::{DocumentError, Enclosed, MAX_ROUND_BYTES, Ready, Round, RoundDocument};
use crate::sign::SigningKey;

const NOW: Timestamp = Timestamp::from_unix(1_790_000_000);
const PERIOD: &str = "2026-10";

fn agreement(catalogue: &Catalogue) -> Agreement {
    let key = || SigningKey::generate_ed25519().expect("a key").verifying_key().to_text();
    let party = |ods: &str, role: &str| {
        let (answer, log) = (key(), key());
        format!(
            "[[parties]]\nods = \"{ods}\"\nrole = \"{role}\"\nanswer_key = \"{answer}\"\nledger_key = \"{log}\"\n"
        )
    };
    let officer = |id: &str, ods: &str| {
        format!("[[officers]]\nid = \"{id}\"\nods = \"{ods}\"\nkey = \"{}\"\n", key())
    };
    let all = |ids: Vec<String>| format!("{ids:?}");
    let text = format!(
        "id = \"dsa\"\nversion = 1\nfederation = \"a.example\"\nresidence_scope = [\"QZ1\"]\nfrom = \"2026-01-01\"\nuntil = \"2027-12-31\"\n\
         purposes = [\"planning\"]\npacks = {}\nindicators = {}\ndimensions = {}\nmax_dimensions = 4\nprofile = \"nhs75m\"\nanalysts = []\n\
         helper = \"ZZ9\"\npool = \"deposit\"\ndistinct_people = true\nlink_check = \"{}\"\n{}{}{}{}{}",
        all(catalogue.packs().iter().map(|pack| pack.id.to_string()).collect()),
        all(catalogue.indicators().iter().map(|one| one.id.to_string()).collect()),
        all(catalogue.dimensions().iter().map(|one| one.id.to_string()).collect()),
        Digest::of(b"check"),
        party("ZZ1", "node"),
        party("QZ1", "coordinator"),
        party("ZZ9", "helper"),
        officer("ann", "QZ1"),
        officer("bob", "ZZ1"),
    );
    Agreement::parse(&text).expect("an agreement")
}

/// The document that binds the most members, of whom each can contribute everything.
fn round(agreement: &Agreement, of: &DatasetId, tables: &[Digest]) -> Round {
    let key = SigningKey::generate_ed25519().expect("a key");
    let population = Population::of(agreement, of, PERIOD.parse().expect("a period"));
    let (id, hash) = (agreement.id.clone(), agreement.hash().expect("a hash"));
    let ready = (0..MAX_NODES).map(|n| {
        // The longest code.
        let ods = Ods::new(format!("M{n:011}")).expect("a code");
        let snapshot = SnapshotRef {
            id: Digest::of(ods.as_str().as_bytes()),
            as_of: "2026-10-31".parse().expect("a date"),
            version: SnapshotVersion::Provisional,
            imd_edition: Some(ImdEdition::Imd2025),
        };
        let ready = Ready {
            ods: ods.clone(),
            population: population.clone(),
            agreement: id.clone(),
            agreement_hash: hash,
            membership: hash,
            snapshot,
            tables: tables.to_vec(),
        };
        Enclosed::new(&ods, &ready.sign(&ods, &key).expect("signs"))
    });
    Round {
        version: SnapshotVersion::Provisional,
        agreement: id.clone(),
        agreement_hash: hash,
        membership: hash,
        ready: ready.collect(),
        tables: tables.to_vec(),
        closes: NOW,
        population: population.clone(),
    }
}

#[test]
fn the_largest_round_of_the_most_members_is_read_and_kept_by_everybody() {
    let catalogue = Catalogue::builtin().expect("a catalogue");
    let agreement = agreement(&catalogue);
    let all = catalogue.datasets().iter().map(|dataset| {
        let of = (&dataset.id, PERIOD.parse().expect("a period"));
        let tables = PooledTables::of(&agreement, of, &catalogue, NOW).expect("tables");
        (tables.ids().collect::<Vec<_>>(), &dataset.id)
    });
    let (tables, dataset) = all.max_by_key(|(ids, _)| ids.len()).expect("a dataset");
    assert!(tables.len() > 50, "{dataset} has {} tables", tables.len());
    let round = round(&agreement, dataset, &tables);
    let (ods, key) = (Ods::new("QZ1").expect("a code"), SigningKey::generate_ed25519());
    let key = key.expect("a key");
    let envelope = round.sign(&ods, &key).expect("not too long");
    // Above what other documents may be: of these the limit is its own.
    assert!(envelope.payload.len() > canonical::MAX_BYTES, "{}", envelope.payload.len());
    assert!(Round::verified(&envelope, &key.verifying_key()).is_ok());
    let kept = Enclosed::new(&ods, &envelope).to_bytes().expect("bytes");
    let kept = Enclosed::from_bytes(&kept).expect("read").envelope::<Round>().expect("a round");
    assert_eq!(kept, envelope);
    // More than that is not even signed.
    let mut more = round;
    more.ready = [&more.ready[..], &more.ready[..], &more.ready[..]].concat();
    assert!(matches!(
        more.sign(&ods, &key),
        Err(DocumentError::Canonical(CanonicalError::TooLong(MAX_ROUND_BYTES)))
    ));
}
