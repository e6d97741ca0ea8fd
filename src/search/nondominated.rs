//! Ranking by non-domination and by crowding, the two keys of NSGA-II's survival.
//!
//! Fronts are those of Deb et al. 2002 (section III-A): the first holds what nothing dominates, the
//! next what only the first dominates, and so on. With two objectives a sweep from fast to slow
//! finds them in O(n log n) (Jensen 2003): the members of a front come by in order of rising
//! accuracy, so its last member alone tells whether it dominates the next point.

use std::cmp::Ordering;

use super::pareto::Point;

/// Positions of the points, front by front; within a front from fast to slow, ties in order.
pub fn non_dominated_fronts(points: &[Point]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|&a, &b| points[a].cheap_first(&points[b]).then(a.cmp(&b)));
    let mut fronts: Vec<Vec<usize>> = Vec::new();
    for position in order {
        let dominates =
            |front: &Vec<usize>| (front.last()).is_some_and(|&last| points[last].dominates(points[position]));
        // What a front dominates, every front before it dominates too.
        let rank = fronts.partition_point(dominates);
        match fronts.get_mut(rank) {
            Some(front) => front.push(position),
            None => fronts.push(vec![position]),
        }
    }
    fronts
}

/// Crowding distance of every member of a front, in the front's order (Deb et al. 2002, III-B).
///
/// The sum over both objectives of the gap between a member's two neighbours, relative to the
/// front's extent; infinite for the ends. An objective without extent adds nothing.
pub fn crowding_distances(points: &[Point], front: &[usize]) -> Vec<f64> {
    let mut distances = vec![0.0; front.len()];
    let objectives: [fn(Point) -> f64; 2] = [Point::quality, Point::cost];
    for objective in objectives {
        let value = |member: usize| objective(points[front[member]]);
        let mut order: Vec<usize> = (0..front.len()).collect();
        order.sort_by(|&a, &b| by_value(value(a), value(b), a, b));
        let (Some(&first), Some(&last)) = (order.first(), order.last()) else {
            return distances;
        };
        let extent = value(last) - value(first);
        distances[first] = f64::INFINITY;
        distances[last] = f64::INFINITY;
        if extent > 0.0 {
            for window in order.windows(3) {
                distances[window[1]] += (value(window[2]) - value(window[0])) / extent;
            }
        }
    }
    distances
}

fn by_value(a: f64, b: f64, first: usize, second: usize) -> Ordering {
    a.total_cmp(&b).then(first.cmp(&second))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn points(pairs: &[(f64, f64)]) -> Vec<Point> {
        pairs.iter().map(|&(a, l)| Point::new(a, l).unwrap()).collect()
    }

    /// Peels fronts off by their definition.
    fn naive_fronts(points: &[Point]) -> Vec<Vec<usize>> {
        let mut left: Vec<usize> = (0..points.len()).collect();
        let mut fronts = Vec::new();
        while !left.is_empty() {
            let (front, rest): (Vec<_>, Vec<_>) =
                (left.iter()).partition(|&&i| !left.iter().any(|&j| points[j].dominates(points[i])));
            fronts.push(front);
            left = rest;
        }
        fronts
    }

    proptest! {
        // A coarse grid, so that equal coordinates and equal points abound.
        #[test]
        fn fronts_match_their_definition(raw in prop::collection::vec((0..12_u8, 0..12_u8), 0..80)) {
            let all: Vec<_> = raw.iter().map(|&(a, l)| Point::new(a.into(), l.into()).unwrap()).collect();
            let mut fronts = non_dominated_fronts(&all);
            for front in &mut fronts {
                front.sort_unstable();
            }
            prop_assert_eq!(fronts, naive_fronts(&all));
        }

        #[test]
        fn fronts_of_scattered_points_match_their_definition(
            raw in prop::collection::vec((0.0..1.0_f64, 1.0..50.0_f64), 0..80)
        ) {
            let all = points(&raw);
            let mut fronts = non_dominated_fronts(&all);
            for front in &mut fronts {
                front.sort_unstable();
            }
            prop_assert_eq!(fronts, naive_fronts(&all));
        }
    }

    #[test]
    fn crowding_matches_hand_numbers() {
        let all = points(&[(0.5, 4.0), (0.0, 0.0), (1.0, 8.0), (0.25, 2.0)]);
        // Quality spans 1 and cost 8: member 0 has neighbours 3 and 2, member 3 has 1 and 0.
        let expected = [0.75 + 0.75, f64::INFINITY, f64::INFINITY, 0.5 + 0.5];
        assert_eq!(crowding_distances(&all, &[0, 1, 2, 3]), expected);
        assert_eq!(crowding_distances(&all, &[3, 1, 0]), [2.0, f64::INFINITY, f64::INFINITY]);
    }

    #[test]
    fn crowding_of_small_and_flat_fronts_is_defined() {
        let all = points(&[(0.5, 4.0); 3]);
        assert!(crowding_distances(&all, &[]).is_empty());
        assert_eq!(crowding_distances(&all, &[1]), [f64::INFINITY]);
        assert_eq!(crowding_distances(&all, &[0, 1, 2]), [f64::INFINITY, 0.0, f64::INFINITY]);
    }
}
