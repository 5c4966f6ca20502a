//! Answers as files: `evensum query --format xlsx --out answers.xlsx`.

use std::fs;
use std::path::{Path, PathBuf};

use evensum_core::model::Period;
use evensum_core::view::Answer;

use super::exit::{Exit, Failure, OrExit};
use super::query::{Args, Asked, Format, shown};
use super::{clock, terminal};
use crate::present::export::{
    About, Export, ExportError, Unanswered, cml, fhir, fingertips, notes, parquet, xlsx,
};
use crate::trust::write_public;

/// What is written into files.
const TOOL: &str = concat!("evensum ", env!("CARGO_PKG_VERSION"));

/// Whether the answers go through here, and not to the terminal as they are shown there.
pub(super) const fn is_wanted(args: &Args) -> bool {
    let own = !matches!(args.format, Format::Table | Format::Chart | Format::Csv | Format::Json);
    own || args.out.is_some()
}

/// Whether the answers can be written as they are asked for; before anybody is asked.
pub(super) fn check(args: &Args) -> Result<(), Failure> {
    let usage = |text: &str| Err(Failure::says(Exit::Usage, text));
    if args.format == Format::Cml && args.period.periods().any(|p| matches!(p, Period::Year { .. }))
    {
        return usage(
            "the Central Metrics Library has no grain for a financial year: ask by months or by quarters",
        );
    }
    let Some(out) = &args.out else {
        return match args.format {
            Format::Xlsx => usage("a workbook needs a file: name it, as in --out answers.xlsx"),
            Format::Parquet => usage("Parquet needs a file: name it, as in --out answers.parquet"),
            Format::Cml => usage("cml is a folder of three tables: name it, as in --out answers"),
            _ => Ok(()),
        };
    };
    if matches!(args.format, Format::Table | Format::Chart) {
        return usage(
            "--out takes --format csv, json, xlsx, parquet, fhir, fingertips or cml; a table or a chart is for the terminal",
        );
    }
    let inside = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    if inside.is_some_and(|folder| !folder.is_dir()) {
        let text = format!("--out {}: there is no such folder to write into", out.display());
        return Err(Failure::says(Exit::Usage, text));
    }
    let fits = match args.format {
        Format::Cml => !out.is_file(),
        _ => !out.is_dir() && out.file_name().is_some(),
    };
    if !fits {
        let wanted = if args.format == Format::Cml { "a folder" } else { "a file" };
        let text = format!("--out {}: this format is written to {wanted}", out.display());
        return Err(Failure::says(Exit::Usage, text));
    }
    Ok(())
}

/// Writes what was answered, and says where it is and who may have it.
pub(super) fn put(asked: &Asked, args: &Args) -> Result<(), Failure> {
    if asked.outcomes.len() == 1 {
        asked.one()?;
    }
    let answers: Vec<&Answer> = asked.answers().collect();
    let unanswered = asked.unanswered();
    for one in &unanswered {
        terminal::note(&format!("evensum: {} {}: {}", one.indicator, one.period, one.why));
    }
    if answers.is_empty() {
        terminal::note("evensum: no question was answered, and nothing is written");
        return Ok(());
    }
    let now = clock::system().now();
    let about = About::new(&asked.agreement, args.purpose.clone(), TOOL, now);
    let export = Export::new(about, &answers, unanswered);
    match &args.out {
        Some(out) => to_files(asked, args.format, &export, out)?,
        None => terminal::out(&text(asked, args.format, &export)?),
    }
    terminal::note(&format!("Handling: {}.", export.about().handling.line()));
    Ok(())
}

fn failure(error: ExportError) -> Failure {
    let exit = match error {
        ExportError::Rows { .. } | ExportError::Sheets { .. } | ExportError::Grain(_) => {
            Exit::Usage
        }
        _ => Exit::Fault,
    };
    Failure::new(exit, error)
}

/// A format of text.
fn text(asked: &Asked, format: Format, export: &Export) -> Result<String, Failure> {
    match format {
        Format::Fhir => fhir::bundle(export).map_err(failure),
        Format::Fingertips => fingertips::csv(export).map_err(failure),
        _ if asked.outcomes.len() == 1 => shown(asked.one()?, format),
        _ => asked.shown(format),
    }
}

fn to_files(asked: &Asked, format: Format, export: &Export, out: &Path) -> Result<(), Failure> {
    let beside = |text: String| {
        let stem = out.file_stem().unwrap_or_default().to_string_lossy();
        let named = out.with_file_name(format!("{stem}-notes.txt"));
        // The notes first: figures never lie there without them.
        vec![(named, notes::text(export).into_bytes()), (out.to_owned(), text.into_bytes())]
    };
    let files = match format {
        Format::Xlsx => vec![(out.to_owned(), xlsx::workbook(export).map_err(failure)?)],
        Format::Parquet => vec![(out.to_owned(), parquet::file(export).map_err(failure)?)],
        Format::Fhir => vec![(out.to_owned(), text(asked, format, export)?.into_bytes())],
        Format::Cml => of_library(export, out)?,
        _ => beside(text(asked, format, export)?),
    };
    for (path, bytes) in &files {
        write_public(path, bytes, true).or_exit(Exit::Config)?;
    }
    let names: Vec<String> = files.iter().map(|(path, _)| path.display().to_string()).collect();
    terminal::note(&format!("Written: {}", names.join(", ")));
    Ok(())
}

/// The folder of the Central Metrics Library's tables, made where it is not there.
fn of_library(export: &Export, folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, Failure> {
    let cml::Texts { metric, dimensions, metadata } = cml::texts(export).map_err(failure)?;
    fs::create_dir_all(folder).map_err(|error| {
        let error =
            anyhow::Error::new(error).context(format!("{} cannot be made", folder.display()));
        Failure::new(Exit::Config, error)
    })?;
    let files = [
        ("notes.txt", notes::text(export)),
        ("metadata.csv", metadata),
        ("dimensions.csv", dimensions),
        ("metric.csv", metric),
    ];
    Ok(files.map(|(name, text)| (folder.join(name), text.into_bytes())).into())
}

impl Asked {
    /// The questions that have no answer, with the reason.
    fn unanswered(&self) -> Vec<Unanswered> {
        let listed = self.listed().into_iter();
        let without = listed.filter_map(|one| {
            let (indicator, period) = (one.indicator.clone(), one.period);
            Some(Unanswered { indicator, period, why: one.answer.err()?.text })
        });
        without.collect()
    }
}
