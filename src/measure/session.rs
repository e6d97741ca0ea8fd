//! A measurement: carriers are visited by schedule, and what their units take is collected.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::additions;
use super::attribution::PartTimes;
use super::calm::{Calm, Sentinel};
use super::overhead::{self, Watched};
use super::schedule::{Schedule, Times, Visit};
use super::{Attribution, Carrier, MeasureError, Model, Overhead, Plan, Summary, Surrounding, carriers};
use crate::graph::{LatencyUnit, LayerGraph};
use crate::runtime::{Passes, Runtime, RuntimeError};
use crate::spec::{BlockSpec, NetworkSpec};

/// How a measurement is made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Settings {
    /// What surrounds a block.
    pub surrounding: Surrounding,
    /// Rounds in which every block is visited.
    pub rounds: usize,
    /// Timed passes of a visit.
    pub passes: usize,
    /// Decides which blocks share a carrier, and the order of visits.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { surrounding: Surrounding::Network, rounds: 8, passes: 15, seed: 0 }
    }
}

/// Passes of a visit that nobody times: the first ones allocate memory.
pub(super) const WARM_UP: usize = 2;

/// A visit is at least that long, unless it would take more passes than [`MOST_PASSES`].
const VISIT: Duration = Duration::from_millis(25);
const MOST_PASSES: usize = 60;

/// What is left of a time at least when the overhead of taking it is subtracted.
const LEAST_SHARE: f64 = 0.1;

/// All times of a measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// What the times of each unit say.
    pub units: BTreeMap<LatencyUnit, Summary>,
    /// Times of the sentinel in order, ms.
    pub sentinel_ms: Vec<f64>,
    /// Visits at moments that were not calm.
    pub disturbed: usize,
    /// What the runtime takes beside.
    pub overhead: Overhead,
}

/// Is told before every visit how many are done, of how many. Returning false ends the measurement, which can be taken
/// up later.
pub type Goes<'a> = &'a mut dyn FnMut(usize, usize) -> bool;

/// A carrier with the names of what it holds.
struct Subject {
    network: NetworkSpec,
    attribution: Attribution,
    /// Indices of the parts that belong to blocks of the plan.
    counted: Vec<usize>,
}

impl Subject {
    fn new(carrier: Carrier) -> Self {
        let attribution = Attribution::new(&LayerGraph::lower(&carrier.network));
        let parts = attribution.parts().iter().enumerate();
        let counted =
            parts.filter(|(_, part)| carrier.places.contains(&part.place)).map(|(at, _)| at).collect();
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
    let subjects: Vec<Vec<Subject>> = (0..settings.rounds)
        .map(|round| carriers(plan, settings.surrounding, settings.seed, round))
        .map(|carriers| carriers.into_iter().map(Subject::new).collect())
        .collect();
    let measurement = Measurement {
        runtime: format!("{} {}", runtime.name(), runtime.version()),
        plan: plan.digest(),
        settings,
        program: env!("CARGO_PKG_VERSION"),
    };
    let counts: Vec<usize> = subjects.iter().map(Vec::len).collect();
    let all = counts.iter().sum();
    let mut schedule = Schedule::open(journal, &measurement, &counts, settings.seed)?;
    let mut sentinel = Sentinel::new(runtime)?;
    for (round, carrier) in schedule.to_come.clone() {
        let done = schedule.done.len();
        if !goes_on(done, all) {
            return Ok(None);
        }
        let subject = &subjects[round][carrier];
        let ((times, watched), sentinel_ms) = sentinel.watch(|| visit(runtime, subject, settings.passes))?;
        schedule.add(Visit { round, carrier, sentinel_ms, times, watched: Some(watched) })?;
    }
    goes_on(all, all);
    let sentinel_ms = schedule.sentinel_ms();
    let calm = Calm::of(&sentinel_ms);
    let watched = schedule.done.iter().filter_map(|visit| visit.watched);
    let overhead = Overhead::of(overhead::call(runtime)?, watched);
    let tick_ms = runtime.tick().as_secs_f64() * 1e3;
    Ok(Some(Measured {
        units: collect(&subjects, &schedule.done, tick_ms, &overhead).summaries(&calm),
        disturbed: calm.disturbed(&sentinel_ms),
        sentinel_ms,
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

fn visit(
    runtime: &dyn Runtime,
    subject: &Subject,
    passes: usize,
) -> Result<(Vec<Times>, Watched), MeasureError> {
    let model = Model::of(&subject.network);
    let profile = |timed| {
        let passes = Passes { warm_up: WARM_UP, timed };
        let profile = runtime.profile(&model.bytes, model.shape, &model.images, passes);
        profile.map_err(|source| cannot(&subject.network, source))
    };
    let short = profile(passes)?;
    let profile = match more_passes(short.passes.iter().flatten(), passes) {
        Some(more) => profile(more)?,
        None => short,
    };
    let times = subject.attribution.times(&profile);
    let of_part = |&part: &usize| {
        let PartTimes { operators, passes } = &times[part];
        if *operators == 0 {
            return Err(MeasureError::NotNamed {
                unit: subject.attribution.parts()[part].unit.to_string(),
                operators: profile.operators.join(", "),
            });
        }
        let nanoseconds = passes.iter().map(|time| time.as_nanos() as u64).collect();
        Ok(Times { operators: *operators, nanoseconds })
    };
    let times: Result<Vec<Times>, MeasureError> = subject.counted.iter().map(of_part).collect();
    Ok((times?, Watched::of(&profile)))
}

/// How many passes fill a visit, where these took less.
pub(super) fn more_passes<'a>(taken: impl Iterator<Item = &'a Duration>, passes: usize) -> Option<usize> {
    let taken: Duration = taken.sum();
    let missing = VISIT.as_secs_f64() / taken.as_secs_f64().max(1e-6);
    (missing > 1.0).then(|| ((passes as f64 * missing) as usize).clamp(passes, MOST_PASSES))
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

fn collect(
    subjects: &[Vec<Subject>],
    visits: &[Visit],
    tick_ms: f64,
    overhead: &Overhead,
) -> additions::Times {
    let mut all = additions::Times::default();
    for visit in visits {
        let subject = &subjects[visit.round][visit.carrier];
        for (part, times) in subject.counted.iter().zip(&visit.times) {
            let part = subject.attribution.parts()[*part];
            let ms = times.median_ms(tick_ms);
            let added = times.operators as f64 * overhead.of_operator_ms;
            all.add(part.unit, part.addition, visit.found((ms - added).max(LEAST_SHARE * ms)));
        }
    }
    all
}
