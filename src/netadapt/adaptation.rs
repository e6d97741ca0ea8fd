//! The loop: rounds of proposals, and what follows from their accuracies.
//!
//! [`Adaptation`] asks and is told. It is pure in its options and in what it is
//! told, so that replaying a journal brings it to where it was.
//!
//! 1. *Narrowing.* Every network at hand is narrowed in each group, to the
//!    widest width that saves the step. The best by the rule goes on, or with a
//!    beam the best few, until the budget is met.
//! 2. *Exchange*, if asked for: some groups grow back while others shrink, at
//!    the budget. What is tried is chosen by a model of all accuracies so far.
//! 3. *Filling.* While a group can grow back within the budget, the best growth
//!    is taken: the result lies as close under the budget as the widths allow.

use std::collections::BTreeSet;

use rand::Rng;
use rand::seq::index::sample;
use serde::{Deserialize, Serialize};

use super::problem::{Problem, with_width};
use super::rule::Rule;
use super::schedule::Step;
use super::surrogate::{Observation, Surrogate};
use crate::outcome::Outcome;
use crate::seed;

/// How often a step is halved where no single group saves it.
const MOST_HALVINGS: u32 = 20;
/// How optimistic exchanges are: standard deviations added to the expected accuracy.
const OPTIMISM: f64 = 0.75;
/// Networks that an exchange starts from, and candidates that the model compares for it.
const EXCHANGE_PARENTS: usize = 4;
const EXCHANGE_CANDIDATES: usize = 200;
/// Most groups that an exchange changes at once.
const EXCHANGED_GROUPS: usize = 3;

/// How an adaptation goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdaptationOptions {
    /// The most the result may cost.
    pub limit: f64,
    /// Which proposal wins.
    pub rule: Rule,
    /// What a round saves.
    pub step: Step,
    /// Networks that go on after a round.
    pub beam: usize,
    /// Evaluations of exchanges after the budget is met.
    pub exchanges: usize,
    /// Whether the rest of the budget is filled up.
    pub fill: bool,
    /// Whether networks are trained on from their parents: later ones have then been trained for longer, and changes of
    /// accuracy are measured against the parent trained for as many steps.
    pub inherits: bool,
    /// Networks within the budget that are kept, at least `beam`.
    pub kept: usize,
    /// Seed of the exchanges.
    pub seed: u64,
}

/// A network that was evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Number of its evaluation; the seed is 0.
    pub key: u64,
    /// Its widths.
    pub widths: Vec<u32>,
    /// Its cost.
    pub cost: f64,
    /// Its accuracy.
    pub accuracy: f64,
    /// Rounds of training since the seed.
    pub effort: f64,
}

/// What a round is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Towards the budget.
    Narrow,
    /// At the budget.
    Exchange,
    /// Up to the budget.
    Fill,
}

/// What a proposal's accuracy is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reference {
    /// Nothing: its score is its accuracy.
    None,
    /// A network that was evaluated before.
    Member {
        /// Its key.
        key: u64,
        /// Its accuracy.
        accuracy: f64,
    },
    /// The pacer at this position of the round: its parent as it is, trained as much as the proposal. The parent's own
    /// accuracy was the best of a round and is higher than it deserves; against it, every proposal seems to lose some
    /// accuracy, and those that save most seem to lose it cheapest.
    Pacer(usize),
}

/// A network to evaluate.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// Key of the network that it comes from.
    pub parent: u64,
    /// The group that changes, where it is one.
    pub group: Option<usize>,
    /// Its width in the parent.
    pub from: Option<u32>,
    /// Its widths.
    pub widths: Vec<u32>,
    /// Its cost.
    pub cost: f64,
    /// What its accuracy is compared with.
    pub reference: Reference,
    /// Worth of a unit of accuracy in its score.
    pub weight: f64,
    /// Whether it only serves others as their reference.
    pub is_pacer: bool,
}

impl Proposal {
    /// A network made from `parent`, scored by its accuracy.
    fn new(parent: &Member, widths: Vec<u32>, cost: f64) -> Self {
        Self {
            parent: parent.key,
            group: None,
            from: None,
            widths,
            cost,
            reference: Reference::None,
            weight: 1.0,
            is_pacer: false,
        }
    }

    /// The same, one of whose groups differs from its parent.
    fn of_group(parent: &Member, group: usize, widths: Vec<u32>, cost: f64) -> Self {
        Self { group: Some(group), from: Some(parent.widths[group]), ..Self::new(parent, widths, cost) }
    }
}

/// Networks to evaluate, the better ones of which go on.
#[derive(Debug, Clone, PartialEq)]
pub struct Round {
    /// From 1.
    pub number: u32,
    /// What it is for.
    pub phase: Phase,
    /// The cost that its proposals keep to.
    pub target: f64,
    /// The networks.
    pub proposals: Vec<Proposal>,
    /// How many of them go on at most.
    pub winners: usize,
}

/// A loop at work.
pub struct Adaptation<'p> {
    problem: &'p dyn Problem,
    options: AdaptationOptions,
    seed: Member,
    round: u32,
    next_key: u64,
    exchanged: usize,
    /// Networks above the budget.
    front: Vec<Member>,
    /// Networks within it.
    arrived: Vec<Member>,
    filled: Option<Member>,
    full: bool,
    tried: BTreeSet<Vec<u32>>,
    observations: Vec<Observation>,
}

impl<'p> Adaptation<'p> {
    /// A loop that starts at the seed, whose accuracy is known. None if the seed has no cost.
    pub fn new(problem: &'p dyn Problem, options: AdaptationOptions, accuracy: f64) -> Option<Self> {
        let widths = problem.seed();
        let seed = Member { key: 0, cost: problem.cost(&widths)?, accuracy, effort: 0.0, widths };
        let mut adaptation = Self {
            problem,
            options,
            seed: seed.clone(),
            round: 0,
            next_key: 1,
            exchanged: 0,
            front: Vec::new(),
            arrived: Vec::new(),
            filled: None,
            full: !options.fill,
            tried: BTreeSet::from([seed.widths.clone()]),
            observations: Vec::new(),
        };
        adaptation.observe(&seed);
        adaptation.take_in(seed);
        Some(adaptation)
    }

    /// The networks that the next round may need, and the one that is the result so far.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.front.iter().chain(&self.arrived).chain(&self.filled)
    }

    /// The seed.
    pub fn seed(&self) -> &Member {
        &self.seed
    }

    /// The next networks to evaluate; none at the end, or if there is no way on.
    pub fn ask(&self) -> Option<Round> {
        let round = |phase, target, proposals, winners| Round {
            number: self.round + 1,
            phase,
            target,
            proposals,
            winners,
        };
        if !self.front.is_empty() {
            let (target, proposals) = self.narrower()?;
            return Some(round(Phase::Narrow, target, proposals, self.options.beam));
        }
        if self.exchanged < self.options.exchanges
            && let Some(proposal) = self.exchange()
        {
            return Some(round(Phase::Exchange, self.options.limit, vec![proposal], 1));
        }
        let wider = if self.full { Vec::new() } else { self.wider() };
        (!wider.is_empty()).then(|| round(Phase::Fill, self.options.limit, wider, 1))
    }

    /// Takes in how a round's proposals did, in their order; returns the positions of those that go on, best first.
    pub fn tell(&mut self, round: &Round, outcomes: &[Outcome]) -> Vec<usize> {
        self.round = round.number;
        let mut scored = Vec::new();
        for (at, (proposal, outcome)) in round.proposals.iter().zip(outcomes).enumerate() {
            self.tried.insert(proposal.widths.clone());
            let key = self.next_key;
            self.next_key += 1;
            if let (false, Some(accuracy)) = (proposal.is_pacer, outcome.accuracy()) {
                let parent = self.members().find(|member| member.key == proposal.parent);
                let effort =
                    parent.map_or(0.0, |parent| parent.effort) + f64::from(u8::from(self.options.inherits));
                let (widths, cost) = (proposal.widths.clone(), proposal.cost);
                let member = Member { key, widths, cost, accuracy, effort };
                self.observe(&member);
                let score = (accuracy - self.reference(proposal, outcomes)) * proposal.weight;
                scored.push((at, score, member));
            }
        }
        // Ties keep the order of the proposals.
        scored.sort_by(|a, b| b.1.total_cmp(&a.1));
        scored.truncate(round.winners);
        match round.phase {
            Phase::Narrow => self.front.clear(),
            Phase::Exchange => self.exchanged += 1,
            Phase::Fill => self.full = scored.is_empty(),
        }
        let chosen = scored.iter().map(|(at, ..)| *at).collect();
        for (_, _, member) in scored {
            match round.phase {
                Phase::Fill => self.filled = Some(member),
                Phase::Narrow | Phase::Exchange => self.take_in(member),
            }
        }
        chosen
    }

    fn reference(&self, proposal: &Proposal, outcomes: &[Outcome]) -> f64 {
        match proposal.reference {
            Reference::None => 0.0,
            Reference::Member { accuracy, .. } => accuracy,
            Reference::Pacer(at) => match outcomes.get(at).and_then(Outcome::accuracy) {
                Some(accuracy) => accuracy,
                None => {
                    self.members().find(|m| m.key == proposal.parent).map_or(0.0, |parent| parent.accuracy)
                }
            },
        }
    }

    /// The result so far: the most accurate network within the budget, by the model where exchanges were tried.
    pub fn best(&self) -> Option<&Member> {
        if self.filled.is_some() {
            return self.filled.as_ref();
        }
        let worth = self.worth();
        // Of equals the first: it was found with less training.
        let best = |a: &&Member, b: &&Member| worth(a).total_cmp(&worth(b)).then(b.key.cmp(&a.key));
        self.arrived.iter().max_by(best)
    }

    /// What a network is expected to be worth, by all that is known now.
    fn worth(&self) -> impl Fn(&Member) -> f64 + use<> {
        let model = if self.exchanged > 0 { self.model() } else { None };
        move |member: &Member| {
            model.as_ref().map_or(member.accuracy, |model| model.predict(&member.widths, member.effort).0)
        }
    }

    fn model(&self) -> Option<Surrogate> {
        Surrogate::fit(&self.observations, &self.seed.widths)
    }

    fn observe(&mut self, member: &Member) {
        self.observations.push(Observation {
            widths: member.widths.clone(),
            effort: member.effort,
            accuracy: member.accuracy,
        });
    }

    fn take_in(&mut self, member: Member) {
        if member.cost > self.options.limit {
            self.front.push(member);
            return;
        }
        self.arrived.retain(|known| known.widths != member.widths);
        self.arrived.push(member);
        let kept = self.options.kept.max(self.options.beam);
        if self.arrived.len() > kept {
            let worth = self.worth();
            self.arrived.sort_by(|a, b| worth(b).total_cmp(&worth(a)).then(a.key.cmp(&b.key)));
            self.arrived.truncate(kept);
        }
    }

    /// A proposal that narrows one group of `parent`. Within a beam, slopes are those from the seed: networks of several
    /// parents are compared by all that was lost and saved on their way.
    fn narrowing(&self, parent: &Member, group: usize, widths: Vec<u32>, cost: f64) -> Proposal {
        let origin = if self.options.beam > 1 { &self.seed } else { parent };
        let reference = match self.options.rule.is_relative() {
            false => Reference::None,
            // The pacer comes first.
            true if self.is_paced() => Reference::Pacer(0),
            true => Reference::Member { key: origin.key, accuracy: origin.accuracy },
        };
        let weight = self.options.rule.weight(origin.cost - cost);
        Proposal { reference, weight, ..Proposal::of_group(parent, group, widths, cost) }
    }

    fn is_paced(&self) -> bool {
        self.options.rule.is_relative() && self.options.inherits && self.options.beam == 1
    }

    fn pacer(parent: &Member) -> Proposal {
        Proposal { is_pacer: true, ..Proposal::new(parent, parent.widths.clone(), parent.cost) }
    }

    /// For each network above the budget and each group, the widest width that saves the step: the rest of the way to
    /// the budget, if that is less. Where no single group does, the step is halved until one does.
    fn narrower(&self) -> Option<(f64, Vec<Proposal>)> {
        let step = self.options.step.share_at(self.round + 1) * self.seed.cost;
        for halvings in 0..=MOST_HALVINGS {
            let saving = step / f64::from(1_u32 << halvings);
            let target_of = |parent: &Member| (parent.cost - saving).max(self.options.limit);
            let mut seen = BTreeSet::new();
            let mut proposals = Vec::new();
            for parent in &self.front {
                for group in 0..parent.widths.len() {
                    let Some((widths, cost)) = self.widest_within(parent, group, target_of(parent)) else {
                        continue;
                    };
                    if !self.tried.contains(&widths) && seen.insert(widths.clone()) {
                        proposals.push(self.narrowing(parent, group, widths, cost));
                    }
                }
            }
            if let (false, Some(first)) = (proposals.is_empty(), self.front.first()) {
                if self.is_paced() {
                    proposals.insert(0, Self::pacer(first));
                }
                return Some((target_of(first), proposals));
            }
        }
        None
    }

    fn widest_within(&self, parent: &Member, group: usize, target: f64) -> Option<(Vec<u32>, f64)> {
        let levels = self.problem.groups()[group].narrower(parent.widths[group]);
        levels
            .filter_map(|level| {
                let widths = with_width(&parent.widths, group, level);
                let cost = self.problem.cost(&widths)?;
                Some((widths, cost))
            })
            .find(|&(_, cost)| cost <= target && cost < parent.cost)
    }

    /// The best network with one group wider, for each group that has room.
    fn wider(&self) -> Vec<Proposal> {
        let Some(parent) = self.best() else { return Vec::new() };
        let grown = |group: usize| {
            let levels: Vec<u32> = self.problem.groups()[group].wider(parent.widths[group]).collect();
            levels.iter().rev().find_map(|&level| {
                let widths = with_width(&parent.widths, group, level);
                let cost = self.problem.cost(&widths)?;
                let fits = cost <= self.options.limit && cost > parent.cost;
                fits.then(|| Proposal::of_group(parent, group, widths, cost))
            })
        };
        (0..parent.widths.len()).filter_map(grown).collect()
    }

    /// The network at the budget that promises most: some groups of a good one wider, others narrower.
    fn exchange(&self) -> Option<Proposal> {
        let model = self.model()?;
        let mut rng = seed::rng(self.options.seed, "netadapt/exchange", self.exchanged as u64);
        let mut parents: Vec<&Member> = self.arrived.iter().collect();
        let effort = parents.iter().map(|parent| parent.effort).fold(0.0, f64::max);
        let expected = |member: &&Member| model.predict(&member.widths, effort).0;
        parents.sort_by(|a, b| expected(b).total_cmp(&expected(a)).then(a.key.cmp(&b.key)));
        parents.truncate(EXCHANGE_PARENTS);
        let mut candidates: Vec<Vec<u32>> = self.arrived.iter().map(|member| member.widths.clone()).collect();
        for _ in 0..EXCHANGE_CANDIDATES {
            let parent = parents.get(rng.random_range(0..parents.len().max(1)))?;
            candidates.push(self.exchanged_widths(&parent.widths, &mut rng));
        }
        candidates.sort_unstable();
        candidates.dedup();
        let times_seen = |widths: &Vec<u32>| self.observations.iter().filter(|o| o.widths == *widths).count();
        let promise = |widths: Vec<u32>| {
            let cost = self.problem.cost(&widths).filter(|&cost| cost <= self.options.limit)?;
            (times_seen(&widths) < self.problem.repeats()).then(|| {
                let (mean, deviation) = model.predict(&widths, effort);
                (mean + OPTIMISM * deviation, widths, cost)
            })
        };
        let promising = candidates.into_iter().filter_map(promise);
        let (_, widths, cost) = promising.max_by(|a, b| a.0.total_cmp(&b.0))?;
        let changed = |member: &&Member| member.widths.iter().zip(&widths).filter(|(a, b)| a != b).count();
        let parent = self.arrived.iter().min_by_key(changed)?;
        Some(Proposal::new(parent, widths, cost))
    }

    fn exchanged_widths(&self, widths: &[u32], rng: &mut impl Rng) -> Vec<u32> {
        let groups = self.problem.groups();
        let mut widths = widths.to_vec();
        let count = rng.random_range(1..=EXCHANGED_GROUPS.min(groups.len()));
        for group in sample(rng, groups.len(), count) {
            let levels = &groups[group].levels;
            let far = (levels.len() / 8).max(1);
            let at = levels.iter().position(|&level| level == widths[group]).unwrap_or(0);
            let moved = if rng.random() {
                at + rng.random_range(1..=far)
            } else {
                at.saturating_sub(rng.random_range(1..=far))
            };
            widths[group] = levels[moved.min(levels.len() - 1)];
        }
        widths
    }
}
