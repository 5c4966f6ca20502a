//! By which levels an answer is, where they are coarser than those that were asked for.

use evensum_core::view::Answer;

use super::{headline, words};

/// `Asked by deprivation decile; answered by deprivation quintile, the finest that every partner released.`
#[must_use]
pub fn line(answer: &Answer) -> Option<String> {
    let asked = answer.asked.as_ref()?;
    let asked: Vec<String> = asked.names.iter().map(|name| headline::level_name(name)).collect();
    let by: Vec<String> = answer.axes.iter().map(headline::axis_name).collect();
    let whose = if answer.complete() { "partner" } else { "partner in the figures" };
    Some(format!(
        "Asked by {}; answered by {}, the finest that every {whose} released.",
        words::list(&asked),
        words::list(&by)
    ))
}

/// The same of several answers, each indicator's with its name and once.
#[must_use]
pub fn lines<'a>(answers: impl Iterator<Item = &'a Answer>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for answer in answers {
        let name = words::clean(&answer.indicator.name);
        let line = line(answer).map(|line| format!("{name}: {}", words::within(&line)));
        found.extend(line.filter(|line| !found.contains(line)));
    }
    found
}
