//! One finding, and all of a table.

use schemars::JsonSchema;
use serde::Serialize;

use crate::diagnostic::FileError;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The table contradicts the format, itself, or what any device can do.
    Error,
    /// A number that is likely not what it is taken for.
    Warning,
    /// Something a user of the table should know.
    Note,
}

impl Severity {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Lines that cannot be read as header or row.
    Unreadable,
    /// More than one device, setting or table in a file.
    Mixed,
    /// Several rows of one unit.
    Duplicate,
    /// Latencies in another unit than milliseconds.
    Unit,
    /// Standard deviations and numbers of measurements.
    Spread,
    /// Channels or rows missing in a grid.
    Gap,
    /// More channels that take less time.
    NonMonotone,
    /// Rows far from what their neighbours predict.
    Outlier,
    /// Networks that the table cannot price.
    Coverage,
    /// Factors and ratios that do not fit the rows.
    Calibration,
}

impl FindingKind {
    /// The heading in reports.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Unreadable => "lines that cannot be used",
            Self::Mixed => "mixed tables",
            Self::Duplicate => "duplicates",
            Self::Unit => "units",
            Self::Spread => "spread and samples",
            Self::Gap => "gaps",
            Self::NonMonotone => "more channels, less time",
            Self::Outlier => "outliers",
            Self::Coverage => "coverage",
            Self::Calibration => "calibration",
        }
    }
}

/// Something wrong or odd at a line of a table.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Finding {
    /// What it is about.
    pub kind: FindingKind,
    /// How much it matters.
    pub severity: Severity,
    /// Its line, from 1.
    pub line: usize,
    /// Other lines that it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl Finding {
    pub(super) fn new(
        kind: FindingKind,
        severity: Severity,
        line: usize,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { kind, severity, line, related: Vec::new(), message: message.into(), remedy: remedy.into() }
    }

    pub(super) fn with_related(self, related: impl IntoIterator<Item = usize>) -> Self {
        Self { related: related.into_iter().collect(), ..self }
    }

    /// A mistake that keeps a line from being used.
    pub(super) fn unreadable(error: &FileError) -> Self {
        let remedy = error.remedy.clone().unwrap_or_else(|| "correct the line or leave it out".to_owned());
        Self::new(FindingKind::Unreadable, Severity::Error, error.line, &error.message, remedy)
    }
}

/// Everything that was found in a table.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Audit {
    /// The file's name.
    pub table: String,
    /// Rows that could be read.
    pub rows: usize,
    /// By kind, then by line.
    pub findings: Vec<Finding>,
}

impl Audit {
    /// How many findings have this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}
