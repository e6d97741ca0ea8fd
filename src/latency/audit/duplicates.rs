//! Several rows of one unit.

use std::collections::BTreeMap;

use super::content::Content;
use super::{Finding, FindingKind, Severity};
use crate::graph::LatencyUnit;
use crate::latency::file::Record;

pub(super) fn findings(content: &Content) -> Vec<Finding> {
    let mut first: BTreeMap<Option<LatencyUnit>, &Record> = BTreeMap::new();
    let mut findings = Vec::new();
    for record in &content.records {
        match first.get(&record.unit) {
            Some(earlier) => findings.push(finding(earlier, record)),
            None => drop(first.insert(record.unit, record)),
        }
    }
    findings
}

fn finding(first: &Record, again: &Record) -> Finding {
    let name = again.unit.map_or_else(|| "base".to_owned(), |unit| unit.to_string());
    let (before, after) = (first.row.latency_ms, again.row.latency_ms);
    let values = if before == after {
        format!("also {before} ms")
    } else {
        format!("{after} ms here and {before} ms there")
    };
    let activations = [first, again].map(|record| record.row.activation);
    let (which, remedy) = if activations[0] == activations[1] {
        ("repeats".to_owned(), "keep one row for each unit, or the mean of both with the samples added up")
    } else {
        let [before, after] = activations.map(|a| a.map_or("none", |a| a.name()));
        (
            format!("differs only in activation ({after}, {before}) from"),
            "keep one of them, or take `activation` out of the header's `ignores`",
        )
    };
    let message = format!("{name} {which} line {}: {values}", first.line);
    Finding::new(FindingKind::Duplicate, Severity::Error, again.line, message, remedy)
        .with_related([first.line])
}
