//! Files of rows whose bytes were changed by somebody who has the key: what reads them gives rows or an error. (Without the
//! key nothing is decoded at all.)

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::*;

/// Decodes bytes as the file of a manifest; whether they are one.
fn body(bytes: Vec<u8>, manifest: &Manifest) -> bool {
    match file::decode(bytes, manifest.clone()) {
        Ok(snapshot) => {
            // What was accepted holds together.
            let columns = snapshot.columns().iter().map(|c| c.codes().len());
            let measures = snapshot.measures().iter().map(|m| m.values.len());
            columns.chain(measures).all(|len| len == snapshot.len())
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

fn below(random: &mut ChaCha8Rng, limit: usize) -> usize {
    usize::try_from(random.next_u64() % (limit as u64)).expect("a place")
}

#[test]
fn no_file_of_rows_makes_the_reader_panic() {
    let (_home, dir) = home();
    let manifest = write(&dir, &small(), &key()).expect("written");
    let good = fs::read(dir.join(&manifest.file)).expect("read");
    assert!(body(good.clone(), &manifest));
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let mut refused = 0;
    for _ in 0..1_200 {
        let mut bytes = good.clone();
        for _ in 0..1 + below(&mut random, 3) {
            let at = below(&mut random, bytes.len());
            match below(&mut random, 4) {
                0 => bytes[at] ^= 1 << below(&mut random, 8),
                1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][below(&mut random, 5)],
                2 => {
                    let end = bytes.len().min(at + below(&mut random, 16));
                    drop(bytes.drain(at..end));
                }
                _ => {
                    let number = [u32::MAX, 0, 1 << 31, 1 << 16][below(&mut random, 4)];
                    let end = bytes.len().min(at + 4);
                    bytes[at..end].copy_from_slice(&number.to_le_bytes()[..end - at]);
                }
            }
        }
        refused += usize::from(!body(bytes, &manifest));
    }
    assert!(refused > 300, "{refused}");
    for cut in 0..good.len() {
        assert!(!body(good[..cut].to_vec(), &manifest), "cut off at {cut}");
    }
}
