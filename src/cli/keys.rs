//! `evensum keys`: signing and sealing keys, and the public halves that an agreement and a membership list have.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aws_lc_rs::agreement::{PrivateKey, X25519};
use clap::{Args, Subcommand, ValueEnum};
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
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

/// PKCS#8 of an X25519 key (RFC 8410) up to the 32 bytes of the key itself.
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20,
];
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----\n";
const END: &str = "\n-----END PRIVATE KEY-----";

/// Makes a sealing key, and gives its public half. The file must not exist.
fn make_sealing(out: &Path) -> Result<String, Failure> {
    let secret = Zeroizing::new(rand::random::<[u8; 32]>());
    let public = sealing_public(secret.as_slice());
    let public = public.ok_or_else(|| Failure::says(Exit::Fault, "no key could be made"))?;
    let der = Zeroizing::new([PKCS8.as_slice(), secret.as_slice()].concat());
    let body = Zeroizing::new(BASE64.encode(&der));
    let text = Zeroizing::new(format!("{BEGIN}{}{END}\n", body.as_str()));
    write_private(out, text.as_bytes(), false).or_exit(Exit::Config)?;
    Ok(public)
}

fn sealing_public(secret: &[u8]) -> Option<String> {
    let key = PrivateKey::from_private_key(&X25519, secret).ok()?;
    let public = key.compute_public_key().ok()?;
    Some(format!("x25519:{}", BASE64URL_NOPAD.encode(public.as_ref())))
}

/// The public half of a sealing key file; nothing where the text is none.
fn public_of_sealing(text: &str) -> Option<String> {
    let body = text.split_once(BEGIN)?.1.split_once(END)?.0;
    let der = Zeroizing::new(BASE64.decode(body.as_bytes()).ok()?);
    sealing_public(der.strip_prefix(&PKCS8)?)
}

/// The public half of a key file.
fn public(file: &Path) -> Result<String, Failure> {
    if let Some(sealing) = public_of_sealing(&read_private(file).or_exit(Exit::Config)?) {
        return Ok(sealing);
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
