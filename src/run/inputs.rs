//! What a run read, by hashes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Hashes of what a run reads, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Inputs(pub BTreeMap<String, String>);

impl Inputs {
    /// Adds an input by its content.
    #[must_use]
    pub fn with(mut self, name: &str, content: &[u8]) -> Self {
        let hex = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
        self.0.insert(name.to_owned(), hex);
        self
    }

    /// No inputs.
    pub fn new() -> Self {
        Self(BTreeMap::new())
    }
}

/// Eight digits that tell options apart, for names of folders.
pub fn short_hash(options: &impl Serialize) -> String {
    let text = toml::to_string(options).expect("options are tables of plain values");
    let mut hash =
        Inputs::new().with("options", text.as_bytes()).0.remove("options").expect("it was added just now");
    hash.truncate(8);
    hash
}

impl Default for Inputs {
    fn default() -> Self {
        Self::new()
    }
}
