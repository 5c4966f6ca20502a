//! Panics of the program itself. A task that panics takes nothing with it but its handle, and where nobody
//! waits for that a test would go on: here it fails. Panics that a test makes on purpose are made in test code,
//! and are known by that.

use std::fs;
use std::panic::PanicHookInfo;
use std::path::PathBuf;
use std::sync::{Mutex, Once, PoisonError};

/// What panics said.
#[derive(Debug)]
struct Notes {
    all: Vec<String>,
    of_the_program: Vec<String>,
}

static NOTES: Mutex<Notes> = Mutex::new(Notes::none());

impl Notes {
    const fn none() -> Self {
        Self { all: Vec::new(), of_the_program: Vec::new() }
    }

    /// Notes a panic, and the file that it happened in, as the compiler was given it.
    fn add(&mut self, file: &str, text: String) {
        if !file.starts_with("tests/") {
            self.of_the_program.push(text.clone());
        }
        self.all.push(text);
    }
}

fn note(panic: &PanicHookInfo<'_>) {
    let file = panic.location().map(|place| place.file()).unwrap_or_default();
    NOTES.lock().unwrap_or_else(PoisonError::into_inner).add(file, panic.to_string());
}

/// What every panic said since the first watch began, of tests too.
pub(crate) fn said() -> Vec<String> {
    NOTES.lock().unwrap_or_else(PoisonError::into_inner).all.clone()
}

/// Watches until it is dropped. One that sees a panic fails its test, whichever test it happened in.
#[derive(Debug)]
pub(crate) struct Watch(());

impl Watch {
    pub(crate) fn begin() -> Self {
        static HOOKED: Once = Once::new();
        HOOKED.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                note(panic);
                before(panic);
            }));
        });
        Self(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let notes = NOTES.lock().unwrap_or_else(PoisonError::into_inner);
        let found = notes.of_the_program.clone();
        drop(notes);
        assert!(std::thread::panicking() || found.is_empty(), "the program panicked: {found:#?}");
    }
}

/// The same for servers that are processes of their own, below a folder: by what they have logged.
#[derive(Debug)]
pub(crate) struct ServersWatch(pub(crate) PathBuf);

impl Drop for ServersWatch {
    fn drop(&mut self) {
        let servers = fs::read_dir(&self.0).into_iter().flatten().map_while(Result::ok);
        for log in servers.map(|server| server.path().join("server.log")) {
            let said = fs::read_to_string(&log).unwrap_or_default();
            let panicked = said.contains("panicked at");
            assert!(std::thread::panicking() || !panicked, "{}: {said}", log.display());
        }
    }
}

mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_program_is_told_from_a_tests_own() {
        let _watch = Watch::begin();
        let own = std::panic::catch_unwind(|| panic!("a test's own, seen by the hook"));
        assert!(own.is_err());
        let mine = said().into_iter().find(|text| text.contains("a test's own, seen by the hook"));
        assert!(
            mine.expect("noted").contains("tests/it/panics.rs"),
            "as the compiler was given it"
        );
        let mut notes = Notes::none();
        for file in [file!(), "src/node/answer.rs", "core/src/plan/mod.rs", "/rustc/x/vec.rs", ""] {
            notes.add(file, file.to_owned());
        }
        assert_eq!((notes.all.len(), notes.of_the_program.len()), (5, 4));
    }

    #[test]
    fn a_panic_in_a_servers_log_fails_its_test() {
        let folder = tempfile::tempdir().expect("a folder");
        let server = folder.path().join("ZZ1");
        fs::create_dir(&server).expect("a folder");
        let watch = || ServersWatch(folder.path().to_owned());
        fs::write(server.join("server.log"), "INFO serving\n").expect("written");
        drop(watch());
        let log = "INFO serving\nthread 'x' panicked at src/node/answer.rs:1:1:\n";
        fs::write(server.join("server.log"), log).expect("written");
        let failed = std::panic::catch_unwind(|| drop(watch()));
        assert!(failed.is_err());
    }
}
