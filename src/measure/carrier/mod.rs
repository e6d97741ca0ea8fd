//! Carriers: networks made of the blocks of a plan.
//!
//! Blocks follow one another from large maps to small ones, as in any network. Where the next block takes other
//! channels or a smaller map than the last one made, a 1x1 convolution (a linear layer after the pooling) leads from one
//! to the other. It is no block of the plan and is not counted.

mod chain;
mod load;

use rand::seq::SliceRandom;
use serde::Serialize;

use load::{Load, Part};

use super::plan::Plan;
use crate::seed;
use crate::spec::{NetworkSpec, Place};

/// A network that holds blocks of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Carrier {
    /// The network.
    pub network: NetworkSpec,
    /// Where its blocks of the plan stand.
    pub places: Vec<Place>,
}

/// What surrounds a block while it is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Surrounding {
    /// Many other blocks, as in a network: its weights have left the caches since they were read last.
    Network,
    /// Nothing: each block has a carrier of its own, and the caches are warm.
    Alone,
}

/// Networks that hold every block of a plan, mixed at random under `seed`, and anew in every `round`: what a unit takes
/// depends on where its tensors lie in memory and on what ran before it, so it is met among different neighbours.
pub fn carriers(plan: &Plan, surrounding: Surrounding, seed: u64, round: usize) -> Vec<Carrier> {
    let mut parts: Vec<Part> = plan.pieces.iter().map(|piece| Part::new(*piece, plan)).collect();
    parts.shuffle(&mut seed::rng(seed, "carriers", round as u64));
    let mut loads: Vec<Load> = Vec::new();
    for part in &parts {
        let room = match surrounding {
            Surrounding::Network => {
                let rooms = loads.iter_mut().filter_map(|load| Some((load.room(part)?, load)));
                // The first of the best.
                rooms.rev().max_by_key(|(room, _)| room.joins)
            }
            Surrounding::Alone => None,
        };
        match room {
            Some((room, load)) => load.insert(room, *part),
            None => loads.push(Load::of(*part)),
        }
    }
    if surrounding == Surrounding::Network {
        // Each begins elsewhere, so that all blocks serve to fill.
        let step = parts.len() / loads.len().max(1);
        for load in &mut loads {
            parts.rotate_left(step);
            load.fill(&parts);
        }
    }
    loads.into_iter().map(|load| load.carrier(plan)).collect()
}
