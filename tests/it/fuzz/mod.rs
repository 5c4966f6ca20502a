//! Texts that nobody would write: a corpus of good ones, changed at random from a seed. What reads them gives a value or an
//! error, soon. The bodies take bytes, so that a fuzzer can call them as well.

mod mapping;

use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The longest that one input may take, on a slow machine and unoptimised.
const SOON: Duration = Duration::from_secs(20);
/// Pieces that mean something to one of the readers.
const PIECES: [&[u8]; 24] = [
    b"[",
    b"]",
    b"{",
    b"}",
    b"\"",
    b"'''",
    b"=",
    b"\n",
    b"[[dataset]]\n",
    b"[columns]\n",
    b"[codes.sex]\n",
    b"\\u0000",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"99999999999999999999",
    b"-1",
    b"nan",
    b"1e400",
    b"all",
    b"true",
    b"%Y%m%d",
    b"..",
    b"#",
    b"\0",
];

/// Changes some bytes: turns bits, takes away, repeats, puts pieces in, cuts the end off.
fn changed(good: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..random.random_range(1..=6) {
        let at = random.random_range(0..=bytes.len());
        let end = bytes.len().min(at + random.random_range(0..40));
        match random.random_range(0..6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let again = bytes[at..end].to_vec();
                let to = random.random_range(0..=bytes.len());
                drop(bytes.splice(to..to, again));
            }
            3 => {
                let piece = PIECES[random.random_range(0..PIECES.len())];
                drop(bytes.splice(at..at, piece.iter().copied()));
            }
            4 if at < bytes.len() => bytes[at] = random.random(),
            _ if random.random_range(0..20) == 0 => bytes.truncate(at),
            _ => {}
        }
    }
    bytes
}

/// Hands a corpus and changes of it to a body, which must neither panic nor take long. Says how many it took.
fn run(seed: u64, corpus: &[Vec<u8>], changes: usize, body: &dyn Fn(&[u8]) -> bool) -> usize {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut refused = 0;
    for good in corpus {
        assert!(body(good), "the corpus itself is good");
        for _ in 0..changes {
            let bytes = changed(good, &mut random);
            let before = Instant::now();
            refused += usize::from(!body(&bytes));
            let took = before.elapsed();
            assert!(took < SOON, "{took:?} for {:?}", String::from_utf8_lossy(&bytes));
        }
    }
    refused
}
