//! NSGA-II (Deb et al. 2002): evolves the whole front of quality against cost.
//!
//! Survivors of parents and children together are taken front by front; the front that doesn't fit
//! is cut by crowding distance. A parent wins a binary tournament: lower rank, then larger crowding
//! distance. Failed trials never enter the population.
//!
//! Two departures from the paper suit populations of tens instead of hundreds:
//! - Half of the mothers are the most accurate of a random half of the population. So few networks
//!   mostly stand on one front, where the tournament alone follows only crowding and the accurate
//!   end, from which a network is chosen in the end, is searched no more than any other.
//! - A child is a mutation or, one time in four, a crossover, but not both: few steps are taken, so
//!   they are small.

use std::cmp::Ordering;

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::engine::{Policy, Scored};
use super::nondominated::{crowding_distances, non_dominated_fronts};
use super::pareto::Point;
use super::variation;
use crate::space::Genotype;

/// Probability that a child is a crossover of two parents and not a mutation of one.
const CROSSOVER_PROBABILITY: f64 = 0.25;
/// Probability that a mother is chosen by accuracy alone.
const ACCURATE_MOTHER_PROBABILITY: f64 = 0.5;

/// A member of the population with the two keys of its survival.
struct Member {
    scored: Scored,
    rank: usize,
    crowding: f64,
}

impl Member {
    /// Low rank before high and, at equal rank, isolated before crowded.
    fn fitter_first(&self, other: &Self) -> Ordering {
        (self.rank.cmp(&other.rank)).then_with(|| other.crowding.total_cmp(&self.crowding))
    }
}

/// The surviving networks.
pub(super) struct Nsga2 {
    population: Vec<Member>,
    capacity: usize,
}

impl Nsga2 {
    /// NSGA-II with `capacity` survivors.
    pub(super) fn new(capacity: usize) -> Self {
        Self { population: Vec::new(), capacity }
    }

    /// The fitter of two members drawn at random; of equals, the first drawn.
    fn parent(&self, rng: &mut ChaCha8Rng) -> Option<&Genotype> {
        let first = self.population.choose(rng)?;
        let second = self.population.choose(rng)?;
        let winner = match first.fitter_first(second) {
            Ordering::Less | Ordering::Equal => first,
            Ordering::Greater => second,
        };
        Some(&winner.scored.genotype)
    }

    /// The most accurate of a random half of the population.
    fn accurate_parent(&self, rng: &mut ChaCha8Rng) -> Option<&Genotype> {
        (self.population.choose_multiple(rng, self.population.len().div_ceil(2)))
            .min_by(|a, b| a.scored.point.good_first(&b.scored.point))
            .map(|member| &member.scored.genotype)
    }
}

/// Ranks networks by non-domination and crowding; fittest first, of equals the most accurate.
fn ranked(scored: Vec<Scored>) -> Vec<Member> {
    let points: Vec<Point> = scored.iter().map(|s| s.point).collect();
    let mut keys = vec![(0, 0.0); points.len()];
    for (rank, front) in non_dominated_fronts(&points).iter().enumerate() {
        for (&position, crowding) in front.iter().zip(crowding_distances(&points, front)) {
            keys[position] = (rank, crowding);
        }
    }
    let mut members: Vec<Member> = (scored.into_iter().zip(keys))
        .map(|(scored, (rank, crowding))| Member { scored, rank, crowding })
        .collect();
    members.sort_by(|a, b| (a.fitter_first(b)).then_with(|| a.scored.point.good_first(&b.scored.point)));
    members
}

impl Policy for Nsga2 {
    fn learn(&mut self, scored: Vec<Scored>) {
        let parents = std::mem::take(&mut self.population).into_iter();
        let family = parents.map(|member| member.scored).chain(scored).collect();
        self.population = ranked(family);
        self.population.truncate(self.capacity);
    }

    fn breed(&self, arity: &[usize], rng: &mut ChaCha8Rng) -> Option<Genotype> {
        let mother = if rng.random_bool(ACCURATE_MOTHER_PROBABILITY) {
            self.accurate_parent(rng)?
        } else {
            self.parent(rng)?
        };
        Some(if rng.random_bool(CROSSOVER_PROBABILITY) {
            variation::crossover(mother, self.parent(rng)?, rng)
        } else {
            variation::mutate(mother, arity, rng)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;

    fn scored(choice: u8, quality: f64, cost: f64) -> Scored {
        Scored { genotype: Genotype(vec![choice]), point: Point::new(quality, cost).unwrap() }
    }

    fn choices(nsga2: &Nsga2) -> Vec<u8> {
        nsga2.population.iter().map(|m| m.scored.genotype.0[0]).collect()
    }

    #[test]
    fn survival_takes_fronts_in_order_and_cuts_the_last_by_crowding() {
        let mut nsga2 = Nsga2::new(4);
        // Front 0: 0, 1, 2, 3, of which 1 and 2 stand close together; front 1: 4.
        let family = [(0.0, 0.0), (0.40, 4.0), (0.45, 4.5), (1.0, 10.0), (0.3, 5.0)];
        let family: Vec<_> = (0..).zip(family).map(|(c, (a, l))| scored(c, a, l)).collect();
        nsga2.learn(family.clone());
        // Gaps: member 1 spans 0..0.45, member 2 spans 0.40..1.
        assert_eq!(choices(&nsga2), [3, 0, 2, 1]);
        nsga2.learn(vec![scored(5, 0.7, 5.0)]);
        assert_eq!(choices(&nsga2), [3, 0, 5, 1]);
    }

    #[test]
    fn elite_survives_worse_children() {
        let mut nsga2 = Nsga2::new(2);
        nsga2.learn(vec![scored(0, 0.9, 1.0), scored(1, 0.95, 2.0)]);
        nsga2.learn((2..9).map(|c| scored(c, 0.1, 3.0)).collect());
        assert_eq!(choices(&nsga2), [1, 0]);
    }

    #[test]
    fn the_fitter_of_two_breeds() {
        let mut nsga2 = Nsga2::new(2);
        nsga2.learn(vec![scored(0, 0.9, 1.0), scored(1, 0.1, 2.0)]);
        let rng = &mut seed::rng(4, "nsga2", 0);
        let fit = (0..400).filter(|_| nsga2.parent(rng).unwrap().0[0] == 0).count();
        assert!((260..340).contains(&fit), "{fit} of 400, expected three quarters");
    }

    #[test]
    fn the_most_accurate_of_half_the_population_breeds() {
        let mut nsga2 = Nsga2::new(4);
        nsga2.learn((0..4).map(|c| scored(c, f64::from(c), f64::from(c))).collect());
        let rng = &mut seed::rng(6, "nsga2", 0);
        let mut count = [0; 4];
        for _ in 0..600 {
            count[usize::from(nsga2.accurate_parent(rng).unwrap().0[0])] += 1;
        }
        // Of the six pairs of four members, three hold the best and one is led by the third best.
        assert_eq!(count[0], 0);
        let shares = [60..140, 150..250, 260..340];
        assert!((1..4).all(|c| shares[c - 1].contains(&count[c])), "{count:?}");
    }

    #[test]
    fn without_a_parent_there_is_no_child() {
        let mut nsga2 = Nsga2::new(4);
        nsga2.learn(Vec::new());
        assert_eq!(nsga2.breed(&[4], &mut seed::rng(5, "nsga2", 0)), None);
    }
}
