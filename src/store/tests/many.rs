//! Queries of several questions.

use evensum_core::model::{MAX_QUESTIONS, RefusalCode};
use tokio::sync::oneshot;

use super::super::Unanswered;
use super::super::batch::{CHECKPOINT_BLOCK, Work, portions};
use super::super::writer::{Job, Message};
use super::*;

fn ask(n: u32, questions: Vec<Known>) -> Begin {
    Begin { questions, ..question(n) }
}

async fn todos(store: &Store, begin: Begin) -> Vec<Todo> {
    match store.begin(begin).await.expect("begins") {
        Begun::Each { todos, .. } => todos,
        other => panic!("{other:?}"),
    }
}

/// What is to be done about each question, by a letter.
fn letters(todos: &[Todo]) -> String {
    let letter = |todo: &Todo| match todo {
        Todo::Fresh => 'f',
        Todo::Frozen(..) => 'z',
        Todo::Refused(..) => 'x',
        Todo::ReplayedRelease(..) => 'R',
        Todo::ReplayedRefusal(..) => 'X',
    };
    todos.iter().map(letter).collect()
}

fn refusal(n: u32, number: u32) -> Event {
    Event::Refused {
        asked: None,
        query_id: id(n),
        query_hash: hash(n),
        question: Some(number),
        code: RefusalCode::Withheld,
    }
}

/// The questions that the entries of a kind are about, in the order of the log.
async fn numbers(place: &Place, wanted: &str) -> Vec<u32> {
    let reader = Reader::open(&place.path()).await.expect("opens");
    let entries = reader.entries(0, 1000).await.expect("reads");
    let of_kind = entries.iter().filter(|(_, _, entry)| kind(entry) == wanted);
    of_kind.filter_map(|(_, _, entry)| entry.event.question()).collect()
}

#[tokio::test]
async fn what_is_known_of_the_questions_is_written_with_the_query_in_one_transaction() {
    let place = Place::new();
    let store = place.open().await;
    fresh(&store, question(1)).await;
    store.publish(release(1, "table", "figures")).await.expect("publishes");
    let before = store.checkpoint();
    let known = vec![
        Known::Nothing,
        Known::Frozen(key("table")),
        Known::Refused(RefusalCode::NoData),
        Known::Frozen(key("another table")),
    ];
    let (accepted, todos) = match store.begin(ask(2, known)).await.expect("begins") {
        Begun::Each { accepted, todos } => (accepted.expect("accepted"), todos),
        other => panic!("{other:?}"),
    };
    assert_eq!(letters(&todos), "fzxf");
    assert_ne!(store.checkpoint(), before);
    let size = accepted.checkpoint().size();
    for (todo, number) in todos.iter().zip(0..) {
        let receipt = match todo {
            Todo::Frozen(row, receipt) => {
                assert_eq!(row.bytes, b"figures");
                receipt
            }
            Todo::Refused(RefusalCode::NoData, receipt) => receipt,
            _ => continue,
        };
        assert_eq!(receipt.entry().event.question(), Some(number));
        assert_eq!(receipt.checkpoint().size(), size, "one transaction, one signed state");
    }
    store.publish(release_to(about(2, 0), "third", "more")).await.expect("publishes");
    store.end(id(2), refusal(2, 3)).await.expect("ends");
    let kinds = place.kinds().await;
    let expected = ["query_accepted", "answer_released", "refused", "published"];
    assert_eq!(kinds[4..8], expected);
    assert_eq!(kinds[8..], ["answer_released", "refused"]);
    store.close().await;
    assert_eq!(place.verdict().await.problems, []);
}

#[tokio::test]
async fn each_question_ends_once_and_only_as_itself() {
    let place = Place::new();
    let store = place.open().await;
    let todos = todos(&store, ask(1, vec![Known::Nothing; 3])).await;
    assert_eq!(letters(&todos), "fff");
    store.end(id(1), refusal(1, 1)).await.expect("ends");
    let again = store.end(id(1), refusal(1, 1)).await;
    assert!(matches!(again, Err(StoreError::NotBegun)), "{again:?}");
    let beyond = store.end(id(1), refusal(1, 3)).await;
    assert!(matches!(beyond, Err(StoreError::NotBegun)), "{beyond:?}");
    let ended = store.publish(release_to(about(1, 1), "table", "figures")).await;
    assert!(matches!(ended, Err(StoreError::NotBegun)), "{ended:?}");
    let whole = Event::Refused {
        asked: None,
        query_id: id(1),
        query_hash: hash(1),
        question: None,
        code: RefusalCode::Withheld,
    };
    let whole = store.end(id(1), whole).await;
    assert!(matches!(whole, Err(StoreError::Contradiction(_))), "{whole:?}");
    store.publish(release_to(about(1, 2), "table", "figures")).await.expect("the control");
    // One of them still runs.
    assert!(matches!(store.begin(ask(1, vec![Known::Nothing; 3])).await, Ok(Begun::Running)));
    store.close().await;
}

#[tokio::test]
async fn a_query_that_comes_again_gets_each_questions_own_end() {
    let place = Place::new();
    let store = place.open().await;
    let known = || vec![Known::Nothing; 5];
    assert_eq!(letters(&todos(&store, ask(1, known())).await), "fffff");
    store.publish(release_to(about(1, 0), "table", "figures")).await.expect("publishes");
    store.end(id(1), refusal(1, 1)).await.expect("ends");
    let (query_id, query_hash) = (id(1), hash(1));
    store.end(id(1), Event::Failed { query_id, query_hash, question: 2 }).await.expect("ends");
    let panicked = Event::Panicked { query_id, query_hash, question: 3 };
    store.end(id(1), panicked).await.expect("ends");
    let (answered, missing) = (vec![], vec![]);
    let combined = Event::AnswerCombined { query_id, query_hash, question: 4, answered, missing };
    store.end(id(1), combined).await.expect("ends");

    let other = store.begin(ask(1, vec![Known::Nothing; 4])).await;
    assert!(matches!(other, Err(StoreError::Contradiction(_))), "{other:?}");
    assert_eq!(letters(&todos(&store, ask(1, known())).await), "RXfff");
    assert_eq!(numbers(&place, "replayed").await, [0, 1]);
    for number in 2..5 {
        store.end(id(1), refusal(1, number)).await.expect("ends");
    }
    let accepted = |kinds: Vec<String>| kinds.iter().filter(|k| *k == "query_accepted").count();
    assert_eq!(accepted(place.kinds().await), 2);
    // Nothing is left to be answered: nothing is accepted anew.
    assert_eq!(letters(&todos(&store, ask(1, known())).await), "RXXXX");
    assert_eq!(accepted(place.kinds().await), 2);
    let mut stranger = ask(1, known());
    stranger.caller = "QOX".to_owned();
    assert!(matches!(store.begin(stranger).await, Ok(Begun::Conflict(_))));
    store.close().await;
    assert_eq!(place.verdict().await.problems, []);
}

#[tokio::test]
async fn a_stop_after_some_of_the_questions_gives_up_the_others() {
    let place = Place::new();
    let store = place.open().await;
    assert_eq!(letters(&todos(&store, ask(1, vec![Known::Nothing; 4])).await), "ffff");
    assert_eq!(letters(&todos(&store, ask(2, vec![Known::Nothing; 2])).await), "ff");
    store.publish(release_to(about(1, 0), "table", "figures")).await.expect("publishes");
    store.end(id(1), refusal(1, 2)).await.expect("ends");
    store.close().await;

    let store = place.open().await;
    assert_eq!(numbers(&place, "aborted").await, [1, 3, 0, 1]);
    assert_eq!(letters(&todos(&store, ask(1, vec![Known::Nothing; 4])).await), "RfXf");
    // And those who go away while the server runs.
    store.end_rest(id(1), hash(1), Unanswered::Panicked).await.expect("ends");
    store.end_rest(id(1), hash(1), Unanswered::Aborted).await.expect("there is nothing to end");
    store.end_rest(id(7), hash(7), Unanswered::Aborted).await.expect("it never began");
    assert_eq!(numbers(&place, "panicked").await, [1, 3]);
    assert_eq!(numbers(&place, "aborted").await.len(), 4);
    store.close().await;
    assert_eq!(place.verdict().await.problems, []);
}

#[tokio::test]
async fn the_largest_queries_at_once_leave_a_checkpoint_in_every_block() {
    let place = Place::new();
    let store = place.open().await;
    for most in [0, MAX_QUESTIONS + 1] {
        let refused = store.begin(ask(1, vec![Known::Nothing; most])).await;
        assert!(matches!(refused, Err(StoreError::Contradiction(_))), "{most}: {refused:?}");
    }
    // Queued before the writer looks, and waited for without a caller's limit. In one transaction they would
    // leave a block of sizes out.
    let mut waits = Vec::new();
    for n in 0..18 {
        let refused = vec![Known::Refused(RefusalCode::NoData); MAX_QUESTIONS];
        let work = Work::Begin("".into(), Box::new(ask(n, refused)));
        let (reply, wait) = oneshot::channel();
        store.queue.send(Message::Job(Box::new(Job { work, reply }))).await.expect("queues");
        waits.push(wait);
    }
    for wait in waits {
        let settled = wait.await.expect("an answer").expect("begins");
        assert_eq!(settled.each.len(), MAX_QUESTIONS);
    }
    store.close().await;
    let verdict = place.verdict().await;
    assert_eq!(verdict.problems, []);
    let entries = u64::try_from(1 + 18 * (1 + MAX_QUESTIONS)).expect("small");
    assert_eq!(verdict.entries, entries);
    assert!(entries > 2 * CHECKPOINT_BLOCK);
}

#[test]
fn work_is_cut_into_portions_that_fit_and_keeps_its_order() {
    let cut = |sizes: &[usize]| portions(sizes.to_vec(), |size| *size);
    assert!(cut(&[]).is_empty());
    assert_eq!(cut(&[1, 2, 3]), [vec![1, 2, 3]]);
    assert_eq!(cut(&[1024, 1, 1023, 1]), [vec![1024], vec![1, 1023], vec![1]]);
    let many = cut(&vec![121; 64]);
    assert!(many.iter().all(|portion| portion.iter().sum::<usize>() <= 1024));
    assert_eq!(many.iter().map(Vec::len).sum::<usize>(), 64);
}
