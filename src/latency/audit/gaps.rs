//! Holes in the grid of channels that a table was measured on, and rows beside the grid.

use std::collections::{BTreeMap, BTreeSet};

use super::content::{Content, Measured, channels, describe};
use super::{Finding, FindingKind, Severity};
use crate::graph::{UnitFamily, UnitKind};

/// Combinations that a finding names.
const NAMED: usize = 4;

/// Values that make a progression in which one missing can be told.
const PROGRESSION: usize = 6;

/// Steps that channels are looked at for.
const STEPS: [u32; 4] = [32, 16, 8, 4];

/// The share of rows that makes a step the table's own.
const ON_STEP: f64 = 0.95;

pub(super) fn findings(content: &Content) -> Vec<Finding> {
    let families = content.families();
    let mut findings = holes_beside_sisters(&families);
    findings.extend(families.iter().flat_map(|(family, rows)| missing_counts(family, rows)));
    findings.extend(beside_the_step(content));
    findings
}

fn note(line: usize, message: String, remedy: &str) -> Finding {
    Finding::new(FindingKind::Gap, Severity::Note, line, message, remedy)
}

type Families = [(UnitFamily, Vec<Measured>)];

/// Families that differ in kernel size only are measured on one grid: combinations of channels that most of them have
/// and one lacks. Squeeze-excite often belongs to a stage and so to its channels.
fn holes_beside_sisters(families: &Families) -> Vec<Finding> {
    let mut groups: BTreeMap<UnitFamily, Vec<&(UnitFamily, Vec<Measured>)>> = BTreeMap::new();
    for family in families {
        let shared = UnitFamily { kernel: 0, ..family.0 };
        groups.entry(shared).or_default().push(family);
    }
    let mut findings = Vec::new();
    for sisters in groups.values().filter(|sisters| sisters.len() > 1) {
        let mut grid: BTreeMap<String, usize> = BTreeMap::new();
        for measured in sisters.iter().flat_map(|(_, rows)| rows) {
            *grid.entry(channels(&measured.unit)).or_default() += 1;
        }
        findings.extend(sisters.iter().filter_map(|(family, rows)| hole(family, rows, &grid, sisters.len())));
    }
    findings
}

fn hole(
    family: &UnitFamily,
    rows: &[Measured],
    grid: &BTreeMap<String, usize>,
    sisters: usize,
) -> Option<Finding> {
    let own: BTreeSet<String> = rows.iter().map(|measured| channels(&measured.unit)).collect();
    let others = sisters - 1;
    let sisters_have = match others {
        1 => "its sister with another kernel has".to_owned(),
        _ => format!("most of its {others} sisters with another kernel have"),
    };
    let is_missing = |key: &&String, count: usize| !own.contains(*key) && 2 * count > others;
    let missing: Vec<&str> =
        grid.iter().filter(|(key, count)| is_missing(key, **count)).map(|(key, _)| key.as_str()).collect();
    // A family that lacks more than a quarter of what it has was measured on a grid of its own.
    if missing.is_empty() || 4 * missing.len() > own.len() {
        return None;
    }
    let more =
        if missing.len() > NAMED { format!(" and {} more", missing.len() - NAMED) } else { String::new() };
    let named = missing[..missing.len().min(NAMED)].join(", ");
    let message = format!(
        "{} lacks {} of the channels that {sisters_have}: {named}{more}",
        describe(family),
        missing.len(),
    );
    Some(note(rows[0].line, message, "measure them; until then they are estimated from the other rows"))
}

/// A channel count of a row, and its column.
type Count = (&'static str, fn(&Measured) -> u32);

/// One value left out in the midst of an even progression of channel counts.
fn missing_counts(family: &UnitFamily, rows: &[Measured]) -> Vec<Finding> {
    let counts: [Count; 3] = [
        ("c_in", |measured| measured.unit.c_in),
        ("expanded", |measured| measured.unit.expanded),
        ("c_out", |measured| measured.unit.c_out),
    ];
    let missing = |(name, count): Count| {
        let values: BTreeSet<u32> = rows.iter().map(count).collect();
        let lost = missing_in_progression(&values.into_iter().collect::<Vec<u32>>())?;
        let message =
            format!("{}: `{name}` goes in even steps but for {lost}, which is missing", describe(family));
        Some(note(rows[0].line, message, "measure it; until then it is estimated from the other rows"))
    };
    counts.into_iter().filter_map(missing).collect()
}

fn missing_in_progression(sorted: &[u32]) -> Option<u32> {
    if sorted.len() < PROGRESSION {
        return None;
    }
    let steps: Vec<u32> = sorted.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let step = *steps.iter().min()?;
    let wide: Vec<usize> = (0..steps.len()).filter(|&at| steps[at] != step).collect();
    match wide[..] {
        // At an end, a wider step is a choice.
        [at] if steps[at] == 2 * step && (2..steps.len() - 2).contains(&at) => Some(sorted[at] + step),
        _ => None,
    }
}

/// Rows whose channels are not multiples of the step that nearly all others keep. They make the table's channel step
/// smaller for every width that is to be chosen.
fn beside_the_step(content: &Content) -> Option<Finding> {
    let stepped: Vec<&Measured> =
        content.units.iter().filter(|measured| measured.unit.family.kind != UnitKind::Classifier).collect();
    let is_on = |measured: &&&Measured, step: u32| {
        measured.unit.c_out.is_multiple_of(step) && measured.unit.expanded.is_multiple_of(step)
    };
    let on = |step: u32| stepped.iter().filter(|measured| is_on(measured, step)).count();
    let step = STEPS.into_iter().find(|&step| on(step) as f64 >= ON_STEP * stepped.len() as f64)?;
    let beside: Vec<&&Measured> = stepped.iter().filter(|measured| !is_on(measured, step)).collect();
    let first = beside.first()?;
    let smaller = content.table.channel_step().unwrap_or(1);
    let message = format!(
        "channels of {} rows are not multiples of {step} as those of the other {} are, first {}: widths are chosen in steps of {smaller}",
        beside.len(),
        stepped.len() - beside.len(),
        first.unit,
    );
    Some(
        note(first.line, message, "leave these rows out unless your networks have such widths")
            .with_related(beside[1..].iter().map(|measured| measured.line)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_missing_in_an_even_progression_only() {
        assert_eq!(missing_in_progression(&[8, 16, 24, 40, 48, 56]), Some(32));
        assert_eq!(missing_in_progression(&[8, 16, 24, 32, 40, 48]), None);
        assert_eq!(missing_in_progression(&[8, 16, 24, 40, 48, 64]), None);
        assert_eq!(missing_in_progression(&[8, 16, 24, 32, 40, 56]), None);
        assert_eq!(missing_in_progression(&[8, 16, 32]), None);
    }
}
