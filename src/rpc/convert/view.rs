//! The combined answer, the progress towards it, and the partners' standing.

use std::collections::HashSet;

use evensum_core::disclosure::Side;
use evensum_core::model::{
    Bounds, CategoryId, CellState, Lattice, LevelId, MAX_NODES, MAX_QUESTIONS, Ods, QueryId,
};
use evensum_core::port::{AskFault, PartnerStanding, Progress};
use evensum_core::view::{Absent, Bundle, ClaimedCell, CoverageStatus, Shared, SystemView};
use serde::Deserialize;
use serde::de::value::{Error as ValueError, StrDeserializer};

use super::{ConvertError, MAX_AXES, answer, at_most, id, number, present, shortened, text};
use crate::rpc::pb::ask_response::Event;
use crate::rpc::{faults, pb};

/// What leaves a coordinator.
pub(in crate::rpc) fn write(question: u32, view: &SystemView<Shared>) -> pb::View {
    let Bundle { answers, absent, receipt, cells, elapsed_ms, witness } = view.bundle();
    pb::View {
        query_id: view.query_id().to_string(),
        breakdown: view.answer().axes.iter().map(|axis| axis.level.to_string()).collect(),
        cells: cells.into_iter().map(write_cell).collect(),
        answers: answers.into_iter().map(|(ods, parts)| answer::passed_on(&ods, parts)).collect(),
        absences: absent.into_iter().map(write_absence).collect(),
        coordinator: view.coordinator().to_string(),
        receipt: Some(answer::proof(receipt)),
        elapsed_ms,
        question,
        witness: witness.map(answer::proof),
    }
}

/// What arrives at the analyst. The query's id, its breakdown and the coordinator's code must be well formed
/// and are not kept: the analyst's tool knows all three, and the signed parts bind them.
pub(in crate::rpc) fn read(view: pb::View) -> Result<(u32, Bundle), ConvertError> {
    let pb::View {
        query_id,
        breakdown,
        cells,
        answers,
        absences,
        coordinator,
        receipt,
        elapsed_ms,
        question,
        witness,
    } = view;
    let _: QueryId = id(query_id, "query's id")?;
    let _: Ods = id(coordinator, "coordinator's code")?;
    let breakdown = at_most(breakdown, "breakdown levels", MAX_AXES)?
        .into_iter()
        .map(|level| id(level, "breakdown level"))
        .collect::<Result<Vec<LevelId>, _>>()?;
    let cells = at_most(cells, "cells", Lattice::MAX_CELLS)?
        .into_iter()
        .map(|cell| read_cell(cell, breakdown.len()))
        .collect::<Result<_, _>>()?;
    let answers = at_most(answers, "partners' answers", MAX_NODES)?
        .into_iter()
        .map(|one| answer::read(Some(one)))
        .collect::<Result<_, _>>()?;
    let absent = at_most(absences, "absent partners", MAX_NODES)?
        .into_iter()
        .map(read_absence)
        .collect::<Result<_, _>>()?;
    let receipt = answer::read_proof(receipt)?;
    let witness = witness.map(|proof| answer::read_proof(Some(proof))).transpose()?;
    Ok((number(question)?, Bundle { answers, absent, receipt, cells, elapsed_ms, witness }))
}

fn write_cell(cell: ClaimedCell) -> pb::Cell {
    let ClaimedCell { at, numerator, denominator } = cell;
    pb::Cell {
        at: at.into_iter().map(String::from).collect(),
        numerator: Some(write_count(numerator)),
        denominator: Some(write_count(denominator)),
    }
}

fn read_cell(cell: pb::Cell, axes: usize) -> Result<ClaimedCell, ConvertError> {
    let pb::Cell { at, numerator, denominator } = cell;
    if at.len() != axes {
        return Err(ConvertError::Contradiction("cell's place"));
    }
    let at = at.into_iter().map(|category| id(category, "category"));
    Ok(ClaimedCell {
        at: at.collect::<Result<Vec<CategoryId>, _>>()?,
        numerator: read_count(present(numerator, "numerator")?)?,
        denominator: read_count(present(denominator, "denominator")?)?,
    })
}

fn write_count(side: Side) -> pb::Count {
    let Side { state, bounds: Bounds { low, high }, published } = side;
    pb::Count { state: state.as_str().to_owned(), low, high, published }
}

fn read_count(count: pb::Count) -> Result<Side, ConvertError> {
    let pb::Count { state, low, high, published } = count;
    if high.is_some_and(|high| high < low) {
        return Err(ConvertError::Contradiction("range of a count"));
    }
    let state = CellState::deserialize(StrDeserializer::<ValueError>::new(&state))
        .map_err(|_| ConvertError::Unknown("state of a count"))?;
    Ok(Side { state, bounds: Bounds { low, high }, published })
}

fn write_absence(absent: Absent) -> pb::Absence {
    let Absent { ods, status, reason } = absent;
    pb::Absence { ods: ods.into(), status: status.as_str().to_owned(), reason: shortened(reason) }
}

fn read_absence(absence: pb::Absence) -> Result<Absent, ConvertError> {
    let pb::Absence { ods, status, reason } = absence;
    let status = read_status(&status)?;
    if matches!(status, CoverageStatus::Answered | CoverageStatus::NoData) {
        return Err(ConvertError::Contradiction("status of an absent partner"));
    }
    Ok(Absent { ods: id(ods, "partner's code")?, status, reason: text(reason, "reason")? })
}

fn read_status(status: &str) -> Result<CoverageStatus, ConvertError> {
    CoverageStatus::ALL
        .into_iter()
        .find(|known| known.as_str() == status)
        .ok_or(ConvertError::Unknown("partner's status"))
}

/// An event of the stream beside the answers.
pub(in crate::rpc) fn write_progress(progress: Progress) -> pb::AskResponse {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let event = match progress {
        Progress::Asked { partners, questions } => {
            Event::Asked(pb::Asked { partners: count(partners), questions: count(questions) })
        }
        Progress::Settled { ods, question, status } => {
            let (ods, status) = (ods.into(), status.as_str().to_owned());
            Event::Settled(pb::Settled { ods, status, question })
        }
    };
    pb::AskResponse { event: Some(event) }
}

/// What came of one question.
pub(in crate::rpc) fn write_one(
    question: u32,
    outcome: Result<SystemView<Shared>, AskFault>,
) -> pb::AskResponse {
    let event = match outcome {
        Ok(view) => Event::View(write(question, &view)),
        Err(fault) => {
            let fault = Some(faults::of_ask(&fault));
            Event::Fault(pb::QuestionFault { question, fault })
        }
    };
    pb::AskResponse { event: Some(event) }
}

/// What one event of the stream says.
#[derive(Debug)]
pub(in crate::rpc) enum Heard {
    /// Something happened.
    Progress(Progress),
    /// What came of one question.
    One(u32, Result<Box<Bundle>, AskFault>),
}

/// Reads one event of the stream.
pub(in crate::rpc) fn read_event(response: pb::AskResponse) -> Result<Heard, ConvertError> {
    let pb::AskResponse { event } = response;
    let count = |n: u32, what, most| {
        let n = usize::try_from(n).ok().filter(|n| *n <= most);
        n.ok_or(ConvertError::TooMany { what, most })
    };
    Ok(match present(event, "event")? {
        Event::Asked(pb::Asked { partners, questions }) => Heard::Progress(Progress::Asked {
            partners: count(partners, "partners", MAX_NODES)?,
            questions: count(questions, "questions", MAX_QUESTIONS)?,
        }),
        Event::Settled(pb::Settled { ods, status, question }) => {
            let (ods, status) = (id(ods, "partner's code")?, read_status(&status)?);
            Heard::Progress(Progress::Settled { ods, question: number(question)?, status })
        }
        Event::View(view) => {
            let (question, bundle) = read(view)?;
            Heard::One(question, Ok(Box::new(bundle)))
        }
        Event::Fault(pb::QuestionFault { question, fault }) => {
            let fault = present(fault, "fault")?;
            Heard::One(number(question)?, Err(faults::ask_named(&fault.code)))
        }
    })
}

/// The partners of an agreement as they leave the coordinator.
pub(in crate::rpc) fn write_partners(partners: Vec<PartnerStanding>) -> pb::PartnersResponse {
    let write = |PartnerStanding { ods, name, connected }| pb::Partner {
        ods: String::from(ods),
        name: shortened(name),
        connected,
    };
    pb::PartnersResponse { partners: partners.into_iter().map(write).collect() }
}

/// The partners of an agreement as they arrive. None is named twice.
pub(in crate::rpc) fn read_partners(
    response: pb::PartnersResponse,
) -> Result<Vec<PartnerStanding>, ConvertError> {
    let pb::PartnersResponse { partners } = response;
    let mut seen = HashSet::new();
    let read = |pb::Partner { ods, name, connected }| {
        let ods: Ods = id(ods, "partner's code")?;
        if !seen.insert(ods.clone()) {
            return Err(ConvertError::Contradiction("list of partners"));
        }
        Ok(PartnerStanding { ods, name: text(name, "partner's name")?, connected })
    };
    at_most(partners, "partners", MAX_NODES)?.into_iter().map(read).collect()
}
