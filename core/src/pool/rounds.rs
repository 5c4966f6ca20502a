//! What one server has been through, round by round: made of the steps in its audit log alone, in their order, so that
//! a restart finds the server where it was. A step that the ones before it do not allow is none.

use std::collections::{BTreeMap, BTreeSet};

use crate::ledger::{PoolStep, RoundRef, Stop};
use crate::model::canonical::CanonicalError;
use crate::model::{
    AgreementId, Digest, FederationId, Ods, Population, RefusalCode, SnapshotRef, SnapshotVersion,
};

/// Why a step is not taken.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// Another round is bound for the same records, or other members.
    #[error("another round over the same records is bound, and who is in it never changes")]
    Bound,
    /// No such round is bound.
    #[error("the round is not bound here")]
    Unbound,
    /// It was closed, otherwise.
    #[error("the round is closed, and otherwise than now")]
    Closed,
    /// It is not closed yet.
    #[error("the round is not closed yet")]
    Open,
    /// The partner has contributed, otherwise.
    #[error("another contribution to the round was made")]
    Contributed,
    /// The dataset is kept back.
    #[error("the partner keeps the dataset back from sums")]
    KeptBack,
    /// What was opened has not come back.
    #[error("what was made of the last opening has not come back")]
    Pending,
    /// Nothing was opened that could come back.
    #[error("nothing was opened that could come back")]
    Nothing,
    /// Nothing more is opened.
    #[error("nothing more of the population is opened")]
    Stopped,
    /// No canonical form.
    #[error("a population cannot be encoded")]
    Canonical(#[from] CanonicalError),
}

impl StepError {
    /// What whoever asked for the step is told.
    #[must_use]
    pub const fn code(&self) -> RefusalCode {
        match self {
            Self::Bound => RefusalCode::BoundToOthers,
            Self::Closed | Self::Contributed => RefusalCode::RoundClosed,
            Self::KeptBack => RefusalCode::KeptBack,
            Self::Pending => RefusalCode::OpeningPending,
            Self::Stopped => RefusalCode::SumStopped,
            Self::Open => RefusalCode::SumNotReady,
            Self::Unbound | Self::Nothing | Self::Canonical(_) => RefusalCode::RoundDiffers,
        }
    }
}

/// Whether a step is one that was not taken before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is new.
    New,
    /// The same step was taken before: nothing changes, and nothing needs to be written.
    Before,
}

/// A closed round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedRound {
    /// Hash of the closing.
    pub closing: Digest,
    /// In the sum.
    pub members: Vec<Ods>,
    /// Bound, and not in the sum.
    pub missing: Vec<Ods>,
}

/// One version of a population's round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundState {
    /// Hash of the round's document.
    pub round: Digest,
    /// Under which agreement.
    pub agreement: AgreementId,
    /// Hash of the membership list that it was bound under: it goes by that one to its end.
    pub membership: Digest,
    /// Its members.
    pub members: Vec<Ods>,
    /// The partner's own extract, and the hash of its contribution.
    pub contributed: Option<(SnapshotRef, Digest)>,
    /// How it was closed.
    pub closed: Option<ClosedRound>,
    /// Openings.
    pub openings: u32,
    /// Whether what was made of the last opening is still out.
    pub pending: bool,
}

impl RoundState {
    /// How the audit log names it.
    #[must_use]
    pub fn reference(&self, population: &Population, version: SnapshotVersion) -> RoundRef {
        RoundRef {
            population: population.clone(),
            version,
            agreement: self.agreement.clone(),
            round: self.round,
        }
    }
}

/// Everything about one population.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PopulationState {
    /// Whose records.
    pub population: Population,
    /// By standing of the extracts.
    pub versions: BTreeMap<SnapshotVersion, RoundState>,
    /// Whether its own people keep it back, at a partner.
    pub withdrawn: bool,
    /// Why nothing more is opened.
    pub stopped: Option<Stop>,
}

impl PopulationState {
    /// The members that its records are bound to, whatever the version.
    #[must_use]
    pub fn members(&self) -> Option<&[Ods]> {
        self.versions.values().next().map(|round| round.members.as_slice())
    }

    /// The first closing: later versions are opened only if the same partners are in them.
    #[must_use]
    pub fn first_closing(&self) -> Option<&ClosedRound> {
        self.versions.values().find_map(|round| round.closed.as_ref())
    }

    /// The newest closed version.
    #[must_use]
    pub fn newest_closed(&self) -> Option<(SnapshotVersion, &RoundState)> {
        let closed = self.versions.iter().rev().find(|(_, round)| round.closed.is_some());
        closed.map(|(version, round)| (*version, round))
    }
}

/// All rounds of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rounds {
    by_lock: BTreeMap<Digest, PopulationState>,
    told: BTreeMap<Ods, u64>,
    suspended: BTreeSet<(FederationId, AgreementId)>,
}

impl Rounds {
    /// What is known of a population.
    ///
    /// # Errors
    /// [`CanonicalError`].
    pub fn of(&self, population: &Population) -> Result<Option<&PopulationState>, CanonicalError> {
        Ok(self.by_lock.get(&population.lock()?))
    }

    /// The round of this document.
    #[must_use]
    pub fn round(&self, hash: Digest) -> Option<(&PopulationState, SnapshotVersion, &RoundState)> {
        self.by_lock.values().find_map(|state| {
            let (version, round) = state.versions.iter().find(|(_, r)| r.round == hash)?;
            Some((state, *version, round))
        })
    }

    /// The round of this closing.
    #[must_use]
    pub fn closing(
        &self,
        hash: Digest,
    ) -> Option<(&PopulationState, SnapshotVersion, &RoundState)> {
        self.by_lock.values().find_map(|state| {
            let of = |r: &RoundState| r.closed.as_ref().is_some_and(|c| c.closing == hash);
            let (version, round) = state.versions.iter().find(|(_, r)| of(r))?;
            Some((state, *version, round))
        })
    }

    /// The place of the newest entry of another server's audit log that this one holds. Entries are taken in their
    /// order, and each once.
    #[must_use]
    pub fn told(&self, by: &Ods) -> Option<u64> {
        self.told.get(by).copied()
    }

    /// Whether the partner's own people have suspended an agreement.
    #[must_use]
    pub fn is_suspended(&self, federation: &FederationId, agreement: &AgreementId) -> bool {
        self.suspended.iter().any(|(f, a)| (f, a) == (federation, agreement))
    }

    /// All of them.
    pub fn populations(&self) -> impl Iterator<Item = &PopulationState> {
        self.by_lock.values()
    }

    /// Whether a step may be taken, and whether it is new.
    ///
    /// # Errors
    /// [`StepError`].
    pub fn may(&self, step: &PoolStep) -> Result<Taken, StepError> {
        match step {
            PoolStep::Bound { of, members, .. } => self.may_bind(of, members),
            PoolStep::Contributed { of, snapshot, contents, .. } => {
                let (state, round) = self.bound(of)?;
                match &round.contributed {
                    Some(before) if *before == (snapshot.clone(), *contents) => Ok(Taken::Before),
                    Some(_) => Err(StepError::Contributed),
                    None if round.closed.is_some() => Err(StepError::Closed),
                    None if state.withdrawn => Err(StepError::KeptBack),
                    None => Ok(Taken::New),
                }
            }
            PoolStep::Closed { of, closing, members, missing } => {
                let (state, round) = self.bound(of)?;
                let now = ClosedRound {
                    closing: *closing,
                    members: members.clone(),
                    missing: missing.clone(),
                };
                match &round.closed {
                    Some(before) if *before == now => Ok(Taken::Before),
                    Some(_) => Err(StepError::Closed),
                    // The members of every version's sum are those of the first.
                    None if state.first_closing().is_some_and(|f| f.members != *members) => {
                        Err(StepError::Closed)
                    }
                    None => Ok(Taken::New),
                }
            }
            PoolStep::Opened { of, closing, .. } => {
                let (state, round) = self.bound(of)?;
                closed_as(round, *closing)?;
                if state.stopped.is_some() {
                    return Err(StepError::Stopped);
                }
                if round.pending { Err(StepError::Pending) } else { Ok(Taken::New) }
            }
            PoolStep::Returned { of, closing, .. } => {
                let (_, round) = self.bound(of)?;
                closed_as(round, *closing)?;
                if round.pending { Ok(Taken::New) } else { Err(StepError::Nothing) }
            }
            PoolStep::Withdrawn { population, withdrawn, .. } => {
                let now = self.of(population)?.is_some_and(|state| state.withdrawn);
                Ok(if now == *withdrawn { Taken::Before } else { Taken::New })
            }
            PoolStep::Suspended { federation, agreement, suspended } => {
                let now = self.is_suspended(federation, agreement);
                Ok(if now == *suspended { Taken::Before } else { Taken::New })
            }
            PoolStep::Resumed { population } => {
                match self.of(population)?.and_then(|state| state.stopped) {
                    None => Ok(Taken::Before),
                    Some(Stop::Suspended) => Ok(Taken::New),
                    Some(Stop::Unseen | Stop::Failed) => Err(StepError::Stopped),
                }
            }
            PoolStep::Stopped { population, .. } => {
                let now = self.of(population)?.and_then(|state| state.stopped);
                Ok(if now.is_some() { Taken::Before } else { Taken::New })
            }
            PoolStep::Told { by, index, .. } => {
                let before = self.told(by).is_some_and(|newest| *index <= newest);
                Ok(if before { Taken::Before } else { Taken::New })
            }
        }
    }

    /// Takes a step.
    ///
    /// # Errors
    /// As of [`Self::may`]; nothing has changed then.
    pub fn take(&mut self, step: &PoolStep) -> Result<Taken, StepError> {
        let taken = self.may(step)?;
        if taken == Taken::Before {
            return Ok(taken);
        }
        match step {
            PoolStep::Bound { of, members, membership } => {
                let round = RoundState {
                    membership: *membership,
                    round: of.round,
                    agreement: of.agreement.clone(),
                    members: members.clone(),
                    contributed: None,
                    closed: None,
                    openings: 0,
                    pending: false,
                };
                self.state(&of.population)?.versions.insert(of.version, round);
            }
            PoolStep::Contributed { of, snapshot, contents, .. } => {
                self.change(of, |r| r.contributed = Some((snapshot.clone(), *contents)))?;
            }
            PoolStep::Closed { of, closing, members, missing } => self.change(of, |r| {
                r.closed = Some(ClosedRound {
                    closing: *closing,
                    members: members.clone(),
                    missing: missing.clone(),
                });
            })?,
            PoolStep::Opened { of, .. } => self.change(of, |r| {
                r.openings = r.openings.saturating_add(1);
                r.pending = true;
            })?,
            PoolStep::Returned { of, passed, .. } => {
                self.change(of, |r| r.pending = false)?;
                if !passed {
                    self.state(&of.population)?.stopped = Some(Stop::Failed);
                }
            }
            PoolStep::Withdrawn { population, withdrawn, .. } => {
                self.state(population)?.withdrawn = *withdrawn;
            }
            PoolStep::Suspended { federation, agreement, suspended } => {
                let of = (federation.clone(), agreement.clone());
                if *suspended {
                    self.suspended.insert(of);
                } else {
                    self.suspended.remove(&of);
                }
            }
            PoolStep::Stopped { population, reason } => {
                self.state(population)?.stopped = Some(*reason);
            }
            PoolStep::Resumed { population } => self.state(population)?.stopped = None,
            PoolStep::Told { by, index, .. } => {
                self.told.insert(by.clone(), *index);
            }
        }
        Ok(taken)
    }

    fn may_bind(&self, of: &RoundRef, members: &[Ods]) -> Result<Taken, StepError> {
        let Some(state) = self.of(&of.population)? else { return Ok(Taken::New) };
        if state.withdrawn {
            return Err(StepError::KeptBack);
        }
        match state.versions.get(&of.version) {
            Some(round) if round.round == of.round => return Ok(Taken::Before),
            Some(_) => return Err(StepError::Bound),
            None => {}
        }
        match state.members() {
            Some(bound) if bound != members => Err(StepError::Bound),
            _ => Ok(Taken::New),
        }
    }

    fn bound(&self, of: &RoundRef) -> Result<(&PopulationState, &RoundState), StepError> {
        let state = self.of(&of.population)?.ok_or(StepError::Unbound)?;
        let round = state.versions.get(&of.version).filter(|r| r.round == of.round);
        Ok((state, round.ok_or(StepError::Unbound)?))
    }

    fn state(&mut self, population: &Population) -> Result<&mut PopulationState, CanonicalError> {
        let fresh = || PopulationState {
            population: population.clone(),
            versions: BTreeMap::new(),
            withdrawn: false,
            stopped: None,
        };
        Ok(self.by_lock.entry(population.lock()?).or_insert_with(fresh))
    }

    fn change(
        &mut self,
        of: &RoundRef,
        change: impl FnOnce(&mut RoundState),
    ) -> Result<(), StepError> {
        let state = self.state(&of.population)?;
        change(state.versions.get_mut(&of.version).ok_or(StepError::Unbound)?);
        Ok(())
    }
}

fn closed_as(round: &RoundState, closing: Digest) -> Result<(), StepError> {
    match &round.closed {
        None => Err(StepError::Open),
        Some(closed) if closed.closing == closing => Ok(()),
        Some(_) => Err(StepError::Closed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CategoryId, DatasetId, FederationId};

    fn ods(list: &[&str]) -> Vec<Ods> {
        list.iter().map(|code| Ods::new(*code).expect("a code")).collect()
    }

    fn of(round: &str, version: SnapshotVersion) -> RoundRef {
        RoundRef {
            population: Population {
                federation: FederationId::new("icb.example").expect("an id"),
                dataset: DatasetId::new("rtt_open_pathway").expect("an id"),
                residence_scope: vec![CategoryId::new("QZ1").expect("an id")],
                period: "2026-10".parse().expect("a period"),
            },
            version,
            agreement: AgreementId::new("dsa").expect("an id"),
            round: Digest::of(round.as_bytes()),
        }
    }

    const FIRST: SnapshotVersion = SnapshotVersion::Provisional;
    const LATER: SnapshotVersion = SnapshotVersion::Final;
    const FOUR: [&str; 4] = ["AA1", "AA2", "AA3", "AA4"];

    fn bound(round: &str, version: SnapshotVersion, members: &[&str]) -> PoolStep {
        let membership = Digest::of(b"list");
        PoolStep::Bound { of: of(round, version), members: ods(members), membership }
    }

    fn closed(round: &str, version: SnapshotVersion, members: &[&str]) -> PoolStep {
        let missing = FOUR.iter().copied().filter(|one| !members.contains(one)).collect::<Vec<_>>();
        let closing = Digest::of(format!("closing of {round} with {members:?}").as_bytes());
        PoolStep::Closed {
            of: of(round, version),
            closing,
            members: ods(members),
            missing: ods(&missing),
        }
    }

    fn closing(step: &PoolStep) -> Digest {
        let PoolStep::Closed { closing, .. } = step else { panic!("a closing") };
        *closing
    }

    fn opened(round: &str, closing: Digest) -> PoolStep {
        PoolStep::Opened { of: of(round, FIRST), closing, tables: Vec::new(), query: None }
    }

    fn returned(round: &str, closing: Digest, passed: bool) -> PoolStep {
        PoolStep::Returned { of: of(round, FIRST), closing, releases: Vec::new(), passed }
    }

    fn after(steps: &[PoolStep]) -> Rounds {
        let mut rounds = Rounds::default();
        for step in steps {
            rounds.take(step).expect("a step that may be taken");
        }
        rounds
    }

    /// Two sums over the same records that differ by a member would give that member away.
    #[test]
    fn records_are_bound_to_one_set_of_members_for_good() {
        let mut rounds = after(&[bound("a", FIRST, &FOUR)]);
        let (.., state) = rounds.round(Digest::of(b"a")).expect("it is bound");
        assert_eq!(state.membership, Digest::of(b"list"));
        assert_eq!(rounds.may(&bound("a", FIRST, &FOUR)).expect("the same"), Taken::Before);
        for other in [
            bound("b", FIRST, &FOUR),
            bound("b", FIRST, &FOUR[..3]),
            bound("b", LATER, &FOUR[..3]),
            bound("b", LATER, &["AA1", "AA2", "AA3", "AA5"]),
        ] {
            assert!(matches!(rounds.may(&other), Err(StepError::Bound)), "{other:?}");
        }
        assert_eq!(rounds.take(&bound("b", LATER, &FOUR)).expect("a later version"), Taken::New);
    }

    #[test]
    fn a_round_is_closed_once_and_every_version_with_the_members_of_the_first() {
        let begun = [bound("a", FIRST, &FOUR), bound("b", LATER, &FOUR)];
        let first = closed("a", FIRST, &FOUR[..3]);
        let mut rounds = after(&begun);
        assert!(matches!(rounds.may(&closed("x", FIRST, &FOUR)), Err(StepError::Unbound)));
        assert_eq!(rounds.take(&first).expect("closes"), Taken::New);
        assert_eq!(rounds.take(&first).expect("again"), Taken::Before);
        for other in [closed("a", FIRST, &FOUR), closed("b", LATER, &FOUR)] {
            assert!(matches!(rounds.may(&other), Err(StepError::Closed)), "{other:?}");
        }
        assert!(rounds.take(&closed("b", LATER, &FOUR[..3])).is_ok());
    }

    #[test]
    fn nothing_more_is_opened_before_the_last_has_come_back_and_nothing_at_all_once_it_failed() {
        let close = closed("a", FIRST, &FOUR);
        let of = closing(&close);
        let begun = [bound("a", FIRST, &FOUR)];
        assert!(matches!(after(&begun).may(&opened("a", of)), Err(StepError::Open)));
        let mut rounds = after(&[begun[0].clone(), close]);
        assert!(matches!(rounds.may(&opened("a", Digest::of(b"x"))), Err(StepError::Closed)));
        assert!(matches!(rounds.may(&returned("a", of, true)), Err(StepError::Nothing)));
        rounds.take(&opened("a", of)).expect("opens");
        assert!(matches!(rounds.may(&opened("a", of)), Err(StepError::Pending)));
        rounds.take(&returned("a", of, true)).expect("comes back");
        rounds.take(&opened("a", of)).expect("opens again");
        rounds.take(&returned("a", of, false)).expect("comes back");
        assert!(matches!(rounds.may(&opened("a", of)), Err(StepError::Stopped)));
    }

    #[test]
    fn what_was_stopped_for_a_partner_is_resumed_and_nothing_that_was_stopped_otherwise() {
        let close = closed("a", FIRST, &FOUR);
        let closing = closing(&close);
        let population = of("a", FIRST).population;
        let resumed = PoolStep::Resumed { population: population.clone() };
        let mut rounds = after(&[bound("a", FIRST, &FOUR), close]);
        assert_eq!(rounds.may(&resumed).expect("nothing to do"), Taken::Before);
        let stopped = |reason| PoolStep::Stopped { population: population.clone(), reason };
        rounds.take(&stopped(Stop::Suspended)).expect("stops");
        assert!(matches!(rounds.may(&opened("a", closing)), Err(StepError::Stopped)));
        assert_eq!(rounds.take(&resumed).expect("resumes"), Taken::New);
        assert_eq!(rounds.may(&opened("a", closing)).expect("opens"), Taken::New);
        for reason in [Stop::Unseen, Stop::Failed] {
            let mut rounds = rounds.clone();
            rounds.take(&stopped(reason)).expect("stops");
            assert!(matches!(rounds.may(&resumed), Err(StepError::Stopped)), "{reason:?}");
        }
    }

    #[test]
    fn an_agreement_is_suspended_until_it_is_resumed_and_no_other_of_its_name() {
        let RoundRef { population: Population { federation, .. }, agreement, .. } = of("a", FIRST);
        let step = |suspended| PoolStep::Suspended {
            federation: federation.clone(),
            agreement: agreement.clone(),
            suspended,
        };
        let mut rounds = Rounds::default();
        assert_eq!(rounds.take(&step(false)).expect("nothing to do"), Taken::Before);
        assert_eq!(rounds.take(&step(true)).expect("suspends"), Taken::New);
        assert_eq!(rounds.take(&step(true)).expect("again"), Taken::Before);
        assert!(rounds.is_suspended(&federation, &agreement));
        let other = FederationId::new("other.example").expect("an id");
        assert!(!rounds.is_suspended(&other, &agreement));
        assert_eq!(rounds.take(&step(false)).expect("resumes"), Taken::New);
        assert!(!rounds.is_suspended(&federation, &agreement));
    }

    #[test]
    fn a_partner_contributes_once_and_not_what_it_keeps_back() {
        let snapshot = |id: &[u8]| SnapshotRef {
            id: Digest::of(id),
            as_of: "2026-10-31".parse().expect("a date"),
            version: FIRST,
            imd_edition: None,
        };
        let contributed = |contents: &[u8]| PoolStep::Contributed {
            of: of("a", FIRST),
            snapshot: snapshot(b"extract"),
            to: ods(&["QZ1"]),
            tables: 1,
            contents: Digest::of(contents),
        };
        let kept_back = |withdrawn| PoolStep::Withdrawn {
            agreement: AgreementId::new("dsa").expect("an id"),
            population: of("a", FIRST).population,
            withdrawn,
        };
        let mut rounds = after(&[bound("a", FIRST, &FOUR)]);
        rounds.take(&kept_back(true)).expect("kept back");
        assert!(matches!(rounds.may(&contributed(b"1")), Err(StepError::KeptBack)));
        assert!(matches!(
            after(&[kept_back(true)]).may(&bound("a", FIRST, &FOUR)),
            Err(StepError::KeptBack)
        ));
        rounds.take(&kept_back(false)).expect("let go");
        rounds.take(&contributed(b"1")).expect("contributes");
        assert_eq!(rounds.may(&contributed(b"1")).expect("again"), Taken::Before);
        assert!(matches!(rounds.may(&contributed(b"2")), Err(StepError::Contributed)));
    }
}
