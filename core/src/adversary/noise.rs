//! Attacks on changes at random: the same question again, and averages over partitions.

use std::collections::BTreeSet;

use super::invented::{Draw, real};
use super::records::{Asked, Out, Row, Scene, extract};
use super::{AdversaryError, Attack, CONTROL, Finding, PROFILES, Tally};
use crate::disclosure::ReleaseDocument;
use crate::disclosure::cell_key::PTable;
use crate::model::canonical;
use crate::model::{Profile, Shown, SnapshotVersion};
use crate::plan::Layout;

const OVER_18: &str = "rtt_over_18_weeks";
/// The most repetitions of a question that are counted anew; a partner answers all but the first from what it keeps.
const MOST_REPEATS: usize = 200;
/// Answers of a control that are averaged.
const ANSWERS: u64 = 10_000;
/// The change of the profile `ckm`: by up to 5, of variance 2.
fn table() -> Result<PTable, AdversaryError> {
    PTable::new(5, 2.0, 0).map_err(|_| AdversaryError::Needs("a table of changes"))
}

/// A6.
pub(super) fn again(
    n: usize,
    seed: u64,
    told: &mut dyn FnMut(Finding),
) -> Result<(), AdversaryError> {
    for profile in PROFILES {
        let scene = Scene::new(profile)?;
        let mut draw = Draw::new(seed);
        let rows: Vec<Row> = (0..4_000).map(|_| Row::draw(&mut draw)).collect();
        let snapshot = extract(b"extract", SnapshotVersion::Provisional)?;
        // Where others are hidden to protect a count, a table takes long.
        let most = if profile == Profile::ExactCs { MOST_REPEATS / 10 } else { MOST_REPEATS };
        let mut tally = Tally { tables: n.min(most), ..Tally::default() };
        let mut answers = BTreeSet::new();
        for number in 0..tally.tables {
            let mut by = vec!["imd.core20", "sex"];
            if number % 2 == 1 {
                by.reverse();
            }
            let asked = Asked { indicator: OVER_18, by, scope: None };
            let table = scene.table(&rows, &snapshot, &asked)?;
            let key = table.protected.key();
            let out = scene.release(&[], table)?;
            tally.refused += usize::from(out.is_none());
            tally.cells += out.as_ref().map_or(0, |o| o.truth.len());
            answers.insert((key.to_string(), out.map(|o| o.bytes)));
        }
        let held = answers.len() == 1;
        let note = format!("{} different answer(s) in all", answers.len());
        told(
            tally
                .finding(
                    Attack::A6,
                    profile.as_str(),
                    "one question, its breakdown in either order",
                    held,
                )
                .noted(note),
        );
    }
    let (table, mut draw, mut tally) = (table()?, Draw::new(seed), Tally::default());
    for _ in 0..n {
        let truth = 8 + u64::try_from(draw.below(100)).unwrap_or_default();
        let sum: u64 = (0..ANSWERS).map(|_| table.look_up(truth, draw.next())).sum();
        let mean = (sum + ANSWERS / 2) / ANSWERS;
        tally.cells += 1;
        tally.exact += usize::from(mean == truth);
    }
    let broke = tally.exact * 100 >= tally.cells * 99;
    told(tally.finding(
        Attack::A6,
        format!("{CONTROL}a fresh change for each answer"),
        "counts of 8 to 107",
        broke,
    ));
    Ok(())
}

const LEVELS: [&str; 6] =
    ["imd.core20", "imd.quintile", "ethnicity.group", "sex", "age.adult", "age.band"];

/// A group: leaves of a dimension, and a category of the outcome.
type Parts = Vec<(String, Vec<u16>)>;

/// A7: only one profile changes counts at random.
pub(super) fn partitions(
    n: usize,
    seed: u64,
    told: &mut dyn FnMut(Finding),
) -> Result<(), AdversaryError> {
    let scene = Scene::new(Profile::Ckm)?;
    let (mut tally, mut draw) = (Tally::default(), Draw::new(seed));
    let mut averaged = 0;
    while tally.cells < n {
        let rows: Vec<Row> = (0..20_000).map(|_| Row::draw(&mut draw)).collect();
        averaged += over_partitions(&scene, &rows, &mut tally)?;
    }
    let held = tally.exact * 2 <= tally.cells && tally.cells > 0;
    let note = format!(
        "rounded averages are right for {} %, of {:.1} sums each; without averaging it would be 28 %",
        tally.exact * 100 / tally.cells.max(1),
        real(averaged) / real(tally.cells.max(1))
    );
    told(
        tally
            .finding(
                Attack::A7,
                Profile::Ckm.as_str(),
                "shown counts, by up to 2 of 4 dimensions",
                held,
            )
            .noted(note),
    );
    let (table, mut tally) = (table()?, Tally::default());
    for _ in 0..n {
        let truth = 100 + u64::try_from(draw.below(100)).unwrap_or_default();
        let mut sum = 0;
        for _ in 0..64 {
            let part = 20 + u64::try_from(draw.below(60)).unwrap_or_default();
            sum += table.look_up(part, draw.next()) + table.look_up(truth - part, draw.next());
        }
        tally.cells += 1;
        tally.exact += usize::from((sum + 32) / 64 == truth);
    }
    let broke = tally.exact * 10 >= tally.cells * 9;
    told(tally.finding(
        Attack::A7,
        format!("{CONTROL}64 partitions in two parts"),
        "counts of 100 to 199",
        broke,
    ));
    Ok(())
}

/// One release, as an outsider reads it: the members of each axis' categories, and the cells.
struct Read {
    axes: Vec<(String, Vec<Vec<u16>>)>,
    cells: Vec<Shown>,
    truth: Vec<u64>,
}

impl Read {
    fn of(scene: &Scene, out: Out) -> Result<Self, AdversaryError> {
        let document: ReleaseDocument = canonical::decode(&out.bytes)?;
        let layout = Layout::new(&document.question, Some(&scene.agreement), &scene.catalogue)
            .map_err(|_| AdversaryError::Needs("a layout"))?;
        let axes = layout.lattice().axes().iter().map(|axis| {
            let members = axis.categories().iter().map(|c| c.members.clone()).collect();
            (axis.level().dimension().to_string(), members)
        });
        Ok(Self {
            axes: axes.collect(),
            cells: document.cells.into_iter().map(Shown::from).collect(),
            truth: out.truth,
        })
    }

    /// The cells that a group is the sum of: of each of its dimensions the categories inside, of every other all
    /// of the finest. None where they do not cover it.
    fn parts_of(&self, group: &Parts) -> Option<Vec<usize>> {
        if group.iter().any(|(d, _)| !self.axes.iter().any(|(own, _)| own == d)) {
            return None;
        }
        let mut cells = vec![0];
        for (dimension, categories) in &self.axes {
            let (all, own) = categories.split_last()?;
            let whole = group.iter().find(|(d, _)| d == dimension).map_or(all, |(_, m)| m);
            let inside: Vec<usize> = match own.iter().position(|c| c == whole) {
                Some(at) => vec![at],
                None if dimension == "outcome" => vec![categories.iter().position(|c| c == whole)?],
                None => {
                    (0..own.len()).filter(|c| own[*c].iter().all(|m| whole.contains(m))).collect()
                }
            };
            let covered: usize = inside.iter().map(|c| categories[*c].len()).sum();
            if covered != whole.len() {
                return None;
            }
            cells = cells
                .iter()
                .flat_map(|head| inside.iter().map(move |c| head * categories.len() + c))
                .collect();
        }
        Some(cells)
    }
}

/// Averages the sums of all partitions of each shown count of a table by one dimension. Gives how many sums there
/// were.
fn over_partitions(
    scene: &Scene,
    rows: &[Row],
    tally: &mut Tally,
) -> Result<usize, AdversaryError> {
    let snapshot = extract(b"extract", SnapshotVersion::Provisional)?;
    let mut read: Vec<Read> = Vec::new();
    let dimension = |level: &str| level.split('.').next().unwrap_or_default().to_owned();
    for (i, first) in LEVELS.iter().enumerate() {
        let pairs = LEVELS[..i].iter().filter(|l| dimension(l) != dimension(first));
        let all = std::iter::once(vec![*first]).chain(pairs.map(|second| vec![*second, *first]));
        for by in all {
            let asked = Asked { indicator: OVER_18, by, scope: None };
            match scene.release(&[], scene.table(rows, &snapshot, &asked)?)? {
                Some(out) => read.push(Read::of(scene, out)?),
                None => tally.refused += 1,
            }
        }
    }
    tally.tables += read.len();
    let mut sums = 0;
    for target in read.iter().filter(|r| r.axes.len() == 2) {
        let (dimension, categories) = &target.axes[0];
        for (at, members) in categories.iter().enumerate() {
            for (side, outcome) in target.axes[1].1.iter().enumerate() {
                let cell = at * target.axes[1].1.len() + side;
                if !matches!(target.cells[cell], Shown::Published(_)) {
                    continue;
                }
                let group = vec![
                    (dimension.clone(), members.clone()),
                    ("outcome".to_owned(), outcome.clone()),
                ];
                let (mut weight, mut sum) = (0.0, 0.0);
                let mut seen = BTreeSet::new();
                for other in &read {
                    let Some(parts) = other.parts_of(&group) else { continue };
                    let figures: Option<Vec<u64>> = parts
                        .iter()
                        .map(|c| match other.cells[*c] {
                            Shown::Published(figure) => Some(figure),
                            _ => None,
                        })
                        .collect();
                    // The same figures are of the same people, and say nothing new.
                    let Some(figures) = figures.filter(|f| seen.insert(f.clone())) else {
                        continue;
                    };
                    let total = usize::try_from(figures.iter().sum::<u64>()).unwrap_or(usize::MAX);
                    weight += 1.0 / real(figures.len());
                    sum += real(total) / real(figures.len());
                    sums += 1;
                }
                let truth = usize::try_from(target.truth[cell]).unwrap_or(usize::MAX);
                tally.cells += 1;
                tally.exact += usize::from((sum / weight - real(truth)).abs() < 0.5);
            }
        }
    }
    Ok(sums)
}
