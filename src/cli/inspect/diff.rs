//! What changed between two networks, layer by layer.

use std::collections::{BTreeMap, BTreeSet};

use miette::Report;
use serde::Serialize;

use super::InspectArgs;
use super::network::{LayerReport, NetworkReport, millions, report};
use super::target::target;
use crate::cli::output::print;
use crate::report::{Align, Table};
use crate::text_file::json_text;

/// Two networks with their layers side by side.
#[derive(Debug, Serialize)]
struct DiffReport {
    before: Totals,
    after: Totals,
    unchanged: usize,
    changes: Vec<Change>,
}

#[derive(Debug, Serialize)]
struct Totals {
    name: String,
    arch_id: String,
    params: u64,
    madds: u64,
    latency_ms: Option<f64>,
}

/// A layer that differs; one side is missing where it was added or taken away.
#[derive(Debug, Serialize)]
struct Change {
    before: Option<Side>,
    after: Option<Side>,
}

#[derive(Debug, Clone, Serialize)]
struct Side {
    name: String,
    block: String,
    params: u64,
    madds: u64,
    latency_ms: Option<f64>,
}

impl From<&LayerReport> for Side {
    fn from(layer: &LayerReport) -> Self {
        let LayerReport { name, block, params, madds, latency_ms, .. } = layer;
        Self {
            name: name.clone(),
            block: block.to_string(),
            params: *params,
            madds: *madds,
            latency_ms: *latency_ms,
        }
    }
}

pub(super) fn inspect(args: &InspectArgs, before: &str, after: &str) -> Result<(), Report> {
    let target = target(args)?;
    let diff = diff(&report(args, before, target.as_ref())?, &report(args, after, target.as_ref())?);
    if args.json {
        print(json_text(&diff));
    } else {
        print(text(&diff));
    }
    Ok(())
}

fn diff(before: &NetworkReport, after: &NetworkReport) -> DiffReport {
    let totals = |report: &NetworkReport| Totals {
        name: report.name.clone(),
        arch_id: report.arch_id.clone(),
        params: report.params,
        madds: report.madds,
        latency_ms: report.latency_ms,
    };
    let pairs = pairs(before, after);
    // A layer whose block is the same still costs something else behind another width.
    let is_change = |(before, after): &(Option<Side>, Option<Side>)| match (before, after) {
        (Some(before), Some(after)) => (&before.block, before.params) != (&after.block, after.params),
        _ => true,
    };
    let unchanged = pairs.iter().filter(|pair| !is_change(pair)).count();
    let changes = pairs.into_iter().filter(is_change).map(|(before, after)| Change { before, after });
    DiffReport { before: totals(before), after: totals(after), unchanged, changes: changes.collect() }
}

/// Layers that stand at the same place: in the same part of the network and on maps of the same share of the image.
/// Within such a stage, equal blocks meet in order, and what lies between them one after the other.
fn pairs(before: &NetworkReport, after: &NetworkReport) -> Vec<(Option<Side>, Option<Side>)> {
    let stages = |report: &NetworkReport| {
        let mut stages: BTreeMap<(usize, u32), Vec<Side>> = BTreeMap::new();
        for layer in &report.layers {
            stages.entry(stage(report, layer)).or_default().push(layer.into());
        }
        stages
    };
    let (mut before, mut after) = (stages(before), stages(after));
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).copied().collect();
    let of_stage = |key| {
        let (left, right) = (before.remove(&key).unwrap_or_default(), after.remove(&key).unwrap_or_default());
        align(&left, &right)
    };
    keys.into_iter().flat_map(of_stage).collect()
}

/// Pairs of two stages by their longest common subsequence of blocks.
fn align(left: &[Side], right: &[Side]) -> Vec<(Option<Side>, Option<Side>)> {
    // `common[i][j]`: length of the longest common subsequence of what follows `i` and `j`.
    let mut common = vec![vec![0; right.len() + 1]; left.len() + 1];
    for i in (0..left.len()).rev() {
        for j in (0..right.len()).rev() {
            common[i][j] = match left[i].block == right[j].block {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    let (mut lone_left, mut lone_right) = (Vec::new(), Vec::new());
    while i < left.len() || j < right.len() {
        let meets = i < left.len() && j < right.len() && left[i].block == right[j].block;
        if meets {
            pairs.extend(zip_longest(&mut lone_left, &mut lone_right));
            pairs.push((Some(left[i].clone()), Some(right[j].clone())));
            (i, j) = (i + 1, j + 1);
        } else if j == right.len() || (i < left.len() && common[i + 1][j] >= common[i][j + 1]) {
            lone_left.push(left[i].clone());
            i += 1;
        } else {
            lone_right.push(right[j].clone());
            j += 1;
        }
    }
    pairs.extend(zip_longest(&mut lone_left, &mut lone_right));
    pairs
}

/// Takes two lists and pairs them in order; the longer one's rest has no partner.
fn zip_longest(left: &mut Vec<Side>, right: &mut Vec<Side>) -> Vec<(Option<Side>, Option<Side>)> {
    let count = left.len().max(right.len());
    let mut left = std::mem::take(left).into_iter();
    let mut right = std::mem::take(right).into_iter();
    (0..count).map(|_| (left.next(), right.next())).collect()
}

/// Part of the network in order, and how many pixels of the image's side are one of the layer's input.
fn stage(report: &NetworkReport, layer: &LayerReport) -> (usize, u32) {
    let part = ["stem", "blocks", "head"].iter().position(|part| layer.name.starts_with(part)).unwrap_or(3);
    let shrunk = f64::from(report.resolution) / f64::from(layer.input[0].max(1));
    (part, shrunk.log2().round() as u32)
}

fn text(diff: &DiffReport) -> String {
    let timed = diff.before.latency_ms.is_some();
    let mut columns = vec![
        ("layer", Align::Left),
        ("before", Align::Left),
        ("after", Align::Left),
        ("params", Align::Right),
        ("MAdds", Align::Right),
    ];
    columns.extend(timed.then_some(("latency", Align::Right)));
    let mut rows = Table::new(columns);
    for Change { before, after } in &diff.changes {
        let either = before.as_ref().or(after.as_ref());
        let block =
            |side: &Option<Side>| side.as_ref().map_or_else(|| "-".to_owned(), |side| side.block.clone());
        let sides = [before, after].map(Option::as_ref);
        let mut cells = vec![
            either.map_or_else(String::new, |side| side.name.clone()),
            block(before),
            block(after),
            change(sides.map(|side| side.map_or(0.0, |side| side.params as f64)), |n| format!("{n:.0}")),
            change(sides.map(|side| side.map_or(0.0, |side| side.madds as f64)), |n| millions(n as u64)),
        ];
        if timed {
            let ms = sides.map(|side| side.and_then(|side| side.latency_ms).unwrap_or(0.0));
            cells.push(change(ms, |ms| format!("{ms:.3} ms")));
        }
        rows.row(cells);
    }
    let (before, after) = (&diff.before, &diff.after);
    let mut text = format!(
        "{} {}  ->  {} {}\n\n{rows}\n{} layers as they were\n",
        before.name, before.arch_id, after.name, after.arch_id, diff.unchanged
    );
    text += &format!(
        "{} parameters\n",
        change([before.params as f64, after.params as f64], |n| format!("{n:.0}"))
    );
    text += &format!(
        "{} multiply-adds\n",
        change([before.madds as f64, after.madds as f64], |n| millions(n as u64))
    );
    if let (Some(before), Some(after)) = (before.latency_ms, after.latency_ms) {
        text += &format!("{}\n", change([before, after], |ms| format!("{ms:.2} ms")));
    }
    text
}

/// `576 -> 376 (-35 %)`.
fn change([before, after]: [f64; 2], show: impl Fn(f64) -> String) -> String {
    let share =
        if before > 0.0 { format!(" ({:+.0} %)", 100.0 * (after / before - 1.0)) } else { String::new() };
    format!("{} -> {}{share}", show(before), show(after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{self, NetworkSpec, Place, Slot};
    use clap::Parser;

    fn diff_of(change: impl Fn(&mut NetworkSpec)) -> DiffReport {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("after.toml");
        let mut spec = spec::load("mobilenet_v3_small").expect("shipped");
        change(&mut spec);
        std::fs::write(&file, spec.to_toml()).expect("disk");
        let after = file.to_str().expect("utf-8");
        let args = InspectArgs::parse_from(["mbn-inspect", "--diff", "mobilenet_v3_small", after]);
        let of = |name: &str| report(&args, name, None).expect("a network");
        diff(&of("mobilenet_v3_small"), &of(after))
    }

    /// Names of the layers that differ, `-` where a side is missing.
    fn changed(diff: &DiffReport) -> Vec<String> {
        let name = |side: &Option<Side>| side.as_ref().map_or("-", |side| side.name.as_str()).to_owned();
        diff.changes
            .iter()
            .map(|change| format!("{} {}", name(&change.before), name(&change.after)))
            .collect()
    }

    #[test]
    fn a_network_does_not_differ_from_itself() {
        let diff = diff_of(|_| {});
        assert_eq!((diff.unchanged, diff.changes.len()), (16, 0));
        assert!(text(&diff).contains("2542856 -> 2542856 (+0 %) parameters"), "{}", text(&diff));
    }

    #[test]
    fn a_width_changes_its_layer_and_those_that_read_it() {
        let diff = diff_of(|spec| spec.set_width(Place::Block(9), Slot::Hidden, 376));
        assert_eq!(changed(&diff), ["blocks.9 blocks.9"]);
        assert!(text(&diff).contains("ir_k5_s1_h376_c96_se144_hswish"), "{}", text(&diff));
        let diff = diff_of(|spec| spec.set_width(Place::Head(0), Slot::Output, 480));
        assert_eq!(changed(&diff), ["head.0 head.0", "head.2 head.2"]);
    }

    #[test]
    fn a_layer_that_is_gone_stands_alone_and_those_behind_it_meet_again() {
        let diff = diff_of(|spec| {
            spec.blocks.remove(7);
        });
        assert_eq!(changed(&diff), ["blocks.7 -"]);
        let diff = diff_of(|spec| spec.blocks.insert(8, spec.blocks[7].with_width(Slot::Hidden, 96)));
        assert_eq!(changed(&diff), ["- blocks.8"]);
    }
}
