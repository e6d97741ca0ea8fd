//! An adaptation small enough to run in a test.

#[path = "../support/place.rs"]
mod place;
#[path = "../support/said.rs"]
mod said;
#[path = "../support/tiny_network.rs"]
mod tiny_network;

use std::path::Path;

use assert_cmd::Command;

pub use place::Place;
pub use said::said;
pub use tiny_network::TINY_NETWORK;

pub const TINY_RECIPE: &str = r#"epochs = 4
batch = 16
optimizer = { kind = "adamw", beta1 = 0.9, beta2 = 0.999, eps = 1e-8 }
schedule = { kind = "cosine", learning_rate = 0.004, warmup_epochs = 0.5 }
weight_decay = 1e-4
label_smoothing = 0.1
recalibrate = 3
augment = { pad = 1, flip = false }
"#;

impl Place {
    /// A place with a network, a recipe and images.
    pub fn new() -> Self {
        Self::with(&[("tiny.toml", TINY_NETWORK), ("recipe.toml", TINY_RECIPE)])
    }

    /// `mbn-netadapt`; nothing is given but the colours.
    pub fn bare(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_mbn-netadapt"))
    }

    /// `mbn-netadapt` of the tiny network on the tiny images to a third of its multiply-adds; later arguments win.
    pub fn adapt(&self, out: &str) -> Command {
        self.adapt_to("60k-madds", out)
    }

    /// The same to another budget.
    pub fn adapt_to(&self, budget: &str, out: &str) -> Command {
        let mut command = self.bare();
        command.args(["tiny.toml", "--data", "images", "--recipe", "recipe.toml", "--budget", budget]);
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
        "final/test.json",
        "controls/uniform/training/test.json",
        "controls/width_multiplier/training/test.json",
        "controls/random/start.safetensors",
        "controls/random/training/test.json",
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
