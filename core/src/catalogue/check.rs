//! The checks that every definition passes before it is used.

mod dataset;
mod dimension;
mod indicator;
mod outcome;
mod pack;

use super::definition::File;
use super::load::{Fault, Table};

/// Checks every definition against itself and the others.
pub(super) fn checked(file: &File) -> Result<(), Fault> {
    file.dimension.iter().try_for_each(|d| {
        dimension::checked(d).map_err(|reason| Fault::new(Table::Dimension, &d.id, reason))
    })?;
    for (place, d) in file.dataset.iter().enumerate() {
        dataset::checked(d, &file.dataset[..place], &file.dimension)
            .map_err(|reason| Fault::new(Table::Dataset, &d.id, reason))?;
    }
    for pack in &file.pack {
        pack::checked(pack, &file.dimension)
            .map_err(|reason| Fault::new(Table::Pack, &pack.id, reason))?;
    }
    for i in &file.indicator {
        let wrong = |reason: String| Fault::new(Table::Indicator, &i.id, reason);
        let dataset = file.dataset.iter().find(|d| d.id == i.dataset);
        let dataset =
            dataset.ok_or_else(|| wrong(format!("there is no dataset '{}'", i.dataset)))?;
        indicator::checked(i, dataset, &file.dimension, &file.pack).map_err(wrong)?;
    }
    Ok(())
}

/// Whether nothing that could be read stands there.
fn blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// The first of some items that stands twice among them.
fn twice<T: PartialEq>(items: &[T]) -> Option<&T> {
    items.iter().enumerate().find(|(i, item)| items[..*i].contains(item)).map(|(_, item)| item)
}
