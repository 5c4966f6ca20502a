//! Numbers that look random and are the same for everybody who repeats the test.

/// SplitMix64 (Steele, Lea and Flood 2014) from a constant seed.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new() -> Self {
        Self(0x005E_ED0F_E7E4_5EED)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`, or 0 where `n` is 0. The bias of the multiplication is below 2^-32 and does not matter.
    pub(super) fn below(&mut self, n: usize) -> usize {
        // Less than `n` whatever is drawn, and `n` is a length.
        (((self.next() >> 32) * n as u64) >> 32) as usize
    }
}
