//! `evensum keys`: signing keys, and the public halves that an agreement lists.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use data_encoding::HEXLOWER;
use evensum_core::sign::SigningKey;
use zeroize::Zeroizing;

use super::exit::{Exit, Failure, OrExit};
use super::terminal;
use crate::config;
use crate::trust::write_private;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a key, and print its public half
    #[command(after_help = "Example: evensum keys new analyst --out ada.pem")]
    New(NewArgs),
    /// Print the public half of a signing key
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
    /// A node's secret behind pseudonyms; it has no public half
    Node,
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

pub(super) fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::New(NewArgs { kind: Kind::Node, out }) => {
            let secret = Zeroizing::new(rand::random::<[u8; 32]>());
            let text = Zeroizing::new(HEXLOWER.encode(secret.as_slice()));
            write_private(&out, text.as_bytes(), false).or_exit(Exit::Config)?;
            terminal::note(&format!(
                "Wrote {}. Never change it: extracts rest on it.",
                out.display()
            ));
        }
        Command::New(NewArgs { kind, out }) => {
            let key = if kind == Kind::Analyst {
                SigningKey::generate_p256()
            } else {
                SigningKey::generate_ed25519()
            };
            let key = key.or_exit(Exit::Fault)?;
            write_private(&out, key.to_pem().as_bytes(), false).or_exit(Exit::Config)?;
            terminal::out(key.verifying_key().to_text().as_str());
        }
        Command::Show(ShowArgs { file }) => {
            let key = config::signing_key(&file)?;
            terminal::out(key.verifying_key().to_text().as_str());
        }
    }
    Ok(ExitCode::SUCCESS)
}
