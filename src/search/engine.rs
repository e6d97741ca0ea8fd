//! The book-keeping that every strategy shares: feasibility, uniqueness, generations and results.
//!
//! A [`Policy`] says only what sets one strategy apart: what it learns and whom it breeds. The
//! random stream of a generation depends on the seed and the generation's number alone, and results
//! are learned at the start of the next generation in the order of the trials; both make a search
//! replayable and independent of completion order.

use std::collections::{BTreeMap, BTreeSet};

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::error::SearchError;
use super::feasible::FeasibleSampler;
use super::pareto::Point;
use super::remaining::find_unproposed;
use super::strategy::{Strategy, Trial};
use crate::outcome::Outcome;
use crate::seed;
use crate::space::Genotype;

/// Proposals that may repeat a network or miss the budget before another source is tried.
const ATTEMPTS: usize = 64;

/// A trial with a finite score.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scored {
    pub(super) genotype: Genotype,
    pub(super) point: Point,
}

/// What sets one strategy apart from another.
pub(super) trait Policy {
    /// Takes the scored trials of a generation, in the order they were proposed.
    fn learn(&mut self, scored: Vec<Scored>);

    /// A child of what was learned, not necessarily feasible or new; `None` while there is no
    /// parent.
    fn breed(&self, arity: &[usize], rng: &mut ChaCha8Rng) -> Option<Genotype>;
}

/// A strategy: a policy and the state of its search.
pub(super) struct Engine<'a, P> {
    sampler: FeasibleSampler<'a>,
    policy: P,
    seed: u64,
    batch: usize,
    /// Slices of the range of costs, in the order the first trials sample them.
    slices: Vec<usize>,
    generation: u64,
    trials: Vec<Trial>,
    keys: BTreeSet<u64>,
    told: BTreeSet<usize>,
    unlearned: BTreeMap<usize, Scored>,
    exhausted: bool,
}

impl<'a, P: Policy> Engine<'a, P> {
    /// A search whose first `spread` trials are spread evenly over the range of costs.
    pub(super) fn new(
        sampler: FeasibleSampler<'a>,
        policy: P,
        seed: u64,
        batch: usize,
        spread: usize,
    ) -> Self {
        let mut slices: Vec<usize> = (0..spread).collect();
        slices.shuffle(&mut seed::rng(seed, "search/slices", 0));
        Self {
            sampler,
            policy,
            seed,
            batch,
            slices,
            generation: 0,
            trials: Vec::new(),
            keys: BTreeSet::new(),
            told: BTreeSet::new(),
            unlearned: BTreeMap::new(),
            exhausted: false,
        }
    }

    /// A new feasible genotype from the best source that still has one.
    fn propose(&self, rng: &mut ChaCha8Rng) -> Option<Genotype> {
        (0..ATTEMPTS)
            .map_while(|_| self.first_choice(rng))
            .find(|genotype| self.is_admissible(genotype))
            .or_else(|| self.sample_unproposed(rng))
            .or_else(|| find_unproposed(&self.sampler, &self.trials, &self.keys, rng))
    }

    /// The next slice of the range of costs at first, then the policy's children.
    fn first_choice(&self, rng: &mut ChaCha8Rng) -> Option<Genotype> {
        match self.slices.get(self.trials.len()) {
            Some(&slice) => Some(self.sampler.spread(slice, self.slices.len(), rng)),
            None => self.policy.breed(self.sampler.domain().arity(), rng),
        }
    }

    fn sample_unproposed(&self, rng: &mut ChaCha8Rng) -> Option<Genotype> {
        (0..ATTEMPTS).map(|_| self.sampler.uniform(rng)).find(|genotype| self.is_admissible(genotype))
    }

    fn is_admissible(&self, genotype: &Genotype) -> bool {
        let domain = self.sampler.domain();
        self.sampler.is_feasible(genotype) && !self.keys.contains(&domain.key(&domain.canonical(genotype)))
    }

    fn record(&mut self, genotype: &Genotype) -> Trial {
        let domain = self.sampler.domain();
        let genotype = domain.canonical(genotype);
        let trial = Trial {
            index: self.trials.len(),
            key: domain.key(&genotype),
            cost: domain.cost(&genotype),
            genotype,
        };
        self.keys.insert(trial.key);
        self.trials.push(trial.clone());
        trial
    }
}

impl<P: Policy> Strategy for Engine<'_, P> {
    fn ask(&mut self, n: usize) -> Vec<Trial> {
        let scored = std::mem::take(&mut self.unlearned);
        self.policy.learn(scored.into_values().collect());
        let rng = &mut seed::rng(self.seed, "search/generation", self.generation);
        self.generation += 1;
        let mut asked = Vec::new();
        while asked.len() < n && !self.exhausted {
            match self.propose(rng) {
                Some(genotype) => asked.push(self.record(&genotype)),
                None => self.exhausted = true,
            }
        }
        asked
    }

    fn tell(&mut self, index: usize, outcome: Outcome) -> Result<(), SearchError> {
        let Some(trial) = self.trials.get(index) else {
            let asked = self.trials.len();
            return Err(SearchError::UnknownTrial { index, asked });
        };
        if !self.told.insert(index) {
            return Err(SearchError::AlreadyTold { index });
        }
        let point = (outcome.accuracy()).and_then(|a| Point::new(a, trial.cost));
        if let Some(point) = point {
            let genotype = trial.genotype.clone();
            self.unlearned.insert(index, Scored { genotype, point });
        }
        Ok(())
    }

    fn batch(&self) -> usize {
        self.batch
    }
}
