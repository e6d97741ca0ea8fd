//! Which visits were made at calm moments.
//!
//! Whatever else a machine does makes a visit slower, never faster; where two cores share the units of one, by half, and
//! for seconds or minutes. A small network of constant size, the sentinel, is timed before and after each visit. When
//! all visits are made, those count in which it took about as long as it does at calm moments, and the calmest ones
//! of what had none.

use super::session::{cannot, milliseconds};
use super::{MeasureError, Model};
use crate::robust::median;
use crate::runtime::{Passes, Runtime, Session};
use crate::spec::{self, NetworkSpec};

/// The sentinel: a small network with many operators.
const NETWORK: &str = "mobilenet_v3_28";

/// Passes of the sentinel, whose median is its time.
const PASSES: Passes = Passes { warm_up: 2, timed: 9 };

/// A visit is calm if the sentinel takes at most this times the lower quartile of all its times.
const CALM: f64 = 1.06;

/// A network that is timed again and again.
pub struct Sentinel {
    network: NetworkSpec,
    session: Box<dyn Session>,
    images: Vec<f32>,
    last_ms: f64,
}

impl Sentinel {
    /// Loads it.
    ///
    /// # Errors
    /// If the runtime does not run it.
    pub fn new(runtime: &dyn Runtime) -> Result<Self, MeasureError> {
        let network = spec::load(NETWORK).expect("a shipped network");
        let model = Model::of(&network);
        let session = runtime.load(&model.bytes, model.shape).map_err(|source| cannot(&network, source))?;
        let mut sentinel = Self { network, session, images: model.images, last_ms: 0.0 };
        sentinel.last_ms = sentinel.time()?;
        Ok(sentinel)
    }

    /// Makes a visit. Returns what it found, and the slower of the sentinel's times before and after in ms.
    ///
    /// # Errors
    /// Those of the visit, or if the runtime fails.
    pub fn watch<T>(
        &mut self,
        visit: impl FnOnce() -> Result<T, MeasureError>,
    ) -> Result<(T, f64), MeasureError> {
        let before = self.last_ms;
        let found = visit()?;
        self.last_ms = self.time()?;
        Ok((found, before.max(self.last_ms)))
    }

    fn time(&mut self) -> Result<f64, MeasureError> {
        let times =
            self.session.time(&self.images, PASSES).map_err(|source| cannot(&self.network, source))?;
        Ok(median(&milliseconds(&times)).expect("a runtime times as many passes as asked for"))
    }
}

/// What was found at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// The sentinel's time then.
    pub sentinel_ms: f64,
    /// What something else took, in ms.
    pub ms: f64,
}

/// Tells calm moments from others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calm {
    limit_ms: f64,
}

impl Calm {
    /// By all times of the sentinel, in ms.
    pub fn of(sentinel_ms: &[f64]) -> Self {
        let mut sorted = sentinel_ms.to_vec();
        sorted.sort_by(f64::total_cmp);
        Self { limit_ms: CALM * sorted.get(sorted.len() / 4).copied().unwrap_or(f64::INFINITY) }
    }

    /// Moments that were not calm.
    pub fn disturbed(&self, sentinel_ms: &[f64]) -> usize {
        sentinel_ms.iter().filter(|time| **time > self.limit_ms).count()
    }

    /// What was found at calm moments, in ms, at least at the calmest third of all.
    pub fn keep(&self, found: &[Found]) -> Vec<f64> {
        let mut found = found.to_vec();
        found.sort_by(|a, b| a.sentinel_ms.total_cmp(&b.sentinel_ms));
        let within = found.iter().filter(|found| found.sentinel_ms <= self.limit_ms).count();
        let least = found.len().div_ceil(3);
        found.iter().take(within.max(least)).map(|found| found.ms).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disturbed_moments_count_only_where_there_are_no_others() {
        let found = |sentinel_ms, ms| Found { sentinel_ms, ms };
        // The first thing met calm moments but for one; the second never did.
        let first: Vec<Found> = (0..6).map(|i| found(if i == 2 { 1.5 } else { 1.0 }, f64::from(i))).collect();
        let second: Vec<Found> = (0..6).map(|i| found(1.6 + 0.01 * f64::from(i), f64::from(i))).collect();
        let sentinel: Vec<f64> = first.iter().chain(&second).map(|found| found.sentinel_ms).collect();
        let calm = Calm::of(&sentinel);
        assert_eq!(calm.keep(&first), [0.0, 1.0, 3.0, 4.0, 5.0]);
        assert_eq!(calm.keep(&second), [0.0, 1.0]);
        assert_eq!(calm.disturbed(&sentinel), 7);
        assert!(Calm::of(&[]).keep(&[]).is_empty());
    }
}
