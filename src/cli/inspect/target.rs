//! The device that something is inspected for: its latency table, and how far that may be wrong.

use miette::Report;
use serde::Serialize;

use super::InspectArgs;
use crate::latency::{self, Confidence, Interval, IntervalError, LatencyTable, at_most};

/// A latency table with the interval of its predictions, or why it has none.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) table: LatencyTable,
    pub(super) interval: Result<Interval, IntervalError>,
}

/// What the measured latency of a network does not exceed, as printed.
#[derive(Debug, Clone, Serialize)]
pub(super) struct BoundReport {
    /// Probability of the bounds.
    pub(super) confidence: Confidence,
    /// Held-out networks that they rest on, and what those were drawn from.
    pub(super) networks: usize,
    pub(super) space: Option<String>,
    pub(super) upper_ms: f64,
    /// Lower and upper bound that hold together.
    pub(super) two_sided_ms: Option<[f64; 2]>,
}

/// The target that the arguments name. A confidence that nobody asked for may be one that the table cannot tell.
pub(super) fn target(args: &InspectArgs) -> Result<Option<Target>, Report> {
    let Some(name) = args.target.as_deref() else { return Ok(None) };
    let table = latency::load(name)?;
    let interval = match args.confidence {
        Some(confidence) => Ok(table.interval(confidence)?),
        None => table.interval(Confidence::USUAL),
    };
    Ok(Some(Target { table, interval }))
}

impl Target {
    /// The bounds of a prediction, if the table can tell any.
    pub(super) fn bound(&self, predicted_ms: f64) -> Option<BoundReport> {
        let interval = self.interval.as_ref().ok()?;
        Some(BoundReport {
            confidence: interval.confidence,
            networks: interval.networks,
            space: self.table.header.entries.get("space").cloned(),
            upper_ms: interval.upper_bound(predicted_ms),
            two_sided_ms: interval.two_sided.map(|factors| factors.map(|factor| factor * predicted_ms)),
        })
    }

    /// The bounds of a prediction in a sentence, or why there are none.
    pub(super) fn bound_text(&self, bound: Option<&BoundReport>) -> String {
        match (bound, &self.interval) {
            (Some(bound), _) => bound.text(),
            (None, Err(reason)) => format!("{reason}; only the standard deviation of its rows is known\n"),
            (None, Ok(_)) => String::new(),
        }
    }
}

impl BoundReport {
    fn text(&self) -> String {
        let two_sided = self.two_sided_ms.map_or_else(String::new, |[lower, upper]| {
            let percent = self.confidence.percent();
            format!("; between {lower:.2} and {upper:.2} ms with {percent} confidence")
        });
        let space = self.space.as_ref().map_or_else(String::new, |space| format!(" of {space}"));
        let upper = at_most(self.upper_ms, self.confidence);
        format!("measured {upper}{two_sided} ({} held-out networks{space})\n", self.networks)
    }
}
