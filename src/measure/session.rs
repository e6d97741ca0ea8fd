//! A measurement: carriers are visited by schedule, and what their units take is collected.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::attribution::UnitTimes;
use super::calm::Calm;
use super::schedule::{Schedule, Times, Visit};
use super::{
    Attribution, Carrier, MeasureError, Model, Overhead, Plan, Summary, Surrounding, carriers,
};
use crate::graph::{LatencyUnit, LayerGraph};
use crate::runtime::{Passes, Runtime, RuntimeError};
use crate::spec::{self, BlockSpec, NetworkSpec};

/// How a measurement is made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Settings {
    /// What surrounds a block.
    pub surrounding: Surrounding,
    /// Visits of each carrier.
    pub rounds: usize,
    /// Timed passes of a visit.
    pub passes: usize,
    /// Decides which blocks share a carrier, and the order of visits.
    pub seed: u64,
}

/// Passes of a visit that nobody times: the first ones allocate memory.
const WARM_UP: usize = 2;

/// The network whose time tells whether the machine is calm: small, with many operators.
pub(super) const SENTINEL: &str = "mobilenet_v3_28";

/// What is left of a time at least when the overhead of taking it is subtracted.
const LEAST_SHARE: f64 = 0.1;

/// All times of a measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// What the times of each unit say.
    pub units: BTreeMap<LatencyUnit, Summary>,
    /// Times of the sentinel in order, ms.
    pub sentinel_ms: Vec<f64>,
    /// Visits that no try made calm.
    pub disturbed: usize,
    /// What the runtime takes beside.
    pub overhead: Overhead,
}

/// How far a measurement has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Visits made.
    pub done: usize,
    /// Visits in all.
    pub all: usize,
}

/// Is told the progress before every visit. Returning false ends the measurement, which can be taken up later.
pub type Goes<'a> = &'a mut dyn FnMut(Progress) -> bool;

/// A carrier with the names of what it holds.
struct Subject {
    network: NetworkSpec,
    attribution: Attribution,
    /// Indices of the units that belong to blocks of the plan.
    counted: Vec<usize>,
}

impl Subject {
    fn new(carrier: Carrier) -> Self {
        let attribution = Attribution::new(&LayerGraph::lower(&carrier.network));
        let units = attribution.units().iter().enumerate();
        let counted = units.filter(|(_, (place, _))| carrier.places.contains(place)).map(|(at, _)| at).collect();
        Self { network: carrier.network, attribution, counted }
    }
}

/// Measures what a plan lists, going on with what `journal` holds. `None` if `goes_on` ended it.
///
/// # Errors
/// See [`MeasureError`].
pub fn measure(
    plan: &Plan,
    runtime: &dyn Runtime,
    settings: Settings,
    journal: &Path,
    goes_on: Goes<'_>,
) -> Result<Option<Measured>, MeasureError> {
    let subjects: Vec<Subject> =
        carriers(plan, settings.surrounding, settings.seed).into_iter().map(Subject::new).collect();
    let measurement = Measurement {
        runtime: format!("{} {}", runtime.name(), runtime.version()),
        plan: plan.digest(),
        settings,
        program: env!("CARGO_PKG_VERSION"),
    };
    let mut schedule = Schedule::open(journal, &measurement, subjects.len(), settings.rounds, settings.seed)?;
    let all = subjects.len() * settings.rounds;
    let sentinel = spec::load(SENTINEL).unwrap_or_else(|_| unreachable!("a shipped network"));
    let mut calm = Calm::new(runtime, sentinel.clone())?;
    for (round, carrier) in schedule.to_come.clone() {
        let done = schedule.done.len();
        if !goes_on(Progress { done, all }) {
            return Ok(None);
        }
        let visited = calm.visit(|| visit(runtime, &subjects[carrier], settings.passes))?;
        schedule.add(Visit::new(round, carrier, visited))?;
    }
    goes_on(Progress { done: all, all });
    let overhead = Overhead::of(runtime, &sentinel)?;
    let done = &schedule.done;
    Ok(Some(Measured {
        units: summaries(&subjects, done, &overhead, runtime.tick().as_secs_f64() * 1e3),
        sentinel_ms: done.iter().map(|visit| visit.sentinel_ms).collect(),
        disturbed: done.iter().filter(|visit| visit.disturbed).count(),
        overhead,
    }))
}

/// What tells one measurement from another.
#[derive(Debug, Serialize)]
struct Measurement {
    runtime: String,
    plan: String,
    settings: Settings,
    program: &'static str,
}

fn visit(runtime: &dyn Runtime, subject: &Subject, passes: usize) -> Result<Vec<Times>, MeasureError> {
    let model = Model::of(&subject.network);
    let passes = Passes { warm_up: WARM_UP, timed: passes };
    let profile = runtime
        .profile(&model.bytes, model.shape, &model.images, passes)
        .map_err(|source| cannot(&subject.network, source))?;
    let times = subject.attribution.times(&profile);
    let of_unit = |&unit: &usize| {
        let UnitTimes { operators, passes } = &times[unit];
        if *operators == 0 {
            return Err(MeasureError::NotNamed {
                unit: subject.attribution.units()[unit].1.to_string(),
                operators: profile.operators.join(", "),
            });
        }
        let nanoseconds = passes.iter().map(|time| time.as_nanos() as u64).collect();
        Ok(Times { operators: *operators, nanoseconds })
    };
    subject.counted.iter().map(of_unit).collect()
}

pub(super) fn cannot(network: &NetworkSpec, source: RuntimeError) -> MeasureError {
    let blocks: Vec<String> = network.all_blocks().map(BlockSpec::to_string).collect();
    let side = network.resolution;
    let what = format!("{} on {side}x{side}x{}", blocks.join(" "), network.input_channels);
    MeasureError::Runtime { what, source }
}

pub(super) fn milliseconds(times: &[Duration]) -> Vec<f64> {
    times.iter().map(|time| time.as_secs_f64() * 1e3).collect()
}

fn summaries(
    subjects: &[Subject],
    visits: &[Visit],
    overhead: &Overhead,
    tick_ms: f64,
) -> BTreeMap<LatencyUnit, Summary> {
    let mut times_ms: BTreeMap<LatencyUnit, Vec<f64>> = BTreeMap::new();
    for visit in visits {
        let subject = &subjects[visit.carrier];
        for (unit, times) in subject.counted.iter().zip(&visit.times) {
            let unit = subject.attribution.units()[*unit].1;
            let added = times.operators as f64 * overhead.of_operator_ms;
            let ms = times.nanoseconds.iter().map(|ns| *ns as f64 * 1e-6);
            times_ms.entry(unit).or_default().extend(ms.map(|ms| (ms - added).max(LEAST_SHARE * ms)));
        }
    }
    let summary = |(unit, times): (LatencyUnit, Vec<f64>)| Some((unit, Summary::of(&times, tick_ms)?));
    times_ms.into_iter().filter_map(summary).collect()
}
