//! What a row says happened, and when: its date, the band of its outcome and its measure. A row of which
//! this cannot be said is a reject.

use std::collections::HashMap;

use evensum_core::catalogue::{
    self, Dataset, DatedBy, FieldKind, FieldValue, OfCode, Outcome, Outside, Partition, RuleField,
};
use evensum_core::model::{CategoryId, ColumnId, Date, Period};

use super::dates::{Clock, Moment};
use super::derive::Rules;
use super::error::IntakeError;
use super::mapping::Mapping;
use super::months::Months;
use super::rejects::Rule;
use super::rows::Broken;

/// The longest stay that is believed, in minutes: fourteen days.
pub const MAX_MINUTES: u16 = 14 * 24 * 60;

pub(super) const CLOCK_START: &str = "clock_start";
pub(super) const WEEKS: &str = "weeks_waited";
pub(super) const DEPARTURE: &str = "departure";
pub(super) const MINUTES: &str = "minutes";
pub(super) const LEFT: &str = "left_before_treatment";
const ARRIVAL_TIME: &str = "arrival_time";
const DEPARTURE_TIME: &str = "departure_time";
const YES: &str = "yes";
const NO: &str = "no";

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
    names
}

/// The coded column among them, whose codes a mapping may translate.
pub(super) fn coded(dataset: &Dataset) -> Option<&str> {
    match &dataset.outcome.made_of {
        Partition::Weeks { .. } | Partition::Rules { .. } => None,
        Partition::Codes { .. } => Some(dataset.outcome.column.as_str()),
        Partition::Stay { .. } => Some(LEFT),
    }
}

/// Whether a mapping may translate a source code to this: a band or an official code, or yes and no.
pub(super) fn translatable(outcome: &Outcome, text: &str) -> bool {
    match &outcome.made_of {
        Partition::Weeks { .. } | Partition::Rules { .. } => false,
        Partition::Codes { .. } => meaning(outcome, text).is_some(),
        Partition::Stay { .. } => [YES, NO].contains(&text),
    }
}

/// A band by its id or by a code, also padded with noughts or written as a number (`5.0`).
fn meaning<'a>(outcome: &'a Outcome, text: &str) -> Option<OfCode<'a>> {
    let band = || outcome.bands().into_iter().find(|(id, _)| id.as_str() == text);
    let number = text.strip_suffix(".0").unwrap_or(text);
    let short = number.trim_start_matches('0');
    let short = if short.is_empty() { "0" } else { short };
    let padded = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    outcome
        .of_code(text)
        .or_else(|| if padded { outcome.of_code(short) } else { None })
        .or_else(|| band().map(|(id, _)| OfCode::Band(id)))
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

#[derive(Debug)]
enum OutcomeAt<'a> {
    ClockStart(usize),
    Weeks(usize),
    Code(usize),
    Departure { arrival: MomentAt<'a>, departure: MomentAt<'a>, left: usize },
    Minutes { minutes: usize, left: usize },
    Rules(Vec<(&'a RuleField, usize)>),
}

/// Where a file says what happened and when, and how it is read.
#[derive(Debug)]
pub(super) struct Events<'a> {
    outcome: &'a Outcome,
    period: Period,
    date: Option<At<'a>>,
    at: OutcomeAt<'a>,
    translations: Option<&'a HashMap<String, CategoryId>>,
}

/// What a row comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Happened {
    /// The date that the person's age is taken at.
    pub(super) on: Date,
    /// The band, by its place in the outcome.
    pub(super) band: u16,
    /// The measure, where the dataset keeps one.
    pub(super) measure: Option<u16>,
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
        let at = match &outcome.made_of {
            Partition::Weeks { .. } => match finder.needed(&[CLOCK_START, WEEKS])? {
                (CLOCK_START, field) => OutcomeAt::ClockStart(field),
                (_, field) => OutcomeAt::Weeks(field),
            },
            Partition::Codes { .. } => {
                OutcomeAt::Code(finder.needed(&[outcome.column.as_str()])?.1)
            }
            Partition::Stay { .. } => {
                // A stay begins at the date that the row is dated by.
                let date = date.ok_or_else(|| IntakeError::Unusable(outcome.column.to_string()))?;
                let arrival = MomentAt { date, time: finder.one_of(&[ARRIVAL_TIME])? };
                let end = finder.needed(&[DEPARTURE, MINUTES])?;
                let (_, left) = finder.needed(&[LEFT])?;
                if end.0 == DEPARTURE {
                    let time = finder.one_of(&[DEPARTURE_TIME])?;
                    let departure = MomentAt { date: end, time };
                    OutcomeAt::Departure { arrival, departure, left }
                } else {
                    OutcomeAt::Minutes { minutes: end.1, left }
                }
            }
            Partition::Rules { fields, .. } => {
                let at = |f: &'a RuleField| Ok((f, finder.needed(&[f.column.as_str()])?.1));
                OutcomeAt::Rules(fields.iter().map(at).collect::<Result<_, IntakeError>>()?)
            }
        };
        let translations = coded(dataset).and_then(|column| mapping.codes.get(column));
        Ok(Self { outcome, period, date, at, translations })
    }

    /// The measure that the dataset keeps of each row.
    pub(super) fn measure(&self) -> Option<&'a ColumnId> {
        self.outcome.made_of.measure()
    }

    /// Whether each row has a date of its own.
    pub(super) const fn dated_rows(&self) -> bool {
        self.date.is_some()
    }

    /// What happened. Rows of other periods are told apart before anything else is asked of them.
    pub(super) fn of<'r>(
        &self,
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
        let of = |column, rule| Broken { column, rule };
        let (band, measure) = match &self.at {
            OutcomeAt::ClockStart(at) => {
                let weeks = rules.weeks_since(field(*at)).map_err(|r| of(CLOCK_START, r))?;
                (self.outcome.band_of_weeks(u32::from(weeks)), Some(weeks))
            }
            OutcomeAt::Weeks(at) => {
                let weeks = rules.weeks_given(field(*at)).map_err(|r| of(WEEKS, r))?;
                (self.outcome.band_of_weeks(u32::from(weeks)), Some(weeks))
            }
            OutcomeAt::Code(at) => {
                let column = self.outcome.column.as_str();
                (Some(self.code(field(*at), rules).map_err(|r| of(column, r))?), None)
            }
            OutcomeAt::Departure { arrival, departure, left } => {
                let from = arrival.read(&field, rules)?;
                let minutes = departure.read(&field, rules)?.minutes_since(from);
                let minutes = believable(minutes).map_err(|r| of(DEPARTURE, r))?;
                let left = self.left(field(*left), rules).map_err(|r| of(LEFT, r))?;
                (self.outcome.band_of_stay(u32::from(minutes), left), Some(minutes))
            }
            OutcomeAt::Minutes { minutes, left } => {
                let minutes = rules.minutes_given(field(*minutes)).map_err(|r| of(MINUTES, r))?;
                let left = self.left(field(*left), rules).map_err(|r| of(LEFT, r))?;
                (self.outcome.band_of_stay(u32::from(minutes), left), Some(minutes))
            }
            OutcomeAt::Rules(fields) => (Some(self.ruled(fields, &field, rules)?), None),
        };
        // A partition has a band for everything; the catalogue's loader sees to it.
        let band = band.and_then(|band| self.place(band));
        let band = band.ok_or(Broken { column: "row", rule: Rule::NotACode })?;
        Ok(Happened { on, band, measure })
    }

    fn dated(&self, moment: Result<Moment, Rule>) -> Result<Date, Rule> {
        let date = moment?.date;
        let inside = self.period.first_day() <= date && date <= self.period.last_day();
        if inside { Ok(date) } else { Err(Rule::OutsidePeriod) }
    }

    fn place(&self, band: &CategoryId) -> Option<u16> {
        let at = self.outcome.bands().into_iter().position(|(id, _)| id == band)?;
        u16::try_from(at).ok()
    }

    fn translated(&self, text: &str) -> Option<&'a CategoryId> {
        self.translations.and_then(|t| t.get(&text.to_lowercase()))
    }

    fn code(&self, field: &[u8], rules: &Rules<'_>) -> Result<&'a CategoryId, Rule> {
        let text = String::from_utf8_lossy(field);
        let translated = self.translated(&text).map(CategoryId::as_str);
        if translated.is_none() && rules.is_null(field) {
            return Err(Rule::Blank);
        }
        match meaning(self.outcome, translated.unwrap_or(&text)) {
            Some(OfCode::Band(id)) => Ok(id),
            Some(OfCode::Outside(Outside::NotYet)) => Err(Rule::NotYet),
            Some(OfCode::Outside(Outside::NotKnown)) => Err(Rule::OutcomeNotKnown),
            Some(OfCode::Outside(Outside::NotCounted)) => Err(Rule::NotCounted),
            None => Err(Rule::NotACode),
        }
    }

    /// The band by the first rule that holds.
    fn ruled<'r>(
        &self,
        fields: &[(&'a RuleField, usize)],
        field: &impl Fn(usize) -> &'r [u8],
        rules: &Rules<'_>,
    ) -> Result<&'a CategoryId, Broken<'a>> {
        let read = fields.iter().map(|(of, at)| {
            let read = rule_field(of, field(*at), rules);
            Ok((&of.column, read.map_err(|rule| Broken { column: of.column.as_str(), rule })?))
        });
        let read: Vec<(&ColumnId, RuleText)> = read.collect::<Result<_, _>>()?;
        let value = |column: &ColumnId| {
            let found = read.iter().find(|(id, _)| *id == column);
            found.map_or(FieldValue::Blank, |(_, text)| text.value())
        };
        let why = match self.outcome.of_fields(&value) {
            Some(OfCode::Band(id)) => return Ok(id),
            Some(OfCode::Outside(Outside::NotYet)) => Rule::NotYet,
            Some(OfCode::Outside(Outside::NotKnown)) => Rule::OutcomeNotKnown,
            Some(OfCode::Outside(Outside::NotCounted)) => Rule::NotCounted,
            None => Rule::NotACode,
        };
        Err(Broken { column: self.outcome.column.as_str(), rule: why })
    }

    /// Whether somebody left before treatment. With a translation the mapping's codes are the only ones.
    fn left(&self, field: &[u8], rules: &Rules<'_>) -> Result<bool, Rule> {
        let text = String::from_utf8_lossy(field);
        if let Some(answer) = self.translated(&text) {
            return Ok(answer.as_str() == YES);
        }
        if rules.is_null(field) {
            return Err(Rule::Blank);
        }
        if self.translations.is_some() { None } else { yes_or_no(&text) }.ok_or(Rule::NotYesOrNo)
    }
}

fn yes_or_no(text: &str) -> Option<bool> {
    let is = |words: [&str; 5]| words.iter().any(|w| w.eq_ignore_ascii_case(text));
    if is(catalogue::YES) { Some(true) } else { is(catalogue::NO).then_some(false) }
}

/// A field that rules look at, as it was read.
enum RuleText {
    Blank,
    Word(&'static str),
    Code(String),
    Number(u32),
}

impl RuleText {
    fn value(&self) -> FieldValue<'_> {
        match self {
            Self::Blank => FieldValue::Blank,
            Self::Word(word) => FieldValue::Code(word),
            Self::Code(code) => FieldValue::Code(code),
            Self::Number(number) => FieldValue::Number(*number),
        }
    }
}

fn rule_field(of: &RuleField, field: &[u8], rules: &Rules<'_>) -> Result<RuleText, Rule> {
    if rules.is_null(field) {
        return if of.blank { Ok(RuleText::Blank) } else { Err(Rule::Blank) };
    }
    let text = String::from_utf8_lossy(field);
    match of.kind {
        FieldKind::Code => {
            Ok(RuleText::Code(text.chars().filter(|c| !c.is_whitespace() && *c != '.').collect()))
        }
        FieldKind::YesNo => {
            let answer = yes_or_no(&text).ok_or(Rule::NotYesOrNo)?;
            Ok(RuleText::Word(if answer { YES } else { NO }))
        }
        FieldKind::Number => rules.number_given(field).map(RuleText::Number),
    }
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
