//! Synthetic extracts that went through the real intake, made once; and an independent count of their rows.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use evensum::intake::{self, Input, LoadRequest, Mapping};
use evensum::reference::{Extent, Reference};
use evensum::snapshot::NodeKey;
use evensum::synth::{Geography, HOME_ICB, Kind, PartnerProfile, RttExtract};
use evensum_core::catalogue::Catalogue;
use evensum_core::model::{DatasetId, ImdEdition};

use crate::pki::{NOW, ods};

pub(super) const DATASET: &str = "rtt_open_pathway";
pub(super) const PERIOD: &str = "2026-10";
/// The last day of the period, to which waits are counted.
const CENSUS: time::Date = time::macros::date!(2026 - 10 - 31);
const ROWS: u32 = 1_500;
const SEED: u64 = 20_261_031;

/// A partner's published extract: the files of its state directory, and the rows that they were made of.
pub(super) struct Extract {
    files: Vec<(PathBuf, Vec<u8>)>,
    pub(super) csv: Vec<u8>,
}

pub(super) fn node_key(code: &str) -> NodeKey {
    NodeKey::from_bytes([code.as_bytes()[2]; 32])
}

/// The extract of a partner; none for one without data. Each is made when it is first asked for.
pub(super) fn extract(code: &str, edition: ImdEdition) -> Option<&'static Extract> {
    static MADE: [OnceLock<Extract>; 4] = [const { OnceLock::new() }; 4];
    let (place, kind) = match (code, edition) {
        ("ZZ1", ImdEdition::Imd2025) => (0, Kind::Acute),
        ("ZZ2", ImdEdition::Imd2025) => (1, Kind::Acute),
        ("ZZ2", ImdEdition::Imd2019) => (2, Kind::Acute),
        ("ZZ3", ImdEdition::Imd2025) => (3, Kind::Community),
        _ => return None,
    };
    Some(MADE[place].get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let geography = Geography::new(SEED);
        let reference = reference(folder.path(), &geography);
        make(folder.path(), code, kind, edition, &geography, &reference)
    }))
}

/// The same invented areas on both censuses, so that both editions of the index can be derived.
pub(super) fn reference(folder: &Path, geography: &Geography) -> Reference {
    let (mut imd, mut icb) = (Vec::new(), Vec::new());
    geography.write_imd(&mut imd).expect("written");
    geography.write_lookup(&mut icb).expect("written");
    let tables = folder.join("reference");
    for (name, bytes) in [("imd.csv", imd), ("icb.csv", icb)] {
        let text = String::from_utf8(bytes).expect("text");
        for text in [text.replace("lsoa21cd", "lsoa11cd"), text] {
            let file = folder.join(name);
            fs::write(&file, text).expect("written");
            Reference::add(&tables, &file, Extent::Partial).expect("recognised");
        }
    }
    Reference::open(&tables).expect("opens")
}

/// An extract that nobody else uses: a partner's invented rows, changed, and read with these additions to the
/// mapping.
pub(super) fn extract_of(
    code: &str,
    change: impl FnOnce(Vec<u8>) -> Vec<u8>,
    more: &str,
) -> Extract {
    let folder = tempfile::tempdir().expect("a folder");
    let geography = Geography::new(SEED);
    let reference = reference(folder.path(), &geography);
    let csv = change(invented(code, Kind::Acute, &geography));
    load(folder.path(), code, ImdEdition::Imd2025, csv, more, &reference)
}

fn invented(code: &str, kind: Kind, geography: &Geography) -> Vec<u8> {
    let period = PERIOD.parse().expect("a period");
    let profile = PartnerProfile::new(ods(code), ROWS, kind).expect("a profile");
    let mut csv = Vec::new();
    RttExtract::write_csv(&mut csv, &profile, geography, period, SEED, |_| {}).expect("written");
    csv
}

fn make(
    home: &Path,
    code: &str,
    kind: Kind,
    edition: ImdEdition,
    geography: &Geography,
    reference: &Reference,
) -> Extract {
    load(home, code, edition, invented(code, kind, geography), "", reference)
}

fn load(
    home: &Path,
    code: &str,
    edition: ImdEdition,
    csv: Vec<u8>,
    more: &str,
    reference: &Reference,
) -> Extract {
    let period = PERIOD.parse().expect("a period");
    let (file, state) = (home.join("extract.csv"), home.join("state"));
    fs::write(&file, &csv).expect("written");
    let catalogue = Catalogue::builtin().expect("the catalogue");
    let mapping = format!(
        "dataset = \"{DATASET}\"\n[source]\nencoding = \"utf-8\"\ndelimiter = \",\"\nheader = true\n\
         date = [\"%Y-%m-%d\"]\nimd_edition = \"{}\"\n{more}",
        edition.as_str()
    );
    let dataset = DatasetId::new(DATASET).expect("an id");
    intake::load(&LoadRequest {
        input: Input::File(&file),
        mapping: &Mapping::parse(&mapping, &catalogue).expect("a mapping"),
        dataset: &dataset,
        period,
        staged_dir: &intake::staged_root(&state),
        key: &node_key(code),
        catalogue: &catalogue,
        reference,
        exclude: None,
        record_keys: false,
        links: None,
        progress: &|_| {},
        today: NOW.date(),
    })
    .expect("loads");
    intake::publish(&state, &dataset, period, &node_key(code), NOW.date()).expect("published");
    let mut files = Vec::new();
    collect(&state, &state, &mut files);
    Extract { files, csv }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let bytes = fs::read(&path).expect("readable");
            files.push((path.strip_prefix(root).expect("below").to_owned(), bytes));
        }
    }
}

/// What the rows of one cell come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cell {
    /// Rows.
    pub(super) events: u64,
    people: BTreeMap<String, u64>,
}

impl Cell {
    fn add(&mut self, person: &str) {
        self.events += 1;
        *self.people.entry(person.to_owned()).or_default() += 1;
    }

    /// The people, and the most rows that one of them has.
    pub(super) fn people(&self) -> (u64, u64) {
        let top = self.people.values().copied().max().unwrap_or_default();
        (u64::try_from(self.people.len()).expect("few"), top)
    }

    /// What `nhs75m` shows of it: the rule in one line, written here a second time on purpose.
    pub(super) fn shown(&self) -> Option<u64> {
        let top = self.people.values().copied().max().unwrap_or_default();
        let open = self.events > 7 && self.people.len() > 7 && 2 * top <= self.events;
        open.then(|| (self.events + 2) / 5 * 5)
    }
}

/// True counts by sex (and `all`) and by wait (`over52` and `all`).
pub(super) type BySex = BTreeMap<(&'static str, &'static str), Cell>;

impl Extract {
    /// Puts the published files into a state directory.
    pub(super) fn install(&self, state: &Path) {
        for (name, bytes) in &self.files {
            let path = state.join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, bytes).expect("written");
        }
    }

    fn rows(&self) -> Vec<csv::StringRecord> {
        csv::Reader::from_reader(self.csv.as_slice())
            .into_records()
            .collect::<Result<_, _>>()
            .expect("rows")
    }

    /// Every patient's number.
    pub(super) fn patients(&self) -> Vec<String> {
        self.rows().iter().map(|row| row[0].to_owned()).collect()
    }

    /// Counts the rows of residents of the home board, from the text of the extract alone.
    pub(super) fn by_sex(&self) -> BySex {
        self.by_sex_in(HOME_ICB)
    }

    /// The same of any board.
    pub(super) fn by_sex_in(&self, icb: &str) -> BySex {
        let form = time::macros::format_description!("[year]-[month]-[day]");
        let mut cells = BySex::new();
        for row in self.rows().iter().filter(|row| &row[8] == icb) {
            let start = time::Date::parse(&row[1], form).expect("a date");
            let long = (CENSUS - start).whole_days() > 364;
            let sex = match &row[5] {
                "1" => "male",
                "2" => "female",
                "9" => "indeterminate",
                _ => "unknown",
            };
            for sex in [sex, "all"] {
                cells.entry((sex, "all")).or_default().add(&row[0]);
                if long {
                    cells.entry((sex, "over52")).or_default().add(&row[0]);
                }
            }
        }
        cells
    }
}
