//! A small space with an additive cost, for the tests of the strategies.

use super::domain::Domain;
use crate::space::Genotype;

/// Choice `c` of decision `d` costs `c * costs[d]`. Decision 0 is a depth: where it is 0, the last
/// decision belongs to a skipped block and has no effect.
/// Keys hold up to 64 bits of choices.
pub(super) struct TestDomain {
    arity: Vec<usize>,
    costs: Vec<f64>,
}

impl TestDomain {
    /// A base cost of 1 and `arity.len()` decisions of rising cost.
    pub(super) fn new(arity: &[usize]) -> Self {
        Self { arity: arity.to_vec(), costs: (0..arity.len()).map(|d| 1.0 + 0.25 * d as f64).collect() }
    }
}

impl Domain for TestDomain {
    fn arity(&self) -> &[usize] {
        &self.arity
    }

    fn canonical(&self, genotype: &Genotype) -> Genotype {
        let mut canonical = genotype.clone();
        if let [0, .., last] = canonical.0.as_mut_slice() {
            *last = 0;
        }
        canonical
    }

    fn key(&self, genotype: &Genotype) -> u64 {
        let canonical = self.canonical(genotype);
        let radix = self.arity.iter().zip(&canonical.0);
        radix.fold(0, |key, (&choices, &choice)| key * choices as u64 + u64::from(choice))
    }

    fn cost(&self, genotype: &Genotype) -> f64 {
        let canonical = self.canonical(genotype);
        let choices = canonical.0.iter().map(|&c| f64::from(c));
        1.0 + choices.zip(&self.costs).map(|(c, cost)| c * cost).sum::<f64>()
    }

    fn is_admitted(&self, _: &Genotype) -> bool {
        true
    }

    fn cheapest(&self) -> Genotype {
        Genotype(vec![0; self.arity.len()])
    }
}
