//! Dates and times as source systems write them: ISO, or one of the forms that a mapping declares.

use std::fmt;

use evensum_core::model::Date;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    Month,
    MonthName,
    Day,
    Hour,
    Minute,
    Second,
    Literal(u8),
}

/// One declared form, such as `%d/%m/%Y`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DateForm {
    parts: Vec<Part>,
}

/// Why a form is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FormError {
    Unknown,
    TwoDigitYear,
    Incomplete,
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => {
                "a date form is made of %Y %m %d %b %H %M %S and the signs between them"
            }
            Self::TwoDigitYear => {
                "years of two digits (%y) leave the century open: export dates with four"
            }
            Self::Incomplete => "a date form needs %Y, %m (or %b) and %d, each once",
        })
    }
}

const MONTHS: [&[u8]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

impl DateForm {
    pub(super) fn parse(form: &str) -> Result<Self, FormError> {
        let mut parts = Vec::new();
        let mut bytes = form.bytes();
        while let Some(byte) = bytes.next() {
            parts.push(match byte {
                b'%' => match bytes.next() {
                    Some(b'Y') => Part::Year,
                    Some(b'm') => Part::Month,
                    Some(b'b') => Part::MonthName,
                    Some(b'd') => Part::Day,
                    Some(b'H') => Part::Hour,
                    Some(b'M') => Part::Minute,
                    Some(b'S') => Part::Second,
                    Some(b'y') => return Err(FormError::TwoDigitYear),
                    _ => return Err(FormError::Unknown),
                },
                other => Part::Literal(other),
            });
        }
        let count = |wanted: &[Part]| parts.iter().filter(|p| wanted.contains(p)).count();
        let once = count(&[Part::Year]) == 1
            && count(&[Part::Month, Part::MonthName]) == 1
            && count(&[Part::Day]) == 1;
        if once { Ok(Self { parts }) } else { Err(FormError::Incomplete) }
    }

    /// Whether a text could be one date in this form and another date in the other.
    pub(super) fn contradicts(&self, other: &Self) -> bool {
        let order = |form: &Self| -> Vec<Part> {
            form.parts.iter().copied().filter(|p| !clock_part(*p) && !literal(*p)).collect()
        };
        let (mine, theirs) = (order(self), order(other));
        let year_first = |parts: &[Part]| parts.first() == Some(&Part::Year);
        !mine.contains(&Part::MonthName)
            && !theirs.contains(&Part::MonthName)
            && year_first(&mine) == year_first(&theirs)
            && mine != theirs
    }

    /// Whether a text is a date only with day and month in each other's place.
    pub(super) fn reads_exchanged(&self, text: &[u8]) -> bool {
        let exchanged = |part: &Part| match part {
            Part::Day => Part::Month,
            Part::Month => Part::Day,
            other => *other,
        };
        let named = self.parts.contains(&Part::MonthName);
        let form = Self { parts: self.parts.iter().map(exchanged).collect() };
        !named && self.read(text).is_none() && form.read(text).is_some()
    }

    /// Reads a whole text; a time of day may follow the date.
    pub(super) fn read(&self, text: &[u8]) -> Option<Moment> {
        let mut rest = text;
        let (mut year, mut month, mut day) = (0, 0, 0);
        let (mut hour, mut minute, mut second) = (None, None, None);
        for part in &self.parts {
            match part {
                Part::Year => year = number(&mut rest, 4, 4)?,
                Part::Month => month = number(&mut rest, 1, 2)?,
                Part::Day => day = number(&mut rest, 1, 2)?,
                Part::Hour => hour = Some(number(&mut rest, 1, 2)?),
                Part::Minute => minute = Some(number(&mut rest, 1, 2)?),
                Part::Second => second = Some(number(&mut rest, 1, 2)?),
                Part::MonthName => {
                    let name = rest.get(..3)?;
                    let at = MONTHS.iter().position(|m| name.eq_ignore_ascii_case(m))?;
                    month = u32::try_from(at).ok()? + 1;
                    rest = rest.get(3..)?;
                }
                Part::Literal(wanted) => {
                    let (first, tail) = rest.split_first()?;
                    (first == wanted).then_some(())?;
                    rest = tail;
                }
            }
        }
        let after = after_date(rest)?;
        let inside = hour.zip(minute).and_then(|(h, m)| Clock::new(h, m, second.unwrap_or(0)));
        Some(Moment { date: date(year, month, day)?, clock: inside.or(after) })
    }
}

/// A time of day as it is written, and how far it is ahead of universal time, where that is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    seconds: u32,
    /// In minutes.
    ahead: Option<u32>,
}

impl Clock {
    fn new(hour: u32, minute: u32, second: u32) -> Option<Self> {
        let real = hour < 24 && minute < 60 && second < 60;
        real.then_some(Self { seconds: hour * 3_600 + minute * 60 + second, ahead: None })
    }

    /// Reads `14:05`, `14:05:59.123`, either perhaps with `Z` or `+01:00`; a time that stands alone may
    /// also be written without colons, `1405` or `140559`, and have lost its first nought.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let digits = text.iter().all(u8::is_ascii_digit);
        if !digits {
            return Self::with_colons(text);
        }
        let pairs = |text: &[u8]| text.iter().fold(0, |n, b| n * 10 + u32::from(b - b'0'));
        match text.len() {
            3 | 4 => Self::new(pairs(text) / 100, pairs(text) % 100, 0),
            5 | 6 => Self::new(pairs(text) / 10_000, pairs(text) / 100 % 100, pairs(text) % 100),
            _ => None,
        }
    }

    fn with_colons(text: &[u8]) -> Option<Self> {
        let mut rest = text;
        let hour = number(&mut rest, 1, 2)?;
        rest = rest.strip_prefix(b":")?;
        let minute = number(&mut rest, 2, 2)?;
        let mut second = 0;
        if let Some(tail) = rest.strip_prefix(b":") {
            rest = tail;
            second = number(&mut rest, 2, 2)?;
            if let Some(tail) = rest.strip_prefix(b".") {
                let part = tail.iter().take_while(|b| b.is_ascii_digit()).count();
                rest = &tail[part..];
            }
        }
        Some(Self { ahead: ahead(rest)?, ..Self::new(hour, minute, second)? })
    }
}

/// Minutes ahead of universal time: `Z`, `+01:00` or `+0100`; `Some(None)` where nothing is said.
fn ahead(text: &[u8]) -> Option<Option<u32>> {
    match text.split_first() {
        None => Some(None),
        Some((b'Z', [])) => Some(Some(0)),
        Some((b'+', mut rest)) => {
            let hours = number(&mut rest, 2, 2)?;
            rest = rest.strip_prefix(b":").unwrap_or(rest);
            let minutes = number(&mut rest, 2, 2)?;
            rest.is_empty().then_some(Some(hours * 60 + minutes))
        }
        Some(_) => None,
    }
}

/// A date and, where one is written, a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) date: Date,
    pub(super) clock: Option<Clock>,
}

impl Moment {
    /// Minutes from an earlier moment to this one, a begun minute counting as a whole one; negative where
    /// the other is later, and none where either has no time of day. Where both say how far they are ahead
    /// of universal time, that is taken into account.
    pub(super) fn minutes_since(self, earlier: Self) -> Option<i64> {
        let (here, there) = (self.clock?, earlier.clock?);
        let mut seconds = self.date.days_since(earlier.date) * 86_400 + i64::from(here.seconds)
            - i64::from(there.seconds);
        if let (Some(here), Some(there)) = (here.ahead, there.ahead) {
            seconds -= (i64::from(here) - i64::from(there)) * 60;
        }
        // Rounded up, also below nought: a second too early is still too early.
        Some(if seconds < 0 { seconds.div_euclid(60) } else { (seconds + 59) / 60 })
    }
}

const fn clock_part(part: Part) -> bool {
    matches!(part, Part::Hour | Part::Minute | Part::Second)
}

const fn literal(part: Part) -> bool {
    matches!(part, Part::Literal(_))
}

/// Reads an ISO date, `2026-10-31` or `20261031`; a time of day may follow.
pub(super) fn iso(text: &[u8]) -> Option<Moment> {
    let mut rest = text;
    let year = number(&mut rest, 4, 4)?;
    let dashed = rest.first() == Some(&b'-');
    let pair = |rest: &mut &[u8]| {
        if dashed {
            *rest = rest.strip_prefix(b"-")?;
        }
        number(rest, 2, 2)
    };
    let month = pair(&mut rest)?;
    let day = pair(&mut rest)?;
    let clock = after_date(rest)?;
    Some(Moment { date: date(year, month, day)?, clock })
}

/// Whether a text is an ISO date only with day and month in each other's place.
pub(super) fn iso_exchanged(text: &[u8]) -> bool {
    let forms = [
        [Part::Year, Part::Literal(b'-'), Part::Month, Part::Literal(b'-'), Part::Day].to_vec(),
        [Part::Year, Part::Month, Part::Day].to_vec(),
    ];
    iso(text).is_none() && forms.into_iter().any(|parts| DateForm { parts }.reads_exchanged(text))
}

fn date(year: u32, month: u32, day: u32) -> Option<Date> {
    let month = time::Month::try_from(u8::try_from(month).ok()?).ok()?;
    time::Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?)
        .ok()
        .map(Date::from_civil)
}

/// What may follow a date: nothing, or signs of a time. `Some(None)` where they make no time that can be
/// read, which does no harm to a date.
fn after_date(rest: &[u8]) -> Option<Option<Clock>> {
    let sign = |b: &u8| b.is_ascii_digit() || matches!(b, b':' | b'.' | b'Z' | b'+');
    match rest.split_first() {
        None => Some(None),
        Some((b' ' | b'T', clock)) if !clock.is_empty() && clock.iter().all(sign) => {
            Some(Clock::with_colons(clock))
        }
        Some(_) => None,
    }
}

/// Takes between `least` and `most` digits from the front.
fn number(rest: &mut &[u8], least: usize, most: usize) -> Option<u32> {
    let digits = rest.iter().take(most).take_while(|b| b.is_ascii_digit()).count();
    if digits < least {
        return None;
    }
    let (head, tail) = rest.split_at(digits);
    *rest = tail;
    Some(head.iter().fold(0, |n, b| n * 10 + u32::from(b - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> DateForm {
        DateForm::parse(text).expect(text)
    }

    #[test]
    fn declared_forms_read_what_they_say() {
        for (shape, text, expected) in [
            ("%d/%m/%Y", "31/10/2026", Some("2026-10-31")),
            ("%d/%m/%Y", "1/2/2026", Some("2026-02-01")),
            ("%d/%m/%Y", "01/02/2026 00:00:00", Some("2026-02-01")),
            ("%d/%m/%Y", "10/31/2026", None),
            ("%d/%m/%Y", "31/10/26", None),
            ("%d/%m/%Y", "31-10-2026", None),
            ("%d/%m/%Y", "31/10/2026x", None),
            ("%d/%m/%Y", "", None),
            ("%m/%d/%Y", "10/31/2026", Some("2026-10-31")),
            ("%d-%b-%Y", "05-OCT-2026", Some("2026-10-05")),
            ("%d-%b-%Y", "05-Okt-2026", None),
            ("%Y%m%d %H:%M", "20261031 14:05", Some("2026-10-31")),
            ("%Y-%m-%d", "2026-02-29", None),
            ("%d %b %Y", "29 feb 2024", Some("2024-02-29")),
        ] {
            let found = form(shape).read(text.as_bytes()).map(|m| m.date.to_string());
            assert_eq!(found.as_deref(), expected, "{shape} {text}");
        }
    }

    #[test]
    fn iso_dates_are_read_without_declaration() {
        for (text, expected) in [
            ("2026-10-31", Some("2026-10-31")),
            ("20261031", Some("2026-10-31")),
            ("2026-10-31 00:00:00.000", Some("2026-10-31")),
            ("2026-10-31T23:59:59Z", Some("2026-10-31")),
            ("2026-1031", None),
            ("2026-10-3", None),
            ("2026-13-01", None),
            ("31/10/2026", None),
            ("202610310", None),
            ("2026-10-31 ", None),
        ] {
            assert_eq!(
                iso(text.as_bytes()).map(|m| m.date.to_string()).as_deref(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn bad_forms_and_contradictions_are_found() {
        assert_eq!(DateForm::parse("%d/%m/%y"), Err(FormError::TwoDigitYear));
        assert_eq!(DateForm::parse("%d/%q/%Y"), Err(FormError::Unknown));
        assert_eq!(DateForm::parse("%d/%m"), Err(FormError::Incomplete));
        assert!(form("%d/%m/%Y").contradicts(&form("%m/%d/%Y")));
        assert!(form("%Y-%m-%d").contradicts(&form("%Y-%d-%m")));
        assert!(!form("%d/%m/%Y").contradicts(&form("%Y-%m-%d")));
        assert!(!form("%d/%m/%Y").contradicts(&form("%d-%m-%Y %H:%M")));
        assert!(!form("%d/%m/%Y").contradicts(&form("%d-%b-%Y")));
    }

    #[test]
    fn stays_are_minutes_between_two_moments() {
        for (from, to, minutes) in [
            ("2026-10-05 10:00", "2026-10-05 14:00", Some(240)),
            ("2026-10-05 10:00", "2026-10-05 14:00:01", Some(241)),
            ("2026-10-05 10:00:59", "2026-10-05 14:00:59", Some(240)),
            ("2026-10-05T10:00:00.999", "2026-10-05T14:00:00.000", Some(240)),
            ("2026-10-31 23:59", "2026-11-01 00:01", Some(2)),
            ("2026-10-05 10:00", "2026-10-05 10:00", Some(0)),
            ("2026-10-05 10:00:01", "2026-10-05 10:00:00", Some(-1)),
            ("2026-10-05 10:00", "2026-10-04 10:00", Some(-1_440)),
            ("20261005 9:30", "20261005 10:00", Some(30)),
            // The night in which the clocks go back: known only where both say so.
            ("2026-10-25T00:30:00+01:00", "2026-10-25T05:00:00+00:00", Some(330)),
            ("2026-10-25T00:30:00+0100", "2026-10-25T05:00:00Z", Some(330)),
            ("2026-10-25T00:30:00", "2026-10-25T05:00:00Z", Some(270)),
            ("2026-10-05", "2026-10-05 10:00", None),
            ("2026-10-05 24:00", "2026-10-06 10:00", None),
            ("2026-10-05 10:60", "2026-10-05 11:00", None),
            ("2026-10-05 10", "2026-10-05 11:00", None),
        ] {
            let read = |text: &str| iso(text.as_bytes()).expect(text);
            assert_eq!(read(to).minutes_since(read(from)), minutes, "{from} to {to}");
        }
        let declared = form("%d/%m/%Y %H.%M");
        let read = |text: &[u8]| declared.read(text).expect("a moment");
        assert_eq!(read(b"05/10/2026 14.05").minutes_since(read(b"5/10/2026 9.00")), Some(305));
    }

    #[test]
    fn a_time_may_stand_alone() {
        let seconds = |text: &str| Clock::read(text.as_bytes()).map(|c| c.seconds);
        for (text, expected) in [
            ("14:05", Some(14 * 3_600 + 5 * 60)),
            ("14:05:09", Some(14 * 3_600 + 5 * 60 + 9)),
            ("1405", Some(14 * 3_600 + 5 * 60)),
            ("905", Some(9 * 3_600 + 5 * 60)),
            ("140509", Some(14 * 3_600 + 5 * 60 + 9)),
            ("0000", Some(0)),
            ("2400", None),
            ("1460", None),
            ("14", None),
            ("14:5", None),
            ("14:05 ", None),
            ("14:05pm", None),
            ("", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
