//! Codes of lower layer super output areas, and what lies outside England.

use std::fmt;

/// An English LSOA code: `E01` and six digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LsoaCode(u32);

impl LsoaCode {
    /// Reads a code, whatever its case and the space around it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.get(3..)?;
        (text.get(..3)?.eq_ignore_ascii_case("E01") && digits.len() == 6 && all_digits(digits))
            .then(|| digits.parse().ok().map(Self))?
    }

    /// The code with this number after `E01`; `None` from one million on.
    pub(super) const fn numbered(number: u32) -> Option<Self> {
        if number < 1_000_000 { Some(Self(number)) } else { None }
    }

    /// The number after `E01`, below one million.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for LsoaCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E01{:06}", self.0)
    }
}

// A person's LSOA is never printed by accident.
impl fmt::Debug for LsoaCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LsoaCode")
    }
}

/// Where a small-area code says that a person lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Residence {
    /// In this area of England.
    England(LsoaCode),
    /// In Wales, Scotland, Northern Ireland, the Channel Islands or the Isle of Man, which have
    /// deprivation indices of their own or none.
    Elsewhere,
}

impl Residence {
    /// Reads a small-area code; `None` where it is the code of no small area.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(code) = LsoaCode::parse(text) {
            return Some(Self::England(code));
        }
        let bytes = text.as_bytes();
        let (first, rest) = bytes.split_first()?;
        let digits = text.get(1..).is_some_and(all_digits);
        let elsewhere = match first.to_ascii_uppercase() {
            // LSOAs of Wales, data zones of Scotland, both with the pseudo-code W99999999, S99999999.
            b'W' | b'S' => {
                rest.len() == 8 && digits && (rest.starts_with(b"01") || rest == b"99999999")
            }
            // Data zones of Northern Ireland (2021).
            b'N' => rest.len() == 8 && digits,
            // Channel Islands and Isle of Man.
            b'L' | b'M' => rest == b"99999999",
            // Super output areas of Northern Ireland (2001, 2011), such as 95GG01S1.
            b'9' => {
                bytes.len() == 8
                    && rest.starts_with(b"5")
                    && bytes[2..4].iter().all(u8::is_ascii_alphabetic)
                    && bytes[4..].iter().all(u8::is_ascii_alphanumeric)
            }
            _ => false,
        };
        elsewhere.then_some(Self::Elsewhere)
    }
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn english_codes_are_read_and_others_are_elsewhere_or_nothing() {
        for (text, expected) in [
            ("E01000001", Some("E01000001")),
            (" e01033768 ", Some("E01033768")),
            ("W01000001", Some("elsewhere")),
            ("S01006506", Some("elsewhere")),
            ("N20000001", Some("elsewhere")),
            ("95GG01S1", Some("elsewhere")),
            ("W99999999", Some("elsewhere")),
            ("L99999999", Some("elsewhere")),
            ("E99999999", None),
            ("E02000001", None),
            ("E0100001", None),
            ("E01+00001", None),
            ("E010000010", None),
            ("BH15 2JA", None),
            ("9999999999", None),
            ("é01000001", None),
            ("", None),
        ] {
            let found = Residence::parse(text).map(|r| match r {
                Residence::England(code) => code.to_string(),
                Residence::Elsewhere => "elsewhere".to_owned(),
            });
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
