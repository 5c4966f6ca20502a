//! A16. Contributions that are altered, sent again, or made by hand so that they hold what no table may hold.

use prio::codec::{Decode, Encode};
use prio::field::Field128;

use super::super::invented::Draw;
use super::super::{AdversaryError, Attack, CONTROL, Finding, Tally};
use super::{
    Context, DEPOSIT, DepositId, MASKS, Servers, VectorSpec, needs, ods, share, sums, vector,
};
use crate::model::{Digest, SnapshotVersion};
use crate::pool::{BITS_20, BITS_24, Masked, Members, PoolError, Role, SealKey, Shared, open};

/// Counts of a contribution, and how many ways of altering there are.
const COUNTS: u32 = 5;
const WAYS: usize = 20;
/// Ways with masks.
const WAYS_OF_MASKS: usize = 6;
/// Where the coordinator's share of the first bit begins, and how long it is.
const FIRST_BIT: usize = 82;
const ELEMENT: usize = 16;
/// Where masked figures name the vector that they are of.
const VECTOR: std::ops::Range<usize> = 2..34;
const SHAPE: &str = "contributions that are altered, sent again or made by hand";

fn counts(draw: &mut Draw) -> Vec<u64> {
    // The first is even, so that one fewer is below zero in its lowest bit.
    let mut all: Vec<u64> = (0..COUNTS).map(|_| draw.below(8) as u64).collect();
    all[0] -= all[0] % 2;
    all
}

fn flipped(bytes: &[u8], draw: &mut Draw) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = draw.below(bytes.len());
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << draw.below(8);
    }
    bytes
}

/// The coordinator's part with so much added to the share of one bit.
fn with_bit(part: &[u8], bit: usize, by: Field128) -> Result<Vec<u8>, AdversaryError> {
    let mut out = part.to_vec();
    let at = FIRST_BIT + bit * ELEMENT;
    let bytes = out.get_mut(at..at + ELEMENT).ok_or(AdversaryError::Needs("a contribution"))?;
    let old = needs(Field128::get_decoded(bytes), "a contribution")?;
    bytes.copy_from_slice(&needs((old + by).get_encoded(), "a contribution")?);
    Ok(out)
}

/// A contribution that is in order, and what it is bound to.
struct Sound {
    servers: Servers,
    spec: VectorSpec,
    context: Context,
    counts: Vec<u64>,
    shared: Shared,
}

impl Sound {
    fn new(draw: &mut Draw) -> Result<Self, AdversaryError> {
        let (spec, counts) = (VectorSpec::new(COUNTS, BITS_24)?, counts(draw));
        let context = Context::new(vector(b"round", 0), ods("ZA00")?);
        let shared = share(&context, spec, &counts)?;
        Ok(Self { servers: Servers::new()?, spec, context, counts, shared })
    }

    /// Whether both servers take two parts, in this context or another.
    fn taken(&self, context: &Context, parts: (&[u8], &[u8])) -> bool {
        self.servers.check(context, self.spec, parts, |_, _| ()).is_ok()
    }

    fn parts(&self) -> (&[u8], &[u8]) {
        (self.shared.leader(), self.shared.helper())
    }

    /// Whether it is taken when it was altered in one way.
    fn altered(&self, way: usize, draw: &mut Draw) -> Result<bool, AdversaryError> {
        let (leader, helper) = self.parts();
        let own = &self.context;
        let other = |deposit: DepositId| Context::new(deposit, own.partner().clone());
        let changed = |bit, by| -> Result<bool, AdversaryError> {
            let bad = with_bit(leader, bit, by)?;
            Ok(self.taken(own, (&bad, helper)))
        };
        let (one, two) = (Field128::from(1), Field128::from(1 << 60));
        let set = (0..24).find(|bit| self.counts[1] >> bit & 1 == 1).map_or(1, |bit| 24 + bit);
        Ok(match way {
            0 => self.taken(own, (&flipped(leader, draw), helper)),
            1 => self.taken(own, (leader, &flipped(helper, draw))),
            2..=4 => {
                let flip = |at: usize, bytes: &mut Vec<u8>| {
                    if at + 2 == way {
                        *bytes = flipped(bytes, draw);
                    }
                };
                self.servers.check(own, self.spec, self.parts(), flip).is_ok()
            }
            5 | 6 => self.sealed(way == 5, draw)?,
            7 => self.taken(&Context::new(own.deposit(), ods("ZA01")?), self.parts()),
            8 => self.taken(&other(vector(b"round", 1)), self.parts()),
            9 => self.taken(&other(vector(b"another round", 0)), self.parts()),
            10 | 11 => {
                let (lock, version, members) = match way {
                    10 => (b"round", SnapshotVersion::Restated, &b"members"[..]),
                    _ => (b"round", SnapshotVersion::Final, &b"other members"[..]),
                };
                let id = DepositId::new(&Digest::of(lock), version, &Digest::of(members), 0);
                self.taken(&other(id), self.parts())
            }
            12 => changed(0, -one)?,
            13 => changed(set, one)?,
            14 => changed(draw.below(24 * COUNTS as usize), two)?,
            15 => {
                // As many bits in all, of figures that are too large.
                let wide = VectorSpec::new(COUNTS + 1, BITS_20)?;
                let large = share(own, wide, &vec![wide.max(); COUNTS as usize + 1])?;
                self.taken(own, (large.leader(), large.helper()))
            }
            16 | 17 => {
                let again = share(own, self.spec, &self.counts)?;
                let halves = [(leader, again.helper()), (again.leader(), helper)];
                self.taken(own, halves[way - 16])
            }
            18 => self.twice()?,
            _ => self.apart()?,
        })
    }

    /// Whether a sealed part is opened that was altered, or that was sealed for the other server.
    fn sealed(&self, alter: bool, draw: &mut Draw) -> Result<bool, AdversaryError> {
        let (key, leader) = (SealKey::generate()?, self.shared.leader());
        let sealed = key.public().seal(&self.context.sealing(Role::Leader), leader)?;
        let (bytes, role) = match alter {
            true => (flipped(sealed.as_bytes(), draw), Role::Leader),
            false => (sealed.into_bytes(), Role::Helper),
        };
        let read = crate::pool::Sealed::from_bytes(bytes);
        Ok(read.is_ok_and(|read| key.open(&read, &self.context.sealing(role)).is_ok()))
    }

    /// Whether a partner's contribution is added a second time.
    fn twice(&self) -> Result<bool, AdversaryError> {
        let [mut leader, mut helper] = sums(self.context.deposit(), self.spec);
        let check = || self.servers.check(&self.context, self.spec, self.parts(), |_, _| ());
        let (once, again) = (check()?, check()?);
        leader.add(once.leader)?;
        helper.add(once.helper)?;
        Ok(leader.add(again.leader).is_ok() || helper.add(again.helper).is_ok())
    }

    /// Whether totals are opened for which the second server added up one partner more.
    fn apart(&self) -> Result<bool, AdversaryError> {
        let [mut leader, mut helper] = sums(self.context.deposit(), self.spec);
        let passed = self.servers.check(&self.context, self.spec, self.parts(), |_, _| ())?;
        leader.add(passed.leader)?;
        helper.add(passed.helper)?;
        let other = Context::new(self.context.deposit(), ods("ZA01")?);
        let (_, more) = self.servers.contribution(&other, self.spec, &self.counts)?;
        helper.add(more.helper)?;
        Ok(open(&leader.select(&[0])?, &helper.select(&[0])?).is_ok())
    }
}

fn told_of(against: &str, mut tally: Tally, sound: bool, told: &mut dyn FnMut(Finding)) {
    tally.refused = tally.cells - tally.exact;
    let held = sound && tally.exact == 0;
    let note = format!("{} of {} were taken", tally.exact, tally.cells);
    told(tally.finding(Attack::A16, against, SHAPE, held).noted(note));
}

/// Everything that can be done to a contribution to the two-server sum.
pub(super) fn deposit(
    n: usize,
    draw: &mut Draw,
    told: &mut dyn FnMut(Finding),
) -> Result<(), AdversaryError> {
    let (mut tally, mut sound) = (Tally::default(), true);
    for number in 0..n.max(WAYS) {
        let own = Sound::new(draw)?;
        sound &= own.taken(&own.context, own.parts());
        tally.cells += 1;
        tally.exact += usize::from(own.altered(number % WAYS, draw)?);
    }
    told_of(DEPOSIT, tally, sound, told);
    // The servers add up whatever they are sent: a partner takes away as many as the others have.
    let mut tally = Tally { cells: n, ..Tally::default() };
    for _ in 0..n {
        let (others, mask) = (1 + draw.below(7) as u64, Field128::from(u128::from(draw.next())));
        let below = -Field128::from(u128::from(others));
        let sum = (Field128::from(u128::from(others)) - mask) + mask + below;
        tally.exact += usize::from(u128::from(sum) == 0);
    }
    let broke = tally.exact == n;
    let against = format!("{CONTROL}shares that nobody checks");
    told(tally.finding(Attack::A16, against, "counts below zero", broke));
    Ok(())
}

/// Everything that the sum without a second server finds. What a member makes of its own words, it does not: who alters
/// them spoils the sum, and learns nothing.
pub(super) fn masks(
    members: &Members,
    keys: &[SealKey],
    n: usize,
    draw: &mut Draw,
    told: &mut dyn FnMut(Finding),
) -> Result<(), AdversaryError> {
    let (mut tally, mut sound) = (Tally::default(), true);
    let spec = VectorSpec::new(COUNTS, BITS_24)?;
    for number in 0..n.max(WAYS_OF_MASKS) {
        let name = draw.next().to_be_bytes();
        let [deposit, other] = [0, 1].map(|at| vector(&name, at));
        let counts = counts(draw);
        let mask = |key: &SealKey, id| members.mask(key, id, spec, &counts);
        let all = keys.iter().map(|key| mask(key, deposit)).collect::<Result<Vec<_>, _>>()?;
        sound &= members.unmask_sum(deposit, spec, &all).is_ok();
        let (at, mut bad) = (draw.below(all.len()), all.clone());
        let taken = match number % WAYS_OF_MASKS {
            0 => {
                bad.remove(at);
                members.unmask_sum(deposit, spec, &bad).is_ok()
            }
            1 => {
                bad[at] = all[(at + 1) % all.len()].clone();
                members.unmask_sum(deposit, spec, &bad).is_ok()
            }
            2 => {
                bad.swap(at, (at + 1) % all.len());
                members.unmask_sum(deposit, spec, &bad).is_ok()
            }
            3 => members.unmask_sum(other, spec, &bad).is_ok(),
            4 => {
                bad[at] = as_of(&mask(&keys[at], other)?, deposit)?;
                members.unmask_sum(deposit, spec, &bad).is_ok()
            }
            _ => {
                let large = vec![spec.max() + 1; COUNTS as usize];
                members.mask(&keys[at], deposit, spec, &large) != Err(PoolError::Value)
            }
        };
        tally.cells += 1;
        tally.exact += usize::from(taken);
    }
    told_of(MASKS, tally, sound, told);
    Ok(())
}

/// Masked figures that say they are of another vector.
fn as_of(masked: &Masked, deposit: DepositId) -> Result<Masked, AdversaryError> {
    let mut bytes = masked.to_bytes();
    let named = bytes.get_mut(VECTOR).ok_or(AdversaryError::Needs("masked figures"))?;
    named.copy_from_slice(deposit.as_bytes());
    Ok(Masked::from_bytes(&bytes)?)
}
