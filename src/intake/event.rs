//! What a row says happened, and when: its date, the band of its outcome and its measure. A row of which
//! this cannot be said is a reject.

use std::collections::HashMap;

use evensum_core::catalogue::{self, Dataset, DatedBy, MeasureColumn, OfCode, Outcome, Partition};
use evensum_core::model::{CategoryId, ColumnId, Date, Period};

use super::dates::{Clock, Moment};
use super::derive::Rules;
use super::error::IntakeError;
use super::mapping::Mapping;
use super::months::Months;
use super::rejects::Rule;
use super::remembered::Remembered;
use super::rows::Broken;
use super::ruled::{self, Ruled};
use super::spelling::{number, same_number};
use crate::snapshot::MAX_MEASURES;

/// The longest stay that is believed, in minutes: fourteen days.
pub const MAX_MINUTES: u16 = 14 * 24 * 60;

pub(super) const CLOCK_START: &str = "clock_start";
pub(super) const WEEKS: &str = "weeks_waited";
pub(super) const DEPARTURE: &str = "departure";
pub(super) const MINUTES: &str = "minutes";
pub(super) const LEFT: &str = "left_before_treatment";
pub(super) const ARRIVAL_TIME: &str = "arrival_time";
pub(super) const DEPARTURE_TIME: &str = "departure_time";
pub(super) const YES: &str = "yes";
pub(super) const NO: &str = "no";

/// Different codes of an outcome whose meaning is remembered, and the longest of them in bytes.
const MAX_REMEMBERED: usize = 1 << 12;
const MAX_REMEMBERED_BYTES: usize = 64;

/// The columns of an extract that a dataset's date and outcome are made from.
pub(super) fn columns(dataset: &Dataset) -> Vec<&str> {
    let mut names = Vec::new();
    if let DatedBy::Event(column) = &dataset.dated_by {
        names.push(column.as_str());
    }
    match &dataset.outcome.made_of {
        Partition::Weeks { .. } => names.extend([CLOCK_START, WEEKS]),
        Partition::Codes { .. } => names.push(dataset.outcome.column.as_str()),
        Partition::Stay { .. } => {
            names.extend([ARRIVAL_TIME, DEPARTURE, DEPARTURE_TIME, MINUTES, LEFT]);
        }
        Partition::Rules { fields, .. } => names.extend(fields.iter().map(|f| f.column.as_str())),
    }
    let measures = dataset.measures.iter().map(|m| m.id.as_str());
    names.extend(measures.filter(|m| !names.contains(m)).collect::<Vec<_>>());
    names
}

/// The coded columns among them, whose codes a mapping may translate.
pub(super) fn coded(dataset: &Dataset) -> Vec<&str> {
    match &dataset.outcome.made_of {
        Partition::Weeks { .. } => Vec::new(),
        Partition::Codes { .. } => vec![dataset.outcome.column.as_str()],
        Partition::Stay { .. } => vec![LEFT],
        Partition::Rules { .. } => ruled::coded(&dataset.outcome),
    }
}

/// What a mapping may translate a source code of a column to: a band or an official code, yes or no, a code that a
/// rule asks for. Otherwise what is wrong with it, to follow the text itself.
pub(super) fn translation(
    outcome: &Outcome,
    column: &str,
    text: &str,
) -> Result<CategoryId, String> {
    let lower = text.trim().to_lowercase();
    let id = || CategoryId::new(lower.as_str()).ok();
    let (allowed, otherwise) = match &outcome.made_of {
        Partition::Rules { .. } => return ruled::translation(outcome, column, text.trim()),
        Partition::Weeks { .. } => (false, "is no code".to_owned()),
        Partition::Codes { .. } => {
            let otherwise = format!("is neither a band nor a code of '{column}'");
            (meaning(outcome, &lower).is_some(), otherwise)
        }
        Partition::Stay { .. } => {
            ([YES, NO].contains(&lower.as_str()), "is neither yes nor no".to_owned())
        }
    };
    id().filter(|_| allowed).ok_or(otherwise)
}

/// A band by its id or by a code, also padded with noughts or written as a number (`5.0`).
fn meaning<'a>(outcome: &'a Outcome, text: &str) -> Option<OfCode<'a>> {
    let Partition::Codes { bands, outside } = &outcome.made_of else { return None };
    let codes = || bands.iter().flat_map(|b| &b.codes).chain(outside.iter().map(|o| &o.code));
    let same = || codes().find(|code| same_number(code, text));
    let band = || bands.iter().find(|b| b.id.as_str() == text);
    outcome
        .of_code(text)
        .or_else(|| outcome.of_code(same()?))
        .or_else(|| band().map(|b| OfCode::Band(&b.id)))
}

/// The place of a band in an outcome.
pub(super) fn place(outcome: &Outcome, band: &CategoryId) -> Option<u16> {
    let at = outcome.bands().into_iter().position(|(id, _)| id == band)?;
    u16::try_from(at).ok()
}

/// Finds the fields that hold columns: the one of several alternatives that a file has.
pub(super) trait Find {
    fn one_of<'c>(&self, columns: &[&'c str]) -> Result<Option<(&'c str, usize)>, IntakeError>;

    fn needed<'c>(&self, columns: &[&'c str]) -> Result<(&'c str, usize), IntakeError> {
        let names: Vec<String> = columns.iter().map(|c| format!("'{c}'")).collect();
        self.one_of(columns)?.ok_or_else(|| IntakeError::Unmapped(names.join(" or ")))
    }
}

/// A column and its field.
type At<'a> = (&'a str, usize);

/// A moment: a field with date and time, or one for each.
#[derive(Debug)]
struct MomentAt<'a> {
    date: At<'a>,
    time: Option<At<'a>>,
}

/// Codes of an outcome, whose meaning is found once.
struct Codes<'a> {
    outcome: &'a Outcome,
    at: usize,
    translations: Option<&'a HashMap<String, CategoryId>>,
    known: Remembered<Result<u16, Rule>>,
}

impl std::fmt::Debug for Codes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Codes(field {})", self.at)
    }
}

impl Codes<'_> {
    fn band(&mut self, field: &[u8], rules: &Rules<'_>) -> Result<u16, Rule> {
        if let Some(known) = self.known.get(field) {
            return known;
        }
        let decided = self.decided(field, rules);
        if field.len() <= MAX_REMEMBERED_BYTES && self.known.len() < MAX_REMEMBERED {
            self.known.insert(field, decided);
        }
        decided
    }

    fn decided(&self, field: &[u8], rules: &Rules<'_>) -> Result<u16, Rule> {
        let text = String::from_utf8_lossy(field);
        let translated = self.translations.and_then(|t| t.get(&text.to_lowercase()));
        if translated.is_none() && rules.is_null(field) {
            return Err(Rule::Blank);
        }
        match meaning(self.outcome, translated.map_or(&text, CategoryId::as_str)) {
            Some(OfCode::Band(id)) => place(self.outcome, id).ok_or(Rule::NotACode),
            Some(OfCode::Outside(why)) => Err(ruled::outside(why)),
            None => Err(Rule::NotACode),
        }
    }
}

/// Whether somebody left before treatment.
#[derive(Debug)]
struct Left<'a> {
    at: usize,
    translations: Option<&'a HashMap<String, CategoryId>>,
}

impl Left<'_> {
    /// With a translation the mapping's codes are the only ones.
    fn read(&self, field: &[u8], rules: &Rules<'_>) -> Result<bool, Rule> {
        let text = String::from_utf8_lossy(field);
        let Some(translations) = self.translations else {
            if rules.is_null(field) {
                return Err(Rule::Blank);
            }
            return yes_or_no(&text).ok_or(Rule::NotYesOrNo);
        };
        match translations.get(&text.to_lowercase()) {
            Some(answer) => Ok(answer.as_str() == YES),
            None if rules.is_null(field) => Err(Rule::Blank),
            None => Err(Rule::NotYesOrNo),
        }
    }
}

#[derive(Debug)]
enum OutcomeAt<'a> {
    ClockStart(usize),
    Weeks(usize),
    Code(Codes<'a>),
    Departure { arrival: MomentAt<'a>, departure: MomentAt<'a>, left: Left<'a> },
    Minutes { minutes: usize, left: Left<'a> },
    Rules(Ruled<'a>),
}

/// Where a file says what happened and when, and how it is read.
#[derive(Debug)]
pub(super) struct Events<'a> {
    outcome: &'a Outcome,
    /// Its bands, in order.
    bands: Vec<&'a CategoryId>,
    period: Period,
    date: Option<At<'a>>,
    at: OutcomeAt<'a>,
    /// The measures that the file has beside the outcome's own.
    measures: Vec<(&'a MeasureColumn, usize)>,
}

/// What a row comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Happened {
    /// The date that the person's age is taken at.
    pub(super) on: Date,
    /// The band, by its place in the outcome.
    pub(super) band: u16,
    /// The numbers of [`Events::measures`], in that order; what follows them means nothing.
    pub(super) measures: [u16; MAX_MEASURES],
}

impl<'a> Events<'a> {
    pub(super) fn new(
        dataset: &'a Dataset,
        mapping: &'a Mapping,
        finder: &impl Find,
        period: Period,
    ) -> Result<Self, IntakeError> {
        let outcome = &dataset.outcome;
        let date = match &dataset.dated_by {
            DatedBy::LastDay => None,
            DatedBy::Event(column) => Some(finder.needed(&[column.as_str()])?),
        };
        let at = outcome_at(dataset, mapping, finder, date)?;
        let mut measures = Vec::new();
        for measure in &dataset.measures {
            if let Some((_, field)) = finder.one_of(&[measure.id.as_str()])? {
                measures.push((measure, field));
            }
        }
        if measures.len() + usize::from(outcome.made_of.measure().is_some()) > MAX_MEASURES {
            return Err(IntakeError::TooManyMeasures);
        }
        let bands = outcome.bands().into_iter().map(|(id, _)| id).collect();
        Ok(Self { outcome, bands, period, date, at, measures })
    }

    /// The measures that are kept of each row: the outcome's own first.
    pub(super) fn measures(&self) -> Vec<&'a ColumnId> {
        let own = self.outcome.made_of.measure();
        own.into_iter().chain(self.measures.iter().map(|(m, _)| &m.id)).collect()
    }

    /// Whether each row has a date of its own.
    pub(super) const fn dated_rows(&self) -> bool {
        self.date.is_some()
    }

    /// What happened. Rows of other periods are told apart before anything else is asked of them.
    pub(super) fn of<'r>(
        &mut self,
        field: impl Fn(usize) -> &'r [u8],
        rules: &Rules<'_>,
        months: &mut Months,
    ) -> Result<Happened, Broken<'a>> {
        let on = match self.date {
            None => rules.census,
            Some((column, at)) => {
                let moment = rules.moment(field(at));
                if let Ok(moment) = &moment {
                    months.note(moment.date);
                }
                self.dated(moment).map_err(|rule| Broken { column, rule })?
            }
        };
        let (band, own) = self.banded(&field, rules)?;
        let mut measures = [0; MAX_MEASURES];
        if let Some(own) = own {
            measures[0] = own;
        }
        let others = measures.iter_mut().skip(usize::from(own.is_some()));
        for (place, (measure, at)) in others.zip(&self.measures) {
            let column = measure.id.as_str();
            let read = measured(field(*at), measure, rules);
            *place = read.map_err(|rule| Broken { column, rule })?;
        }
        Ok(Happened { on, band, measures })
    }

    /// The band by its place, and the outcome's own measure.
    fn banded<'r>(
        &mut self,
        field: &impl Fn(usize) -> &'r [u8],
        rules: &Rules<'_>,
    ) -> Result<(u16, Option<u16>), Broken<'a>> {
        let of = |column, rule| Broken { column, rule };
        let (band, measure) = match &mut self.at {
            OutcomeAt::ClockStart(at) => {
                let weeks = rules.weeks_since(field(*at)).map_err(|r| of(CLOCK_START, r))?;
                (self.outcome.band_of_weeks(u32::from(weeks)), weeks)
            }
            OutcomeAt::Weeks(at) => {
                let weeks = rules.weeks_given(field(*at)).map_err(|r| of(WEEKS, r))?;
                (self.outcome.band_of_weeks(u32::from(weeks)), weeks)
            }
            OutcomeAt::Departure { arrival, departure, left } => {
                let from = arrival.read(&field, rules)?;
                let minutes = departure.read(&field, rules)?.minutes_since(from);
                let minutes = believable(minutes).map_err(|r| of(DEPARTURE, r))?;
                let left = left.read(field(left.at), rules).map_err(|r| of(LEFT, r))?;
                (self.outcome.band_of_stay(u32::from(minutes), left), minutes)
            }
            OutcomeAt::Minutes { minutes, left } => {
                let minutes = rules.minutes_given(field(*minutes)).map_err(|r| of(MINUTES, r))?;
                let left = left.read(field(left.at), rules).map_err(|r| of(LEFT, r))?;
                (self.outcome.band_of_stay(u32::from(minutes), left), minutes)
            }
            OutcomeAt::Code(codes) => {
                let column = self.outcome.column.as_str();
                let band = codes.band(field(codes.at), rules).map_err(|r| of(column, r))?;
                return Ok((band, None));
            }
            OutcomeAt::Rules(ruled) => return Ok((ruled.band(field, rules)?, None)),
        };
        // A partition has a band for everything; the catalogue's loader sees to it.
        let place = band.and_then(|band| self.bands.iter().position(|id| *id == band));
        let place = place.and_then(|place| u16::try_from(place).ok());
        Ok((place.ok_or(of("row", Rule::NotACode))?, Some(measure)))
    }

    fn dated(&self, moment: Result<Moment, Rule>) -> Result<Date, Rule> {
        let date = moment?.date;
        let inside = self.period.first_day() <= date && date <= self.period.last_day();
        if inside { Ok(date) } else { Err(Rule::OutsidePeriod) }
    }
}

fn outcome_at<'a>(
    dataset: &'a Dataset,
    mapping: &'a Mapping,
    finder: &impl Find,
    date: Option<At<'a>>,
) -> Result<OutcomeAt<'a>, IntakeError> {
    let outcome = &dataset.outcome;
    Ok(match &outcome.made_of {
        Partition::Weeks { .. } => match finder.needed(&[CLOCK_START, WEEKS])? {
            (CLOCK_START, field) => OutcomeAt::ClockStart(field),
            (_, field) => OutcomeAt::Weeks(field),
        },
        Partition::Codes { .. } => {
            let column = outcome.column.as_str();
            let (_, at) = finder.needed(&[column])?;
            let translations = mapping.codes.get(column);
            OutcomeAt::Code(Codes { outcome, at, translations, known: Remembered::new() })
        }
        Partition::Stay { .. } => {
            // A stay begins at the date that the row is dated by.
            let date = date.ok_or_else(|| IntakeError::Unusable(outcome.column.to_string()))?;
            let arrival = MomentAt { date, time: finder.one_of(&[ARRIVAL_TIME])? };
            let end = finder.needed(&[DEPARTURE, MINUTES])?;
            let (_, at) = finder.needed(&[LEFT])?;
            let left = Left { at, translations: mapping.codes.get(LEFT) };
            if end.0 == DEPARTURE {
                let time = finder.one_of(&[DEPARTURE_TIME])?;
                let departure = MomentAt { date: end, time };
                OutcomeAt::Departure { arrival, departure, left }
            } else {
                OutcomeAt::Minutes { minutes: end.1, left }
            }
        }
        Partition::Rules { .. } => OutcomeAt::Rules(Ruled::new(outcome, mapping, finder)?),
    })
}

/// Yes or no in any of the usual spellings, also padded or as a number (`1.0`).
pub(super) fn yes_or_no(text: &str) -> Option<bool> {
    let text = number(text).unwrap_or(text);
    let is = |words: [&str; 5]| words.iter().any(|w| w.eq_ignore_ascii_case(text));
    if is(catalogue::YES) { Some(true) } else { is(catalogue::NO).then_some(false) }
}

/// A measure as the source has it; a part counts as a whole one more.
fn measured(field: &[u8], of: &MeasureColumn, rules: &Rules<'_>) -> Result<u16, Rule> {
    if rules.is_null(field) {
        return Err(Rule::NoMeasure);
    }
    let number = rules.number_given(field)?;
    let believed = u16::try_from(number).ok().filter(|n| *n <= of.most);
    believed.ok_or(Rule::MoreThan(of.most))
}

impl<'a> MomentAt<'a> {
    fn read<'r>(
        &self,
        field: &impl Fn(usize) -> &'r [u8],
        rules: &Rules<'_>,
    ) -> Result<Moment, Broken<'a>> {
        let (column, at) = self.date;
        let moment = rules.moment(field(at)).map_err(|rule| Broken { column, rule })?;
        let clock = match self.time {
            None => moment.clock.ok_or(Broken { column, rule: Rule::NoTime })?,
            Some((column, at)) => {
                let text = field(at);
                let rule = if rules.is_null(text) { Rule::Blank } else { Rule::NotATime };
                Clock::read(text).ok_or(Broken { column, rule })?
            }
        };
        Ok(Moment { clock: Some(clock), ..moment })
    }
}

fn believable(minutes: Option<i64>) -> Result<u16, Rule> {
    let minutes = minutes.ok_or(Rule::NoTime)?;
    let minutes = u64::try_from(minutes).map_err(|_| Rule::BeforeArrival)?;
    u16::try_from(minutes).ok().filter(|m| *m <= MAX_MINUTES).ok_or(Rule::StayTooLong)
}
