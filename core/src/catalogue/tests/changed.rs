//! Definitions that nobody would write: good ones, changed at random from a seed. The loader gives a catalogue or an error,
//! soon. The body takes bytes, so that a fuzzer can call it as well.

use std::time::{Duration, Instant};

use super::super::*;
use super::refusals::OWN;

/// The longest that one input may take, on a slow machine and unoptimised.
const SOON: Duration = Duration::from_secs(20);
/// Pieces that mean something to the loader.
const PIECES: [&str; 20] = [
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'''",
    "=",
    "\n",
    "[[dataset]]\n",
    "[[indicator]]\n",
    "\\u0000",
    "\u{feff}",
    "-1",
    "nan",
    "all",
    "true",
    ", ",
    "99999999999999999999",
    "#",
    "unknown",
];

/// Reads bytes as the only file of definitions; whether it is a catalogue.
fn body(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    match Catalogue::read(&[("own.toml", &text)]) {
        Ok(catalogue) => {
            let whole = |i: &Indicator| {
                catalogue.definition_hash(&i.id).is_ok() && catalogue.dataset(&i.dataset).is_ok()
            };
            assert!(catalogue.indicators().iter().all(whole));
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

/// Numbers that look random and are always the same (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (limit.max(1) as u64)).expect("a place")
    }
}

fn changed(good: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        let end = bytes.len().min(at + random.below(40));
        match random.below(5) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let again = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                drop(bytes.splice(to..to, again));
            }
            3 => drop(bytes.splice(at..at, PIECES[random.below(PIECES.len())].bytes())),
            _ => bytes[at] = b"0123456789abz\"_{}[],."[random.below(21)],
        }
    }
    bytes
}

#[test]
fn no_definition_makes_the_loader_panic_or_hang() {
    assert!(body(OWN.as_bytes()), "the text itself is good");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut taken = 0;
    for _ in 0..1_500 {
        let bytes = changed(OWN.as_bytes(), &mut random);
        let before = Instant::now();
        taken += usize::from(body(&bytes));
        let took = before.elapsed();
        assert!(took < SOON, "{took:?} for {:?}", String::from_utf8_lossy(&bytes));
    }
    assert!((30..1_400).contains(&taken), "some are taken and some are refused: {taken}");
    // Each file of the built-in catalogue is of another form; by itself most lack something.
    for (_, text) in builtin::FILES {
        for _ in 0..12 {
            let _ = body(&changed(text.as_bytes(), &mut random));
        }
    }
    for deep in ["[", "{a=", "[[a]]\n", "a.", "[[dataset]]\n", "\"", "x = \"\\u"] {
        assert!(!body(deep.repeat(20_000).as_bytes()), "{deep}");
    }
}
