//! What a value looks like, whatever stands above it.

use super::super::dates::Clock;
use super::calendar;
use crate::reference::{Residence, Written};

/// Whether ten digits are an NHS number: the last is the check digit of the others (modulus 11).
pub(in crate::intake) fn nhs_number(text: &str) -> bool {
    let kept = text.chars().filter(|c| !matches!(c, ' ' | '-'));
    let digits: Option<Vec<u32>> = kept.map(|c| c.to_digit(10)).collect();
    let Some(digits) = digits.filter(|d| d.len() == 10) else { return false };
    let sum: u32 = digits.iter().zip((2..=10).rev()).map(|(digit, weight)| digit * weight).sum();
    let check = (11 - sum % 11) % 11;
    digits.last() == Some(&check)
}

/// A postcode, or one of the codes that stand for none.
pub(super) fn postcode(text: &str) -> bool {
    Written::parse(text).is_some()
}

/// The code of a small area.
pub(super) fn small_area(text: &str) -> bool {
    Residence::parse(text).is_some()
}

/// A whole number, also as a program writes it that knows no others (`3.0`).
pub(super) fn whole_number(text: &str) -> Option<u32> {
    let number = text.strip_suffix(".0").unwrap_or(text);
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    if digits { number.parse().ok() } else { None }
}

/// A number of at least nought, perhaps with a part.
pub(super) fn number(text: &str) -> bool {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    whole.len() <= 9 && digits(whole) && digits(part)
}

/// A time of day.
pub(super) fn time(text: &str) -> bool {
    Clock::read(text.as_bytes()).is_some()
}

/// Whether a first row with this in it is a record.
pub(super) fn could_be_recorded(text: &str) -> bool {
    number(text)
        || nhs_number(text)
        || small_area(text)
        || postcode(text)
        || calendar::written(text).is_some()
        || (text.contains(':') && time(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nhs_numbers_are_told_by_their_check_digit() {
        // The example of the NHS Data Dictionary, and the same with one digit changed.
        for (text, is) in [
            ("9434765919", true),
            ("943 476 5919", true),
            ("943-476-5919", true),
            ("9434765918", false),
            ("9434765929", false),
            ("943476591", false),
            ("94347659190", false),
            ("943476591X", false),
            ("", false),
        ] {
            assert_eq!(nhs_number(text), is, "{text}");
        }
    }

    #[test]
    fn numbers_are_read_as_programs_write_them() {
        assert_eq!(whole_number("07"), Some(7));
        assert_eq!(whole_number("3.0"), Some(3));
        assert_eq!(whole_number("3.5"), None);
        assert_eq!(whole_number(""), None);
        assert!(number("12.5") && number("12") && !number("-1") && !number("1.") && !number("x"));
    }
}
