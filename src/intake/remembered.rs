//! What fields mean, as far as it was worked out before. Most columns have few different texts, and those are
//! short: they stand in a table of fixed places, where finding one touches a single place of memory.

use std::collections::HashMap;

/// The most places of the table; more than there are dates of birth or small areas of one partner.
const PLACES: usize = 1 << 16;
/// Those that it starts with: most columns have few different texts, and there are many columns.
const FIRST_PLACES: usize = 1 << 8;
/// How many times as many it has when it is half full.
const GROWS: usize = 4;
/// The longest text that has a place there, in bytes.
const SHORT: usize = 15;

/// Meanings of fields by their text.
pub(super) struct Remembered<T> {
    /// Short texts, each in the place that follows from it. Another that falls there puts it out.
    table: Vec<(u128, Option<T>)>,
    all: HashMap<Box<[u8]>, T>,
}

impl<T: Copy> Remembered<T> {
    pub(super) fn new() -> Self {
        Self { table: vec![(0, None); FIRST_PLACES], all: HashMap::new() }
    }

    /// Texts that are remembered.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&mut self, text: &[u8]) -> Option<T> {
        let Some(key) = key(text) else { return self.all.get(text).copied() };
        let at = place(key, self.table.len());
        let place = &mut self.table[at];
        if place.0 == key && place.1.is_some() {
            return place.1;
        }
        let found = self.all.get(text).copied()?;
        *place = (key, Some(found));
        Some(found)
    }

    pub(super) fn insert(&mut self, text: &[u8], meaning: T) {
        self.all.insert(text.into(), meaning);
        if self.all.len() * 2 > self.table.len() && self.table.len() < PLACES {
            // Texts find their new places as they come again.
            self.table = vec![(0, None); self.table.len() * GROWS];
        }
    }
}

/// A short text and its length as one number.
fn key(text: &[u8]) -> Option<u128> {
    let mut bytes = [0; SHORT + 1];
    bytes.get_mut(..text.len()).filter(|_| text.len() <= SHORT)?.copy_from_slice(text);
    bytes[SHORT] = u8::try_from(text.len()).ok()?;
    Some(u128::from_le_bytes(bytes))
}

/// The place of a key among so many, which are a power of two.
fn place(key: u128, places: usize) -> usize {
    // Multiplying by an odd number spreads what differs in any byte over the highest bits. Who chooses texts
    // that meet in one place makes their own load slower, and nothing else.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let [low, high] = [key as u64, (key >> 64) as u64];
    let mixed = (low.wrapping_mul(SPREAD) ^ high).wrapping_mul(SPREAD);
    usize::try_from(mixed >> (u64::BITS - places.ilog2())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Texts that differ in noughts at their end, that meet in a place, that are too long for one.
        #[test]
        fn it_remembers_what_a_map_does(
            texts in prop::collection::vec((prop::collection::vec(0_u8..3, 0..19), any::<u32>()), 0..200),
        ) {
            let (mut remembered, mut map) = (Remembered::new(), HashMap::new());
            for (text, meaning) in &texts {
                prop_assert_eq!(remembered.get(text), map.get(text).copied());
                if !map.contains_key(text) {
                    remembered.insert(text, *meaning);
                    map.insert(text.clone(), *meaning);
                }
            }
            for (text, meaning) in &map {
                prop_assert_eq!(remembered.get(text), Some(*meaning));
            }
            prop_assert_eq!(remembered.len(), map.len());
        }
    }

    #[test]
    fn two_texts_in_one_place_keep_their_meanings() {
        let mut remembered = Remembered::new();
        for number in 0..3 * PLACES {
            remembered.insert(number.to_string().as_bytes(), number);
        }
        for number in (0..3 * PLACES).chain(0..PLACES) {
            assert_eq!(remembered.get(number.to_string().as_bytes()), Some(number));
        }
    }
}
