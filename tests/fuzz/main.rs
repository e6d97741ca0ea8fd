//! Readers of foreign files under random input: they read or refuse, and allocate no more than the file calls for.
//!
//! Every test also runs the files of its corpus, `tests/fuzz/__fuzz__/<name>/corpus`. A failure prints a seed;
//! `BOLERO_RANDOM_SEED` repeats it. For a longer run:
//!
//! ```sh
//! BOLERO_RANDOM_ITERATIONS=1000000000 BOLERO_RANDOM_TEST_TIME_MS=120000 cargo test --test fuzz
//! ```
//!
//! `cargo bolero test --test fuzz NAME` runs one under libFuzzer.

mod allocation;
mod edits;
mod texts;
mod weights;

/// Inputs of a test in an ordinary run.
const ITERATIONS: usize = 3000;
/// Bytes of an input that is made from nothing.
const LONGEST: usize = 4096;
