//! The packs' tables: which there are of an indicator, in which order, how many cells they publish.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::*;
use super::builtin;
use crate::model::Role;

/// What one disclosure test of a publication takes.
const MOST_CELLS: usize = 4_000;

fn level(text: &str) -> LevelId {
    LevelId::new(text).expect("a level")
}

fn by(text: &str) -> Vec<LevelId> {
    text.split(',').map(level).collect()
}

fn said(rungs: &Rungs) -> String {
    let rung = |by: &Vec<LevelId>| by.iter().map(LevelId::as_str).collect::<Vec<_>>().join(",");
    rungs.iter().map(rung).collect::<Vec<_>>().join(" > ")
}

/// An agreement with these packs, dimensions and groupings, and all indicators.
pub(super) fn agreement(
    packs: &[&str],
    dimensions: &[&str],
    groupings: &[&str],
    most: u8,
) -> Agreement {
    let key = crate::sign::SigningKey::generate_ed25519().expect("a key").verifying_key().to_text();
    let list =
        |ids: &[&str]| ids.iter().map(|id| format!("\"{id}\"")).collect::<Vec<_>>().join(", ");
    let catalogue = builtin();
    let ids: Vec<&str> = catalogue.indicators().iter().map(|i| i.id.as_str()).collect();
    let party = |ods: &str, role: Role| {
        let role = if role == Role::Node { "node" } else { "coordinator" };
        format!(
            "[[parties]]\nods = \"{ods}\"\nrole = \"{role}\"\nanswer_key = \"{key}\"\nledger_key = \"{key}\"\n"
        )
    };
    let text = format!(
        "id = \"dsa\"\nversion = 1\nfederation = \"icb.example\"\nresidence_scope = [\"QZ1\"]\n\
         from = \"2026-01-01\"\nuntil = \"2027-12-31\"\npurposes = [\"planning\"]\npacks = [{}]\n\
         indicators = [{}]\ndimensions = [{}]\ngroupings = [{}]\nmax_dimensions = {most}\n\
         profile = \"nhs75m\"\nshow_partners = true\nanalysts = []\n{}{}",
        list(packs),
        list(&ids),
        list(dimensions),
        list(groupings),
        party("QZ1", Role::Coordinator),
        party("ZZ1", Role::Node),
    );
    Agreement::parse(&text).expect("an agreement")
}

pub(super) fn indicator(id: &str) -> Indicator {
    builtin().indicator(&IndicatorId::new(id).expect("an id")).expect("it").clone()
}

fn pack(id: &str) -> Pack {
    builtin().packs().iter().find(|p| p.id == id).expect("a pack").clone()
}

#[test]
fn statutory_packs_come_first_and_then_the_catalogues_order() {
    let catalogue = builtin();
    let of = |packs: &[&str]| -> Vec<String> {
        let agreement = agreement(packs, &["imd"], &[], 2);
        catalogue.packs_of(&agreement).iter().map(|p| p.id.clone()).collect()
    };
    assert_eq!(of(&["workforce", "urgent-care", "13sa"]), ["13sa", "urgent-care", "workforce"]);
    assert_eq!(of(&["cancer", "no-such-pack"]), ["cancer"]);
    let own = "[[pack]]\nid = \"zz\"\nname = \"Ours\"\nabout = \"Ours.\"\nstatutory = true\n";
    let with = Catalogue::with(&[("own.toml", own)]).expect("a catalogue");
    let packs = agreement(&["cancer", "zz", "13sa"], &["imd"], &[], 2);
    let order: Vec<&str> = with.packs_of(&packs).iter().map(|p| p.id.as_str()).collect();
    assert_eq!(order, ["13sa", "zz", "cancer"]);
}

#[test]
fn of_a_pack_the_allowed_indicators_of_a_dataset_are_published_in_the_catalogues_order() {
    let catalogue = builtin();
    let mut narrow = agreement(&["13sa"], &["imd"], &[], 2);
    let rtt = DatasetId::new("rtt_open_pathway").expect("an id");
    narrow
        .indicators
        .retain(|i| ["rtt_list_size", "rtt_over_18_weeks", "op_dna_rate"].contains(&i.as_str()));
    narrow.indicators.reverse();
    let ids: Vec<&str> =
        catalogue.published(&pack("13sa"), &rtt, &narrow).iter().map(|i| i.id.as_str()).collect();
    assert_eq!(ids, ["rtt_over_18_weeks", "rtt_list_size"]);
    assert!(catalogue.published(&pack("outpatients"), &rtt, &narrow).is_empty());
}

#[test]
fn the_tables_of_an_indicator_are_those_that_it_has_and_the_agreement_permits() {
    let catalogue = builtin();
    let tables = |id, agreement: &Agreement| -> Vec<String> {
        let pack = pack("core20plus5-adults");
        catalogue.tables(&pack, &indicator(id), agreement).iter().map(said).collect()
    };
    let whole = agreement(&["core20plus5-adults"], &["imd", "ethnicity", "sex", "age"], &[], 2);
    assert_eq!(
        tables("continuity_of_carer", &whole),
        [
            "imd.decile > imd.quintile > imd.core20",
            "ethnicity.code > ethnicity.group > ethnicity.white_other",
            "age.band > age.adult",
            "imd.quintile,ethnicity.code > imd.quintile,ethnicity.group > imd.core20,ethnicity.white_other > imd.core20",
            "imd.decile,age.band > imd.quintile,age.band > imd.core20,age.adult > imd.core20",
        ],
        "mothers have no sex, and what is left of a table that has is nothing of its own"
    );
    let census = ["imd.quintile", "ethnicity.group_2021"];
    let census = agreement(&["core20plus5-adults"], &census, &["ethnicity.group_2021"], 2);
    assert_eq!(
        tables("continuity_of_carer", &census),
        ["imd.quintile", "ethnicity.group_2021", "imd.quintile,ethnicity.group_2021"]
    );
    let one = agreement(&["core20plus5-adults"], &["imd", "age.adult"], &[], 1);
    assert_eq!(
        tables("continuity_of_carer", &one),
        ["imd.decile > imd.quintile > imd.core20", "age.adult"]
    );
    assert!(tables("continuity_of_carer", &agreement(&[], &["tfc"], &[], 2)).is_empty());
}

#[test]
fn what_is_told_of_coarser_tables_follows_the_declared_ones_and_else_goes_step_by_step() {
    let catalogue = builtin();
    let all = ["imd", "ethnicity", "sex", "age", "tfc"];
    let agreement13 = agreement(&["13sa"], &all, &[], 2);
    let rtt = indicator("rtt_over_52_weeks");
    let coarser =
        |text: &str, agreement: &Agreement| said(&catalogue.coarser(&by(text), &rtt, agreement));
    for (asked, told) in [
        ("imd.decile", "imd.quintile > imd.core20"),
        ("imd.core20", ""),
        ("sex", ""),
        // The order in which somebody names dimensions makes no other table.
        ("sex,imd.quintile", "imd.core20,sex > imd.core20"),
        (
            "imd.quintile,ethnicity.code",
            "imd.quintile,ethnicity.group > imd.core20,ethnicity.white_other > imd.core20",
        ),
        // None of the pack's tables.
        (
            "imd.decile,ethnicity.code",
            "imd.quintile,ethnicity.group > imd.core20,ethnicity.white_other > imd.core20",
        ),
        (
            "ethnicity.code,age.band",
            "ethnicity.group,age.adult > ethnicity.white_other,age.adult > ethnicity.white_other",
        ),
        ("tfc.group,sex", "sex"),
    ] {
        assert_eq!(coarser(asked, &agreement13), told, "{asked}");
    }
    let census = agreement(&["13sa"], &all, &["ethnicity.group_2021"], 2);
    assert_eq!(coarser("ethnicity.code", &census), "ethnicity.group_2021 > ethnicity.white_other");
    assert_eq!(
        coarser("ethnicity.code,sex", &census),
        "ethnicity.group_2021,sex > ethnicity.white_other,sex > ethnicity.white_other"
    );
    let narrow = agreement(&["13sa"], &["imd.decile", "imd.core20", "sex"], &[], 2);
    assert_eq!(coarser("imd.decile", &narrow), "imd.core20");
    assert_eq!(coarser("imd.decile,sex", &narrow), "imd.core20,sex > imd.core20");
    let none = agreement(&[], &["imd", "sex"], &[], 2);
    assert_eq!(coarser("imd.decile,sex", &none), "imd.quintile,sex > imd.core20,sex > imd.core20");
}

#[test]
fn every_builtin_pack_has_tables_and_each_of_them_is_of_some_indicator() {
    let catalogue = builtin();
    for pack in catalogue.packs() {
        let all: Vec<String> = catalogue.dimensions().iter().map(|d| d.id.to_string()).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let agreement = agreement(&[&pack.id], &all, &[], 2);
        let of = |i: &&Indicator| i.packs.contains(&pack.id);
        let made: Vec<Vec<Rungs>> = catalogue
            .indicators()
            .iter()
            .filter(of)
            .map(|i| catalogue.tables(pack, i, &agreement))
            .collect();
        assert!(made.iter().all(|tables| tables.len() >= 5), "{}", pack.id);
        for ladder in &pack.tables {
            let whole = |rungs: &Rungs| {
                let alike = |(a, b): (&Vec<LevelId>, &Vec<LevelId>)| {
                    a.len() == b.len() && a.iter().all(|l| b.contains(l))
                };
                rungs.len() == ladder.rungs.len() && rungs.iter().zip(&ladder.rungs).all(alike)
            };
            assert!(made.iter().flatten().any(whole), "{}: {ladder:?}", pack.id);
        }
    }
    assert!(catalogue.packs().iter().filter(|p| p.statutory).map(|p| p.id.as_str()).eq(["13sa"]));
}

/// A row of a table: the finest categories that it counts, by dimension, `all` left out.
type Row = BTreeMap<DimensionId, BTreeSet<u16>>;

/// Published cells, each by what it counts and not by how it is named.
#[derive(Default)]
struct Union {
    rows: BTreeMap<Row, usize>,
    of: BTreeMap<Vec<LevelId>, Vec<usize>>,
}

impl Union {
    /// The numbers of a breakdown's rows.
    fn rows(&mut self, catalogue: &Catalogue, by: &[LevelId]) -> Vec<usize> {
        if let Some(known) = self.of.get(by) {
            return known.clone();
        }
        let mut rows: Vec<Row> = vec![Row::new()];
        for level in by {
            let axis = catalogue.axis(level, &Lists::new()).expect("an axis");
            let with = |row: &Row, category: &AxisCategory| {
                let mut row = row.clone();
                if !category.id.is_all() {
                    row.insert(level.dimension(), category.members.iter().copied().collect());
                }
                row
            };
            let every = |row| axis.categories().iter().map(move |c| with(row, c));
            rows = rows.iter().flat_map(every).collect();
        }
        let number = |row: Row| {
            let next = self.rows.len();
            *self.rows.entry(row).or_insert(next)
        };
        let numbers: Vec<usize> = rows.into_iter().map(number).collect();
        self.of.insert(by.to_vec(), numbers.clone());
        numbers
    }
}

/// Every dataset with the number of cells that are published of it under an agreement of these packs.
fn sizes(catalogue: &Catalogue, packs: &[&str]) -> Vec<(String, usize)> {
    let dimensions = ["imd", "ethnicity", "sex", "age", "afc_band", "disability"];
    let agreement = agreement(packs, &dimensions, &[], 2);
    let mut union = Union::default();
    let mut size = |dataset: &Dataset| {
        let mut cells: BTreeSet<(usize, Vec<u16>)> = BTreeSet::new();
        for pack in catalogue.packs_of(&agreement) {
            for indicator in catalogue.published(pack, &dataset.id, &agreement) {
                let ends = [&indicator.numerator, &indicator.denominator];
                let outcome = dataset.outcome.axis(&ends).expect("an axis");
                for rung in catalogue.tables(pack, indicator, &agreement).iter().flatten() {
                    for row in union.rows(catalogue, rung) {
                        let counts = outcome.categories().iter().map(|c| (row, c.members.clone()));
                        cells.extend(counts);
                    }
                }
            }
        }
        (dataset.id.to_string(), cells.len())
    };
    catalogue.datasets().iter().map(&mut size).collect()
}

#[test]
fn all_tables_of_a_pack_fit_into_one_disclosure_test_of_each_dataset() {
    let catalogue = builtin();
    for pack in catalogue.packs() {
        let mut sizes = sizes(&catalogue, &[&pack.id]);
        assert!(sizes.iter().any(|(_, size)| *size > 500), "{} publishes something", pack.id);
        sizes.retain(|(_, size)| *size > MOST_CELLS);
        assert_eq!(sizes, [], "{}", pack.id);
    }
    // So do those of all packs together.
    let every: Vec<&str> = catalogue.packs().iter().map(|p| p.id.as_str()).collect();
    let mut sizes = sizes(&catalogue, &every);
    sizes.retain(|(_, size)| *size > MOST_CELLS);
    assert_eq!(sizes, []);
}

#[test]
fn targets_of_none_are_those_of_the_longest_waits() {
    let catalogue = builtin();
    let none = catalogue.indicators().iter().filter(|i| i.zero_target).map(|i| i.id.as_str());
    assert!(none.eq(["rtt_over_65_weeks", "rtt_over_78_weeks", "rtt_over_104_weeks"]));
}

proptest! {
    /// Whatever is asked: each coarser table may be asked, says less than the one before, and there is an end.
    #[test]
    fn coarser_tables_never_say_more(
        packs in prop::sample::subsequence(vec!["13sa", "elective-recovery"], 0..=2),
        dimensions in prop::sample::subsequence(
            vec!["imd.decile", "imd.quintile", "imd.core20", "ethnicity", "sex", "age", "tfc"], 1..=7),
        census in any::<bool>(),
        one in 0_usize..9,
        other in 0_usize..9,
    ) {
        let levels = ["imd.decile", "imd.quintile", "ethnicity.code", "ethnicity.group", "ethnicity.group_2021",
            "sex", "age.band", "age.adult", "tfc.group"];
        let mut asked = vec![level(levels[one])];
        if level(levels[other]).dimension() != asked[0].dimension() {
            asked.push(level(levels[other]));
        }
        let groupings: &[&str] = if census { &["ethnicity.group_2021"] } else { &[] };
        let agreement = agreement(&packs, &dimensions, groupings, 2);
        let (catalogue, rtt) = (builtin(), indicator("rtt_over_52_weeks"));
        let mut before = asked.clone();
        for rung in catalogue.coarser(&asked, &rtt, &agreement) {
            prop_assert!(catalogue.may_be_asked(&rung, &rtt, &agreement), "{rung:?}");
            prop_assert!(!rung.is_empty() && rung != before);
            for to in &rung {
                let from = before.iter().find(|from| from.dimension() == to.dimension());
                let from = catalogue.level(from.expect("its dimension was there")).expect("a level").1;
                prop_assert!(from.nests_into(catalogue.level(to).expect("a level").1));
            }
            before = rung;
        }
    }
}
