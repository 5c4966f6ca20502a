//! Numbers for people: thousands separators, percentages, and what a range of shares lets one say.

/// A count with commas: `12,345`.
pub(super) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A range of shares in tenths of a per cent, rounded outwards: what is printed is never narrower than
/// what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// Known to a tenth of a per cent.
    Point(u32),
    /// Between two figures.
    Range(u32, u32),
    /// Bounded above only.
    UpTo(u32),
    /// Bounded below only.
    AtLeast(u32),
    /// Anything.
    Unknown,
}

/// 100 % in tenths of a per cent.
const WHOLE: u32 = 1000;

/// Errors of binary fractions that must not push a figure to the next tenth.
const SLACK: f64 = 1e-9;

impl Share {
    /// From two fractions between 0 and 1.
    pub(super) fn new(low: f64, high: f64) -> Self {
        let low = tenths((low * f64::from(WHOLE) + SLACK).floor());
        let high = tenths((high * f64::from(WHOLE) - SLACK).ceil());
        match (low, high) {
            (0, WHOLE) => Self::Unknown,
            (low, high) if low >= high => Self::Point(high),
            (0, high) => Self::UpTo(high),
            (low, WHOLE) => Self::AtLeast(low),
            (low, high) => Self::Range(low, high),
        }
    }

    /// As it stands in a table: `4.1 % to 4.6 %`.
    pub(super) fn cell(self) -> String {
        match self {
            Self::Range(low, high) => format!("{} to {}", percent(low), percent(high)),
            other => other.sentence(),
        }
    }

    /// As it stands in a sentence: `between 4.1 % and 4.6 %`.
    pub(super) fn sentence(self) -> String {
        match self {
            Self::Point(at) => percent(at),
            Self::Range(low, high) => format!("between {} and {}", percent(low), percent(high)),
            Self::UpTo(high) => format!("up to {}", percent(high)),
            Self::AtLeast(low) => format!("at least {}", percent(low)),
            Self::Unknown => "not known".to_owned(),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0..=1000 first"
)]
fn tenths(value: f64) -> u32 {
    value.clamp(0.0, f64::from(WHOLE)) as u32
}

fn percent(tenths: u32) -> String {
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// The distance between two shares, as a range of fractions: `2.7 to 3.9 percentage points`.
pub(super) fn points(low: f64, high: f64) -> String {
    let one = |tenths: u32| format!("{}.{}", tenths / 10, tenths % 10);
    match Share::new(low, high) {
        Share::Range(low, high) => format!("{} to {} percentage points", one(low), one(high)),
        Share::Point(at) => format!("{} percentage points", one(at)),
        Share::UpTo(high) => format!("up to {} percentage points", one(high)),
        Share::AtLeast(low) => format!("at least {} percentage points", one(low)),
        Share::Unknown => "not known".to_owned(),
    }
}

/// A part of a whole in per cent to one decimal, where a few are never printed as none and not quite all
/// never as all; nothing where there is no whole.
pub(super) fn part(of: u64, whole: u64) -> Option<String> {
    let scaled = u128::from(of) * u128::from(WHOLE);
    let nearest = (scaled + u128::from(whole) / 2).checked_div(u128::from(whole))?;
    let tenths = u32::try_from(nearest).ok()?;
    Some(match tenths {
        0 if of > 0 => "<0.1 %".to_owned(),
        WHOLE if of < whole => ">99.9 %".to_owned(),
        tenths => percent(tenths),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn thousands_are_separated() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (123_456, "123,456"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(thousands(n), text);
        }
    }

    #[test]
    fn shares_are_rounded_outwards() {
        for (low, high, text) in [
            (0.0412, 0.0458, "4.1 % to 4.6 %"),
            (0.043, 0.043, "4.3 %"),
            (0.0, 0.0471, "up to 4.8 %"),
            (0.0004, 0.002, "up to 0.2 %"),
            (0.051, 1.0, "at least 5.1 %"),
            (0.0, 1.0, "not known"),
            (0.0, 0.0, "0.0 %"),
            (1.0, 1.0, "100.0 %"),
        ] {
            assert_eq!(Share::new(low, high).cell(), text, "{low} {high}");
        }
        assert_eq!(Share::new(0.0412, 0.0458).sentence(), "between 4.1 % and 4.6 %");
        assert_eq!(points(0.0271, 0.0388), "2.7 to 3.9 percentage points");
    }

    #[test]
    fn parts_never_hide_a_few() {
        assert_eq!(part(1, 100_000).as_deref(), Some("<0.1 %"));
        assert_eq!(part(99_999, 100_000).as_deref(), Some(">99.9 %"));
        assert_eq!(part(0, 10).as_deref(), Some("0.0 %"));
        assert_eq!(part(1, 3).as_deref(), Some("33.3 %"));
        assert_eq!(part(0, 0), None);
    }

    proptest! {
        #[test]
        fn what_is_printed_contains_what_is_known(x in 0_u32..=2_000, w in 0_u32..=2_000) {
            let (low, high) = (f64::from(x) / 4000.0, f64::from(x + w) / 4000.0);
            let (a, b) = match Share::new(low, high) {
                Share::Point(at) => (at, at),
                Share::Range(a, b) => (a, b),
                Share::UpTo(b) => (0, b),
                Share::AtLeast(a) => (a, 1000),
                Share::Unknown => (0, 1000),
            };
            prop_assert!(f64::from(a) / 1000.0 <= low + 1e-9);
            prop_assert!(high <= f64::from(b) / 1000.0 + 1e-9);
        }
    }
}
