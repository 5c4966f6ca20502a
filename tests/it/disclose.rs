//! `evensum disclose` from outside: the program over files.

mod bad_input;
mod outsider;
mod page;
mod protects;
mod workbook;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// A folder with files that the program runs in.
struct Desk(TempDir);

/// What came of a run.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn with(self, file: &str, text: impl AsRef<[u8]>) -> Self {
        fs::write(self.path().join(file), text).expect("written");
        self
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path().join(file)).expect("a text")
    }

    /// Runs `evensum disclose` with these words.
    fn run(&self, words: &str) -> Ran {
        let ran = Command::new(env!("CARGO_BIN_EXE_evensum"))
            .arg("disclose")
            .args(words.split_whitespace())
            .current_dir(self.path())
            .output()
            .expect("runs");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Ran { code: ran.status.code(), out: text(ran.stdout), err: text(ran.stderr) }
    }
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self
    }
}

/// The cell of a report or table in JSON at these categories.
fn cell<'a>(json: &'a Value, at: &[(&str, &str)]) -> &'a Value {
    let cells = json["cells"].as_array().expect("cells");
    let is = |cell: &&Value| at.iter().all(|(name, code)| cell["at"][name] == *code);
    cells.iter().find(is).unwrap_or_else(|| panic!("no cell {at:?}"))
}

/// Of F the first two parts, at their lower ends, fill the total: the third can be worked out.
const FILLED: &str = "area,sex,n\na,F,13\na,M,40\nb,F,13\nb,M,30\nc,F,1\nc,M,20\n";
/// The hierarchy of its areas.
const AREAS: &str = "code,parent\na,\nb,bc\nc,bc\nbc,\n";
/// A table that passes as it is, with a hidden count.
const PASSES: &str = "area,sex,n\na,F,5\na,M,20\nb,F,33\nb,M,41\nc,F,52\nc,M,60\n";
