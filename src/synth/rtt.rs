//! A partner's extract of waiting pathways, as its own system would write it.

use std::io::{self, Write};

use evensum_core::model::Period;
use time::{Date, Duration};

use super::draw::{Draw, Weights};
use super::geography::{Geography, HOME_ICB};
use super::person::{Ethnicity, Person, Population, Residence};
use super::profile::{DateStyle, ETHNIC_CODES, Kind, MAX_ROWS, PartnerProfile};
use super::truth::{Counting, Truth};

/// The columns of an extract.
pub const HEADER: [&str; 9] = [
    "PATIENT_ID",
    "REFERRAL_TO_TREATMENT_PERIOD_START_DATE",
    "DATE_OF_BIRTH",
    "LSOA",
    "ETHNIC_CATEGORY",
    "SEX",
    "ACTIVITY_TREATMENT_FUNCTION_CODE",
    "PROVIDER",
    "ICB_RESIDENCE",
];

/// Rows between two reports of progress.
const PROGRESS_ROWS: u32 = 10_000;
/// People whose second or third pathway is still to be written: so far apart are a person's rows.
const WAITING: usize = 200;
/// Out of a million people: those with a second pathway, and with a third.
const SECOND: u64 = 100_000;
const THIRD: u64 = 200_000;

const CHILD_FUNCTIONS: [(&str, u64); 6] =
    [("420", 30), ("120", 25), ("171", 15), ("130", 10), ("110", 10), ("214", 10)];
const ACUTE_FUNCTIONS: [(&str, u64); 20] = [
    ("110", 130),
    ("130", 95),
    ("100", 75),
    ("120", 80),
    ("502", 85),
    ("330", 75),
    ("301", 65),
    ("101", 65),
    ("320", 60),
    ("400", 35),
    ("340", 35),
    ("410", 30),
    ("140", 35),
    ("160", 15),
    ("107", 20),
    ("303", 15),
    ("430", 10),
    ("150", 8),
    ("170", 5),
    ("999", 2),
];
const COMMUNITY_FUNCTIONS: [(&str, u64); 6] =
    [("653", 30), ("650", 25), ("110", 20), ("430", 10), ("710", 10), ("655", 5)];
const INDEPENDENT_FUNCTIONS: [(&str, u64); 6] =
    [("110", 45), ("130", 25), ("502", 10), ("100", 10), ("101", 5), ("301", 5)];

/// Extracts of the dataset `rtt_open_pathway`.
#[derive(Debug)]
pub struct RttExtract;

impl RttExtract {
    /// Writes the extract of a partner for a period as CSV with the columns [`HEADER`], and returns the
    /// counts that it planted of people who live in the home board. `progress` hears how many rows are
    /// written, every so often and at the end.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_csv(
        writer: impl Write,
        profile: &PartnerProfile,
        geography: &Geography,
        period: Period,
        seed: u64,
        mut progress: impl FnMut(u64),
    ) -> io::Result<Truth> {
        let mut csv = csv::Writer::from_writer(writer);
        csv.write_record(HEADER)?;
        let mut draw = Draw::new(seed, &format!("rtt {} {period}", profile.ods));
        let mut people = People::new(profile, geography);
        let scribe = Scribe::new(profile, geography, period, &mut draw);
        let mut counting = Counting::default();
        for written in 0..profile.rows {
            let person = people.next(profile.rows - written, &mut draw);
            let days = people.population.wait(&person, &mut draw);
            csv.write_record(scribe.row(&person, days, &mut draw).iter().map(String::as_str))?;
            if person.icb == HOME_ICB {
                counting.record(person.quintile, person.ethnicity.group(), days);
            }
            if written > 0 && written % PROGRESS_ROWS == 0 {
                progress(u64::from(written));
            }
        }
        csv.flush()?;
        progress(u64::from(profile.rows));
        counting.finish().map_err(io::Error::other)
    }
}

/// The people of an extract in the order of its rows: those with several pathways come again later, among
/// others, as they do in a real one.
struct People {
    population: Population,
    invented: u64,
    again: Vec<Person>,
}

impl People {
    fn new(profile: &PartnerProfile, geography: &Geography) -> Self {
        Self { population: Population::new(profile, geography), invented: 0, again: Vec::new() }
    }

    fn next(&mut self, rows_left: u32, draw: &mut Draw) -> Person {
        let waiting = self.again.len();
        if waiting > WAITING || waiting as u64 >= u64::from(rows_left) {
            let which = usize::try_from(draw.below(waiting as u64)).unwrap_or_default();
            return self.again.swap_remove(which);
        }
        let person = self.population.person(self.invented, draw);
        self.invented += 1;
        if draw.chance(SECOND) {
            self.again.push(person);
            if draw.chance(THIRD) {
                self.again.push(person);
            }
        }
        person
    }
}

/// Writes people down in a partner's manner.
struct Scribe<'a> {
    profile: &'a PartnerProfile,
    geography: &'a Geography,
    census: Date,
    functions: &'static [(&'static str, u64)],
    weights: Weights,
    child_weights: Weights,
    /// Patient numbers run through all of theirs in steps of `step` from `first`.
    first: u64,
    step: u64,
}

impl<'a> Scribe<'a> {
    fn new(
        profile: &'a PartnerProfile,
        geography: &'a Geography,
        period: Period,
        draw: &mut Draw,
    ) -> Self {
        let functions: &[(&str, u64)] = match profile.kind {
            Kind::Acute => &ACUTE_FUNCTIONS,
            Kind::Community => &COMMUNITY_FUNCTIONS,
            Kind::Independent => &INDEPENDENT_FUNCTIONS,
        };
        Self {
            profile,
            geography,
            census: period.last_day().civil(),
            functions,
            weights: Weights::new(functions.iter().map(|(_, weight)| *weight)),
            child_weights: Weights::new(CHILD_FUNCTIONS.iter().map(|(_, weight)| *weight)),
            first: draw.below(u64::from(MAX_ROWS)),
            // Ends in 3, so that it shares no factor with the power of ten and no number comes twice.
            step: 10 * draw.below(u64::from(MAX_ROWS) / 10) + 3,
        }
    }

    fn row(&self, person: &Person, days: u64, draw: &mut Draw) -> [String; 9] {
        let id = (self.first + person.number * self.step) % u64::from(MAX_ROWS);
        let lsoa = match person.residence {
            Residence::Area(area) => self.geography.areas()[area].code.clone(),
            Residence::Unmatched(number) => format!("E01999{number:03}"),
            Residence::Wales(number) => format!("W01{:06}", number + 1),
            Residence::Blank => String::new(),
        };
        let ethnicity = match person.ethnicity {
            Ethnicity::Known(code, local) => {
                ETHNIC_CODES[code..=code].iter().chain(&local).collect()
            }
            Ethnicity::NotStated => "Z".to_owned(),
            Ethnicity::NotKnown => "99".to_owned(),
            Ethnicity::Blank => String::new(),
        };
        [
            format!("999{id:07}"),
            self.date(days),
            self.date(person.age_days),
            lsoa,
            ethnicity,
            person.sex.to_owned(),
            self.function(person, draw).to_owned(),
            self.profile.ods.to_string(),
            person.icb.to_owned(),
        ]
    }

    /// The date so many days before the census date.
    fn date(&self, days: u64) -> String {
        let back = Duration::days(i64::try_from(days).unwrap_or_default());
        let (year, month, day) = self.census.saturating_sub(back).to_calendar_date();
        let month = u8::from(month);
        match self.profile.dates {
            DateStyle::Iso => format!("{year:04}-{month:02}-{day:02}"),
            DateStyle::DayFirst => format!("{day:02}/{month:02}/{year:04}"),
        }
    }

    fn function(&self, person: &Person, draw: &mut Draw) -> &'static str {
        let years = person.age_days / 366;
        if years < 17 && self.profile.kind != Kind::Independent {
            return CHILD_FUNCTIONS[self.child_weights.pick(draw)].0;
        }
        match self.functions[self.weights.pick(draw)].0 {
            // Men are not on a gynaecology list, nor the young on that of elderly medicine.
            "502" if person.sex != "2" => "101",
            "430" if years < 65 => "300",
            function => function,
        }
    }
}
