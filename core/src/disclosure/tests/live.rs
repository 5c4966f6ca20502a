//! Tables that are tested together: whether what is known of them is put together as the records are.

use std::collections::BTreeMap;

use super::*;
use crate::authz::Publication;
use crate::catalogue::Lists;
use crate::plan::Filter;
use attack::Limits;

/// A row by dimension id, and its outcome band under the dataset's outcome level.
pub(super) type Row = BTreeMap<String, String>;

/// A generator that gives the same numbers everywhere.
struct Seed(u64);

impl Seed {
    fn below(&mut self, most: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }

    /// Skewed to the first.
    fn skewed(&mut self, most: usize) -> usize {
        self.below(most).min(self.below(most))
    }
}

const OUTCOME: &str = "outcome";

fn rows(catalogue: &Catalogue, count: usize, seed: u64) -> Vec<Row> {
    let mut seed = Seed(seed);
    let leaves = |id: &str| -> Vec<String> {
        let dimension = catalogue.dimensions().iter().find(|d| d.id.as_str() == id);
        let leaves = dimension.expect("a dimension").leaves(&Lists::new());
        leaves.into_iter().map(|(leaf, _)| leaf.to_string()).collect()
    };
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for id in ["imd", "ethnicity", "sex", "age", "tfc", "provider", "icb"] {
        values.insert(id.to_owned(), leaves(id));
    }
    for (listed, codes) in [("provider", ["ZZ2", "ZZ3", "ZZ4"]), ("icb", ["QZ1", "QZ2", "QZ3"])] {
        let of = values.get_mut(listed).expect("listed");
        codes.iter().rev().for_each(|code| of.insert(0, (*code).to_owned()));
    }
    let bands = catalogue.datasets().iter().find(|d| d.id.as_str() == "rtt_open_pathway");
    let bands = bands.expect("a dataset").outcome.bands();
    values.insert(OUTCOME.to_owned(), bands.iter().map(|(id, _)| id.to_string()).collect());
    let row = |_| {
        let one =
            |(id, of): (&String, &Vec<String>)| (id.clone(), of[seed.skewed(of.len())].clone());
        values.iter().map(one).collect()
    };
    (0..count).map(row).collect()
}

/// Counts a plan's table one row at a time. Everybody is a person of their own.
pub(super) fn counted(catalogue: &Catalogue, plan: &Plan<Publication>, rows: &[Row]) -> Table<RawCell> {
    let lattice = plan.layout().lattice();
    let outcome = &catalogue.dataset(plan.layout().dataset()).expect("a dataset").outcome;
    let key = |level: &LevelId| {
        if *level == outcome.level { OUTCOME.to_owned() } else { level.dimension().to_string() }
    };
    let leaf = |leaves: &[CategoryId], value: &str| {
        let place = |id: &str| leaves.iter().position(|leaf| leaf.as_str() == id);
        place(value).or_else(|| place("elsewhere")).expect("a leaf")
    };
    let kept = |row: &Row, filter: &Filter| {
        let dimension = catalogue.dimensions().iter().find(|d| d.column == filter.column);
        let value = &row[dimension.expect("a dimension").id.as_str()];
        filter.keep.iter().any(|id| id.as_str() == value)
    };
    let rows: Vec<Vec<u16>> = rows
        .iter()
        .filter(|row| plan.filters().iter().all(|filter| kept(row, filter)))
        .map(|row| {
            let axes = lattice.axes().iter();
            axes.map(|axis| leaf(axis.leaves(), &row[&key(axis.level())]) as u16).collect()
        })
        .collect();
    let cells = (0..lattice.len()).map(|index| {
        let at = lattice.coordinates(index);
        let axes: Vec<_> = lattice.axes().iter().zip(at).collect();
        let inside = |row: &&Vec<u16>| {
            axes.iter().zip(row.iter()).all(|((axis, at), leaf)| {
                axis.categories()[*at].members.binary_search(leaf).is_ok()
            })
        };
        let count = rows.iter().filter(inside).count() as u64;
        RawCell::new(count, count, count.min(1))
    });
    Table::new(lattice.clone(), cells.collect()).expect("a table")
}

pub(super) struct Records {
    pub(super) scene: Scene,
    pub(super) rows: Vec<Row>,
}

/// An indicator, its breakdown and its scope.
pub(super) type Asked<'a> = (&'a str, &'a [&'a str], Option<(&'a str, &'a str)>);

impl Records {
    pub(super) fn new(count: usize, seed: u64) -> Self {
        Self::under(Profile::Nhs75m, count, seed)
    }

    pub(super) fn under(profile: Profile, count: usize, seed: u64) -> Self {
        let mut scene = Scene::new(profile);
        let dimensions = ["imd", "ethnicity", "sex", "age", "tfc", "provider", "icb"];
        scene.agreement.dimensions = dimensions.map(|id| LevelId::new(id).expect("a level")).into();
        scene.agreement.indicators =
            ["rtt_over_18_weeks", "rtt_over_52_weeks", "rtt_over_65_weeks"]
                .map(|id| IndicatorId::new(id).expect("an indicator"))
                .into();
        let rows = rows(&scene.catalogue, count, seed);
        Self { scene, rows }
    }

    /// A protected table under an agreement that is changed first.
    pub(super) fn table(&self, asked: Asked<'_>, change: impl Fn(&mut Agreement)) -> Protected {
        self.table_of(&self.rows, &snapshot(ImdEdition::Imd2025), asked, change)
    }

    fn table_of(
        &self,
        rows: &[Row],
        of: &SnapshotRef,
        asked: Asked<'_>,
        change: impl Fn(&mut Agreement),
    ) -> Protected {
        let plan = self.plan(asked, change);
        protect(&plan, counted(&self.scene.catalogue, &plan, rows), of, &ods("ZZ2"))
            .expect("protected")
    }

    pub(super) fn plan(
        &self,
        (indicator, by, scope): Asked<'_>,
        change: impl Fn(&mut Agreement),
    ) -> Plan<Publication> {
        let Scene { catalogue, agreement, .. } = &self.scene;
        let mut agreement = agreement.clone();
        change(&mut agreement);
        let indicator = IndicatorId::new(indicator).expect("an indicator");
        let question = Question {
            definition_hash: catalogue.definition_hash(&indicator).expect("a hash"),
            indicator,
            period: "2026-10".parse().expect("a period"),
            by: by.iter().map(|level| LevelId::new(*level).expect("a level")).collect(),
            scope: scope.map(|(level, category)| Scope {
                level: LevelId::new(level).expect("a level"),
                category: CategoryId::new(category).expect("a category"),
            }),
        };
        let standing = Standing { agreement: &agreement, catalogue, now: NOW };
        let permit =
            Permit::publication(standing, "13sa", question, agreement.profile).expect("a permit");
        Plan::compile(&permit, catalogue).expect("a plan")
    }

    fn live(&self, drafts: &[Draft]) -> Live<'_> {
        Live::new(&self.scene.catalogue, drafts.iter().map(Draft::bytes)).expect("live")
    }

    fn passes(&self, live: &[Draft], tables: Vec<Protected>) -> Option<Vec<Draft>> {
        match self.live(live).test(tables, &Limits::RELEASE).expect("tested") {
            Outcome::Passed(drafts) => Some(drafts),
            Outcome::Withheld(_) => None,
        }
    }
}

pub(super) const SAME: fn(&mut Agreement) = |_| ();

/// Tables over nested levels, thresholds, scopes, residence and lists of several agreements.
fn of_many_shapes(records: &Records) -> Vec<Protected> {
    let (over18, over52) = ("rtt_over_18_weeks", "rtt_over_52_weeks");
    let questions: [Asked<'_>; 9] = [
        (over18, &["imd.decile"], None),
        (over52, &["imd.quintile", "sex"], None),
        (over18, &["imd.core20"], None),
        (over18, &["ethnicity.group"], None),
        (over52, &["ethnicity.code"], None),
        (over18, &["provider"], None),
        (over18, &["icb.residence"], None),
        (over18, &["imd.quintile"], Some(("age.adult", "18+"))),
        (over18, &[], Some(("tfc.group", "110"))),
    ];
    let wider = |a: &mut Agreement| {
        a.residence_scope.push(CategoryId::new("QZ2").expect("an ICB"));
        let mut party = a.parties[2].clone();
        party.ods = ods("ZZ4");
        a.parties.push(party);
    };
    let other =
        |a: &mut Agreement| a.groupings = vec![LevelId::new("ethnicity.group_2021").expect("id")];
    let mut tables: Vec<Protected> =
        questions.iter().map(|asked| records.table(*asked, SAME)).collect();
    tables.extend(questions[4..].iter().map(|asked| records.table(*asked, wider)));
    tables.push(records.table((over18, &["ethnicity.group_2021"], None), other));
    tables
}

#[test]
fn tables_of_one_extract_never_contradict_each_other() {
    for seed in 0..4 {
        let records = Records::new(12_000, seed);
        let tables = of_many_shapes(&records);
        let live = records.live(&[]);
        // That large groups are told apart rightly shows in that rounded sums still agree.
        assert!(live.test(tables, &Limits::RELEASE).is_ok(), "seed {seed}");
        // The control: one of them is of other people, who are as many.
        let mut tables = of_many_shapes(&records);
        let others = Records::new(12_000, seed + 100);
        tables.push(
            others.table(("rtt_over_18_weeks", &["imd.quintile", "ethnicity.group"], None), SAME),
        );
        let contradicts = live.test(tables, &Limits::RELEASE);
        assert!(matches!(contradicts, Err(LiveError::Contradiction(_))), "seed {seed}");
    }
}

#[test]
fn a_table_is_withheld_for_what_is_live_beside_it() {
    let (over18, over52) = ("rtt_over_18_weeks", "rtt_over_52_weeks");
    let pool: [Asked<'_>; 6] = [
        (over52, &["imd.quintile"], None),
        (over18, &["imd.quintile"], None),
        (over52, &["imd.core20", "sex"], None),
        (over18, &["sex"], None),
        (over52, &["ethnicity.group"], None),
        (over52, &["imd.decile"], None),
    ];
    let mut found = 0;
    for seed in 0..400 {
        // Zeros are shown, so that much breaks.
        let records = Records::under(Profile::Nhs75, 40 + seed as usize, seed);
        let table = |asked| records.table(asked, SAME);
        let alone: Vec<Option<Vec<Draft>>> =
            pool.iter().map(|asked| records.passes(&[], vec![table(*asked)])).collect();
        for (i, first) in alone.iter().enumerate() {
            let Some(live) = first else { continue };
            for j in (i + 1..pool.len()).filter(|j| alone[*j].is_some()) {
                let after = records.passes(live, vec![table(pool[j])]);
                let together = records.passes(&[], vec![table(pool[j]), table(pool[i])]);
                assert_eq!(after.is_some(), together.is_some(), "the order matters, seed {seed}");
                found += u32::from(after.is_none());
            }
        }
        if found > 3 {
            return;
        }
    }
    assert!(found > 0, "no seed has two tables that break only together");
}

#[test]
fn drafts_carry_the_mark_of_what_was_live() {
    let records = Records::new(20_000, 1);
    let tables = || {
        let by = |level| records.table(("rtt_over_18_weeks", level, None), SAME);
        vec![by(&["sex"]), by(&["imd.core20"])]
    };
    let drafts = records.passes(&[], tables()).expect("passes");
    let hash = |draft: &Draft| Digest::of(draft.bytes());
    assert_eq!(drafts[0].tested().live, mark([]));
    assert_eq!(drafts[1].tested().live, mark([hash(&drafts[0])]));
    assert_eq!((drafts[0].tested().others, drafts[1].tested().others), (0, 1));
    let live = records.live(&drafts);
    assert_eq!(live.mark(), mark([hash(&drafts[0]), hash(&drafts[1])]));
    assert_ne!(live.mark(), mark([hash(&drafts[1]), hash(&drafts[0])]));
    assert!(live.passes(&Limits::RELEASE).expect("tested"));
    // All or none.
    let narrow = Limits { published: 3, ..Limits::RELEASE };
    let Outcome::Withheld(withheld) = records.live(&[]).test(tables(), &narrow).expect("tested")
    else {
        panic!("passed")
    };
    assert_eq!(withheld.len(), 2);
    assert_eq!(withheld[0].key(), drafts[0].key());
    assert!(matches!(withheld[0].event(), Event::Withheld { by, .. } if by.len() == 1));
}

#[test]
fn what_was_made_under_other_definitions_lets_nothing_further_out() {
    let records = Records::new(20_000, 1);
    let by = |level| records.table(("rtt_over_18_weeks", level, None), SAME);
    let drafts = records.passes(&[], vec![by(&["sex"])]).expect("passes");
    let mut document: ReleaseDocument = canonical::decode(drafts[0].bytes()).expect("a release");
    document.question.definition_hash = Digest::of(b"another");
    let stored = canonical::encode(&document).expect("encodes");
    let live = Live::new(&records.scene.catalogue, [stored]).expect("live");
    let outcome = live.test(vec![by(&["imd.core20"])], &Limits::RELEASE).expect("tested");
    assert!(matches!(outcome, Outcome::Withheld(_)));
}

#[test]
fn a_later_extract_is_tested_beside_the_first() {
    let records = Records::new(20_000, 3);
    let asked: Asked<'_> = ("rtt_over_18_weeks", &["sex"], None);
    let first = records.passes(&[], vec![records.table(asked, SAME)]).expect("passes");
    let last = SnapshotRef {
        id: Digest::of(b"a later extract"),
        version: SnapshotVersion::Final,
        ..snapshot(ImdEdition::Imd2025)
    };
    // Late rows were added; and rows that were taken away refute that any were only added.
    for rows in [&records.rows[..], &records.rows[..19_000]] {
        let mut rows = rows.to_vec();
        rows.extend(records.rows[..40].iter().cloned());
        let later = records.table_of(&rows, &last, asked, SAME);
        assert!(records.passes(&first, vec![later]).is_some());
    }
}
