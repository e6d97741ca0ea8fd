//! Sampling networks under hard budgets, always in a bounded number of steps.
//!
//! Two distributions:
//! - [`FeasibleSampler::uniform`]: uniform over the genotypes that meet the budgets, by rejection.
//!   Where these are so tight that rejection fails, it draws a cost uniformly between the cheapest
//!   network and the limit and samples near it.
//! - [`FeasibleSampler::spread`]: one sample per equal slice of the reachable costs. Uniform
//!   genotypes of a large space crowd around its mean cost; a front over costs needs the ends.
//!
//! Sampling near a cost: draw a genotype, blend it towards the cheapest one (decisions taken over
//! in random order) until it meets the budgets, then walk by single-decision changes that keep to
//! them and don't move away from the wanted cost.

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
/// A walk ends within this fraction of the range of costs from its aim.
const WALK_TOLERANCE: f64 = 0.01;

/// Draws networks of a space that meet a limit of the cost and whatever else the domain asks for.
pub struct FeasibleSampler<'a> {
    domain: &'a dyn Domain,
    limit: f64,
    cheapest: Genotype,
    floor: f64,
    ceiling: f64,
}

impl<'a> FeasibleSampler<'a> {
    /// A sampler under `limit`, which may be infinite.
    ///
    /// # Errors
    /// [`SearchError::LimitBelowCheapest`] if no network meets the limit; others if the limit or
    /// the domain is malformed.
    pub fn new(domain: &'a dyn Domain, limit: f64) -> Result<Self, SearchError> {
        if limit.is_nan() || limit <= 0.0 {
            return Err(SearchError::InvalidLimit { limit });
        }
        let cheapest = checked_cheapest(domain)?;
        let floor = domain.cost(&cheapest);
        if floor.is_nan() || floor > limit {
            return Err(SearchError::LimitBelowCheapest { limit, cheapest: floor });
        }
        let ceiling = climb(domain, &cheapest).min(limit);
        Ok(Self { domain, limit, cheapest, floor, ceiling })
    }

    /// The space and its costs.
    pub fn domain(&self) -> &'a dyn Domain {
        self.domain
    }

    /// Whether a genotype meets the limit and all other budgets.
    pub fn is_feasible(&self, genotype: &Genotype) -> bool {
        self.domain.cost(genotype) <= self.limit && self.domain.is_admitted(genotype)
    }

    /// The cheapest network, which always meets the budgets.
    pub fn cheapest(&self) -> &Genotype {
        &self.cheapest
    }

    /// Smallest and largest cost to expect.
    ///
    /// The upper end is a local maximum of the cost, or the limit where that is lower.
    pub fn range(&self) -> (f64, f64) {
        (self.floor, self.ceiling)
    }

    /// A feasible genotype, uniform over all that meet the budgets unless these are very rare.
    pub fn uniform(&self, rng: &mut ChaCha8Rng) -> Genotype {
        for _ in 0..REJECTION_DRAWS {
            let genotype = variation::uniform(self.domain.arity(), rng);
            if self.is_feasible(&genotype) {
                return genotype;
            }
        }
        let target = self.interpolate(rng.random());
        self.near(target, rng)
    }

    /// A feasible genotype whose cost lies in slice `slice` of `slices` equal slices of the range
    /// of costs, or as near to it as a bounded walk comes.
    pub fn spread(&self, slice: usize, slices: usize, rng: &mut ChaCha8Rng) -> Genotype {
        let fraction = (slice as f64 + rng.random::<f64>()) / slices as f64;
        self.near(self.interpolate(fraction), rng)
    }

    fn interpolate(&self, fraction: f64) -> f64 {
        self.floor + fraction * (self.ceiling - self.floor)
    }

    fn near(&self, target: f64, rng: &mut ChaCha8Rng) -> Genotype {
        let arity = self.domain.arity();
        let tolerance = WALK_TOLERANCE * (self.ceiling - self.floor);
        let mut current = self.blended(variation::uniform(arity, rng), rng);
        let mut off = (self.domain.cost(&current) - target).abs();
        for _ in 0..WALK_STEPS_PER_DECISION * arity.len() {
            if off <= tolerance {
                break;
            }
            let next = variation::mutate_one(&current, arity, rng);
            let next_cost = self.domain.cost(&next);
            if next_cost <= self.limit && (next_cost - target).abs() <= off && self.domain.is_admitted(&next)
            {
                off = (next_cost - target).abs();
                current = next;
            }
        }
        current
    }

    /// Takes over decisions of the cheapest genotype, in random order, until the budgets are met.
    fn blended(&self, mut genotype: Genotype, rng: &mut ChaCha8Rng) -> Genotype {
        let mut order: Vec<usize> = (0..genotype.0.len()).collect();
        order.shuffle(rng);
        for decision in order {
            if self.is_feasible(&genotype) {
                break;
            }
            genotype.0[decision] = self.cheapest.0[decision];
        }
        genotype
    }
}

fn checked_cheapest(domain: &dyn Domain) -> Result<Genotype, SearchError> {
    let arity = domain.arity();
    for (decision, &choices) in arity.iter().enumerate() {
        if !(1..=256).contains(&choices) {
            return Err(SearchError::InvalidArity { decision, choices });
        }
    }
    let cheapest = domain.cheapest();
    let fits = cheapest.0.len() == arity.len()
        && (cheapest.0.iter().zip(arity)).all(|(&choice, &choices)| usize::from(choice) < choices);
    if fits {
        Ok(cheapest)
    } else {
        Err(SearchError::CheapestOutsideSpace { genotype: cheapest.0, arity: arity.to_vec() })
    }
}

/// Cost reached from `start` by taking every decision's dearest admitted choice in turn, twice: the
/// choices of a block count only once its depth decision has made it present.
fn climb(domain: &dyn Domain, start: &Genotype) -> f64 {
    let mut dearest = start.clone();
    let mut dearest_cost = domain.cost(start);
    for _ in 0..2 {
        for (decision, &choices) in domain.arity().iter().enumerate() {
            let mut candidate = dearest.clone();
            for choice in 0..choices {
                candidate.0[decision] = variation::index(choice);
                let cost = domain.cost(&candidate);
                if cost > dearest_cost && domain.is_admitted(&candidate) {
                    dearest_cost = cost;
                    dearest = candidate.clone();
                }
            }
        }
    }
    dearest_cost
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
            let limit = 1.0 + fraction * 30.0;
            let sampler = FeasibleSampler::new(&domain, limit).unwrap();
            let rng = &mut seed::rng(seed, "feasible", 0);
            for slice in 0..4 {
                for genotype in [sampler.uniform(rng), sampler.spread(slice, 4, rng)] {
                    prop_assert!(domain.cost(&genotype) <= limit);
                    let inside = genotype.0.iter().zip(domain.arity()).all(|(&c, &n)| usize::from(c) < n);
                    prop_assert!(inside);
                }
            }
        }
    }

    #[test]
    fn a_budget_that_cannot_be_met_names_the_smallest_cost() {
        let domain = TestDomain::new(&[4; 6]);
        let error = FeasibleSampler::new(&domain, 0.5).err().unwrap();
        let expected = SearchError::LimitBelowCheapest { limit: 0.5, cheapest: 1.0 };
        assert_eq!(error, expected);
        assert!(error.to_string().contains("smallest reachable cost is 1;"));
        for limit in [f64::NAN, 0.0, -3.0, f64::NEG_INFINITY] {
            let error = FeasibleSampler::new(&domain, limit).err().unwrap();
            assert!(matches!(error, SearchError::InvalidLimit { .. }));
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
            fn cost(&self, _: &Genotype) -> f64 {
                1.0
            }
            fn is_admitted(&self, _: &Genotype) -> bool {
                true
            }
            fn cheapest(&self) -> Genotype {
                Genotype(self.1.clone())
            }
        }
        let error = |arity: &[usize], cheapest: &[u8]| {
            let domain = Malformed(arity.to_vec(), cheapest.to_vec());
            FeasibleSampler::new(&domain, 9.0).err()
        };
        assert_eq!(error(&[2, 256], &[1, 255]), None);
        let choices = |error| match error {
            Some(SearchError::InvalidArity { decision, choices }) => (decision, choices),
            other => panic!("{other:?}"),
        };
        assert_eq!(choices(error(&[2, 0], &[0, 0])), (1, 0));
        assert_eq!(choices(error(&[257], &[0])), (0, 257));
        for cheapest in [&[2, 0][..], &[0], &[0, 0, 0]] {
            let error = error(&[2, 2], cheapest);
            assert!(matches!(error, Some(SearchError::CheapestOutsideSpace { .. })));
        }
    }

    #[test]
    fn spread_samples_reach_every_slice_of_the_costs() {
        let domain = TestDomain::new(&[4; 24]);
        for limit in [f64::INFINITY, 150.0, 40.0] {
            let sampler = FeasibleSampler::new(&domain, limit).unwrap();
            let (floor, ceiling) = sampler.range();
            let rng = &mut seed::rng(7, "feasible", 0);
            let slices = 10;
            let near = (0..slices).filter(|&slice| {
                let cost = domain.cost(&sampler.spread(slice, slices, rng));
                let fraction = (cost - floor) / (ceiling - floor);
                let middle = (slice as f64 + 0.5) / slices as f64;
                (fraction - middle).abs() <= 0.075
            });
            assert_eq!(near.count(), slices, "limit {limit}");
        }
    }

    #[test]
    fn samples_under_a_tight_budget_differ_and_spread() {
        // No uniform draw of 24 decisions comes near a fifth of the largest cost.
        let domain = TestDomain::new(&[4; 24]);
        let limit = 60.0;
        let sampler = FeasibleSampler::new(&domain, limit).unwrap();
        let rng = &mut seed::rng(8, "feasible", 0);
        let mut samples: Vec<_> = (0..200).map(|_| sampler.uniform(rng)).collect();
        let quarter = |g: &Genotype| (4.0 * domain.cost(g) / limit) as usize;
        for wanted in 0..4 {
            let share = samples.iter().filter(|g| quarter(g) == wanted).count();
            assert!(share >= 25, "quarter {wanted} has {share} of 200 samples");
        }
        samples.sort();
        samples.dedup();
        assert!(samples.len() >= 190, "{} distinct samples", samples.len());
    }

    #[test]
    fn the_range_ends_at_the_dearest_network_or_the_limit() {
        let domain = TestDomain::new(&[2, 3, 4]);
        // The base of 1, then 1 * 1.0 + 2 * 1.25 + 3 * 1.5.
        let range = |limit| FeasibleSampler::new(&domain, limit).unwrap().range();
        assert_eq!(range(f64::INFINITY), (1.0, 9.0));
        assert_eq!(range(5.0), (1.0, 5.0));
    }
}
