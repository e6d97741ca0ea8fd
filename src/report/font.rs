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

/// `text` in at most `lines` lines of at most `most` pixels each, broken at spaces where they allow it; what does not
/// fit into the last line is cut.
pub(super) fn wrapped(text: &str, size: f64, weight: Weight, most: f64, lines: usize) -> Vec<String> {
    let mut wrapped = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() && wrapped.len() + 1 < lines {
        let (line, after) = rest.split_at(first_break(rest, size, weight, most));
        wrapped.push(line.trim_end().to_owned());
        rest = after.trim_start();
    }
    if !rest.is_empty() {
        wrapped.push(cut(rest, size, weight, most));
    }
    wrapped
}

/// The byte at which the first line of `text` ends: behind its last word that fits, or inside a word that fits on no line.
fn first_break(text: &str, size: f64, weight: Weight, most: f64) -> usize {
    let ends = text.char_indices().map(|(start, c)| start + c.len_utf8());
    let mut fitting = ends.take_while(|&end| width(text[..end].trim_end(), size, weight) <= most);
    // A line takes one character at least, so that the text comes to an end.
    let first = fitting.next().or_else(|| text.chars().next().map(char::len_utf8)).unwrap_or(0);
    let end = fitting.last().unwrap_or(first);
    let is_between_words = text[end..].chars().next().is_none_or(char::is_whitespace);
    if is_between_words { end } else { text[..end].rfind(char::is_whitespace).unwrap_or(end) }
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
        let signs = "AZaz09 %.,:;()[]+-/_=<>\u{2212}\u{2026}\u{d7}\u{b7}\u{2264}\u{2265}\u{b1}\u{b5}\u{e4}\u{2013}\u{2192}";
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
    fn wrapped_lines_fit_break_at_spaces_and_lose_nothing_but_these() {
        let lines = |text, lines| wrapped(text, 12.0, Weight::Regular, 80.0, lines);
        assert_eq!(lines("", 3), Vec::<String>::new());
        assert_eq!(lines("one line", 3), ["one line"]);
        assert_eq!(lines("validation accuracy of it", 3), ["validation", "accuracy of", "it"]);
        let unbroken = "w".repeat(30);
        assert_eq!(lines(&unbroken, 9).concat(), unbroken);
        let most = lines("validation accuracy of the proxy", 2);
        assert!(most.len() == 2 && most[1].ends_with('\u{2026}'), "{most:?}");
        for line in lines("a b \u{df}\u{df} cc dddddddddddddddddddd ee validation", 99) {
            assert!(width(&line, 12.0, Weight::Regular) <= 80.0, "{line}");
        }
        assert_eq!(wrapped("ww", 12.0, Weight::Regular, 1.0, 9), ["w", "w"], "it comes to an end");
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
