//! A figure as positioned marks on a page, before any drawing library is involved.
//!
//! Coordinates are page pixels (`x` to the right, `y` downwards) of a page that is [`WIDTH`] wide; marks are painted in
//! the order in which they were added.

use super::font::{self, Weight};
use super::palette::Colour;

/// Width of every figure in page pixels.
pub(super) const WIDTH: f64 = 800.0;
/// Height of figures in page pixels, unless what they show sets it.
pub(super) const HEIGHT: f64 = 550.0;

/// A position on the page.
pub(super) type At = (f64, f64);

/// An upright rectangle on the page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rect {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Rect {
    /// The square around `centre` whose sides are `reach` away from it.
    pub(super) fn around((x, y): At, reach: f64) -> Rect {
        Rect { left: x - reach, top: y - reach, right: x + reach, bottom: y + reach }
    }

    pub(super) fn width(&self) -> f64 {
        self.right - self.left
    }

    pub(super) fn height(&self) -> f64 {
        self.bottom - self.top
    }

    /// Whether the two share more than a border.
    pub(super) fn overlaps(&self, other: &Rect) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    pub(super) fn encloses(&self, other: &Rect) -> bool {
        self.left <= other.left
            && self.top <= other.top
            && self.right >= other.right
            && self.bottom >= other.bottom
    }

    pub(super) fn contains(&self, (x, y): At) -> bool {
        x > self.left && x < self.right && y > self.top && y < self.bottom
    }

    /// Whether `at` is the centre, up to a hundredth of a page pixel.
    pub(super) fn is_centred_on(&self, (x, y): At) -> bool {
        let (dx, dy) = ((self.left + self.right) / 2.0 - x, (self.top + self.bottom) / 2.0 - y);
        dx.hypot(dy) < 0.01
    }

    pub(super) fn grown(&self, by: f64) -> Rect {
        Rect { left: self.left - by, top: self.top - by, right: self.right + by, bottom: self.bottom + by }
    }

    /// Whether the straight line from `a` to `b` passes through the inside (Liang and Barsky's clipping).
    pub(super) fn is_crossed_by(&self, a: At, b: At) -> bool {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let (mut enter, mut leave) = (0.0f64, 1.0f64);
        let sides =
            [(-dx, a.0 - self.left), (dx, self.right - a.0), (-dy, a.1 - self.top), (dy, self.bottom - a.1)];
        for (direction, room) in sides {
            if direction == 0.0 {
                if room <= 0.0 {
                    return false;
                }
            } else if direction < 0.0 {
                enter = enter.max(room / direction);
            } else {
                leave = leave.min(room / direction);
            }
        }
        enter < leave
    }
}

/// Which point of a text its position names; vertically it is always the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// One line of text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text {
    pub text: String,
    /// The anchor on the baseline.
    pub at: At,
    /// Page pixels per em.
    pub size: f64,
    pub weight: Weight,
    pub anchor: Anchor,
    pub colour: Colour,
    /// Whether the text reads upwards instead of to the right.
    pub upwards: bool,
}

impl Text {
    /// A regular text that reads to the right; characters that no file may hold become spaces.
    pub(super) fn new(text: &str, at: At, size: f64, anchor: Anchor, colour: Colour) -> Self {
        let text = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Self { text, at, size, weight: Weight::Regular, anchor, colour, upwards: false }
    }

    pub(super) fn bold(mut self) -> Self {
        self.weight = Weight::Bold;
        self
    }

    pub(super) fn upwards(mut self) -> Self {
        self.upwards = true;
        self
    }

    /// The text, cut with an ellipsis where it would be longer than `width`.
    pub(super) fn cut_to(mut self, width: f64) -> Self {
        self.text = font::cut(&self.text, self.size, self.weight, width);
        self
    }

    pub(super) fn width(&self) -> f64 {
        font::width(&self.text, self.size, self.weight)
    }

    /// How far the text starts before its anchor.
    pub(super) fn lead(&self) -> f64 {
        match self.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => self.width() / 2.0,
            Anchor::End => self.width(),
        }
    }

    /// The box from the tops of capitals to the bottoms of descenders.
    pub(super) fn bounds(&self) -> Rect {
        let (x, y) = self.at;
        let (lead, width) = (self.lead(), self.width());
        let (above, below) = (font::ABOVE * self.size, font::BELOW * self.size);
        if self.upwards {
            Rect { left: x - above, right: x + below, top: y + lead - width, bottom: y + lead }
        } else {
            Rect { left: x - lead, right: x - lead + width, top: y - above, bottom: y + below }
        }
    }
}

/// A thing to paint.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mark {
    /// A polyline; `dash` gives the lengths of dashes and gaps.
    Line {
        points: Vec<At>,
        width: f64,
        colour: Colour,
        opacity: f64,
        dash: Option<(f64, f64)>,
    },
    Area {
        rect: Rect,
        colour: Colour,
        opacity: f64,
    },
    Disc {
        centre: At,
        radius: f64,
        colour: Colour,
        opacity: f64,
    },
    Polygon {
        points: Vec<At>,
        colour: Colour,
    },
    Text(Text),
}

/// A finished figure: all its marks, in painting order.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    pub(super) marks: Vec<Mark>,
    /// Height of the page.
    pub(super) height: f64,
}

impl Default for Scene {
    fn default() -> Self {
        Self { marks: Vec::new(), height: HEIGHT }
    }
}

impl Scene {
    pub(super) fn line(&mut self, points: Vec<At>, width: f64, colour: Colour) {
        self.marks.push(Mark::Line { points, width, colour, opacity: 1.0, dash: None });
    }

    pub(super) fn dashed(&mut self, points: Vec<At>, width: f64, colour: Colour, dash: (f64, f64)) {
        self.marks.push(Mark::Line { points, width, colour, opacity: 1.0, dash: Some(dash) });
    }

    pub(super) fn area(&mut self, rect: Rect, colour: Colour, opacity: f64) {
        self.marks.push(Mark::Area { rect, colour, opacity });
    }

    pub(super) fn disc(&mut self, centre: At, radius: f64, colour: Colour, opacity: f64) {
        self.marks.push(Mark::Disc { centre, radius, colour, opacity });
    }

    pub(super) fn polygon(&mut self, points: Vec<At>, colour: Colour) {
        self.marks.push(Mark::Polygon { points, colour });
    }

    pub(super) fn text(&mut self, text: Text) {
        if !text.text.trim().is_empty() {
            self.marks.push(Mark::Text(text));
        }
    }

    /// All texts in painting order.
    #[cfg(test)]
    pub(super) fn texts(&self) -> Vec<&Text> {
        let mut texts = Vec::new();
        for mark in &self.marks {
            if let Mark::Text(text) = mark {
                texts.push(text);
            }
        }
        texts
    }

    /// Asserts that every text lies on the page and that no two overlap.
    #[cfg(test)]
    pub(crate) fn assert_legible(&self) {
        let page = Rect { left: 0.0, top: 0.0, right: WIDTH, bottom: self.height };
        let texts: Vec<_> = self.texts().into_iter().map(|text| (&text.text, text.bounds())).collect();
        for (index, (text, bounds)) in texts.iter().enumerate() {
            assert!(page.encloses(bounds), "{text:?} leaves the page");
            for (other, others_bounds) in &texts[index + 1..] {
                assert!(!bounds.overlaps(others_bounds), "{text:?} overlaps {other:?}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::palette::INK;

    const BOX: Rect = Rect { left: 0.0, top: 0.0, right: 10.0, bottom: 10.0 };

    #[test]
    fn a_line_crosses_a_box_only_through_its_inside() {
        assert!(BOX.is_crossed_by((-5.0, 5.0), (15.0, 5.0)));
        assert!(BOX.is_crossed_by((2.0, 2.0), (3.0, 3.0)));
        assert!(BOX.is_crossed_by((-1.0, 8.0), (8.0, 20.0)) == BOX.contains((0.5, 9.5)));
        assert!(!BOX.is_crossed_by((-5.0, 10.0), (15.0, 10.0)));
        assert!(!BOX.is_crossed_by((-5.0, 5.0), (-1.0, 5.0)));
        assert!(!BOX.is_crossed_by((8.0, -9.0), (19.0, 2.0)));
    }

    #[test]
    fn bounds_follow_anchor_and_direction() {
        let text = |anchor| Text::new("accuracy", (100.0, 100.0), 12.0, anchor, INK);
        let width = text(Anchor::Start).width();
        assert_eq!(text(Anchor::Start).bounds().left, 100.0);
        assert_eq!(text(Anchor::End).bounds().right, 100.0);
        let upwards = text(Anchor::Middle).upwards().bounds();
        assert!((upwards.top - (100.0 - width / 2.0)).abs() < 1e-9);
        assert!((upwards.height() - width).abs() < 1e-9);
    }
}
