//! `evensum disclose`: disclosure control for a table that somebody already has.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args as ClapArgs, ValueEnum};
use evensum_core::disclosure::CountRules;
use evensum_core::disclosure::attack::{Limits, PublicCell, Verdict};
use evensum_core::disclosure::sheet::{MAX_CELLS, MAX_LARGE_CELLS, SheetError, Source, Terms};
use evensum_core::model::{Profile, Zeros};

use super::exit::{Exit, Failure, OrExit};
use super::terminal;
use crate::disclose::already::{self, Of};
use crate::disclose::assemble::{Assembled, Request, assemble};
use crate::disclose::document::Document;
use crate::disclose::report::{self, Findings};
use crate::disclose::{DiscloseError, outsider, picture, read, xlsx};
use crate::present::Glyphs;

/// What the test may try of a table that was asked for with `--large`.
const LARGE: Limits = Limits {
    published: MAX_LARGE_CELLS + evensum_core::disclosure::sheet::MAX_ALREADY,
    dense: MAX_LARGE_CELLS,
    ..Limits::EXACT
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Named {
    /// 0 to 7 hidden, the rest to the nearest 5
    Nhs75m,
    /// 1 to 7 hidden, zero shown, the rest to the nearest 5
    Nhs75,
    /// 0 to 9 hidden, the rest to the nearest 5
    Ons105m,
    /// 1 to 7 hidden, and as many more as protect them; the rest exact
    #[value(name = "exact_cs")]
    ExactCs,
    /// Cell keys: counts changed by small amounts that the people in them fix
    Ckm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Csv,
    Xlsx,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Report {
    Text,
    Json,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples: evensum disclose waits.csv --by area,sex --count waiting --out released.csv\n          evensum disclose waits.csv --count waiting --hierarchy area=areas.csv --report json\n          evensum disclose known.csv --attack-only --format csv\n\nA row has a category of each dimension and a count; `all` marks a total. Totals that are not there are made. The\ntable is written only where the disclosure test finds no hidden count that can be worked out from it.\n\nExit codes: 0 the table passes; 2 usage; 3 the disclosure test fails, and nothing is written; 65 data that cannot\nbe used."
)]
pub(super) struct Args {
    /// The table, as CSV in UTF-8
    file: PathBuf,
    /// The columns that divide it up [default: all columns that hold something else than numbers]
    #[arg(long, value_delimiter = ',', value_name = "COLUMNS")]
    by: Vec<String>,
    /// The column of counts
    #[arg(long, value_name = "COLUMN", required_unless_present = "attack_only")]
    count: Option<String>,
    /// The column that says how many different people are behind a count; few hide it
    #[arg(long, value_name = "COLUMN")]
    persons: Option<String>,
    /// The column that says how many of a count are one person's; more than half hide it
    #[arg(long, value_name = "COLUMN")]
    top: Option<String>,
    /// A column of sums, shown to three significant figures or withheld
    #[arg(long, value_name = "COLUMN")]
    sum: Option<String>,
    /// The column that says how much of a sum is one contributor's
    #[arg(long, value_name = "COLUMN", requires = "sum")]
    sum_top: Option<String>,
    /// A file with the columns code and parent, for a dimension whose codes nest
    #[arg(long, value_name = "DIMENSION=FILE", value_parser = pair)]
    hierarchy: Vec<(String, PathBuf)>,
    /// Leave a dimension out of the table, after it was read and checked
    #[arg(long, value_name = "DIMENSION", value_delimiter = ',')]
    without: Vec<String>,
    /// Use the parents of a dimension's finest codes in their place, so many levels up
    #[arg(long, value_name = "DIMENSION=LEVELS", value_parser = levels)]
    coarsen: Vec<(String, usize)>,
    /// What is hidden, and to what the rest is rounded [default: nhs75m]
    #[arg(long)]
    profile: Option<Named>,
    /// Hide counts up to this one, in place of the profile's limit
    #[arg(long)]
    limit: Option<u64>,
    /// Round to the nearest multiple of this, in place of the profile's base; 1 does not round
    #[arg(long)]
    base: Option<u64>,
    /// With exact_cs: how far apart the numbers must be between which a hidden count can be placed
    #[arg(long, value_name = "WIDTH", value_parser = clap::value_parser!(u64).range(1..=100))]
    protect: Option<u64>,
    /// A table of the same people that is already out; what both say together is tested
    #[arg(long, value_name = "RELEASED.csv")]
    also: Vec<PathBuf>,
    /// Where the protected table goes; .xlsx makes a workbook
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How the table is written [default: by the name of --out; else a table on a terminal, and csv]
    #[arg(long)]
    format: Option<Format>,
    /// The verdict in words, or in full as JSON on standard output, for the owner of the table alone
    #[arg(long, default_value = "text")]
    report: Report,
    /// Take up to 20,000 cells with totals instead of 2,500, which takes longer
    #[arg(long)]
    large: bool,
    /// Work out what an outsider can who knows that each cell lies between `low` and `high`
    #[arg(long, conflicts_with_all = ["count", "persons", "top", "sum", "also", "base", "protect", "without", "coarsen"])]
    attack_only: bool,
}

fn pair(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or("write it as dimension=file.csv")?;
    Ok((name.trim().to_owned(), PathBuf::from(file)))
}

fn levels(text: &str) -> Result<(String, usize), String> {
    let (name, levels) = text.split_once('=').unwrap_or((text, "1"));
    let levels = levels.trim().parse().map_err(|_| "write it as dimension=1")?;
    Ok((name.trim().to_owned(), levels))
}

/// Faults of the table are data; that it cannot be written is ours.
fn failure(error: DiscloseError) -> Failure {
    let exit = match &error {
        DiscloseError::Csv(_) | DiscloseError::Finish(_) | DiscloseError::Workbook(_) => {
            Exit::Fault
        }
        _ => Exit::Data,
    };
    Failure::new(exit, error)
}

/// The profile's rules, and what was asked for in their place.
struct Policy {
    name: &'static str,
    rules: CountRules,
    protect: Option<u64>,
}

const fn of_profile(profile: Profile) -> (&'static str, u64, u64, Zeros) {
    (profile.as_str(), profile.limit(), profile.base(), profile.zeros())
}

impl Args {
    fn policy(&self) -> Result<Policy, Failure> {
        let usage = |text: &str| Err(Failure::says(Exit::Usage, text));
        let (name, limit, base, zeros) = match self.profile.unwrap_or(Named::Nhs75m) {
            Named::Nhs75m => of_profile(Profile::Nhs75m),
            Named::Nhs75 => of_profile(Profile::Nhs75),
            Named::Ons105m => of_profile(Profile::Ons105m),
            Named::ExactCs => ("exact_cs", 7, 1, Zeros::Shown),
            Named::Ckm => {
                return usage(
                    "ckm: this profile needs record keys, which this command cannot read yet; choose nhs75m, nhs75, ons105m or exact_cs",
                );
            }
        };
        let exact = self.profile == Some(Named::ExactCs);
        if self.protect.is_some() && !exact {
            return usage("--protect goes with --profile exact_cs alone");
        }
        if exact && self.base.is_some_and(|base| base != 1) {
            return usage(
                "exact_cs shows exact counts and takes no --base; choose another profile",
            );
        }
        if exact && (self.persons.is_some() || self.top.is_some()) {
            return usage(
                "exact_cs is for counts of people; choose another profile where --persons or --top is given",
            );
        }
        let (limit, base) = (self.limit.unwrap_or(limit), self.base.unwrap_or(base));
        let rules = CountRules::new(limit, base, zeros).or_exit(Exit::Usage)?;
        let protect = exact.then(|| self.protect.unwrap_or(1));
        Ok(Policy { name, rules, protect })
    }

    const fn limits(&self) -> Limits {
        if self.large { LARGE } else { Limits::EXACT }
    }

    const fn most(&self) -> usize {
        if self.large { MAX_LARGE_CELLS } else { MAX_CELLS }
    }

    /// How the table is written where there is nothing to say it but the name of the file.
    fn format(&self) -> Result<Format, Failure> {
        let extension = self.out.as_deref().and_then(Path::extension).and_then(|e| e.to_str());
        let by_name = match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("xlsx") => Format::Xlsx,
            Some("json") => Format::Json,
            _ if self.out.is_none() && terminal::is_shown() => Format::Table,
            _ => Format::Csv,
        };
        let format = self.format.unwrap_or(by_name);
        if format == Format::Xlsx && self.out.is_none() {
            let text = "a workbook needs a file: name it with --out, as in --out released.xlsx";
            return Err(Failure::says(Exit::Usage, text));
        }
        Ok(format)
    }
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    if args.attack_only { attack_only(args) } else { protect(args) }
}

fn protect(args: &Args) -> Result<ExitCode, Failure> {
    let policy = args.policy()?;
    let format = args.format()?;
    let fields = read::read(&args.file).map_err(failure)?;
    let request = Request {
        by: args.by.clone(),
        count: args.count.clone().unwrap_or_default(),
        persons: args.persons.clone(),
        top: args.top.clone(),
        sum: args.sum.clone(),
        sum_top: args.sum_top.clone(),
        hierarchies: args.hierarchy.clone(),
        most: args.most(),
    };
    let Assembled { source, remarks } = assemble(&fields, &request).map_err(failure)?;
    let columns = source.columns().clone();
    let of = Of {
        dimensions: source.full_dimensions(),
        count: &columns.count,
        sum: columns.sum.as_deref(),
        rules: policy.rules,
    };
    let mut out: Vec<PublicCell> = Vec::new();
    for file in &args.also {
        out.extend(already::read(file, of).map_err(failure)?);
    }
    let source = narrowed(args, source)?;
    let terms = Terms {
        rules: policy.rules,
        protect: policy.protect,
        already: &out,
        limits: args.limits(),
    };
    let begun = Instant::now();
    let shown = args.large.then(|| terminal::spinner("testing"));
    let sheet =
        source.protected(&terms, args.most()).map_err(|error| sheet_failure(args, error))?;
    let mut findings = Findings { elapsed: begun.elapsed(), ..Findings::default() };
    if sheet.verdict() != Verdict::Safe {
        findings.may_widen = policy.protect.map(|width| width + 1);
        findings.coarser =
            source.coarser_that_pass(&terms).map_err(|error| sheet_failure(args, error))?;
    }
    if let Some(shown) = shown {
        shown.finish_and_clear();
    }
    let document = Document {
        sheet: &sheet,
        profile: policy.name,
        count: &columns.count,
        sum: columns.sum.as_deref(),
        few_people: columns.persons.is_some() || columns.top.is_some(),
        protects: policy.protect.is_some(),
        already: args.also.len(),
    };
    remarks.iter().for_each(|remark| terminal::note(remark));
    tell(args, &document, &findings, format)
}

/// The table without what `--without` and `--coarsen` take from it.
fn narrowed(args: &Args, mut source: Source) -> Result<Source, Failure> {
    let place = |source: &Source, option: &'static str, name: &str| {
        let names: Vec<String> = source.dimensions().iter().map(|d| d.name().to_owned()).collect();
        names.iter().position(|n| n.eq_ignore_ascii_case(name)).ok_or_else(|| {
            let there = names.join(", ");
            failure(DiscloseError::NotADimension { option, name: name.to_owned(), there })
        })
    };
    for (name, levels) in &args.coarsen {
        let dimension = place(&source, "coarsen", name)?;
        let most = source.dimensions().get(dimension).map_or(0, |d| d.coarser_levels());
        if !(1..=most).contains(levels) {
            let text = match most {
                0 => format!(
                    "--coarsen {name}: this dimension has no hierarchy; give it one with --hierarchy"
                ),
                most => format!("--coarsen {name}: its hierarchy goes 1 to {most} levels up"),
            };
            return Err(Failure::says(Exit::Usage, text));
        }
        source = source.coarser(dimension, *levels);
    }
    for name in &args.without {
        let dimension = place(&source, "without", name)?;
        if source.dimensions().len() == 1 {
            let text = format!("--without {name}: the table has no other dimension");
            return Err(Failure::says(Exit::Usage, text));
        }
        source = source.without(dimension);
    }
    Ok(source)
}

fn sheet_failure(args: &Args, source: SheetError) -> Failure {
    let could_be_large = match &source {
        SheetError::TooLarge(size) => !args.large && size.cells <= MAX_LARGE_CELLS,
        _ => false,
    };
    if matches!(source, SheetError::NoPattern(_)) {
        return Failure::new(Exit::Disclosed, source);
    }
    let error = failure(DiscloseError::Sheet { file: args.file.clone(), source });
    if could_be_large {
        terminal::note(&format!("With --large a table may have up to {MAX_LARGE_CELLS} cells."));
    }
    error
}

/// Writes the table, where it passes, and says what became of it.
fn tell(
    args: &Args,
    document: &Document<'_>,
    findings: &Findings,
    format: Format,
) -> Result<ExitCode, Failure> {
    let safe = document.sheet.verdict() == Verdict::Safe;
    let ascii = terminal::glyphs() == Glyphs::Ascii;
    if safe && (args.out.is_some() || args.report == Report::Text) {
        let bytes = match format {
            Format::Table => {
                picture::picture(document, terminal::width().columns(), ascii).into_bytes()
            }
            Format::Csv => document.csv().map_err(failure)?.into_bytes(),
            Format::Xlsx => xlsx::workbook(document).map_err(failure)?,
            Format::Json => pretty(&document.json())?.into_bytes(),
        };
        put(args, &bytes)?;
    }
    match args.report {
        Report::Json => terminal::out(&pretty(&report::json(document, findings))?),
        Report::Text => {
            if safe && format == Format::Table {
                // The last of them is the verdict, which follows.
                let notes = document.notes();
                notes.iter().rev().skip(1).rev().for_each(|note| terminal::note(note));
            }
            terminal::note(report::text(document, findings).trim_end());
        }
    }
    if safe { Ok(ExitCode::SUCCESS) } else { Ok(Exit::Disclosed.into()) }
}

fn pretty(value: &serde_json::Value) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).or_exit(Exit::Fault)
}

/// To the file that was named, or to standard output.
fn put(args: &Args, bytes: &[u8]) -> Result<(), Failure> {
    let Some(file) = &args.out else {
        terminal::out(&String::from_utf8_lossy(bytes));
        return Ok(());
    };
    fs::write(file, bytes).map_err(|error| {
        let error =
            anyhow::Error::new(error).context(format!("{} cannot be written", file.display()));
        Failure::new(Exit::Config, error)
    })?;
    terminal::note(&format!("Written: {}", file.display()));
    Ok(())
}

fn attack_only(args: &Args) -> Result<ExitCode, Failure> {
    let policy = args.policy()?;
    let format = args.format.unwrap_or(Format::Csv);
    if !matches!(format, Format::Csv | Format::Json) {
        return Err(Failure::says(Exit::Usage, "--attack-only writes --format csv or json"));
    }
    let fields = read::read(&args.file).map_err(failure)?;
    let outside = outsider::read(&fields, &args.by, &args.hierarchy).map_err(failure)?;
    let shown = args.large.then(|| terminal::spinner("working out"));
    let worked = outside.work_out(&fields, policy.rules.limit(), &args.limits());
    if let Some(shown) = shown {
        shown.finish_and_clear();
    }
    let worked = worked.map_err(failure)?;
    let text = match format {
        Format::Json => pretty(&outside.json(&worked))?,
        _ => outside.csv(&worked).map_err(failure)?,
    };
    put(args, text.as_bytes())?;
    if worked.found_out > 0 {
        terminal::note(&format!(
            "Counts that must stay hidden and can be worked out, exactly or to one of two small numbers: {}.",
            worked.found_out
        ));
        return Ok(Exit::Disclosed.into());
    }
    terminal::note("No hidden count can be worked out from these bounds.");
    Ok(ExitCode::SUCCESS)
}
