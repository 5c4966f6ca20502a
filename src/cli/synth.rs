//! `evensum synth`: an invented raw extract of any dataset of the catalogue, as a partner's own system would write it,
//! and the mapping that reads it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args as ClapArgs;
use evensum_core::catalogue::{Catalogue, Dataset, PeriodKind};
use evensum_core::model::{DatasetId, ImdEdition, Ods, Period};

use super::exit::{Exit, Failure, OrExit};
use super::terminal;
use crate::config;
use crate::reference::Reference;
use crate::synth::{Columns, GenericExtract, Geography, Order, Place, Places};

/// Small areas of other boards that people of an extract live in as well.
const ELSEWHERE: usize = 400;

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Example: evensum synth --icb QVV --dataset ae_attendance --rows 10000 --reference reference --out ae.csv --mapping-out ae.toml\n\nEverybody in it is invented. With --reference, people live in the real small areas of the board; without, in invented ones,\nwhose deprivation deciles --places-out writes, to be imported with `evensum reference add FILE --partial`."
)]
pub(super) struct Args {
    /// The board that most people live in, by its ODS code
    #[arg(long)]
    icb: Ods,
    /// The dataset, such as ae_attendance; a wrong one is answered with the list of them
    #[arg(long)]
    dataset: DatasetId,
    /// Rows, those that a load leaves out among them
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    rows: u32,
    /// The period, such as 2026-10, 2026-27Q2 or 2025-26; one of the dataset's kind otherwise
    #[arg(long)]
    period: Option<Period>,
    /// The same seed gives the same bytes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The partner that provides the care, by its ODS code
    #[arg(long, default_value = "ZZ1")]
    partner: Ods,
    /// A folder of imported reference data, for real small areas
    #[arg(long)]
    reference: Option<PathBuf>,
    /// A file of definitions beside the built-in ones; may be repeated
    #[arg(long, value_name = "FILE")]
    catalogue: Vec<PathBuf>,
    /// All optional columns, in place of those that most partners have
    #[arg(long)]
    all_columns: bool,
    /// Where the extract goes; standard output otherwise
    #[arg(long)]
    out: Option<PathBuf>,
    /// Where the mapping that reads it goes
    #[arg(long)]
    mapping_out: Option<PathBuf>,
    /// Where the counts that were planted go, as JSON
    #[arg(long)]
    truth_out: Option<PathBuf>,
    /// A folder for the invented places, in the files that official ones come in
    #[arg(long, conflicts_with = "reference")]
    places_out: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let catalogue = config::catalogue(&args.catalogue)?;
    let dataset = dataset(&catalogue, &args.dataset)?;
    let period = match args.period {
        Some(period) => period,
        None => usual(dataset.periods).parse().or_exit(Exit::Fault)?,
    };
    let places = match &args.reference {
        Some(folder) => real(folder, &args.icb)?,
        None => invented(args)?,
    };
    let order = Order {
        dataset,
        catalogue: &catalogue,
        places: &places,
        provider: &args.partner,
        period,
        rows: args.rows,
        seed: args.seed,
        columns: if args.all_columns { Columns::All } else { Columns::Usual },
    };
    let extract = GenericExtract::new(order).or_exit(Exit::Usage)?;
    let bar = terminal::bar(args.rows.into(), "Writing rows");
    let writer: Box<dyn Write> = match &args.out {
        Some(path) => Box::new(BufWriter::new(made(path)?)),
        None => Box::new(BufWriter::new(io::stdout().lock())),
    };
    let truth = extract.write_csv(writer, &|rows| bar.set_position(rows), &mut |_| {});
    bar.finish_and_clear();
    let truth = match truth {
        // A reader that has gone (`| head`) is no failure of ours.
        Err(e) if args.out.is_none() && broken_pipe(&e) => return Ok(ExitCode::SUCCESS),
        other => other.or_exit(Exit::Unavailable)?,
    };
    if let Some(path) = &args.truth_out {
        let json = serde_json::to_vec_pretty(&truth).or_exit(Exit::Fault)?;
        made(path)?.write_all(&json).or_exit(Exit::Unavailable)?;
    }
    match &args.mapping_out {
        Some(path) => {
            made(path)?.write_all(extract.mapping().as_bytes()).or_exit(Exit::Unavailable)?;
            let file = args.out.as_deref().unwrap_or(Path::new("extract.csv"));
            terminal::note(&format!(
                "Load it with: evensum node load --dataset {} --period {period} --mapping {} {}",
                dataset.id,
                path.display(),
                file.display()
            ));
        }
        None => terminal::note(
            "The mapping that reads it: run this again with --mapping-out FILE, or propose one with evensum node map.",
        ),
    }
    Ok(ExitCode::SUCCESS)
}

fn dataset<'a>(catalogue: &'a Catalogue, id: &DatasetId) -> Result<&'a Dataset, Failure> {
    catalogue.dataset(id).map_err(|unknown| {
        let known: Vec<&str> = catalogue.datasets().iter().map(|d| d.id.as_str()).collect();
        let text = format!("{unknown}: there are {}", known.join(", "));
        Failure::says(Exit::Usage, text)
    })
}

/// A period of a kind that has ended.
const fn usual(kind: PeriodKind) -> &'static str {
    match kind {
        PeriodKind::Month => "2026-10",
        PeriodKind::Quarter => "2026-27Q2",
        PeriodKind::Year => "2025-26",
    }
}

/// The small areas of a board from imported reference data, by the newest edition that there is for both deciles and
/// boards.
fn real(folder: &Path, board: &Ods) -> Result<Places, Failure> {
    let reference = Reference::open(folder).or_exit(Exit::Data)?;
    let editions = [ImdEdition::Imd2025, ImdEdition::Imd2019];
    let held = |edition: &ImdEdition| {
        reference.imd(*edition).is_some() && reference.has_icb(edition.lsoa_vintage())
    };
    let Some(edition) = editions.into_iter().find(held) else {
        let text = format!(
            "{} does not have both an Index of Multiple Deprivation and the lookup from its LSOAs to ICBs: import them with evensum reference add \
             FILE --dir {}",
            folder.display(),
            folder.display()
        );
        return Err(Failure::says(Exit::Data, text));
    };
    let (vintage, table) = (edition.lsoa_vintage(), reference.imd(edition));
    let mut elsewhere = 0;
    let areas = reference.areas(vintage).filter_map(|(code, of)| {
        let decile = table?.decile(code)?;
        elsewhere += usize::from(of != board);
        let kept = of == board || elsewhere <= ELSEWHERE;
        kept.then(|| Place { code: code.to_string(), decile, board: of.clone() })
    });
    let areas: Vec<Place> = areas.collect();
    Places::new(board.clone(), edition, areas).map_err(|error| {
        let mut boards: Vec<&str> = reference.areas(vintage).map(|(_, of)| of.as_str()).collect();
        boards.sort_unstable();
        boards.dedup();
        let text = format!(
            "{error} in {}: it has {}. Take one of these, or import the lookup that has it",
            folder.display(),
            boards.join(", ")
        );
        Failure::says(Exit::Data, text)
    })
}

/// Invented places under the board's name, and how to import them.
fn invented(args: &Args) -> Result<Places, Failure> {
    let geography = Geography::new(args.seed);
    let places = Places::invented(args.icb.clone(), &geography).or_exit(Exit::Fault)?;
    let Some(folder) = &args.places_out else {
        terminal::note(
            "The small areas are invented, and no official table has them: write their deciles with --places-out FOLDER, or take real ones with \
             --reference FOLDER.",
        );
        return Ok(places);
    };
    std::fs::create_dir_all(folder).or_exit(Exit::Config)?;
    let (imd, lookup) = (folder.join("imd.csv"), folder.join("lookup.csv"));
    geography.write_imd(&mut BufWriter::new(made(&imd)?)).or_exit(Exit::Unavailable)?;
    places.write_lookup(&mut BufWriter::new(made(&lookup)?)).or_exit(Exit::Unavailable)?;
    terminal::note(&format!(
        "Import the invented places with: evensum reference add --partial {} and evensum reference add --partial {}",
        imd.display(),
        lookup.display()
    ));
    Ok(places)
}

fn made(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| {
        let text = format!("'{}' cannot be written: {error}", path.display());
        Failure::says(Exit::Config, text)
    })
}

fn broken_pipe(error: &crate::synth::GenericError) -> bool {
    use crate::synth::GenericError;
    let kind = match error {
        GenericError::Io(error) => Some(error.kind()),
        GenericError::Csv(error) => match error.kind() {
            csv::ErrorKind::Io(error) => Some(error.kind()),
            _ => None,
        },
        _ => None,
    };
    kind == Some(io::ErrorKind::BrokenPipe)
}
