//! Calibrated tables predict what their header says, and say no more than their networks can tell.

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::graph::LayerGraph;
use crate::latency::{LATENCY_TABLES, LatencyTable, with_entries};
use crate::spec;

const HEADER: &str = "# device: d\n# threads: 1\n# precision: float32\n# batch: 1\n# resolution: 224\n";
const ROWS: &str = "op,in_h,in_w,c_in,c_out,kernel,stride,activation,latency_ms,stddev_ms\n\
    base,,,,,,,,0.5,\nconv,224,224,3,16,3,2,relu,1.5,0.1\nconv,112,112,16,8,1,1,,2.0,\ndepthwise,112,112,16,16,3,1,relu,3.0,\nadd,56,56,8,8,,,,0.25,\n";

fn text(calibration: &str) -> String {
    format!("{HEADER}# calibration: {calibration}\n{ROWS}")
}

fn parse(calibration: &str) -> LatencyTable {
    LatencyTable::parse("t.csv", &text(calibration)).expect(calibration)
}

/// Latencies of all rows, the base row first, and the standard deviation of the row that has one.
fn latencies(table: &LatencyTable) -> Vec<f64> {
    let base = table.base.map_or(0.0, |row| row.latency_ms);
    let rows = table.sorted_rows();
    let stddev = rows.iter().find_map(|(_, row)| row.stddev_ms);
    [base].into_iter().chain(rows.iter().map(|(_, row)| row.latency_ms)).chain(stddev).collect()
}

#[track_caller]
fn assert_close(found: &[f64], wanted: &[f64]) {
    let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-12;
    assert!(found.len() == wanted.len() && found.iter().zip(wanted).all(close), "{found:?}, not {wanted:?}");
}

#[test]
fn a_row_takes_the_narrowest_factor_that_is_stated() {
    let table = parse("constant_ms 0.25, all 2, conv 3, conv@112 0.5");
    // base; conv@112, conv@224, depthwise@112, add@56; spread of conv@224.
    assert_close(&latencies(&table), &[0.5, 1.0, 4.5, 6.0, 0.5, 0.3]);
    let measured = LatencyTable::parse_measured("t.csv", &text("constant_ms 0.25, all 2")).expect("a table");
    assert_close(&latencies(&measured), &[0.5, 2.0, 1.5, 3.0, 0.25, 0.1]);
    assert_eq!(measured.header.calibration, None);
    let keys: Vec<&String> = measured.header.entries.keys().collect();
    assert!(!keys.contains(&&"calibration".to_owned()), "{keys:?}");
}

/// A network is never predicted to take less than nothing.
#[test]
fn a_negative_constant_takes_less_from_networks_smaller_than_it_was_learned_from() {
    let calibration: Calibration = "constant_ms -0.5, least_ms 2, all 1".parse().expect("a calibration");
    for (units, constant) in [(8.0, -0.5), (2.0, -0.5), (1.0, -0.25), (0.0, 0.0)] {
        assert_eq!(calibration.constant_of(units), constant);
    }
    let positive: Calibration = "constant_ms 0.5, least_ms 2, all 1".parse().expect("a calibration");
    assert_eq!(positive.constant_of(1.0), 0.5);
    assert_eq!(calibration.to_string().parse(), Ok(calibration));
}

#[test]
fn a_constant_that_takes_more_than_there_is_is_an_error() {
    let without_base = |calibration: &str| {
        LatencyTable::parse("t.csv", &text(calibration).replace("base,,,,,,,,0.5,\n", ""))
    };
    let error = without_base("constant_ms -0.1, all 1").expect_err("less than nothing").to_string();
    let said = "t.csv:6:1: a constant of -0.1 ms takes more than the base row of 0 ms has";
    assert!(error.starts_with(said), "{error}");
    assert!(without_base("constant_ms -0.1, least_ms 0.09, all 1").is_err());
    assert!(without_base("constant_ms -0.1, least_ms 0.1, all 1").is_ok());
    assert!(LatencyTable::parse("t.csv", &text("constant_ms -0.5, all 1")).is_ok());
}

#[test]
fn a_constant_is_part_of_every_prediction() {
    let (name, text) = LATENCY_TABLES[0];
    let graph = LayerGraph::lower(&spec::load("mobilenet_v2").expect("shipped"));
    let predict = |calibration: &str| {
        let text = with_entries(text, &[("calibration", Some(calibration.to_owned()))]);
        LatencyTable::parse(name, &text).expect(name).predict(&graph).expect("priced")
    };
    let [plain, more, less] =
        ["constant_ms 0, all 1", "constant_ms 3, all 1", "constant_ms -3, least_ms 1000, all 1"].map(predict);
    assert!((more.latency_ms - plain.latency_ms - 3.0).abs() < 1e-9);
    assert!((more.base_ms - plain.base_ms - 3.0).abs() < 1e-9);
    let units = plain.latency_ms - plain.base_ms;
    assert!((less.latency_ms - plain.latency_ms + 3.0 * units / 1000.0).abs() < 1e-9);
}

#[test]
fn interpolated_rows_are_corrected_like_measured_ones() {
    let (name, text) = LATENCY_TABLES[0];
    let calibration: Calibration =
        "constant_ms 0.7, all 1.1, inverted_residual 0.9, inverted_residual@28 1.3, conv@224 0.8"
            .parse()
            .expect("a calibration");
    let measured = LatencyTable::parse(name, text).expect(name);
    let text = with_entries(text, &[("calibration", Some(calibration.to_string()))]);
    let corrected = LatencyTable::parse(name, &text).expect(name);
    for network in ["mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small"] {
        let graph = LayerGraph::lower(&spec::load(network).expect("shipped"));
        let (_, spans) = measured.explain(&graph).expect("priced");
        assert!(spans.iter().flat_map(|s| &s.units).any(|unit| unit.source.is_estimate()));
        let wanted = calibration.predict_ms(&measured.term_sums(&graph).expect("priced"));
        let found = corrected.predict(&graph).expect("priced").latency_ms;
        assert!((found / wanted - 1.0).abs() < 1e-9, "{network}: {found} {wanted}");
        let sum: f64 = corrected.explain(&graph).expect("priced").1.iter().map(|span| span.latency_ms).sum();
        assert!((sum + corrected.predict(&graph).expect("priced").base_ms - found).abs() < 1e-9);
    }
}

#[test]
fn other_lines_stay_as_they_are() {
    let text = format!("# note: as  typed\n{HEADER}# held_out: 1.0\n{ROWS}# a comment\n");
    let entries = [("held_out", None), ("threads", Some("2".to_owned())), ("space", Some("v3\n".to_owned()))];
    let wanted = format!("# note: as  typed\n{HEADER}{ROWS}# a comment\n")
        .replace("# threads: 1\n", "")
        .replace("# resolution: 224\n", "# resolution: 224\n# threads: 2\n# space: v3\n");
    assert_eq!(with_entries(&text, &entries), wanted);
    assert_eq!(with_entries(&text, &[]), text);
}

#[rstest]
#[case("", "`` is not a name and number")]
#[case("constant_ms 0.1", "`all`, the factor of all other units, is missing")]
#[case("all 1", "`constant_ms` is missing")]
#[case("constant_ms 0, all 1, all 1", "`all` stands twice")]
#[case("constant_ms 0, all 1, conv@28 1, conv@28 2", "`conv@28` stands twice")]
#[case("constant_ms 0, all 0", "a factor is above 0, and `all 0` is not")]
#[case("constant_ms 0, all 1, conv -1", "a factor is above 0")]
#[case("constant_ms 0, least_ms 0, all 1", "`least_ms 0`: the smallest network takes more")]
#[case("constant_ms inf, all 1", "`constant_ms inf` is not a name and number")]
#[case("constant_ms 0, all 1, conv", "`conv` is not a name and number")]
#[case("constant_ms 0, all 1, conv 1 2", "`conv 1 2` is not a name and number")]
#[case(
    "constant_ms 0, all 1, convolution 1",
    "`convolution` is not a kind of unit; those are conv, depthwise"
)]
#[case("constant_ms 0, all 1, conv@0 1", "`0` is not a side of a map")]
#[case("constant_ms 0, all 1, conv@x 1", "`x` is not a side of a map")]
#[case("constant_ms 0, all 1,", "`` is not a name and number")]
fn malformed_calibrations(#[case] calibration: &str, #[case] says: &str) {
    let error = LatencyTable::parse("t.csv", &text(calibration)).expect_err(calibration).to_string();
    assert!(error.starts_with("t.csv:6:1: ") && error.contains(says), "{error}");
    let audit = crate::latency::audit::audit("t.csv", &text(calibration));
    assert!(audit.findings.iter().any(|f| f.line == 6 && f.message.contains(says)), "{:?}", audit.findings);
}

#[rstest]
#[case("0.9, x", "`x` is not a ratio")]
#[case("", "`` is not a ratio")]
#[case("0", "`0` is not a ratio")]
#[case("1.0, 0.9", "do not stand in order")]
fn malformed_ratios(#[case] ratios: &str, #[case] says: &str) {
    let text = format!("{HEADER}# held_out: {ratios}\n{ROWS}");
    let error = LatencyTable::parse("t.csv", &text).expect_err(ratios).to_string();
    assert!(error.starts_with("t.csv:6:1: ") && error.contains(says), "{error}");
}

fn confidence(fraction: f64) -> Confidence {
    Confidence::try_from(fraction).expect("a confidence")
}

/// A table whose held-out ratios are 0.901, 0.902, and so on.
fn validated(networks: u32) -> LatencyTable {
    let ratios: Vec<f64> = (1..=networks).map(|i| 0.9 + f64::from(i) / 1000.0).collect();
    LatencyTable::parse("t.csv", &format!("{HEADER}# held_out: {}\n{ROWS}", held_out_text(&ratios)))
        .expect("a table")
}

#[rstest]
#[case(19, 0.95, 0.919, None)]
#[case(38, 0.95, 0.938, None)]
#[case(39, 0.95, 0.938, Some([0.901, 0.939]))]
#[case(100, 0.95, 0.996, Some([0.902, 0.999]))]
#[case(9, 0.9, 0.909, None)]
#[case(99, 0.9, 0.990, Some([0.905, 0.995]))]
#[case(1, 0.5, 0.901, None)]
#[case(3, 0.01, 0.901, Some([0.901, 0.903]))]
fn bounds_are_order_statistics(
    #[case] networks: u32,
    #[case] fraction: f64,
    #[case] upper: f64,
    #[case] two_sided: Option<[f64; 2]>,
) {
    let found = validated(networks).interval(confidence(fraction)).expect("enough networks");
    let wanted = Interval { confidence: confidence(fraction), networks: networks as usize, upper, two_sided };
    assert_eq!(found, wanted);
}

#[test]
fn too_few_networks_are_told_with_how_many_it_takes() {
    let error = validated(18).interval(confidence(0.95)).expect_err("too few");
    assert_eq!(
        error,
        IntervalError::TooFewNetworks {
            table: "t.csv".to_owned(),
            networks: 18,
            confidence: confidence(0.95),
            needed: 19,
            possible: 0.94
        }
    );
    assert!(validated(18).interval(confidence(0.94)).is_ok());
    let help = miette::Diagnostic::help(&error).expect("help").to_string();
    assert!(help.contains("mbn-latency validate --target t.csv") && help.contains("19 or more"), "{help}");
    let error = parse("constant_ms 0, all 1").interval(confidence(0.99)).expect_err("not validated");
    let help = miette::Diagnostic::help(&error).expect("help").to_string();
    assert!(
        help.contains("mbn-latency validate --target t.csv") && help.contains("takes 99 or more"),
        "{help}"
    );
}

#[rstest]
#[case("0.95", Some(0.95))]
#[case("95", None)]
#[case("1", None)]
#[case("0", None)]
#[case("NaN", None)]
#[case("95%", None)]
fn confidences(#[case] text: &str, #[case] fraction: Option<f64>) {
    assert_eq!(text.parse::<Confidence>().ok().map(Confidence::fraction), fraction);
}

fn terms() -> impl Strategy<Value = Term> {
    let kinds = proptest::sample::select(UnitKind::ALL.to_vec());
    (kinds, proptest::option::of(1..300_u32)).prop_map(|(kind, side)| Term { kind, side })
}

proptest! {
    #[test]
    fn calibrations_survive_their_text(
        constant_ms in -5.0..5.0_f64,
        least_ms in 1e-5..100.0_f64,
        all in 1e-5..100.0_f64,
        factors in proptest::collection::btree_map(terms(), 1e-5..100.0_f64, 0..8),
    ) {
        let rounded = Calibration { constant_ms, least_ms, all, factors }.rounded();
        prop_assert_eq!(rounded.to_string().parse(), Ok(rounded));
    }

    /// The definition of a conformal bound: of `n + 1` numbers, each left out in turn, at most a share of `1 - c` lies
    /// above the bound that the others give.
    #[test]
    fn at_most_the_promised_share_exceeds_the_bound(
        ratios in proptest::collection::vec(0.5..2.0_f64, 2..60),
        fraction in 0.05..0.95_f64,
    ) {
        let exceeds = |out: usize| {
            let mut rest = ratios.clone();
            let left_out = rest.remove(out);
            rest.sort_by(f64::total_cmp);
            Interval::of(&rest, confidence(fraction)).map(|interval| left_out > interval.upper)
        };
        let outcomes: Option<Vec<bool>> = (0..ratios.len()).map(exceeds).collect();
        let enough = ratios.len() > confidence(fraction).networks_needed();
        prop_assert_eq!(outcomes.is_some(), enough);
        if let Some(outcomes) = outcomes {
            let missed = outcomes.iter().filter(|missed| **missed).count() as f64;
            prop_assert!(missed <= (1.0 - fraction) * ratios.len() as f64 + 1e-6, "{} of {}", missed, ratios.len());
        }
    }
}
