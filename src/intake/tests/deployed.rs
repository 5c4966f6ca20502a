//! The views, mappings and examples that partners are given.

use evensum_core::model::Period;

use super::super::bind::Binding;
use super::*;

const DEPLOYED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/sqlserver");

/// The names of a view's columns: what stands after the last AS of a line, between SELECT and FROM.
fn columns(view: &str) -> Vec<String> {
    let lines = view.lines().skip_while(|l| *l != "SELECT").take_while(|l| !l.starts_with("FROM "));
    let name = |line: &str| {
        let line = line.split("--").next().unwrap_or_default().trim().trim_end_matches(',');
        line.rsplit_once(" AS ").map(|(_, name)| name.trim_matches(['[', ']']).to_owned())
    };
    let named: Vec<String> = lines.filter_map(name).collect();
    let plain = |n: &String| n.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    assert!(named.iter().all(plain), "{named:?}");
    named
}

#[test]
fn each_view_gives_columns_that_its_dataset_knows_and_each_mapping_has_their_places() {
    let catalogue = Catalogue::builtin().expect("catalogue");
    let mut checked = Vec::new();
    for (path, bytes) in all_files(&Path::new(DEPLOYED).join("views")) {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let view = String::from_utf8(bytes).expect("text");
        assert!(view.contains(&format!("VIEW evensum.{name}\n")), "{name}");
        let header = columns(&view);
        let mapping = Path::new(DEPLOYED).join(format!("mappings/{name}.toml"));
        let mapping = fs::read_to_string(mapping).expect("a mapping");
        let id = DatasetId::new(name.as_str()).expect("an id");
        // A catalogue of a federation's own may have the others.
        let Ok(dataset) = catalogue.dataset(&id) else { continue };
        let period: Period = PERIOD.parse().expect("a period");
        let of = (dataset, period);
        let mapping = Mapping::parse(&mapping, &catalogue).expect("a mapping");
        let by_number = Binding::new(&mapping, None, header.len(), of, &catalogue).expect("binds");
        for (column, field) in &mapping.columns {
            let at: usize = field.parse().expect("a number");
            assert_eq!(&header[at - 1], column, "{name}");
        }
        let text = format!("dataset = \"{name}\"\n[source]\nimd_edition = \"2019\"\n");
        let by_name = Mapping::parse(&text, &catalogue).expect("a mapping");
        let by_name = Binding::new(&by_name, Some(&header), header.len(), of, &catalogue);
        let by_name = by_name.expect("binds");
        assert_eq!(by_name.wanted, by_number.wanted, "{name}");
        let idle = (0..header.len()).filter(|at| !by_name.wanted.contains(at));
        assert_eq!(idle.map(|at| &header[at]).collect::<Vec<_>>(), Vec::<&String>::new(), "{name}");
        checked.push(name);
    }
    for name in [DATASET, "outpatient_appointment", "ae_attendance", "admitted_spell"] {
        assert!(checked.iter().any(|c| c == name), "{name}");
    }
}

#[test]
fn the_mappings_of_the_documentation_are_mappings() {
    let catalogue = Catalogue::builtin().expect("catalogue");
    let page = include_str!("../../../docs/sources.md");
    let blocks = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut seen = 0;
    for block in blocks.filter(|b| !b.starts_with("[node.")) {
        let text = match block.starts_with("dataset") {
            true => block.to_owned(),
            false => format!("dataset = \"{DATASET}\"\n{block}"),
        };
        Mapping::parse(&text, &catalogue).expect(block);
        seen += 1;
    }
    assert_eq!(seen, 4);
}
