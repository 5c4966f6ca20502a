//! Each server's sum of the shares that it was sent; the cells of it that are asked for; the totals that come of the
//! two servers' shares of those.

use std::collections::BTreeSet;
use std::fmt;

use prio::field::{Field128, FieldElement};
use zeroize::Zeroizing;

use super::bytes::{ELEMENT_BYTES, Element, Elements, Reader, VERSION, write_elements};
use super::{DepositId, MAX_VECTOR, OutputShare, PoolError, Role, VectorSpec};
use crate::model::{Digest, MAX_NODES, Ods};

/// The most cells that are added up for one opening, over all of its totals.
pub const MAX_ADDED: usize = 64 * MAX_VECTOR as usize;

/// Kinds of byte strings, with the role added.
const SUM: u8 = 0x50;
const SELECTED: u8 = 0x60;

/// One server's sum of its shares of one vector: random to whoever has not the other server's. Wiped when dropped.
pub struct SumOfShares {
    role: Role,
    deposit: DepositId,
    spec: VectorSpec,
    partners: BTreeSet<Ods>,
    elements: Elements,
}

impl SumOfShares {
    /// The sum of no contributions.
    #[must_use]
    pub fn empty(role: Role, deposit: DepositId, spec: VectorSpec) -> Self {
        let elements = Zeroizing::new(vec![Element(Field128::zero()); spec.size()]);
        Self { role, deposit, spec, partners: BTreeSet::new(), elements }
    }

    /// Adds a contribution, which is spent by it.
    ///
    /// # Errors
    /// [`PoolError::Foreign`] where it belongs to another sum or its partner is already in this one;
    /// [`PoolError::Full`].
    pub fn add(&mut self, share: OutputShare) -> Result<(), PoolError> {
        let own = share.role() == self.role
            && share.context().deposit() == self.deposit
            && share.spec() == self.spec
            && !self.partners.contains(share.context().partner());
        if !own {
            return Err(PoolError::Foreign);
        }
        if self.partners.len() >= MAX_NODES {
            return Err(PoolError::Full);
        }
        for (sum, one) in self.elements.iter_mut().zip(share.elements()) {
            sum.0 += one.0;
        }
        self.partners.insert(share.context().partner().clone());
        Ok(())
    }

    /// Whose contributions are in it.
    #[must_use]
    pub const fn partners(&self) -> &BTreeSet<Ods> {
        &self.partners
    }

    /// How many contributions are in it.
    #[must_use]
    pub fn contributions(&self) -> usize {
        self.partners.len()
    }

    /// Which vector it is of.
    #[must_use]
    pub const fn deposit(&self) -> DepositId {
        self.deposit
    }

    /// The shape.
    #[must_use]
    pub const fn spec(&self) -> VectorSpec {
        self.spec
    }

    /// This server's share of single cells, in the order in which they are named.
    ///
    /// # Errors
    /// [`PoolError::Selection`].
    pub fn select(&self, cells: &[u32]) -> Result<ShareOf, PoolError> {
        let mut seen = BTreeSet::new();
        if !cells.iter().all(|cell| seen.insert(cell)) {
            return Err(PoolError::Selection);
        }
        self.selected(cells.iter().map(std::slice::from_ref))
    }

    /// This server's share of the totals of groups of cells, added up before anybody sees them.
    ///
    /// # Errors
    /// [`PoolError::Selection`], also where a cell stands twice in a group or a group is empty.
    pub fn select_groups(&self, groups: &[Vec<u32>]) -> Result<ShareOf, PoolError> {
        for group in groups {
            let mut seen = BTreeSet::new();
            if group.is_empty() || !group.iter().all(|cell| seen.insert(cell)) {
                return Err(PoolError::Selection);
            }
        }
        self.selected(groups.iter().map(Vec::as_slice))
    }

    fn selected<'a>(
        &self,
        groups: impl ExactSizeIterator<Item = &'a [u32]>,
    ) -> Result<ShareOf, PoolError> {
        let count = groups.len();
        if !(1..=self.spec.size()).contains(&count) || self.partners.is_empty() {
            return Err(PoolError::Selection);
        }
        let mut elements = Zeroizing::new(Vec::with_capacity(count));
        let (mut sizes, mut added) = (Vec::with_capacity(count), 0);
        for group in groups {
            added += group.len();
            if added > MAX_ADDED {
                return Err(PoolError::Selection);
            }
            let mut total = Field128::zero();
            for cell in group {
                total += self.elements.get(*cell as usize).ok_or(PoolError::Selection)?.0;
            }
            elements.push(Element(total));
            sizes.push(u32::try_from(group.len()).map_err(|_| PoolError::Selection)?);
        }
        let header = Header {
            deposit: self.deposit,
            spec: self.spec,
            contributions: u32::try_from(self.partners.len()).map_err(|_| PoolError::Full)?,
            partners: hash(&self.partners),
            sizes,
        };
        Ok(ShareOf { role: self.role, header, elements })
    }

    /// The bytes, to be kept.
    ///
    /// # Errors
    /// [`PoolError::Stored`] where the library cannot write it.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, PoolError> {
        let written = || {
            let length = 64 + 16 * self.partners.len() + self.elements.len() * ELEMENT_BYTES;
            let mut out = Zeroizing::new(Vec::with_capacity(length));
            out.extend_from_slice(&[VERSION, SUM + self.role.byte()]);
            out.extend_from_slice(self.deposit.as_bytes());
            out.extend_from_slice(&self.spec.to_bytes());
            out.extend_from_slice(&u32::try_from(self.partners.len()).ok()?.to_be_bytes());
            for partner in &self.partners {
                out.push(u8::try_from(partner.as_str().len()).ok()?);
                out.extend_from_slice(partner.as_str().as_bytes());
            }
            write_elements(&self.elements, &mut out)?;
            Some(out)
        };
        written().ok_or(PoolError::Stored)
    }

    /// Reads what [`SumOfShares::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`PoolError::Stored`].
    pub fn from_bytes(role: Role, bytes: &[u8]) -> Result<Self, PoolError> {
        let read = || {
            let mut reader = Reader::new(bytes, SUM + role.byte())?;
            let deposit = DepositId::from_bytes(reader.array()?);
            let spec = VectorSpec::from_bytes(reader.array()?)?;
            let count = reader.u32()? as usize;
            if count > MAX_NODES {
                return None;
            }
            let mut partners = BTreeSet::new();
            for _ in 0..count {
                let length = usize::from(reader.u8()?);
                let partner = Ods::new(std::str::from_utf8(reader.take(length)?).ok()?).ok()?;
                // In order, so that a sum has one spelling.
                if partners.last().is_some_and(|last| *last >= partner) {
                    return None;
                }
                partners.insert(partner);
            }
            let elements = reader.elements(spec.size())?;
            reader.end()?;
            Some(Self { role, deposit, spec, partners, elements })
        };
        read().ok_or(PoolError::Stored)
    }
}

impl fmt::Debug for SumOfShares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.partners.len();
        write!(f, "SumOfShares({:?}, {:?}, {count} partners)", self.role, self.deposit)
    }
}

fn hash(partners: &BTreeSet<Ods>) -> Digest {
    let text = partners.iter().fold(String::new(), |all, one| all + one.as_str() + "\n");
    Digest::of(text.as_bytes())
}

/// What both shares of one opening must agree on.
#[derive(Clone, PartialEq, Eq)]
struct Header {
    deposit: DepositId,
    spec: VectorSpec,
    contributions: u32,
    partners: Digest,
    /// How many cells are in each total.
    sizes: Vec<u32>,
}

/// One server's share of the totals that are to be opened. Wiped when it is dropped.
pub struct ShareOf {
    role: Role,
    header: Header,
    elements: Elements,
}

impl ShareOf {
    /// The bytes, which only the server that may open the totals may be sent.
    ///
    /// # Errors
    /// [`PoolError::Stored`] where the library cannot write it.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, PoolError> {
        let written = || {
            let length = 128 + self.elements.len() * (4 + ELEMENT_BYTES);
            let mut out = Zeroizing::new(Vec::with_capacity(length));
            out.extend_from_slice(&[VERSION, SELECTED + self.role.byte()]);
            out.extend_from_slice(self.header.deposit.as_bytes());
            out.extend_from_slice(&self.header.spec.to_bytes());
            out.extend_from_slice(&self.header.contributions.to_be_bytes());
            out.extend_from_slice(self.header.partners.as_bytes());
            out.extend_from_slice(&u32::try_from(self.elements.len()).ok()?.to_be_bytes());
            for size in &self.header.sizes {
                out.extend_from_slice(&size.to_be_bytes());
            }
            write_elements(&self.elements, &mut out)?;
            Some(out)
        };
        written().ok_or(PoolError::Stored)
    }

    /// Reads what the other server sent.
    ///
    /// # Errors
    /// [`PoolError::Together`].
    pub fn from_bytes(role: Role, bytes: &[u8]) -> Result<Self, PoolError> {
        let read = || {
            let mut reader = Reader::new(bytes, SELECTED + role.byte())?;
            let deposit = DepositId::from_bytes(reader.array()?);
            let spec = VectorSpec::from_bytes(reader.array()?)?;
            let contributions = reader.u32()?;
            let partners = Digest::from_bytes(reader.array()?);
            let count = reader.u32()? as usize;
            if !(1..=spec.size()).contains(&count) {
                return None;
            }
            let mut sizes = Vec::with_capacity(count);
            for _ in 0..count {
                sizes.push(reader.u32()?);
            }
            let elements = reader.elements(count)?;
            reader.end()?;
            let header = Header { deposit, spec, contributions, partners, sizes };
            Some(Self { role, header, elements })
        };
        read().ok_or(PoolError::Together)
    }
}

impl fmt::Debug for ShareOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.elements.len();
        write!(f, "ShareOf({:?}, {:?}, {count} totals)", self.role, self.header.deposit)
    }
}

/// Puts the two servers' shares of the same totals together.
///
/// # Errors
/// [`PoolError::Together`] where they are of different vectors, partners or cells, or where a total is more than all
/// contributions can make: what comes of shares that do not belong together is a number of the whole field, so that
/// this finds all but one in 2^60 of them.
pub fn open(leader: &ShareOf, helper: &ShareOf) -> Result<Totals, PoolError> {
    let pair = (leader.role, helper.role) == (Role::Leader, Role::Helper);
    if !pair || leader.header != helper.header || leader.elements.len() != helper.elements.len() {
        return Err(PoolError::Together);
    }
    let header = &leader.header;
    let most = u128::from(header.contributions) * u128::from(header.spec.max());
    let mut totals = Zeroizing::new(Vec::with_capacity(leader.elements.len()));
    for ((one, other), size) in
        leader.elements.iter().zip(helper.elements.iter()).zip(&header.sizes)
    {
        let total = u128::from(one.0 + other.0);
        let possible = total <= most * u128::from(*size);
        totals.push(u64::try_from(total).ok().filter(|_| possible).ok_or(PoolError::Together)?);
    }
    Ok(Totals(totals))
}

/// Totals over the partners, exact. They are wiped when they are dropped, are never printed, and are read by disclosure
/// control alone:
/// ```compile_fail,E0624
/// fn read(totals: &evensum_core::pool::Totals) -> &[u64] {
///     totals.opened()
/// }
/// ```
pub struct Totals(Zeroizing<Vec<u64>>);

impl Totals {
    pub(super) const fn new(values: Zeroizing<Vec<u64>>) -> Self {
        Self(values)
    }

    /// Those at some places, in the order in which they are named.
    ///
    /// # Errors
    /// [`PoolError::Selection`].
    pub fn at(&self, places: &[u32]) -> Result<Self, PoolError> {
        // To its full length at once: a vector that grows leaves copies behind.
        let mut some = Zeroizing::new(Vec::with_capacity(places.len()));
        for place in places {
            some.push(*self.0.get(*place as usize).ok_or(PoolError::Selection)?);
        }
        Ok(Self(some))
    }

    /// How many totals.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The totals, in the order of the cells or groups that were asked for.
    pub(crate) fn opened(&self) -> &[u64] {
        &self.0
    }
}

impl fmt::Debug for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Totals({})", self.0.len())
    }
}

#[cfg(test)]
mod tests;
