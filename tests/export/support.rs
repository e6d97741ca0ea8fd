//! Runs small enough to export from in a test.

#[path = "../support/place.rs"]
mod place;
#[path = "../support/said.rs"]
mod said;
#[path = "../support/words.rs"]
mod words;

use assert_cmd::Command;

pub use place::Place;
pub use said::said;
pub use words::assert_says;

/// A network for the images with every kind of block.
pub const TINY_NETWORK: &str = r#"name = "tiny"
resolution = 8
input_channels = 1
classes = 4
padding = "same"
batch_norm = { eps = 1e-3, momentum = 0.1 }
dropout = 0.1
stem = "conv_k3_s1_c8_hswish"
blocks = [
    "ir_k3_s2_h16_c8_se8_relu",
    "ds_k3_s1_c16_relu6",
    "ir_k5_s1_h32_c16_hswish",
    "ir_k3_s1_h24_c24_relu_proj",
]
head = ["conv_k1_s1_c16_hswish", "pool", "linear_c16_hswish"]
"#;

const TINY_RECIPE: &str = r#"epochs = 2
batch = 16
optimizer = { kind = "adamw", beta1 = 0.9, beta2 = 0.999, eps = 1e-8 }
schedule = { kind = "cosine", learning_rate = 0.004, warmup_epochs = 0.5 }
"#;

impl Place {
    pub fn new() -> Self {
        Self::with(&[("tiny.toml", TINY_NETWORK), ("recipe.toml", TINY_RECIPE)])
    }

    /// Trains a network on the images.
    pub fn train(&self, network: &str, out: &str) {
        let mut command = self.command(env!("CARGO_BIN_EXE_mbn-train"));
        command.args([network, "--data", "images", "--recipe", "recipe.toml", "--out", out, "--quiet"]);
        command.assert().success();
    }

    /// `mbn-export`.
    pub fn export(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_mbn-export"));
        command.env_remove("ORT_DYLIB_PATH").args(arguments);
        command
    }

    /// The report of an export that must succeed.
    pub fn exported(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.export(arguments).arg("--json").output().expect("started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("a report")
    }
}
