//! Invented people, each drawn from a stream of its own, so that nobody need be remembered who comes again.

use evensum_core::catalogue::{Category, CategoryKind, Dimension};
use evensum_core::model::{CategoryId, Date};
use time::Duration;

use super::super::draw::{Draw, Weights};
use super::super::profile::{ETHNIC_CODES, PartnerProfile};
use super::places::{Place, Places};
use super::texts;

/// Out of a million people: no area on record, one that matches nothing, one in Wales.
const BLANK: u64 = 13_000;
const UNMATCHED: u64 = 6_000;
const WALES: u64 = 8_000;
/// Out of a million texts of a characteristic: those that are left blank, and those that are no code.
const NOTHING: u64 = 40_000;
const TYPING_ERROR: u64 = 5_000;
/// Out of a million people: the ethnic category not stated, and not known.
const NOT_STATED: u64 = 30_000;
const NOT_KNOWN: u64 = 15_000;

/// Ages from and to, in years, with weights.
const AGES: [(u64, u64, u64); 6] =
    [(0, 18, 16), (18, 25, 9), (25, 45, 26), (45, 65, 25), (65, 85, 20), (85, 101, 4)];

/// What is recorded of one characteristic: the text in the extract, and the category that it means.
#[derive(Debug, Clone)]
pub(super) struct Recorded {
    pub(super) text: String,
    pub(super) leaf: CategoryId,
}

/// Somebody.
pub(super) struct Somebody {
    pub(super) number: u64,
    pub(super) lsoa: Recorded,
    pub(super) board: Recorded,
    /// The decile that what happens to somebody depends on; the middle where it is not known.
    pub(super) decile: u8,
    pub(super) born: Date,
}

/// A characteristic that is written as a code.
pub(super) struct Coded<'a> {
    pub(super) dimension: &'a Dimension,
    choices: Vec<usize>,
    weights: Weights,
    /// Own words of the trust for a code.
    pub(super) words: Vec<(String, String)>,
}

impl<'a> Coded<'a> {
    /// None where an extract can hold nothing of it.
    pub(super) fn new(dimension: &'a Dimension, profile: &PartnerProfile) -> Option<Self> {
        let leaves = &dimension.levels.first()?.categories;
        let mut weighted = texts::weighted(dimension);
        let id = dimension.id.as_str();
        for (at, weight) in &mut weighted {
            let category = &leaves[*at];
            if id == "ethnicity" {
                *weight = ethnic_weight(category, profile);
            } else if id == "sex" {
                *weight = match category.id.as_str() {
                    "male" => 4_700,
                    "female" => 5_200,
                    _ => 50,
                };
            } else if is_flag(dimension) {
                // Rarer or more frequent from one characteristic to the next.
                let rare = 300 + 130 * (id.len() as u64 % 9);
                *weight = match category.id.as_str() {
                    "yes" => rare,
                    "no" => 8_000,
                    _ => 600,
                };
            }
        }
        let known = weighted.iter().any(|(at, _)| leaves[*at].kind == CategoryKind::Known);
        let words = if id == "sex" { own_words(dimension) } else { Vec::new() };
        known.then(|| Self {
            dimension,
            choices: weighted.iter().map(|(at, _)| *at).collect(),
            weights: Weights::new(weighted.into_iter().map(|(_, weight)| weight)),
            words,
        })
    }

    /// What is recorded of somebody.
    pub(super) fn recorded(&self, draw: &mut Draw) -> Option<Recorded> {
        let leaves = &self.dimension.levels.first()?.categories;
        let unknown = || leaves.iter().find(|c| c.kind == CategoryKind::Unknown);
        if draw.chance(NOTHING) {
            return Some(Recorded { text: texts::nothing(draw), leaf: unknown()?.id.clone() });
        }
        if draw.chance(TYPING_ERROR) {
            return Some(Recorded { text: "?".to_owned(), leaf: unknown()?.id.clone() });
        }
        let category = &leaves[*self.choices.get(self.weights.pick(draw))?];
        let codes: Vec<&String> = category.codes.iter().filter(|c| !texts::is_null(c)).collect();
        // The first code is the official one; the others are rarer.
        let at = if draw.chance(700_000) { 0 } else { draw.below(codes.len() as u64) };
        let code = *codes.get(usize::try_from(at).unwrap_or_default())?;
        let text = if let Some(word) = texts::own_word(code, &self.words, draw) {
            word
        } else if self.dimension.id.as_str() == "ethnicity"
            && code.len() == 1
            && code.bytes().all(|b| b.is_ascii_uppercase())
            && draw.chance(100_000)
        {
            // A local second character.
            format!("{}{}", texts::respelt(code, draw), 1 + draw.below(3))
        } else if texts::may_be_respelt(self.dimension, code) {
            texts::respelt(code, draw)
        } else {
            code.clone()
        };
        Some(Recorded { text, leaf: category.id.clone() })
    }
}

/// Whether a dimension is a characteristic of yes and no.
pub(super) fn is_flag(dimension: &Dimension) -> bool {
    let [level] = dimension.levels.as_slice() else { return false };
    let ids: Vec<&str> = level.categories.iter().map(|c| c.id.as_str()).collect();
    ids == ["yes", "no", "unknown", "not_collected"]
}

fn ethnic_weight(category: &Category, profile: &PartnerProfile) -> u64 {
    let at = ETHNIC_CODES.iter().position(|code| category.id.as_str() == code.to_string());
    match (at, category.kind) {
        (Some(at), _) => u64::from(profile.ethnic_mix[at]) * 100,
        (None, CategoryKind::NotStated) => NOT_STATED,
        (None, _) => NOT_KNOWN,
    }
}

/// A trust's own words: the labels of the known categories, for their first codes.
fn own_words(dimension: &Dimension) -> Vec<(String, String)> {
    let leaves = dimension.levels.first().into_iter().flat_map(|l| &l.categories);
    let coded = leaves.filter(|c| c.kind == CategoryKind::Known);
    coded.filter_map(|c| Some((c.label.clone(), c.codes.first()?.clone()))).collect()
}

/// Draws people.
pub(super) struct Population<'a> {
    pub(super) places: &'a Places,
    pub(super) seed: u64,
    /// The last day of the period, on which ages are drawn.
    pub(super) last_day: Date,
    pub(super) imd: Option<&'a Dimension>,
    pub(super) icb: Option<&'a Dimension>,
    pub(super) ages: Weights,
}

pub(super) fn ages() -> Weights {
    Weights::new(AGES.map(|(_, _, weight)| weight))
}

impl Population<'_> {
    /// The somebody of a number, and the stream that the rest of what is recorded is drawn from.
    pub(super) fn somebody(&self, number: u64) -> (Somebody, Draw) {
        let mut draw = Draw::new(self.seed, &format!("generic person {number}"));
        let (lsoa, board, decile) = self.home(&mut draw);
        let (from, to, _) = AGES[self.ages.pick(&mut draw)];
        // Leap days make a year a quarter of a day longer.
        let days = (from * 1_461).div_ceil(4) + draw.below((to - from) * 365);
        let back = Duration::days(i64::try_from(days).unwrap_or_default());
        let born = Date::from_civil(self.last_day.civil().saturating_sub(back));
        (Somebody { number, lsoa, board, decile, born }, draw)
    }

    fn home(&self, draw: &mut Draw) -> (Recorded, Recorded, u8) {
        let at = draw.below(1_000_000);
        let unknown = of_kind(self.imd, CategoryKind::Unknown);
        if at < BLANK {
            let lsoa = Recorded { text: texts::nothing(draw), leaf: unknown };
            return (lsoa, self.board(self.places.board().as_str(), draw), 5);
        }
        if at < BLANK + UNMATCHED {
            let text = format!("E01999{:03}", draw.below(1_000));
            let lsoa = Recorded { text, leaf: unknown };
            return (lsoa, self.board(self.places.board().as_str(), draw), 5);
        }
        if at < BLANK + UNMATCHED + WALES {
            let text = format!("W01{:06}", 1 + draw.below(1_900));
            let leaf = of_kind(self.imd, CategoryKind::NotApplicable);
            return (Recorded { text, leaf }, self.board(self.places.board().as_str(), draw), 5);
        }
        let Place { code, decile, board } = self.places.pick(draw);
        let category = self.imd.and_then(|imd| imd.of_code(&decile.to_string()));
        let leaf = category.map_or(unknown, |c| c.id.clone());
        let text = if draw.chance(50_000) { code.to_lowercase() } else { code.clone() };
        (Recorded { text, leaf }, self.board(board.as_str(), draw), *decile)
    }

    fn board(&self, board: &str, draw: &mut Draw) -> Recorded {
        if draw.chance(NOTHING) {
            let leaf = of_kind(self.icb, CategoryKind::Unknown);
            return Recorded { text: texts::nothing(draw), leaf };
        }
        let text = if draw.chance(50_000) { board.to_lowercase() } else { board.to_owned() };
        Recorded { text, leaf: CategoryId::new(board).unwrap_or_else(|_| CategoryId::all()) }
    }
}

/// The category of a kind of a dimension; `all` where there is none, which no row has.
pub(super) fn of_kind(dimension: Option<&Dimension>, kind: CategoryKind) -> CategoryId {
    let leaves = dimension.and_then(|d| d.levels.first()).map(|l| l.categories.as_slice());
    let found = |kind| leaves.unwrap_or_default().iter().find(|c| c.kind == kind);
    let found = found(kind).or_else(|| found(CategoryKind::Unknown));
    found.map_or_else(CategoryId::all, |c| c.id.clone())
}
