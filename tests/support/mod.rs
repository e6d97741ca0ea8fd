//! A search small enough to run in a test: few tiny images, few choices.

mod place;

use std::path::Path;

use assert_cmd::Command;

pub use place::Place;

/// A space on the grid of the Pixel 1 table with 48 small networks.
pub const TINY_SPACE: &str = r#"name = "tiny"
resolution = [224]
classes = 1000
padding = "same"
batch_norm = { eps = 1e-3, momentum = 0.1 }

[stem]
kernel = [3]
stride = 2
width = [8]
activation = ["hswish"]

[[stage]]
block = "ir"
stride = 1
depth = [1]
kernel = [3]
expansion = [1]
activation = ["relu"]

[[stage]]
block = "ir"
stride = 2
depth = [1, 2]
width = [8]
kernel = [3, 5]
expansion = [1, 2]
se = [false, true]
activation = ["relu"]

[[stage]]
block = "ir"
stride = 2
depth = [1]
width = [16]
kernel = [3, 5, 7]
expansion = [1]
activation = ["relu"]

[[stage]]
block = "ir"
stride = 2
depth = [1]
width = [32]
kernel = [3]
expansion = [1]
activation = ["hswish"]

[[stage]]
block = "ir"
stride = 1
depth = [1]
width = [64]
kernel = [3]
expansion = [1]
activation = ["hswish"]

[[stage]]
block = "ir"
stride = 2
depth = [1]
width = [128]
kernel = [3]
expansion = [1]
activation = ["hswish"]

[[head]]
block = "conv"
width = [256]
activation = ["hswish"]

[[head]]
block = "pool"
"#;

impl Place {
    /// A place with a space and images.
    pub fn new() -> Self {
        Self::with(&[("space.toml", TINY_SPACE)])
    }

    /// `mbn-search` on the tiny space and images for the Pixel 1; later arguments win, but for further targets and budgets.
    pub fn search(&self, out: &str) -> Command {
        self.search_on(&["--target", "pixel-latency.csv"], out)
    }

    /// The same with these targets and budgets.
    pub fn search_on(&self, costs: &[&str], out: &str) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_mbn-search"));
        command.args(costs).args(["--space", "space.toml"]);
        command.args([
            "--data",
            "images",
            "--trials",
            "10",
            "--epochs",
            "1",
            "--final-epochs",
            "1",
            "--finals",
            "2",
        ]);
        command.args(["--out", out]);
        command
    }
}

/// The bytes that must not depend on how a run came about: the journal and `derived/`.
pub fn results(run: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files =
        vec![("trials.jsonl".to_owned(), std::fs::read(run.join("trials.jsonl")).expect("journal"))];
    let derived = std::fs::read_dir(run.join("derived")).expect("derived");
    let mut names: Vec<_> =
        derived.map(|e| e.expect("entry").file_name().into_string().expect("utf-8")).collect();
    names.sort();
    for name in names {
        let bytes = std::fs::read(run.join("derived").join(&name)).expect("readable");
        files.push((name, bytes));
    }
    files
}
