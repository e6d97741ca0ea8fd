//! What a runtime takes beside computing, and what it takes to watch it.

use serde::Serialize;

use super::session::{cannot, milliseconds};
use super::{MeasureError, Model, Summary};
use crate::robust::median;
use crate::runtime::{Passes, Runtime};
use crate::spec::block::Conv;
use crate::spec::{BatchNormSpec, BlockSpec, NetworkSpec, Padding};

/// Costs of a runtime that belong to no unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Overhead {
    /// A call with next to nothing to compute.
    pub call: Summary,
    /// What timing an operator adds to its time, in ms: the operators of a profiled pass take together that much more
    /// than an ordinary pass, each the same. Negative where what a pass spends between operators is more.
    pub of_operator_ms: f64,
}

/// Passes whose medians are compared.
const PASSES: Passes = Passes { warm_up: 3, timed: 25 };

/// How often they are, in turn; the calmest third of the turns counts.
const TURNS: usize = 15;

impl Overhead {
    /// Measures both, the latter on a small network of many operators.
    ///
    /// # Errors
    /// If the runtime fails.
    pub fn of(runtime: &dyn Runtime, network: &NetworkSpec) -> Result<Self, MeasureError> {
        let model = Model::of(network);
        let failed = |source| cannot(network, source);
        let mut session = runtime.load(&model.bytes, model.shape).map_err(failed)?;
        let call = call(runtime)?;
        let mut turns = Vec::with_capacity(TURNS);
        for _ in 0..TURNS {
            let plain = session.time(&model.images, PASSES).map_err(failed)?;
            let profile =
                runtime.profile(&model.bytes, model.shape, &model.images, PASSES).map_err(failed)?;
            let sums: Vec<_> = profile.passes.iter().map(|pass| pass.iter().sum()).collect();
            let [plain, profiled] =
                [&plain, &sums].map(|times| median(&milliseconds(times)).unwrap_or_default());
            let of_operator_ms =
                (profiled - (plain - call.median_ms)) / profile.operators.len().max(1) as f64;
            turns.push((plain + profiled, of_operator_ms));
        }
        turns.sort_by(|a, b| a.0.total_cmp(&b.0));
        let calmest: Vec<f64> = turns.iter().take(TURNS / 3).map(|turn| turn.1).collect();
        Ok(Self { call, of_operator_ms: median(&calmest).unwrap_or_default() })
    }
}

fn call(runtime: &dyn Runtime) -> Result<Summary, MeasureError> {
    const PASSES: Passes = Passes { warm_up: 100, timed: 1000 };
    let network = smallest_network();
    let model = Model::of(&network);
    let times = runtime
        .load(&model.bytes, model.shape)
        .and_then(|mut session| session.time(&model.images, PASSES))
        .map_err(|source| cannot(&network, source))?;
    Ok(Summary::of(&milliseconds(&times), 0.0).unwrap_or_else(|| unreachable!("there are passes")))
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
