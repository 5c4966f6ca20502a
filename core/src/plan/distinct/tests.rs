//! Which estimates there are, and that there is no way to others.

use super::*;
use crate::catalogue::Catalogue;
use crate::model::{Agreement, DatasetId, Timestamp};
use crate::plan::PooledTables;
use crate::sign::SigningKey;

const NOW: Timestamp = Timestamp::from_unix(1_790_000_000);

fn agreement(line: &str) -> Agreement {
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
         dimensions = [\"ethnicity\", \"imd\", \"age\", \"sex\", \"provider\"]\nmax_dimensions = 2\nprofile = \"nhs75m\"\nanalysts = []\n\
         helper = \"ZZ9\"\npool = \"deposit\"\n{line}\n{}{}{}{}{}",
        party("ZZ1", "node"),
        party("QZ1", "coordinator"),
        party("ZZ9", "helper"),
        officer("ann", "QZ1"),
        officer("bob", "ZZ1"),
    );
    Agreement::parse(&text).expect("agreement")
}

fn tables(line: &str) -> PooledTables {
    let catalogue = Catalogue::builtin().expect("catalogue");
    let dataset = DatasetId::new("rtt_open_pathway").expect("id");
    let period = "2026-10".parse().expect("period");
    PooledTables::of(&agreement(line), (&dataset, period), &catalogue, NOW).expect("tables")
}

#[test]
fn only_everybody_and_single_levels_and_only_where_it_is_agreed() {
    assert!(tables("").distinct().is_empty());
    let with = tables(&format!("distinct_people = true\nlink_check = \"{}\"", Digest::of(b"x")));
    let all = with.distinct();
    assert!(all.len() > 2, "{}", all.len());
    assert_eq!(all[0].level(), None);
    assert_eq!(all[0].vectors().expect("vectors").len(), 4);
    for table in all {
        let question = table.question();
        assert!(question.by.len() <= 1 && question.scope.is_none());
        let groups = table.axis().map_or(1, |(_, axis)| axis.categories().len() - 1);
        assert_eq!(table.shape().groups(), groups);
        assert!(table.level().is_none_or(|level| level.dimension().as_str() != "provider"));
        // Contributed as tables are, and found by its own name alone.
        assert!(with.ids().any(|id| id == table.id()) && with.table(table.id()).is_none());
        let vectors = with.vectors(table.id()).expect("vectors").expect("known");
        assert!(vectors.iter().all(|spec| spec.max() == 1));
        let ids: Vec<Digest> = with.ids().collect();
        assert_eq!(with.estimate_of(&question, &ids).map(DistinctTable::id), Some(table.id()));
        assert!(with.estimate_of(&question, &[]).is_none());
    }
    let mut ids: Vec<Digest> = with.ids().collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}
