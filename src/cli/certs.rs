//! `evensum certs`: a federation's own authority, and the certificates that it issues.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use evensum_core::model::{FederationId, Ods, Role};

use super::exit::{Exit, Failure, OrExit};
use super::{clock, terminal};
use crate::trust::{Authority, AuthorityKind, IssueRequest, absent, write_private, write_public};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a new authority for a federation
    #[command(after_help = "Example: evensum certs ca --federation dorset.ics.example --dir ca")]
    Ca(CaArgs),
    /// Issue a certificate for a server
    #[command(
        after_help = "Example: evensum certs issue --ca ca --ods R0D --role node --name main --out node\nwrites node.pem and node.key"
    )]
    Issue(IssueArgs),
}

#[derive(Debug, Args)]
pub(super) struct CaArgs {
    /// The federation: the trust domain of every certificate
    #[arg(long)]
    federation: FederationId,
    /// Folder for ca.pem and ca.key; keep the key offline
    #[arg(long)]
    dir: PathBuf,
    /// Days that the authority lives
    #[arg(long, default_value_t = 3650)]
    days: u32,
    /// An authority for trying things out: what it issues is refused off this machine
    #[arg(long)]
    example: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleArg {
    Node,
    Coordinator,
    #[value(name = "second-server", alias = "helper")]
    Helper,
}

#[derive(Debug, Args)]
pub(super) struct IssueArgs {
    /// Folder of the authority
    #[arg(long)]
    ca: PathBuf,
    /// The organisation's ODS code
    #[arg(long)]
    ods: Ods,
    /// What the server does
    #[arg(long)]
    role: RoleArg,
    /// Which of the organisation's servers
    #[arg(long, default_value = "main")]
    name: String,
    /// DNS name that others dial; repeat for several
    #[arg(long)]
    dns: Vec<String>,
    /// IP address that others dial; repeat for several
    #[arg(long)]
    ip: Vec<IpAddr>,
    /// Days that the certificate lives
    #[arg(long, default_value_t = 90)]
    days: u32,
    /// Where to write OUT.pem and OUT.key
    #[arg(long)]
    out: PathBuf,
}

pub(super) fn run(command: Command) -> Result<ExitCode, Failure> {
    let now = clock::system().now();
    match command {
        Command::Ca(args) => {
            let kind =
                if args.example { AuthorityKind::Example } else { AuthorityKind::Federation };
            let authority =
                Authority::create(&args.federation, kind, args.days, now).or_exit(Exit::Config)?;
            std::fs::create_dir_all(&args.dir).or_exit(Exit::Config)?;
            authority.save(&args.dir).or_exit(Exit::Config)?;
            terminal::note(&format!(
                "The authority of {} is in {}. Give everybody ca.pem; keep ca.key to yourself.",
                args.federation,
                args.dir.display()
            ));
        }
        Command::Issue(args) => {
            let authority = Authority::load(&args.ca).or_exit(Exit::Config)?;
            let role = match args.role {
                RoleArg::Node => Role::Node,
                RoleArg::Coordinator => Role::Coordinator,
                RoleArg::Helper => Role::Helper,
            };
            if role != Role::Node && args.dns.is_empty() && args.ip.is_empty() {
                let whose = if role == Role::Helper { "second server" } else { "coordinator" };
                let text = format!(
                    "a {whose}'s certificate needs the name that others dial: add --dns or --ip"
                );
                return Err(Failure::says(Exit::Usage, text));
            }
            let request = IssueRequest {
                ods: args.ods,
                role,
                name: args.name,
                dns: args.dns,
                ips: args.ip,
                days: args.days,
                now,
            };
            let issued = authority.issue(&request).or_exit(Exit::Config)?;
            let (pem, key) = (with_ending(&args.out, ".pem"), with_ending(&args.out, ".key"));
            absent(&[&pem, &key]).or_exit(Exit::Config)?;
            write_private(&key, issued.key_pem.as_bytes(), false).or_exit(Exit::Config)?;
            write_public(&pem, issued.cert_pem.as_bytes(), false).or_exit(Exit::Config)?;
            terminal::note(&format!("Wrote {} and {}.", pem.display(), key.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
