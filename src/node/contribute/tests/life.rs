//! A contribution from its beginning to its end, and what becomes of it in between.

use std::fs;
use std::path::PathBuf;

use evensum_core::ledger::PoolStep;
use evensum_core::model::{Digest, RefusalCode, SnapshotVersion};
use evensum_core::pool::{
    Aggregator, BoundRound, Context, OutputShare, Role, RoundRules, SumOfShares, VectorSpec,
    VerifyKey, join,
};
use evensum_core::port::{PoolFault, PoolNodePort, SealedPart};
use evensum_core::sign::Envelope;

use super::fixture::{COORDINATOR, MEMBERS, Open, SECOND, Scene, coordinator, ods, second};
use super::ready;

/// Puts a file where the folder of a round's sealed parts would be: none can be written.
fn in_the_way(open: &Open, round: &Envelope) -> PathBuf {
    let vault = open.state.join("sums");
    fs::create_dir_all(&vault).expect("a folder");
    let folder = vault.join(round.payload_hash().to_string());
    fs::write(&folder, b"in the way").expect("written");
    folder
}

#[tokio::test]
async fn a_node_is_bound_before_anything_is_made_and_a_broken_attempt_is_begun_anew() {
    let scene = Scene::new();
    let (open, of) = scene.prepared("M1", 40).await;
    let round = scene.signed(&scene.round_with(&of));
    let folder = in_the_way(&open, &round);
    assert_eq!(open.parts(&coordinator(), &round).await, Err(PoolFault::Internal));
    assert_eq!(open.said().await, ["bound"]);
    open.store.close().await;
    fs::remove_file(&folder).expect("removed");
    // What an earlier attempt left was never sent.
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("to-coordinator-0-0"), b"half").expect("written");
    fs::write(folder.join("to-second-99-0"), b"half").expect("written");
    let open = scene.open("M1").await;
    // The time is over for those who are not bound; this one is.
    scene.clock.set(super::fixture::NOW + 7_200);
    let parts = open.parts(&coordinator(), &round).await.expect("sent");
    assert_eq!(open.said().await, ["bound", "contributed"]);
    assert!(parts.iter().all(|part| part.sealed.as_bytes() != b"half"));
    assert!(!folder.join("to-second-99-0").exists());
}

#[tokio::test]
async fn a_contribution_is_the_same_bytes_however_often_it_is_asked_for() {
    let scene = Scene::new();
    let (open, of) = scene.prepared("M1", 40).await;
    let round = scene.signed(&scene.round_with(&of));
    let (one, other) = (coordinator(), second());
    let (leader, helper) = tokio::join!(open.parts(&one, &round), open.parts(&other, &round));
    let (leader, helper) = (leader.expect("sent"), helper.expect("sent"));
    assert_eq!(leader.len(), helper.len());
    assert_eq!(open.parts(&coordinator(), &round).await.as_ref(), Ok(&leader));
    open.store.close().await;
    let open = scene.open("M1").await;
    assert_eq!(open.parts(&second(), &round).await.as_ref(), Ok(&helper));
    assert_eq!(open.parts(&coordinator(), &round).await.as_ref(), Ok(&leader));
    let steps = open.steps().await;
    let [PoolStep::Bound { members, .. }, PoolStep::Contributed { snapshot, to, tables, .. }] =
        &steps[..]
    else {
        panic!("{steps:?}")
    };
    assert_eq!(*members, MEMBERS[..4].iter().map(|code| ods(code)).collect::<Vec<_>>());
    assert_eq!((snapshot, &to[..]), (&of, &[ods(COORDINATOR), ods(SECOND)][..]));
    assert_eq!(usize::try_from(*tables).expect("few"), scene.tables().tables().len());
    // A part that was changed on the disk is not sent, nor any other of the contribution.
    let file = open.state.join("sums").join(round.payload_hash().to_string()).join("to-second-0-0");
    let mut bytes = fs::read(&file).expect("a part");
    bytes[60] ^= 1;
    fs::write(&file, bytes).expect("written");
    assert_eq!(open.parts(&coordinator(), &round).await, Err(PoolFault::Internal));
}

#[tokio::test]
async fn a_bound_node_goes_by_the_list_of_its_round_whatever_list_came_after() {
    let scene = Scene::new();
    let (open, of) = scene.prepared("M1", 40).await;
    let round = scene.signed(&scene.round_with(&of));
    let folder = in_the_way(&open, &round);
    assert_eq!(open.parts(&coordinator(), &round).await, Err(PoolFault::Internal));
    assert_eq!(open.said().await, ["bound"]);
    open.store.close().await;
    fs::remove_file(folder).expect("removed");
    // One of the round's members is on the list no more.
    let open = scene.open_with("M1", scene.list_without("M4")).await;
    let leader = open.parts(&coordinator(), &round).await.expect("sent");
    open.store.close().await;
    let open = scene.open_with("M1", scene.list_without("M3")).await;
    assert_eq!(open.parts(&coordinator(), &round).await.as_ref(), Ok(&leader));
    let closing = scene.closed(&scene.closing(&round, &MEMBERS[..4], &[]));
    open.node.closed(&second(), &closing).await.expect("noted");
    assert_eq!(open.said().await, ["bound", "contributed", "closed"]);
}

#[tokio::test]
async fn a_contribution_to_an_earlier_standing_can_be_made_after_the_next_was_published() {
    let scene = Scene::new();
    let (open, of) = scene.prepared("M1", 40).await;
    let round = scene.signed(&scene.round_with(&of));
    let last = scene.publish("M1", &scene.rows("M1", 41));
    assert_eq!(last.version, SnapshotVersion::Final);
    assert!(open.parts(&coordinator(), &round).await.is_ok());
}

#[tokio::test]
async fn a_closed_round_is_forgotten_and_nothing_more_is_sent_or_ready() {
    let scene = Scene::new();
    let (open, of) = scene.prepared("M1", 40).await;
    let round = scene.signed(&scene.round_with(&of));
    open.parts(&coordinator(), &round).await.expect("sent");
    assert_eq!(ready(&open).await.len(), 1, "a round that is open may be asked after");
    let folder = open.state.join("sums").join(round.payload_hash().to_string());
    let parts = || {
        let names = fs::read_dir(&folder).expect("a folder").map(|e| e.expect("one").file_name());
        names.filter(|name| name.to_string_lossy().starts_with("to-")).count()
    };
    assert!(parts() > 0);
    let closing = scene.closed(&scene.closing(&round, &MEMBERS[..4], &[]));
    for caller in [coordinator(), second(), coordinator()] {
        open.node.closed(&caller, &closing).await.expect("noted");
    }
    assert_eq!(parts(), 0);
    assert_eq!(open.said().await, ["bound", "contributed", "closed"]);
    assert!(ready(&open).await.is_empty());
    let answer = open.parts(&coordinator(), &round).await;
    assert_eq!(answer, Err(PoolFault::Refused(RefusalCode::RoundClosed)));
}

/// The order of prio's field of 128 bits.
const FIELD: u128 = 340_282_366_920_938_462_946_865_773_367_900_766_209;

/// The last `n` elements of a share that travels.
fn elements(bytes: &[u8], n: usize) -> Vec<u128> {
    let of = |chunk: &[u8]| u128::from_le_bytes(chunk.try_into().expect("16 bytes"));
    bytes[bytes.len() - 16 * n..].chunks_exact(16).map(of).collect()
}

fn sum(a: u128, b: u128) -> u128 {
    match a.overflowing_add(b) {
        (sum, false) => sum % FIELD,
        (rest, true) => rest.wrapping_sub(FIELD),
    }
}

/// What both servers do with one vector of everybody's contributions; nothing of it is looked at before they are added.
struct Servers {
    key: VerifyKey,
}

impl Servers {
    fn totals(
        &self,
        scene: &Scene,
        (deposit, spec): (evensum_core::pool::DepositId, VectorSpec),
        contributions: &[(&str, &SealedPart, &SealedPart)],
    ) -> Vec<u64> {
        let key = || VerifyKey::from_bytes(&self.key.to_bytes()[..]).expect("a key");
        let (leader, helper) = (Aggregator::leader(key()), Aggregator::helper(key()));
        let mut sums = [Role::Leader, Role::Helper].map(|r| SumOfShares::empty(r, deposit, spec));
        for (code, to_leader, to_helper) in contributions {
            let context = Context::new(deposit, ods(code));
            let opened = |seal: &evensum_core::pool::SealKey, part: &SealedPart, role| {
                seal.open(&part.sealed, &context.sealing(role)).expect("sealed for this server")
            };
            let mine = opened(&scene.coordinator_seal, to_leader, Role::Leader);
            let theirs = opened(&scene.second_seal, to_helper, Role::Helper);
            let (pending, one) = leader.begin(&context, spec, &mine).expect("a part");
            let (other, two) = helper.begin(&context, spec, &theirs).expect("a part");
            let message = join(&context, spec, &one, &two).expect("verifies");
            let shares: [OutputShare; 2] =
                [pending, other].map(|p| p.finish(&message).expect("verifies"));
            for (sum, share) in sums.iter_mut().zip(shares) {
                sum.add(share).expect("added");
            }
        }
        let all: Vec<u32> = (0..spec.len()).collect();
        let n = all.len();
        let [a, b] = sums.map(|sum| {
            let share = sum.select(&all).expect("cells").to_bytes().expect("bytes");
            elements(&share, n)
        });
        let total = |(a, b): (u128, u128)| u64::try_from(sum(a, b)).expect("a count");
        a.into_iter().zip(b).map(total).collect()
    }
}

/// The opened totals of every table of the first four members, which have so many rows.
pub(super) async fn totals(scene: &Scene, sizes: [usize; 4]) -> Vec<Vec<u64>> {
    let mut opens: Vec<Open> = Vec::new();
    let mut said = Vec::new();
    for (code, home) in MEMBERS.into_iter().zip(sizes) {
        let (open, of) = scene.prepared(code, home).await;
        assert_eq!(ready(&open).await.len(), 1);
        said.push(scene.ready(code, &of));
        opens.push(open);
    }
    let envelope = scene.signed(&scene.round(SnapshotVersion::Provisional, said));
    let tables = scene.tables();
    let ids: Vec<Digest> = tables.ids().collect();
    let rules = RoundRules { agreement: &scene.agreement, roster: &scene.roster, tables: &ids };
    let round = BoundRound::verify(&envelope, &rules).expect("holds");
    let mut parts = Vec::new();
    for (code, open) in MEMBERS.into_iter().zip(&opens) {
        let leader = open.parts(&coordinator(), &envelope).await.expect("sent");
        let helper = open.parts(&second(), &envelope).await.expect("sent");
        parts.push((code, leader, helper));
    }
    let servers = Servers { key: VerifyKey::generate().expect("a key") };
    let (mut vector, mut all) = (0, Vec::new());
    for table in tables.tables() {
        let specs = table.shape().vectors().expect("a shape");
        let mut totals = Vec::new();
        for (place, spec) in (0..).zip(specs) {
            let deposit = (round.deposit(table.id(), place), spec);
            let of: Vec<_> = parts.iter().map(|(c, l, h)| (*c, &l[vector], &h[vector])).collect();
            totals.extend(servers.totals(scene, deposit, &of));
            vector += 1;
        }
        all.push(totals);
    }
    assert_eq!(vector, parts[0].1.len(), "nothing else was sent");
    all
}

#[tokio::test]
async fn what_all_partners_contribute_adds_up_to_what_they_hold_and_to_nothing_before() {
    let scene = Scene::new();
    let sizes = [40, 6, 25, 3];
    let opened = totals(&scene, sizes).await;
    for (totals, table) in opened.iter().zip(scene.tables().tables()) {
        let lattice = table.plan().layout().lattice();
        let counted: Vec<Vec<[u64; 3]>> = MEMBERS
            .into_iter()
            .zip(sizes)
            .map(|(code, home)| scene.count(lattice, &scene.rows(code, home)))
            .collect();
        let expected: Vec<u64> = (0..3)
            .flat_map(|of| (0..lattice.len()).map(move |cell| (of, cell)))
            .map(|(of, cell)| counted.iter().map(|partner| partner[cell][of]).sum())
            .collect();
        assert_eq!(*totals, expected);
        assert_eq!(totals[lattice.len() - 1], 74, "everybody's rows");
    }
}
