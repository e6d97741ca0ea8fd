//! Colours: the palette of Okabe and Ito, which people with colour-vision deficiencies can tell apart,
//! and greys that keep their order in print.

/// An opaque sRGB colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colour(pub u8, pub u8, pub u8);

pub(super) const WHITE: Colour = Colour(255, 255, 255);
/// Titles, axes and their numbers.
pub(super) const INK: Colour = Colour(34, 34, 34);
/// Secondary text and frames.
pub(super) const GREY: Colour = Colour(95, 95, 95);
/// Grid lines.
pub(super) const GRID: Colour = Colour(226, 226, 226);
/// Bands behind the data.
pub(super) const SHADE: Colour = Colour(243, 243, 243);
/// Okabe-Ito vermillion: what the reader should find first.
pub(super) const VERMILLION: Colour = Colour(213, 94, 0);
/// Okabe-Ito bluish green.
pub(super) const GREEN: Colour = Colour(0, 158, 115);
/// Okabe-Ito blue.
pub(super) const BLUE: Colour = Colour(0, 114, 178);
/// Okabe-Ito reddish purple.
pub(super) const PURPLE: Colour = Colour(204, 121, 167);
/// Okabe-Ito orange.
pub(super) const ORANGE: Colour = Colour(230, 159, 0);

/// The ends and the middle of the ramp for the order of trials: tints and shades of Okabe-Ito blue, so that
/// lightness alone tells the order.
const RAMP: [Colour; 3] = [Colour(158, 205, 236), BLUE, Colour(8, 40, 82)];

/// The colour at `position` of the light-to-dark ramp, 0 being the lightest; positions outside of 0..=1 are clamped.
pub(super) fn ramp(position: f64) -> Colour {
    let scaled = position.clamp(0.0, 1.0) * 2.0;
    if scaled < 1.0 { mix(RAMP[0], RAMP[1], scaled) } else { mix(RAMP[1], RAMP[2], scaled - 1.0) }
}

/// `colour` on white at an opacity of `share`; shares outside of 0..=1 are clamped.
pub(super) fn tint(colour: Colour, share: f64) -> Colour {
    mix(WHITE, colour, share.clamp(0.0, 1.0))
}

/// The colour of texts on `background`: ink, or white where it is dark.
pub(super) fn ink_on(background: Colour) -> Colour {
    if luma(background) < 140.0 { WHITE } else { INK }
}

/// Lightness as the eye weighs the channels, 0 to 255 (ITU-R BT.601).
fn luma(Colour(r, g, b): Colour) -> f64 {
    0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b)
}

fn mix(from: Colour, to: Colour, share: f64) -> Colour {
    let channel = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as u8;
    Colour(channel(from.0, to.0), channel(from.1, to.1), channel(from.2, to.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ramp_darkens_strictly_and_stays_visible_on_white() {
        let lumas: Vec<f64> = (0..=20).map(|i| luma(ramp(f64::from(i) / 20.0))).collect();
        assert!(lumas.windows(2).all(|pair| pair[0] > pair[1]), "{lumas:?}");
        assert!(lumas[0] < 205.0);
        assert_eq!(ramp(-3.0), RAMP[0]);
        assert_eq!(ramp(7.0), RAMP[2]);
    }

    #[test]
    fn tints_darken_and_texts_on_them_stand_out() {
        for colour in [BLUE, VERMILLION] {
            let tints: Vec<Colour> = (0..=20).map(|i| tint(colour, f64::from(i) / 20.0)).collect();
            assert_eq!((tints[0], tints[20]), (WHITE, colour));
            assert!(tints.windows(2).all(|pair| luma(pair[0]) > luma(pair[1])));
            assert!(tints.iter().all(|&tint| (luma(ink_on(tint)) - luma(tint)).abs() > 100.0));
        }
    }
}
