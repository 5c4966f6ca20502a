//! The small area of every postcode, in four bytes a postcode: postcodes are grouped by their first part, so
//! that only the second part (13 bits) and the number of an area in a list of areas (16 bits) are kept of each.

use std::fmt;

use super::lsoa::{LsoaCode, Residence};
use super::postcode::Postcode;

/// The first bytes of the stored form.
const MAGIC: &[u8; 16] = b"EVENSUM POSTCODE";

/// In the directory, and in no area that it names: an English postcode without a grid reference.
const NO_AREA: u16 = 0;

/// In the directory, outside England.
const OUTSIDE: u16 = 1;

/// Area numbers from here on are places in the list of areas.
const FIRST_AREA: u16 = 2;

/// The most different areas that a table can hold: twice as many as England has.
pub const MAX_AREAS: usize = (u16::MAX - FIRST_AREA) as usize;

/// What a directory says of a postcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// It lies there.
    At(Residence),
    /// It is a postcode, and the directory names no area for it.
    NoArea,
    /// It is not in the directory.
    Not,
}

/// Postcodes, and the area of each on one census.
#[derive(Clone, PartialEq, Eq)]
pub struct PostcodeTable {
    /// First parts in order, each with the end of its postcodes in the two columns below.
    outwards: Vec<(u32, u32)>,
    inwards: Vec<u16>,
    areas: Vec<u16>,
    lsoas: Vec<LsoaCode>,
}

impl PostcodeTable {
    /// Takes postcodes in order, each of them once. `None` where there are more than [`MAX_AREAS`].
    pub(super) fn new(rows: impl Iterator<Item = (Postcode, Option<Residence>)>) -> Option<Self> {
        let mut table = Self {
            outwards: Vec::new(),
            inwards: Vec::new(),
            areas: Vec::new(),
            lsoas: Vec::new(),
        };
        let mut homes = Vec::new();
        for (postcode, home) in rows {
            let (outward, inward) = postcode.parts();
            table.inwards.push(inward);
            let end = u32::try_from(table.inwards.len()).ok()?;
            match table.outwards.last_mut() {
                Some((last, until)) if *last == outward => *until = end,
                _ => table.outwards.push((outward, end)),
            }
            homes.push(home);
        }
        table.lsoas = homes
            .iter()
            .filter_map(|home| match home {
                Some(Residence::England(code)) => Some(*code),
                _ => None,
            })
            .collect();
        table.lsoas.sort_unstable();
        table.lsoas.dedup();
        table.lsoas.shrink_to_fit();
        if table.lsoas.len() > MAX_AREAS {
            return None;
        }
        let number = |home| match home {
            None => Some(NO_AREA),
            Some(Residence::Elsewhere) => Some(OUTSIDE),
            Some(Residence::England(code)) => {
                let at = table.lsoas.binary_search(&code).ok()?;
                u16::try_from(at).ok()?.checked_add(FIRST_AREA)
            }
        };
        table.areas = homes.into_iter().map(number).collect::<Option<_>>()?;
        Some(table)
    }

    /// What it says of a postcode.
    #[must_use]
    pub fn find(&self, postcode: Postcode) -> Listed {
        let (outward, inward) = postcode.parts();
        let Ok(group) = self.outwards.binary_search_by_key(&outward, |(o, _)| *o) else {
            return Listed::Not;
        };
        let place = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        let start = group.checked_sub(1).map_or(0, |before| place(self.outwards[before].1));
        let end = place(self.outwards[group].1);
        let found = self.inwards.get(start..end).and_then(|i| i.binary_search(&inward).ok());
        match found.and_then(|at| self.areas.get(start + at)) {
            None => Listed::Not,
            Some(&NO_AREA) => Listed::NoArea,
            Some(&OUTSIDE) => Listed::At(Residence::Elsewhere),
            Some(area) => self
                .lsoas
                .get(usize::from(area - FIRST_AREA))
                .map_or(Listed::NoArea, |code| Listed::At(Residence::England(*code))),
        }
    }

    /// How many postcodes it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.inwards.len()
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.inwards.is_empty()
    }

    /// How many areas of England occur in it.
    #[must_use]
    pub const fn english_areas(&self) -> usize {
        self.lsoas.len()
    }

    /// The stored form: lengths, then the four columns one after another, little-endian.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.reserve(self.size());
        for length in [self.outwards.len(), self.inwards.len(), self.lsoas.len()] {
            out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        }
        for (outward, end) in &self.outwards {
            out.extend_from_slice(&outward.to_le_bytes());
            out.extend_from_slice(&end.to_le_bytes());
        }
        self.inwards.iter().for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
        self.areas.iter().for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
        self.lsoas.iter().for_each(|code| out.extend_from_slice(&code.number().to_le_bytes()));
        out
    }

    /// The bytes that the columns take.
    fn size(&self) -> usize {
        self.outwards.len() * 8
            + self.inwards.len() * 2
            + self.areas.len() * 2
            + self.lsoas.len() * 4
    }

    /// Reads the stored form; `None` where the bytes are none, or their parts contradict each other.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        let mut length = || usize::try_from(u32s(&mut rest, 1)?.next()?).ok();
        let (groups, postcodes, areas) = (length()?, length()?, length()?);
        let mut pairs = u32s(&mut rest, groups.checked_mul(2)?)?;
        let outwards: Vec<_> = std::iter::from_fn(|| pairs.next().zip(pairs.next())).collect();
        let inwards: Vec<u16> = u16s(&mut rest, postcodes)?.collect();
        let numbers: Vec<u16> = u16s(&mut rest, postcodes)?.collect();
        let lsoas: Option<Vec<_>> = u32s(&mut rest, areas)?.map(LsoaCode::numbered).collect();
        let table = Self { outwards, inwards, areas: numbers, lsoas: lsoas? };
        let whole = rest.is_empty()
            && table.outwards.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1)
            && table.outwards.last().map_or(0, |last| last.1) == u32::try_from(postcodes).ok()?
            && table.inwards.iter().all(|n| *n < Postcode::INWARD)
            && table.areas.iter().all(|n| usize::from(*n) < areas + usize::from(FIRST_AREA));
        whole.then_some(table)
    }
}

impl fmt::Debug for PostcodeTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostcodeTable({} postcodes)", self.len())
    }
}

/// Takes so many numbers from the front.
fn u16s<'a>(rest: &mut &'a [u8], count: usize) -> Option<impl Iterator<Item = u16> + use<'a>> {
    let (taken, left) = rest.split_at_checked(count.checked_mul(2)?)?;
    *rest = left;
    Some(taken.as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b)))
}

fn u32s<'a>(rest: &mut &'a [u8], count: usize) -> Option<impl Iterator<Item = u32> + use<'a>> {
    let (taken, left) = rest.split_at_checked(count.checked_mul(4)?)?;
    *rest = left;
    Some(taken.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::postcode::Written;
    use super::*;

    fn postcode(text: &str) -> Postcode {
        match Written::parse(text) {
            Some(Written::Real(postcode)) => postcode,
            _ => panic!("{text} is no postcode"),
        }
    }

    fn home(area: u32) -> Option<Residence> {
        match area {
            0 => None,
            1 => Some(Residence::Elsewhere),
            n => LsoaCode::numbered(n).map(Residence::England),
        }
    }

    proptest! {
        /// Against a map: what is in is found, and what is not is not, before and after it was stored.
        #[test]
        fn a_table_says_what_a_map_says(
            rows in prop::collection::btree_map("[A-C][A-B]?[0-9]{1,2}[0-2][A-C]{2}", 0_u32..9, 0..200),
            others in prop::collection::vec("[A-C][A-B]?[0-9]{1,2}[0-2][A-C]{2}", 0..50),
        ) {
            let map: BTreeMap<Postcode, Option<Residence>> =
                rows.iter().map(|(text, area)| (postcode(text), home(*area))).collect();
            let table = PostcodeTable::new(map.iter().map(|(p, h)| (*p, *h))).expect("few areas");
            let bytes = table.to_bytes();
            let again = PostcodeTable::from_bytes(&bytes).expect("its own form");
            prop_assert_eq!(&again, &table);
            for text in rows.keys().chain(&others) {
                let expected = match map.get(&postcode(text)) {
                    None => Listed::Not,
                    Some(None) => Listed::NoArea,
                    Some(Some(home)) => Listed::At(*home),
                };
                prop_assert_eq!(again.find(postcode(text)), expected, "{}", text);
            }
        }

        #[test]
        fn bytes_that_are_no_table_are_none_and_never_a_panic(
            at in 0_usize..200, value in any::<u8>(), cut in 0_usize..200,
        ) {
            let rows = ["AB1 0AA", "AB1 0AB", "BH15 2JA", "ZE3 9JZ"];
            let table = PostcodeTable::new(rows.iter().zip(0..).map(|(p, n)| (postcode(p), home(n))));
            let mut bytes = table.expect("few areas").to_bytes();
            let cut = cut.min(bytes.len() - 1);
            prop_assert_eq!(PostcodeTable::from_bytes(&bytes[..cut]), None);
            let at = at % bytes.len();
            bytes[at] = value;
            if let Some(table) = PostcodeTable::from_bytes(&bytes) {
                let found = rows.iter().filter(|row| table.find(postcode(row)) != Listed::Not);
                prop_assert!(found.count() <= table.len());
            }
        }
    }

    #[test]
    fn a_postcode_takes_four_bytes() {
        let rows = (0..100_u32).flat_map(|district| {
            (0..6760_u32).map(move |n| {
                let letter = |n: u32| char::from(b'A' + u8::try_from(n).expect("a letter"));
                let (sector, first, second) = (n / 676, letter(n / 26 % 26), letter(n % 26));
                let text = format!("AB{district:02}{sector}{first}{second}");
                (postcode(&text), home(2 + district * 50 + n % 50))
            })
        });
        let table = PostcodeTable::new(rows).expect("few areas");
        assert_eq!((table.len(), table.english_areas()), (676_000, 5_000));
        assert!(table.size() < 5 * table.len(), "{} bytes", table.size());
        assert_eq!(table.to_bytes().len(), MAGIC.len() + 12 + table.size());
    }

    #[test]
    fn more_areas_than_numbers_are_refused() {
        let rows = |count: usize| {
            let texts = (0..count).map(|n| {
                let letter = |n: usize| char::from(b'A' + u8::try_from(n % 26).expect("a letter"));
                format!("A{}{}{}{}", n / 6760, n / 676 % 10, letter(n / 26), letter(n))
            });
            PostcodeTable::new(texts.zip(2..).map(|(text, n)| (postcode(&text), home(n))))
        };
        assert_eq!(rows(MAX_AREAS).map(|t| t.english_areas()), Some(MAX_AREAS));
        assert_eq!(rows(MAX_AREAS + 1), None);
    }
}
