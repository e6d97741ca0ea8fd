//! An adaptation small enough to run in a test.

#[path = "../support/idx.rs"]
mod idx;

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use tempfile::TempDir;

/// A network for the 8x8 grey images of 4 classes, with everything that surgery has to do with.
pub const TINY_NETWORK: &str = r#"name = "tiny"
resolution = 8
input_channels = 1
classes = 4
padding = "same"
batch_norm = { eps = 1e-3, momentum = 0.1 }
stem = "conv_k3_s1_c16_hswish"
blocks = [
    "ir_k3_s1_h48_c16_se16_relu",
    "ir_k3_s2_h32_c24_hswish",
]
head = ["conv_k1_s1_c64_hswish", "pool", "linear_c32_hswish"]
"#;

pub const TINY_RECIPE: &str = r#"epochs = 4
batch = 16
optimizer = { kind = "adamw", beta1 = 0.9, beta2 = 0.999, eps = 1e-8 }
schedule = { kind = "cosine", learning_rate = 0.004, warmup_epochs = 0.5 }
weight_decay = 1e-4
label_smoothing = 0.1
recalibrate = 3
augment = { pad = 1, flip = false }
"#;

/// A temporary place with a network, a recipe, images and room for run folders.
pub struct Place {
    folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        let place = Self { folder: TempDir::new().expect("temporary folder") };
        place.write("tiny.toml", TINY_NETWORK);
        place.write("recipe.toml", TINY_RECIPE);
        std::fs::create_dir(place.path("images")).expect("disk");
        idx::write_idx(&place.path("images"), "train", 40);
        idx::write_idx(&place.path("images"), "t10k", 10);
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("disk");
    }

    /// `mbn-netadapt`; nothing is given but the colours.
    pub fn bare(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mbn-netadapt"));
        command.env("NO_COLOR", "1").current_dir(self.folder.path());
        command
    }

    /// `mbn-netadapt` of the tiny network on the tiny images to a third of its multiply-adds; later arguments win.
    pub fn adapt(&self, out: &str) -> Command {
        let mut command = self.bare();
        command.args(["tiny.toml", "--data", "images", "--recipe", "recipe.toml", "--budget", "60k-madds"]);
        command.args(["--step", "4%", "--short-steps", "3", "--train-epochs", "2", "--final-epochs", "2"]);
        command.args(["--out", out]);
        command
    }
}

/// The files that must not depend on how a run came about.
pub fn results(run: &Path) -> Vec<(String, Vec<u8>)> {
    let mut names: Vec<String> = [
        "iterations.jsonl",
        "network.toml",
        "trained.toml",
        "seed.safetensors",
        "adapted.safetensors",
        "weights.safetensors",
        "final/report/test.json",
        "controls/uniform/training/report/test.json",
        "controls/width_multiplier/training/report/test.json",
        "controls/random/start.safetensors",
        "controls/random/training/report/test.json",
    ]
    .map(str::to_owned)
    .into();
    for entry in std::fs::read_dir(run.join("derived")).expect("derived") {
        names.push(format!("derived/{}", entry.expect("entry").file_name().to_string_lossy()));
    }
    names.sort();
    names.into_iter().map(|name| (name.clone(), std::fs::read(run.join(&name)).expect(&name))).collect()
}

/// The names of files that differ between two runs.
pub fn differing(a: &Path, b: &Path) -> Vec<String> {
    let (a, b) = (results(a), results(b));
    assert_eq!(a.len(), b.len(), "one run has more files");
    a.into_iter().zip(b).filter(|(a, b)| a != b).map(|((name, _), _)| name).collect()
}

/// What a command said on stderr, which must end with this code.
pub fn said(mut command: Command, code: i32) -> String {
    let output = command.output().expect("started");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}
