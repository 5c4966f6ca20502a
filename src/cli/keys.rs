//! `evensum keys`: signing and sealing keys, and the public halves that an agreement and a membership list have.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use data_encoding::HEXLOWER;
use evensum_core::pool::SealKey;
use evensum_core::sign::SigningKey;
use zeroize::Zeroizing;

use super::exit::{Exit, Failure, OrExit};
use super::terminal;
use crate::config;
use crate::trust::{read_private, write_private};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a key, and print its public half
    #[command(after_help = "Example: evensum keys new analyst --out ada.pem")]
    New(NewArgs),
    /// Print the public half of a key
    #[command(after_help = "Example: evensum keys show ada.pem")]
    Show(ShowArgs),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// P-256, signs an analyst's queries
    Analyst,
    /// Ed25519, signs a server's answers
    Answer,
    /// Ed25519, signs a server's audit log
    AuditLog,
    /// Ed25519, signs the membership list of the pooled view: one for each officer
    Officer,
    /// X25519, opens what others seal to a server for the pooled view
    Sealing,
    /// A node's secret behind pseudonyms; it has no public half
    Node,
    /// A federation's secret behind the estimate of different people: the same file at all nodes, and nowhere else
    Link,
}

#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// What the key is for
    kind: Kind,
    /// File to write; it must not exist
    #[arg(long)]
    out: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The key file
    file: PathBuf,
}

/// Makes a node's secret. The file must not exist.
pub(super) fn make_node(out: &Path) -> Result<(), Failure> {
    let secret = Zeroizing::new(rand::random::<[u8; 32]>());
    let text = Zeroizing::new(HEXLOWER.encode(secret.as_slice()));
    write_private(out, text.as_bytes(), false).or_exit(Exit::Config)
}

/// Makes a server's signing key, and gives its public half. The file must not exist.
pub(super) fn make_server(out: &Path) -> Result<String, Failure> {
    kept(&SigningKey::generate_ed25519().or_exit(Exit::Fault)?, out)
}

fn kept(key: &SigningKey, out: &Path) -> Result<String, Failure> {
    write_private(out, key.to_pem().as_bytes(), false).or_exit(Exit::Config)?;
    Ok(key.verifying_key().to_text().as_str().to_owned())
}

/// Makes a sealing key, and gives its public half. The file must not exist.
fn make_sealing(out: &Path) -> Result<String, Failure> {
    let key = SealKey::generate().or_exit(Exit::Fault)?;
    write_private(out, key.to_pem().as_bytes(), false).or_exit(Exit::Config)?;
    Ok(key.public().to_text().to_string())
}

/// The public half of a key file.
fn public(file: &Path) -> Result<String, Failure> {
    if let Ok(sealing) = SealKey::from_pem(&read_private(file).or_exit(Exit::Config)?) {
        return Ok(sealing.public().to_text().to_string());
    }
    Ok(config::signing_key(file)?.verifying_key().to_text().as_str().to_owned())
}

pub(super) fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::New(NewArgs { kind: Kind::Node, out }) => {
            make_node(&out)?;
            terminal::note(&format!(
                "Wrote {}. Never change it: extracts rest on it.",
                out.display()
            ));
        }
        Command::New(NewArgs { kind, out }) => {
            let public = match kind {
                Kind::Analyst => kept(&SigningKey::generate_p256().or_exit(Exit::Fault)?, &out)?,
                Kind::Sealing => make_sealing(&out)?,
                Kind::Link => {
                    make_node(&out)?;
                    let check = config::link_secret(&out)?.check().or_exit(Exit::Fault)?;
                    format!("link_check = \"{check}\"")
                }
                Kind::Answer | Kind::AuditLog | Kind::Officer | Kind::Node => make_server(&out)?,
            };
            terminal::out(&public);
        }
        Command::Show(ShowArgs { file }) => {
            terminal::out(&public(&file)?);
        }
    }
    Ok(ExitCode::SUCCESS)
}
