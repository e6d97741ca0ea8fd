//! The `# key: value` lines that describe a table.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::diagnostic::FileError;
use crate::graph::UnitKind;
use crate::latency::calibration::{Calibration, parse_held_out};
use crate::word_list::WordList as _;

/// Keys every table must state.
const REQUIRED: [&str; 5] = ["device", "threads", "precision", "batch", "resolution"];

/// All keys a table may state.
const KNOWN: [&str; 16] = [
    "device",
    "runtime",
    "threads",
    "precision",
    "batch",
    "resolution",
    "folded",
    "ignores",
    "method",
    "note",
    "source",
    "licence",
    "date",
    "calibration",
    "held_out",
    "space",
];

/// The keys that come from measuring whole networks.
const LEARNED: [&str; 3] = ["calibration", "held_out", "space"];

/// What a table says of its device and of how it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct TableHeader {
    /// Every line, by key.
    pub entries: BTreeMap<String, String>,
    /// Input sides in pixels the table was made for.
    pub resolutions: Vec<u32>,
    /// Units without rows of their own: their time is inside other rows.
    pub folded: Vec<UnitKind>,
    /// Whether rows hold for every activation.
    pub ignores_activation: bool,
    /// What corrects the rows, where whole networks were measured.
    pub calibration: Option<Calibration>,
    /// Measured over predicted latency of networks that the calibration has not seen, from the smallest; empty where
    /// there are none.
    pub held_out: Vec<f64>,
}

impl TableHeader {
    /// The device's name.
    pub fn device(&self) -> &str {
        self.entries.get("device").map_or("", String::as_str)
    }

    /// Reads the header lines at the start of `text`.
    ///
    /// # Errors
    /// The first of unknown, repeated or missing keys and values that cannot be understood.
    pub fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        let (header, mistakes) = Self::read(file, text);
        mistakes.into_iter().next().map_or(Ok(header), Err)
    }

    /// What the header lines say as far as they can be understood, and every mistake in them.
    pub(in crate::latency) fn read(file: &str, text: &str) -> (Self, Vec<FileError>) {
        let mut lines = HeaderLines::default();
        let end = lines.read(file, text);
        let mut mistakes = lines.mistakes;
        mistakes.extend(misplaced(file, text, end));
        for key in REQUIRED {
            if lines.entries.get(key).is_none_or(String::is_empty) {
                mistakes.push(
                    FileError::at(file, text, 0..end.min(text.len()), format!("the header has no `{key}`"))
                        .with_remedy(format!("start the file with lines such as `# {key}: ...`; a table must say what it was measured on")),
                );
            }
        }
        let mut note = |key: &str, message: String| {
            let span = lines.spans.get(key).cloned().unwrap_or(0..0);
            mistakes.push(FileError::at(file, text, span, message));
        };
        let entries = lines.entries;
        let header = Self {
            resolutions: resolutions(&entries).map_err(|m| note("resolution", m)).unwrap_or_default(),
            folded: folded(&entries).map_err(|m| note("folded", m)).unwrap_or_default(),
            ignores_activation: ignores(&entries).map_err(|m| note("ignores", m)).unwrap_or_default(),
            calibration: value(&entries, "calibration", str::parse)
                .map_err(|m| note("calibration", m))
                .unwrap_or_default(),
            held_out: value(&entries, "held_out", parse_held_out)
                .map_err(|m| note("held_out", m))
                .unwrap_or_default()
                .unwrap_or_default(),
            entries,
        };
        (header, mistakes)
    }

    /// The same without what was learned from whole networks.
    #[must_use]
    pub(in crate::latency) fn uncalibrated(mut self) -> Self {
        for key in LEARNED {
            self.entries.remove(key);
        }
        Self { calibration: None, held_out: Vec::new(), ..self }
    }
}

/// The lines at the start of a file, the first of each key.
#[derive(Default)]
struct HeaderLines {
    entries: BTreeMap<String, String>,
    spans: BTreeMap<String, Range<usize>>,
    mistakes: Vec<FileError>,
}

impl HeaderLines {
    /// Returns where the lines end.
    fn read(&mut self, file: &str, text: &str) -> usize {
        let mut offset = 0;
        for line in text.split_inclusive('\n') {
            let Some(comment) = line.strip_prefix('#') else { break };
            let span = offset..offset + line.trim_end().len();
            offset += line.len();
            if let Err((message, remedy)) = self.add(comment, span.clone()) {
                let error = FileError::at(file, text, span, message);
                self.mistakes.push(match remedy {
                    Some(remedy) => error.with_remedy(remedy),
                    None => error,
                });
            }
        }
        offset
    }

    fn add(&mut self, comment: &str, span: Range<usize>) -> Result<(), (String, Option<String>)> {
        let Some((key, value)) = key_and_value(comment) else {
            return Err(("a header line is not of the form `# key: value`".to_owned(), None));
        };
        if !KNOWN.contains(&key) {
            let remedy = format!("known keys are {}; free text goes into `note`", KNOWN.join(", "));
            return Err((format!("unknown header key `{key}`"), Some(remedy)));
        }
        if self.entries.contains_key(key) {
            return Err((format!("the header key `{key}` stands twice"), None));
        }
        self.entries.insert(key.to_owned(), value.to_owned());
        self.spans.insert(key.to_owned(), span);
        Ok(())
    }
}

/// The parts of a header line behind its `#`.
fn key_and_value(comment: &str) -> Option<(&str, &str)> {
    comment.split_once(':').map(|(key, value)| (key.trim(), value.trim()))
}

/// A header line with a known key, wherever it stands: its key and value.
pub(in crate::latency) fn known_entry(line: &str) -> Option<(&str, &str)> {
    key_and_value(line.strip_prefix('#')?).filter(|(key, _)| KNOWN.contains(key))
}

/// Header lines behind the header: nothing reads them.
fn misplaced(file: &str, text: &str, end: usize) -> Vec<FileError> {
    let mut mistakes = Vec::new();
    let mut offset = end.min(text.len());
    for line in text[offset..].split_inclusive('\n') {
        if let Some((key, _)) = known_entry(line) {
            let message = format!("a header line `{key}` behind the header");
            let error = FileError::at(file, text, offset..offset + line.trim_end().len(), message);
            mistakes.push(error.with_remedy(
                "header lines stand before everything else; make one file for each device and setting",
            ));
        }
        offset += line.len();
    }
    mistakes
}

/// Where the header line of a key stands.
pub(in crate::latency) fn entry_span(file: &str, text: &str, key: &str) -> Range<usize> {
    let mut lines = HeaderLines::default();
    lines.read(file, text);
    lines.spans.remove(key).unwrap_or(0..0)
}

/// The value of a key that may be there, understood.
fn value<T>(
    entries: &BTreeMap<String, String>,
    key: &str,
    understand: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    entries.get(key).map(|text| understand(text)).transpose()
}

fn list<'a>(entries: &'a BTreeMap<String, String>, key: &str) -> impl Iterator<Item = &'a str> {
    entries.get(key).map_or("", String::as_str).split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn resolutions(entries: &BTreeMap<String, String>) -> Result<Vec<u32>, String> {
    list(entries, "resolution")
        .map(|item| item.parse().map_err(|_| format!("`{item}` is not a resolution in pixels, such as 224")))
        .collect()
}

fn folded(entries: &BTreeMap<String, String>) -> Result<Vec<UnitKind>, String> {
    list(entries, "folded")
        .map(|item| UnitKind::of_word(item).ok_or_else(|| format!("`{item}` is not a kind of unit")))
        .collect()
}

fn ignores(entries: &BTreeMap<String, String>) -> Result<bool, String> {
    let mut ignored = false;
    for item in list(entries, "ignores") {
        if item != "activation" {
            return Err(format!("`{item}` can't be ignored; only `activation` can"));
        }
        ignored = true;
    }
    Ok(ignored)
}

#[cfg(test)]
mod tests {
    use crate::latency::LatencyTable;
    use rstest::rstest;

    const HEADER: &str = "# device: d\n# threads: 1\n# precision: float32\n# batch: 1\n# resolution: 224\n";
    const ROWS: &str = "op,in_h,in_w,c_in,c_out,latency_ms\nadd,7,7,8,8,0.5\n";

    #[rstest]
    #[case::at_the_end(format!("{HEADER}{ROWS}# threads: 4\n"), 8, "threads")]
    #[case::between_rows(format!("{HEADER}{ROWS}# folded: pool\nadd,7,7,9,9,0.5\n"), 8, "folded")]
    #[case::behind_a_blank_line(format!("{HEADER}\n# ignores: activation\n{ROWS}"), 7, "ignores")]
    #[case::behind_the_columns(format!("{ROWS}{HEADER}"), 3, "device")]
    fn header_lines_that_nothing_reads_are_errors(
        #[case] text: String,
        #[case] line: usize,
        #[case] key: &str,
    ) {
        let error = LatencyTable::parse("t.csv", &text).expect_err("misplaced").to_string();
        assert_eq!(error, format!("t.csv:{line}:1: a header line `{key}` behind the header"));
        let audit = crate::latency::audit::audit("t.csv", &text);
        assert!(audit.findings.iter().any(|finding| finding.line == line), "{:?}", audit.findings);
    }

    #[test]
    fn comments_between_rows_are_none_of_them() {
        let text = format!("{HEADER}{ROWS}# measured at night\n# 12:30\nadd,7,7,9,9,0.5\n");
        assert_eq!(LatencyTable::parse("t.csv", &text).expect("a table").len(), 2);
    }
}
