//! Which questions a command line asks: one indicator or a pack, for one period or several.

use evensum_core::authz::{Standing, allows};
use evensum_core::catalogue::{Catalogue, Indicator};
use evensum_core::model::{
    Agreement, IndicatorId, LevelId, MAX_QUESTIONS, PeriodRange, Question, RefusalCode, Scope,
    Timestamp,
};

use super::exit::{Exit, Failure, OrExit};

/// What a pack is broken down by where nothing else is said.
const PACK_BREAKDOWN: &str = "imd.quintile";

/// What is asked, as the command line has it.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) indicator: Option<&'a IndicatorId>,
    pub(super) pack: Option<&'a str>,
    pub(super) by: &'a [LevelId],
    pub(super) period: PeriodRange,
    pub(super) scope: Option<&'a Scope>,
}

/// The questions, and what was left out of them and why.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) questions: Vec<Question>,
    pub(super) notes: Vec<String>,
}

/// The questions of one query, the periods in their order and in each the indicators in the catalogue's: a
/// partner then opens each extract once.
pub(super) fn choose(
    wanted: &Wanted<'_>,
    agreement: &Agreement,
    catalogue: &Catalogue,
    now: Timestamp,
) -> Result<Chosen, Failure> {
    let mut by = wanted.by.to_vec();
    if by.is_empty() && wanted.pack.is_some() {
        by.push(LevelId::new(PACK_BREAKDOWN).or_exit(Exit::Fault)?);
    }
    for level in by.iter().chain(wanted.scope.map(|s| &s.level)) {
        catalogue.level(level).or_exit(Exit::Usage)?;
    }
    let indicators = match (wanted.indicator, wanted.pack) {
        (Some(id), _) => vec![catalogue.indicator(id).or_exit(Exit::Usage)?],
        (None, Some(pack)) => of_pack(pack, catalogue)?,
        (None, None) => return Err(Failure::says(Exit::Usage, "name an indicator or a --pack")),
    };
    let mut chosen = Chosen { questions: Vec::new(), notes: Vec::new() };
    let mut left_out = Vec::new();
    for period in wanted.period.periods() {
        for indicator in &indicators {
            let definition_hash = catalogue.definition_hash(&indicator.id).or_exit(Exit::Usage)?;
            let question = Question {
                indicator: indicator.id.clone(),
                definition_hash,
                period,
                by: by.clone(),
                scope: wanted.scope.cloned(),
            };
            let standing = Standing { agreement, catalogue, now };
            match allows(&question, standing) {
                // Of a pack, what cannot be asked is left out and said; an indicator that somebody names is
                // asked, so that whoever refuses it writes that down.
                Err(denied) if wanted.pack.is_some() => {
                    if !left_out.contains(&&indicator.id) {
                        left_out.push(&indicator.id);
                        chosen.notes.push(format!("{} is left out: {denied}", indicator.id));
                    }
                }
                _ => chosen.questions.push(question),
            }
        }
    }
    within_limit(indicators.len() - left_out.len(), wanted.period)?;
    if wanted.pack.is_none() {
        let dataset = catalogue.dataset(&indicators[0].dataset).or_exit(Exit::Fault)?;
        if !chosen.questions.iter().all(|question| dataset.has_period(question.period)) {
            return Err(Failure::says(Exit::Usage, RefusalCode::PeriodKind.says()));
        }
    }
    if chosen.questions.is_empty() {
        let why = chosen.notes.join("; ");
        let text = format!("nothing of the pack can be asked so: {why}");
        return Err(Failure::says(Exit::Usage, text));
    }
    Ok(chosen)
}

/// The indicators of a pack.
pub(super) fn of_pack<'a>(
    pack: &str,
    catalogue: &'a Catalogue,
) -> Result<Vec<&'a Indicator>, Failure> {
    let of = |i: &&Indicator| i.packs.iter().any(|p| p == pack);
    let indicators: Vec<&Indicator> = catalogue.indicators().iter().filter(of).collect();
    if !indicators.is_empty() {
        return Ok(indicators);
    }
    let text = format!("there is no pack '{pack}': there are {}", packs(catalogue).join(", "));
    Err(Failure::says(Exit::Usage, text))
}

/// The packs that there are.
pub(super) fn packs(catalogue: &Catalogue) -> Vec<&str> {
    let mut known: Vec<&str> =
        catalogue.indicators().iter().flat_map(|i| i.packs.iter().map(String::as_str)).collect();
    known.sort_unstable();
    known.dedup();
    known
}

/// One query carries so many questions; more are asked in several, and this says in which.
fn within_limit(indicators: usize, range: PeriodRange) -> Result<(), Failure> {
    let periods = range.periods().count();
    let asked = indicators.saturating_mul(periods);
    if asked <= MAX_QUESTIONS {
        return Ok(());
    }
    let each = (MAX_QUESTIONS / indicators.max(1)).max(1);
    let all: Vec<_> = range.periods().collect();
    let parts: Vec<String> = all
        .chunks(each)
        .take(2)
        .filter_map(|part| Some(format!("--period {}..{}", part.first()?, part.last()?)))
        .collect();
    let text = format!(
        "that is {asked} questions ({indicators} indicators, {periods} periods), and one query carries at most {MAX_QUESTIONS}: ask in parts of {each} periods, first {}",
        parts.join(", then ")
    );
    Err(Failure::says(Exit::Usage, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreement(indicators: &str, dimensions: &str) -> Agreement {
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
             indicators = [{indicators}]\ndimensions = [{dimensions}]\nmax_dimensions = 2\nprofile = \"nhs75m\"\n\
             show_partners = true\nanalysts = []\n{}{}",
            party("QZ1", "coordinator"),
            party("ZZ1", "node")
        );
        Agreement::parse(&text).expect("an agreement")
    }

    fn ask(pack: &str, by: &[&str], period: &str, of: &Agreement) -> Result<Chosen, String> {
        let by: Vec<LevelId> = by.iter().map(|l| LevelId::new(*l).expect("a level")).collect();
        let wanted = Wanted {
            indicator: None,
            pack: Some(pack),
            by: &by,
            period: period.parse().expect("a range"),
            scope: None,
        };
        let catalogue = Catalogue::builtin().expect("the catalogue");
        let chosen = choose(&wanted, of, &catalogue, Timestamp::from_unix(1_790_000_000));
        chosen.map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn a_pack_is_asked_period_by_period_and_what_is_not_allowed_is_left_out() {
        let two = agreement("\"rtt_over_52_weeks\", \"rtt_over_18_weeks\"", "\"imd\", \"sex\"");
        let chosen = ask("13sa", &[], "2026-11..2027-01", &two).expect("chosen");
        let asked: Vec<String> =
            chosen.questions.iter().map(|q| format!("{} {}", q.period, q.indicator)).collect();
        let (a, b) = ("rtt_over_18_weeks", "rtt_over_52_weeks");
        let expected: Vec<String> = ["2026-11", "2026-12", "2027-01"]
            .iter()
            .flat_map(|p| [format!("{p} {a}"), format!("{p} {b}")])
            .collect();
        assert_eq!(asked, expected);
        assert!(chosen.questions.iter().all(|q| q.by[0].as_str() == "imd.quintile"));
        let notes = chosen.notes.join("\n");
        assert!(notes.contains("rtt_over_65_weeks is left out: "), "{notes}");
        assert!(!notes.contains(a), "{notes}");
        let by_sex = ask("13sa", &["sex"], "2026-11", &two).expect("chosen");
        assert!(by_sex.questions.iter().all(|q| q.by[0].as_str() == "sex"));
        assert!(ask("13sa", &["age.band"], "2026-11", &two).is_err(), "not in the agreement");
    }

    #[test]
    fn what_cannot_be_asked_is_said_with_what_can() {
        let one = agreement("\"rtt_over_52_weeks\"", "\"imd\"");
        let said = ask("core30", &[], "2026-11", &one).expect_err("unknown");
        assert!(said.contains("13sa") && said.contains("elective-recovery"), "{said}");
        let said = ask("13sa", &[], "2026-01..2036-12", &one).expect_err("too many");
        assert!(said.contains("at most 120") && said.contains("--period 2026-01.."), "{said}");
    }
}
