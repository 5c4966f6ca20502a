//! As many members as a federation may have, from their word that they are ready to what is made of their totals.

use evensum_core::model::MAX_NODES;

use super::*;

/// Figures of one table alone, and of as few groups as the definitions have.
const DIMENSIONS: &str = "\"sex\"";

#[tokio::test]
async fn the_most_members_are_bound_checked_closed_and_opened() {
    let codes: Vec<String> = (1..=MAX_NODES).map(|n| format!("M{n}")).collect();
    let mut codes: Vec<&str> = codes.iter().map(String::as_str).collect();
    let scene = Scene::of(&codes, DIMENSIONS);
    codes.sort_unstable();
    let round = scene.round(&codes);
    let up = scene.up().await;
    // One is away all the time.
    let (away, here) = codes.split_last().expect("members");
    set(&scene.nodes.away, vec![ods(away)]);
    up.announce(&scene, &round).await.expect("is bound");
    up.fetch().await;
    let mut leader = Leader::new(&scene, &round);
    assert_eq!(leader.bound.members().len(), MAX_NODES);
    for code in here {
        let outcomes = leader.check(&up, code).await;
        assert!(outcomes.iter().all(|o| matches!(o, CheckOutcome::Message(_))), "{code}");
    }
    assert!(leader.check(&up, away).await.iter().all(|o| *o == CheckOutcome::NotHere));
    up.down().await;
    let up = scene.up().await;
    let closing = leader.closing(here);
    assert_eq!((closing.members.len(), closing.missing.len()), (MAX_NODES - 1, 1));
    up.close(&scene.signed(&closing)).await.expect("closes");
    let opening = scene.signed(&leader.opening(&closing, scene.questions()));
    let opened = up.open(&opening).await.expect("opens");
    let sums = leader.sums(here);
    let mut releases = Vec::new();
    for (place, question) in scene.questions().iter().enumerate() {
        let totals = leader.totals(&sums, question, &opened.parts[place]);
        assert!(same_totals(&totals, here));
        releases.push(leader.release(&closing, totals, place));
    }
    let returned = scene.signed(&returned_of(&closing, &opening, &releases));
    up.returned(&returned, releases).await.expect("passes");
    up.down().await;
    assert_eq!(problems(&scene).await, 0);
}
