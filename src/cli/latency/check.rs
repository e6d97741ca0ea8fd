//! `mbn-latency check`: what is wrong or odd in a table.

use std::path::Path;

use clap::Args;
use miette::Report;

use crate::cli::Exit;
use crate::cli::output::{print, print_finished};
use crate::latency::LATENCY_TABLES;
use crate::latency::audit::{Audit, Finding, Severity, audit};
use crate::run::RunKind;
use crate::run::measurement::{audit_summary, finding_counts};
use crate::text_file::read_text;

/// Findings of one kind that are printed.
const SHOWN: usize = 5;

/// Look through a latency table for mistakes of units, duplicates, mixed tables,
/// gaps, outliers and rows that a search should not believe.
///
/// Exit code 0 if there are no errors, 1 if there are.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// A latency table file, or the name of one in latency_tables/
    table: String,
    /// Print all findings as an event, one line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &CheckArgs) -> Result<Exit, Report> {
    let (file, text) = read_text(&args.table, "latency table", LATENCY_TABLES)?;
    let audit = audit(&file, &text);
    if args.json {
        print_finished(Path::new(&file), RunKind::Check, &audit);
    } else {
        print(report(&audit));
    }
    Ok(if audit.count(Severity::Error) > 0 { Exit::Error } else { Exit::Done })
}

fn report(audit: &Audit) -> String {
    let groups = audit.findings.chunk_by(|a, b| a.kind == b.kind);
    let mut text: String = groups.map(|group| section(&audit.table, group)).collect();
    text += &audit_summary(audit);
    text
}

/// Findings of one kind, the worst first where not all are shown.
fn section(table: &str, findings: &[Finding]) -> String {
    let mut shown: Vec<&Finding> = findings.iter().collect();
    shown.sort_by_key(|finding| finding.severity);
    shown.truncate(SHOWN);
    shown.sort_by_key(|finding| finding.line);
    let mut text = format!("{}: {}\n", findings[0].kind.heading(), finding_counts(findings));
    for finding in &shown {
        text += &format!("  {table}:{}: {}: {}\n", finding.line, finding.severity.name(), finding.message);
    }
    if findings.len() > shown.len() {
        text += &format!("  and {} more, see --json\n", findings.len() - shown.len());
    }
    let mut remedies: Vec<&str> = shown.iter().map(|finding| finding.remedy.as_str()).collect();
    remedies.sort_unstable();
    remedies.dedup();
    for remedy in remedies {
        text += &format!("  -> {remedy}\n");
    }
    text + "\n"
}
