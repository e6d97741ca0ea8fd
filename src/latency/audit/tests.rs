//! Good tables have no finding, and a table that is broken in one way has that one.

use std::collections::BTreeSet;

use rstest::rstest;

use super::{Audit, Finding, FindingKind, Severity, audit};
use crate::graph::{LatencyUnit, LayerGraph};
use crate::latency::{TableRow, table_text};
use crate::spec;

const HEADER: &str = "# device: d\n# threads: 1\n# precision: float32\n# batch: 1\n# resolution: 224\n";
const COLUMNS: &str =
    "op,in_h,in_w,c_in,c_out,kernel,stride,expanded,squeeze,activation,latency_ms,stddev_ms,samples\n";

/// Line of the base row, and of the first block.
const BASE: usize = 7;
const FIRST: usize = 8;

/// Blocks at 28x28 on a grid of channels, for three kernels, whose latencies follow from their multiply-adds with a
/// wiggle of 1 %.
fn blocks() -> Vec<String> {
    let mut rows = Vec::new();
    for kernel in [3, 5, 7] {
        for c_in in [16, 24, 32, 40] {
            for ratio in [3, 6] {
                for c_out in [16, 24, 32, 40] {
                    let (hidden, map) = (c_in * ratio, 28 * 28);
                    let madds = map * hidden * (c_in + 3 * kernel * kernel + c_out);
                    let wiggle = 1.0 + 0.01 * f64::from((c_in + 3 * c_out + hidden + kernel) % 5 - 2);
                    let ms = (0.05 + f64::from(madds) / 4e6) * wiggle;
                    rows.push(format!(
                        "inverted_residual,28,28,{c_in},{c_out},{kernel},1,{hidden},0,relu,{ms:.4},{:.4},50",
                        0.02 * ms
                    ));
                }
            }
        }
    }
    rows
}

fn grid() -> String {
    format!("{HEADER}{COLUMNS}base,,,,,,,,,,0.5,0.01,50\n{}\n", blocks().join("\n"))
}

/// The findings but those about the reference networks, of which the grid prices none.
fn found(text: &str) -> Vec<Finding> {
    let all = audit("table.csv", text).findings;
    all.into_iter().filter(|finding| finding.kind != FindingKind::Coverage).collect()
}

/// The grid with one line replaced.
fn with_line(line: usize, by: &str) -> String {
    let text = grid();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[line - 1] = by;
    lines.join("\n") + "\n"
}

/// The grid with one field of a line replaced.
fn with_field(line: usize, field: usize, by: &str) -> String {
    let text = grid();
    let row = text.lines().nth(line - 1).expect("there");
    let mut fields: Vec<&str> = row.split(',').collect();
    fields[field] = by;
    with_line(line, &fields.join(","))
}

const LATENCY: usize = 10;
const STDDEV: usize = 11;
const SAMPLES: usize = 12;

fn ms(text: &str, line: usize) -> f64 {
    text.lines()
        .nth(line - 1)
        .expect("there")
        .split(',')
        .nth(LATENCY)
        .expect("there")
        .parse()
        .expect("number")
}

#[track_caller]
fn assert_one(text: &str, kind: FindingKind, severity: Severity, line: usize, says: &str) {
    let found = found(text);
    let [finding] = &found[..] else { panic!("not one finding: {found:#?}") };
    assert_eq!((finding.kind, finding.severity, finding.line), (kind, severity, line), "{finding:?}");
    assert!(finding.message.contains(says), "{finding:?}");
    assert!(!finding.remedy.is_empty());
}

#[test]
fn the_grid_has_no_finding() {
    assert_eq!(found(&grid()), []);
}

/// Every unit of the four reference networks, and a base row.
fn networks() -> Vec<TableRow> {
    let mut units: BTreeSet<LatencyUnit> = BTreeSet::new();
    for name in ["mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small"] {
        let graph = LayerGraph::lower(&spec::load(name).expect("shipped"));
        units.extend(graph.spans().iter().flat_map(|span| graph.operator_units(span)));
    }
    let row = |unit: Option<LatencyUnit>, latency_ms| TableRow {
        unit,
        latency_ms,
        stddev_ms: Some(0.02 * latency_ms),
        samples: Some(50),
    };
    let mut rows = vec![row(None, 0.5)];
    let work = |unit: &LatencyUnit| {
        let touched = unit.family.height * unit.family.width * unit.c_in;
        unit.madds() as f64 + f64::from(touched)
    };
    rows.extend(units.into_iter().map(|unit| row(Some(unit), 0.01 + work(&unit) / 4e6)));
    rows
}

fn text_of(rows: &[TableRow]) -> String {
    let header = ["device", "threads", "precision", "batch"].map(|key| (key, "1".to_owned()));
    table_text(&[header.to_vec(), vec![("resolution", "224".to_owned())]].concat(), rows)
}

#[test]
fn a_table_of_all_reference_networks_has_no_finding() {
    let audit = audit("table.csv", &text_of(&networks()));
    assert_eq!(audit.findings, [], "{} rows", audit.rows);
}

#[test]
fn a_network_that_cannot_be_priced_is_one_note() {
    let mut rows = networks();
    rows.retain(|row| row.unit.is_none_or(|unit| unit.to_string() != "conv 3x3 s2 3-32 relu @ 224x224"));
    let Audit { findings, .. } = audit("table.csv", &text_of(&rows));
    let [finding] = &findings[..] else { panic!("{findings:#?}") };
    assert_eq!((finding.kind, finding.severity), (FindingKind::Coverage, Severity::Note));
    assert!(finding.message.starts_with("mobilenet_v1 at 224x224 needs 1 units"), "{}", finding.message);
    assert!(finding.message.contains("conv 3x3 s2 3-32 relu"), "{}", finding.message);
}

#[test]
fn constant_costs_that_nothing_states_are_a_note() {
    let text = text_of(&networks()[1..]);
    let findings = audit("table.csv", &text).findings;
    assert_eq!(findings.len(), 1);
    assert!(findings[0].message.starts_with("there is no base row"), "{findings:?}");
    let folded = text.replacen("# device", "# folded: pool\n# device", 1);
    assert_eq!(audit("table.csv", &folded).findings, []);
}

#[rstest]
#[case::negative("-0.2", "impossible")]
#[case::zero("0", "impossible")]
#[case::nan("NaN", "impossible")]
#[case::words("fast", "`fast` is not a value")]
fn an_impossible_latency(#[case] value: &str, #[case] says: &str) {
    assert_one(&with_field(BASE, LATENCY, value), FindingKind::Unreadable, Severity::Error, BASE, says);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = with_field(BASE, LATENCY, "-1").replace("# threads: 1\n", "# colour: red\n");
    let lines: Vec<usize> = found(&text).iter().map(|finding| finding.line).collect();
    // The unknown key, the missing key (told at the header), the row.
    assert_eq!(lines, [1, 2, BASE]);
    assert!(found(&text).iter().all(|finding| finding.severity == Severity::Error));
}

#[test]
fn a_file_that_is_no_table_is_one_error() {
    let text = format!("{HEADER}name,price\nx,1\n");
    assert_one(&text, FindingKind::Unreadable, Severity::Error, 6, "unknown column `name`");
    let empty = format!("{HEADER}{COLUMNS}");
    assert_one(&empty, FindingKind::Unreadable, Severity::Error, 7, "no rows");
}

#[test]
fn a_row_in_microseconds_or_seconds() {
    for (factor, unit) in [(1e3, "microseconds"), (1e-3, "seconds")] {
        let text = with_field(FIRST + 20, LATENCY, &format!("{}", ms(&grid(), FIRST + 20) * factor));
        let units: Vec<Finding> =
            found(&text).into_iter().filter(|finding| finding.kind == FindingKind::Unit).collect();
        let [finding] = &units[..] else { panic!("{units:#?}") };
        assert_eq!((finding.line, finding.severity), (FIRST + 20, Severity::Error));
        assert!(finding.message.ends_with(&format!("is it in {unit}?")), "{}", finding.message);
    }
}

#[test]
fn a_stem_alone_in_microseconds_or_seconds() {
    for (latency, unit) in [("1500", "microseconds"), ("0.0015", "seconds")] {
        let text =
            format!("{HEADER}{COLUMNS}base,,,,,,,,,,0.5,,9\nconv,224,224,3,16,3,2,,,relu,{latency},,9\n");
        assert_one(&text, FindingKind::Unit, Severity::Error, 8, &format!("look like {unit}"));
    }
}

#[test]
fn a_whole_table_in_microseconds() {
    let mut text = format!("{HEADER}{COLUMNS}base,,,,,,,,,,500,0.01,50\n");
    for row in blocks() {
        let fields: Vec<&str> = row.split(',').collect();
        let us = 1e3 * fields[LATENCY].parse::<f64>().expect("number");
        text += &format!("{},{us},0.02,50\n", fields[..LATENCY].join(","));
    }
    let units = found(&text);
    assert_eq!(units.iter().filter(|finding| finding.kind == FindingKind::Unit).count(), 1, "{units:#?}");
    assert!(units[0].message.contains("look like microseconds"), "{units:#?}");
}

#[test]
fn spreads_and_samples() {
    let wide = with_field(FIRST, STDDEV, "99");
    assert_one(&wide, FindingKind::Spread, Severity::Warning, FIRST, "more than the latency");
    let unknown = with_field(FIRST, SAMPLES, "");
    assert_one(&unknown, FindingKind::Spread, Severity::Note, FIRST, "1 of 97 rows state no number");
    let once = with_field(BASE, SAMPLES, "1");
    assert_one(&once, FindingKind::Spread, Severity::Note, BASE, "1 of 97 rows rest on one sample");
}

#[test]
fn rows_of_one_unit() {
    let text = grid();
    let first = text.lines().nth(FIRST - 1).expect("there");
    let last = text.lines().count() + 1;
    let again = format!("{text}{first}\n");
    assert_one(&again, FindingKind::Duplicate, Severity::Error, last, "repeats line 8: also");
    let latency = first.split(',').nth(LATENCY).expect("there");
    let other = format!("{text}{}\n", first.replacen(latency, "0.7", 1));
    assert_one(&other, FindingKind::Duplicate, Severity::Error, last, " ms there");
    let base = format!("{text}base,,,,,,,,,,0.6,0.01,50\n");
    assert_one(&base, FindingKind::Duplicate, Severity::Error, last, "base repeats line 7");
}

#[test]
fn activations_are_keys_unless_the_header_ignores_them() {
    let text = grid();
    let first = text.lines().nth(FIRST - 1).expect("there");
    let both = format!("{text}{}\n", first.replace("relu", "hswish"));
    assert_eq!(found(&both), []);
    let ignoring = both.replacen("# batch", "# ignores: activation\n# batch", 1);
    let last = ignoring.lines().count();
    assert_one(
        &ignoring,
        FindingKind::Duplicate,
        Severity::Error,
        last,
        "differs only in activation (hswish, relu)",
    );
}

#[test]
fn header_lines_that_contradict_or_repeat() {
    let twice = grid().replacen("# batch", "# threads: 4\n# batch", 1);
    assert_one(&twice, FindingKind::Mixed, Severity::Error, 4, "`threads` is `4` here and `1` in line 2");
    let list = grid().replacen("# precision: float32", "# precision: float32, int8", 1);
    assert_one(&list, FindingKind::Mixed, Severity::Error, 3, "rows of 2 settings");
    let later = format!("{}# device: another\n", grid());
    let last = later.lines().count();
    assert_one(
        &later,
        FindingKind::Mixed,
        Severity::Error,
        last,
        "in the middle of the table and `d` in line 1",
    );
    let comment = format!("{}# measured at night\n", grid());
    assert_eq!(found(&comment), []);
}

#[test]
fn two_tables_in_one_file() {
    let block = "conv,224,224,3,16,3,2,,,relu,2.0,0.04,50\n";
    let text = format!("{}{COLUMNS}{block}", grid());
    let line = grid().lines().count() + 1;
    assert_one(&text, FindingKind::Mixed, Severity::Error, line, "two tables in one file");
}

#[test]
fn a_hole_in_the_grid() {
    let mut rows = blocks();
    let lost = rows.remove(37);
    let text = format!("{HEADER}{COLUMNS}base,,,,,,,,,,0.5,0.01,50\n{}\n", rows.join("\n"));
    let fields: Vec<&str> = lost.split(',').collect();
    let says = format!("have: {}-{}-{}", fields[3], fields[7], fields[4]);
    // The family of kernel 5 starts behind the 32 rows of kernel 3.
    assert_one(&text, FindingKind::Gap, Severity::Note, FIRST + 32, &says);
}

#[test]
fn a_row_beside_the_channel_step() {
    let text = grid() + "inverted_residual,28,28,24,37,3,1,72,0,relu,1.34,0.03,50\n";
    let last = text.lines().count();
    assert_one(&text, FindingKind::Gap, Severity::Note, last, "in steps of 1");
}

#[test]
fn one_count_left_out_of_an_even_progression() {
    let row = |c: u32| format!("conv,7,7,64,{c},1,1,,,relu,{},0.001,50\n", 0.02 + f64::from(c) / 500.0);
    let stem = format!("{HEADER}{COLUMNS}base,,,,,,,,,,0.5,0.01,50\n");
    let whole: String = (1..=8).map(|n| row(8 * n)).collect();
    assert_eq!(found(&(stem.clone() + &whole)), []);
    let text = stem + &whole.replace(&row(32), "");
    assert_one(&text, FindingKind::Gap, Severity::Note, 8, "`c_out` goes in even steps but for 32");
}

#[test]
fn a_row_far_from_its_neighbours_is_an_outlier_and_breaks_the_order() {
    let slow = FIRST + 9;
    let text = with_field(slow, LATENCY, &format!("{}", 2.0 * ms(&grid(), slow)));
    let found = found(&text);
    let outliers: Vec<&Finding> = found.iter().filter(|f| f.kind == FindingKind::Outlier).collect();
    assert_eq!(outliers.iter().map(|f| f.line).collect::<Vec<_>>(), [slow], "{found:#?}");
    assert!(outliers[0].message.contains("its neighbours predict"), "{outliers:?}");
    let order: Vec<&Finding> = found.iter().filter(|f| f.kind == FindingKind::NonMonotone).collect();
    assert_eq!(order.iter().map(|f| f.line).collect::<Vec<_>>(), [slow], "{found:#?}");
    assert_eq!(order[0].related.len(), 1);
}

#[test]
fn an_addition_or_an_expansion_more_may_take_longer() {
    // 16-16-16 has no expansion, 32-32-32 has one operator less than 16-32-32.
    let row = |c_in: u32, hidden: u32, c_out: u32, ms: f64| {
        format!("inverted_residual,28,28,{c_in},{c_out},3,1,{hidden},0,relu,{ms},0.001,50\n")
    };
    let table = |rows: &str| format!("{HEADER}{COLUMNS}base,,,,,,,,,,0.5,0.01,50\n{rows}");
    assert_eq!(found(&table(&(row(16, 32, 32, 0.5) + &row(32, 32, 32, 0.4)))), []);
    assert_eq!(found(&table(&(row(16, 64, 16, 0.5) + &row(16, 64, 24, 0.4)))), []);
    let same = table(&(row(16, 64, 24, 0.5) + &row(16, 64, 32, 0.4)));
    assert_one(&same, FindingKind::NonMonotone, Severity::Warning, FIRST, "16-64-32 (line 9) only 0.4 ms");
}

#[test]
fn a_step_that_most_families_share_is_one_note() {
    // 16-48-24 is slow for every kernel.
    let mut text = grid();
    let lines: Vec<usize> = [0, 32, 64].map(|family| FIRST + family + 1).to_vec();
    for &line in &lines {
        let row = text.lines().nth(line - 1).expect("there").to_owned();
        let fields: Vec<&str> = row.split(',').collect();
        assert_eq!((fields[3], fields[7], fields[4]), ("16", "48", "24"));
        let slow = row.replacen(fields[LATENCY], &format!("{:.4}", 1.6 * ms(&text, line)), 1);
        text = text.replacen(&row, &slow, 1);
    }
    assert_one(&text, FindingKind::NonMonotone, Severity::Note, lines[0], "in 3 of 3 families");
}

#[test]
fn rows_at_a_floor() {
    let mut text = grid();
    let rows: Vec<String> = (0..3).map(|c| format!("add,7,7,{0},{0},,,,,,0.001,0,50", 8 + 8 * c)).collect();
    text += &(rows.join("\n") + "\n");
    let first = grid().lines().count() + 1;
    assert_one(
        &text,
        FindingKind::Outlier,
        Severity::Warning,
        first,
        "3 rows take exactly the smallest latency",
    );
}

/// The findings of the grid with these lines in its header.
fn calibrated(lines: &str) -> Vec<Finding> {
    found(&grid().replacen("# resolution", &format!("{lines}# resolution"), 1))
}

#[test]
fn a_calibration_that_fits_is_no_finding_and_changes_no_other() {
    let ratios =
        (0..19).map(|i| format!("{:.4}", 0.98 + 0.002 * f64::from(i))).collect::<Vec<_>>().join(", ");
    let lines = format!(
        "# calibration: constant_ms -0.1, all 1.4, inverted_residual 0.5, inverted_residual@28 3\n# held_out: {ratios}\n# space: v3\n"
    );
    assert_eq!(calibrated(&lines), []);
}

#[rstest]
#[case(
    "# calibration: constant_ms 0, all 1, conv 1.1, add@28 2\n",
    Severity::Warning,
    "corrects conv, add@28"
)]
#[case(
    "# held_out: 0.9, 1.0\n",
    Severity::Note,
    "2 held-out networks give no bound of confidence 0.95: it takes 19"
)]
#[case(
    "# calibration: constant_ms -0.6, all 1\n",
    Severity::Error,
    "a constant of -0.6 ms takes more than the base"
)]
fn a_calibration_that_does_not_fit(#[case] line: &str, #[case] severity: Severity, #[case] says: &str) {
    let found = calibrated(line);
    let [finding] = &found[..] else { panic!("not one finding: {found:#?}") };
    assert_eq!((finding.severity, finding.line), (severity, 5), "{finding:?}");
    assert!(finding.message.contains(says), "{finding:?}");
}

#[test]
fn a_bias_that_the_calibration_left_is_a_warning() {
    let ratios = (0..19).map(|i| format!("{:.4}", 1.1 + 0.01 * f64::from(i))).collect::<Vec<_>>().join(", ");
    let found = calibrated(&format!("# held_out: {ratios}\n"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].message.contains("take 1.19 times"), "{found:?}");
}
