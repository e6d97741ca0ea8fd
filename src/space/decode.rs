//! Genotypes to networks, and their canonical form.

use std::collections::BTreeSet;

use rand::Rng;

use super::layout::{BlockChoices, HeadPart, Picked, Stage};
use super::{Genotype, SearchSpace};
use crate::spec::{BlockSpec, NetworkSpec};

impl SearchSpace {
    /// The network of a genotype, named after the space.
    ///
    /// # Panics
    /// If the genotype is not one of this space, see [`SearchSpace::contains`].
    pub fn decode(&self, genotype: &Genotype) -> NetworkSpec {
        let mut width = self.input_channels;
        let mut stem = None;
        append(&self.stem, genotype, &mut width, |block| stem = Some(block));
        let mut blocks = Vec::with_capacity(self.stages.iter().map(Stage::max_depth).sum());
        for stage in &self.stages {
            append(stage, genotype, &mut width, |block| blocks.push(block));
        }
        NetworkSpec {
            name: self.name.clone(),
            resolution: self.resolution.pick(genotype),
            input_channels: self.input_channels,
            classes: self.classes,
            padding: self.padding,
            batch_norm: self.batch_norm,
            dropout: self.dropout,
            stem: stem.expect("the stem is a stage of one block"),
            blocks,
            head: self.head.iter().map(|part| part.pick(genotype)).collect(),
        }
    }

    /// True if `genotype` has one valid index for every decision.
    pub fn contains(&self, genotype: &Genotype) -> bool {
        genotype.0.len() == self.arity.len()
            && genotype.0.iter().zip(&self.arity).all(|(&choice, &arity)| usize::from(choice) < arity)
    }

    /// The genotype with decisions of absent blocks set to their first choice:
    /// they have no effect.
    #[must_use]
    pub fn canonical(&self, genotype: &Genotype) -> Genotype {
        let mut canonical = genotype.clone();
        for (choice, decision) in canonical.0.iter_mut().zip(&self.decisions) {
            if let Some((stage, block)) = decision.optional
                && block >= self.stages[stage].depth.pick(genotype) as usize
            {
                *choice = 0;
            }
        }
        canonical
    }

    /// A genotype with every decision drawn uniformly.
    pub fn sample(&self, rng: &mut impl Rng) -> Genotype {
        Genotype(self.arity.iter().map(|&arity| rng.random_range(0..arity) as u8).collect())
    }

    /// Different networks, drawn like [`Self::sample`]; fewer than `count` if many draws find no more.
    pub fn draw_networks(&self, count: usize, rng: &mut impl Rng) -> Vec<NetworkSpec> {
        /// Draws for each network before the space counts as too small.
        const PATIENCE: usize = 100;
        let mut seen = BTreeSet::new();
        let mut networks = Vec::with_capacity(count);
        for _ in 0..PATIENCE * count {
            if networks.len() == count {
                break;
            }
            let network = self.decode(&self.sample(rng));
            if seen.insert(network.arch_id()) {
                networks.push(network);
            }
        }
        networks
    }
}

/// Passes the blocks of a stage on, in order.
fn append(stage: &Stage, genotype: &Genotype, width: &mut u32, mut push: impl FnMut(BlockSpec)) {
    let channels = stage.width.as_ref().map_or(*width, |choices| choices.pick(genotype));
    for (index, choices) in stage.blocks.iter().enumerate().take(stage.depth.pick(genotype) as usize) {
        push(stage.block(index, *width, channels, choices.pick(genotype)));
        *width = channels;
    }
}

impl BlockChoices {
    fn pick(&self, genotype: &Genotype) -> Picked {
        Picked {
            kernel: self.kernel.pick(genotype),
            expansion: self.expansion.pick(genotype),
            se: self.se.pick(genotype),
            activation: self.activation.pick(genotype),
        }
    }
}

impl HeadPart {
    fn pick(&self, genotype: &Genotype) -> BlockSpec {
        match self {
            Self::Pool => BlockSpec::Pool,
            Self::Conv { width, activation } | Self::Linear { width, activation } => {
                self.block(width.pick(genotype), activation.pick(genotype))
            }
        }
    }
}
