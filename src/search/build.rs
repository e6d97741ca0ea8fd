//! The strategies by name, their options and the rules that scale these with the number of trials.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::domain::Domain;
use super::engine::Engine;
use super::error::SearchError;
use super::evolution::Evolution;
use super::feasible::FeasibleSampler;
use super::nsga2::Nsga2;
use super::random::Random;
use super::reward::Reward;
use super::strategy::Strategy;

/// Which strategy searches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StrategyKind {
    /// Uniform random search.
    Random,
    /// Regularised evolution on one reward.
    Evolution,
    /// NSGA-II on accuracy and cost.
    #[default]
    Nsga2,
}

impl StrategyKind {
    /// All strategies.
    pub const ALL: [Self; 3] = [Self::Random, Self::Evolution, Self::Nsga2];
}

impl fmt::Display for StrategyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Random => "random",
            Self::Evolution => "evolution",
            Self::Nsga2 => "nsga2",
        })
    }
}

impl FromStr for StrategyKind {
    type Err = SearchError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        (Self::ALL.into_iter())
            .find(|kind| kind.to_string() == name)
            .ok_or_else(|| SearchError::UnknownStrategy { name: name.to_owned() })
    }
}

/// Options of a search; what is `None` follows from the number of trials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Number of trials the search will have.
    pub trials: usize,
    /// Networks that may become parents; default [`population`]. Random search has none.
    pub population: Option<usize>,
    /// Trials per generation; default is the population for random search and NSGA-II and a
    /// quarter of it for evolution.
    pub batch: Option<usize>,
    /// Entrants of a tournament of evolution; default half of the population.
    pub tournament: Option<usize>,
    /// What evolution maximises.
    #[serde(default)]
    pub reward: Reward,
}

impl Options {
    /// The default options of a search of this many trials.
    pub fn for_trials(trials: usize) -> Self {
        Self { trials, population: None, batch: None, tournament: None, reward: Reward::default() }
    }
}

/// Population that suits a number of trials: twice its square root, even, between 8 and 64.
///
/// 20 trials give 8, 100 give 20, 200 give 28: about sqrt(trials) / 2 generations.
pub fn population(trials: usize) -> usize {
    let even = (trials as f64).sqrt().round() as usize * 2;
    even.clamp(8, 64)
}

/// Builds a strategy that searches `domain` up to a cost of `limit`, which may be infinite.
///
/// The first trials of evolution and NSGA-II, half a population, are spread evenly over the
/// reachable costs; those after them are uniform samples until there are parents.
///
/// # Errors
/// [`SearchError::LimitBelowCheapest`] if no network meets the limit; others if an option, the
/// limit or the domain is malformed.
pub fn build<'a>(
    kind: StrategyKind,
    domain: &'a dyn Domain,
    limit: f64,
    seed: u64,
    options: &Options,
) -> Result<Box<dyn Strategy + 'a>, SearchError> {
    options.reward.validate()?;
    let sampler = FeasibleSampler::new(domain, limit)?;
    let members =
        at_least("population", 2, options.population)?.unwrap_or_else(|| population(options.trials));
    let batch = at_least("batch", 1, options.batch)?;
    let tournament = at_least("tournament", 1, options.tournament)?;
    let spread = members / 2;
    Ok(match kind {
        StrategyKind::Random => Box::new(Engine::new(sampler, Random, seed, batch.unwrap_or(members), 0)),
        StrategyKind::Evolution => {
            let tournament = tournament.unwrap_or(members / 2);
            let policy = Evolution::new(members, tournament, options.reward);
            let batch = batch.unwrap_or((members / 4).max(1));
            Box::new(Engine::new(sampler, policy, seed, batch, spread))
        }
        StrategyKind::Nsga2 => {
            let policy = Nsga2::new(members);
            let batch = batch.unwrap_or(members);
            Box::new(Engine::new(sampler, policy, seed, batch, spread))
        }
    })
}

fn at_least(option: &'static str, least: usize, value: Option<usize>) -> Result<Option<usize>, SearchError> {
    let expected = if least == 1 { "at least 1" } else { "at least 2" };
    match value {
        Some(value) if value < least => {
            Err(SearchError::InvalidOption { option, value: value as f64, expected })
        }
        _ => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::test_domain::TestDomain;

    #[test]
    fn names_are_read_back() {
        for kind in StrategyKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{kind}\""));
        }
        let error = "tpe".parse::<StrategyKind>().unwrap_err().to_string();
        let names = StrategyKind::ALL.map(|kind| kind.to_string()).join(", ");
        assert!(error.contains("`tpe`") && error.ends_with(&names), "{error}");
    }

    #[test]
    fn population_grows_with_the_trials() {
        let populations = [1, 20, 50, 100, 200, 1_000, 100_000].map(population);
        assert_eq!(populations, [8, 8, 14, 20, 28, 64, 64]);
    }

    #[test]
    fn options_out_of_range_are_refused() {
        let domain = TestDomain::new(&[3; 4]);
        let refused = |change: fn(&mut Options)| {
            let mut options = Options::for_trials(40);
            change(&mut options);
            match build(StrategyKind::Evolution, &domain, 5.0, 0, &options) {
                Err(SearchError::InvalidOption { option, .. }) => option,
                other => panic!("{:?}", other.err()),
            }
        };
        assert_eq!(refused(|o| o.population = Some(1)), "population");
        assert_eq!(refused(|o| o.batch = Some(0)), "batch");
        assert_eq!(refused(|o| o.tournament = Some(0)), "tournament");
        assert_eq!(refused(|o| o.reward = Reward::mnasnet(0.0)), "reward target");
    }

    #[test]
    fn options_set_the_batch() {
        let domain = TestDomain::new(&[3; 4]);
        let batch = |kind, options: &Options| build(kind, &domain, 5.0, 0, options).map(|s| s.batch());
        let mut options = Options::for_trials(100);
        assert_eq!(batch(StrategyKind::Nsga2, &options), Ok(20));
        options.population = Some(6);
        assert_eq!(batch(StrategyKind::Random, &options), Ok(6));
        options.batch = Some(3);
        assert_eq!(StrategyKind::ALL.map(|kind| batch(kind, &options)), [const { Ok(3) }; 3]);
    }
}
