//! The sparse form against linear programs over the joint table.

mod oracle;
mod speed;
mod unions;

use super::super::{Attribute, Limits, Public, PublicCell, Verdict};
use super::decide;
use super::random::Random;
use oracle::found_out_by_programs;
use unions::Union;

const LIMITS: Limits = Limits::RELEASE;

fn verdict(public: &Public) -> Verdict {
    decide(&public.merged().expect("truth made it"), &LIMITS).expect("truth made it").verdict
}

/// How the verdicts on random unions compare with what linear programs find: safe, not safe, undecided.
fn compared(seed: u64, unions: usize) -> [usize; 3] {
    let mut random = Random::new(seed);
    let mut tally = [0; 3];
    for number in 0..unions {
        let union = Union::random(&mut random);
        assert!(union.truth_lies_inside(), "the fixture, {seed}/{number}");
        let verdict = verdict(&union.public);
        let found_out = found_out_by_programs(&union.public.merged().expect("truth made it"));
        match verdict {
            Verdict::Safe => assert!(!found_out, "{seed}/{number} was called safe: {union:?}"),
            Verdict::Unsafe => assert!(found_out, "{seed}/{number} was called unsafe: {union:?}"),
            Verdict::Undecided => {}
        }
        tally[match verdict {
            Verdict::Undecided => 2,
            _ => usize::from(found_out),
        }] += 1;
    }
    tally
}

#[test]
fn verdicts_are_those_of_linear_programs() {
    let [safe, found_out, undecided] = compared(1, 300);
    assert!(safe > 60 && found_out > 60, "the fixture makes both: {safe} {found_out}");
    assert!(undecided <= 9, "{undecided} of 300");
}

#[test]
#[ignore = "minutes in a debug build: run in release"]
#[expect(clippy::print_stdout, reason = "a measurement")]
fn many_verdicts_are_those_of_linear_programs() {
    for seed in 100..110 {
        println!("{seed}: {:?}", compared(seed, 1_000));
    }
}
