//! Invented people: where they live, what is recorded of them, and how long such people wait.

use super::draw::{Draw, Weights};
use super::geography::{Geography, HOME_ICB, NEIGHBOUR_ICB};
use super::profile::{ETHNIC_CODES, Kind, PartnerProfile};

/// What the extract says of where somebody lives.
#[derive(Clone, Copy)]
pub(super) enum Residence {
    /// An area, by its number in the geography.
    Area(usize),
    /// A code of the right shape that no reference file has.
    Unmatched(u64),
    /// Nothing.
    Blank,
    /// An area in Wales.
    Wales(u64),
}

/// Somebody, as recorded.
#[derive(Clone, Copy)]
pub(super) struct Person {
    /// The patient number.
    pub(super) number: u64,
    pub(super) residence: Residence,
    /// The board that the partner has on record.
    pub(super) icb: &'static str,
    pub(super) ethnicity: Ethnicity,
    pub(super) sex: &'static str,
    /// At the end of the extract's month.
    pub(super) age_days: u64,
    /// The tenth of areas that the wait depends on; the middle where it is not known.
    pub(super) decile: u8,
    /// The ethnic group that the wait depends on, recorded or not, by position in [`super::truth::GROUPS`].
    true_group: usize,
    /// Position in [`super::truth::QUINTILES`].
    pub(super) quintile: usize,
}

/// What the extract says of somebody's ethnic category.
#[derive(Clone, Copy)]
pub(super) enum Ethnicity {
    /// By position in [`ETHNIC_CODES`], perhaps with a local second character.
    Known(usize, Option<char>),
    /// `Z`.
    NotStated,
    /// `99`.
    NotKnown,
    /// Nothing.
    Blank,
}

impl Ethnicity {
    /// Position in [`super::truth::GROUPS`].
    pub(super) fn group(self) -> usize {
        match self {
            Self::Known(code, _) => group_of(code),
            Self::NotStated => 5,
            Self::NotKnown | Self::Blank => 6,
        }
    }
}

/// Position in [`super::truth::GROUPS`] of a position in [`ETHNIC_CODES`].
fn group_of(code: usize) -> usize {
    match ETHNIC_CODES.get(code) {
        Some('A'..='C') => 0,
        Some('D'..='G') => 1,
        Some('H'..='L') => 2,
        Some('M'..='P') => 3,
        _ => 4,
    }
}

const UNKNOWN_QUINTILE: usize = 5;
const OUTSIDE_ENGLAND: usize = 6;

/// Out of a million rows: no area on record, one that matches nothing, one in Wales.
const BLANK: u64 = 13_000;
const UNMATCHED: u64 = 7_000;
const WALES: u64 = 10_000;
/// The neighbouring board's patients, in hundredths of what its size would bring.
const NEIGHBOUR_PERCENT: u64 = 25;
/// What trusts write for a board outside England.
const NO_ICB: &str = "X98";

/// Ages from and to (in years), with weights for acute, community and independent partners.
const AGES: [(u64, u64, [u64; 3]); 6] = [
    (0, 18, [11, 35, 1]),
    (18, 25, [6, 5, 4]),
    (25, 45, [24, 20, 25]),
    (45, 65, [30, 20, 38]),
    (65, 85, [26, 16, 30]),
    (85, 101, [3, 4, 2]),
];

/// More to wait over 52 weeks than White people of the same area, in hundredths, by ethnic group.
const LONG_WAIT_PERCENT: [u64; 5] = [100, 108, 115, 120, 110];

/// Draws the people of a partner and their waits.
pub(super) struct Population {
    areas: Weights,
    area_of: Vec<(u8, &'static str)>,
    /// By decile.
    ethnic: Vec<Weights>,
    ages: Weights,
    sexes: Weights,
    /// Weeks 0 to 52, by decile.
    short: Vec<Weights>,
    /// Weeks 53 to 110.
    long: Weights,
    unknown: [u64; 3],
    local_codes: u64,
    long_percent: u64,
}

const SEXES: [&str; 4] = ["1", "2", "9", "X"];

impl Population {
    pub(super) fn new(profile: &PartnerProfile, geography: &Geography) -> Self {
        let areas = geography.areas().iter().map(|area| {
            let tilt = i64::from(profile.deprivation_skew) * (11 - 2 * i64::from(area.decile));
            let weight = u64::try_from(900 + tilt).unwrap_or_default();
            area.residents * weight * if area.home { 100 } else { NEIGHBOUR_PERCENT }
        });
        let ethnic = (1..=10_u64).map(|decile| {
            // Minority groups live in the more deprived areas more often: 140 % to 68 % of the mix.
            let factor = |code: usize| if code == 0 { 100 } else { 60 + 8 * (11 - decile) };
            let mix = profile.ethnic_mix.iter().enumerate();
            Weights::new(mix.map(|(code, weight)| u64::from(*weight) * factor(code)))
        });
        let (column, pace, long_percent) = match profile.kind {
            Kind::Acute => (0, 961, 100),
            Kind::Community => (1, 956, 80),
            Kind::Independent => (2, 953, 60),
        };
        let unknown =
            [profile.unknown.not_stated, profile.unknown.not_known, profile.unknown.blank];
        Self {
            areas: Weights::new(areas),
            area_of: geography.areas().iter().map(|a| (a.decile, a.icb())).collect(),
            ethnic: ethnic.collect(),
            ages: Weights::new(AGES.iter().map(|(_, _, weights)| weights[column])),
            sexes: Weights::new([4_600, 5_300, 30, 70]),
            short: (1..=10).map(|decile| falling(53, pace - decile)).collect(),
            long: falling(58, 900),
            unknown: unknown.map(|parts| u64::from(parts) * 100),
            local_codes: u64::from(profile.local_codes) * 100,
            long_percent,
        }
    }

    /// The next person.
    pub(super) fn person(&self, number: u64, draw: &mut Draw) -> Person {
        let (residence, icb, decile, quintile) = self.residence(draw);
        let code = self.ethnic[usize::from(decile) - 1].pick(draw);
        let (from, to, _) = AGES[self.ages.pick(draw)];
        // Leap days make a year a quarter of a day longer.
        let age_days = (from * 1_461).div_ceil(4) + draw.below((to - from) * 365);
        Person {
            number,
            residence,
            icb,
            ethnicity: self.recorded(code, draw),
            sex: SEXES[self.sexes.pick(draw)],
            age_days,
            decile,
            true_group: group_of(code),
            quintile,
        }
    }

    fn residence(&self, draw: &mut Draw) -> (Residence, &'static str, u8, usize) {
        let at = draw.below(1_000_000);
        let on_record = |draw: &mut Draw| match draw.below(100) {
            0..90 => HOME_ICB,
            90..98 => NEIGHBOUR_ICB,
            _ => "",
        };
        if at < BLANK {
            return (Residence::Blank, on_record(draw), 5, UNKNOWN_QUINTILE);
        }
        if at < BLANK + UNMATCHED {
            let code = Residence::Unmatched(draw.below(1_000));
            return (code, on_record(draw), 5, UNKNOWN_QUINTILE);
        }
        if at < BLANK + UNMATCHED + WALES {
            // Some who live across the border are registered with a practice on this side.
            let icb = if draw.below(4) == 0 { HOME_ICB } else { NO_ICB };
            return (Residence::Wales(draw.below(1_900)), icb, 5, OUTSIDE_ENGLAND);
        }
        let area = self.areas.pick(draw);
        let (decile, icb) = self.area_of[area];
        (Residence::Area(area), icb, decile, usize::from(decile - 1) / 2)
    }

    fn recorded(&self, code: usize, draw: &mut Draw) -> Ethnicity {
        let [not_stated, not_known, blank] = self.unknown;
        let at = draw.below(1_000_000);
        if at < not_stated {
            Ethnicity::NotStated
        } else if at < not_stated + not_known {
            Ethnicity::NotKnown
        } else if at < not_stated + not_known + blank {
            Ethnicity::Blank
        } else {
            let local =
                draw.chance(self.local_codes).then(|| ['1', '2', '3'][draw.below(3) as usize]);
            Ethnicity::Known(code, local)
        }
    }

    /// Days that one of a person's pathways has waited; never longer than the person has lived.
    ///
    /// Over 52 weeks wait 6 % in the most deprived tenth of areas, falling evenly to 2 % in the least
    /// deprived, times the factors of the ethnic group and the kind of partner.
    pub(super) fn wait(&self, person: &Person, draw: &mut Draw) -> u64 {
        let decile = u64::from(person.decile);
        let base = (540_000 - 40_000 * (decile - 1)) / 9;
        let group = LONG_WAIT_PERCENT.get(person.true_group).copied().unwrap_or(100);
        let weeks = if draw.chance(base * group * self.long_percent / 10_000) {
            53 + self.long.pick(draw)
        } else {
            self.short[usize::from(person.decile) - 1].pick(draw)
        };
        (weeks as u64 * 7).saturating_sub(draw.below(7)).min(person.age_days)
    }
}

/// Weights that fall by a constant factor, in thousandths.
fn falling(count: usize, factor: u64) -> Weights {
    let next = |weight: &u64| Some(weight * factor / 1_000);
    Weights::new(std::iter::successors(Some(1_000_000_000), next).take(count))
}
