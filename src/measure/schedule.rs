//! In which order carriers are measured, and what has been measured already.
//!
//! Every carrier of a round is visited once, in an order of its own for each round, so that a slow minute of the device
//! falls on units at random. A visit is written down when it ends; a measurement that was interrupted goes on with the
//! visits that are missing.

use std::path::Path;

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use super::MeasureError;
use super::calm::Found;
use super::overhead::Watched;
use super::samples::grouped_median;
use crate::differences::differences;
use crate::journal::{Journal, Opened};
use crate::seed;

/// One visit of a carrier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Visit {
    /// Of which round.
    pub round: usize,
    /// To which carrier.
    pub carrier: usize,
    /// The sentinel's time around it.
    pub sentinel_ms: f64,
    /// Of every unit of the plan's blocks in the carrier, or of a whole network.
    pub times: Vec<Times>,
    /// What watching the operators of the carrier took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watched: Option<Watched>,
}

/// Times of a unit or a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// Operators that were timed.
    pub operators: usize,
    /// Their time together in each pass.
    pub nanoseconds: Vec<u64>,
}

impl Visit {
    /// What something took that was found in this visit.
    pub fn found(&self, ms: f64) -> Found {
        Found { sentinel_ms: self.sentinel_ms, ms }
    }
}

impl Times {
    /// The median of the passes in ms, of a clock that ticks every `tick_ms`.
    pub fn median_ms(&self, tick_ms: f64) -> f64 {
        let ms: Vec<f64> = self.nanoseconds.iter().map(|ns| *ns as f64 * 1e-6).collect();
        grouped_median(&ms, tick_ms)
    }
}

/// A line of the file that a measurement is kept in.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// The first: what is measured, and how.
    Measurement(serde_json::Value),
    Visit(Visit),
}

/// The visits of a measurement: those done, and those to come.
#[derive(Debug)]
pub struct Schedule {
    journal: Journal,
    /// In the order in which they were made.
    pub done: Vec<Visit>,
    /// Rounds and carriers, in order.
    pub to_come: Vec<(usize, usize)>,
}

impl Schedule {
    /// Opens the file of a measurement of so many carriers in each round, or begins one.
    ///
    /// # Errors
    /// If the file cannot be used, or is that of another measurement.
    pub fn open(
        path: &Path,
        measurement: &impl Serialize,
        carriers: &[usize],
        seed: u64,
    ) -> Result<Self, MeasureError> {
        let measurement = serde_json::to_value(measurement).expect("plain data with text keys");
        let Opened { mut journal, records, .. } = Journal::open::<Line>(path)?;
        let mut records = records.into_iter();
        match records.next() {
            None => journal.append(&Line::Measurement(measurement))?,
            Some(Line::Measurement(before)) if before == measurement => {}
            Some(first) => return Err(another(path, first, &measurement)),
        }
        let visit = |line| match line {
            Line::Visit(visit) => Some(visit),
            Line::Measurement(_) => None,
        };
        let done: Vec<Visit> = records.filter_map(visit).collect();
        let mut to_come = order(carriers, seed);
        to_come.retain(|&(round, carrier)| {
            !done.iter().any(|visit| (visit.round, visit.carrier) == (round, carrier))
        });
        Ok(Self { journal, done, to_come })
    }

    /// Times of the sentinel in order, ms.
    pub fn sentinel_ms(&self) -> Vec<f64> {
        self.done.iter().map(|visit| visit.sentinel_ms).collect()
    }

    /// Writes a visit down.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn add(&mut self, visit: Visit) -> Result<(), MeasureError> {
        let line = Line::Visit(visit);
        self.journal.append(&line)?;
        if let Line::Visit(visit) = line {
            self.done.push(visit);
        }
        Ok(())
    }
}

fn another(path: &Path, first: Line, measurement: &serde_json::Value) -> MeasureError {
    let changes = match first {
        Line::Measurement(before) => differences(&before, measurement).join("; "),
        Line::Visit(_) => "its first line does not say what is measured".to_owned(),
    };
    MeasureError::AnotherMeasurement { path: path.to_owned(), changes }
}

/// All visits: rounds one after the other, each in an order of its own.
fn order(carriers: &[usize], seed: u64) -> Vec<(usize, usize)> {
    let round = |round: usize| {
        let mut order: Vec<usize> = (0..carriers[round]).collect();
        order.shuffle(&mut seed::rng(seed, "visits", round as u64));
        order.into_iter().map(move |carrier| (round, carrier))
    };
    (0..carriers.len()).flat_map(round).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(round: usize, carrier: usize) -> Visit {
        let times = vec![Times { operators: 1, nanoseconds: vec![10, 12] }];
        Visit { round, carrier, sentinel_ms: 1.0, times, watched: None }
    }

    #[test]
    fn every_round_visits_all_in_an_order_of_its_own() {
        let order = order(&[20, 20], 1);
        let of = |round| order.iter().filter(move |visit| visit.0 == round).map(|visit| visit.1);
        let (first, second): (Vec<_>, Vec<_>) = (of(0).collect(), of(1).collect());
        assert_ne!(first, second);
        for mut round in [first, second] {
            round.sort_unstable();
            assert_eq!(round, (0..20).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_interrupted_measurement_goes_on_and_another_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv.measuring");
        let open =
            |threads: u32| Schedule::open(&path, &serde_json::json!({ "threads": threads }), &[3, 3], 5);
        let mut schedule = open(1).unwrap();
        let all = schedule.to_come.clone();
        schedule.add(visit(all[0].0, all[0].1)).unwrap();
        drop(schedule);
        let again = open(1).unwrap();
        assert_eq!(again.to_come, all[1..]);
        assert_eq!(again.done, [visit(all[0].0, all[0].1)]);
        let refusal = open(2).unwrap_err().to_string();
        assert!(refusal.contains("`threads` was 1 and is now 2"), "{refusal}");
    }
}
