//! The document that binds the members of a round, against everything that it rests on: the own copies of the agreement
//! and the membership list, and what each member signed.

use super::{
    DepositId, Enclosed, MembershipError, Ready, Round, RoundDocument, VectorSpec, VerifiedRoster,
};
use crate::ledger::RoundRef;
use crate::model::canonical::CanonicalError;
use crate::model::{Agreement, Digest, KeyText, Ods, RefusalCode, SnapshotRef, Timestamp};
use crate::sign::{Envelope, KeyError, VerifyError, VerifyingKey};

/// The longest that contributions are waited for, in seconds.
pub const MAX_WAIT_SECONDS: i64 = 24 * 60 * 60;

/// For so long contributions to a new round are waited for, in seconds: less than the longest, so that a server whose
/// clock is minutes behind takes it.
pub const WAIT_SECONDS: i64 = MAX_WAIT_SECONDS - 15 * 60;

/// Why a round's document is not believed, or binds nobody.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    /// Not what the coordinator signed.
    #[error("the round is not what the coordinator signed")]
    Coordinator(#[source] VerifyError),
    /// Not what a member signed.
    #[error("what {ods} is said to have signed is not its own")]
    Member {
        /// Which.
        ods: Ods,
        /// What is wrong.
        #[source]
        reason: Option<VerifyError>,
    },
    /// A member that is not in the list, or twice.
    #[error("{0} is not in the membership list, or stands twice in the round")]
    Stranger(Ods),
    /// Another agreement, membership list, population or standing.
    #[error(
        "the round is about another agreement, membership list, population or standing of the extracts"
    )]
    Differs,
    /// Two editions of the deprivation index.
    #[error(
        "the members' extracts use different editions of the Index of Multiple Deprivation, which cannot be added"
    )]
    Editions,
    /// Tables that not all can contribute, or none.
    #[error("the round's tables are not those that all of its members can contribute")]
    Tables,
    /// Too few established members.
    #[error(transparent)]
    TooFew(#[from] MembershipError),
    /// A key of the membership list that is none.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Too long, or over.
    #[error(
        "by this server's clock, the round's time for contributions is over or ends later than in a day: where neither is so, set the clock right"
    )]
    Time,
    /// No canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

impl RoundError {
    /// What its sender is told.
    #[must_use]
    pub const fn code(&self) -> RefusalCode {
        match self {
            Self::TooFew(_) => RefusalCode::TooFewMembers,
            Self::Editions => RefusalCode::MixedEditions,
            Self::Time => RefusalCode::RoundTime,
            Self::Coordinator(_)
            | Self::Member { .. }
            | Self::Stranger(_)
            | Self::Differs
            | Self::Tables
            | Self::Key(_)
            | Self::Canonical(_) => RefusalCode::RoundDiffers,
        }
    }
}

/// What a round is held against, by whoever is to be bound by it.
#[derive(Clone, Copy)]
pub struct RoundRules<'a> {
    /// The own copy of the agreement.
    pub agreement: &'a Agreement,
    /// The own membership list.
    pub roster: &'a VerifiedRoster,
    /// The tables of the agreement's packs that are contributed, by their ids, in their order.
    pub tables: &'a [Digest],
}

impl std::fmt::Debug for RoundRules<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoundRules").field("agreement", &self.agreement.id).finish_non_exhaustive()
    }
}

/// A round that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundRound {
    document: Round,
    hash: Digest,
    lock: Digest,
    members: Vec<(Ods, SnapshotRef)>,
}

impl BoundRound {
    /// Verifies a round's document.
    ///
    /// # Errors
    /// [`RoundError`].
    pub fn verify(envelope: &Envelope, rules: &RoundRules<'_>) -> Result<Self, RoundError> {
        let coordinator = VerifyingKey::parse(&rules.roster.roster().coordinator().answer_key)?;
        let signed = Round::verified(envelope, &coordinator).map_err(RoundError::Coordinator)?;
        let round = signed.document();
        let RoundRules { agreement, .. } = rules;
        let population = crate::model::Population::of(
            agreement,
            &round.population.dataset,
            round.population.period,
        );
        let same = round.population == population
            && round.agreement == agreement.id
            && agreement.hash().ok() == Some(round.agreement_hash)
            && round.membership == rules.roster.hash();
        if !same {
            return Err(RoundError::Differs);
        }
        let ready: Vec<Ready> =
            round.ready.iter().map(|one| member(one, rules)).collect::<Result<_, _>>()?;
        if let Some(pair) = ready.windows(2).find(|pair| pair[0].ods >= pair[1].ods) {
            return Err(RoundError::Stranger(pair[1].ods.clone()));
        }
        let agrees = |one: &Ready| {
            one.population == population
                && one.agreement == round.agreement
                && one.agreement_hash == round.agreement_hash
                && one.membership == round.membership
                && one.snapshot.version == round.version
        };
        if !ready.iter().all(agrees) {
            return Err(RoundError::Differs);
        }
        let edition = |one: &Ready| one.snapshot.imd_edition;
        if ready.windows(2).any(|pair| edition(&pair[0]) != edition(&pair[1])) {
            return Err(RoundError::Editions);
        }
        let all_can = |id: &&Digest| ready.iter().all(|one| one.tables.contains(id));
        let tables: Vec<Digest> = rules.tables.iter().filter(all_can).copied().collect();
        if tables.is_empty() || tables != round.tables {
            return Err(RoundError::Tables);
        }
        let members: Vec<Ods> = ready.iter().map(|one| one.ods.clone()).collect();
        rules.roster.enough(&members, population.period)?;
        let members = ready.into_iter().map(|one| (one.ods, one.snapshot)).collect();
        let lock = population.lock()?;
        Ok(Self { document: round.clone(), hash: signed.hash(), lock, members })
    }

    /// A round that was held against its rules when it was bound, read again: it is believed by its hash, which the own
    /// audit log has. So it outlives the agreement and the list that it was bound under.
    ///
    /// # Errors
    /// [`RoundError::Differs`], where these bytes are others; [`RoundError::Canonical`].
    pub fn again(payload: &[u8], hash: Digest) -> Result<Self, RoundError> {
        if Digest::of(payload) != hash {
            return Err(RoundError::Differs);
        }
        let document = Round::read(payload)?;
        let member = |enclosed: &Enclosed| {
            let envelope = enclosed.envelope::<Ready>().ok_or(RoundError::Differs)?;
            let ready = Ready::read(&envelope.payload)?;
            Ok((ready.ods, ready.snapshot))
        };
        let members = document.ready.iter().map(member).collect::<Result<_, RoundError>>()?;
        let lock = document.population.lock()?;
        Ok(Self { document, hash, lock, members })
    }

    /// That contributions may still be made: not too late, and nobody is kept waiting longer than a day.
    ///
    /// # Errors
    /// [`RoundError::Time`].
    pub fn in_time(&self, now: Timestamp) -> Result<(), RoundError> {
        let left = self.document.closes.as_unix().saturating_sub(now.as_unix());
        if (1..=MAX_WAIT_SECONDS).contains(&left) { Ok(()) } else { Err(RoundError::Time) }
    }

    /// The document.
    #[must_use]
    pub const fn document(&self) -> &Round {
        &self.document
    }

    /// Its hash, which is the round's name.
    #[must_use]
    pub const fn hash(&self) -> Digest {
        self.hash
    }

    /// The members, in order of their codes.
    #[must_use]
    pub fn members(&self) -> Vec<Ods> {
        self.members.iter().map(|(ods, _)| ods.clone()).collect()
    }

    /// A member's extract.
    #[must_use]
    pub fn extract(&self, ods: &Ods) -> Option<&SnapshotRef> {
        self.members.iter().find(|(member, _)| member == ods).map(|(_, extract)| extract)
    }

    /// What the sum is said to be of: its standing, the date and the edition of its members' extracts, under the name
    /// of its closing.
    #[must_use]
    pub fn snapshot(&self, closing: Digest) -> Option<SnapshotRef> {
        let (_, first) = self.members.first()?;
        let as_of = self.members.iter().map(|(_, extract)| extract.as_of).min()?;
        Some(SnapshotRef {
            id: closing,
            as_of,
            version: self.document.version,
            imd_edition: first.imd_edition,
        })
    }

    /// How the audit log names it.
    #[must_use]
    pub fn reference(&self) -> RoundRef {
        RoundRef {
            population: self.document.population.clone(),
            version: self.document.version,
            agreement: self.document.agreement.clone(),
            round: self.hash,
        }
    }

    /// What a vector of a table is bound to: nothing that was sent for another round, version or place in it fits.
    #[must_use]
    pub fn deposit(&self, table: Digest, vector: u32) -> DepositId {
        let of = [&self.hash.as_bytes()[..], &table.as_bytes()[..]].concat();
        DepositId::new(&self.lock, self.document.version, &Digest::of(&of), vector)
    }
}

/// A vector of a round: its table's place in the round, its own in the table, what it is bound to, and its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundVector {
    /// The table.
    pub table: u32,
    /// The vector.
    pub vector: u32,
    /// What every member's figures are bound to.
    pub deposit: DepositId,
    /// The shape.
    pub spec: VectorSpec,
}

fn member(enclosed: &Enclosed, rules: &RoundRules<'_>) -> Result<Ready, RoundError> {
    let ods = &enclosed.by;
    let listed = rules.roster.roster().member(ods);
    let key: &KeyText = &listed.ok_or_else(|| RoundError::Stranger(ods.clone()))?.answer_key;
    let key = VerifyingKey::parse(key)?;
    let not_its_own = |reason| RoundError::Member { ods: ods.clone(), reason };
    let envelope = enclosed.envelope::<Ready>().ok_or_else(|| not_its_own(None))?;
    let signed = Ready::verified(&envelope, &key).map_err(|why| not_its_own(Some(why)))?;
    let ready = signed.document().clone();
    if ready.ods == *ods { Ok(ready) } else { Err(not_its_own(None)) }
}
