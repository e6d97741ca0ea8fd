//! Standard deviations that cannot be, and rows that were measured once or nobody knows how often.

use super::content::Content;
use super::{Finding, FindingKind, Severity};
use crate::latency::file::Record;

pub(super) fn findings(content: &Content) -> Vec<Finding> {
    let mut findings: Vec<Finding> = content.records.iter().filter_map(wide).collect();
    findings.extend(few(content, "state no number of samples", |record| record.samples.is_none()));
    findings.extend(few(content, "rest on one sample", |record| record.samples == Some(1)));
    findings.extend(few(content, "rest on no sample", |record| record.samples == Some(0)));
    findings
}

/// A spread above the latency itself: a few wild measurements make up the mean.
fn wide(record: &Record) -> Option<Finding> {
    let stddev_ms = record.row.stddev_ms.filter(|stddev| *stddev > record.row.latency_ms)?;
    let message = format!(
        "a standard deviation of {stddev_ms} ms is more than the latency of {} ms",
        record.row.latency_ms
    );
    Some(Finding::new(
        FindingKind::Spread,
        Severity::Warning,
        record.line,
        message,
        "measure again on an idle device, or give the median",
    ))
}

fn few(content: &Content, what: &str, is_meant: impl Fn(&Record) -> bool) -> Option<Finding> {
    let meant: Vec<&Record> = content.records.iter().filter(|record| is_meant(record)).collect();
    let message = format!("{} of {} rows {what}, this one first", meant.len(), content.records.len());
    Some(Finding::new(
        FindingKind::Spread,
        Severity::Note,
        meant.first()?.line,
        message,
        "nothing tells how certain they are: measure several times, and state `samples` and `stddev_ms`",
    ))
}
