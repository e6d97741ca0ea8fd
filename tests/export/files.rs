//! Exports of every kind of run in every format, read back by others.

use std::path::Path;

use mbn::onnx::ModelProto;
use prost::Message;
use rstest::rstest;
use serde_json::Value;

use crate::support::Place;

fn model(path: &Path) -> ModelProto {
    ModelProto::decode(std::fs::read(path).expect("a file").as_slice()).expect("ONNX")
}

fn metadata(model: &ModelProto, key: &str) -> String {
    let mut entries = model.metadata_props.iter();
    let entry = entries.find(|entry| entry.key.as_deref() == Some(key));
    entry.and_then(|entry| entry.value.clone()).unwrap_or_else(|| panic!("no {key}"))
}

/// The proof that must be there and hold.
fn assert_proven(report: &Value, by: &str) {
    let proof = &report["proofs"][0];
    assert_eq!(proof["by"], by, "{report}");
    assert_eq!(proof["images"], proof["same_class"], "{report}");
    assert!(proof["largest_difference"].as_f64().expect("a number") < 1e-4, "{report}");
}

#[test]
fn a_training_run_becomes_a_model_that_tells_what_it_is() {
    let place = Place::new();
    place.train("tiny.toml", "run");
    let report = place.exported(&["run", "--format", "onnx", "--opset", "19", "--images", "40"]);
    assert_proven(&report, "tract");
    assert_eq!(report["proofs"][0]["images"], 40, "there are as many");
    let model = model(&place.path("run/export/tiny.onnx"));
    assert_eq!((model.ir_version, model.opset_import[0].version), (Some(9), Some(19)));
    assert_eq!(metadata(&model, "classes"), r#"["0","1","2","3"]"#);
    assert_eq!(
        metadata(&model, "network"),
        std::fs::read_to_string(place.path("run/network.toml")).expect("text")
    );
    assert_eq!(metadata(&model, "source"), "run");
    let card: Value =
        serde_json::from_slice(&std::fs::read(place.path("run/model.json")).expect("a card")).expect("JSON");
    assert_eq!(metadata(&model, "mean"), card["normalisation"]["mean"].to_string());
    assert_eq!(metadata(&model, "test_accuracy"), card["test_accuracy"].to_string());
    assert!(place.path("run/export/tiny.onnx.json").is_file(), "the proof is kept");
}

#[test]
fn folded_and_static_models_are_smaller_and_hold_as_well() {
    let place = Place::new();
    place.train("tiny.toml", "run");
    let plain = place.exported(&["run", "--format", "onnx"]);
    let folded =
        place.exported(&["run", "--format", "onnx", "--fold-bn", "--static-batch", "3", "--out", "folded"]);
    assert_proven(&folded, "tract");
    let operators = |path: &str| {
        let graph = model(&place.path(path)).graph.expect("a graph");
        graph.node.iter().filter(|node| node.op_type.as_deref() == Some("BatchNormalization")).count()
    };
    assert_eq!((operators("run/export/tiny.onnx"), operators("folded/tiny.onnx")), (14, 0));
    let bytes = |report: &Value| report["files"][0]["bytes"].as_u64().expect("a size");
    assert!(bytes(&folded) < bytes(&plain));
}

#[test]
fn eight_bits_are_compared_with_floats() {
    let place = Place::new();
    place.train("tiny.toml", "run");
    let report = place.exported(&["run", "--format", "onnx", "--int8", "--calibrate", "images"]);
    let int8 = &report["int8"];
    assert_eq!(
        (&int8["by"], &int8["images"], &int8["calibration_images"]),
        (&"tract".into(), &40.into(), &160.into())
    );
    assert!(int8["same_class"].as_u64().expect("a count") >= 36, "{report}");
    let graph = model(&place.path("run/export/tiny_int8.onnx")).graph.expect("a graph");
    let floats = graph.initializer.iter().filter(|constant| constant.data_type == Some(1));
    assert!(floats.clone().all(|constant| constant.dims.len() < 2), "a kernel in floats is left");
    let stated = |accuracy: &Value| accuracy["accuracy"].as_f64().expect("an accuracy");
    assert!((stated(&int8["fp32"]) - stated(&int8["int8"])).abs() <= 0.1, "{report}");
}

#[test]
fn weights_for_this_program_are_read_by_it() {
    let place = Place::new();
    place.train("tiny.toml", "run");
    let report = place.exported(&["run", "--format", "safetensors", "--out", "out"]);
    assert_proven(&report, "this program");
    let again = place.exported(&[
        "out/tiny.toml",
        "--weights",
        "out/tiny.safetensors",
        "--format",
        "onnx",
        "--data",
        "images",
        "--out",
        "again",
    ]);
    assert_proven(&again, "tract");
}

#[test]
fn a_network_of_its_own_comes_with_a_module_whose_weights_come_back() {
    let place = Place::new();
    place.train("tiny.toml", "run");
    let report = place.exported(&["run", "--format", "torchvision"]);
    assert_proven(&report, "this program");
    let note = report["notes"][0].as_str().expect("a note");
    assert!(note.contains("torchvision builds no such network") && note.contains("tiny.py"), "{note}");
    let module = std::fs::read_to_string(place.path("run/export/tiny.py")).expect("a module");
    assert!(module.contains("InvertedResidual(8, 16, 8, kernel=3, stride=2"), "{module}");
    let weights = "run/export/tiny_pytorch.safetensors";
    let again = place.exported(&[
        "tiny.toml",
        "--weights",
        weights,
        "--format",
        "onnx",
        "--data",
        "images",
        "--out",
        "again",
    ]);
    assert_proven(&again, "tract");
}

/// A small form of a reference network, trained, under the names of a package.
#[rstest]
#[case::torchvision_v3(
    "mobilenet_v3_small",
    "torchvision",
    "symmetric",
    3,
    "torchvision.models.mobilenet_v3_small("
)]
#[case::timm_tf("mobilenet_v3_small", "timm", "same", 1, "timm.create_model(\"tf_mobilenetv3_small_")]
#[case::timm("mobilenet_v2", "timm", "symmetric", 1, "timm.create_model(\"mobilenetv2_")]
fn a_reference_network_gets_the_names_of_a_package(
    #[case] network: &str,
    #[case] package: &str,
    #[case] padding: &str,
    #[case] channels: u32,
    #[case] call: &str,
) {
    let place = Place::new();
    let spec = mbn::spec::load(network).expect("shipped");
    let (classes, padding) = (
        4,
        match padding {
            "same" => mbn::spec::Padding::Same,
            _ => mbn::spec::Padding::Symmetric,
        },
    );
    let spec = mbn::spec::NetworkSpec { resolution: 8, input_channels: channels, classes, padding, ..spec };
    place.write("reference.toml", &spec.to_toml());
    let graph = mbn::graph::LayerGraph::lower(&spec);
    let drawn = mbn::nn::Network::new(graph, 3).expect("memory");
    mbn::nn::save_weights(drawn.parameters(), &place.path("w.safetensors")).expect("disk");
    let arguments = ["reference.toml", "--weights", "w.safetensors", "--format", package, "--out", "out"];
    let report = place.exported(&arguments);
    assert_proven(&report, "this program");
    let note = report["notes"][0].as_str().expect("a note");
    assert!(note.contains(call), "{note}");
    let file = report["files"][0]["path"].as_str().expect("a path").to_owned();
    let mut back = vec!["reference.toml", "--weights", &file, "--format", "safetensors", "--out", "back"];
    if note.contains("\"tf_") {
        back.extend(["--weights-of", "timm-tf"]);
    }
    assert_proven(&place.exported(&back), "this program");
}

#[test]
fn results_of_adaptations_and_searches_are_exported_too() {
    let place = Place::new();
    place.train("tiny.toml", "run");
    let mut adapt = place.command(env!("CARGO_BIN_EXE_mbn-netadapt"));
    adapt.args([
        "tiny.toml",
        "--data",
        "images",
        "--recipe",
        "recipe.toml",
        "--budget",
        "80k-madds",
        "--quiet",
    ]);
    adapt.args(["--step", "30%", "--short-steps", "1", "--controls", "none", "--out", "adapted"]);
    adapt.args(["--weights", "run/last.safetensors", "--final-epochs", "1"]).assert().success();
    assert_proven(&place.exported(&["adapted", "--format", "onnx"]), "tract");

    let mut search = place.command(env!("CARGO_BIN_EXE_mbn-search"));
    search.args([
        "--target",
        "pixel-latency.csv",
        "--data",
        "images",
        "--trials",
        "4",
        "--epochs",
        "1",
        "--quiet",
    ]);
    search
        .args(["--final-epochs", "1", "--finals", "2", "--budget", "9ms", "--out", "search"])
        .assert()
        .success();
    let report = place.exported(&["search", "--format", "onnx", "--out", "best"]);
    assert_proven(&report, "tract");
    let file = report["files"][0]["path"].as_str().expect("a path").to_owned();
    let model = model(&place.path(&file));
    // The file holds the proxy: it names the network that was timed, and has no latency of another one.
    assert_eq!(metadata(&model, "proxy_of_resolution"), "224");
    assert_eq!(metadata(&model, "proxy_of_classes"), "1000");
    let timed = metadata(&model, "proxy_of_arch_id");
    assert!(metadata(&model, "source").ends_with(&timed), "{timed}");
    assert!(model.metadata_props.iter().all(|entry| !entry.key().starts_with("latency")));
    let folder = metadata(&model, "source");
    assert!(folder.starts_with("search/networks/"), "{folder}");
    assert_proven(&place.exported(&[&folder, "--format", "safetensors"]), "this program");
}

#[test]
fn the_same_export_gives_the_same_bytes() {
    let place = Place::new();
    place.train("tiny.toml", "run");
    for out in ["a", "b"] {
        place.exported(&["run", "--format", "onnx", "--int8", "--out", out]);
        place.exported(&["run", "--format", "timm", "--out", out]);
    }
    for name in ["tiny_int8.onnx", "tiny_pytorch.safetensors", "tiny.py"] {
        let read = |folder: &str| std::fs::read(place.path(folder).join(name)).expect(name);
        assert!(read("a") == read("b"), "{name}");
    }
}
