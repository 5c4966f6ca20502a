//! A disk so small that a test can fill it: a tmpfs, where this account may mount one.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small disk over a folder. It is unmounted when this handle goes.
#[derive(Debug)]
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Puts a disk of so many KiB over a folder, which keeps what it holds. None, with the reason on standard
    /// error, where that is not allowed: then a test has nothing to test.
    pub(crate) fn over(folder: &Path, kib: u32) -> Option<Self> {
        fs::create_dir_all(folder).expect("a folder");
        let beside = folder.with_extension("beside");
        let size = format!("size={kib}k");
        run("cp", &["-a".as_ref(), folder.as_os_str(), beside.as_os_str()]).expect("copied");
        let mount = ["-t", "tmpfs", "-o", &size, "evensum-test"].map(std::ffi::OsStr::new);
        if let Err(reason) = run("mount", &[&mount[..], &[folder.as_os_str()]].concat()) {
            skipped(&reason);
            return None;
        }
        let disk = Self(folder.to_owned());
        let all = beside.join(".");
        run("cp", &["-a".as_ref(), all.as_os_str(), folder.as_os_str()]).expect("copied");
        fs::remove_dir_all(beside).expect("removed");
        Some(disk)
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Takes all space.
    pub(crate) fn fill(&self) {
        let mut file = File::create(self.filler()).expect("a file");
        let (kib, mut taken) = ([0x5a; 1024], 0_u32);
        while file.write_all(&kib).is_ok() {
            taken += 1;
        }
        assert!(taken > 0, "the disk was full before");
    }

    /// Gives so many KiB back.
    pub(crate) fn give_back(&self, kib: u64) {
        let file = File::options().write(true).open(self.filler()).expect("a filler");
        let taken = file.metadata().expect("a length").len();
        file.set_len(taken - kib * 1024).expect("shortened");
    }

    /// Gives all space back.
    pub(crate) fn free(&self) {
        fs::remove_file(self.filler()).expect("removed");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, since servers may still have files open.
        let _ = run("umount", &["-l".as_ref(), self.0.as_os_str()]);
    }
}

fn run(program: &str, arguments: &[&std::ffi::OsStr]) -> Result<(), String> {
    match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(format!("{program}: {error}")),
    }
}

#[expect(clippy::print_stderr, reason = "whoever runs the tests should know what did not run")]
fn skipped(reason: &str) {
    eprintln!("skipped, since no small disk can be mounted here: {reason}");
}
