//! Carriers: networks made of the blocks of a plan.
//!
//! Blocks follow one another from large maps to small ones, as in any network. Where the next block takes other
//! channels or a smaller map than the last one made, a 1x1 convolution (a linear layer after the pooling) leads from one
//! to the other. It is no block of the plan and is not counted.

mod chain;
mod load;

use rand::seq::SliceRandom;
use serde::Serialize;

use load::Load;

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

/// Networks that hold every block of a plan once, mixed at random under `seed`.
pub fn carriers(plan: &Plan, surrounding: Surrounding, seed: u64) -> Vec<Carrier> {
    let mut pieces = plan.pieces.clone();
    pieces.shuffle(&mut seed::rng(seed, "carriers", 0));
    let mut loads: Vec<Load> = Vec::new();
    for piece in pieces {
        let room = match surrounding {
            Surrounding::Network => loads.iter_mut().find_map(|load| load.with(piece, plan)),
            Surrounding::Alone => None,
        };
        if room.is_none() {
            loads.push(Load::of(piece, plan));
        }
    }
    loads.into_iter().map(|load| load.carrier(plan)).collect()
}
