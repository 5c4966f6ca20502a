//! A federation's own definitions, beside those that are built in.

use std::collections::BTreeSet;
use std::path::PathBuf;

use evensum_core::catalogue::Catalogue;
use evensum_core::model::{Agreement, LevelId};

use super::{ConfigError, read};

/// The most files of definitions that a configuration names.
pub const MAX_CATALOGUE_FILES: usize = 16;

/// The catalogue in force: the built-in definitions and those of these files, each of which is read as far as
/// [`super::MAX_TEXT_BYTES`].
///
/// # Errors
/// [`ConfigError::Read`], [`ConfigError::TooLong`]; [`ConfigError::CatalogueFiles`]; [`ConfigError::Catalogue`], with
/// file, line and reason.
pub fn catalogue(files: &[PathBuf]) -> Result<Catalogue, ConfigError> {
    if files.len() > MAX_CATALOGUE_FILES {
        return Err(ConfigError::CatalogueFiles);
    }
    let wrong = |e| ConfigError::Catalogue(Box::new(e));
    if files.is_empty() {
        return Catalogue::builtin().map_err(wrong);
    }
    let texts: Vec<(String, String)> = files
        .iter()
        .map(|path| Ok((path.display().to_string(), read(path)?)))
        .collect::<Result<_, ConfigError>>()?;
    let texts: Vec<(&str, &str)> = texts.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
    Catalogue::with(&texts).map_err(wrong)
}

/// Checks that agreements choose the same groupings. Two of one extract that do not nest could be subtracted from each
/// other, by whichever agreements they were asked.
///
/// # Errors
/// [`ConfigError::Groupings`].
pub fn one_choice_of_groupings<'a>(
    agreements: impl Iterator<Item = &'a Agreement>,
) -> Result<(), ConfigError> {
    let mut choices = agreements.map(|a| a.groupings.iter().collect::<BTreeSet<&LevelId>>());
    let first = choices.next().unwrap_or_default();
    if choices.all(|other| other == first) { Ok(()) } else { Err(ConfigError::Groupings) }
}
