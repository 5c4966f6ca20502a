//! What is wrong with a TOML text, without a word of the text: a file that was named by mistake may hold
//! records of patients.

use std::fmt;

/// The line and the parser's reason, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TomlProblem {
    line: usize,
    reason: String,
}

impl TomlProblem {
    /// Describes a parser's error over a text. Of the reason only what stands before a quotation of the text
    /// is kept, unless the quotation is a name in backticks that the parser wanted or did not know.
    #[must_use]
    pub fn new(text: &str, error: &toml::de::Error) -> Self {
        let before = error.span().map_or(0, |span| span.start);
        let line = text.bytes().take(before).filter(|b| *b == b'\n').count() + 1;
        let first = error.message().lines().next().unwrap_or_default();
        // serde quotes the value that it did not want in double quotes.
        let reason = first.split('"').next().unwrap_or_default().trim_end().to_owned();
        Self { line, reason }
    }
}

impl fmt::Display for TomlProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for TomlProblem {}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wanted {
            #[expect(dead_code, reason = "only its kind matters")]
            number: u8,
        }
        let error = toml::from_str::<Wanted>(text).expect_err("wrong");
        TomlProblem::new(text, &error).to_string()
    }

    #[test]
    fn the_line_is_told_and_the_text_is_not() {
        let row = problem("4857773456,1962-03-04,E01000001,A\n");
        assert!(row.starts_with("line 1: ") && !row.contains("4857773456"), "{row}");
        let value = problem("\nnumber = \"485 777 3456\"\n");
        assert!(value.starts_with("line 2: ") && !value.contains("485"), "{value}");
        let unknown = problem("number = 1\nnumbr = 2\n");
        assert!(unknown.starts_with("line 2: ") && unknown.contains("numbr"), "{unknown}");
        assert!(!unknown.contains('\n'));
    }
}
