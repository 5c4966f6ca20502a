//! Spellings of a code that mean the same: padded with noughts, or written as a number by a program that made it one.

/// The digits of a code that is a number, without the noughts before them and without a `.0` behind: `03`, `3` and
/// `3.0` are `3`. None for a text that is no such number.
pub(super) fn number(text: &str) -> Option<&str> {
    let digits = text.strip_suffix(".0").unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let short = digits.trim_start_matches('0');
    Some(if short.is_empty() { "0" } else { short })
}

/// Whether two codes are the same number.
pub(super) fn same_number(code: &str, other: &str) -> bool {
    number(code).is_some_and(|n| number(other) == Some(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noughts_and_a_decimal_point_make_no_other_code() {
        for (text, expected) in [
            ("3", Some("3")),
            ("003", Some("3")),
            ("3.0", Some("3")),
            ("00", Some("0")),
            ("0.0", Some("0")),
            ("30", Some("30")),
            ("3.5", None),
            (".0", None),
            ("", None),
            ("2A", None),
            ("-1", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
        assert!(same_number("01", "1.0") && !same_number("1", "10") && !same_number("x", "x"));
    }
}
