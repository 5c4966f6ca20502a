//! What is read of a database: a table or view by its checked name, or a query with the period in it.

use evensum_core::model::{Date, Period};

/// The longest part of a name, in bytes: PostgreSQL has no longer ones.
const MAX_NAME_BYTES: usize = 63;
/// The name under which a query is read.
const ALIAS: &str = "extract";

/// A day that a query may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Day {
    /// The first of the period.
    Start,
    /// The last of the period.
    End,
    /// The one after the period.
    After,
}

const DAYS: [(&str, Day); 3] =
    [("period_start", Day::Start), ("period_end", Day::End), ("period_after", Day::After)];

impl Day {
    fn of(self, period: Period) -> Date {
        match self {
            Self::Start => period.first_day(),
            Self::End => period.last_day(),
            Self::After => {
                Date::from_civil(period.last_day().civil().next_day().unwrap_or(time::Date::MAX))
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Sql(String),
    Given(Day),
}

/// What is read of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::intake) enum Relation {
    /// The parts of its name, and whether each was written in quotation marks.
    Table(Vec<(String, bool)>),
    Query(Query),
}

/// A query, cut where the period stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::intake) struct Query(Vec<Piece>);

/// Which database a statement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    PostgreSql,
    Sqlite,
}

/// What stands after FROM, and the dates that are bound to it, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) sql: String,
    pub(super) bound: Vec<String>,
}

impl Relation {
    /// Reads the name of a table or view: one part, or a schema and a name. Each is made of letters, digits and
    /// underscores, or stands in quotation marks.
    ///
    /// # Errors
    /// What is wrong, for the mapping's line.
    pub(in crate::intake) fn table(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text.trim();
        loop {
            let (part, after) = part(rest)?;
            parts.push(part);
            match after.strip_prefix('.') {
                Some(more) => rest = more,
                None if after.is_empty() && parts.len() <= 2 => return Ok(Self::Table(parts)),
                None => return Err(NOT_A_NAME.to_owned()),
            }
        }
    }

    /// Reads a query of one statement.
    ///
    /// # Errors
    /// What is wrong, for the mapping's line.
    pub(in crate::intake) fn query(text: &str) -> Result<Self, String> {
        let text = text.trim().trim_end_matches(';').trim_end();
        if text.is_empty() {
            return Err("the query is empty".to_owned());
        }
        let (mut pieces, mut sql, mut rest) = (Vec::new(), String::new(), text);
        let mut depth: usize = 0;
        while let Some(first) = rest.chars().next() {
            let whole = opaque(rest);
            if whole > 0 {
                sql.push_str(&rest[..whole]);
                rest = &rest[whole..];
                continue;
            }
            if first == ';' {
                return Err("the query has a semicolon in it: give one statement".to_owned());
            }
            // It is read within brackets, and must not get out of them.
            depth = match first {
                '(' => depth + 1,
                ')' => {
                    depth.checked_sub(1).ok_or("the query closes a bracket that it did not open")?
                }
                _ => depth,
            };
            if rest.starts_with("::") {
                sql.push_str("::");
                rest = &rest[2..];
                continue;
            }
            let name = rest.strip_prefix(':').filter(|name| name.starts_with("period_"));
            let Some(name) = name else {
                sql.push(first);
                rest = &rest[first.len_utf8()..];
                continue;
            };
            let length = name.bytes().take_while(|b| is_name(*b)).count();
            let known = DAYS.iter().find(|(known, _)| *known == &name[..length]);
            let (_, day) = known.ok_or(
                "the days that a query may ask for are :period_start, :period_end and :period_after",
            )?;
            pieces.extend([Piece::Sql(std::mem::take(&mut sql)), Piece::Given(*day)]);
            rest = &name[length..];
        }
        pieces.push(Piece::Sql(sql));
        Ok(Self::Query(Query(pieces)))
    }

    /// What stands after FROM, for a period.
    pub(super) fn from(&self, dialect: Dialect, period: Period) -> Source {
        let pieces = match self {
            Self::Table(parts) => {
                // PostgreSQL folds a name to lower case where it does not stand in quotation marks.
                let folded = parts.iter().map(|(part, quoted)| match dialect {
                    Dialect::PostgreSql if !quoted => quote(&part.to_ascii_lowercase()),
                    _ => quote(part),
                });
                let sql = folded.collect::<Vec<_>>().join(".");
                return Source { sql, bound: Vec::new() };
            }
            Self::Query(Query(pieces)) => pieces,
        };
        let (mut sql, mut bound) = (String::from("(\n"), Vec::new());
        for piece in pieces {
            match piece {
                Piece::Sql(text) => sql.push_str(text),
                Piece::Given(day) => {
                    bound.push(day.of(period).to_string());
                    let number = bound.len();
                    sql.push_str(&match dialect {
                        Dialect::PostgreSql => format!("CAST(${number} AS date)"),
                        Dialect::Sqlite => format!("?{number}"),
                    });
                }
            }
        }
        // The query may end with a comment.
        sql.push_str("\n) AS ");
        sql.push_str(ALIAS);
        Source { sql, bound }
    }
}

const NOT_A_NAME: &str = "a table is named as evensum.rtt_open_pathway: letters, digits and underscores, at most 63, or any other \
     signs within quotation marks, and a schema before it if need be";

/// The first part of a name, and what follows it.
fn part(text: &str) -> Result<((String, bool), &str), String> {
    let (name, quoted, rest) = match text.strip_prefix('"') {
        Some(inside) => {
            let end = inside.find('"').ok_or(NOT_A_NAME)?;
            (&inside[..end], true, &inside[end + 1..])
        }
        None => {
            let length = text.bytes().take_while(|b| is_name(*b)).count();
            (&text[..length], false, &text[length..])
        }
    };
    let starts = quoted || !name.starts_with(|c: char| c.is_ascii_digit());
    let fits = (1..=MAX_NAME_BYTES).contains(&name.len()) && !name.chars().any(char::is_control);
    if starts && fits { Ok(((name.to_owned(), quoted), rest)) } else { Err(NOT_A_NAME.to_owned()) }
}

const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// A name as SQL has it, whatever signs are in it.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The length of what begins a text and is not looked into: a literal, a name in quotation marks or a comment. Nought
/// where none does. One that does not end reaches to the end, for the database to refuse.
fn opaque(text: &str) -> usize {
    let until = |open: usize, close: &str| {
        text[open..].find(close).map_or(text.len(), |at| open + at + close.len())
    };
    if text.starts_with("--") {
        return until(2, "\n");
    }
    if text.starts_with("/*") {
        return until(2, "*/");
    }
    match text.as_bytes().first() {
        // A quotation mark that is doubled begins the next literal at once, which comes to the same.
        Some(b'\'') => until(1, "'"),
        Some(b'"') => until(1, "\""),
        Some(b'$') => {
            let tag = text[1..].bytes().take_while(|b| is_name(*b)).count() + 2;
            match text.get(..tag).filter(|t| t.ends_with('$')) {
                Some(mark) => until(tag, mark),
                None => 0,
            }
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period() -> Period {
        "2026-10".parse().expect("a period")
    }

    fn sql(relation: Result<Relation, String>, dialect: Dialect) -> (String, Vec<String>) {
        let Source { sql, bound } = relation.expect("a relation").from(dialect, period());
        (sql, bound)
    }

    #[test]
    fn names_are_checked_and_quoted() {
        for (text, postgres, sqlite) in [
            ("rtt", "\"rtt\"", "\"rtt\""),
            ("Evensum.RTT", "\"evensum\".\"rtt\"", "\"Evensum\".\"RTT\""),
            (
                "evensum.\"Open Pathways; DROP\"",
                "\"evensum\".\"Open Pathways; DROP\"",
                "\"evensum\".\"Open Pathways; DROP\"",
            ),
        ] {
            assert_eq!(sql(Relation::table(text), Dialect::PostgreSql).0, postgres);
            assert_eq!(sql(Relation::table(text), Dialect::Sqlite).0, sqlite);
        }
        let long = "x".repeat(64);
        for wrong in [
            "",
            ".",
            "a.",
            ".a",
            "a.b.c",
            "a b",
            "a;b",
            "1a",
            "a--",
            "a'b",
            "\"a",
            "\"\"",
            "a\"b\"",
            "\"a\u{7}\"",
            "(select 1)",
            "rtt; drop table rtt",
            "rtt\0",
            &long,
        ] {
            assert!(Relation::table(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_query_has_the_period_bound_to_it_and_nowhere_else() {
        let text = "select '12:30', ':period_start', \"a:period_end\", x::date -- :period_end ;\n\
                    from t /* :period_start; */ where d between :period_start and :period_end and e < :period_after \
                    and f >= :period_start and g = $tag$;:period_end$tag$;";
        let (found, bound) = sql(Relation::query(text), Dialect::PostgreSql);
        assert_eq!(bound, ["2026-10-01", "2026-10-31", "2026-11-01", "2026-10-01"]);
        let rest = found.strip_prefix("(\n").and_then(|s| s.strip_suffix("\n) AS extract"));
        let wanted = "select '12:30', ':period_start', \"a:period_end\", x::date -- :period_end ;\n\
                    from t /* :period_start; */ where d between CAST($1 AS date) and CAST($2 AS date) and e < CAST($3 AS date) \
                    and f >= CAST($4 AS date) and g = $tag$;:period_end$tag$";
        assert_eq!(rest, Some(wanted));
        let (found, _) = sql(Relation::query("select 1 where d = :period_end"), Dialect::Sqlite);
        assert!(found.contains("d = ?1"), "{found}");
        for wrong in [
            "",
            " ; ",
            "select 1; drop table t",
            "select 1) as a, (select 2",
            "select :period_of",
            "select 1 where a = :period_start_x",
        ] {
            assert!(Relation::query(wrong).is_err(), "{wrong}");
        }
    }
}
