//! Sampling networks under a hard latency budget, always in a bounded number of steps.
//!
//! Two distributions:
//! - [`FeasibleSampler::uniform`]: uniform over the genotypes that meet the budget, by rejection.
//!   Where the budget is so tight that rejection fails, it draws a latency uniformly between the
//!   fastest network and the budget and samples near it.
//! - [`FeasibleSampler::spread`]: one sample per equal slice of the reachable latencies. Uniform
//!   genotypes of a large space crowd around its mean latency; a front over latency needs the ends.
//!
//! Sampling near a latency: draw a genotype, blend it towards the fastest one (decisions taken over
//! in random order) until it meets the budget, then walk by single-decision changes that stay under
//! the budget and don't move away from the wanted latency.

use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::domain::Domain;
use super::error::SearchError;
use super::variation;
use crate::space::Genotype;

/// Uniform draws before a budget counts as too tight for rejection.
const REJECTION_DRAWS: usize = 64;
/// Length of a walk, in steps per decision.
const WALK_STEPS_PER_DECISION: usize = 6;
/// A walk ends within this fraction of the latency range from its aim.
const WALK_TOLERANCE: f64 = 0.01;

/// Draws networks of a space that meet a latency budget.
pub struct FeasibleSampler<'a> {
    domain: &'a dyn Domain,
    budget_ms: f64,
    fastest: Genotype,
    fastest_ms: f64,
    slowest_ms: f64,
}

impl<'a> FeasibleSampler<'a> {
    /// A sampler under `budget_ms`, which may be infinite.
    ///
    /// # Errors
    /// [`SearchError::BudgetBelowFastest`] if no network meets the budget; others if the budget or
    /// the domain is malformed.
    pub fn new(domain: &'a dyn Domain, budget_ms: f64) -> Result<Self, SearchError> {
        if budget_ms.is_nan() || budget_ms <= 0.0 {
            return Err(SearchError::InvalidBudget { budget_ms });
        }
        let fastest = checked_fastest(domain)?;
        let fastest_ms = domain.latency_ms(&fastest);
        if fastest_ms.is_nan() || fastest_ms > budget_ms {
            return Err(SearchError::BudgetBelowFastest { budget_ms, fastest_ms });
        }
        let slowest_ms = climb(domain, &fastest).min(budget_ms);
        Ok(Self { domain, budget_ms, fastest, fastest_ms, slowest_ms })
    }

    /// The space and its latency model.
    pub fn domain(&self) -> &'a dyn Domain {
        self.domain
    }

    /// Whether a genotype meets the budget.
    pub fn is_feasible(&self, genotype: &Genotype) -> bool {
        self.domain.latency_ms(genotype) <= self.budget_ms
    }

    /// The fastest network, which always meets the budget.
    pub fn fastest(&self) -> &Genotype {
        &self.fastest
    }

    /// Smallest and largest latency to expect under the budget, in milliseconds.
    ///
    /// The upper end is a local maximum of the latency, or the budget where that is lower.
    pub fn range_ms(&self) -> (f64, f64) {
        (self.fastest_ms, self.slowest_ms)
    }

    /// A feasible genotype, uniform over all that meet the budget unless these are very rare.
    pub fn uniform(&self, rng: &mut ChaCha8Rng) -> Genotype {
        for _ in 0..REJECTION_DRAWS {
            let genotype = variation::uniform(self.domain.arity(), rng);
            if self.is_feasible(&genotype) {
                return genotype;
            }
        }
        let target_ms = self.interpolate(rng.random());
        self.near(target_ms, rng)
    }

    /// A feasible genotype whose latency lies in slice `slice` of `slices` equal slices of the
    /// latency range, or as near to it as a bounded walk comes.
    pub fn spread(&self, slice: usize, slices: usize, rng: &mut ChaCha8Rng) -> Genotype {
        let fraction = (slice as f64 + rng.random::<f64>()) / slices as f64;
        self.near(self.interpolate(fraction), rng)
    }

    fn interpolate(&self, fraction: f64) -> f64 {
        self.fastest_ms + fraction * (self.slowest_ms - self.fastest_ms)
    }

    fn near(&self, target_ms: f64, rng: &mut ChaCha8Rng) -> Genotype {
        let arity = self.domain.arity();
        let tolerance_ms = WALK_TOLERANCE * (self.slowest_ms - self.fastest_ms);
        let mut current = self.blended(variation::uniform(arity, rng), rng);
        let mut off_ms = (self.domain.latency_ms(&current) - target_ms).abs();
        for _ in 0..WALK_STEPS_PER_DECISION * arity.len() {
            if off_ms <= tolerance_ms {
                break;
            }
            let next = variation::mutate_one(&current, arity, rng);
            let next_ms = self.domain.latency_ms(&next);
            if next_ms <= self.budget_ms && (next_ms - target_ms).abs() <= off_ms {
                off_ms = (next_ms - target_ms).abs();
                current = next;
            }
        }
        current
    }

    /// Takes over decisions of the fastest genotype, in random order, until the budget is met.
    fn blended(&self, mut genotype: Genotype, rng: &mut ChaCha8Rng) -> Genotype {
        let mut order: Vec<usize> = (0..genotype.0.len()).collect();
        order.shuffle(rng);
        for decision in order {
            if self.is_feasible(&genotype) {
                break;
            }
            genotype.0[decision] = self.fastest.0[decision];
        }
        genotype
    }
}

fn checked_fastest(domain: &dyn Domain) -> Result<Genotype, SearchError> {
    let arity = domain.arity();
    for (decision, &choices) in arity.iter().enumerate() {
        if !(1..=256).contains(&choices) {
            return Err(SearchError::InvalidArity { decision, choices });
        }
    }
    let fastest = domain.fastest();
    let fits = fastest.0.len() == arity.len()
        && (fastest.0.iter().zip(arity)).all(|(&choice, &choices)| usize::from(choice) < choices);
    if fits {
        Ok(fastest)
    } else {
        Err(SearchError::FastestOutsideSpace { genotype: fastest.0, arity: arity.to_vec() })
    }
}

/// Latency reached from `start` by taking every decision's slowest choice in turn, twice: the
/// choices of a block count only once its depth decision has made it present.
fn climb(domain: &dyn Domain, start: &Genotype) -> f64 {
    let mut slowest = start.clone();
    let mut slowest_ms = domain.latency_ms(start);
    for _ in 0..2 {
        for (decision, &choices) in domain.arity().iter().enumerate() {
            let mut candidate = slowest.clone();
            for choice in 0..choices {
                candidate.0[decision] = variation::index(choice);
                let latency_ms = domain.latency_ms(&candidate);
                if latency_ms > slowest_ms {
                    slowest_ms = latency_ms;
                    slowest = candidate.clone();
                }
            }
        }
    }
    slowest_ms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::test_domain::TestDomain;
    use crate::seed;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn samples_meet_any_budget_that_can_be_met(seed in any::<u64>(), fraction in 0.0..1.2_f64) {
            let domain = TestDomain::new(&[4, 3, 2, 5, 3, 4]);
            let budget_ms = 1.0 + fraction * 30.0;
            let sampler = FeasibleSampler::new(&domain, budget_ms).unwrap();
            let rng = &mut seed::rng(seed, "feasible", 0);
            for slice in 0..4 {
                for genotype in [sampler.uniform(rng), sampler.spread(slice, 4, rng)] {
                    prop_assert!(domain.latency_ms(&genotype) <= budget_ms);
                    let inside = genotype.0.iter().zip(domain.arity()).all(|(&c, &n)| usize::from(c) < n);
                    prop_assert!(inside);
                }
            }
        }
    }

    #[test]
    fn a_budget_that_cannot_be_met_names_the_smallest_latency() {
        let domain = TestDomain::new(&[4; 6]);
        let error = FeasibleSampler::new(&domain, 0.5).err().unwrap();
        let expected = SearchError::BudgetBelowFastest { budget_ms: 0.5, fastest_ms: 1.0 };
        assert_eq!(error, expected);
        assert!(error.to_string().contains("smallest reachable latency is 1 ms"));
        for budget_ms in [f64::NAN, 0.0, -3.0, f64::NEG_INFINITY] {
            let error = FeasibleSampler::new(&domain, budget_ms).err().unwrap();
            assert!(matches!(error, SearchError::InvalidBudget { .. }));
        }
    }

    #[test]
    fn malformed_domains_are_refused() {
        struct Malformed(Vec<usize>, Vec<u8>);
        impl Domain for Malformed {
            fn arity(&self) -> &[usize] {
                &self.0
            }
            fn canonical(&self, genotype: &Genotype) -> Genotype {
                genotype.clone()
            }
            fn key(&self, _: &Genotype) -> u64 {
                0
            }
            fn latency_ms(&self, _: &Genotype) -> f64 {
                1.0
            }
            fn fastest(&self) -> Genotype {
                Genotype(self.1.clone())
            }
        }
        let error = |arity: &[usize], fastest: &[u8]| {
            let domain = Malformed(arity.to_vec(), fastest.to_vec());
            FeasibleSampler::new(&domain, 9.0).err()
        };
        assert_eq!(error(&[2, 256], &[1, 255]), None);
        let choices = |error| match error {
            Some(SearchError::InvalidArity { decision, choices }) => (decision, choices),
            other => panic!("{other:?}"),
        };
        assert_eq!(choices(error(&[2, 0], &[0, 0])), (1, 0));
        assert_eq!(choices(error(&[257], &[0])), (0, 257));
        for fastest in [&[2, 0][..], &[0], &[0, 0, 0]] {
            let error = error(&[2, 2], fastest);
            assert!(matches!(error, Some(SearchError::FastestOutsideSpace { .. })));
        }
    }

    #[test]
    fn spread_samples_reach_every_slice_of_the_latencies() {
        let domain = TestDomain::new(&[4; 24]);
        for budget_ms in [f64::INFINITY, 150.0, 40.0] {
            let sampler = FeasibleSampler::new(&domain, budget_ms).unwrap();
            let (fastest_ms, slowest_ms) = sampler.range_ms();
            let rng = &mut seed::rng(7, "feasible", 0);
            let slices = 10;
            let near = (0..slices).filter(|&slice| {
                let latency_ms = domain.latency_ms(&sampler.spread(slice, slices, rng));
                let fraction = (latency_ms - fastest_ms) / (slowest_ms - fastest_ms);
                let middle = (slice as f64 + 0.5) / slices as f64;
                (fraction - middle).abs() <= 0.075
            });
            assert_eq!(near.count(), slices, "budget {budget_ms}");
        }
    }

    #[test]
    fn samples_under_a_tight_budget_differ_and_spread() {
        // No uniform draw of 24 decisions comes near a fifth of the largest latency.
        let domain = TestDomain::new(&[4; 24]);
        let budget_ms = 60.0;
        let sampler = FeasibleSampler::new(&domain, budget_ms).unwrap();
        let rng = &mut seed::rng(8, "feasible", 0);
        let mut samples: Vec<_> = (0..200).map(|_| sampler.uniform(rng)).collect();
        let quarter = |g: &Genotype| (4.0 * domain.latency_ms(g) / budget_ms) as usize;
        for wanted in 0..4 {
            let share = samples.iter().filter(|g| quarter(g) == wanted).count();
            assert!(share >= 25, "quarter {wanted} has {share} of 200 samples");
        }
        samples.sort();
        samples.dedup();
        assert!(samples.len() >= 190, "{} distinct samples", samples.len());
    }

    #[test]
    fn the_range_ends_at_the_slowest_network_or_the_budget() {
        let domain = TestDomain::new(&[2, 3, 4]);
        // The base of 1 ms, then 1 * 1.0 + 2 * 1.25 + 3 * 1.5.
        let range = |budget_ms| FeasibleSampler::new(&domain, budget_ms).unwrap().range_ms();
        assert_eq!(range(f64::INFINITY), (1.0, 9.0));
        assert_eq!(range(5.0), (1.0, 5.0));
    }
}
