//! Which visits were made at calm moments.
//!
//! Whatever else a machine does makes a visit slower, never faster; where two cores share the units of one, by half, and
//! for seconds or minutes. A small network of constant size, the sentinel, is timed before and after each visit. When
//! all visits are made, those count in which it took about as long as it does at calm moments, and the calmest ones
//! of a network that had none.

use std::collections::BTreeMap;

use super::schedule::Visit;
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
        let network = spec::load(NETWORK).unwrap_or_else(|_| unreachable!("a shipped network"));
        let model = Model::of(&network);
        let session = runtime.load(&model.bytes, model.shape).map_err(|source| cannot(&network, source))?;
        let mut sentinel = Self { network, session, images: model.images, last_ms: 0.0 };
        sentinel.last_ms = sentinel.time()?;
        Ok(sentinel)
    }

    /// The network.
    pub fn network(&self) -> &NetworkSpec {
        &self.network
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
        Ok(median(&milliseconds(&times)).unwrap_or_default())
    }
}

/// The calm visits, and how many were not. Of each carrier at least a third of the visits count, the calmest.
pub fn calm(visits: &[Visit]) -> (Vec<&Visit>, usize) {
    let mut sentinel: Vec<f64> = visits.iter().map(|visit| visit.sentinel_ms).collect();
    sentinel.sort_by(f64::total_cmp);
    let limit_ms = CALM * sentinel.get(sentinel.len() / 4).copied().unwrap_or(f64::INFINITY);
    let mut by_carrier: BTreeMap<usize, Vec<&Visit>> = BTreeMap::new();
    for visit in visits {
        by_carrier.entry(visit.carrier).or_default().push(visit);
    }
    let mut calm = Vec::with_capacity(visits.len());
    for mut visits in by_carrier.into_values() {
        visits.sort_by(|a, b| a.sentinel_ms.total_cmp(&b.sentinel_ms));
        let within = visits.iter().filter(|visit| visit.sentinel_ms <= limit_ms).count();
        let least = visits.len().div_ceil(3);
        calm.extend(visits.into_iter().take(within.max(least)));
    }
    let disturbed = sentinel.iter().filter(|time| **time > limit_ms).count();
    (calm, disturbed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disturbed_visits_count_only_where_there_are_no_others() {
        let visit = |carrier, round, sentinel_ms| Visit { round, carrier, sentinel_ms, times: Vec::new() };
        // The first carrier met calm moments but for one; the second never did.
        let visits: Vec<Visit> = (0..6)
            .map(|round| visit(0, round, if round == 2 { 1.5 } else { 1.0 }))
            .chain((0..6).map(|round| visit(1, round, 1.6 + 0.01 * round as f64)))
            .collect();
        let (calm, disturbed) = calm(&visits);
        let kept: Vec<_> = calm.iter().map(|visit| (visit.carrier, visit.round)).collect();
        assert_eq!(kept, [(0, 0), (0, 1), (0, 3), (0, 4), (0, 5), (1, 0), (1, 1)]);
        assert_eq!(disturbed, 7);
    }
}
