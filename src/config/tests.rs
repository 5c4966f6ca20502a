//! Configurations as the documentation shows them.

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
