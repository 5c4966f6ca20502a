//! The cell-key method: every figure is changed at random by a little, and the change is the same wherever the
//! same records are counted. Each record has a secret key; the keys of a cell's records are added up, and the sum
//! picks the change from a row of a perturbation table ([`PTable`]).
//!
//! Asking again, in another order or within another table changes nothing, so that noise cannot be averaged away
//! by repetition. Figures do not add up to their totals, and must not be made to.

mod ptable;

use std::sync::LazyLock;

pub use ptable::{LEAST_BOUND, MAX_BOUND, MAX_GAP, PTable, PTableError};

use crate::model::{Digest, Profile, RawCell};

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
