//! What a strategy sees of a search space: the seam between `search` and the spaces, latency
//! tables and networks it knows nothing of.

use crate::space::Genotype;

/// A search space with a latency model, as a strategy needs to know it.
///
/// All methods are pure: equal arguments give equal answers.
pub trait Domain {
    /// Number of choices of every decision, each in `1..=256`.
    fn arity(&self) -> &[usize];

    /// Canonical form: decisions without effect (those of skipped blocks) are set to 0.
    fn canonical(&self, genotype: &Genotype) -> Genotype;

    /// Identity of the network a genotype decodes to; equal networks have equal keys.
    fn key(&self, genotype: &Genotype) -> u64;

    /// Predicted latency, in milliseconds.
    fn latency_ms(&self, genotype: &Genotype) -> f64;

    /// A genotype of the smallest reachable latency; it decides whether a budget can be met.
    fn fastest(&self) -> Genotype;
}
