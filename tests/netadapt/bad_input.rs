//! What is wrong is said in one message, with a remedy; nothing is left behind.

use mbn::graph::LayerGraph;
use mbn::nn::{Network, save_weights};
use mbn::spec::NetworkSpec;

use crate::support::{Place, said};

#[test]
fn a_budget_that_is_met_already_is_no_error() {
    let place = Place::new();
    let output = place.adapt_to("100M-madds", "run").output().expect("started");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("nothing to do"), "{text}");
    assert!(!place.path("run").exists());
}

#[test]
fn a_budget_out_of_reach_is_proven_so_before_anything_is_trained() {
    let place = Place::new();
    let text = said(place.adapt_to("5k-madds", "run"), 3);
    assert!(text.contains("the smallest reachable is") && text.contains("0.0442"), "{text}");
    assert!(text.contains("help:") && !place.path("run").exists(), "{text}");
}

#[test]
fn weights_of_another_network_are_listed() {
    let place = Place::new();
    place.write("other.toml", &crate::support::TINY_NETWORK.replace("h32_c24", "h40_c24"));
    let mut train = assert_cmd::Command::new(env!("CARGO_BIN_EXE_mbn-train"));
    train.current_dir(place.path("")).args(["other.toml", "--data", "images", "--recipe", "recipe.toml"]);
    train.args(["--epochs", "1", "--out", "other", "--quiet"]).assert().success();
    let mut command = place.adapt("run");
    command.args(["--weights", "other/last.safetensors"]);
    let text = said(command, 1);
    assert!(text.contains("another network") && text.contains("blocks.1.expand.weight"), "{text}");
    assert!(!place.path("run").exists());
}

/// A classifier that was drawn anew knows nothing, so that accuracies would mean nothing.
#[test]
fn weights_for_other_classes_have_to_be_trained_first() {
    let place = Place::new();
    let ten = crate::support::TINY_NETWORK.replace("classes = 4", "classes = 10");
    let spec = NetworkSpec::from_toml("ten.toml", &ten).expect("a network");
    let network = Network::new(LayerGraph::lower(&spec), 0).expect("memory");
    save_weights(network.parameters(), &place.path("ten.safetensors")).expect("disk");
    let mut command = place.adapt("run");
    command.args(["--weights", "ten.safetensors"]);
    let text = said(command, 1);
    assert!(text.contains("the classifier of ten.safetensors has other outputs"), "{text}");
    assert!(text.contains("mbn-train NETWORK --weights ten.safetensors"), "{text}");
    assert!(!place.path("run").exists());
}

#[test]
fn a_table_without_the_needed_rows_names_them() {
    let place = Place::new();
    let text = said(place.adapt_to("1ms", "run"), 1);
    assert!(text.contains("pixel-latency.csv has no row for"), "{text}");
    assert!(text.contains("help:") && !place.path("run").exists(), "{text}");
}

#[test]
fn wrong_words_are_told() {
    let place = Place::new();
    for (arguments, code, says) in [
        (["--step", "1"], 2, "write a share"),
        (["--rule", "fast"], 2, "slope"),
        (["--validation", "2"], 2, "a share is a number above 0 and below 1"),
        (["--beam", "0"], 2, "0 is not in 1..=64"),
        (["--weights", "none.safetensors"], 1, "none.safetensors"),
        (["--recipe", "none.toml"], 1, "none.toml"),
    ] {
        let mut command = place.adapt("run");
        command.args(arguments);
        let text = said(command, code);
        assert!(text.contains(says), "{arguments:?}: {text}");
        assert!(!place.path("run").exists(), "{arguments:?}");
    }
}

#[test]
fn another_run_in_the_folder_is_left_alone() {
    let place = Place::new();
    place.adapt("run").args(["--controls", "none"]).assert().success();
    let before = crate::support::said(
        {
            let mut command = place.adapt("run");
            command.args(["--controls", "none", "--seed", "4"]);
            command
        },
        1,
    );
    assert!(before.contains("`seed` was 0 and is now 4"), "{before}");
}
