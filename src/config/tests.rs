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

#[test]
fn the_sources_of_the_documentation_are_configurations() {
    let pages =
        [include_str!("../../docs/configuration.md"), include_str!("../../docs/sources.md")];
    let mut seen = 0;
    for page in pages {
        let node = include_str!("../../docs/configuration.md").split("```toml\n").nth(1);
        let node = node.and_then(|block| block.split("```").next()).expect("a node's");
        let sources = page.split("```toml\n").skip(1).filter(|b| b.starts_with("[node.sources."));
        for block in sources {
            let block = block.split("```").next().unwrap_or_default();
            let text = node.replace("[[membership]]", &format!("{block}\n[[membership]]"));
            let server: Server = toml::from_str(&text).expect(block);
            assert!(server.node().expect("a node").sources.contains_key("warehouse"));
            seen += 1;
        }
    }
    assert_eq!(seen, 2);
}

/// A node's configuration with this in the place of its table.
fn node_with(table: &str) -> Result<Server, toml::de::Error> {
    let page = include_str!("../../docs/configuration.md");
    let (_, block) = page.split_once("```toml\n").expect("a block");
    let block = block.split("```").next().expect("its end");
    let (head, rest) = block.split_once("[node]\n").expect("a node's");
    let (_, rest) = rest.split_once("\n\n").expect("the next table");
    toml::from_str(&format!("{head}{table}\n\n{rest}"))
}

#[test]
fn a_database_that_counts_is_named_where_it_is_asked_and_nowhere_else() {
    let page = include_str!("../../docs/configuration.md");
    let (_, shown) = page.split_once("```toml\n[node]\n").expect("the database's block");
    let shown = format!("[node]\n{}", shown.split("```").next().expect("its end"));
    let pushed = node_with(&shown).expect("a configuration");
    pushed.check().expect("no contradiction");
    let pushdown = pushed.node().expect("a node").pushdown().expect("a database").clone();
    assert_eq!(pushdown.shards.len(), 1);
    let refused = |table: &str, word: &str| {
        let error = node_with(table).expect("of the form").check().expect_err("contradiction");
        assert!(error.to_string().contains(word), "{error}");
    };
    refused(&shown.replace("tabulate = \"pushdown\"", ""), "is not asked");
    refused(&shown.replace("statement_seconds = 60", "statement_seconds = 0"), "statement_seconds");
    let (alone, _) = shown.split_once("[node.pushdown]").expect("a table");
    refused(alone, "needs a table [node.pushdown]");
}
