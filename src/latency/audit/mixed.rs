//! More than one device, setting or table in a file: a header line that contradicts another, a second block of header
//! lines or column names, a setting that is a list.

use std::collections::BTreeMap;

use super::{Finding, FindingKind, Severity};
use crate::latency::TableHeader;
use crate::latency::file::known_entry;

/// Settings of which a table has one.
const SINGLE: [&str; 3] = ["threads", "precision", "batch"];

const SPLIT: &str = "make one file for each device, number of threads, precision and batch";

pub(super) fn findings(text: &str, header: &TableHeader) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut first: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    let mut columns: Option<(usize, &str)> = None;
    for (line, content) in text.lines().enumerate().map(|(index, content)| (index + 1, content.trim())) {
        if let Some((key, value)) = known_entry(content) {
            let place = if columns.is_some() { " in the middle of the table" } else { "" };
            findings.extend(repeated(&first, line, key, value, place));
            first.entry(key).or_insert((line, value));
        } else if content.starts_with('#') || content.is_empty() {
        } else if let Some((first_line, names)) = columns {
            if content == names {
                findings.push(second_columns(line, first_line));
            }
        } else {
            columns = Some((line, content));
        }
    }
    findings.extend(SINGLE.iter().filter_map(|key| several(&first, key, header)));
    findings
}

fn error(line: usize, message: String) -> Finding {
    Finding::new(FindingKind::Mixed, Severity::Error, line, message, SPLIT)
}

fn repeated(
    first: &BTreeMap<&str, (usize, &str)>,
    line: usize,
    key: &str,
    value: &str,
    place: &str,
) -> Option<Finding> {
    let &(first_line, first_value) = match first.get(key) {
        Some(stated) => stated,
        None if place.is_empty() => return None,
        None => return Some(error(line, format!("a header line `{key}`{place}, where nothing reads it"))),
    };
    let message = if value == first_value {
        format!("`{key}` is stated again{place}")
    } else {
        format!("`{key}` is `{value}` here{place} and `{first_value}` in line {first_line}")
    };
    Some(error(line, message).with_related([first_line]))
}

fn second_columns(line: usize, first_line: usize) -> Finding {
    error(
        line,
        format!("the column names of line {first_line} stand here again: these are two tables in one file"),
    )
    .with_related([first_line])
}

fn several(first: &BTreeMap<&str, (usize, &str)>, key: &str, header: &TableHeader) -> Option<Finding> {
    let stated = header.entries.get(key)?;
    let values: Vec<&str> = stated.split([',', ';', '/']).map(str::trim).filter(|v| !v.is_empty()).collect();
    let is_list = values.len() > 1 && values.iter().all(|value| !value.contains(' '));
    is_list.then(|| {
        let line = first.get(key).map_or(1, |(line, _)| *line);
        error(line, format!("`{key}` is `{stated}`: rows of {} settings can't be told apart", values.len()))
    })
}
