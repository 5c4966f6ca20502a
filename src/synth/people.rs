//! The people of an extract in the order of its rows, and how a partner writes them down.

use std::io::{self, Write};

use evensum_core::model::Period;
use time::{Date, Duration};

use super::draw::{Draw, Weights};
use super::geography::Geography;
use super::person::{Ethnicity, Person, Population, Residence};
use super::profile::{DateStyle, ETHNIC_CODES, Kind, MAX_ROWS, PartnerProfile};

/// Rows that are still to be written of people who were met before: so far apart are a person's rows.
const WAITING: usize = 200;

/// Rows between two reports of progress.
const PROGRESS_ROWS: u32 = 10_000;
/// Out of a million rows of a month's extract: those of the month before.
const OTHER_MONTH: u64 = 40_000;

/// The day that ages are drawn for.
const AGES_ON: Date = time::macros::date!(2026 - 10 - 31);

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

/// The people of a partner's extracts of one dataset, who are the same in every month: they are drawn by
/// themselves, from a stream that knows no month. Those with several rows come again later, among others, as
/// they do in a real extract.
pub(super) struct People {
    pub(super) population: Population,
    draw: Draw,
    /// Days between the day that ages are drawn for and the extract's last day.
    older: i64,
    /// The patient number of the next; they run through all that there are in steps of `step`.
    number: u64,
    step: u64,
    again: Vec<Person>,
    /// How many rows somebody has besides the first.
    more: fn(&mut Draw) -> u64,
}

impl People {
    /// `purpose` and the partner name the stream of `seed` that the people are drawn from.
    pub(super) fn new(
        purpose: &str,
        profile: &PartnerProfile,
        geography: &Geography,
        last_day: Date,
        seed: u64,
        more: fn(&mut Draw) -> u64,
    ) -> Self {
        let population = Population::new(profile, geography);
        let mut draw = Draw::new(seed, &format!("{purpose} people {}", profile.ods));
        let number = draw.below(u64::from(MAX_ROWS));
        // Ends in 3, so that it shares no factor with the power of ten and no number comes twice.
        let step = 10 * draw.below(u64::from(MAX_ROWS) / 10) + 3;
        let older = (last_day - AGES_ON).whole_days();
        Self { population, draw, older, number, step, again: Vec::new(), more }
    }

    pub(super) fn next(&mut self, rows_left: u32, draw: &mut Draw) -> Person {
        let waiting = self.again.len();
        if waiting > WAITING || waiting as u64 >= u64::from(rows_left) {
            let which = usize::try_from(draw.below(waiting as u64)).unwrap_or_default();
            return self.again.swap_remove(which);
        }
        let mut person = self.population.person(self.number, &mut self.draw);
        // In a month before the birth the person stands there as a newborn, so that nobody else changes.
        person.age_days = person.age_days.saturating_add_signed(self.older);
        self.number = (self.number + self.step) % u64::from(MAX_ROWS);
        for _ in 0..(self.more)(draw) {
            self.again.push(person);
        }
        person
    }
}

/// The fields of a person.
pub(super) struct Written {
    pub(super) id: String,
    pub(super) born: String,
    pub(super) lsoa: String,
    pub(super) ethnicity: String,
    pub(super) sex: String,
    pub(super) provider: String,
    pub(super) icb: String,
}

/// Writes people down in a partner's manner.
pub(super) struct Writer<'a> {
    profile: &'a PartnerProfile,
    geography: &'a Geography,
    /// The day that ages and waits are counted back from.
    last_day: Date,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        profile: &'a PartnerProfile,
        geography: &'a Geography,
        last_day: Date,
    ) -> Self {
        Self { profile, geography, last_day }
    }

    pub(super) fn person(&self, person: &Person) -> Written {
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
        Written {
            id: format!("999{:07}", person.number),
            born: self.date_before(person.age_days),
            lsoa,
            ethnicity,
            sex: person.sex.to_owned(),
            provider: self.profile.ods.to_string(),
            icb: person.icb.to_owned(),
        }
    }

    /// The date so many days before the last day.
    pub(super) fn date_before(&self, days: u64) -> String {
        let back = Duration::days(i64::try_from(days).unwrap_or_default());
        self.date(self.last_day.saturating_sub(back))
    }

    /// A date in the partner's style.
    pub(super) fn date(&self, date: Date) -> String {
        let (year, month, day) = date.to_calendar_date();
        let month = u8::from(month);
        match self.profile.dates {
            DateStyle::Iso => format!("{year:04}-{month:02}-{day:02}"),
            DateStyle::DayFirst => format!("{day:02}/{month:02}/{year:04}"),
        }
    }
}

/// The treatment functions of a kind of partner.
pub(super) struct Functions {
    kind: Kind,
    functions: &'static [(&'static str, u64)],
    weights: Weights,
    child_weights: Weights,
}

impl Functions {
    pub(super) fn new(kind: Kind) -> Self {
        let functions: &[(&str, u64)] = match kind {
            Kind::Acute => &ACUTE_FUNCTIONS,
            Kind::Community => &COMMUNITY_FUNCTIONS,
            Kind::Independent => &INDEPENDENT_FUNCTIONS,
        };
        Self {
            kind,
            functions,
            weights: Weights::new(functions.iter().map(|(_, weight)| *weight)),
            child_weights: Weights::new(CHILD_FUNCTIONS.iter().map(|(_, weight)| *weight)),
        }
    }

    /// The treatment function of one of a person's rows.
    pub(super) fn of(&self, person: &Person, draw: &mut Draw) -> &'static str {
        let years = person.age_days / 366;
        if years < 17 && self.kind != Kind::Independent {
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

/// Writes an extract as CSV: a header, and so many rows, each of which is asked for with how many are left, itself
/// included. `progress` hears how many rows are written, every so often and at the end.
pub(super) fn write_rows<const N: usize>(
    writer: impl Write,
    header: [&str; N],
    rows: u32,
    mut progress: impl FnMut(u64),
    mut row: impl FnMut(u32) -> [String; N],
) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(writer);
    csv.write_record(header)?;
    for written in 0..rows {
        csv.write_record(row(rows - written).iter().map(String::as_str))?;
        if written > 0 && written % PROGRESS_ROWS == 0 {
            progress(u64::from(written));
        }
    }
    csv.flush()?;
    progress(u64::from(rows));
    Ok(())
}

/// How many days before the month's end one of a person's rows is dated, and whether that is in the month.
/// Never before the person was born.
pub(super) fn days_before_the_end(person: &Person, period: Period, draw: &mut Draw) -> (u64, bool) {
    let length = period.last_day().days_since(period.first_day()) + 1;
    let length = u64::try_from(length).unwrap_or_default();
    let days = draw.below(length) + if draw.chance(OTHER_MONTH) { length } else { 0 };
    let days = days.min(person.age_days);
    (days, days < length)
}

/// The mapping that reads an extract with these columns of the dataset and the fields that they are in.
pub(super) fn mapping(dataset: &str, dates: &[&str], columns: &[(&str, &str)]) -> String {
    let quoted: Vec<String> = dates.iter().map(|date| format!("\"{date}\"")).collect();
    let columns: String =
        columns.iter().map(|(column, field)| format!("{column} = \"{field}\"\n")).collect();
    format!(
        "dataset = \"{dataset}\"\n\n[source]\nencoding = \"utf-8\"\ndelimiter = \",\"\nheader = true\ndate = [{}]\n\
         imd_edition = \"2025\"\n\n[columns]\n{columns}",
        quoted.join(", ")
    )
}
