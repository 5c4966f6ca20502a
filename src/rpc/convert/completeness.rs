//! How complete the partners' extracts are: shares that were worked out of releases, with the view that has them.

use std::collections::HashSet;

use evensum_core::model::{MAX_NODES, Ods};
use evensum_core::port::AskFault;
use evensum_core::view::{Bundle, ClaimedShares, RowShare, Shared, SystemView};

use super::{ConvertError, at_most, id, number, present, view};
use crate::rpc::pb::quality_response::Outcome;
use crate::rpc::{faults, pb};

/// What arrives at the analyst: nothing in it is believed before the view is checked and the shares are worked out
/// again.
#[derive(Debug)]
pub struct ClaimedQuality {
    /// What the shares rest on.
    pub bundle: Bundle,
    /// The shares that the coordinator claims, in order of partner.
    pub shares: Vec<ClaimedShares>,
}

/// What came of one question.
pub(in crate::rpc) fn write_one(
    question: u32,
    outcome: Result<SystemView<Shared>, AskFault>,
) -> pb::QualityResponse {
    let outcome = match outcome {
        Ok(answered) => {
            let each = answered.answer().completeness.iter();
            let partners = each.map(|one| write_partner(one.claimed())).collect();
            let view = Some(view::write(question, &answered));
            Outcome::Completeness(pb::Completeness { partners, view })
        }
        Err(fault) => {
            let fault = Some(faults::of_ask(&fault));
            Outcome::Fault(pb::QuestionFault { question, fault })
        }
    };
    pb::QualityResponse { outcome: Some(outcome) }
}

fn write_partner(one: ClaimedShares) -> pb::PartnerCompleteness {
    let ClaimedShares { ods, usable, not_stated, not_known, not_collected, not_applicable } = one;
    let share = |share: RowShare| {
        let per_cent = share.per_cent().map(u32::from);
        Some(pb::RowShare { state: share.state().to_owned(), per_cent })
    };
    pb::PartnerCompleteness {
        ods: ods.into(),
        usable: share(usable),
        not_stated: share(not_stated),
        not_known: share(not_known),
        not_collected: share(not_collected),
        not_applicable: share(not_applicable),
    }
}

/// Reads what came of one question.
pub(in crate::rpc) fn read_one(
    response: pb::QualityResponse,
) -> Result<(u32, Result<ClaimedQuality, AskFault>), ConvertError> {
    match present(response.outcome, "outcome")? {
        Outcome::Completeness(pb::Completeness { partners, view: answered }) => {
            let (question, bundle) = view::read(present(answered, "view")?)?;
            let mut seen: HashSet<Ods> = HashSet::new();
            let mut shares = Vec::new();
            for one in at_most(partners, "partners", MAX_NODES)? {
                let one = read_partner(one)?;
                if !seen.insert(one.ods.clone()) {
                    return Err(ConvertError::Contradiction("list of partners"));
                }
                shares.push(one);
            }
            Ok((question, Ok(ClaimedQuality { bundle, shares })))
        }
        Outcome::Fault(pb::QuestionFault { question, fault }) => {
            let fault = present(fault, "fault")?;
            Ok((number(question)?, Err(faults::ask_named(&fault.code))))
        }
    }
}

fn read_partner(one: pb::PartnerCompleteness) -> Result<ClaimedShares, ConvertError> {
    Ok(ClaimedShares {
        ods: id(one.ods, "partner's code")?,
        usable: read_share(one.usable)?,
        not_stated: read_share(one.not_stated)?,
        not_known: read_share(one.not_known)?,
        not_collected: read_share(one.not_collected)?,
        not_applicable: read_share(one.not_applicable)?,
    })
}

fn read_share(share: Option<pb::RowShare>) -> Result<RowShare, ConvertError> {
    let pb::RowShare { state, per_cent } = present(share, "share")?;
    let whole = |n: u32| u8::try_from(n).ok().filter(|n| *n <= 100);
    match (state.as_str(), per_cent) {
        ("value", Some(n)) => {
            whole(n).map(RowShare::WholePercent).ok_or(ConvertError::Contradiction("share"))
        }
        ("withheld", None) => Ok(RowShare::Withheld),
        ("none", None) => Ok(RowShare::None),
        ("value" | "withheld" | "none", _) => Err(ConvertError::Contradiction("share")),
        _ => Err(ConvertError::Unknown("state of a share")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(state: &str, per_cent: Option<u32>) -> Option<pb::RowShare> {
        Some(pb::RowShare { state: state.to_owned(), per_cent })
    }

    #[test]
    fn a_share_is_a_whole_per_cent_or_none_at_all() {
        for (given, read) in [
            (share("value", Some(0)), Some(RowShare::WholePercent(0))),
            (share("value", Some(100)), Some(RowShare::WholePercent(100))),
            (share("withheld", None), Some(RowShare::Withheld)),
            (share("none", None), Some(RowShare::None)),
            (share("value", Some(101)), None),
            (share("value", Some(356)), None),
            (share("value", None), None),
            (share("withheld", Some(3)), None),
            (share("small", None), None),
            (None, None),
        ] {
            assert_eq!(read_share(given.clone()).ok(), read, "{given:?}");
        }
    }

    #[test]
    fn shares_arrive_as_they_left() {
        let one = ClaimedShares {
            ods: Ods::new("ZZ1").expect("ods"),
            usable: RowShare::WholePercent(81),
            not_stated: RowShare::Withheld,
            not_known: RowShare::WholePercent(0),
            not_collected: RowShare::None,
            not_applicable: RowShare::WholePercent(100),
        };
        assert_eq!(read_partner(write_partner(one.clone())).ok(), Some(one));
    }
}
