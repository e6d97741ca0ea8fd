//! Operations that map each value of an image by itself.

/// Posterising clears this many bits at full strength.
const CLEARED_BITS: f32 = 4.0;

/// Stretches each channel from its darkest and brightest value to 0 and 255; a channel of one value stays.
pub(super) fn auto_contrast(image: &mut [u8], channels: usize) {
    for channel in 0..channels {
        let values = || image.iter().skip(channel).step_by(channels).copied();
        let (lo, hi) = (values().min().unwrap_or(0), values().max().unwrap_or(0));
        if hi > lo {
            let scale = 255.0 / f32::from(hi - lo);
            let table = table(|value| f32::from(value.saturating_sub(lo)) * scale);
            look_up(image.iter_mut().skip(channel).step_by(channels), &table);
        }
    }
}

/// Multiplies all values by `factor`.
pub(super) fn brightness(image: &mut [u8], factor: f32) {
    look_up(image.iter_mut(), &table(|value| f32::from(value) * factor));
}

/// Multiplies the distances of all values from their mean by `factor`.
pub(super) fn contrast(image: &mut [u8], factor: f32) {
    let mean = mean(image);
    look_up(image.iter_mut(), &table(|value| mean + (f32::from(value) - mean) * factor));
}

/// Clears up to four of the lowest bits.
pub(super) fn posterise(image: &mut [u8], strength: f32) {
    let mask = 0xff_u8 << (strength * CLEARED_BITS).round() as u32;
    image.iter_mut().for_each(|value| *value &= mask);
}

/// Inverts the values from a threshold on: none of them at strength 0, all at strength 1.
pub(super) fn solarise(image: &mut [u8], strength: f32) {
    let threshold = 256 - (strength * 256.0).round() as u16;
    for value in image.iter_mut().filter(|value| u16::from(**value) >= threshold) {
        *value = 255 - *value;
    }
}

/// The mean over all pixels and channels, rounded to a whole value.
fn mean(image: &[u8]) -> f32 {
    let sum: u64 = image.iter().map(|&value| u64::from(value)).sum();
    (sum as f64 / image.len() as f64).round() as f32
}

/// The nearest byte to what `map` makes of each byte.
fn table(map: impl Fn(u8) -> f32) -> [u8; 256] {
    std::array::from_fn(|value| nearest_byte(map(value as u8)))
}

fn look_up<'a>(values: impl Iterator<Item = &'a mut u8>, table: &[u8; 256]) {
    values.for_each(|value| *value = table[usize::from(*value)]);
}

/// The nearest byte to `value`.
pub(super) fn nearest_byte(value: f32) -> u8 {
    // A cast of floats saturates.
    (value + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed<const N: usize>(mut image: [u8; N], change: impl Fn(&mut [u8])) -> [u8; N] {
        change(&mut image);
        image
    }

    #[test]
    fn auto_contrast_stretches_each_channel_by_itself() {
        let image = [50, 7, 60, 7, 70, 7];
        assert_eq!(changed(image, |image| auto_contrast(image, 2)), [0, 7, 128, 7, 255, 7]);
        assert_eq!(changed([0, 10, 255], |image| auto_contrast(image, 1)), [0, 10, 255]);
        assert_eq!(changed([9, 10], |image| auto_contrast(image, 1)), [0, 255]);
    }

    #[test]
    fn brightness_multiplies_and_saturates() {
        let image = [0, 1, 100, 200];
        assert_eq!(changed(image, |image| brightness(image, 1.9)), [0, 2, 190, 255]);
        assert_eq!(changed(image, |image| brightness(image, 0.1)), [0, 0, 10, 20]);
    }

    #[test]
    fn contrast_keeps_the_mean() {
        let image = [50, 100, 150, 100];
        assert_eq!(changed(image, |image| contrast(image, 1.5)), [25, 100, 175, 100]);
        assert_eq!(changed(image, |image| contrast(image, 0.1)), [95, 100, 105, 100]);
        assert_eq!(changed([0, 255, 254, 1], |image| contrast(image, 1.9)), [0, 255, 255, 0]);
    }

    #[test]
    fn posterising_clears_the_lowest_bits() {
        let image = [255, 0b1010_1010, 15];
        assert_eq!(changed(image, |image| posterise(image, 1.0)), [240, 0b1010_0000, 0]);
        assert_eq!(changed(image, |image| posterise(image, 0.3)), [254, 0b1010_1010, 14]);
        assert_eq!(changed(image, |image| posterise(image, 0.1)), image);
    }

    #[test]
    fn solarising_inverts_what_is_bright() {
        let image = [0, 127, 128, 255];
        assert_eq!(changed(image, |image| solarise(image, 0.5)), [0, 127, 127, 0]);
        assert_eq!(changed(image, |image| solarise(image, 1.0)), [255, 128, 127, 0]);
    }
}
