//! Whole networks, timed from end to end.

use std::path::Path;

use serde::Serialize;

use super::calm::{Calm, Sentinel};
use super::schedule::{Schedule, Times, Visit};
use super::session::{Goes, WARM_UP, cannot, more_passes};
use super::{MeasureError, Model, Summary};
use crate::runtime::{Passes, Runtime};
use crate::spec::NetworkSpec;

/// How whole networks are timed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct WholeSettings {
    /// Visits of each network.
    pub rounds: usize,
    /// Timed passes of a visit.
    pub passes: usize,
    /// Decides the order of visits.
    pub seed: u64,
}

/// What tells one measurement from another.
#[derive(Debug, Serialize)]
struct Measurement<'a> {
    runtime: String,
    networks: Vec<String>,
    settings: &'a WholeSettings,
    program: &'static str,
}

/// Whole networks that were timed.
#[derive(Debug, Clone, PartialEq)]
pub struct Whole {
    /// What the times of each network say.
    pub networks: Vec<Summary>,
    /// Visits that were made.
    pub visits: usize,
    /// Those at moments that were not calm.
    pub disturbed: usize,
}

/// The time of each network, going on with what `journal` holds. `None` if `goes_on` ended it.
///
/// # Errors
/// See [`MeasureError`].
pub fn measure_whole(
    networks: &[NetworkSpec],
    runtime: &dyn Runtime,
    settings: WholeSettings,
    journal: &Path,
    goes_on: Goes<'_>,
) -> Result<Option<Whole>, MeasureError> {
    let measurement = Measurement {
        runtime: format!("{} {}", runtime.name(), runtime.version()),
        networks: networks.iter().map(|network| network.arch_id().to_string()).collect(),
        settings: &settings,
        program: env!("CARGO_PKG_VERSION"),
    };
    let mut schedule =
        Schedule::open(journal, &measurement, &vec![networks.len(); settings.rounds], settings.seed)?;
    let mut sentinel = Sentinel::new(runtime)?;
    let all = networks.len() * settings.rounds;
    for (round, index) in schedule.to_come.clone() {
        if !goes_on(schedule.done.len(), all) {
            return Ok(None);
        }
        let (times, sentinel_ms) = sentinel.watch(|| visit(runtime, &networks[index], settings.passes))?;
        schedule.add(Visit { round, carrier: index, sentinel_ms, times: vec![times], watched: None })?;
    }
    goes_on(all, all);
    let sentinel_ms = schedule.sentinel_ms();
    let calm = Calm::of(&sentinel_ms);
    let summary = |index: usize| {
        let visits = schedule.done.iter().filter(|visit| visit.carrier == index);
        let found =
            visits.flat_map(|visit| visit.times.iter().map(|times| visit.found(times.median_ms(0.0))));
        Summary::of(&calm.keep(&found.collect::<Vec<_>>()))
    };
    let networks: Option<Vec<Summary>> = (0..networks.len()).map(summary).collect();
    let (visits, disturbed) = (sentinel_ms.len(), calm.disturbed(&sentinel_ms));
    Ok(networks.map(|networks| Whole { networks, visits, disturbed }))
}

fn visit(runtime: &dyn Runtime, network: &NetworkSpec, passes: usize) -> Result<Times, MeasureError> {
    let model = Model::of(network);
    let times = runtime
        .load(&model.bytes, model.shape)
        .and_then(|mut session| {
            let short = session.time(&model.images, Passes { warm_up: WARM_UP, timed: passes })?;
            match more_passes(short.iter(), passes) {
                Some(more) => session.time(&model.images, Passes { warm_up: 0, timed: more }),
                None => Ok(short),
            }
        })
        .map_err(|source| cannot(network, source))?;
    let nanoseconds = times.iter().map(|time| time.as_nanos() as u64).collect();
    Ok(Times { operators: 0, nanoseconds })
}
