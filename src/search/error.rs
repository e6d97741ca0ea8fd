//! What can be wrong with a search before or while it runs.

use thiserror::Error;

/// A search that can't start, or a result that doesn't belong to it.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum SearchError {
    /// No network of the space meets the limit.
    #[error(
        "no network of this space costs {limit} or less: the smallest reachable cost is {cheapest}; raise the limit or widen the space"
    )]
    LimitBelowCheapest {
        /// The limit asked for.
        limit: f64,
        /// The smallest cost any network of the space has.
        cheapest: f64,
    },
    /// The limit is not a cost.
    #[error("the limit of a search must be a positive number, not {limit}")]
    InvalidLimit {
        /// The limit asked for.
        limit: f64,
    },
    /// A decision has no choices, or more than a genotype can index.
    #[error("decision {decision} of the space has {choices} choices; give it between 1 and 256")]
    InvalidArity {
        /// Position of the decision in the genotype.
        decision: usize,
        /// Its number of choices.
        choices: usize,
    },
    /// The space's cheapest genotype is not a genotype of the space.
    #[error("the cheapest genotype {genotype:?} is not in the space, whose decisions have {arity:?} choices")]
    CheapestOutsideSpace {
        /// The genotype's choices.
        genotype: Vec<u8>,
        /// Number of choices of every decision.
        arity: Vec<usize>,
    },
    /// An option is outside its range.
    #[error("the search option `{option}` is {value}; it must be {expected}")]
    InvalidOption {
        /// Name of the option.
        option: &'static str,
        /// The value given.
        value: f64,
        /// What it must be.
        expected: &'static str,
    },
    /// A strategy's name is not known.
    #[error("unknown search strategy `{name}`; choose one of random, evolution, nsga2")]
    UnknownStrategy {
        /// The name given.
        name: String,
    },
    /// A result is told for a trial that was never proposed.
    #[error("a result was given for trial {index}, but only {asked} trials were proposed")]
    UnknownTrial {
        /// Index of the trial.
        index: usize,
        /// Number of trials proposed so far.
        asked: usize,
    },
    /// A trial's result is told twice.
    #[error("trial {index} already has a result")]
    AlreadyTold {
        /// Index of the trial.
        index: usize,
    },
}
