//! Postcodes as people write them, and the pseudo-postcodes that stand for a kind of address. A person's
//! postcode is never printed: none of the types here has a `Display`, and their `Debug` is empty.

use std::fmt;

/// A postcode that is well formed, whether or not it exists: five to seven letters and digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Postcode {
    /// The first part, left-aligned and filled with noughts.
    outward: u32,
    /// The digit and the two letters after it, as one number below 6760.
    inward: u16,
}

/// What a text in a postcode's place says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// A place.
    Real(Postcode),
    /// A kind of address that has no place.
    Pseudo(PseudoPostcode),
}

/// The longest text that is looked at, in characters: a postcode with a space after each of its own.
const MAX_CHARACTERS: usize = 16;

impl Written {
    /// Reads a postcode in any case, with its space, without it or with several (the forms of 7 and 8
    /// characters of the official files). Nothing is repaired: a letter O in place of a nought is another
    /// postcode, or none. `None` where the text is no postcode.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bare = [0_u8; 7];
        let mut length = 0;
        for character in text.chars().take(MAX_CHARACTERS + 1).enumerate() {
            match character {
                (MAX_CHARACTERS.., _) => return None,
                (_, c) if c.is_whitespace() => {}
                (_, c) if c.is_ascii_alphanumeric() => {
                    *bare.get_mut(length)? = u8::try_from(c).ok()?.to_ascii_uppercase();
                    length += 1;
                }
                _ => return None,
            }
        }
        let (outward, inward) = bare.get(..length)?.split_at_checked(length.checked_sub(3)?)?;
        if outward == b"ZZ99" {
            return Some(Self::Pseudo(PseudoPostcode::of(inward)));
        }
        let [sector, first, second] = *inward else { return None };
        let ends = sector.is_ascii_digit()
            && first.is_ascii_uppercase()
            && second.is_ascii_uppercase()
            && outward_like(outward);
        ends.then(|| {
            let inward = u16::from(sector - b'0') * 676
                + u16::from(first - b'A') * 26
                + u16::from(second - b'A');
            let mut whole = [0; 4];
            whole[..outward.len()].copy_from_slice(outward);
            Self::Real(Postcode { outward: u32::from_be_bytes(whole), inward })
        })
    }
}

/// A9, A99, A9A, AA9, AA99, AA9A; and GIR and NPT, which are of no such form and in the directories.
fn outward_like(outward: &[u8]) -> bool {
    let form: [u8; 4] = std::array::from_fn(|i| match outward.get(i) {
        Some(b) if b.is_ascii_digit() => b'9',
        Some(_) => b'A',
        None => b' ',
    });
    let known: [&[u8; 4]; 6] = [b"A9  ", b"A99 ", b"A9A ", b"AA9 ", b"AA99", b"AA9A"];
    known.contains(&&form) || outward == b"GIR" || outward == b"NPT"
}

impl Postcode {
    /// How many different second parts there are.
    pub(super) const INWARD: u16 = 6760;

    /// The two parts, each as a number that sorts as the text does.
    pub(super) const fn parts(self) -> (u32, u16) {
        (self.outward, self.inward)
    }

    /// Whether it begins with this postcode area, such as `ZE`.
    pub(super) fn is_of(self, area: [u8; 2]) -> bool {
        self.outward.to_be_bytes()[..2] == area
    }
}

// A person's postcode is never printed by accident.
impl fmt::Debug for Postcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Postcode")
    }
}

/// Kinds of pseudo-postcode, `ZZ99` and three characters (NHS Data Dictionary, POSTCODE; the countries as
/// the NHS Wales Data Dictionary and the NHS Postcode Directory list them).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PseudoPostcode {
    /// ZZ99 3VZ.
    NoFixedAbode,
    /// ZZ99 3CZ.
    England,
    /// ZZ99 3WZ.
    NotKnown,
    /// ZZ99 3GZ.
    Wales,
    /// ZZ99 1WZ.
    Scotland,
    /// ZZ99 2WZ.
    NorthernIreland,
    /// ZZ99 3HZ.
    ChannelIslands,
    /// ZZ99 3BZ.
    IsleOfMan,
    /// The code of a country outside the United Kingdom.
    Overseas,
    /// Any other: in no list that we know.
    Other,
}

/// Countries outside the United Kingdom, the Channel Islands and the Isle of Man.
const OVERSEAS: [&[u8; 3]; 52] = [
    b"2AZ", b"2CZ", b"2DZ", b"2EZ", b"2PZ", b"3AZ", b"4BZ", b"4CZ", b"4EZ", b"4FZ", b"4GZ", b"4HZ",
    b"4JZ", b"4LZ", b"4MZ", b"4PZ", b"4QZ", b"4RZ", b"4UZ", b"4XZ", b"4YZ", b"4ZZ", b"5AZ", b"5BZ",
    b"5NZ", b"5QZ", b"5UZ", b"5VZ", b"5XZ", b"5YZ", b"6AZ", b"6GZ", b"6HZ", b"6MZ", b"6RZ", b"6UZ",
    b"7JZ", b"7KZ", b"7LZ", b"7MZ", b"7NZ", b"7PZ", b"7QZ", b"7RZ", b"7SZ", b"7UZ", b"7VZ", b"7XZ",
    b"7YZ", b"7ZZ", b"9SZ", b"9TZ",
];

impl PseudoPostcode {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::NoFixedAbode,
        Self::England,
        Self::NotKnown,
        Self::Wales,
        Self::Scotland,
        Self::NorthernIreland,
        Self::ChannelIslands,
        Self::IsleOfMan,
        Self::Overseas,
        Self::Other,
    ];

    fn of(inward: &[u8]) -> Self {
        match inward {
            b"3VZ" => Self::NoFixedAbode,
            b"3CZ" => Self::England,
            b"3WZ" => Self::NotKnown,
            b"3GZ" => Self::Wales,
            b"1WZ" => Self::Scotland,
            b"2WZ" => Self::NorthernIreland,
            b"3HZ" => Self::ChannelIslands,
            b"3BZ" => Self::IsleOfMan,
            country if OVERSEAS.iter().any(|c| c[..] == *country) => Self::Overseas,
            _ => Self::Other,
        }
    }

    /// Its name, for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoFixedAbode => "no fixed abode",
            Self::England => "England, not otherwise stated",
            Self::NotKnown => "not known",
            Self::Wales => "Wales",
            Self::Scotland => "Scotland",
            Self::NorthernIreland => "Northern Ireland",
            Self::ChannelIslands => "Channel Islands",
            Self::IsleOfMan => "Isle of Man",
            Self::Overseas => "overseas",
            Self::Other => "other",
        }
    }

    /// Whether it says that the person lives outside England: then a figure by English areas does not apply
    /// to them, where otherwise it is not known.
    #[must_use]
    pub const fn is_outside_england(self) -> bool {
        match self {
            Self::NoFixedAbode | Self::England | Self::NotKnown | Self::Other => false,
            Self::Wales
            | Self::Scotland
            | Self::NorthernIreland
            | Self::ChannelIslands
            | Self::IsleOfMan
            | Self::Overseas => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The obvious reading, one character after another, on owned text: what stands without its spaces in
    /// capitals, or nothing.
    fn obvious(text: &str) -> Option<String> {
        if text.chars().count() > MAX_CHARACTERS {
            return None;
        }
        let bare: String = text.to_uppercase().split_whitespace().collect();
        let shapes = ["A9", "A99", "A9A", "AA9", "AA99", "AA9A"].map(|o| format!("{o}9AA"));
        let shape: String = bare
            .chars()
            .map(|c| match c {
                '0'..='9' => '9',
                'A'..='Z' => 'A',
                _ => '?',
            })
            .collect();
        let old = shape.ends_with("9AA") && shape.len() == 6;
        let named = old && (bare.starts_with("GIR") || bare.starts_with("NPT"));
        // A letter that becomes ASCII only in capitals, such as ſ, is no letter of a postcode.
        let plain = text.chars().all(|c| c.is_ascii() || c.is_whitespace());
        (plain && (shapes.contains(&shape) || named)).then_some(bare)
    }

    /// What a postcode was read as, as text.
    fn text_of(postcode: Postcode) -> String {
        let (outward, inward) = postcode.parts();
        let outward: String =
            outward.to_be_bytes().iter().filter(|b| **b != 0).map(|b| char::from(*b)).collect();
        let letter = |n: u16| char::from(b'A' + u8::try_from(n).expect("a letter"));
        format!("{outward}{}{}{}", inward / 676, letter(inward / 26 % 26), letter(inward % 26))
    }

    #[test]
    fn postcodes_are_read_as_people_write_them() {
        for (text, expected) in [
            ("BH15 2JA", Some("BH152JA")),
            ("bh152ja", Some("BH152JA")),
            (" Bh15  2jA ", Some("BH152JA")),
            ("AB1  0AA", Some("AB10AA")),
            ("AB101AA", Some("AB101AA")),
            ("M1 1AE", Some("M11AE")),
            ("M1   1AE", Some("M11AE")),
            ("W1A 0AX", Some("W1A0AX")),
            ("EC1A 1BB", Some("EC1A1BB")),
            ("W1A\u{a0}0AX", Some("W1A0AX")),
            ("B H 1 5 2 J A", Some("BH152JA")),
            ("GIR 0AA", Some("GIR0AA")),
            ("NPT 1AA", Some("NPT1AA")),
            ("ABC 1AA", None),
            // The letter O is not the digit.
            ("M1 OAE", None),
            ("BHI5 2JA", None),
            ("BH15", None),
            ("BH15 2", None),
            ("BH15 2J", None),
            ("BH15 2JAA", None),
            ("BH15-2JA", None),
            ("BH15 2JA.", None),
            ("1H15 2JA", None),
            ("E01000001", None),
            ("9990000001", None),
            ("ＢＨ15 2JA", None),
            ("", None),
            ("   ", None),
        ] {
            let found = match Written::parse(text) {
                Some(Written::Real(postcode)) => Some(text_of(postcode)),
                Some(Written::Pseudo(kind)) => Some(kind.as_str().to_owned()),
                None => None,
            };
            assert_eq!(found.as_deref(), expected, "{text}");
            assert_eq!(obvious(text), found, "{text}");
        }
    }

    #[test]
    fn pseudo_postcodes_are_read_by_kind() {
        use PseudoPostcode as P;
        for (text, kind) in [
            ("ZZ99 3VZ", P::NoFixedAbode),
            ("zz993vz", P::NoFixedAbode),
            ("ZZ99 3CZ", P::England),
            ("ZZ99  3WZ", P::NotKnown),
            ("ZZ993GZ", P::Wales),
            ("ZZ99 1WZ", P::Scotland),
            ("ZZ99 2WZ", P::NorthernIreland),
            ("ZZ99 3HZ", P::ChannelIslands),
            ("ZZ99 3BZ", P::IsleOfMan),
            ("ZZ99 4QZ", P::Overseas),
            ("ZZ99 3AZ", P::Overseas),
            ("ZZ99 9ZZ", P::Other),
            ("ZZ99 BRL", P::Other),
        ] {
            assert_eq!(Written::parse(text), Some(Written::Pseudo(kind)), "{text}");
            let outside = !matches!(kind, P::NoFixedAbode | P::England | P::NotKnown | P::Other);
            assert_eq!(kind.is_outside_england(), outside, "{text}");
        }
        for text in ["ZZ99", "ZZ99 3V", "ZZ99 3VZZ"] {
            assert_eq!(Written::parse(text), None, "{text}");
        }
        for (at, kind) in P::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at, "each has its place");
        }
        let different: std::collections::BTreeSet<_> = OVERSEAS.iter().collect();
        assert_eq!(different.len(), OVERSEAS.len());
    }

    #[test]
    fn nothing_prints_a_postcode() {
        let read = Written::parse("BH15 2JA");
        assert!(!format!("{read:?}").contains("BH"), "{read:?}");
    }

    /// Texts near postcodes: outward and inward parts, spaces, and now and then a character that spoils them.
    fn near() -> impl Strategy<Value = String> {
        let outward = prop_oneof!["[A-Za-z]{1,3}[0-9]{0,2}[A-Za-z]?", "GIR", "npt", "ZZ9[0-9]"];
        (
            outward,
            "[ \u{a0}]{0,3}",
            "[0-9O][A-Za-z]{1,2}[A-Za-z0-9]?",
            prop::option::of(any::<char>()),
        )
            .prop_map(|(outward, space, inward, odd)| {
                let end = odd.map(String::from).unwrap_or_default();
                format!("{outward}{space}{inward}{end}")
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

        #[test]
        fn reading_agrees_with_the_obvious_way(text in prop_oneof![near(), ".{0,18}"]) {
            let bare: String = text.to_uppercase().split_whitespace().collect();
            match Written::parse(&text) {
                Some(Written::Real(postcode)) => {
                    prop_assert_eq!(obvious(&text), Some(text_of(postcode)));
                }
                Some(Written::Pseudo(_)) => {
                    prop_assert!(bare.starts_with("ZZ99") && bare.len() == 7);
                }
                None => {
                    let expected = obvious(&text);
                    prop_assert!(expected.is_none(), "{:?}", expected);
                }
            }
        }

        #[test]
        fn spaces_and_case_make_no_difference_and_nothing_else_is_lost(
            outward in "[A-Y][A-Z]?[0-9]{1,2}", inward in "[0-9][A-Z]{2}", spaces in "[ ]{0,4}",
        ) {
            let plain = Written::parse(&format!("{outward}{inward}"));
            let spaced = Written::parse(&format!(" {}{spaces}{inward} ", outward.to_lowercase()));
            prop_assert_eq!(plain, spaced);
            let Some(Written::Real(postcode)) = plain else { panic!("a postcode") };
            prop_assert_eq!(text_of(postcode), format!("{outward}{inward}"));
        }
    }
}
