//! The signs that stand for a datum, each drawn the same in a panel and in its legend, and each with a shape of its own
//! so that it is known without colour.

use super::palette::{BLUE, Colour, GREEN, GREY, INK, VERMILLION, WHITE, ramp, tint};
use super::scene::{At, Rect, Scene};

/// Radius of a front marker with its outline, in page pixels.
pub(super) const FRONT_RADIUS: f64 = 4.75;

/// A network on the front: a ringed disc.
pub(super) fn front(scene: &mut Scene, at: At) {
    scene.disc(at, FRONT_RADIUS, WHITE, 1.0);
    scene.disc(at, 4.0, INK, 1.0);
    scene.disc(at, 3.0, VERMILLION, 1.0);
}

/// The line through the front or through the best values so far, on a white seam that lifts it off the dots.
pub(super) fn front_line(scene: &mut Scene, points: Vec<At>) {
    scene.line(points.clone(), 4.0, WHITE);
    scene.line(points, 2.0, VERMILLION);
}

/// A trial that is better than all before it.
pub(super) fn record(scene: &mut Scene, at: At) {
    scene.disc(at, 3.5, WHITE, 1.0);
    scene.disc(at, 2.75, VERMILLION, 1.0);
}

/// A line of a second quantity.
pub(super) fn second_line(scene: &mut Scene, points: Vec<At>) {
    scene.line(points, 1.75, BLUE);
}

/// A retrained network: a diamond.
pub(super) fn retrained(scene: &mut Scene, at: At) {
    for (radius, colour) in [(7.0, WHITE), (6.0, INK), (4.5, GREEN)] {
        scene.polygon(regular(at, radius, DIAMOND), colour);
    }
}

/// A reference network: a triangle whose foot stands on the axis at `foot`.
pub(super) fn reference(scene: &mut Scene, foot: At) {
    scene.polygon(regular(foot, 3.5, [(-1.0, -1.9), (1.0, -1.9), (0.0, 0.0)]), GREY);
}

/// An arrow head that points right (`direction` 1) or left (-1) and ends at `tip`.
pub(super) fn arrow(scene: &mut Scene, tip: At, direction: f64) {
    scene.polygon(regular(tip, 3.5, [(-1.9 * direction, -1.0), (-1.9 * direction, 1.0), (0.0, 0.0)]), GREY);
}

/// A value above the scale: an arrow head that points upwards, around `centre`.
pub(super) fn arrow_up(scene: &mut Scene, centre: At) {
    scene.polygon(regular(centre, 3.5, [(-1.0, 0.95), (1.0, 0.95), (0.0, -0.95)]), INK);
}

/// A value below the scale: an arrow head that points downwards, around `centre`.
pub(super) fn arrow_down(scene: &mut Scene, centre: At) {
    scene.polygon(regular(centre, 3.5, [(-1.0, -0.95), (1.0, -0.95), (0.0, 0.95)]), INK);
}

/// A measurement at `at` with its interval from `left` to `right`; a highlighted one has the marker of a front.
pub(super) fn interval(scene: &mut Scene, (left, right): (f64, f64), at: At, highlighted: bool) {
    let y = at.1;
    let (width, colour) = if highlighted { (2.0, VERMILLION) } else { (1.5, GREY) };
    for x in [left, right] {
        scene.line(vec![(x, y - 3.5), (x, y + 3.5)], width, colour);
    }
    scene.line(vec![(left, y), (right, y)], width, colour);
    if highlighted {
        front(scene, at);
    } else {
        scene.disc(at, 3.75, colour, 1.0);
    }
}

/// The bar of what a layer was: light, with an outline.
pub(super) fn bar_before(scene: &mut Scene, bar: Rect) {
    scene.area(bar, tint(BLUE, 0.15), 1.0);
    outline(scene, bar, BLUE);
}

/// The bar of what a layer has become.
pub(super) fn bar_after(scene: &mut Scene, bar: Rect) {
    scene.area(bar, BLUE, 1.0);
}

/// The bar of a layer that is what it was.
pub(super) fn bar_unchanged(scene: &mut Scene, bar: Rect) {
    scene.area(bar, tint(GREY, 0.6), 1.0);
}

/// The expanded channels inside a block.
pub(super) fn bar_expanded(scene: &mut Scene, bar: Rect, colour: Colour) {
    scene.area(bar, tint(colour, 0.38), 1.0);
}

/// Channels that no weights make: an outline.
pub(super) fn bar_without_weights(scene: &mut Scene, bar: Rect) {
    scene.area(bar, WHITE, 1.0);
    outline(scene, bar, GREY);
}

/// The bar of a cost; that of an estimate is an outline.
pub(super) fn bar_cost(scene: &mut Scene, bar: Rect, is_estimate: bool) {
    if is_estimate {
        bar_without_weights(scene, bar);
    } else {
        scene.area(bar, tint(GREY, 0.55), 1.0);
    }
}

/// The standard deviation of a cost on both sides of the end of its bar.
pub(super) fn spread(scene: &mut Scene, (left, right): (f64, f64), y: f64) {
    for x in [left, right] {
        scene.line(vec![(x, y - 2.5), (x, y + 2.5)], 1.0, INK);
    }
    scene.line(vec![(left, y), (right, y)], 1.0, INK);
}

/// A block with squeeze-excite: a small diamond.
pub(super) fn squeeze_excite(scene: &mut Scene, at: At) {
    scene.polygon(regular(at, 4.0, DIAMOND), INK);
}

/// A cost that is estimated between measured ones: a ring.
pub(super) fn interpolated(scene: &mut Scene, at: At) {
    scene.disc(at, 3.25, INK, 1.0);
    scene.disc(at, 2.0, WHITE, 1.0);
}

/// A cost that is estimated outside of measured ones: a triangle.
pub(super) fn extrapolated(scene: &mut Scene, at: At) {
    for (radius, colour) in [(4.25, INK), (2.0, WHITE)] {
        scene.polygon(regular(at, radius, [(-1.0, 0.75), (1.0, 0.75), (0.0, -0.95)]), colour);
    }
}

/// The graph of an activation around `(x, y)`: `(x, y)` pairs from -1 to 1, `y` upwards.
pub(super) fn graph(scene: &mut Scene, (x, y): At, points: &[At]) {
    let points = points.iter().map(|&(dx, dy)| (x + 5.5 * dx, y - 3.5 * dy)).collect();
    scene.line(points, 1.25, INK);
}

/// A curve over the epochs of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stroke {
    /// On training images.
    Training,
    /// On held-out images.
    HeldOut,
    /// On held-out images, with averaged weights.
    Averaged,
    /// The learning rate.
    Rate,
}

/// A curve; the averaged weights' is dashed, and that of held-out images lies on a white seam.
pub(super) fn curve(scene: &mut Scene, points: Vec<At>, stroke: Stroke) {
    match stroke {
        Stroke::Training => second_line(scene, points),
        Stroke::HeldOut => front_line(scene, points),
        Stroke::Averaged => scene.dashed(points, 2.0, GREEN, (6.0, 3.0)),
        Stroke::Rate => scene.line(points, 1.5, GREY),
    }
}

/// One value of a curve.
pub(super) fn curve_dot(scene: &mut Scene, at: At, stroke: Stroke) {
    match stroke {
        Stroke::Training => scene.disc(at, 3.0, BLUE, 1.0),
        Stroke::HeldOut => record(scene, at),
        Stroke::Averaged => scene.polygon(regular(at, 4.0, DIAMOND), GREEN),
        Stroke::Rate => scene.disc(at, 2.5, GREY, 1.0),
    }
}

/// A trial without a result: a cross.
pub(super) fn failed(scene: &mut Scene, (x, y): At) {
    let r = 2.75;
    scene.line(vec![(x - r, y - r), (x + r, y + r)], 1.25, INK);
    scene.line(vec![(x - r, y + r), (x + r, y - r)], 1.25, INK);
}

/// A trial: a dot whose size and opacity leave room for `count` of them.
pub(super) fn trial(scene: &mut Scene, at: At, colour: Colour, count: usize) {
    let (radius, opacity) = match count {
        0..=30 => (3.75, 0.9),
        31..=150 => (3.25, 0.8),
        151..=600 => (2.75, 0.65),
        601..=2000 => (2.25, 0.5),
        _ => (1.75, 0.4),
    };
    scene.disc(at, radius, colour, opacity);
}

/// A network on which a prediction is tested: dark, and as large as `count` of them allow.
pub(super) fn held_out(scene: &mut Scene, at: At, count: usize) {
    trial(scene, at, ramp(0.75), count);
}

/// A network to which a prediction was fitted: a small grey dot.
pub(super) fn fitted(scene: &mut Scene, at: At) {
    scene.disc(at, 2.25, GREY, 0.6);
}

/// Where predictions are right.
pub(super) fn agreement(scene: &mut Scene, points: Vec<At>) {
    scene.line(points, 1.0, INK);
}

fn outline(scene: &mut Scene, Rect { left, top, right, bottom }: Rect, colour: Colour) {
    scene.line(
        vec![(left, bottom), (left, top), (right, top), (right, bottom), (left, bottom)],
        0.75,
        colour,
    );
}

const DIAMOND: [At; 4] = [(0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)];

fn regular<const N: usize>(centre: At, radius: f64, corners: [At; N]) -> Vec<At> {
    corners.iter().map(|&(x, y)| (centre.0 + radius * x, centre.1 + radius * y)).collect()
}
