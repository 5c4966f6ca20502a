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
    assert_eq!(roles, [Role::Node, Role::Coordinator, Role::Helper]);
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
    let blocks = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let shown = blocks.into_iter().find(|b| b.contains("[node.pushdown]")).expect("a block");
    let pushed = node_with(shown).expect("a configuration");
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

/// The tables of both pages that are about extracts, in the place of the node's own.
#[test]
fn the_examples_of_scheduling_are_configurations_of_a_node() {
    let configuration = include_str!("../../docs/configuration.md");
    let scheduling = include_str!("../../docs/scheduling.md");
    let blocks = |page: &'static str| -> Vec<&'static str> {
        let rest = page.split("```toml\n").skip(1);
        rest.map(|rest| rest.split("```").next().unwrap_or_default()).collect()
    };
    let node = blocks(configuration).into_iter().find(|b| b.starts_with("ods")).expect("a node's");
    let with = |tables: &str| -> NodeTable {
        let text = node.replace("[[membership]]", &format!("{tables}\n[[membership]]"));
        let server: Server = toml::from_str(&text).expect(tables);
        server.node().expect("a node").clone()
    };
    let own = blocks(configuration).into_iter().find(|b| b.starts_with("[node]")).expect("tables");
    let (keys, tables) = own.trim_start_matches("[node]\n").split_once("\n\n").expect("tables");
    let whole = node.replace("[node]\n", &format!("[node]\n{keys}\n"));
    let whole = whole.replace("[[membership]]", &format!("{tables}\n[[membership]]"));
    let whole: Server = toml::from_str(&whole).expect("a configuration");
    let whole = whole.node().expect("a node");
    assert_eq!(whole.wrong(), None);
    assert_eq!(whole.retention, Some(Retention { months: 24 }));
    assert_eq!((whole.calendar.len(), whole.watch.as_ref().map(|w| w.files.len())), (1, Some(1)));
    assert_eq!(whole.exclude.as_deref(), Some(Path::new("objections.csv")));

    let mut seen = 0;
    for block in
        blocks(scheduling).into_iter().filter(|b| b.contains("[node.") || b.contains("[[node"))
    {
        assert_eq!(with(block).wrong(), None, "{block}");
        seen += 1;
    }
    assert_eq!(seen, 3);
    for (tables, wanted) in [
        ("[node.retention]\nmonths = 0\n", "1 to 1200"),
        ("[node.watch]\nfolder = \"x\"\n", "[[node.watch.file]]"),
        ("[node.watch]\nevery_seconds = 0\n", "every_seconds"),
    ] {
        let wrong = with(tables).wrong().expect(tables);
        assert!(wrong.contains(wanted), "{wrong}");
    }
    let twice = own.split_once("[[node.calendar]]").expect("a calendar").1;
    let twice = twice.split_once("\n\n").expect("an end").0;
    let twice = with(&format!("[[node.calendar]]{twice}\n[[node.calendar]]{twice}")).wrong();
    assert!(twice.expect("twice").contains("twice"));
}

#[test]
fn paths_about_extracts_are_relative_to_the_configuration() {
    let dir = tempfile::tempdir().expect("a folder");
    let page = include_str!("../../docs/configuration.md");
    let node =
        page.split("```toml\n").nth(1).expect("a block").split("```").next().expect("an end");
    let tables = "[node.watch]\nfolder = \"incoming\"\n[[node.watch.file]]\nname = \"{period}.csv\"\ndataset = \"rtt_open_pathway\"\nmapping = \"rtt.toml\"\n\n[[membership]]";
    let text = node.replace("[node]\n", "[node]\nexclude = \"x.csv\"\n");
    let path = dir.path().join("node.toml");
    std::fs::write(&path, text.replace("[[membership]]", tables)).expect("written");
    let server = Server::read(&path).expect("a configuration");
    let node = server.node().expect("a node");
    let watch = node.watch.as_ref().expect("a watch");
    let beside = |name: &str| Some(dir.path().join(name));
    assert_eq!(node.exclude, beside("x.csv"));
    assert_eq!(watch.folder, beside("incoming"));
    assert_eq!(Some(watch.files[0].mapping.clone()), beside("rtt.toml"));
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

/// A node's configuration with a membership list and these lines behind its coordinator's.
fn summed(list: &str, lines: &str) -> Result<(), ConfigError> {
    let page = include_str!("../../docs/configuration.md");
    let (_, block) = page.split_once("```toml\n").expect("a block");
    let block = block.split("```").next().expect("its end");
    let text = block.replacen("[membership.tls]", &format!("{list}\n[membership.tls]"), 1);
    toml::from_str::<Server>(&format!("{text}\n{lines}")).expect("of the form").check()
}

#[test]
fn the_second_server_of_a_sum_stands_with_a_list_and_is_not_the_coordinator() {
    let list = "membership_list = \"members.json\"";
    let second = |ods: &str| {
        format!("[membership.second_server]\nods = \"{ods}\"\naddress = [\"second.example:8443\"]")
    };
    summed(list, &second("ZZ9")).expect("no contradiction");
    summed(list, "").expect("the list says whether there is one");
    let refused = |list: &str, lines: &str, word: &str| {
        let error = summed(list, lines).expect_err("a contradiction").to_string();
        assert!(error.contains(word), "{error}");
    };
    refused("", &second("ZZ9"), "without a membership list");
    let page = include_str!("../../docs/configuration.md");
    let (_, coordinator) = page.split_once("[membership.coordinator]\nods = \"").expect("one");
    let coordinator = coordinator.split('"').next().expect("a code");
    refused(list, &second(coordinator), "must be run by another");
}
