//! The exact figures of a table, for the node's own people and nobody else.

use std::fmt;

use super::chain::ChainError;
use super::combine::{CombinedCell, Place, Side, places};
use super::measure::{FigureBounds, FigureGap, unrounded};
use crate::authz::Local;
use crate::model::{Bounds, CellState, RawCell, Table};
use crate::plan::{Layout, Plan};

/// What was counted, unprotected. It is made of a table that was planned for local use, takes that table up, and has no
/// wire form; its numbers are read as a [`crate::view::SystemView`] of one's own extract, which has none either.
///
/// What is planned for a question of somebody else cannot become one:
/// ```
/// use evensum_core::{authz::Local, disclosure::internal, model::*, plan::Plan};
/// fn own(plan: &Plan<Local>, raw: Table<RawCell>) {
///     let _ = internal(plan, raw);
/// }
/// ```
/// ```compile_fail,E0308
/// use evensum_core::{authz::Asked, disclosure::internal, model::*, plan::Plan};
/// fn asked(plan: &Plan<Asked>, raw: Table<RawCell>) {
///     let _ = internal(plan, raw);
/// }
/// ```
/// ```compile_fail,E0382
/// use evensum_core::{authz::Local, disclosure::internal, model::*, plan::Plan};
/// fn twice(plan: &Plan<Local>, raw: Table<RawCell>) {
///     let _ = internal(plan, raw);
///     let _ = raw.cells();
/// }
/// ```
/// Nothing is made of it that is released, contributed or sent:
/// ```
/// use evensum_core::disclosure::{Draft, Protected};
/// use evensum_core::{disclosure::Live, disclosure::attack::Limits};
/// fn tested(live: &Live, table: Protected) {
///     let _ = live.test(vec![table], &Limits::RELEASE);
/// }
/// ```
/// ```compile_fail,E0308
/// use evensum_core::disclosure::{Internal, Live, attack::Limits};
/// fn tested(live: &Live, table: Internal) {
///     let _ = live.test(vec![table], &Limits::RELEASE);
/// }
/// ```
/// ```compile_fail,E0277
/// fn written(table: &evensum_core::disclosure::Internal) -> String {
///     serde_json::to_string(table).unwrap_or_default()
/// }
/// ```
/// ```compile_fail,E0599
/// fn copied(table: &evensum_core::disclosure::Internal) -> evensum_core::disclosure::Internal {
///     table.clone()
/// }
/// ```
/// Its numbers are read inside this crate alone:
/// ```compile_fail,E0624
/// fn read(table: &evensum_core::disclosure::Internal) {
///     let _ = table.combined();
/// }
/// ```
pub struct Internal {
    layout: Layout,
    counts: Vec<u64>,
    /// Of each group, in the lattice's order.
    figures: Vec<Vec<Result<FigureBounds, FigureGap>>>,
}

/// Takes up a raw table of one's own.
///
/// # Errors
/// [`ChainError::Lattice`] where the table is not the planned one.
#[expect(clippy::needless_pass_by_value, reason = "a raw table is used up")]
pub fn internal(plan: &Plan<Local>, raw: Table<RawCell>) -> Result<Internal, ChainError> {
    let layout = plan.layout();
    if **raw.lattice() != **layout.lattice() {
        return Err(ChainError::Lattice);
    }
    let counts = raw.cells().iter().map(RawCell::events).collect();
    let of = |place: Place| raw.cells().get(place.numerator).map(|cell| unrounded(layout, cell));
    let figures = places(layout).map(|place| of(place).unwrap_or_default()).collect();
    Ok(Internal { layout: layout.clone(), counts, figures })
}

impl Internal {
    /// The table's shape.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What was counted in a cell.
    pub(crate) fn count(&self, cell: usize) -> Option<u64> {
        self.counts.get(cell).copied()
    }

    /// Its groups with their totals: bounds that leave no room.
    pub(crate) fn combined(&self) -> Vec<CombinedCell> {
        let side = |cell: usize| {
            let count = self.count(cell).unwrap_or_default();
            Side { state: CellState::Value, bounds: Bounds::exactly(count), published: Some(count) }
        };
        let cells =
            places(&self.layout).map(|Place { at, group, numerator, denominator }| CombinedCell {
                at,
                numerator: side(numerator),
                denominator: side(denominator),
                figures: self.figures.get(group).cloned().unwrap_or_default(),
            });
        cells.collect()
    }
}

impl fmt::Debug for Internal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Internal(..)")
    }
}
