//! How long the test takes, in release.

use super::super::super::Verdict;
use super::super::decide;
use super::unions::{Dimension, Policy, Union, pairs, people};
use super::{LIMITS, Random};

struct Case {
    name: &'static str,
    dimensions: Vec<Dimension>,
    tables: Vec<Vec<usize>>,
    total: u64,
}

fn flat(sizes: &[u16]) -> Vec<Dimension> {
    sizes.iter().map(|s| Dimension::flat(*s)).collect()
}

fn star(name: &'static str, total: u64) -> Case {
    let dimensions = vec![
        Dimension::flat(11),
        Dimension::nested(19, 4),
        Dimension::nested(7, 3),
        Dimension::nested(4, 2),
        Dimension::nested(5, 2),
    ];
    Case { name, dimensions, tables: (1..5).map(|a| vec![0, a]).collect(), total }
}

fn cases() -> Vec<Case> {
    let nodes = pairs(6).into_iter().map(|p| if p[0] == 0 { p } else { vec![0, p[0], p[1]] });
    vec![
        Case {
            name: "all pairs of 5,6,10,18,2,4",
            dimensions: flat(&[5, 6, 10, 18, 2, 4]),
            tables: pairs(6),
            total: 20_000,
        },
        Case {
            name: "the same, 200,000 people",
            dimensions: flat(&[5, 6, 10, 18, 2, 4]),
            tables: pairs(6),
            total: 200_000,
        },
        Case {
            name: "10 nodes x all pairs of 5,6,10,2,4, and system",
            dimensions: flat(&[10, 5, 6, 10, 2, 4]),
            tables: nodes.collect(),
            total: 20_000,
        },
        star("star, 3,000", 3_000),
        star("star, 60,000", 60_000),
        star("star, 2,000,000", 2_000_000),
    ]
}

/// Nanoseconds that this thread has had a processor to itself.
fn spent() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    text.split(' ').next().and_then(|n| n.parse().ok()).expect("a number")
}

#[test]
#[ignore = "a measurement: run in release with --nocapture"]
#[expect(clippy::print_stdout, reason = "a measurement")]
fn speed() {
    let only = std::env::var("CASE").unwrap_or_default();
    let unions: usize = std::env::var("UNIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(20);
    for case in cases().iter().filter(|c| c.name.contains(&only)) {
        for policy in [Policy::Merged, Policy::Zeros] {
            let (mut times, mut steps, mut verdicts) = (Vec::new(), Vec::new(), [0; 3]);
            let mut published = 0;
            for seed in 0..unions {
                let mut random = Random::new(seed as u64);
                let people = people(&case.dimensions, case.total, &mut random);
                let union = Union::of(&case.dimensions, &case.tables, &people, policy, &mut random);
                let merged = union.public.merged().expect("truth made it");
                published = merged.cells.len();
                let begun = spent();
                let decision = decide(&merged, &LIMITS).expect("truth made it");
                times.push((spent() - begun) as f64 / 1e6);
                steps.push(decision.steps);
                verdicts[match decision.verdict {
                    Verdict::Safe => 0,
                    Verdict::Unsafe => 1,
                    Verdict::Undecided => 2,
                }] += 1;
            }
            times.sort_by(f64::total_cmp);
            steps.sort_unstable();
            println!(
                "{} ({published} cells), {policy:?}: p50 {:.1} p95 {:.1} max {:.1} ms; steps max {}; \
                 safe/unsafe/undecided {verdicts:?}",
                case.name,
                times[times.len() / 2],
                times[times.len() * 95 / 100],
                times[times.len() - 1],
                steps[steps.len() - 1],
            );
        }
    }
}
