//! Dates as source systems write them: ISO, or one of the forms that a mapping declares.

use std::fmt;

use evensum_core::model::Date;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    Month,
    MonthName,
    Day,
    /// Hour, minute or second: read and dropped.
    Clock,
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
                    Some(b'H' | b'M' | b'S') => Part::Clock,
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
            form.parts.iter().copied().filter(|p| *p != Part::Clock && !literal(*p)).collect()
        };
        let (mine, theirs) = (order(self), order(other));
        let year_first = |parts: &[Part]| parts.first() == Some(&Part::Year);
        !mine.contains(&Part::MonthName)
            && !theirs.contains(&Part::MonthName)
            && year_first(&mine) == year_first(&theirs)
            && mine != theirs
    }

    /// Reads a whole text; a time of day may follow the date.
    pub(super) fn read(&self, text: &[u8]) -> Option<Date> {
        let mut rest = text;
        let (mut year, mut month, mut day) = (0, 0, 0);
        for part in &self.parts {
            match part {
                Part::Year => year = number(&mut rest, 4, 4)?,
                Part::Month => month = number(&mut rest, 1, 2)?,
                Part::Day => day = number(&mut rest, 1, 2)?,
                Part::Clock => {
                    number(&mut rest, 1, 2)?;
                }
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
        time_of_day(rest).then(|| date(year, month, day))?
    }
}

const fn literal(part: Part) -> bool {
    matches!(part, Part::Literal(_))
}

/// Reads an ISO date, `2026-10-31` or `20261031`; a time of day may follow.
pub(super) fn iso(text: &[u8]) -> Option<Date> {
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
    time_of_day(rest).then(|| date(year, month, day))?
}

fn date(year: u32, month: u32, day: u32) -> Option<Date> {
    let month = time::Month::try_from(u8::try_from(month).ok()?).ok()?;
    time::Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?)
        .ok()
        .map(Date::from_civil)
}

fn time_of_day(rest: &[u8]) -> bool {
    match rest.split_first() {
        None => true,
        Some((b' ' | b'T', clock)) => {
            !clock.is_empty()
                && clock
                    .iter()
                    .all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.' | b'Z' | b'+'))
        }
        Some(_) => false,
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
            let found = form(shape).read(text.as_bytes()).map(|d| d.to_string());
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
            assert_eq!(iso(text.as_bytes()).map(|d| d.to_string()).as_deref(), expected, "{text}");
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
}
