//! The `# key: value` lines that describe a table.

use std::collections::BTreeMap;

use crate::diagnostic::FileError;
use crate::graph::UnitKind;

/// Keys every table must state.
const REQUIRED: [&str; 5] = ["device", "threads", "precision", "batch", "resolution"];

/// All keys a table may state.
const KNOWN: [&str; 13] = [
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
];

/// What a table says of its device and of how it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableHeader {
    /// Every line, by key.
    pub entries: BTreeMap<String, String>,
    /// Input sides in pixels the table was made for.
    pub resolutions: Vec<u32>,
    /// Units without rows of their own: their time is inside other rows.
    pub folded: Vec<UnitKind>,
    /// Whether rows hold for every activation.
    pub ignores_activation: bool,
}

impl TableHeader {
    /// The device's name.
    pub fn device(&self) -> &str {
        self.entries.get("device").map_or("", String::as_str)
    }

    /// Reads the header lines at the start of `text`.
    ///
    /// # Errors
    /// Unknown, repeated or missing keys and values that cannot be understood.
    pub fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        let mut entries = BTreeMap::new();
        let mut spans = BTreeMap::new();
        let mut offset = 0;
        for line in text.split_inclusive('\n') {
            let Some(comment) = line.strip_prefix('#') else { break };
            let span = offset..offset + line.trim_end().len();
            offset += line.len();
            let Some((key, value)) = comment.split_once(':') else {
                return Err(FileError::at(
                    file,
                    text,
                    span,
                    "a header line is not of the form `# key: value`",
                ));
            };
            let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
            if !KNOWN.contains(&key.as_str()) {
                return Err(FileError::at(file, text, span, format!("unknown header key `{key}`"))
                    .with_remedy(format!(
                        "known keys are {}; free text goes into `note`",
                        KNOWN.join(", ")
                    )));
            }
            if entries.insert(key.clone(), value).is_some() {
                return Err(FileError::at(file, text, span, format!("the header key `{key}` stands twice")));
            }
            spans.insert(key, span);
        }
        for key in REQUIRED {
            if entries.get(key).is_none_or(String::is_empty) {
                return Err(FileError::at(file, text, 0..offset.min(text.len()), format!("the header has no `{key}`"))
                    .with_remedy(format!("start the file with lines such as `# {key}: ...`; a table must say what it was measured on")));
            }
        }
        let at = |key: &str, message: String| {
            FileError::at(file, text, spans.get(key).cloned().unwrap_or(0..0), message)
        };
        Ok(Self {
            resolutions: resolutions(&entries).map_err(|m| at("resolution", m))?,
            folded: folded(&entries).map_err(|m| at("folded", m))?,
            ignores_activation: ignores(&entries).map_err(|m| at("ignores", m))?,
            entries,
        })
    }
}

fn list<'a>(entries: &'a BTreeMap<String, String>, key: &str) -> impl Iterator<Item = &'a str> {
    entries.get(key).map_or("", String::as_str).split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn resolutions(entries: &BTreeMap<String, String>) -> Result<Vec<u32>, String> {
    list(entries, "resolution")
        .map(|item| item.parse().map_err(|_| format!("`{item}` is no resolution in pixels, such as 224")))
        .collect()
}

fn folded(entries: &BTreeMap<String, String>) -> Result<Vec<UnitKind>, String> {
    list(entries, "folded")
        .map(|item| UnitKind::from_name(item).ok_or_else(|| format!("`{item}` is no kind of unit")))
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
