//! Budgets of every resource, several at once, in `mbn-search` and `mbn-netadapt`.

#[path = "support/said.rs"]
mod said;
#[expect(dead_code, reason = "other tests use more of it")]
mod support;
#[path = "support/tiny_network.rs"]
mod tiny_network;
#[path = "support/words.rs"]
mod words;

use assert_cmd::Command;
use mbn::cost::{Budget, Meter, Resource};
use mbn::graph::LayerGraph;
use mbn::latency;
use mbn::space::SearchSpace;
use mbn::spec::NetworkSpec;
use rstest::rstest;
use serde_json::Value;

use said::said;
use support::{Place, TINY_SPACE};
use tiny_network::TINY_NETWORK;
use words::assert_says;

const RECIPE: &str = r#"epochs = 1
batch = 16
optimizer = { kind = "sgd", momentum = 0.9 }
schedule = { kind = "cosine", learning_rate = 0.05 }
"#;

fn place() -> Place {
    let place =
        Place::with(&[("space.toml", TINY_SPACE), ("tiny.toml", TINY_NETWORK), ("recipe.toml", RECIPE)]);
    // A second table, of the same rows.
    place.write("other.csv", latency::LATENCY_TABLES[0].1);
    place
}

/// `mbn-search` on the tiny space and images, with no budget and no target.
fn search(place: &Place, more: &[&str]) -> Command {
    let mut command = place.command(env!("CARGO_BIN_EXE_mbn-search"));
    command.args(["--space", "space.toml", "--data", "images", "--trials", "10", "--epochs", "1"]);
    command.args(["--final-epochs", "1", "--finals", "1", "--out", "run"]).args(more);
    command
}

/// `mbn-netadapt` of the tiny network, with no budget.
fn adapt(place: &Place, more: &[&str]) -> Command {
    let mut command = place.command(env!("CARGO_BIN_EXE_mbn-netadapt"));
    command.args(["tiny.toml", "--data", "images", "--recipe", "recipe.toml", "--step", "10%"]);
    command
        .args(["--short-steps", "1", "--train-epochs", "1", "--final-epochs", "1", "--out", "run"])
        .args(more);
    command
}

fn trials(place: &Place) -> Vec<Value> {
    let journal = std::fs::read_to_string(place.path("run/trials.jsonl")).expect("a journal");
    let lines = journal.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines.filter(|line| line["kind"] == "trial").collect()
}

fn header(place: &Place, file: &str) -> String {
    let text = std::fs::read_to_string(place.path("run/derived").join(file)).expect(file);
    text.lines().next().expect("a header").to_owned()
}

/// What networks of a space cost in a resource that follows from them alone, ascending.
fn costs(resource: Resource) -> Vec<f64> {
    costs_in(TINY_SPACE, resource)
}

fn costs_in(space: &str, resource: Resource) -> Vec<f64> {
    let space = SearchSpace::from_toml("space.toml", space).expect("valid");
    let mut genotypes = vec![Vec::new()];
    for &arity in space.arity() {
        let longer =
            |g: &Vec<u8>| (0..arity as u8).map(|c| [g.as_slice(), &[c]].concat()).collect::<Vec<_>>();
        genotypes = genotypes.iter().flat_map(longer).collect();
    }
    let meter = Meter::counting(resource);
    let cost = |g: Vec<u8>| meter.cost(&LayerGraph::lower(&space.decode(&mbn::space::Genotype(g))));
    let mut costs: Vec<f64> = genotypes.into_iter().map(|g| cost(g).expect("no rows are needed")).collect();
    costs.sort_by(f64::total_cmp);
    costs.dedup();
    costs
}

/// The smallest network of the space that has been asked for is reached by what the message says, and by no less.
#[rstest]
#[case(Resource::WeightBytesInt8, "weight-bytes-int8", "kB of int8 weights")]
#[case(Resource::PeakMemory, "peak-memory", "kB of memory")]
#[case(Resource::Params, "params", "M parameters")]
fn a_budget_out_of_reach_names_one_that_is_not(
    #[case] resource: Resource,
    #[case] suffix: &str,
    #[case] unit: &str,
) {
    let place = place();
    let smallest = costs(resource)[0];
    let below = format!("{}-{suffix}", smallest - 1.0);
    let text = said(search(&place, &["--budget", &below]), 3);
    assert_says(&text, &["no network of this space meets a budget of", "the smallest reachable", unit]);
    assert!(!place.path("run").exists(), "a run folder was made");
    let shown = words::words(&text);
    let number = shown.split(unit).next().expect("text").split_whitespace().last().expect("a number");
    let scale = if unit.starts_with('M') { "M" } else { "k" };
    let enough = format!("{number}{scale}-{suffix}");
    search(&place, &["--budget", &enough, "--trials", "1", "--finals", "0"]).assert().success();
}

#[test]
fn int8_weights_need_no_target_and_make_a_front_of_their_own() {
    let place = place();
    let all = costs(Resource::WeightBytesInt8);
    let limit = all[all.len() / 2];
    let output =
        search(&place, &["--budget", &format!("{limit}-weight-bytes-int8")]).output().expect("started");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stderr}");
    assert!(
        !stdout.contains("latency") && !stderr.contains("latency") && !stderr.contains(" ms"),
        "{stdout}{stderr}"
    );
    assert!(stdout.contains("smallest first") && stdout.contains("kB"), "{stdout}");
    let trials = trials(&place);
    assert!(trials.len() > 3, "{} trials", trials.len());
    for trial in &trials {
        let cost = trial["costs"]["weight_bytes_int8"].as_f64().expect("a cost");
        assert!(cost <= limit && all.contains(&cost), "{trial}");
        assert!(trial.get("latency_ms").is_none(), "{trial}");
    }
    assert_eq!(
        header(&place, "pareto.csv"),
        "trial,arch_id,validation_accuracy,test_accuracy,params,madds,weight_bytes_int8"
    );
    let front: Vec<f64> = csv::Reader::from_path(place.path("run/derived/pareto.csv"))
        .expect("a front")
        .records()
        .map(|row| row.expect("a row")[6].parse().expect("a number"))
        .collect();
    assert!(!front.is_empty() && front.is_sorted(), "{front:?}");
    let figure = std::fs::read_to_string(place.path("run/derived/pareto.svg")).expect("a figure");
    assert!(figure.contains("Accuracy against size of the int8 weights") && !figure.contains("latency"));
    let card = trials.iter().find_map(|trial| {
        let network = trial["arch_id"].as_str().expect("an id");
        std::fs::read_to_string(place.path("run/networks").join(network).join("model.json")).ok()
    });
    assert!(!card.expect("a final").contains("latency"));
}

#[test]
fn budgets_of_two_tables_and_of_weights_all_hold() {
    let place = place();
    let targets = ["--target", "pixel-latency.csv", "--target", "other.csv"];
    let all = costs(Resource::WeightBytesInt8);
    let limit = all[all.len() / 2];
    let weights = format!("{limit}-weight-bytes-int8");
    let budgets = ["--budget", "6.8ms@pixel-latency", "--budget", "6.7ms@other.csv", "--budget", &weights];
    search(&place, &[&targets[..], &budgets].concat()).assert().success();
    let trials = trials(&place);
    assert!(!trials.is_empty());
    for trial in &trials {
        assert!(trial["latency_ms"].as_f64().expect("a latency") <= 6.8, "{trial}");
        assert!(trial["costs"]["latency_ms@other"].as_f64().expect("a latency") <= 6.7, "{trial}");
        assert!(trial["costs"]["weight_bytes_int8"].as_f64().expect("bytes") <= limit, "{trial}");
    }
    assert_eq!(
        header(&place, "pareto.csv"),
        "trial,arch_id,latency_ms,latency_stddev_ms,latency_upper_ms,validation_accuracy,test_accuracy,params,madds,latency_ms@other,weight_bytes_int8"
    );
    let run_toml = std::fs::read_to_string(place.path("run/run.toml")).expect("options");
    assert!(run_toml.contains("target = [") && run_toml.contains("\"6.7ms@other.csv\""), "{run_toml}");
}

/// A space whose narrow blocks have few weights.
const OPPOSED: &str = r#"name = "opposed"
resolution = [32]
input_channels = 1
classes = 4
padding = "same"
batch_norm = { eps = 1e-3, momentum = 0.1 }

[stem]
kernel = [3]
stride = 1
width = [8]
activation = ["relu"]

[[stage]]
block = "ir"
stride = 1
depth = [1]
width = [8, 16]
kernel = [3]
expansion = [1]
activation = ["relu"]

[[stage]]
block = "ir"
stride = 2
depth = [1]
width = [8, 16]
kernel = [3, 7]
expansion = [1]
activation = ["relu"]

[[head]]
block = "pool"
"#;

#[test]
fn two_budgets_that_exclude_each_other_are_named() {
    let place = place();
    // A made-up device on which the narrow first block is slow: 13 ms, and 5 ms with the wide one.
    let rows = [8, 16].map(|c| {
        let block = |to, kernel| format!("inverted_residual,32,32,{c},{to},{kernel},2,{c},0,relu,1\n");
        let second = [block(8, 3), block(8, 7), block(16, 3), block(16, 7)].concat();
        let first = if c == 8 { 9 } else { 1 };
        format!(
            "inverted_residual,32,32,8,{c},3,1,8,0,relu,{first}\n{second}pool,16,16,{c},{c},,,,,,1\nclassifier,1,1,{c},4,,,,,,1\n"
        )
    });
    let table = format!(
        "# device: d\n# threads: 1\n# precision: float32\n# batch: 1\n# resolution: 32\n\
         op,in_h,in_w,c_in,c_out,kernel,stride,expanded,squeeze,activation,latency_ms\n\
         conv,32,32,1,8,3,1,,,relu,1\n{}",
        rows.concat()
    );
    place.write("slow.csv", &table);
    place.write("opposed.toml", OPPOSED);
    let params: Budget =
        format!("{}-params", costs_in(OPPOSED, Resource::Params)[0]).parse().expect("a budget");
    let params = params.to_string();
    let given = ["--space", "opposed.toml", "--target", "slow.csv"];
    let alone = |budget: &str| {
        let out = ["--out", budget, "--budget", budget, "--trials", "1", "--finals", "0"];
        search(&place, &[&given[..], &out].concat()).assert().success();
    };
    alone("8ms");
    alone(&params);
    let three = ["--budget", "8ms", "--budget", "100M-madds", "--budget", &params];
    let text = said(search(&place, &[&given[..], &three].concat()), 3);
    let named = format!(
        "the budgets 8ms and {params} exclude each other: no network of this space meets all of them, though each alone can be met"
    );
    assert_says(&text, &[&named, "the closest that was found takes", "raise one of them"]);
    assert!(!text.contains("madds") && !place.path("run").exists(), "{text}");
}

#[rstest]
#[case::no_target(&["--budget", "15ms"], &["no latency table is given", "add --target TABLE"])]
#[case::nothing(&[], &["nothing to search networks for", "add --target TABLE"])]
#[case::not_one(&["--budget", "15"], &["`15` is not a budget: the unit is missing", "write 15ms"])]
#[case::flops(&["--budget", "30M-flops"], &["`30M-flops` is not a budget", "30M-madds"])]
#[case::twice(&["--budget", "30M-madds", "--budget", "20M-madds"], &["the budgets 30M-madds and 20M-madds are both budgets of the number of multiply-adds"])]
#[case::unnamed(&["--target", "pixel-latency", "--target", "other.csv", "--budget", "9ms"], &["does not say whose latency", "write 9ms@pixel-latency.csv"])]
#[case::sure_of_a_count(&["--budget", "30M-madds", "--confidence", "0.9"], &["--confidence can't be used with a budget of 30M-madds"])]
fn mistakes_of_a_search(#[case] arguments: &[&str], #[case] says: &[&str]) {
    let place = place();
    assert_says(&said(search(&place, arguments), 2), says);
    assert!(!place.path("run").exists(), "a run folder was made");
}

#[rstest]
#[case::none(&[], &["nothing to narrow the network to", "--budget 15ms"])]
#[case::not_one(&["--budget", "15"], &["`15` is not a budget: the unit is missing", "write 15ms"])]
#[case::negative(&["--budget", "-3ms"], &["`-3ms` is not a budget: it must be above zero"])]
#[case::twice(&["--budget", "9k-params", "--budget", "8k-params"], &["the budgets 0.009M-params and 0.008M-params are both"])]
#[case::sure_of_a_count(&["--budget", "9k-params", "--confidence", "0.9"], &["--confidence can't be used with"])]
fn mistakes_of_an_adaptation(#[case] arguments: &[&str], #[case] says: &[&str]) {
    let place = place();
    assert_says(&said(adapt(&place, arguments), 2), says);
    assert!(!place.path("run").exists(), "a run folder was made");
}

#[test]
fn a_table_behind_an_at_is_read_like_a_target() {
    let place = place();
    let missing = said(search(&place, &["--budget", "15ms@nowhere.csv"]), 1);
    assert_says(&missing, &["nowhere.csv", "no such latency table"]);
    search(&place, &["--budget", "6.8ms@other.csv", "--trials", "2", "--finals", "0"]).assert().success();
    assert!(trials(&place).iter().all(|trial| trial["latency_ms"].as_f64().expect("a latency") <= 6.8));
}

fn original(resource: Resource) -> f64 {
    let network = NetworkSpec::from_toml("tiny.toml", TINY_NETWORK).expect("a network");
    Meter::counting(resource).cost(&LayerGraph::lower(&network)).expect("no rows are needed")
}

fn adapted(place: &Place, resource: Resource) -> f64 {
    let text = std::fs::read_to_string(place.path("run/network.toml")).expect("the result");
    let network = NetworkSpec::from_toml("network.toml", &text).expect("a network");
    Meter::counting(resource).cost(&LayerGraph::lower(&network)).expect("no rows are needed")
}

#[test]
fn a_network_is_narrowed_to_several_budgets_at_once() {
    let place = place();
    let (weights, peak) = (original(Resource::WeightBytesInt8), original(Resource::PeakMemoryInt8));
    let budgets = [
        format!("{}-weight-bytes-int8", (0.6 * weights).floor()),
        format!("{}-peak-memory-int8", (0.7 * peak).floor()),
    ];
    let arguments = ["--budget", &budgets[0], "--budget", &budgets[1]];
    let output = adapt(&place, &arguments).output().expect("started");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(adapted(&place, Resource::WeightBytesInt8) <= 0.6 * weights);
    assert!(adapted(&place, Resource::PeakMemoryInt8) <= 0.7 * peak);
    assert!(stdout.contains("% of the budgets") && stdout.contains("peak_memory_int8"), "{stdout}");
    let summary = std::fs::read(place.path("run/derived/summary.json")).expect("a summary");
    let summary: Value = serde_json::from_slice(&summary).expect("JSON");
    assert_eq!(summary["resource"], "share");
    assert!(summary["cost"].as_f64().expect("a share") <= 1.0);
    assert_eq!(summary["budget"].as_array().map(Vec::len), Some(2));
    let result = &summary["results"][1]["costs"];
    assert_eq!(result["weight_bytes_int8"].as_f64(), Some(adapted(&place, Resource::WeightBytesInt8)));
}

#[test]
fn a_single_budget_of_weights_is_counted_in_bytes() {
    let place = place();
    let limit = (0.5 * original(Resource::WeightBytes)).floor();
    adapt(&place, &["--budget", &format!("{limit}-weight-bytes"), "--controls", "none"]).assert().success();
    let weights = adapted(&place, Resource::WeightBytes);
    assert!(weights <= limit && weights > 0.8 * limit, "{weights} of {limit}");
    let summary = std::fs::read(place.path("run/derived/summary.json")).expect("a summary");
    let summary: Value = serde_json::from_slice(&summary).expect("JSON");
    assert_eq!((&summary["resource"], summary["cost"].as_f64()), (&"weight_bytes".into(), Some(weights)));
}

/// The peak is that of several layers, so that no single one lowers it.
#[test]
fn a_peak_that_layers_share_is_narrowed_too() {
    let place = place();
    let shared = TINY_NETWORK.replace(
        "\"ir_k3_s2_h32_c24_hswish\"",
        "\"ir_k3_s1_h48_c16_se16_relu\", \"ir_k3_s2_h32_c24_hswish\"",
    );
    place.write("tiny.toml", &shared);
    let limit = (0.6 * original(Resource::PeakMemory)).floor();
    adapt(&place, &["--budget", &format!("{limit}-peak-memory"), "--controls", "none"]).assert().success();
    let peak = adapted(&place, Resource::PeakMemory);
    assert!(peak <= limit && peak > 0.7 * limit, "{peak} of {limit}");
}

#[test]
fn what_narrowing_cannot_reach_is_told_with_the_smallest_that_it_can() {
    let place = place();
    let text = said(adapt(&place, &["--budget", "1k-params", "--budget", "9-peak-memory-int8"]), 3);
    assert_says(
        &text,
        &[
            "no narrower form of tiny meets a budget of",
            "the smallest reachable",
            "help: use a larger budget",
        ],
    );
    assert!(!place.path("run").exists(), "a run folder was made");
}
