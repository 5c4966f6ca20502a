//! One draw of randomness for two vectors: the context that each is shared in makes masks of its own of it. The control
//! is one context for both, where what the coordinator sees gives away whose figures are whose. (That it does not with
//! fresh randomness is attack A16.)
//!
//! Chi-square over the lowest byte of what it sees, and of what it can make of that by adding and subtracting, on two
//! sets of figures of the same totals; the randomness is drawn from a fixed seed, so the outcome never varies.

use prio::field::FieldElement;
use prio::vdaf::test_utils::TestVectorClient;
use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::*;
use crate::pool::share::pack;

/// Runs with each of the two sets of figures.
const RUNS: usize = 1_000;
const BYTES: usize = 256;
const LEN: u32 = 2;

/// What prio draws to share with two servers: two seeds for each.
const RANDOM: usize = 128;

/// How many numbers a server's share of the check has: two for each of 14 bits that one call checks, and two more.
const VERIFIERS: usize = 30;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn fill<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        for chunk in out.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes()[..chunk.len()]);
        }
        out
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Build {
    /// One draw for both vectors of a partner, each in its own context.
    OneDraw,
    /// One draw for both vectors in one context: the same mask twice.
    SameMask,
}

/// The figures of two partners in two vectors.
type Figures = [[[u64; LEN as usize]; 2]; 2];

/// Two sets of figures. In each vector the partners' totals are the same in both.
const ONE: Figures = [[[5, 0], [1, 1]], [[0, 7], [4, 2]]];
const TWO: Figures = [[[0, 7], [4, 2]], [[5, 0], [1, 1]]];

struct Seen {
    leader: Vec<Field128>,
    own: Vec<Field128>,
    other: Vec<Field128>,
    message: Vec<u8>,
}

fn elements(bytes: &[u8], count: usize) -> Vec<Field128> {
    let headed = [&[VERSION, 0], bytes].concat();
    let mut reader = Reader::new(&headed, 0).expect("a header");
    reader.elements(count).expect("elements").iter().map(|e| e.0).collect()
}

/// One partner's contribution as it passes the coordinator, and the shares that come of it.
fn contribution(
    pair: &(Aggregator, Aggregator),
    context: &Context,
    values: &[u64],
    nonce: [u8; NONCE_BYTES],
    random: &[u8],
) -> (Seen, OutputShare, OutputShare) {
    let spec = spec(LEN, BITS_20);
    let vdaf = spec.vdaf().expect("a shape");
    let values: Vec<u128> = values.iter().copied().map(u128::from).collect();
    let (public, inputs) =
        vdaf.shard_with_random(&context.sharing(spec), &values, &nonce, random).expect("shared");
    let shared = pack(&nonce, &public, &inputs).expect("packed");
    let (one, first) = pair.0.begin(context, spec, shared.leader()).expect("begun");
    let (other, second) = pair.1.begin(context, spec, shared.helper()).expect("begun");
    let message = join(context, spec, &first, &second).expect("joined");
    // After the header and the hash.
    let verifier = |bytes: &[u8]| elements(&bytes[34..], VERIFIERS);
    let seen = Seen {
        leader: elements(&shared.leader()[INPUT..], 40),
        own: verifier(&first),
        other: verifier(&second),
        message: message.clone(),
    };
    (seen, one.finish(&message).expect("done"), other.finish(&message).expect("done"))
}

/// The lowest byte of everything that is looked at in one run, and the opened totals.
fn run(random: &mut Random, build: Build, figures: &Figures) -> (Vec<u8>, Vec<u64>) {
    let key = VerifyKey::from_bytes(&[7; SEED_BYTES]).expect("a key");
    let pair = (Aggregator::leader(key.clone()), Aggregator::helper(key));
    let spec = spec(LEN, BITS_20);
    let (mut probes, mut totals, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    let mut draws: [Option<[u8; RANDOM]>; 2] = [None, None];
    for vector in 0..2 {
        let place = if build == Build::SameMask { 0 } else { vector };
        let (lock, members) = (Digest::of(b"l"), Digest::of(b"m"));
        let deposit = DepositId::new(&lock, SnapshotVersion::Final, &members, place);
        let mut leader = SumOfShares::empty(Role::Leader, deposit, spec);
        let mut helper = SumOfShares::empty(Role::Helper, deposit, spec);
        for (partner, draw) in draws.iter_mut().enumerate() {
            let used = *draw.get_or_insert_with(|| random.fill::<RANDOM>());
            let context = Context::new(deposit, context(partner).partner().clone());
            let values = &figures[partner][vector as usize];
            let (view, one, other) = contribution(&pair, &context, values, random.fill(), &used);
            leader.add(one).expect("added");
            helper.add(other).expect("added");
            seen.push(view);
        }
        let own = leader.select(&[0, 1]).expect("selected");
        let sent = helper.select(&[0, 1]).expect("selected");
        totals.extend_from_slice(crate::pool::open(&own, &sent).expect("opened").opened());
        let sent = sent.to_bytes().expect("bytes");
        probes.extend(elements(&sent[sent.len() - 2 * ELEMENT_BYTES..], 2));
    }
    let [a, b, c, _] = &seen[..] else { panic!("two partners, two vectors") };
    // Bits 0 and 2 of the first figure differ between the two sets; `a` and `c` are one partner's two vectors.
    for bit in [0, 2, 20] {
        let one = a.leader[bit];
        probes.extend([one, one - b.leader[bit], one - c.leader[bit]]);
    }
    for at in [0, 1, 2, VERIFIERS - 1] {
        probes.extend([a.own[at], a.other[at]]);
    }
    // The check itself, which both servers see: its first number is 0 for whatever is in order.
    assert!(a.own[0] + a.other[0] == Field128::zero());
    for at in [1, 2, 7, VERIFIERS - 1] {
        probes.push(a.own[at] + a.other[at]);
    }
    let mut bytes: Vec<u8> = probes.iter().map(|e| e.get_encoded().expect("bytes")[0]).collect();
    bytes.push(a.message[2]);
    (bytes, totals)
}

/// P-values of all probes under "both sets look the same", and under "each byte is as frequent as any other".
fn p_values(build: Build, runs: usize) -> Vec<f64> {
    let mut counts: Vec<[[u32; BYTES]; 2]> = Vec::new();
    let mut random = Random(20_261_122);
    for _ in 0..runs {
        let (one, first) = run(&mut random, build, &ONE);
        let (two, second) = run(&mut random, build, &TWO);
        // The same totals, or there would be nothing to compare.
        assert_eq!(first, second);
        counts.resize(one.len(), [[0; BYTES]; 2]);
        for (count, (one, two)) in counts.iter_mut().zip(one.into_iter().zip(two)) {
            count[0][usize::from(one)] += 1;
            count[1][usize::from(two)] += 1;
        }
    }
    let tail = |statistic: f64, degrees: f64| ChiSquared::new(degrees).expect("df").sf(statistic);
    let expected = (2 * runs) as f64 / BYTES as f64;
    let both = |[one, two]: &[[u32; BYTES]; 2]| {
        let pairs = || one.iter().zip(two).map(|(a, b)| (f64::from(*a), f64::from(*b)));
        let used = || pairs().filter(|(a, b)| a + b > 0.0);
        let same: f64 = used().map(|(a, b)| (a - b).powi(2) / (a + b)).sum();
        let even: f64 = pairs().map(|(a, b)| (a + b - expected).powi(2) / expected).sum();
        [tail(same, used().count().max(2) as f64 - 1.0), tail(even, BYTES as f64 - 1.0)]
    };
    counts.iter().flat_map(both).collect()
}

/// The least p-value, times how many there are (Bonferroni).
fn least(build: Build, runs: usize) -> f64 {
    let all = p_values(build, runs);
    all.iter().fold(1.0, |least: f64, p| least.min(*p)) * all.len() as f64
}

#[test]
fn a_mask_that_is_used_twice_is_found() {
    let p = least(Build::SameMask, RUNS);
    assert!(p < 1e-12, "{p}");
}

#[test]
fn the_context_alone_makes_masks_differ() {
    let p = least(Build::OneDraw, RUNS);
    assert!(p > 0.01, "{p}");
}
