//! Attacks on sums over partners: beside the tables that partners show, and beside sums over others.

use super::invented::Draw;
use super::records::{Asked, Besides, Out, Row, Scene, Together, extract};
use super::sheets::knows;
use super::{AdversaryError, Attack, CONTROL, Finding, PROFILES, Tally};
use crate::disclosure::attack::Limits;
use crate::disclosure::{Draft, Outcome, Pooled, ReleaseDocument, System};
use crate::model::canonical;
use crate::model::{Digest, Ods, PoolKind, Profile, Shown, SnapshotRef, SnapshotVersion, Zeros};

const OVER_52: &str = "rtt_over_52_weeks";
/// Partners of a round, and people of each partner.
const PARTNERS: [usize; 6] = [4, 2, 10, 3, 16, 6];
const PEOPLE: [usize; 5] = [120, 60, 250, 25, 600];
/// Rounds after which nothing more is tried where nothing is released.
const ROUNDS: usize = 60;

/// A partner, its records and its extract.
struct Partner {
    ods: Ods,
    rows: Vec<Row>,
    of: SnapshotRef,
}

fn invented(
    partners: usize,
    people: usize,
    draw: &mut Draw,
) -> Result<Vec<Partner>, AdversaryError> {
    let one = |n: usize| {
        let name = format!("ZA{n:02}");
        let ods = Ods::new(&name).map_err(|_| AdversaryError::Needs("a partner"))?;
        let rows = (0..people).map(|_| Row::draw(draw)).collect();
        let of = extract(name.as_bytes(), SnapshotVersion::Provisional)?;
        Ok(Partner { ods, rows, of })
    };
    (0..partners).map(one).collect()
}

fn everybody(partners: &[Partner]) -> Vec<Row> {
    partners.iter().flat_map(|partner| partner.rows.iter().cloned()).collect()
}

fn round(partners: &[Partner], closing: &[u8]) -> Result<Pooled, AdversaryError> {
    let members = partners.iter().map(|partner| partner.ods.clone()).collect();
    Ok(Pooled::new(members, Vec::new(), Digest::of(closing), PoolKind::Deposit)?)
}

/// What partners and the coordinator are asked. Where others are hidden to protect a count, a table takes long: there
/// by one level alone.
fn questions(profile: Profile) -> Vec<Asked> {
    let mut by = vec![vec!["sex"], vec!["imd.core20"]];
    if profile != Profile::ExactCs {
        by.push(vec!["imd.core20", "sex"]);
    }
    by.into_iter().map(|by| Asked { indicator: OVER_52, by, scope: None }).collect()
}

/// What an outsider has, and the truth to judge by.
struct Seen<'a> {
    bytes: &'a [u8],
    truth: Vec<u64>,
    /// The partners that it is of, by place.
    partners: Vec<u16>,
    /// In how many of the two extracts its rows stand, where there are two.
    within: Option<u16>,
    /// Whether nobody published it: it is what is left of a table for these partners.
    left: bool,
}

/// Works out everything that is hidden, and judges it.
fn judged(
    scene: &Scene,
    count: usize,
    seen: &[Seen<'_>],
    tally: &mut Tally,
) -> Result<(), AdversaryError> {
    let mut together = Together::default();
    let mut all = Vec::with_capacity(seen.len());
    let profile = scene.profile();
    for one in seen {
        let document: ReleaseDocument = canonical::decode(one.bytes)?;
        let mut besides: Vec<Besides> = vec![("partner", count, one.partners.clone())];
        besides.extend(one.within.map(|number| ("extract", 2, (0..number).collect())));
        let said = |_, shown| if one.left { (0, None, true) } else { knows(shown, profile) };
        all.push(together.add_said(scene, &document, &besides, said)?);
    }
    let Some(ranges) = together.ranges()? else { return Ok(()) };
    let zeros = profile.zeros() == Zeros::Shown;
    for (one, places) in seen.iter().zip(all) {
        tally.tables += usize::from(!one.left);
        for ((shown, place), truth) in places.into_iter().zip(&one.truth) {
            let hidden = if one.left {
                *truth <= profile.limit() && !(zeros && *truth == 0)
            } else {
                let own = profile.tells_small() || *truth <= profile.limit();
                own && matches!(shown, Shown::Small | Shown::Suppressed)
            };
            if let Some(place) = place.filter(|_| hidden) {
                tally.judge(*truth, ranges[place].low, ranges[place].high);
            }
        }
    }
    Ok(())
}

fn all_places(count: usize) -> Vec<u16> {
    (0..u16::try_from(count).unwrap_or(u16::MAX)).collect()
}

/// What a partner releases by its own test, one question after the other.
fn released(scene: &Scene, partner: &Partner) -> Result<Vec<Out>, AdversaryError> {
    let mut out: Vec<Out> = Vec::new();
    for asked in questions(scene.profile()) {
        let table = scene.table_of(&partner.rows, &partner.of, &asked, &partner.ods)?;
        out.extend(scene.release(&out, table)?);
    }
    Ok(out)
}

/// Puts the sum of everybody's tables out beside what is live, each question by itself, where the test lets it.
fn summed(
    scene: &Scene,
    live: &mut Vec<Vec<u8>>,
    (rows, version, pool): (&[Row], SnapshotVersion, &Pooled),
    tally: &mut Tally,
) -> Result<Vec<Out>, AdversaryError> {
    let mut out = Vec::new();
    for asked in questions(scene.profile()) {
        let table = scene.pooled(rows, version, &asked, pool.clone())?;
        let system = System::new(&scene.catalogue, live.iter())?;
        match system.test(vec![table.protected], &Limits::RELEASE)? {
            Outcome::Passed(drafts) => {
                let bytes = drafts.first().map(Draft::bytes).unwrap_or_default().to_vec();
                live.push(bytes.clone());
                out.push(Out { bytes, truth: table.truth });
            }
            Outcome::Withheld(_) => tally.refused += 1,
        }
    }
    Ok(out)
}

/// Shows partners' releases beside what is live, where the test lets them.
fn shown(
    scene: &Scene,
    live: &mut Vec<Vec<u8>>,
    released: &[Vec<Out>],
) -> Result<bool, AdversaryError> {
    let own = || released.iter().flatten();
    let documents: Vec<ReleaseDocument> =
        own().map(|out| canonical::decode(&out.bytes)).collect::<Result<_, _>>()?;
    let passes = System::new(&scene.catalogue, live.iter())?
        .partners_pass(&documents, &Limits::RELEASE)?;
    if passes {
        live.extend(own().map(|out| out.bytes.clone()));
    }
    Ok(passes)
}

/// The releases of partners from the first, as they are seen.
fn of_each(released: &[Vec<Out>]) -> impl Iterator<Item = Seen<'_>> {
    all_places(released.len()).into_iter().zip(released).flat_map(|(place, own)| {
        own.iter().map(move |out| Seen {
            bytes: &out.bytes,
            truth: out.truth.clone(),
            partners: vec![place],
            within: None,
            left: false,
        })
    })
}

/// The sums, as they are seen.
fn of_all(sums: &[Out], count: usize, within: Option<u16>) -> impl Iterator<Item = Seen<'_>> {
    sums.iter().map(move |out| Seen {
        bytes: &out.bytes,
        truth: out.truth.clone(),
        partners: all_places(count),
        within,
        left: false,
    })
}

/// What each sum leaves for the partners from a place on.
fn left_of<'a>(
    scene: &Scene,
    sums: &'a [Out],
    partners: &[Partner],
    from: usize,
) -> Result<Vec<Seen<'a>>, AdversaryError> {
    let others = everybody(&partners[from..]);
    let places = all_places(partners.len()).split_off(from);
    let mut left = Vec::new();
    for out in sums.iter().filter(|_| from < partners.len()) {
        let document: ReleaseDocument = canonical::decode(&out.bytes)?;
        let asked = questions(scene.profile()).into_iter().find(|asked| {
            let by = document.question.by.iter().map(|level| level.as_str());
            by.eq(asked.by.iter().copied())
        });
        let asked = asked.ok_or(AdversaryError::Needs("a question"))?;
        let of = &partners[from].of;
        let truth = scene.table_of(&others, of, &asked, &partners[from].ods)?.truth;
        let partners = places.clone();
        left.push(Seen { bytes: &out.bytes, truth, partners, within: None, left: true });
    }
    Ok(left)
}

/// A12. Partners show their tables before the sums are made, or after; all of them do, or all but the last.
pub(super) fn partners(
    n: usize,
    seed: u64,
    told: &mut dyn FnMut(Finding),
) -> Result<(), AdversaryError> {
    let shape = "2 to 16 partners and their sum, by sex and core20 (exact_cs: by one of them)";
    for profile in PROFILES {
        let scene = Scene::new(profile)?;
        let mut draw = Draw::new(seed);
        let (mut tally, mut views, mut rounds) = (Tally::default(), 0, 0);
        for number in 0..ROUNDS {
            if tally.cells >= n && number * 150 >= n {
                break;
            }
            rounds += 1;
            let count = PARTNERS[number % PARTNERS.len()];
            let partners = invented(count, PEOPLE[number % PEOPLE.len()], &mut draw)?;
            let (rows, pool) = (everybody(&partners), round(&partners, b"closing")?);
            let of_round = (&rows[..], SnapshotVersion::Provisional, &pool);
            let most = count - usize::from(number % 4 > 1);
            let own = partners[..most].iter().map(|p| released(&scene, p));
            let own = own.collect::<Result<Vec<_>, _>>()?;
            let mut live = Vec::new();
            let (sums, seen) = if number % 2 == 0 {
                let sums = summed(&scene, &mut live, of_round, &mut tally)?;
                (sums, shown(&scene, &mut live, &own)?)
            } else {
                let seen = shown(&scene, &mut live, &own)?;
                (summed(&scene, &mut live, of_round, &mut tally)?, seen)
            };
            let mut all: Vec<Seen<'_>> = of_all(&sums, count, None).collect();
            if seen {
                views += 1;
                all.extend(of_each(&own));
                all.extend(left_of(&scene, &sums, &partners, most)?);
            } else {
                tally.refused += own.iter().map(Vec::len).sum::<usize>();
            }
            judged(&scene, count, &all, &mut tally)?;
        }
        let held = tally.held() && tally.cells > 0;
        let note = format!("partners' tables were shown in {views} of {rounds} rounds");
        told(tally.finding(Attack::A12, profile.as_str(), shape, held).noted(note));
    }
    exact_sum(n, seed, told)
}

/// Partners' tables under `nhs75`, each tested by itself, beside an exact sum.
fn exact_sum(
    n: usize,
    seed: u64,
    told: &mut dyn FnMut(Finding),
) -> Result<(), AdversaryError> {
    let scene = Scene::new(Profile::Nhs75)?;
    let asked = Asked { indicator: OVER_52, by: vec!["imd.core20", "sex"], scope: None };
    let mut draw = Draw::new(seed);
    let mut tally = Tally::default();
    for number in 0..ROUNDS {
        if tally.cells >= n.max(100) {
            break;
        }
        let count = [2, 3, 5][number % 3];
        let partners = invented(count, [250, 120, 600][number % 3], &mut draw)?;
        let mut together = Together::default();
        let (mut own, mut document) = (Vec::new(), None);
        for (place, partner) in all_places(count).into_iter().zip(&partners) {
            let table = scene.table_of(&partner.rows, &partner.of, &asked, &partner.ods)?;
            let Some(out) = scene.release(&[], table)? else { continue };
            let besides = [("partner", count, vec![place])];
            let said = |_, shown| knows(shown, Profile::Nhs75);
            let read = document.insert(canonical::decode(&out.bytes)?);
            own.push((together.add_said(&scene, read, &besides, said)?, out.truth));
        }
        let Some(document) = document else { continue };
        let all = scene.table_of(&everybody(&partners), &partners[0].of, &asked, &partners[0].ods)?;
        let besides = [("partner", count, all_places(count))];
        let exactly = |cell: usize, _| {
            let n = all.truth.get(cell).copied().unwrap_or_default();
            (n, Some(n), false)
        };
        together.add_said(&scene, &document, &besides, exactly)?;
        let Some(ranges) = together.ranges()? else { continue };
        for (places, truth) in own {
            tally.tables += 1;
            for ((shown, place), truth) in places.into_iter().zip(truth) {
                let hidden = matches!(shown, Shown::Small | Shown::Suppressed);
                if let Some(place) = place.filter(|_| hidden) {
                    tally.judge(truth, ranges[place].low, ranges[place].high);
                }
            }
        }
    }
    let broke = tally.wrong == 0 && tally.exact * 10 >= tally.cells && tally.exact > 0;
    told(tally.finding(
        Attack::A12,
        format!("{CONTROL}nhs75 beside an exact sum, each tested alone"),
        "2 to 5 partners, by sex and core20",
        broke,
    ));
    Ok(())
}

/// A10. After a round was closed, the tables are added up once more without one partner, under the same standing and
/// under the next; then the next standing's round with the same partners is closed, when some records were added.
pub(super) fn memberships(
    n: usize,
    seed: u64,
    told: &mut dyn FnMut(Finding),
) -> Result<(), AdversaryError> {
    for profile in PROFILES {
        let scene = Scene::new(profile)?;
        let mut draw = Draw::new(seed + 1);
        let (mut tally, mut second, mut taken) = (Tally::default(), 0, 0);
        for number in 0..ROUNDS {
            if tally.cells >= n && number * 150 >= n {
                break;
            }
            let count = PARTNERS[number % PARTNERS.len()];
            let mut partners = invented(count, PEOPLE[number % PEOPLE.len()], &mut draw)?;
            let (rows, pool) = (everybody(&partners), round(&partners, b"closing")?);
            let mut live = Vec::new();
            let of_first = (&rows[..], SnapshotVersion::Provisional, &pool);
            let first = summed(&scene, &mut live, of_first, &mut tally)?;
            if first.is_empty() {
                continue;
            }
            let (others, fewer) =
                (everybody(&partners[1..]), round(&partners[1..], b"without the first")?);
            for version in [SnapshotVersion::Provisional, SnapshotVersion::Final] {
                let mut none = Tally::default();
                let of = (&others[..], version, &fewer);
                taken += summed(&scene, &mut live.clone(), of, &mut none)?.len();
                second += none.refused;
            }
            let came = (0..=number % 3).map(|_| Row::draw(&mut draw));
            partners[0].rows.extend(came);
            let (rows, pool) = (everybody(&partners), round(&partners, b"closing of the next")?);
            let of_next = (&rows[..], SnapshotVersion::Final, &pool);
            let last = summed(&scene, &mut live, of_next, &mut tally)?;
            let seen = of_all(&first, count, Some(1)).chain(of_all(&last, count, Some(2)));
            judged(&scene, count, &seen.collect::<Vec<_>>(), &mut tally)?;
        }
        let held = tally.held() && tally.cells > 0 && taken == 0 && second > 0;
        let note = format!(
            "of {} sums without one partner {taken} were let out beside those with it",
            second + taken
        );
        let shape = "sums of 2 to 16 partners, by sex and core20";
        told(tally.finding(Attack::A10, profile.as_str(), shape, held).noted(note));
    }
    any_membership(n, seed, told)
}

/// Exact sums with one partner and without.
fn any_membership(
    n: usize,
    seed: u64,
    told: &mut dyn FnMut(Finding),
) -> Result<(), AdversaryError> {
    let scene = Scene::new(Profile::Nhs75m)?;
    let asked = Asked { indicator: OVER_52, by: vec!["imd.core20", "sex"], scope: None };
    let mut draw = Draw::new(seed);
    let mut tally = Tally::default();
    for number in 0..ROUNDS {
        if tally.cells >= n {
            break;
        }
        let partners = invented(4, PEOPLE[number % PEOPLE.len()], &mut draw)?;
        let sum = |of: &[Partner]| -> Result<Vec<u64>, AdversaryError> {
            Ok(scene.table_of(&everybody(of), &of[0].of, &asked, &of[0].ods)?.truth)
        };
        let (with, without, truth) = (sum(&partners)?, sum(&partners[1..])?, sum(&partners[..1])?);
        tally.tables += 2;
        for ((with, without), truth) in with.into_iter().zip(without).zip(truth) {
            if truth <= Profile::Nhs75m.limit() {
                tally.judge(truth, with - without, Some(with - without));
            }
        }
    }
    let broke = tally.exact == tally.cells && tally.exact > 0;
    told(tally.finding(
        Attack::A10,
        format!("{CONTROL}exact sums over any partners"),
        "4 partners, by sex and core20",
        broke,
    ));
    Ok(())
}
