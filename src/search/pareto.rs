//! Quality against cost: dominance, the front of non-dominated networks, its hypervolume and
//! the choice of a winner.
//!
//! A point dominates another when it is at least as good in both and better in one. Points are
//! finite by construction and compared with `total_cmp`; every tie ends with the lower position, so
//! results never depend on the order of evaluation.

use std::cmp::Ordering;

/// Where a network stands: quality (higher is better) and cost (lower is better), both finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    quality: f64,
    cost: f64,
}

impl Point {
    /// A point, unless a coordinate is not finite.
    pub fn new(quality: f64, cost: f64) -> Option<Self> {
        // Adding zero turns -0.0 into 0.0, so that equal numbers are equal under `total_cmp`.
        (quality.is_finite() && cost.is_finite()).then_some(Self { quality: quality + 0.0, cost: cost + 0.0 })
    }

    /// How good it is, for example the fraction of samples classified correctly.
    pub fn quality(self) -> f64 {
        self.quality
    }

    /// What it costs, in the unit of the search's first resource.
    pub fn cost(self) -> f64 {
        self.cost
    }

    /// Whether this point is at least as good in both objectives and better in one.
    pub fn dominates(self, other: Self) -> bool {
        self.quality >= other.quality && self.cost <= other.cost && self != other
    }

    /// Cheap before dear and, at equal cost, good before bad.
    pub(super) fn cheap_first(&self, other: &Self) -> Ordering {
        (self.cost.total_cmp(&other.cost)).then_with(|| other.quality.total_cmp(&self.quality))
    }

    /// Good before bad and, at equal quality, cheap before dear.
    pub(super) fn good_first(&self, other: &Self) -> Ordering {
        (other.quality.total_cmp(&self.quality)).then_with(|| self.cost.total_cmp(&other.cost))
    }
}

/// Positions of the points that no other dominates, from cheap to dear.
///
/// Of equal points only the first is kept. O(n log n).
pub fn pareto_front(points: &[Point]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|&a, &b| points[a].cheap_first(&points[b]).then(a.cmp(&b)));
    let mut front: Vec<usize> = Vec::new();
    for position in order {
        let raises = |&last: &usize| points[position].quality > points[last].quality;
        if front.last().is_none_or(raises) {
            front.push(position);
        }
    }
    front
}

/// Position of the best point by quality; ties go to the cheaper, then to the first.
pub fn best(points: &[Point]) -> Option<usize> {
    (0..points.len()).min_by(|&a, &b| points[a].good_first(&points[b]).then(a.cmp(&b)))
}

/// Area that the points dominate within a reference point, in quality times cost.
///
/// The reference is the worst corner of the area: the usual choice is quality 0 at the
/// budget, and hypervolumes compare only under one reference. A point that isn't better than the
/// reference in both objectives adds nothing.
pub fn hypervolume(points: &[Point], reference: Point) -> f64 {
    let inside: Vec<Point> = (points.iter().copied())
        .filter(|p| p.quality > reference.quality && p.cost < reference.cost)
        .collect();
    let mut floor = reference.quality;
    let mut area = 0.0;
    for position in pareto_front(&inside) {
        let point = inside[position];
        area += (point.quality - floor) * (reference.cost - point.cost);
        floor = point.quality;
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
        assert_eq!(Point::new(-0.0, 1.0), Point::new(0.0, 1.0));
    }

    #[test]
    fn front_runs_from_cheap_to_dear_and_keeps_the_first_of_equals() {
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
            expected.sort_by(|&a, &b| all[a].cost().total_cmp(&all[b].cost()));
            prop_assert_eq!(pareto_front(&all), expected);
        }
    }
}
