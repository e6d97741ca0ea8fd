//! The channel rounding rule of the MobileNet reference code.

/// Channel counts are multiples of this wherever a rule rounds them.
pub const CHANNEL_DIVISOR: u32 = 8;

/// Rounds `value` to the nearest multiple of 8, at least 8, and never more
/// than 10 % below `value`.
///
/// `n = max(8, floor(v + 4) div 8 * 8); if n < 0.9 v then n += 8`.
pub fn make_divisible(value: f64) -> u32 {
    let divisor = f64::from(CHANNEL_DIVISOR);
    let nearest = ((value + divisor / 2.0).floor() / divisor).floor() * divisor;
    let rounded = nearest.max(divisor);
    let enough = if rounded < 0.9 * value { rounded + divisor } else { rounded };
    enough as u32
}

/// Squeeze width of a squeeze-excite layer that serves `hidden` channels:
/// `make_divisible(hidden / 4)` (MobileNetV3, section 5.3).
pub fn squeeze_width(hidden: u32) -> u32 {
    make_divisible(f64::from(hidden) / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(16, 8)]
    #[case(72, 24)]
    #[case(96, 24)]
    #[case(120, 32)]
    #[case(144, 40)]
    #[case(240, 64)]
    #[case(288, 72)]
    #[case(480, 120)]
    #[case(576, 144)]
    #[case(672, 168)]
    #[case(960, 240)]
    fn squeeze_widths_of_mobilenet_v3(#[case] hidden: u32, #[case] squeeze: u32) {
        assert_eq!(squeeze_width(hidden), squeeze);
    }

    #[test]
    fn never_below_the_divisor_nor_ten_percent_short() {
        assert_eq!(make_divisible(1.0), 8);
        assert_eq!(make_divisible(18.0), 24);
        assert_eq!(make_divisible(12.0), 16);
    }
}
