//! Loading: a CSV file as a partner's own system writes it, to a staged extract on disk.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use evensum_core::catalogue::Catalogue;
use evensum_core::model::Ods;

use super::Setting;
use super::measure::{Benchmark, Times, float, number};
use super::rows;
use crate::cli::exit::{Exit, Failure, OrExit};
use crate::cli::{clock, terminal};
use crate::intake::{self, Input, LoadRequest, Mapping};
use crate::reference::{Extent, Reference};
use crate::snapshot;
use crate::synth::{Geography, Kind, PartnerProfile, RttExtract};

pub(super) fn run(setting: &Setting<'_>) -> Result<Vec<Benchmark>, Failure> {
    let catalogue = Catalogue::builtin().or_exit(Exit::Fault)?;
    let (dataset, period) = rows::subject()?;
    let geography = Geography::new(setting.seed);
    let reference = reference(setting.dir, &geography)?;
    let file = extract(setting, &geography)?;
    let text = format!(
        "dataset = \"{dataset}\"\n[source]\nencoding = \"utf-8\"\ndelimiter = \",\"\nheader = true\n\
         date = [\"%Y-%m-%d\"]\nimd_edition = \"2025\"\n"
    );
    let mapping = Mapping::parse(&text, &catalogue).or_exit(Exit::Fault)?;
    let staged = tempfile::tempdir_in(setting.dir).or_exit(Exit::Config)?;
    let key = rows::node_key();
    let bar = terminal::bar(setting.rows as u64, "Loading");
    let (times, loaded) = Times::of(setting.runs, || {
        intake::load(&LoadRequest {
            input: Input::File(&file),
            mapping: &mapping,
            dataset: &dataset,
            period,
            staged_dir: staged.path(),
            key: &key,
            catalogue: &catalogue,
            reference: &reference,
            progress: &|progress| bar.set_position(progress.rows),
            exclude: None,
            record_keys: false,
            links: None,
            today: clock::system().now().date(),
        })
        .or_exit(Exit::Data)
    })?;
    bar.finish_and_clear();
    let place = staged.path().join(dataset.as_str()).join(period.to_string());
    let (opening, opened) =
        Times::of(setting.runs, || snapshot::read(&place, &key).or_exit(Exit::Data))?;
    let bytes = std::fs::metadata(&file).or_exit(Exit::Config)?.len();
    let bytes = float(usize::try_from(bytes).unwrap_or(usize::MAX));
    let seconds = times.spread().median / 1_000.0;
    let figures = vec![
        times.figure("load"),
        number("read", float(setting.rows) / seconds, "rows/s"),
        number("read", bytes / seconds / 1e6, "MB/s"),
        opening.figure("open the extract again, authenticated"),
        number("in memory", float(opened.bytes()) / float(opened.len().max(1)), "bytes a row"),
    ];
    let rejected = loaded.quality.rows_rejected;
    let about = format!(
        "{} rows of CSV, {} MB, {rejected} of them refused, to an extract that is on disk",
        setting.rows,
        (bytes / 1e6).round()
    );
    Ok(vec![Benchmark { name: "load".to_owned(), about, figures }])
}

/// The invented extract, which stays in the folder for whoever compares.
fn extract(setting: &Setting<'_>, geography: &Geography) -> Result<PathBuf, Failure> {
    let path = setting.dir.join(format!("extract-{}-{}.csv", setting.rows, setting.seed));
    if path.exists() {
        return Ok(path);
    }
    let rows = u32::try_from(setting.rows).or_exit(Exit::Usage)?;
    let ods = Ods::new("ZZ1").or_exit(Exit::Fault)?;
    let profile = PartnerProfile::new(ods, rows, Kind::Acute).or_exit(Exit::Usage)?;
    let (_, period) = rows::subject()?;
    let bar = terminal::bar(setting.rows as u64, "Inventing an extract");
    let partial = path.with_extension("part");
    let mut file = BufWriter::new(File::create(&partial).or_exit(Exit::Config)?);
    RttExtract::write_csv(&mut file, &profile, geography, period, setting.seed, |rows| {
        bar.set_position(rows);
    })
    .or_exit(Exit::Config)?;
    file.flush().or_exit(Exit::Config)?;
    bar.finish_and_clear();
    std::fs::rename(&partial, &path).or_exit(Exit::Config)?;
    Ok(path)
}

pub(super) fn reference(dir: &Path, geography: &Geography) -> Result<Reference, Failure> {
    let tables = tempfile::tempdir_in(dir).or_exit(Exit::Config)?;
    let (imd, icb) = (tables.path().join("imd.csv"), tables.path().join("icb.csv"));
    let mut file = File::create(&imd).or_exit(Exit::Config)?;
    geography.write_imd(&mut file).or_exit(Exit::Config)?;
    let mut file = File::create(&icb).or_exit(Exit::Config)?;
    geography.write_lookup(&mut file).or_exit(Exit::Config)?;
    let folder = tables.path().join("reference");
    for file in [imd, icb] {
        Reference::add(&folder, &file, Extent::Partial).or_exit(Exit::Data)?;
    }
    Reference::open(&folder).or_exit(Exit::Data)
}
