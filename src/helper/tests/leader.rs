//! The coordinator's side of rounds, and what comes of them when everybody can be seen.

use super::*;

/// The coordinator's side of a round.
pub(super) struct Leader<'s> {
    pub(super) scene: &'s Scene,
    pub(super) envelope: Envelope,
    pub(super) bound: BoundRound,
    pub(super) shares: BTreeMap<Ods, Vec<OutputShare>>,
}

impl<'s> Leader<'s> {
    pub(super) fn new(scene: &'s Scene, envelope: &Envelope) -> Self {
        let bound = scene.world.bound(envelope);
        Self { scene, envelope: envelope.clone(), bound, shares: BTreeMap::new() }
    }

    /// What each vector of the round is bound to and shaped like.
    pub(super) fn vectors(&self) -> Vec<(u32, u32, pool::DepositId, pool::VectorSpec)> {
        let vectors = self.scene.world.tables().vectors_of(&self.bound).expect("vectors");
        vectors.into_iter().map(|v| (v.table, v.vector, v.deposit, v.spec)).collect()
    }

    /// The leader's shares of the check of a member, with what it waits with.
    pub(super) fn begun(&self, code: &str) -> (Vec<pool::Pending>, Vec<Checking>) {
        let node = self.scene.node(code);
        let aggregator = Aggregator::leader(self.scene.key.clone());
        let parts = node.parts(&self.scene.world, &self.envelope);
        let each = self.vectors().into_iter().zip(parts);
        each.map(|((table, vector, deposit, spec), [leader, _])| {
            let context = Context::new(deposit, node.ods.clone());
            let opened =
                self.scene.world.leader.open(&leader.sealed, &context.sealing(pool::Role::Leader));
            let (pending, share) =
                aggregator.begin(&context, spec, &opened.expect("opens")).expect("begins");
            let of = VectorOf { ods: node.ods.clone(), table, vector };
            (pending, Checking { of, share })
        })
        .unzip()
    }

    /// Checks a member; whether it is good.
    pub(super) async fn check(&mut self, up: &Up, code: &str) -> Vec<CheckOutcome> {
        let (pending, items) = self.begun(code);
        let wanted: Vec<VectorOf> = items.iter().map(|item| item.of.clone()).collect();
        let checked = up
            .helper
            .check(&peer(COORDINATOR, Role::Coordinator), self.bound.hash(), items)
            .await
            .expect("is checked");
        assert!(checked.iter().map(|one| &one.of).eq(&wanted));
        let outcomes: Vec<CheckOutcome> = checked.into_iter().map(|one| one.outcome).collect();
        let mut shares = Vec::new();
        for (pending, outcome) in pending.into_iter().zip(&outcomes) {
            if let CheckOutcome::Message(message) = outcome {
                shares.push(pending.finish(message).expect("finishes"));
            }
        }
        if shares.len() == outcomes.len() {
            self.shares.insert(ods(code), shares);
        }
        outcomes
    }

    pub(super) fn closing(&self, members: &[&str]) -> Closing {
        let bound = self.bound.members();
        let members: Vec<Ods> = members.iter().map(|code| ods(code)).collect();
        Closing {
            population: self.scene.world.population(),
            version: self.bound.document().version,
            round: self.bound.hash(),
            missing: bound.into_iter().filter(|m| !members.contains(m)).collect(),
            members,
        }
    }

    /// The leader's sums over members.
    pub(super) fn sums(&mut self, members: &[&str]) -> Vec<SumOfShares> {
        let empty = |(_, _, deposit, spec)| SumOfShares::empty(pool::Role::Leader, deposit, spec);
        let mut sums: Vec<SumOfShares> = self.vectors().into_iter().map(empty).collect();
        for code in members {
            let shares = self.shares.remove(&ods(code)).expect("checked");
            for (sum, share) in sums.iter_mut().zip(shares) {
                sum.add(share).expect("adds");
            }
        }
        sums
    }

    pub(super) fn opening(&self, closing: &Closing, questions: Vec<Question>) -> Opening {
        Opening { closing: closing.hash().expect("a hash"), questions, query: None }
    }

    /// Puts both servers' parts of a question together: the table of totals.
    pub(super) fn totals(
        &self,
        sums: &[SumOfShares],
        question: &Question,
        parts: &[Vec<u8>],
    ) -> Table<RawCell> {
        let world = &self.scene.world;
        let tables = world.tables();
        let layout =
            evensum_core::plan::Layout::new(question, Some(&world.agreement), &world.catalogue);
        let layout = layout.expect("a layout");
        let (of, pick) = tables.find(&layout, &self.bound.document().tables).expect("a table");
        let first = self
            .vectors()
            .iter()
            .position(|(table, ..)| self.bound.document().tables[*table as usize] == of.id());
        let sums = &sums[first.expect("vectors")..][..pick.vectors().len()];
        let each = pick.vectors().iter().zip(sums).zip(parts);
        let opened = each.map(|((places, sum), part)| {
            if places.is_empty() {
                assert!(part.is_empty());
                return None;
            }
            let own = sum.select(places).expect("selects");
            let theirs = ShareOf::from_bytes(pool::Role::Helper, part).expect("a part");
            Some(pool::open(&own, &theirs).expect("opens"))
        });
        let opened: Vec<_> = opened.collect();
        pick.table(of.shape(), Arc::clone(layout.lattice()), &opened).expect("a table")
    }

    /// The release of a contributed table, from its totals.
    pub(super) fn release(
        &self,
        closing: &Closing,
        totals: Table<RawCell>,
        place: usize,
    ) -> Vec<u8> {
        let world = &self.scene.world;
        let tables = world.tables();
        let snapshot = self.bound.snapshot(closing.hash().expect("a hash")).expect("an extract");
        let plan = tables.tables()[place].plan();
        let table = protect(plan, totals, &snapshot, &ods(COORDINATOR)).expect("protects");
        let live = Live::new(&world.catalogue, [] as [Vec<u8>; 0]).expect("nothing");
        match live.test(vec![table], &Limits::RELEASE).expect("tests") {
            Outcome::Passed(drafts) => drafts[0].bytes().to_vec(),
            Outcome::Withheld(_) => panic!("the figures are large"),
        }
    }
}

/// The sum of members' tables.
pub(super) fn plain_sum(members: &[&str], lattice: &Arc<Lattice>) -> Vec<(u64, u64)> {
    let places: Vec<u64> = members.iter().map(|code| place(code)).collect();
    (0..lattice.len())
        .map(|cell| {
            let at = lattice.coordinates(cell);
            let mut leaves: Vec<Vec<usize>> = vec![Vec::new()];
            for (axis, category) in lattice.axes().iter().zip(at) {
                let members = &axis.categories()[category].members;
                let more = |head: &Vec<usize>| {
                    let head = head.clone();
                    members.iter().map(move |m| [&head[..], &[usize::from(*m)]].concat())
                };
                leaves = leaves.iter().flat_map(more).collect();
            }
            let of = |place: &u64| leaves.iter().map(|leaf| rows(*place, leaf)).sum::<u64>();
            let each: Vec<u64> = places.iter().map(of).collect();
            (each.iter().sum(), each.iter().map(|n| n.min(&1)).sum())
        })
        .collect()
}

pub(super) fn same_totals(totals: &Table<RawCell>, members: &[&str]) -> bool {
    let wanted = plain_sum(members, totals.lattice());
    let each = totals.cells().iter().zip(wanted);
    let mut same = each.map(|(cell, (n, top))| cell.same_as(&RawCell::new(n, n, top)));
    same.all(|same| same)
}

/// A round that was announced, fetched, checked and closed over all members.
pub(super) async fn closed<'s>(scene: &'s Scene, up: &Up) -> (Leader<'s>, Closing) {
    let round = scene.round(&MEMBERS);
    up.announce(scene, &round).await.expect("is bound");
    up.fetch().await;
    let mut leader = Leader::new(scene, &round);
    for code in MEMBERS {
        leader.check(up, code).await;
    }
    let closing = leader.closing(&MEMBERS);
    up.close(&scene.signed(&closing)).await.expect("closes");
    (leader, closing)
}

pub(super) async fn problems(scene: &Scene) -> usize {
    let reader = Reader::open(&scene.state()).await.expect("opens");
    let origin = evensum_core::ledger::origin(&ods(SECOND), Role::Helper);
    let verdict = reader.verify(&origin, &scene.ledger.verifying_key()).await.expect("reads");
    verdict.problems.len()
}

pub(super) fn returned_of(closing: &Closing, opening: &Envelope, releases: &[Vec<u8>]) -> Returned {
    Returned {
        closing: closing.hash().expect("a hash"),
        opening: opening.payload_hash(),
        releases: releases.iter().map(|bytes| Digest::of(bytes)).collect(),
    }
}

pub(super) fn refused(code: RefusalCode) -> PoolFault {
    PoolFault::Refused(code)
}
