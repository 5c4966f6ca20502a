//! Numbers and tables that are invented from a seed.

/// A generator that gives the same numbers everywhere (SplitMix64).
#[derive(Debug, Clone)]
pub(super) struct Draw(u64);

impl Draw {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A place below `most`, which is above 0.
    pub(super) fn below(&mut self, most: usize) -> usize {
        let most = u64::try_from(most).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % most).unwrap_or_default()
    }

    /// From 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number of rare things of which there are so many on average (Knuth's method, in parts of 30).
    pub(super) fn poisson(&mut self, mean: f64) -> u64 {
        let (mut left, mut count) = (mean, 0);
        while left > 0.0 {
            let limit = (-left.min(30.0)).exp();
            let mut product = self.unit();
            while product > limit {
                product *= self.unit();
                count += 1;
            }
            left -= 30.0;
        }
        count
    }

    pub(super) fn shuffle<T>(&mut self, of: &mut [T]) {
        for last in (1..of.len()).rev() {
            of.swap(last, self.below(last + 1));
        }
    }
}

/// The shape of a table: how many categories each dimension has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) sizes: &'static [usize],
}

pub(super) const SHAPES: [Shape; 6] = [
    Shape { name: "2x5", sizes: &[2, 5] },
    Shape { name: "5x6", sizes: &[5, 6] },
    Shape { name: "5x10", sizes: &[5, 10] },
    Shape { name: "5x18", sizes: &[5, 18] },
    Shape { name: "5x6x2", sizes: &[5, 6, 2] },
    Shape { name: "5x6x2x5", sizes: &[5, 6, 2, 5] },
];

/// People in each of the finest cells, on average.
pub(super) const DENSITIES: [f64; 7] = [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0];

/// An invented table: counts and record keys of the finest cells, the last dimension running fastest.
#[derive(Debug, Clone)]
pub(super) struct Invented {
    pub(super) sizes: Vec<usize>,
    pub(super) counts: Vec<u64>,
    pub(super) keys: Vec<u64>,
}

impl Invented {
    /// A table whose categories are of very different sizes: the last of each longer dimension has a few per cent.
    pub(super) fn skewed(sizes: &[usize], density: f64, draw: &mut Draw) -> Self {
        let weights: Vec<Vec<f64>> = sizes
            .iter()
            .map(|&size| {
                let mut own: Vec<f64> = (0..size).map(|_| 0.25 + draw.unit()).collect();
                if size > 2
                    && let Some(last) = own.last_mut()
                {
                    *last = 0.08 + 0.1 * draw.unit();
                }
                let mean = own.iter().sum::<f64>() / real(size);
                own.iter().map(|w| w / mean).collect()
            })
            .collect();
        let size = sizes.iter().product();
        let mut counts = Vec::with_capacity(size);
        for index in 0..size {
            let at = places(sizes, index);
            let share: f64 = weights.iter().zip(&at).map(|(w, p)| w[*p]).product();
            counts.push(draw.poisson(density * share));
        }
        Self::of(sizes, counts, draw)
    }

    pub(super) fn of(sizes: &[usize], counts: Vec<u64>, draw: &mut Draw) -> Self {
        let keys = counts.iter().map(|n| if *n == 0 { 0 } else { draw.next() }).collect();
        Self { sizes: sizes.to_vec(), counts, keys }
    }

    /// The true count of every cell of the table with its totals: place 0 of each dimension is the total.
    pub(super) fn with_totals(&self) -> Vec<u64> {
        let full: Vec<usize> = self.sizes.iter().map(|s| s + 1).collect();
        let mut all = vec![0; full.iter().product()];
        for (index, count) in self.counts.iter().enumerate() {
            let at = places(&self.sizes, index);
            for choice in 0..1_usize << at.len() {
                let place = |(bit, (p, size)): (usize, (&usize, &usize))| {
                    (if choice >> bit & 1 == 1 { p + 1 } else { 0 }, *size)
                };
                let of = at.iter().zip(&full).enumerate().map(place);
                let index = of.fold(0, |n, (p, size)| n * size + p);
                all[index] += count;
            }
        }
        all
    }
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
pub(super) fn real(n: usize) -> f64 {
    n as f64
}

/// The places of a cell, the last dimension running fastest.
pub(super) fn places(sizes: &[usize], mut index: usize) -> Vec<usize> {
    let mut at = vec![0; sizes.len()];
    for (slot, size) in at.iter_mut().zip(sizes).rev() {
        *slot = index % size;
        index /= size;
    }
    at
}
