//! The part of a node's configuration that is about its extracts: who is left out, for how long rows are kept, when
//! extracts are expected, and the folder that they come in.

use std::path::PathBuf;

use evensum_core::model::DatasetId;
use serde::Deserialize;

use super::{NodeTable, Pushdown, Source};

/// The most months for which rows are kept: a hundred years.
pub const MAX_RETENTION_MONTHS: u16 = 1200;

/// Between two looks at a folder, in seconds.
const LOOKS: std::ops::RangeInclusive<u32> = 1..=86_400;

/// The most kinds of files in a folder.
const MAX_FILES: usize = 100;

/// For how long the rows of published extracts are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Months from the publication on.
    pub months: u16,
}

/// A folder that extracts are put into.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// The folder.
    #[serde(default)]
    pub folder: Option<PathBuf>,
    /// Between two looks, in seconds.
    #[serde(default = "a_minute")]
    pub every_seconds: u32,
    /// Whether a file is complete when one of its name and `.done` is beside it, rather than when it grows no more.
    #[serde(default)]
    pub done_marker: bool,
    /// What the files are.
    #[serde(default, rename = "file")]
    pub files: Vec<WatchedFile>,
}

/// Files of one kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchedFile {
    /// Their names: `*` is anything, `{period}` a period.
    pub name: String,
    /// The period, where the name has none: `last month`, `last quarter` or `last year`.
    #[serde(default)]
    pub period: Option<String>,
    /// The dataset.
    pub dataset: DatasetId,
    /// How they are to be read.
    pub mapping: PathBuf,
}

const fn a_minute() -> u32 {
    60
}

impl NodeTable {
    /// Its paths, to be made relative to the configuration.
    pub(super) fn paths(&mut self) -> Vec<&mut PathBuf> {
        let mut all = vec![&mut self.key, &mut self.reference];
        all.extend(self.sources.values_mut().flat_map(Source::paths));
        all.extend(self.pushdown.iter_mut().flat_map(Pushdown::files));
        all.extend(&mut self.exclude);
        all.extend(&mut self.link_secret);
        if let Some(watch) = &mut self.watch {
            all.extend(&mut watch.folder);
            all.extend(watch.files.iter_mut().map(|file| &mut file.mapping));
        }
        all
    }

    /// What is wrong with it.
    pub(super) fn wrong(&self) -> Option<String> {
        if let Some(Retention { months }) = self.retention
            && !(1..=MAX_RETENTION_MONTHS).contains(&months)
        {
            return Some(format!(
                "'months' under [node.retention] is 1 to {MAX_RETENTION_MONTHS}: to keep rows for ever, take the table out"
            ));
        }
        // A server has no role that could delete there, and an audit log that says deleted must be right.
        if self.retention.is_some() && self.pushdown.is_some() {
            return Some(
                "[node.retention] deletes the rows of this machine, and not those of the database that counts: with [node.pushdown] take it out, and drop old tables as deploy/postgresql/pushdown.sql shows"
                    .to_owned(),
            );
        }
        for (i, calendar) in self.calendar.iter().enumerate() {
            if self.calendar[..i].iter().any(|other| other.dataset() == calendar.dataset()) {
                return Some(format!(
                    "[[node.calendar]] names {} twice: a dataset has one calendar",
                    calendar.dataset()
                ));
            }
        }
        let watch = self.watch.as_ref()?;
        if !LOOKS.contains(&watch.every_seconds) {
            return Some("'every_seconds' under [node.watch] is 1 to 86400".to_owned());
        }
        if watch.files.is_empty() || watch.files.len() > MAX_FILES {
            return Some(format!(
                "[node.watch] needs a table [[node.watch.file]] for each kind of file, at most {MAX_FILES}"
            ));
        }
        None
    }
}
