//! `evensum roster`: the membership list of the pooled view, made, signed by officers and checked.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use evensum_core::model::{Agreement, Date, Ods, OfficerId, Party, Role};
use evensum_core::pool::{
    Change, Member, PoolServer, Roster, RosterError, SignedRoster, Signer, VerifiedRoster,
};
use serde_json::json;

use super::exit::{Exit, Failure, OrExit};
use super::terminal;
use crate::config;
use crate::trust::write_public;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Begin a membership list: the servers of an agreement, and no members yet
    #[command(
        after_help = "Example: evensum roster new --agreement agreement.toml --seal-key QZ1=coordinator.pub --seal-key RYY=second.pub --out members.json"
    )]
    New(NewArgs),
    /// Put a member on the list, or change one: signatures fall away, and the list gets the next number
    #[command(
        after_help = "Example: evensum roster add --agreement agreement.toml --ods R0D --since 2026-04-01 --seal-key R0D.pub members.json"
    )]
    Add(AddArgs),
    /// Take a member off the list: signatures fall away, and the list gets the next number
    #[command(after_help = "Example: evensum roster remove --ods R0D members.json")]
    Remove(RemoveArgs),
    /// Sign the list as an officer whom the agreement names
    #[command(
        after_help = "Example: evensum roster sign --agreement agreement.toml --id ann --key ann.pem members.json"
    )]
    Sign(SignArgs),
    /// Say who is on the list, who has signed it, whether it holds and what has changed
    #[command(
        after_help = "Example: evensum roster check --agreement agreement.toml --before members-1.json members.json"
    )]
    Check(CheckArgs),
}

#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// The agreement: federation, coordinator and second server are taken from it
    #[arg(long, value_name = "FILE")]
    agreement: PathBuf,
    /// A server's public sealing key, or a file with it; one for the coordinator, one for the second server
    #[arg(long = "seal-key", value_name = "ODS=KEY", value_parser = of_server)]
    seal_keys: Vec<(Ods, String)>,
    /// File to write; it must not exist
    #[arg(long)]
    out: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// The agreement, which has the member's answer key
    #[arg(long, value_name = "FILE")]
    agreement: PathBuf,
    /// The member's ODS code
    #[arg(long)]
    ods: Ods,
    /// Its name; where it is left out, that of the agreement
    #[arg(long)]
    name: Option<String>,
    /// The day on which it joined: it counts for periods that begin later
    #[arg(long, value_name = "DATE")]
    since: Date,
    /// Its node's public sealing key, or a file with it
    #[arg(long, value_name = "KEY")]
    seal_key: String,
    /// The membership list, which is written anew
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// The member's ODS code
    #[arg(long)]
    ods: Ods,
    /// The membership list, which is written anew
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct SignArgs {
    /// The agreement, which names the officers
    #[arg(long, value_name = "FILE")]
    agreement: PathBuf,
    /// Who signs, as the agreement has it
    #[arg(long, value_name = "OFFICER")]
    id: OfficerId,
    /// The officer's key file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The membership list, to which the signature is added
    file: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The agreement
    #[arg(long, value_name = "FILE")]
    agreement: PathBuf,
    /// The list that this one is to replace
    #[arg(long, value_name = "FILE")]
    before: Option<PathBuf>,
    #[arg(long, default_value = "table")]
    format: Format,
    /// The membership list
    file: PathBuf,
}

fn of_server(text: &str) -> Result<(Ods, String), String> {
    let (ods, key) = text.split_once('=').ok_or("write it as ODS=KEY")?;
    Ok((ods.parse::<Ods>().map_err(|e| e.to_string())?, key.to_owned()))
}

pub(super) fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::New(args) => begin(&args)?,
        Command::Add(args) => add(args)?,
        Command::Remove(RemoveArgs { ods, file }) => {
            let list = config::membership_list(&file)?.into_roster();
            rewritten(&file, list.without(&ods).or_exit(Exit::Usage)?)?;
        }
        Command::Sign(args) => sign(&args)?,
        Command::Check(args) => check(&args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn begin(args: &NewArgs) -> Result<(), Failure> {
    let agreement = config::agreement(&args.agreement)?;
    if agreement.pool.is_none() {
        return Err(Failure::new(Exit::Config, RosterError::NoPool));
    }
    let coordinator = agreement.coordinator().ok_or_else(|| {
        Failure::says(Exit::Config, "the agreement has no coordinator, which every list names")
    })?;
    let second = agreement.second_server();
    let known = |ods: &Ods| [Some(coordinator), second].iter().flatten().any(|p| p.ods == *ods);
    if let Some((ods, _)) = args.seal_keys.iter().find(|(ods, _)| !known(ods)) {
        let says = format!(
            "{ods} runs neither the coordinator nor the second server: `evensum roster add` takes the keys of members"
        );
        return Err(Failure::says(Exit::Usage, says));
    }
    let server = |party: &Party| -> Result<PoolServer, Failure> {
        let given = args.seal_keys.iter().find(|(ods, _)| *ods == party.ods);
        let (_, key) = given.ok_or_else(|| {
            let says =
                format!("the sealing key of {0} is missing: add --seal-key {0}=KEY", party.ods);
            Failure::says(Exit::Usage, says)
        })?;
        let (ods, answer_key) = (party.ods.clone(), party.answer_key.clone());
        Ok(PoolServer { ods, answer_key, seal_key: config::seal_key(key)? })
    };
    let second = second.map(server).transpose()?;
    let list = Roster::new(agreement.federation.clone(), server(coordinator)?, second);
    let list = SignedRoster::unsigned(list.or_exit(Exit::Config)?).or_exit(Exit::Fault)?;
    write_public(&args.out, list.to_text().or_exit(Exit::Fault)?.as_bytes(), false)
        .or_exit(Exit::Config)?;
    terminal::note(&format!(
        "Wrote {}. Add the members with `evensum roster add`.",
        args.out.display()
    ));
    Ok(())
}

fn add(args: AddArgs) -> Result<(), Failure> {
    let agreement = config::agreement(&args.agreement)?;
    let party = agreement.party(&args.ods, Role::Node);
    let no_party = || RosterError::NoParty(args.ods.clone());
    let party = party.ok_or_else(no_party).or_exit(Exit::Config)?;
    let name = args.name.or_else(|| party.name.clone()).unwrap_or_else(|| args.ods.to_string());
    let member = Member {
        ods: args.ods.clone(),
        name,
        since: args.since,
        answer_key: party.answer_key.clone(),
        seal_key: config::seal_key(&args.seal_key)?,
    };
    let list = config::membership_list(&args.file)?.into_roster();
    rewritten(&args.file, list.with(member).or_exit(Exit::Config)?)
}

/// Writes a changed list over the earlier one, without signatures.
fn rewritten(file: &Path, list: Roster) -> Result<(), Failure> {
    let (serial, members) = (list.serial(), list.members().len());
    let list = SignedRoster::unsigned(list).or_exit(Exit::Fault)?;
    write_public(file, list.to_text().or_exit(Exit::Fault)?.as_bytes(), true)
        .or_exit(Exit::Config)?;
    terminal::note(&format!(
        "{} is now number {serial}, with {members} members and no signatures.",
        file.display()
    ));
    Ok(())
}

fn sign(args: &SignArgs) -> Result<(), Failure> {
    let agreement = config::agreement(&args.agreement)?;
    let list = config::membership_list(&args.file)?;
    // Nobody signs what no node would take.
    list.roster().fits(&agreement).or_exit(Exit::Config)?;
    let officer = agreement.officers.iter().find(|officer| officer.id == args.id);
    let officer = officer.ok_or_else(|| RosterError::NoOfficer(args.id.clone()));
    let officer = officer.or_exit(Exit::Usage)?;
    let key = config::signing_key(&args.key)?;
    let list = list.sign(officer, &key).or_exit(Exit::Config)?;
    write_public(&args.file, list.to_text().or_exit(Exit::Fault)?.as_bytes(), true)
        .or_exit(Exit::Config)?;
    let hash = list.roster().hash().or_exit(Exit::Fault)?;
    let standing = match list.verify(&agreement) {
        Ok(_) => "It holds.".to_owned(),
        Err(why) => format!("It does not hold yet: {why}."),
    };
    terminal::note(&format!(
        "{} of {} signed number {} with {} members, hash {hash}. {standing}",
        officer.id,
        officer.ods,
        list.roster().serial(),
        list.roster().members().len()
    ));
    Ok(())
}

/// What is to be said of a list.
struct Checked {
    list: SignedRoster,
    verified: Result<VerifiedRoster, RosterError>,
    signers: Vec<Signer>,
    changes: Option<Result<Vec<Change>, RosterError>>,
}

fn check(args: &CheckArgs) -> Result<(), Failure> {
    let agreement = config::agreement(&args.agreement)?;
    let list = config::membership_list(&args.file)?;
    let before = args.before.as_deref().map(config::membership_list).transpose()?;
    let checked = Checked {
        verified: list.verify(&agreement),
        signers: list.signers(&agreement).unwrap_or_default(),
        changes: before.map(|before| list.roster().since(before.roster())),
        list,
    };
    let text = match args.format {
        Format::Table => checked.table(&agreement)?,
        Format::Json => checked.json()?,
    };
    terminal::out(&text);
    checked.verified.or_exit(Exit::Config)?;
    checked.changes.transpose().or_exit(Exit::Config)?;
    Ok(())
}

impl Checked {
    /// Which signature takes part in what the rule asks for: two organisations, one of them a member beside the servers.
    fn note(&self, ods: &Ods) -> &'static str {
        let list = self.list.roster();
        let second = list.helper().is_some_and(|server| server.ods == *ods);
        if list.is_independent(ods) {
            " (a member that runs neither server)"
        } else if second || list.coordinator().ods == *ods {
            " (runs a server)"
        } else {
            " (not a member)"
        }
    }

    /// The signatures that do not count.
    fn others(&self) -> impl Iterator<Item = &OfficerId> {
        let counts = |id: &OfficerId| self.signers.iter().any(|s| s.officer == *id);
        self.list.signatures().iter().map(|s| &s.officer).filter(move |id| !counts(id))
    }

    fn reason(&self) -> Option<String> {
        let not_newer = self.changes.as_ref().and_then(|c| c.as_ref().err());
        self.verified.as_ref().err().or(not_newer).map(ToString::to_string)
    }

    fn table(&self, agreement: &Agreement) -> Result<String, Failure> {
        let list = self.list.roster();
        let mut text = format!(
            "Membership list of {}, number {}, for the agreement {}\nhash {}\n\n",
            list.federation(),
            list.serial(),
            agreement.id,
            list.hash().or_exit(Exit::Fault)?
        );
        for member in list.members() {
            let note = if list.is_independent(&member.ods) {
                ""
            } else {
                " (runs a server, and does not count)"
            };
            let _ =
                writeln!(text, "{:<8} since {}  {}{note}", member.ods, member.since, member.name);
        }
        let _ = writeln!(text, "\ncoordinator    {}", list.coordinator().ods);
        if let Some(second) = list.helper() {
            let _ = writeln!(text, "second server  {}", second.ods);
        }
        for Signer { officer, ods } in &self.signers {
            let _ = writeln!(text, "signed by      {officer} of {ods}{}", self.note(ods));
        }
        for officer in self.others() {
            let _ = writeln!(text, "does not count: the signature of {officer}");
        }
        match &self.changes {
            Some(Ok(changes)) if changes.is_empty() => text += "\nNothing has changed.\n",
            Some(Ok(changes)) => {
                text += "\nWhat has changed:\n";
                for change in changes {
                    let _ = writeln!(text, "  {change}");
                }
            }
            Some(Err(_)) | None => {}
        }
        text += if self.reason().is_none() { "\nIt holds.\n" } else { "\nIt does not hold.\n" };
        Ok(text)
    }

    fn json(&self) -> Result<String, Failure> {
        let list = self.list.roster();
        let members: Vec<_> = list
            .members()
            .iter()
            .map(|m| {
                json!({"ods": m.ods, "name": m.name, "since": m.since, "counts": list.is_independent(&m.ods)})
            })
            .collect();
        let signed = |s: &Signer| json!({"officer": s.officer, "ods": s.ods, "member_beside_servers": list.is_independent(&s.ods)});
        let changes = self.changes.as_ref().and_then(|c| c.as_ref().ok());
        let changes =
            changes.map(|all| all.iter().map(ToString::to_string).collect::<Vec<String>>());
        let reason = self.reason();
        let all = json!({
            "federation": list.federation(),
            "serial": list.serial(),
            "hash": list.hash().or_exit(Exit::Fault)?,
            "coordinator": list.coordinator().ods,
            "second_server": list.helper().map(|s| &s.ods),
            "members": members,
            "signed_by": self.signers.iter().map(signed).collect::<Vec<_>>(),
            "not_counted": self.others().collect::<Vec<_>>(),
            "changes": changes,
            "holds": reason.is_none(),
            "reason": reason,
        });
        serde_json::to_string_pretty(&all).or_exit(Exit::Fault)
    }
}
