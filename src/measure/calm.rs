//! Visits at calm moments.
//!
//! Whatever else a machine does makes a visit slower, never faster; where two cores share the units of one, by half. A
//! small network of constant size, the sentinel, is timed before and after each visit. If it takes notably longer than
//! it usually does, the visit is made again, a little later each time. A device that stays slow is taken as it is: what
//! is usual is forgotten when no visit has been calm for long.

use std::collections::VecDeque;
use std::thread::sleep;
use std::time::Duration;

use super::{MeasureError, Model};
use crate::measure::session::{cannot, milliseconds};
use crate::robust::median;
use crate::runtime::{Passes, Runtime, Session};
use crate::spec::NetworkSpec;

/// Passes of the sentinel, whose median is its time.
const PASSES: Passes = Passes { warm_up: 2, timed: 9 };

/// A visit is calm if the sentinel takes at most this times what is usual.
const CALM: f64 = 1.06;

/// Times of the sentinel that tell what is usual: their lower quartile.
const REMEMBERED: usize = 400;

/// Times that are taken before the first visit.
const FIRST: usize = 40;

/// How often a visit is made before it is taken as it is.
const TRIES: u32 = 12;

/// The pause before a second try; every further one is longer by as much. Disturbances last for seconds.
const PAUSE: Duration = Duration::from_millis(50);

/// Visits without a calm one after which the device counts as changed.
const CHANGED: usize = 10;

/// The sentinel and what it usually takes.
pub struct Calm {
    network: NetworkSpec,
    session: Box<dyn Session>,
    images: Vec<f32>,
    /// Times of the last visits, ms.
    last: VecDeque<f64>,
    now_ms: f64,
    /// Visits since the last calm one.
    disturbed: usize,
}

/// A visit, and how calm it was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calmed<T> {
    /// What the visit found.
    pub found: T,
    /// The slower of the sentinel's times before and after, ms.
    pub sentinel_ms: f64,
    /// Whether no try was calm.
    pub disturbed: bool,
}

impl Calm {
    /// Loads the sentinel and waits for what is usual.
    ///
    /// # Errors
    /// If the runtime does not run it.
    pub fn new(runtime: &dyn Runtime, network: NetworkSpec) -> Result<Self, MeasureError> {
        let model = Model::of(&network);
        let session = runtime.load(&model.bytes, model.shape).map_err(|source| cannot(&network, source))?;
        let mut calm = Self { network, session, images: model.images, last: VecDeque::new(), now_ms: 0.0, disturbed: 0 };
        for _ in 0..FIRST {
            let time = calm.time()?;
            calm.now_ms = time;
            calm.remember(time);
        }
        Ok(calm)
    }

    /// Makes a visit, again and again until it was calm; the calmest try if none was.
    ///
    /// # Errors
    /// Those of the visit, or if the runtime fails.
    pub fn visit<T>(
        &mut self,
        mut visit: impl FnMut() -> Result<T, MeasureError>,
    ) -> Result<Calmed<T>, MeasureError> {
        let mut best: Option<Calmed<T>> = None;
        for attempt in 0..TRIES {
            if attempt > 0 {
                sleep(attempt * PAUSE);
                self.now_ms = self.time()?;
            }
            let usual = self.usual();
            let before = self.now_ms;
            let found = visit()?;
            self.now_ms = self.time()?;
            let sentinel_ms = before.max(self.now_ms);
            let tried = Calmed { found, sentinel_ms, disturbed: sentinel_ms > CALM * usual };
            if best.as_ref().is_none_or(|best| tried.sentinel_ms < best.sentinel_ms) {
                best = Some(tried);
            }
            if best.as_ref().is_some_and(|best| !best.disturbed) {
                break;
            }
        }
        let best = best.unwrap_or_else(|| unreachable!("there is at least one try"));
        self.disturbed = if best.disturbed { self.disturbed + 1 } else { 0 };
        if self.disturbed > CHANGED {
            self.last.clear();
            self.disturbed = 0;
        }
        if !best.disturbed || self.last.is_empty() {
            self.remember(best.sentinel_ms);
        }
        Ok(best)
    }

    fn time(&mut self) -> Result<f64, MeasureError> {
        let times = self.session.time(&self.images, PASSES).map_err(|source| cannot(&self.network, source))?;
        Ok(median(&milliseconds(&times)).unwrap_or_default())
    }

    fn remember(&mut self, time_ms: f64) {
        self.last.push_back(time_ms);
        if self.last.len() > REMEMBERED {
            self.last.pop_front();
        }
    }

    /// The lower quartile.
    fn usual(&self) -> f64 {
        let mut sorted: Vec<f64> = self.last.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 4).copied().unwrap_or(f64::INFINITY)
    }
}
