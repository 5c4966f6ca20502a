//! What partners withhold is asked again by the next coarser levels that are declared, all of it together, until
//! every partner has released a table or there is no coarser one.

use evensum_core::catalogue::{Catalogue, Rungs};
use evensum_core::model::{
    Agreement, IndicatorId, LevelId, MAX_QUESTIONS, Ods, Question, RefusalCode, Scope,
};
use evensum_core::port::AskFault;
use evensum_core::view::{Descent, Part, Parts, rung_text};

use super::asking::{Connected, Desk, Outcome, Terms};
use super::exit::{Exit, Failure, OrExit};

/// The questions of one group that are to be asked again, and the group's place.
type Again = (usize, Vec<Question>);

/// The questions of one indicator and breakdown, over all their periods, and what came of each rung.
struct Group {
    /// Places of its questions among those of the command line.
    places: Vec<usize>,
    descent: Descent,
    /// Of each rung that was asked, the outcomes in the order of `places`.
    outcomes: Vec<Vec<Outcome>>,
}

/// What came of the questions in the end.
pub(super) struct Settled {
    pub(super) outcomes: Vec<Outcome>,
    pub(super) notes: Vec<String>,
}

/// Asks again what was withheld, and chooses for each indicator the rung that it is answered at.
pub(super) async fn settle(
    desk: &Connected,
    terms: &Terms,
    questions: &[Question],
    first: Vec<Outcome>,
) -> Result<Settled, Failure> {
    let mut groups = groups(&desk.catalogue, &desk.agreement, questions)?;
    let mut first: Vec<Option<Outcome>> = first.into_iter().map(Some).collect();
    for group in &mut groups {
        let own = group.places.iter().filter_map(|place| first.get_mut(*place)?.take()).collect();
        take(group, own, questions, &terms.targets);
    }
    let mut notes = Vec::new();
    loop {
        let next = next(&groups, questions);
        if next.is_empty() {
            break;
        }
        for part in parts(&next) {
            let asked = part.iter().flat_map(|(_, questions)| questions.clone()).collect();
            let outcomes = match desk.ask(terms, asked).await {
                Ok(outcomes) => outcomes,
                // What was answered stays answered.
                Err(failure) if failure.exit() != Exit::Fault => {
                    notes.push(format!("the coarser tables could not be asked for: {failure}"));
                    return answered(&desk.catalogue, groups, questions, notes);
                }
                Err(failure) => return Err(failure),
            };
            let mut outcomes = outcomes.into_iter();
            for (place, questions_of) in part {
                let own = outcomes.by_ref().take(questions_of.len()).collect();
                if let Some(group) = groups.get_mut(*place) {
                    take(group, own, questions, &terms.targets);
                }
            }
        }
    }
    answered(&desk.catalogue, groups, questions, notes)
}

/// What somebody is told who asks by exact levels and is refused: which coarser tables there are.
pub(super) fn declared(
    desk: &Desk,
    questions: &[Question],
    outcomes: &[Outcome],
) -> Result<Vec<String>, Failure> {
    let mut notes: Vec<String> = Vec::new();
    for (question, outcome) in questions.iter().zip(outcomes) {
        let withheld = matches!(outcome, Err(AskFault::Denied(RefusalCode::Withheld)))
            || outcome.as_ref().is_ok_and(|view| {
                view.answer().coverage.iter().any(|line| Part::of(line) == Part::Withheld)
            });
        let coarser = coarser(&desk.catalogue, &desk.agreement, question)?;
        if withheld && !coarser.is_empty() {
            let rungs: Vec<String> = coarser.iter().map(|by| rung_text(by)).collect();
            let note = format!(
                "{} by {} is withheld; coarser tables that are declared: {}",
                question.indicator,
                rung_text(&question.by),
                rungs.join("; ")
            );
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
    }
    Ok(notes)
}

fn coarser(
    catalogue: &Catalogue,
    agreement: &Agreement,
    question: &Question,
) -> Result<Rungs, Failure> {
    let indicator = catalogue.indicator(&question.indicator).or_exit(Exit::Usage)?;
    Ok(catalogue.coarser(&question.by, indicator, agreement))
}

/// Questions by indicator and restriction, each with all of its periods: they are answered at one rung.
fn groups(
    catalogue: &Catalogue,
    agreement: &Agreement,
    questions: &[Question],
) -> Result<Vec<Group>, Failure> {
    type Key<'a> = (&'a IndicatorId, &'a [LevelId], Option<&'a Scope>);
    let mut keys: Vec<Key<'_>> = Vec::new();
    let mut groups: Vec<Group> = Vec::new();
    for (place, question) in questions.iter().enumerate() {
        let key: Key<'_> = (&question.indicator, &question.by, question.scope.as_ref());
        if let Some(known) = keys.iter().position(|other| *other == key) {
            groups[known].places.push(place);
            continue;
        }
        keys.push(key);
        // Of the breakdown as it is put in order everywhere, so that the same rung has the same name.
        let by = catalogue.breakdown(question.by.iter().cloned());
        let descent = Descent::new(by, coarser(catalogue, agreement, question)?);
        groups.push(Group { places: vec![place], descent, outcomes: Vec::new() });
    }
    Ok(groups)
}

/// The groups that are to be asked again, by their places, each with its questions.
fn next(groups: &[Group], questions: &[Question]) -> Vec<Again> {
    let each = groups.iter().enumerate();
    each.filter_map(|(place, group)| {
        let by = group.descent.next()?;
        let own = group.places.iter().filter_map(|place| questions.get(*place));
        let own = own.map(|question| Question { by: by.to_vec(), ..question.clone() });
        Some((place, own.collect()))
    })
    .collect()
}

/// As few queries as may be: groups in their order, as many in each as one query carries.
fn parts(next: &[Again]) -> Vec<&[Again]> {
    let mut parts = Vec::new();
    let (mut from, mut count) = (0, 0);
    for (place, (_, questions)) in next.iter().enumerate() {
        if count + questions.len() > MAX_QUESTIONS && place > from {
            parts.push(&next[from..place]);
            (from, count) = (place, 0);
        }
        count += questions.len();
    }
    parts.push(&next[from..]);
    parts
}

/// Takes what came of a rung.
fn take(group: &mut Group, outcomes: Vec<Outcome>, questions: &[Question], targets: &[Ods]) {
    let own = group.places.iter().filter_map(|place| questions.get(*place));
    let parts = own.zip(&outcomes).flat_map(|(question, outcome)| {
        done(outcome, targets).into_iter().map(|(ods, part)| ((question.period, ods), part))
    });
    let parts: Parts = parts.collect();
    group.descent.take(parts);
    group.outcomes.push(outcomes);
}

/// What each partner did with a question.
fn done(outcome: &Outcome, targets: &[Ods]) -> Vec<(Ods, Part)> {
    match outcome {
        Ok(view) => {
            let lines = view.answer().coverage.iter();
            lines.map(|line| (line.ods.clone(), Part::of(line))).collect()
        }
        Err(AskFault::Denied(RefusalCode::Withheld)) => {
            targets.iter().map(|ods| (ods.clone(), Part::Withheld)).collect()
        }
        Err(_) => Vec::new(),
    }
}

/// The outcomes at each group's rung, in the order of the questions.
fn answered(
    catalogue: &Catalogue,
    groups: Vec<Group>,
    questions: &[Question],
    mut notes: Vec<String>,
) -> Result<Settled, Failure> {
    let mut outcomes: Vec<Option<Outcome>> = questions.iter().map(|_| None).collect();
    for Group { places, descent, outcomes: asked } in groups {
        let again = asked.len() > 1;
        let of = places.first().and_then(|place| questions.get(*place));
        if let Some(question) = of.filter(|_| again && descent.withheld_throughout()) {
            notes.push(format!(
                "{}: a partner that withheld it by {} also withheld every coarser table that is declared",
                question.indicator,
                rung_text(descent.levels(0)),
            ));
        }
        let chosen = asked.into_iter().nth(descent.answer()).unwrap_or_default();
        for (place, outcome) in places.into_iter().zip(chosen) {
            let outcome = match outcome {
                Ok(view) if again => {
                    Ok(view.descended(&descent, catalogue).or_exit(Exit::Fault)?)
                }
                other => other,
            };
            if let Some(at) = outcomes.get_mut(place) {
                *at = Some(outcome);
            }
        }
    }
    let outcomes = outcomes.into_iter().map(|one| one.unwrap_or(Err(AskFault::Internal)));
    Ok(Settled { outcomes: outcomes.collect(), notes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreement() -> Agreement {
        let key = evensum_core::sign::SigningKey::generate_ed25519().expect("a key");
        let key = key.verifying_key().to_text();
        let party = |ods: &str, role: &str| {
            format!(
                "[[parties]]\nods = \"{ods}\"\nrole = \"{role}\"\nanswer_key = \"{key}\"\nledger_key = \"{key}\"\n"
            )
        };
        let text = format!(
            "id = \"dsa\"\nversion = 1\nfederation = \"icb.example\"\nresidence_scope = [\"QZ1\"]\n\
             from = \"2026-01-01\"\nuntil = \"2027-12-31\"\npurposes = [\"planning\"]\npacks = [\"13sa\"]\n\
             indicators = []\ndimensions = [\"imd\", \"sex\"]\nmax_dimensions = 2\nprofile = \"nhs75m\"\n\
             show_partners = true\nanalysts = []\n{}{}",
            party("QZ1", "coordinator"),
            party("ZZ1", "node")
        );
        Agreement::parse(&text).expect("an agreement")
    }

    fn questions(catalogue: &Catalogue, asked: &[(&str, &str, &str)]) -> Vec<Question> {
        let one = |(indicator, by, period): &(&str, &str, &str)| {
            let indicator = IndicatorId::new(*indicator).expect("an id");
            Question {
                definition_hash: catalogue.definition_hash(&indicator).expect("a hash"),
                indicator,
                period: period.parse().expect("a period"),
                by: by.split(',').map(|l| LevelId::new(l).expect("a level")).collect(),
                scope: None,
            }
        };
        asked.iter().map(one).collect()
    }

    fn said(next: &[Again]) -> Vec<String> {
        let all =
            next.iter().flat_map(|(place, questions)| questions.iter().map(move |q| (place, q)));
        all.map(|(place, q)| format!("{place}: {} {} {}", q.indicator, rung_text(&q.by), q.period))
            .collect()
    }

    const WITHHELD: AskFault = AskFault::Denied(RefusalCode::Withheld);

    #[test]
    fn what_is_withheld_is_asked_again_of_all_periods_and_nothing_else_is() {
        let catalogue = Catalogue::builtin().expect("the catalogue");
        let (a, b) = ("rtt_over_18_weeks", "rtt_over_52_weeks");
        let asked = [
            (a, "sex,imd.quintile", "2026-09"),
            (b, "sex,imd.quintile", "2026-09"),
            (a, "sex,imd.quintile", "2026-10"),
            (b, "sex,imd.quintile", "2026-10"),
        ];
        let questions = questions(&catalogue, &asked);
        let mut groups = groups(&catalogue, &agreement(), &questions).expect("groups");
        let places: Vec<_> = groups.iter().map(|group| group.places.clone()).collect();
        assert_eq!(places, [[0, 2], [1, 3]]);
        let targets = [Ods::new("ZZ1").expect("a code")];
        let mut tell = |group: usize, outcomes: [AskFault; 2]| {
            take(&mut groups[group], outcomes.map(Err).into(), &questions, &targets);
            said(&next(&groups, &questions))
        };
        // One is late, and nothing of it would change; of the other one month is withheld.
        tell(0, [AskFault::Late, AskFault::Late]);
        assert_eq!(
            tell(1, [AskFault::Late, WITHHELD]),
            [
                "1: rtt_over_52_weeks imd.core20,sex 2026-09",
                "1: rtt_over_52_weeks imd.core20,sex 2026-10"
            ]
        );
        assert_eq!(
            tell(1, [WITHHELD, WITHHELD]),
            ["1: rtt_over_52_weeks imd.core20 2026-09", "1: rtt_over_52_weeks imd.core20 2026-10"]
        );
        assert!(tell(1, [WITHHELD, WITHHELD]).is_empty(), "there is no coarser one");
        let settled = answered(&catalogue, groups, &questions, Vec::new()).expect("settled");
        assert_eq!(
            settled.outcomes,
            [Err(AskFault::Late), Err(AskFault::Late), Err(AskFault::Late), Err(WITHHELD)],
            "by the levels that were asked for, as nobody released any"
        );
        let notes = settled.notes.join("\n");
        assert!(
            notes.starts_with("rtt_over_52_weeks: a partner that withheld it by imd.quintile,sex"),
            "{notes}"
        );
        assert_eq!(settled.notes.len(), 1);
    }

    #[test]
    fn questions_are_asked_again_in_as_few_queries_as_may_be() {
        let catalogue = Catalogue::builtin().expect("the catalogue");
        let one = questions(&catalogue, &[("rtt_over_18_weeks", "sex", "2026-09")]);
        let group = |number: usize| (0, vec![one[0].clone(); number]);
        let sizes = |of: &[usize]| -> Vec<Vec<usize>> {
            let next: Vec<Again> = of.iter().map(|number| group(*number)).collect();
            let lengths = |part: &[Again]| part.iter().map(|(_, q)| q.len()).collect();
            parts(&next).into_iter().map(lengths).collect()
        };
        assert_eq!(sizes(&[12, 12, 12]), [[12, 12, 12]]);
        assert_eq!(sizes(&[60, 60, 1]), vec![vec![60, 60], vec![1]]);
        assert_eq!(sizes(&[120]), [[120]]);
        assert_eq!(sizes(&[100, 100, 20]), vec![vec![100], vec![100, 20]]);
    }
}
