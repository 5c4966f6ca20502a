//! A partner's extract of waiting pathways, as its own system would write it.

use std::io::{self, Write};

use evensum_core::model::Period;

use super::draw::Draw;
use super::geography::{Geography, HOME_ICB};
use super::people::{Functions, People, Writer, Written, mapping, write_rows};
use super::person::Person;
use super::profile::PartnerProfile;
use super::truth::{Counting, Counts, Truth};

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

/// Out of a million people: those with a second pathway, and with a third.
const SECOND: u64 = 100_000;
const THIRD: u64 = 200_000;

/// Extracts of the dataset `rtt_open_pathway`.
#[derive(Debug)]
pub struct RttExtract;

impl RttExtract {
    /// The dataset.
    pub const DATASET: &'static str = "rtt_open_pathway";

    /// The mapping that reads a partner's extract.
    #[must_use]
    pub fn mapping(profile: &PartnerProfile) -> String {
        let columns = [
            ("person", "PATIENT_ID"),
            ("clock_start", "REFERRAL_TO_TREATMENT_PERIOD_START_DATE"),
            ("birth_date", "DATE_OF_BIRTH"),
            ("lsoa", "LSOA"),
            ("ethnic_category", "ETHNIC_CATEGORY"),
            ("sex", "SEX"),
            ("treatment_function", "ACTIVITY_TREATMENT_FUNCTION_CODE"),
            ("provider", "PROVIDER"),
            ("icb_residence", "ICB_RESIDENCE"),
        ];
        mapping(Self::DATASET, &[profile.dates.pattern()], &columns)
    }

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
        progress: impl FnMut(u64),
    ) -> io::Result<Truth> {
        let mut draw = Draw::new(seed, &format!("rtt {} {period}", profile.ods));
        let last_day = period.last_day().civil();
        let mut people = People::new("rtt", profile, geography, last_day, seed, pathways);
        let functions = Functions::new(profile.kind);
        let scribe = Scribe { writer: Writer::new(profile, geography, last_day), functions };
        let mut counting = Counting::default();
        write_rows(writer, HEADER, profile.rows, progress, |left| {
            let person = people.next(left, &mut draw);
            let days = people.population.wait(&person, &mut draw);
            if person.icb == HOME_ICB {
                let counts = Counts::of_wait(days);
                counting.record(person.quintile, person.ethnicity.group(), counts);
            }
            scribe.row(&person, days, &mut draw)
        })?;
        counting.finish().map_err(io::Error::other)
    }
}

/// How many pathways somebody has besides the first.
fn pathways(draw: &mut Draw) -> u64 {
    if draw.chance(SECOND) { 1 + u64::from(draw.chance(THIRD)) } else { 0 }
}

/// Writes people down in a partner's manner.
struct Scribe<'a> {
    writer: Writer<'a>,
    functions: Functions,
}

impl Scribe<'_> {
    fn row(&self, person: &Person, days: u64, draw: &mut Draw) -> [String; 9] {
        let Written { id, born, lsoa, ethnicity, sex, provider, icb } = self.writer.person(person);
        let start = self.writer.date_before(days);
        let function = self.functions.of(person, draw).to_owned();
        [id, start, born, lsoa, ethnicity, sex, function, provider, icb]
    }
}
