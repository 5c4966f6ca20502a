//! What the tools of databases write around the rows of an export: sqlcmd and Management Studio draw a line of dashes
//! under the header and end with a count. Only lines that look exactly so are left out, and only where they stand so.

use csv::ByteRecord;

use super::ahead::{Out, Stop};

/// The line with which sqlcmd answers `USE`, up to its end; none where the text does not begin with it.
pub(super) fn context_line(text: &[u8]) -> Option<usize> {
    let end = text.iter().position(|b| *b == b'\n')?;
    let line = text[..end].trim_ascii_end();
    let name = line.strip_prefix(b"Changed database context to '")?.strip_suffix(b"'.")?;
    (!name.is_empty()).then_some(end + 1)
}

/// Whether the record under a header is a line that was drawn: dashes in every field and nothing else.
pub(super) fn is_rule(record: &ByteRecord, fields: usize) -> bool {
    let drawn = |field: &[u8]| !field.is_empty() && field.iter().all(|b| *b == b'-');
    record.len() == fields && record.iter().all(|field| drawn(field.trim_ascii()))
}

/// The count of a last line such as `(123 rows affected)`.
fn count(record: &ByteRecord) -> Option<u64> {
    let line = record.get(0).filter(|_| record.len() == 1)?.trim_ascii();
    let inside = line.strip_prefix(b"(")?.strip_suffix(b" affected)")?;
    let digits = [&b" rows"[..], b" row", b" row(s)"]
        .into_iter()
        .find_map(|word| inside.strip_suffix(word))?;
    let digits = std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
    digits?.parse().ok()
}

/// The line that Management Studio writes after the count.
fn is_completion(record: &ByteRecord) -> bool {
    let line = record.get(0).filter(|_| record.len() == 1);
    let time = line.and_then(|l| l.trim_ascii().strip_prefix(b"Completion time: "));
    time.is_some_and(|time| time.iter().all(|b| b.is_ascii_digit() || b"-:.TZ+".contains(b)))
}

/// Holds back what may be the end of an export until it is known whether rows follow.
#[derive(Default)]
pub(super) struct Tail {
    held: Vec<ByteRecord>,
    count: u64,
    rows: u64,
}

impl Tail {
    /// Takes the record in the slot, or holds it back.
    ///
    /// # Errors
    /// [`Stop::Gone`].
    pub(super) fn take(&mut self, out: &mut Out) -> Result<(), Stop> {
        if self.held.is_empty() && out.slot().len() != 1 {
            self.rows += 1;
            return out.take();
        }
        if self.held.len() == 1 && is_completion(out.slot()) {
            self.held.push(out.slot().clone());
            return Ok(());
        }
        for held in std::mem::take(&mut self.held) {
            let next = std::mem::replace(out.slot(), held);
            self.rows += 1;
            out.take()?;
            *out.slot() = next;
        }
        if let Some(count) = count(out.slot()) {
            self.count = count;
            self.held.push(out.slot().clone());
            return Ok(());
        }
        self.rows += 1;
        out.take()
    }

    /// What to say of the end, after the last record.
    pub(super) fn notes(&self) -> Vec<String> {
        let Self { held, count, rows } = self;
        match (held.is_empty(), count == rows) {
            (true, _) => Vec::new(),
            (false, true) => {
                vec!["The export ends with a count of its rows, and as many were read.".to_owned()]
            }
            (false, false) => vec![format!(
                "The export ends with a count of {count} rows, and {rows} were read: check that it is whole, and that no text in it holds the end of a line."
            )],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_exactly_so_is_taken_for_a_tools_line() {
        let record = |fields: &[&str]| ByteRecord::from(fields);
        for (fields, wanted) in [
            (&["---", " -- "][..], true),
            (&["---", ""], false),
            (&["---", "-1"], false),
            (&["---"], false),
            (&["- -", "--"], false),
        ] {
            assert_eq!(is_rule(&record(fields), 2), wanted, "{fields:?}");
        }
        for (fields, wanted) in [
            (&["(12 rows affected)"][..], Some(12)),
            (&[" (1 row affected) "], Some(1)),
            (&["(3 row(s) affected)"], Some(3)),
            (&["(0 rows affected)"], Some(0)),
            (&["( rows affected)"], None),
            (&["(-1 rows affected)"], None),
            (&["12 rows affected"], None),
            (&["(12 rows affected) x"], None),
            (&["(12 rows affected)", ""], None),
            (&["(99999999999999999999999 rows affected)"], None),
        ] {
            assert_eq!(count(&record(fields)), wanted, "{fields:?}");
        }
        assert!(is_completion(&record(&["Completion time: 2026-11-09T10:00:00.0000000+00:00"])));
        assert!(!is_completion(&record(&["Completion time: never"])));
        let line = b"Changed database context to 'Warehouse'.\r\na,b\n";
        assert_eq!(context_line(line).map(|end| &line[end..]), Some(&b"a,b\n"[..]));
        for other in
            ["Changed database context to ''.\n", "Changed database context to 'W'.", "a\n"]
        {
            assert_eq!(context_line(other.as_bytes()), None, "{other}");
        }
    }
}
