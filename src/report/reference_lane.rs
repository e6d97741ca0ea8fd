//! The lane along the latency axis that names reference networks of which only the latency is known.
//!
//! Each reference is a triangle on the axis with a line up to its name. Names take the fewest rows in which neither
//! names nor lines meet; a reference beyond the axis is an arrow at that edge, with its latency in numbers.

use super::axis::Range;
use super::font::{self, Weight};
use super::label::{Placed, Placer};
use super::marker;
use super::number::short;
use super::palette::{GREY, INK, SHADE};
use super::pareto_plot::Reference;
use super::scene::{Anchor, Rect, Scene, Text};

const SIZE: f64 = 10.0;
const ROW: f64 = 14.0;
/// Room below the last row for the triangles.
const FOOT: f64 = 9.0;
const MOST_ROWS: usize = 9;
/// Room between a line and its name.
const GAP: f64 = 3.0;
/// Room at the edge for an arrow.
const ARROW: f64 = 9.0;

/// The laid-out lane, in page coordinates relative to its top.
#[derive(Clone, Debug, Default)]
pub(super) struct Lane {
    pub height: f64,
    entries: Vec<Entry>,
    /// References in range for whose names there is no room.
    unnamed: Vec<f64>,
    /// How many references beyond the axis have no room either.
    dropped: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    text: Text,
    place: Place,
    row: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// On the axis, at this page coordinate.
    On(f64),
    /// Beyond the left (-1) or the right (1) end of the axis.
    Beyond(f64),
}

impl Lane {
    /// Lays out `references` between the page coordinates `left` and `right`, which show the costs of `range`
    /// in `unit`.
    pub(super) fn new(references: &[Reference], range: Range, (left, right): (f64, f64), unit: &str) -> Self {
        if references.is_empty() {
            return Self::default();
        }
        let mut sorted: Vec<&Reference> = references.iter().collect();
        sorted.sort_by(|a, b| a.cost.total_cmp(&b.cost).then_with(|| a.name.cmp(&b.name)));
        let named: Vec<(String, Place)> = sorted
            .iter()
            .map(|reference| named(reference, range, (left, right), unit))
            .map(|(name, place)| {
                (font::cut(&name, SIZE, Weight::Regular, (right - left) / 2.0 - ARROW - 8.0), place)
            })
            .collect();
        let mut best = Self::default();
        for rows in 1..=MOST_ROWS {
            let lane = attempt(&named, rows, (left, right));
            if lane.entries.len() > best.entries.len() || best.height == 0.0 {
                best = lane;
            }
            if best.entries.len() == named.len() {
                break;
            }
        }
        best
    }

    /// How many references have no name in the lane, for want of room.
    pub(super) fn unnamed_count(&self) -> usize {
        self.unnamed.len() + self.dropped
    }

    /// The page coordinates of the references on the axis.
    pub(super) fn on_axis(&self) -> impl Iterator<Item = f64> {
        let named = self.entries.iter().filter_map(|entry| match entry.place {
            Place::On(x) => Some(x),
            Place::Beyond(_) => None,
        });
        named.chain(self.unnamed.iter().copied())
    }

    /// Draws the lane between `left` and `right` with its top at `top`; the axis is its lower border.
    pub(super) fn draw(&self, scene: &mut Scene, (left, right): (f64, f64), top: f64) {
        if self.height == 0.0 {
            return;
        }
        let bottom = top + self.height;
        scene.area(Rect { left, top, right, bottom }, SHADE, 1.0);
        for &x in &self.unnamed {
            marker::reference(scene, (x, bottom));
        }
        for Entry { text, place, row } in &self.entries {
            let middle = top + row_top(*row) + ROW / 2.0;
            match *place {
                Place::On(x) => {
                    scene.line(vec![(x, middle - ROW / 2.0 + 1.0), (x, bottom - 4.0)], 0.75, GREY);
                    marker::reference(scene, (x, bottom));
                }
                Place::Beyond(side) if side < 0.0 => marker::arrow(scene, (left + 2.0, middle), side),
                Place::Beyond(side) => marker::arrow(scene, (right - 2.0, middle), side),
            }
            scene.text(Text { at: (text.at.0, text.at.1 + top), ..text.clone() });
        }
    }
}

fn row_top(row: usize) -> f64 {
    2.0 + ROW * row as f64
}

/// The text of a reference and where it belongs.
fn named(reference: &Reference, range: Range, (left, right): (f64, f64), unit: &str) -> (String, Place) {
    let Reference { name, cost } = reference;
    if range.contains(*cost) {
        (name.clone(), Place::On(left + range.share(*cost) * (right - left)))
    } else {
        let side = if *cost < range.lo { -1.0 } else { 1.0 };
        (format!("{name}, {} {unit}", short(*cost)), Place::Beyond(side))
    }
}

/// The lane with `rows` rows: as many references as find a place, those beyond the axis first.
fn attempt(named: &[(String, Place)], rows: usize, (left, right): (f64, f64)) -> Lane {
    let height = row_top(rows) + FOOT;
    let bounds = Rect { left, top: 0.0, right, bottom: height };
    let mut placer = Placer::new(bounds);
    let mut lane = Lane { height, ..Lane::default() };
    // Lines of names that are placed later must not run through earlier names, nor the other way round; the placer
    // knows both. Names that lean on an edge cannot move, so they choose first.
    let beyond_first = [true, false];
    for (name, place) in beyond_first
        .iter()
        .flat_map(|&beyond| named.iter().filter(move |(_, p)| matches!(p, Place::Beyond(_)) == beyond))
    {
        let candidates = (0..rows).flat_map(|row| [Anchor::Start, Anchor::End].map(|side| (row, side)));
        let found = candidates
            .filter_map(|(row, anchor)| candidate(name, *place, row, anchor, (left, right)))
            .find(|entry| placer.place_exactly(&placed(entry, height)));
        match (found, place) {
            (Some(entry), _) => lane.entries.push(entry),
            (None, Place::On(x)) => lane.unnamed.push(*x),
            (None, Place::Beyond(_)) => lane.dropped += 1,
        }
    }
    lane
}

/// The entry in `row` whose text starts or ends at its line; `None` where that side is not open to it.
fn candidate(
    name: &str,
    place: Place,
    row: usize,
    anchor: Anchor,
    (left, right): (f64, f64),
) -> Option<Entry> {
    let x = match (place, anchor) {
        (Place::On(x), Anchor::End) => x - GAP,
        (Place::On(x), _) => x + GAP,
        (Place::Beyond(side), Anchor::Start) if side < 0.0 => left + ARROW + GAP,
        (Place::Beyond(side), Anchor::End) if side > 0.0 => right - ARROW - GAP,
        (Place::Beyond(_), _) => return None,
    };
    let baseline = row_top(row) + ROW / 2.0 + 0.36 * SIZE;
    Some(Entry { text: Text::new(name, (x, baseline), SIZE, anchor, INK), place, row })
}

/// What the entry covers: its text with a little air, or up to the edge, and its line down to the axis.
fn placed(entry: &Entry, height: f64) -> Placed {
    let text = entry.text.bounds();
    let top = row_top(entry.row);
    let mut rect = Rect { left: text.left - 1.5, right: text.right + 1.5, top, bottom: top + ROW };
    let leader = match entry.place {
        Place::On(x) => Some(((x, top), (x, height))),
        Place::Beyond(side) if side < 0.0 => {
            rect.left -= ARROW;
            None
        }
        Place::Beyond(_) => {
            rect.right += ARROW;
            None
        }
    };
    Placed { rect, leader }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EDGES: (f64, f64) = (60.0, 780.0);
    const RANGE: Range = Range { lo: 20.0, hi: 60.0 };

    fn references(latencies: &[f64]) -> Vec<Reference> {
        let name =
            |(index, &cost): (usize, &f64)| Reference { name: format!("MobileNetV3-Large {index}"), cost };
        latencies.iter().enumerate().map(name).collect()
    }

    fn drawn(lane: &Lane) -> Scene {
        let mut scene = Scene::default();
        lane.draw(&mut scene, EDGES, 300.0);
        scene
    }

    #[test]
    fn no_reference_no_lane() {
        let lane = Lane::new(&[], RANGE, EDGES, "ms");
        assert_eq!((lane.height, drawn(&lane).marks.len()), (0.0, 0));
    }

    #[test]
    fn distant_references_share_one_row_and_equal_ones_do_not_collide() {
        let apart = Lane::new(&references(&[25.0, 40.0]), RANGE, EDGES, "ms");
        let equal = Lane::new(&references(&[40.0, 40.0, 40.0]), RANGE, EDGES, "ms");
        assert!(apart.height < equal.height);
        assert_eq!(drawn(&equal).texts().len(), 3);
        drawn(&equal).assert_legible();
    }

    #[test]
    fn references_beyond_the_axis_show_their_latency() {
        let scene = drawn(&Lane::new(&references(&[5.0, 113.4]), RANGE, EDGES, "ms"));
        let texts: Vec<&str> = scene.texts().iter().map(|text| text.text.as_str()).collect();
        assert_eq!(texts, ["MobileNetV3-Large 0, 5.00 ms", "MobileNetV3-Large 1, 113 ms"]);
    }

    #[test]
    fn too_many_references_are_counted() {
        let lane = Lane::new(&references(&[40.0; 60]), RANGE, EDGES, "ms");
        let scene = drawn(&lane);
        scene.assert_legible();
        assert_eq!(scene.texts().len() + lane.unnamed_count(), 60);
        assert!(lane.unnamed_count() > 0);
        assert_eq!(lane.on_axis().count(), 60);
    }

    proptest! {
        #[test]
        fn names_never_overlap(latencies in prop::collection::vec(0.0..80.0f64, 0..25)) {
            let lane = Lane::new(&references(&latencies), RANGE, EDGES, "ms");
            drawn(&lane).assert_legible();
        }
    }
}
