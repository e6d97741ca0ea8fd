//! Bad input to `mbn-export`: one message, a non-zero exit, and nothing kept.

use rstest::rstest;

use crate::support::{Place, TINY_NETWORK, assert_says, said};

#[rstest]
#[case::opset(&["run", "--format", "onnx", "--opset", "9"], 2, &["opset 9 is not supported; the supported ones are 17 to 21"])]
#[case::format(&["run", "--format", "tflite"], 2, &["invalid value 'tflite'", "onnx, safetensors, torchvision, timm"])]
#[case::not_onnx(&["run", "--format", "timm", "--fold-bn"], 2, &["belong to --format onnx"])]
#[case::calibrate(&["run", "--format", "onnx", "--calibrate", "images"], 2, &["--int8"])]
#[case::no_weights(&["tiny.toml", "--format", "onnx"], 1, &["tiny is a network without weights", "--weights FILE"])]
#[case::no_network(&["nothing.toml", "--format", "onnx", "--weights", "w"], 1, &["nothing.toml"])]
#[case::no_run(&["images", "--format", "onnx"], 1, &["images holds no trained network", "finished run"])]
#[case::weights_of_a_run(&["run", "--format", "onnx", "--classes", "3"], 1, &["run is the folder of a run", "name the network file"])]
#[case::other_images(&["run", "--format", "onnx", "--data", "empty"], 1, &["empty"])]
#[case::no_library(&["run", "--format", "onnx", "--ort-library", "none.so"], 1, &["cannot load ONNX Runtime from none.so: there is no such file", "onnxruntime"])]
#[case::no_such_library(&["run", "--format", "onnx", "--ort-library", "tiny.toml"], 1, &["cannot load ONNX Runtime from tiny.toml"])]
#[case::classes(&["tiny.toml", "--format", "onnx", "--classes", "9", "--weights", "run/last.safetensors"], 1, &["the classifier of run/last.safetensors has other outputs than 9", "--classes"])]
#[case::unlabelled(&["tiny.toml", "--format", "onnx", "--int8", "--weights", "run/last.safetensors"], 1, &["the accuracy of tiny can't be measured", "--data"])]
fn is_told_and_nothing_is_written(#[case] arguments: &[&str], #[case] code: i32, #[case] says: &[&str]) {
    let place = Place::new();
    place.train("tiny.toml", "run");
    std::fs::create_dir(place.path("empty")).expect("disk");
    let mut command = place.export(arguments);
    command.args(["--out", "out"]);
    assert_says(&said(command, code), says);
    assert!(!place.path("out").exists(), "something was written");
}

#[test]
fn weights_that_are_no_numbers_are_not_exported() {
    let place = Place::new();
    place.train("tiny.toml", "run");
    let path = place.path("run/last.safetensors");
    let spec = mbn::spec::NetworkSpec::from_toml("tiny.toml", TINY_NETWORK).expect("a network");
    let network = mbn::nn::load_network(mbn::graph::LayerGraph::lower(&spec), &path).expect("weights");
    let bias = network.parameters().get("classifier.linear.bias").expect("a bias");
    bias.set(&(bias.as_detached_tensor() * f64::NAN).expect("a product")).expect("set");
    mbn::nn::save_weights(network.parameters(), &path).expect("disk");
    for format in ["onnx", "safetensors", "torchvision"] {
        let message = said(place.export(&["run", "--format", format, "--out", "out"]), 1);
        assert_says(&message, &["the file is not kept", "not numbers"]);
        let left = std::fs::read_dir(place.path("out")).expect("a folder").count();
        assert_eq!(left, 0, "{format} left files");
    }
}

#[rstest]
#[case::elsewhere(r#""network.toml""#, r#""../tiny.toml""#, &["run/model.json names the file", "../tiny.toml", "does not lie beside it"])]
#[case::absolute(r#""last.safetensors""#, r#""/dev/null""#, &["names the file", "/dev/null"])]
#[case::classes(r#""3""#, r#""3", "4""#, &["run/model.json names 5 classes, and tiny has 4"])]
fn a_card_of_something_else_is_told(#[case] good: &str, #[case] bad: &str, #[case] says: &[&str]) {
    let place = Place::new();
    place.train("tiny.toml", "run");
    let card = std::fs::read_to_string(place.path("run/model.json")).expect("a card");
    assert!(card.contains(good), "{card}");
    place.write("run/model.json", &card.replacen(good, bad, 1));
    for format in ["onnx", "safetensors", "timm"] {
        assert_says(&said(place.export(&["run", "--format", format, "--out", "out"]), 1), says);
        assert!(!place.path("out").exists(), "something was written");
    }
}

#[test]
fn a_damaged_card_is_told() {
    let place = Place::new();
    place.train("tiny.toml", "run");
    place.write("run/model.json", "{\"network\": 3");
    let message = said(place.export(&["run", "--format", "onnx"]), 1);
    assert_says(&message, &["cannot read run/model.json"]);
}

#[test]
fn a_file_in_the_place_of_the_folder_is_left_alone() {
    let place = Place::new();
    place.train("tiny.toml", "run");
    place.write("taken", "mine");
    let message = said(place.export(&["run", "--format", "onnx", "--out", "taken"]), 1);
    assert_says(&message, &["cannot write taken/tiny.onnx"]);
    assert_eq!(std::fs::read_to_string(place.path("taken")).expect("still there"), "mine");
}
