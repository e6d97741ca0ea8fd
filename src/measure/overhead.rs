//! What a runtime takes beside computing, and what it takes to watch it.

use serde::{Deserialize, Serialize};

use super::session::{cannot, milliseconds};
use super::{MeasureError, Model, Summary};
use crate::robust::median;
use crate::robust::weighted_median;
use crate::runtime::{Passes, Profile, Runtime};
use crate::spec::block::Conv;
use crate::spec::{BatchNormSpec, BlockSpec, NetworkSpec, Padding};

/// Costs of a runtime that belong to no unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Overhead {
    /// A call with next to nothing to compute.
    pub call: Summary,
    /// What timing an operator adds to its time, in ms: the operators of a pass that is watched take together that much
    /// more than a pass that is not, each the same. Negative where what a pass spends between operators is more.
    pub of_operator_ms: f64,
}

/// Medians of a network's passes in ms, watched and not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watched {
    /// Operators of the network.
    pub operators: usize,
    /// Their times together.
    pub watched_ms: f64,
    /// The pass as a whole when operators are not watched.
    pub unwatched_ms: f64,
}

impl Watched {
    /// Of a profile.
    pub fn of(profile: &Profile) -> Self {
        let sums: Vec<_> = profile.passes.iter().map(|pass| pass.iter().sum()).collect();
        let [watched_ms, unwatched_ms] = [&sums, &profile.unwatched]
            .map(|times| median(&milliseconds(times)).expect("a profile has passes of both kinds"));
        Self { operators: profile.operators.len(), watched_ms, unwatched_ms }
    }
}

impl Overhead {
    /// From what a call takes and what watching took in many networks: the `a` for which `Σ w |difference - a operators|`
    /// is smallest, with weights `w` of 1 over the time of the network, which errors grow with.
    pub fn of(call: Summary, networks: impl Iterator<Item = Watched>) -> Self {
        let per_operator = networks.map(|Watched { operators, watched_ms, unwatched_ms }| {
            let operators = operators as f64;
            ((watched_ms - (unwatched_ms - call.median_ms)) / operators, operators / unwatched_ms)
        });
        let of_operator_ms = weighted_median(&per_operator.collect::<Vec<_>>()).unwrap_or_default();
        Self { call, of_operator_ms }
    }
}

/// What a call takes by itself.
///
/// # Errors
/// If the runtime fails.
pub fn call(runtime: &dyn Runtime) -> Result<Summary, MeasureError> {
    const PASSES: Passes = Passes { warm_up: 100, timed: 1000 };
    let network = smallest_network();
    let model = Model::of(&network);
    let times = runtime
        .load(&model.bytes, model.shape)
        .and_then(|mut session| session.time(&model.images, PASSES))
        .map_err(|source| cannot(&network, source))?;
    Ok(Summary::of(&milliseconds(&times)).expect("a runtime times as many passes as asked for"))
}

/// One pixel, one channel, one class.
fn smallest_network() -> NetworkSpec {
    let stem = BlockSpec::Conv(Conv { kernel: 1, stride: 1, channels: 1, activation: None });
    NetworkSpec {
        name: "smallest".to_owned(),
        resolution: 1,
        input_channels: 1,
        classes: 1,
        padding: Padding::Same,
        batch_norm: BatchNormSpec { eps: 1e-3, momentum: 0.1 },
        dropout: 0.0,
        stem,
        blocks: Vec::new(),
        head: vec![BlockSpec::Pool],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Operators that take 3 us longer when they are watched; one network was disturbed.
    #[test]
    fn the_cost_of_watching_is_found_in_spite_of_one_wild_network() {
        let call = Summary::of(&[0.002]).unwrap();
        let network = |operators: usize, computing_ms: f64| Watched {
            operators,
            watched_ms: computing_ms + 0.003 * operators as f64,
            unwatched_ms: computing_ms + 0.002,
        };
        let mut networks = [network(10, 1.0), network(50, 3.0), network(80, 20.0), network(30, 0.5)];
        networks[2].unwatched_ms *= 0.7;
        let overhead = Overhead::of(call, networks.into_iter());
        assert!((overhead.of_operator_ms - 0.003).abs() < 1e-9, "{}", overhead.of_operator_ms);
    }
}
