//! Search strategies over a space of networks under hard budgets.
//!
//! A strategy proposes networks ([`Strategy::ask`]) and learns from their results
//! ([`Strategy::tell`]); it trains nothing, reads no file and no clock. It is a pure function of
//! its seed and of what it was told, so replaying a journal of results restores it exactly.
//!
//! Invariants, for every strategy:
//! - every proposed network meets the budgets;
//! - no network is proposed twice (identity is [`Domain::key`]);
//! - a failed trial is never a parent and never stands on a front;
//! - nothing loops without a bound: a limit that can't be met is an error that names the smallest
//!   reachable cost, and an exhausted space yields fewer proposals than asked for, or none.
//!
//! A trial's quality is its accuracy, a fraction in `[0, 1]`, higher is better; its cost is in the
//! unit of the first budget's resource, lower is better.

mod build;
mod domain;
mod engine;
mod error;
mod evolution;
mod feasible;
mod nondominated;
mod nsga2;
mod pareto;
mod random;
mod remaining;
mod reward;
mod strategy;
#[cfg(test)]
mod test_domain;
#[cfg(test)]
mod tests;
mod variation;

pub use build::{Options, StrategyKind, build, population};
pub use domain::Domain;
pub use error::SearchError;
pub use feasible::FeasibleSampler;
pub use nondominated::{crowding_distances, non_dominated_fronts};
pub use pareto::{Point, best, hypervolume, pareto_front};
pub use reward::Reward;
pub use strategy::{Strategy, Trial};
