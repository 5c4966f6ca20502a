//! The rules that a query is held to, at the coordinator and, independently, at every node.

use crate::catalogue::{Catalogue, Unknown};
use crate::identity::Asker;
use crate::model::{Agreement, Question, RefusalCode, Timestamp};

/// A refusal. Its text is fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.says())]
pub struct Denied(pub RefusalCode);

impl From<Unknown> for Denied {
    fn from(unknown: Unknown) -> Self {
        Self(match unknown {
            Unknown::Indicator(_) => RefusalCode::IndicatorUnknown,
            Unknown::Dataset(_) | Unknown::Level(_) => RefusalCode::LevelUnknown,
            Unknown::Category { .. } => RefusalCode::CategoryUnknown,
        })
    }
}

/// What a query is held against.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// The own copy of the agreement.
    pub agreement: &'a Agreement,
    /// The definitions in force.
    pub catalogue: &'a Catalogue,
    /// The present moment.
    pub now: Timestamp,
}

/// The rules that hold wherever a query arrives: well formed, in time, under an agreement in force, for
/// an allowed purpose, and of an allowed question.
///
/// # Errors
/// [`Denied`], with the first rule that it breaks.
pub fn cleared<'a>(asker: &'a Asker, standing: Standing<'_>) -> Result<&'a Question, Denied> {
    let query = asker.query().document();
    let Standing { agreement, now, .. } = standing;
    let refuse = |code| Err(Denied(code));
    let question = query.question().map_err(|_| Denied(RefusalCode::Malformed))?;
    if now < query.not_before {
        return refuse(RefusalCode::TooEarly);
    }
    if now >= query.expires {
        return refuse(RefusalCode::Expired);
    }
    if query.federation != agreement.federation {
        return refuse(RefusalCode::FederationDiffers);
    }
    if agreement.hash().ok() != Some(query.agreement_hash) {
        return refuse(RefusalCode::AgreementDiffers);
    }
    if !agreement.in_force(now.date()) {
        return refuse(RefusalCode::AgreementNotInForce);
    }
    if !asker.assured() {
        return refuse(RefusalCode::AssuranceTooLow);
    }
    if !agreement.purposes.contains(&query.purpose) {
        return refuse(RefusalCode::PurposeNotAllowed);
    }
    question_allowed(question, standing)?;
    // The only view that there is adds the partners' own protected tables, which the asker then holds.
    if !agreement.show_partners {
        return refuse(RefusalCode::PartnersNotShown);
    }
    Ok(question)
}

/// Whether the agreement and the catalogue allow a question, whoever asks it.
///
/// # Errors
/// [`Denied`].
pub(super) fn question_allowed(question: &Question, standing: Standing<'_>) -> Result<(), Denied> {
    let Standing { agreement, catalogue, .. } = standing;
    let refuse = |code| Err(Denied(code));
    question.shape().map_err(|_| Denied(RefusalCode::Malformed))?;
    question_known(question, catalogue)?;
    if !agreement.indicators.contains(&question.indicator) {
        return refuse(RefusalCode::IndicatorNotAllowed);
    }
    if question.by.len() > usize::from(agreement.max_dimensions) {
        return refuse(RefusalCode::TooManyDimensions);
    }
    let scope = question.scope.as_ref().map(|s| &s.level);
    if question.by.iter().chain(scope).any(|level| !agreement.permits(level)) {
        return refuse(RefusalCode::DimensionNotAllowed);
    }
    Ok(())
}

/// Whether the catalogue has everything that a question names.
///
/// # Errors
/// [`Denied`].
pub(super) fn question_known(question: &Question, catalogue: &Catalogue) -> Result<(), Denied> {
    let refuse = |code| Err(Denied(code));
    let indicator = catalogue.indicator(&question.indicator)?;
    let dataset = catalogue.dataset(&indicator.dataset)?;
    if catalogue.definition_hash(&question.indicator)? != question.definition_hash {
        return refuse(RefusalCode::DefinitionDiffers);
    }
    if !dataset.has_period(question.period) {
        return refuse(RefusalCode::PeriodKind);
    }
    for level in &question.by {
        catalogue.level(level)?;
        if !indicator.breakdowns.contains(&level.dimension()) {
            return refuse(RefusalCode::LevelUnknown);
        }
    }
    if let Some(scope) = &question.scope {
        catalogue.level(&scope.level)?;
        if !dataset.scopes.contains(&scope.level) {
            return refuse(RefusalCode::ScopeNotAllowed);
        }
    }
    Ok(())
}
