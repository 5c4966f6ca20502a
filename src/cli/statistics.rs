//! `evensum statistics`: a measure of a table that somebody has.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::PossibleValue;
use clap::{Args as ClapArgs, ValueEnum};
use evensum_core::statistics::{Better, REPETITIONS};

use super::exit::{Exit, Failure, OrExit};
use super::terminal;
use crate::calculate::measure::Values;
use crate::calculate::{self, CalculateError, Line, Measure, Options, Role, columns, written};
use crate::disclose::read;
use crate::present::csv;
use crate::present::listing::{self, Head};

/// A measure on the command line.
#[derive(Debug, Clone, Copy)]
struct Named(Measure);

/// Every measure, so that clap can borrow them.
const NAMED: [Named; Measure::ALL.len()] = {
    let mut all = [Named(Measure::Proportion); Measure::ALL.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = Named(Measure::ALL[at]);
        at += 1;
    }
    all
};

impl ValueEnum for Named {
    fn value_variants<'a>() -> &'a [Self] {
        &NAMED
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.as_str()).help(self.0.about()))
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Csv,
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum BetterArg {
    Lower,
    Higher,
    Neither,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ValuesArg {
    /// Fractions from 0 to 1
    Proportion,
    /// Rates, not below nought
    Rate,
    /// Anything else, such as means or years of life
    Other,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples: evensum statistics proportion uptake.csv --column numerator=vaccinated --column denominator=eligible\n          evensum statistics sii quintiles.csv --value-type proportion --transform --seed 1 --format json\n          evensum statistics dsr ages.csv --group-by imd_quintile --per 100000\n\nColumns are found by their usual names, or named with --column. A figure that is hidden ([c], blank) is never guessed: what\nneeds it is \"not computable\", with the reason. Every formula and its source: docs/methods.md."
)]
pub(super) struct Args {
    /// What is worked out
    #[arg(value_name = "MEASURE")]
    measure: Named,
    /// The table, as CSV in UTF-8 with a header
    file: PathBuf,
    /// A column of the table, where it has none of the usual names: ROLE=NAME, such as population=residents
    #[arg(long, value_name = "ROLE=NAME", value_parser = column)]
    column: Vec<(Role, String)>,
    /// A column whose every value has a measure of its own
    #[arg(long, value_name = "COLUMN")]
    group_by: Option<String>,
    /// Rates are per so many people [default: 100000]
    #[arg(long, value_name = "PEOPLE")]
    per: Option<f64>,
    /// What the values are
    #[arg(long, default_value = "other")]
    value_type: ValuesArg,
    /// Fit a slope to the logarithms of rates, or to the log odds of proportions
    #[arg(long)]
    transform: bool,
    /// What a slope index is multiplied by; below nought it is turned round
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    multiplier: f64,
    /// Seed of simulated limits: the same gives the same limits
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Draws of simulated limits
    #[arg(long, default_value_t = REPETITIONS)]
    repetitions: u32,
    /// The row that others are compared with, by its name
    #[arg(long, value_name = "ROW")]
    reference: Option<String>,
    /// Which way is better
    #[arg(long, default_value = "lower")]
    better: BetterArg,
    /// Rows stand in an order, the most deprived first
    #[arg(long)]
    ordered: bool,
    /// How many quantiles
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=100))]
    quantiles: u32,
    /// Which percentile
    #[arg(long, default_value_t = 50.0)]
    at: f64,
    /// A target, for a chart of periods
    #[arg(long, allow_negative_numbers = true)]
    target: Option<f64>,
    #[arg(long, default_value = "table")]
    format: Format,
}

fn column(text: &str) -> Result<(Role, String), String> {
    let roles = || Role::ALL.map(Role::as_str).join(", ");
    let (role, name) = text
        .split_once('=')
        .ok_or_else(|| format!("write it as ROLE=NAME; the roles are {}", roles()))?;
    let found = Role::ALL.into_iter().find(|own| own.as_str() == role.trim());
    let role = found.ok_or_else(|| format!("there is no role '{role}': there are {}", roles()))?;
    Ok((role, name.to_owned()))
}

impl Args {
    fn options(&self) -> Options {
        Options {
            per: self.per,
            values: match self.value_type {
                ValuesArg::Proportion => Values::Proportion,
                ValuesArg::Rate => Values::Rate,
                ValuesArg::Other => Values::Other,
            },
            transform: self.transform,
            multiplier: self.multiplier,
            seed: self.seed,
            repetitions: self.repetitions,
            reference: self.reference.clone(),
            better: match self.better {
                BetterArg::Lower => Better::Lower,
                BetterArg::Higher => Better::Higher,
                BetterArg::Neither => Better::Neither,
            },
            ordered: self.ordered,
            quantiles: self.quantiles,
            at: self.at,
            target: self.target,
            group_by: self.group_by.clone(),
        }
    }
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let fields = read::read(&args.file).or_exit(Exit::Data)?;
    if fields.lines().len() > columns::MAX_ROWS {
        return Err(Failure::new(Exit::Data, CalculateError::TooMany));
    }
    let rows: Vec<(u64, Vec<String>)> =
        fields.lines().iter().map(|line| (line.row, line.fields.clone())).collect();
    let measure = args.measure.0;
    let lines = calculate::lines(measure, fields.header(), &rows, &args.column, &args.options())
        .or_exit(Exit::Data)?;
    let text = match args.format {
        Format::Json => format!("{}\n", written::json(measure, &lines)),
        Format::Csv => written::csv(&lines, csv::guarded).or_exit(Exit::Fault)?,
        Format::Table => {
            let (heads, rows) = written::cells(&lines);
            let heads: Vec<Head> =
                heads.into_iter().map(|(name, figures)| Head { name, figures }).collect();
            let mut text = listing::table(&heads, &rows, terminal::width(), terminal::glyphs());
            for method in methods(&lines) {
                text.push_str(&format!("{method}\n"));
            }
            text
        }
    };
    terminal::out(&text);
    Ok(ExitCode::SUCCESS)
}

/// How the numbers are made and in which units: each once.
fn methods(lines: &[Line]) -> Vec<String> {
    let mut all = Vec::new();
    for line in lines {
        let text = format!("{}: {} ({})", line.name, line.method, line.unit);
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all
}
