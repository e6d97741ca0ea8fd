//! `mbn-netadapt --confidence`.

use assert_cmd::Command;
use serde_json::Value;

use crate::said::said;
use crate::support::Place;
use crate::table::{UPPER_95, validated};
use crate::words::assert_says;

/// A small network on the grid of the Pixel 1 table.
const NETWORK: &str = r#"name = "small"
resolution = 224
classes = 1000
padding = "same"
batch_norm = { eps = 1e-3, momentum = 0.1 }
stem = "conv_k3_s2_c8_hswish"
blocks = [
    "ir_k3_s1_h8_c8_relu",
    "ir_k3_s2_h16_c16_relu",
    "ir_k3_s2_h32_c24_relu",
    "ir_k3_s2_h48_c64_hswish",
    "ir_k3_s2_h128_c128_hswish",
]
head = ["conv_k1_s1_c512_hswish", "pool"]
"#;

const RECIPE: &str = r#"epochs = 1
batch = 16
optimizer = { kind = "sgd", momentum = 0.9 }
schedule = { kind = "cosine", learning_rate = 0.05 }
"#;

const BUDGET_MS: f64 = 7.0;

fn place() -> Place {
    let files = [("small.toml", NETWORK), ("recipe.toml", RECIPE)];
    let place = Place::with(&files);
    place.write("validated.csv", &validated(60));
    place
}

/// The small network narrowed on the validated table to 7 ms, where no others are given; later arguments win.
fn adapt(place: &Place, out: &str, more: &[&str]) -> Command {
    let mut command = place.command(env!("CARGO_BIN_EXE_mbn-netadapt"));
    let costs = [["--target", "validated.csv"], ["--budget", "7ms"]];
    command.args(costs.into_iter().filter(|cost| !more.contains(&cost[0])).flatten());
    command.args(["small.toml", "--data", "images", "--recipe", "recipe.toml"]);
    command.args(["--step", "4%", "--short-steps", "1"]);
    command.args(["--train-epochs", "1", "--final-epochs", "1", "--out", out]).args(more);
    command
}

fn json(place: &Place, file: &str) -> Value {
    serde_json::from_slice(&std::fs::read(place.path(file)).expect(file)).expect("JSON")
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("no {key} in {value}"))
}

#[test]
fn the_result_and_its_controls_hold_the_budget_by_their_bounds() {
    let place = place();
    let output = adapt(&place, "held", &["--confidence", "0.95"]).output().expect("started");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stderr}");
    let held = "budget 7ms, held with 95 % by predictions up to 6.27 ms (60 networks)";
    assert!(stderr.contains(&format!("{held}; ")), "{stderr}");
    assert!(stdout.contains(&format!("({held}) in ")), "{stdout}");
    assert!(
        stdout.contains("at most: the measured latency, with 95 % confidence, from 60 networks"),
        "{stdout}"
    );

    let summary = json(&place, "held/derived/summary.json");
    assert_eq!((&summary["budget"], number(&summary["bounds"]["held"], "upper")), (&"7ms".into(), UPPER_95));
    let results = summary["results"].as_array().expect("results");
    assert!(results.len() >= 3, "seed, result and controls, not {}", results.len());
    for result in results {
        let (cost, upper) = (number(result, "cost"), number(result, "cost_upper"));
        assert!((upper - UPPER_95 * cost).abs() < 1e-12);
        assert!(upper <= BUDGET_MS || result["name"] == "seed", "{result}");
        assert!(stdout.contains(&format!("{upper:.2} ms")), "{stdout}");
    }
    // Nothing is left of the budget that the widths could use: the bound of the seed was far above it.
    assert!(
        number(&results[0], "cost_upper") > 1.1 * BUDGET_MS
            && number(&results[1], "cost_upper") > 0.9 * BUDGET_MS
    );
    // The card is that of the proxy, whose latency this is not.
    let card = json(&place, "held/model.json");
    assert_eq!((&card["latency"], &card["proxy_of"]["resolution"]), (&Value::Null, &224.into()));

    let mut proposals = csv::Reader::from_path(place.path("held/derived/proposals.csv")).expect("a table");
    let header = proposals.headers().expect("a header").clone();
    let at = |key| header.iter().position(|column| column == key).expect("a column");
    let (cost, upper) = (at("cost"), at("cost_upper"));
    for proposal in proposals.records() {
        let proposal = proposal.expect("a row");
        let number = |at: usize| proposal[at].parse::<f64>().expect("a number");
        assert!((number(upper) - UPPER_95 * number(cost)).abs() < 1e-12, "{proposal:?}");
    }

    let other = said(adapt(&place, "held", &["--confidence", "0.9"]), 1);
    assert_says(&other, &["holds another run and is left as it is: `confidence` was 0.95 and is now 0.9;"]);
}

/// The same command without a confidence uses the whole budget for predictions.
#[test]
fn without_a_confidence_the_budget_is_one_of_predictions() {
    let place = place();
    adapt(&place, "free", &["--controls", "none"]).assert().success();
    let summary = json(&place, "free/derived/summary.json");
    let result = &summary["results"][1];
    assert!(number(result, "cost") <= BUDGET_MS && number(result, "cost_upper") > BUDGET_MS, "{result}");
    assert_eq!(number(&summary["bounds"]["told"], "confidence"), 0.95);
    let run_toml = std::fs::read_to_string(place.path("free/run.toml")).expect("options");
    assert!(!run_toml.contains("confidence"), "{run_toml}");
}

#[test]
fn budgets_that_are_met_or_out_of_reach_are_judged_by_bounds() {
    let place = place();
    let said_of = |budget: &str, code: i32| {
        let mut command = adapt(&place, "run", &["--confidence", "0.95", "--budget", budget]);
        let output = command.output().expect("started");
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(!place.path("run").exists(), "a run folder was made");
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    assert_says(
        &said_of("100ms", 0),
        &[" ms with 95 % confidence, which is within the budget of 100ms: nothing to do"],
    );
    assert_says(
        &said_of("1ms", 3),
        &[
            "no narrower form of small meets a budget of 1ms, held with 95 % by predictions up to 0.89 ms (60 networks): the smallest reachable latency is ",
            " ms, at most ",
            " ms with 95 % confidence",
        ],
    );
}

#[test]
fn a_confidence_needs_a_latency_and_a_validated_table() {
    let place = place();
    let madds = said(adapt(&place, "run", &["--confidence", "0.95", "--budget", "1M-madds"]), 2);
    assert_says(&madds, &["--confidence can't be used with a budget of 1M-madds", "give a budget in ms"]);
    let plain = said(adapt(&place, "run", &["--confidence", "0.95", "--target", "pixel-latency.csv"]), 1);
    assert_says(
        &plain,
        &["pixel-latency.csv was not validated", "mbn-latency validate --target pixel-latency.csv"],
    );
    let mut tabular = place.command(env!("CARGO_BIN_EXE_mbn-netadapt"));
    tabular.args(["--tabular", "t.csv", "--groups", "a", "--score", "b", "--cost", "c"]);
    tabular.args(["--budget", "50%", "--confidence", "0.95"]);
    assert_says(&said(tabular, 2), &["cannot be used with", "--confidence"]);
    assert!(!place.path("run").exists(), "a run folder was made");
}
