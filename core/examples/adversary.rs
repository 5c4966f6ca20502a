//! Tries every attack, or those that are named after the number of hidden counts, and prints the page of findings:
//! `cargo run --release -p evensum-core --example adversary -- 1000 A1,A2 > docs/adversary.md`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example that prints its answer")]

use std::time::Instant;

use evensum_core::adversary::{Attack, Finding, markdown, run};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let n = args.next().map_or(Ok(60), |n| n.parse())?;
    let named = args.next().unwrap_or_default();
    let named: Vec<Attack> = named.split(',').filter_map(Attack::parse).collect();
    let attacks = if named.is_empty() { Attack::ALL.to_vec() } else { named };
    let (started, mut findings) = (Instant::now(), Vec::new());
    for attack in attacks {
        let began = Instant::now();
        let mut told = |f: &Finding| {
            eprintln!(
                "{} {} {}: {} cells, {} exact, {} low, {} refused, {} tables {} {}",
                f.attack.id(),
                f.against,
                f.shape,
                f.cells,
                f.exact,
                f.low,
                f.refused,
                f.tables,
                if f.passed { "passed" } else { "FAILED" },
                f.note
            );
        };
        findings.extend(run(attack, n, 1, &mut told)?);
        eprintln!("{} took {:.1} s", attack.id(), began.elapsed().as_secs_f64());
    }
    let made_by = format!(
        "Made by `cargo run --release -p evensum-core --example adversary -- {n}` in {:.0} seconds.",
        started.elapsed().as_secs_f64()
    );
    print!("{}", markdown(&findings, &made_by));
    let failed = findings.iter().filter(|f| !f.passed).count();
    if failed == 0 { Ok(()) } else { Err(format!("{failed} findings").into()) }
}
