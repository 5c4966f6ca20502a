//! The quality reports of everything that a node holds: the newest of each dataset and period.

use std::path::Path;

use evensum_core::model::{DatasetId, Period, SnapshotVersion};
use evensum_core::view::QualityReport;

use super::error::IntakeError;
use super::publish::{directories, newest_extract, published_root, quality, staged_root};

/// The most datasets and periods that are read at once.
pub const MAX_REPORTS: usize = 1_200;

/// The report on the newest extract of a dataset and period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldReport {
    /// The report.
    pub report: QualityReport,
    /// Its standing; none where it is staged.
    pub version: Option<SnapshotVersion>,
}

/// The report of the newest extract of every period, by dataset and then by period: the staged one, else the
/// published one. Of one dataset, or of all.
///
/// # Errors
/// [`IntakeError`] where there is none, more than [`MAX_REPORTS`], or one of them cannot be read.
pub fn held_reports(
    state: &Path,
    dataset: Option<&DatasetId>,
) -> Result<Vec<HeldReport>, IntakeError> {
    let mut places: Vec<(DatasetId, Period)> = Vec::new();
    for root in [staged_root(state), published_root(state)] {
        for home in directories(&root)? {
            let Some(of) = named(&home).and_then(|name| DatasetId::new(name).ok()) else {
                continue;
            };
            if dataset.is_some_and(|wanted| *wanted != of) {
                continue;
            }
            let periods = directories(&home)?;
            let periods = periods.iter().filter_map(|dir| named(dir)?.parse::<Period>().ok());
            places.extend(periods.map(|period| (of.clone(), period)));
        }
    }
    places.sort_by(|(a, p), (b, q)| a.cmp(b).then(p.last_day().cmp(&q.last_day())).then(p.cmp(q)));
    places.dedup();
    if places.is_empty() {
        return Err(IntakeError::NothingHeld);
    }
    if places.len() > MAX_REPORTS {
        return Err(IntakeError::TooManyReports);
    }
    let each = places.iter().filter_map(|(of, period)| held(state, of, *period).transpose());
    each.collect()
}

fn named(dir: &Path) -> Option<&str> {
    dir.file_name()?.to_str()
}

/// The staged report of a period, else the published one.
fn held(
    state: &Path,
    dataset: &DatasetId,
    period: Period,
) -> Result<Option<HeldReport>, IntakeError> {
    let (dir, manifest) = match newest_extract(state, dataset, period) {
        Ok(newest) => newest,
        Err(IntakeError::NothingStaged { .. } | IntakeError::RowsDeleted { .. }) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    Ok(Some(HeldReport { report: quality(&dir)?, version: manifest.version }))
}
