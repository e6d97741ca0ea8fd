//! Accuracy against latency: dominance, the front of non-dominated networks, its hypervolume and
//! the choice of a winner.
//!
//! A point dominates another when it is at least as good in both and better in one. Points are
//! finite by construction and compared with `total_cmp`; every tie ends with the lower position, so
//! results never depend on the order of evaluation.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// Where a network stands: accuracy (higher is better) and latency (lower is better), both finite.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawPoint", into = "RawPoint")]
pub struct Point {
    accuracy: f64,
    latency_ms: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPoint {
    accuracy: f64,
    latency_ms: f64,
}

impl TryFrom<RawPoint> for Point {
    type Error = &'static str;

    fn try_from(raw: RawPoint) -> Result<Self, Self::Error> {
        Self::new(raw.accuracy, raw.latency_ms).ok_or("accuracy and latency_ms must be finite")
    }
}

impl From<Point> for RawPoint {
    fn from(point: Point) -> Self {
        Self { accuracy: point.accuracy, latency_ms: point.latency_ms }
    }
}

impl Point {
    /// A point, unless a coordinate is not finite.
    pub fn new(accuracy: f64, latency_ms: f64) -> Option<Self> {
        // Adding zero turns -0.0 into 0.0, so that equal numbers are equal under `total_cmp`.
        (accuracy.is_finite() && latency_ms.is_finite())
            .then_some(Self { accuracy: accuracy + 0.0, latency_ms: latency_ms + 0.0 })
    }

    /// Fraction of samples classified correctly.
    pub fn accuracy(self) -> f64 {
        self.accuracy
    }

    /// Latency, in milliseconds.
    pub fn latency_ms(self) -> f64 {
        self.latency_ms
    }

    /// Whether this point is at least as good in both objectives and better in one.
    pub fn dominates(self, other: Self) -> bool {
        self.accuracy >= other.accuracy && self.latency_ms <= other.latency_ms && self != other
    }

    /// Fast before slow and, at equal latency, accurate before inaccurate.
    pub(super) fn fast_first(&self, other: &Self) -> Ordering {
        (self.latency_ms.total_cmp(&other.latency_ms)).then_with(|| other.accuracy.total_cmp(&self.accuracy))
    }

    /// Accurate before inaccurate and, at equal accuracy, fast before slow.
    pub(super) fn accurate_first(&self, other: &Self) -> Ordering {
        (other.accuracy.total_cmp(&self.accuracy)).then_with(|| self.latency_ms.total_cmp(&other.latency_ms))
    }
}

/// Positions of the points that no other dominates, from fast to slow.
///
/// Of equal points only the first is kept. O(n log n).
pub fn pareto_front(points: &[Point]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|&a, &b| points[a].fast_first(&points[b]).then(a.cmp(&b)));
    let mut front: Vec<usize> = Vec::new();
    for position in order {
        let raises = |&last: &usize| points[position].accuracy > points[last].accuracy;
        if front.last().is_none_or(raises) {
            front.push(position);
        }
    }
    front
}

/// Position of the most accurate point; ties go to the faster, then to the first.
pub fn best(points: &[Point]) -> Option<usize> {
    (0..points.len()).min_by(|&a, &b| points[a].accurate_first(&points[b]).then(a.cmp(&b)))
}

/// Area that the points dominate within a reference point, in accuracy times milliseconds.
///
/// The reference is the worst corner of the area: the usual choice is accuracy 0 at the latency
/// budget, and hypervolumes compare only under one reference. A point that isn't better than the
/// reference in both objectives adds nothing.
pub fn hypervolume(points: &[Point], reference: Point) -> f64 {
    let inside: Vec<Point> = (points.iter().copied())
        .filter(|p| p.accuracy > reference.accuracy && p.latency_ms < reference.latency_ms)
        .collect();
    let mut floor = reference.accuracy;
    let mut area = 0.0;
    for position in pareto_front(&inside) {
        let point = inside[position];
        area += (point.accuracy - floor) * (reference.latency_ms - point.latency_ms);
        floor = point.accuracy;
    }
    area
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn points(pairs: &[(f64, f64)]) -> Vec<Point> {
        pairs.iter().map(|&(a, l)| Point::new(a, l).unwrap()).collect()
    }

    #[test]
    fn points_are_finite() {
        assert_eq!(Point::new(f64::NAN, 1.0), None);
        assert_eq!(Point::new(0.5, f64::INFINITY), None);
        let line = r#"{"accuracy":0.5,"latency_ms":2.0}"#;
        let point: Point = serde_json::from_str(line).unwrap();
        assert_eq!(serde_json::to_string(&point).unwrap(), line);
        assert_eq!(Point::new(-0.0, 1.0), Point::new(0.0, 1.0));
    }

    #[test]
    fn front_runs_from_fast_to_slow_and_keeps_the_first_of_equals() {
        let all = points(&[(0.9, 9.0), (0.5, 1.0), (0.5, 1.0), (0.4, 2.0), (0.9, 8.0), (0.6, 8.0)]);
        assert_eq!(pareto_front(&all), [1, 4]);
        assert_eq!(best(&all), Some(4));
        assert!(pareto_front(&[]).is_empty());
        assert_eq!(best(&[]), None);
    }

    #[test]
    fn hypervolume_matches_hand_numbers() {
        let reference = Point::new(0.0, 10.0).unwrap();
        assert_eq!(hypervolume(&[], reference), 0.0);
        assert_eq!(hypervolume(&points(&[(0.5, 6.0)]), reference), 2.0);
        // A staircase: 0.25 * 8 + (0.5 - 0.25) * 6 + (0.75 - 0.5) * 2.
        let stairs = [(0.5, 4.0), (0.25, 2.0), (0.75, 8.0)];
        assert_eq!(hypervolume(&points(&stairs), reference), 4.0);
        // Dominated, equal and outside points change nothing.
        let more = [(0.4, 5.0), (0.5, 4.0), (0.9, 10.0), (0.0, 1.0), (0.9, 11.0)];
        assert_eq!(hypervolume(&points(&[&stairs[..], &more].concat()), reference), 4.0);
    }

    proptest! {
        #[test]
        fn front_is_exactly_what_nothing_dominates(raw in prop::collection::vec((0..9_u8, 0..9_u8), 0..60)) {
            let all: Vec<_> = raw.iter().map(|&(a, l)| Point::new(a.into(), l.into()).unwrap()).collect();
            let mut expected: Vec<usize> = (0..all.len())
                .filter(|&i| !all.iter().any(|p| p.dominates(all[i])) && !all[..i].contains(&all[i]))
                .collect();
            expected.sort_by(|&a, &b| all[a].latency_ms().total_cmp(&all[b].latency_ms()));
            prop_assert_eq!(pareto_front(&all), expected);
        }
    }
}
