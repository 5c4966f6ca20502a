//! The permit: proof that a question was checked, for one use.

use std::fmt;
use std::marker::PhantomData;

use super::rules::{
    Cleared, ClearedAtNode, Denied, Standing, question_allowed, question_known, within,
};
use crate::catalogue::Catalogue;
use crate::model::{Agreement, Profile, QueryView, Question, RefusalCode};

/// Asked by an analyst, in a signed query.
#[derive(Debug, Clone, Copy)]
pub struct Asked(());
/// Prepared when an extract is published.
#[derive(Debug, Clone, Copy)]
pub struct Publication(());
/// For the node's own people.
#[derive(Debug, Clone, Copy)]
pub struct Local(());

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Asked {}
    impl Sealed for super::Publication {}
    impl Sealed for super::Local {}
}

/// A use that a table may be put to. Sealed: there are three.
pub trait Use: sealed::Sealed + fmt::Debug {}
impl Use for Asked {}
impl Use for Publication {}
impl Use for Local {}

/// A use in which a protected table may leave the node.
pub trait Shareable: Use {}
impl Shareable for Asked {}
impl Shareable for Publication {}

/// A checked question.
///
/// It has private fields, and no constructor that does not check:
/// ```compile_fail,E0451
/// use evensum_core::authz::{Asked, Permit};
/// fn forge(question: evensum_core::model::Question) -> Permit<Asked> {
///     Permit { question, agreement: None, use_: std::marker::PhantomData }
/// }
/// ```
#[derive(Debug)]
pub struct Permit<U: Use> {
    question: Question,
    agreement: Option<Agreement>,
    profile: Profile,
    use_: PhantomData<U>,
}

impl Permit<Asked> {
    /// For one question of an analyst's query, which may be asked of this node as a whole.
    ///
    /// # Errors
    /// [`Denied`], which is a refusal of that question alone.
    pub fn query(query: &ClearedAtNode<'_>, number: u32) -> Result<Self, Denied> {
        let question = query.cleared.question(number)?.clone();
        let agreement = query.cleared.standing().agreement.clone();
        let profile = query.profile;
        Ok(Self { question, agreement: Some(agreement), profile, use_: PhantomData })
    }
}

impl Permit<Asked> {
    /// For one question of an analyst's query for the blind sum, at the server that opens it.
    ///
    /// # Errors
    /// [`Denied`]; [`RefusalCode::SumNotAgreed`] where the query asks for other figures.
    pub fn summed(query: &Cleared<'_>, number: u32) -> Result<Self, Denied> {
        if query.view() != Some(QueryView::Pooled) {
            return Err(Denied(RefusalCode::SumNotAgreed));
        }
        let question = query.question(number)?.clone();
        let agreement = query.standing().agreement.clone();
        let profile = agreement.profile;
        Ok(Self { question, agreement: Some(agreement), profile, use_: PhantomData })
    }
}

impl Permit<Publication> {
    /// For a table of a pack that the agreement names, prepared when an extract is published.
    ///
    /// # Errors
    /// [`Denied`]; [`RefusalCode::IndicatorNotAllowed`] where the indicator is not of that pack.
    pub fn publication(
        standing: Standing<'_>,
        pack: &str,
        question: Question,
        profile: Profile,
    ) -> Result<Self, Denied> {
        let Standing { agreement, catalogue, now } = standing;
        question_allowed(&question, standing)?;
        let of_pack = catalogue.indicator(&question.indicator)?.packs.iter().any(|p| p == pack);
        if !of_pack || !agreement.packs.iter().any(|p| p == pack) {
            return Err(Denied(RefusalCode::IndicatorNotAllowed));
        }
        if !agreement.in_force(now.date()) {
            return Err(Denied(RefusalCode::AgreementNotInForce));
        }
        if agreement.profile != profile {
            return Err(Denied(RefusalCode::PolicyDiffers));
        }
        Ok(Self { question, agreement: Some(agreement.clone()), profile, use_: PhantomData })
    }
}

impl Permit<Local> {
    /// For the node's own people: everything that the catalogue has, about their own records.
    ///
    /// # Errors
    /// [`Denied`], where the catalogue has no such question.
    pub fn local(
        question: Question,
        catalogue: &Catalogue,
        profile: Profile,
    ) -> Result<Self, Denied> {
        question_known(&question, catalogue)?;
        within(&question, profile)?;
        Ok(Self { question, agreement: None, profile, use_: PhantomData })
    }

    /// The same, as an agreement would have it: of its population, and only what may be asked under it.
    ///
    /// # Errors
    /// [`Denied`]; [`RefusalCode::PolicyDiffers`] where the agreement has another profile than the node.
    pub fn local_under(
        question: Question,
        standing: Standing<'_>,
        profile: Profile,
    ) -> Result<Self, Denied> {
        question_allowed(&question, standing)?;
        if standing.agreement.profile != profile {
            return Err(Denied(RefusalCode::PolicyDiffers));
        }
        let agreement = Some(standing.agreement.clone());
        Ok(Self { question, agreement, profile, use_: PhantomData })
    }
}

impl<U: Use> Permit<U> {
    /// The question.
    #[must_use]
    pub const fn question(&self) -> &Question {
        &self.question
    }

    /// The agreement; none for local use.
    #[must_use]
    pub const fn agreement(&self) -> Option<&Agreement> {
        self.agreement.as_ref()
    }

    /// The disclosure profile in force.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }
}
