//! Which tables are decided when an extract is published, and in which order: fixed by agreements and definitions
//! before anybody looks at a record, so that no question can take the place of a table that the law demands.

use super::Plan;
use crate::authz::{Permit, Publication, Standing};
use crate::catalogue::{Catalogue, Indicator, Pack};
use crate::model::{Agreement, DatasetId, Period, Profile, Question, Timestamp};

/// A table in several degrees of detail, the finest first; at least one.
pub type Rungs = Vec<Plan<Publication>>;

/// The tables that agreements name for a dataset and period: those of packs that the law demands, of all agreements in
/// the order of their federations and ids, then the others in that order; of each pack by indicator and table as the
/// catalogue lists them. What an agreement does not let this node release, now or under this profile, is left out.
#[must_use]
pub fn publication(
    agreements: &[Agreement],
    (dataset, period): (&DatasetId, Period),
    profile: Profile,
    catalogue: &Catalogue,
    now: Timestamp,
) -> Vec<Rungs> {
    let mut agreements: Vec<&Agreement> = agreements.iter().collect();
    agreements.sort_by_key(|a| (&a.federation, &a.id));
    let of = |agreement| catalogue.packs_of(agreement).into_iter().map(move |p| (agreement, p));
    let mut packs: Vec<(&Agreement, &Pack)> = agreements.into_iter().flat_map(of).collect();
    packs.sort_by_key(|(_, pack)| !pack.statutory);
    let mut tables = Vec::new();
    for (agreement, pack) in packs {
        for indicator in catalogue.published(pack, dataset, agreement) {
            let standing = Standing { agreement, catalogue, now };
            tables.extend(of_indicator(standing, pack, (indicator, period), profile));
        }
    }
    tables
}

fn of_indicator(
    standing: Standing<'_>,
    pack: &Pack,
    (indicator, period): (&Indicator, Period),
    profile: Profile,
) -> Vec<Rungs> {
    let Standing { agreement, catalogue, .. } = standing;
    let Ok(definition_hash) = catalogue.definition_hash(&indicator.id) else { return Vec::new() };
    let plan = |by| {
        let indicator = indicator.id.clone();
        let question = Question { indicator, definition_hash, period, by, scope: None };
        let permit = Permit::publication(standing, &pack.id, question, profile).ok()?;
        Plan::compile(&permit, catalogue).ok()
    };
    let tables = catalogue.tables(pack, indicator, agreement).into_iter();
    let rungs = tables.map(|rungs| rungs.into_iter().filter_map(plan).collect::<Rungs>());
    rungs.filter(|rungs| !rungs.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::sign::SigningKey;

    const NOW: Timestamp = Timestamp::from_unix(1_790_000_000);

    fn agreement(federation: &str, packs: &str, profile: &str) -> Agreement {
        let key = SigningKey::generate_ed25519().expect("key").verifying_key().to_text();
        let party = |role: &str| {
            format!(
                "[[parties]]\nods = \"ZZ1\"\nrole = \"{role}\"\nanswer_key = \"{key}\"\nledger_key = \"{key}\"\n"
            )
        };
        let text = format!(
            "id = \"dsa\"\nversion = 1\nfederation = \"{federation}\"\nresidence_scope = [\"QZ1\"]\nfrom = \"2026-01-01\"\nuntil = \"2027-12-31\"\n\
             purposes = [\"planning\"]\npacks = [{packs}]\nindicators = [\"rtt_over_18_weeks\", \"rtt_over_52_weeks\", \"rtt_wait_percentiles\"]\n\
             dimensions = [\"ethnicity\", \"imd\", \"age\", \"sex\"]\n\
             max_dimensions = 2\nprofile = \"{profile}\"\nshow_partners = true\nanalysts = []\n{}{}",
            party("coordinator"),
            party("node")
        );
        Agreement::parse(&text).expect("agreement")
    }

    fn order(agreements: &[Agreement], now: Timestamp) -> Vec<Rungs> {
        let catalogue = Catalogue::builtin().expect("catalogue");
        let dataset = DatasetId::new("rtt_open_pathway").expect("id");
        let period = "2026-10".parse().expect("period");
        publication(agreements, (&dataset, period), Profile::Nhs75m, &catalogue, now)
    }

    fn whose(rungs: &Rungs) -> String {
        let (federation, _) = rungs[0].layout().residence().expect("a population");
        let question = rungs[0].layout().question();
        let by: Vec<&str> = question.by.iter().map(|level| level.as_str()).collect();
        format!("{federation} {} {}", question.indicator, by.join(","))
    }

    #[test]
    fn what_the_law_demands_of_any_agreement_comes_first_whatever_order_they_stand_in() {
        let (north, south) = ("north.example", "south.example");
        let packs = "\"elective-recovery\", \"13sa\"";
        let both = [agreement(south, packs, "nhs75m"), agreement(north, packs, "nhs75m")];
        let tables: Vec<String> = order(&both, NOW).iter().map(whose).collect();
        let turned = [both[1].clone(), both[0].clone()];
        let again: Vec<String> = order(&turned, NOW).iter().map(whose).collect();
        assert_eq!(tables, again);
        let statutory =
            [agreement(south, "\"13sa\"", "nhs75m"), agreement(north, "\"13sa\"", "nhs75m")];
        let first: Vec<String> = order(&statutory, NOW).iter().map(whose).collect();
        assert_eq!(tables[..first.len()], first);
        assert!(tables.len() > first.len());
        assert!(first[0].starts_with("north.example rtt_over_18_weeks imd.decile"), "{first:?}");
    }

    #[test]
    fn the_rungs_of_a_table_become_coarser() {
        let tables = order(&[agreement("a.example", "\"13sa\"", "nhs75m")], NOW);
        let indicators: BTreeSet<&str> = tables
            .iter()
            .flatten()
            .map(|plan| plan.layout().question().indicator.as_str())
            .collect();
        assert!(indicators.contains("rtt_over_52_weeks"), "{indicators:?}");
        assert!(indicators.contains("rtt_wait_percentiles"), "{indicators:?}");
        for rungs in tables {
            let cells: Vec<usize> = rungs.iter().map(|r| r.layout().lattice().len()).collect();
            assert!(cells.is_sorted_by(|finer, coarser| finer > coarser), "{cells:?}");
        }
    }

    #[test]
    fn nothing_is_released_under_an_agreement_that_is_over_or_has_another_profile_or_no_pack() {
        let later = Timestamp::from_unix(1_990_000_000);
        let good = agreement("a.example", "\"13sa\"", "nhs75m");
        assert!(!order(std::slice::from_ref(&good), NOW).is_empty());
        assert!(order(&[good], later).is_empty());
        assert!(order(&[agreement("a.example", "\"13sa\"", "nhs75")], NOW).is_empty());
        assert!(order(&[agreement("a.example", "", "nhs75m")], NOW).is_empty());
        assert!(order(&[], NOW).is_empty());
    }
}
