//! The program `evensum`: parse, dispatch, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    evensum::cli::main()
}
