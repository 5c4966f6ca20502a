//! The verdict where the joint table is too large to be laid out.

use super::public::Merged;
use super::{Contradiction, Decision, Limits, Verdict};

/// Nothing is decided yet of tables of this size.
#[expect(clippy::unnecessary_wraps, reason = "the caller expects what the laid-out form gives")]
pub(super) fn decide(_merged: &Merged, _limits: &Limits) -> Result<Decision, Contradiction> {
    Ok(Decision { verdict: Verdict::Undecided, steps: 0, programs: 0, dense: false })
}
