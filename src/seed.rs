//! The one source of randomness: every random draw names its purpose.
//!
//! A generator is derived from (seed, purpose, index) alone, so the order in
//! which things are drawn and the number of threads change nothing.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// A ChaCha generator for one `purpose` (`"split"`, `"init blocks.3.expand"`)
/// and one `index` (epoch, image, trial) under the run's `seed`.
pub fn rng(seed: u64, purpose: &str, index: u64) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(purpose.as_bytes());
    hash.update([0]);
    hash.update(index.to_le_bytes());
    ChaCha8Rng::from_seed(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::rng;
    use rand::Rng;

    #[test]
    fn each_of_seed_purpose_and_index_changes_the_stream() {
        let draw = |seed, purpose, index| rng(seed, purpose, index).random::<u64>();
        let first = draw(1, "split", 0);
        assert_eq!(first, draw(1, "split", 0));
        assert_ne!(first, draw(2, "split", 0));
        assert_ne!(first, draw(1, "init", 0));
        assert_ne!(first, draw(1, "split", 1));
    }
}
