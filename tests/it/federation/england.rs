//! Real places: three boards' small areas with their true deciles of the 2019 index, 200,000 pathways drawn by
//! population and ethnic mix, loaded and asked through the program, and the answer computed a second time by
//! other code from the rows themselves. Needs the official files, and says so where they are not there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use rand::Rng;
use rand::SeedableRng;
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::harness::{Fed, PARTNERS, text};
use super::process::{run, skipped};

/// The partners stand for these boards: Dorset, Lincolnshire, North East London.
const BOARDS: [&str; 3] = ["QVV", "QJM", "QMF"];
const PATHWAYS: usize = 200_000;
const UNKNOWN: &str = "unknown";
const OF: [&str; 4] = ["--dataset", "rtt_open_pathway", "--period", "2026-09"];
/// The last day of the period, on which waits are counted, as a day of the Julian calendar's count.
const CENSUS: i64 = 2_461_314;
const GROUPS: [(&str, &str, &[&str]); 5] = [
    ("Asian", "asian", &["H", "J", "K", "L"]),
    ("Black", "black", &["M", "N", "P"]),
    ("Mixed", "mixed", &["D", "E", "F", "G"]),
    ("White", "white", &["A", "B", "C"]),
    ("Other", "other", &["R", "S"]),
];

/// Where the official files are: beside the project, or where the environment says.
fn official() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let dir = std::env::var_os("EVENSUM_TEST_DATA").map_or(beside, PathBuf::from);
    dir.join("imd2019_lsoa11.csv").exists().then_some(dir)
}

fn rows(dir: &Path, name: &str) -> impl Iterator<Item = BTreeMap<String, String>> {
    let file = csv::Reader::from_path(dir.join(name)).expect("an official file");
    file.into_deserialize().map(|row| row.expect("a row"))
}

/// One pathway, as the second computation sees it.
struct Pathway {
    person: usize,
    quintile: String,
    group: &'static str,
    over_52: bool,
}

/// A board's people: small areas by decile, population by decile and age, residents by ethnic group.
struct Board {
    areas: BTreeMap<u8, Vec<String>>,
    population: Vec<((u8, u32), f64)>,
    groups: Vec<f64>,
}

impl Board {
    fn read(dir: &Path, code: &str) -> Self {
        let deciles: BTreeMap<String, u8> = rows(dir, "imd2019_lsoa11.csv")
            .map(|r| (r["lsoa11cd"].clone(), r["imd_decile"].parse().expect("a decile")))
            .collect();
        let mut areas: BTreeMap<u8, Vec<String>> = BTreeMap::new();
        for row in rows(dir, "lookup_lsoa11_icb22.csv").filter(|r| r["icb_ods"] == code) {
            areas.entry(deciles[&row["lsoa11cd"]]).or_default().push(row["lsoa11cd"].clone());
        }
        let population = rows(dir, "population_mid2020_icb22_imd2019_age5.csv")
            .filter(|r| r["icb_ods"] == code)
            .map(|r| {
                let decile: u8 = r["imd2019_decile"].parse().expect("a decile");
                let age = r["age_band"].split(['-', '+']).next().expect("an age");
                let people: f64 = r["population"].parse().expect("a population");
                ((decile, age.parse().expect("an age")), people)
            })
            // A decile in which the board has people and no small area would be no decile of its own.
            .filter(|((decile, _), _)| areas.contains_key(decile))
            .collect();
        let mut groups = vec![0.0; GROUPS.len()];
        for row in
            rows(dir, "census2021_ethnicity_icb24_imd2025.csv").filter(|r| r["icb_ods"] == code)
        {
            let name = &row["ethnic_group_high_level"];
            let at = GROUPS.iter().position(|(begins, ..)| name.starts_with(begins));
            groups[at.expect("a group")] += row["residents"].parse::<f64>().unwrap_or(0.0);
        }
        assert!(groups.iter().all(|g| *g > 0.0), "{code} has residents of every group");
        Self { areas, population, groups }
    }

    /// Draws pathways: what the second computation needs of each, and the extract that a partner would send.
    fn draw(&self, count: usize, rng: &mut ChaCha8Rng) -> (Vec<Pathway>, String) {
        let homes = WeightedIndex::new(self.population.iter().map(|(_, n)| n)).expect("people");
        let groups = WeightedIndex::new(&self.groups).expect("groups");
        let mut drawn: Vec<Pathway> = Vec::with_capacity(count);
        let mut extract = String::from(
            "PATIENT_ID,REFERRAL_TO_TREATMENT_PERIOD_START_DATE,DATE_OF_BIRTH,LSOA,ETHNIC_CATEGORY\n",
        );
        let mut line = String::new();
        for number in 0..count {
            // One in twelve waits on a second pathway, a few on many.
            let again = number > 0 && (rng.random_range(0..12) == 0 || number % 1000 < 4);
            let person = if again { drawn[number - 1].person } else { number };
            if !again {
                let ((decile, age), _) = self.population[homes.sample(rng)];
                let area = self.areas[&decile].choose(rng).expect("an area");
                let known = rng.random_range(0..100) >= 3;
                let (area, quintile) = if known {
                    (area.as_str(), format!("q{}", decile.div_ceil(2)))
                } else {
                    ("", UNKNOWN.to_owned())
                };
                let (group, code) = match rng.random_range(0..100) {
                    0..6 => ("not_stated", "Z"),
                    6..10 => ("unknown", ["99", "", "X"][rng.random_range(0..3)]),
                    _ => {
                        let (_, group, codes) = GROUPS[groups.sample(rng)];
                        (group, *codes.choose(rng).expect("a code"))
                    }
                };
                let born = 2026 - i32::try_from(age).expect("an age");
                line.clear();
                let _ = write!(line, "{born}-01-01,{area},{code}");
                drawn.push(Pathway { person, quintile, group, over_52: false });
            } else {
                let before = drawn.last().expect("one before");
                let (quintile, group) = (before.quintile.clone(), before.group);
                drawn.push(Pathway { person, quintile, group, over_52: false });
            }
            let pathway = drawn.last_mut().expect("just drawn");
            // The most deprived wait longest, about exponentially.
            let mean = if pathway.quintile == "q1" { 130.0 } else { 95.0 };
            let days = -mean * rng.random_range(1e-9_f64..1.0).ln();
            #[expect(clippy::cast_possible_truncation, reason = "a few years in days")]
            let days = days.min(1500.0) as i64;
            pathway.over_52 = days > 364;
            let _ = writeln!(extract, "P{person},{},{line}", date(CENSUS - days));
        }
        (drawn, extract)
    }
}

/// The date of a Julian day number (Fliegel and Van Flandern, 1968), as year-month-day.
fn date(julian: i64) -> String {
    let l = julian + 68_569;
    let n = 4 * l / 146_097;
    let l = l - (146_097 * n + 3) / 4;
    let i = 4000 * (l + 1) / 1_461_001;
    let l = l - 1461 * i / 4 + 31;
    let j = 80 * l / 2447;
    let day = l - 2447 * j / 80;
    let l = j / 11;
    format!("{:04}-{:02}-{day:02}", 100 * (n - 49) + i + l, j + 2 - 12 * l)
}

type Key<'a> = (&'a str, &'a str, bool);

/// Rows, people and the most rows of one person, by quintile, group and whether only long waits count.
fn counted(pathways: &[Pathway]) -> BTreeMap<Key<'_>, (u64, u64, u64)> {
    let mut of_person: BTreeMap<Key<'_>, BTreeMap<usize, u64>> = BTreeMap::new();
    // Whoever lives at no known place lives in no board of the agreement, and is in no figure.
    for p in pathways.iter().filter(|p| p.quintile != UNKNOWN) {
        for quintile in [p.quintile.as_str(), "all"] {
            for group in [p.group, "all"] {
                for long in [true, false] {
                    if !long || p.over_52 {
                        let cell = of_person.entry((quintile, group, long)).or_default();
                        *cell.entry(p.person).or_default() += 1;
                    }
                }
            }
        }
    }
    let sum = |people: BTreeMap<usize, u64>| {
        let top = people.values().copied().max().unwrap_or(0);
        (people.values().sum(), people.len() as u64, top)
    };
    of_person.into_iter().map(|(key, people)| (key, sum(people))).collect()
}

/// What one partner shows of a cell under the default profile: the rounded figure, or nothing.
fn shown(counts: Option<&(u64, u64, u64)>) -> Option<u64> {
    let &(rows, people, top) = counts?;
    (rows > 7 && people > 7 && 2 * top <= rows).then(|| (rows + 2) / 5 * 5)
}

/// The bounds that one partner's table gives for a cell.
fn bounds(table: &BTreeMap<Key<'_>, (u64, u64, u64)>, key: Key<'_>) -> (u64, Option<u64>) {
    if let Some(r) = shown(table.get(&key)) {
        return ((r - 2).max(8), Some(r + 2));
    }
    let (quintile, group, long) = key;
    let mut least = None;
    for q in [quintile, "all"] {
        for g in [group, "all"] {
            for l in [long, false] {
                if let Some(r) = shown(table.get(&(q, g, l))) {
                    least = Some(least.map_or(r + 2, |before: u64| before.min(r + 2)));
                }
            }
        }
    }
    (0, least)
}

fn prepare(fed: &Fed, official: &Path) {
    let reference = fed.path("official");
    for file in ["imd2019_lsoa11.csv", "lookup_lsoa11_icb22.csv"] {
        let file = official.join(file);
        run(&["reference", "add", text(&file), "--dir", text(&reference)]).succeeds();
    }
    let agreement = fs::read_to_string(fed.path("agreement.toml")).expect("the agreement");
    let scope = agreement.lines().find(|l| l.starts_with("residence_scope")).expect("a scope");
    let boards = format!("residence_scope = {BOARDS:?}");
    fed.edit("agreement.toml", scope, &boards);
}

fn load(fed: &Fed, ods: &str, extract: &str) {
    fed.edit(&format!("{ods}/node.toml"), "../reference", "../official");
    let (file, mapping) = (fed.path(ods).join("real.csv"), fed.path(ods).join("real.toml"));
    fs::write(&file, extract).expect("written");
    let text_of_mapping = "dataset = \"rtt_open_pathway\"\n\n[source]\ndate = [\"%Y-%m-%d\"]\n\
        imd_edition = \"2019\"\n";
    fs::write(&mapping, text_of_mapping).expect("written");
    let config = fed.config(ods);
    let at = ["--config", text(&config)];
    let load = ["node", "load", text(&file), "--mapping", text(&mapping)];
    run(&[&load[..], &OF, &at].concat()).succeeds();
    run(&[&["node", "publish"], &OF[..], &at].concat()).succeeds();
}

#[test]
fn real_areas_give_the_answer_that_the_rows_themselves_give() {
    let Some(official) = official() else {
        skipped("the official files are not here; set EVENSUM_TEST_DATA to their folder");
        return;
    };
    let mut fed = Fed::at_rest();
    prepare(&fed, &official);
    let mut rng = ChaCha8Rng::seed_from_u64(2019);
    let boards = BOARDS.map(|code| Board::read(&official, code));
    let people = |b: &Board| b.population.iter().map(|(_, n)| n).sum::<f64>();
    let everybody: f64 = boards.iter().map(people).sum();
    let mut drawn = Vec::new();
    for (board, ods) in boards.iter().zip(PARTNERS) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of the pathways"
        )]
        let share = (PATHWAYS as f64 * people(board) / everybody).round() as usize;
        let (pathways, extract) = board.draw(share, &mut rng);
        load(&fed, ods, &extract);
        drawn.push(pathways);
    }
    fed.serve(&PARTNERS[..3]);
    let question = [
        "rtt_over_52_weeks",
        "--by",
        "imd.quintile,ethnicity.group",
        "--period",
        "2026-09",
        "--purpose",
        "statutory_reporting",
        "--ask",
        "ZZ1,ZZ2,ZZ3",
    ];
    let answer = fed.query(&question).json();
    assert_eq!(answer["imd_edition"], "2019");
    compare(&answer, &drawn);
}

/// That every figure is what the second computation gives, and holds the truth.
fn compare(answer: &Value, drawn: &[Vec<Pathway>]) {
    let tables: Vec<_> = drawn.iter().map(|pathways| counted(pathways)).collect();
    let cells = answer["cells"].as_array().expect("cells");
    let (mut figures, mut hidden) = (0, 0);
    for cell in cells {
        let at = |dimension: &str| cell["at"][dimension].as_str().expect("a category");
        for (side, long) in [("numerator", true), ("denominator", false)] {
            let key = (at("imd"), at("ethnicity"), long);
            let parts: Vec<_> = tables.iter().map(|table| bounds(table, key)).collect();
            let low: u64 = parts.iter().map(|(low, _)| low).sum();
            let high: Option<u64> = parts.iter().map(|(_, high)| *high).sum();
            let said = &cell[side];
            assert_eq!(said["low"], low, "{key:?}");
            assert_eq!(said["high"].as_u64(), high, "{key:?}");
            let truth: u64 = tables.iter().filter_map(|t| t.get(&key)).map(|(rows, ..)| rows).sum();
            assert!(low <= truth && high.is_none_or(|high| truth <= high), "{key:?}");
            let value = tables.iter().any(|table| shown(table.get(&key)).is_some());
            assert_eq!(said["state"], if value { "value" } else { "suppressed" }, "{key:?}");
            figures += 1;
            hidden += usize::from(!value);
        }
    }
    // Quintiles, not known, outside, not collected and all; groups with not stated, not known, not collected and all.
    assert_eq!(figures, 2 * 9 * 9, "every cell has both counts");
    assert!(hidden > 0 && hidden < figures / 2, "{hidden} of {figures} are withheld everywhere");
    let total: usize = drawn.iter().map(Vec::len).sum();
    assert!(total.abs_diff(PATHWAYS) < 3);
}
