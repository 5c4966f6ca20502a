//! The words of tables and sentences: what people read in place of the states and ids of the formats.

use evensum_core::disclosure::{Policy, Side};
use evensum_core::model::{Bounds, CellState, Period, Profile, Role, SnapshotVersion, Zeros};
use evensum_core::view::{Cell, Coverage, CoverageStatus};

use super::number::{Places, Share, thousands};

/// What stands where no figure can be.
pub(super) const NOTHING: &str = "–";

/// Whether the figure was kept back: its true value is not known to be anything, least of all zero.
pub(super) const fn hidden(state: CellState) -> bool {
    matches!(state, CellState::Small | CellState::Suppressed | CellState::Refused)
}

/// A count in words: `1,235 to 1,260`, `fewer than 8`, `withheld (0 to 14)`, `none possible`.
pub(super) fn count(side: &Side) -> String {
    match (side.state, side.bounds.high) {
        (CellState::Value, _) => range(side.bounds),
        (CellState::Small, Some(high)) => format!("fewer than {}", thousands(high + 1)),
        (CellState::StructuralZero, _) => "none possible".to_owned(),
        (CellState::NotCollected, _) => "not collected".to_owned(),
        (_, Some(high)) if high > side.bounds.low => {
            format!("withheld ({} to {})", thousands(side.bounds.low), thousands(high))
        }
        _ => "withheld".to_owned(),
    }
}

fn range(bounds: Bounds) -> String {
    match (bounds.low, bounds.high) {
        (low, Some(high)) if low == high => thousands(low),
        (0, Some(high)) => format!("up to {}", thousands(high)),
        (low, Some(high)) => format!("{} to {}", thousands(low), thousands(high)),
        (0, None) => "not known".to_owned(),
        (low, None) => format!("at least {}", thousands(low)),
    }
}

/// The share of a cell, where one can be spoken of.
pub(super) fn share(cell: &Cell) -> Option<Share> {
    let known = cell.proportion.filter(|_| possible(cell))?;
    kept(cell, Share::new(known.low, known.high, places(cell)))
}

/// The 95 % limits of a cell's share.
pub(super) fn limits(cell: &Cell) -> Option<Share> {
    let known = cell.proportion.filter(|_| possible(cell))?;
    kept(cell, Share::new(known.lower95, known.upper95, places(cell)))
}

/// How finely a cell's percentages are printed: by its published denominator, or the least that it can be.
pub(super) fn places(cell: &Cell) -> Places {
    Places::of(cell.denominator.published.unwrap_or(cell.denominator.bounds.low))
}

/// Whether cases can occur and were collected, so that a share means something.
const fn possible(cell: &Cell) -> bool {
    !matches!(cell.numerator.state, CellState::StructuralZero | CellState::NotCollected)
}

/// A hidden figure's share is never printed as a figure: the bound above it is all that is said.
fn kept(cell: &Cell, share: Share) -> Option<Share> {
    match share {
        Share::Point(at) if at.is_zero() && hidden(cell.numerator.state) => None,
        other => Some(other),
    }
}

/// What became of a partner's part: `in the figures`, `not connected: …`.
pub(super) fn coverage(line: &Coverage) -> String {
    let status = status(line.status);
    match line.reason.as_deref().map(clean) {
        Some(reason) if !reason.is_empty() && reason != status => format!("{status}: {reason}"),
        _ => status.to_owned(),
    }
}

/// A status of the coverage, in words.
#[must_use]
pub const fn status(status: CoverageStatus) -> &'static str {
    match status {
        CoverageStatus::Answered => "in the figures",
        CoverageStatus::Refused => "refused",
        CoverageStatus::Late => "too late",
        CoverageStatus::Unreachable => "not connected",
        CoverageStatus::NoData => "holds no such data",
    }
}

/// The standing of an extract.
pub(super) const fn version(version: SnapshotVersion) -> &'static str {
    version.as_str()
}

/// A server by what it does.
pub(super) const fn server(role: Role) -> &'static str {
    match role {
        Role::Node => "partner's server",
        Role::Coordinator => "coordinator",
        Role::Helper => "independent second server",
    }
}

/// The rule of a profile: `figures rounded to the nearest 5; fewer than 8 withheld`.
pub(super) fn policy(policy: Policy) -> String {
    if policy.profile.needs_record_keys() {
        return format!(
            "figures changed at random by up to {}, always alike where the same records are counted; fewer than {} withheld",
            policy.profile.half_width(),
            policy.limit + 1
        );
    }
    let zeros = match policy.profile.zeros() {
        Zeros::Merged => "",
        Zeros::Shown => ", except a true zero",
    };
    if policy.profile == Profile::ExactCs {
        return format!(
            "exact figures; fewer than {} withheld{zeros}, and others that would give them away",
            policy.limit + 1
        );
    }
    format!(
        "figures rounded to the nearest {}; fewer than {} withheld{zeros}",
        policy.base,
        policy.limit + 1
    )
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A period in words: `October 2026`, `quarter 2 of 2026-27`, `financial year 2026-27`.
pub(super) fn period(period: Period) -> String {
    let financial = |year: u16| format!("{year:04}-{:02}", (year + 1) % 100);
    match period {
        Period::Month { year, month } => {
            let name = usize::from(month).checked_sub(1).and_then(|m| MONTHS.get(m));
            name.map_or_else(|| period.to_string(), |name| format!("{name} {year}"))
        }
        Period::Quarter { year, quarter } => format!("quarter {quarter} of {}", financial(year)),
        Period::Year { year } => format!("financial year {}", financial(year)),
    }
}

/// A name in the middle of a sentence: its first letter small, unless it is an abbreviation (`ICB`) or a
/// name of its own (`Core20`).
pub(super) fn within(name: &str) -> String {
    let first = name.split_whitespace().next().unwrap_or_default();
    let own = first.chars().skip(1).any(|c| c.is_uppercase() || c.is_ascii_digit());
    let mut chars = name.chars();
    match chars.next() {
        Some(letter) if !own => letter.to_lowercase().chain(chars).collect(),
        _ => name.to_owned(),
    }
}

/// The text with a capital at its start.
pub(super) fn opening(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |letter| letter.to_uppercase().chain(chars).collect())
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list<T: AsRef<str>>(items: &[T]) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [head @ .., last] => {
            let head: Vec<&str> = head.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", head.join(", "), last.as_ref())
        }
    }
}

/// Text of another server without what could move a terminal's cursor or turn the direction of reading.
pub(super) fn clean(text: &str) -> String {
    let unsafe_mark = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let spaced: String = text.chars().map(|c| if unsafe_mark(c) { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(state: CellState, low: u64, high: Option<u64>) -> Side {
        Side { state, bounds: Bounds { low, high }, published: None }
    }

    #[test]
    fn counts_have_their_words() {
        for (state, low, high, text) in [
            (CellState::Value, 1235, Some(1260), "1,235 to 1,260"),
            (CellState::Value, 1235, None, "at least 1,235"),
            (CellState::Value, 0, Some(0), "0"),
            (CellState::Value, 0, Some(7), "up to 7"),
            (CellState::Small, 0, Some(7), "fewer than 8"),
            (CellState::Small, 0, Some(14), "fewer than 15"),
            (CellState::Suppressed, 0, Some(14), "withheld (0 to 14)"),
            (CellState::Suppressed, 0, None, "withheld"),
            (CellState::Suppressed, 0, Some(0), "withheld"),
            (CellState::Refused, 0, None, "withheld"),
            (CellState::StructuralZero, 0, Some(0), "none possible"),
            (CellState::NotCollected, 0, None, "not collected"),
        ] {
            assert_eq!(count(&side(state, low, high)), text);
        }
    }

    #[test]
    fn names_are_written_small_unless_they_are_abbreviations() {
        assert_eq!(within("Deprivation quintile"), "deprivation quintile");
        assert_eq!(within("ICB of residence"), "ICB of residence");
        assert_eq!(within("Core20"), "Core20");
        assert_eq!(within(""), "");
    }

    #[test]
    fn another_servers_text_cannot_move_the_cursor() {
        assert_eq!(clean("a\u{1b}[2Jb\r\n\tc\u{202e}d"), "a [2Jb c d");
    }

    #[test]
    fn periods_and_lists_read_as_english() {
        let words = |text: &str| period(text.parse().expect("period"));
        assert_eq!(words("2026-10"), "October 2026");
        assert_eq!(words("2026-27Q2"), "quarter 2 of 2026-27");
        assert_eq!(words("2026-27"), "financial year 2026-27");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        assert_eq!(list::<&str>(&[]), "");
    }
}
