//! `evensum partners`: who is in an agreement, and who is connected.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args as ClapArgs, ValueEnum};
use evensum_core::identity::{Call, PARTNERS_CALL_TYPE};
use evensum_core::model::{AgreementId, canonical};
use evensum_core::port::AnalystPort;
use evensum_core::sign::Envelope;

use super::exit::{Exit, Failure, OrExit};
use super::{clock, query, serve, terminal};
use crate::config::{self, AnalystConfig};

/// How long the signed call is valid, in seconds, either side of now.
const LIFE_SECONDS: i64 = 120;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "Example: evensum partners --config analyst.toml")]
pub(super) struct Args {
    /// The agreement; needed where the configuration has several
    #[arg(long)]
    agreement: Option<AgreementId>,
    /// The analyst's configuration
    #[arg(long, env = "EVENSUM_ANALYST", default_value = "analyst.toml")]
    config: PathBuf,
    #[arg(long, default_value = "table")]
    format: Format,
}

pub(super) fn run(args: Args) -> Result<ExitCode, Failure> {
    let config = AnalystConfig::read(&args.config)?;
    let agreement = config.agreement(args.agreement.as_ref())?;
    let now = clock::system().now();
    let call = Call {
        call_id: clock::query_id(),
        federation: agreement.federation.clone(),
        agreement: agreement.id.clone(),
        agreement_hash: agreement.hash().or_exit(Exit::Config)?,
        not_before: now.plus(-LIFE_SECONDS),
        expires: now.plus(LIFE_SECONDS),
    };
    let key = config::signing_key(&config.key)?;
    let bytes = canonical::encode(&call).or_exit(Exit::Fault)?;
    let signer = config.analyst.as_str();
    let envelope = Envelope::sign(bytes, PARTNERS_CALL_TYPE, signer, &key).or_exit(Exit::Fault)?;
    let partners = serve::runtime()?.block_on(async {
        let client = query::connect(&config, &agreement).await?;
        let listed = client.partners(envelope).await;
        listed.map_err(|fault| Failure::new(query::exit_of(&fault), fault))
    })?;
    terminal::out(&match args.format {
        Format::Table => partners
            .iter()
            .map(|p| {
                let standing = if p.connected { "connected" } else { "not connected" };
                format!("{:<8} {standing:<14} {}\n", p.ods, p.name)
            })
            .collect(),
        Format::Json => {
            let all: Vec<serde_json::Value> = partners
                .iter()
                .map(
                    |p| serde_json::json!({"ods": p.ods, "name": p.name, "connected": p.connected}),
                )
                .collect();
            serde_json::to_string_pretty(&all).or_exit(Exit::Fault)?
        }
    });
    Ok(ExitCode::SUCCESS)
}
