//! A partner's extract of outpatient appointments, as its own system would write it.

use std::io::{self, Write};

use evensum_core::model::Period;

use super::draw::{Draw, Weights};
use super::geography::{Geography, HOME_ICB};
use super::people::{Functions, People, Writer, Written, days_before_the_end, mapping, write_rows};
use super::profile::PartnerProfile;
use super::truth::{AppointmentCounts, Counting, Truth};

/// Out of a million rows: those whose outcome is not known.
const NOT_KNOWN: u64 = 4_000;
/// Out of a million people: those with several appointments in a month, and those with a course of them.
const SEVERAL: u64 = 220_000;
const COURSE: u64 = 6_000;

/// Extracts of the dataset `outpatient_appointment`.
#[derive(Debug)]
pub struct OutpatientExtract;

impl OutpatientExtract {
    /// The dataset.
    pub const DATASET: &'static str = "outpatient_appointment";

    /// The columns of an extract.
    pub const HEADER: [&'static str; 10] = [
        "PATIENT_ID",
        "APPTDATE",
        "ATTENDED",
        "DATE_OF_BIRTH",
        "LSOA",
        "ETHNOS",
        "SEX",
        "TRETSPEF",
        "PROCODE3",
        "ICB_RESIDENCE",
    ];

    /// The mapping that reads a partner's extract.
    #[must_use]
    pub fn mapping(profile: &PartnerProfile) -> String {
        let columns = [
            ("person", "PATIENT_ID"),
            ("appointment_date", "APPTDATE"),
            ("attendance", "ATTENDED"),
            ("birth_date", "DATE_OF_BIRTH"),
            ("lsoa", "LSOA"),
            ("ethnic_category", "ETHNOS"),
            ("sex", "SEX"),
            ("treatment_function", "TRETSPEF"),
            ("provider", "PROCODE3"),
            ("icb_residence", "ICB_RESIDENCE"),
        ];
        mapping(Self::DATASET, &[profile.dates.pattern()], &columns)
    }

    /// Writes the extract of a partner for a month as CSV with the columns [`Self::HEADER`], and returns
    /// the counts that it planted of people who live in the home board. Some rows are of other months or
    /// have no known outcome: an intake leaves them out, and so do the counts. `progress` hears how many
    /// rows are written, every so often and at the end.
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
    ) -> io::Result<Truth<AppointmentCounts>> {
        let mut draw = Draw::new(seed, &format!("outpatient {} {period}", profile.ods));
        let last_day = period.last_day().civil();
        let mut people =
            People::new("outpatient", profile, geography, last_day, seed, appointments);
        let scribe = Writer::new(profile, geography, last_day);
        let functions = Functions::new(profile.kind);
        let outcomes: Vec<Weights> = (1..=10).map(outcomes).collect();
        let mut counting = Counting::default();
        write_rows(writer, Self::HEADER, profile.rows, progress, |left| {
            let person = people.next(left, &mut draw);
            let (days, inside) = days_before_the_end(&person, period, &mut draw);
            let code = if draw.chance(NOT_KNOWN) {
                ["9", "0"][usize::from(draw.below(4) == 0)]
            } else {
                CODES[outcomes[usize::from(person.decile) - 1].pick(&mut draw)]
            };
            let Written { id, born, lsoa, ethnicity, sex, provider, icb } = scribe.person(&person);
            let (date, function) = (scribe.date_before(days), functions.of(&person, &mut draw));
            if inside && person.icb == HOME_ICB {
                counting.record(person.quintile, person.ethnicity.group(), counts(code));
            }
            let (code, function) = (code.to_owned(), function.to_owned());
            [id, date, code, born, lsoa, ethnicity, sex, function, provider, icb]
        })?;
        counting.finish().map_err(io::Error::other)
    }
}

/// How many appointments somebody has in the month besides the first.
fn appointments(draw: &mut Draw) -> u64 {
    match draw.below(1_000_000) {
        0..COURSE => 8 + draw.below(16),
        COURSE..SEVERAL => 1 + draw.below(3),
        _ => 0,
    }
}

/// Attended, late but seen, did not attend, late and not seen, cancelled by the patient, by the provider.
const CODES: [&str; 6] = ["5", "6", "3", "7", "2", "4"];

/// Out of a thousand appointments of people of a tenth of areas: 12 % are not attended in the most deprived
/// tenth, falling evenly to 3 % in the least deprived, and 6 % to 9 % are cancelled by the patient.
fn outcomes(decile: u64) -> Weights {
    let dna = 130 - 10 * decile;
    let (late, by_patient, by_provider) = (dna / 10, 57 + 3 * decile, 60);
    let attended = 1_000 - dna - by_patient - by_provider;
    Weights::new([attended - 30, 30, dna - late, late, by_patient, by_provider])
}

fn counts(code: &str) -> AppointmentCounts {
    let is = |codes: &[&str]| u64::from(codes.contains(&code));
    let (attended, dna) = (is(&["5", "6"]), is(&["3", "7"]));
    let (cancelled_by_patient, cancelled_by_provider) = (is(&["2"]), is(&["4"]));
    AppointmentCounts {
        all: attended + dna + cancelled_by_patient + cancelled_by_provider,
        expected: attended + dna,
        attended,
        dna,
        cancelled_by_patient,
        cancelled_by_provider,
    }
}
