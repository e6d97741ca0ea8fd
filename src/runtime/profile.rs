//! What a runtime says of the time that each of its operators takes.

use std::time::Duration;

/// Times of a model's operators, as the runtime has fused and named them, in several passes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// Names of the operators in the order in which they run. A fused operator has the name of one of its parts, often
    /// with something behind it.
    pub operators: Vec<String>,
    /// For each pass the time of every operator.
    pub passes: Vec<Vec<Duration>>,
    /// As many other passes, as wholes: operators were not watched, which takes time of its own.
    pub unwatched: Vec<Duration>,
}
