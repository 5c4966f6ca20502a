//! From a partner's extract to a snapshot: a file or a database and a mapping in; codes, a quality report
//! and a list of rejects out. Identifiers (NHS number, date of birth, postcode, small area) live in memory only.
//! A load stages, all or nothing; publishing is another step.

mod ahead;
mod area;
mod bind;
mod cell;
mod columns;
mod dates;
mod derive;
mod error;
mod event;
mod exclude;
mod export;
mod held;
mod hold;
mod mapping;
mod months;
mod namer;
mod parquet;
mod prepare;
mod propose;
mod publish;
mod quality;
mod read;
mod reconcile;
mod records;
mod rejects;
mod remembered;
mod restricted;
mod returned;
mod rows;
mod ruled;
mod sites;
mod source;
mod spelling;
mod sql;
mod standing;
mod synonyms;
#[cfg(test)]
mod tests;
mod unchanged;
mod watch;

use std::fs;
use std::path::{Path, PathBuf};

use evensum_core::catalogue::Catalogue;
use evensum_core::model::{DatasetId, Date, Digest, Period};

pub use derive::{MAX_AGE, MAX_WEEKS};
pub use error::IntakeError;
use error::io;
pub use event::MAX_MINUTES;
pub use exclude::{ExcludeError, Exclusions, MAX_EXCLUDED};
pub use held::{HeldReport, MAX_REPORTS, held_reports};
use hold::Hold;
pub use mapping::{DEFAULT_MAX_REJECTS_PERCENT, MAX_MAPPING_BYTES, Mapping, MappingError};
pub use months::MAX_MONTHS;
pub use parquet::ParquetError;
use prepare::prepare;
pub use propose::{
    Certainty, DateOrder, Dates, Edition, Line, MAX_SAMPLED_ROWS, Missing, Open, Proposal,
    ProposeError, ProposeRequest, propose,
};
pub use publish::{
    QUALITY_FILE, REJECTS_FILE, newest_extract, newest_published, newest_quality, publish,
    published, published_as, published_root, staged_root,
};
pub use read::MAX_RECORD_BYTES;
pub use reconcile::{ReconcileError, ReconcileRequest, reconcile};
pub use records::{Input, Progress};
use rejects::write_durably;
pub use rejects::{MAX_LISTED_OUTSIDE, MAX_LISTED_REJECTS};
pub use restricted::{MAX_REASON_CHARS, MAX_RESTRICTED_COLUMNS};
pub use returned::{MAX_RETURN_COLUMNS, MAX_RETURN_ROWS, ReturnError};
pub use rows::{MAX_LISTED, MAX_PERSON_BYTES, MAX_ROWS};
pub use sites::MAX_SITES;
pub use source::MAX_UNPACKED_BYTES;
pub use sql::{
    DEFAULT_CONNECT_TIMEOUT, DEFAULT_IDLE_TIMEOUT, DEFAULT_STATEMENT_TIMEOUT, Limits, PostgreSql,
    SqlError,
};

pub use standing::{Expired, Standing, expired, standing};
pub use unchanged::{Outcome, load_if_changed};
pub use watch::{Ended, Incoming, MAX_WATCHED, RuleError, WatchError, WatchRule, Watcher};

use evensum_core::pool::LinkSecret;
use evensum_core::view::QualityReport;

use crate::reference::Reference;
use crate::snapshot::{self, Manifest, NodeKey};

/// What to load, and with what.
pub struct LoadRequest<'a> {
    /// The partner's file or database.
    pub input: Input<'a>,
    /// How to read it.
    pub mapping: &'a Mapping,
    /// The dataset that it is loaded as.
    pub dataset: &'a DatasetId,
    /// The period that it is loaded for: a stock at its last day, or what happened in it.
    pub period: Period,
    /// Where staged extracts lie: [`staged_root`] of the node's state.
    pub staged_dir: &'a Path,
    /// The node's secret.
    pub key: &'a NodeKey,
    /// Codes and labels.
    pub catalogue: &'a Catalogue,
    /// Deprivation and boards by small area.
    pub reference: &'a Reference,
    /// Told how far reading has come, now and then.
    pub progress: &'a dyn Fn(Progress),
    /// Who is left out.
    pub exclude: Option<&'a Exclusions>,
    /// Whether the keys of records are kept beside them, as a disclosure profile may need.
    pub record_keys: bool,
    /// The secret under which the link ids of people are kept beside them, where different people over several partners
    /// are estimated.
    pub links: Option<&'a LinkSecret>,
    /// The day of the load, for timeliness.
    pub today: Date,
}

impl std::fmt::Debug for LoadRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LoadRequest({} {})", self.dataset, self.period)
    }
}

/// What a load staged.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The staged snapshot's manifest.
    pub manifest: Manifest,
    /// What was found.
    pub quality: QualityReport,
    /// The list of rejects, where there are any.
    pub rejects_file: Option<PathBuf>,
}

/// Loads an extract and stages it, in place of one that was staged before. The same rows, in any order,
/// give the same snapshot, byte for byte.
///
/// # Errors
/// [`IntakeError`]; what was staged before is then untouched. Where rejects are the reason, they are
/// listed in `<staged_dir>/<dataset>/<period>.rejects.csv`.
pub fn load(request: &LoadRequest<'_>) -> Result<Loaded, IntakeError> {
    let hold = Hold::take(request.staged_dir)?;
    load_held(request, None, &hold)?.put_in_place()
}

/// An extract that is on disk, beside the place that it goes to.
struct Ready<'a> {
    temporary: tempfile::TempDir,
    target: PathBuf,
    failed: PathBuf,
    manifest: Manifest,
    quality: QualityReport,
    listed: bool,
    _hold: &'a Hold,
}

/// Loads an extract up to the moment at which it takes its place.
fn load_held<'a>(
    request: &LoadRequest<'_>,
    mark: Option<Digest>,
    hold: &'a Hold,
) -> Result<Ready<'a>, IntakeError> {
    let prepared = prepare(request)?;
    let target = publish::place(request.staged_dir, request.dataset, request.period);
    let parent = target.parent().unwrap_or(request.staged_dir);
    fs::create_dir_all(parent).map_err(io(parent, "made"))?;
    let failed = parent.join(format!("{}.rejects.csv", request.period));
    let percent = request.mapping.source.max_rejects_percent;
    let QualityReport { rows_rejected: bad, rows_read, rows_outside, ref left_out, .. } =
        prepared.quality;
    // An extract of a year is no worse for its other months.
    let inside = rows_read - rows_outside - left_out.rows();
    if inside == 0 {
        prepared.rejects.write(&failed)?;
        return Err(IntakeError::NothingInPeriod { period: request.period, file: failed });
    }
    if bad == inside || share_exceeds(bad, inside, percent) {
        prepared.rejects.write(&failed)?;
        return Err(IntakeError::TooManyRejects { percent, file: failed });
    }

    let temporary = tempfile::Builder::new()
        .prefix(hold::LOADING)
        .tempdir_in(parent)
        .map_err(io(parent, "written"))?;
    let fresh = temporary.path().join(hold::FRESH);
    let manifest = snapshot::write(&fresh, &prepared.extract, request.key)?;
    if let Some(mark) = mark {
        unchanged::write_mark(&fresh, mark)?;
    }
    let report = fresh.join(QUALITY_FILE);
    let json = serde_json::to_vec_pretty(&prepared.quality)
        .map_err(|e| IntakeError::Report(report.clone(), e))?;
    write_durably(&report, &json)?;
    let listed = bad + rows_outside > 0;
    if listed {
        prepared.rejects.write(&fresh.join(REJECTS_FILE))?;
    }
    publish::sync_dir(&fresh)?;
    let quality = prepared.quality;
    Ok(Ready { temporary, target, failed, manifest, quality, listed, _hold: hold })
}

impl Ready<'_> {
    fn put_in_place(self) -> Result<Loaded, IntakeError> {
        let Self { temporary, target, failed, manifest, quality, listed, _hold } = self;
        // The list of an earlier load that failed. Before anything is replaced: it may be open in another program.
        match fs::remove_file(&failed) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(io(&failed, "removed")(e));
            }
            _ => {}
        }
        let at = temporary.path();
        let placed = put_in_place(&at.join(hold::FRESH), &target, &at.join(hold::BEFORE));
        if placed.is_err() {
            // It may hold the only copy of the extract that was staged before: the next load puts that back.
            let _ = temporary.keep();
        }
        placed?;
        if let Some(parent) = target.parent() {
            publish::sync_dir(parent)?;
        }
        let rejects_file = listed.then(|| target.join(REJECTS_FILE));
        Ok(Loaded { manifest, quality, rejects_file })
    }
}

/// Puts a directory in the place of another, which is moved aside first and back on failure.
fn put_in_place(fresh: &Path, target: &Path, aside: &Path) -> Result<(), IntakeError> {
    let replaced = match fs::rename(target, aside) {
        Ok(()) => true,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => false,
        Err(e) => return Err(io(target, "replaced")(e)),
    };
    fs::rename(fresh, target).map_err(|e| {
        if replaced && let Err(second) = fs::rename(aside, target) {
            return io(target, "restored")(second);
        }
        io(target, "put in place")(e)
    })
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
fn share_exceeds(part: u64, whole: u64, percent: f64) -> bool {
    part as f64 * 100.0 > percent * whole as f64
}
