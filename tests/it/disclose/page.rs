//! The page in the documentation: its examples run as they stand.

use std::fs;
use std::path::Path;

use super::Desk;

#[test]
fn the_examples_of_the_page_run_as_they_stand() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/disclose.md")).expect("the page");
    let examples = root.join("docs/examples/disclose");
    let desk = fs::read_dir(examples).expect("examples").fold(Desk::new(), |desk, entry| {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|n| n.to_str()).expect("a name").to_owned();
        desk.with(&name, fs::read(path).expect("a file"))
    });
    let (mut ran, mut compared) = (0, 0);
    let mut out = String::new();
    // Blocks of commands, each with what its last command says beneath it.
    for block in page.split("```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n').expect("a block");
        if language == "text" && !out.is_empty() {
            assert_eq!(text, out, "what the page shows");
            out.clear();
            compared += 1;
        }
        for line in text.lines().filter(|_| language == "sh") {
            let Some(words) = line.strip_prefix("evensum disclose ") else { continue };
            let (words, code) = words.split_once(" # exit ").unwrap_or((words, "0"));
            let told = desk.run(words).exits(code.parse().expect("an exit code"));
            out = told.out + &told.err;
            ran += 1;
        }
    }
    assert!(ran >= 5 && compared >= 4, "the page has {ran} examples and shows {compared}");
}
