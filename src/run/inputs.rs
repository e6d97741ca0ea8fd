//! What a run reads: hashes of all of it, and copies of what is small.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What a run reads, by name. Only the hashes are written out; copies lie in the run folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Inputs {
    /// SHA-256 in hexadecimal by name.
    pub hashes: BTreeMap<String, String>,
    /// File name in `inputs/` and content by name, of those that a reader of the run needs again.
    #[serde(skip)]
    pub copies: BTreeMap<String, (String, Vec<u8>)>,
}

impl Inputs {
    /// No inputs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an input by its content.
    #[must_use]
    pub fn with(mut self, name: &str, content: &[u8]) -> Self {
        self.hashes.insert(name.to_owned(), sha256(content));
        self
    }

    /// Adds an input that is copied to the file `file` of the run's `inputs/`.
    #[must_use]
    pub fn with_copy(mut self, name: &str, file: &str, content: &[u8]) -> Self {
        let is_taken = self.copies.values().any(|(taken, _)| taken == file);
        let file = if is_taken { format!("{}-{file}", self.copies.len()) } else { file.to_owned() };
        self.copies.insert(name.to_owned(), (file, content.to_owned()));
        self.with(name, content)
    }

    /// The same inputs without copies: those of a run within another one.
    #[must_use]
    pub fn without_copies(&self) -> Self {
        Self { hashes: self.hashes.clone(), copies: BTreeMap::new() }
    }
}

fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Eight digits that tell options apart, for names of folders.
pub fn short_hash(options: &impl Serialize) -> String {
    let text = toml::to_string(options).expect("options are tables of plain values");
    sha256(text.as_bytes())[..8].to_owned()
}
