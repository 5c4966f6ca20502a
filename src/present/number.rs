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

/// Percentages have a decimal from this published denominator on; below it a tenth of a per cent would say more of
/// the counts than they do themselves (NHS England's rule for Hospital Episode Statistics).
const FINE_FROM: u64 = 4_000;

/// How finely percentages are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Places {
    /// Whole per cent.
    Whole,
    /// Tenths of a per cent.
    Tenths,
}

impl Places {
    /// Those of shares of so many.
    pub(super) const fn of(denominator: u64) -> Self {
        if denominator >= FINE_FROM { Self::Tenths } else { Self::Whole }
    }

    /// Of two shares that are set against each other.
    pub(super) const fn coarser(self, other: Self) -> Self {
        match (self, other) {
            (Self::Tenths, Self::Tenths) => Self::Tenths,
            _ => Self::Whole,
        }
    }

    /// Steps of a whole.
    const fn steps(self) -> u32 {
        match self {
            Self::Whole => 100,
            Self::Tenths => WHOLE,
        }
    }
}

/// A percentage as it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Percent {
    steps: u32,
    places: Places,
}

impl Percent {
    /// Whether it is none.
    pub(super) const fn is_zero(self) -> bool {
        self.steps == 0
    }

    /// Without its sign.
    fn number(self) -> String {
        match self.places {
            Places::Whole => self.steps.to_string(),
            Places::Tenths => format!("{}.{}", self.steps / 10, self.steps % 10),
        }
    }
}

impl std::fmt::Display for Percent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} %", self.number())
    }
}

/// A range of shares in per cent, rounded outwards: what is printed is never narrower than what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// Known as finely as it is printed.
    Point(Percent),
    /// Between two figures.
    Range(Percent, Percent),
    /// Bounded above only.
    UpTo(Percent),
    /// Bounded below only.
    AtLeast(Percent),
    /// Anything.
    Unknown,
}

/// 100 % in tenths of a per cent.
const WHOLE: u32 = 1000;

/// Errors of binary fractions that must not push a figure to the next step.
const SLACK: f64 = 1e-9;

impl Share {
    /// From two fractions between 0 and 1.
    pub(super) fn new(low: f64, high: f64, places: Places) -> Self {
        let whole = places.steps();
        let percent = |steps| Percent { steps, places };
        let low = stepped((low * f64::from(whole) + SLACK).floor(), whole);
        let high = stepped((high * f64::from(whole) - SLACK).ceil(), whole);
        match (low, high) {
            (0, high) if high == whole => Self::Unknown,
            (low, high) if low >= high => Self::Point(percent(high)),
            (0, high) => Self::UpTo(percent(high)),
            (low, high) if high == whole => Self::AtLeast(percent(low)),
            (low, high) => Self::Range(percent(low), percent(high)),
        }
    }

    /// As it stands in a table: `4.1 % to 4.6 %`.
    pub(super) fn cell(self) -> String {
        match self {
            Self::Range(low, high) => format!("{low} to {high}"),
            other => other.sentence(),
        }
    }

    /// As it stands in a sentence: `between 4.1 % and 4.6 %`.
    pub(super) fn sentence(self) -> String {
        match self {
            Self::Point(at) => at.to_string(),
            Self::Range(low, high) => format!("between {low} and {high}"),
            Self::UpTo(high) => format!("up to {high}"),
            Self::AtLeast(low) => format!("at least {low}"),
            Self::Unknown => "not known".to_owned(),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the whole first"
)]
fn stepped(value: f64, whole: u32) -> u32 {
    value.clamp(0.0, f64::from(whole)) as u32
}

/// The distance between two shares, as a range of fractions: `2.7 to 3.9 percentage points`.
pub(super) fn points(low: f64, high: f64, places: Places) -> String {
    match Share::new(low, high, places) {
        Share::Range(low, high) => {
            format!("{} to {} percentage points", low.number(), high.number())
        }
        Share::Point(at) => format!("{} percentage points", at.number()),
        Share::UpTo(high) => format!("up to {} percentage points", high.number()),
        Share::AtLeast(low) => format!("at least {} percentage points", low.number()),
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
        steps => Percent { steps, places: Places::Tenths }.to_string(),
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
            assert_eq!(Share::new(low, high, Places::Tenths).cell(), text, "{low} {high}");
        }
        let fine = Share::new(0.0412, 0.0458, Places::Tenths);
        assert_eq!(fine.sentence(), "between 4.1 % and 4.6 %");
        assert_eq!(points(0.0271, 0.0388, Places::Tenths), "2.7 to 3.9 percentage points");
        assert_eq!(points(0.0271, 0.0388, Places::Whole), "2 to 4 percentage points");
    }

    #[test]
    fn a_decimal_needs_a_denominator_of_four_thousand() {
        assert_eq!((Places::of(3_999), Places::of(4_000)), (Places::Whole, Places::Tenths));
        assert_eq!(Places::Tenths.coarser(Places::Whole), Places::Whole);
        for (low, high, text) in [
            (0.0412, 0.0458, "4 % to 5 %"),
            (0.04, 0.04, "4 %"),
            (0.0, 0.0471, "up to 5 %"),
            (0.996, 1.0, "at least 99 %"),
            (0.0, 0.999, "not known"),
            (0.0, 0.0, "0 %"),
        ] {
            assert_eq!(Share::new(low, high, Places::Whole).cell(), text, "{low} {high}");
        }
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
        fn what_is_printed_contains_what_is_known(x in 0_u32..=2_000, w in 0_u32..=2_000, fine: bool) {
            let places = if fine { Places::Tenths } else { Places::Whole };
            let whole = places.steps();
            let (low, high) = (f64::from(x) / 4000.0, f64::from(x + w) / 4000.0);
            let (a, b) = match Share::new(low, high, places) {
                Share::Point(at) => (at.steps, at.steps),
                Share::Range(a, b) => (a.steps, b.steps),
                Share::UpTo(b) => (0, b.steps),
                Share::AtLeast(a) => (a.steps, whole),
                Share::Unknown => (0, whole),
            };
            prop_assert!(f64::from(a) / f64::from(whole) <= low + 1e-9);
            prop_assert!(high <= f64::from(b) / f64::from(whole) + 1e-9);
        }
    }
}
