//! What an audit of a table found, in a line.

use crate::latency::audit::{Audit, Finding, Severity};
use crate::run::words::plural;

/// `1 error, 12 warnings`.
pub fn finding_counts(findings: &[Finding]) -> String {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let named = [Severity::Error, Severity::Warning, Severity::Note].map(|s| (count(s), s.name()));
    let words: Vec<String> =
        named.iter().filter(|(count, _)| *count > 0).map(|(count, name)| plural(*count, name)).collect();
    words.join(", ")
}

/// `pixel.csv: 240 rows, 1 error`.
pub fn audit_summary(audit: &Audit) -> String {
    let found =
        if audit.findings.is_empty() { "no findings".to_owned() } else { finding_counts(&audit.findings) };
    format!("{}: {}, {found}\n", audit.table, plural(audit.rows, "row"))
}
