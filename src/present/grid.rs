//! The order in which an answer is read, and its cells by position.

use evensum_core::catalogue::CategoryKind;
use evensum_core::view::{Answer, AxisView, Cell};

/// Positions of an axis as people read them: known categories in the catalogue's order, then those that say
/// nothing known, `all` last.
pub(super) fn reading_order(axis: &AxisView) -> Vec<usize> {
    let rank = |&position: &usize| match axis.categories.get(position) {
        Some(category) if category.id.is_all() => 2,
        Some(category) if category.kind != CategoryKind::Known => 1,
        _ => 0,
    };
    let mut order: Vec<usize> = (0..axis.categories.len()).collect();
    order.sort_by_key(rank);
    order
}

/// The positions of an axis's known categories, in order: for a scale, its two ends are first and last.
pub(super) fn known(axis: &AxisView) -> Vec<usize> {
    let categories = axis.categories.iter().enumerate();
    categories
        .filter(|(_, c)| c.kind == CategoryKind::Known && !c.id.is_all())
        .map(|(position, _)| position)
        .collect()
}

/// The label at a position.
pub(super) fn label(axis: &AxisView, position: usize) -> String {
    axis.categories.get(position).map_or_else(String::new, |c| super::words::clean(&c.label))
}

/// The cell at a position on each axis.
pub(super) fn cell<'a>(answer: &'a Answer, at: &[usize]) -> Option<&'a Cell> {
    let index = answer.axes.iter().zip(at).fold(0, |n, (axis, p)| n * axis.categories.len() + p);
    answer.cells.get(index).filter(|cell| cell.at == at)
}

/// The cell at a position on one axis and at `all` on every other.
pub(super) fn alone(answer: &Answer, axis: usize, position: usize) -> Option<&Cell> {
    let mut at = total(answer);
    *at.get_mut(axis)? = position;
    cell(answer, &at)
}

/// The position of the grand total.
pub(super) fn total(answer: &Answer) -> Vec<usize> {
    let all = |axis: &AxisView| {
        axis.categories.iter().position(|c| c.id.is_all()).unwrap_or(axis.categories.len())
    };
    answer.axes.iter().map(all).collect()
}
