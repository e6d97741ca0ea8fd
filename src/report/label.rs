//! Placement of labels beside their points: greedy, over a fixed list of candidates, without any overlap.
//!
//! Finding the largest set of labels is NP-hard (Formann and Wagner, 1991); a greedy pass in order of importance is
//! what maps use, and a label without a place is left out rather than drawn over something.

use super::scene::{At, Rect};

/// Directions to try from a point in page coordinates, the free side of a maximised front (up and left) first.
const DIRECTIONS: [At; 8] =
    [(-1.0, -1.0), (0.0, -1.0), (-1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (1.0, -1.0), (-1.0, 1.0)];
/// Distances from the edge of a point's marker to its label, in page pixels.
const DISTANCES: [f64; 4] = [2.0, 9.0, 18.0, 30.0];
/// From this distance on, a line leads from the point to its label.
const LEADER_FROM: f64 = 9.0;
/// How much a label on top of one soft point costs, compared to the next candidate of the list.
const SOFT_COST: f64 = 1.5;
/// A label that hides more soft points than this is not placed.
const MOST_COVERED: usize = 3;

/// A placed label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Placed {
    pub rect: Rect,
    /// The line from the label to its point, where they are apart.
    pub leader: Option<(At, At)>,
}

/// What labels must keep clear of, and where they have to stay.
#[derive(Clone, Debug)]
pub(super) struct Placer {
    bounds: Rect,
    boxes: Vec<Rect>,
    lines: Vec<(At, At)>,
    soft: Vec<At>,
}

impl Placer {
    /// A placer whose labels stay within `bounds`.
    pub(super) fn new(bounds: Rect) -> Self {
        Self { bounds, boxes: Vec::new(), lines: Vec::new(), soft: Vec::new() }
    }

    /// Keeps all later labels off `rect`.
    pub(super) fn keep_off_box(&mut self, rect: Rect) {
        self.boxes.push(rect);
    }

    /// Keeps all later labels off the line from `a` to `b`.
    pub(super) fn keep_off_line(&mut self, a: At, b: At) {
        self.lines.push((a, b));
    }

    /// Makes labels avoid `point` where another place is free.
    pub(super) fn avoid(&mut self, point: At) {
        self.soft.push(point);
    }

    /// Places a label of `(width, height)` beside a marker of `radius` around `point`; `None` when no place is free.
    pub(super) fn place(&mut self, point: At, radius: f64, size: (f64, f64)) -> Option<Placed> {
        let candidates = DISTANCES.iter().flat_map(|&distance| {
            DIRECTIONS.iter().map(move |&direction| beside(point, radius, size, direction, distance))
        });
        let mut best: Option<(f64, Placed)> = None;
        for (rank, candidate) in candidates.enumerate() {
            // The rank alone is a lower bound of the cost.
            if best.is_some_and(|(cost, _)| cost <= rank as f64) {
                break;
            }
            let covered = self.covered(&candidate.rect);
            let cost = rank as f64 + SOFT_COST * covered as f64;
            let better = best.is_none_or(|(least, _)| cost < least);
            if covered <= MOST_COVERED && better && self.is_free(&candidate) && self.is_distinct(&candidate) {
                best = Some((cost, candidate));
            }
        }
        let (_, placed) = best?;
        self.take(&placed);
        Some(placed)
    }

    /// Places `candidate` as it is; `false`, and nothing changes, when it is not free.
    pub(super) fn place_exactly(&mut self, candidate: &Placed) -> bool {
        let free = self.is_free(candidate);
        if free {
            self.take(candidate);
        }
        free
    }

    fn take(&mut self, placed: &Placed) {
        self.boxes.push(placed.rect);
        self.lines.extend(placed.leader);
    }

    fn is_free(&self, candidate: &Placed) -> bool {
        let rect = &candidate.rect;
        self.bounds.encloses(rect)
            && self.boxes.iter().all(|taken| !taken.overlaps(rect))
            && self.lines.iter().all(|&(a, b)| !rect.is_crossed_by(a, b))
            && candidate.leader.is_none_or(|leader| self.is_free_line(leader))
    }

    fn is_free_line(&self, (a, b): (At, At)) -> bool {
        // The box around the marker that the line leads to does not stop it.
        self.boxes.iter().all(|taken| taken.is_centred_on(b) || !taken.is_crossed_by(a, b))
            && self.lines.iter().all(|&line| !cross((a, b), line))
    }

    /// Whether the leader, if any, can be told from the lines that are already there.
    fn is_distinct(&self, candidate: &Placed) -> bool {
        candidate.leader.is_none_or(|leader| !self.lines.iter().any(|&line| runs_along(leader, line)))
    }

    fn covered(&self, rect: &Rect) -> usize {
        self.soft.iter().filter(|&&point| rect.contains(point)).count()
    }
}

/// The label of `size` at `distance` from a marker in `direction`.
fn beside(point: At, radius: f64, size: (f64, f64), direction: At, distance: f64) -> Placed {
    let diagonal = direction.0 != 0.0 && direction.1 != 0.0;
    let reach = (radius + distance) * if diagonal { std::f64::consts::FRAC_1_SQRT_2 } else { 1.0 };
    let side =
        |at: f64, direction: f64, length: f64| at + direction * reach + length * (direction - 1.0) / 2.0;
    let (left, top) = (side(point.0, direction.0, size.0), side(point.1, direction.1, size.1));
    let rect = Rect { left, top, right: left + size.0, bottom: top + size.1 };
    let nearest = (point.0.clamp(rect.left, rect.right), point.1.clamp(rect.top, rect.bottom));
    Placed { rect, leader: (distance >= LEADER_FROM).then_some((nearest, point)) }
}

/// Whether two line segments cross; touching ends do not count.
fn cross((a, b): (At, At), (c, d): (At, At)) -> bool {
    let side = |p: At, q: At, r: At| (q.0 - p.0) * (r.1 - p.1) - (q.1 - p.1) * (r.0 - p.0);
    side(a, b, c) * side(a, b, d) < 0.0 && side(c, d, a) * side(c, d, b) < 0.0
}

/// Whether the middle of `leader` lies so close to `line` that the two look like one.
fn runs_along((a, b): (At, At), (c, d): (At, At)) -> bool {
    let middle = ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0);
    let (dx, dy) = (d.0 - c.0, d.1 - c.1);
    let along = ((middle.0 - c.0) * dx + (middle.1 - c.1) * dy) / (dx * dx + dy * dy).max(1e-12);
    let t = along.clamp(0.0, 1.0);
    (c.0 + t * dx - middle.0).hypot(c.1 + t * dy - middle.1) < 2.0
}

/// The order in which `count` labels along a line should be placed: both ends, then the middles of the widest gaps,
/// so that the labels that find a place are spread evenly.
pub(super) fn spread_order(count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::with_capacity(count);
    order.extend((count > 0).then_some(0));
    order.extend((count > 1).then(|| count - 1));
    let mut gaps = std::collections::VecDeque::from([(0, count.saturating_sub(1))]);
    while let Some((lo, hi)) = gaps.pop_front() {
        if hi - lo > 1 {
            let middle = lo + (hi - lo) / 2;
            order.push(middle);
            gaps.extend([(lo, middle), (middle, hi)]);
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PAGE: Rect = Rect { left: 0.0, top: 0.0, right: 400.0, bottom: 300.0 };

    #[test]
    fn a_lone_label_goes_up_and_left_and_a_cornered_one_elsewhere() {
        let label = |point| Placer::new(PAGE).place(point, 4.0, (50.0, 12.0)).unwrap();
        let free = label((200.0, 150.0));
        assert!(free.rect.right < 200.0 && free.rect.bottom < 150.0 && free.leader.is_none());
        let cornered = label((2.0, 2.0));
        assert!(cornered.rect.left > 2.0 && cornered.rect.top > 2.0);
    }

    #[test]
    fn soft_points_are_avoided_and_full_places_refused() {
        let mut placer = Placer::new(PAGE);
        (0..20).for_each(|i| placer.avoid((150.0 + 3.0 * f64::from(i), 140.0)));
        let placed = placer.place((200.0, 150.0), 4.0, (50.0, 12.0)).unwrap();
        assert!(placed.rect.top > 140.0 || placed.rect.bottom < 140.0);
        placer.keep_off_box(PAGE);
        assert_eq!(placer.place((100.0, 100.0), 4.0, (50.0, 12.0)), None);
    }

    #[test]
    fn the_spread_order_starts_at_the_ends_and_names_each_once() {
        assert_eq!(spread_order(0), Vec::<usize>::new());
        assert_eq!(spread_order(1), [0]);
        assert_eq!(spread_order(5), [0, 4, 2, 1, 3]);
        let mut all = spread_order(37);
        all.sort_unstable();
        assert_eq!(all, (0..37).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn labels_never_overlap_each_other_lines_or_the_border(
            points in prop::collection::vec((0.0..400.0f64, 0.0..300.0f64, 5.0..90.0f64), 1..60),
        ) {
            let mut placer = Placer::new(PAGE);
            placer.keep_off_line((0.0, 0.0), (400.0, 300.0));
            let mut placed: Vec<Placed> = Vec::new();
            for (x, y, width) in points {
                placed.extend(placer.place((x, y), 4.0, (width, 12.0)));
            }
            for (index, label) in placed.iter().enumerate() {
                prop_assert!(PAGE.encloses(&label.rect));
                prop_assert!(!label.rect.is_crossed_by((0.0, 0.0), (400.0, 300.0)));
                for (other_index, other) in placed.iter().enumerate() {
                    prop_assert!(index == other_index || !label.rect.overlaps(&other.rect));
                    if let Some((a, b)) = other.leader {
                        prop_assert!(index == other_index || !label.rect.is_crossed_by(a, b));
                    }
                }
            }
        }
    }
}
