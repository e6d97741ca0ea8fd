//! Residual additions, told from the convolutions that runtimes compute them in.
//!
//! Where a convolution was timed with an addition behind it and, in another block, without one, the difference is the
//! addition's. It is small against the noise of either, so all convolutions before equal additions are asked.

use std::collections::BTreeMap;

use super::Summary;
use crate::graph::LatencyUnit;

/// An addition takes at least this long, whatever noise says: rows are above zero.
const LEAST_MS: f64 = 1e-4;

/// Times in ms of units, alone and with an addition behind them.
#[derive(Debug, Default)]
pub struct Times {
    alone: BTreeMap<LatencyUnit, Vec<f64>>,
    /// By unit and addition.
    joined: BTreeMap<(LatencyUnit, LatencyUnit), Vec<f64>>,
}

impl Times {
    /// Adds times of a unit with its addition.
    pub fn add(
        &mut self,
        unit: LatencyUnit,
        addition: Option<LatencyUnit>,
        times: impl Iterator<Item = f64>,
    ) {
        match addition {
            Some(addition) => self.joined.entry((unit, addition)).or_default().extend(times),
            None => self.alone.entry(unit).or_default().extend(times),
        }
    }

    /// What the times say of each unit and each addition, with a clock that ticks every `tick_ms`.
    pub fn summaries(&self, tick_ms: f64) -> BTreeMap<LatencyUnit, Summary> {
        let mut found: BTreeMap<LatencyUnit, Summary> = BTreeMap::new();
        for (unit, times) in &self.alone {
            found.extend(Summary::of(times, tick_ms).map(|summary| (*unit, summary)));
        }
        let mut differences: BTreeMap<LatencyUnit, Vec<f64>> = BTreeMap::new();
        for ((unit, addition), times) in &self.joined {
            if let (Some(joined), Some(alone)) = (Summary::of(times, tick_ms), found.get(unit)) {
                differences.entry(*addition).or_default().push(joined.median_ms - alone.median_ms);
            }
        }
        for (addition, differences) in differences {
            found
                .extend(Summary::of(&differences, 0.0).map(|summary| (addition, summary.at_least(LEAST_MS))));
        }
        for ((unit, addition), times) in &self.joined {
            let addition_ms = found.get(addition).map_or(0.0, |summary| summary.median_ms);
            let alone = times.iter().map(|time| (time - addition_ms).max(LEAST_MS)).collect::<Vec<_>>();
            if let (false, Some(summary)) = (found.contains_key(unit), Summary::of(&alone, tick_ms)) {
                found.insert(*unit, summary);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::LayerGraph;
    use crate::measure::Attribution;
    use crate::spec;

    #[test]
    fn an_addition_is_what_its_convolutions_take_longer() {
        let attribution = Attribution::new(&LayerGraph::lower(&spec::load("mobilenet_v3_large").unwrap()));
        let joined: Vec<_> =
            attribution.parts().iter().filter_map(|part| Some((part.unit, part.addition?))).collect();
        // 184 -> 80 and 200 -> 80 at 14x14, with the same addition; 480 -> 112 stands alone.
        let on_80: Vec<_> = joined.iter().filter(|(_, addition)| addition.c_in == 80).copied().collect();
        let ((first, addition), (second, _)) = (on_80[0], on_80[2]);
        let other = joined.iter().find(|(_, addition)| addition.c_in == 112).copied().unwrap();
        let mut times = Times::default();
        times.add(first, None, [1.0, 1.0].into_iter());
        times.add(second, None, [2.0].into_iter());
        times.add(first, Some(addition), [1.1].into_iter());
        times.add(second, Some(addition), [2.3].into_iter());
        times.add(other.0, Some(other.1), [0.7].into_iter());
        let found = times.summaries(0.0);
        let ms = |unit: &LatencyUnit| found.get(unit).map(|summary| summary.median_ms);
        assert!((ms(&addition).unwrap() - 0.2).abs() < 1e-12);
        assert_eq!((ms(&first), ms(&other.0), ms(&other.1)), (Some(1.0), Some(0.7), None));
    }
}
