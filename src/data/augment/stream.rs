//! One kind of draws in one epoch, by image or by batch.

use rand_chacha::ChaCha8Rng;

use crate::seed;

/// The generators of one kind of draws; their purpose is put into words once an epoch, not once an image.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    seed: u64,
    purpose: String,
}

impl Stream {
    /// Draws for `kind` in epoch `epoch`.
    pub(super) fn new(kind: &str, seed: u64, epoch: u64) -> Self {
        Self { seed, purpose: format!("data/{kind}/{epoch}") }
    }

    /// The generator of image or batch `index`.
    pub(super) fn rng(&self, index: usize) -> ChaCha8Rng {
        seed::rng(self.seed, &self.purpose, index as u64)
    }
}
