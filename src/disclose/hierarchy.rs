//! A hierarchy's file: two columns, code and parent.

use std::path::Path;

use evensum_core::disclosure::sheet::{Dimension, Link, MAX_CATEGORIES};

use super::{DiscloseError, is_total, read};

/// Reads the hierarchy of a dimension: columns `code` and `parent`, one row a code. A parent that is blank or `all`
/// is the total.
///
/// # Errors
/// [`DiscloseError`].
pub fn read(file: &Path, dimension: &str) -> Result<Dimension, DiscloseError> {
    let fields = read::read(file)?;
    let (code, parent) = (fields.column("code")?, fields.column("parent")?);
    if fields.lines().len() > MAX_CATEGORIES {
        return Err(DiscloseError::TooMany {
            file: file.to_owned(),
            most: MAX_CATEGORIES,
            what: "rows",
            advice: "give the codes of this table alone".to_owned(),
        });
    }
    let mut links = Vec::with_capacity(fields.lines().len());
    for line in fields.lines() {
        let own = fields.code(line, code)?;
        let above = super::unguarded(fields.field(line, parent));
        let is_top = above.is_empty() || is_total(above);
        if is_total(own) {
            // Some files give the total a row of its own.
            if is_top {
                continue;
            }
            return Err(DiscloseError::Column {
                file: file.to_owned(),
                column: "code".to_owned(),
                why: format!("row {}: the total cannot be part of anything", line.row),
            });
        }
        let parent = (!is_top).then(|| above.to_owned());
        links.push(Link { code: own.to_owned(), parent, row: line.row });
    }
    let failed = |source| DiscloseError::Hierarchy { file: file.to_owned(), source };
    Dimension::with_hierarchy(dimension, &links).map_err(failed)
}
