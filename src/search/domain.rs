//! What a strategy sees of a search space: the seam between `search` and the spaces, costs and
//! networks it knows nothing of.

use crate::space::Genotype;

/// A search space whose networks have costs, as a strategy needs to know it.
///
/// All methods are pure: equal arguments give equal answers.
pub trait Domain {
    /// Number of choices of every decision, each in `1..=256`.
    fn arity(&self) -> &[usize];

    /// Canonical form: decisions without effect (those of skipped blocks) are set to 0.
    fn canonical(&self, genotype: &Genotype) -> Genotype;

    /// Identity of the network a genotype decodes to; equal networks have equal keys.
    fn key(&self, genotype: &Genotype) -> u64;

    /// What the network costs: the other side of the front, and what the limit of a search is one of.
    fn cost(&self, genotype: &Genotype) -> f64;

    /// Whether the network meets the budgets that there are beside the limit.
    fn is_admitted(&self, genotype: &Genotype) -> bool;

    /// An admitted genotype of the smallest cost that is known; it decides whether a limit can be met.
    fn cheapest(&self) -> Genotype;
}
