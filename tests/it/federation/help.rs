//! The help of every command, as it is shown: a change of the command line shows in review.

use std::fmt::Write;

fn render(command: &mut clap::Command, path: &str, text: &mut String) {
    // What stands in the environment of whoever runs the tests is not part of the help.
    *command = command.clone().mut_args(|argument| argument.hide_env_values(true));
    let _ = writeln!(text, "=== {path}\n\n{}\n", command.render_long_help().to_string().trim_end());
    let names: Vec<String> = command
        .get_subcommands()
        .map(|c| c.get_name().to_owned())
        .filter(|n| n != "help")
        .collect();
    for name in names {
        if let Some(below) = command.find_subcommand_mut(&name) {
            render(below, &format!("{path} {name}"), text);
        }
    }
}

fn help() -> String {
    let mut command = evensum::cli::command().term_width(100);
    command.build();
    let mut text = String::new();
    render(&mut command, "evensum", &mut text);
    text
}

#[test]
fn the_help_of_every_command_is_what_was_agreed() {
    insta::assert_snapshot!(help());
}

#[test]
fn help_speaks_of_nothing_that_only_developers_know() {
    // The short name of a subcommand is a name that people type, and explained in their words.
    let mut help = help().to_lowercase();
    for name in ["roster", "helper", "deposit"] {
        help = help.replace(&format!("evensum {name}"), "").replace(&format!("\n  {name} "), "\n");
        help = help.replace(&format!("{name}.toml"), "");
    }
    let help = help.replace("evensum node deposit", "");
    for word in [
        "lattice",
        "margin",
        "ledger",
        "receipt",
        "helper",
        "deposit",
        "roster",
        "attacker",
        "interval",
        "suppressed",
        "assurance",
    ] {
        assert!(!help.contains(word), "'{word}' is in the help");
    }
}

#[test]
fn every_command_that_does_something_shows_an_example() {
    for page in help().split("=== ").filter(|p| !p.is_empty() && !p.contains("Commands:")) {
        let name = page.lines().next().unwrap_or_default();
        assert!(
            ["Example: evensum", "Examples: evensum"].iter().any(|e| page.contains(e)),
            "no example in the help of {name}"
        );
    }
}
