//! Search spaces: what may be varied in a network, and genotypes in them.
//!
//! A space is a TOML file; a genotype is a list of indices into its choices;
//! decoding a genotype gives a `NetworkSpec`. Only what has more than one
//! choice is a decision.

mod cheapest;
mod decision;
mod decode;
mod file;
mod genotype;
mod layout;
mod shipped;
mod size;

pub use cheapest::Step;
pub use decision::{Decision, Dimension};
pub use file::SpaceFile;
pub use genotype::Genotype;
pub use layout::SearchSpace;
pub use shipped::{SEARCH_SPACES, load};

#[cfg(test)]
mod tests;
