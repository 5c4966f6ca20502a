//! A folder that extracts are put into: which file is what, and when it is complete. Polled, since network shares
//! tell nobody of changes. Nothing in the folder is moved or written; what was done with a file is kept in the
//! node's own state.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use evensum_core::model::{DatasetId, Date, Period, Timestamp};
use serde::{Deserialize, Serialize};

use super::error::IntakeError;
use super::hold;

/// The most entries of a folder that are looked at.
pub const MAX_WATCHED: usize = 10_000;

/// The longest record of a folder that is read, in bytes.
const MAX_RECORD_BYTES: u64 = 8 << 20;

/// The record of what was done, in the node's state.
const RECORD: &str = "watch.json";
const LOCK: &str = "watch.lock";

/// What a file is named after that says: the one of this name is complete.
const DONE: &str = ".done";

const PERIOD: &str = "{period}";

/// Nanoseconds of a second.
const NANOS: u64 = 1_000_000_000;

/// Why a folder cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The file system said no.
    #[error("{} cannot be {action}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// More than [`MAX_WATCHED`].
    #[error("{} has more than {MAX_WATCHED} entries: move what was loaded to another folder", .0.display())]
    TooMany(PathBuf),
    /// Another process watches.
    #[error("the folder is watched by another process already: {0}")]
    Busy(String),
    /// The record cannot be read.
    #[error("{} cannot be read: remove it, and every file of the folder is loaded once more", .0.display())]
    Record(PathBuf),
}

fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> WatchError {
    let path = path.to_owned();
    move |source| WatchError::Io { path, action, source }
}

/// Why a rule for files is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Not a pattern.
    #[error(
        "'{0}' is no pattern of file names: it may have '*' for anything and one '{{period}}', and no folder"
    )]
    Pattern(String),
    /// Neither the name nor the rule says which period.
    #[error(
        "'{0}' does not say which period: write {{period}} into the name, or period = \"last month\""
    )]
    NoPeriod(String),
    /// Both do.
    #[error("'{0}' has the period in the name: take period = \"{1}\" out")]
    TwoPeriods(String, String),
    /// None of the three.
    #[error(
        "'{0}' is no period of a watched file: write \"last month\", \"last quarter\" or \"last year\""
    )]
    Last(String),
}

/// The last period of a kind that had ended when a file was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Month,
    Quarter,
    Year,
}

impl Last {
    fn before(self, written: Date) -> Period {
        let (year, month, _) = written.civil().to_calendar_date();
        let month = month as u8;
        let year = u16::try_from(year).unwrap_or_default();
        // January to March belong to the financial year that began in the April before.
        let financial = if month < 4 { year.saturating_sub(1) } else { year };
        match self {
            Self::Month => Period::Month { year, month },
            Self::Quarter => Period::Quarter { year: financial, quarter: (month + 8) % 12 / 3 + 1 },
            Self::Year => Period::Year { year: financial },
        }
        .previous()
    }
}

/// Which files are what.
#[derive(Debug, Clone)]
pub struct WatchRule {
    /// In lower case.
    pattern: String,
    last: Option<Last>,
    /// The dataset.
    pub dataset: DatasetId,
    /// How the file is to be read.
    pub mapping: PathBuf,
}

impl WatchRule {
    /// Takes a pattern such as `rtt_{period}.csv`, or `rtt*.csv` with a period such as `last month`.
    ///
    /// # Errors
    /// [`RuleError`].
    pub fn new(
        pattern: &str,
        period: Option<&str>,
        dataset: DatasetId,
        mapping: PathBuf,
    ) -> Result<Self, RuleError> {
        let named = pattern.matches(PERIOD).count();
        let rest = pattern.replace(PERIOD, "");
        if rest.is_empty() || named > 1 || rest.contains(['/', '\\', '{', '}']) {
            return Err(RuleError::Pattern(pattern.to_owned()));
        }
        let last = match period {
            None if named == 0 => return Err(RuleError::NoPeriod(pattern.to_owned())),
            None => None,
            Some(text) if named == 1 => {
                return Err(RuleError::TwoPeriods(pattern.to_owned(), text.to_owned()));
            }
            Some("last month") => Some(Last::Month),
            Some("last quarter") => Some(Last::Quarter),
            Some("last year") => Some(Last::Year),
            Some(other) => return Err(RuleError::Last(other.to_owned())),
        };
        Ok(Self { pattern: pattern.to_lowercase(), last, dataset, mapping })
    }

    /// Whether a file is one of these and, if so, of which period; the inner error says why nobody knows. The day on
    /// which it was written tells the last period: a file that is looked at late, or again, is what it was.
    fn period(&self, name: &str, written_on: Date) -> Option<Result<Period, &'static str>> {
        let name = name.to_lowercase();
        if let Some(last) = self.last {
            return fits(&self.pattern, &name).then(|| Ok(last.before(written_on)));
        }
        let (before, after) = self.pattern.split_once(PERIOD)?;
        if !fits(&format!("{before}*{after}"), &name) {
            return None;
        }
        for length in PERIOD_LENGTHS {
            let mut found: Vec<Period> = Vec::new();
            for (at, _) in name.char_indices() {
                let Some(text) = name.get(at..at + length) else { continue };
                let alone = fits(before, &name[..at]) && fits(after, &name[at + length..]);
                if let (true, Some(period)) = (alone, written(text)) {
                    found.push(period);
                }
            }
            found.dedup();
            match found.as_slice() {
                [] => {}
                [one] => return Some(Ok(*one)),
                _ => return Some(Err("its name could mean more than one period")),
            }
        }
        Some(Err("its name has no period such as 2026-10, 202610, 2026-27Q2 or 2026-27"))
    }
}

/// How long a period in a name is, the longest first, so that the quarter 2026-27Q2 is not taken for a year.
const PERIOD_LENGTHS: [usize; 4] = [9, 8, 7, 6];

/// A period as file names have it: `2026-10`, `2026_10`, `202610`, `2026-27q2`, `2026-27`.
fn written(text: &str) -> Option<Period> {
    let text = text.replace('_', "-").to_uppercase();
    if text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit()) {
        return format!("{}-{}", &text[..4], &text[4..]).parse().ok();
    }
    text.parse().ok()
}

/// Whether a text is of a pattern in which `*` is anything.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(end) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(end)
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It is staged.
    Staged,
    /// It gives what was there already.
    Unchanged,
    /// It cannot be loaded; the text says why.
    Failed(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    size: u64,
    /// Nanoseconds since 1970.
    modified: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dataset: Option<DatasetId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    period: Option<Period>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on: Option<Date>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<Ended>,
}

/// A file that is complete and was not dealt with yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Which of the rules it falls under.
    pub rule: usize,
    /// Its period; or why nobody knows.
    pub period: Result<Period, &'static str>,
}

/// Whoever watches a folder: one process a node.
#[derive(Debug)]
pub struct Watcher {
    record: PathBuf,
    files: BTreeMap<String, Record>,
    _lock: File,
}

impl Watcher {
    /// Opens the record of what was done with the files of the folder.
    ///
    /// # Errors
    /// [`WatchError`].
    pub fn open(state: &Path) -> Result<Self, WatchError> {
        let path = state.join(LOCK);
        let lock = hold::lock(&path).map_err(|error| match error {
            IntakeError::Busy(who) => WatchError::Busy(who),
            IntakeError::Io { path, action, source } => WatchError::Io { path, action, source },
            _ => WatchError::Record(path),
        })?;
        let record = state.join(RECORD);
        let files = match File::open(&record) {
            Ok(file) => {
                let mut text = Vec::new();
                file.take(MAX_RECORD_BYTES).read_to_end(&mut text).map_err(io(&record, "read"))?;
                serde_json::from_slice(&text).map_err(|_| WatchError::Record(record.clone()))?
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(e) => return Err(io(&record, "read")(e)),
        };
        Ok(Self { record, files, _lock: lock })
    }

    /// Looks at the folder once: the files that are complete and new, the oldest first. A file is complete when
    /// two looks find the same size and time or, with `marked`, when a file of its name and `.done` is beside it that
    /// is no older: an older one was for the file that this one replaces.
    ///
    /// # Errors
    /// [`WatchError`].
    pub fn look(
        &mut self,
        folder: &Path,
        marked: bool,
        rules: &[WatchRule],
    ) -> Result<Vec<Incoming>, WatchError> {
        let mut complete: Vec<(u64, Incoming)> = Vec::new();
        let mut there = BTreeMap::new();
        for (name, size, modified) in listed(folder)? {
            let written_on = day(modified);
            let of = rules.iter().enumerate();
            let Some((rule, period)) =
                of.filter_map(|(i, r)| Some((i, r.period(&name, written_on)?))).next()
            else {
                continue;
            };
            let known = self.files.get(&name).filter(|r| (r.size, r.modified) == (size, modified));
            let fresh =
                Record { size, modified, dataset: None, period: None, on: None, ended: None };
            let path = folder.join(&name);
            let ended = known.is_some_and(|record| record.ended.is_some());
            let whole = if marked { is_marked(folder, &name, modified) } else { known.is_some() };
            there.insert(name.clone(), known.cloned().unwrap_or(fresh));
            if whole && !ended {
                complete.push((modified, Incoming { name, path, rule, period }));
            }
        }
        self.files = there;
        self.save()?;
        complete.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
        Ok(complete.into_iter().map(|(_, incoming)| incoming).collect())
    }

    /// Notes what became of a file, which is left alone from then on until it is another one.
    ///
    /// # Errors
    /// [`WatchError`].
    pub fn note(
        &mut self,
        incoming: &Incoming,
        dataset: &DatasetId,
        today: Date,
        ended: Ended,
    ) -> Result<(), WatchError> {
        if let Some(record) = self.files.get_mut(&incoming.name) {
            record.dataset = Some(dataset.clone());
            record.period = incoming.period.ok();
            record.on = Some(today);
            record.ended = Some(ended);
        }
        self.save()
    }

    fn save(&self) -> Result<(), WatchError> {
        let failed = |source| io(&self.record, "written")(source);
        let text = serde_json::to_vec_pretty(&self.files).map_err(std::io::Error::other);
        let dir = self.record.parent().unwrap_or(Path::new("."));
        let beside = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
        fs::write(beside.path(), text.map_err(failed)?).map_err(failed)?;
        beside.persist(&self.record).map_err(|e| failed(e.error))?;
        Ok(())
    }
}

/// The plain files of a folder: name, size, and when they were changed. Hidden ones are on their way.
fn listed(folder: &Path) -> Result<Vec<(String, u64, u64)>, WatchError> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).map_err(io(folder, "read"))?;
    for (count, entry) in entries.enumerate() {
        if count == MAX_WATCHED {
            return Err(WatchError::TooMany(folder.to_owned()));
        }
        let entry = entry.map_err(io(folder, "read"))?;
        // One that is gone meanwhile is not there.
        let Ok(about) = fs::metadata(entry.path()) else { continue };
        let Ok(name) = entry.file_name().into_string() else { continue };
        if !about.is_file() || name.starts_with('.') {
            continue;
        }
        found.push((name, about.len(), modified(&about)));
    }
    Ok(found)
}

/// When a file was changed, in nanoseconds since 1970.
fn modified(about: &Metadata) -> u64 {
    let since = about.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX))
}

/// The day of so many nanoseconds since 1970.
fn day(modified: u64) -> Date {
    Timestamp::from_unix(i64::try_from(modified / NANOS).unwrap_or(i64::MAX)).date()
}

/// Whether a file's marker is there, and was written with it or after it.
fn is_marked(folder: &Path, name: &str, written: u64) -> bool {
    let marker = fs::metadata(folder.join(format!("{name}{DONE}")));
    marker.is_ok_and(|about| about.is_file() && modified(&about) >= written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().expect("a date")
    }

    fn rule(pattern: &str, period: Option<&str>) -> Result<WatchRule, RuleError> {
        let dataset = DatasetId::new("rtt_open_pathway").expect("an id");
        WatchRule::new(pattern, period, dataset, PathBuf::from("rtt.toml"))
    }

    #[test]
    fn names_say_which_period() {
        let today = date("2026-11-09");
        for (pattern, name, wanted) in [
            ("rtt_{period}.csv", "rtt_2026-10.csv", Some(Ok("2026-10"))),
            ("rtt_{period}.csv", "RTT_2026_10.CSV", Some(Ok("2026-10"))),
            ("rtt_{period}.csv", "rtt_202610.csv", Some(Ok("2026-10"))),
            ("rtt_{period}.csv", "rtt_2026-27Q2.csv", Some(Ok("2026-27Q2"))),
            ("rtt_{period}.csv", "rtt_2026-27.csv", Some(Ok("2026-27"))),
            ("*{period}*", "WL 2026-10 final.csv", Some(Ok("2026-10"))),
            ("*{period}*.csv*", "x_2026-10.csv.gz", Some(Ok("2026-10"))),
            ("*{period}*", "2026-09 to 2026-10.csv", Some(Err(()))),
            ("rtt_{period}.csv", "rtt_october.csv", Some(Err(()))),
            ("rtt_{period}.csv", "ae_2026-10.csv", None),
            ("rtt_{period}.csv", "rtt_2026-10.csv.done", None),
        ] {
            let found = rule(pattern, None).expect(pattern).period(name, today);
            let found = found.map(|period| period.map(|p| p.to_string()).map_err(|_| ()));
            let wanted = wanted.map(|period| period.map(str::to_owned));
            assert_eq!(found, wanted, "{pattern}: {name}");
        }
    }

    #[test]
    fn the_last_period_is_the_one_that_has_ended() {
        for (today, month, quarter, year) in [
            ("2026-11-09", "2026-10", "2026-27Q2", "2025-26"),
            ("2027-01-01", "2026-12", "2026-27Q3", "2025-26"),
            ("2027-03-31", "2027-02", "2026-27Q3", "2025-26"),
            ("2027-04-01", "2027-03", "2026-27Q4", "2026-27"),
            ("2027-06-30", "2027-05", "2026-27Q4", "2026-27"),
        ] {
            for (kind, wanted) in [("month", month), ("quarter", quarter), ("year", year)] {
                let rule = rule("x*", Some(&format!("last {kind}"))).expect(kind);
                let found = rule.period("x.csv", date(today)).expect("fits").expect("a period");
                assert_eq!(found.to_string(), wanted, "{today} {kind}");
                assert!(found.last_day() < date(today) && found.next().last_day() >= date(today));
            }
        }
    }

    #[test]
    fn rules_that_say_too_little_or_too_much_are_refused() {
        for (pattern, period, wanted) in [
            ("rtt.csv", None, "does not say which period"),
            ("{period}", None, "no pattern"),
            ("a/{period}.csv", None, "no folder"),
            ("{period}{period}x", None, "no pattern"),
            ("{month}.csv", None, "no pattern"),
            ("{period}.csv", Some("last month"), "take period"),
            ("x.csv", Some("this month"), "last month"),
        ] {
            let error = rule(pattern, period).expect_err(pattern).to_string();
            assert!(error.contains(wanted), "{pattern}: {error}");
        }
    }

    #[test]
    fn a_file_is_dealt_with_once_it_is_complete_and_again_when_it_is_another() {
        let home = tempfile::tempdir().expect("a folder");
        let (state, folder) = (home.path().join("state"), home.path().join("in"));
        for dir in [&state, &folder] {
            fs::create_dir(dir).expect("made");
        }
        let rules = [rule("rtt_{period}.csv", None).expect("a rule")];
        let today = date("2026-11-09");
        let dataset = rules[0].dataset.clone();
        let put = |name: &str, text: &str| fs::write(folder.join(name), text).expect("written");
        let look = |marked: bool| -> Vec<String> {
            // A watcher of its own each time: what was seen is in the record.
            let mut watcher = Watcher::open(&state).expect("opens");
            let found = watcher.look(&folder, marked, &rules).expect("looks");
            found.into_iter().map(|i| i.name).collect()
        };
        let none: [&str; 0] = [];
        put("rtt_2026-10.csv", "a");
        put("other.csv", "a");
        assert_eq!(look(false), none, "seen once");
        put("rtt_2026-10.csv", "ab");
        assert_eq!(look(false), none, "it grows");
        assert_eq!(look(false), ["rtt_2026-10.csv"]);
        {
            let mut watcher = Watcher::open(&state).expect("opens");
            assert!(matches!(Watcher::open(&state), Err(WatchError::Busy(_))), "one at a time");
            let found = watcher.look(&folder, false, &rules).expect("looks");
            watcher.note(&found[0], &dataset, today, Ended::Staged).expect("noted");
        }
        assert_eq!(look(false), none, "done");
        put("rtt_2026-10.csv", "abc");
        assert_eq!(look(false), none);
        assert_eq!(look(false), ["rtt_2026-10.csv"], "another file of the name");
        put("rtt_2026-11.csv", "a");
        assert_eq!(look(true), none, "not marked");
        put("rtt_2026-11.csv.done", "");
        assert_eq!(look(true), ["rtt_2026-11.csv"], "marked, and loaded at once");
        written(&folder.join("rtt_2026-11.csv.done"), "2026-11-01");
        assert_eq!(look(true), none, "the marker of an earlier file");
    }

    /// Makes a file one that was changed on a day.
    fn written(path: &Path, on: &str) {
        let days = u64::try_from(date(on).days_since(date("1970-01-01"))).expect("after 1970");
        let at = UNIX_EPOCH + std::time::Duration::from_secs(days * 86_400);
        let file = File::options().write(true).open(path).expect("opens");
        file.set_modified(at).expect("set");
    }

    #[test]
    fn a_file_that_is_looked_at_late_is_of_the_month_before_it_was_written() {
        let home = tempfile::tempdir().expect("a folder");
        let (state, folder) = (home.path().join("state"), home.path().join("in"));
        for dir in [&state, &folder] {
            fs::create_dir(dir).expect("made");
        }
        let rules = [rule("rtt.csv", Some("last month")).expect("a rule")];
        let mut watcher = Watcher::open(&state).expect("opens");
        let file = folder.join("rtt.csv");
        for (on, wanted) in [("2019-03-01", "2019-02"), ("2020-01-31", "2019-12")] {
            fs::write(&file, "a").expect("written");
            written(&file, on);
            watcher.look(&folder, false, &rules).expect("looks");
            let found = watcher.look(&folder, false, &rules).expect("looks");
            let period = found[0].period.expect("a period");
            assert_eq!(period.to_string(), wanted, "{on}");
        }
    }
}
