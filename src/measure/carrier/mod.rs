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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rstest::rstest;

    use super::*;
    use crate::graph::{LatencyUnit, LayerGraph};
    use crate::measure::{Attribution, Wanted};
    use crate::space;

    fn plan(space: &str, ratio: f64) -> Plan {
        let mut wanted = Wanted::default();
        wanted.space(&space::load(space).unwrap());
        wanted.plan(ratio)
    }

    /// What is timed in a carrier.
    fn timed(carrier: &Carrier) -> Vec<(LatencyUnit, Option<LatencyUnit>)> {
        let attribution = Attribution::new(&LayerGraph::lower(&carrier.network));
        let of_plan = attribution.parts().iter().filter(|part| carrier.places.contains(&part.place));
        of_plan.map(|part| (part.unit, part.addition)).collect()
    }

    #[rstest]
    #[case("mobilenet_v3", 1.5, Surrounding::Network)]
    #[case("mobilenet_v3_small_images", 1.0, Surrounding::Network)]
    #[case("mobilenet_v3_small_images", 1.5, Surrounding::Alone)]
    fn every_round_times_all_units(
        #[case] space: &str,
        #[case] ratio: f64,
        #[case] surrounding: Surrounding,
    ) {
        let plan = plan(space, ratio);
        let wanted: BTreeSet<LatencyUnit> =
            plan.pieces.iter().flat_map(|piece| piece.timed_units(plan.padding)).collect();
        for round in 0..2 {
            let carriers = carriers(&plan, surrounding, 0, round);
            let found: BTreeSet<LatencyUnit> = carriers
                .iter()
                .flat_map(|carrier| timed(carrier).into_iter().flat_map(|(unit, add)| [Some(unit), add]))
                .flatten()
                .collect();
            assert!(wanted.is_subset(&found), "{:?}", wanted.difference(&found).next());
            if surrounding == Surrounding::Alone {
                assert_eq!(carriers.len(), plan.pieces.len());
            }
        }
    }

    /// So that no block is met in a nearly empty network, whose weights never leave the caches.
    #[test]
    fn carriers_are_as_large_as_networks() {
        let space = space::load("mobilenet_v3").unwrap();
        let madds = |network: &NetworkSpec| {
            let graph = LayerGraph::lower(network);
            graph.spans().iter().map(|span| graph.cost_of(span).madds).sum::<u64>()
        };
        let mut networks: Vec<u64> =
            space.draw_networks(100, &mut seed::rng(0, "networks", 0)).iter().map(madds).collect();
        networks.sort_unstable();
        let carriers = carriers(&plan("mobilenet_v3", 1.0), Surrounding::Network, 0, 0);
        let mut sizes: Vec<u64> = carriers.iter().map(|carrier| madds(&carrier.network)).collect();
        sizes.sort_unstable();
        assert!(2 * sizes[0] > networks[0], "{} {}", sizes[0], networks[0]);
        let (median, of_networks) = (sizes[sizes.len() / 2], networks[networks.len() / 2]);
        assert!(median > of_networks && median < 4 * of_networks, "{median} {of_networks}");
    }

    #[test]
    fn rounds_mix_blocks_anew_and_the_same_way_each_time() {
        let plan = plan("mobilenet_v3_small_images", 1.5);
        let networks = |seed, round| carriers(&plan, Surrounding::Network, seed, round);
        assert_eq!(networks(0, 1), networks(0, 1));
        assert_ne!(networks(0, 0), networks(0, 1));
        assert_ne!(networks(0, 0), networks(1, 0));
    }
}
