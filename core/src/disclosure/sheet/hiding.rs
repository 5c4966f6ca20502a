//! What is hidden of a table: by the rule for each count alone, or with as many more as protect those.

use super::{SheetError, Source, Terms, hides};
use crate::disclosure::attack::Attribute;
use crate::disclosure::complementary::{Effort, Exact, ExactCell, complementary};
use crate::disclosure::protect::shown;
use crate::model::Shown;

/// What is shown of each cell, in order.
pub(super) struct Hiding {
    pub(super) shown: Vec<Shown>,
    /// Whether a cell's count must not be worked out.
    pub(super) in_question: Vec<bool>,
    pub(super) primary: usize,
    pub(super) secondary: usize,
}

impl Source {
    pub(super) fn hiding(&self, terms: &Terms<'_>, effort: Effort) -> Result<Hiding, SheetError> {
        let rows = self.person_rows();
        let mut shown: Vec<Shown> =
            self.cells.iter().map(|c| shown(&c.raw(self.keyed), terms.rules, rows)).collect();
        let in_question: Vec<bool> = shown.iter().map(|s| hides(*s)).collect();
        let primary = in_question.iter().filter(|hidden| **hidden).count();
        let Some(width) = terms.protect else {
            return Ok(Hiding { shown, in_question, primary, secondary: 0 });
        };
        let attributes: Vec<Attribute> =
            self.dimensions.iter().map(|d| Attribute::new(d.parts(), d.groups())).collect();
        let cells = self.cells.iter().zip(&in_question).enumerate();
        let cells = cells.map(|(index, (held, primary))| ExactCell {
            at: super::source::places(&self.dimensions, index),
            count: held.events,
            primary: *primary,
            published: true,
        });
        let exact = Exact::new(&attributes, cells.collect(), terms.rules.limit())?;
        let pattern = complementary(&exact, width, effort)?;
        for (shown, hidden) in shown.iter_mut().zip(pattern.hidden()) {
            if *hidden {
                // One marker: a count is not to be told from those that protect it.
                *shown = Shown::Suppressed;
            }
        }
        Ok(Hiding { shown, in_question, primary, secondary: pattern.secondary() })
    }
}
