//! The subset of YAML that latency look-up tables are written in: a mapping of names to mappings of names to numbers,
//! two levels and nothing else.
//!
//! ```text
//! name:
//!   count: 982
//!   mean: 4.08
//! ```

use crate::diagnostic::{FileError, Source};

/// One name with its numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry<'a> {
    pub line: usize,
    pub name: &'a str,
    fields: Vec<(&'a str, f64)>,
}

impl Entry<'_> {
    pub fn get(&self, field: &str) -> Option<f64> {
        self.fields.iter().find(|(name, _)| *name == field).map(|(_, value)| *value)
    }
}

pub(super) fn entries(source: Source) -> Result<Vec<Entry>, FileError> {
    let mut entries: Vec<Entry> = Vec::new();
    for (line, text) in source.lines() {
        let content = text.trim();
        if content.is_empty() || content.starts_with('#') || content == "---" {
            continue;
        }
        if !text.starts_with([' ', '\t']) {
            let name = content.strip_suffix(':').ok_or_else(|| {
                source.error_in_line(line, "expected a name with a colon at its end").with_remedy(
                    "only mappings of names to mappings of numbers can be read, as han-cai/files has them",
                )
            })?;
            entries.push(Entry { line, name: name.trim_matches(['\'', '"']), fields: Vec::new() });
            continue;
        }
        let entry = entries
            .last_mut()
            .ok_or_else(|| source.error_in_line(line, "a number stands before the first name"))?;
        let (name, value) = content
            .split_once(':')
            .ok_or_else(|| source.error_in_line(line, "expected a name, a colon and a number"))?;
        let value: f64 = value
            .trim()
            .parse()
            .map_err(|_| source.error_in_line(line, format!("`{}` is not a number", value.trim())))?;
        if entry.get(name.trim()).is_some() {
            return Err(source.error_in_line(line, format!("`{}` stands twice", name.trim())));
        }
        entry.fields.push((name.trim(), value));
    }
    if entries.is_empty() {
        return Err(source.error_at_end("the file has no entries"));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn names_may_hold_colons() {
        let text = "# comment\nConv-input:2x2x3:\n  mean: 1.5\n  count: 2\n\n'b':\n  mean: 2e-3\n";
        let found = entries(Source { file: "f.yaml", text }).expect("well-formed");
        assert_eq!((found[0].name, found[0].line, found[0].get("count")), ("Conv-input:2x2x3", 2, Some(2.0)));
        assert_eq!((found[1].name, found[1].get("mean"), found[1].get("std")), ("b", Some(0.002), None));
    }

    #[rstest]
    #[case("a:\n  mean: fast\n", "f.yaml:2:1: `fast` is not a number")]
    #[case("a:\n  mean: 1\n  mean: 2\n", "f.yaml:3:1: `mean` stands twice")]
    #[case("- 1\n", "f.yaml:1:1: expected a name with a colon")]
    #[case("  mean: 1\n", "f.yaml:1:1: a number stands before")]
    #[case("a:\n  [1, 2]\n", "f.yaml:2:1: expected a name, a colon")]
    #[case("", "f.yaml:1:1: the file has no entries")]
    fn anything_else_is_an_error(#[case] text: &str, #[case] says: &str) {
        let error = entries(Source { file: "f.yaml", text }).expect_err(text).to_string();
        assert!(error.starts_with(says), "{error}");
    }
}
