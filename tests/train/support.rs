//! A training small enough to run in a test.

#[path = "../support/place.rs"]
mod place;
#[path = "../support/said.rs"]
mod said;
#[path = "../support/words.rs"]
mod words;

use std::path::Path;

use assert_cmd::Command;

pub use place::Place;
pub use said::said;
pub use words::{assert_says, words};

/// A network for the 8x8 grey images of 4 classes.
pub const TINY_NETWORK: &str = r#"name = "tiny"
resolution = 8
input_channels = 1
classes = 4
padding = "same"
batch_norm = { eps = 1e-3, momentum = 0.1 }
stem = "conv_k3_s1_c8_hswish"
blocks = [
    "ir_k3_s2_h16_c8_se8_relu",
    "ir_k3_s1_h16_c8_hswish",
]
head = ["conv_k1_s1_c16_hswish", "pool"]
"#;

/// A recipe that uses every kind of state a checkpoint must keep.
pub const TINY_RECIPE: &str = r#"epochs = 4
batch = 16
optimizer = { kind = "rmsprop", decay = 0.9, momentum = 0.9, eps = 1e-3 }
schedule = { kind = "exponential", learning_rate = 0.01, warmup_epochs = 0.5, every = 2, factor = 0.5 }
weight_decay = 1e-4
label_smoothing = 0.1
dropout = 0.2
ema = 0.95
clip_norm = 5.0
recalibrate = 3
augment = { pad = 1, flip = false }
"#;

impl Place {
    /// A place with a network, a recipe and images.
    pub fn new() -> Self {
        Self::with(&[("tiny.toml", TINY_NETWORK), ("recipe.toml", TINY_RECIPE)])
    }

    /// `mbn-train` on the tiny network and images, choosing by held-out images; later arguments win.
    pub fn train(&self, out: &str) -> Command {
        let mut command = self.train_network("tiny.toml", out);
        command.args(["--validation", "0.25"]);
        command
    }

    /// `mbn-train` of a network on the tiny images.
    pub fn train_network(&self, network: &str, out: &str) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_mbn-train"));
        command.args([network, "--data", "images", "--recipe", "recipe.toml", "--out", out]);
        command
    }
}

/// The files that must not depend on how a run came about.
pub fn results(run: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let names = [
        "epochs.csv",
        "checkpoint.safetensors",
        "last.safetensors",
        "best.safetensors",
        "test.json",
        "derived/classes.csv",
        "derived/confusion.csv",
        "derived/learning_curves.svg",
        "derived/learning_curves.png",
        "derived/confusion.svg",
        "derived/confusion.png",
    ];
    names.map(|name| (name, std::fs::read(run.join(name)).expect(name))).into()
}

/// The names of files that differ between two runs.
pub fn differing(a: &Path, b: &Path) -> Vec<&'static str> {
    let pairs = results(a).into_iter().zip(results(b));
    pairs.filter(|((_, a), (_, b))| a != b).map(|((name, _), _)| name).collect()
}
