//! Sums of one server's shares: made once, of exactly the members of the closing; from then on there are no single ones.

use evensum_core::model::{Digest, Ods};
use evensum_core::pool::{OutputShare, Role, RoundVector, SumOfShares};
use zeroize::Zeroizing;

use super::{LoadError, Loaded, packed, sums, unpacked};
use crate::store::Vault;

/// The shares of a member's vectors, in their order.
type Shares = Vec<Zeroizing<Vec<u8>>>;

/// Whether all sums of a round with so many tables are there.
#[must_use]
pub fn is_added_up(vault: &Vault, round: Digest, tables: usize) -> bool {
    (0..tables).all(|table| vault.has(round, &sums(table)))
}

/// Adds the shares of these members, and keeps the sums.
///
/// # Errors
/// What `shares` gives; [`LoadError`].
pub fn add_up<E: From<LoadError>>(
    vault: &Vault,
    role: Role,
    loaded: &Loaded,
    members: &[Ods],
    shares: impl Fn(&Ods) -> Result<Option<Shares>, E>,
) -> Result<(), E> {
    let empty = |v: &RoundVector| SumOfShares::empty(role, v.deposit, v.spec);
    let mut all: Vec<SumOfShares> = loaded.vectors.iter().map(empty).collect();
    for ods in members {
        let shares = shares(ods)?.filter(|shares| shares.len() == all.len());
        for (sum, share) in
            all.iter_mut().zip(shares.ok_or(LoadError::Lost("a checked contribution"))?)
        {
            add(sum, role, &share)?;
        }
    }
    for table in 0..loaded.round.document().tables.len() {
        let own = loaded.of_table(table).filter_map(|(place, _)| all.get(place));
        put(vault, loaded.round.hash(), table, own)?;
    }
    Ok(())
}

fn add(sum: &mut SumOfShares, role: Role, share: &[u8]) -> Result<(), LoadError> {
    Ok(sum.add(OutputShare::from_bytes(role, share)?)?)
}

fn put<'a>(
    vault: &Vault,
    round: Digest,
    table: usize,
    own: impl Iterator<Item = &'a SumOfShares>,
) -> Result<(), LoadError> {
    let bytes: Shares = own.map(SumOfShares::to_bytes).collect::<Result<_, _>>()?;
    let bytes = Zeroizing::new(packed(bytes.iter().map(|one| one.as_slice())));
    Ok(vault.put(round, &sums(table), &bytes)?)
}

/// The sums of a table's vectors.
///
/// # Errors
/// [`LoadError`].
pub fn sums_of(
    vault: &Vault,
    role: Role,
    round: Digest,
    table: usize,
) -> Result<Vec<SumOfShares>, LoadError> {
    const LOST: LoadError = LoadError::Lost("its sums");
    let bytes = Zeroizing::new(vault.take(round, &sums(table))?.ok_or(LOST)?);
    let list = unpacked(&bytes).ok_or(LOST)?;
    let read = list.into_iter().map(|one| SumOfShares::from_bytes(role, one));
    Ok(read.collect::<Result<_, _>>()?)
}
