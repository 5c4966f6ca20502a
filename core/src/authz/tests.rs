//! Tests of the rules that only the agreement and the catalogue decide.

use super::*;
use crate::catalogue::{Catalogue, Misfit};
use crate::model::{
    Agreement, CategoryId, DimensionId, IndicatorId, LevelId, Question, RefusalCode, Timestamp,
};
use crate::plan::Layout;
use crate::sign::SigningKey;

fn agreement(more: &str) -> Agreement {
    let key = SigningKey::generate_ed25519().expect("key").verifying_key().to_text();
    let party = |role: &str| {
        format!(
            "[[parties]]\nods = \"ZZ1\"\nrole = \"{role}\"\nanswer_key = \"{key}\"\nledger_key = \"{key}\"\n"
        )
    };
    let text = format!(
        "id = \"dsa\"\nversion = 1\nfederation = \"icb.example\"\nresidence_scope = [\"QZ1\"]\nfrom = \"2026-01-01\"\nuntil = \"2027-12-31\"\n\
         purposes = [\"planning\"]\nindicators = [\"rtt_over_52_weeks\", \"rtt_wait_percentiles\"]\ndimensions = [\"ethnicity\", \"local_authority\", \"age\"]\n\
         max_dimensions = 2\nprofile = \"nhs75m\"\nshow_partners = true\nanalysts = []\n{more}\n{}{}",
        party("coordinator"),
        party("node")
    );
    Agreement::parse(&text).expect("agreement")
}

fn question(catalogue: &Catalogue, indicator: &str, by: &[&str]) -> Question {
    let indicator = IndicatorId::new(indicator).expect("id");
    Question {
        definition_hash: catalogue.definition_hash(&indicator).expect("known"),
        indicator,
        period: "2026-10".parse().expect("period"),
        by: by.iter().map(|l| LevelId::new(*l).expect("level")).collect(),
        scope: None,
    }
}

fn asked(question: &Question, agreement: &Agreement, catalogue: &Catalogue) -> Option<RefusalCode> {
    let now = Timestamp::from_unix(1_790_000_000);
    allows(question, Standing { agreement, catalogue, now }).err().map(|denied| denied.0)
}

#[test]
fn an_agreement_has_one_of_two_groupings() {
    let catalogue = Catalogue::builtin().expect("catalogue");
    let of_2001 = agreement("");
    let of_2021 = agreement("groupings = [\"ethnicity.group_2021\"]");
    assert_eq!(catalogue.fits(&of_2001), Ok(()));
    assert_eq!(catalogue.fits(&of_2021), Ok(()));
    let no = Some(RefusalCode::GroupingNotInUse);
    for (level, under_2001, under_2021) in [
        ("ethnicity.code", None, None),
        ("ethnicity.group", None, no),
        ("ethnicity.group_2021", no, None),
        ("age.band", None, None),
    ] {
        let question = question(&catalogue, "rtt_over_52_weeks", &[level]);
        assert_eq!(asked(&question, &of_2001, &catalogue), under_2001, "{level}");
        assert_eq!(asked(&question, &of_2021, &catalogue), under_2021, "{level}");
    }
    // The two make different agreements, and one that says nothing is as it was before there was a choice.
    assert_ne!(of_2001.hash().ok(), of_2021.hash().ok());
    let spelt = crate::model::canonical::encode(&of_2001).expect("bytes");
    let spelt = String::from_utf8(spelt).expect("text");
    assert!(!spelt.contains("groupings") && !spelt.contains("lists"), "{spelt}");
}

#[test]
fn what_the_catalogue_does_not_have_is_no_grouping_and_no_list() {
    let catalogue = Catalogue::builtin().expect("catalogue");
    let level = |text: &str| LevelId::new(text).expect("level");
    for (more, wrong) in [
        ("groupings = [\"ethnicity.group\"]", Misfit::Grouping(level("ethnicity.group"))),
        ("groupings = [\"age.leaf\"]", Misfit::Grouping(level("age.leaf"))),
        ("groupings = [\"ethnicity.none\"]", Misfit::Grouping(level("ethnicity.none"))),
        (
            "[[lists.sex]]\nid = \"S1\"\nname = \"One\"",
            Misfit::List(DimensionId::new("sex").expect("id")),
        ),
        (
            "[[lists.site]]\nid = \"unknown\"\nname = \"One\"",
            Misfit::Category {
                dimension: DimensionId::new("site").expect("id"),
                category: CategoryId::new("unknown").expect("id"),
            },
        ),
    ] {
        assert_eq!(catalogue.fits(&agreement(more)), Err(wrong), "{more}");
    }
}

#[test]
fn an_agreement_supplies_the_categories_of_places() {
    let catalogue = Catalogue::builtin().expect("catalogue");
    let with = agreement(
        "[[lists.local_authority]]\nid = \"E06000058\"\nname = \"Bournemouth, Christchurch and Poole\"\n[[lists.local_authority]]\nid = \"E06000059\"\nname = \"Dorset\"",
    );
    assert_eq!(catalogue.fits(&with), Ok(()));
    let question = question(&catalogue, "rtt_over_52_weeks", &["local_authority"]);
    assert_eq!(asked(&question, &with, &catalogue), None);
    let axis = |agreement: &Agreement| -> Vec<String> {
        let layout = Layout::new(&question, Some(agreement), &catalogue).expect("a layout");
        layout.lattice().axes()[0].categories().iter().map(|c| c.id.to_string()).collect()
    };
    let own = ["elsewhere", "unknown", "not_applicable", "not_collected", "all"];
    assert_eq!(axis(&agreement("")), own);
    assert_eq!(axis(&with), [&["E06000058", "E06000059"][..], &own].concat());
}

#[test]
fn means_percentiles_and_ratios_may_be_asked_for_where_counts_are_rounded() {
    let catalogue = Catalogue::builtin().expect("catalogue");
    use crate::model::Profile;
    for profile in [Profile::Nhs75m, Profile::Nhs75, Profile::Ons105m] {
        assert!(profile.releases_figures() && profile.base() == 5);
    }
    let question = question(&catalogue, "rtt_wait_percentiles", &[]);
    let with = agreement("");
    assert_eq!(asked(&question, &with, &catalogue), None);
    let unrounded = Agreement { profile: Profile::Ckm, ..with };
    let refused = asked(&question, &unrounded, &catalogue);
    assert_eq!(refused, Some(RefusalCode::KindNotReleased));
}

#[test]
fn contradictory_lists_are_refused_where_the_agreement_is_read() {
    let good = agreement("");
    let text = toml::to_string(&good).expect("text");
    let long: String = (0..201).map(|n| format!("{{ id = \"S{n}\", name = \"x\" }},")).collect();
    for (more, says) in [
        ("lists.icb = [{ id = \"QZ2\", name = \"Two\" }]".to_owned(), "provider or icb"),
        ("lists.site = []".to_owned(), "empty"),
        (format!("lists.site = [{long}]"), "more than 200"),
        (
            "lists.site = [{ id = \"A\", name = \"x\" }, { id = \"A\", name = \"y\" }]".to_owned(),
            "twice",
        ),
        ("lists.site = [{ id = \"all\", name = \"x\" }]".to_owned(), "'all'"),
        ("lists.site = [{ id = \"A\", name = \" \" }]".to_owned(), "no name"),
        ("groupings = [\"ethnicity.group_2021\", \"ethnicity.group_2021\"]".to_owned(), "twice"),
    ] {
        let error = Agreement::parse(&format!("{more}\n{text}")).expect_err(&more).to_string();
        assert!(error.contains(says), "{more}: {error}");
    }
}

/// Whatever an agreement chooses, no question under it can have two levels that do not nest.
#[test]
fn no_two_levels_in_use_overlap() {
    let catalogue = Catalogue::builtin().expect("catalogue");
    let levels = catalogue.dimensions().iter().flat_map(|d| &d.levels);
    let others: Vec<&LevelId> = levels.filter(|l| l.instead_of.is_some()).map(|l| &l.id).collect();
    assert!(!others.is_empty());
    for chosen in 0..1_u32 << others.len() {
        let groupings: Vec<LevelId> = others
            .iter()
            .enumerate()
            .filter(|(i, _)| chosen >> i & 1 == 1)
            .map(|(_, l)| (*l).clone())
            .collect();
        for dimension in catalogue.dimensions() {
            let used = dimension
                .levels
                .iter()
                .filter(|l| l.released && catalogue.in_use(&l.id, &groupings));
            let people: Vec<Vec<&CategoryId>> = used
                .flat_map(|l| &l.categories)
                .map(|c| if c.of.is_empty() { vec![&c.id] } else { c.of.iter().collect() })
                .collect();
            for a in &people {
                for b in &people {
                    let shared = a.iter().filter(|x| b.contains(x)).count();
                    let nest = shared == 0 || shared == a.len() || shared == b.len();
                    assert!(nest, "{} under {groupings:?}", dimension.id);
                }
            }
        }
    }
}

/// A definition of a federation's own: who has it answers, who has another says so, and who has none says that.
#[test]
fn a_definition_that_differs_is_said_so() {
    let own = "[[indicator]]\nid = \"rtt_over_52_weeks_ours\"\nversion = 1\nname = \"Waiting over 52 weeks, ours\"\n\
        phrase = \"wait over 52 weeks\"\ndataset = \"rtt_open_pathway\"\nkind = \"proportion\"\nunit = \"% of pathways\"\n\
        numerator = \"over52\"\ndenominator = \"all\"\npolarity = \"lower_is_better\"\ndomain = \"access\"\n\
        priority = \"restore_inclusively\"\nheld_by = \"us\"\npacks = []\nsource = \"ours\"\ncaveats = []\n";
    let ours = Catalogue::with(&[("own.toml", own)]).expect("it fits");
    let other = own.replace("version = 1", "version = 2");
    let theirs = Catalogue::with(&[("own.toml", &other)]).expect("it fits");
    let question = question(&ours, "rtt_over_52_weeks_ours", &["ethnicity.group"]);
    let mut agreement = agreement("");
    agreement.indicators.push(question.indicator.clone());
    assert_eq!(asked(&question, &agreement, &ours), None);
    assert_eq!(asked(&question, &agreement, &theirs), Some(RefusalCode::DefinitionDiffers));
    let plain = Catalogue::builtin().expect("catalogue");
    assert_eq!(asked(&question, &agreement, &plain), Some(RefusalCode::IndicatorUnknown));
}
