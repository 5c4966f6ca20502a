//! From staged to published: at most twice a period, provisional and final.

use std::fs;
use std::path::{Path, PathBuf};

use evensum_core::model::{DatasetId, Date, Period, SnapshotVersion};
use evensum_core::view::QualityReport;

use super::error::{IntakeError, io};
use super::hold::Hold;
use crate::snapshot::{self, Manifest, NodeKey};

/// Name of the quality report in a staged or published directory.
pub const QUALITY_FILE: &str = "quality.json";

/// Name of the reject file there, where there are rejects.
pub const REJECTS_FILE: &str = "rejects.csv";

/// The longest quality report that is read, in bytes.
const MAX_REPORT_BYTES: u64 = 1 << 20;

/// Where a node's state directory holds what is staged.
#[must_use]
pub fn staged_root(state: &Path) -> PathBuf {
    state.join("staged")
}

/// Where a node's state directory holds what is published.
#[must_use]
pub fn published_root(state: &Path) -> PathBuf {
    state.join("published")
}

/// The directory of one dataset and period below a root.
pub(super) fn place(root: &Path, dataset: &DatasetId, period: Period) -> PathBuf {
    root.join(dataset.as_str()).join(period.to_string())
}

/// Publishes what is staged: the first time as provisional, the second as final. The staged directory
/// becomes the published one.
///
/// # Errors
/// [`IntakeError`] where nothing is staged, it is not what this node wrote, both publications were made, or
/// another process loads, publishes or deletes; what is staged stays.
pub fn publish(
    state: &Path,
    dataset: &DatasetId,
    period: Period,
    key: &NodeKey,
    today: Date,
) -> Result<Manifest, IntakeError> {
    let _hold = Hold::take(&staged_root(state))?;
    let staged = place(&staged_root(state), dataset, period);
    if !staged.is_dir() {
        return Err(IntakeError::NothingStaged { dataset: dataset.clone(), period });
    }
    let mut manifest = snapshot::read(&staged, key)?.manifest().clone();
    if manifest.dataset != *dataset || manifest.period != period {
        return Err(IntakeError::Misplaced(staged));
    }
    let home = place(&published_root(state), dataset, period);
    let latest = versions(&home)?.last().map_or(0, |(number, _)| *number);
    let version = match latest {
        0 => SnapshotVersion::Provisional,
        1 => SnapshotVersion::Final,
        _ => return Err(IntakeError::Final { dataset: dataset.clone(), period }),
    };
    manifest.version = Some(version);
    manifest.published = Some(today);
    manifest.write(&staged)?;
    fs::create_dir_all(&home).map_err(io(&home, "made"))?;
    let target = home.join(format!("{}-{}", latest + 1, version.as_str()));
    fs::rename(&staged, &target).map_err(io(&target, "put in place"))?;
    sync_dir(&home)?;
    if let Some(parent) = staged.parent() {
        sync_dir(parent)?;
    }
    Ok(manifest)
}

/// The extract in force for a dataset and period: the newest that was published, and where it lies.
///
/// # Errors
/// [`IntakeError`] where its manifest cannot be read, or speaks of another dataset or period.
pub fn newest_published(
    state: &Path,
    dataset: &DatasetId,
    period: Period,
) -> Result<Option<(PathBuf, Manifest)>, IntakeError> {
    let home = place(&published_root(state), dataset, period);
    let Some((_, newest)) = versions(&home)?.pop() else { return Ok(None) };
    let manifest = Manifest::read(&newest)?;
    let own = manifest.dataset == *dataset && manifest.period == period;
    if !own || manifest.version.is_none() {
        return Err(IntakeError::Misplaced(newest));
    }
    Ok(Some((newest, manifest)))
}

/// The extract of a dataset and period that was published in this standing, whether or not a later one has followed.
///
/// # Errors
/// As of [`newest_published`].
pub fn published_as(
    state: &Path,
    dataset: &DatasetId,
    period: Period,
    version: SnapshotVersion,
) -> Result<Option<(PathBuf, Manifest)>, IntakeError> {
    for (_, dir) in versions(&place(&published_root(state), dataset, period))? {
        let manifest = Manifest::read(&dir)?;
        let own = manifest.dataset == *dataset && manifest.period == period;
        if own && manifest.version == Some(version) {
            return Ok(Some((dir, manifest)));
        }
    }
    Ok(None)
}

/// The folders of the extracts in force, one for each dataset and period, in their order.
///
/// # Errors
/// [`IntakeError`] where a folder cannot be read.
pub fn published(state: &Path) -> Result<Vec<PathBuf>, IntakeError> {
    let mut newest = Vec::new();
    for dataset in directories(&published_root(state))? {
        for period in directories(&dataset)? {
            newest.extend(versions(&period)?.pop().map(|(_, dir)| dir));
        }
    }
    Ok(newest)
}

/// The quality report of the newest extract of a period: the staged one, else the published one.
///
/// # Errors
/// [`IntakeError::NothingStaged`] where there is neither, [`IntakeError::RowsDeleted`] where its time is over.
pub fn newest_quality(
    state: &Path,
    dataset: &DatasetId,
    period: Period,
) -> Result<QualityReport, IntakeError> {
    quality(&newest_extract(state, dataset, period)?.0)
}

/// The newest extract of a period and where it lies: the staged one, else the published one.
///
/// # Errors
/// As of [`newest_quality`].
pub fn newest_extract(
    state: &Path,
    dataset: &DatasetId,
    period: Period,
) -> Result<(PathBuf, Manifest), IntakeError> {
    let staged = place(&staged_root(state), dataset, period);
    if staged.is_dir() {
        let manifest = Manifest::read(&staged)?;
        return Ok((staged, manifest));
    }
    let (dir, manifest) = newest_published(state, dataset, period)?
        .ok_or_else(|| IntakeError::NothingStaged { dataset: dataset.clone(), period })?;
    match manifest.deleted {
        Some(on) => Err(IntakeError::RowsDeleted { dataset: dataset.clone(), period, on }),
        None => Ok((dir, manifest)),
    }
}

/// Reads the quality report of a staged or published directory.
pub(super) fn quality(dir: &Path) -> Result<QualityReport, IntakeError> {
    let path = dir.join(QUALITY_FILE);
    let size = fs::metadata(&path).map_err(io(&path, "read"))?.len();
    if size > MAX_REPORT_BYTES {
        let source = std::io::Error::from(std::io::ErrorKind::FileTooLarge);
        return Err(io(&path, "read")(source));
    }
    let bytes = fs::read(&path).map_err(io(&path, "read"))?;
    serde_json::from_slice(&bytes).map_err(|e| IntakeError::Report(path, e))
}

/// Version directories, such as `1-provisional`, by number.
pub(super) fn versions(home: &Path) -> Result<Vec<(u32, PathBuf)>, IntakeError> {
    let mut found = Vec::new();
    for dir in directories(home)? {
        let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some((number, _)) = name.split_once('-')
            && let Ok(number) = number.parse()
        {
            found.push((number, dir));
        }
    }
    found.sort();
    Ok(found)
}

/// Directories in a directory, sorted; none where it does not exist. Hidden ones are on their way.
pub(super) fn directories(dir: &Path) -> Result<Vec<PathBuf>, IntakeError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(io(dir, "read")(e)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(io(dir, "read"))?.path();
        let hidden = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
        if path.is_dir() && !hidden {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Makes renames in a directory survive a power cut.
pub(super) fn sync_dir(dir: &Path) -> Result<(), IntakeError> {
    if cfg!(unix) {
        fs::File::open(dir).and_then(|d| d.sync_all()).map_err(io(dir, "written"))?;
    }
    Ok(())
}
