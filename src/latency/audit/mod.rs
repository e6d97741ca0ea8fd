//! What is wrong or odd in a latency table: every finding with its line and a remedy.
//!
//! Each kind of finding is one file, a pure function of the table's rows. What contradicts the format or itself is an
//! error, what a search would believe although it is likely untrue a warning, what the table leaves out a note.

mod calibration;
mod content;
mod coverage;
mod duplicates;
mod finding;
mod floor;
mod gaps;
mod mixed;
mod monotone;
mod outliers;
mod scale;
mod spread;
#[cfg(test)]
mod tests;

use content::Content;
pub use finding::{Audit, Finding, FindingKind, Severity};

/// Looks through the text of a table; `file` names it.
pub fn audit(file: &str, text: &str) -> Audit {
    let (content, mut findings) = Content::read(file, text);
    findings.extend(mixed::findings(text, &content.header));
    if !content.records.is_empty() {
        findings.extend(duplicates::findings(&content));
        findings.extend(scale::findings(&content));
        findings.extend(spread::findings(&content));
        findings.extend(gaps::findings(&content));
        findings.extend(monotone::findings(&content));
        findings.extend(floor::findings(&content));
        findings.extend(outliers::findings(&content));
        findings.extend(coverage::findings(&content));
        findings.extend(calibration::findings(file, text, &content));
    }
    drop_echoes(&mut findings);
    findings.sort_by_key(|finding| (finding.kind, finding.line, finding.severity));
    Audit { table: file.to_owned(), rows: content.records.len(), findings }
}

/// A line that mixes tables is also one that cannot be read: the former says why.
fn drop_echoes(findings: &mut Vec<Finding>) {
    let mixed: Vec<usize> =
        findings.iter().filter(|f| f.kind == FindingKind::Mixed).map(|f| f.line).collect();
    findings.retain(|f| f.kind != FindingKind::Unreadable || !mixed.contains(&f.line));
}
