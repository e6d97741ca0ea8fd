//! What a finished adaptation leaves.

use mbn::graph::LayerGraph;
use mbn::nn::{Network, load_weights};
use mbn::pytorch::{Origin, Package, state_dict};
use mbn::spec::{self, NetworkSpec, Padding};
use serde_json::Value;

use crate::support::{Place, TINY_NETWORK, said};

fn journal(place: &Place, run: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(place.path(run).join("iterations.jsonl")).expect("a journal");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn the_result_meets_the_budget_and_its_files_belong_together() {
    let place = Place::new();
    let output = place.adapt("run").output().expect("started");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("no weights were given: it is trained first, for 2 epochs"), "{stderr}");
    let run = place.path("run");
    let network = spec::load(run.join("network.toml").to_str().expect("utf-8")).expect("a network");
    assert!(LayerGraph::lower(&network).cost().madds <= 60_000);

    let trained = spec::load(run.join("trained.toml").to_str().expect("utf-8")).expect("a network");
    let fresh = Network::new(LayerGraph::lower(&trained), 0).expect("memory");
    load_weights(fresh.parameters(), &run.join("weights.safetensors")).expect("its own weights");

    for name in ["uniform", "width multiplier", "random"] {
        assert!(stdout.contains(name), "{stdout}");
    }
    assert!(stdout.contains("gain over every control"), "{stdout}");
    let summary = std::fs::read_to_string(run.join("derived/summary.json")).expect("a summary");
    let summary: Value = serde_json::from_str(&summary).expect("JSON");
    let results = summary["results"].as_array().expect("results");
    assert_eq!(results.len(), 5, "seed, result and three controls");
    for control in &results[2..] {
        assert!(control["cost"].as_f64().expect("a cost") <= 60_000.0, "{control}");
        assert_eq!(control["trained_images"], results[1]["trained_images"]);
    }
}

#[test]
fn every_proposal_is_in_the_journal_and_the_way_adds_up() {
    let place = Place::new();
    place.adapt("run").args(["--controls", "none"]).assert().success();
    assert!(!place.path("run/controls").exists());
    let lines = journal(&place, "run");
    let seed_cost = lines[0]["cost"].as_f64().expect("a cost");
    let mut cost = seed_cost;
    for line in &lines[1..] {
        let proposals = line["proposals"].as_array().expect("proposals");
        let winner = proposals.iter().find(|p| p["chosen"] == true).expect("one goes on");
        for proposal in proposals.iter().filter(|p| p["state"] != "pacer") {
            let proposed = proposal["cost"].as_f64().expect("a cost");
            assert!(proposed <= line["target"].as_f64().expect("a target") + 1e-9);
            if line["phase"] == "narrow" {
                assert!(proposal["to"].as_u64() < proposal["from"].as_u64());
                assert!(proposed < cost);
            }
        }
        cost = winner["cost"].as_f64().expect("a cost");
    }
    assert!(cost <= 60_000.0 && cost < seed_cost);
    assert!(lines.len() > 4, "several iterations");
    assert!(
        std::fs::read_dir(place.path("run/state")).expect("states").count() == 1,
        "only the last is kept"
    );
}

#[test]
fn options_reach_the_loop() {
    let place = Place::new();
    let common = ["--controls", "none", "--quiet"];
    place
        .adapt("taylor")
        .args(common)
        .args(["--importance", "taylor", "--rule", "accuracy"])
        .assert()
        .success();
    place.adapt("beam").args(common).args(["--beam", "3", "--regrow", "2"]).assert().success();
    place.adapt("scratch").args(common).args(["--final", "scratch", "--distill"]).assert().success();
    let beam = journal(&place, "beam");
    let chosen = |line: &Value| {
        line["proposals"].as_array().expect("proposals").iter().filter(|p| p["chosen"] == true).count()
    };
    assert_eq!(chosen(&beam[1]), 3);
    assert_eq!(beam.iter().filter(|line| line["phase"] == "exchange").count(), 2);
    assert!(
        journal(&place, "taylor")[1]["proposals"]
            .as_array()
            .expect("some")
            .iter()
            .all(|p| p["state"] != "pacer")
    );
    let options = std::fs::read_to_string(place.path("scratch/final/run.toml")).expect("options");
    assert!(options.contains("[recipe.distill]") && options.contains("teacher = \"tiny\""), "{options}");
    assert!(!options.contains("weights = \"adapted"), "it starts from fresh weights: {options}");
}

#[test]
fn given_weights_are_used_and_latency_needs_no_images_of_its_size() {
    let place = Place::new();
    let mut train = assert_cmd::Command::new(env!("CARGO_BIN_EXE_mbn-train"));
    train.current_dir(place.path("")).args(["tiny.toml", "--data", "images", "--recipe", "recipe.toml"]);
    train.args(["--epochs", "3", "--out", "trained", "--quiet"]).assert().success();
    let output =
        place.adapt("run").args(["--weights", "trained/last.safetensors"]).output().expect("started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("weights trained/last.safetensors"), "{said}");
    assert!(said.contains("if the weights were trained on the held-out images too"), "{said}");
    assert!(!place.path("run/seed").exists(), "nothing was trained first");
    let given = std::fs::read(place.path("trained/last.safetensors")).expect("weights");
    assert_eq!(std::fs::read(place.path("run/seed.safetensors")).expect("weights"), given);
}

#[test]
fn events_are_lines_of_json() {
    let place = Place::new();
    let output = place.adapt("run").args(["--json", "--controls", "none"]).output().expect("started");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("utf-8");
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let names: Vec<_> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    for name in ["started", "epoch", "seed", "iteration", "tested", "finished"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert!(events.last().expect("events")["summary"]["groups"].is_array());
}

/// The network that is costed and the one that is trained pad as the weights were trained with.
#[test]
fn weights_of_torchvision_bring_their_padding_and_batch_norm() {
    let place = Place::new();
    let tiny = NetworkSpec::from_toml("tiny.toml", TINY_NETWORK).expect("a network");
    let theirs = LayerGraph::lower(&Origin::Torchvision.conventions(&tiny));
    let values = Network::new(theirs.clone(), 3).and_then(|n| n.parameters().values()).expect("memory");
    let names = Package::Torchvision.names(&theirs).expect("parts of MobileNetV3");
    let tensors = state_dict(&names, &values).expect("all values");
    let bytes = safetensors::serialize(&tensors, None).expect("well-formed");
    std::fs::write(place.path("theirs.safetensors"), bytes).expect("disk");

    let mut command = place.adapt("run");
    command.args(["--controls", "none", "--weights", "theirs.safetensors"]);
    let told = said(command, 0);
    assert!(told.contains("weights theirs.safetensors"), "{told}");
    assert!(told.contains("weights of torchvision: symmetric padding, batch norm with eps 0.001"), "{told}");
    let run_toml = std::fs::read_to_string(place.path("run/run.toml")).expect("options");
    assert!(run_toml.contains("weights_of = \"torchvision\""), "{run_toml}");
    for file in ["network.toml", "trained.toml"] {
        let network = spec::load(place.path("run").join(file).to_str().expect("utf-8")).expect(file);
        assert_eq!((network.padding, network.batch_norm.momentum), (Padding::Symmetric, 0.01), "{file}");
    }
}
