//! The rules that a query is held to, at the coordinator and, independently, at every node.

use crate::catalogue::{Catalogue, Unknown};
use crate::identity::Asker;
use crate::model::{Agreement, Ods, Profile, QueryView, Question, RefusalCode, Timestamp};

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

/// A query that may be asked as a whole. Each of its questions is held to the rules by itself.
#[derive(Debug, Clone, Copy)]
pub struct Cleared<'a> {
    questions: &'a [Question],
    targets: &'a [Ods],
    view: Option<QueryView>,
    standing: Standing<'a>,
}

/// A query that may be asked as a whole, of this node.
#[derive(Debug, Clone, Copy)]
pub struct ClearedAtNode<'a> {
    pub(super) cleared: Cleared<'a>,
    pub(super) profile: Profile,
}

/// The rules for a query as a whole that hold wherever it arrives: well formed, in time, under an agreement
/// in force, for an allowed purpose, by somebody who is sure enough.
///
/// # Errors
/// [`Denied`], with the first rule that it breaks.
pub fn cleared<'a>(asker: &'a Asker, standing: Standing<'a>) -> Result<Cleared<'a>, Denied> {
    let query = asker.query().document();
    let Standing { agreement, now, .. } = standing;
    let refuse = |code| Err(Denied(code));
    let questions = query.questions().map_err(|_| Denied(RefusalCode::Malformed))?;
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
    Ok(Cleared { questions, targets: &query.targets, view: query.view, standing })
}

impl<'a> Cleared<'a> {
    /// The questions' numbers.
    pub fn numbers(&self) -> impl Iterator<Item = u32> + use<> {
        0..u32::try_from(self.questions.len()).unwrap_or(u32::MAX)
    }

    /// The question of that number, if it may be asked.
    ///
    /// # Errors
    /// [`Denied`], with the first rule that it breaks; [`RefusalCode::Malformed`] where there is no such question.
    pub fn question(&self, number: u32) -> Result<&'a Question, Denied> {
        let question = usize::try_from(number)
            .ok()
            .and_then(|place| self.questions.get(place))
            .ok_or(Denied(RefusalCode::Malformed))?;
        question_allowed(question, self.standing)?;
        let agreement = self.standing.agreement;
        match self.view {
            Some(QueryView::Pooled) if agreement.pool.is_none() => {
                Err(Denied(RefusalCode::SumNotAgreed))
            }
            Some(QueryView::Pooled) => Ok(question),
            // This view adds the partners' own protected tables, which the asker then holds.
            None if !agreement.show_partners => Err(Denied(RefusalCode::PartnersNotShown)),
            None => Ok(question),
        }
    }

    /// What a node checks of the whole query beside: that it is asked, and holds to the agreement's profile.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn at_node(self, own: &Ods, profile: Profile) -> Result<ClearedAtNode<'a>, Denied> {
        // What is in the sum no partner answers.
        if self.view.is_some() {
            return Err(Denied(RefusalCode::Malformed));
        }
        if !self.targets.contains(own) {
            return Err(Denied(RefusalCode::NotATarget));
        }
        if self.standing.agreement.profile != profile {
            return Err(Denied(RefusalCode::PolicyDiffers));
        }
        Ok(ClearedAtNode { cleared: self, profile })
    }

    /// Which figures it asks for.
    #[must_use]
    pub const fn view(&self) -> Option<QueryView> {
        self.view
    }

    pub(super) const fn standing(&self) -> Standing<'a> {
        self.standing
    }
}

impl ClearedAtNode<'_> {
    /// The questions' numbers.
    pub fn numbers(&self) -> impl Iterator<Item = u32> + use<> {
        self.cleared.numbers()
    }
}

/// Why a query is refused as a whole though nothing is wrong with it but its questions: each of them would be
/// refused, and for the same reason. None where one of them may be answered, or the reasons differ.
#[must_use]
pub fn refused_alike<T>(each: &[Result<T, Denied>]) -> Option<Denied> {
    let mut codes = each.iter().map(|one| one.as_ref().err().copied());
    let first = codes.next()??;
    codes.all(|code| code == Some(first)).then_some(first)
}

/// Whether a question may be asked under an agreement, as far as its asker can tell beforehand.
///
/// # Errors
/// [`Denied`].
pub fn allows(question: &Question, standing: Standing<'_>) -> Result<(), Denied> {
    question_allowed(question, standing)
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
    let counts_only = catalogue.indicator(&question.indicator)?.kind.measures().is_empty();
    if !counts_only && !agreement.profile.releases_figures() {
        return refuse(RefusalCode::KindNotReleased);
    }
    if question.by.len() > usize::from(agreement.max_dimensions) {
        return refuse(RefusalCode::TooManyDimensions);
    }
    within(question, agreement.profile)?;
    let scope = question.scope.as_ref().map(|s| &s.level);
    for level in question.by.iter().chain(scope) {
        if !agreement.permits(level) {
            return refuse(RefusalCode::DimensionNotAllowed);
        }
        if !catalogue.in_use(level, &agreement.groupings) {
            return refuse(RefusalCode::GroupingNotInUse);
        }
    }
    Ok(())
}

/// Whether a profile allows so many dimensions: those of the breakdown, the outcome, and a restriction.
///
/// # Errors
/// [`Denied`].
pub(super) fn within(question: &Question, profile: Profile) -> Result<(), Denied> {
    let dimensions = question.by.len() + 1 + usize::from(question.scope.is_some());
    match profile.most_dimensions() {
        Some(most) if dimensions > most => Err(Denied(RefusalCode::TooManyDimensions)),
        _ => Ok(()),
    }
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
