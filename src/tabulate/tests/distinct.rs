//! Whose buckets are marked.

use evensum_core::catalogue::Catalogue;
use evensum_core::model::{Agreement, Timestamp};
use evensum_core::plan::{DistinctTable, PooledTables};
use evensum_core::pool::{LINK_BYTES, LinkSecret};
use evensum_core::sign::SigningKey;

use super::*;
use crate::tabulate::mark;

fn agreement() -> Agreement {
    let key = || SigningKey::generate_ed25519().expect("key").verifying_key().to_text();
    let party = |ods: &str, role: &str| {
        let (answer, log) = (key(), key());
        format!(
            "[[parties]]\nods = \"{ods}\"\nrole = \"{role}\"\nanswer_key = \"{answer}\"\nledger_key = \"{log}\"\n"
        )
    };
    let officer = |id: &str, ods: &str| {
        format!("[[officers]]\nid = \"{id}\"\nods = \"{ods}\"\nkey = \"{}\"\n", key())
    };
    let text = format!(
        "id = \"dsa\"\nversion = 1\nfederation = \"a.example\"\nresidence_scope = [\"QZ1\"]\nfrom = \"2026-01-01\"\nuntil = \"2027-12-31\"\n\
         purposes = [\"planning\"]\npacks = [\"13sa\"]\nindicators = [\"rtt_over_18_weeks\", \"rtt_over_52_weeks\"]\n\
         dimensions = [\"ethnicity\", \"imd\", \"age\", \"sex\"]\nmax_dimensions = 2\nprofile = \"nhs75m\"\nanalysts = []\n\
         helper = \"ZZ9\"\npool = \"deposit\"\ndistinct_people = true\nlink_check = \"{}\"\n{}{}{}{}{}",
        Digest::of(b"check"),
        party("ZZ1", "node"),
        party("QZ1", "coordinator"),
        party("ZZ9", "helper"),
        officer("ann", "QZ1"),
        officer("bob", "ZZ1"),
    );
    Agreement::parse(&text).expect("agreement")
}

/// People in these leaves of the level, each in or out of the population.
fn held(table: &DistinctTable, rows: &[(u32, u16, bool)]) -> Snapshot {
    let filters = table.filters().iter().map(|filter| {
        let codes = rows.iter().map(|(_, _, inside)| u8::from(!inside)).collect();
        let dictionary = vec![filter.keep[0].clone(), category("elsewhere")];
        HeldColumn::new(filter.column.clone(), dictionary, Codes::U8(codes)).expect("column")
    });
    let level = table.axis().map(|(column, axis)| {
        let codes = rows.iter().map(|(_, leaf, _)| *leaf).collect();
        HeldColumn::new(column.clone(), axis.leaves().to_vec(), Codes::U16(codes)).expect("column")
    });
    let persons = rows.iter().map(|(person, ..)| *person).collect();
    Snapshot::new(manifest(), persons, filters.chain(level).collect(), Vec::new()).expect("fits")
}

#[test]
fn everybody_of_the_population_is_marked_once_in_each_category_of_theirs() {
    let catalogue = Catalogue::builtin().expect("catalogue");
    let of = (&DatasetId::new("rtt_open_pathway").expect("id"), "2026-10".parse().expect("period"));
    let now = Timestamp::from_unix(1_790_000_000);
    let tables = PooledTables::of(&agreement(), of, &catalogue, now).expect("tables");
    let secret = LinkSecret::from_bytes(&[1; 32]).expect("a secret");
    // The first has two records, the third is of elsewhere, the fourth has no NHS number, the last is in two categories.
    let rows = [
        (0, 0, true),
        (0, 0, true),
        (1, 1, true),
        (2, 0, false),
        (3, 1, true),
        (4, 0, true),
        (4, 1, true),
    ];
    let links: Vec<[u8; LINK_BYTES]> = (0..5_u8)
        .map(|n| if n == 3 { [0; LINK_BYTES] } else { secret.id(&[n; 10]).to_bytes() })
        .collect();
    let mut broken_down = 0;
    for table in tables.distinct() {
        assert!(!table.filters().is_empty(), "the population is restricted");
        let key = secret.key(&Digest::of(b"round"), &table.id()).expect("a key");
        let marks = mark(&held(table, &rows), table, &links, &key).expect("marked").vectors();
        let bucket = |n: u8| key.bucket(&secret.id(&[n; 10]), table.shape().buckets()) as usize;
        let marked = |group: usize| -> Vec<usize> {
            let row: Vec<u64> = match table.axis() {
                None => marks.iter().flat_map(|v| v.to_vec()).collect(),
                Some(_) => marks[group].to_vec(),
            };
            (0..row.len()).filter(|place| row[*place] == 1).collect()
        };
        let wanted = |people: &[u8]| {
            let mut buckets: Vec<usize> = people.iter().map(|n| bucket(*n)).collect();
            buckets.sort_unstable();
            buckets
        };
        let Some((_, axis)) = table.axis() else {
            assert_eq!(marked(0), wanted(&[0, 1, 4]));
            continue;
        };
        broken_down += 1;
        for (group, category) in axis.categories().iter().enumerate().take(marks.len()) {
            let has = |leaf: u16| category.members.contains(&leaf);
            let people: Vec<u8> = [(0, has(0)), (1, has(1)), (4, has(0) || has(1))]
                .into_iter()
                .filter_map(|(n, inside)| inside.then_some(n))
                .collect();
            assert_eq!(marked(group), wanted(&people), "{}", category.id);
        }
    }
    assert!(broken_down > 0);
    // Without the level's column nothing is marked.
    let table = tables.distinct().iter().find(|t| t.axis().is_some()).expect("a level");
    let bare = held(&tables.distinct()[0], &rows);
    let key = secret.key(&Digest::of(b"round"), &table.id()).expect("a key");
    assert!(matches!(mark(&bare, table, &links, &key), Err(TabulateError::NoColumn(_))));
}
