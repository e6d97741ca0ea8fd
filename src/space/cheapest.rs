//! The cheapest network of a space, exactly: a dynamic program over stages.
//!
//! The cost of a block depends on its own choices and on the map that enters
//! it. All networks that reach a stage with the same channels share their
//! future, so only the cheapest of them is kept. This proves which budgets
//! can be met at all, and visits every block that any network may contain.
//! It holds for costs that add up as well as for peaks, of which the largest
//! counts: joining two costs must not fall where one of them rises.

use std::collections::BTreeMap;

use super::decision::Choices;
use super::layout::{BlockChoices, HeadPart, Picked, Stage};
use super::{Genotype, SearchSpace};
use crate::spec::BlockSpec;

/// A block and the map that enters it, whose cost is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Step {
    /// The block; `None` stands for the classifier.
    pub block: Option<BlockSpec>,
    /// Side of the square map that enters.
    pub side: u32,
    /// Its channels.
    pub channels: u32,
}

/// The cheapest way to reach a point of the network.
#[derive(Clone)]
struct Best {
    cost: f64,
    genotype: Vec<u8>,
}

/// Cheapest ways, by the channels that arrive.
type Frontier = BTreeMap<u32, Best>;

impl SearchSpace {
    /// The genotype of the smallest cost, and that cost: the costs of its steps, joined one after the other.
    /// An infinite cost excludes a step; the first of equal genotypes wins.
    pub fn cheapest(&self, join: fn(f64, f64) -> f64, cost: &mut impl FnMut(Step) -> f64) -> (f64, Genotype) {
        let mut best: Option<Best> = None;
        for (index, side) in self.resolution.each() {
            let mut genotype = vec![0; self.arity.len()];
            self.resolution.set(&mut genotype, index);
            let start = Frontier::from([(self.input_channels, Best { cost: 0.0, genotype })]);
            for candidate in self.walk(start, side, join, cost).into_values() {
                keep_cheaper(&mut best, candidate);
            }
        }
        best.map_or((f64::INFINITY, Genotype(vec![0; self.arity.len()])), |b| (b.cost, Genotype(b.genotype)))
    }

    fn walk(
        &self,
        start: Frontier,
        mut side: u32,
        join: fn(f64, f64) -> f64,
        cost: &mut impl FnMut(Step) -> f64,
    ) -> Frontier {
        let mut frontier = start;
        for stage in std::iter::once(&self.stem).chain(&self.stages) {
            frontier = stage.advance(&frontier, side, join, cost);
            side = side.div_ceil(stage.stride);
        }
        for part in &self.head {
            frontier = part.advance(&frontier, side, join, cost);
            if matches!(part, HeadPart::Pool) {
                side = 1;
            }
        }
        for (&channels, best) in &mut frontier {
            best.cost = join(best.cost, cost(Step { block: None, side, channels }));
        }
        frontier
    }
}

impl Stage {
    fn advance(
        &self,
        from: &Frontier,
        side: u32,
        join: fn(f64, f64) -> f64,
        cost: &mut impl FnMut(Step) -> f64,
    ) -> Frontier {
        let mut reached = BTreeMap::new();
        for (&c_in, best) in from {
            for (width_index, c_out) in self.widths(c_in) {
                let mut start = best.clone();
                if let Some(width) = &self.width {
                    width.set(&mut start.genotype, width_index);
                }
                for shared in self.shared_choices() {
                    self.chain(&start, &shared, [c_in, c_out], side, join, cost, &mut reached);
                }
            }
        }
        reached
            .into_iter()
            .filter_map(|(channels, best): (u32, Option<Best>)| Some((channels, best?)))
            .collect()
    }

    fn widths(&self, c_in: u32) -> Vec<(u8, u32)> {
        self.width.as_ref().map_or_else(|| vec![(0, c_in)], |choices| choices.each().collect())
    }

    /// Every combination of the decisions that all blocks share.
    fn shared_choices(&self) -> Vec<Vec<(usize, u8)>> {
        let mut combinations = vec![Vec::new()];
        let Some(first) = self.blocks.first() else { return combinations };
        let shared = |slot: Option<usize>| {
            slot.filter(|s| self.blocks.len() > 1 && self.blocks[1].slots().contains(&Some(*s)))
        };
        for (slot, arity) in first.slots().into_iter().zip(first.arities()) {
            let Some(slot) = shared(slot) else { continue };
            combinations = combinations
                .iter()
                .flat_map(|c| {
                    (0..arity as u8).map(move |choice| c.iter().copied().chain([(slot, choice)]).collect())
                })
                .collect();
        }
        combinations
    }

    /// Adds blocks one by one, each with its cheapest own choices, and offers
    /// every allowed depth to `reached`.
    #[expect(clippy::too_many_arguments, reason = "what walks through a stage")]
    fn chain(
        &self,
        start: &Best,
        shared: &[(usize, u8)],
        [c_in, c_out]: [u32; 2],
        side: u32,
        join: fn(f64, f64) -> f64,
        cost: &mut impl FnMut(Step) -> f64,
        reached: &mut BTreeMap<u32, Option<Best>>,
    ) {
        let mut now = start.clone();
        for &(slot, choice) in shared {
            now.genotype[slot] = choice;
        }
        for (index, choices) in self.blocks.iter().enumerate() {
            let (side, channels) =
                if index == 0 { (side, c_in) } else { (side.div_ceil(self.stride), c_out) };
            let mut best: Option<Best> = None;
            choices.each_picked(&now.genotype, shared, |genotype, picked| {
                let block = Some(self.block(index, channels, c_out, picked));
                let added = cost(Step { block, side, channels });
                keep_cheaper(&mut best, Best { cost: join(now.cost, added), genotype });
            });
            if let Some(best) = best {
                now = best;
            }
            for (depth_index, depth) in self.depth.each() {
                if depth as usize == index + 1 {
                    let mut offer = now.clone();
                    self.depth.set(&mut offer.genotype, depth_index);
                    keep_cheaper(reached.entry(c_out).or_default(), offer);
                }
            }
        }
    }
}

impl BlockChoices {
    fn slots(&self) -> [Option<usize>; 4] {
        [self.kernel.slot, self.expansion.slot, self.se.slot, self.activation.slot]
    }

    fn arities(&self) -> [usize; 4] {
        [
            self.kernel.values.len(),
            self.expansion.values.len(),
            self.se.values.len(),
            self.activation.values.len(),
        ]
    }

    /// Visits every combination of this block's choices; shared ones stay as
    /// they are in `genotype`.
    fn each_picked(&self, genotype: &[u8], shared: &[(usize, u8)], mut visit: impl FnMut(Vec<u8>, Picked)) {
        let indices = |slot: Option<usize>, arity: usize| match slot {
            Some(slot) if shared.iter().any(|(s, _)| *s == slot) => genotype[slot]..genotype[slot] + 1,
            _ => 0..arity as u8,
        };
        for kernel in indices(self.kernel.slot, self.kernel.values.len()) {
            for expansion in indices(self.expansion.slot, self.expansion.values.len()) {
                for se in indices(self.se.slot, self.se.values.len()) {
                    for activation in indices(self.activation.slot, self.activation.values.len()) {
                        let mut genotype = genotype.to_vec();
                        self.kernel.set(&mut genotype, kernel);
                        self.expansion.set(&mut genotype, expansion);
                        self.se.set(&mut genotype, se);
                        self.activation.set(&mut genotype, activation);
                        let picked = Picked {
                            kernel: self.kernel.values[usize::from(kernel)],
                            expansion: self.expansion.values[usize::from(expansion)],
                            se: self.se.values[usize::from(se)],
                            activation: self.activation.values[usize::from(activation)],
                        };
                        visit(genotype, picked);
                    }
                }
            }
        }
    }
}

impl HeadPart {
    fn advance(
        &self,
        from: &Frontier,
        side: u32,
        join: fn(f64, f64) -> f64,
        cost: &mut impl FnMut(Step) -> f64,
    ) -> Frontier {
        let (width, activation) = match self {
            Self::Pool => {
                let block = Some(BlockSpec::Pool);
                let add = |(&channels, best): (&u32, &Best)| {
                    let cost = join(best.cost, cost(Step { block, side, channels }));
                    (channels, Best { cost, genotype: best.genotype.clone() })
                };
                return from.iter().map(add).collect();
            }
            Self::Conv { width, activation } | Self::Linear { width, activation } => (width, activation),
        };
        let mut reached: BTreeMap<u32, Option<Best>> = BTreeMap::new();
        for (&channels, best) in from {
            for (width_index, c_out) in width.each() {
                for (activation_index, act) in activation.each() {
                    let block = Some(self.block(c_out, act));
                    let mut offer = best.clone();
                    offer.cost = join(offer.cost, cost(Step { block, side, channels }));
                    width.set(&mut offer.genotype, width_index);
                    Choices::set(activation, &mut offer.genotype, activation_index);
                    keep_cheaper(reached.entry(c_out).or_default(), offer);
                }
            }
        }
        reached.into_iter().filter_map(|(channels, best)| Some((channels, best?))).collect()
    }
}

fn keep_cheaper(best: &mut Option<Best>, offer: Best) {
    if best.as_ref().is_none_or(|b| offer.cost < b.cost) {
        *best = Some(offer);
    }
}
