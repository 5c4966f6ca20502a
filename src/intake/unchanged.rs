//! Whether a load would give what is there already. The mark beside an extract is one keyed hash over the source's
//! bytes and everything else that the extract depends on: whoever sees it cannot tell what was in the file.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use evensum_core::model::Digest;
use serde::{Deserialize, Serialize};

use super::error::{IntakeError, io};
use super::hold::Hold;
use super::publish::{place, versions};
use super::rejects::write_durably;
use super::source;
use super::sql::SQLITE;
use super::{Input, LoadRequest, Loaded, load_held};
use crate::snapshot::{Manifest, NodeKey};

/// The mark's file, in the folder of a staged or published extract.
pub(super) const MARK_FILE: &str = "source.json";

/// The longest mark that is read, in bytes.
const MAX_MARK_BYTES: u64 = 4096;

const CONTEXT: &str = "evensum-source-1";

/// What became of a load.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The extract is staged.
    Staged(Box<Loaded>),
    /// It is what is staged or published already: nothing was touched.
    Unchanged,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    mark: Digest,
}

/// Loads an extract as [`super::load`] does, unless its source and everything else that it depends on are what they
/// were when the extract was loaded that is staged or, where none is, published: the bytes of the file, the
/// mapping, the reference tables, the list of people to leave out, the dataset's definition, this program's version
/// and whether record keys are kept. `published` is [`super::published_root`] of the node's state.
///
/// # Errors
/// As of [`super::load`], and [`IntakeError::ChangedMeanwhile`].
pub fn load_if_changed(
    request: &LoadRequest<'_>,
    published: &Path,
) -> Result<Outcome, IntakeError> {
    let hold = Hold::take(request.staged_dir)?;
    // What a database holds is not hashed beforehand: its rows are read, and compared with those that are there. A
    // SQLite database may have rows in files beside it.
    let file = match request.input {
        Input::File(file) if source::head(file, SQLITE.len() as u64)? != SQLITE => Some(file),
        Input::File(_) | Input::PostgreSql(_) => None,
    };
    let before = file.map(look).transpose()?;
    let mark = file.map(|file| mark(request, file)).transpose()?;
    let staged = place(request.staged_dir, request.dataset, request.period);
    let there = newest(&staged, published, request)?;
    if let Some((dir, _)) = &there
        && mark.is_some()
        && read_mark(dir)? == mark
    {
        return Ok(Outcome::Unchanged);
    }
    let ready = load_held(request, mark, &hold)?;
    if file.map(look).transpose()? != before {
        return Err(IntakeError::ChangedMeanwhile);
    }
    // One that was loaded without a mark, and gives the same rows.
    if let Some((dir, manifest)) = there
        && !dir.join(MARK_FILE).exists()
        && manifest.snapshot_id == ready.manifest.snapshot_id
        && manifest.keys_hmac == ready.manifest.keys_hmac
        && manifest.links == ready.manifest.links
    {
        if let Some(mark) = mark {
            write_mark(&dir, mark)?;
        }
        return Ok(Outcome::Unchanged);
    }
    Ok(Outcome::Staged(Box::new(ready.put_in_place()?)))
}

/// The extract that a load would follow: the one that is staged, else the newest that is published.
fn newest(
    staged: &Path,
    published: &Path,
    request: &LoadRequest<'_>,
) -> Result<Option<(PathBuf, Manifest)>, IntakeError> {
    let dir = if staged.is_dir() {
        Some(staged.to_owned())
    } else {
        versions(&place(published, request.dataset, request.period))?.pop().map(|(_, dir)| dir)
    };
    dir.map(|dir| Ok((dir.clone(), Manifest::read(&dir)?))).transpose()
}

/// What tells that a file is being written while it is read.
fn look(file: &Path) -> Result<(u64, Option<SystemTime>), IntakeError> {
    let found = fs::metadata(file).map_err(io(file, "read"))?;
    Ok((found.len(), found.modified().ok()))
}

/// The mark of a load.
fn mark(request: &LoadRequest<'_>, file: &Path) -> Result<Digest, IntakeError> {
    let source = of_file(file, request.key)?;
    let excluded = request.exclude.map(super::exclude::Exclusions::digest);
    let definition = request.catalogue.dataset_hash(request.dataset)?;
    let mut text = format!(
        "{}\0{}\0{source}\0{}\0{definition}\0{}\0",
        request.dataset,
        request.period,
        request.mapping.digest,
        env!("CARGO_PKG_VERSION"),
    );
    text.push_str(&excluded.map_or_else(String::new, |digest| digest.to_string()));
    for entry in request.reference.entries() {
        text.push('\0');
        text.push_str(&entry.stored_sha256.to_string());
    }
    if request.record_keys {
        text.push_str("\0record keys");
    }
    if let Some(secret) = request.links {
        let check = secret.check().map_err(|_| IntakeError::Links)?;
        text.push_str(&format!("\0link ids {check}"));
    }
    Ok(request.key.hmac(CONTEXT, text.as_bytes()))
}

/// The keyed hash of a file's bytes, which are read once and never all in memory.
fn of_file(file: &Path, key: &NodeKey) -> Result<Digest, IntakeError> {
    let bytes = File::open(file).map_err(io(file, "read"))?;
    let mut bytes = BufReader::with_capacity(1 << 20, bytes);
    key.hmac_of(CONTEXT, &mut bytes as &mut dyn Read).map_err(io(file, "read"))
}

fn read_mark(dir: &Path) -> Result<Option<Digest>, IntakeError> {
    let path = dir.join(MARK_FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(io(&path, "read")(e)),
    };
    let mut text = Vec::new();
    file.take(MAX_MARK_BYTES).read_to_end(&mut text).map_err(io(&path, "read"))?;
    // A mark that cannot be read is none: the extract is loaded once more.
    Ok(serde_json::from_slice::<Mark>(&text).ok().map(|found| found.mark))
}

/// Writes the mark into an extract's folder.
pub(super) fn write_mark(dir: &Path, mark: Digest) -> Result<(), IntakeError> {
    let path = dir.join(MARK_FILE);
    let text = serde_json::to_vec(&Mark { mark })
        .map_err(|e| io(&path, "written")(std::io::Error::other(e)))?;
    write_durably(&path, &text)
}
