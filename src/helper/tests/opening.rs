//! What is opened and what is not, and what comes back.

use evensum_core::disclosure::{CellText, ReleaseDocument};
use evensum_core::ledger::Stop;
use evensum_core::model::{CategoryId, IndicatorId, LevelId, Scope};

use super::*;

/// The table of one question, opened and made into a release.
async fn opened(
    leader: &Leader<'_>,
    sums: &[SumOfShares],
    up: &Up,
    closing: &Closing,
    place: usize,
) -> (Envelope, Vec<u8>) {
    let question = leader.scene.questions()[place].clone();
    let opening = leader.scene.signed(&leader.opening(closing, vec![question.clone()]));
    let parts = up.open(&opening).await.expect("opens").parts;
    let totals = leader.totals(sums, &question, &parts[0]);
    (opening, leader.release(closing, totals, place))
}

#[tokio::test]
async fn only_what_the_agreement_and_the_contributions_allow_is_opened() {
    let scene = Scene::new();
    let up = scene.up().await;
    let (leader, closing) = closed(&scene, &up).await;
    let question = scene.questions()[0].clone();
    let with = |change: &dyn Fn(&mut Question)| {
        let mut question = question.clone();
        change(&mut question);
        scene.signed(&leader.opening(&closing, vec![question]))
    };
    let level = |text: &str| LevelId::new(text).expect("a level");
    for (opening, code) in [
        // Both dimensions are agreed, and no pack crosses them.
        (with(&|q| q.by = vec![level("age.band"), level("sex")]), RefusalCode::SumWithoutTable),
        (with(&|q| q.by = vec![level("imd.quintile")]), RefusalCode::DimensionNotAllowed),
        (with(&|q| q.period = "2026-07".parse().expect("a period")), RefusalCode::SumWithoutTable),
        (with(&|q| q.definition_hash = Digest::of(b"other")), RefusalCode::DefinitionDiffers),
        (
            with(&|q| q.indicator = IndicatorId::new("rtt_over_18_weeks").expect("an id")),
            RefusalCode::DefinitionDiffers,
        ),
        (
            with(&|q| {
                let category = CategoryId::new("130").expect("an id");
                q.scope = Some(Scope { level: level("tfc.group"), category });
            }),
            RefusalCode::DimensionNotAllowed,
        ),
        (
            scene.signed(&leader.opening(&closing, vec![question.clone(), question.clone()])),
            RefusalCode::Malformed,
        ),
    ] {
        assert_eq!(up.open(&opening).await, Err(refused(code)));
    }
    let none = scene.signed(&leader.opening(&closing, Vec::new()));
    assert_eq!(up.open(&none).await, Err(PoolFault::Unreadable));
    let good = leader.opening(&closing, vec![question.clone()]);
    let forged = good.sign(&ods(COORDINATOR), &answer_key()).expect("signs");
    assert!(matches!(up.open(&forged).await, Err(PoolFault::Unauthenticated(_))));
    let caller = peer("M1", Role::Coordinator);
    let stranger = up.helper.open(&caller, &scene.signed(&good)).await;
    assert!(matches!(stranger, Err(PoolFault::Unauthenticated(_))));
    let unknown = Opening { closing: Digest::of(b"another"), ..good.clone() };
    assert_eq!(up.open(&scene.signed(&unknown)).await, Err(refused(RefusalCode::SumNotReady)));
    let (query, envelope) = scene.query(1);
    up.witness(&envelope).await.expect("is written");
    let asked = scene.signed(&Opening { query: Some(query), ..good.clone() });
    up.open(&asked).await.expect("opens");
    scene.wait(2 * 365 * 86_400);
    assert_eq!(up.open(&asked).await, Err(refused(RefusalCode::AgreementNotInForce)));
    up.down().await;
}

#[tokio::test]
async fn a_coarser_question_is_part_of_a_contributed_table() {
    let scene = Scene::new();
    let up = scene.up().await;
    let (mut leader, closing) = closed(&scene, &up).await;
    let sums = leader.sums(&MEMBERS);
    let tables = scene.world.tables();
    let whole = tables.tables()[0].plan().layout().lattice();
    let mut question = scene.questions()[0].clone();
    assert_eq!(whole.axes().len(), 2);
    question.by.clear();
    let opening = scene.signed(&leader.opening(&closing, vec![question.clone()]));
    let opened = up.open(&opening).await.expect("opens");
    let totals = leader.totals(&sums, &question, &opened.parts[0]);
    // Those cells of the contributed table that are of everybody.
    let sum = plain_sum(&MEMBERS, whole);
    let all = whole.axes()[0].categories().len() - 1;
    for (outcome, cell) in totals.cells().iter().enumerate() {
        let (n, top) = sum[whole.index(&[all, outcome]).expect("a cell")];
        assert!(cell.same_as(&RawCell::new(n, n, top)), "{outcome}");
    }
    up.down().await;
}

#[tokio::test]
async fn nothing_more_is_opened_before_the_last_has_come_back_and_passed() {
    let scene = Scene::new();
    let up = scene.up().await;
    let (mut leader, closing) = closed(&scene, &up).await;
    let sums = leader.sums(&MEMBERS);
    let (opening, release) = opened(&leader, &sums, &up, &closing, 0).await;
    let size = up.store.reader().await.expect("opens").size().await.expect("reads");
    // The same again: the same shares, and nothing is written.
    let same = up.open(&opening).await.expect("again");
    let once_more = up.open(&opening).await.expect("again");
    assert_eq!(same.parts, once_more.parts);
    assert_eq!(up.store.reader().await.expect("opens").size().await.expect("reads"), size);
    let other = scene.signed(&leader.opening(&closing, vec![scene.questions()[1].clone()]));
    assert_eq!(up.open(&other).await, Err(refused(RefusalCode::OpeningPending)));
    let returned = scene.signed(&returned_of(&closing, &opening, std::slice::from_ref(&release)));
    let receipt = up.returned(&returned, vec![release.clone()]).await.expect("passes");
    assert_eq!(
        up.returned(&returned, vec![release.clone()]).await.expect("again").index,
        receipt.index
    );
    // What was opened once is released: it is not opened again under another name.
    let both = scene.signed(&leader.opening(&closing, scene.questions()));
    assert_eq!(up.open(&both).await, Err(refused(RefusalCode::RoundDiffers)));
    let parts = up.open(&other).await.expect("opens").parts;
    // Everything that is released of the closing comes back, what came before as well.
    let totals = leader.totals(&sums, &scene.questions()[1], &parts[0]);
    let both = vec![release, leader.release(&closing, totals, 1)];
    let returned = scene.signed(&returned_of(&closing, &other, &both));
    up.returned(&returned, both).await.expect("passes");
    up.down().await;
    assert_eq!(problems(&scene).await, 0);
}

#[tokio::test]
async fn only_releases_of_what_was_opened_come_back() {
    let scene = Scene::new();
    let up = scene.up().await;
    let (mut leader, closing) = closed(&scene, &up).await;
    let sums = leader.sums(&MEMBERS);
    let (opening, release) = opened(&leader, &sums, &up, &closing, 0).await;
    let differs = Err(refused(RefusalCode::RoundDiffers));
    let good = returned_of(&closing, &opening, std::slice::from_ref(&release));
    let wrong = Returned { releases: vec![Digest::of(b"other")], ..good.clone() };
    assert_eq!(up.returned(&scene.signed(&wrong), vec![release.clone()]).await, differs);
    assert_eq!(up.returned(&scene.signed(&good), Vec::new()).await, differs);
    let other = Returned { opening: Digest::of(b"other"), ..good.clone() };
    assert_eq!(up.returned(&scene.signed(&other), vec![release.clone()]).await, differs);
    let forged = good.sign(&ods(COORDINATOR), &answer_key()).expect("signs");
    let forged = up.returned(&forged, vec![release.clone()]).await;
    assert!(matches!(forged, Err(PoolFault::Unauthenticated(_))));
    type Change = fn(&mut ReleaseDocument);
    let changes: [Change; 5] = [
        |d| d.ods = ods("M1"),
        |d| d.snapshot.id = Digest::of(b"other"),
        |d| d.question.by = vec![LevelId::new("sex").expect("a level")],
        |d| d.question.period = "2026-07".parse().expect("a period"),
        |d| d.policy = evensum_core::model::Profile::Ons105m.into(),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let mut document: ReleaseDocument = canonical::decode(&release).expect("reads");
        change(&mut document);
        let bytes = canonical::encode(&document).expect("encodes");
        let returned = scene.signed(&returned_of(&closing, &opening, std::slice::from_ref(&bytes)));
        assert_eq!(up.returned(&returned, vec![bytes]).await, differs, "{n}");
    }
    let twice = [release.clone(), release.clone()];
    let returned = scene.signed(&returned_of(&closing, &opening, &twice));
    assert_eq!(up.returned(&returned, twice.to_vec()).await, differs);
    up.returned(&scene.signed(&good), vec![release]).await.expect("passes");
    up.down().await;
}

#[tokio::test]
async fn what_does_not_pass_ends_the_population_for_good() {
    let scene = Scene::new();
    let up = scene.up().await;
    let (mut leader, closing) = closed(&scene, &up).await;
    let sums = leader.sums(&MEMBERS);
    let (opening, release) = opened(&leader, &sums, &up, &closing, 0).await;
    let mut document: ReleaseDocument = canonical::decode(&release).expect("reads");
    // A part that is more than the whole.
    document.cells[0] = CellText::Count(1_000_000);
    let bytes = canonical::encode(&document).expect("encodes");
    let returned = scene.signed(&returned_of(&closing, &opening, std::slice::from_ref(&bytes)));
    up.returned(&returned, vec![bytes]).await.expect("is written down");
    let stopped = |up: &Up| {
        let rounds = up.store.rounds();
        rounds.populations().next().and_then(|state| state.stopped)
    };
    assert_eq!(stopped(&up), Some(Stop::Failed));
    up.down().await;
    let up = scene.up().await;
    let other = scene.signed(&leader.opening(&closing, vec![scene.questions()[1].clone()]));
    assert_eq!(up.open(&other).await, Err(refused(RefusalCode::SumStopped)));
    up.down().await;
    assert_eq!(problems(&scene).await, 0);
}
