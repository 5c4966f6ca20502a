//! Whole loads, from files on disk to staged and published directories.

mod activity;
mod deployed;
mod exports;
mod files;
mod keys;
mod links;
mod loads;
mod postcodes;
mod reports;
mod rules;
mod staging;
mod typed;

use std::fs;
use std::path::{Path, PathBuf};

use evensum_core::model::{ColumnId, ImdEdition};

use super::prepare::Prepared;
use super::quality::Counts;
use super::*;
use crate::snapshot::Extract;

/// A node's directories, reference tables and key.
struct Place {
    dir: tempfile::TempDir,
    catalogue: Catalogue,
    reference: Reference,
    key: NodeKey,
}

const PERIOD: &str = "2026-10";
const DATASET: &str = "rtt_open_pathway";

/// Maps nothing: the headers below are all known.
const PLAIN: &str = "dataset = \"rtt_open_pathway\"\n[source]\nimd_edition = \"2019\"\n";

const HEADER: &str = "NHS_Number,RTT_Period_Start_Date,Date_Of_Birth,LSOA11,Ethnic_Category,Gender,Treatment_Function_Code,Provider_Code";

/// Three people, one with two pathways; every identifier is a marker that must not be found again.
const ROWS: [&str; 4] = [
    "9990000001,2026-06-01,1950-02-03,E01000001,A1,1,110,R0D",
    "9990000002,2025-09-15,2010-07-08,E01000002,Z,2,330,RBD",
    "9990000001,2024-09-15,1950-02-03,E01000001,A,1,502,RBD",
    "9990000003,2026-10-01,1936-01-01,W01000001,Q,X,999,",
];

const MARKERS: [&str; 9] = [
    "9990000001",
    "9990000002",
    "9990000003",
    "E01000001",
    "E01000002",
    "W01000001",
    "1950-02-03",
    "2010-07-08",
    "1936-01-01",
];

impl Place {
    fn published(&self) -> Option<(PathBuf, Manifest)> {
        let dataset = DatasetId::new(DATASET).expect("dataset");
        newest_published(&self.state(), &dataset, PERIOD.parse().expect("period"))
            .expect("readable")
    }

    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let reference = dir.path().join("reference");
        for (name, text) in [
            ("imd.csv", "lsoa11cd,imd_rank,imd_decile\nE01000001,1,1\nE01000002,9,10\n"),
            ("icb.csv", "lsoa11cd,icb_ods\nE01000001,QVV\nE01000002,QMF\n"),
        ] {
            fs::write(dir.path().join(name), text).expect("written");
            Reference::add(&reference, &dir.path().join(name), crate::reference::Extent::Partial)
                .expect("taken");
        }
        Self {
            catalogue: Catalogue::builtin().expect("catalogue"),
            reference: Reference::open(&reference).expect("opens"),
            key: NodeKey::from_bytes([7; 32]),
            dir,
        }
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn staged(&self) -> PathBuf {
        staged_root(&self.state()).join(DATASET).join(PERIOD)
    }

    fn request<T>(
        &self,
        bytes: &[u8],
        mapping: &str,
        run: impl FnOnce(&LoadRequest<'_>) -> Result<T, IntakeError>,
    ) -> Result<T, IntakeError> {
        let file = self.dir.path().join("extract.csv");
        fs::write(&file, bytes).expect("written");
        let mapping = Mapping::parse(mapping, &self.catalogue)?;
        run(&LoadRequest {
            input: Input::File(&file),
            mapping: &mapping,
            dataset: mapping.dataset(),
            period: PERIOD.parse().expect("a period"),
            staged_dir: &staged_root(&self.state()),
            key: &self.key,
            catalogue: &self.catalogue,
            reference: &self.reference,
            exclude: None,
            record_keys: false,
            links: None,
            progress: &|_| {},
            today: "2026-11-09".parse().expect("a date"),
        })
    }

    fn load(&self, bytes: &[u8], mapping: &str) -> Result<Loaded, IntakeError> {
        self.request(bytes, mapping, load)
    }

    fn prepare(&self, bytes: &[u8], mapping: &str) -> Result<Prepared, IntakeError> {
        self.request(bytes, mapping, prepare)
    }

    fn publish(&self) -> Result<Manifest, IntakeError> {
        publish(
            &self.state(),
            &DatasetId::new(DATASET).expect("id"),
            PERIOD.parse().expect("a period"),
            &self.key,
            "2026-11-12".parse().expect("a date"),
        )
    }
}

fn csv(rows: &[&str]) -> String {
    let mut text = format!("{HEADER}\n");
    rows.iter().for_each(|row| text.push_str(&format!("{row}\n")));
    text
}

/// The rows of an extract as text: person, then a category for each column, then weeks.
fn rows_of(extract: &Extract) -> Vec<String> {
    let rows = &extract.rows;
    (0..rows.persons.len())
        .map(|i| {
            let categories: Vec<&str> = rows
                .columns
                .iter()
                .map(|c| c.dictionary[usize::from(c.codes[i])].as_str())
                .collect();
            let measures: String =
                rows.measures.iter().map(|m| format!(" {}", m.values[i])).collect();
            format!("{} {}{measures}", rows.persons[i], categories.join(" "))
        })
        .collect()
}

/// Every file below a directory, with its bytes.
fn all_files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(all_files(&path));
        } else {
            let bytes = fs::read(&path).expect("read");
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}
