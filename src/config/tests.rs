//! Tests of configuration files.

use super::*;

/// What the documentation shows can be used as it stands there.
#[test]
fn the_examples_of_the_documentation_are_configurations() {
    let page = include_str!("../../docs/configuration.md");
    let blocks: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default())
        .collect();
    let of = |begins: &'static str| blocks.iter().filter(move |b| b.starts_with(begins));
    let servers: Vec<Server> =
        of("ods").map(|block| toml::from_str(block).expect("a server's")).collect();
    let roles: Vec<Role> = servers.iter().map(Server::role).collect();
    assert_eq!(roles, [Role::Node, Role::Coordinator]);
    let analysts = of("analyst").map(|b| toml::from_str::<AnalystConfig>(b).expect("hers"));
    assert_eq!(analysts.count(), 1);
    let [dial] = of("[[coordinator.dial]]").collect::<Vec<_>>()[..] else { panic!("one") };
    let (server, coordinator) = (of("ods").nth(1).expect("a coordinator's"), dial);
    let both = server.replace("[[membership]]", &format!("{coordinator}\n[[membership]]"));
    toml::from_str::<Server>(&both).expect("with a node that is dialled");
}

/// The documentation's own definitions fit to those that are built in, and its choices are an agreement's.
#[test]
fn the_definitions_of_the_documentation_are_definitions() {
    let page = include_str!("../../docs/configuration.md");
    let blocks = || page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let own = blocks().find(|b| b.starts_with("[[pack]]")).expect("definitions");
    evensum_core::catalogue::Catalogue::with(&[("our-coast.toml", own)]).expect("they fit");
    let choices = blocks().find(|b| b.starts_with("groupings")).expect("choices");
    let key = SigningKey::generate_ed25519().expect("a key").verifying_key().to_text();
    let text = format!(
        "id = \"a\"\nversion = 1\nfederation = \"f\"\nresidence_scope = [\"QZ1\"]\nfrom = \"2026-04-01\"\n\
         until = \"2027-03-31\"\nanalysts = []\npurposes = []\nindicators = []\ndimensions = []\nmax_dimensions = 1\n\
         profile = \"nhs75m\"\n{choices}\n[[parties]]\nods = \"QZ1\"\nrole = \"coordinator\"\n\
         answer_key = \"{key}\"\nledger_key = \"{key}\"\n"
    );
    let agreement = Agreement::parse(&text).expect("an agreement");
    let catalogue = evensum_core::catalogue::Catalogue::builtin().expect("the catalogue");
    assert_eq!(catalogue.fits(&agreement), Ok(()));
    // A server with this agreement has none with the other grouping.
    let mut other = agreement.clone();
    one_choice_of_groupings([&agreement, &other].into_iter()).expect("one choice");
    other.groupings.clear();
    let error = one_choice_of_groupings([&agreement, &other].into_iter()).expect_err("two");
    assert!(error.to_string().contains("'groupings'"), "{error}");
}
