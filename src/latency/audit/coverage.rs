//! What a table cannot price: constant costs, and the reference networks.

use super::content::Content;
use super::{Finding, FindingKind, Severity};
use crate::graph::LayerGraph;
use crate::spec::{self, NetworkSpec};

const NETWORKS: [&str; 4] = ["mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small"];

/// Missing units that a finding names.
const NAMED: usize = 3;

pub(super) fn findings(content: &Content) -> Vec<Finding> {
    let mut findings: Vec<Finding> = no_base(content).into_iter().collect();
    findings.extend(NETWORKS.iter().filter_map(|name| unpriced(content, name)));
    findings
}

fn line(content: &Content) -> usize {
    content.records.first().map_or(1, |record| record.line)
}

fn no_base(content: &Content) -> Option<Finding> {
    let states_none = content.table.base.is_none() && content.header.folded.is_empty();
    states_none.then(|| {
        Finding::new(
            FindingKind::Coverage,
            Severity::Note,
            line(content),
            "there is no base row, and no unit is folded into others: what a network costs beside its units counts as 0 ms",
            "measure a whole network and give the rest as a `base` row",
        )
    })
}

/// One finding for a network that cannot be priced at some of the table's resolutions.
fn unpriced(content: &Content, name: &str) -> Option<Finding> {
    let spec = spec::load(name).ok()?;
    let mut missing = Vec::new();
    for &resolution in &content.header.resolutions {
        let graph = LayerGraph::lower(&NetworkSpec { resolution, ..spec.clone() });
        if let Err(rows) = content.table.predict(&graph) {
            missing.push((resolution, rows.units));
        }
    }
    let (resolution, units) = missing.first()?;
    let named: Vec<String> = units.iter().take(NAMED).map(ToString::to_string).collect();
    let more = if units.len() > NAMED { format!(" and {} more", units.len() - NAMED) } else { String::new() };
    let others: Vec<String> = missing[1..].iter().map(|(resolution, _)| resolution.to_string()).collect();
    let others = if others.is_empty() { String::new() } else { format!("; also at {}", others.join(", ")) };
    let message = format!(
        "{name} at {resolution}x{resolution} needs {} units that have no row and can't be estimated: {}{more}{others}",
        units.len(),
        named.join("; "),
    );
    Some(Finding::new(
        FindingKind::Coverage,
        Severity::Note,
        line(content),
        message,
        "measure these units if such networks matter to you; networks of other shapes are not affected",
    ))
}
