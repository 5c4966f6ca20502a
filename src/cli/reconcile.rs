//! `evensum node reconcile`: own totals beside the return that the organisation submitted.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use evensum_core::model::{DatasetId, Ods, Period};

use super::exit::{Exit, Failure, OrExit};
use super::node::ConfigArgs;
use super::terminal;
use crate::config::{self, Server};
use crate::intake::{self, ReconcileRequest};
use crate::present::quality::EXACT;
use crate::present::reconcile;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Csv,
    Json,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Example: evensum node reconcile return.csv --period 2026-10\n\nThe return is the CSV file that is published every month, or one with the columns treatment function, total,\nover 18 and over 52. Treatment functions are known by code or by name. The figures are exact: they are for the\norganisation's own staff."
)]
pub(super) struct Args {
    /// The return that was submitted, as CSV
    file: PathBuf,
    /// The dataset that it is of
    #[arg(long, default_value = "rtt_open_pathway")]
    dataset: DatasetId,
    /// The period, such as 2026-10
    #[arg(long)]
    period: Period,
    /// The provider whose rows are compared, of the return and of the extract; of the return alone the node's own
    /// otherwise
    #[arg(long)]
    provider: Option<Ods>,
    #[command(flatten)]
    config: ConfigArgs,
    #[arg(long, default_value = "table")]
    format: Format,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let server = Server::read(&args.config.config)?;
    let key = server.node()?.secret()?;
    let catalogue = config::catalogue(&server.catalogue)?;
    let compared = intake::reconcile(&ReconcileRequest {
        file: &args.file,
        state: &server.state,
        key: &key,
        dataset: &args.dataset,
        period: args.period,
        provider: args.provider.as_ref().unwrap_or(&server.ods),
        own_rows_of_provider: args.provider.is_some(),
        catalogue: &catalogue,
    });
    let compared = compared.or_exit(Exit::Data)?;
    terminal::out(&match args.format {
        Format::Table => reconcile::table(&compared, terminal::width(), terminal::glyphs()),
        Format::Csv => {
            // The file has no room for it.
            terminal::note(EXACT);
            reconcile::csv(&compared).or_exit(Exit::Fault)?
        }
        Format::Json => {
            serde_json::to_string_pretty(&reconcile::to_json(&compared)).or_exit(Exit::Fault)?
        }
    });
    Ok(())
}
