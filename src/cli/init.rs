//! `evensum node init`: a node's configuration and keys, asked for on a terminal or given as options.

use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use evensum_core::model::{FederationId, Ods, Profile};

use super::exit::{Exit, Failure, OrExit};
use super::{keys, terminal};
use crate::trust::write_public;

#[derive(Debug, Clone, Default, Args)]
pub(super) struct InitArgs {
    /// Folder for the configuration and the keys; made where it does not exist
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// The organisation's ODS code, such as R0D
    #[arg(long)]
    ods: Option<Ods>,
    /// Its name, for the agreement
    #[arg(long)]
    name: Option<String>,
    /// Folder for extracts and the audit log, below the folder of the configuration
    #[arg(long)]
    state: Option<PathBuf>,
    /// Folder for official tables, below the folder of the configuration
    #[arg(long)]
    reference: Option<PathBuf>,
    /// What small figures are shown: nhs75m, nhs75 or ons105m
    #[arg(long, value_parser = profile)]
    profile: Option<Profile>,
    /// The federation, where one is agreed already
    #[arg(long)]
    federation: Option<FederationId>,
    /// Its coordinator's ODS code
    #[arg(long, value_name = "ODS", requires = "federation")]
    coordinator: Option<Ods>,
    /// Host and port where the coordinator waits for nodes
    #[arg(long, value_name = "HOST:PORT", requires = "federation")]
    address: Option<String>,
    /// Ask nothing: take the usual answer to everything that is not given
    #[arg(long)]
    yes: bool,
}

/// Everything that a configuration is written from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answers {
    ods: Ods,
    name: Option<String>,
    state: PathBuf,
    reference: PathBuf,
    profile: Profile,
    member: Option<Member>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    federation: FederationId,
    coordinator: Ods,
    address: String,
}

const STATE: &str = "state";
const REFERENCE: &str = "reference";
const CONFIG: &str = "node.toml";
const NODE_KEY: &str = "node.key";
const ANSWER_KEY: &str = "answer.pem";
const LOG_KEY: &str = "audit-log.pem";

/// The longest answer that is read, in bytes.
const MAX_ANSWER_BYTES: u64 = 1_000;

pub(super) fn run(args: &InitArgs) -> Result<ExitCode, Failure> {
    for name in [CONFIG, NODE_KEY, ANSWER_KEY, LOG_KEY] {
        let path = args.dir.join(name);
        if path.exists() {
            let text = format!(
                "'{}' exists, and nothing is written over: name another folder with --dir",
                path.display()
            );
            return Err(Failure::says(Exit::Config, text));
        }
    }
    let asked = !args.yes && args.ods.is_none();
    let answers = if asked && io::stdin().is_terminal() {
        interview(&mut io::stdin().lock(), &mut io::stderr().lock(), args)?
    } else {
        given(args)?
    };
    fs::create_dir_all(&args.dir).or_exit(Exit::Config)?;
    let config = args.dir.join(CONFIG);
    keys::make_node(&args.dir.join(NODE_KEY))?;
    let answer = keys::make_server(&args.dir.join(ANSWER_KEY))?;
    let log = keys::make_server(&args.dir.join(LOG_KEY))?;
    write_public(&config, configuration(&answers).as_bytes(), false).or_exit(Exit::Config)?;
    terminal::out(&party(&answers, &answer, &log));
    terminal::note(&next_steps(args, &answers));
    Ok(ExitCode::SUCCESS)
}

/// The answers of options alone.
fn given(args: &InitArgs) -> Result<Answers, Failure> {
    let usage = |text: &str| Failure::says(Exit::Usage, text);
    let ods = args.ods.clone().ok_or_else(|| {
        usage(
            "there is nobody here to ask: give the organisation's ODS code with --ods; \
             --name, --state, --reference, --profile and --federation have usual answers",
        )
    })?;
    let member = match (&args.federation, &args.coordinator, &args.address) {
        (None, _, _) => None,
        (Some(federation), Some(coordinator), Some(address)) => Some(Member {
            federation: federation.clone(),
            coordinator: coordinator.clone(),
            address: address.clone(),
        }),
        _ => {
            return Err(usage(
                "a federation needs --coordinator with its ODS code and --address with its host and port",
            ));
        }
    };
    Ok(Answers {
        ods,
        name: args.name.clone(),
        state: args.state.clone().unwrap_or_else(|| STATE.into()),
        reference: args.reference.clone().unwrap_or_else(|| REFERENCE.into()),
        profile: args.profile.unwrap_or(Profile::Nhs75m),
        member,
    })
}

/// Somebody who answers, line by line.
struct Asking<'a> {
    from: &'a mut dyn BufRead,
    to: &'a mut dyn Write,
}

impl Asking<'_> {
    /// Asks until there is an answer that can be used. Nothing means the usual answer, where there is one.
    fn ask<T>(
        &mut self,
        question: &str,
        usual: Option<&str>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Failure> {
        loop {
            let shown = usual.map(|u| format!(" [{u}]")).unwrap_or_default();
            write!(self.to, "{question}{shown} ")
                .and_then(|()| self.to.flush())
                .or_exit(Exit::Fault)?;
            let mut line = String::new();
            let read_bytes = io::Read::take(&mut *self.from, MAX_ANSWER_BYTES)
                .read_line(&mut line)
                .or_exit(Exit::Usage)?;
            if read_bytes == 0 {
                return Err(Failure::says(
                    Exit::Usage,
                    "the answers ended before the questions did",
                ));
            }
            let text = match (line.trim(), usual) {
                ("", Some(usual)) => usual,
                (text, _) => text,
            };
            match read(text) {
                Ok(answer) => return Ok(answer),
                Err(wrong) => writeln!(self.to, "  {wrong}").or_exit(Exit::Fault)?,
            }
        }
    }
}

/// Asks for everything. What was given as an option is the usual answer.
fn interview(
    from: &mut dyn BufRead,
    to: &mut dyn Write,
    args: &InitArgs,
) -> Result<Answers, Failure> {
    let mut asking = Asking { from, to };
    let text = |t: &str| Ok(t.to_owned());
    let ods = asking.ask("The organisation's ODS code, such as R0D?", None, |t| {
        Ods::new(t.to_uppercase()).map_err(|e| e.to_string())
    })?;
    let folder = |given: &Option<PathBuf>, usual: &str| {
        given.as_ref().map_or_else(|| usual.to_owned(), |path| path.to_string_lossy().into_owned())
    };
    let (state, reference) = (folder(&args.state, STATE), folder(&args.reference, REFERENCE));
    let usual_profile = args.profile.map_or("nhs75m", Profile::as_str);
    let usual_name = args.name.as_deref().unwrap_or_default();
    let name = asking.ask("Its name, for people (may be left out)?", Some(usual_name), text)?;
    let state = asking.ask("Folder for extracts and the audit log?", Some(&state), text)?;
    let reference = asking.ask("Folder for official tables?", Some(&reference), text)?;
    let profile = asking.ask(
        "Which small figures are hidden? nhs75m: up to 7, zeros too; nhs75: up to 7, zeros are shown; ons105m: up to 9; ckm: up to 7, and all others changed at random.",
        Some(usual_profile),
        profile,
    )?;
    let federation = asking.ask(
        "The federation, such as icb.example (leave it out where none is agreed yet)?",
        Some(args.federation.as_ref().map_or("", FederationId::as_str)),
        |t| match t {
            "" => Ok(None),
            t => t.parse::<FederationId>().map(Some).map_err(|e| e.to_string()),
        },
    )?;
    let member = match federation {
        None => None,
        Some(federation) => Some(Member {
            federation,
            coordinator: asking.ask(
                "Its coordinator's ODS code?",
                args.coordinator.as_ref().map(Ods::as_str),
                |t| Ods::new(t.to_uppercase()).map_err(|e| e.to_string()),
            )?,
            address: asking.ask(
                "Host and port where the coordinator waits?",
                args.address.as_deref(),
                |t| {
                    let (host, port) = t.rsplit_once(':').unwrap_or_default();
                    let good = !host.is_empty() && port.parse::<u16>().is_ok();
                    if good {
                        Ok(t.to_owned())
                    } else {
                        Err("such as coordinator.example:7443".to_owned())
                    }
                },
            )?,
        }),
    };
    let name = Some(name).filter(|n| !n.is_empty());
    Ok(Answers { ods, name, state: state.into(), reference: reference.into(), profile, member })
}

fn profile(text: &str) -> Result<Profile, String> {
    Profile::try_from(text.to_owned()).map_err(|e| e.to_string())
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

/// The configuration, with what each line is for.
fn configuration(answers: &Answers) -> String {
    let Answers { ods, name, state, reference, profile, member } = answers;
    let name = name.as_ref().map(|n| format!(" ({})", n.replace(char::is_control, " ")));
    let head = format!(
        "# The node of {ods}{name}. Paths are relative to this file.\n\
         ods = {ods_text}\n\
         # Extracts, frozen answers and the audit log.\n\
         state = {state}\n\
         # Signs the audit log.\n\
         ledger_key = \"{LOG_KEY}\"\n\n\
         [node]\n\
         # The secret behind pseudonyms. It never changes and never leaves this machine.\n\
         key = \"{NODE_KEY}\"\n\
         # Which small figures are hidden: nhs75m (up to 7, zeros too), nhs75 (up to 7, zeros are shown), ons105m (up to 9).\n\
         profile = \"{profile}\"\n\
         # Official tables, imported with `evensum reference add`.\n\
         reference = {reference}\n",
        name = name.unwrap_or_default(),
        ods_text = quoted(ods.as_str()),
        state = path(state),
        profile = profile.as_str(),
        reference = path(reference),
    );
    let (federation, coordinator, address) = match member {
        Some(m) => (m.federation.to_string(), m.coordinator.to_string(), m.address.clone()),
        None => ("icb.example".into(), "QZ1".into(), "coordinator.icb.example:7443".into()),
    };
    let table = format!(
        "[[membership]]\n\
         federation = {}\n\
         agreements = [\"agreement.toml\"]\n\
         answer_key = \"{ANSWER_KEY}\"\n\n\
         [membership.tls]\n\
         ca = \"ca.pem\"\n\
         certificate = \"{ods}.pem\"\n\
         key = \"{ods}.key\"\n\n\
         [membership.coordinator]\n\
         ods = {}\n\
         address = {}\n",
        quoted(&federation),
        quoted(&coordinator),
        quoted(&address),
    );
    if member.is_some() {
        return format!("{head}\n# One such table for each federation.\n{table}");
    }
    let off: String = table
        .lines()
        .map(|line| if line.is_empty() { "#\n".to_owned() } else { format!("# {line}\n") })
        .collect();
    format!("{head}\n# For each federation that it joins, to answer questions there:\n{off}")
}

/// What the agreement lists of the node.
fn party(answers: &Answers, answer: &str, log: &str) -> String {
    let name = answers.name.as_deref().unwrap_or_else(|| answers.ods.as_str());
    format!(
        "[[parties]]\nods = {}\nname = {}\nrole = \"node\"\nanswer_key = \"{answer}\"\nledger_key = \"{log}\"",
        quoted(answers.ods.as_str()),
        quoted(name),
    )
}

fn next_steps(args: &InitArgs, answers: &Answers) -> String {
    let config = args.dir.join(CONFIG);
    let with = if args.dir == Path::new(".") {
        String::new()
    } else {
        format!(" --config {}", config.display())
    };
    let serve = if answers.member.is_some() {
        "To serve: put agreement.toml, ca.pem and the certificate beside it, then"
    } else {
        "To serve: fill in [[membership]], then"
    };
    format!(
        "Wrote {config} and three keys beside it. Never change {NODE_KEY}: extracts rest on it. The lines above go into the \
         agreement, once there is one.\n\
         Next:     evensum reference add FILE{with}\n          \
         evensum node map --from EXTRACT --out MAPPING{with}\n          \
         evensum node load --dataset DATASET --period PERIOD --mapping MAPPING EXTRACT{with}\n\
         {serve} evensum node check{with}",
        config = config.display(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Server;

    fn asked(lines: &str) -> (Result<Answers, Failure>, String) {
        let mut said = Vec::new();
        let answers = interview(&mut lines.as_bytes(), &mut said, &InitArgs::default());
        (answers, String::from_utf8(said).expect("text"))
    }

    #[test]
    fn an_interview_takes_usual_answers_and_asks_again() {
        let (answers, said) = asked("nowhere at all\nr0d\n\n\n\nnone\nnhs75\n\n");
        let answers = answers.expect("answers");
        assert_eq!(answers.ods.as_str(), "R0D");
        assert_eq!((answers.name, answers.profile, answers.member), (None, Profile::Nhs75, None));
        assert_eq!((answers.state, answers.reference), (STATE.into(), REFERENCE.into()));
        assert_eq!(said.matches("such as R0D?").count(), 2, "{said}");
        assert!(said.contains("no disclosure profile 'none'"), "{said}");

        let (answers, said) =
            asked("R0D\nA Trust\ns\nr\n\nicb.example\nqz1\nnowhere\nc.example:7443\n");
        let member = answers.expect("answers").member.expect("a member");
        assert_eq!(
            (member.coordinator.as_str(), member.address.as_str()),
            ("QZ1", "c.example:7443")
        );
        assert!(said.contains("such as coordinator.example:7443"), "{said}");
        let (ended, _) = asked("R0D\n");
        assert!(ended.expect_err("it ends").to_string().contains("ended before"));
    }

    #[test]
    fn what_is_written_is_a_configuration_with_or_without_a_federation() {
        let folder = tempfile::tempdir().expect("a folder");
        for (lines, memberships) in [
            ("R0D\nA \"Trust\"\n\n\n\n\n", 0),
            ("R0D\n\na folder\n\\\\share\\x\n\nicb.example\nQZ1\nc.example:7443\n", 1),
        ] {
            let (answers, _) = asked(lines);
            let config = folder.path().join(format!("{memberships}.toml"));
            fs::write(&config, configuration(&answers.expect("answers"))).expect("written");
            let server = Server::read(&config).expect("a configuration");
            assert_eq!(server.memberships.len(), memberships);
            server.node().expect("a node's");
        }
    }
}
