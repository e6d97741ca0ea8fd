//! A measurement: carriers are visited by schedule, and what their units take is collected.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::plan::BATCH_NORM;
use super::schedule::{Schedule, Visit};
use super::{Attribution, Carrier, MeasureError, Model, Plan, Summary, Surrounding, carriers};
use crate::graph::{LatencyUnit, LayerGraph};
use crate::robust::median;
use crate::runtime::{Passes, Runtime, RuntimeError, Session};
use crate::spec::block::Conv;
use crate::spec::{BlockSpec, NetworkSpec, Padding};

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

/// Visits between two times of the sentinel.
const VISITS_OF_A_SENTINEL: usize = 10;

/// Passes of the sentinel.
const SENTINEL_PASSES: Passes = Passes { warm_up: 1, timed: 5 };

/// All times of a measurement.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Measured {
    /// What the times of each unit say.
    pub units: BTreeMap<LatencyUnit, Summary>,
    /// Times of the sentinel in order, ms.
    pub sentinel_ms: Vec<f64>,
    /// What a call of the runtime takes by itself.
    pub call: Option<Summary>,
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
    let mut sentinel = Sentinel::new(runtime, &subjects[0])?;
    for (round, carrier) in schedule.to_come.clone() {
        let done = schedule.done.len();
        if !goes_on(Progress { done, all }) {
            return Ok(None);
        }
        let sentinel_ms = (done % VISITS_OF_A_SENTINEL == 0).then(|| sentinel.time()).transpose()?;
        let nanoseconds = visit(runtime, &subjects[carrier], settings.passes)?;
        schedule.add(Visit { round, carrier, sentinel_ms, nanoseconds })?;
    }
    goes_on(Progress { done: all, all });
    let call = call_overhead(runtime)?;
    let tick_ms = runtime.tick().as_secs_f64() * 1e3;
    Ok(Some(Measured {
        units: summaries(&subjects, &schedule.done, tick_ms),
        sentinel_ms: schedule.done.iter().filter_map(|visit| visit.sentinel_ms).collect(),
        call,
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

fn visit(runtime: &dyn Runtime, subject: &Subject, passes: usize) -> Result<Vec<Vec<u64>>, MeasureError> {
    let model = Model::of(&subject.network);
    let passes = Passes { warm_up: WARM_UP, timed: passes };
    let profile = runtime
        .profile(&model.bytes, model.shape, &model.images, passes)
        .map_err(|source| cannot(&subject.network, source))?;
    let times = subject.attribution.times(&profile);
    let of_unit = |&unit: &usize| {
        let times: Vec<u64> = times[unit].iter().map(|time| time.as_nanos() as u64).collect();
        if times.iter().all(|time| *time == 0) {
            return Err(MeasureError::NotNamed {
                unit: subject.attribution.units()[unit].1.to_string(),
                operators: profile.operators.join(", "),
            });
        }
        Ok(times)
    };
    subject.counted.iter().map(of_unit).collect()
}

pub(super) fn cannot(network: &NetworkSpec, source: RuntimeError) -> MeasureError {
    let blocks: Vec<String> = network.all_blocks().map(BlockSpec::to_string).collect();
    let side = network.resolution;
    let what = format!("{} on {side}x{side}x{}", blocks.join(" "), network.input_channels);
    MeasureError::Runtime { what, source }
}

/// A network that is timed again and again.
struct Sentinel<'a> {
    network: &'a NetworkSpec,
    session: Box<dyn Session>,
    images: Vec<f32>,
}

impl<'a> Sentinel<'a> {
    fn new(runtime: &dyn Runtime, subject: &'a Subject) -> Result<Self, MeasureError> {
        let network = &subject.network;
        let model = Model::of(network);
        let session = runtime.load(&model.bytes, model.shape).map_err(|source| cannot(network, source))?;
        Ok(Self { network, session, images: model.images })
    }

    fn time(&mut self) -> Result<f64, MeasureError> {
        let times = self.session.time(&self.images, SENTINEL_PASSES);
        let times = times.map_err(|source| cannot(self.network, source))?;
        Ok(median(&milliseconds(&times)).unwrap_or_default())
    }
}

fn milliseconds(times: &[Duration]) -> Vec<f64> {
    times.iter().map(|time| time.as_secs_f64() * 1e3).collect()
}

/// What a call takes when there is next to nothing to compute.
fn call_overhead(runtime: &dyn Runtime) -> Result<Option<Summary>, MeasureError> {
    const PASSES: Passes = Passes { warm_up: 100, timed: 1000 };
    let network = smallest_network();
    let model = Model::of(&network);
    let times = runtime
        .load(&model.bytes, model.shape)
        .and_then(|mut session| session.time(&model.images, PASSES))
        .map_err(|source| cannot(&network, source))?;
    Ok(Summary::of(&milliseconds(&times), 0.0))
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
        batch_norm: BATCH_NORM,
        dropout: 0.0,
        stem,
        blocks: Vec::new(),
        head: vec![BlockSpec::Pool],
    }
}

fn summaries(subjects: &[Subject], visits: &[Visit], tick_ms: f64) -> BTreeMap<LatencyUnit, Summary> {
    let mut times_ms: BTreeMap<LatencyUnit, Vec<f64>> = BTreeMap::new();
    for visit in visits {
        let subject = &subjects[visit.carrier];
        for (unit, nanoseconds) in subject.counted.iter().zip(&visit.nanoseconds) {
            let unit = subject.attribution.units()[*unit].1;
            times_ms.entry(unit).or_default().extend(nanoseconds.iter().map(|ns| *ns as f64 * 1e-6));
        }
    }
    let summary = |(unit, times): (LatencyUnit, Vec<f64>)| Some((unit, Summary::of(&times, tick_ms)?));
    times_ms.into_iter().filter_map(summary).collect()
}
