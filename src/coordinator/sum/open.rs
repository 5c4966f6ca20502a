//! Opening: totals are put together in memory, put under disclosure control at once, tested beside everything that is
//! live, and frozen or withheld. What was made of them goes back to the second server, which tests it again.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use evensum_core::authz::{Permit, Publication, Standing};
use evensum_core::catalogue::CatalogueError;
use evensum_core::disclosure::attack::Limits;
use evensum_core::disclosure::{
    ChainError, DistinctPeople, Pooled, Protected, ReleaseDocument, System, Universe,
    protect_pooled,
};
use evensum_core::ledger::{Event, OpenedTable, PoolStep};
use evensum_core::model::{Digest, QueryId, Question, RawCell, SnapshotRef, Table, canonical};
use evensum_core::plan::{self, Plan};
use evensum_core::pool::{
    ClosedRound, Opening, Pick, Returned, Role, RoundDocument, ShareOf, Totals, open,
};
use evensum_core::port::PoolFault;
use evensum_core::sign::Envelope;
use tracing::info;
use zeroize::Zeroizing;

use super::round::{self, Loaded, sums_of};
use super::{SumError, Sums, blocking, people, shelf};
use crate::store::Decided;

/// A table that is opened, and what it is frozen under.
struct Wanted {
    key: Digest,
    plan: Arc<Plan<Publication>>,
    table: usize,
    pick: Pick,
}

impl Sums {
    /// Decides the tables of the agreement's packs, once, and whatever was opened before a restart.
    pub(super) async fn decide(
        &self,
        loaded: &Arc<Loaded>,
        closed: &ClosedRound,
    ) -> Result<(), SumError> {
        let hash = loaded.round.hash();
        let _turn = self.turn.lock().await;
        if let Some(opening) = self.shelf.kept::<Opening>(hash, round::OPENING)? {
            return self.finish(loaded, closed, opening).await;
        }
        if self.has(hash, shelf::RETURNED) {
            return Ok(());
        }
        let mut questions: Vec<Question> = self.of_packs(loaded).into_iter().flatten().collect();
        questions.extend(people::questions(loaded, questions.len()));
        self.begin_opening(loaded, closed, questions, None).await
    }

    /// Decides tables that an analyst asks for beside those of the packs. Those that are decided, and those that no
    /// contributed table contains, are passed over.
    pub(super) async fn decide_also(
        &self,
        loaded: &Arc<Loaded>,
        closed: &ClosedRound,
        questions: &[Question],
        query: QueryId,
    ) -> Result<(), SumError> {
        let _turn = self.turn.lock().await;
        let hash = loaded.round.hash();
        // What was cut off comes first: an analyst hears why it cannot be ended, and not that something waits.
        if let Some(opening) = self.shelf.kept::<Opening>(hash, round::OPENING)? {
            self.finish(loaded, closed, opening).await?;
        }
        if !self.has(hash, shelf::RETURNED) {
            return Err(SumError::Helper(PoolFault::Refused(
                evensum_core::model::RefusalCode::OpeningPending,
            )));
        }
        let snapshot = Self::snapshot(loaded, closed)?;
        let mut open = Vec::new();
        for question in questions {
            let Some(wanted) = self.wanted(loaded, question, &snapshot)? else { continue };
            if self.store.decided(&[wanted.key]).await? == [None] {
                open.push(question.clone());
            }
        }
        if open.is_empty() {
            return Ok(());
        }
        self.begin_opening(loaded, closed, open, Some(query)).await
    }

    async fn begin_opening(
        &self,
        loaded: &Arc<Loaded>,
        closed: &ClosedRound,
        questions: Vec<Question>,
        query: Option<QueryId>,
    ) -> Result<(), SumError> {
        let opening = Opening { closing: closed.closing, questions, query };
        let envelope = opening.sign(self.own.ods(), &self.answer_key)?;
        self.shelf.keep(loaded.round.hash(), round::OPENING, self.own.ods(), &envelope)?;
        self.finish(loaded, closed, envelope).await
    }

    /// Takes an opening to its end, from wherever it was cut off.
    async fn finish(
        &self,
        loaded: &Arc<Loaded>,
        closed: &ClosedRound,
        envelope: Envelope,
    ) -> Result<(), SumError> {
        let hash = loaded.round.hash();
        let opening: Opening = canonical::decode(&envelope.payload)?;
        let pending = self.store.rounds().round(hash).is_some_and(|(_, _, round)| round.pending);
        if !pending {
            self.step(PoolStep::Opened {
                of: loaded.round.reference(),
                closing: closed.closing,
                tables: opening.questions.iter().map(OpenedTable::of).collect(),
                query: opening.query,
            })
            .await?;
        }
        let (tables, people) = self.opened(loaded, closed, &envelope, &opening).await?;
        let released = self.freeze(loaded, closed, tables, &people).await?;
        self.give_back(loaded, closed, &envelope, released).await?;
        if !self.has(hash, shelf::RETURNED) {
            self.mark(hash, shelf::RETURNED)?;
            self.drop_marks(loaded)?;
        }
        Ok(self.shelf.vault().forget(hash, round::OPENING)?)
    }

    /// The tables of the agreement's packs, each with its rungs.
    fn of_packs(&self, loaded: &Loaded) -> Vec<Vec<Question>> {
        let population = &loaded.round.document().population;
        let agreements = std::slice::from_ref(&loaded.of.agreement);
        let profile = loaded.of.agreement.profile;
        let of = (&population.dataset, population.period);
        let all = plan::publication(agreements, of, profile, &self.catalogue, self.clock.now());
        let mut known = HashSet::new();
        let contained = |plan: &Plan<Publication>| {
            loaded.tables.find(plan.layout(), &loaded.round.document().tables).is_some()
        };
        let table = |rungs: Vec<Plan<Publication>>| {
            let rungs = rungs.into_iter().filter(contained);
            let questions = rungs.map(|plan| plan.layout().question().clone());
            questions
                .filter(|q| known.insert((q.indicator.clone(), q.by.clone())))
                .collect::<Vec<_>>()
        };
        all.into_iter().map(table).filter(|rungs| !rungs.is_empty()).collect()
    }

    fn snapshot(loaded: &Loaded, closed: &ClosedRound) -> Result<SnapshotRef, SumError> {
        loaded.round.snapshot(closed.closing).ok_or(SumError::Lost("its members"))
    }

    /// Of which contributed table a question's is part, and what it is frozen under; nothing where it is of none.
    fn wanted(
        &self,
        loaded: &Loaded,
        question: &Question,
        snapshot: &SnapshotRef,
    ) -> Result<Option<Wanted>, SumError> {
        let agreement = &loaded.of.agreement;
        let now = self.clock.now();
        let standing = Standing { agreement, catalogue: &self.catalogue, now };
        let permit = agreement.packs.iter().find_map(|pack| {
            Permit::publication(standing, pack, question.clone(), agreement.profile).ok()
        });
        let Some(plan) = permit.and_then(|p| Plan::compile(&p, &self.catalogue).ok()) else {
            return Ok(None);
        };
        let ids = &loaded.round.document().tables;
        let Some((table, pick)) = loaded.tables.find(plan.layout(), ids) else { return Ok(None) };
        let place = ids.iter().position(|id| *id == table.id());
        let table = place.ok_or(SumError::Lost("the meaning of its tables"))?;
        let key = plan.frozen_key(self.own.ods(), snapshot).map_err(ChainError::from)?;
        Ok(Some(Wanted { key, plan: Arc::new(plan), table, pick }))
    }

    /// What a question's table is frozen under in a closed round; nothing where no contributed table contains it.
    pub(super) fn key_of(
        &self,
        loaded: &Loaded,
        closed: &ClosedRound,
        question: &Question,
    ) -> Result<Option<Digest>, SumError> {
        let snapshot = Self::snapshot(loaded, closed)?;
        Ok(self.wanted(loaded, question, &snapshot)?.map(|wanted| wanted.key))
    }

    /// The tables of an opening that are not decided yet, counted, in the order of its questions.
    async fn opened(
        &self,
        loaded: &Arc<Loaded>,
        closed: &ClosedRound,
        envelope: &Envelope,
        opening: &Opening,
    ) -> Result<(Vec<(Wanted, Table<RawCell>)>, Vec<DistinctPeople>), SumError> {
        // Without a second server nothing comes from anywhere else.
        let mut theirs: Vec<Option<Vec<Vec<u8>>>> = vec![None; opening.questions.len()];
        if let Some(helper) = self.helper(loaded)? {
            let opened = helper.open(&self.own, envelope).await.map_err(SumError::Helper)?;
            theirs = opened.parts.into_iter().map(Some).collect();
        }
        if theirs.len() != opening.questions.len() {
            return Err(SumError::Helper(PoolFault::Unreadable));
        }
        let snapshot = Self::snapshot(loaded, closed)?;
        let (mut tables, mut people) = (Vec::new(), Vec::new());
        for (question, parts) in opening.questions.iter().zip(theirs) {
            let known = &loaded.round.document().tables;
            if let Some(estimate) = loaded.tables.estimate_of(question, known) {
                let parts = parts.ok_or(SumError::Lost("the second server"))?;
                people.push(self.estimated(loaded, estimate, parts).await?);
                continue;
            }
            let wanted = self.wanted(loaded, question, &snapshot)?;
            let wanted = wanted.ok_or(SumError::Lost("the meaning of its tables"))?;
            if self.store.decided(&[wanted.key]).await? != [None] {
                continue;
            }
            let table = self.put_together(loaded, &wanted, parts).await?;
            tables.push((wanted, table));
        }
        Ok((tables, self.keep_people(loaded, people)?))
    }

    async fn put_together(
        &self,
        loaded: &Arc<Loaded>,
        wanted: &Wanted,
        theirs: Option<Vec<Vec<u8>>>,
    ) -> Result<Table<RawCell>, SumError> {
        const LOST: SumError = SumError::Lost("the meaning of its tables");
        let id = *loaded.round.document().tables.get(wanted.table).ok_or(LOST)?;
        let shape = loaded.tables.table(id).ok_or(LOST)?.shape().clone();
        let (pick, lattice) = (wanted.pick.clone(), Arc::clone(wanted.plan.layout().lattice()));
        let Some(theirs) = theirs else {
            let totals = self.unmasked(loaded, wanted.table).await?;
            if totals.len() != pick.vectors().len() {
                return Err(SumError::Lost("a contribution"));
            }
            let each = totals.iter().zip(pick.vectors());
            let some = each.map(|(all, places)| match places.is_empty() {
                true => Ok(None),
                false => all.at(places).map(Some),
            });
            let totals = some.collect::<Result<Vec<_>, _>>()?;
            return Ok(pick.table(&shape, lattice, &totals)?);
        };
        let (vault, hash, place) = (self.shelf.vault().clone(), loaded.round.hash(), wanted.table);
        blocking(move || {
            let own = sums_of(&vault, Role::Leader, hash, place)?;
            let vectors = pick.vectors();
            if own.len() != vectors.len() || theirs.len() != vectors.len() {
                return Err(SumError::Helper(PoolFault::Unreadable));
            }
            let mut totals: Vec<Option<Totals>> = Vec::with_capacity(vectors.len());
            for ((own, theirs), places) in own.into_iter().zip(theirs).zip(vectors) {
                if places.is_empty() {
                    totals.push(None);
                    continue;
                }
                let theirs = Zeroizing::new(theirs);
                let theirs = ShareOf::from_bytes(Role::Helper, &theirs)?;
                totals.push(Some(open(&own.select(places)?, &theirs)?));
            }
            Ok(pick.table(&shape, lattice, &totals)?)
        })
        .await
    }

    /// Puts opened tables under disclosure control and decides them, in the order of the agreement's packs where they
    /// are of them. Gives the hashes and bytes of everything that is released of the closing.
    async fn freeze(
        &self,
        loaded: &Loaded,
        closed: &ClosedRound,
        tables: Vec<(Wanted, Table<RawCell>)>,
        people: &[DistinctPeople],
    ) -> Result<Vec<(Digest, Vec<u8>)>, SumError> {
        let snapshot = Self::snapshot(loaded, closed)?;
        let kind = loaded.of.roster.kind();
        let (members, missing) = (closed.members.clone(), closed.missing.clone());
        let pool = Pooled::new(members, missing, closed.closing, kind)
            .map_err(|_| SumError::Lost("its members"))?;
        let mut protected: Vec<(Question, Protected)> = Vec::with_capacity(tables.len());
        for (wanted, raw) in tables {
            let question = wanted.plan.layout().question().clone();
            let table = protect_pooled(&wanted.plan, raw, &snapshot, self.own.ods(), pool.clone())?;
            protected.push((question, table.with_people(people)?));
        }
        let mut open = grouped(&self.of_packs(loaded), protected);
        let population = &loaded.round.document().population;
        let dataset = self.catalogue.dataset(&population.dataset).map_err(CatalogueError::from)?;
        let universe = Universe::of(dataset, population.period);
        // No partner's table is shown between two of them.
        let _turn = self.turns.take(&universe).await;
        while !open.is_empty() {
            let stored = self.store.live(&universe).await?;
            let catalogue = Arc::clone(&self.catalogue);
            let (rest, decision) = blocking(move || {
                let decision =
                    System::new(&catalogue, stored)?.advance(&mut open, &Limits::RELEASE)?;
                Ok((open, decision))
            })
            .await?;
            open = rest;
            // Where something else became live meanwhile, what is not decided is opened again at the next look.
            self.store.decide(&universe, &decision).await?;
        }
        self.prepared(loaded, &snapshot, &universe, closed.closing).await
    }

    /// Writes down that the tables of packs are decided, once, and gives what is released of the closing.
    async fn prepared(
        &self,
        loaded: &Loaded,
        snapshot: &SnapshotRef,
        universe: &Universe,
        closing: Digest,
    ) -> Result<Vec<(Digest, Vec<u8>)>, SumError> {
        let population = &loaded.round.document().population;
        let mut released = Vec::new();
        for bytes in self.store.live(universe).await? {
            let document: ReleaseDocument = canonical::decode(&bytes)?;
            if document.pool.as_ref().is_some_and(|pool| pool.closing() == closing) {
                released.push((Digest::of(&bytes), bytes));
            }
        }
        let known = self.store.prepared().await?;
        if !known.contains(&(snapshot.id, snapshot.version)) {
            let mut keys = Vec::new();
            for question in self.of_packs(loaded).iter().flatten() {
                keys.extend(self.wanted(loaded, question, snapshot)?.map(|wanted| wanted.key));
            }
            let decided = self.store.decided(&keys).await?;
            let count = |wanted| {
                let found = decided.iter().filter(|one| **one == Some(wanted)).count();
                u32::try_from(found).unwrap_or(u32::MAX)
            };
            let (out, withheld) = (count(Decided::Released), count(Decided::Withheld));
            self.store
                .append(Event::Prepared {
                    dataset: population.dataset.clone(),
                    period: population.period,
                    snapshot: snapshot.clone(),
                    released: out,
                    withheld,
                })
                .await?;
            let (dataset, period) = (&population.dataset, population.period);
            info!(%dataset, %period, released = out, withheld, "the tables of a blind sum are decided");
        }
        Ok(released)
    }

    async fn give_back(
        &self,
        loaded: &Loaded,
        closed: &ClosedRound,
        opening: &Envelope,
        released: Vec<(Digest, Vec<u8>)>,
    ) -> Result<(), SumError> {
        let (releases, bytes): (Vec<Digest>, Vec<Vec<u8>>) = released.into_iter().unzip();
        let returned = Returned {
            closing: closed.closing,
            opening: opening.payload_hash(),
            releases: releases.clone(),
        };
        let envelope = returned.sign(self.own.ods(), &self.answer_key)?;
        if let Some(helper) = self.helper(loaded)? {
            helper.returned(&self.own, &envelope, bytes).await.map_err(SumError::Helper)?;
        }
        let step = PoolStep::Returned {
            of: loaded.round.reference(),
            closing: closed.closing,
            releases,
            passed: true,
        };
        self.step(step).await.map(drop)
    }
}

/// Tables in the order of the packs, each with its rungs; those of no pack behind them, each by itself.
fn grouped(
    packs: &[Vec<Question>],
    mut tables: Vec<(Question, Protected)>,
) -> VecDeque<Vec<Protected>> {
    let mut open = VecDeque::new();
    for rungs in packs {
        let mut group = Vec::new();
        for rung in rungs {
            let place = tables.iter().position(|(question, _)| question == rung);
            group.extend(place.map(|place| tables.remove(place).1));
        }
        if !group.is_empty() {
            open.push_back(group);
        }
    }
    open.extend(tables.into_iter().map(|(_, table)| vec![table]));
    open
}
