//! Finding a network that random proposals keep missing, or telling that none is left.
//!
//! A space of few genotypes is read through, so its end is certain. In a large space every
//! single-decision change of the networks proposed so far is tried, up to a bound: that finds all
//! networks connected to them by feasible steps. A network beyond that can be missed.

use std::collections::BTreeSet;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::feasible::FeasibleSampler;
use super::strategy::Trial;
use super::variation;
use crate::space::Genotype;

/// Spaces of up to this many genotypes are read through.
const ENUMERABLE: usize = 8192;
/// Neighbours tried in a larger space before it counts as exhausted.
const NEIGHBOUR_CHECKS: usize = 8192;

/// A feasible genotype whose network is not among the proposed ones.
pub(super) fn find_unproposed(
    sampler: &FeasibleSampler,
    proposed: &[Trial],
    proposed_keys: &BTreeSet<u64>,
    rng: &mut ChaCha8Rng,
) -> Option<Genotype> {
    let domain = sampler.domain();
    let is_new = |genotype: &Genotype| {
        sampler.is_feasible(genotype) && !proposed_keys.contains(&domain.key(&domain.canonical(genotype)))
    };
    match space_size(domain.arity()) {
        Some(size) => {
            let start = rng.random_range(0..size);
            (start..size).chain(0..start).map(|number| numbered(domain.arity(), number)).find(is_new)
        }
        None => std::iter::once(sampler.cheapest().clone())
            .chain(neighbours(domain.arity(), proposed).take(NEIGHBOUR_CHECKS))
            .find(is_new),
    }
}

/// Number of genotypes, if the space is small enough to be read through.
fn space_size(arity: &[usize]) -> Option<usize> {
    (arity.iter())
        .try_fold(1_usize, |size, &choices| size.checked_mul(choices))
        .filter(|&size| size <= ENUMERABLE)
}

/// Genotype number `number`, the last decision counting fastest.
fn numbered(arity: &[usize], mut number: usize) -> Genotype {
    let mut genotype = Genotype(vec![0; arity.len()]);
    for (choice, &choices) in genotype.0.iter_mut().zip(arity).rev() {
        *choice = variation::index(number % choices);
        number /= choices;
    }
    genotype
}

/// All single-decision changes of the proposed genotypes, the latest proposals first.
fn neighbours<'a>(arity: &'a [usize], proposed: &'a [Trial]) -> impl Iterator<Item = Genotype> + 'a {
    proposed.iter().rev().flat_map(move |trial| {
        (0..arity.len()).flat_map(move |decision| {
            (0..arity[decision]).map(move |choice| {
                let mut genotype = trial.genotype.clone();
                genotype.0[decision] = variation::index(choice);
                genotype
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::domain::Domain;
    use crate::search::test_domain::TestDomain;
    use crate::seed;

    #[test]
    fn numbering_covers_the_space_once() {
        let arity = [3, 1, 4];
        let size = space_size(&arity).unwrap();
        let all: BTreeSet<_> = (0..size).map(|n| numbered(&arity, n)).collect();
        assert_eq!((size, all.len()), (12, 12));
        assert_eq!(numbered(&arity, 7), Genotype(vec![1, 0, 3]));
        assert_eq!(space_size(&[]), Some(1));
        assert_eq!(space_size(&[256; 40]), None);
    }

    /// Proposes what is found until nothing is; the costs of the networks found, ascending.
    fn find_all(domain: &TestDomain, limit: f64) -> Vec<f64> {
        let sampler = FeasibleSampler::new(domain, limit).unwrap();
        let rng = &mut seed::rng(9, "remaining", 0);
        let (mut proposed, mut keys) = (Vec::new(), BTreeSet::new());
        while let Some(found) = find_unproposed(&sampler, &proposed, &keys, rng) {
            let genotype = domain.canonical(&found);
            let trial = Trial {
                index: proposed.len(),
                key: domain.key(&genotype),
                cost: domain.cost(&genotype),
                genotype,
            };
            assert!(keys.insert(trial.key), "{trial:?} is proposed twice");
            proposed.push(trial);
        }
        let mut costs: Vec<f64> = proposed.iter().map(|trial| trial.cost).collect();
        costs.sort_by(f64::total_cmp);
        costs
    }

    #[test]
    fn a_small_space_is_found_whole() {
        // Depth 0 hides the last decision: (0, b, -) and (1, b, c), of 1 + a + 1.25 b + 1.5 c.
        let domain = TestDomain::new(&[2, 2, 2]);
        let all = [1.0, 2.0, 2.25, 3.25, 3.5, 4.75];
        assert_eq!(find_all(&domain, f64::INFINITY), all);
        assert_eq!(find_all(&domain, 3.25), all[..4]);
    }

    #[test]
    fn a_large_space_is_found_as_far_as_feasible_steps_lead() {
        let domain = TestDomain::new(&[4; 30]);
        assert_eq!(space_size(domain.arity()), None);
        assert_eq!(find_all(&domain, 2.5), [1.0, 2.0, 2.25, 2.5]);
    }
}
