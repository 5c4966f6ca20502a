//! A proposal as a mapping file, with the reasons beside it.

use std::fmt::Write;

use super::{Certainty, Line, Open, Proposal};

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn list(texts: &[String]) -> String {
    let all: Vec<String> = texts.iter().map(|t| quoted(t)).collect();
    format!("[{}]", all.join(", "))
}

/// A text that stays on its line behind a comment's sign.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl Certainty {
    /// The word beside a line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sure => "sure",
            Self::Likely => "likely",
            Self::Check => "CHECK",
        }
    }
}

impl Proposal {
    /// The mapping file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = format!(
            "# A mapping proposed by `evensum node map` from the first {} rows of an extract. Each line says how\n\
             # sure it is, and why: read all of them, and correct what is wrong. CHECK marks what could not be told.\n",
            self.rows
        );
        for question in &self.questions {
            let _ = writeln!(text, "# TO DO: {}", one_line(question));
        }
        let _ = writeln!(text, "\n# {}", one_line(&self.dataset_why));
        let _ = writeln!(text, "dataset = {}", quoted(self.dataset.as_str()));
        self.source(&mut text);
        self.fields(&mut text);
        for (column, table) in &self.codes {
            let _ =
                writeln!(text, "\n# Labels and spellings that are known for it.\n[codes.{column}]");
            for (value, id) in table {
                let _ = writeln!(text, "{} = {}", quoted(value), quoted(id));
            }
        }
        if !self.open.is_empty() {
            text.push_str(
                "\n# Values without a meaning. Rows with them count as not known, or are rejected where the value is\n\
                 # required. Give them one under [codes.COLUMN], such as \"value\" = \"category\".\n",
            );
        }
        for Open { column, values, others } in &self.open {
            let shown: Vec<String> = values.iter().map(|v| quoted(&one_line(v))).collect();
            let rest = if *others { "others that are rare, long or many" } else { "" };
            let all: Vec<String> =
                shown.into_iter().chain((*others).then(|| rest.to_owned())).collect();
            let _ = writeln!(text, "#   {column}: {}", all.join(", "));
        }
        text
    }

    fn source(&self, text: &mut String) {
        text.push_str("\n[source]\n");
        if !self.header {
            text.push_str(
                "header = false  # the first row is a record; fields are named by number\n",
            );
        }
        if self.dates.asked {
            let _ = writeln!(text, "# CHECK: {}", self.dates.why);
            text.push_str("# date = [\"%d/%m/%Y\"]\n");
        } else if self.dates.forms.is_empty() {
            let _ = writeln!(text, "# {}", self.dates.why);
        } else {
            let _ = writeln!(text, "date = {}  # {}", list(&self.dates.forms), self.dates.why);
        }
        if !self.nulls.is_empty() {
            let usual = ["NULL", "NA", "N/A", "\\N"].map(str::to_owned);
            let all: Vec<String> = usual.into_iter().chain(self.nulls.iter().cloned()).collect();
            let _ = writeln!(
                text,
                "null = {}  # seen as whole fields, beside the usual ones",
                list(&all)
            );
        }
        match &self.imd_edition {
            None => {}
            Some(told) => match told.edition {
                Some(edition) => {
                    let year = quoted(edition.as_str());
                    let _ = writeln!(text, "imd_edition = {year}  # {}", told.why);
                }
                None => {
                    let _ = writeln!(text, "# CHECK: {}\n# imd_edition = \"2025\"", told.why);
                }
            },
        }
    }

    fn fields(&self, text: &mut String) {
        text.push_str("\n[columns]\n");
        let line = |line: &Line| {
            let Line { column, field, certainty, why } = line;
            format!("{column} = {}  # {}: {why}\n", quoted(field), certainty.as_str())
        };
        self.columns.iter().for_each(|l| text.push_str(&line(l)));
        if !self.alternatives.is_empty() {
            text.push_str("# In place of one of these the file also has:\n");
        }
        self.alternatives.iter().for_each(|l| text.push_str(&format!("# {}", line(l))));
        for missing in &self.missing {
            let needed =
                if missing.required { "CHECK: needed, and not found" } else { "not found" };
            let _ = writeln!(text, "# {needed}: {}", missing.columns.join(" or "));
        }
        if !self.unused.is_empty() {
            let names: Vec<String> = self.unused.iter().map(|n| one_line(n)).collect();
            let _ = writeln!(text, "# Fields of the file that are not used: {}", names.join(", "));
        }
    }
}
