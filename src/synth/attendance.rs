//! A partner's extract of emergency care attendances, as its own system would write it.

use std::io::{self, Write};

use evensum_core::model::Period;
use time::{Date, Duration};

use super::draw::{Draw, Weights};
use super::geography::{Geography, HOME_ICB};
use super::people::{People, Writer, Written, days_before_the_end, mapping, write_rows};
use super::person::Person;
use super::profile::PartnerProfile;
use super::truth::{AttendanceCounts, Counting, Truth};

/// Out of a million people: those who come several times a month, and those who come very often.
const SEVERAL: u64 = 90_000;
const FREQUENT: u64 = 1_500;

/// Extracts of the dataset `ae_attendance`.
#[derive(Debug)]
pub struct AttendanceExtract;

impl AttendanceExtract {
    /// The dataset.
    pub const DATASET: &'static str = "ae_attendance";

    /// The columns of an extract.
    pub const HEADER: [&'static str; 11] = [
        "PATIENT_ID",
        "ARRIVAL_DATE_TIME",
        "DEPARTURE_DATE_TIME",
        "DISCHARGE_STATUS",
        "DEPARTMENT_TYPE",
        "DATE_OF_BIRTH",
        "LSOA",
        "ETHNIC_CATEGORY",
        "SEX",
        "PROVIDER_CODE",
        "ICB_RESIDENCE",
    ];

    /// The mapping that reads a partner's extract.
    #[must_use]
    pub fn mapping(profile: &PartnerProfile) -> String {
        let day = profile.dates.pattern();
        let columns = [
            ("person", "PATIENT_ID"),
            ("arrival", "ARRIVAL_DATE_TIME"),
            ("departure", "DEPARTURE_DATE_TIME"),
            ("left_before_treatment", "DISCHARGE_STATUS"),
            ("department", "DEPARTMENT_TYPE"),
            ("birth_date", "DATE_OF_BIRTH"),
            ("lsoa", "LSOA"),
            ("ethnic_category", "ETHNIC_CATEGORY"),
            ("sex", "SEX"),
            ("provider", "PROVIDER_CODE"),
            ("icb_residence", "ICB_RESIDENCE"),
        ];
        let statuses: String = LEFT
            .iter()
            .map(|code| format!("{code} = \"yes\"\n"))
            .chain(STAYED.iter().map(|code| format!("{code} = \"no\"\n")))
            .collect();
        let read = mapping(Self::DATASET, &[&format!("{day} %H:%M"), day], &columns);
        format!("{read}\n[codes.left_before_treatment]\n{statuses}")
    }

    /// Writes the extract of a partner for a month as CSV with the columns [`Self::HEADER`], and returns
    /// the counts that it planted of people who live in the home board. Some rows are of the month before:
    /// an intake leaves them out, and so do the counts. `progress` hears how many rows are written, every
    /// so often and at the end.
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
    ) -> io::Result<Truth<AttendanceCounts>> {
        let mut draw = Draw::new(seed, &format!("attendance {} {period}", profile.ods));
        let last_day = period.last_day().civil();
        let mut people = People::new("attendance", profile, geography, last_day, seed, attendances);
        let scribe = Writer::new(profile, geography, last_day);
        let departments = Weights::new(DEPARTMENTS.map(|(_, weight)| weight));
        let mut counting = Counting::default();
        write_rows(writer, Self::HEADER, profile.rows, progress, |left| {
            let person = people.next(left, &mut draw);
            let (days, inside) = days_before_the_end(&person, period, &mut draw);
            let (department, _) = DEPARTMENTS[departments.pick(&mut draw)];
            let stay = Stay::draw(&person, department, &mut draw);
            let arrival = Moment::new(last_day, days, draw.below(DAY));
            let departure = arrival.after(stay.minutes);
            let status = stay.status(&mut draw);
            let Written { id, born, lsoa, ethnicity, sex, provider, icb } = scribe.person(&person);
            let (arrival, departure) = (arrival.text(&scribe), departure.text(&scribe));
            if inside && person.icb == HOME_ICB {
                counting.record(person.quintile, person.ethnicity.group(), stay.counts());
            }
            let (status, department) = (status.to_owned(), department.to_owned());
            [id, arrival, departure, status, department, born, lsoa, ethnicity, sex, provider, icb]
        })?;
        counting.finish().map_err(io::Error::other)
    }
}

/// How many times somebody comes in the month besides the first.
fn attendances(draw: &mut Draw) -> u64 {
    match draw.below(1_000_000) {
        0..FREQUENT => 5 + draw.below(35),
        FREQUENT..SEVERAL => 1 + draw.below(2),
        _ => 0,
    }
}

/// Department types, with weights.
const DEPARTMENTS: [(&str, u64); 5] = [("01", 66), ("02", 3), ("03", 24), ("04", 4), ("05", 3)];
/// Discharge statuses (SNOMED CT) of those who left before treatment, and of the others.
const LEFT: [&str; 3] = ["1066301000000103", "1066311000000101", "1066321000000107"];
const STAYED: [&str; 2] = ["182992009", "1077021000000100"];
/// Minutes of a day.
const DAY: u64 = 24 * 60;

/// How long one attendance takes and how it ends.
struct Stay {
    minutes: u64,
    left: bool,
}

impl Stay {
    /// In a major department 42 % of people of the most deprived tenth of areas stay over 4 hours, falling
    /// evenly to 33 % in the least deprived, and a fifth of those over 12; elsewhere 6 % and hardly any. 7 %
    /// to 2.5 % leave before treatment.
    fn draw(person: &Person, department: &str, draw: &mut Draw) -> Self {
        let decile = u64::from(person.decile);
        let major = department == "01";
        let over4h = if major { 430_000 - 10_000 * decile } else { 60_000 };
        let over12h = if major { 200_000 } else { 10_000 };
        let minutes = match (draw.chance(over4h), draw.chance(over12h)) {
            (false, _) => 5 + draw.below(236),
            (true, false) => 241 + draw.below(480),
            (true, true) => 721 + draw.below(1_400),
        };
        Self { minutes, left: draw.chance(75_000 - 5_000 * decile) }
    }

    fn status(&self, draw: &mut Draw) -> &'static str {
        match self.left {
            true => LEFT[usize::try_from(draw.below(3)).unwrap_or_default()],
            false => STAYED[usize::from(draw.below(20) == 0)],
        }
    }

    fn counts(&self) -> AttendanceCounts {
        AttendanceCounts {
            all: 1,
            within4h: u64::from(self.minutes <= 4 * 60),
            over4h: u64::from(self.minutes > 4 * 60),
            over12h: u64::from(self.minutes > 12 * 60),
            left: u64::from(self.left),
        }
    }
}

/// A day and a minute of it.
struct Moment {
    day: Date,
    minute: u64,
}

impl Moment {
    fn new(last_day: Date, days_before: u64, minute: u64) -> Self {
        let back = Duration::days(i64::try_from(days_before).unwrap_or_default());
        Self { day: last_day.saturating_sub(back), minute }
    }

    fn after(&self, minutes: u64) -> Self {
        let minute = self.minute + minutes;
        let on = Duration::days(i64::try_from(minute / DAY).unwrap_or_default());
        Self { day: self.day.saturating_add(on), minute: minute % DAY }
    }

    fn text(&self, scribe: &Writer<'_>) -> String {
        format!("{} {:02}:{:02}", scribe.date(self.day), self.minute / 60, self.minute % 60)
    }
}
