//! NetAdapt: a network is narrowed, group by group, until it meets a budget
//! (Yang et al. 2018, arXiv:1804.03230; Howard et al. 2019, section 4.2).
//!
//! [`Adaptation`] is the loop. It asks for accuracies of proposals and is told
//! them; it knows nothing of training, files or clocks. What can be narrowed
//! is a [`Problem`]: the channel groups of a network ([`NetworkProblem`]) or
//! the columns of a table of trained networks ([`TabularProblem`]).
//! [`Surgery`] makes narrower weights out of wider ones.

mod adaptation;
mod controls;
mod importance;
mod network_problem;
mod problem;
mod race;
mod rule;
mod schedule;
mod surgery;
mod surrogate;
mod tabular;

pub use adaptation::{Adaptation, AdaptationOptions, Member, Phase, Proposal, Reference, Round};
pub use controls::{random_within, uniform};
pub use importance::{Importance, channel_scores, most_important};
pub use network_problem::NetworkProblem;
pub use problem::{Group, Problem, smallest_reachable};
pub use race::{CONFIDENCE, Contestant, losers};
pub use rule::Rule;
pub use schedule::{Step, StepError};
pub use surgery::{Channels, Surgery};
pub use surrogate::{Observation, Surrogate};
pub use tabular::{GroupColumns, TabularProblem, TabularRun, TabularSource, adapt_table};

#[cfg(test)]
mod tests;
