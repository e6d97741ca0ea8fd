//! Mutation and crossover of genotypes.
//!
//! Choices are treated as categories: a changed decision takes any other of its choices with equal
//! probability. A decision with a single choice never changes.

use rand::Rng;
use rand::seq::IteratorRandom;
use rand_chacha::ChaCha8Rng;

use crate::space::Genotype;

/// A genotype drawn uniformly, one independent choice per decision.
pub(super) fn uniform(arity: &[usize], rng: &mut ChaCha8Rng) -> Genotype {
    Genotype(arity.iter().map(|&choices| index(rng.random_range(0..choices))).collect())
}

/// Changes every decision with probability 1/d, where d counts the decisions that can change, and
/// always at least one.
pub(super) fn mutate(parent: &Genotype, arity: &[usize], rng: &mut ChaCha8Rng) -> Genotype {
    let mut child = mutate_one(parent, arity, rng);
    let free = arity.iter().filter(|&&choices| choices > 1).count();
    for (decision, &choices) in arity.iter().enumerate() {
        if choices > 1 && rng.random_range(0..free) == 0 {
            child.0[decision] = other_choice(parent.0[decision], choices, rng);
        }
    }
    child
}

/// Changes exactly one decision, if any can change.
pub(super) fn mutate_one(parent: &Genotype, arity: &[usize], rng: &mut ChaCha8Rng) -> Genotype {
    let mut child = parent.clone();
    let free = (0..arity.len()).filter(|&decision| arity[decision] > 1);
    if let Some(decision) = free.choose(rng) {
        child.0[decision] = other_choice(child.0[decision], arity[decision], rng);
    }
    child
}

/// Takes every decision from either parent with equal probability.
pub(super) fn crossover(a: &Genotype, b: &Genotype, rng: &mut ChaCha8Rng) -> Genotype {
    Genotype(a.0.iter().zip(&b.0).map(|(&a, &b)| if rng.random::<bool>() { a } else { b }).collect())
}

fn other_choice(choice: u8, choices: usize, rng: &mut ChaCha8Rng) -> u8 {
    let drawn = index(rng.random_range(0..choices - 1));
    if drawn < choice { drawn } else { drawn + 1 }
}

/// A choice as a genotype holds it; arities of at most 256 make every choice fit.
pub(super) fn index(choice: usize) -> u8 {
    debug_assert!(choice < 256);
    choice as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;
    use proptest::prelude::*;

    const ARITY: [usize; 5] = [3, 1, 2, 256, 7];

    fn distance(a: &Genotype, b: &Genotype) -> usize {
        a.0.iter().zip(&b.0).filter(|(a, b)| a != b).count()
    }

    proptest! {
        #[test]
        fn variation_stays_in_the_space(seed in any::<u64>()) {
            let rng = &mut seed::rng(seed, "variation", 0);
            let (a, b) = (uniform(&ARITY, rng), uniform(&ARITY, rng));
            let children = [mutate(&a, &ARITY, rng), mutate_one(&a, &ARITY, rng), crossover(&a, &b, rng)];
            for child in [&a, &b].into_iter().chain(&children) {
                prop_assert_eq!(child.0.len(), ARITY.len());
                prop_assert!(child.0.iter().zip(ARITY).all(|(&c, n)| usize::from(c) < n));
            }
            prop_assert!(distance(&a, &children[0]) >= 1);
            prop_assert_eq!(distance(&a, &children[1]), 1);
            prop_assert!((0..ARITY.len()).all(|i| [a.0[i], b.0[i]].contains(&children[2].0[i])));
        }
    }

    #[test]
    fn mutation_reaches_every_other_choice_and_every_free_decision() {
        let rng = &mut seed::rng(1, "variation", 0);
        let parent = Genotype(vec![1, 0, 0]);
        let arity = [3, 1, 2];
        let mut seen: Vec<_> = (0..200).map(|_| mutate_one(&parent, &arity, rng)).collect();
        seen.sort();
        seen.dedup();
        let expected = [[0, 0, 0], [1, 0, 1], [2, 0, 0]].map(|g| Genotype(g.to_vec()));
        assert_eq!(seen, expected);
    }

    #[test]
    fn mutation_changes_few_decisions() {
        let rng = &mut seed::rng(2, "variation", 0);
        let arity = [4; 20];
        let parent = uniform(&arity, rng);
        let changes: usize = (0..1000).map(|_| distance(&parent, &mutate(&parent, &arity, rng))).sum();
        // One change for certain and each of the other 19 with probability 1/20.
        assert!((1850..2050).contains(&changes), "{changes}");
    }

    #[test]
    fn a_space_of_one_network_does_not_change() {
        let rng = &mut seed::rng(3, "variation", 0);
        let only = Genotype(vec![0, 0]);
        assert_eq!(mutate(&only, &[1, 1], rng), only);
        assert_eq!(mutate_one(&only, &[1, 1], rng), only);
        assert_eq!(uniform(&[], rng), Genotype(Vec::new()));
    }
}
