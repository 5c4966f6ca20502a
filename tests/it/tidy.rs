//! The source tree against ARCHITECTURE.md: no arrow that the table does not have, and the house rules that
//! a reader of text can hold the tree to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder.
fn files(below: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join(below)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn is_test(path: &Path) -> bool {
    let own = path.strip_prefix(root()).expect("inside");
    own.components()
        .any(|c| matches!(c.as_os_str().to_str(), Some("tests" | "tests.rs" | "fixture.rs")))
}

/// The text without the tests at its end and without comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a text");
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let text = text.split("#[cfg(test)]\npub(super) mod tests {").next().unwrap_or_default();
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .fold(String::new(), |all, line| all + line + "\n")
}

struct Row {
    floor: u32,
    uses: BTreeSet<String>,
}

/// The table: module (`core::model`, `store`) to its floor and what it may use.
fn table() -> BTreeMap<String, Row> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|l| l.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [floor, module, _, uses] = cells[..] else { continue };
        let (Ok(floor), Some(module)) = (floor.parse(), module.strip_prefix('`')) else { continue };
        let module = module.trim_end_matches('`').to_owned();
        let uses = uses.split(", ").filter(|u| *u != "–").map(str::to_owned).collect();
        assert!(
            rows.insert(module.clone(), Row { floor, uses }).is_none(),
            "{module} stands twice"
        );
    }
    rows
}

/// The module of a file: the first component below its source folder.
fn module_of(path: &Path, source: &str) -> String {
    let own = path.strip_prefix(root().join(source)).expect("below");
    let first = own.components().next().expect("a component").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// Names after `crate::` in a text, also within braces: `use crate::{a, b::c}`.
fn arrows(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        if text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &text[at + "crate::".len()..];
        let names: Vec<String> = match rest.strip_prefix('{') {
            Some(inside) => {
                let (mut depth, mut list, mut name) = (0, Vec::new(), String::new());
                for c in inside.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => list.push(std::mem::take(&mut name)),
                        _ => name.push(c),
                    }
                }
                list.push(name);
                list
            }
            None => vec![rest.to_owned()],
        };
        for name in names {
            let name: String =
                name.trim().chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            if !name.is_empty() {
                found.insert(name);
            }
        }
    }
    found
}

#[test]
fn every_module_has_a_row_and_every_row_a_module() {
    let table = table();
    let mut tree: BTreeSet<String> = BTreeSet::new();
    for (source, prefix) in [("core/src", "core::"), ("src", "")] {
        tree.extend(files(source).iter().map(|f| format!("{prefix}{}", module_of(f, source))));
    }
    for file in ["core::lib", "lib", "main"] {
        assert!(tree.remove(file), "{file}");
    }
    let rows: BTreeSet<String> = table.keys().cloned().collect();
    assert_eq!(tree, rows);
}

#[test]
fn arrows_are_those_of_the_table() {
    let table = table();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (source, prefix) in [("core/src", "core::"), ("src", "")] {
        for file in files(source).into_iter().filter(|f| !is_test(f)) {
            let own = module_of(&file, source);
            let Some(row) = table.get(&format!("{prefix}{own}")) else { continue };
            for used in arrows(&code(&file)).into_iter().filter(|used| *used != own) {
                seen += 1;
                if !row.uses.contains(&used) {
                    wrong.push(format!("{} uses {used}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(seen > 100, "the reader of arrows found only {seen}");
}

#[test]
fn rows_point_down() {
    let table = table();
    for (module, row) in &table {
        let prefix = if module.starts_with("core::") { "core::" } else { "" };
        for used in row.uses.iter().filter(|u| *u != "core") {
            let below = table
                .get(&format!("{prefix}{used}"))
                .unwrap_or_else(|| panic!("{module} uses {used}"));
            // The three nouns of floor 0 are one family: sign and catalogue may name model.
            let nouns = row.floor == 0 && used == "model";
            assert!(
                below.floor < row.floor || nouns,
                "{module} uses {used}, which is not below it"
            );
        }
    }
}

#[test]
fn a_reader_of_arrows_reads_them() {
    let text = "use crate::model::{a, b};\nuse crate::{sign::Key, plan};\nlet x = crate::view::new(); $crate::no!();";
    let found: Vec<String> = arrows(text).into_iter().collect();
    assert_eq!(found, ["model", "plan", "sign", "view"]);
}

/// Files that name one of these, outside of where they may be named.
fn named(names: &[&str], below: &[&str], allowed: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for file in below.iter().flat_map(|b| files(b)).filter(|f| !is_test(f)) {
        let own = file.strip_prefix(root()).expect("inside").to_string_lossy().into_owned();
        if allowed.iter().any(|a| own.starts_with(a)) {
            continue;
        }
        let text = code(&file);
        found.extend(names.iter().filter(|n| text.contains(**n)).map(|n| format!("{own}: {n}")));
    }
    found
}

#[test]
fn what_lives_in_one_room_is_named_in_no_other() {
    let nothing: Vec<String> = Vec::new();
    let both = ["core/src", "src"];
    assert_eq!(named(&["tonic", "prost::", "pb::"], &both, &["src/rpc/"]), nothing);
    assert_eq!(named(&["rustls::", "rcgen::", "tokio_rustls"], &both, &["src/trust/"]), nothing);
    let databases = ["src/store/", "src/tabulate/sql/", "src/intake/sql/"];
    assert_eq!(named(&["sqlx::"], &both, &databases), nothing);
    assert_eq!(named(&["anyhow"], &both, &["src/cli/"]), nothing);
    assert_eq!(named(&["println!", "eprintln!", "print!(", "dbg!"], &both, &[]), nothing);
    assert_eq!(named(&["todo!", "unimplemented!", "FIXME"], &both, &[]), nothing);
    let counts = [".events()", ".persons()", ".top()", ".cell_key()"];
    let sums = [".measured()", ".sums()", ".squares()", ".of_one()"];
    // Of a pooled sum.
    let totals = [".opened()"];
    let readers = [&counts[..], &sums, &totals].concat();
    let rooms = ["core/src/disclosure/", "core/src/pool/shape.rs"];
    assert_eq!(named(&readers, &["core/src"], &rooms), nothing);
    // The control: the reader finds what is there.
    assert!(!named(&readers, &["core/src"], &[]).is_empty());
    assert!(!named(&["tonic"], &["src"], &[]).is_empty());
}

#[test]
fn the_core_is_pure() {
    let manifest = fs::read_to_string(root().join("core/Cargo.toml")).expect("a manifest");
    let dependencies = manifest.split("[dev-dependencies]").next().expect("a part");
    for impure in ["tokio", "sqlx", "tonic", "hyper", "rustls", "rand", "chrono"] {
        // At the start of a line: `getrandom` is a feature of what seals.
        assert!(!dependencies.lines().any(|line| line.starts_with(impure)), "{impure}");
    }
    assert_eq!(
        named(&["std::fs", "std::net", "std::env", "std::time::SystemTime"], &["core/src"], &[]),
        Vec::<String>::new()
    );
}

#[test]
fn files_are_short_and_say_what_they_are() {
    for file in ["core/src", "src", "tests"].iter().flat_map(|b| files(b)) {
        let text = fs::read_to_string(&file).expect("a text");
        assert!(text.starts_with("//!"), "{} does not start with what it is", file.display());
        let lines = text.lines().count();
        assert!(lines <= 600, "{} has {lines} lines", file.display());
    }
}
