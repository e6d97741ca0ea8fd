//! The embedded font: widths of texts for the layout, and coverage of glyphs for bitmaps.
//!
//! Both come from the same outlines, so what the layout reserved is what a bitmap shows. An SVG names the family and
//! lets the viewer substitute the usual narrower sans-serifs, whose texts then fit as well.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, Glyph, GlyphId, PxScale, ScaleFont, point};

/// The families for an SVG viewer to try in turn.
pub(super) const FAMILIES: &str = "DejaVu Sans, Helvetica, Arial, sans-serif";
/// Height of capitals above the baseline, in em.
pub(super) const ABOVE: f64 = 0.76;
/// Depth of descenders below the baseline, in em.
pub(super) const BELOW: f64 = 0.24;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

static REGULAR: LazyLock<FontRef<'static>> =
    LazyLock::new(|| embedded(include_bytes!("../../assets/fonts/DejaVuSans-subset.ttf")));
static BOLD: LazyLock<FontRef<'static>> =
    LazyLock::new(|| embedded(include_bytes!("../../assets/fonts/DejaVuSans-Bold-subset.ttf")));

#[expect(clippy::expect_used, reason = "the bytes are compiled in, and a test reads both fonts")]
fn embedded(bytes: &'static [u8]) -> FontRef<'static> {
    FontRef::try_from_slice(bytes).expect("an embedded font is a valid font")
}

fn font(weight: Weight) -> &'static FontRef<'static> {
    match weight {
        Weight::Regular => &REGULAR,
        Weight::Bold => &BOLD,
    }
}

/// Width of `text` at `size` pixels per em, in pixels.
pub(super) fn width(text: &str, size: f64, weight: Weight) -> f64 {
    let mut end = 0.0;
    lay_out(text, size, weight, |_, _, right| end = right);
    end
}

/// `text`, or its longest beginning that is at most `most` pixels wide with an ellipsis in place of the rest.
pub(super) fn cut(text: &str, size: f64, weight: Weight, most: f64) -> String {
    if width(text, size, weight) <= most {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let shorter = format!("{}\u{2026}", kept.iter().collect::<String>().trim_end());
        if width(&shorter, size, weight) <= most {
            return shorter;
        }
    }
    String::new()
}

/// Calls `pixel(x, y, coverage)` for every pixel that `text` touches when its baseline starts at the origin,
/// with `size` pixels per em; `y` points downwards and coverage is in 0..=1.
pub(super) fn rasterise(text: &str, size: f64, weight: Weight, mut pixel: impl FnMut(i32, i32, f64)) {
    lay_out(text, size, weight, |id, left, _| {
        let glyph = Glyph { id, scale: scale(size, weight), position: point(left as f32, 0.0) };
        if let Some(outline) = font(weight).outline_glyph(glyph) {
            let corner = outline.px_bounds().min;
            let (x0, y0) = (corner.x as i32, corner.y as i32);
            outline.draw(|x, y, coverage| {
                pixel(x0 + x as i32, y0 + y as i32, f64::from(coverage.clamp(0.0, 1.0)));
            });
        }
    });
}

/// Calls `glyph(id, left, right)` for each character with the pen's positions before and after it.
fn lay_out(text: &str, size: f64, weight: Weight, mut glyph: impl FnMut(GlyphId, f64, f64)) {
    let scaled = font(weight).as_scaled(scale(size, weight));
    let mut pen = 0.0;
    let mut previous = None;
    for id in text.chars().map(|c| scaled.glyph_id(c)) {
        if let Some(before) = previous {
            pen += f64::from(scaled.kern(before, id));
        }
        let right = pen + f64::from(scaled.h_advance(id));
        glyph(id, pen, right);
        pen = right;
        previous = Some(id);
    }
}

/// The scale at which an em is `size` pixels; `ab_glyph` counts the height from ascent to descent instead.
fn scale(size: f64, weight: Weight) -> PxScale {
    let font = font(weight);
    let em = font.units_per_em().unwrap_or(2048.0);
    PxScale::from(size as f32 * font.height_unscaled() / em)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_fonts_have_every_sign_that_figures_use() {
        let signs =
            "AZaz09 %.,:;()[]+-/_=<>\u{2212}\u{2026}\u{d7}\u{b7}\u{2264}\u{2265}\u{b5}\u{e4}\u{2013}\u{2192}";
        for weight in [Weight::Regular, Weight::Bold] {
            for sign in signs.chars() {
                assert_ne!(font(weight).glyph_id(sign), GlyphId(0), "{sign:?} in {weight:?}");
            }
        }
    }

    #[test]
    fn widths_are_those_of_dejavu_sans() {
        // The advances of "0" are 1303 and 1425 units of 2048 per em.
        assert!((width("0", 2048.0, Weight::Regular) - 1303.0).abs() < 0.5);
        assert!((width("0", 2048.0, Weight::Bold) - 1425.0).abs() < 0.5);
        assert_eq!(width("", 12.0, Weight::Regular), 0.0);
    }

    #[test]
    fn a_cut_text_fits() {
        let whole = "validation accuracy of the proxy";
        assert_eq!(cut(whole, 12.0, Weight::Regular, 900.0), whole);
        let short = cut(whole, 12.0, Weight::Regular, 80.0);
        assert!(short.starts_with("val") && short.ends_with('\u{2026}'));
        assert!(width(&short, 12.0, Weight::Regular) <= 80.0);
    }

    #[test]
    fn a_glyph_is_drawn_between_its_bearings() {
        let (mut left, mut right, mut top) = (i32::MAX, i32::MIN, i32::MAX);
        rasterise("l", 2048.0, Weight::Regular, |x, y, coverage| {
            if coverage > 0.5 {
                (left, right, top) = (left.min(x), right.max(x), top.min(y));
            }
        });
        // The outline of "l" spans 193..377 units of an advance of 569, and 1556 units upwards.
        assert!((left - 193).abs() <= 1 && (right - 376).abs() <= 1 && (top + 1556).abs() <= 1);
    }
}
