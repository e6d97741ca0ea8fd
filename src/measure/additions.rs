//! Residual additions, told from the convolutions that runtimes compute them in.
//!
//! Where a convolution was timed with an addition behind it and, in another block, without one, the difference is the
//! addition's. It is small against the noise of either, so all convolutions before equal additions are asked.

use std::collections::BTreeMap;

use super::Summary;
use super::calm::{Calm, Found};
use crate::graph::LatencyUnit;

/// An addition takes at least this long, whatever noise says: rows are above zero.
const LEAST_MS: f64 = 1e-4;

/// What units take, alone and with an addition behind them.
#[derive(Debug, Default)]
pub struct Times {
    alone: BTreeMap<LatencyUnit, Vec<Found>>,
    /// By unit and addition.
    joined: BTreeMap<(LatencyUnit, LatencyUnit), Vec<Found>>,
}

impl Times {
    /// Adds what a unit took with its addition.
    pub fn add(&mut self, unit: LatencyUnit, addition: Option<LatencyUnit>, found: Found) {
        match addition {
            Some(addition) => self.joined.entry((unit, addition)).or_default().push(found),
            None => self.alone.entry(unit).or_default().push(found),
        }
    }

    /// What the times at calm moments say of each unit and each addition.
    pub fn summaries(&self, calm: &Calm) -> BTreeMap<LatencyUnit, Summary> {
        let mut summaries: BTreeMap<LatencyUnit, Summary> = BTreeMap::new();
        for (unit, found) in &self.alone {
            summaries.extend(Summary::of(&calm.keep(found)).map(|summary| (*unit, summary)));
        }
        let joined: Vec<_> = self.joined.iter().map(|(units, found)| (units, calm.keep(found))).collect();
        let mut differences: BTreeMap<LatencyUnit, Vec<f64>> = BTreeMap::new();
        for ((unit, addition), times) in &joined {
            if let (Some(joined), Some(alone)) = (Summary::of(times), summaries.get(unit)) {
                differences.entry(*addition).or_default().push(joined.median_ms - alone.median_ms);
            }
        }
        for (addition, differences) in differences {
            summaries.extend(Summary::of(&differences).map(|summary| (addition, summary.at_least(LEAST_MS))));
        }
        for ((unit, addition), times) in joined {
            let addition_ms = summaries.get(addition).map_or(0.0, |summary| summary.median_ms);
            let alone: Vec<f64> = times.iter().map(|time| (time - addition_ms).max(LEAST_MS)).collect();
            if let (false, Some(summary)) = (summaries.contains_key(unit), Summary::of(&alone)) {
                summaries.insert(*unit, summary);
            }
        }
        summaries
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
        let mut add = |unit, addition, ms: &[f64]| {
            ms.iter().for_each(|ms| times.add(unit, addition, Found { sentinel_ms: 1.0, ms: *ms }));
        };
        add(first, None, &[1.0, 1.0]);
        add(second, None, &[2.0]);
        add(first, Some(addition), &[1.1]);
        add(second, Some(addition), &[2.3]);
        add(other.0, Some(other.1), &[0.7]);
        let found = times.summaries(&Calm::of(&[1.0]));
        let ms = |unit: &LatencyUnit| found.get(unit).map(|summary| summary.median_ms);
        assert!((ms(&addition).unwrap() - 0.2).abs() < 1e-12);
        assert_eq!((ms(&first), ms(&other.0), ms(&other.1)), (Some(1.0), Some(0.7), None));
    }
}
