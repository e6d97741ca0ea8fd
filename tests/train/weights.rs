//! Trainings that start from weights of PyTorch, and what is said where they do not fit.

use std::path::PathBuf;

use assert_cmd::Command;
use mbn::graph::{LayerGraph, Values};
use mbn::nn::{Network, save_weights};
use mbn::pytorch::{Package, state_dict};
use mbn::spec::{BatchNormSpec, NetworkSpec, Padding};
use rstest::rstest;

use crate::support::{Place, said, words};

/// A network with the parts of MobileNetV3, for the images of the tests.
const SMALL_V3: &str = r#"name = "small_v3"
resolution = 8
input_channels = 1
classes = 4
padding = "same"
batch_norm = { eps = 1e-3, momentum = 0.1 }
stem = "conv_k3_s1_c8_hswish"
blocks = ["ir_k3_s2_h8_c8_se8_relu", "ir_k3_s1_h16_c8_hswish"]
head = ["conv_k1_s1_c16_hswish", "pool", "linear_c16_hswish"]
"#;

fn small_v3() -> NetworkSpec {
    NetworkSpec::from_toml("small_v3.toml", SMALL_V3).expect("a network")
}

/// What torchvision makes of it.
fn in_torchvision() -> NetworkSpec {
    let batch_norm = BatchNormSpec { eps: 1e-3, momentum: 0.01 };
    NetworkSpec { padding: Padding::Symmetric, batch_norm, ..small_v3() }
}

fn network(spec: &NetworkSpec) -> Network {
    Network::new(LayerGraph::lower(spec), 7).expect("memory")
}

fn values(spec: &NetworkSpec) -> Values {
    network(spec).parameters().values().expect("memory")
}

struct Weights {
    place: Place,
}

impl Weights {
    fn new() -> Self {
        let place = Place::new();
        place.write("small_v3.toml", SMALL_V3);
        Self { place }
    }

    /// Weights of a network under the names of a package.
    fn write(&self, file: &str, spec: &NetworkSpec, package: Package) {
        let names = package.names(&LayerGraph::lower(spec)).expect("a network of the package");
        let tensors = state_dict(&names, &values(spec)).expect("all values");
        let bytes = safetensors::serialize(&tensors, None).expect("well-formed");
        std::fs::write(self.place.path(file), bytes).expect("disk");
    }

    fn write_own(&self, file: &str, spec: &NetworkSpec) {
        save_weights(network(spec).parameters(), &self.place.path(file)).expect("disk");
    }

    fn copy_from_corpus(&self, file: &str, bytes: usize) {
        let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/__fuzz__/pth/corpus");
        let whole = std::fs::read(corpus.join(file)).expect(file);
        std::fs::write(self.place.path(file), &whole[..bytes.min(whole.len())]).expect("disk");
    }

    fn train(&self, network: &str, weights: &str, out: &str) -> Command {
        let mut command = self.place.train_network(network, out);
        command.args(["--epochs", "1", "--weights", weights]);
        command
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.place.path(file)).expect(file)
    }
}

#[test]
fn weights_of_torchvision_bring_their_padding_and_batch_norm() {
    let files = Weights::new();
    files.write("theirs.safetensors", &in_torchvision(), Package::Torchvision);
    let told = said(files.train("small_v3.toml", "theirs.safetensors", "run"), 0);
    assert!(
        words(&told).contains(
            "weights of torchvision: symmetric padding, batch norm with eps 0.001 and momentum 0.01"
        ),
        "{told}"
    );
    let run_toml = files.read("run/run.toml");
    assert!(run_toml.contains("weights_of = \"torchvision\""), "{run_toml}");
    let network = files.read("run/network.toml");
    assert!(network.contains("padding = \"symmetric\"") && network.contains("momentum = 0.01"), "{network}");

    // The same training from the same weights as this program writes them.
    files.place.write("symmetric.toml", &in_torchvision().to_toml());
    files.write_own("own.safetensors", &in_torchvision());
    let told = said(files.train("symmetric.toml", "own.safetensors", "own"), 0);
    assert!(!told.contains("weights of"), "{told}");
    for file in ["epochs.csv", "last.safetensors", "test.json"] {
        let bytes = |run: &str| std::fs::read(files.place.path(run).join(file)).expect(file);
        assert_eq!(bytes("run"), bytes("own"), "{file}");
    }

    // The run goes on by the same command, and is another with other weights.
    said(files.train("small_v3.toml", "theirs.safetensors", "run"), 0);
    let mut other = files.train("small_v3.toml", "own.safetensors", "run");
    other.args(["--weights-of", "own"]);
    let told = words(&said(other, 1));
    assert!(told.contains("`weights_of` was \"torchvision\" and is now \"own\""), "{told}");
}

#[test]
fn a_classifier_with_other_classes_is_drawn_anew() {
    let files = Weights::new();
    let seven = NetworkSpec { classes: 7, ..in_torchvision() };
    files.write("theirs.safetensors", &seven, Package::Torchvision);
    let told = said(files.train("small_v3.toml", "theirs.safetensors", "run"), 0);
    assert!(
        words(&told).contains("the classifier has 7 outputs there and 4 here: drawn anew with seed 0"),
        "{told}"
    );
}

#[test]
fn timms_networks_are_told_apart_by_the_user() {
    let files = Weights::new();
    files.write("theirs.safetensors", &small_v3(), Package::Timm);
    let told = said(files.train("small_v3.toml", "theirs.safetensors", "native"), 0);
    assert!(
        words(&told).contains("weights of timm: symmetric padding, batch norm with eps 0.00001"),
        "{told}"
    );
    assert!(words(&told).contains("those of a tf_ network need --weights-of timm-tf"), "{told}");
    let mut tf = files.train("small_v3.toml", "theirs.safetensors", "tf");
    tf.args(["--weights-of", "timm-tf"]);
    let told = words(&said(tf, 0));
    assert!(
        told.contains("weights of timm-tf: padding as in TensorFlow, batch norm with eps 0.001"),
        "{told}"
    );
    assert!(files.read("tf/network.toml").contains("padding = \"same\""));
}

fn assert_refused(files: &Weights, mut command: Command, arguments: &[&str], code: i32, expected: &[&str]) {
    command.args(arguments);
    let told = said(command, code);
    for part in expected {
        assert!(words(&told).contains(part), "no `{part}` in:\n{told}");
    }
    assert!(!files.place.path("run").exists(), "a run folder was made");
}

#[rstest]
#[case::cut_off("archive.pth", 3000, &["archive.pth is damaged", "cut off", "download it again"])]
#[case::cut_off_legacy("legacy.pth", 1400, &["legacy.pth is damaged", "storages are cut off"])]
#[case::whole_module("whole_module.pth", usize::MAX, &["holds no state dict", "torch.nn.modules.container.Sequential", "torch.save(model.state_dict()"])]
#[case::integers("integers.pth", usize::MAX, &["`a` of integers.pth holds Long numbers", "model.float()"])]
#[case::another_network("archive.pth", usize::MAX, &["have names of none that is known: `0.weight`, `1.bias`", "torchvision's MobileNetV2 or V3"])]
fn a_file_of_pytorch_that_cannot_be_used(
    #[case] file: &str,
    #[case] bytes: usize,
    #[case] expected: &[&str],
) {
    let files = Weights::new();
    files.copy_from_corpus(file, bytes);
    assert_refused(&files, files.train("small_v3.toml", file, "run"), &[], 1, expected);
}

#[test]
fn a_file_of_something_else() {
    let files = Weights::new();
    files.place.write("notes.pth", "these are my weights\n");
    let refused = |file: &str, expected: &[&str]| {
        assert_refused(&files, files.train("small_v3.toml", file, "run"), &[], 1, expected);
    };
    refused("notes.pth", &["notes.pth is neither a safetensors file nor one of torch.save"]);
    refused("images", &["cannot read images: it is not a file"]);
    let mut huge = (1u64 << 60).to_le_bytes().to_vec();
    huge.extend_from_slice(b"{\"a\":");
    std::fs::write(files.place.path("huge.safetensors"), huge).expect("disk");
    refused(
        "huge.safetensors",
        &["huge.safetensors is damaged", "header would have 1152921504606846976 bytes"],
    );
}

#[test]
fn weights_of_another_network() {
    let files = Weights::new();
    let refused = |spec: &NetworkSpec, expected: &[&str]| {
        files.write("theirs.safetensors", spec, Package::Torchvision);
        assert_refused(&files, files.train("small_v3.toml", "theirs.safetensors", "run"), &[], 1, expected);
    };
    let mut longer = in_torchvision();
    longer.blocks.push("ir_k3_s1_h16_c8_hswish".parse().expect("a block"));
    refused(
        &longer,
        &[
            "theirs.safetensors holds weights of another network",
            "features.3.0.weight [16, 8, 1, 1] is missing",
            "features.3.block.0.0.weight [16, 8, 1, 1] is not in the network",
            "--width-rule torchvision",
        ],
    );
    let mut wider = in_torchvision();
    wider.blocks[1] = "ir_k3_s1_h24_c8_hswish".parse().expect("a block");
    refused(&wider, &["features.2.block.0.0.weight is [24, 8, 1, 1], not [16, 8, 1, 1]"]);
    let colour = NetworkSpec { input_channels: 3, ..in_torchvision() };
    refused(
        &colour,
        &["is for images of 3 channels, the network for 1", "use images of 3 channels and --channels 3"],
    );
}

#[test]
fn an_origin_that_the_names_contradict() {
    let files = Weights::new();
    files.write("theirs.safetensors", &in_torchvision(), Package::Torchvision);
    let refused = |network: &str, arguments: &[&str], code, expected: &[&str]| {
        assert_refused(&files, files.train(network, "theirs.safetensors", "run"), arguments, code, expected);
    };
    refused(
        "small_v3.toml",
        &["--weights-of", "timm"],
        1,
        &[
            "have the names of torchvision, not of timm",
            "leave out --weights-of, or say --weights-of torchvision",
        ],
    );
    refused("small_v3.toml", &["--weights-of", "keras"], 2, &["own", "torchvision", "timm", "timm-tf"]);
    // Squeeze-excite without a hidden linear layer.
    refused(
        "tiny.toml",
        &[],
        1,
        &[
            "theirs.safetensors has the names of torchvision: blocks.0 is ir_k3_s2_h16_c8_se8_relu, which no network of torchvision has there",
        ],
    );
    let mut alone = files.place.train_network("small_v3.toml", "run");
    alone.args(["--weights-of", "timm"]);
    assert_refused(&files, alone, &[], 2, &["--weights <FILE>"]);
}
