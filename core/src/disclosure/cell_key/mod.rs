//! The cell-key method: every figure is changed at random by a little, and the change is the same wherever the
//! same records are counted. Each record has a secret key; the keys of a cell's records are added up, and the sum
//! picks the change from a row of a perturbation table ([`PTable`]).
//!
//! Asking again, in another order or within another table changes nothing, so that noise cannot be averaged away
//! by repetition. Figures do not add up to their totals, and must not be made to.

mod ptable;

use std::sync::{Arc, LazyLock};

pub use ptable::{LEAST_BOUND, MAX_BOUND, MAX_GAP, PTable, PTableError};

use crate::model::{Digest, Profile, RawCell, Table};

/// The variance of the changes of the profile `ckm`.
const VARIANCE: f64 = 2.0;

/// The table of the profile `ckm`: by up to 5, and every figure may occur. Whoever changes it makes another
/// profile, under another name: frozen figures and those of another table do not go together.
static TABLE: PTable = match PTable::new(Profile::Ckm.half_width(), VARIANCE, 0) {
    Ok(table) => table,
    Err(_) => panic!("the profile's table has no solution"),
};

static DIGEST: LazyLock<Digest> = LazyLock::new(|| TABLE.digest());

/// The hash of the table that a profile changes figures by; none where it does not.
pub(super) fn digest(profile: Profile) -> Option<Digest> {
    profile.needs_record_keys().then(|| *DIGEST)
}

/// What becomes of a cell's count before it is hidden or rounded: the count itself or, where counts are changed, the
/// changed one. None where that needs a key and the cell has none.
pub(super) fn figure(cell: &RawCell, changed: bool) -> Option<u64> {
    if changed {
        cell.cell_key().map(|key| TABLE.look_up(cell.events(), key))
    } else {
        Some(cell.events())
    }
}

/// A count whose changes have the same chances in both directions: every one from the greatest change on.
const FAR: u64 = 1 << 20;

/// A table whose every number was changed at random, so that it may be shared with whoever may not see exact ones. There
/// is no other way to one than by the keys of the records:
/// ```compile_fail,E0603
/// use evensum_core::disclosure::cell_key::Noised;
/// ```
#[derive(Debug)]
pub(super) struct Noised(Table<RawCell>);

impl Noised {
    /// None where a cell has no key, or what was measured in it could not be changed.
    pub(super) fn of(raw: &Table<RawCell>) -> Option<Self> {
        let cells = raw.cells().iter().map(noised).collect::<Option<Vec<_>>>()?;
        Table::new(Arc::clone(raw.lattice()), cells).ok().map(Self)
    }

    pub(super) fn into_table(self) -> Table<RawCell> {
        self.0
    }
}

/// Events, people and the most rows of one person, each changed by up to [`Profile::half_width`] of the profile `ckm`.
///
/// Each has a change of its own: were it the same, the differences between them would be exact. Of the most rows of one
/// person it is twice their number less all rows that is changed, since nothing else is asked of it: whether one person
/// has more than half of them. Nobody stays nobody, and of a cell whose rows become none nothing else is left, so that it
/// cannot be told from one without any.
fn noised(cell: &RawCell) -> Option<RawCell> {
    let key = cell.cell_key()?;
    if cell.measured().is_some() {
        return None;
    }
    let events = TABLE.look_up(cell.events(), key);
    let persons = TABLE.look_up(cell.persons(), part(key, b"people")).min(events);
    let change = TABLE.look_up(FAR, part(key, b"top"));
    let twice = cell.top().saturating_mul(2).saturating_add(events).saturating_add(change);
    let top = twice.saturating_sub(cell.events().saturating_add(FAR)).div_ceil(2).min(events);
    Some(RawCell::new(events, persons, top))
}

/// A key for another number of the same records, which says nothing of the first.
fn part(key: u64, of: &[u8]) -> u64 {
    let hash = Digest::of(&[b"evensum-cell-key-part-1\0", of, &key.to_le_bytes()].concat());
    hash.as_bytes().iter().take(8).fold(0, |all, byte| (all << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests;
