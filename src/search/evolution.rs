//! Regularised ("aging") evolution (Real et al. 2019, algorithm 1).
//!
//! The population is a queue: a scored child joins at the end and the oldest member leaves, however
//! good it is. That keeps one lucky, noisy score from breeding for ever. A parent is the best of a
//! random tournament; a child is its mutation. Failed trials never join, so they neither breed nor
//! push anyone out.

use std::collections::VecDeque;

use rand_chacha::ChaCha8Rng;

use super::engine::{Policy, Scored};
use super::reward::Reward;
use super::variation;
use crate::space::Genotype;

/// The population and how its parents are chosen.
pub(super) struct Evolution {
    population: VecDeque<Scored>,
    capacity: usize,
    tournament: usize,
    reward: Reward,
}

impl Evolution {
    /// Evolution of the `capacity` youngest networks, with parents that won against
    /// `tournament - 1` others.
    pub(super) fn new(capacity: usize, tournament: usize, reward: Reward) -> Self {
        Self { population: VecDeque::with_capacity(capacity + 1), capacity, tournament, reward }
    }

    /// The best of a tournament among distinct members; of equals, the youngest.
    fn parent(&self, rng: &mut ChaCha8Rng) -> Option<&Scored> {
        let alive = self.population.len();
        let mut entrants = rand::seq::index::sample(rng, alive, self.tournament.min(alive)).into_vec();
        entrants.sort_unstable();
        (entrants.into_iter()).map(|member| &self.population[member]).max_by(|a, b| {
            let (a, b) = (self.reward.score(a.point), self.reward.score(b.point));
            a.total_cmp(&b)
        })
    }
}

impl Policy for Evolution {
    fn learn(&mut self, scored: Vec<Scored>) {
        for child in scored {
            self.population.push_back(child);
            if self.population.len() > self.capacity {
                self.population.pop_front();
            }
        }
    }

    fn breed(&self, arity: &[usize], rng: &mut ChaCha8Rng) -> Option<Genotype> {
        let parent = self.parent(rng)?;
        Some(variation::mutate(&parent.genotype, arity, rng))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::pareto::Point;
    use crate::seed;

    fn scored(choice: u8, quality: f64, cost: f64) -> Scored {
        Scored { genotype: Genotype(vec![choice]), point: Point::new(quality, cost).unwrap() }
    }

    #[test]
    fn the_oldest_member_leaves_even_if_it_is_the_best() {
        let mut evolution = Evolution::new(2, 2, Reward::Accuracy);
        let members = [(0, 0.9), (1, 0.5), (2, 0.4)].map(|(c, a)| scored(c, a, 1.0));
        evolution.learn(members[..2].to_vec());
        let rng = &mut seed::rng(0, "evolution", 0);
        assert_eq!(evolution.parent(rng), Some(&members[0]));
        evolution.learn(members[2..].to_vec());
        assert_eq!(evolution.parent(rng), Some(&members[1]));
    }

    #[test]
    fn a_tournament_of_one_picks_anyone_and_a_full_one_the_best() {
        let members: Vec<_> = (0..5).map(|c| scored(c, f64::from(c), 1.0)).collect();
        let rng = &mut seed::rng(1, "evolution", 0);
        let mut anyone = Evolution::new(5, 1, Reward::Accuracy);
        anyone.learn(members.clone());
        let mut picked: Vec<u8> =
            (0..200).filter_map(|_| anyone.parent(rng)).map(|parent| parent.genotype.0[0]).collect();
        picked.sort_unstable();
        picked.dedup();
        assert_eq!(picked, [0, 1, 2, 3, 4]);
        let mut best = Evolution::new(5, 9, Reward::Accuracy);
        best.learn(members.clone());
        assert_eq!(best.parent(rng), members.last());
    }

    #[test]
    fn the_reward_decides_who_is_best() {
        let (slow, fast) = (scored(0, 0.76, 100.0), scored(1, 0.75, 50.0));
        let rng = &mut seed::rng(2, "evolution", 0);
        for (reward, winner) in [(Reward::Accuracy, &slow), (Reward::mnasnet(50.0), &fast)] {
            let mut evolution = Evolution::new(2, 2, reward);
            evolution.learn(vec![slow.clone(), fast.clone()]);
            assert_eq!(evolution.parent(rng), Some(winner));
        }
    }

    #[test]
    fn without_a_parent_there_is_no_child() {
        let evolution = Evolution::new(2, 2, Reward::Accuracy);
        let rng = &mut seed::rng(3, "evolution", 0);
        assert_eq!(evolution.breed(&[4], rng), None);
    }
}
