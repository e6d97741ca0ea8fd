//! `mbn-search --confidence`.

use assert_cmd::Command;
use rstest::rstest;
use serde_json::Value;

use crate::said::said;
use crate::support::{Place, results};
use crate::table::{UPPER_90, UPPER_95, validated};
use crate::words::assert_says;

const BUDGET: &str = "6.8ms";
const BUDGET_MS: f64 = 6.8;

fn place(networks: u32) -> Place {
    let place = Place::new();
    place.write("validated.csv", &validated(networks));
    place
}

/// A search on the validated table under the budget, where no others are given.
fn search(place: &Place, out: &str, more: &[&str]) -> Command {
    let costs = [["--target", "validated.csv"], ["--budget", BUDGET]];
    let costs = costs.into_iter().filter(|cost| !more.contains(&cost[0])).flatten();
    let mut command = place.search_on(&costs.collect::<Vec<_>>(), out);
    command.args(["--trials", "20", "--finals", "1"]).args(more);
    command
}

fn trials(place: &Place, out: &str) -> Vec<Value> {
    let journal = std::fs::read_to_string(place.path(out).join("trials.jsonl")).expect("a journal");
    let lines = journal.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines.filter(|line| line["kind"] == "trial").collect()
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("no {key} in {value}"))
}

/// A file of `derived/` by its columns.
fn rows(place: &Place, file: &str) -> Vec<Vec<(String, String)>> {
    let mut reader = csv::Reader::from_path(place.path(file)).expect(file);
    let header = reader.headers().expect("a header").clone();
    let row = |record: Result<csv::StringRecord, csv::Error>| {
        let record = record.expect("a row");
        header.iter().zip(record.iter()).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    reader.records().map(row).collect()
}

fn column<'a>(row: &'a [(String, String)], key: &str) -> &'a str {
    row.iter().find(|(known, _)| known == key).map_or("", |(_, value)| value)
}

#[rstest]
#[case("random")]
#[case("evolution")]
#[case("nsga2")]
fn no_network_is_proposed_whose_bound_is_above_the_budget(#[case] strategy: &str) {
    let place = place(60);
    let held = ["--confidence", "0.95", "--strategy", strategy, "--finals", "0"];
    search(&place, "held", &held).assert().success();
    search(&place, "free", &["--strategy", strategy, "--finals", "0"]).assert().success();
    let held = trials(&place, "held");
    assert!(held.len() > 5, "{} trials", held.len());
    for trial in &held {
        let (latency, upper) = (number(trial, "latency_ms"), number(trial, "latency_upper_ms"));
        assert!((upper - UPPER_95 * latency).abs() < 1e-12 && upper <= BUDGET_MS, "{trial}");
    }
    // Without a confidence, the same space has networks between the limit and the budget.
    let free = trials(&place, "free");
    assert!(free.iter().all(|trial| number(trial, "latency_ms") <= BUDGET_MS));
    assert!(free.iter().any(|trial| number(trial, "latency_upper_ms") > BUDGET_MS));
}

#[test]
fn what_was_done_is_said_at_the_start_in_the_files_and_at_the_end() {
    let place = place(60);
    let output = search(&place, "run", &["--confidence", "0.95"]).output().expect("started");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stderr}");
    assert!(
        stderr.contains("budget 6.8ms, held with 95 % by predictions up to 6.09 ms (60 networks), smallest"),
        "{stderr}"
    );
    assert!(
        stderr.contains("warning: validated.csv was validated on networks of v3_like: how far those of tiny"),
        "{stderr}"
    );
    assert!(stderr.lines().any(|line| line.contains("trial 0: ") && line.contains(" (at most ")), "{stderr}");
    assert!(
        stdout.contains("at most: the measured latency, with 95 % confidence, from 60 networks"),
        "{stdout}"
    );
    let run_toml = std::fs::read_to_string(place.path("run/run.toml")).expect("options");
    assert!(run_toml.contains("budget = \"6.8ms\"\nconfidence = 0.95\n"), "{run_toml}");
    // What the reward aims at is a prediction, too.
    let options: toml::Table = run_toml.parse().expect("TOML");
    let target = options["reward"]["mnasnet"]["target_ms"].as_float().expect("a target");
    assert!((target - BUDGET_MS / UPPER_95).abs() < 1e-12, "{run_toml}");

    for file in ["run/derived/trials.csv", "run/derived/pareto.csv"] {
        for row in rows(&place, file) {
            let number = |key| column(&row, key).parse::<f64>().expect("a number");
            assert!((number("latency_upper_ms") - UPPER_95 * number("latency_ms")).abs() < 1e-12, "{row:?}");
        }
    }
    let best = rows(&place, "run/derived/pareto.csv").pop().expect("a front");
    let upper: f64 = column(&best, "latency_upper_ms").parse().expect("a number");
    let network = column(&best, "arch_id").to_owned();
    let line = stdout.lines().find(|line| line.starts_with(&network)).expect("the best network");
    assert!(line.contains(&format!("{upper:.2} ms")), "{line}");
    let card = std::fs::read(place.path("run/networks").join(&network).join("model.json")).expect("a card");
    let card: Value = serde_json::from_slice(&card).expect("JSON");
    // The card is that of the proxy, whose latency this is not.
    assert_eq!((&card["latency"], &card["proxy_of"]["arch_id"]), (&Value::Null, &network.into()));
}

#[test]
fn another_confidence_is_another_run() {
    let place = place(60);
    search(&place, "run", &["--confidence", "0.95"]).assert().success();
    let before = results(&place.path("run"));
    let other = said(search(&place, "run", &["--confidence", "0.9"]), 1);
    assert_says(&other, &["holds another run and is left as it is", "`confidence` was 0.95 and is now 0.9"]);
    let none = said(search(&place, "run", &[]), 1);
    assert_says(&none, &["`confidence` was 0.95 and is now not set"]);
    assert_eq!(results(&place.path("run")), before);
    // The same one goes on: cut in the middle, it ends with the same bytes.
    let cut = &before[0].1[..before[0].1.len() / 2];
    std::fs::write(place.path("run/trials.jsonl"), cut).expect("disk");
    search(&place, "run", &["--confidence", "0.95"]).assert().success();
    assert_eq!(results(&place.path("run")), before);
}

/// Bounds are told wherever the table can tell them, and change no more than that.
#[test]
fn a_validated_table_changes_no_search_without_a_confidence() {
    let place = place(60);
    search(&place, "told", &[]).assert().success();
    search(&place, "plain", &["--target", "pixel-latency.csv"]).assert().success();
    let without_bounds = |mut trials: Vec<Value>| {
        for trial in &mut trials {
            trial.as_object_mut().expect("an object").remove("latency_upper_ms");
        }
        trials
    };
    let told = trials(&place, "told");
    assert!(told.iter().all(|trial| trial["latency_upper_ms"].is_number()));
    let plain = trials(&place, "plain");
    assert!(plain.iter().all(|trial| trial.get("latency_upper_ms").is_none()));
    assert_eq!(without_bounds(told), plain);
    let column_of =
        |file| rows(&place, file).iter().map(|row| column(row, "latency_upper_ms").to_owned()).collect();
    let empty: Vec<String> = column_of("plain/derived/trials.csv");
    assert!(empty.iter().all(String::is_empty));
    let full: Vec<String> = column_of("told/derived/trials.csv");
    assert!(full.iter().all(|upper| !upper.is_empty()));
}

#[test]
fn a_budget_out_of_reach_names_the_smallest_bound() {
    let place = place(60);
    // The smallest prediction is within the budget, its bound is not.
    let inspect = place.command(env!("CARGO_BIN_EXE_mbn-inspect"));
    let smallest = smallest_ms(inspect);
    let budget = format!("{}ms", 1.05 * smallest);
    let text = said(search(&place, "run", &["--budget", &budget, "--confidence", "0.9"]), 3);
    let bound = (100.0 * UPPER_90 * smallest).ceil() / 100.0;
    let reason =
        format!("no network of this space meets a budget of {budget}, held with 90 % by predictions up to");
    let smallest = (100.0 * smallest).ceil() / 100.0;
    let smallest = format!(
        "the smallest reachable latency is {smallest:.2} ms, at most {bound:.2} ms with 90 % confidence"
    );
    assert_says(
        &text,
        &[&reason, &smallest, "raise the budget, ask for less confidence, or widen the space"],
    );
    assert!(!place.path("run").exists(), "a run folder was made");
    let enough = format!("{bound}ms");
    let run = ["--budget", &enough, "--confidence", "0.9", "--trials", "1", "--finals", "0"];
    search(&place, "run", &run).assert().success();
}

/// The smallest latency of the space.
fn smallest_ms(mut inspect: Command) -> f64 {
    inspect.args(["--space", "space.toml", "--target", "validated.csv", "--json"]);
    let report: Value = serde_json::from_slice(&inspect.output().expect("started").stdout).expect("JSON");
    number(&report, "smallest_latency_ms")
}

#[rstest]
#[case::not_validated(&["--target", "pixel-latency.csv"], &["pixel-latency.csv was not validated", "mbn-latency validate --target pixel-latency.csv", "takes 19 or more"], 1)]
#[case::too_few(&["--confidence", "0.99"], &["validated on 60 held-out networks, which can't tell a confidence of 0.99", "enough for a confidence of 0.98"], 1)]
#[case::percents(&["--confidence", "95"], &["`95` is not a confidence"], 2)]
fn what_a_table_cannot_tell_is_told_before_anything_is_trained(
    #[case] arguments: &[&str],
    #[case] says: &[&str],
    #[case] code: i32,
) {
    let place = place(60);
    let text = said(search(&place, "run", &[&["--confidence", "0.95"], arguments].concat()), code);
    assert_says(&text, says);
    assert!(!place.path("run").exists(), "a run folder was made");
}

#[test]
fn a_confidence_is_one_of_a_budget() {
    let place = place(60);
    let mut command = place.search_on(&["--target", "validated.csv"], "run");
    command.args(["--confidence", "0.95"]);
    let text = said(command, 2);
    assert!(text.contains("--budget <BUDGET>"), "{text}");
    assert!(!place.path("run").exists(), "a run folder was made");
}
