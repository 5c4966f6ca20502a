//! Counts as people write them.

/// The greatest count that is taken.
const MOST: u64 = 1 << 53;

/// Why a field cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing there.
    #[error("blank; write 0 where nobody was counted")]
    Blank,
    /// Below zero.
    #[error("a count cannot be negative")]
    Negative,
    /// Not a number, as floating point says it.
    #[error("NaN is no count")]
    NotANumber,
    /// Infinite.
    #[error("a count cannot be infinite")]
    Infinite,
    /// A part of one.
    #[error("a count is a whole number")]
    Fraction,
    /// Above 2^53.
    #[error("a count above 2^53 cannot be tested")]
    TooGreat,
    /// Hidden already.
    #[error(
        "this figure is hidden already; give the counts as they were before anything was hidden"
    )]
    Hidden,
    /// Something else.
    #[error("no whole number; write counts such as 12, 12.0 or 1,234")]
    Text,
    /// A category without a name.
    #[error("blank; write the category, such as 'not known', or `all` for the total")]
    NoCategory,
    /// A category with too long a name.
    #[error("a category has at most {} characters", super::read::MAX_CODE)]
    LongCategory,
    /// A code that the hierarchy does not have.
    #[error(
        "this code has no row in the dimension's hierarchy: a gap; add the code with its parent"
    )]
    NotInHierarchy,
    /// A code that the table does not have.
    #[error("this category is foreign: the table that is being tested does not have it")]
    Foreign,
    /// Bounds the wrong way round.
    #[error("the upper bound is below the lower one")]
    Crossed,
    /// More people than were counted.
    #[error("more than the count of this row")]
    AboveCount,
    /// More than the sum.
    #[error("more than the sum of this row")]
    AboveSum,
}

/// Reads a whole number, with or without thousands separators and a fraction of zeros.
pub(super) fn whole(text: &str) -> Result<u64, Fault> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Fault::Blank);
    }
    if let Some(rest) = text.strip_prefix(['-', '\u{2212}']) {
        return match whole(rest) {
            Ok(0) => Ok(0),
            Ok(_) | Err(Fault::TooGreat | Fault::Fraction) => Err(Fault::Negative),
            Err(fault) => Err(fault),
        };
    }
    match text.trim_start_matches('+').to_ascii_lowercase().as_str() {
        "nan" | "na" | "n/a" | "#n/a" => return Err(Fault::NotANumber),
        "inf" | "infinity" => return Err(Fault::Infinite),
        "[c]" | "c" | "*" => return Err(Fault::Hidden),
        _ => {}
    }
    let (digits, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = grouped(digits).ok_or(Fault::Text)?;
    if !fraction.chars().all(|c| c.is_ascii_digit()) {
        return Err(Fault::Text);
    }
    if fraction.chars().any(|c| c != '0') {
        return Err(Fault::Fraction);
    }
    digits.parse().ok().filter(|n| *n <= MOST).ok_or(Fault::TooGreat)
}

/// The digits without their thousands separators, where these stand as they must.
fn grouped(text: &str) -> Option<String> {
    let mut groups = text.split(',');
    let first = groups.next()?;
    let is_digits = |group: &str| !group.is_empty() && group.chars().all(|c| c.is_ascii_digit());
    let rest: Vec<&str> = groups.collect();
    let well = is_digits(first)
        && (rest.is_empty() || first.len() <= 3)
        && rest.iter().all(|group| group.len() == 3 && is_digits(group));
    well.then(|| text.replace(',', ""))
}

/// Whether a field looks like a number of any kind, so that its column is no dimension.
pub(super) fn is_numeric(text: &str) -> bool {
    text.replace(',', "").parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_as_people_write_them() {
        for (text, n) in [
            ("12", 12),
            (" 12.0 ", 12),
            ("1,234", 1_234),
            ("1,234,567.00", 1_234_567),
            ("0", 0),
            ("-0", 0),
            ("007", 7),
            ("9007199254740992", 1 << 53),
        ] {
            assert_eq!(whole(text), Ok(n), "{text}");
        }
        for (text, fault) in [
            ("", Fault::Blank),
            ("-3", Fault::Negative),
            ("-3.5", Fault::Negative),
            ("NaN", Fault::NotANumber),
            ("inf", Fault::Infinite),
            ("-inf", Fault::Infinite),
            ("12.5", Fault::Fraction),
            ("9007199254740993", Fault::TooGreat),
            ("99999999999999999999999999", Fault::TooGreat),
            ("[c]", Fault::Hidden),
            ("1e3", Fault::Text),
            ("12,34", Fault::Text),
            ("1234,567", Fault::Text),
            ("twelve", Fault::Text),
            ("0x10", Fault::Text),
        ] {
            assert_eq!(whole(text), Err(fault), "{text}");
        }
    }
}
